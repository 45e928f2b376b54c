/* jitter/reorder.c - see jitter/reorder.h.
 *
 * Held packets are few: they are found by looking at all slots. The head is the oldest held sequence number. It
 * leaves when it is the next one, or when the hole before it is given up: because some held packet has waited long
 * enough (every hole before that packet is then too late), because no slot is free, or because a packet that cannot
 * be held stands behind it. A packet that needs no slot is |direct| and passes without a copy. */
#include "jitter/reorder.h"

#include <string.h>

#include "base/seq.h"

enum { RESTART_DISTANCE = 1000 }; /* further than 20 s of 20 ms packets: the sender began anew */

void wr_reorder_init(wr_reorder *reorder, wr_reorder_slot *slots, wr_time max_wait_us) {
  memset(reorder, 0, sizeof *reorder);
  reorder->slot = slots;
  reorder->max_wait_us = max_wait_us;
}

void wr_reorder_wipe(wr_reorder *reorder) {
  for (size_t i = 0; i < WR_REORDER_SLOTS; i++)
    if (reorder->touched >> i & 1) wr_wipe(&reorder->slot[i], sizeof reorder->slot[i]);
  wr_wipe(reorder, sizeof *reorder);
}

void wr_reorder_restart(wr_reorder *reorder) { reorder->started = false; }

static bool is_used(const wr_reorder *reorder, size_t i) { return reorder->used >> i & 1; }

static wr_reorder_slot *find_head(wr_reorder *reorder) {
  if (reorder->n_held == 0) return NULL;
  wr_reorder_slot *head = NULL;
  for (size_t i = 0; i < WR_REORDER_SLOTS; i++) {
    wr_reorder_slot *slot = &reorder->slot[i];
    if (is_used(reorder, i) && (!head || wr_seq16_newer(head->seq, slot->seq))) head = slot;
  }
  return head;
}

static void begin_at(wr_reorder *reorder, uint16_t seq) {
  reorder->used = 0;
  reorder->n_lost += reorder->n_held;
  reorder->skipped = (uint16_t)(reorder->skipped + reorder->n_held);
  reorder->n_held = 0;
  reorder->next_seq = seq;
  reorder->delivered = 0;
  reorder->started = true;
}

/* Whether |seq|, which is |behind| next_seq, left the buffer already; known of the last 64. */
static bool was_delivered(const wr_reorder *reorder, int behind) {
  return behind <= 64 && (reorder->delivered >> (behind - 1) & 1);
}

static void hold(wr_reorder *reorder, uint16_t seq, uint32_t timestamp, wr_bytes payload, wr_time now) {
  WR_ASSERT(reorder->n_held < WR_REORDER_SLOTS); /* wr_reorder_next was called until false: one slot is free */
  size_t i = 0;
  while (is_used(reorder, i)) i++;
  wr_reorder_slot *slot = &reorder->slot[i];
  slot->arrived_at = now;
  slot->timestamp = timestamp;
  slot->seq = seq;
  slot->len = (uint16_t)payload.len;
  if (payload.len) memcpy(slot->bytes, payload.data, payload.len);
  reorder->used |= 1u << i;
  reorder->touched |= 1u << i;
  reorder->n_held++;
}

/* Whether the packet must be dropped, having been counted; counts reordered ones that are kept. */
static bool is_useless(wr_reorder *reorder, uint16_t seq) {
  int ahead = wr_seq16_diff(seq, reorder->next_seq);
  if (ahead < 0 && was_delivered(reorder, -ahead)) {
    reorder->n_duplicate++;
    return true;
  }
  if (ahead < 0) {
    reorder->n_late++;
    return true;
  }
  if (reorder->n_held == 0) return false;
  bool overtaken = false;
  for (size_t i = 0; i < WR_REORDER_SLOTS; i++) {
    if (!is_used(reorder, i)) continue;
    if (reorder->slot[i].seq == seq) {
      reorder->n_duplicate++;
      return true;
    }
    overtaken = overtaken || wr_seq16_newer(reorder->slot[i].seq, seq);
  }
  if (overtaken) reorder->n_reordered++;
  return false;
}

void wr_reorder_insert(wr_reorder *reorder, uint16_t seq, uint32_t timestamp, wr_bytes payload, wr_time now) {
  WR_ASSERT(!reorder->has_direct && payload.len <= UINT16_MAX);
  int ahead = wr_seq16_diff(seq, reorder->next_seq);
  if (!reorder->started || ahead > RESTART_DISTANCE || ahead < -RESTART_DISTANCE) begin_at(reorder, seq);
  if (is_useless(reorder, seq)) return;
  if (seq != reorder->next_seq && payload.len <= WR_REORDER_FRAME_BYTES) {
    hold(reorder, seq, timestamp, payload, now);
    return;
  }
  reorder->has_direct = true;
  reorder->direct = payload;
  reorder->direct_seq = seq;
  reorder->direct_timestamp = timestamp;
}

