#include "srtp/srtp.h"

#include "base/io.h"
#include "check.h"
#include "wr/crypto_openssl.h"

#define MAX_PACKET 1500

static const wr_srtp_profile profiles[] = {WR_SRTP_AES128_CM_SHA1_80, WR_SRTP_AEAD_AES_128_GCM,
                                           WR_SRTP_AEAD_AES_256_GCM};

/* Two ends of one connection. */
typedef struct ends {
  const wr_crypto *crypto;
  wr_srtp a, b;
} ends;

static wr_srtp_keys make_keys(wr_srtp_profile profile, const uint8_t *material) {
  wr_srtp_keys keys = {.profile = profile};
  keys.key_bytes = profile == WR_SRTP_AEAD_AES_256_GCM ? 32 : 16;
  keys.salt_bytes = profile == WR_SRTP_AES128_CM_SHA1_80 ? 14 : 12;
  memcpy(keys.local_key, material, 32);
  memcpy(keys.remote_key, material + 32, 32);
  memcpy(keys.local_salt, material + 64, 14);
  memcpy(keys.remote_salt, material + 78, 14);
  return keys;
}

static wr_srtp_keys mirrored(const wr_srtp_keys *keys) {
  wr_srtp_keys other = *keys;
  memcpy(other.local_key, keys->remote_key, 32);
  memcpy(other.remote_key, keys->local_key, 32);
  memcpy(other.local_salt, keys->remote_salt, 14);
  memcpy(other.remote_salt, keys->local_salt, 14);
  return other;
}

static bool open_ends(ends *e, wr_srtp_profile profile) {
  uint8_t material[92];
  check_rng rng = {.state = 5764};
  check_rng_fill(&rng, material, sizeof material);
  wr_srtp_keys keys = make_keys(profile, material), other = mirrored(&keys);
  return wr_crypto_openssl_open(&e->crypto) == WR_OK && wr_srtp_init(&e->a, e->crypto, &keys) == WR_OK &&
         wr_srtp_init(&e->b, e->crypto, &other) == WR_OK;
}

static void close_ends(ends *e) {
  wr_srtp_wipe(&e->a);
  wr_srtp_wipe(&e->b);
  wr_crypto_openssl_close(e->crypto);
}

static size_t make_rtp(uint8_t *packet, uint32_t ssrc, uint16_t seq, size_t payload) {
  memset(packet, 0, 12);
  packet[0] = 0x80;
  packet[1] = 111;
  wr_put_u16(packet + 2, seq);
  wr_put_u32(packet + 4, 960u * seq);
  wr_put_u32(packet + 8, ssrc);
  for (size_t i = 0; i < payload; i++) packet[12 + i] = (uint8_t)(seq + i);
  return 12 + payload;
}

/* RFC 3711 B.3's master key and salt; packets and results are the ones known from other implementations. */
#define B3_KEY "E1F97A0D3E018BE0D64FA32C06DE4139"
#define B3_SALT "0EC675AD498AFEEBB6960B3AABE6"

static bool open_b3(ends *e) {
  wr_srtp_keys keys = {.profile = WR_SRTP_AES128_CM_SHA1_80, .key_bytes = 16, .salt_bytes = 14};
  check_hex(keys.local_key, 16, B3_KEY);
  check_hex(keys.local_salt, 14, B3_SALT);
  check_hex(keys.remote_key, 16, B3_KEY);
  check_hex(keys.remote_salt, 14, B3_SALT);
  return wr_crypto_openssl_open(&e->crypto) == WR_OK && wr_srtp_init(&e->a, e->crypto, &keys) == WR_OK &&
         wr_srtp_init(&e->b, e->crypto, &keys) == WR_OK;
}

TEST(srtp_aes_cm_protects_the_known_packet) {
  ends e;
  REQUIRE(open_b3(&e));
  uint8_t packet[100], plain[100], want[100];
  size_t len = check_hex(packet, sizeof packet, "800f1234decafbadcafebabe abababababababababababababababab");
  memcpy(plain, packet, len);
  size_t want_len = check_hex(want, sizeof want,
                              "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb");
  size_t protected_len = wr_srtp_protect_rtp(&e.a, packet, len, sizeof packet);
  CHECK_BYTES(packet, protected_len, want, want_len);
  CHECK_EQ(wr_srtp_unprotect_rtp(&e.b, packet, &protected_len), WR_SRTP_OK);
  CHECK_BYTES(packet, protected_len, plain, len);
  close_ends(&e);
}

