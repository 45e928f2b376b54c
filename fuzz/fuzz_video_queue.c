/* fuzz_video_queue.c - packets of a video stream in any order, with any numbers. Each carries its number, so that a
 * frame that comes out can be seen to be whole, and to follow the one before unless it is a key frame; no block of
 * the pool may be lost. */
#include <string.h>

#include "base/seq.h"
#include "video/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { BLOCK = 2048, N_BLOCKS = 64, WAIT = 100 };

static wr_video_queue queue;
static bool any;
static uint16_t last; /* the number of the last packet of the last frame */

static void drain(wr_time now) {
  static uint8_t out[4 * WR_VIDEO_PACKETS];
  wr_video_frame frame;
  for (unsigned n = 0; wr_video_queue_next(&queue, out, sizeof out, WAIT, &frame, now); n++) {
    WR_ASSERT(n <= N_BLOCKS && frame.bytes.len >= 3 && frame.bytes.len % 3 == 0);
    WR_ASSERT(any || frame.is_key);
    for (size_t i = 0; i < frame.bytes.len; i += 3) {
      uint16_t seq = (uint16_t)(frame.bytes.data[i + 1] << 8 | frame.bytes.data[i + 2]);
      WR_ASSERT((i == 0 && frame.is_key) || seq == (uint16_t)(last + 1));
      last = seq;
    }
    any = true;
  }
  uint16_t missing[8];
  size_t n = wr_video_queue_missing(&queue, queue.next_seq, missing, 8);
  WR_ASSERT(n <= 8 && queue.n_held < N_BLOCKS);
  for (size_t i = 0; i < n; i++) WR_ASSERT(!wr_seq16_newer(missing[i], queue.highest_seq));
  wr_time deadline = wr_video_queue_deadline(&queue, WAIT);
  WR_ASSERT(deadline == WR_NEVER || deadline > now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static _Alignas(16) uint8_t memory[(BLOCK + 16) * (N_BLOCKS + 1)];
  wr_pool *pool = wr_pool_init(memory, BLOCK, N_BLOCKS);
  wr_video_queue_init(&queue, pool, WR_VIDEO_VP8);
  any = false;
  uint16_t seq = 65500;
  wr_time now = 0;
  for (size_t i = 0; i + 3 < len; i += 4) {
    uint8_t flags = data[i], far = data[i + 1];
    seq = (uint16_t)(seq + (far >= 250 ? far * 40 : far % 24 - 8));
    now += data[i + 2] & 0x7f;
    uint8_t payload[] = {flags & 1 ? 0x10 : 0x00, flags & 2 ? 0x51 : 0x50, (uint8_t)(seq >> 8), (uint8_t)seq};
    (void)wr_video_queue_insert(&queue, seq, data[i + 3], flags & 4, wr_bytes_of(payload, sizeof payload));
    drain(now);
  }
  wr_video_queue_wipe(&queue);
  WR_ASSERT(wr_pool_n_free(pool) == N_BLOCKS);
  return 0;
}
