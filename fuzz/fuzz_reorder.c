/* fuzz_reorder.c - a script of arrivals. Each four bytes are one packet: the step of the sequence number, the time
 * since the last one and the length. Whatever arrives, sequence numbers come out in order unless the sender began
 * anew, nothing waits past the deadline, and each packet carries its own bytes. */
#include <string.h>

#include "base/seq.h"
#include "jitter/reorder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { MAX_WAIT = 60000, LARGEST = 600 };

typedef struct watcher {
  wr_reorder reorder;
  wr_reorder_slot slots[WR_REORDER_SLOTS];
  uint16_t last_seq;
  bool any;
  uint64_t n_inserted, n_out;
} watcher;

static void drain(watcher *watch, bool restarted, wr_time now) {
  wr_reorder_frame frame;
  while (wr_reorder_next(&watch->reorder, &frame, now)) {
    if (watch->any && !restarted) {
      WR_ASSERT(wr_seq16_newer(frame.seq, watch->last_seq));
      WR_ASSERT(frame.n_lost == (uint16_t)(frame.seq - watch->last_seq - 1));
    }
    WR_ASSERT(frame.after_loss == (frame.n_lost > 0));
    WR_ASSERT(frame.timestamp == frame.seq * 960u);
    for (size_t i = 0; i < frame.payload.len; i++) WR_ASSERT(frame.payload.data[i] == (uint8_t)frame.seq);
    watch->last_seq = frame.seq;
    watch->any = true;
    watch->n_out++;
    restarted = false;
  }
  WR_ASSERT(watch->reorder.n_held < WR_REORDER_SLOTS);
  WR_ASSERT(wr_reorder_deadline(&watch->reorder) > now);
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
    drain(&watch, false, now);
    size_t n = (size_t)data[2] * 2 + (data[3] & 1);
    memset(payload, (uint8_t)seq, n);
    int distance = wr_seq16_diff(seq, watch.reorder.next_seq);
    bool restarted = distance > 1000 || distance < -1000;
    wr_reorder_insert(&watch.reorder, seq, seq * 960u, wr_bytes_of(payload, n), now);
    watch.n_inserted++;
    drain(&watch, restarted, now);
  }
  drain(&watch, false, now + MAX_WAIT);
  const wr_reorder *r = &watch.reorder;
  WR_ASSERT(r->n_held == 0 && wr_reorder_deadline(r) == WR_NEVER);
  WR_ASSERT(watch.n_out + r->n_late + r->n_duplicate <= watch.n_inserted);
  return 0;
}