TEST(srtcp_aes_cm_opens_the_known_packet) {
  ends e;
  REQUIRE(open_b3(&e));
  uint8_t packet[100], want[100];
  size_t len = check_hex(packet, sizeof packet,
                         "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798");
  size_t want_len = check_hex(want, sizeof want, "81c8000bcafebabe abababababababababababababababab");
  CHECK_EQ(wr_srtp_unprotect_rtcp(&e.b, packet, &len), WR_SRTP_OK);
  CHECK_BYTES(packet, len, want, want_len);
  close_ends(&e);
}

/* RFC 3711 B.3: cipher key, cipher salt, and the first 20 bytes of the auth key. */
TEST(srtp_key_derivation_rfc3711_b3) {
  ends e;
  REQUIRE(open_b3(&e));
  uint8_t salt[14], key[20], iv[16] = {1}, got[32] = {0}, want[32] = {0}, got_mac[20], want_mac[20];
  check_hex(salt, sizeof salt, "30CBBC08863D8C85D49DB34A9AE1");
  CHECK_BYTES(e.a.tx.rtp_salt, 14, salt, 14);
  const wr_crypto *crypto = e.crypto;
  wr_cipher *cipher = crypto->cipher_open(crypto->ctx, WR_CIPHER_AES128_CTR,
                                          wr_bytes_of(key, check_hex(key, 16, "C61E7A93744F39EE10734AFE3FF7A087")));
  CHECK(crypto->ctr_xor(cipher, iv, want, sizeof want) && crypto->ctr_xor(e.a.tx.rtp, iv, got, sizeof got));
  CHECK_BYTES(got, sizeof got, want, sizeof want);
  crypto->cipher_close(crypto->ctx, cipher);
  check_hex(key, sizeof key, "CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");
  wr_bytes part = wr_bytes_of(iv, sizeof iv);
  crypto->hmac_sha1(crypto->ctx, wr_bytes_of(key, 20), &part, 1, want_mac);
  CHECK(crypto->mac_sha1(e.a.tx.rtp_mac, &part, 1, got_mac));
  CHECK_BYTES(got_mac, 20, want_mac, 20);
  close_ends(&e);
}

/* RFC 7714 gives session keys: they replace the derived ones. */
static bool open_rfc7714(ends *e, wr_srtp_profile profile) {
  if (!open_ends(e, profile)) return false;
  const wr_crypto *crypto = e->crypto;
  uint8_t key[32], salt[12];
  for (unsigned i = 0; i < sizeof key; i++) key[i] = (uint8_t)i;
  check_hex(salt, sizeof salt, "517569642070726f2071756f");
  bool is_256 = profile == WR_SRTP_AEAD_AES_256_GCM;
  wr_cipher **slots[] = {&e->a.tx.rtp, &e->a.tx.rtcp, &e->b.rx.rtp, &e->b.rx.rtcp};
  for (size_t i = 0; i < 4; i++) {
    crypto->cipher_close(crypto->ctx, *slots[i]);
    *slots[i] = crypto->cipher_open(crypto->ctx, is_256 ? WR_CIPHER_AES256_GCM : WR_CIPHER_AES128_GCM,
                                    wr_bytes_of(key, is_256 ? 32 : 16));
    if (!*slots[i]) return false;
  }
  memcpy(e->a.tx.rtp_salt, salt, 12);
  memcpy(e->a.tx.rtcp_salt, salt, 12);
  memcpy(e->b.rx.rtp_salt, salt, 12);
  memcpy(e->b.rx.rtcp_salt, salt, 12);
  return true;
}

static const struct {
  wr_srtp_profile profile;
  const char *srtp, *srtcp;
} rfc7714[] = {
    {WR_SRTP_AEAD_AES_128_GCM,
     "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf"
     "8833 899d7f27 beb16a91 52cf765e e4390cce",
     "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded"
     "0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4"},
    {WR_SRTP_AEAD_AES_256_GCM,
     "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799"
     "b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
     "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50 a2eaa5c1 110555be 8415f658 c61de047"
     "6f1b6fad 1d1eb30c 4446839f 57ff6f6c b26ac3be 800005d4"},
};

