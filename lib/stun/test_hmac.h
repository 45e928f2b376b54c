/* stun/test_hmac.h - HMAC-SHA1 for the tests of stun and ice, which have to run without a cryptography backend. */
#ifndef WR_STUN_TEST_HMAC_H
#define WR_STUN_TEST_HMAC_H

#include <string.h>

#include "base/io.h"
#include "wr/crypto.h"

typedef struct test_sha1 {
  uint32_t h[5];
  uint64_t len;
  uint8_t block[64];
} test_sha1;

static inline uint32_t test_rotate(uint32_t v, int n) { return v << n | v >> (32 - n); }

static inline void test_sha1_block(test_sha1 *s) {
  uint32_t w[80], v[5];
  for (int i = 0; i < 16; i++) w[i] = wr_get_u32(s->block + 4 * i);
  for (int i = 16; i < 80; i++) w[i] = test_rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
  memcpy(v, s->h, sizeof v);
  for (int i = 0; i < 80; i++) {
    static const uint32_t k[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
    uint32_t parity = v[1] ^ v[2] ^ v[3];
    uint32_t f = i < 20   ? (v[1] & v[2]) | (~v[1] & v[3])
                 : i < 40 ? parity
                 : i < 60 ? (v[1] & v[2]) | (v[1] & v[3]) | (v[2] & v[3])
                          : parity;
    uint32_t t = test_rotate(v[0], 5) + f + v[4] + k[i / 20] + w[i];
    v[4] = v[3];
    v[3] = v[2];
    v[2] = test_rotate(v[1], 30);
    v[1] = v[0];
    v[0] = t;
  }
  for (int i = 0; i < 5; i++) s->h[i] += v[i];
}

static inline void test_sha1_add(test_sha1 *s, const uint8_t *data, size_t len) {
  for (size_t i = 0; i < len; i++) {
    s->block[s->len++ % 64] = data[i];
    if (s->len % 64 == 0) test_sha1_block(s);
  }
}

static inline void test_sha1_end(test_sha1 *s, uint8_t out[20]) {
  uint64_t bits = s->len * 8;
  static const uint8_t pad[64] = {0x80};
  test_sha1_add(s, pad, 1);
  while (s->len % 64 != 56) test_sha1_add(s, pad + 1, 1);
  uint8_t tail[8];
  wr_put_u32(tail, (uint32_t)(bits >> 32));
  wr_put_u32(tail + 4, (uint32_t)bits);
  test_sha1_add(s, tail, 8);
  for (int i = 0; i < 5; i++) wr_put_u32(out + 4 * i, s->h[i]);
}

static inline test_sha1 test_sha1_begin(const uint8_t pad[64]) {
  test_sha1 s = {.h = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
  if (pad) test_sha1_add(&s, pad, 64);
  return s;
}

static inline void test_hmac_sha1(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n_parts, uint8_t mac[20]) {
  (void)ctx;
  uint8_t inner[64] = {0}, outer[64];
  if (key.len > 64) {
    test_sha1 s = test_sha1_begin(NULL);
    test_sha1_add(&s, key.data, key.len);
    test_sha1_end(&s, inner);
  } else {
    memcpy(inner, key.data, key.len);
  }
  for (int i = 0; i < 64; i++) {
    outer[i] = inner[i] ^ 0x5c;
    inner[i] ^= 0x36;
  }
  test_sha1 s = test_sha1_begin(inner);
  for (size_t i = 0; i < n_parts; i++) test_sha1_add(&s, parts[i].data, parts[i].len);
  test_sha1_end(&s, mac);
  s = test_sha1_begin(outer);
  test_sha1_add(&s, mac, 20);
  test_sha1_end(&s, mac);
}

static const wr_crypto test_crypto = {.hmac_sha1 = test_hmac_sha1};

#endif
