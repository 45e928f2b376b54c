#include "sim/rng.h"

#include "check.h"

/* The demo of the PCG distribution: seed 42, stream 54. */
TEST(sim_rng_is_pcg32) {
  static const uint32_t want[] = {0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e};
  sim_rng rng = sim_rng_of(42, 54);
  for (size_t i = 0; i < sizeof want / sizeof *want; i++) CHECK_EQ(sim_rng_u32(&rng), want[i]);
}

TEST(sim_rng_upto_reaches_both_ends_and_no_further) {
  sim_rng rng = sim_rng_of(1, 1);
  unsigned seen[6] = {0};
  for (int i = 0; i < 6000; i++) {
    uint64_t v = sim_rng_upto(&rng, 5);
    REQUIRE(v <= 5);
    seen[v]++;
  }
  for (int i = 0; i < 6; i++) CHECK(seen[i] > 850 && seen[i] < 1150);
  CHECK_EQ(sim_rng_upto(&rng, 0), 0);
}

TEST(sim_rng_chance_keeps_its_odds) {
  sim_rng rng = sim_rng_of(7, 3);
  int n_hits = 0, n_never = 0, n_always = 0;
  for (int i = 0; i < 100000; i++) {
    n_hits += sim_rng_chance(&rng, 250000);
    n_never += sim_rng_chance(&rng, 0);
    n_always += sim_rng_chance(&rng, 1000000);
  }
  CHECK(n_hits > 24500 && n_hits < 25500);
  CHECK_EQ(n_never, 0);
  CHECK_EQ(n_always, 100000);
}
