#include "sim/rate.h"

#include "check.h"

static sim_rate_result play(const char *trace, sim_rate_player player, bool has_camera, uint64_t seed) {
  sim_rate_settings settings = {
      .trace = sim_rate_trace_named(trace), .player = player, .has_camera = has_camera, .seed = seed};
  sim_rate_result result;
  sim_rate_run(&settings, &result);
  return result;
}

TEST(sim_rate_same_seed_same_call) {
  for (int player = SIM_RATE_FIXED; player <= SIM_RATE_ORACLE; player++) {
    sim_rate_result a = play("lte", (sim_rate_player)player, false, 5),
                    b = play("lte", (sim_rate_player)player, false, 5);
    CHECK_EQ(a.digest, b.digest);
    CHECK(a.digest != play("lte", (sim_rate_player)player, false, 6).digest);
  }
}

TEST(sim_rate_players_in_their_order_on_a_narrow_wire) {
  double fixed = play("uplink_24k", SIM_RATE_FIXED, false, 1).score;
  double adaptive = play("uplink_24k", SIM_RATE_ADAPTIVE, false, 1).score;
  double oracle = play("uplink_24k", SIM_RATE_ORACLE, false, 1).score;
  CHECK(fixed < 1);
  CHECK(adaptive > 50);
  CHECK(oracle > adaptive);
}

TEST(sim_rate_adaptive_leaves_a_clean_wire_alone) {
  sim_rate_result r = play("clean", SIM_RATE_ADAPTIVE, false, 1);
  CHECK_EQ(r.most_changes, 0);
  CHECK(r.score > 95);
}

TEST(sim_rate_fixed_is_what_it_says) { CHECK_EQ(play("steps", SIM_RATE_FIXED, true, 1).most_changes, 0); }
