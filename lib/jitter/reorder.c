/* jitter/reorder.c - see jitter/reorder.h.
 *
 * Held packets are few: they are found by looking at all slots. The head is the oldest held sequence number. It
 * leaves when it is the next one, or when the hole before it is given up: because some held packet has waited long
 * enough (every hole before that packet is then too late), because no slot is free, because a packet that cannot
 * be held stands behind it, or because no sound is missing in it. A packet that needs no slot is |direct| and
 * passes without a copy. */
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

static wr_reorder_packet packet_of(const wr_reorder_slot *slot) {
  return (wr_reorder_packet){.seq = slot->seq,
                             .samples = slot->samples,
                             .timestamp = slot->timestamp,
                             .payload = wr_bytes_of(slot->bytes, slot->len)};
}

/* ---- what the times say ---- */

/* How many frames |gap| numbers before |packet| may have been; |clock| stands before them. */
static uint16_t speech_in(const wr_reorder_clock *clock, const wr_reorder_packet *packet, uint16_t gap) {
  bool padding = !packet->payload.len;
  uint32_t between = packet->timestamp - (padding ? clock->last : clock->next);
  if (!clock->known || between > INT32_MAX) return gap;
  uint32_t frames = (between + clock->samples - 1) / clock->samples;
  return frames < gap ? (uint16_t)frames : gap;
}

/* |gap|: numbers missing before |packet|. */
static void advance(wr_reorder_clock *clock, const wr_reorder_packet *packet, uint16_t gap) {
  if (packet->payload.len) {
    clock->known = packet->samples > 0;
    clock->samples = packet->samples;
  } else if (!gap || packet->timestamp - clock->last > INT32_MAX) {
    return; /* of padding only the time of a frame that was lost is news */
  }
  clock->last = packet->timestamp;
  clock->next = packet->timestamp + clock->samples;
}

static void begin_at(wr_reorder *reorder, uint16_t seq) {
  reorder->used = 0;
  reorder->n_lost += reorder->n_held;
  reorder->skipped = (uint16_t)(reorder->skipped + reorder->n_held);
  reorder->n_held = 0;
  reorder->next_seq = seq;
  reorder->delivered = 0;
  reorder->clock.known = reorder->out.known = false;
  reorder->n_copied = 0;
  reorder->started = true;
}

/* Whether |seq|, which is |behind| next_seq, left the buffer already; known of the last 64. */
static bool was_delivered(const wr_reorder *reorder, int behind) {
  return behind <= 64 && (reorder->delivered >> (behind - 1) & 1);
}

static void hold(wr_reorder *reorder, const wr_reorder_packet *packet, bool copy, wr_time now) {
  WR_ASSERT(reorder->n_held < WR_REORDER_SLOTS); /* wr_reorder_next was called until false: one slot is free */
  size_t i = 0;
  while (is_used(reorder, i)) i++;
  wr_reorder_slot *slot = &reorder->slot[i];
  slot->arrived_at = now;
  slot->timestamp = packet->timestamp;
  slot->seq = packet->seq;
  slot->samples = packet->samples;
  slot->len = (uint16_t)packet->payload.len;
  slot->copy = copy;
  if (slot->len) memcpy(slot->bytes, packet->payload.data, slot->len);
  reorder->used |= 1u << i;
  reorder->touched |= 1u << i;
  reorder->n_held++;
}

