/* gateway/quality.h - how a call sounds, as the gateway can tell: figures of the last second and a MOS.
 *
 * Both directions: what the caller's packets look like here, what its reports and its page say of ours. MOS by the
 * E-model with the manager's constants (manager/quality.h), so that page and gateway judge alike; of the two
 * directions it is the worse. */
#ifndef GATEWAY_QUALITY_H
#define GATEWAY_QUALITY_H

#include "manager/quality.h"
#include "wr/stats.h"

#define GW_QUALITY_TEXT_MAX 160
#define GW_QUALITY_SAMPLES_MAX 480000u /* that a page may tell at once, ten seconds; more is not believed */

/* MGR_ABSENT: not measured. Ratios are 0..1. */
typedef struct gw_figures {
  double rtt_ms, jitter_ms;
  double loss_up, loss_down; /* of the caller's packets; of ours, by its reports */
  double concealed;          /* share of what the page played that it made up */
  double mos;
  mgr_level level;
} gw_figures;

typedef struct gw_quality {
  gw_figures figures;
  bool has_last;
  wr_stats_inbound_rtp in; /* where the next difference starts */
  uint32_t n_reports;
  unsigned report_age;               /* steps since the last report */
  double samples, concealed;         /* as the page told last; cumulative */
  double new_samples, new_concealed; /* since the last step */
} gw_quality;

void gw_quality_init(gw_quality *quality); /* also for another connection of the same session */
/* Once a second. */
void gw_quality_step(gw_quality *quality, const wr_stats *stats);
/* The page's counters of samples played and made up (totalSamplesReceived, concealedSamples); negative: not told.
 * What goes backwards begins anew. Returns how many were new, for sums. */
typedef struct gw_told {
  uint32_t samples, concealed;
} gw_told;
gw_told gw_quality_told(gw_quality *quality, double samples, double concealed);
/* ,"mos":4.2,"level":"EXCELLENT","lossUp":0.000,...: what is measured, each with a comma before it. */
void gw_quality_write(char out[GW_QUALITY_TEXT_MAX], const gw_figures *figures);
const char *gw_quality_level_text(mgr_level level);

#endif
