/* fuzz/fuzz_xz_frame.c - a binary message in each announced version; the payload must lie inside the message. */
#include "xiaozhi/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  for (unsigned version = 0; version < 5; version++) {
    xz_frame frame;
    bool has_payload = xz_frame_read(&frame, version, wr_bytes_of(data, len));
    WR_ASSERT(has_payload == (frame.payload.len > 0));
    WR_ASSERT(frame.payload.len <= len);
    if (has_payload) WR_ASSERT(frame.payload.data + frame.payload.len == data + len);
    WR_ASSERT(xz_opus_ms(frame.payload) <= 120);
  }
  return 0;
}
