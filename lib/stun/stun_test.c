#include "stun/stun.h"

#include "check.h"
#include "wr/crypto_openssl.h"

/* RFC 5769 2.1 to 2.4 */
static const char sample_request[] =
    "00 01 00 58 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae 80 22 00 10 53 54 55 4e 20 74 65 73 74 20 63 6c"
    "69 65 6e 74 00 24 00 04 6e 00 01 ff 80 29 00 08 93 2f f9 b1 51 26 3b 36 00 06 00 09 65 76 74 6a 3a 68 36 76"
    "59 20 20 20 00 08 00 14 9a ea a7 0c bf d8 cb 56 78 1e f2 b5 b2 d3 f2 49 c1 b5 71 a2 80 28 00 04 e5 7a 3b cf";
static const char sample_response_v4[] =
    "01 01 00 3c 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae 80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20"
    "00 20 00 08 00 01 a1 47 e1 12 a6 43 00 08 00 14 2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9 2a f9 ba 53 f0 6b e7 d7"
    "80 28 00 04 c0 7d 4c 96";
static const char sample_response_v6[] =
    "01 01 00 48 21 12 a4 42 b7 e7 a7 01 bc 34 d6 86 fa 87 df ae 80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20"
    "00 20 00 14 00 02 a1 47 01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9 00 08 00 14 a3 82 95 4e 4b e6 7b f1"
    "17 84 c9 7c 82 92 c2 75 bf e3 ed 41 80 28 00 04 c8 fb 0b 4c";
static const char sample_long_term[] =
    "00 01 00 60 21 12 a4 42 78 ad 34 33 c6 ad 72 c0 29 da 41 2e 00 06 00 12 e3 83 9e e3 83 88 e3 83 aa e3 83 83"
    "e3 82 af e3 82 b9 00 00 00 15 00 1c 66 2f 2f 34 39 39 6b 39 35 34 64 36 4f 4c 33 34 6f 4c 39 46 53 54 76 79"
    "36 34 73 41 00 14 00 0b 65 78 61 6d 70 6c 65 2e 6f 72 67 00 00 08 00 14 f6 70 24 65 6d d6 4a 3e 02 b8 e0 71"
    "2e 85 c9 a2 8c a8 96 66";
static const char sample_password[] = "VOkJxbRl1RmTxUk/WvJxBt";

static const wr_crypto *crypto(void) {
  static const wr_crypto *opened;
  if (!opened) CHECK_EQ(wr_crypto_openssl_open(&opened), WR_OK);
  return opened;
}

static wr_bytes password(void) { return wr_bytes_of(sample_password, strlen(sample_password)); }

static wr_bytes sample(uint8_t out[256], const char *hex) { return wr_bytes_of(out, check_hex(out, 256, hex)); }

TEST(stun_rfc5769_request) {
  uint8_t buffer[256];
  wr_bytes datagram = sample(buffer, sample_request);
  wr_stun m;
  CHECK(wr_stun_is(datagram));
  REQUIRE(wr_stun_parse(&m, datagram) == WR_OK);
  CHECK_EQ(m.class_, WR_STUN_REQUEST);
  CHECK_EQ(m.method, WR_STUN_BINDING);
  CHECK_BYTES(m.username.data, m.username.len, "evtj:h6vY", 9);
  CHECK_BYTES(m.software.data, m.software.len, "STUN test client", 16);
  CHECK(m.has_priority && m.priority == 0x6e0001ff);
  CHECK(m.controlled && !m.controlling && m.tie_breaker == 0x932ff9b151263b36u);
  CHECK(m.has_fingerprint && !m.use_candidate);
  CHECK(wr_stun_verify(&m, crypto(), password()));
  CHECK(!wr_stun_verify(&m, crypto(), WR_BYTES_LITERAL("VOkJxbRl1RmTxUk/WvJxBT")));
  CHECK(!wr_stun_verify(&m, crypto(), wr_bytes_of(NULL, 0)));
  wr_bytes ufrag = wr_stun_peek_local_ufrag(datagram);
  CHECK_BYTES(ufrag.data, ufrag.len, "evtj", 4);
}

TEST(stun_rfc5769_responses) {
  uint8_t buffer[256];
  wr_stun m;
  wr_addr want;
  REQUIRE(wr_stun_parse(&m, sample(buffer, sample_response_v4)) == WR_OK);
  CHECK_EQ(m.class_, WR_STUN_SUCCESS);
  REQUIRE(wr_addr_parse(&want, WR_BYTES_LITERAL("192.0.2.1"), 32853));
  CHECK(wr_addr_equal(&m.mapped, &want));
  CHECK(wr_stun_verify(&m, crypto(), password()));
  CHECK_EQ(wr_stun_peek_local_ufrag(m.datagram).len, 0);
  REQUIRE(wr_stun_parse(&m, sample(buffer, sample_response_v6)) == WR_OK);
  REQUIRE(wr_addr_parse(&want, WR_BYTES_LITERAL("2001:db8:1234:5678:11:2233:4455:6677"), 32853));
  CHECK(wr_addr_equal(&m.mapped, &want));
  CHECK(wr_stun_verify(&m, crypto(), password()));
}

