/* manager/bitrate.c - one step a second on two ladders.
 *
 * Everything is counted on the wire (wire_bps): at low rates headers are more than half of speech, which is why the
 * audio ladder makes packets longer before it makes speech poorer.
 *
 * Down: when packets queue (RTT above its base), or are lost and sending less helps. How far is a measurement: what
 * was sent, less what was lost, over how much longer it took to come through. RED goes first, then video, then
 * speech. Loss without a queue is put to the test once (begin_trial): if it stays after less was sent, it is the
 * radio's, and the cure is redundancy, not fewer bits. A queue that stands still while much less is sent is
 * somebody else's (not_ours).
 *
 * Up: one step per hold. What failed is remembered and waited for, twice as long each time; what was measured in
 * trouble is a ceiling, at which steps must prove themselves one by one; below, and where no trouble is known, a
 * step may be half as much again. Silence proves nothing: while little is sent nothing new is tried. A picture that
 * was taken off asks for its room (room.h), and comes back small.
 *
 * Left out: several microphones, splitting by priority (that is the browser's). */
#include "manager/bitrate.h"

#include "manager/quality.h"

typedef struct speech {
  uint32_t bps, ptime_ms;
} speech;

typedef struct picture {
  uint32_t bps, fps, scale_percent;
} picture;

/* On the wire: 63 52 44 36 32 24 20 16 kbit/s. */
static const speech audio_ladder[] = {
    {40000, 20}, /* fullband speech with room for in-band FEC; more is not heard */
    {40000, 40}, /* the same speech, half the headers: 12 kbit/s for 20 ms; less speech would cost more */
    {32000, 40}, /* what browsers choose by themselves, for what 20 kbit/s cost at 20 ms */
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
  PROBE_BYTES = 120,  /* a check of ICE, a report of RTCP */
  RED_BYTES = 5,      /* RFC 2198: 4 per copy and 1, here 5 for each */
  LEAST_AUDIO = 6000, /* Opus */
  MOST_AUDIO = 510000,
};

/* Time. */
#define HOLD_QUICK_US MGR_S(2)  /* between steps up */
#define HOLD_US MGR_S(3)        /* near the ceiling, and after a step down */
#define HOLD_FAILED_US MGR_S(8) /* a step up that failed is not tried again so long; doubles each time */
#define HOLD_MAX_US MGR_S(60)   /* a failed step up costs about two seconds of queue: at most one a minute */
#define SETTLE_US MGR_S(1)      /* and a round trip: so long reports still tell of what was sent before */
#define SETTLE_MAX_MS 5000      /* of that round trip: an absurd figure must not blind for long */
#define PROVEN_US MGR_S(5)      /* a step up without trouble so long has succeeded ... */
#define PROVEN_STEPS 3          /* ... if in so many of them nearly everything that was allowed was sent */
#define FORGIVEN_STEPS 20       /* at a rate that failed before: it is a rate like others again */
#define GOOD_STEPS 2            /* in a row before a step up */
#define BASE_US MGR_S(15)       /* half of the memory of the least RTT */
#define FLOOR_US MGR_S(30)      /* a loss that is not ours stays known so long; doubles when found again */
#define FLOOR_MAX_US MGR_S(240)
#define TRIAL_STEPS 3 /* at less, after the first reports of it */

/* Queues: RTT above its base. */
#define QUEUE_NONE_MS 45   /* up to here nothing queues: Wi-Fi alone makes 40 */
#define QUEUE_MS 60.0      /* three in a row are a queue */
#define QUEUE_BAD_MS 130   /* one is enough: beyond, conversation suffers more than from poorer speech */
#define QUEUE_BRAKE_MS 100 /* seen where packets arrive: surer than a round trip, so less is enough */
#define QUEUE_LONG_MS 400
#define QUEUE_FULL_MS \
  1000                    /* nobody talks through this: send the least that is still good speech until it is gone */
#define DRAIN_BPS 24000.0 /* that least */
#define SUDDEN_RISE 0.25  /* seconds a second: it began within the second and is worse than it looks */

