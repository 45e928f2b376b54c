/* manager/bitrate.c - one step a second on two ladders.
 *
 * Everything is counted on the wire (wire_bps): at low rates headers are more than half of speech, which is why the
 * audio ladder makes packets longer before it makes speech poorer still.
 *
 * Down: when packets queue (RTT above its base), or are lost and sending less helps. How far is a measurement: what
 * was sent, less what was lost, over how much longer it took to come through. RED goes first, then video, then
 * speech. Loss without a queue is put to the test once (begin_trial): if it stays after less was sent, it is the
 * radio's, and the cure is redundancy, not fewer bits.
 *
 * Up: one rung at a time, quickly where it went well before, carefully near the ceiling, where every failure
 * doubles the wait. Silence proves nothing: while little is sent nothing rises.
 *
 * Left out: probing with padding, several microphones, splitting by priority (that is the browser's). */
#include "manager/bitrate.h"

#include "manager/quality.h"

typedef struct speech {
  uint32_t bps, ptime_ms;
} speech;

typedef struct picture {
  uint32_t bps, fps, scale_percent;
} picture;

/* On the wire: 63 55 44 36 32 24 20 16 kbit/s. */
static const speech audio_ladder[] = {
    {40000, 20}, /* fullband speech with room for in-band FEC; more is not heard */
    {32000, 20}, /* what browsers choose by themselves; the last rung of the shortest delay */
    {32000, 40}, /* the same speech, half the headers: 12 kbit/s for 20 ms */
    {24000, 40}, /* superwideband */
    {24000, 60}, /* the same speech, 4 kbit/s less; XiaoZhi servers are sent 60 ms anyway */
    {16000, 60}, /* wideband: recognisers were trained on this band */
    {12000, 60}, /* Opus' lowest wideband; passes an uplink of 24 kbit/s beside reports and checks */
    {8000, 60},  /* narrowband: words are still understood */
};
#define N_AUDIO (sizeof audio_ladder / sizeof *audio_ladder)

/* Steps of about 1.4: finer ones are not seen, coarser ones fail too often on the way up. */
static const picture video_ladder[] = {
    {1000000, 30, 100}, /* 720p of a talking head is good here; more is for films */
    {700000, 30, 100},  /* a little softer */
    {500000, 24, 100},  /* the rate of a camera by default; text in the hand is legible */
    {350000, 20, 75},   /* below, fewer pixels beat blocks */
    {250000, 15, 75},   /* an assistant looks, it does not watch a film: frames go before pixels */
    {160000, 12, 50},   /* 360p */
    {100000, 8, 50},    /* what it is looking at is still recognised */
    {60000, 5, 25},     /* a sign of life; less is not worth a decoder */
    {0, 0, 25},         /* speech needs it all */
};
#define N_VIDEO (sizeof video_ladder / sizeof *video_ladder)
#define VIDEO_START 2 /* where a camera begins: a path nobody knows yet is not given everything */

enum {
  IP_UDP_RTP_BYTES = 20 + 8 + 12,
  SRTP_BYTES = 10 + 8, /* tag, header extensions */
  PACKET_BYTES = IP_UDP_RTP_BYTES + SRTP_BYTES,
  VIDEO_PAYLOAD_BYTES = 1100,
  RED_BYTES = 5,      /* RFC 2198: 4 per copy and 1, here 5 for each */
  LEAST_AUDIO = 6000, /* Opus */
  MOST_AUDIO = 510000,
};

#define HOLD_QUICK_US MGR_S(2)    /* between steps up where it went well before */
#define HOLD_US MGR_S(3)          /* near the ceiling, at first; and after every step down */
#define HOLD_MAX_US MGR_S(60)     /* a failed step up costs about a second of queue: at most one a minute */
#define SETTLE_US MGR_S(2)        /* and a round trip: so long reports still tell of what was sent before */
#define PROVEN_US MGR_S(5)        /* a step up without trouble so long has succeeded */
#define PROVEN_STEPS 3            /* in which nearly everything that was allowed was really sent */
#define BASE_US MGR_S(15)         /* half of the memory of the least RTT */
#define FLOOR_MEMORY_US MGR_S(30) /* a loss that is not ours stays known so long; doubles when found again */
#define FLOOR_MEMORY_MAX_US MGR_S(240)
#define GOOD_STEPS 2      /* in a row before a step up */
#define QUEUE_MS 60.0     /* three in a row are a queue; Wi-Fi alone makes 40 */
#define QUEUE_BAD_MS 180  /* one is enough */
#define QUEUE_NONE_MS 45  /* up to here nothing queues */
#define LOSS_EXCESS 0.07  /* one packet of the 16 in a second at 60 ms is 0.063 and means nothing */
#define LOSS_BAD 0.3      /* so much two steps in a row is not waited for any longer */
#define CEILING_NEAR 0.85 /* of the ceiling: here rising becomes careful */

