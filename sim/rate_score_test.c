#include "sim/rate_score.h"

#include "check.h"

/* A second of 50 packets that took |delay_ms|, of which |n_lost| never came. */
static sim_rate_second second_of(double delay_ms, uint32_t n_lost) {
  sim_rate_second s = {.n_audio = 50, .n_lost = n_lost, .n_runs = n_lost, .delay_n = 50 - n_lost};
  s.delay_sum_ms = delay_ms * s.delay_n;
  for (int i = 0; i < 128; i++) s.delays_ms[i] = delay_ms;
  return s;
}

static double voice(double delay_ms, uint32_t n_lost, double bps) {
  sim_rate_second s = second_of(delay_ms, n_lost);
  return sim_rate_voice(&s, bps, 20, false, 0);
}

/* 40 kbit/s, 97.3 ms from mouth to ear: R = 93.2 - 0.024 * 97.3 - 1 = 89.86, MOS 4.336. */
TEST(sim_rate_score_is_the_e_model) {
  double got = voice(17.3, 0, 40000);
  CHECK(got > (4.336 - 1) / 3.5 - 0.001 && got < (4.336 - 1) / 3.5 + 0.001);
  CHECK(voice(4000, 0, 40000) <= 0);
  sim_rate_second none = {0};
  CHECK(sim_rate_voice(&none, 40000, 20, false, 0) <= 0);
}

TEST(sim_rate_score_falls_with_delay_loss_and_fewer_bits) {
  for (int i = 0; i < 20; i++) {
    CHECK(voice(20 * i, 0, 32000) > voice(20 * (i + 1), 0, 32000));
    CHECK(voice(20, (uint32_t)i, 32000) > voice(20, (uint32_t)i + 1, 32000));
    CHECK(voice(20, 0, 6000 + 1000 * i) < voice(20, 0, 7000 + 1000 * i));
  }
}

TEST(sim_rate_score_fec_costs_less_than_what_it_repairs) {
  sim_rate_second lost = second_of(20, 5), repaired = second_of(20, 0), fine = second_of(20, 0);
  repaired.n_by_fec = 5;
  double without = sim_rate_voice(&lost, 40000, 20, false, 0), with = sim_rate_voice(&repaired, 40000, 20, true, 0);
  CHECK(with > without);
  CHECK(sim_rate_voice(&fine, 40000, 20, true, 0) < sim_rate_voice(&fine, 40000, 20, false, 0));
}

TEST(sim_rate_score_of_video) {
  sim_rate_second s = {.n_frames = 30, .frame_bits = 1e6, .frame_delay_sum_ms = 30 * 50};
  double best = sim_rate_video(&s);
  CHECK(best > 0.999 && best < 1.001);
  s.frame_bits = 250e3;
  CHECK(sim_rate_video(&s) > 0.5); /* a quarter of the bits is worth more than half */
  s.n_broken = 15;
  s.frame_delay_sum_ms = 15 * 50;
  CHECK(sim_rate_video(&s) < 0.2);
  s = (sim_rate_second){.n_frames = 30, .frame_bits = 1e6, .frame_delay_sum_ms = 30 * 1000};
  CHECK(sim_rate_video(&s) <= 0);
  s = (sim_rate_second){.n_frames = 30, .n_broken = 30};
  CHECK(sim_rate_video(&s) <= 0);
}
