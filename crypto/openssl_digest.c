/* crypto/openssl_digest.c - MD5, SHA-256 and HMAC-SHA256 for the long-term credentials of STUN. MD5 is what RFC
 * 8489 9.2.2 asks for; what it protects is a password that was never better protected there. */
#include <openssl/evp.h>

#include "crypto/openssl_backend.h"

static void digest(const EVP_MD *kind, wr_bytes first, const wr_bytes *parts, size_t n_parts, uint8_t *out) {
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  bool ok = md && EVP_DigestInit_ex(md, kind, NULL) == 1;
  if (ok && first.len) ok = EVP_DigestUpdate(md, first.data, first.len) == 1;
  for (size_t i = 0; ok && i < n_parts; i++) ok = EVP_DigestUpdate(md, parts[i].data, parts[i].len) == 1;
  ok = ok && EVP_DigestFinal_ex(md, out, NULL) == 1;
  EVP_MD_CTX_free(md);
  WR_ASSERT(ok);
}

void openssl_md5(void *ctx, const wr_bytes *parts, size_t n_parts, uint8_t out[16]) {
  (void)ctx;
  digest(EVP_md5(), wr_bytes_of(NULL, 0), parts, n_parts, out);
}

void openssl_sha256(void *ctx, const wr_bytes *parts, size_t n_parts, uint8_t out[32]) {
  (void)ctx;
  digest(EVP_sha256(), wr_bytes_of(NULL, 0), parts, n_parts, out);
}

void openssl_hmac_sha256(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n_parts, uint8_t mac[32]) {
  uint8_t block[64] = {0}, inner[32];
  (void)ctx;
  if (key.len > sizeof block)
    digest(EVP_sha256(), key, NULL, 0, block);
  else
    for (size_t i = 0; i < key.len; i++) block[i] = key.data[i];
  for (size_t i = 0; i < sizeof block; i++) block[i] ^= 0x36;
  digest(EVP_sha256(), wr_bytes_of(block, sizeof block), parts, n_parts, inner);
  for (size_t i = 0; i < sizeof block; i++) block[i] ^= 0x36 ^ 0x5c;
  wr_bytes part = wr_bytes_of(inner, sizeof inner);
  digest(EVP_sha256(), wr_bytes_of(block, sizeof block), &part, 1, mac);
  wr_wipe(block, sizeof block);
}
