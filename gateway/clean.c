/* gateway/clean.c - libspeexdsp's canceller and preprocessor, and the delay between what they are given.
 *
 * The canceller (a multidelay block filter) learns the way from loudspeaker to microphone; what it leaves over is
 * made quieter by the preprocessor, which knows how much of each band is echo. So the preprocessor runs where only
 * the echo is to go, too, told to leave noise as it is. */
#include "gateway/clean.h"

#include <math.h>
#include <opus/opus.h>
#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>
#include <stdlib.h>
#include <string.h>

enum {
  STEP_MS = 10,
  PACKET = GW_CLEAN_HZ / 50,      /* of 20 ms */
  LONGEST = GW_CLEAN_HZ / 25 * 3, /* 120 ms, the longest Opus packet */
  KEPT = GW_CLEAN_HZ / 1000 * GW_CLEAN_KEPT_MS,
  LATE = 4, /* steps: the loudspeaker's packet of the same moment may come after the microphone's */
  LAGS = GW_CLEAN_DELAY_MAX_MS / STEP_MS - LATE,
  LEVELS = 256, /* steps of loudness kept: a power of two, more than LAGS */
  EARLY = 3,    /* steps that the filter begins before the delay found: it may be found too late */
  COVERED = GW_CLEAN_TAIL_MS / STEP_MS / 2, /* a delay that moved by less still lies within the filter */
  NOISE_DB = -18,
  ECHO_DB = -45,        /* of what the filter left over, while only the loudspeaker is heard ... */
  ECHO_TALKED_DB = -12, /* ... and while the caller talks as well */
  GAIN_TARGET = 9000,   /* of the preprocessor's gain control: about -11 dBFS of a loud vowel */
  JUMP_MS = 100,        /* packets that come so far from where they belong begin anew */
};

#define FORGETTING 0.995 /* of correlations, per step: two seconds */
#define LEVEL_FORGETTING 0.99
#define QUIET 30.0      /* of 32768, mean: no sound from the loudspeaker */
#define LEAST_STEPS 150 /* of sound from the loudspeaker before a delay is believed */
#define LIKE 0.45       /* the correlation at least */
#define BETTER 1.15     /* than at the delay in use, before it is changed */

/* Where a stream of samples stands: by counting them, and by the clock where they come far from that. */
typedef struct stream {
  int64_t next; /* the number of its next sample */
  bool begun;
} stream;

/* How loud each step was, in the middle between quiet and loud. */
typedef struct levels {
  double at[LEVELS], mean;
} levels;

struct gw_clean {
  gw_clean_wish wish;
  gw_clean_emit *emit;
  void *ctx;
  SpeexEchoState *echo;
  SpeexPreprocessState *after;
  OpusDecoder *near_decoder, *far_decoder;
  OpusEncoder *encoder;
  wr_time epoch;
  bool has_epoch;
  stream near, far;
  int16_t kept[KEPT]; /* what was played: sample i at i % KEPT */
  int64_t kept_to;
  levels near_level, far_level;
  double near_power, far_power[LEVELS], both[LAGS];
  unsigned n_loud; /* steps of sound from the loudspeaker */
  int lag;         /* beyond LATE; -1: not known */
  size_t n_out;
  int16_t out[PACKET];
};

/* ---- life ---- */

static void set(SpeexPreprocessState *state, int what, int value) { speex_preprocess_ctl(state, what, &value); }

static void tune(gw_clean *c) {
  int hz = GW_CLEAN_HZ;
  set(c->after, SPEEX_PREPROCESS_SET_DENOISE, 1);
  set(c->after, SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, c->wish.noise ? NOISE_DB : 0);
  set(c->after, SPEEX_PREPROCESS_SET_AGC, c->wish.gain);
  if (c->wish.gain) {
    float target = GAIN_TARGET;
    speex_preprocess_ctl(c->after, SPEEX_PREPROCESS_SET_AGC_LEVEL, &target);
  }
  if (!c->echo) return;
  speex_echo_ctl(c->echo, SPEEX_ECHO_SET_SAMPLING_RATE, &hz);
  speex_preprocess_ctl(c->after, SPEEX_PREPROCESS_SET_ECHO_STATE, c->echo);
  set(c->after, SPEEX_PREPROCESS_SET_ECHO_SUPPRESS, ECHO_DB);
  set(c->after, SPEEX_PREPROCESS_SET_ECHO_SUPPRESS_ACTIVE, ECHO_TALKED_DB);
}

