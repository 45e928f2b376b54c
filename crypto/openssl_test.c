#include "check.h"
#include "wr/crypto_openssl.h"

TEST(openssl_certificates_differ_and_their_fingerprint_is_shown) {
  const wr_crypto *one = NULL, *two = NULL;
  CHECK_EQ(wr_crypto_openssl_open(&one), WR_OK);
  CHECK_EQ(wr_crypto_openssl_open(&two), WR_OK);
  CHECK_EQ(one->local_fingerprint.hash, WR_HASH_SHA256);
  CHECK_EQ(one->local_fingerprint.len, 32);
  CHECK(memcmp(one->local_fingerprint.bytes, two->local_fingerprint.bytes, 32) != 0);
  wr_crypto_openssl_close(one);
  wr_crypto_openssl_close(two);
  wr_crypto_openssl_close(NULL);
}

TEST(openssl_rng_fills_and_differs) {
  uint8_t a[64] = {0}, b[64] = {0}, zero[64] = {0};
  wr_rng rng = wr_crypto_openssl_rng();
  wr_rng_fill(&rng, a, sizeof a);
  wr_rng_fill(&rng, b, sizeof b);
  CHECK(memcmp(a, b, sizeof a) != 0);
  CHECK(memcmp(a + 32, zero, 32) != 0 && memcmp(b, zero, 32) != 0);
}
