/* fuzz_red.c - any bytes as redundant audio. What is understood lies within the packet, in order and without a gap;
 * then the blocks, as frames of a sender, are written with copies and read again. */
#include <string.h>

#include "rtp/red.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_history(const wr_red *red, uint8_t copies) {
  static uint8_t out[2048];
  wr_red_history history = {0};
  wr_red again;
  uint32_t timestamp = 0;
  for (unsigned i = 0; i < red->n; i++) {
    const wr_bytes frame = red->block[i].data;
    size_t cap = (size_t)copies * 8;
    timestamp += red->block[i].offset + 1u;
    size_t n = wr_red_write(&history, copies, 111, frame, timestamp, out, cap);
    WR_ASSERT(n <= cap);
    if (n) {
      WR_ASSERT(wr_red_read(&again, wr_bytes_of(out, n)) == WR_OK && again.n >= 2);
      const wr_bytes last = again.block[again.n - 1].data;
      WR_ASSERT(last.len == frame.len && (!last.len || memcmp(last.data, frame.data, last.len) == 0));
    }
    wr_red_remember(&history, frame, timestamp);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  wr_red red;
  WR_ASSERT(wr_opus_samples(wr_bytes_of(data, len)) <= 5760);
  if (wr_red_read(&red, wr_bytes_of(data, len)) != WR_OK) return 0;
  const uint8_t *at = data + 4 * (red.n - 1) + 1;
  for (unsigned i = 0; i < red.n; i++) {
    WR_ASSERT(red.block[i].data.data == at || red.block[i].data.len == 0);
    at += red.block[i].data.len;
  }
  WR_ASSERT(at == data + len);
  check_history(&red, data[0]);
  return 0;
}
