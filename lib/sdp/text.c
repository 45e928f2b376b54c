/* sdp/text.c - see sdp/text.h. No copies, no state: every function narrows a borrowed span. */
#include "sdp/text.h"

#include <string.h>

#include "wr/sdp.h"

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t'; }

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c; }

static wr_bytes after(wr_bytes text, size_t n) { return wr_bytes_of(text.data + n, text.len - n); }

bool wr_text_line(wr_bytes *rest, wr_bytes *line) {
  if (rest->len == 0) return false;
  const uint8_t *end = memchr(rest->data, '\n', rest->len);
  size_t len = end ? (size_t)(end - rest->data) : rest->len;
  *line = wr_bytes_of(rest->data, len);
  *rest = after(*rest, end ? len + 1 : len);
  if (line->len && line->data[line->len - 1] == '\r') line->len--;
  while (line->len && is_blank(line->data[line->len - 1])) line->len--;
  return true;
}

wr_bytes wr_text_word(wr_bytes *rest) {
  if (rest->len == 0) return wr_bytes_of(NULL, 0);
  size_t start = 0;
  while (start < rest->len && is_blank(rest->data[start])) start++;
  size_t end = start;
  while (end < rest->len && !is_blank(rest->data[end])) end++;
  wr_bytes word = wr_bytes_of(rest->data + start, end - start);
  *rest = after(*rest, end);
  return word;
}

wr_bytes wr_text_until(wr_bytes *rest, char c) {
  wr_bytes head = *rest;
  const uint8_t *found = rest->len ? memchr(rest->data, c, rest->len) : NULL;
  if (!found) {
    rest->len = 0;
    return head;
  }
  head.len = (size_t)(found - rest->data);
  *rest = after(*rest, head.len + 1);
  return head;
}

wr_bytes wr_text_trim(wr_bytes text) {
  while (text.len && is_blank(text.data[0])) text = after(text, 1);
  while (text.len && is_blank(text.data[text.len - 1])) text.len--;
  return text;
}

bool wr_text_is(wr_bytes text, const char *want) {
  size_t len = strlen(want);
  return text.len == len && (len == 0 || memcmp(text.data, want, len) == 0);
}

bool wr_text_is_nocase(wr_bytes text, const char *want) {
  return text.len == strlen(want) && wr_text_skip_nocase(&text, want);
}

bool wr_text_skip(wr_bytes *rest, const char *prefix) {
  size_t len = strlen(prefix);
  if (rest->len < len || (len && memcmp(rest->data, prefix, len) != 0)) return false;
  *rest = after(*rest, len);
  return true;
}

bool wr_text_skip_nocase(wr_bytes *rest, const char *prefix) {
  size_t len = strlen(prefix);
  if (rest->len < len) return false;
  for (size_t i = 0; i < len; i++)
    if (lower(rest->data[i]) != lower((uint8_t)prefix[i])) return false;
  if (len) *rest = after(*rest, len);
  return true;
}

bool wr_text_number(wr_bytes text, uint64_t max, uint64_t *out) {
  if (text.len == 0) return false;
  uint64_t value = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (text.data[i] < '0' || text.data[i] > '9') return false;
    uint64_t digit = (uint64_t)(text.data[i] - '0');
    if (value > (max - digit) / 10 || digit > max) return false;
    value = value * 10 + digit;
  }
  *out = value;
  return true;
}

bool wr_text_is_visible(wr_bytes text) {
  for (size_t i = 0; i < text.len; i++)
    if (text.data[i] <= ' ' || text.data[i] > '~') return false;
  return text.len > 0;
}

bool wr_text_is_ufrag(wr_bytes text) {
  return wr_text_is_visible(text) && text.len >= 4 && text.len <= WR_UFRAG_MAX && !memchr(text.data, ':', text.len);
}

bool wr_text_is_pwd(wr_bytes text) { return wr_text_is_visible(text) && text.len >= 22 && text.len <= WR_PWD_MAX; }
