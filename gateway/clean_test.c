/* Test rooms: a loudspeaker whose sound reaches the microphone late, filtered and with an echo of its own, and
 * somebody who talks beside it. What is left of the echo, and of the talker, is measured. */
#include "gateway/clean.h"

#include <math.h>
#include <opus/opus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { HZ = GW_CLEAN_HZ, STEP = GW_CLEAN_SAMPLES, SECONDS = 60, TAPS = 300, TAP_EVERY = 11, HARMONICS = 30 };

/* ---- voices ---- */

/* Something like speech: a voice's harmonics under two formants, in syllables with pauses between. */
typedef struct voice {
  check_rng rng;
  double phase, pitch_hz, weight[HARMONICS];
  int n_weights;
  int left, quiet; /* samples of this syllable, of the pause after it */
  int length;
} voice;

static double unit(check_rng *rng) { return check_rng_u32(rng) / 4294967296.0; }

static void begin_syllable(voice *v) {
  v->pitch_hz = 100 + 80 * unit(&v->rng);
  double formant_hz[] = {300 + 500 * unit(&v->rng), 1000 + 1500 * unit(&v->rng)};
  v->n_weights = 0;
  for (int k = 1; k < HARMONICS && k * v->pitch_hz < 3000; k++) {
    double f = k * v->pitch_hz, weight = 0.03;
    for (int i = 0; i < 2; i++) weight += exp(-(f - formant_hz[i]) * (f - formant_hz[i]) / 40000) / (i + 1);
    v->weight[v->n_weights++] = weight;
  }
  v->length = v->left = (int)(HZ * (0.08 + 0.2 * unit(&v->rng)));
  v->quiet = (int)(HZ * (unit(&v->rng) < 0.2 ? 0.4 : 0.05) * unit(&v->rng));
}

static double say(voice *v) {
  if (!v->left && v->quiet) {
    v->quiet--;
    return 0;
  }
  if (!v->left) begin_syllable(v);
  v->left--;
  double at = 1 - (double)v->left / v->length, sum = 0;
  v->phase += v->pitch_hz / HZ;
  for (int k = 0; k < v->n_weights; k++) sum += v->weight[k] * sin(6.2831853 * (k + 1) * v->phase);
  return sin(3.14159265 * at) * (sum + 0.3 * (unit(&v->rng) - 0.5)) * 2500;
}

/* ---- rooms ---- */

typedef struct room {
  const char *name;
  double delay_ms; /* of network, buffers and air */
  double dies_s;   /* RT60 */
  double gain;
} room;

/* Every |TAP_EVERY|th sample of an impulse response: 0.2 s of it. */
static void make_room(double *h, const room *r, check_rng *rng) {
  double power = 0;
  for (int i = 0; i < TAPS; i++) {
    double at_s = (double)i * TAP_EVERY / HZ;
    h[i] = i ? (unit(rng) - 0.5) * 1.2 * exp(-6.9 * at_s / r->dies_s) : 1;
    power += h[i] * h[i];
  }
  for (int i = 0; i < TAPS; i++) h[i] *= r->gain / sqrt(power);
}

typedef struct scene {
  gw_clean *clean;
  double *h, *far, *talk; /* |far|: all that was played; |talk|: and said */
  int n, delay;
  voice speaker, talker;
  check_rng rng;
  double noise;
} scene;

typedef struct heard {
  double echo, talk, left, alike; /* energies; |alike|: of what is left with the talker */
} heard;

static void ignore(void *ctx, wr_bytes opus, wr_time now) {
  (void)ctx;
  (void)opus;
  (void)now;
}

static bool begin(scene *s, const room *r, gw_clean_wish wish) {
  *s = (scene){.rng = {3}, .speaker = {.rng = {11}}, .talker = {.rng = {29}}};
  s->h = calloc(TAPS, sizeof(*s->h));
  s->far = calloc((size_t)HZ * SECONDS, sizeof(*s->far));
  s->talk = calloc((size_t)HZ * SECONDS, sizeof(*s->talk));
  make_room(s->h, r, &s->rng);
  s->delay = (int)(r->delay_ms * HZ / 1000);
  s->clean = gw_clean_open(wish, ignore, NULL);
  return s->clean != NULL;
}

