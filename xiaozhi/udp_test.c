/* xiaozhi/udp_test.c - the UDP framing: layout and keystream, and datagrams that are not what they seem. */
#include "xiaozhi/udp.h"

#include "base/io.h"
#include "check.h"
#include "wr/crypto_openssl.h"

static xz_udp device, server; /* both directions are alike */

static const uint8_t key[16] = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6,
                                0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c};
static const uint8_t nonce[16] = {1, 0, 0, 0, 0xca, 0xfe, 0xba, 0xbe};
static const uint8_t opus[] = {0x58, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

static const wr_crypto *start(void) {
  const wr_crypto *crypto = NULL;
  device = server = (xz_udp){0};
  CHECK(wr_crypto_openssl_open(&crypto) == WR_OK);
  CHECK(xz_udp_open(&device, crypto, key, nonce) && xz_udp_open(&server, crypto, key, nonce));
  return crypto;
}

static void stop(const wr_crypto *crypto) {
  xz_udp_close(&device);
  xz_udp_close(&server);
  wr_crypto_openssl_close(crypto);
}

static wr_bytes sealed(uint8_t out[XZ_UDP_MAX]) {
  return wr_bytes_of(out, xz_udp_seal(&server, out, XZ_UDP_MAX, 60 * server.sent, wr_bytes_of(opus, sizeof opus)));
}

static bool taken(wr_bytes datagram) {
  uint32_t at;
  return xz_udp_unseal(&device, datagram, &at).len > 0;
}

static bool dropped(wr_bytes datagram, xz_udp_drop why) {
  uint64_t before = device.stats.drop[why];
  return !taken(datagram) && device.stats.drop[why] == before + 1;
}

TEST(xz_udp_layout_and_counter_block) {
  const wr_crypto *crypto = start();
  uint8_t out[XZ_UDP_MAX], want[16], block[32] = {0};
  size_t n = xz_udp_seal(&device, out, sizeof out, 0x01020304, wr_bytes_of(opus, sizeof opus));
  CHECK_EQ(n, 36);
  CHECK_BYTES(out, 16, want, check_hex(want, sizeof want, "01 00 0014 cafebabe 01020304 00000001"));
  /* The header is the counter block; the second block is the header plus one, over all 128 bits. */
  wr_cipher *cipher = crypto->cipher_open(crypto->ctx, WR_CIPHER_AES128_CTR, wr_bytes_of(key, 16));
  CHECK(crypto->ctr_xor(cipher, out, block, 16));
  wr_put_u32(out + 12, 2);
  CHECK(crypto->ctr_xor(cipher, out, block + 16, 16));
  for (size_t i = 0; i < sizeof opus; i++) CHECK_EQ(out[16 + i], opus[i] ^ block[i]);
  crypto->cipher_close(crypto->ctx, cipher);
  stop(crypto);
}

/* RFC 3686 is ESP's CTR; this is NIST SP 800-38A F.5.1, whose counter block carries over several bytes. */
TEST(xz_udp_keystream_of_sp800_38a) {
  const wr_crypto *crypto = NULL;
  uint8_t block[16], text[32], want[32];
  REQUIRE(wr_crypto_openssl_open(&crypto) == WR_OK);
  wr_cipher *cipher = crypto->cipher_open(crypto->ctx, WR_CIPHER_AES128_CTR, wr_bytes_of(key, 16));
  check_hex(block, sizeof block, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
  check_hex(text, sizeof text, "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51");
  CHECK(crypto->ctr_xor(cipher, block, text, sizeof text));
  check_hex(want, sizeof want, "874d6191b620e3261bef6864990db6ce 9806f66b7970fdff8617187bb9fffdff");
  CHECK_BYTES(text, sizeof text, want, sizeof want);
  crypto->cipher_close(crypto->ctx, cipher);
  wr_crypto_openssl_close(crypto);
}

TEST(xz_udp_there_and_back) {
  const wr_crypto *crypto = start();
  uint8_t out[XZ_UDP_MAX];
  for (uint32_t i = 1; i <= 300; i++) {
    wr_bytes datagram = sealed(out);
    uint32_t at = 0;
    wr_bytes got = xz_udp_unseal(&device, datagram, &at);
    CHECK_BYTES(got.data, got.len, opus, sizeof opus);
    CHECK_EQ(at, 60 * (i - 1));
    CHECK_EQ(device.received, i);
  }
  CHECK_EQ(device.stats.taken, 300);
  CHECK_EQ(device.stats.lost, 0);
  CHECK_EQ(xz_udp_seal(&device, out, 35, 0, wr_bytes_of(opus, sizeof opus)), 0);
  CHECK_EQ(xz_udp_seal(&device, out, sizeof out, 0, wr_bytes_of(opus, 0)), 0);
  CHECK_EQ(device.sent, 0);
  stop(crypto);
}

TEST(xz_udp_lost_repeated_and_overtaken) {
  const wr_crypto *crypto = start();
  uint8_t a[XZ_UDP_MAX], b[XZ_UDP_MAX], c[XZ_UDP_MAX];
  wr_bytes first = sealed(a), second = sealed(b), third = sealed(c);
  CHECK(taken(first));
  CHECK(dropped(first, XZ_UDP_OLD));
  CHECK(taken(third));
  CHECK_EQ(device.stats.lost, 1);
  CHECK(dropped(second, XZ_UDP_OLD));
  CHECK(dropped(third, XZ_UDP_OLD));
  stop(crypto);
}

/* One number far ahead, were it believed, would silence all that follows. */
TEST(xz_udp_a_jump_needs_its_successor) {
  const wr_crypto *crypto = start();
  uint8_t out[XZ_UDP_MAX];
  CHECK(taken(sealed(out)));
  server.sent = 0x7ffffff0;
  CHECK(dropped(sealed(out), XZ_UDP_JUMP));
  server.sent = 1;
  CHECK(taken(sealed(out))); /* the conversation goes on */
  server.sent = 500;         /* half a minute was lost */
  CHECK(dropped(sealed(out), XZ_UDP_JUMP));
  CHECK(taken(sealed(out)));
  CHECK_EQ(device.received, 502);
  server.sent = 0xfffffff0; /* behind, modulo 2^32 */
  CHECK(dropped(sealed(out), XZ_UDP_OLD));
  stop(crypto);
}

TEST(xz_udp_forged_datagrams) {
  const wr_crypto *crypto = start();
  uint8_t out[XZ_UDP_MAX + 1], forged[XZ_UDP_MAX + 1] = {0};
  wr_bytes real = sealed(out);
  CHECK(dropped(wr_bytes_of(forged, 0), XZ_UDP_MALFORMED));
  CHECK(dropped(wr_bytes_of(out, XZ_UDP_HEADER), XZ_UDP_MALFORMED));
  CHECK(dropped(wr_bytes_of(out, real.len - 1), XZ_UDP_MALFORMED));
  CHECK(dropped(wr_bytes_of(out, real.len + 1), XZ_UDP_MALFORMED));
  CHECK(dropped(wr_bytes_of(forged, sizeof forged), XZ_UDP_MALFORMED));
  memcpy(forged, out, real.len);
  forged[0] = 2;
  CHECK(dropped(wr_bytes_of(forged, real.len), XZ_UDP_MALFORMED));
  forged[0] = 1;
  forged[7] ^= 1;
  CHECK(dropped(wr_bytes_of(forged, real.len), XZ_UDP_FOREIGN));
  forged[7] ^= 1;
  forged[16] ^= 0x58 ^ 0xff; /* decrypts to code 3, and then to 0 frames */
  forged[17] ^= opus[1] ^ 0xc0;
  CHECK(dropped(wr_bytes_of(forged, real.len), XZ_UDP_NOT_OPUS));
  CHECK(taken(real)); /* none of it counted */
  stop(crypto);
}

TEST(xz_udp_a_new_key_counts_anew) {
  const wr_crypto *crypto = start();
  uint8_t out[XZ_UDP_MAX], other[16] = {7}, next[16] = {1, 0, 0, 0, 0xca, 0xfe, 0xba, 0xbf};
  for (int i = 0; i < 9; i++) CHECK(taken(sealed(out)));
  wr_bytes old = sealed(out);
  CHECK(xz_udp_open(&device, crypto, other, next));
  CHECK_EQ(device.received, 0);
  CHECK(dropped(old, XZ_UDP_FOREIGN));
  CHECK(xz_udp_open(&server, crypto, other, next));
  CHECK(taken(sealed(out)));
  CHECK_EQ(device.received, 1);
  xz_udp_close(&device);
  CHECK(dropped(sealed(out), XZ_UDP_FOREIGN));
  CHECK_EQ(xz_udp_seal(&device, out, sizeof out, 0, wr_bytes_of(opus, sizeof opus)), 0);
  stop(crypto);
}