TEST(srtp_gcm_rfc7714_16) {
  for (size_t i = 0; i < 2; i++) {
    ends e;
    REQUIRE(open_rfc7714(&e, rfc7714[i].profile));
    uint8_t packet[200], plain[200], want[200];
    size_t len = check_hex(packet, sizeof packet,
                           "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 "
                           "696e2070 61727465 73207472 6573");
    memcpy(plain, packet, len);
    size_t want_len = check_hex(want, sizeof want, rfc7714[i].srtp);
    size_t protected_len = wr_srtp_protect_rtp(&e.a, packet, len, sizeof packet);
    CHECK_BYTES(packet, protected_len, want, want_len);
    CHECK_EQ(wr_srtp_unprotect_rtp(&e.b, packet, &protected_len), WR_SRTP_OK);
    CHECK_BYTES(packet, protected_len, plain, len);
    close_ends(&e);
  }
}

TEST(srtcp_gcm_rfc7714_17) {
  for (size_t i = 0; i < 2; i++) {
    ends e;
    REQUIRE(open_rfc7714(&e, rfc7714[i].profile));
    uint8_t packet[200], plain[200], want[200];
    size_t len = check_hex(packet, sizeof packet,
                           "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef"
                           "deadbeef deadbeef deadbeef deadbeef");
    memcpy(plain, packet, len);
    size_t want_len = check_hex(want, sizeof want, rfc7714[i].srtcp);
    e.a.tx.rtcp_index = 0x5d4;
    size_t protected_len = wr_srtp_protect_rtcp(&e.a, packet, len, sizeof packet);
    CHECK_BYTES(packet, protected_len, want, want_len);
    CHECK_EQ(wr_srtp_unprotect_rtcp(&e.b, packet, &protected_len), WR_SRTP_OK);
    CHECK_BYTES(packet, protected_len, plain, len);
    close_ends(&e);
  }
}

/* RFC 7714 17.2 and 17.4: authenticated, not encrypted: E = 0 and the whole packet is AAD. */
TEST(srtcp_gcm_without_encryption_is_authenticated) {
  ends e;
  REQUIRE(open_rfc7714(&e, WR_SRTP_AEAD_AES_128_GCM));
  const char *packet_text =
      "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef"
      "deadbeef 841dd968 3dd78ec9 2ae58790 125f62b3 000005d4";
  uint8_t packet[200];
  size_t len = check_hex(packet, sizeof packet, packet_text);
  packet[20] ^= 1;
  CHECK_EQ(wr_srtp_unprotect_rtcp(&e.b, packet, &len), WR_SRTP_BAD_TAG);
  len = check_hex(packet, sizeof packet, packet_text);
  CHECK_EQ(wr_srtp_unprotect_rtcp(&e.b, packet, &len), WR_SRTP_OK);
  CHECK_EQ(len, 52);
  CHECK_EQ(packet[8], 0x4e);
  close_ends(&e);
}

/* From master keys on: 12-byte salts and the AES-256 derivation (RFC 7714 11). The first is known from other
 * implementations, the others were computed by an independent one. */
TEST(srtp_gcm_protects_the_known_packets) {
  static const struct {
    wr_srtp_profile profile;
    const char *srtp, *srtcp;
  } cases[] = {
      {WR_SRTP_AEAD_AES_128_GCM,
       "800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
       "81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 c52c6fbea2b3b446ea31123ba88ce61e 80000001"},
      {WR_SRTP_AEAD_AES_256_GCM,
       "800f1234decafbadcafebabe 0af7f21e8a90bdad7a425c9c31ed4bb1 d90238917e7390a2793500e1681acaea",
       "81c8000bcafebabe 8abfafa780070a90e80f9161cf4aac08 1ed93aaa53c15b0f3ed1a3b984167b03 80000001"},
  };
  const wr_crypto *crypto = NULL;
  REQUIRE(wr_crypto_openssl_open(&crypto) == WR_OK);
  for (size_t i = 0; i < 2; i++) {
    uint8_t material[92], packet[100], want[100];
    for (unsigned j = 0; j < 32; j++) material[j] = material[32 + j] = (uint8_t)j;
    for (unsigned j = 0; j < 14; j++) material[64 + j] = material[78 + j] = (uint8_t)(0xa0 + j);
    wr_srtp_keys keys = make_keys(cases[i].profile, material);
    wr_srtp srtp;
    REQUIRE(wr_srtp_init(&srtp, crypto, &keys) == WR_OK);
    size_t len = check_hex(packet, sizeof packet, "800f1234decafbadcafebabe abababababababababababababababab");
    len = wr_srtp_protect_rtp(&srtp, packet, len, sizeof packet);
    CHECK_BYTES(packet, len, want, check_hex(want, sizeof want, cases[i].srtp));
    len = check_hex(packet, sizeof packet, "81c8000bcafebabe abababababababababababababababab");
    srtp.tx.rtcp_index = 1;
    len = wr_srtp_protect_rtcp(&srtp, packet, len, sizeof packet);
    CHECK_BYTES(packet, len, want, check_hex(want, sizeof want, cases[i].srtcp));
    wr_srtp_wipe(&srtp);
  }
  wr_crypto_openssl_close(crypto);
}