/* Whether the packet must be dropped, having been counted; counts reordered ones that are kept. */
static bool is_useless(wr_reorder *reorder, const wr_reorder_packet *packet) {
  uint16_t seq = packet->seq;
  int ahead = wr_seq16_diff(seq, reorder->next_seq);
  if (ahead < 0 && was_delivered(reorder, -ahead)) {
    reorder->n_duplicate++;
    return true;
  }
  if (ahead < 0) {
    if (packet->payload.len) reorder->n_late++;
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

static bool was_copied(const wr_reorder *reorder, uint32_t timestamp) {
  for (size_t i = 0; i < reorder->n_copied && i < WR_REORDER_COPIED; i++)
    if (reorder->copied[i] == timestamp) return true;
  return false;
}

void wr_reorder_insert(wr_reorder *reorder, const wr_reorder_packet *inserted, wr_time now) {
  wr_reorder_packet packet = *inserted;
  WR_ASSERT(!reorder->has_direct && packet.payload.len <= UINT16_MAX);
  int ahead = wr_seq16_diff(packet.seq, reorder->next_seq);
  if (!reorder->started || ahead > RESTART_DISTANCE || ahead < -RESTART_DISTANCE) begin_at(reorder, packet.seq);
  if (is_useless(reorder, &packet)) return;
  if (packet.payload.len && was_copied(reorder, packet.timestamp)) {
    reorder->n_duplicate++;
    packet.payload.len = 0; /* the copy has a number next to this one; the number still counts */
  }
  if (packet.seq != reorder->next_seq && packet.payload.len <= WR_REORDER_FRAME_BYTES) {
    hold(reorder, &packet, false, now);
    return;
  }
  reorder->has_direct = true;
  reorder->direct = packet;
}

/* Frames between |from| and |to| in time. */
static uint32_t frames_between(const wr_reorder_packet *from, const wr_reorder_packet *to) {
  uint32_t steps = (to->timestamp - from->timestamp) / from->samples;
  return to->payload.len && steps ? steps - 1 : steps;
}

/* The number |copy| is likely to have had, among those that are missing; false: its sound is there, or was. */
static bool find_number(const wr_reorder *reorder, wr_reorder_packet *copy, const wr_reorder_packet *carrier) {
  uint16_t first = reorder->next_seq, end = carrier->seq; /* the range it must lie in */
  uint32_t after = frames_between(copy, carrier);
  for (size_t i = 0; i < WR_REORDER_SLOTS; i++) {
    if (!is_used(reorder, i)) continue;
    wr_reorder_packet held = packet_of(&reorder->slot[i]);
    int32_t later = (int32_t)(held.timestamp - copy->timestamp);
    if (later == 0 && held.payload.len) return false;
    if (later < 0 && !wr_seq16_newer(first, held.seq)) first = (uint16_t)(held.seq + 1);
    if (later < 0 || !wr_seq16_newer(end, held.seq)) continue;
    end = held.seq;
    after = frames_between(copy, &held);
  }
  if (!wr_seq16_newer(end, first)) return false;
  uint16_t room = (uint16_t)(end - first - 1);
  copy->seq = (uint16_t)(end - 1 - (after < room ? after : room));
  return true;
}

bool wr_reorder_repair(wr_reorder *reorder, const wr_reorder_packet *copy, const wr_reorder_packet *carrier,
                       wr_time now) {
  WR_ASSERT(!reorder->has_direct);
  int ahead = wr_seq16_diff(carrier->seq, reorder->next_seq);
  bool fits = copy->payload.len <= WR_REORDER_FRAME_BYTES && copy->payload.len && copy->samples &&
              reorder->n_held + 1 < WR_REORDER_SLOTS; /* the packet itself */
  if (!reorder->started || !reorder->clock.known || ahead < 0 || ahead > RESTART_DISTANCE || !fits) return false;
  if (copy->timestamp - reorder->clock.next > INT32_MAX) return false; /* handed out, or given up */
  wr_reorder_packet placed = *copy;
  if (!find_number(reorder, &placed, carrier)) return false;
  hold(reorder, &placed, true, now);
  reorder->copied[reorder->n_copied++ % WR_REORDER_COPIED] = copy->timestamp;
  return true;
}

/* A copy may stand behind padding that told of its frame's loss: time allows no more frames than this between two
 * that are handed out. */
static uint16_t bounded_loss(wr_reorder *reorder, const wr_reorder_packet *packet, uint16_t n_lost) {
  if (!packet->payload.len) return n_lost;
  uint16_t most = speech_in(&reorder->out, packet, n_lost);
  reorder->n_lost -= (uint16_t)(n_lost - most);
  advance(&reorder->out, packet, 0);
  return most;
}

/* Moves behind |packet|; the numbers jumped over are lost. */
static void deliver(wr_reorder *reorder, wr_reorder_frame *frame, const wr_reorder_packet *packet) {
  uint16_t gap = (uint16_t)(packet->seq - reorder->next_seq);
  uint16_t missing = speech_in(&reorder->clock, packet, gap);
  reorder->n_lost += missing;
  uint16_t n_lost = bounded_loss(reorder, packet, (uint16_t)(missing + reorder->skipped));
  *frame = (wr_reorder_frame){.seq = packet->seq,
                              .timestamp = packet->timestamp,
                              .after_loss = n_lost > 0,
                              .n_lost = n_lost,
                              .payload = packet->payload};
  advance(&reorder->clock, packet, missing);
  reorder->skipped = packet->payload.len ? 0 : n_lost;
  reorder->n_delivered += packet->payload.len > 0;
  reorder->next_seq = (uint16_t)(packet->seq + 1);
  reorder->delivered = (gap >= 63 ? 0 : reorder->delivered << (gap + 1)) | 1;
}

/* Numbered too high, a copy may come when sound after it was handed out. */
static bool was_overtaken(const wr_reorder_clock *out, const wr_reorder_slot *copy) {
  return out->known && copy->timestamp - out->next > INT32_MAX;
}

/* As wr_reorder_next, padding too. */
static bool next_packet(wr_reorder *reorder, wr_reorder_frame *frame, wr_time now) {
  wr_reorder_slot *head = find_head(reorder);
  if (reorder->has_direct && (!head || wr_seq16_newer(head->seq, reorder->direct.seq))) {
    reorder->has_direct = false;
    deliver(reorder, frame, &reorder->direct);
    return true;
  }
  if (!head) return false;
  wr_reorder_packet packet = packet_of(head);
  bool hole_given_up =
      reorder->has_direct || reorder->n_held == WR_REORDER_SLOTS || now >= wr_reorder_deadline(reorder);
  uint16_t gap = (uint16_t)(head->seq - reorder->next_seq);
  if (gap && !hole_given_up && speech_in(&reorder->clock, &packet, gap)) return false;
  if (head->copy && was_overtaken(&reorder->out, head)) packet.payload.len = 0;
  reorder->used &= ~(1u << (head - reorder->slot)); /* its bytes stay until the next insert */
  reorder->n_held--;
  if (head->len) reorder->held_us += (uint64_t)(now - head->arrived_at);
  deliver(reorder, frame, &packet);
  return true;
}

bool wr_reorder_next(wr_reorder *reorder, wr_reorder_frame *frame, wr_time now) {
  while (next_packet(reorder, frame, now))
    if (frame->payload.len) return true;
  return false;
}

/* The first packet there is that is not older than |seq|. */
static bool first_from(const wr_reorder *reorder, uint16_t seq, wr_reorder_packet *first) {
  bool found = reorder->has_direct && !wr_seq16_newer(seq, reorder->direct.seq);
  if (found) *first = reorder->direct;
  for (size_t i = 0; i < WR_REORDER_SLOTS; i++) {
    if (!is_used(reorder, i) || wr_seq16_newer(seq, reorder->slot[i].seq)) continue;
    if (!found || wr_seq16_newer(first->seq, reorder->slot[i].seq)) *first = packet_of(&reorder->slot[i]);
    found = true;
  }
  return found;
}

size_t wr_reorder_missing(const wr_reorder *reorder, uint16_t *seqs, size_t cap) {
  wr_reorder_clock clock = reorder->clock;
  wr_reorder_packet packet = {0};
  size_t n = 0;
  for (uint16_t seq = reorder->next_seq; first_from(reorder, seq, &packet); seq = (uint16_t)(packet.seq + 1)) {
    uint16_t gap = (uint16_t)(packet.seq - seq), speech = gap ? speech_in(&clock, &packet, gap) : 0;
    advance(&clock, &packet, speech);
    for (; speech && seq != packet.seq; seq++) {
      if (n == cap) memmove(seqs, seqs + 1, --n * sizeof *seqs);
      seqs[n++] = seq;
    }
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