typedef enum verdict { CLEAR, UNSURE, QUEUED, LOSSY } verdict;

/* The input, made safe: absent or absurd is < 0. */
typedef struct evidence {
  double loss, rtt_ms, available_bps, wire_bps,
      rise;           /* |rise|: seconds of RTT per second; |wire_bps|: really sent */
  bool limited, full; /* by what there was to say, not by the network; nearly all that was allowed was sent */
} evidence;

typedef struct plan {
  uint32_t audio, video, copies;
} plan;

/* ---- the ladders ---- */

static uint32_t first_audio(const mgr_bitrate_settings *s) {
  uint32_t rung = 0;
  while (rung + 1 < N_AUDIO && audio_ladder[rung].bps > s->audio_most_bps) rung++;
  return rung;
}

static uint32_t last_audio(const mgr_bitrate_settings *s) {
  uint32_t rung = N_AUDIO - 1, first = first_audio(s);
  while (rung > first && audio_ladder[rung].bps < s->audio_least_bps) rung--;
  return rung;
}

static uint32_t first_video(const mgr_bitrate_settings *s) {
  uint32_t rung = 0;
  while (video_ladder[rung].bps > s->video_most_bps) rung++; /* the last one is 0 */
  return rung;
}

static uint32_t start_video(const mgr_bitrate_settings *s) {
  return first_video(s) > VIDEO_START ? first_video(s) : VIDEO_START;
}

static uint32_t audio_bps_of(const mgr_bitrate_settings *s, uint32_t rung) {
  uint32_t bps = audio_ladder[rung].bps; /* limits between two rungs still hold */
  if (bps > s->audio_most_bps) bps = s->audio_most_bps;
  return bps < s->audio_least_bps ? s->audio_least_bps : bps;
}

static plan present(const mgr_bitrate *b) { return (plan){b->audio_rung, b->video_rung, b->copies}; }

static double wire_bps(const mgr_bitrate *b, plan p) {
  double packets = 1000.0 / audio_ladder[p.audio].ptime_ms;
  double audio = audio_bps_of(&b->settings, p.audio) * (1.0 + p.copies) +
                 packets * 8 * (PACKET_BYTES + (double)RED_BYTES * p.copies);
  double video = b->has_camera ? video_ladder[p.video].bps : 0.0;
  return audio + video * (1 + (double)PACKET_BYTES / VIDEO_PAYLOAD_BYTES);
}

/* The best that fits: redundancy goes before video, video before speech. */
static plan fit(const mgr_bitrate *b, double budget_bps) {
  plan p = present(b);
  while (wire_bps(b, p) > budget_bps) {
    if (p.copies)
      p.copies--;
    else if (b->has_camera && p.video + 1 < N_VIDEO)
      p.video++;
    else if (p.audio < last_audio(&b->settings))
      p.audio++;
    else
      break;
  }
  return p;
}

static uint32_t wanted_copies(const mgr_bitrate *b) {
  if (!b->settings.may_red) return 0;
  return b->loss_floor > 0.12 ? 2 : b->loss_floor > 0.03 ? 1 : 0;
}

/* One rung up; false: there is none. Redundancy before the last two rungs of speech, speech before video. */
static bool above(const mgr_bitrate *b, plan *p) {
  *p = present(b);
  uint32_t best = first_audio(&b->settings);
  if (p->copies < wanted_copies(b) && p->audio <= best + 2)
    p->copies++;
  else if (p->audio > best)
    p->audio--;
  else if (b->has_camera && p->video > first_video(&b->settings))
    p->video--;
  else
    return false;
  return true;
}

