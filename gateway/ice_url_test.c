#include "gateway/ice_url.h"

#include "check.h"

TEST(ice_url_defaults_of_each_scheme) {
  static const struct {
    const char *text;
    bool relays, secured, tcp;
    uint16_t port;
  } rows[] = {
      {"stun:a.example", false, false, false, 3478}, {"STUNS:a.example", false, true, true, 5349},
      {"turn:a.example", true, false, false, 3478},  {"turn:a.example?transport=tcp", true, false, true, 3478},
      {"turns:a.example", true, true, true, 5349},   {"turns:A.Example:443?transport=UDP", true, true, false, 443}};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    char why[GW_ICE_WHY_MAX];
    gw_ice_url url;
    REQUIRE(gw_ice_url_parse(&url, rows[i].text, why));
    CHECK_TEXT(url.host, "a.example");
    CHECK(url.relays == rows[i].relays && url.secured == rows[i].secured && url.tcp == rows[i].tcp);
    CHECK_EQ(url.port, rows[i].port);
  }
}

TEST(ice_url_addresses) {
  char why[GW_ICE_WHY_MAX];
  gw_ice_url url, same;
  REQUIRE(gw_ice_url_parse(&url, "stun:[2001:DB8::1]:3479", why));
  CHECK(url.literal && url.port == 3479);
  CHECK_TEXT(url.host, "2001:db8::1");
  REQUIRE(gw_ice_url_parse(&url, "turn:192.0.2.1", why));
  CHECK(url.literal);
  REQUIRE(gw_ice_url_parse(&same, "turn:192.0.2.1:3478?transport=udp", why));
  CHECK(gw_ice_url_same(&url, &same));
  REQUIRE(gw_ice_url_parse(&same, "turn:192.0.2.1:3478?transport=tcp", why));
  CHECK(!gw_ice_url_same(&url, &same));
}
