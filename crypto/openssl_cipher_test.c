#include "check.h"
#include "wr/crypto_openssl.h"

static const wr_crypto *open_crypto(void) {
  const wr_crypto *crypto = NULL;
  CHECK_EQ(wr_crypto_openssl_open(&crypto), WR_OK);
  return crypto;
}

/* RFC 2202 3, in one piece and in two, keyed and one-shot. */
TEST(openssl_hmac_sha1_rfc2202) {
  static const struct {
    const char *key, *data, *mac;
  } cases[] = {
      {"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265", "b617318655057264e28bc0b6fb378c8ef146be00"},
      {"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
       "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
      /* a key of 80 bytes is hashed first */
      {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
       "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b657920466972737"
       "4",
       "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
  };
  const wr_crypto *crypto = open_crypto();
  for (size_t i = 0; i < 3; i++) {
    uint8_t key[80], data[80], want[20], got[20];
    wr_bytes k = wr_bytes_of(key, check_hex(key, sizeof key, cases[i].key));
    size_t len = check_hex(data, sizeof data, cases[i].data);
    check_hex(want, sizeof want, cases[i].mac);
    const wr_bytes parts[] = {wr_bytes_of(data, len / 2), wr_bytes_of(data + len / 2, len - len / 2)};
    crypto->hmac_sha1(crypto->ctx, k, parts, 2, got);
    CHECK_BYTES(got, 20, want, 20);
    wr_cipher *cipher = crypto->cipher_open(crypto->ctx, WR_CIPHER_HMAC_SHA1, k);
    for (int again = 0; again < 2; again++) {
      CHECK(crypto->mac_sha1(cipher, parts, 2, got));
      CHECK_BYTES(got, 20, want, 20);
    }
    crypto->cipher_close(crypto->ctx, cipher);
  }
  wr_crypto_openssl_close(crypto);
}

/* RFC 3711 B.2 (AES-128) and NIST SP 800-38A F.5.5 (AES-256), twice on one context. */
TEST(openssl_ctr_known_keystreams) {
  static const struct {
    wr_cipher_kind kind;
    const char *key, *iv, *plain, *cipher;
  } cases[] = {
      {WR_CIPHER_AES128_CTR, "2B7E151628AED2A6ABF7158809CF4F3C", "F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000",
       "000000000000000000000000000000000000000000000000000000000000000000",
       "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41"},
      {WR_CIPHER_AES256_CTR, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
       "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", "6bc1bee22e409f96e93d7e117393172a", "601ec313775789a5b7a7f504bbf3d228"},
  };
  const wr_crypto *crypto = open_crypto();
  for (size_t i = 0; i < 2; i++) {
    uint8_t key[32], iv[16], data[64], want[64];
    size_t key_len = check_hex(key, sizeof key, cases[i].key);
    check_hex(iv, sizeof iv, cases[i].iv);
    size_t want_len = check_hex(want, sizeof want, cases[i].cipher);
    wr_cipher *cipher = crypto->cipher_open(crypto->ctx, cases[i].kind, wr_bytes_of(key, key_len));
    for (int again = 0; again < 2; again++) {
      size_t len = check_hex(data, sizeof data, cases[i].plain);
      CHECK(crypto->ctr_xor(cipher, iv, data, len));
      CHECK_BYTES(data, len, want, want_len);
    }
    crypto->cipher_close(crypto->ctx, cipher);
  }
  wr_crypto_openssl_close(crypto);
}

/* The GCM specification's test case 4, and an empty plaintext; a wrong tag in between leaves the context usable. */
TEST(openssl_gcm_known_answer_and_wrong_tag) {
  const wr_crypto *crypto = open_crypto();
  uint8_t key[16], iv[12], aad[20], data[64], plain[64], want[64], tag[16], want_tag[16];
  check_hex(key, 16, "feffe9928665731c6d6a8f9467308308");
  check_hex(iv, 12, "cafebabefacedbaddecaf888");
  check_hex(aad, 20, "feedfacedeadbeeffeedfacedeadbeefabaddad2");
  size_t len =
      check_hex(plain, sizeof plain,
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b5"
                "25b16aedf5aa0de657ba637b39");
  check_hex(want, sizeof want,
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
            "1ba30b396a0aac973d58e091");
  check_hex(want_tag, 16, "5bc94fbc3221a5db94fae95ae7121a47");
  wr_cipher *cipher = crypto->cipher_open(crypto->ctx, WR_CIPHER_AES128_GCM, wr_bytes_of(key, 16));
  for (int again = 0; again < 2; again++) {
    memcpy(data, plain, len);
    CHECK(crypto->gcm_seal(cipher, iv, wr_bytes_of(aad, 20), data, len, tag));
    CHECK_BYTES(data, len, want, len);
    CHECK_BYTES(tag, 16, want_tag, 16);
    tag[15] ^= 1;
    CHECK(!crypto->gcm_open(cipher, iv, wr_bytes_of(aad, 20), data, len, tag));
    memcpy(data, want, len);
    CHECK(crypto->gcm_open(cipher, iv, wr_bytes_of(aad, 20), data, len, want_tag));
    CHECK_BYTES(data, len, plain, len);
  }
  CHECK(crypto->gcm_seal(cipher, iv, wr_bytes_of(aad, 20), data, 0, tag));
  CHECK(crypto->gcm_open(cipher, iv, wr_bytes_of(aad, 20), data, 0, tag));
  CHECK(!crypto->gcm_open(cipher, iv, wr_bytes_of(aad, 19), data, 0, tag));
  crypto->cipher_close(crypto->ctx, cipher);
  wr_crypto_openssl_close(crypto);
}

TEST(openssl_refuses_keys_of_the_wrong_length) {
  static const wr_cipher_kind kinds[] = {WR_CIPHER_AES128_CTR, WR_CIPHER_AES256_CTR, WR_CIPHER_AES128_GCM,
                                         WR_CIPHER_AES256_GCM};
  static const size_t sizes[] = {16, 32, 16, 32};
  const wr_crypto *crypto = open_crypto();
  uint8_t key[40] = {0};
  for (size_t i = 0; i < 4; i++) {
    for (size_t len = 0; len < sizeof key; len++) {
      wr_cipher *cipher = crypto->cipher_open(crypto->ctx, kinds[i], wr_bytes_of(key, len));
      CHECK_EQ(cipher != NULL, len == sizes[i]);
      crypto->cipher_close(crypto->ctx, cipher);
    }
  }
  wr_crypto_openssl_close(crypto);
}
