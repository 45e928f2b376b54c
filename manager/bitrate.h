/* manager/bitrate.h - what the microphone and the camera may send: two ladders, fast down, careful up.
 *
 * One step a second, from loss, delay, the browser's own estimate of the way out, and what the gateway hears.
 * The rungs are tables in bitrate.c, each with its reason. Nothing here knows browsers: a target that cannot be
 * applied is ignored by the hands. */
#ifndef MANAGER_BITRATE_H
#define MANAGER_BITRATE_H

#include "manager/room.h"

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
  uint32_t copies, cpu_rungs;      /* |cpu_rungs|: so many rungs fewer pixels than |video_rung| says */
  bool started, has_camera, fec;
  mgr_time stepped_at;

  /* What the last step was told. */
  double rtt_ms, queue_ms, available_bps, last_loss; /* |queue_ms|: RTT above its base */
  double clear_queue_ms;                             /* the lesser of the last two */
  uint32_t n_good, n_queued, n_lossy;                /* in a row */

  /* Delay: what is the way, what is queue? */
  double base_rtt_ms, fresh_base_ms; /* least of the last 15 to 30 s, and of the present 15 s */
  mgr_time base_until;
  double queued_from_bps;       /* sent when the queue began; 0: nothing queues */
  uint32_t n_downs, n_standing; /* since then: steps down; steps in a row in which it neither grew nor fell */
  bool stood;                   /* it stood still even while what was sent before was under way */

  /* Loss: congestion's or the radio's? */
  double loss_smooth; /* rises fast, falls slowly */
  double loss_floor;  /* what is lost whatever we send */
  mgr_time floor_until, floor_memory_us;
  double trial_loss, trial_sum; /* less is sent, to learn whether loss falls; 0: no trial */
  uint32_t n_trial;

  /* Rates on the wire; 0: not known. */
  double return_bps;  /* what went well before the trouble ... */
  bool return_sure;   /* ... and was not its cause */
  double ceiling_bps; /* from here on steps up must prove themselves */
  double fail_bps;    /* a step up to here failed */
  double raised_from_bps;

  mgr_time hold_until;               /* no step up before */
  mgr_time settle_until;             /* reports still tell of what was sent before the last step */
  mgr_time fail_until, fail_hold_us; /* not to |fail_bps| before; doubles with every failure, up to a bound */
  mgr_time raised_at;                /* of a step up that has not proved itself; MGR_NEVER: none */
  uint32_t n_full, n_at_failed, n_cpu, n_not_cpu;

  mgr_room room;        /* for a picture that was taken off */
  bool calm, by_answer; /* nothing queues, nothing is lost; what is raised was so because of |room| */
} mgr_bitrate;

void mgr_bitrate_settings_default(mgr_bitrate_settings *settings);
void mgr_bitrate_init(mgr_bitrate *b, const mgr_bitrate_settings *settings);
/* true: |b->sender| changed and is to be applied. */
bool mgr_bitrate_step(mgr_bitrate *b, const mgr_bitrate_input *input, mgr_time now);
/* Between steps: the gateway just now sees packets from here arrive after |queue_ms| in queues. What speech can do
 * without goes at once, the picture first. true: |b->sender| changed. */
bool mgr_bitrate_brake(mgr_bitrate *b, double queue_ms, mgr_time now);
/* Ballast for the ping that leaves now, in bytes: is there room for a picture again? 0, mostly: none. */
uint32_t mgr_bitrate_ask(mgr_bitrate *b, mgr_time now);
mgr_time mgr_bitrate_ask_at(const mgr_bitrate *b); /* when it will be some, as far as is known; MGR_NEVER */
/* That ping was answered after |rtt_ms|. true: |b->sender| changed. */
bool mgr_bitrate_answered(mgr_bitrate *b, uint32_t bytes, double rtt_ms, mgr_time now);
/* Another path: what was learnt of the old one no longer holds. The rungs stay, a step up may come soon. */
void mgr_bitrate_new_path(mgr_bitrate *b, mgr_time now);

/* What a pair of rungs says, without FEC and RED; limits are not looked at. false: no such rung. For whoever wants
 * to print or try the ladders. */
bool mgr_bitrate_rung(uint32_t audio_rung, uint32_t video_rung, mgr_sender *sender);

#endif