bool wr_reorder_repair(wr_reorder *reorder, uint16_t seq, uint32_t timestamp, wr_bytes payload, wr_time now) {
  WR_ASSERT(!reorder->has_direct);
  int ahead = wr_seq16_diff(seq, reorder->next_seq);
  bool fits =
      payload.len <= WR_REORDER_FRAME_BYTES && reorder->n_held + 1 < WR_REORDER_SLOTS; /* the packet itself */
  if (!reorder->started || ahead < 0 || ahead > RESTART_DISTANCE || !fits) return false;
  for (size_t i = 0; i < WR_REORDER_SLOTS; i++)
    if (is_used(reorder, i) && reorder->slot[i].seq == seq) return false;
  hold(reorder, seq, timestamp, payload, now);
  return true;
}

/* Moves behind |seq|; the numbers jumped over are lost. */
static void deliver(wr_reorder *reorder, wr_reorder_frame *frame, uint16_t seq, uint32_t timestamp,
                    wr_bytes payload) {
  uint16_t gap = (uint16_t)(seq - reorder->next_seq);
  reorder->n_lost += gap;
  uint16_t n_lost = (uint16_t)(gap + reorder->skipped);
  *frame = (wr_reorder_frame){
      .seq = seq, .timestamp = timestamp, .after_loss = n_lost > 0, .n_lost = n_lost, .payload = payload};
  reorder->skipped = 0;
  reorder->next_seq = (uint16_t)(seq + 1);
  reorder->delivered = (gap >= 63 ? 0 : reorder->delivered << (gap + 1)) | 1;
}

bool wr_reorder_next(wr_reorder *reorder, wr_reorder_frame *frame, wr_time now) {
  wr_reorder_slot *head = find_head(reorder);
  if (reorder->has_direct && (!head || wr_seq16_newer(head->seq, reorder->direct_seq))) {
    reorder->has_direct = false;
    reorder->n_delivered++;
    deliver(reorder, frame, reorder->direct_seq, reorder->direct_timestamp, reorder->direct);
    return true;
  }
  if (!head) return false;
  bool hole_given_up =
      reorder->has_direct || reorder->n_held == WR_REORDER_SLOTS || now >= wr_reorder_deadline(reorder);
  if (head->seq != reorder->next_seq && !hole_given_up) return false;
  reorder->used &= ~(1u << (head - reorder->slot)); /* its bytes stay until the next insert */
  reorder->n_held--;
  reorder->n_delivered++;
  reorder->held_us += (uint64_t)(now - head->arrived_at);
  deliver(reorder, frame, head->seq, head->timestamp, wr_bytes_of(head->bytes, head->len));
  return true;
}

size_t wr_reorder_missing(const wr_reorder *reorder, uint16_t *seqs, size_t cap) {
  uint16_t newest = reorder->next_seq;
  for (size_t i = 0; i < WR_REORDER_SLOTS; i++)
    if (is_used(reorder, i) && wr_seq16_newer(reorder->slot[i].seq, newest)) newest = reorder->slot[i].seq;
  size_t n = 0;
  for (uint16_t seq = (uint16_t)(newest - 1); n < cap && !wr_seq16_newer(reorder->next_seq, seq); seq--) {
    bool held = reorder->has_direct && seq == reorder->direct_seq;
    for (size_t i = 0; i < WR_REORDER_SLOTS && !held; i++)
      held = is_used(reorder, i) && reorder->slot[i].seq == seq;
    if (!held) seqs[n++] = seq;
  }
  for (size_t i = 0; i < n / 2; i++) {
    uint16_t swapped = seqs[i];
    seqs[i] = seqs[n - 1 - i];
    seqs[n - 1 - i] = swapped;
  }
  return n;
}

wr_time wr_reorder_deadline(const wr_reorder *reorder) {
  if (reorder->n_held == 0) return WR_NEVER;
  wr_time first = WR_NEVER;
  for (size_t i = 0; i < WR_REORDER_SLOTS; i++)
    if (is_used(reorder, i)) first = wr_time_min(first, reorder->slot[i].arrived_at + reorder->max_wait_us);
  return first;
}
