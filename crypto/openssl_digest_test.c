#include "check.h"
#include "wr/crypto_openssl.h"

static void same(const uint8_t *got, size_t len, const char *hex) {
  uint8_t want[64];
  CHECK_BYTES(got, len, want, check_hex(want, sizeof want, hex));
}

TEST(openssl_digests_of_credentials) {
  const wr_crypto *crypto = NULL;
  uint8_t out[32], key[131];
  REQUIRE(wr_crypto_openssl_open(&crypto) == WR_OK);
  const wr_bytes abc[] = {WR_BYTES_LITERAL("a"), WR_BYTES_LITERAL("bc")};
  crypto->md5(crypto->ctx, abc, 2, out); /* RFC 1321 A.5 */
  same(out, 16, "900150983cd24fb0d6963f7d28e17f72");
  crypto->sha256(crypto->ctx, abc, 2, out); /* FIPS 180-2 B.1 */
  same(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const wr_bytes jefe[] = {WR_BYTES_LITERAL("what do ya want "), WR_BYTES_LITERAL("for nothing?")};
  crypto->hmac_sha256(crypto->ctx, WR_BYTES_LITERAL("Jefe"), jefe, 2, out); /* RFC 4231 4.3 */
  same(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  memset(key, 0xaa, sizeof key);
  const wr_bytes larger = WR_BYTES_LITERAL("Test Using Larger Than Block-Size Key - Hash Key First");
  crypto->hmac_sha256(crypto->ctx, wr_bytes_of(key, sizeof key), &larger, 1, out); /* RFC 4231 4.7 */
  same(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  wr_crypto_openssl_close(crypto);
}