TEST(srtp_round_trip_over_the_rollover_with_loss_and_reordering) {
  for (size_t p = 0; p < 3; p++) {
    ends e;
    REQUIRE(open_ends(&e, profiles[p]));
    check_rng rng = {.state = 1 + p};
    unsigned n_bad = 0;
    for (unsigned i = 0; i < 3000; i++) {
      uint8_t first[MAX_PACKET], second[MAX_PACKET], plain[MAX_PACKET];
      uint16_t seq = (uint16_t)(64000 + 2 * i);
      size_t payload = check_rng_u32(&rng) % 200;
      size_t first_len = wr_srtp_protect_rtp(&e.a, first, make_rtp(first, 7, seq, payload), MAX_PACKET);
      size_t second_len =
          wr_srtp_protect_rtp(&e.a, second, make_rtp(second, 7, (uint16_t)(seq + 1), payload), MAX_PACKET);
      uint32_t dice = check_rng_u32(&rng) % 10;
      /* The second overtakes the first, or the first is lost. */
      if (wr_srtp_unprotect_rtp(&e.b, second, &second_len) != WR_SRTP_OK) n_bad++;
      if (dice && wr_srtp_unprotect_rtp(&e.b, first, &first_len) != WR_SRTP_OK) n_bad++;
      size_t plain_len = make_rtp(plain, 7, (uint16_t)(seq + 1), payload);
      if (plain_len != second_len || memcmp(plain, second, plain_len) != 0) n_bad++;
    }
    CHECK_EQ(n_bad, 0);
    CHECK_EQ(e.b.rx.source[0].rtp.highest >> 16, 1);
    close_ends(&e);
  }
}

TEST(srtp_skips_csrcs_and_header_extension_and_keeps_padding) {
  for (size_t p = 0; p < 3; p++) {
    ends e;
    REQUIRE(open_ends(&e, profiles[p]));
    uint8_t plain[100], packet[100];
    size_t len = check_hex(plain, sizeof plain,
                           "b26f0001 00000000 00000007 00000008 00000009" /* 2 CSRCs, X, P */
                           "bede0001 10aa2011 0102030405 00000003");
    memcpy(packet, plain, len);
    size_t protected_len = wr_srtp_protect_rtp(&e.a, packet, len, sizeof packet);
    CHECK_BYTES(packet, 28, plain, 28); /* all of the header stays readable */
    CHECK(memcmp(packet + 28, plain + 28, len - 28) != 0);
    CHECK_EQ(wr_srtp_unprotect_rtp(&e.b, packet, &protected_len), WR_SRTP_OK);
    CHECK_BYTES(packet, protected_len, plain, len);
    close_ends(&e);
  }
}

TEST(srtp_refuses_every_flipped_bit_and_changes_nothing) {
  for (size_t p = 0; p < 3; p++) {
    ends e;
    REQUIRE(open_ends(&e, profiles[p]));
    uint8_t packet[100];
    size_t len = wr_srtp_protect_rtp(&e.a, packet, make_rtp(packet, 7, 1000, 20), sizeof packet);
    wr_srtp_direction before = e.b.rx;
    unsigned n_accepted = 0;
    for (size_t bit = 0; bit < 8 * len; bit++) {
      uint8_t copy[100];
      memcpy(copy, packet, len);
      copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
      size_t copy_len = len;
      if (wr_srtp_unprotect_rtp(&e.b, copy, &copy_len) == WR_SRTP_OK) n_accepted++;
    }
    CHECK_EQ(n_accepted, 0);
    CHECK_BYTES(&e.b.rx, sizeof before, &before, sizeof before);
    CHECK_EQ(wr_srtp_unprotect_rtp(&e.b, packet, &len), WR_SRTP_OK);
    close_ends(&e);
  }
}