static void end(scene *s) {
  gw_clean_close(s->clean);
  free(s->h);
  free(s->far);
  free(s->talk);
}

static int16_t clip(double x) { return (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : x); }

static double echo_at(const scene *s, int at) {
  double echo = 0;
  for (int k = 0; k < TAPS && k * TAP_EVERY <= at; k++) echo += s->h[k] * s->far[at - k * TAP_EVERY];
  return echo;
}

/* |seconds| of what loudspeaker and talker say, if they do. */
static heard live(scene *s, double seconds, bool played, bool talks) {
  heard all = {0};
  for (int end = s->n + (int)(seconds * HZ); s->n < end; s->n += STEP) {
    int16_t far[STEP], near[STEP];
    double *talk = s->talk + s->n;
    for (int i = 0; i < STEP; i++) {
      s->far[s->n + i] = played ? say(&s->speaker) : 0;
      far[i] = clip(s->far[s->n + i]);
    }
    for (int i = 0; i < STEP; i++) {
      double echo = echo_at(s, s->n + i - s->delay);
      talk[i] = talks ? say(&s->talker) : 0;
      near[i] = clip(echo + talk[i] + s->noise * (unit(&s->rng) - 0.5));
      all.echo += echo * echo;
      all.talk += talk[i] * talk[i];
    }
    wr_time now = WR_S(5) + (wr_time)s->n * 1000000 / HZ;
    gw_clean_played(s->clean, far, STEP, now);
    gw_clean_heard(s->clean, near, STEP, now + (wr_time)(check_rng_u32(&s->rng) % 8000));
    for (int i = 0; i < STEP; i++) {
      all.left += (double)near[i] * near[i];
      if (s->n >= STEP) all.alike += near[i] * talk[i - STEP]; /* it comes out one step later */
    }
  }
  return all;
}

static double db(double of, double to) { return 10 * log10((of + 1) / (to + 1)); }

static const room rooms[] = {
    {"a telephone", 80, 0.05, 0.3},
    {"a desk", 160, 0.15, 0.5},
    {"a living room", 260, 0.3, 0.5},
    {"far away", 700, 0.2, 0.3},
};

/* ---- what is asked of it ---- */

TEST(clean_takes_the_echo_out_in_each_room) {
  for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
    scene s;
    REQUIRE(begin(&s, &rooms[i], (gw_clean_wish){.echo = true}));
    (void)live(&s, 12, true, false); /* it listens, and learns */
    int off = gw_clean_delay_ms(s.clean) - (int)rooms[i].delay_ms;
    CHECK(off >= -20 && off <= 60);
    heard after = live(&s, 6, true, false);
    printf("  %s: delay %d of %.0f ms, echo %.1f dB less\n", rooms[i].name, gw_clean_delay_ms(s.clean),
           rooms[i].delay_ms, db(after.echo, after.left));
    CHECK(db(after.echo, after.left) > 20);
    end(&s);
  }
}

/* Who talks while the loudspeaker does is heard, and more of him than of it. */
TEST(clean_keeps_who_talks_at_the_same_time) {
  for (size_t i = 0; i < 3; i++) {
    scene s;
    REQUIRE(begin(&s, &rooms[i], (gw_clean_wish){.echo = true}));
    (void)live(&s, 12, true, false);
    heard both = live(&s, 6, true, true);
    double gain = both.alike / both.talk, kept = gain * gain * both.talk;
    printf("  %s: the talker %.1f dB, beside %.1f dB of the rest (%.1f before)\n", rooms[i].name,
           db(kept, both.talk), db(both.left - kept, kept), db(both.echo, both.talk));
    CHECK(db(kept, both.talk) > -4);
    CHECK(both.left - kept < both.echo);
    (void)live(&s, 2, true, false);
    heard after = live(&s, 4, true, false); /* the filter was not led astray */
    CHECK(db(after.echo, after.left) > 18);
    end(&s);
  }
}

