/* gateway/quality.c - see gateway/quality.h. */
#include "gateway/quality.h"

#include <stdio.h>

#define MIN_PACKETS 5      /* fewer make no ratio: one of two lost is not 50 % */
#define REPORT_STEPS_MAX 7 /* browsers report about sound every five seconds */

static bool is_there(double x) { return x >= 0; }

static const gw_figures nothing = {.rtt_ms = MGR_ABSENT,
                                   .jitter_ms = MGR_ABSENT,
                                   .loss_up = MGR_ABSENT,
                                   .loss_down = MGR_ABSENT,
                                   .concealed = MGR_ABSENT,
                                   .mos = MGR_ABSENT,
                                   .level = MGR_LEVEL_UNKNOWN};

void gw_quality_init(gw_quality *q) { *q = (gw_quality){.figures = nothing, .samples = -1, .concealed = -1}; }

static double loss_of(const wr_stats_inbound_rtp *from, const wr_stats_inbound_rtp *to) {
  if (!to->present || from->ssrc != to->ssrc || to->packets_received < from->packets_received) return MGR_ABSENT;
  double came = (double)(to->packets_received - from->packets_received); /* what was asked for is lost as well */
  came -= (double)(to->retransmitted_packets_received - from->retransmitted_packets_received);
  double lost = (double)(to->packets_lost - from->packets_lost);
  if (lost < 0) lost = 0; /* late ones are taken back */
  return came + lost < MIN_PACKETS ? MGR_ABSENT : lost / (came + lost);
}

/* A report holds for some steps, until the next may have been lost. */
static void follow_reports(gw_quality *q, const wr_stats_remote_inbound_rtp *told) {
  bool is_new = told->present && told->round_trip_time_measurements != q->n_reports;
  q->n_reports = told->round_trip_time_measurements;
  q->report_age = is_new ? 0 : q->report_age + 1;
  if (is_new) q->figures.loss_down = told->fraction_lost;
  if (q->report_age > REPORT_STEPS_MAX) q->figures.loss_down = MGR_ABSENT;
}

static void score(gw_figures *f) {
  double down = f->loss_down > f->concealed ? f->loss_down : f->concealed;
  f->mos = MGR_ABSENT;
  f->level = MGR_LEVEL_UNKNOWN;
  if (!is_there(f->rtt_ms) && !is_there(down) && !is_there(f->loss_up)) return;
  double r_down = mgr_quality_direction_r(f->rtt_ms, 0, down),
         r_up = mgr_quality_direction_r(f->rtt_ms, 0, f->loss_up);
  f->mos = mgr_quality_mos(r_down < r_up ? r_down : r_up);
  f->level = mgr_quality_level(f->mos);
}

void gw_quality_step(gw_quality *q, const wr_stats *stats) {
  gw_figures *f = &q->figures;
  const wr_stats_inbound_rtp *in = &stats->inbound_rtp;
  uint32_t rtt_us = stats->remote_inbound_rtp.round_trip_time_us;
  if (!rtt_us) rtt_us = stats->candidate_pair.current_round_trip_time_us;
  f->rtt_ms = rtt_us ? rtt_us / 1e3 : MGR_ABSENT;
  bool flows = q->has_last && in->present && in->packets_received != q->in.packets_received;
  f->jitter_ms = flows ? in->jitter_us / 1e3 : MGR_ABSENT;
  f->loss_up = q->has_last ? loss_of(&q->in, in) : MGR_ABSENT;
  follow_reports(q, &stats->remote_inbound_rtp);
  f->concealed = q->new_samples > 0 ? q->new_concealed / q->new_samples : MGR_ABSENT;
  q->new_samples = q->new_concealed = 0;
  q->in = *in;
  q->has_last = true;
  score(f);
}

gw_told gw_quality_told(gw_quality *q, double samples, double concealed) {
  double new_samples = samples - q->samples, new_concealed = concealed - q->concealed;
  bool has_last = is_there(q->samples) && is_there(q->concealed);
  /* NaN fails every comparison. */
  bool is_sound = is_there(samples) && is_there(concealed);
  q->samples = is_sound ? samples : -1;
  q->concealed = is_sound ? concealed : -1;
  if (!has_last || !is_sound || !(new_samples >= 0 && new_samples <= GW_QUALITY_SAMPLES_MAX))
    return (gw_told){0, 0};
  if (!(new_concealed >= 0 && new_concealed <= new_samples)) return (gw_told){0, 0};
  q->new_samples += new_samples;
  q->new_concealed += new_concealed;
  return (gw_told){(uint32_t)new_samples, (uint32_t)new_concealed};
}

const char *gw_quality_level_text(mgr_level level) {
  switch (level) {
    case MGR_LEVEL_BAD: return "BAD";
    case MGR_LEVEL_POOR: return "POOR";
    case MGR_LEVEL_GOOD: return "GOOD";
    case MGR_LEVEL_EXCELLENT: return "EXCELLENT";
    case MGR_LEVEL_UNKNOWN: break;
  }
  return "UNKNOWN";
}

void gw_quality_write(char out[GW_QUALITY_TEXT_MAX], const gw_figures *f) {
  const struct {
    const char *name;
    double value;
  } ratios[] = {{"lossUp", f->loss_up}, {"lossDown", f->loss_down}, {"concealed", f->concealed}};
  int len = 0;
  out[0] = 0;
  if (is_there(f->mos))
    len = snprintf(out, GW_QUALITY_TEXT_MAX, ",\"mos\":%.2f,\"level\":\"%s\"", f->mos,
                   gw_quality_level_text(f->level));
  for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++)
    if (is_there(ratios[i].value))
      len +=
          snprintf(out + len, GW_QUALITY_TEXT_MAX - (size_t)len, ",\"%s\":%.4f", ratios[i].name, ratios[i].value);
}
