#include "ice/candidate.h"

#include "check.h"

static wr_addr v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port) {
  return (wr_addr){.family = 4, .ip = {a, b, c, d}, .port = port};
}

TEST(ice_candidate_priorities) {
  CHECK_EQ(wr_ice_priority(WR_CANDIDATE_HOST, WR_TCP_NONE, 65535), 2130706431); /* as in RFC 8839's examples */
  CHECK_EQ(wr_ice_priority(WR_CANDIDATE_SRFLX, WR_TCP_NONE, 65535), 1694498815);
  CHECK(wr_ice_priority(WR_CANDIDATE_PRFLX, WR_TCP_NONE, 0) >
        wr_ice_priority(WR_CANDIDATE_SRFLX, WR_TCP_NONE, 65535));
  CHECK_EQ(wr_ice_priority(WR_CANDIDATE_RELAY, WR_TCP_NONE, 65535), 16777215);
}

TEST(ice_candidate_addresses_nobody_should_send_to) {
  wr_addr good = v4(127, 0, 0, 1, 1), any = v4(0, 0, 0, 0, 1), multicast = v4(239, 1, 2, 3, 1),
          broadcast = v4(255, 255, 255, 255, 1), no_port = v4(192, 0, 2, 1, 0), none = {.port = 1};
  CHECK(wr_ice_addr_is_usable(&good));
  CHECK(!wr_ice_addr_is_usable(&any));
  CHECK(!wr_ice_addr_is_usable(&multicast));
  CHECK(!wr_ice_addr_is_usable(&broadcast));
  CHECK(!wr_ice_addr_is_usable(&no_port));
  CHECK(!wr_ice_addr_is_usable(&none));
  wr_addr six;
  REQUIRE(wr_addr_parse(&six, WR_BYTES_LITERAL("::1"), 1));
  CHECK(wr_ice_addr_is_usable(&six));
  REQUIRE(wr_addr_parse(&six, WR_BYTES_LITERAL("::"), 1));
  CHECK(!wr_ice_addr_is_usable(&six));
  REQUIRE(wr_addr_parse(&six, WR_BYTES_LITERAL("ff02::1"), 1));
  CHECK(!wr_ice_addr_is_usable(&six));
}

TEST(ice_local_candidates_have_foundations_and_falling_priorities) {
  wr_ice_locals locals = {0};
  wr_addr base = v4(10, 0, 0, 1, 5000), other = v4(10, 0, 0, 2, 5000), shown = v4(203, 0, 113, 1, 5000);
  CHECK_EQ(wr_ice_locals_add(&locals, &base, &base, WR_CANDIDATE_HOST), WR_OK);
  CHECK_EQ(wr_ice_locals_add(&locals, &base, &shown, WR_CANDIDATE_SRFLX), WR_OK);
  CHECK_EQ(wr_ice_locals_add(&locals, &other, &other, WR_CANDIDATE_HOST), WR_OK);
  base.port = 5001; /* same IP and type: same foundation */
  CHECK_EQ(wr_ice_locals_add(&locals, &base, &base, WR_CANDIDATE_HOST), WR_OK);
  CHECK_EQ(wr_ice_locals_add(&locals, &base, &base, WR_CANDIDATE_HOST), WR_OK); /* known */
  CHECK_EQ(locals.n, 4);
  CHECK_TEXT(locals.shown[0].foundation, "1");
  CHECK_TEXT(locals.shown[1].foundation, "2");
  CHECK_TEXT(locals.shown[2].foundation, "3");
  CHECK_TEXT(locals.shown[3].foundation, "1");
  CHECK(locals.shown[0].priority > locals.shown[2].priority);
  base.port = 5000;
  CHECK_EQ(wr_ice_locals_by_base(&locals, &base), 0); /* stands for both candidates of this base */
  CHECK_EQ(wr_ice_locals_find(&locals, &(wr_addr){0}, &(wr_addr){.family = 4}), 0);
  CHECK_EQ(wr_ice_locals_find(&locals, &(wr_addr){0}, &(wr_addr){.family = 6}), -1);
  CHECK_EQ(wr_ice_locals_find(&locals, &shown, &shown), -1);
  CHECK_EQ(wr_ice_locals_reflexive_priority(&locals, 0), wr_ice_priority(WR_CANDIDATE_PRFLX, WR_TCP_NONE, 65535));
  base.ip[3] = 0;
  base.ip[0] = 0;
  CHECK_EQ(wr_ice_locals_add(&locals, &base, &base, WR_CANDIDATE_HOST), WR_ERR_UNSUPPORTED);
  for (uint8_t i = 0; i < WR_ICE_MAX_LOCAL; i++) {
    wr_addr more = v4(10, 1, 0, (uint8_t)(i + 1), 5000);
    CHECK_EQ(wr_ice_locals_add(&locals, &more, &more, WR_CANDIDATE_HOST), i < 4 ? WR_OK : WR_ERR_LIMIT);
  }
}
