/* manager/bitrate.h - what the microphone and the camera may send: two ladders, fast down, careful up.
 *
 * One step a second, from loss, delay, the browser's own estimate of the way out, and what the gateway hears.
 * The rungs are tables in bitrate.c, each with its reason. Nothing here knows browsers: a target that cannot be
 * applied is ignored by the hands. */
#ifndef MANAGER_BITRATE_H
#define MANAGER_BITRATE_H

#include "manager/types.h"

typedef struct mgr_bitrate_settings {
  uint32_t audio_most_bps, audio_least_bps; /* default 40000, 8000: rungs outside are not used */
  uint32_t video_most_bps;                  /* default 1000000 */
  bool may_red;                             /* default false: the other side takes RED (RFC 2198) */
  bool may_dtx; /* default false: the other side's voice detection can do without silence */
} mgr_bitrate_settings;

/* Absent figures: -1 (MGR_ABSENT). */
typedef struct mgr_bitrate_input {
  double loss_up; /* 0..1, the worse of what RTCP and the gateway say, this interval */
  double rtt_ms;
  double available_out_bps; /* the browser's estimate; only some browsers have one */
  double out_bps;           /* really sent: audio and video */
  bool has_video;
  bool cpu_limited; /* the encoder cannot keep up: fewer pixels help, fewer bits do not */
} mgr_bitrate_input;

typedef struct mgr_sender {
  uint32_t audio_bps, audio_ptime_ms;
  uint32_t audio_fec; /* 1: Opus in-band FEC */
  uint32_t audio_dtx; /* 1: nothing in silence */
  uint32_t audio_red; /* copies: 0, 1 or 2 */
  uint32_t video_bps; /* 0: no video just now */
  uint32_t video_fps;
  uint32_t video_scale_percent; /* of the camera's width: 100, 75, 50, 25 */
} mgr_sender;

typedef struct mgr_bitrate {
  mgr_bitrate_settings settings;
  mgr_sender sender;
  uint32_t audio_rung, video_rung; /* 0: best */
  double base_rtt_ms;              /* least seen in the last half minute: queueing is what is above it */
  double loss_smooth, rtt_smooth_ms;
  mgr_time base_until, hold_until; /* no step up before |hold_until| */
  mgr_time hold_us;                /* doubles when a step up fails, up to a bound */
  mgr_time raised_at, stepped_at;
  uint32_t n_good, n_bad;
  bool started;
} mgr_bitrate;

void mgr_bitrate_settings_default(mgr_bitrate_settings *settings);
void mgr_bitrate_init(mgr_bitrate *b, const mgr_bitrate_settings *settings);
/* true: |b->sender| changed and is to be applied. */
bool mgr_bitrate_step(mgr_bitrate *b, const mgr_bitrate_input *input, mgr_time now);
/* Another path: what was learnt of the old one no longer holds. The rungs stay, a step up may come soon. */
void mgr_bitrate_new_path(mgr_bitrate *b, mgr_time now);

#endif
