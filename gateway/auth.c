/* gateway/auth.c - JSON Web Tokens: nothing of one is parsed before its signature was found to be ours. */
#include "gateway/auth.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define MAC_BYTES 32
#define MAC_TEXT 43 /* in base64url, without padding */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* RFC 4648 section 5, without padding. 0: does not fit |cap|, the NUL included. */
static size_t encode(char *out, size_t cap, const uint8_t *in, size_t len) {
  size_t n = 0, need = (len * 4 + 2) / 3;
  if (need >= cap) return 0;
  for (size_t i = 0; i < len; i += 3) {
    uint32_t v = (uint32_t)in[i] << 16;
    if (i + 1 < len) v |= (uint32_t)in[i + 1] << 8;
    if (i + 2 < len) v |= in[i + 2];
    for (unsigned j = 0; j < 4 && n < need; j++) out[n++] = letters[v >> (18 - 6 * j) & 63];
  }
  out[n] = 0;
  return n;
}

/* 0: not base64url, or over |cap|. */
static size_t decode(uint8_t *out, size_t cap, const char *in, size_t len) {
  size_t n = 0;
  uint32_t v = 0;
  for (size_t i = 0; i < len; i++) {
    const char *letter = in[i] ? strchr(letters, in[i]) : NULL;
    if (!letter) return 0;
    v = v << 6 | (uint32_t)(letter - letters);
    if (i % 4 == 0) continue;
    if (n == cap) return 0;
    out[n++] = (uint8_t)(v >> (4 - 2 * (i % 4 - 1)));
  }
  return n;
}

static bool is_signed(const char *token, size_t len, const uint8_t given[MAC_BYTES], const char *secret,
                      const wr_crypto *crypto) {
  uint8_t mac[MAC_BYTES];
  wr_bytes text = wr_bytes_of(token, len);
  if (!secret[0]) return false;
  crypto->hmac_sha256(crypto->ctx, wr_bytes_of(secret, strlen(secret)), &text, 1, mac);
  return wr_equal_secret(mac, given, sizeof(mac));
}

static json_t *part(const char *text, size_t len) {
  uint8_t bytes[GW_TOKEN_MAX];
  size_t n = decode(bytes, sizeof(bytes), text, len);
  return json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, NULL);
}

static bool copy_text(char *out, size_t cap, const json_t *root, const char *key) {
  const json_t *value = json_object_get(root, key);
  const char *text = json_string_value(value);
  if (!value) return true;
  if (!text || !*text || strlen(text) >= cap) return false;
  snprintf(out, cap, "%s", text);
  return true;
}

/* A claim that we cannot read could have been a limit: then the token is none. */
static bool read_claims(gw_claims *claims, const json_t *header, const json_t *root) {
  const char *alg = json_string_value(json_object_get(header, "alg"));
  const json_t *exp = json_object_get(root, "exp"), *offers = json_object_get(root, "offers");
  char mac[32] = "";
  if (!alg || strcmp(alg, "HS256") != 0 || !json_is_integer(exp)) return false;
  claims->expires_at = json_integer_value(exp);
  if (offers && (json_integer_value(offers) < 1 || json_integer_value(offers) > GW_TOKEN_OFFERS_MAX)) return false;
  claims->offers = offers ? (unsigned)json_integer_value(offers) : 0;
  if (!copy_text(claims->session, sizeof(claims->session), root, "sid")) return false;
  if (!copy_text(mac, sizeof(mac), root, "mac")) return false;
  return !mac[0] || xz_mac_read(claims->mac, mac);
}