TEST(srtcp_round_trip_replay_and_tampering) {
  for (size_t p = 0; p < 3; p++) {
    ends e;
    REQUIRE(open_ends(&e, profiles[p]));
    for (unsigned i = 0; i < 4; i++) {
      uint8_t plain[100], packet[100], copy[100];
      size_t len = check_hex(plain, sizeof plain, "80c90001 00000007 00112233 44556677");
      memcpy(packet, plain, len);
      size_t protected_len = wr_srtp_protect_rtcp(&e.a, packet, len, sizeof packet), copy_len = protected_len;
      memcpy(copy, packet, protected_len);
      copy[9] ^= 4;
      CHECK_EQ(wr_srtp_unprotect_rtcp(&e.b, copy, &copy_len), WR_SRTP_BAD_TAG);
      copy_len = protected_len;
      memcpy(copy, packet, protected_len);
      CHECK_EQ(wr_srtp_unprotect_rtcp(&e.b, packet, &protected_len), WR_SRTP_OK);
      CHECK_BYTES(packet, protected_len, plain, len);
      CHECK_EQ(wr_srtp_unprotect_rtcp(&e.b, copy, &copy_len), WR_SRTP_REPLAYED);
    }
    close_ends(&e);
  }
}

TEST(srtp_reveals_what_it_has_protected) {
  for (size_t p = 0; p < 3; p++) {
    ends e;
    REQUIRE(open_ends(&e, profiles[p]));
    uint8_t plain[100], packet[100], later[100], other[100];
    size_t plain_len = make_rtp(plain, 7, 65535, 20);
    memcpy(packet, plain, plain_len);
    size_t len = wr_srtp_protect_rtp(&e.a, packet, plain_len, sizeof packet);
    CHECK_EQ(len, plain_len + wr_srtp_rtp_expansion(&e.a));
    (void)wr_srtp_protect_rtp(&e.a, later, make_rtp(later, 7, 0, 20), sizeof later); /* over the rollover */
    memcpy(other, packet, len);
    other[len - 1] ^= 1;
    size_t other_len = len;
    CHECK(!wr_srtp_reveal_rtp(&e.a, other, &other_len));
    CHECK(wr_srtp_reveal_rtp(&e.a, packet, &len));
    CHECK_BYTES(packet, len, plain, plain_len);
    CHECK(!wr_srtp_reveal_rtp(&e.a, packet, &(size_t){20}));
    size_t foreign_len = make_rtp(other, 8, 1, 20);
    CHECK(!wr_srtp_reveal_rtp(&e.a, other, &foreign_len));
    close_ends(&e);
  }
}

TEST(srtp_replay_is_told_from_a_bad_tag) {
  ends e;
  REQUIRE(open_ends(&e, WR_SRTP_AEAD_AES_128_GCM));
  uint8_t packet[100], copy[100];
  size_t len = wr_srtp_protect_rtp(&e.a, packet, make_rtp(packet, 7, 500, 20), sizeof packet), copy_len = len;
  memcpy(copy, packet, len);
  CHECK_EQ(wr_srtp_unprotect_rtp(&e.b, packet, &len), WR_SRTP_OK);
  CHECK_EQ(wr_srtp_unprotect_rtp(&e.b, copy, &copy_len), WR_SRTP_REPLAYED);
  close_ends(&e);
}

TEST(srtp_refuses_malformed_packets) {
  for (size_t p = 0; p < 3; p++) {
    ends e;
    REQUIRE(open_ends(&e, profiles[p]));
    for (size_t len = 0; len < 12 + 10; len++) {
      uint8_t packet[64] = {0x80};
      size_t rtp_len = len, rtcp_len = len < 8 + 14 ? len : 0;
      CHECK_EQ(wr_srtp_unprotect_rtp(&e.b, packet, &rtp_len), WR_SRTP_MALFORMED);
      CHECK_EQ(wr_srtp_unprotect_rtcp(&e.b, packet, &rtcp_len), WR_SRTP_MALFORMED);
    }
    uint8_t packet[64] = {0x9f}; /* 15 CSRCs and an extension that are not there */
    size_t len = sizeof packet;
    CHECK_EQ(wr_srtp_unprotect_rtp(&e.b, packet, &len), WR_SRTP_MALFORMED);
    packet[0] = 0x90; /* an extension longer than the packet */
    packet[14] = 0xff;
    CHECK_EQ(wr_srtp_unprotect_rtp(&e.b, packet, &len), WR_SRTP_MALFORMED);
    packet[0] = 0x40; /* not version 2 */
    CHECK_EQ(wr_srtp_unprotect_rtp(&e.b, packet, &len), WR_SRTP_MALFORMED);
    CHECK_EQ(wr_srtp_unprotect_rtcp(&e.b, packet, &len), WR_SRTP_MALFORMED);
    close_ends(&e);
  }
}

