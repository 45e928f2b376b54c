/* fuzz_reorder.c - a script of arrivals. Each four bytes are one packet: the step of the sequence number, the time
 * since the last one, the length, and whether it carries a copy. Every fourth number is padding. Whatever arrives,
 * sequence numbers come out in order unless the sender began anew, no sound comes out twice, nothing waits past the
 * deadline or for padding, and each packet carries its own bytes. */
#include <string.h>

#include "base/seq.h"
#include "jitter/reorder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MAX_WAIT = 60000, LARGEST = 600, SAMPLES = 960 };

typedef struct watcher {
  wr_reorder reorder;
  wr_reorder_slot slots[WR_REORDER_SLOTS];
  uint16_t last_seq;
  uint32_t last_no;
  bool any, restarted; /* a frame came out; the sender began anew since the last one */
  uint64_t n_inserted, n_out;
} watcher;

/* Of padding, the frame before. */
static uint32_t frame_no(uint16_t seq) { return seq - (uint32_t)(seq + 1) / 4; }

static void drain(watcher *watch, wr_time now) {
  wr_reorder_frame frame;
  while (wr_reorder_next(&watch->reorder, &frame, now)) {
    uint32_t no = frame.timestamp / SAMPLES;
    WR_ASSERT(frame.after_loss == (frame.n_lost > 0));
    WR_ASSERT(frame.payload.len && frame.timestamp % SAMPLES == 0);
    if (watch->any && !watch->restarted) {
      WR_ASSERT(wr_seq16_newer(frame.seq, watch->last_seq));
      WR_ASSERT(frame.seq < watch->last_seq || no > watch->last_no); /* the clock jumps where numbers begin again */
      if (frame.seq > watch->last_seq) WR_ASSERT(frame.n_lost <= no - watch->last_no - 1);
    }
    for (size_t i = 0; i < frame.payload.len; i++) WR_ASSERT(frame.payload.data[i] == (uint8_t)no);
    watch->last_seq = frame.seq;
    watch->last_no = no;
    watch->any = true;
    watch->n_out++;
    watch->restarted = false;
  }
  uint16_t seqs[4];
  WR_ASSERT(watch->reorder.n_held < WR_REORDER_SLOTS);
  WR_ASSERT(wr_reorder_deadline(&watch->reorder) > now);
  WR_ASSERT((wr_reorder_missing(&watch->reorder, seqs, 4) > 0) == (watch->reorder.n_held > 0));
}

/* The frame |back| before that of |carrier|. */
static void offer_copy(watcher *watch, const wr_reorder_packet *carrier, uint32_t back, wr_time now) {
  uint8_t payload[3];
  uint32_t no = carrier->timestamp / SAMPLES - back;
  if (no > carrier->timestamp / SAMPLES) return;
  memset(payload, (uint8_t)no, sizeof payload);
  wr_reorder_packet copy = {
      .samples = SAMPLES, .timestamp = no * SAMPLES, .payload = wr_bytes_of(payload, sizeof payload)};
  if (wr_reorder_repair(&watch->reorder, &copy, carrier, now)) watch->n_inserted++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static watcher watch;
  memset(&watch, 0, sizeof watch);
  wr_reorder_init(&watch.reorder, watch.slots, MAX_WAIT);
  uint8_t payload[LARGEST];
  uint16_t seq = 0;
  wr_time now = 1;
  for (; len >= 4; data += 4, len -= 4) {
    int16_t step = (int8_t)data[0];
    if (data[1] & 0x80) step = (int16_t)(step * 64); /* now and then far away */
    seq = (uint16_t)(seq + step);
    now += (wr_time)(data[1] & 0x7f) * 500;
    drain(&watch, now);
    size_t n = seq % 4 == 3 ? 0 : 1 + (size_t)data[2] * 2 + (data[3] & 1);
    memset(payload, (uint8_t)frame_no(seq), n);
    int distance = wr_seq16_diff(seq, watch.reorder.next_seq);
    watch.restarted |= distance > 1000 || distance < -1000;
    wr_reorder_packet packet = {.seq = seq,
                                .samples = n ? SAMPLES : 0,
                                .timestamp = frame_no(seq) * SAMPLES,
                                .payload = wr_bytes_of(payload, n)};
    if (n && data[3] & 2) offer_copy(&watch, &packet, 1, now);
    if (n && data[3] & 4) offer_copy(&watch, &packet, 1u + (data[3] >> 4), now);
    wr_reorder_insert(&watch.reorder, &packet, now);
    watch.n_inserted++;
    drain(&watch, now);
  }
  drain(&watch, now + MAX_WAIT);
  const wr_reorder *r = &watch.reorder;
  WR_ASSERT(r->n_held == 0 && wr_reorder_deadline(r) == WR_NEVER);
  WR_ASSERT(watch.n_out + r->n_late + r->n_duplicate <= watch.n_inserted);
  return 0;
}
