/* tests/conn_settings.h - what every test's connection is made with; the test adds what it is about. */
#ifndef TESTS_CONN_SETTINGS_H
#define TESTS_CONN_SETTINGS_H

#include "wr/conn.h"
#include "wr/crypto_openssl.h"

/* |crypto| by wr_crypto_openssl_open; |buffer|, of |bytes|, may serve all connections of a test. */
static inline wr_conn_settings conn_settings(const wr_crypto *crypto, wr_pool *pool, uint8_t *buffer,
                                             size_t bytes) {
  wr_conn_settings settings;
  wr_conn_settings_default(&settings);
  settings.crypto = crypto;
  settings.rng = wr_crypto_openssl_rng();
  settings.pool = pool;
  settings.message_buffer = buffer;
  settings.message_buffer_bytes = bytes;
  return settings;
}

#endif
