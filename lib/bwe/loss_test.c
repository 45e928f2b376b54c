#include "bwe/loss.h"

#include "check.h"

/* A second in tenths: 10 packets each, of which |share| is lost. */
static void second(wr_loss *l, double share, double sent_bps, wr_time *now) {
  for (int i = 0; i < 10; i++, *now += WR_MS(100))
    wr_loss_update(l, 10, (uint32_t)(share * 10 + 0.5), sent_bps, 1e6, *now);
}

TEST(loss_little_is_no_bound) {
  wr_loss l;
  wr_time now = WR_S(1);
  wr_loss_init(&l, 5000, 2e6);
  for (int i = 0; i < 20; i++) second(&l, 0.01, 1e6, &now);
  CHECK(l.bound_bps >= 2e6);
}

TEST(loss_of_a_full_path_lowers_until_it_is_gone) {
  wr_loss l;
  wr_time now = WR_S(1);
  double sent_bps = 1e6;
  wr_loss_init(&l, 5000, 2e6);
  for (int i = 0; i < 30; i++) {
    double share = sent_bps > 500000 ? 1 - 500000 / sent_bps : 0; /* carries half of it */
    second(&l, share, sent_bps, &now);
    sent_bps = l.bound_bps < 1e6 ? l.bound_bps : 1e6;
  }
  CHECK(sent_bps > 350000 && sent_bps < 650000);
  CHECK(l.own < 0.05);
}

TEST(loss_that_lowering_does_not_cure_is_the_paths_own) {
  wr_loss l;
  wr_time now = WR_S(1);
  double lowest_bps = 1e9;
  wr_loss_init(&l, 5000, 2e6);
  for (int i = 0; i < 20; i++) {
    second(&l, 0.3, 40000, &now);
    if (l.bound_bps < lowest_bps) lowest_bps = l.bound_bps;
  }
  CHECK(lowest_bps < 40000); /* it was tried */
  CHECK(l.bound_bps >= 2e6); /* and taken back */
  CHECK(l.own > 0.25 && l.own < 0.35);
}

TEST(loss_of_few_packets_is_not_judged) {
  wr_loss l;
  wr_loss_init(&l, 5000, 2e6);
  for (int i = 0; i < 19; i++) wr_loss_update(&l, 1, 1, 1e5, 1e6, WR_S(1 + i));
  CHECK(l.bound_bps >= 2e6);
  wr_loss_update(&l, 1, 1, 1e5, 1e6, WR_S(30));
  CHECK(l.bound_bps <= 5e4);
}
