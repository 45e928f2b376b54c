/* wr/crypto_openssl.h - the OpenSSL 3 backend (EVP ciphers, DTLS 1.2 over memory BIOs). */
#ifndef WR_CRYPTO_OPENSSL_H
#define WR_CRYPTO_OPENSSL_H

#include "wr/crypto.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Mints an ECDSA P-256 certificate and builds the table. Once at start per process or per thread: one table may be
 * used by several threads (SSL_CTX and fetched algorithms are shared, sessions are not).
 * WR_ERR_CRYPTO: OpenSSL refused; *crypto is NULL. */
wr_err wr_crypto_openssl_open(const wr_crypto **crypto);
/* After every conn that used it is wiped. NULL allowed. */
void wr_crypto_openssl_close(const wr_crypto *crypto);
/* A wr_rng on OpenSSL's generator. */
wr_rng wr_crypto_openssl_rng(void);
/* The null backend for fuzzing and simulation: no secrecy at all, deterministic, "handshake" of the same flights.
 */
const wr_crypto *wr_crypto_null(void);

#ifdef __cplusplus
}
#endif
#endif