static void take(mgr_bitrate *b, plan p) {
  b->audio_rung = p.audio;
  b->video_rung = p.video;
  b->copies = p.copies;
}

/* ---- what is known ---- */

static double sane(double value, double most) {
  return value >= 0 && value <= most ? value : MGR_ABSENT; /* NaN is neither */
}

static double interval_s(const mgr_bitrate *b, mgr_time now) {
  double s = (double)(now - b->stepped_at) / 1e6;
  return !b->started || s > 5 ? 5 : s < 0.2 ? 0.2 : s;
}

static evidence read_evidence(const mgr_bitrate *b, const mgr_bitrate_input *in, mgr_time now) {
  evidence e = {.loss = sane(in->loss_up, 1),
                .rtt_ms = sane(in->rtt_ms, 60000),
                .available_bps = sane(in->available_out_bps, 1e12)};
  double sent = sane(in->out_bps, 1e12), target = wire_bps(b, present(b));
  double headers = 8.0 * PACKET_BYTES * 1000.0 / audio_ladder[b->audio_rung].ptime_ms;
  e.wire_bps = sent > 0 ? sent + headers : sent < 0 ? target : 0; /* unknown: as told */
  e.limited = e.wire_bps < 0.5 * target;
  e.full = e.wire_bps > 0.75 * target;
  if (e.wire_bps > target) e.wire_bps = target;
  if (e.rtt_ms >= 0 && b->rtt_ms >= 0 && e.rtt_ms > b->rtt_ms)
    e.rise = (e.rtt_ms - b->rtt_ms) / 1000 / interval_s(b, now);
  return e;
}

static void learn_delay(mgr_bitrate *b, const evidence *e, mgr_time now) {
  if (e->rtt_ms < 0) return;
  if (b->base_rtt_ms < 0 || e->rtt_ms < b->base_rtt_ms) b->base_rtt_ms = e->rtt_ms;
  if (b->fresh_base_ms < 0 || e->rtt_ms < b->fresh_base_ms) b->fresh_base_ms = e->rtt_ms;
  if (now < b->base_until) return;
  b->base_rtt_ms = b->fresh_base_ms;
  b->fresh_base_ms = e->rtt_ms;
  b->base_until = mgr_time_add(now, BASE_US);
}

static void learn_loss(mgr_bitrate *b, const evidence *e, mgr_time now) {
  bool stale =
      b->trial_loss <= 0 && (now < b->settle_until || b->queue_ms > QUEUE_MS); /* congestion's, not the radio's */
  if (e->loss < 0 || stale) return;
  b->loss_smooth += (e->loss - b->loss_smooth) * (e->loss > b->loss_smooth ? 0.5 : 0.15);
  if (now >= b->floor_until && b->loss_smooth < b->loss_floor)
    b->loss_floor += (b->loss_smooth - b->loss_floor) * 0.2;
}

static bool too_lossy(const mgr_bitrate *b, const evidence *e) {
  return e->loss > 1.5 * b->loss_floor + LOSS_EXCESS;
}

/* A loss that sending less does not change. */
static void learn_floor(mgr_bitrate *b, double loss, mgr_time now) {
  b->loss_floor = loss;
  b->floor_until = mgr_time_add(now, b->floor_memory_us);
  b->floor_memory_us = mgr_time_min(b->floor_memory_us * 2, FLOOR_MEMORY_MAX_US);
  b->n_lossy = 0;
}

/* ---- down ---- */

/* What came through in the last second, on the wire. */
static double passed_bps(const mgr_bitrate *b, const evidence *e) {
  double lost = e->loss > b->loss_floor ? e->loss - b->loss_floor : 0;
  return e->wire_bps * (1 - lost) / (1 + e->rise);
}

