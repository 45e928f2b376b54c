/* sim/rate.h - whole calls over a trace by three players: what is fixed, manager/bitrate.c, and an oracle.
 *
 * fixed: 32 kbit/s of Opus at 20 ms and 500 kbit/s of video at 24 frames, FEC when the last reports told of loss,
 * as browsers do by themselves. adaptive: mgr_bitrate_step once a second on what was reported. oracle: a second
 * ahead it tries every rung on a copy of the link that it will really have, for two seconds, and takes the best. */
#ifndef SIM_RATE_H
#define SIM_RATE_H

#include <stdio.h>

#include "sim/rate_call.h"
#include "sim/rate_trace.h"

typedef enum sim_rate_player { SIM_RATE_FIXED, SIM_RATE_ADAPTIVE, SIM_RATE_ORACLE } sim_rate_player;

typedef struct sim_rate_settings {
  const sim_rate_trace *trace;
  sim_rate_player player;
  uint64_t seed;
  bool has_camera;
  bool has_estimate; /* the browser tells availableOutgoingBitrate */
  bool may_red;
  FILE *log; /* NULL: silent; else a line a second */
} sim_rate_settings;

typedef struct sim_rate_result {
  double score;              /* 0..100, rate_score.h */
  double changes_per_minute; /* of the sender's targets */
  uint32_t most_changes;     /* in one minute of the call */
  uint64_t digest;           /* of every target and score */
} sim_rate_result;

void sim_rate_run(const sim_rate_settings *settings, sim_rate_result *result);

#endif
