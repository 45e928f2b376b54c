/* fuzz/fuzz_gw_page.c - a page's data channel messages. */
#include <string.h>

#include "gateway/page_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static gw_page_message m;
  gw_page_message_read(&m, wr_bytes_of(data, len));
  if (m.type == GW_PAGE_BAD) WR_ASSERT(m.why && *m.why);
  if (m.type == GW_PAGE_PHOTO) WR_ASSERT(m.size >= 1 && m.size <= GW_PHOTO_MAX && m.mime);
  if (m.type == GW_PAGE_HEARD) WR_ASSERT(m.id >= 0);
  WR_ASSERT(memchr(m.text, 0, sizeof(m.text)) != NULL);
  return 0;
}