/* Away from |room_bps|, at least by one rung. */
static void go_down(mgr_bitrate *b, const evidence *e, double room_bps, double budget_bps, mgr_time now) {
  double was = wire_bps(b, present(b));
  if (e->limited || budget_bps >= was) budget_bps = was - 1; /* little was sent: how much would pass is not known */
  if (e->limited || room_bps > was) room_bps = was;
  bool raise_failed = b->raised_at != MGR_NEVER;
  if (raise_failed) b->hold_us = mgr_time_min(b->hold_us * 2, HOLD_MAX_US);
  b->raised_at = MGR_NEVER;
  /* A failed step up says where the ceiling is; otherwise the network has changed, and the measurement is rough. */
  b->ceiling_bps = raise_failed && room_bps > CEILING_NEAR * b->raised_from_bps ? was : CEILING_NEAR * room_bps;
  take(b, fit(b, budget_bps));
  double rtt_ms = e->rtt_ms > 0 ? e->rtt_ms : 0;
  b->settle_until = mgr_time_add(now, SETTLE_US + (mgr_time)(rtt_ms * 1000));
  b->hold_until = mgr_time_add(b->settle_until, raise_failed ? b->hold_us : HOLD_US);
  b->n_good = b->n_queued = b->n_lossy = 0;
}

static void empty_queue(mgr_bitrate *b, const evidence *e, mgr_time now) {
  double room = passed_bps(b, e);
  double share = b->queue_ms > 1000 ? 0.65 : b->queue_ms > 400 ? 0.8 : 0.9; /* the rest drains what stands there */
  if (e->available_bps >= 0 && e->available_bps < room && !e->limited) room = e->available_bps;
  b->trial_loss = 0;
  if (b->queued_from_bps <= 0) b->queued_from_bps = wire_bps(b, present(b));
  go_down(b, e, room, room * share, now);
}

static void begin_trial(mgr_bitrate *b, const evidence *e, mgr_time now) {
  plan p = fit(b, 0);
  if (e->limited || wire_bps(b, p) >= wire_bps(b, present(b))) { /* less cannot be sent */
    learn_floor(b, b->loss_smooth, now);
    return;
  }
  double passed = passed_bps(b, e), half = e->wire_bps / 2;
  b->trial_loss = e->loss < b->loss_smooth ? e->loss : b->loss_smooth;
  b->trial_sum = 0;
  b->n_trial = 0;
  go_down(b, e, passed, passed < half ? half : passed * 0.9, now);
}

/* Two seconds at less: did it help? */
static void follow_trial(mgr_bitrate *b, const evidence *e, mgr_time now) {
  if (b->trial_loss <= 0 || now < b->settle_until || e->loss < 0) return;
  b->trial_sum += e->loss;
  if (++b->n_trial < 2) return;
  double after = b->trial_sum / 2;
  if (after >= b->trial_loss / 2) {
    learn_floor(b, after, now);
    b->ceiling_bps = 0;
    b->hold_until = now;
  }
  b->trial_loss = 0;
}

/* ---- up ---- */

static void follow_raise(mgr_bitrate *b, const evidence *e, mgr_time now) {
  if (b->raised_at == MGR_NEVER) return;
  b->n_full += e->full;
  if (now < mgr_time_add(b->raised_at, PROVEN_US) || b->n_full < PROVEN_STEPS) return;
  b->raised_at = MGR_NEVER;
  if (wire_bps(b, present(b)) < b->ceiling_bps) return;
  b->ceiling_bps = 0;
  b->hold_us = b->hold_us / 2 > HOLD_US ? b->hold_us / 2 : HOLD_US;
}

static void go_up(mgr_bitrate *b, const evidence *e, mgr_time now) {
  plan p;
  if (b->n_good < GOOD_STEPS || !above(b, &p)) return;
  double next = wire_bps(b, p);
  bool known = next < b->ceiling_bps, near = !known && b->ceiling_bps > 0;
  if (!known && (!e->full || (near && b->raised_at != MGR_NEVER))) return;
  mgr_time until = b->hold_until;
  if (e->available_bps >= 0 && e->available_bps < next) until = mgr_time_add(until, b->hold_us);
  if (now < until) return;
  if (!known) b->raised_at = now;
  b->n_full = 0;
  b->raised_from_bps = wire_bps(b, present(b));
  take(b, p);
  b->hold_until = mgr_time_add(now, near ? b->hold_us : HOLD_QUICK_US);
  b->n_good = 0;
}

/* ---- the step ---- */

