/* fuzz/fuzz_xz_ota.c - a hostile OTA server: records of { status, seconds, u16 length, body }. */
#include <string.h>

#include "base/io.h"
#include "xiaozhi/ota.h"

static bool is_plain(const char *text, size_t cap, bool blanks) {
  const char *end = memchr(text, 0, cap);
  if (!end) return false;
  for (; text < end; text++)
    if ((unsigned char)*text < ' ' || *text == 0x7f || (*text == ' ' && !blanks)) return false;
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  static const unsigned statuses[] = {200, 202, 404, 0};
  wr_reader r = wr_reader_of(wr_bytes_of(data, len));
  wr_time now = 0;
  xz_ota ota;
  xz_ota_init(&ota);
  while (wr_reader_left(&r)) {
    unsigned op = wr_read_u8(&r);
    now += WR_S(wr_read_u8(&r));
    size_t n = wr_read_u16(&r);
    wr_bytes body = wr_read_bytes(&r, n < wr_reader_left(&r) ? n : wr_reader_left(&r));
    if (op & 4) xz_ota_forget(&ota);
    xz_ota_start(&ota, now);
    if (op & 8) now = wr_time_min(xz_ota_deadline(&ota), now + WR_S(3600));
    (void)xz_ota_ask(&ota, now);
    xz_ota_news news = xz_ota_answer(&ota, statuses[op & 3], body, 0, now);
    WR_ASSERT((news == XZ_OTA_NEWS_READY) <= (ota.state == XZ_OTA_READY));
    WR_ASSERT(ota.state != XZ_OTA_READY || !strncmp(ota.server.url, "ws", 2));
    WR_ASSERT(ota.asked || ota.state == XZ_OTA_READY || xz_ota_deadline(&ota) != WR_NEVER);
    WR_ASSERT(is_plain(ota.server.url, sizeof ota.server.url, false));
    WR_ASSERT(is_plain(ota.server.token, sizeof ota.server.token, true));
    WR_ASSERT(memchr(ota.code, 0, sizeof ota.code) && memchr(ota.message, 0, sizeof ota.message));
    WR_ASSERT(memchr(ota.error, 0, sizeof ota.error));
    WR_ASSERT(ota.server.version >= 1 && ota.server.version <= 3);
  }
  return 0;
}