TEST(srtp_ninth_source_replaces_the_longest_silent) {
  ends e;
  REQUIRE(open_ends(&e, WR_SRTP_AEAD_AES_128_GCM));
  static const uint32_t order[] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 9}; /* 2 is silent longest */
  for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
    uint8_t packet[100];
    size_t len =
        wr_srtp_protect_rtp(&e.a, packet, make_rtp(packet, order[i], (uint16_t)(100 + i), 20), sizeof packet);
    CHECK_EQ(wr_srtp_unprotect_rtp(&e.b, packet, &len), WR_SRTP_OK);
  }
  bool known[10] = {false};
  for (size_t i = 0; i < WR_SRTP_N_SOURCES; i++) known[e.b.rx.source[i].ssrc] = true;
  CHECK(!known[2]);
  CHECK(known[1] && known[3] && known[8] && known[9]);
  close_ends(&e);
}

TEST(srtp_stops_when_the_key_is_used_up) {
  ends e;
  REQUIRE(open_ends(&e, WR_SRTP_AES128_CM_SHA1_80));
  uint8_t packet[100];
  CHECK(wr_srtp_protect_rtp(&e.a, packet, make_rtp(packet, 7, 65535, 20), sizeof packet) > 0);
  e.a.tx.source[0].rtp.highest = 0xffffffffffff;
  CHECK_EQ(wr_srtp_protect_rtp(&e.a, packet, make_rtp(packet, 7, 0, 20), sizeof packet), 0);
  e.a.tx.rtcp_index = 0x7fffffff;
  size_t len = check_hex(packet, sizeof packet, "80c90001 00000007");
  CHECK(wr_srtp_protect_rtcp(&e.a, packet, len, sizeof packet) > 0);
  CHECK_EQ(wr_srtp_protect_rtcp(&e.a, packet, len, sizeof packet), 0);
  close_ends(&e);
}

TEST(srtp_refuses_keys_of_the_wrong_size) {
  wr_srtp_keys keys = {.profile = WR_SRTP_AEAD_AES_256_GCM, .key_bytes = 16, .salt_bytes = 12};
  wr_srtp srtp;
  CHECK_EQ(wr_srtp_init(&srtp, wr_crypto_null(), &keys), WR_ERR_CRYPTO);
  keys.profile = WR_SRTP_NONE;
  CHECK_EQ(wr_srtp_init(&srtp, wr_crypto_null(), &keys), WR_ERR_CRYPTO);
}

TEST(srtp_runs_on_the_null_backend) {
  for (size_t p = 0; p < 3; p++) {
    uint8_t material[92] = {1};
    wr_srtp_keys keys = make_keys(profiles[p], material), other = mirrored(&keys);
    wr_srtp a, b;
    REQUIRE(wr_srtp_init(&a, wr_crypto_null(), &keys) == WR_OK);
    REQUIRE(wr_srtp_init(&b, wr_crypto_null(), &other) == WR_OK);
    uint8_t packet[100], plain[100];
    size_t plain_len = make_rtp(plain, 7, 500, 20);
    size_t len = wr_srtp_protect_rtp(&a, packet, make_rtp(packet, 7, 500, 20), sizeof packet);
    packet[15] ^= 1;
    size_t tampered_len = len;
    CHECK_EQ(wr_srtp_unprotect_rtp(&b, packet, &tampered_len), WR_SRTP_BAD_TAG);
    len = wr_srtp_protect_rtp(&a, packet, make_rtp(packet, 7, 500, 20), sizeof packet);
    CHECK_EQ(wr_srtp_unprotect_rtp(&b, packet, &len), WR_SRTP_OK);
    CHECK_BYTES(packet, len, plain, plain_len);
    wr_srtp_wipe(&a);
    wr_srtp_wipe(&b);
  }
}
