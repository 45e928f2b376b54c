/* fuzz_frames.c - any stream, cut anywhere, against the plain reading of RFC 4571: the same datagrams come out. */
#include <string.h>

#include "base/io.h"
#include "wr/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The next frame that is not empty, read from the whole stream; false: it ends before, or is too large. */
static bool expected(wr_reader *r, wr_bytes *frame) {
  do {
    size_t n = wr_read_u16(r);
    if (!wr_reader_ok(r) || n > WR_FRAME_MAX) return false;
    *frame = wr_read_bytes(r, n);
  } while (wr_reader_ok(r) && !frame->len);
  return wr_reader_ok(r);
}

/* |data|[0] seeds where the rest is cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static uint8_t copy[65536];
  if (len < 1 || len > sizeof copy) return 0;
  uint32_t random = data[0] + 1u;
  wr_reader plain = wr_reader_of(wr_bytes_of(data + 1, len - 1));
  wr_frames frames;
  wr_frames_init(&frames);
  for (size_t at = 1; at < len;) {
    random = random * 1103515245u + 12345u;
    size_t n = 1 + (random >> 16) % (data[0] & 1 ? 7 : 3000);
    if (n > len - at) n = len - at;
    memcpy(copy, data + at, n); /* what came before is gone, as in a socket's buffer */
    at += n;
    wr_span input = {copy, n}, datagram;
    wr_frame_got got;
    while ((got = wr_frames_next(&frames, &input, &datagram)) == WR_FRAME_DATAGRAM) {
      wr_bytes frame;
      WR_ASSERT(expected(&plain, &frame) && wr_bytes_equal(frame, wr_span_bytes(datagram)));
      memset(datagram.data, 0xee, datagram.len); /* it may be decrypted in place */
    }
    if (got == WR_FRAME_TOO_LARGE) break;
    WR_ASSERT(input.len == 0);
  }
  wr_bytes more;
  WR_ASSERT(!expected(&plain, &more));
  return 0;
}
