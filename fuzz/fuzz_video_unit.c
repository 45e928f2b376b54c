/* fuzz_video_unit.c - any payloads as a frame of each codec. What is put together lies within the buffer, is never
 * longer than what came plus a start code for each NAL unit, and a payload alone says what the frame says of it. */
#include <string.h>

#include "video/unit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { CAP = 600, CANARY = 0x5a };

static void check_part(wr_video_codec codec, wr_bytes payload) {
  wr_video_payload part;
  if (wr_video_peek(codec, payload, &part) != WR_OK) return;
  WR_ASSERT(part.data.len && part.data.data >= payload.data);
  WR_ASSERT(part.data.data + part.data.len == payload.data + payload.len);
  WR_ASSERT((part.key_parts & ~WR_VIDEO_KEY) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static uint8_t out[CAP + 1];
  if (len < 2) return 0;
  wr_video_codec codec = (wr_video_codec)(data[0] % 4);
  size_t cap = data[1] * 2u, total = 0;
  const uint8_t *at = data + 2, *end = data + len;
  wr_video_unit unit;
  wr_video_begin(&unit, codec, out, cap);
  out[cap] = CANARY;
  while (at < end) {
    size_t n = *at & 0x7f;
    bool after_hole = *at++ & 0x80;
    if (n > (size_t)(end - at)) n = (size_t)(end - at);
    wr_bytes payload = wr_bytes_of(at, n);
    check_part(codec, payload);
    wr_video_add(&unit, payload, after_hole);
    WR_ASSERT(!after_hole || unit.damaged);
    at += n;
    total += n;
    WR_ASSERT(unit.len <= cap && out[cap] == CANARY);
    WR_ASSERT(unit.len <= 5 * total);
  }
  bool whole = wr_video_end(&unit);
  WR_ASSERT(whole == !unit.damaged && (!unit.too_big || unit.damaged));
  WR_ASSERT(!whole || unit.len);
  return 0;
}