/* It neither grows nor falls though much less is sent, and nothing is lost: somebody else's, or a longer way. */
static bool not_ours(mgr_bitrate *b, double last_queue_ms, mgr_time now) {
  double change = b->queue_ms - last_queue_ms, margin = 20 + b->queue_ms / 10;
  bool stands =
      now >= b->settle_until && b->queued_from_bps > 0 && !b->n_lossy && change < margin && change > -margin;
  b->n_standing = stands ? b->n_standing + 1 : 0;
  bool less =
      wire_bps(b, present(b)) < 0.8 * b->queued_from_bps || wire_bps(b, fit(b, 0)) >= wire_bps(b, present(b));
  return b->n_standing >= 2 && less;
}

static verdict judge(mgr_bitrate *b, const evidence *e, double last_queue_ms, mgr_time now) {
  bool draining = b->queue_ms < last_queue_ms - 20;
  b->n_queued = b->queue_ms > QUEUE_MS && !draining ? b->n_queued + 1 : 0;
  b->n_lossy = too_lossy(b, e) ? b->n_lossy + 1 : 0;
  if ((e->loss < 0 && e->rtt_ms < 0) || now < b->settle_until) return UNSURE;
  if (b->queue_ms > QUEUE_MS && not_ours(b, last_queue_ms, now)) {
    b->base_rtt_ms = b->fresh_base_ms = b->base_rtt_ms + b->queue_ms;
    b->queue_ms = b->ceiling_bps = b->queued_from_bps = 0;
    return UNSURE;
  }
  bool stands = b->n_standing == 1;
  if (b->queue_ms > QUEUE_BAD_MS && !draining && !stands) return QUEUED;
  if (b->n_queued >= 3 && !stands) return QUEUED;
  if (b->queue_ms > QUEUE_NONE_MS && !draining && b->n_lossy) return QUEUED;
  if (b->n_lossy >= 3 || (b->n_lossy == 2 && e->loss > LOSS_BAD)) return LOSSY;
  return b->queue_ms <= QUEUE_NONE_MS && !b->n_lossy ? CLEAR : UNSURE;
}

static void follow_camera(mgr_bitrate *b, bool has_video) {
  if (has_video && !b->has_camera) b->hold_until = mgr_time_add(b->stepped_at, HOLD_US);
  b->has_camera = has_video;
  /* Without a camera: what one would begin with. */
  if (!has_video)
    b->video_rung = b->audio_rung > first_audio(&b->settings) + 1 ? N_VIDEO - 1 : start_video(&b->settings);
}

static void follow_cpu(mgr_bitrate *b, bool limited) {
  b->n_cpu = limited ? b->n_cpu + 1 : 0;
  b->n_not_cpu = limited ? 0 : b->n_not_cpu + 1;
  if (b->n_cpu == 5) {
    if (b->cpu_rungs + 2 < N_VIDEO) b->cpu_rungs++;
    b->n_cpu = 0;
  }
  if (b->n_not_cpu == 30) {
    if (b->cpu_rungs) b->cpu_rungs--;
    b->n_not_cpu = 0;
  }
}

/* FEC and RED follow loss, whosesoever it is. */
static void follow_loss(mgr_bitrate *b) {
  if (b->loss_smooth > 0.02) b->fec = true;
  if (b->loss_smooth < 0.004) b->fec = false;
  if (b->copies && b->copies > wanted_copies(b) && b->loss_smooth < 0.02) b->copies--;
}

static void write_sender(mgr_bitrate *b) {
  const speech *audio = &audio_ladder[b->audio_rung];
  uint32_t pixels = b->video_rung + b->cpu_rungs;
  const picture *video = &video_ladder[b->video_rung],
                *shape = &video_ladder[pixels < N_VIDEO - 1 ? pixels : N_VIDEO - 2];
  if (!video->bps) shape = video;
  b->sender = (mgr_sender){.audio_bps = audio_bps_of(&b->settings, b->audio_rung),
                           .audio_ptime_ms = audio->ptime_ms,
                           .audio_fec = b->fec && !b->copies, /* a copy does the same, and better */
                           .audio_dtx = b->settings.may_dtx && audio->ptime_ms > 20,
                           .audio_red = b->copies,
                           .video_bps = video->bps,
                           .video_fps = shape->fps,
                           .video_scale_percent = shape->scale_percent};
}

