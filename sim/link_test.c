#include "sim/link.h"

#include "check.h"

static sim_link link_of(const sim_link_profile *profile, uint64_t seed) {
  sim_link link;
  sim_link_init(&link, profile, sim_rng_of(seed, 1));
  return link;
}

TEST(sim_link_ideal_wire_takes_no_time) {
  sim_link link = link_of(&(sim_link_profile){0}, 1);
  sim_link_verdict v = sim_link_carry(&link, 1200, 77);
  CHECK_EQ(v.fate, SIM_LINK_PASSED);
  CHECK_EQ(v.n_copies, 1);
  CHECK_EQ(v.arrive_at[0], 77);
}

TEST(sim_link_delay_and_jitter_stay_in_their_range_and_in_order) {
  sim_link link = link_of(&(sim_link_profile){.delay_us = WR_MS(50), .jitter_us = WR_MS(30)}, 2);
  wr_time last = 0, least = WR_NEVER, most = 0;
  for (int i = 0; i < 5000; i++) {
    wr_time now = i * WR_MS(100);
    wr_time at = sim_link_carry(&link, 100, now).arrive_at[0];
    CHECK(at >= last);
    last = at;
    if (at - now < least) least = at - now;
    if (at - now > most) most = at - now;
  }
  CHECK(least >= WR_MS(50) && least < WR_MS(51));
  CHECK(most <= WR_MS(80) && most > WR_MS(79));
  for (int i = 0; i < 1000; i++) { /* close together: jitter may squeeze them, never swap them */
    wr_time at = sim_link_carry(&link, 100, WR_S(1000) + i * WR_MS(1)).arrive_at[0];
    CHECK(at >= last);
    last = at;
  }
}

TEST(sim_link_rate_spaces_datagrams) {
  /* 972 + 28 bytes at 8 Mbit/s: one millisecond each. */
  sim_link link = link_of(&(sim_link_profile){.rate_bps = 8000000, .queue_bytes = 100000, .delay_us = WR_MS(5)}, 3);
  for (int i = 0; i < 50; i++) CHECK_EQ(sim_link_carry(&link, 972, 0).arrive_at[0], WR_MS(5) + WR_MS(i + 1));
  /* Idle time is not saved up. */
  CHECK_EQ(sim_link_carry(&link, 972, WR_S(1)).arrive_at[0], WR_S(1) + WR_MS(6));
}

TEST(sim_link_queue_drops_its_tail) {
  sim_link link = link_of(&(sim_link_profile){.rate_bps = 8000000, .queue_bytes = 10000}, 4);
  int n_passed = 0, n_full = 0;
  for (int i = 0; i < 30; i++) {
    sim_link_fate fate = sim_link_carry(&link, 972, 0).fate;
    n_passed += fate == SIM_LINK_PASSED;
    n_full += fate == SIM_LINK_QUEUE_FULL;
  }
  CHECK_EQ(n_passed, 10);
  CHECK_EQ(n_full, 20);
  CHECK_EQ(sim_link_carry(&link, 972, WR_MS(1)).fate, SIM_LINK_PASSED); /* one has left, one fits */
  CHECK_EQ(sim_link_carry(&link, 972, WR_MS(1)).fate, SIM_LINK_QUEUE_FULL);
}

TEST(sim_link_drops_what_exceeds_the_mtu) {
  sim_link link = link_of(&(sim_link_profile){.mtu_bytes = 1280}, 5);
  CHECK_EQ(sim_link_carry(&link, 1252, 0).fate, SIM_LINK_PASSED);
  CHECK_EQ(sim_link_carry(&link, 1253, 0).fate, SIM_LINK_TOO_LARGE);
}

static unsigned count_lost(sim_link *link, unsigned n, unsigned *n_runs) {
  unsigned n_lost = 0;
  bool before = false;
  for (unsigned i = 0; i < n; i++) {
    bool lost = sim_link_carry(link, 100, (wr_time)i * 1000).fate == SIM_LINK_LOST;
    n_lost += lost;
    if (n_runs) *n_runs += lost && !before;
    before = lost;
  }
  return n_lost;
}

TEST(sim_link_random_loss_keeps_its_odds_for_many_seeds) {
  for (uint64_t seed = 0; seed < 20; seed++) {
    sim_link link = link_of(&(sim_link_profile){.loss_ppm = 100000}, seed);
    unsigned n_lost = count_lost(&link, 20000, NULL); /* sigma is 42 */
    CHECK(n_lost > 1780 && n_lost < 2220);
  }
}

TEST(sim_link_bursty_loss_comes_in_bursts) {
  /* In the bad state 1/11 of the time, bursts of 10 datagrams on average, all lost in them. */
  sim_link_profile p = {.burst_start_ppm = 10000, .burst_end_ppm = 100000, .burst_loss_ppm = 1000000};
  sim_link link = link_of(&p, 6);
  unsigned n_runs = 0, n_lost = count_lost(&link, 200000, &n_runs);
  CHECK(n_lost > 16000 && n_lost < 20500);
  CHECK(n_runs && n_lost / n_runs >= 9 && n_lost / n_runs <= 11);
}

TEST(sim_link_reorders_and_doubles_at_their_odds) {
  sim_link_profile p = {
      .delay_us = WR_MS(10), .reorder_ppm = 50000, .reorder_us = WR_MS(40), .duplicate_ppm = 20000};
  sim_link link = link_of(&p, 7);
  int n_held = 0, n_doubled = 0;
  for (int i = 0; i < 20000; i++) {
    wr_time now = i * WR_MS(1);
    sim_link_verdict v = sim_link_carry(&link, 100, now);
    n_held += v.arrive_at[0] == now + WR_MS(50);
    n_doubled += v.n_copies == 2;
    CHECK(v.reordered ? v.arrive_at[0] == now + WR_MS(50) : v.arrive_at[0] == now + WR_MS(10));
  }
  CHECK(n_held > 850 && n_held < 1150);
  CHECK(n_doubled > 310 && n_doubled < 490);
}

TEST(sim_link_switching_an_effect_on_leaves_the_other_dice_alone) {
  sim_link a = link_of(&(sim_link_profile){.loss_ppm = 200000}, 8);
  sim_link b = link_of(&(sim_link_profile){.loss_ppm = 200000, .duplicate_ppm = 300000, .reorder_ppm = 100000}, 8);
  for (int i = 0; i < 1000; i++) CHECK_EQ(sim_link_carry(&a, 1, i).fate, sim_link_carry(&b, 1, i).fate);
}

TEST(sim_profiles_have_names) {
  REQUIRE(sim_profile_named("lte"));
  CHECK_EQ(sim_profile_named("lte")->up.delay_us, WR_MS(25));
  CHECK_EQ(sim_profile_named("cafe_wifi")->down.rate_bps, 8000000);
  CHECK(!sim_profile_named("carrier_pigeon"));
  size_t n = 0;
  while (sim_profile_at(n)) n++;
  CHECK_EQ(n, 6);
}
