#include "sctp/congestion.h"

#include "check.h"

#define MTU 1136

TEST(sctp_rto_follows_rfc9260_6_3_1) {
  wr_sctp_rto rto;
  wr_sctp_rto_init(&rto);
  CHECK_EQ(rto.rto_us, WR_MS(500));
  wr_sctp_rto_measure(&rto, WR_MS(400));
  CHECK_EQ(rto.srtt_us, WR_MS(400));
  CHECK_EQ(rto.rto_us, WR_MS(1200)); /* R + 4 * R/2 */
  wr_sctp_rto_measure(&rto, WR_MS(480));
  CHECK_EQ(rto.srtt_us, WR_MS(410));   /* 7/8 * 400 + 1/8 * 480 */
  CHECK_EQ(rto.rttvar_us, WR_MS(170)); /* 3/4 * 200 + 1/4 * 80 */
}

TEST(sctp_rto_stays_in_its_bounds) {
  wr_sctp_rto rto;
  wr_sctp_rto_init(&rto);
  for (int i = 0; i < 50; i++) wr_sctp_rto_measure(&rto, WR_MS(1));
  CHECK_EQ(rto.rto_us, WR_SCTP_RTO_MIN);
  for (int i = 0; i < 20; i++) wr_sctp_rto_back_off(&rto);
  CHECK_EQ(rto.rto_us, WR_SCTP_RTO_MAX);
  wr_sctp_rto_measure(&rto, INT64_MAX);
  wr_sctp_rto_measure(&rto, -5);
  CHECK(rto.rto_us > 0 && rto.rto_us <= WR_SCTP_RTO_MAX);
}

TEST(sctp_window_grows_only_when_it_was_used) {
  wr_sctp_cwnd c;
  wr_sctp_cwnd_init(&c, MTU);
  CHECK_EQ(c.cwnd, 10 * MTU);
  wr_sctp_cwnd_ack(&c, true, 1, 2 * MTU, false);
  CHECK_EQ(c.cwnd, 10 * MTU);
  wr_sctp_cwnd_ack(&c, true, 1, 2 * MTU, true);
  CHECK_EQ(c.cwnd, 12 * MTU);
  wr_sctp_cwnd_ack(&c, true, 1, 100 * MTU, true);
  CHECK_EQ(c.cwnd, 18 * MTU);
  wr_sctp_cwnd_ack(&c, false, 1, 2 * MTU, true); /* gap only: 7.2.1 wants the cumulative point to move */
  CHECK_EQ(c.cwnd, 18 * MTU);
}

TEST(sctp_window_is_halved_once_per_loss_episode) {
  wr_sctp_cwnd c;
  wr_sctp_cwnd_init(&c, MTU);
  c.cwnd = 40 * MTU;
  CHECK(wr_sctp_cwnd_loss(&c, 100));
  CHECK_EQ(c.cwnd, 20 * MTU);
  CHECK(!wr_sctp_cwnd_loss(&c, 120));
  wr_sctp_cwnd_ack(&c, true, 99, 5 * MTU, true);
  CHECK_EQ(c.cwnd, 20 * MTU);
  CHECK(c.in_recovery);
  wr_sctp_cwnd_ack(&c, true, 100, MTU, true);
  CHECK(!c.in_recovery);
  CHECK(wr_sctp_cwnd_loss(&c, 130));
  CHECK_EQ(c.cwnd, c.ssthresh);
}

TEST(sctp_window_after_a_timeout_and_in_avoidance) {
  wr_sctp_cwnd c;
  wr_sctp_cwnd_init(&c, MTU);
  c.cwnd = 40 * MTU;
  wr_sctp_cwnd_timeout(&c);
  CHECK(c.cwnd == MTU && c.ssthresh == 20 * MTU);
  wr_sctp_cwnd_timeout(&c);
  CHECK_EQ(c.ssthresh, 4 * MTU);
  c.cwnd = 10 * MTU;
  for (int i = 0; i < 5; i++) wr_sctp_cwnd_ack(&c, true, 1, 2 * MTU, true);
  CHECK_EQ(c.cwnd, 11 * MTU); /* one packet per window acknowledged */
}

TEST(sctp_window_shrinks_when_idle_but_not_below_the_initial_one) {
  wr_sctp_cwnd c;
  wr_sctp_cwnd_init(&c, MTU);
  c.cwnd = 100 * MTU;
  wr_sctp_cwnd_idle(&c);
  CHECK_EQ(c.cwnd, 50 * MTU);
  for (int i = 0; i < 9; i++) wr_sctp_cwnd_idle(&c);
  CHECK_EQ(c.cwnd, 10 * MTU);
  c.cwnd = MTU;
  wr_sctp_cwnd_idle(&c);
  CHECK_EQ(c.cwnd, MTU);
}