static bool same_sender(const mgr_sender *a, const mgr_sender *b) {
  return a->audio_bps == b->audio_bps && a->audio_ptime_ms == b->audio_ptime_ms && a->audio_fec == b->audio_fec &&
         a->audio_dtx == b->audio_dtx && a->audio_red == b->audio_red && a->video_bps == b->video_bps &&
         a->video_fps == b->video_fps && a->video_scale_percent == b->video_scale_percent;
}

bool mgr_bitrate_step(mgr_bitrate *b, const mgr_bitrate_input *input, mgr_time now) {
  if (b->started && now < b->stepped_at) now = b->stepped_at;
  mgr_sender before = b->sender;
  follow_camera(b, input->has_video);
  evidence e = read_evidence(b, input, now);
  learn_delay(b, &e, now);
  double last_queue_ms = b->queue_ms;
  if (e.rtt_ms >= 0) b->queue_ms = e.rtt_ms - b->base_rtt_ms;
  learn_loss(b, &e, now);
  follow_trial(b, &e, now);
  verdict v = judge(b, &e, last_queue_ms, now);
  b->n_good = v == CLEAR ? b->n_good + 1 : 0;
  if (v == CLEAR) b->queued_from_bps = 0;
  if (v == QUEUED) empty_queue(b, &e, now);
  if (v == LOSSY) begin_trial(b, &e, now);
  follow_raise(b, &e, now);
  if (v == CLEAR) go_up(b, &e, now);
  follow_loss(b);
  follow_cpu(b, input->has_video && input->cpu_limited);
  if (e.rtt_ms >= 0) b->rtt_ms = e.rtt_ms;
  b->stepped_at = now;
  b->started = true;
  write_sender(b);
  return !same_sender(&before, &b->sender);
}

bool mgr_bitrate_rung(uint32_t audio_rung, uint32_t video_rung, mgr_sender *sender) {
  if (audio_rung >= N_AUDIO || video_rung >= N_VIDEO) return false;
  const picture *video = &video_ladder[video_rung];
  *sender = (mgr_sender){.audio_bps = audio_ladder[audio_rung].bps,
                         .audio_ptime_ms = audio_ladder[audio_rung].ptime_ms,
                         .video_bps = video->bps,
                         .video_fps = video->fps,
                         .video_scale_percent = video->scale_percent};
  return true;
}

void mgr_bitrate_settings_default(mgr_bitrate_settings *settings) {
  *settings = (mgr_bitrate_settings){.audio_most_bps = 40000, .audio_least_bps = 8000, .video_most_bps = 1000000};
}

void mgr_bitrate_init(mgr_bitrate *b, const mgr_bitrate_settings *settings) {
  *b = (mgr_bitrate){.settings = *settings};
  mgr_bitrate_settings *s = &b->settings;
  if (s->audio_most_bps < LEAST_AUDIO) s->audio_most_bps = LEAST_AUDIO;
  if (s->audio_most_bps > MOST_AUDIO) s->audio_most_bps = MOST_AUDIO;
  if (s->audio_least_bps > s->audio_most_bps) s->audio_least_bps = s->audio_most_bps;
  b->audio_rung = first_audio(s);
  b->video_rung = start_video(s);
  mgr_bitrate_new_path(b, 0);
  write_sender(b);
}

void mgr_bitrate_new_path(mgr_bitrate *b, mgr_time now) {
  b->rtt_ms = b->base_rtt_ms = b->fresh_base_ms = MGR_ABSENT;
  b->base_until = mgr_time_add(now, BASE_US);
  b->queue_ms = b->loss_smooth = b->loss_floor = b->trial_loss = b->ceiling_bps = b->queued_from_bps = 0;
  b->floor_until = b->settle_until = now;
  b->floor_memory_us = FLOOR_MEMORY_US;
  b->hold_us = HOLD_US;
  b->hold_until = mgr_time_add(now, HOLD_QUICK_US);
  b->raised_at = MGR_NEVER;
  b->n_good = b->n_queued = b->n_lossy = b->n_trial = b->n_standing = 0;
}
