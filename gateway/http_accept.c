/* gateway/http_accept.c - lists in headers: elements separated by commas, a weight behind a semicolon. */
#include "gateway/http_accept.h"

#include <string.h>
#include <strings.h>

#define Q_MAX 1000 /* qualities have three digits */

typedef struct word {
  const char *at;
  size_t len;
} word;

static word trimmed(word w) {
  while (w.len && (*w.at == ' ' || *w.at == '\t')) w.at++, w.len--;
  while (w.len && (w.at[w.len - 1] == ' ' || w.at[w.len - 1] == '\t')) w.len--;
  return w;
}

static bool is(word w, const char *text) { return w.len == strlen(text) && strncasecmp(w.at, text, w.len) == 0; }

/* "0", "0.25", "1.000": in thousandths. Whatever is not of this form is 0. */
static int read_quality(word w) {
  int quality = 0, scale = Q_MAX;
  if (!w.len || w.len > 5 || (w.len > 1 && w.at[1] != '.')) return 0;
  for (size_t i = 0; i < w.len; i++) {
    if (i == 1) continue;
    if (w.at[i] < '0' || w.at[i] > '9') return 0;
    quality += (w.at[i] - '0') * scale;
    scale /= 10;
  }
  return quality <= Q_MAX ? quality : 0;
}

/* Cuts |element| to its name and returns its weight. */
static int take_weight(word *element) {
  const char *semicolon = memchr(element->at, ';', element->len);
  if (!semicolon) return Q_MAX;
  word weight = trimmed((word){semicolon + 1, element->len - (size_t)(semicolon + 1 - element->at)});
  *element = trimmed((word){element->at, (size_t)(semicolon - element->at)});
  if (weight.len < 2 || strncasecmp(weight.at, "q=", 2) != 0) return 0;
  return read_quality((word){weight.at + 2, weight.len - 2});
}

web_coding gw_accept_coding(const char *accept, unsigned offered) {
  int quality[WEB_N_CODINGS] = {-1, -1, -1}, rest = -1;
  for (const char *at = accept; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
    word name = trimmed((word){at, strcspn(at, ",")});
    int weight = take_weight(&name);
    if (is(name, "identity")) quality[WEB_PLAIN] = weight;
    if (is(name, "gzip") || is(name, "x-gzip")) quality[WEB_GZIP] = weight;
    if (is(name, "br")) quality[WEB_BROTLI] = weight;
    if (is(name, "*")) rest = weight;
  }
  web_coding best = WEB_PLAIN;
  int most = quality[WEB_PLAIN] >= 0 ? quality[WEB_PLAIN] : rest >= 0 ? rest : 0;
  for (web_coding coding = WEB_GZIP; coding < WEB_N_CODINGS; coding++) {
    int q = quality[coding] >= 0 ? quality[coding] : rest;
    if (q <= 0 || q < most || !(offered & 1u << coding)) continue;
    best = coding;
    most = q;
  }
  return best;
}

bool gw_accept_etag(const char *list, const char *etag) {
  for (const char *at = list; *at;) {
    at += strspn(at, " \t,");
    if (*at == '*') return true;
    if (strncmp(at, "W/", 2) == 0) at += 2;
    if (*at != '"') return false;
    size_t len = strcspn(at + 1, "\"") + 2;
    if (len == strlen(etag) && strncmp(at, etag, len) == 0) return true;
    if (strnlen(at, len) < len) return false;
    at += len;
  }
  return false;
}

static bool take_number(const char **at, size_t *number) {
  const char *digits = *at;
  for (*number = 0; **at >= '0' && **at <= '9'; (*at)++) {
    if (*number > SIZE_MAX / 10 - 10) return false;
    *number = *number * 10 + (size_t)(**at - '0');
  }
  return *at > digits;
}

bool gw_accept_range(const char *range, size_t len, size_t *first, size_t *last) {
  size_t n;
  if (strncmp(range, "bytes=", 6) != 0 || !len) return false;
  const char *at = range + 6;
  bool has_first = take_number(&at, first);
  if (*at++ != '-') return false;
  bool has_last = take_number(&at, &n);
  if (*at || (!has_first && (!has_last || !n))) return false;
  *last = has_first && has_last && n < len - 1 ? n : len - 1;
  if (!has_first) *first = n < len ? len - n : 0;
  return *first <= *last;
}
