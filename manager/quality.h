/* manager/quality.h - how the call sounds: figures from two statistics reports, a MOS, a level, named issues.
 *
 * Feed it one mgr_sample a second and the gateway's "quality" messages; it differences the counters itself, so a
 * reload of the page, another connection (mgr_quality_restart) or another candidate pair never makes a jump.
 * Counters that go backwards begin anew: that interval has no such figure. What is negative, not finite or beyond
 * belief (a minute's round trip, 10^15 bytes) counts as absent.
 *
 * MOS by the E-model (ITU-T G.107) in the shape of Cole and Rosenbluth, with constants for Opus written down in
 * quality.c; of the two directions it is the worse. Levels have hysteresis: the first is taken as it is, then they
 * fall at once, and rise by one after MGR_QUALITY_RISE_SAMPLES better samples in a row. A sample without a MOS
 * changes neither level nor count. Formulas, thresholds and reasons: docs/manager.md. */
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

/* Lost packets as a share of those sent between two reports; state of quality.c. */
typedef struct mgr_loss_meter {
  double lost, packets; /* the counters the next difference starts from */
  double ratio;         /* of the last difference; MGR_ABSENT: too few packets to tell */
  mgr_time at;          /* when it was taken */
  bool has_start;
} mgr_loss_meter;

#define MGR_N_ISSUES 9

/* Private but for |figures|, |level| and |issues|. A value: may be copied. */
typedef struct mgr_quality {
  mgr_figures figures;
  mgr_level level;
  uint32_t issues; /* mask of mgr_issue */

  mgr_sample last;
  mgr_time sampled_at;
  bool has_last;
  mgr_gateway_report gateway;
  mgr_time gateway_at;
  bool has_gateway, gateway_is_new;
  mgr_loss_meter down, up, up_gateway; /* what we receive; ours by RTCP; ours by the gateway's message */
  double packet_rate;                  /* packets a second towards us in the interval before; MGR_ABSENT: unknown */
  double concealed;                    /* as |figures|, but absent where the stream merely paused */
  uint32_t n_better;                   /* samples in a row that would be a better level */
  uint8_t streak[MGR_N_ISSUES];        /* samples in a row that speak against the issue's present state */
  uint8_t n_unknown[MGR_N_ISSUES];     /* samples in a row that say nothing about it */
  mgr_time silent_us;                  /* the live microphone has given nothing for so long */
  bool was_heard;                      /* since it went live */
  bool system_muted;
} mgr_quality;

enum { MGR_QUALITY_LEVEL_CHANGED = 1, MGR_QUALITY_ISSUES_CHANGED = 2 };

void mgr_quality_init(mgr_quality *q);
/* Another connection: the next sample is a first one, figures are absent. Level, issues and hysteresis stay. */
void mgr_quality_restart(mgr_quality *q);
/* Returns a mask of what changed. The first sample after init or restart only remembers, as does one whose |now|
 * lies before the last; one within 100 ms of the last is ignored. */
unsigned mgr_quality_sample(mgr_quality *q, const mgr_sample *sample, mgr_time now);
/* Counts for 3 s. */
void mgr_quality_gateway(mgr_quality *q, const mgr_gateway_report *report, mgr_time now);
/* The track's mute and unmute: MICROPHONE_MUTED at once. Returns as mgr_quality_sample. */
unsigned mgr_quality_set_muted(mgr_quality *q, bool muted);

/* The E-model alone: one-way delay in ms, loss 0..1, mean burst length against random loss (>= 1). Returns R, 0 to
 * 93.2; mgr_quality_mos makes 1 to 4.5 of it. Absent or senseless arguments count as none (delay, loss 0; burst 1).
 */
double mgr_quality_r(double delay_ms, double loss, double burst_ratio, bool has_fec);
double mgr_quality_mos(double r_factor);
/* The same for one direction of a call of ours, with the constants of quality.c for what lies beside the network:
 * the round trip, the playout buffer at its end (ms), the loss. */
double mgr_quality_direction_r(double rtt_ms, double buffer_ms, double loss);
/* What a MOS is called, without hysteresis. */
mgr_level mgr_quality_level(double mos);

#endif
