#include "bwe/probe.h"

#include "check.h"

/* Sends what is wanted in packets of 1000 bytes over a path of |path_bps|; what the probe found. */
static double carry(wr_probe *p, double path_bps, wr_time *now, double *asked_bps) {
  uint8_t cluster;
  double found_bps = 0;
  *asked_bps = 0;
  wr_time free_at = 0, sent_at[64], arrived_at[64];
  uint8_t of[64];
  int n = 0;
  for (double bps; n < 64 && (bps = wr_probe_rate(p, &cluster, *now)) > 0; *now += (wr_time)(8e9 / bps)) {
    *asked_bps = bps;
    if (free_at < *now) free_at = *now;
    free_at += (wr_time)(8e9 / path_bps);
    sent_at[n] = *now;
    arrived_at[n] = free_at + WR_MS(50);
    of[n++] = cluster;
    wr_probe_sent(p, cluster, 1000);
  }
  for (int i = 0; i < n; i++) {
    double bps = wr_probe_arrived(p, of[i], 1000, sent_at[i], arrived_at[i]);
    if (bps > 0) found_bps = bps;
  }
  return found_bps;
}

TEST(probe_a_wide_path_is_found_step_by_step) {
  wr_probe p;
  wr_time now = WR_S(1);
  double asked_bps;
  wr_probe_init(&p, 5e6);
  wr_probe_start(&p, 300000);
  double bps = carry(&p, 1e9, &now, &asked_bps);
  CHECK(asked_bps > 899999 && asked_bps < 900001 && bps > 880000 && bps < 910000);
  bps = carry(&p, 1e9, &now, &asked_bps);
  CHECK(bps > 1750000 && bps < 1850000);
  bps = carry(&p, 1e9, &now, &asked_bps);
  CHECK(bps > 3500000 && bps < 3700000);
  bps = carry(&p, 1e9, &now, &asked_bps);
  CHECK(bps > 4900000 && bps < 5100000); /* as much as is wanted */
  CHECK(carry(&p, 1e9, &now, &asked_bps) < 1);
}

TEST(probe_a_full_path_tells_its_capacity) {
  wr_probe p;
  wr_time now = WR_S(1);
  double asked_bps;
  wr_probe_init(&p, 5e6);
  wr_probe_start(&p, 300000);
  double bps = carry(&p, 500000, &now, &asked_bps);
  CHECK(bps > 470000 && bps < 480000); /* 0.95 of it */
}

TEST(probe_without_result_gives_way_after_a_second) {
  wr_probe p;
  uint8_t cluster = 0;
  wr_probe_init(&p, 5e6);
  CHECK(wr_probe_rate(&p, &cluster, WR_S(1)) < 1);
  wr_probe_start(&p, 300000);
  CHECK(wr_probe_rate(&p, &cluster, WR_S(1)) > 0);
  for (int i = 0; i < 5; i++) wr_probe_sent(&p, cluster, 1000);
  CHECK(wr_probe_rate(&p, &cluster, WR_S(1) + WR_MS(10)) < 1);
  CHECK(wr_probe_rate(&p, &cluster, WR_S(2) + WR_MS(10)) > 1700000);
  wr_probe_cancel(&p);
  CHECK(wr_probe_rate(&p, &cluster, WR_S(2) + WR_MS(20)) < 1);
}

TEST(probe_in_the_limited_region_each_five_seconds) {
  wr_probe p;
  uint8_t cluster;
  int n = 0;
  wr_probe_init(&p, 5e6);
  for (wr_time now = WR_S(1); now < WR_S(32); now += WR_MS(50)) {
    wr_probe_limited(&p, 100000, now);
    double bps = wr_probe_rate(&p, &cluster, now);
    if (bps <= 0) continue;
    CHECK(bps > 199999 && bps < 200001);
    for (int i = 0; i < 5; i++) wr_probe_sent(&p, cluster, 1000);
    n++;
  }
  CHECK_EQ(n, 6);
}
