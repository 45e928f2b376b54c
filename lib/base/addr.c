/* base/addr.c - IP addresses as text (RFC 4291 2.2, RFC 5952 without zone). */
#include <string.h>

#include "base/io.h"
#include "wr/types.h"

static bool parse_v4(uint8_t out[4], wr_bytes text) {
  size_t at = 0;
  for (int part = 0; part < 4; part++) {
    if (part && (at >= text.len || text.data[at++] != '.')) return false;
    unsigned value = 0;
    size_t n_digits = 0;
    while (at < text.len && text.data[at] >= '0' && text.data[at] <= '9' && n_digits < 4) {
      value = value * 10 + (unsigned)(text.data[at++] - '0');
      n_digits++;
    }
    if (n_digits == 0 || n_digits > 3 || value > 255) return false;
    out[part] = (uint8_t)value;
  }
  return at == text.len;
}

static int hex_digit(uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

static bool parse_v6(uint8_t out[16], wr_bytes text) {
  uint16_t groups[8] = {0};
  int n = 0, gap = -1;
  size_t at = 0;
  if (text.len >= 2 && text.data[0] == ':' && text.data[1] == ':') {
    gap = 0;
    at = 2;
  }
  while (at < text.len) {
    if (n == 8) return false;
    size_t start = at;
    unsigned value = 0;
    while (at < text.len && hex_digit(text.data[at]) >= 0 && at - start < 4)
      value = value * 16 + (unsigned)hex_digit(text.data[at++]);
    if (at < text.len && text.data[at] == '.') { /* the last 32 bits in dotted form */
      uint8_t v4[4];
      if (n > 6 || !parse_v4(v4, wr_bytes_of(text.data + start, text.len - start))) return false;
      groups[n++] = wr_get_u16(v4);
      groups[n++] = wr_get_u16(v4 + 2);
      break;
    }
    if (at == start) return false;
    groups[n++] = (uint16_t)value;
    if (at == text.len) break;
    if (text.data[at++] != ':') return false;
    if (at == text.len) return false; /* a single trailing colon */
    if (text.data[at] == ':') {
      if (gap >= 0) return false;
      gap = n;
      at++;
    }
  }
  if (gap < 0 ? n != 8 : n > 7) return false;
  int n_tail = gap < 0 ? 0 : n - gap;
  for (int i = 0; i < 8; i++) {
    uint16_t group = 0;
    if (gap < 0 || i < gap)
      group = groups[i];
    else if (i >= 8 - n_tail)
      group = groups[gap + i - (8 - n_tail)];
    wr_put_u16(out + 2 * i, group);
  }
  return true;
}

bool wr_addr_parse(wr_addr *addr, wr_bytes text, uint16_t port) {
  wr_addr parsed = {.port = port};
  if (parse_v4(parsed.ip, text))
    parsed.family = 4;
  else if (parse_v6(parsed.ip, text))
    parsed.family = 6;
  else
    return false;
  *addr = parsed;
  return true;
}

static void write_hex(wr_writer *w, uint16_t v) {
  bool started = false;
  for (int shift = 12; shift >= 0; shift -= 4) {
    unsigned digit = v >> shift & 15u;
    if (!digit && !started && shift) continue;
    started = true;
    wr_write_u8(w, (uint8_t) "0123456789abcdef"[digit]);
  }
}

static void write_v6(wr_writer *w, const uint8_t ip[16]) {
  int best = -1, best_len = 1; /* RFC 5952 4.2.2: a single zero group is not shortened */
  for (int i = 0; i < 8; i++) {
    int len = 0;
    while (i + len < 8 && wr_get_u16(ip + 2 * (i + len)) == 0) len++;
    if (len > best_len) {
      best = i;
      best_len = len;
    }
  }
  for (int i = 0; i < 8;) {
    if (i == best) {
      wr_write_text(w, "::");
      i += best_len;
      continue;
    }
    if (i && i != best + best_len)
      wr_write_u8(w, ':');
    else if (i && best < 0)
      wr_write_u8(w, ':');
    write_hex(w, wr_get_u16(ip + 2 * i));
    i++;
  }
}

size_t wr_addr_text(const wr_addr *addr, char *out) {
  wr_writer w = wr_writer_of((uint8_t *)out, WR_ADDR_TEXT_MAX - 1);
  if (addr->family == 4) {
    for (int i = 0; i < 4; i++) {
      if (i) wr_write_u8(&w, '.');
      wr_write_decimal(&w, addr->ip[i]);
    }
  } else if (addr->family == 6) {
    write_v6(&w, addr->ip);
  }
  out[wr_writer_len(&w)] = 0;
  return wr_writer_len(&w);
}
