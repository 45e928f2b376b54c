#include "gateway/http_read.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"

static wr_bytes of(const char *text) { return wr_bytes_of(text, strlen(text)); }

TEST(http_read_offer_with_everything) {
  uint8_t id[16] = {0};
  const char *why;
  gw_request *r = gw_read_offer(of("{\"type\":\"offer\",\"sdp\":\"v=0\\r\\n\",\"macAddress\":\"AA-bb-cc-00-11-22\","
                                   "\"mode\":\"manual\",\"resume\":"
                                   "\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"}"),
                                id, &why);
  REQUIRE(r != NULL);
  CHECK_TEXT(r->text, "v=0\r\n");
  CHECK_TEXT(r->mac, "aa:bb:cc:00:11:22");
  CHECK(r->has_mode && r->mode == XZ_MODE_MANUAL);
  CHECK(r->resumes && id[1] == 1 && r->secret[15] == 0x1f);
  CHECK_EQ(r->heard, -1);
  free(r);
}

TEST(http_read_what_was_heard) {
  static const struct {
    const char *heard;
    int64_t number;
  } rows[] = {{"0", 0},
              {"17", 17},
              {"9223372036854775807", INT64_MAX},
              {"-1", -1},
              {"-9223372036854775808", -1},
              {"1.5", -1},
              {"\"3\"", -1},
              {"null", -1},
              {"[1]", -1},
              {"true", -1}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    char body[300];
    uint8_t id[16];
    const char *why;
    snprintf(body, sizeof(body),
             "{\"type\":\"offer\",\"sdp\":\"v=0\",\"heard\":%s,\"resume\":"
             "\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"}",
             rows[i].heard);
    gw_request *r = gw_read_offer(of(body), id, &why);
    REQUIRE(r != NULL);
    CHECK(r->resumes);
    CHECK_EQ(r->heard, rows[i].number);
    free(r);
  }
}

TEST(http_read_offer_refuses) {
  static const struct {
    const char *body, *why;
  } bad[] = {{"", "JSON"},
             {"[]", "JSON"},
             {"{\"type\":\"offer\"}", "sdp"},
             {"{\"type\":\"offer\",\"sdp\":5}", "sdp"},
             {"{\"type\":\"answer\",\"sdp\":\"v=0\"}", "type"},
             {"{\"type\":\"offer\",\"sdp\":\"v=0\",\"mode\":\"x\"}", "mode"},
             {"{\"type\":\"offer\",\"sdp\":\"v=0\",\"macAddress\":\"12\"}", "macAddress"}};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    uint8_t id[16];
    const char *why = "";
    CHECK(gw_read_offer(of(bad[i].body), id, &why) == NULL);
    CHECK(strstr(why, bad[i].why) != NULL);
  }
}

TEST(http_read_offer_with_a_strange_token_is_a_new_session) {
  uint8_t id[16];
  const char *why;
  gw_request *r = gw_read_offer(of("{\"type\":\"offer\",\"sdp\":\"v=0\",\"resume\":\"zz\"}"), id, &why);
  REQUIRE(r != NULL);
  CHECK(!r->resumes);
  free(r);
}

TEST(http_read_candidates) {
  const char *why;
  bool last;
  gw_request *r =
      gw_read_candidates(of("{\"candidates\":[{\"candidate\":\"candidate:1 1 udp 1 1.2.3.4 5 typ host\"},"
                            "{\"candidate\":\"candidate:2\",\"sdpMid\":\"0\"}]}"),
                         &last, &why);
  REQUIRE(r != NULL);
  CHECK_TEXT(r->text, "candidate:1 1 udp 1 1.2.3.4 5 typ host\ncandidate:2\n");
  CHECK(!last);
  free(r);
  r = gw_read_candidates(of("{\"candidates\":[{\"candidate\":\"\"}]}"), &last, &why);
  CHECK(r && last && r->len == 0);
  free(r);
  r = gw_read_candidates(of("{\"end\":true}"), &last, &why);
  CHECK(r && last);
  free(r);
  CHECK(gw_read_candidates(of("{\"candidates\":[{\"candidate\":\"a\\nb\"}]}"), &last, &why) == NULL);
  CHECK(gw_read_candidates(of("{\"candidates\":[5]}"), &last, &why) == NULL);
  CHECK(gw_read_candidates(of("{\"candidates\":{}}"), &last, &why) == NULL);
  CHECK(gw_read_candidates(of("{}"), &last, &why) == NULL);
}

TEST(http_read_hex_is_exact) {
  uint8_t out[2];
  char text[5];
  CHECK(gw_unhex(out, 2, "0aff") && out[0] == 0x0a && out[1] == 0xff);
  gw_hex(text, out, 2);
  CHECK_TEXT(text, "0aff");
  CHECK(!gw_unhex(out, 2, "0aF0") && !gw_unhex(out, 2, "0af") && !gw_unhex(out, 2, "0aff0") &&
        !gw_unhex(out, 2, ""));
}

TEST(http_read_hello_takes_the_options_of_an_offer) {
  uint8_t id[16];
  const char *why = NULL;
  gw_request *r = gw_read_hello(
      WR_BYTES_LITERAL("{\"type\":\"hello\",\"mode\":\"manual\",\"macAddress\":\"02-00-00-AA-BB-CC\",\"resume\":"
                       "\"000102030405060708090a0b0c0d0e0f00112233445566778899aabbccddeeff\",\"heard\":4}"),
      id, &why);
  REQUIRE(r != NULL);
  CHECK(r->purpose == GW_FOR_SOCKET && r->has_mode && r->mode == XZ_MODE_MANUAL && r->resumes && r->heard == 4);
  CHECK(strcmp(r->mac, "02:00:00:aa:bb:cc") == 0);
  CHECK(id[15] == 0x0f && r->secret[15] == 0xff && !r->beside);
  free(r);
  r = gw_read_hello(WR_BYTES_LITERAL("{\"type\":\"hello\",\"beside\":true,\"resume\":"
                                     "\"000102030405060708090a0b0c0d0e0f00112233445566778899aabbccddeeff\"}"),
                    id, &why);
  REQUIRE(r != NULL);
  CHECK(r->resumes && r->beside);
  free(r);
  r = gw_read_hello(WR_BYTES_LITERAL("{\"type\":\"hello\",\"beside\":true}"), id, &why);
  REQUIRE(r != NULL);
  CHECK(!r->beside); /* beside nothing */
  free(r);
  static const char *const bad[] = {
      "", "{", "[]", "{}", "{\"type\":\"offer\"}", "{\"type\":\"hello\",\"mode\":\"x\"}"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    why = NULL;
    CHECK(gw_read_hello(wr_bytes_of(bad[i], strlen(bad[i])), id, &why) == NULL && why);
  }
}

TEST(http_read_origin) {
  CHECK(gw_origin_is_host("http://127.0.0.1:51000", "127.0.0.1:51000"));
  CHECK(gw_origin_is_host("https://Gateway.example", "gateway.example"));
  CHECK(gw_origin_is_host("http://[::1]:51000", "[::1]:51000"));
  CHECK(!gw_origin_is_host("http://127.0.0.1:51001", "127.0.0.1:51000"));
  CHECK(!gw_origin_is_host("https://evil.example", "gateway.example"));
  CHECK(!gw_origin_is_host("https://gateway.example.evil", "gateway.example"));
  CHECK(!gw_origin_is_host("null", "gateway.example"));
  CHECK(!gw_origin_is_host("", ""));
  CHECK(!gw_origin_is_host("://", ""));
}
