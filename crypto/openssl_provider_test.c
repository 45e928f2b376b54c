#include <openssl/x509.h>

#include "check.h"
#include "crypto/openssl_backend.h"

/* A peer whose library and certificate are not ours: everything by OpenSSL's own default provider. */
static SSL_CTX *make_stranger(EVP_PKEY *key, const EVP_MD *digest) {
  X509 *certificate = X509_new();
  SSL_CTX *stranger = SSL_CTX_new(DTLS_method());
  CHECK(X509_set_version(certificate, X509_VERSION_3) == 1 && X509_set_pubkey(certificate, key) == 1);
  CHECK(X509_gmtime_adj(X509_getm_notBefore(certificate), 0) &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), 86400));
  CHECK(X509_sign(certificate, key, digest) > 0);
  CHECK(SSL_CTX_use_certificate(stranger, certificate) == 1 && SSL_CTX_use_PrivateKey(stranger, key) == 1);
  CHECK(SSL_CTX_set_tlsext_use_srtp(stranger, "SRTP_AEAD_AES_128_GCM") == 0);
  SSL_CTX_set_verify(stranger, SSL_VERIFY_NONE, NULL);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return stranger;
}

/* One flight per turn, as one datagram: OpenSSL's memory BIO keeps no boundaries, and DTLS allows records to join.
 */
static wr_dtls_status shake_hands(const wr_crypto *crypto, SSL_CTX *stranger, const char *ciphers) {
  uint8_t datagram[8192];
  SSL *client = SSL_new(stranger);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(in, -1);
  SSL_set_bio(client, in, out);
  SSL_set_options(client, SSL_OP_NO_QUERY_MTU);
  SSL_set_mtu(client, 1400);
  CHECK_EQ(SSL_set_cipher_list(client, ciphers), 1);
  SSL_set_connect_state(client);
  wr_dtls_session *server = crypto->dtls->open(crypto->ctx, false, 1200);
  for (int turn = 0; turn < 4; turn++) {
    SSL_do_handshake(client);
    int len = BIO_read(out, datagram, 2048);
    if (len > 0) (void)crypto->dtls->recv(server, wr_bytes_of(datagram, (size_t)len));
    size_t n;
    while ((n = crypto->dtls->pull(server, datagram, sizeof datagram)) > 0) {
      BIO_write(in, datagram, (int)n);
      SSL_do_handshake(client);
    }
  }
  wr_dtls_status status = crypto->dtls->status(server);
  CHECK(status != WR_DTLS_CONNECTED || SSL_is_init_finished(client));
  crypto->dtls->close(crypto->ctx, server);
  SSL_free(client);
  return status;
}

TEST(openssl_provider_knows_the_keys_peers_have) {
  const wr_crypto *crypto;
  REQUIRE(wr_crypto_openssl_open(&crypto) == WR_OK);
  const struct {
    EVP_PKEY *key;
    const EVP_MD *digest;
  } peers[] = {{EVP_EC_gen("P-256"), EVP_sha256()},
               {EVP_EC_gen("P-384"), EVP_sha384()},
               {EVP_RSA_gen(2048), EVP_sha256()},
               {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), NULL}};
  static const char *const ciphers[] = {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305",
                                        "ECDHE-ECDSA-AES128-SHA"};
  for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
    SSL_CTX *stranger = make_stranger(peers[i].key, peers[i].digest);
    for (size_t k = 0; k < sizeof ciphers / sizeof ciphers[0]; k++)
      CHECK_EQ(shake_hands(crypto, stranger, ciphers[k]), WR_DTLS_CONNECTED);
    SSL_CTX_free(stranger);
  }
  wr_crypto_openssl_close(crypto);
}

/* A key of a type that is not in the list is refused, not misread. */
TEST(openssl_provider_refuses_other_keys) {
  const wr_crypto *crypto;
  REQUIRE(wr_crypto_openssl_open(&crypto) == WR_OK);
  SSL_CTX *stranger = make_stranger(EVP_PKEY_Q_keygen(NULL, NULL, "ED448"), NULL);
  CHECK_EQ(shake_hands(crypto, stranger, "ECDHE-ECDSA-AES128-GCM-SHA256"), WR_DTLS_FAILED);
  SSL_CTX_free(stranger);
  wr_crypto_openssl_close(crypto);
}
