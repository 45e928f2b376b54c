/* fuzz/fuzz_xz_message.c - any text; what is read can be written and read again. */
#include <string.h>

#include "base/io.h"
#include "xiaozhi/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static uint8_t out[8 * XZ_TEXT_MAX];
  xz_message m, again;
  if (xz_message_read(&m, wr_bytes_of(data, len))) return 0;
  WR_ASSERT(m.version >= 1 && m.version <= 3 && m.audio.frame_ms > 0);
  wr_writer w = wr_writer_of(out, sizeof out);
  xz_write_listen(&w, m.session_id, XZ_STATE_DETECT, m.mode, m.text);
  WR_ASSERT(wr_writer_ok(&w));
  if (wr_writer_len(&w) <= XZ_TEXT_MAX) {
    WR_ASSERT(xz_message_read(&again, wr_bytes_of(out, wr_writer_len(&w))) == WR_OK);
    WR_ASSERT(!strcmp(again.text, m.text) && !strcmp(again.session_id, m.session_id));
    xz_message_wipe(&again);
  }
  xz_message_wipe(&m);
  return 0;
}