gw_token_verdict gw_auth_read(gw_claims *claims, const char *token, const char *secret, const char *old,
                              int64_t unix_s, const wr_crypto *crypto) {
  uint8_t given[MAC_BYTES];
  const char *first = strchr(token, '.'), *last = strrchr(token, '.');
  *claims = (gw_claims){0};
  if (!first || first == last || strlen(token) >= GW_TOKEN_MAX || strlen(last + 1) != MAC_TEXT)
    return GW_TOKEN_FORGED;
  if (decode(given, sizeof(given), last + 1, MAC_TEXT) != MAC_BYTES) return GW_TOKEN_FORGED;
  size_t len = (size_t)(last - token);
  bool ours = is_signed(token, len, given, secret, crypto), before = is_signed(token, len, given, old, crypto);
  if (!ours && !before) return GW_TOKEN_FORGED;
  json_t *header = part(token, (size_t)(first - token)), *root = part(first + 1, (size_t)(last - first - 1));
  bool good = read_claims(claims, header, root);
  json_decref(header);
  json_decref(root);
  if (!good) return GW_TOKEN_FORGED;
  memcpy(&claims->who, given, sizeof(claims->who));
  claims->who |= 1;
  return claims->expires_at > unix_s ? GW_TOKEN_GOOD : GW_TOKEN_EXPIRED;
}

bool gw_auth_sign(char out[GW_TOKEN_MAX], const gw_claims *claims, const char *secret, int64_t unix_s,
                  uint64_t nonce, const wr_crypto *crypto) {
  static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
  char body[256], more[128] = "", offers[32] = "";
  uint8_t mac[MAC_BYTES];
  if (claims->session[0]) snprintf(more, sizeof(more), ",\"sid\":\"%s\"", claims->session);
  if (claims->mac[0]) snprintf(more + strlen(more), sizeof(more) - strlen(more), ",\"mac\":\"%s\"", claims->mac);
  if (claims->offers) snprintf(offers, sizeof(offers), ",\"offers\":%u", claims->offers);
  int n = snprintf(body, sizeof(body), "{\"iat\":%lld,\"exp\":%lld,\"jti\":\"%016llx\"%s%s}", (long long)unix_s,
                   (long long)claims->expires_at, (unsigned long long)nonce, more, offers);
  if (n < 0 || (size_t)n >= sizeof(body)) return false;
  size_t at = encode(out, GW_TOKEN_MAX, (const uint8_t *)header, sizeof(header) - 1);
  out[at++] = '.';
  size_t more_n = encode(out + at, GW_TOKEN_MAX - at, (const uint8_t *)body, (size_t)n);
  if (!more_n || GW_TOKEN_MAX - at - more_n < MAC_TEXT + 2) return false;
  at += more_n;
  wr_bytes text = wr_bytes_of(out, at);
  crypto->hmac_sha256(crypto->ctx, wr_bytes_of(secret, strlen(secret)), &text, 1, mac);
  out[at++] = '.';
  return encode(out + at, GW_TOKEN_MAX - at, mac, sizeof(mac)) == MAC_TEXT;
}

gw_http_error gw_auth_allows(const gw_claims *claims, gw_request *request, const uint8_t id[16], int64_t unix_s) {
  char hex[GW_ID_HEX + 1] = "";
  if (!claims->who) return GW_HTTP_OK;
  if (request->resumes) gw_hex(hex, id, 16);
  if (claims->session[0] && strcmp(claims->session, hex) != 0) return GW_HTTP_SCOPE;
  if (claims->expires_at <= unix_s && !request->resumes) return GW_HTTP_EXPIRED;
  if (!claims->mac[0]) return GW_HTTP_OK;
  if (request->mac[0] && strcmp(request->mac, claims->mac) != 0) return GW_HTTP_SCOPE;
  memcpy(request->mac, claims->mac, sizeof(request->mac));
  return GW_HTTP_OK;
}

bool gw_auth_spend(gw_token_counts *counts, const gw_claims *claims, int64_t unix_s) {
  size_t at = GW_TOKEN_COUNTS;
  if (!claims->offers) return true;
  for (size_t i = 0; i < GW_TOKEN_COUNTS; i++) {
    bool free = !counts->row[i].who || counts->row[i].expires_at <= unix_s; /* nothing new is opened by those */
    if (counts->row[i].who == claims->who && !free) {
      at = i;
      break;
    }
    if (free && at == GW_TOKEN_COUNTS) at = i;
  }
  if (at == GW_TOKEN_COUNTS) return false;
  if (counts->row[at].who != claims->who) {
    counts->row[at].who = claims->who;
    counts->row[at].expires_at = claims->expires_at;
    counts->row[at].n = 0;
  }
  if (counts->row[at].n >= claims->offers) return false;
  counts->row[at].n++;
  return true;
}
