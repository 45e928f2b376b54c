/* bwe/aimd.c - see bwe/aimd.h. */
#include "bwe/aimd.h"

#define PACKET_BITS (1200 * 8)
#define FRAMES_PER_SECOND 30 /* libwebrtc: how it guesses the size of packets */

static double clamp(const wr_aimd *a, double bps) {
  if (bps > a->most_bps) bps = a->most_bps;
  return bps < a->least_bps ? a->least_bps : bps;
}

void wr_aimd_init(wr_aimd *aimd, double start_bps, double least_bps, double most_bps) {
  *aimd = (wr_aimd){.least_bps = least_bps,
                    .most_bps = most_bps,
                    .state = WR_AIMD_GROW,
                    .changed_at = WR_NEVER,
                    .fell_at = WR_NEVER};
  aimd->rate_bps = clamp(aimd, start_bps);
}

/* ---- what the path is known to carry ---- */

/* Whether |bps| is off the known capacity by more than three deviations; the variance is normalised by the mean. */
static bool is_off(const wr_aimd *a, double bps) {
  double off_kbps = bps / 1000 - a->capacity_kbps;
  return off_kbps * off_kbps >
         WR_AIMD_CAPACITY_SIGMAS * WR_AIMD_CAPACITY_SIGMAS * a->capacity_var * a->capacity_kbps;
}

static void learn_capacity(wr_aimd *a, double bps) {
  double kbps = bps / 1000;
  if (a->capacity_kbps > 0 && is_off(a, bps)) a->capacity_kbps = 0; /* another path now */
  if (a->capacity_kbps <= 0) {
    a->capacity_kbps = kbps;
    a->capacity_var = 0.4; /* libwebrtc LinkCapacityEstimator: first value and bounds, kbit/s */
    return;
  }
  double error = a->capacity_kbps - kbps;
  a->capacity_kbps -= WR_AIMD_CAPACITY_WEIGHT * error;
  double norm = a->capacity_kbps > 1 ? a->capacity_kbps : 1;
  a->capacity_var += WR_AIMD_CAPACITY_WEIGHT * (error * error / norm - a->capacity_var);
  if (a->capacity_var < 0.4) a->capacity_var = 0.4;
  if (a->capacity_var > 2.5) a->capacity_var = 2.5;
}

/* ---- up and down ---- */

static double additive_bps_per_s(const wr_aimd *a, wr_time rtt_us) {
  double frame_bits = a->rate_bps / FRAMES_PER_SECOND, n_packets = 1;
  while (frame_bits / n_packets > PACKET_BITS) n_packets++;
  double response_s = (double)(rtt_us + WR_AIMD_RESPONSE_US) / 1e6;
  double bps = frame_bits / n_packets / response_s;
  return bps > WR_AIMD_ADDITIVE_LEAST_BPS ? bps : WR_AIMD_ADDITIVE_LEAST_BPS;
}

static void grow(wr_aimd *a, double arrived_bps, bool limited, wr_time rtt_us, wr_time now) {
  double elapsed_s = a->changed_at == WR_NEVER ? 0 : (double)(now - a->changed_at) / 1e6, next_bps;
  if (elapsed_s > 1) elapsed_s = 1;
  if (arrived_bps > a->capacity_kbps * 1000 && a->capacity_kbps > 0 && is_off(a, arrived_bps)) a->capacity_kbps = 0;
  if (a->capacity_kbps > 0)
    next_bps = a->rate_bps + additive_bps_per_s(a, rtt_us) * elapsed_s;
  else
    next_bps = a->rate_bps * (1 + (WR_AIMD_INCREASE - 1) * elapsed_s);
  double most_bps = WR_AIMD_AHEAD * arrived_bps + WR_AIMD_AHEAD_BPS;
  if (limited) most_bps = a->rate_bps; /* nothing is learnt from what was not sent */
  if (arrived_bps > 0 && next_bps > most_bps) next_bps = most_bps;
  if (next_bps > a->rate_bps) a->rate_bps = clamp(a, next_bps);
  a->changed_at = now;
}

static void fall(wr_aimd *a, double arrived_bps, wr_time now) {
  double next_bps = WR_AIMD_DECREASE * (arrived_bps > 0 ? arrived_bps : a->rate_bps);
  if (next_bps > a->rate_bps && a->capacity_kbps > 0) next_bps = WR_AIMD_DECREASE * a->capacity_kbps * 1000;
  if (next_bps < a->rate_bps) a->rate_bps = clamp(a, next_bps);
  if (arrived_bps > 0) learn_capacity(a, arrived_bps);
  a->state = WR_AIMD_HOLD;
  a->changed_at = a->fell_at = now;
}

void wr_aimd_update(wr_aimd *a, wr_usage usage, double arrived_bps, bool limited, wr_time rtt_us, wr_time now) {
  switch (usage) {
    case WR_USAGE_OVER: a->state = WR_AIMD_FALL; break;
    case WR_USAGE_UNDER: a->state = WR_AIMD_HOLD; break;
    case WR_USAGE_NORMAL:
      if (a->state == WR_AIMD_HOLD) a->changed_at = now;
      a->state = WR_AIMD_GROW;
      break;
  }
  /* libwebrtc: once a response time, for what is seen until then was sent before; at once if half is in doubt */
  bool soon = a->fell_at != WR_NEVER && now - a->fell_at < rtt_us + WR_AIMD_RESPONSE_US;
  if (a->state == WR_AIMD_FALL && (!soon || arrived_bps < a->rate_bps / 2)) fall(a, arrived_bps, now);
  if (a->state == WR_AIMD_GROW) grow(a, arrived_bps, limited, rtt_us, now);
}

void wr_aimd_set(wr_aimd *a, double bps, wr_time now) {
  a->rate_bps = clamp(a, bps);
  a->changed_at = now;
}
