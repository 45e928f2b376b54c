/* gateway/traceparent.c - version "-" trace-id "-" parent-id "-" flags, in small hexadecimal digits. */
#include "gateway/traceparent.h"

#include <string.h>

#define LENGTH 55u
#define VERSION_INVALID 0xff

static int digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; /* capitals are refused: section 3.2.2 */
}

static bool read_hex(uint8_t *out, size_t n, const uint8_t *at) {
  for (size_t i = 0; i < n; i++) {
    int high = digit(at[2 * i]), low = digit(at[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

static bool is_zero(const uint8_t *bytes, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (bytes[i]) return false;
  return true;
}

static bool read_parts(gw_traceparent *out, wr_bytes text) {
  const uint8_t *at = text.data;
  uint8_t version, flags;
  if (text.len < LENGTH || text.len > GW_TRACEPARENT_MAX) return false;
  if (at[2] != '-' || at[35] != '-' || at[52] != '-') return false;
  if (!read_hex(&version, 1, at) || version == VERSION_INVALID) return false;
  if (version == 0 ? text.len != LENGTH : text.len > LENGTH && at[LENGTH] != '-') return false;
  if (!read_hex(out->trace, GW_TRACE_ID, at + 3) || is_zero(out->trace, GW_TRACE_ID)) return false;
  if (!read_hex(out->parent, GW_SPAN_ID, at + 36) || is_zero(out->parent, GW_SPAN_ID)) return false;
  if (!read_hex(&flags, 1, at + 53)) return false;
  out->sampled = flags & 1; /* the other bits mean nothing yet, and may be set */
  return true;
}

bool gw_traceparent_read(gw_traceparent *out, wr_bytes text) {
  *out = (gw_traceparent){0};
  bool good = read_parts(out, text);
  if (!good) *out = (gw_traceparent){0};
  out->present = good;
  return good;
}
