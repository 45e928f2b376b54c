/* gateway/last_minute.c - two rings, and their text. */
#include "gateway/last_minute.h"

#include <math.h>

void gw_minute_init(gw_minute *m, wr_time now) {
  m->opened_at = now;
  m->n_seconds = m->n_events = 0;
  m->sums = (gw_minute_sums){0};
}

void gw_minute_restart(gw_minute *m) { m->sums = (gw_minute_sums){0}; }

static uint32_t age_ms(const gw_minute *m, wr_time now) { return (uint32_t)((now - m->opened_at) / 1000); }

static uint16_t fit(uint64_t v) { return (uint16_t)(v < GW_MINUTE_ABSENT ? v : GW_MINUTE_ABSENT - 1); }

/* |x| negative: not measured. */
static uint16_t fit_figure(double x, double scale) {
  return x < 0 ? GW_MINUTE_ABSENT : x * scale < 65000 ? (uint16_t)lround(x * scale) : 65000;
}

static gw_minute_sums sums_of(const wr_conn_stats *stats) {
  uint64_t dropped = 0;
  for (size_t i = 0; i < WR_DROP_COUNT; i++) dropped += stats->drop[i];
  return (gw_minute_sums){.bytes_in = (uint32_t)stats->bytes_in,
                          .bytes_out = (uint32_t)stats->bytes_out,
                          .packets_in = (uint32_t)stats->rtp_packets_in,
                          .packets_out = (uint32_t)stats->rtp_packets_out,
                          .lost = (uint32_t)stats->rtp_lost,
                          .late = (uint32_t)stats->rtp_late,
                          .repaired = (uint32_t)stats->rtp_frames_repaired,
                          .dropped = (uint32_t)dropped};
}

void gw_minute_step(gw_minute *m, const wr_conn_stats *stats, const gw_figures *figures, wr_time now) {
  gw_minute_sums sums = sums_of(stats), was = m->sums;
  m->sums = sums;
  m->second[m->n_seconds++ % GW_MINUTE_SECONDS] =
      (gw_second){.at_ms = age_ms(m, now),
                  .bytes_in = sums.bytes_in - was.bytes_in,
                  .bytes_out = sums.bytes_out - was.bytes_out,
                  .packets_in = fit(sums.packets_in - was.packets_in),
                  .packets_out = fit(sums.packets_out - was.packets_out),
                  .lost = fit(sums.lost - was.lost),
                  .late = fit(sums.late - was.late),
                  .repaired = fit(sums.repaired - was.repaired),
                  .dropped = fit(sums.dropped - was.dropped),
                  .rtt_100us = fit_figure(figures->rtt_ms, 10),
                  .jitter_100us = fit_figure(figures->jitter_ms, 10),
                  .loss_down_10000 = fit_figure(figures->loss_down, 10000),
                  .concealed_10000 = fit_figure(figures->concealed, 10000),
                  .mos_100 = fit_figure(figures->mos, 100),
                  .queue_ms = fit(stats->queue_us / 1000),
                  .target_kbps = fit(stats->target_bps / 1000)};
}

void gw_minute_note(gw_minute *m, const char *event, const char *what, const char *why, wr_time now) {
  m->moment[m->n_events++ % GW_MINUTE_EVENTS] =
      (gw_moment){.at_ms = age_ms(m, now), .event = event, .what = what, .why = why};
}

/* ---- as text ---- */

static void add_figure(gw_text *out, const char *name, uint16_t v, double scale) {
  if (v != GW_MINUTE_ABSENT) gw_text_add(out, ",\"%s\":%.6g", name, v / scale);
}

static void add_second(gw_text *out, const gw_second *s) {
  gw_text_add(out,
              "{\"at\":%.3f,\"packetsIn\":%u,\"packetsOut\":%u,\"bytesIn\":%u,\"bytesOut\":%u,\"lost\":%u,"
              "\"late\":%u,\"repaired\":%u,\"dropped\":%u",
              s->at_ms / 1e3, s->packets_in, s->packets_out, s->bytes_in, s->bytes_out, s->lost, s->late,
              s->repaired, s->dropped);
  add_figure(out, "rtt", s->rtt_100us, 10);
  add_figure(out, "jitter", s->jitter_100us, 10);
  add_figure(out, "lossDown", s->loss_down_10000, 10000);
  add_figure(out, "concealed", s->concealed_10000, 10000);
  add_figure(out, "mos", s->mos_100, 100);
  if (s->target_kbps) gw_text_add(out, ",\"queue\":%u,\"targetKbps\":%u", s->queue_ms, s->target_kbps);
  gw_text_add(out, "}");
}

static void add_moment(gw_text *out, const gw_moment *e) {
  gw_text_add(out, "{\"at\":%.3f,\"event\":\"%s\"", e->at_ms / 1e3, e->event);
  if (e->what) gw_text_add(out, ",\"what\":\"%s\"", e->what);
  if (e->why) gw_text_add(out, ",\"why\":\"%s\"", e->why);
  gw_text_add(out, "}");
}

void gw_minute_write(gw_text *out, const gw_minute *m) {
  uint32_t first = m->n_seconds > GW_MINUTE_SECONDS ? m->n_seconds - GW_MINUTE_SECONDS : 0;
  gw_text_add(out, "\"seconds\":[");
  for (uint32_t i = first; i < m->n_seconds; i++) {
    if (i > first) gw_text_add(out, ",");
    add_second(out, &m->second[i % GW_MINUTE_SECONDS]);
  }
  first = m->n_events > GW_MINUTE_EVENTS ? m->n_events - GW_MINUTE_EVENTS : 0;
  gw_text_add(out, "],\"events\":[");
  for (uint32_t i = first; i < m->n_events; i++) {
    if (i > first) gw_text_add(out, ",");
    add_moment(out, &m->moment[i % GW_MINUTE_EVENTS]);
  }
  gw_text_add(out, "],\"forgotten\":%u", first);
}