/* Loss. */
#define LOSS_EXCESS 0.07 /* one packet of the 16 in a second at 60 ms is 0.063 and means nothing */
#define LOSS_TRIED 0.02  /* with a queue, just after a step up: that was too much */
#define LOSS_BAD 0.3     /* so much two steps in a row is not waited for any longer */
#define LOSS_STEP 0.04   /* one second alone says little: what was lost before a pause looks like loss after it */
#define FEC_ON 0.02      /* FEC costs a fifth of the bits, a lost packet more */
#define FEC_OFF 0.003
#define RED_ONE 0.02 /* a copy doubles what is sent; it mends what FEC does, without its coarseness */
#define RED_TWO 0.08 /* with two, one in five lost is less than one in a hundred */

/* Rates, relative. */
#define GROWTH 1.5         /* one step up where no trouble is known; GCC takes five seconds for as much */
#define CEILING_NEAR 0.85  /* of what passed in trouble: from here on steps up must prove themselves one by one */
#define BELOW_FAILED 0.9   /* of a rate that failed */
#define SAME_FAILURE 0.7   /* of the rate that failed last: failed again */
#define SLIGHTLY 0.6       /* so much passed: not another network, a bit too much */
#define ROOM_NEEDED 1.3    /* times what a small picture needs, or what failed: then it comes back ... */
#define ROOM_TAKEN 0.5     /* ... with so much of what passes, for that was measured in a moment */
#define ESTIMATE_LOW 0.7   /* the browser's estimate against what is sent */
#define ESTIMATE_FALLS 0.6 /* against the one a second ago */

typedef enum verdict { CLEAR, UNSURE, QUEUED, LOSSY } verdict;

