#include "gateway/narrow.h"

#include "check.h"

enum { FEW = 40000, MANY = 300000, FULL_US = GW_NARROW_QUEUE_US + 1 };

TEST(gw_narrow_is_what_short_packets_do_not_pass) {
  gw_narrow n = {0};
  CHECK(!gw_narrow_step(&n, 0, 0, WR_S(1)));
  CHECK(!gw_narrow_step(&n, MANY, FULL_US, WR_S(2))); /* somebody else's queue */
  CHECK(!gw_narrow_step(&n, GW_NARROW_BPS, 0, WR_S(3)));
  CHECK(gw_narrow_step(&n, GW_NARROW_BPS - 1, 0, WR_S(4))); /* at once */
  CHECK(gw_narrow_step(&n, GW_NARROW_WIDE_BPS - 1, 0, WR_S(5)));
  CHECK(!gw_narrow_step(&n, GW_NARROW_WIDE_BPS, 0, WR_S(6)));
  CHECK(gw_narrow_step(&n, FEW, 0, WR_S(7)));
  CHECK(!gw_narrow_step(&n, 0, 0, WR_S(8))); /* another path */
}

/* Long packets never fill what they are allowed, so the estimate stays: only trying tells. */
TEST(gw_narrow_tries_short_packets_after_a_while) {
  gw_narrow n = {0};
  CHECK(gw_narrow_step(&n, FEW, FULL_US, 0));
  CHECK(gw_narrow_step(&n, FEW, 0, GW_NARROW_HOLD_US - 1));
  CHECK(gw_narrow_step(&n, FEW, FULL_US, GW_NARROW_HOLD_US)); /* full as it is */
  CHECK(!gw_narrow_step(&n, FEW, 0, GW_NARROW_HOLD_US + 1));  /* the trial */
  CHECK(!gw_narrow_step(&n, FEW, GW_NARROW_QUEUE_US / 2, GW_NARROW_HOLD_US + WR_S(1)));
  CHECK(!gw_narrow_step(&n, MANY, 0, GW_NARROW_HOLD_US + WR_S(2)));
  CHECK_EQ(n.state, GW_NARROW_NO);
}

/* Each failure makes the next trial later, up to a bound, and success forgets that. */
TEST(gw_narrow_trials_that_fail_become_rare) {
  gw_narrow n = {0};
  wr_time now = 0, hold_us = GW_NARROW_HOLD_US;
  CHECK(gw_narrow_step(&n, FEW, 0, now));
  for (int i = 0; i < 6; i++) {
    CHECK(gw_narrow_step(&n, FEW, 0, now + hold_us - 1));
    CHECK(!gw_narrow_step(&n, FEW, 0, now += hold_us));
    CHECK(gw_narrow_step(&n, FEW, FULL_US, ++now));
    hold_us = wr_time_min(2 * hold_us, GW_NARROW_HOLD_MAX_US);
  }
  CHECK(!gw_narrow_step(&n, MANY, 0, ++now));
  CHECK(gw_narrow_step(&n, FEW, 0, ++now));
  CHECK(!gw_narrow_step(&n, FEW, 0, now + GW_NARROW_HOLD_US));
}
