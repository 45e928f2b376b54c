/* crypto/openssl_backend.h - what the files of the OpenSSL backend share. Private to crypto/. */
#ifndef CRYPTO_OPENSSL_BACKEND_H
#define CRYPTO_OPENSSL_BACKEND_H

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "wr/crypto_openssl.h"

/* Everything fetched or minted once; read-only afterwards, therefore shared by threads. */
typedef struct openssl_backend {
  wr_crypto table; /* first: a const wr_crypto * of ours is a openssl_backend * */
  EVP_CIPHER *aes128_ctr, *aes256_ctr, *aes128_gcm, *aes256_gcm;
  EVP_MD *sha1, *sha256, *sha384, *sha512;
  OSSL_LIB_CTX *library; /* of DTLS and its certificates */
  OSSL_PROVIDER *provider;
  SSL_CTX *dtls;
  BIO_METHOD *datagrams;
} openssl_backend;

/* openssl_provider.c: the library context. false as below. */
bool openssl_provider_open(openssl_backend *backend);
void openssl_provider_close(openssl_backend *backend);

/* openssl_dtls.c: certificate, context and engine. false: OpenSSL refused; what was made is freed by dtls_close. */
bool openssl_dtls_open(openssl_backend *backend);
void openssl_dtls_close(openssl_backend *backend);
extern const wr_dtls_engine openssl_dtls_engine;

/* openssl_cipher.c: the keyed contexts. */
bool openssl_cipher_fetch(openssl_backend *backend);
void openssl_cipher_release(openssl_backend *backend);
wr_cipher *openssl_cipher_open(void *ctx, wr_cipher_kind kind, wr_bytes key);
void openssl_cipher_close(void *ctx, wr_cipher *cipher);
bool openssl_ctr_xor(wr_cipher *cipher, const uint8_t iv[16], uint8_t *data, size_t len);
bool openssl_gcm_seal(wr_cipher *cipher, const uint8_t iv[12], wr_bytes aad, uint8_t *data, size_t len,
                      uint8_t tag[16]);
bool openssl_gcm_open(wr_cipher *cipher, const uint8_t iv[12], wr_bytes aad, uint8_t *data, size_t len,
                      const uint8_t tag[16]);
bool openssl_mac_sha1(wr_cipher *cipher, const wr_bytes *parts, size_t n_parts, uint8_t mac[20]);
void openssl_hmac_sha1(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n_parts, uint8_t mac[20]);

/* openssl_digest.c: for credentials, not for packets. */
void openssl_md5(void *ctx, const wr_bytes *parts, size_t n_parts, uint8_t out[16]);
void openssl_sha256(void *ctx, const wr_bytes *parts, size_t n_parts, uint8_t out[32]);
void openssl_hmac_sha256(void *ctx, wr_bytes key, const wr_bytes *parts, size_t n_parts, uint8_t mac[32]);

#endif
