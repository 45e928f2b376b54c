/* gateway/auth_test.c - genuine, ended, changed, of another secret, of another kind; what claims allow. */
#include "gateway/auth.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "wr/crypto_openssl.h"

#define SECRET "a secret of thirty-two characters"
#define OLD "another, which was used until now"
#define NOW 1795412176
#define FOREIGN                                                                                \
  "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJleHAiOjQwMDAwMDAwMDAsIm1hYyI6IkFBLUJCLUNDLTAwLTExL" \
  "TIyIn0.jjZRc31dMIfMSVTzw9AYU6mlpAm_5igydkni2OMuv8U"

static const wr_crypto *crypto(void) {
  static const wr_crypto *opened;
  if (!opened) CHECK_EQ(wr_crypto_openssl_open(&opened), WR_OK);
  return opened;
}

static gw_token_verdict read_at(gw_claims *claims, const char *token, int64_t unix_s) {
  return gw_auth_read(claims, token, SECRET, OLD, unix_s, crypto());
}

TEST(auth_reads_what_it_signed) {
  char token[GW_TOKEN_MAX];
  gw_claims given = {.expires_at = NOW + 60, .mac = "00:11:22:aa:bb:cc", .offers = 3}, claims;
  memcpy(given.session, "00112233445566778899aabbccddeeff", 33);
  CHECK(gw_auth_sign(token, &given, SECRET, NOW, 7, crypto()));
  CHECK_EQ(read_at(&claims, token, NOW), GW_TOKEN_GOOD);
  CHECK(claims.who != 0);
  CHECK_EQ(claims.expires_at, NOW + 60);
  CHECK_EQ(claims.offers, 3);
  CHECK(strcmp(claims.session, given.session) == 0 && strcmp(claims.mac, given.mac) == 0);
  CHECK_EQ(read_at(&claims, token, NOW + 60), GW_TOKEN_EXPIRED);
}

/* Made by another program: RFC 7515 is followed, not only ourselves. Payload
 * {"exp":4000000000,"mac":"AA-BB-CC-00-11-22"}. */
TEST(auth_reads_a_token_of_another_program) {
  gw_claims claims;
  CHECK_EQ(gw_auth_read(&claims, FOREIGN, "0123456789abcdef", "", NOW, crypto()), GW_TOKEN_GOOD);
  CHECK_EQ(claims.expires_at, 4000000000);
  CHECK(strcmp(claims.mac, "aa:bb:cc:00:11:22") == 0);
  CHECK_EQ(claims.offers, 0);
}

TEST(auth_knows_the_old_secret_and_no_third) {
  char token[GW_TOKEN_MAX];
  gw_claims given = {.expires_at = NOW + 60}, claims;
  CHECK(gw_auth_sign(token, &given, OLD, NOW, 7, crypto()));
  CHECK_EQ(read_at(&claims, token, NOW), GW_TOKEN_GOOD);
  CHECK_EQ(gw_auth_read(&claims, token, SECRET, "", NOW, crypto()), GW_TOKEN_FORGED);
  CHECK_EQ(gw_auth_read(&claims, token, "", "", NOW, crypto()), GW_TOKEN_FORGED);
}

TEST(auth_refuses_whatever_was_changed) {
  char token[GW_TOKEN_MAX], changed[GW_TOKEN_MAX];
  gw_claims given = {.expires_at = NOW + 60, .offers = 1}, claims;
  CHECK(gw_auth_sign(token, &given, SECRET, NOW, 7, crypto()));
  size_t len = strlen(token);
  for (size_t i = 0; i + 1 < len; i++) { /* the last letter has bits that say nothing */
    memcpy(changed, token, len + 1);
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK_EQ(read_at(&claims, changed, NOW), GW_TOKEN_FORGED);
    memcpy(changed, token, len + 1);
    changed[i] = 0;
    CHECK_EQ(read_at(&claims, changed, NOW), GW_TOKEN_FORGED);
  }
}

static gw_token_verdict signed_as(const char *header, const char *body) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const char *parts[] = {header, body, NULL};
  char token[1024];
  uint8_t mac[32];
  size_t at = 0;
  gw_claims claims;
  for (int k = 0; k < 3; k++) {
    const uint8_t *in = k < 2 ? (const uint8_t *)parts[k] : mac;
    size_t len = k < 2 ? strlen(parts[k]) : sizeof(mac);
    wr_bytes text = wr_bytes_of(token, at);
    if (k == 2) crypto()->hmac_sha256(crypto()->ctx, wr_bytes_of(SECRET, strlen(SECRET)), &text, 1, mac);
    if (k) token[at++] = '.';
    for (size_t bit = 0; bit < 8 * len; bit += 6) {
      unsigned v = 0;
      for (size_t i = bit; i < bit + 6; i++) v = v << 1 | (i < 8 * len ? in[i / 8] >> (7 - i % 8) & 1u : 0);
      token[at++] = letters[v];
    }
  }
  token[at] = 0;
  return read_at(&claims, token, NOW);
}

