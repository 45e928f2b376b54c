#include "bwe/aimd.h"

#include "check.h"

#define RTT_US WR_MS(100)

/* |seconds| in which all that is sent arrives. */
static void grow_for(wr_aimd *a, int seconds, wr_time *now) {
  for (int i = 0; i < seconds * 10; i++, *now += WR_MS(100))
    wr_aimd_update(a, WR_USAGE_NORMAL, a->rate_bps, false, RTT_US, *now);
}

TEST(aimd_grows_by_eight_per_cent_a_second_before_it_knows_the_path) {
  wr_aimd a;
  wr_time now = WR_S(1);
  wr_aimd_init(&a, 100000, 5000, 1e7);
  grow_for(&a, 10, &now);
  CHECK(a.rate_bps > 210000 && a.rate_bps < 225000); /* 1.08 ^ 9.9 = 2.14, in tenths a little more */
}

TEST(aimd_overuse_takes_085_of_what_arrived_once_a_response_time) {
  wr_aimd a;
  wr_aimd_init(&a, 1000000, 5000, 1e7);
  wr_aimd_update(&a, WR_USAGE_OVER, 800000, false, RTT_US, WR_S(1));
  CHECK_EQ((int)a.rate_bps, 680000);
  wr_aimd_update(&a, WR_USAGE_OVER, 600000, false, RTT_US, WR_S(1) + WR_MS(100));
  CHECK_EQ((int)a.rate_bps, 680000);
  wr_aimd_update(&a, WR_USAGE_OVER, 600000, false, RTT_US, WR_S(1) + WR_MS(200));
  CHECK_EQ((int)a.rate_bps, 510000);
  wr_aimd_update(&a, WR_USAGE_OVER, 200000, false, RTT_US, WR_S(1) + WR_MS(210)); /* under half: at once */
  CHECK_EQ((int)a.rate_bps, 170000);
}

TEST(aimd_near_the_known_capacity_it_goes_slowly) {
  wr_aimd a;
  wr_time now = WR_S(1);
  wr_aimd_init(&a, 1000000, 5000, 1e7);
  for (int i = 0; i < 3; i++, now += WR_S(1)) wr_aimd_update(&a, WR_USAGE_OVER, 1000000, false, RTT_US, now);
  CHECK_EQ((int)a.rate_bps, 850000);
  grow_for(&a, 2, &now);
  CHECK(a.rate_bps > 860000 && a.rate_bps < 960000); /* half a packet in 200 ms: 35 to 48 kbit/s a second */
}

TEST(aimd_never_far_ahead_of_what_arrives_and_still_while_limited) {
  wr_aimd a;
  wr_time now = WR_S(1);
  wr_aimd_init(&a, 100000, 5000, 1e7);
  for (int i = 0; i < 200; i++, now += WR_MS(100)) wr_aimd_update(&a, WR_USAGE_NORMAL, 100000, false, RTT_US, now);
  CHECK_EQ((int)a.rate_bps, 160000);
  for (int i = 0; i < 200; i++, now += WR_MS(100)) wr_aimd_update(&a, WR_USAGE_NORMAL, 150000, true, RTT_US, now);
  CHECK_EQ((int)a.rate_bps, 160000);
}

TEST(aimd_a_draining_queue_holds_and_bounds_hold) {
  wr_aimd a;
  wr_aimd_init(&a, 100000, 50000, 120000);
  wr_aimd_update(&a, WR_USAGE_NORMAL, 90000, false, RTT_US, WR_S(1));
  wr_aimd_update(&a, WR_USAGE_UNDER, 90000, false, RTT_US, WR_S(2));
  CHECK_EQ((int)a.rate_bps, 100000);
  wr_aimd_update(&a, WR_USAGE_OVER, 10000, false, RTT_US, WR_S(3));
  CHECK_EQ((int)a.rate_bps, 50000);
  wr_aimd_set(&a, 1e6, WR_S(4));
  CHECK_EQ((int)a.rate_bps, 120000);
}
