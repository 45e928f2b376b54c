/* crypto/openssl.c - the table of the OpenSSL 3 backend, and its generator.
 *
 * EVP_*_fetch searches the providers under a lock and costs as much as a few packets; it happens here once, never
 * per connection. What a connection opens are contexts on the fetched algorithms and an SSL on the shared SSL_CTX.
 */
#include <openssl/rand.h>
#include <stdlib.h>

#include "crypto/openssl_backend.h"

wr_err wr_crypto_openssl_open(const wr_crypto **crypto) {
  *crypto = NULL;
  openssl_backend *backend = calloc(1, sizeof *backend);
  if (!backend) return WR_ERR_CRYPTO;
  backend->table = (wr_crypto){.ctx = backend,
                               .dtls = &openssl_dtls_engine,
                               .hmac_sha1 = openssl_hmac_sha1,
                               .md5 = openssl_md5,
                               .sha256 = openssl_sha256,
                               .hmac_sha256 = openssl_hmac_sha256,
                               .cipher_open = openssl_cipher_open,
                               .cipher_close = openssl_cipher_close,
                               .ctr_xor = openssl_ctr_xor,
                               .gcm_seal = openssl_gcm_seal,
                               .gcm_open = openssl_gcm_open,
                               .mac_sha1 = openssl_mac_sha1};
  if (!openssl_cipher_fetch(backend) || !openssl_provider_open(backend) || !openssl_dtls_open(backend)) {
    wr_crypto_openssl_close(&backend->table);
    return WR_ERR_CRYPTO;
  }
  *crypto = &backend->table;
  return WR_OK;
}

void wr_crypto_openssl_close(const wr_crypto *crypto) {
  if (!crypto) return;
  openssl_backend *backend = crypto->ctx;
  openssl_dtls_close(backend);
  openssl_provider_close(backend);
  openssl_cipher_release(backend);
  free(backend);
}

/* A generator that fails must never be mistaken for one that worked. */
static void fill_random(void *ctx, uint8_t *out, size_t len) {
  (void)ctx;
  WR_ASSERT(len <= INT32_MAX);
  WR_ASSERT(RAND_bytes(out, (int)len) == 1);
}

wr_rng wr_crypto_openssl_rng(void) { return (wr_rng){.fill = fill_random, .ctx = NULL}; }
