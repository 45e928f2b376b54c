/* sim/rate_score.c - the formulas of rate_score.h. */
#include "sim/rate_score.h"

#include <math.h>

static double impairment(double bps) {
  static const struct {
    double bps, ie;
  } points[] = {{6000, 36}, {8000, 28}, {12000, 17}, {16000, 11}, {24000, 5}, {32000, 2}, {40000, 1}};
  enum { N = sizeof points / sizeof *points };
  if (bps <= points[0].bps) return points[0].ie;
  for (int i = 1; i < N; i++) {
    if (bps > points[i].bps) continue;
    double share = log(bps / points[i - 1].bps) / log(points[i].bps / points[i - 1].bps);
    return points[i - 1].ie + share * (points[i].ie - points[i - 1].ie);
  }
  return points[N - 1].ie;
}

static double mos(double r) {
  if (r <= 0) return 1;
  double value = 1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r);
  return value < 1 ? 1 : value;
}

static double playout_ms(const sim_rate_second *s) {
  if (s->delay_n <= 0) return 0;
  int n = s->delay_n < 128 ? (int)s->delay_n : 128;
  double mean = s->delay_sum_ms / s->delay_n, deviation = 0;
  for (int i = 0; i < n; i++) deviation += fabs(s->delays_ms[i] - mean) / n;
  return mean + 2 * deviation;
}

double sim_rate_voice(const sim_rate_second *s, double audio_bps, double ptime_ms, bool fec, int copies) {
  if (!s->n_audio) return 0;
  double d = playout_ms(s) + ptime_ms * (fec || copies ? 2 : 1) + 60;
  double id = 0.024 * d + (d > 177.3 ? 0.11 * (d - 177.3) : 0);
  double ie = impairment(fec ? audio_bps * 0.8 : audio_bps);
  double lost = s->n_lost + 0.25 * s->n_by_fec, p = 100 * lost / s->n_audio;
  double burst = s->n_runs ? (double)s->n_lost / s->n_runs * (1 - (double)s->n_lost / s->n_audio) : 1;
  burst = burst < 1 ? 1 : burst > 4 ? 4 : burst;
  double bpl = ptime_ms <= 20 ? 10 : ptime_ms <= 40 ? 8 : 6;
  double r = 93.2 - id - ie - (95 - ie) * p / (p / burst + bpl);
  return (mos(r) - 1) / 3.5;
}

double sim_rate_video(const sim_rate_second *s) {
  uint32_t n_whole = s->n_frames - s->n_broken;
  if (!n_whole) return 0;
  double whole = (double)n_whole / s->n_frames, delay_ms = s->frame_delay_sum_ms / n_whole;
  double late = delay_ms > 150 ? (delay_ms - 150) / 850 : 0;
  if (late >= 1) return 0;
  return log(1 + s->frame_bits / 50e3) / log(1 + 1e6 / 50e3) * whole * whole * (1 - late);
}
