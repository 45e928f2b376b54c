#include "check.h"
#include "turn/turn_state.h"
#include "wr/crypto_openssl.h"

/* RFC 5769 2.4 and RFC 8489 B.1 with erratum 6268: the same user in Katakana, realm example.org, password
 * TheMatrIX. */
static const char sample_md5[] =
    "00 01 00 60 21 12 a4 42 78 ad 34 33 c6 ad 72 c0 29 da 41 2e 00 06 00 12 e3 83 9e e3 83 88 e3 83 aa e3 83 83"
    "e3 82 af e3 82 b9 00 00 00 15 00 1c 66 2f 2f 34 39 39 6b 39 35 34 64 36 4f 4c 33 34 6f 4c 39 46 53 54 76 79"
    "36 34 73 41 00 14 00 0b 65 78 61 6d 70 6c 65 2e 6f 72 67 00 00 08 00 14 f6 70 24 65 6d d6 4a 3e 02 b8 e0 71"
    "2e 85 c9 a2 8c a8 96 66";
static const char sample_userhash[] =
    "00 01 00 90 21 12 a4 42 78 ad 34 33 c6 ad 72 c0 29 da 41 2e 00 1e 00 20 4a 3c f3 8f ef 69 92 bd a9 52 c6 78 "
    "04 17 da 0f 24 81 94 15 56 9e 60 b2 05 c4 6e 41 40 7f 17 04 00 15 00 29 6f 62 4d 61 74 4a 6f 73 32 41 41 41 "
    "43 66 2f 2f 34 39 39 6b 39 35 34 64 36 4f 4c 33 34 6f 4c 39 46 53 54 76 79 36 34 73 41 00 00 00 00 14 00 0b "
    "65 78 61 6d 70 6c 65 2e 6f 72 67 00 00 1d 00 04 00 02 00 00 00 1c 00 20 b5 c7 bf 00 5b 6c 52 a2 1c 51 c5 e8 "
    "92 f8 19 24 13 62 96 cb 92 7c 43 14 93 09 27 8c c6 51 8e 65";
static const char user[] = "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9";

static const wr_crypto *crypto(void) {
  static const wr_crypto *opened;
  if (!opened) CHECK_EQ(wr_crypto_openssl_open(&opened), WR_OK);
  return opened;
}

static void begin(turn_credentials *c) {
  memset(c, 0, sizeof *c);
  memcpy(c->username, user, sizeof user);
  memcpy(c->password, "TheMatrIX", 10);
}

/* A 401 with |nonce| and |algorithms| as hex text, NULL: none. */
static wr_stun challenge(uint8_t *out, const char *realm, const char *nonce, const char *algorithms) {
  static const uint8_t id[12] = {1};
  wr_writer w = wr_writer_of(out, 1400);
  wr_stun stun;
  uint8_t bytes[64];
  wr_stun_begin(&w, WR_STUN_ERROR, METHOD_ALLOCATE, id);
  wr_stun_write_error(&w, 401, "Unauthorized");
  if (realm) wr_stun_write_bytes(&w, WR_STUN_REALM, wr_bytes_of(realm, strlen(realm)));
  if (nonce) wr_stun_write_bytes(&w, WR_STUN_NONCE, wr_bytes_of(nonce, strlen(nonce)));
  if (algorithms)
    wr_stun_write_bytes(&w, WR_STUN_PASSWORD_ALGORITHMS,
                        wr_bytes_of(bytes, check_hex(bytes, sizeof bytes, algorithms)));
  CHECK(wr_stun_parse(&stun, wr_bytes_of(out, wr_stun_end(&w, crypto(), wr_bytes_of(NULL, 0)))) == WR_OK);
  return stun;
}

TEST(turn_credentials_rfc5769_md5) {
  uint8_t bytes[256], out[1400];
  turn_credentials c;
  wr_stun sample, asked = challenge(out, "example.org", "f//499k954d6OL34oL9FSTvy64sA", NULL);
  REQUIRE(wr_stun_parse(&sample, wr_bytes_of(bytes, check_hex(bytes, sizeof bytes, sample_md5))) == WR_OK);
  begin(&c);
  REQUIRE(wr_turn_challenged(&c, &asked, crypto()));
  CHECK(wr_turn_verify(&c, &sample, crypto()));
  memcpy(c.password, "TheMatrIY", 10);
  REQUIRE(wr_turn_challenged(&c, &asked, crypto()));
  CHECK(!wr_turn_verify(&c, &sample, crypto()));
}

TEST(turn_credentials_rfc8489_sha256_and_userhash) {
  uint8_t bytes[256], out[1400], written[1400];
  turn_credentials c;
  wr_stun sample, asked = challenge(out, "example.org", "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA", NULL);
  REQUIRE(wr_stun_parse(&sample, wr_bytes_of(bytes, check_hex(bytes, sizeof bytes, sample_userhash))) == WR_OK);
  begin(&c);
  REQUIRE(wr_turn_challenged(&c, &asked, crypto()));
  CHECK(c.hides_username);
  asked = challenge(out, "example.org", "obMatJos2AAADf//499k954d6OL34oL9FSTvy64sA", "00020000 00010000");
  REQUIRE(wr_turn_challenged(&c, &asked, crypto()));
  CHECK_EQ(c.algorithm, 2);
  CHECK(wr_turn_verify(&c, &sample, crypto()));
  wr_writer w = wr_writer_of(written, sizeof written);
  wr_stun_begin(&w, WR_STUN_REQUEST, METHOD_ALLOCATE, sample.id);
  size_t len = wr_turn_sign(&w, &c, crypto());
  REQUIRE(len && wr_stun_parse(&asked, wr_bytes_of(written, len)) == WR_OK);
  wr_bytes hash = wr_stun_find(&asked, WR_STUN_USERHASH), want = wr_stun_find(&sample, WR_STUN_USERHASH);
  CHECK_BYTES(hash.data, hash.len, want.data, want.len);
  CHECK(!asked.username.data && !asked.mac_at && asked.mac256_at);
  CHECK(wr_turn_verify(&c, &asked, crypto()));
}

TEST(turn_credentials_refuse_what_cannot_be_answered) {
  uint8_t out[1400];
  char longer[300];
  turn_credentials c;
  memset(longer, 'x', sizeof longer);
  longer[sizeof longer - 1] = 0;
  const struct {
    const char *realm, *nonce, *algorithms;
  } bad[] = {{NULL, "n", NULL},   {"r", NULL, NULL},         {longer, "n", NULL},
             {"r", longer, NULL}, {"r", "n", "00070000"},    {"r", "n", ""},
             {"r", "n", "0001"},  {"r", "n", "00020004 00"}, {"r", "obMatJos2AAABxyz", NULL}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    wr_stun asked = challenge(out, bad[i].realm, bad[i].nonce, bad[i].algorithms);
    begin(&c);
    CHECK(!wr_turn_challenged(&c, &asked, crypto()));
  }
}