TEST(auth_refuses_signed_tokens_that_it_does_not_understand_wholly) {
  CHECK_EQ(signed_as("{\"alg\":\"HS256\"}", "{\"exp\":4000000000}"), GW_TOKEN_GOOD);
  CHECK_EQ(signed_as("{\"alg\":\"none\"}", "{\"exp\":4000000000}"), GW_TOKEN_FORGED);
  CHECK_EQ(signed_as("{\"alg\":\"HS512\"}", "{\"exp\":4000000000}"), GW_TOKEN_FORGED);
  CHECK_EQ(signed_as("{}", "{\"exp\":4000000000}"), GW_TOKEN_FORGED);
  CHECK_EQ(signed_as("{\"alg\":\"HS256\"}", "{}"), GW_TOKEN_FORGED);
  CHECK_EQ(signed_as("{\"alg\":\"HS256\"}", "{\"exp\":\"never\"}"), GW_TOKEN_FORGED);
  CHECK_EQ(signed_as("{\"alg\":\"HS256\"}", "{\"exp\":4000000000,\"exp\":1}"), GW_TOKEN_FORGED);
  CHECK_EQ(signed_as("{\"alg\":\"HS256\"}", "{\"exp\":4000000000,\"offers\":0}"), GW_TOKEN_FORGED);
  CHECK_EQ(signed_as("{\"alg\":\"HS256\"}", "{\"exp\":4000000000,\"offers\":\"9\"}"), GW_TOKEN_FORGED);
  CHECK_EQ(signed_as("{\"alg\":\"HS256\"}", "{\"exp\":4000000000,\"mac\":\"mine\"}"), GW_TOKEN_FORGED);
  CHECK_EQ(signed_as("{\"alg\":\"HS256\"}", "{\"exp\":4000000000,\"sid\":7}"), GW_TOKEN_FORGED);
  CHECK_EQ(signed_as("{\"alg\":\"HS256\"}", "[4000000000]"), GW_TOKEN_FORGED);
  CHECK_EQ(signed_as("{\"alg\":\"HS256\"}", "no JSON"), GW_TOKEN_FORGED);
}

TEST(auth_claims_bind_device_and_session) {
  static const uint8_t id[16] = {0xab}, other[16] = {0xcd};
  gw_claims free = {0}, device = {.who = 1, .expires_at = NOW + 1, .mac = "00:11:22:aa:bb:cc"};
  gw_claims one = {.who = 1, .expires_at = NOW + 1, .session = "ab000000000000000000000000000000"};
  gw_request request = {.resumes = false};
  CHECK_EQ(gw_auth_allows(&free, &request, id, NOW), GW_HTTP_OK);
  CHECK_EQ(gw_auth_allows(&device, &request, id, NOW), GW_HTTP_OK);
  CHECK(strcmp(request.mac, device.mac) == 0);
  memcpy(request.mac, "00:11:22:aa:bb:cd", 18);
  CHECK_EQ(gw_auth_allows(&device, &request, id, NOW), GW_HTTP_SCOPE);
  CHECK_EQ(gw_auth_allows(&one, &request, id, NOW), GW_HTTP_SCOPE); /* a new one */
  request.resumes = true;
  CHECK_EQ(gw_auth_allows(&one, &request, id, NOW), GW_HTTP_OK);
  CHECK_EQ(gw_auth_allows(&one, &request, other, NOW), GW_HTTP_SCOPE);
  CHECK_EQ(gw_auth_allows(&one, &request, id, NOW + 1), GW_HTTP_OK); /* ended, but it keeps what it opened */
  request.resumes = false;
  one.session[0] = 0;
  CHECK_EQ(gw_auth_allows(&one, &request, id, NOW + 1), GW_HTTP_EXPIRED);
}

TEST(auth_counts_sessions_of_a_token) {
  static gw_token_counts counts;
  gw_claims two = {.who = 5, .expires_at = NOW + 60, .offers = 2}, any = {.who = 7, .expires_at = NOW + 60};
  CHECK(gw_auth_spend(&counts, &two, NOW) && gw_auth_spend(&counts, &two, NOW));
  CHECK(!gw_auth_spend(&counts, &two, NOW));
  for (int i = 0; i < 5; i++) CHECK(gw_auth_spend(&counts, &any, NOW));
  for (unsigned i = 1; i < GW_TOKEN_COUNTS; i++) {
    gw_claims more = {.who = 1000 + i, .expires_at = NOW + 60, .offers = 1};
    CHECK(gw_auth_spend(&counts, &more, NOW));
  }
  gw_claims late = {.who = 9, .expires_at = NOW + 99, .offers = 1};
  CHECK(!gw_auth_spend(&counts, &late, NOW));     /* full: nobody could be counted */
  CHECK(gw_auth_spend(&counts, &late, NOW + 60)); /* the others have ended */
}
