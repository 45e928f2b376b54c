/* bwe/rate.c - see bwe/rate.h. */
#include "bwe/rate.h"

static void advance(wr_rate *r, wr_time now) {
  wr_time step = now / WR_RATE_STEP_US;
  if (step - r->step >= WR_RATE_STEPS) r->step = step - WR_RATE_STEPS; /* all of it is over */
  while (r->step < step) r->bytes[(size_t)(++r->step % WR_RATE_STEPS)] = 0;
}

void wr_rate_add(wr_rate *rate, size_t bytes, wr_time now) {
  WR_ASSERT(now >= 0);
  if (!rate->started) *rate = (wr_rate){.began_at = now, .step = now / WR_RATE_STEP_US, .started = true};
  advance(rate, now);
  wr_time step = now / WR_RATE_STEP_US;
  if (rate->step - step < WR_RATE_STEPS) rate->bytes[(size_t)(step % WR_RATE_STEPS)] += (uint32_t)bytes;
}

double wr_rate_bps(wr_rate *rate, wr_time now) {
  if (!rate->started || now - rate->began_at < 4 * WR_RATE_STEP_US) return 0;
  advance(rate, now);
  double sum = 0;
  for (size_t i = 0; i < WR_RATE_STEPS; i++) sum += rate->bytes[i];
  wr_time since = now - (rate->step - WR_RATE_STEPS + 1) * WR_RATE_STEP_US; /* the newest step is not over */
  if (since > now - rate->began_at) since = now - rate->began_at;
  return sum * 8e6 / (double)since;
}
