/* fuzz/fuzz_gw_auth.c - who somebody is: a token, as it is or with claims of the input's behind a right signature,
 * and the header that proxies write. */
#include <string.h>

#include "gateway/auth.h"
#include "gateway/origin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define NOW_S 1000000
#define SECRET "0123456789abcdef0123456789abcdef"

static void null_hmac(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n_parts, uint8_t mac[32]) {
  (void)ctx;
  uint32_t sum = 2166136261u;
  for (size_t i = 0; i < key.len; i++) sum = (sum ^ key.data[i]) * 16777619u;
  for (size_t i = 0; i < n_parts; i++)
    for (size_t j = 0; j < parts[i].len; j++) sum = (sum ^ parts[i].data[j]) * 16777619u;
  for (size_t i = 0; i < 32; i++) mac[i] = (uint8_t)(sum >> i % 4 * 8);
}

static const wr_crypto crypto = {.hmac_sha256 = null_hmac};

static size_t base64url(char *out, const uint8_t *in, size_t len) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  size_t n = 0;
  uint32_t bits = 0;
  unsigned n_bits = 0;
  for (size_t i = 0; i < len; i++) {
    bits = bits << 8 | in[i];
    for (n_bits += 8; n_bits >= 6; n_bits -= 6) out[n++] = letters[bits >> (n_bits - 6) & 63];
  }
  if (n_bits) out[n++] = letters[bits << (6 - n_bits) & 63];
  return n;
}

static void judge(const char *token) {
  gw_claims claims;
  gw_token_verdict verdict = gw_auth_read(&claims, token, SECRET, "", NOW_S, &crypto);
  if (verdict == GW_TOKEN_GOOD) WR_ASSERT(claims.who && claims.expires_at > NOW_S);
  if (verdict == GW_TOKEN_EXPIRED) WR_ASSERT(claims.who && claims.expires_at <= NOW_S);
  WR_ASSERT(memchr(claims.session, 0, sizeof(claims.session)) && memchr(claims.mac, 0, sizeof(claims.mac)));
}

/* The input's claims, signed with the right key. */
static void signed_claims(wr_bytes claims) {
  static const char header[] = "{\"alg\":\"HS256\"}";
  char token[GW_TOKEN_MAX + 64];
  uint8_t mac[32];
  size_t n = base64url(token, (const uint8_t *)header, sizeof(header) - 1);
  token[n++] = '.';
  n += base64url(token + n, claims.data, claims.len < 300 ? claims.len : 300);
  wr_bytes text = wr_bytes_of(token, n);
  null_hmac(NULL, wr_bytes_of(SECRET, strlen(SECRET)), &text, 1, mac);
  token[n++] = '.';
  n += base64url(token + n, mac, sizeof(mac));
  token[n] = 0;
  judge(token);
}

static void proxies(const char *text) {
  static const char trusted[] = "10.0.0.0/8, ::1";
  wr_addr addr = {.family = 4, .ip = {10, 0, 0, 1}, .port = 1};
  gw_forwarded_from(&addr, text, trusted);
  WR_ASSERT(addr.port == 1 && (addr.family == 4 || addr.family == 6));
  (void)gw_host_is_ours(text, true, "a.example, b.example");
  (void)gw_origin_is_listed(text, "https://a.example");
  if (gw_nets_are_good(text)) (void)gw_nets_have(text, &addr);
  (void)gw_origins_are_good(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  char text[1024];
  if (!len || len > sizeof(text)) return 0;
  memcpy(text, data + 1, len - 1);
  text[len - 1] = 0;
  switch (data[0] % 3) {
    case 0: judge(text); break;
    case 1: signed_claims(wr_bytes_of(data + 1, len - 1)); break;
    default: proxies(text); break;
  }
  return 0;
}
