#include "gateway/repair.h"

#include "check.h"

enum { RTT_US = 40000 };

static wr_time now;

static uint8_t steps(gw_repair *repair, unsigned n, double lost, uint32_t rtt_us) {
  uint8_t copies = 0;
  for (unsigned i = 0; i < n; i++) copies = gw_repair_step(repair, lost, rtt_us, now += WR_S(1));
  return copies;
}

TEST(gw_repair_copies_follow_loss) {
  gw_repair repair = {0};
  CHECK_EQ(steps(&repair, 5, 0, RTT_US), 0);
  CHECK_EQ(steps(&repair, 1, 0.019, RTT_US), 0);
  CHECK_EQ(steps(&repair, 1, 0.02, RTT_US), GW_REPAIR_ONE_COPY); /* at once */
  CHECK_EQ(steps(&repair, 1, 0.2, RTT_US), GW_REPAIR_TWO_COPIES);
  CHECK_EQ(steps(&repair, 10, 0.05, RTT_US), GW_REPAIR_TWO_COPIES); /* more than half of what asked for two */
  CHECK_EQ(steps(&repair, 20, 0.03, RTT_US), GW_REPAIR_ONE_COPY);
  CHECK_EQ(steps(&repair, 10, 0.012, RTT_US), GW_REPAIR_ONE_COPY);
  CHECK_EQ(steps(&repair, 30, 0, RTT_US), 0);
}

TEST(gw_repair_one_clear_second_ends_nothing) {
  gw_repair repair = {0};
  CHECK_EQ(steps(&repair, 1, 0.1, RTT_US), GW_REPAIR_TWO_COPIES);
  CHECK_EQ(steps(&repair, 5, 0, RTT_US), GW_REPAIR_TWO_COPIES);
  CHECK_EQ(steps(&repair, 40, 0, RTT_US), 0);
}

TEST(gw_repair_gives_way_to_a_queue) {
  gw_repair repair = {0};
  CHECK_EQ(steps(&repair, 3, 0.1, RTT_US), GW_REPAIR_TWO_COPIES);
  CHECK_EQ(steps(&repair, 1, 0.1, RTT_US + 300000), GW_REPAIR_TWO_COPIES); /* one late report */
  CHECK_EQ(steps(&repair, 1, 0.1, RTT_US), GW_REPAIR_TWO_COPIES);
  CHECK_EQ(steps(&repair, 2, 0.1, RTT_US + 300000), 0);
  CHECK_EQ(steps(&repair, 9, 0.1, RTT_US), 0); /* rests */
  CHECK_EQ(steps(&repair, 1, 0.1, RTT_US), GW_REPAIR_TWO_COPIES);
}

TEST(gw_repair_a_longer_way_is_not_a_queue_for_ever) {
  gw_repair repair = {0};
  steps(&repair, 5, 0.1, RTT_US);
  steps(&repair, 120, 0.1, RTT_US + 200000);
  CHECK_EQ(steps(&repair, 11, 0.1, RTT_US + 200000), GW_REPAIR_TWO_COPIES);
  CHECK_EQ(steps(&repair, 2, 0.1, 0), GW_REPAIR_TWO_COPIES); /* not known */
}

/* The browser asks again and gets it: what it reports is small, and what is lost is not. */
TEST(gw_repair_counts_what_is_asked_for) {
  gw_repair repair = {0};
  CHECK_EQ((int)(100 * gw_repair_lost(&repair, 0.05, 0, 50)), 5);
  CHECK_EQ((int)(100 * gw_repair_lost(&repair, 0.01, 10, 100) + 0.5), 20);
  CHECK_EQ(gw_repair_step(&repair, 0.2, 0, WR_S(1)), GW_REPAIR_TWO_COPIES);
  CHECK(gw_repair_lost(&repair, 0, 10, 109) == repair.loss); /* a pause */
  CHECK_EQ((int)(100 * gw_repair_lost(&repair, 0.01, 200, 159)), 100);
  CHECK_EQ((int)(100 * gw_repair_lost(&repair, 0.01, 1, 51)), 1); /* another connection */
}