gw_clean *gw_clean_open(gw_clean_wish wish, gw_clean_emit *emit, void *ctx) {
  gw_clean *c = calloc(1, sizeof(*c));
  if (!c) return NULL;
  *c = (gw_clean){.wish = wish, .emit = emit, .ctx = ctx, .lag = -1};
  c->after = speex_preprocess_state_init(GW_CLEAN_SAMPLES, GW_CLEAN_HZ);
  if (wish.echo) c->echo = speex_echo_state_init(GW_CLEAN_SAMPLES, GW_CLEAN_HZ / 1000 * GW_CLEAN_TAIL_MS);
  c->near_decoder = opus_decoder_create(GW_CLEAN_HZ, 1, NULL);
  c->far_decoder = opus_decoder_create(GW_CLEAN_HZ, 1, NULL);
  c->encoder = opus_encoder_create(GW_CLEAN_HZ, 1, OPUS_APPLICATION_VOIP, NULL);
  if (!c->after || (wish.echo && !c->echo) || !c->near_decoder || !c->far_decoder || !c->encoder) {
    gw_clean_close(c);
    return NULL;
  }
  opus_encoder_ctl(c->encoder, OPUS_SET_BITRATE(GW_CLEAN_BITRATE));
  opus_encoder_ctl(c->encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
  tune(c);
  return c;
}

void gw_clean_close(gw_clean *c) {
  if (!c) return;
  if (c->after) speex_preprocess_state_destroy(c->after);
  if (c->echo) speex_echo_state_destroy(c->echo);
  if (c->near_decoder) opus_decoder_destroy(c->near_decoder);
  if (c->far_decoder) opus_decoder_destroy(c->far_decoder);
  if (c->encoder) opus_encoder_destroy(c->encoder);
  free(c);
}

/* ---- where they belong ---- */

/* The number of the first of |n| samples that came at |now|. */
static int64_t place(gw_clean *c, stream *s, size_t n, wr_time now) {
  if (!c->has_epoch) {
    c->epoch = now;
    c->has_epoch = true;
  }
  int64_t by_clock = (now - c->epoch) * (GW_CLEAN_HZ / 1000) / 1000, off = by_clock - s->next;
  const int64_t jump = (int64_t)JUMP_MS * GW_CLEAN_HZ / 1000;
  if (!s->begun || off > jump || off < -jump) s->next = by_clock;
  s->begun = true;
  int64_t first = s->next;
  s->next += (int64_t)n;
  return first;
}

static unsigned index_of(int64_t at, unsigned size) {
  int64_t i = at % (int64_t)size;
  return (unsigned)(i < 0 ? i + (int64_t)size : i);
}

static int16_t played_at(const gw_clean *c, int64_t at) {
  return at < c->kept_to && at >= c->kept_to - KEPT ? c->kept[index_of(at, KEPT)] : 0;
}

void gw_clean_played(gw_clean *c, const int16_t *samples, size_t n, wr_time now) {
  int64_t first = place(c, &c->far, n, now);
  if (first > c->kept_to + KEPT) c->kept_to = first - KEPT;
  for (; c->kept_to < first; c->kept_to++) c->kept[index_of(c->kept_to, KEPT)] = 0; /* nothing was played */
  for (size_t i = 0; i < n; i++) c->kept[index_of(first + (int64_t)i, KEPT)] = samples[i];
  if (first + (int64_t)n > c->kept_to) c->kept_to = first + (int64_t)n;
}

/* ---- how much later it is heard ---- */

static double loudness(double sum) { return log10(1 + sqrt(sum / GW_CLEAN_SAMPLES)); }

/* How loud the step is beside the last seconds. */
static double note(levels *l, unsigned at, double loud) {
  l->mean += (loud - l->mean) * (1 - LEVEL_FORGETTING);
  return l->at[at] = loud - l->mean;
}

static double likeness(const gw_clean *c, int lag) {
  unsigned at = (unsigned)lag;
  double power = c->near_power * c->far_power[at];
  return power > 0 ? c->both[at] / sqrt(power) : 0;
}

static void choose_delay(gw_clean *c) {
  int best = 0;
  for (int lag = 1; lag < LAGS; lag++)
    if (likeness(c, lag) > likeness(c, best)) best = lag;
  double like = likeness(c, best);
  if (like < LIKE) return;
  int off = best - c->lag;
  if (c->lag >= 0 && off > -EARLY && off < COVERED) return;
  if (c->lag >= 0 && like < BETTER * likeness(c, c->lag)) return;
  c->lag = best;
  speex_echo_state_reset(c->echo);
}

/* |at|: the number of the step's first sample. */
static void compare(gw_clean *c, const int16_t *near, int64_t at) {
  double near_sum = 0, far_sum = 0;
  for (int i = 0; i < GW_CLEAN_SAMPLES; i++) {
    double far = played_at(c, at - LATE * GW_CLEAN_SAMPLES + i);
    near_sum += (double)near[i] * near[i];
    far_sum += far * far;
  }
  unsigned step = index_of(at / GW_CLEAN_SAMPLES, LEVELS);
  double near_loud = note(&c->near_level, step, loudness(near_sum));
  (void)note(&c->far_level, step, loudness(far_sum));
  if (sqrt(far_sum / GW_CLEAN_SAMPLES) > QUIET) c->n_loud++;
  c->near_power = FORGETTING * c->near_power + near_loud * near_loud;
  for (unsigned lag = 0; lag < LAGS; lag++) {
    double far_loud = c->far_level.at[(step + LEVELS - lag) % LEVELS];
    c->far_power[lag] = FORGETTING * c->far_power[lag] + far_loud * far_loud;
    c->both[lag] = FORGETTING * c->both[lag] + near_loud * far_loud;
  }
  if (c->n_loud >= LEAST_STEPS && step % 16 == 0) choose_delay(c);
}

int gw_clean_delay_ms(const gw_clean *c) { return c->lag < 0 ? -1 : (c->lag + LATE) * STEP_MS; }

/* ---- cleaning ---- */

static void clean_step(gw_clean *c, int16_t *near, int64_t at) {
  int16_t far[GW_CLEAN_SAMPLES], cancelled[GW_CLEAN_SAMPLES];
  if (c->echo) compare(c, near, at);
  if (c->echo && c->lag >= 0) {
    int64_t from = at - (c->lag + LATE - EARLY) * GW_CLEAN_SAMPLES;
    for (int i = 0; i < GW_CLEAN_SAMPLES; i++) far[i] = played_at(c, from + i);
    speex_echo_cancellation(c->echo, near, far, cancelled);
    memcpy(near, cancelled, sizeof(cancelled));
  }
  speex_preprocess_run(c->after, near);
}

void gw_clean_heard(gw_clean *c, int16_t *samples, size_t n, wr_time now) {
  int64_t first = place(c, &c->near, n, now);
  for (size_t i = 0; i + GW_CLEAN_SAMPLES <= n; i += GW_CLEAN_SAMPLES)
    clean_step(c, samples + i, first + (int64_t)i);
}

/* ---- packets ---- */

void gw_clean_play(gw_clean *c, wr_bytes opus, wr_time now) {
  int16_t samples[LONGEST];
  if (!c->echo || !opus.len || opus.len > INT32_MAX) return;
  int n = opus_decode(c->far_decoder, opus.data, (opus_int32)opus.len, samples, LONGEST, 0);
  if (n > 0) gw_clean_played(c, samples, (size_t)n, now);
}

static void emit_samples(gw_clean *c, const int16_t *samples, size_t n, wr_time now) {
  uint8_t opus[GW_CLEAN_OPUS_MAX];
  for (size_t i = 0; i < n; i++) {
    c->out[c->n_out++] = samples[i];
    if (c->n_out < PACKET) continue;
    c->n_out = 0;
    opus_int32 len = opus_encode(c->encoder, c->out, PACKET, opus, sizeof(opus));
    if (len > 0) c->emit(c->ctx, wr_bytes_of(opus, (size_t)len), now);
  }
}

static void take(gw_clean *c, const uint8_t *opus, size_t len, int n_samples, wr_time now) {
  int16_t samples[LONGEST];
  int n = opus_decode(c->near_decoder, opus, (opus_int32)len, samples, n_samples, 0);
  if (n <= 0) return;
  size_t whole =
      (size_t)n / GW_CLEAN_SAMPLES * GW_CLEAN_SAMPLES; /* packets of less than 10 ms: nobody sends them */
  gw_clean_heard(c, samples, whole, now);
  emit_samples(c, samples, whole, now);
}

void gw_clean_hear(gw_clean *c, wr_bytes opus, unsigned n_lost, wr_time now) {
  if (!opus.len || opus.len > INT32_MAX) return;
  int n = opus_decoder_get_nb_samples(c->near_decoder, opus.data, (opus_int32)opus.len);
  if (n <= 0 || n > LONGEST) return;
  for (unsigned i = 0; i < n_lost && (int)(i + 1) * n <= 2 * LONGEST; i++) take(c, NULL, 0, n, now);
  take(c, opus.data, opus.len, LONGEST, now);
}
