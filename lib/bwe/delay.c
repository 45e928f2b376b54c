/* bwe/delay.c - groups, slope, threshold; see bwe/delay.h. */
#include "bwe/delay.h"

static double ms(wr_time us) { return (double)us / 1000; }

void wr_delay_init(wr_delay *delay) { *delay = (wr_delay){.threshold_ms = WR_DELAY_THRESHOLD_MS, .over_ms = -1}; }

/* ---- the slope ---- */

static void remember(wr_delay *d, double x_ms, double y_ms) {
  if (d->n == WR_DELAY_WINDOW) {
    for (unsigned i = 1; i < d->n; i++) {
      d->x_ms[i - 1] = d->x_ms[i];
      d->y_ms[i - 1] = d->y_ms[i];
    }
    d->n--;
  }
  d->x_ms[d->n] = x_ms;
  d->y_ms[d->n++] = y_ms;
}

/* Least squares: ms of queue per ms of time. |otherwise|: all points at one time. */
static double slope(const wr_delay *d, double otherwise) {
  double mean_x = 0, mean_y = 0, above = 0, below = 0;
  for (unsigned i = 0; i < d->n; i++) {
    mean_x += d->x_ms[i] / d->n;
    mean_y += d->y_ms[i] / d->n;
  }
  for (unsigned i = 0; i < d->n; i++) {
    above += (d->x_ms[i] - mean_x) * (d->y_ms[i] - mean_y);
    below += (d->x_ms[i] - mean_x) * (d->x_ms[i] - mean_x);
  }
  return below > 0 ? above / below : otherwise;
}

/* ---- the detector ---- */

static void adapt_threshold(wr_delay *d, double trend, wr_time now) {
  double size = trend < 0 ? -trend : trend, elapsed_ms = d->adapted_at ? ms(now - d->adapted_at) : 0;
  d->adapted_at = now;
  if (size > d->threshold_ms + WR_DELAY_OUTLIER_MS) return;
  if (elapsed_ms > 100) elapsed_ms = 100;
  d->threshold_ms +=
      (size < d->threshold_ms ? WR_DELAY_K_DOWN : WR_DELAY_K_UP) * (size - d->threshold_ms) * elapsed_ms;
  if (d->threshold_ms < WR_DELAY_THRESHOLD_MIN_MS) d->threshold_ms = WR_DELAY_THRESHOLD_MIN_MS;
  if (d->threshold_ms > WR_DELAY_THRESHOLD_MAX_MS) d->threshold_ms = WR_DELAY_THRESHOLD_MAX_MS;
}

static void detect(wr_delay *d, double trend, double sent_delta_ms, wr_time now) {
  if (d->n_deltas < 2) return;
  unsigned n = d->n_deltas < WR_DELAY_DELTAS_MAX ? d->n_deltas : WR_DELAY_DELTAS_MAX;
  double scaled = n * trend * WR_DELAY_GAIN;
  if (scaled > d->threshold_ms) {
    d->over_ms = d->over_ms < 0 ? sent_delta_ms / 2 : d->over_ms + sent_delta_ms;
    d->n_over++;
    if (d->over_ms > WR_DELAY_OVERUSE_MS && d->n_over > 1 && trend >= d->last_trend) {
      d->over_ms = 0;
      d->n_over = 0;
      d->usage = WR_USAGE_OVER;
    }
  } else {
    d->over_ms = -1;
    d->n_over = 0;
    d->usage = scaled < -d->threshold_ms ? WR_USAGE_UNDER : WR_USAGE_NORMAL;
  }
  d->last_trend = trend;
  adapt_threshold(d, scaled, now);
}

static void group_ended(wr_delay *d) {
  const wr_delay_group *a = &d->previous, *b = &d->current;
  double sent_delta_ms = ms(b->last_sent - a->last_sent), delta_ms = ms(b->last_arrived - a->last_arrived);
  d->n_deltas++;
  d->sum_ms += delta_ms - sent_delta_ms;
  d->smoothed_ms = WR_DELAY_SMOOTHING * d->smoothed_ms + (1 - WR_DELAY_SMOOTHING) * d->sum_ms;
  d->least_ms += delta_ms / 1000;
  if (d->smoothed_ms < d->least_ms || d->n_deltas == 1) d->least_ms = d->smoothed_ms;
  remember(d, ms(b->last_arrived - d->began_at), d->smoothed_ms);
  detect(d, d->n == WR_DELAY_WINDOW ? slope(d, d->last_trend) : d->last_trend, sent_delta_ms, b->last_arrived);
}

/* ---- groups ---- */

/* Sent together, or let through together by something that held them up (gcc-02 5.2). */
static bool belongs(const wr_delay_group *g, wr_time sent_at, wr_time arrived_at) {
  if (sent_at - g->first_sent <= WR_DELAY_GROUP_US) return true;
  wr_time arrived_delta = arrived_at - g->last_arrived, sent_delta = sent_at - g->last_sent;
  return arrived_delta < sent_delta && arrived_delta <= WR_DELAY_GROUP_US &&
         arrived_at - g->first_arrived < WR_DELAY_BURST_US;
}

wr_usage wr_delay_packet(wr_delay *d, wr_time sent_at, wr_time arrived_at) {
  wr_delay_group *g = &d->current;
  if (d->n_groups == 0) {
    d->began_at = arrived_at;
  } else if (sent_at < g->first_sent) {
    return d->usage; /* out of order: tells nothing */
  } else if (belongs(g, sent_at, arrived_at)) {
    if (sent_at > g->last_sent) g->last_sent = sent_at;
    if (arrived_at > g->last_arrived) g->last_arrived = arrived_at;
    return d->usage;
  } else {
    if (d->n_groups == 2) group_ended(d);
    d->previous = *g;
  }
  if (d->n_groups < 2) d->n_groups++;
  *g = (wr_delay_group){sent_at, sent_at, arrived_at, arrived_at};
  return d->usage;
}