/* The input, made safe: absent or absurd is < 0. */
typedef struct evidence {
  double loss, rtt_ms, available_bps;
  double wire_bps; /* really sent */
  double rise;     /* seconds of RTT a second */
  bool limited;    /* by what there was to say, not by the network */
  bool full;       /* nearly all that was allowed was sent */
  bool knows; /* of a picture the browser's estimate is a measurement; where only voice is sent it is a guess */
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

/* What of |p| fits: redundancy goes before video, video before speech. */
static plan fit(const mgr_bitrate *b, plan p, double budget_bps) {
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
  double loss = b->loss_floor > b->loss_smooth ? b->loss_floor : b->loss_smooth;
  return !b->settings.may_red ? 0 : loss > RED_TWO ? 2 : loss > RED_ONE ? 1 : 0;
}

/* While packets are lost no richer picture: the more of them a frame needs, the more often it breaks. */
static uint32_t best_video(const mgr_bitrate *b) {
  return b->loss_smooth > 0.05 || b->loss_floor > 0.05 ? start_video(&b->settings) : first_video(&b->settings);
}

static double least_of(double a, double b) { return a < b ? a : b; }

/* The picture was taken off. */
static bool is_off(const mgr_bitrate *b) {
  return b->has_camera && !video_ladder[b->video_rung].bps && video_ladder[first_video(&b->settings)].bps;
}

/* What certainly passes: a packet that measures RTT needed no more than the queue's time for itself. Wrong where a
 * shaper lets a burst through; so it only opens the way back to what went well, and only until that fails. */
static double passes_bps(const mgr_bitrate *b) {
  return 8000.0 * PROBE_BYTES / (b->clear_queue_ms > 1 ? b->clear_queue_ms : 1);
}

/* How far one step up may go: half as much again where no trouble is known, or back to what went well. */
static double reach_bps(const mgr_bitrate *b, const evidence *e, double now_bps, mgr_time now) {
  double reach = GROWTH * now_bps;
  if (b->ceiling_bps > 0) reach = least_of(reach, b->ceiling_bps - 1);
  double back = b->return_sure ? b->return_bps : least_of(b->return_bps, passes_bps(b));
  /* A picture is no small packet: it comes back as far as the browser's estimate has followed. */
  if (b->has_camera && e->available_bps >= 0 && !b->return_sure) back = least_of(back, GROWTH * e->available_bps);
  if (back > reach) reach = back;
  if (b->fail_bps <= 0) return reach;
  return least_of(reach, b->fail_bps * (now < b->fail_until ? BELOW_FAILED : 1.001));
}

/* A step up, at least by one rung; false: there is none. Redundancy before the last two rungs of speech, speech
 * before video. */
static bool above(const mgr_bitrate *b, const evidence *e, plan *p, mgr_time now) {
  *p = present(b);
  uint32_t best = first_audio(&b->settings);
  uint32_t top = is_off(b) && mgr_room_is_denied(&b->room, now) ? p->video : best_video(b);
  double now_bps = wire_bps(b, *p);
  double reach = reach_bps(b, e, now_bps, now);
  plan far = fit(b, (plan){best, top, p->copies}, reach);
  if (far.audio <= p->audio && far.video <= p->video && wire_bps(b, far) <= reach && wire_bps(b, far) > now_bps)
    *p = far;
  else if (p->copies < wanted_copies(b) && p->audio <= best + 2)
    p->copies++;
  else if (p->audio > best)
    p->audio--;
  else if (b->has_camera && p->video > top)
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
  e.knows = b->has_camera && video_ladder[b->video_rung].bps && e.available_bps >= 0;
  /* A picture may need less than it is allowed; not where the browser believes that no more would pass. */
  e.limited = e.wire_bps < 0.5 * target && !(e.knows && e.available_bps < target);
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
  bool congestion = b->trial_loss <= 0 && (now < b->settle_until || b->queue_ms > QUEUE_MS); /* not the radio */
  if (e->loss < 0 || congestion) return;
  double loss = least_of(e->loss, b->loss_smooth + LOSS_STEP);
  b->loss_smooth += (loss - b->loss_smooth) * (loss > b->loss_smooth ? 0.5 : 0.15);
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
  b->floor_memory_us = mgr_time_min(b->floor_memory_us * 2, FLOOR_MAX_US);
  b->n_lossy = 0;
}

/* ---- down ---- */

/* What came through in the last second, on the wire. */
static double passed_bps(const mgr_bitrate *b, const evidence *e) {
  double lost = e->loss > b->loss_floor ? e->loss - b->loss_floor : 0;
  return e->wire_bps * (1 - lost) / (1 + e->rise);
}

/* A step up that went wrong: the same one is not tried again soon, and each time later. */
static void learn_failure(mgr_bitrate *b, double rate_bps, mgr_time now) {
  bool again = b->fail_bps > 0 && rate_bps > SAME_FAILURE * b->fail_bps;
  b->fail_hold_us = again ? mgr_time_min(b->fail_hold_us * 2, HOLD_MAX_US) : HOLD_FAILED_US;
  b->fail_bps = rate_bps;
  b->fail_until = mgr_time_add(now, b->fail_hold_us);
}

/* What the present rate has taught: |room_bps| passed of it. */
static void learn_trouble(mgr_bitrate *b, double room_bps, mgr_time now) {
  double was = wire_bps(b, present(b));
  bool raise_failed = b->raised_at != MGR_NEVER, first = b->n_downs == 0; /* else an old queue that drains slowly */
  if (b->by_answer && raise_failed) mgr_room_was_wrong(&b->room, now);
  b->by_answer = false;
  if (b->trial_loss <= 0 && (raise_failed || (first && room_bps > SLIGHTLY * was))) learn_failure(b, was, now);
  /* A failed step up says where the ceiling is; otherwise the network has changed, and the measurement is rough. */
  b->ceiling_bps = raise_failed && room_bps > CEILING_NEAR * b->raised_from_bps ? was : CEILING_NEAR * room_bps;
  b->return_bps = raise_failed ? 0 : was > b->return_bps ? was : b->return_bps;
  b->return_sure = false;
  b->raised_at = MGR_NEVER;
}

/* Down to |p|; what is under way takes |way_ms|. */
static void rest_after(mgr_bitrate *b, plan p, double way_ms, mgr_time now) {
  take(b, p);
  b->settle_until = mgr_time_add(now, SETTLE_US + (mgr_time)(way_ms * 1000));
  b->hold_until = mgr_time_add(now, HOLD_US);
  b->stood = true;
  b->n_downs++;
  b->n_good = b->n_queued = b->n_lossy = b->n_standing = b->n_at_failed = 0;
}

/* To |budget_bps| because |room_bps| passed, at least by one rung. */
static void go_down(mgr_bitrate *b, const evidence *e, double room_bps, double budget_bps, mgr_time now) {
  double was = wire_bps(b, present(b)), rtt_ms = e->rtt_ms > 0 ? least_of(e->rtt_ms, SETTLE_MAX_MS) : 0;
  if (e->limited || budget_bps >= was) budget_bps = was - 1; /* little was sent: how much would pass is not known */
  learn_trouble(b, e->limited ? was : least_of(room_bps, was), now);
  rest_after(b, fit(b, present(b), budget_bps), rtt_ms, now);
}

/* The browser's estimate falls at once. */
static bool collapses(const mgr_bitrate *b, const evidence *e) {
  return e->knows && e->available_bps < ESTIMATE_FALLS * b->available_bps;
}

static void empty_queue(mgr_bitrate *b, const evidence *e, mgr_time now) {
  double room = passed_bps(b, e);
  double share = b->queue_ms > QUEUE_FULL_MS || e->rise > SUDDEN_RISE ? 0.65
                 : b->queue_ms > QUEUE_LONG_MS                        ? 0.8
                                                                      : 0.9; /* the rest drains what stands there */
  if (e->available_bps >= 0 && e->available_bps < room && !e->limited) {
    room = e->available_bps;
    if (collapses(b, e)) share = 0.5; /* it is still falling */
  }
  double budget = b->queue_ms > QUEUE_FULL_MS ? least_of(room * share, DRAIN_BPS) : room * share;
  b->trial_loss = 0;
  if (b->queued_from_bps <= 0) b->queued_from_bps = wire_bps(b, present(b));
  go_down(b, e, room, budget, now);
}

static void begin_trial(mgr_bitrate *b, const evidence *e, mgr_time now) {
  double was = wire_bps(b, present(b)), passed = passed_bps(b, e), half = e->wire_bps / 2;
  if (e->limited || wire_bps(b, fit(b, present(b), 0)) >= was) { /* less cannot be sent */
    learn_floor(b, b->loss_smooth, now);
    return;
  }
  b->trial_loss = (e->loss + (b->last_loss > 0 ? b->last_loss : e->loss)) / 2;
  b->trial_sum = 0;
  b->n_trial = 0;
  go_down(b, e, passed, passed < half ? half : passed * 0.9, now);
  b->return_bps = was; /* taken back if it helps */
}

/* What the radio loses is mended at once: neither CLEAR nor a return to what was sent is waited for. */
static void mend(mgr_bitrate *b, mgr_time now) {
  if (b->copies >= wanted_copies(b) || now < b->hold_until) return;
  b->copies++;
  b->hold_until = mgr_time_add(now, HOLD_QUICK_US);
}

/* Some seconds at less: did it help? */
static void follow_trial(mgr_bitrate *b, const evidence *e, mgr_time now) {
  if (b->trial_loss <= 0 || now < b->settle_until || e->loss < 0) return;
  b->trial_sum += e->loss;
  if (++b->n_trial < TRIAL_STEPS) return;
  double after = b->trial_sum / TRIAL_STEPS;
  if (after >= b->trial_loss / 3) {
    learn_floor(b, after, now);
    b->return_sure = true;
    b->ceiling_bps = 0;
    mend(b, now);
  } else {
    b->return_bps = 0;
  }
  b->trial_loss = 0;
}

/* ---- up ---- */

static void follow_raise(mgr_bitrate *b, const evidence *e, mgr_time now) {
  bool at_failed = e->full && wire_bps(b, present(b)) > 0.99 * b->fail_bps;
  if (at_failed && ++b->n_at_failed >= FORGIVEN_STEPS) b->fail_bps = 0;
  if (b->raised_at == MGR_NEVER) return;
  b->n_full += e->full;
  if (now < mgr_time_add(b->raised_at, PROVEN_US) || b->n_full < PROVEN_STEPS) return;
  b->raised_at = MGR_NEVER;
  b->by_answer = false;
  if (wire_bps(b, present(b)) >= b->ceiling_bps) b->ceiling_bps = 0;
}

/* Where a rate went well before, silence is no hindrance; beyond, a step up must be filled to prove anything. */
static void go_up(mgr_bitrate *b, const evidence *e, mgr_time now) {
  plan p;
  if (b->n_good < GOOD_STEPS || !above(b, e, &p, now)) return;
  double was = wire_bps(b, present(b)), next = wire_bps(b, p);
  bool known = next < b->ceiling_bps || next <= b->return_bps;
  bool near = !known && b->ceiling_bps > 0 && b->return_bps <= 0;
  /* A camera that waits would wait for ever beside a voice that is silent: then what is long clear is tried. */
  bool waits = b->has_camera && !video_ladder[b->video_rung].bps && b->n_good >= GOOD_STEPS + 2;
  if (!known && !e->full && !waits) return;
  if (near && b->raised_at != MGR_NEVER && !waits) return;
  if (now < mgr_time_add(b->hold_until, e->available_bps >= 0 && e->available_bps < was ? HOLD_US : 0)) return;
  if (b->fail_bps > 0 && next > 0.99 * b->fail_bps && now < b->fail_until) return;
  if (next >= b->ceiling_bps) b->raised_at = now;
  if (next * 1.001 >= b->return_bps) b->return_bps = 0;
  /* What was lost before a pause of the picture is told after it. */
  if (!video_ladder[b->video_rung].bps && video_ladder[p.video].bps)
    b->settle_until = mgr_time_add(now, SETTLE_US + 1);
  b->raised_from_bps = was;
  take(b, p);
  b->hold_until = mgr_time_add(now, near ? HOLD_US : HOLD_QUICK_US);
  b->n_good = b->n_full = 0;
}

/* ---- the step ---- */

/* It neither grows nor falls though less is sent, and nothing is lost: somebody else's, or a longer way. It stood
 * still even while what was sent before was under way, or twice: once, what is sent may just be what passes. */
static bool not_ours(mgr_bitrate *b, const evidence *e, double last_queue_ms, mgr_time now) {
  double change = b->queue_ms - last_queue_ms, margin = 30 + b->queue_ms / 20;
  bool is_news = e->rtt_ms >= 0 && (e->rtt_ms > b->rtt_ms || e->rtt_ms < b->rtt_ms);
  if (b->queued_from_bps <= 0 || !is_news) return false;
  bool stands = !b->n_lossy && change < margin && change > -margin;
  if (now < b->settle_until) {
    b->stood &= stands;
    return false;
  }
  b->n_standing = stands ? b->n_standing + 1 : 0;
  if (b->n_standing < 2) return false;
  double rate_bps = wire_bps(b, present(b));
  if (wire_bps(b, fit(b, present(b), 0)) >= rate_bps) return true;
  return (b->stood || b->n_downs >= 2) && rate_bps < 0.8 * b->queued_from_bps;
}

static void learn_way(mgr_bitrate *b) {
  b->base_rtt_ms = b->fresh_base_ms = b->base_rtt_ms + b->queue_ms;
  b->return_bps = b->queued_from_bps;
  b->return_sure = true;
  b->queue_ms = b->ceiling_bps = b->queued_from_bps = 0;
  b->n_downs = b->n_standing = 0;
}

/* The browser hears of every packet and so knows before us; but where little is sent its estimate is a guess. */
static bool alarmed(const mgr_bitrate *b, const evidence *e, mgr_time now) {
  if (mgr_room_is_asking(&b->room, now)) return false;
  if (e->limited || e->available_bps < 0 || e->available_bps > ESTIMATE_LOW * e->wire_bps) return false;
  if (now < b->settle_until) return e->available_bps < 0.9 * b->available_bps;
  return b->queue_ms > QUEUE_NONE_MS / 2 || (collapses(b, e) && !b->n_lossy); /* loss alone lowers it as well */
}

static verdict judge(mgr_bitrate *b, const evidence *e, double last_queue_ms, mgr_time now) {
  double drained_ms = last_queue_ms - b->queue_ms;
  bool draining = drained_ms > 20 && drained_ms > b->queue_ms / 4; /* it will be gone in some seconds */
  if (draining && b->queue_ms <= QUEUE_NONE_MS) b->settle_until = mgr_time_min(b->settle_until, now);
  b->n_queued = b->queue_ms > QUEUE_MS && !draining ? b->n_queued + 1 : 0;
  bool stale = last_queue_ms > QUEUE_MS; /* what the queue threw away is told after the queue is gone */
  b->n_lossy = !too_lossy(b, e) ? 0 : stale ? 1 : b->n_lossy + 1;
  if (alarmed(b, e, now)) return QUEUED;
  bool others = b->queue_ms > QUEUE_MS && not_ours(b, e, last_queue_ms, now);
  if ((e->loss < 0 && e->rtt_ms < 0) || now < b->settle_until || mgr_room_is_asking(&b->room, now)) return UNSURE;
  if (others) {
    learn_way(b);
    return UNSURE;
  }
  bool stands = b->queued_from_bps > 0 && b->n_standing == 1; /* the next step will tell */
  if (b->queue_ms > QUEUE_BAD_MS && !draining && !stands) return QUEUED;
  if (b->n_queued >= 3 && !stands) return QUEUED;
  bool loses = b->n_lossy || (b->raised_at != MGR_NEVER && e->loss > b->loss_floor + LOSS_TRIED);
  if (b->queue_ms > QUEUE_NONE_MS && !draining && loses) return QUEUED;
  if (b->trial_loss > 0) {
    b->n_lossy = 0;
    return UNSURE;
  }
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
  if (b->loss_smooth > FEC_ON) b->fec = true;
  if (b->loss_smooth < FEC_OFF) b->fec = false;
  if (b->copies > wanted_copies(b) && b->loss_smooth < FEC_ON) b->copies--;
}

/* ---- room for a picture that was taken off ---- */

static void follow_room(mgr_bitrate *b, verdict v, mgr_time now) {
  b->calm = v == CLEAR || (v == UNSURE && b->calm && mgr_room_is_asking(&b->room, now));
  if (is_off(b))
    mgr_room_want(&b->room, now);
  else
    mgr_room_stop(&b->room);
}

mgr_time mgr_bitrate_ask_at(const mgr_bitrate *b) {
  mgr_time at = is_off(b) && b->calm ? mgr_room_ask_at(&b->room) : MGR_NEVER;
  return at < b->settle_until ? b->settle_until : at;
}

uint32_t mgr_bitrate_ask(mgr_bitrate *b, mgr_time now) {
  mgr_time at = mgr_bitrate_ask_at(b);
  return at == MGR_NEVER || now < at ? 0 : mgr_room_ask(&b->room, now);
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
  if (now < b->stepped_at) now = b->stepped_at;
  mgr_sender before = b->sender;
  follow_camera(b, input->has_video);
  evidence e = read_evidence(b, input, now);
  learn_delay(b, &e, now);
  double last_queue_ms = b->queue_ms;
  if (e.rtt_ms >= 0) b->queue_ms = e.rtt_ms - b->base_rtt_ms;
  learn_loss(b, &e, now);
  follow_trial(b, &e, now);
  verdict v = judge(b, &e, last_queue_ms, now);
  if (!mgr_room_is_asking(&b->room, now) || v != UNSURE) b->n_good = v == CLEAR ? b->n_good + 1 : 0;
  b->clear_queue_ms = least_of(b->queue_ms, last_queue_ms);
  if (v == CLEAR && b->queued_from_bps > 0) {
    b->queued_from_bps = 0;
    b->n_downs = b->n_standing = 0;
  }
  if (v == QUEUED) empty_queue(b, &e, now);
  if (v == LOSSY) begin_trial(b, &e, now);
  follow_raise(b, &e, now);
  if (v == CLEAR) go_up(b, &e, now);
  follow_room(b, v, now);
  follow_loss(b);
  follow_cpu(b, input->has_video && input->cpu_limited);
  if (e.rtt_ms >= 0) b->rtt_ms = e.rtt_ms;
  b->available_bps = e.available_bps;
  b->last_loss = e.loss;
  b->stepped_at = now;
  b->started = true;
  write_sender(b);
  return !same_sender(&before, &b->sender);
}

/* What speech needs stays; how much passes is not known yet, so that the way up is found as after any trouble. */
bool mgr_bitrate_brake(mgr_bitrate *b, double queue_ms, mgr_time now) {
  plan p = fit(b, present(b), DRAIN_BPS);
  double was = wire_bps(b, present(b));
  double most_ms =
      mgr_room_is_asking(&b->room, now) ? QUEUE_LONG_MS : QUEUE_BRAKE_MS; /* a question takes its time */
  if (!(queue_ms >= most_ms) || wire_bps(b, p) >= was) return false;
  bool raise_failed = b->raised_at != MGR_NEVER;
  if (raise_failed && b->by_answer) mgr_room_was_wrong(&b->room, now);
  if (raise_failed) learn_failure(b, was, now);
  if (b->queued_from_bps <= 0) b->queued_from_bps = was;
  b->return_bps = raise_failed ? 0 : was > b->return_bps ? was : b->return_bps;
  b->return_sure = b->by_answer = false;
  b->raised_at = MGR_NEVER;
  b->trial_loss = 0;
  rest_after(b, p, least_of(queue_ms, SETTLE_MAX_MS), now);
  write_sender(b);
  return true;
}

bool mgr_bitrate_answered(mgr_bitrate *b, uint32_t bytes, double rtt_ms, mgr_time now) {
  double took_ms = sane(rtt_ms, 60000);
  double room_bps = took_ms < 0 ? 0 : mgr_room_answered(&b->room, bytes, took_ms, b->base_rtt_ms, now);
  plan small = {b->audio_rung, N_VIDEO - 2, b->copies}, p;
  if (!is_off(b)) return false;
  if (room_bps < ROOM_NEEDED * wire_bps(b, small)) {
    if (room_bps > 0) mgr_room_deny(&b->room, now);
    return false;
  }
  if (room_bps > ROOM_NEEDED * b->fail_bps) b->fail_bps = 0; /* of a way that is no more */
  double budget = ROOM_TAKEN * room_bps;
  if (b->fail_bps > 0) budget = least_of(budget, BELOW_FAILED * b->fail_bps);
  p = fit(b, (plan){first_audio(&b->settings), start_video(&b->settings), b->copies}, budget);
  if (!video_ladder[p.video].bps) p = small;
  b->raised_from_bps = wire_bps(b, present(b));
  b->raised_at = now;
  b->by_answer = true;
  b->ceiling_bps = b->return_bps = 0;
  take(b, p);
  b->settle_until = mgr_time_add(now, SETTLE_US + 1); /* as after any pause of the picture */
  b->hold_until = mgr_time_add(now, HOLD_QUICK_US);
  b->n_good = b->n_full = 0;
  mgr_room_stop(&b->room);
  write_sender(b);
  return true;
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
  b->queue_ms = b->loss_smooth = b->loss_floor = b->trial_loss = b->ceiling_bps = b->return_bps =
      b->queued_from_bps = 0;
  b->floor_until = b->settle_until = now;
  b->floor_memory_us = FLOOR_US;
  b->fail_bps = 0;
  mgr_room_init(&b->room);
  b->calm = b->by_answer = false;
  b->hold_until = mgr_time_add(now, HOLD_QUICK_US);
  b->raised_at = MGR_NEVER;
  b->n_good = b->n_queued = b->n_lossy = b->n_trial = b->n_standing = 0;
}