/* The canceller of the original took ten decibels of this. */
TEST(clean_leaves_speech_as_loud_as_it_was) {
  static const gw_clean_wish wishes[] = {{.echo = true}, {.noise = true}, {.echo = true, .noise = true}};
  for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
    scene s;
    REQUIRE(begin(&s, &rooms[1], wishes[i]));
    (void)live(&s, 4, false, true);
    heard all = live(&s, 10, false, true);
    printf("  speech alone: %.2f dB\n", db(all.left, all.talk));
    CHECK(fabs(db(all.left, all.talk)) < 1);
    (void)live(&s, 8, true, false);
    (void)live(&s, 1, false, false);
    all = live(&s, 10, false, true); /* after the assistant has spoken as well */
    CHECK(fabs(db(all.left, all.talk)) < 1);
    end(&s);
  }
}

TEST(clean_makes_noise_less_and_a_quiet_voice_louder) {
  scene s;
  REQUIRE(begin(&s, &rooms[0], (gw_clean_wish){.noise = true}));
  s.noise = 600;
  (void)live(&s, 5, false, false);
  heard noise = live(&s, 5, false, false);
  double was = (double)HZ * 5 * s.noise * s.noise / 12;
  CHECK(db(noise.left, was) < -10);
  end(&s);
  REQUIRE(begin(&s, &rooms[0], (gw_clean_wish){.gain = true}));
  (void)live(&s, 8, false, true);
  heard louder = live(&s, 4, false, true);
  printf("  gain control: %.1f dB\n", db(louder.left, louder.talk));
  CHECK(louder.left > louder.talk);
  end(&s);
}

/* ---- packets ---- */

static void count(void *ctx, wr_bytes opus, wr_time now) {
  unsigned *n = ctx;
  CHECK(now > 0);
  CHECK(opus.len > 0 && opus.len <= GW_CLEAN_OPUS_MAX);
  ++*n;
}

TEST(clean_packets_come_out_whole_and_holes_are_bridged) {
  unsigned n = 0;
  gw_clean *clean = gw_clean_open((gw_clean_wish){.echo = true, .noise = true, .gain = true}, count, &n);
  OpusEncoder *encoder = opus_encoder_create(48000, 1, OPUS_APPLICATION_VOIP, NULL);
  REQUIRE(clean && encoder);
  static int16_t samples[2880];
  uint8_t bytes[1000];
  static const int sizes[] = {480, 960, 2880}; /* 10, 20, 60 ms */
  wr_time now = WR_S(1);
  for (size_t i = 0; i < 3; i++) {
    for (int k = 0; k < 100; k++, now += WR_MS(20)) {
      for (int j = 0; j < sizes[i]; j++) samples[j] = (int16_t)(3000 * sin(0.05 * (k * sizes[i] + j)));
      int len = opus_encode(encoder, samples, sizes[i], bytes, sizeof bytes);
      REQUIRE(len > 0);
      gw_clean_play(clean, wr_bytes_of(bytes, (size_t)len), now);
      gw_clean_hear(clean, wr_bytes_of(bytes, (size_t)len), 0, now);
    }
  }
  CHECK_EQ(n, 50 + 100 + 300);
  gw_clean_hear(clean, wr_bytes_of(bytes, 0), 0, now);
  gw_clean_hear(clean, WR_BYTES_LITERAL("\xff"), 0, now);
  CHECK_EQ(n, 450);
  int len = opus_encode(encoder, samples, 960, bytes, sizeof bytes);
  gw_clean_hear(clean, wr_bytes_of(bytes, (size_t)len), 2, now);
  CHECK_EQ(n, 453);
  gw_clean_hear(clean, wr_bytes_of(bytes, (size_t)len), 60000, now);
  CHECK_EQ(n, 453 + 12 + 1); /* a long hole is not bridged to its end */
  check_rng rng = {9};
  for (int i = 0; i < 2000; i++) {
    size_t size = check_rng_u32(&rng) % 60;
    for (size_t j = 0; j < size; j++) bytes[j] = (uint8_t)check_rng_u32(&rng);
    now += check_rng_u32(&rng) % 100000;
    gw_clean_hear(clean, wr_bytes_of(bytes, size), check_rng_u32(&rng) % 3, now);
    gw_clean_play(clean, wr_bytes_of(bytes, size), now);
  }
  opus_encoder_destroy(encoder);
  gw_clean_close(clean);
  gw_clean_close(NULL);
}