TEST(stun_rfc5769_long_term_request) {
  uint8_t buffer[256], key[16];
  wr_stun m;
  REQUIRE(wr_stun_parse(&m, sample(buffer, sample_long_term)) == WR_OK);
  CHECK(!m.has_fingerprint);
  CHECK_EQ(m.username.len, 18);
  CHECK_BYTES(m.nonce.data, m.nonce.len, "f//499k954d6OL34oL9FSTvy64sA", 28);
  CHECK_BYTES(m.realm.data, m.realm.len, "example.org", 11);
  /* MD5 of username ":" realm ":" "TheMatrIX" (RFC 8489 9.2.2) */
  check_hex(key, sizeof key, "e8ca7ad59d5eb0518e312911d2dab2a9");
  CHECK(wr_stun_verify(&m, crypto(), wr_bytes_of(key, sizeof key)));
}

TEST(stun_every_flipped_bit_is_noticed) {
  uint8_t buffer[256];
  wr_bytes datagram = sample(buffer, sample_request);
  for (size_t bit = 0; bit < datagram.len * 8; bit++) {
    buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
    wr_stun m;
    CHECK(wr_stun_parse(&m, datagram) != WR_OK || !m.has_fingerprint);
    buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
}

TEST(stun_every_truncation_is_refused) {
  uint8_t buffer[256];
  wr_bytes datagram = sample(buffer, sample_request);
  for (size_t len = 0; len < datagram.len; len++) {
    wr_stun m;
    CHECK(wr_stun_parse(&m, wr_bytes_of(datagram.data, len)) == WR_ERR_SYNTAX);
    if (len < WR_STUN_HEADER_BYTES || len % 4) continue;
    uint8_t cut[256]; /* also with a header that agrees with the cut */
    memcpy(cut, buffer, len);
    wr_put_u16(cut + 2, (uint16_t)(len - WR_STUN_HEADER_BYTES));
    if (wr_stun_parse(&m, wr_bytes_of(cut, len)) == WR_OK) CHECK(!m.has_fingerprint);
    CHECK(wr_stun_peek_local_ufrag(wr_bytes_of(cut, len)).len <= 4);
  }
}

static const uint8_t some_id[WR_STUN_ID_BYTES] = "abcdefghijkl";

TEST(stun_writes_what_it_reads) {
  uint8_t out[512];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_stun_begin(&w, WR_STUN_REQUEST, WR_STUN_BINDING, some_id);
  wr_stun_write_bytes(&w, WR_STUN_USERNAME, WR_BYTES_LITERAL("them:us"));
  wr_stun_write_u32(&w, WR_STUN_PRIORITY, 12345);
  wr_stun_write_u64(&w, WR_STUN_ICE_CONTROLLING, 0x0102030405060708);
  wr_stun_write_flag(&w, WR_STUN_USE_CANDIDATE);
  size_t len = wr_stun_end(&w, crypto(), password());
  REQUIRE(len > 0);
  wr_stun m;
  REQUIRE(wr_stun_parse(&m, wr_bytes_of(out, len)) == WR_OK);
  CHECK(wr_stun_verify(&m, crypto(), password()));
  CHECK_BYTES(m.id, 12, some_id, 12);
  CHECK_BYTES(m.username.data, m.username.len, "them:us", 7);
  CHECK_EQ(m.priority, 12345);
  CHECK(m.controlling && !m.controlled && m.use_candidate && m.tie_breaker == 0x0102030405060708);
  for (size_t cap = 0; cap < len; cap++) {
    uint8_t tight[512];
    wr_writer t = wr_writer_of(tight, cap);
    wr_stun_begin(&t, WR_STUN_REQUEST, WR_STUN_BINDING, some_id);
    wr_stun_write_bytes(&t, WR_STUN_USERNAME, WR_BYTES_LITERAL("them:us"));
    wr_stun_write_u32(&t, WR_STUN_PRIORITY, 12345);
    wr_stun_write_u64(&t, WR_STUN_ICE_CONTROLLING, 0x0102030405060708);
    wr_stun_write_flag(&t, WR_STUN_USE_CANDIDATE);
    CHECK_EQ(wr_stun_end(&t, crypto(), password()), 0);
  }
}

TEST(stun_mapped_address_of_both_families_survives) {
  static const char *const text[] = {"203.0.113.77", "2001:db8::5"};
  for (int i = 0; i < 2; i++) {
    uint8_t out[128];
    wr_addr addr;
    REQUIRE(wr_addr_parse(&addr, wr_bytes_of(text[i], strlen(text[i])), 50001));
    wr_writer w = wr_writer_of(out, sizeof out);
    wr_stun_begin(&w, WR_STUN_SUCCESS, WR_STUN_BINDING, some_id);
    wr_stun_write_mapped(&w, &addr);
    size_t len = wr_stun_end(&w, crypto(), password());
    wr_stun m;
    REQUIRE(wr_stun_parse(&m, wr_bytes_of(out, len)) == WR_OK);
    CHECK_EQ(m.class_, WR_STUN_SUCCESS);
    CHECK(wr_addr_equal(&m.mapped, &addr));
  }
}

TEST(stun_unknown_required_attributes_are_listed_and_answered) {
  uint8_t out[256], answer[256];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_stun_begin(&w, WR_STUN_REQUEST, WR_STUN_BINDING, some_id);
  wr_stun_write_bytes(&w, (wr_stun_attribute)0x7001, WR_BYTES_LITERAL("abc"));
  wr_stun_write_bytes(&w, (wr_stun_attribute)0xc057, WR_BYTES_LITERAL("optional"));
  wr_stun_write_bytes(&w, (wr_stun_attribute)0x0019, WR_BYTES_LITERAL("x"));
  size_t len = wr_stun_end(&w, crypto(), password());
  wr_stun m;
  REQUIRE(wr_stun_parse(&m, wr_bytes_of(out, len)) == WR_OK);
  CHECK_EQ(m.n_unknown, 2);
  CHECK_EQ(m.unknown[0], 0x7001);
  CHECK_EQ(m.unknown[1], 0x0019);
  w = wr_writer_of(answer, sizeof answer);
  wr_stun_begin(&w, WR_STUN_ERROR, WR_STUN_BINDING, m.id);
  wr_stun_write_error(&w, WR_STUN_UNKNOWN_ATTRIBUTE, "Unknown Attribute");
  wr_stun_write_unknown(&w, m.unknown, m.n_unknown);
  len = wr_stun_end(&w, crypto(), password());
  REQUIRE(wr_stun_parse(&m, wr_bytes_of(answer, len)) == WR_OK);
  CHECK_EQ(m.class_, WR_STUN_ERROR);
  CHECK_EQ(m.error_code, 420);
  CHECK_BYTES(m.reason.data, m.reason.len, "Unknown Attribute", 17);
}

TEST(stun_nothing_behind_the_mac_is_believed) {
  uint8_t out[256];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_stun_begin(&w, WR_STUN_REQUEST, WR_STUN_BINDING, some_id);
  wr_stun_write_bytes(&w, WR_STUN_USERNAME, WR_BYTES_LITERAL("a:b"));
  size_t len = wr_stun_end(&w, crypto(), password()) - 8; /* without its FINGERPRINT */
  w = wr_writer_of(out, sizeof out);
  w.at += len;
  wr_stun_write_flag(&w, WR_STUN_USE_CANDIDATE);
  wr_stun_write_bytes(&w, (wr_stun_attribute)0x7001, WR_BYTES_LITERAL("abc"));
  len = wr_stun_end(&w, crypto(), wr_bytes_of(NULL, 0));
  wr_stun m;
  REQUIRE(wr_stun_parse(&m, wr_bytes_of(out, len)) == WR_OK);
  CHECK(m.has_fingerprint && !m.use_candidate && m.n_unknown == 0);
  CHECK(wr_stun_verify(&m, crypto(), password()));
}

TEST(stun_classes_and_methods_interleave) {
  for (unsigned method = 0; method < 0x1000; method += 7) {
    for (int class_ = 0; class_ < 4; class_++) {
      uint8_t out[64];
      wr_writer w = wr_writer_of(out, sizeof out);
      wr_stun_begin(&w, (wr_stun_class)class_, (uint16_t)method, some_id);
      size_t len = wr_stun_end(&w, crypto(), wr_bytes_of(NULL, 0));
      wr_stun m;
      REQUIRE(wr_stun_parse(&m, wr_bytes_of(out, len)) == WR_OK);
      CHECK_EQ(m.method, method);
      CHECK_EQ(m.class_, class_);
    }
  }
}

TEST(stun_the_first_of_two_counts) {
  uint8_t out[256];
  wr_addr first = {.ip = {10, 0, 0, 1}, .port = 1, .family = 4},
          second = {.ip = {10, 0, 0, 2}, .port = 2, .family = 4};
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_stun_begin(&w, WR_STUN_REQUEST, WR_STUN_BINDING, some_id);
  wr_stun_write_mapped(&w, &first);
  wr_stun_write_mapped(&w, &second);
  wr_stun_write_bytes(&w, WR_STUN_USERNAME, WR_BYTES_LITERAL("a:b"));
  wr_stun_write_bytes(&w, WR_STUN_USERNAME, WR_BYTES_LITERAL("c:d"));
  wr_stun_write_u64(&w, WR_STUN_ICE_CONTROLLED, 1);
  wr_stun_write_u64(&w, WR_STUN_ICE_CONTROLLING, 2);
  size_t len = wr_stun_end(&w, crypto(), password());
  wr_stun m;
  REQUIRE(wr_stun_parse(&m, wr_bytes_of(out, len)) == WR_OK);
  CHECK(wr_addr_equal(&m.mapped, &first));
  CHECK_BYTES(m.username.data, m.username.len, "a:b", 3);
  CHECK(m.controlled && !m.controlling && m.tie_breaker == 1);
}
