/* manager/quality.h - how the call sounds: figures from two statistics reports, a MOS, a level, named issues.
 *
 * Feed it one mgr_sample a second and the gateway's "quality" messages; it differences the counters itself, so a
 * reload of the page, another connection (mgr_quality_restart) or another candidate pair never makes a jump.
 * Counters that go backwards begin anew.
 *
 * MOS by the E-model (ITU-T G.107) in the shape of Cole and Rosenbluth, with constants for Opus written down in
 * quality.c. Levels have hysteresis: they fall at once, they rise after MGR_QUALITY_RISE_SAMPLES better samples. */
#ifndef MANAGER_QUALITY_H
#define MANAGER_QUALITY_H

#include "manager/names.h"
#include "manager/types.h"

#define MGR_ABSENT (-1.0)
#define MGR_QUALITY_RISE_SAMPLES 5 /* better samples in a row before a level rises by one */

#define MGR_SAMPLE(field, name) double field;
typedef struct mgr_sample {
#include "manager/sample.def"
} mgr_sample;
#undef MGR_SAMPLE

/* What the gateway measured of what it receives (its "quality" message). Absent: MGR_ABSENT. */
typedef struct mgr_gateway_report {
  double rtt_ms, jitter_ms;
  double received, lost; /* cumulative packets of our microphone */
} mgr_gateway_report;

/* Figures of the last interval; MGR_ABSENT where not measured. Ratios are 0..1. */
typedef struct mgr_figures {
  double mos, r_factor;
  double rtt_ms, jitter_ms, delay_ms; /* |delay_ms|: one way, mouth to ear as far as it is known */
  double loss_down, loss_up;
  double in_bps, out_bps, video_bps, available_out_bps;
  double concealed, buffer_ms; /* share of samples made up; time in the jitter buffer */
  double in_level, mic_level;
  double relayed; /* 1 or 0 */
} mgr_figures;

typedef struct mgr_quality {
  mgr_sample last;
  mgr_gateway_report gateway, last_gateway;
  mgr_time sampled_at, gateway_at;
  bool has_last, has_gateway, has_last_gateway;
  mgr_figures figures;
  mgr_level level;
  uint32_t issues;            /* mask of mgr_issue */
  uint32_t n_better;          /* samples in a row that would be a better level */
  uint32_t n_silent;          /* samples in a row with a live, silent microphone */
  uint32_t n_on[9], n_off[9]; /* per issue: samples in a row above, below its threshold */
  bool system_muted;
} mgr_quality;

enum { MGR_QUALITY_LEVEL_CHANGED = 1, MGR_QUALITY_ISSUES_CHANGED = 2 };

void mgr_quality_init(mgr_quality *q);
/* Another connection: the next sample is a first one. Level, issues and hysteresis stay. */
void mgr_quality_restart(mgr_quality *q);
/* Returns a mask of what changed. The first sample after init or restart only remembers. */
unsigned mgr_quality_sample(mgr_quality *q, const mgr_sample *sample, mgr_time now);
void mgr_quality_gateway(mgr_quality *q, const mgr_gateway_report *report, mgr_time now);
/* The track's mute and unmute: MICROPHONE_MUTED at once. Returns as mgr_quality_sample. */
unsigned mgr_quality_set_muted(mgr_quality *q, bool muted);

/* The E-model alone: one-way delay in ms, loss 0..1, mean burst length against random loss (>= 1). Returns R. */
double mgr_quality_r(double delay_ms, double loss, double burst_ratio, bool has_fec);
double mgr_quality_mos(double r_factor);

#endif
