#include "ice/pair.h"

#include "check.h"

TEST(ice_pair_priority_is_the_formula_and_agrees_between_the_sides) {
  check_rng rng = {5};
  for (int i = 0; i < 1000; i++) {
    uint32_t a = check_rng_u32(&rng) >> 1, b = check_rng_u32(&rng) % 3 ? check_rng_u32(&rng) >> 1 : a;
    uint64_t low = a < b ? a : b, high = a < b ? b : a;
    CHECK_EQ(wr_ice_pair_priority(true, a, b), (low << 32) + 2 * high + (a > b));
    CHECK_EQ(wr_ice_pair_priority(true, a, b), wr_ice_pair_priority(false, b, a));
  }
}

TEST(ice_pair_round_trip_is_smoothed_and_never_reads_as_unknown) {
  wr_ice_pair pair = {0};
  wr_ice_pair_measured(&pair, 0);
  CHECK_EQ(pair.rtt_us, 1);
  pair.rtt_us = 0;
  wr_ice_pair_measured(&pair, 80000);
  CHECK_EQ(pair.rtt_us, 80000);
  wr_ice_pair_measured(&pair, 160000);
  CHECK_EQ(pair.rtt_us, 90000);
  for (int i = 0; i < 200; i++) wr_ice_pair_measured(&pair, 0);
  CHECK(pair.rtt_us >= 1);
}

TEST(ice_pair_table_gives_up_the_lowest_that_is_neither_valid_nor_kept) {
  static wr_ice_pairs pairs;
  memset(&pairs, 0, sizeof pairs);
  bool victim;
  for (int i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    CHECK_EQ(wr_ice_pairs_take(&pairs, (uint64_t)(100 + i), -1, &victim), i);
    CHECK(!victim);
  }
  CHECK_EQ(wr_ice_pairs_take(&pairs, 100, -1, &victim), -1); /* not better than the lowest */
  pairs.slot[0].valid = true;
  CHECK_EQ(wr_ice_pairs_take(&pairs, 500, 1, &victim), 2);
  CHECK(victim);
  CHECK_EQ(pairs.slot[2].priority, 500);
  CHECK_EQ(wr_ice_pairs_next_waiting(&pairs), 2);
  pairs.slot[2].triggered = true;
  CHECK_EQ(wr_ice_pairs_next_waiting(&pairs), WR_ICE_MAX_PAIRS - 1);
  for (int i = 0; i < WR_ICE_MAX_PAIRS; i++) pairs.slot[i].valid = true;
  CHECK_EQ(wr_ice_pairs_take(&pairs, UINT64_MAX, -1, &victim), -1);
}
