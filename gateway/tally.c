/* gateway/tally.c - see gateway/tally.h. */
#include "gateway/tally.h"

#include <string.h>

#define NONE (-1.0)

void gw_tally_init(gw_tally *t, gw_browser browser) {
  *t = (gw_tally){.browser = browser, .network = "", .way = "", .mos_min = NONE};
}

const char *gw_tally_network(const char *told) {
  static const char *const known[] = {"ethernet", "wifi",  "cellular", "bluetooth",
                                      "wimax",    "other", "mixed",    "none"};
  for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
    if (strcmp(told, known[i]) == 0) return known[i];
  return "";
}

static void add(gw_mean *mean, double value) {
  if (!(value >= 0)) return; /* not measured */
  mean->sum += value;
  mean->n++;
}

static double of(const gw_mean *mean) { return mean->n ? mean->sum / mean->n : NONE; }

void gw_tally_second(gw_tally *t, const gw_figures *f) {
  add(&t->mos, f->mos);
  add(&t->loss_up, f->loss_up);
  add(&t->loss_down, f->loss_down);
  add(&t->rtt_ms, f->rtt_ms);
  if (f->mos >= 0 && (t->mos_min < 0 || f->mos < t->mos_min)) t->mos_min = f->mos;
}

void gw_tally_way(gw_tally *t, const wr_stats_candidate_pair *pair) {
  if (!pair->present) return;
  t->family = pair->path.remote.family;
  t->way = pair->is_relayed ? "relay" : pair->path.remote.transport == WR_TCP ? "tcp" : "direct";
}

void gw_tally_keep(gw_tally *t, const gw_timeline *timeline) {
  if (t->is_connected && !t->first.offered_at) t->first = *timeline;
}

static double ms(const gw_timeline *timeline, wr_time at) {
  return timeline->offered_at && at ? gw_timeline_ms(timeline, at) : NONE;
}

void gw_tally_read(const gw_tally *t, gw_call *call, const char *reason, bool is_wanted, wr_time lasted) {
  const gw_timeline *line = &t->first;
  *call = (gw_call){.result = t->is_connected ? "connected"
                              : is_wanted     ? "abandoned"
                                              : "failed",
                    .reason = reason,
                    .n = 1,
                    .duration_s = (double)lasted / 1e6,
                    .purpose = "",
                    .backend = "",
                    .way = t->way,
                    .family = t->family,
                    .browser = t->browser.family ? t->browser.family : "unknown",
                    .browser_major = t->browser.major,
                    .network = t->network,
                    .connect_ms = ms(line, line->dtls_at ? line->dtls_at : line->data_at),
                    .signalling_ms = ms(line, line->answered_at),
                    .ice_ms = ms(line, line->ice_at),
                    .dtls_ms = ms(line, line->dtls_at),
                    .data_ms = ms(line, line->data_at),
                    .media_ms = ms(line, line->media_at),
                    .mos_mean = of(&t->mos),
                    .mos_min = t->mos_min,
                    .loss_up = of(&t->loss_up),
                    .loss_down = of(&t->loss_down),
                    .rtt_ms = of(&t->rtt_ms),
                    .reconnects = t->n_reconnects};
}
