/* base/base.c - the few functions behind wr/types.h and base/io.h that are not inline. */
#include <string.h>

#include "base/io.h"
#include "wr/types.h"

const char *wr_err_text(wr_err err) {
  switch (err) {
    case WR_OK: return "ok";
    case WR_ERR_LIMIT: return "limit reached";
    case WR_ERR_SYNTAX: return "cannot be parsed";
    case WR_ERR_STATE: return "not possible in this state";
    case WR_ERR_AUTH: return "integrity check failed";
    case WR_ERR_CRYPTO: return "cryptography failed";
    case WR_ERR_UNSUPPORTED: return "nothing in common with the other side";
  }
  return "unknown error";
}

bool wr_bytes_equal(wr_bytes a, wr_bytes b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool wr_addr_equal(const wr_addr *a, const wr_addr *b) {
  return a->family == b->family && a->transport == b->transport && a->port == b->port &&
         memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

bool wr_path_equal(const wr_path *a, const wr_path *b) {
  return wr_addr_equal(&a->remote, &b->remote) && wr_addr_equal(&a->local, &b->local);
}

void wr_rng_fill(const wr_rng *rng, void *out, size_t len) {
  WR_ASSERT(rng->fill != NULL);
  rng->fill(rng->ctx, out, len);
}

uint32_t wr_rng_u32(const wr_rng *rng) {
  uint8_t b[4];
  wr_rng_fill(rng, b, sizeof b);
  return wr_get_u32(b);
}

uint64_t wr_rng_u64(const wr_rng *rng) {
  uint64_t high = wr_rng_u32(rng);
  return high << 32 | wr_rng_u32(rng);
}

void wr_wipe(void *secret, size_t len) {
  memset(secret, 0, len);
  __asm__ volatile("" : : "r"(secret) : "memory"); /* the stores are observed: they cannot be elided */
}

bool wr_equal_secret(const void *a, const void *b, size_t len) {
  const uint8_t *x = a, *y = b;
  uint8_t difference = 0;
  for (size_t i = 0; i < len; i++) difference |= (uint8_t)(x[i] ^ y[i]);
  return difference == 0;
}

void wr_write_text(wr_writer *w, const char *text) { wr_write_bytes(w, wr_bytes_of(text, strlen(text))); }

void wr_write_decimal(wr_writer *w, uint64_t v) {
  uint8_t digits[20];
  size_t n = 0;
  do {
    digits[sizeof digits - ++n] = (uint8_t)('0' + v % 10);
    v /= 10;
  } while (v);
  wr_write_bytes(w, wr_bytes_of(digits + sizeof digits - n, n));
}
