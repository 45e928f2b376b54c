#include "gateway/narrow.h"

#include "check.h"

enum { FEW = 50000, LEAST = GW_NARROW_LEAST_BPS - 1, MANY = 300000, FULL_US = GW_NARROW_QUEUE_US + 1 };

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

/* Less than 60 ms need: 120, until a trial has shown that short ones pass. */
TEST(gw_narrow_makes_packets_as_long_as_the_way_needs) {
  gw_narrow n = {0};
  CHECK_EQ(gw_narrow_step(&n, FEW, 0, 0), 60);
  CHECK_EQ(gw_narrow_step(&n, LEAST, 0, 1), 120);
  CHECK_EQ(gw_narrow_step(&n, FEW, 0, 2), 120); /* long ones may pass that well */
  CHECK_EQ(gw_narrow_step(&n, FEW, 0, GW_NARROW_HOLD_US), 0);
  CHECK_EQ(gw_narrow_step(&n, FEW, FULL_US, GW_NARROW_HOLD_US + 1), 60);
}

/* Speech rests as long as the queue is, once, and not again before there can be news of it. */
TEST(gw_narrow_lets_the_queue_drain) {
  gw_narrow n = {0};
  CHECK_EQ(gw_narrow_rest_us(&n, WR_S(1), WR_MS(50), 0), 0); /* a wide way: somebody else's queue */
  CHECK(gw_narrow_step(&n, FEW, FULL_US, 0));
  CHECK_EQ(gw_narrow_rest_us(&n, GW_NARROW_REST_US, WR_MS(50), 0), 0);
  wr_time rest = gw_narrow_rest_us(&n, WR_MS(300), WR_MS(50), 0);
  CHECK_EQ(rest, WR_MS(300) - GW_NARROW_LEFT_US);
  wr_time news = rest + WR_MS(50) + GW_NARROW_NEWS_US;
  CHECK_EQ(gw_narrow_rest_us(&n, WR_MS(300), WR_MS(50), news - 1), 0);
  CHECK_EQ(gw_narrow_rest_us(&n, WR_S(5), WR_MS(50), news), GW_NARROW_REST_MAX_US);
  CHECK_EQ(gw_narrow_step(&n, MANY, 0, news + 1), 0);
  CHECK_EQ(gw_narrow_rest_us(&n, WR_S(5), 0, WR_S(30)), 0);
}

/* Silence never costs more than speech where more may not pass: while short packets are tried, and later on. */
TEST(gw_narrow_spares_packets_of_silence) {
  gw_narrow n = {0};
  CHECK_EQ(gw_narrow_quiet_ms(&n, 0), 10); /* nobody tells what arrives */
  CHECK_EQ(gw_narrow_quiet_ms(&n, MANY), 10);
  CHECK_EQ(gw_narrow_quiet_ms(&n, GW_NARROW_AMPLE_BPS), 10);
  CHECK_EQ(gw_narrow_quiet_ms(&n, GW_NARROW_AMPLE_BPS - 1), 20);
  CHECK(gw_narrow_step(&n, FEW, 0, 0));
  CHECK(!gw_narrow_step(&n, FEW, 0, GW_NARROW_HOLD_US));
  CHECK_EQ(n.state, GW_NARROW_TRIAL);
  CHECK_EQ(gw_narrow_quiet_ms(&n, FEW), 20);
  CHECK_EQ(gw_narrow_quiet_ms(&n, 0), 20);
}
