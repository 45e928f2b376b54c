#include "sim/congestion.h"

#include "check.h"

static sim_congestion_result result;

static uint32_t bits_in(int flow, int from_s, int until_s) {
  uint32_t bits = 0;
  for (int s = from_s; s < until_s; s++) bits += result.second[flow][s].bits;
  return bits;
}

TEST(sim_congestion_capacity_changes_with_its_phases) {
  const sim_capacity phases[SIM_CONGESTION_PHASES] = {{0, 1000}, {40, 2500}};
  CHECK_EQ(sim_capacity_at(phases, 0), 1000);
  CHECK_EQ(sim_capacity_at(phases, 39), 1000);
  CHECK_EQ(sim_capacity_at(phases, 40), 2500);
  const sim_capacity none[SIM_CONGESTION_PHASES] = {{0, 0}};
  CHECK_EQ(sim_capacity_at(none, 7), 100000000);
}

TEST(sim_congestion_same_seed_same_arrivals) {
  const sim_congestion_plan plan = {
      .seconds = 5, .forward = {{0, 1000000}}, .flow = {{.kind = SIM_FLOW_MEDIA, .one_way_ms = 50}}};
  REQUIRE(sim_congestion_run(&plan, 1, NULL, &result));
  uint64_t digest = result.digest;
  REQUIRE(sim_congestion_run(&plan, 1, NULL, &result));
  CHECK(result.digest == digest);
  REQUIRE(sim_congestion_run(&plan, 2, NULL, &result));
  CHECK(result.digest != digest);
}

TEST(sim_congestion_tcp_fills_its_path_and_its_queue) {
  const sim_congestion_plan plan = {
      .seconds = 30, .forward = {{0, 2000000}}, .flow = {{.kind = SIM_FLOW_LONG_TCP, .one_way_ms = 50}}};
  REQUIRE(sim_congestion_run(&plan, 1, NULL, &result));
  CHECK(bits_in(0, 10, 30) > 20 * 1900000u);
  uint32_t longest_ms = 0, lost = 0;
  for (int s = 0; s < 30; s++) {
    if (result.second[0][s].queue_ms > longest_ms) longest_ms = result.second[0][s].queue_ms;
    lost += result.second[0][s].lost;
  }
  CHECK(longest_ms >= 280 && longest_ms <= 310);
  CHECK(lost > 0);
}

TEST(sim_congestion_short_tcp_comes_and_goes) {
  const sim_congestion_plan plan = {
      .seconds = 120, .forward = {{0, 2000000}}, .flow = {{.kind = SIM_FLOW_SHORT_TCP, .one_way_ms = 50}}};
  REQUIRE(sim_congestion_run(&plan, 1, NULL, &result));
  uint32_t bits = bits_in(0, 0, 120);
  CHECK(bits > 4 * 240000u && bits < 60 * 400000u); /* files of 30 to 50 KB, ten seconds apart on average */
}

TEST(sim_congestion_media_uses_a_path_without_filling_its_queue) {
  const sim_congestion_plan plan = {
      .seconds = 40, .forward = {{0, 1000000}}, .flow = {{.kind = SIM_FLOW_MEDIA, .one_way_ms = 50}}};
  REQUIRE(sim_congestion_run(&plan, 3, NULL, &result));
  uint32_t bits = bits_in(0, 10, 40);
  CHECK(bits > 30 * 800000u && bits <= 30 * 1000000u);
  for (int s = 10; s < 40; s++) CHECK(result.second[0][s].queue_ms < 200);
}

TEST(sim_congestion_a_pause_is_silent) {
  const sim_congestion_plan plan = {
      .seconds = 30,
      .forward = {{0, 2000000}},
      .flow = {{.kind = SIM_FLOW_MEDIA, .one_way_ms = 50, .start_s = 2, .pause_s = 10, .resume_s = 20}}};
  REQUIRE(sim_congestion_run(&plan, 1, NULL, &result));
  CHECK_EQ(bits_in(0, 0, 2), 0);
  CHECK_EQ(bits_in(0, 11, 20), 0);
  CHECK(bits_in(0, 22, 30) > 8 * 1000000u);
}
