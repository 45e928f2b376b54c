/* gateway/origin_test.c - names, pages and proxies that are ours, and those that only say so. */
#include "gateway/origin.h"

#include <string.h>

#include "check.h"

TEST(origin_loopback_answers_to_its_own_names_only) {
  static const char *const ours[] = {
      "",        "localhost",       "localhost:51000", "LOCALHOST", "127.0.0.1:51000",
      "[::1]:5", "app.localhost:1", "192.0.2.7"};
  static const char *const others[] = {"evil.example",
                                       "evil.example:51000",
                                       "localhost.evil.example",
                                       ".localhost",
                                       "127.0.0.1.evil.example",
                                       "notlocalhost",
                                       "[",
                                       ":51000"};
  for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) CHECK(gw_host_is_ours(ours[i], true, ""));
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
    CHECK(!gw_host_is_ours(others[i], true, ""));
    CHECK(!gw_host_is_ours(others[i], true, "other.example, third.example"));
  }
  CHECK(gw_host_is_ours("talk.example:443", true, "a.example, Talk.example"));
  CHECK(!gw_host_is_ours("talk.example", false, "a.example"));
  CHECK(gw_host_is_ours("talk.example", false, "") && gw_host_is_ours("talk.example", true, "*"));
}

TEST(origin_lists_of_origins) {
  CHECK(gw_origin_is_listed("https://a.example", "https://b.example, https://A.example"));
  CHECK(!gw_origin_is_listed("https://a.example.evil", "https://a.example"));
  CHECK(!gw_origin_is_listed("null", "https://a.example") && !gw_origin_is_listed("", ""));
  CHECK(gw_origins_are_good("") && gw_origins_are_good("https://a.example:8443,http://localhost"));
  CHECK(!gw_origins_are_good("a.example") && !gw_origins_are_good("https://a.example/") &&
        !gw_origins_are_good("*"));
  CHECK(!gw_origins_are_good("https://") && !gw_origins_are_good("https://*.example"));
}

static bool within(const char *list, const char *text) {
  wr_addr addr;
  CHECK(wr_addr_parse(&addr, wr_bytes_of(text, strlen(text)), 0));
  return gw_nets_have(list, &addr);
}

TEST(origin_networks) {
  CHECK(within("10.0.0.0/8", "10.255.0.1") && !within("10.0.0.0/8", "11.0.0.1"));
  CHECK(within("192.0.2.4/31", "192.0.2.5") && !within("192.0.2.4/31", "192.0.2.6"));
  CHECK(within("2001:db8::/33", "2001:db8:7fff::1") && !within("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(within("::1, 192.0.2.1", "192.0.2.1") && !within("0.0.0.0/0", "::1") && within("0.0.0.0/0", "8.8.8.8"));
  CHECK(gw_nets_are_good("10.0.0.0/8, ::1/128") && gw_nets_are_good(""));
  CHECK(!gw_nets_are_good("10.0.0.0/33") && !gw_nets_are_good("10.0.0.0/") && !gw_nets_are_good("proxy") &&
        !gw_nets_are_good("10.0.0.0/-1"));
}

static bool from(const char *peer, const char *forwarded, const char *wanted) {
  wr_addr addr, expected;
  CHECK(wr_addr_parse(&addr, wr_bytes_of(peer, strlen(peer)), 7));
  CHECK(wr_addr_parse(&expected, wr_bytes_of(wanted, strlen(wanted)), 7));
  gw_forwarded_from(&addr, forwarded, "127.0.0.1, 10.0.0.0/8");
  return wr_addr_equal(&addr, &expected);
}

TEST(origin_only_a_trusted_proxy_speaks_for_others) {
  CHECK(from("127.0.0.1", "192.0.2.1", "192.0.2.1"));
  CHECK(from("127.0.0.1", "198.51.100.9, 192.0.2.1", "192.0.2.1")); /* the first was written by the caller */
  CHECK(from("127.0.0.1", "198.51.100.9, 192.0.2.1, 10.1.2.3", "192.0.2.1"));
  CHECK(from("192.0.2.66", "127.0.0.1", "192.0.2.66"));
  CHECK(from("127.0.0.1", "", "127.0.0.1"));
  CHECK(from("127.0.0.1", "unknown", "127.0.0.1"));
  CHECK(from("127.0.0.1", "192.0.2.1, rubbish", "127.0.0.1"));
  CHECK(from("127.0.0.1", "192.0.2.1:4711", "192.0.2.1"));
  CHECK(from("127.0.0.1", "2001:db8::7", "2001:db8::7"));
  CHECK(from("127.0.0.1", "for=198.51.100.9, for=\"[2001:db8::7]:80\";proto=https;by=10.0.0.1", "2001:db8::7"));
  CHECK(from("127.0.0.1", "proto=http; For=192.0.2.1", "192.0.2.1"));
}

TEST(origin_survives_any_bytes) {
  static char long_one[2000];
  wr_addr addr;
  CHECK(wr_addr_parse(&addr, wr_bytes_of("127.0.0.1", 9), 0));
  memset(long_one, 'a', sizeof(long_one) - 1);
  gw_forwarded_from(&addr, long_one, "127.0.0.1");
  CHECK(!gw_host_is_ours(long_one, true, long_one));
  memset(long_one, ',', sizeof(long_one) - 1);
  gw_forwarded_from(&addr, long_one, "127.0.0.1");
  uint32_t dice = 1;
  for (int i = 0; i < 20000; i++) {
    char text[24] = "";
    for (size_t k = 0; k < sizeof(text) - 1; k++) {
      dice = dice * 1664525 + 1013904223;
      text[k] = ",;=\"[]:./10f or"[(dice >> 16) % 15];
    }
    (void)gw_host_is_ours(text, true, text);
    gw_forwarded_from(&addr, text, "0.0.0.0/0,::/0");
  }
}
