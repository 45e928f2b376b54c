#include "gateway/rate.h"

#include "check.h"

static wr_addr address(const char *text) {
  wr_addr addr = {0};
  CHECK(wr_addr_parse(&addr, wr_bytes_of(text, strlen(text)), 1));
  return addr;
}

TEST(rate_spends_a_minutes_worth_and_no_more) {
  static gw_rate rate;
  wr_addr addr = address("192.0.2.1");
  unsigned n = 0;
  for (int i = 0; i < 100; i++) n += gw_rate_spend(&rate, &addr, 60, WR_S(1));
  CHECK_EQ(n, 60);
  CHECK(gw_rate_spend(&rate, &addr, 60, WR_S(2)));
  CHECK(!gw_rate_spend(&rate, &addr, 60, WR_S(2)));
  CHECK(gw_rate_spend(&rate, &addr, 0, WR_S(2)));
}

TEST(rate_counts_addresses_apart_and_ipv6_by_network) {
  static gw_rate rate;
  wr_addr a = address("2001:db8::1"), b = address("2001:db8::2"), c = address("2001:db8:0:1::1");
  CHECK(gw_rate_spend(&rate, &a, 1, 0));
  CHECK(!gw_rate_spend(&rate, &b, 1, 0));
  CHECK(gw_rate_spend(&rate, &c, 1, 0));
}

TEST(rate_gives_the_oldest_bucket_away) {
  static gw_rate rate;
  wr_addr first = address("192.0.2.1"), other = {.family = 4};
  CHECK(gw_rate_spend(&rate, &first, 1, 0));
  for (uint16_t i = 0; i < GW_RATE_BUCKETS - 1; i++) {
    wr_addr addr = {.family = 4, .ip = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}};
    CHECK(gw_rate_spend(&rate, &addr, 1, 1 + i));
  }
  CHECK(!gw_rate_spend(&rate, &first, 1, 300)); /* every bucket is taken, and its own is still there */
  other.ip[0] = 11;
  CHECK(gw_rate_spend(&rate, &other, 1, 301));
  CHECK(!gw_rate_spend(&rate, &first, 1, 302));
}
