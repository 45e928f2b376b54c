/* A camera and a voice on a way whose rate changes, with a queue before it and a shaper in it: what is decided,
 * second by second. The browser is a model: what it is allowed it sends, its estimate sinks to what passed and
 * grows no further than half as much again of what it sends. Real packets: sim/rate.c; a real browser:
 * tests/faults/steps.js. */
#include "check.h"
#include "manager/bitrate.h"

#define WAY_MS 40.0
#define QUEUE_BYTES 5000.0 /* of a router: 1 s of 40 kbit/s */
#define SHAPER_BYTES 3000.0

typedef struct steps {
  mgr_bitrate b;
  mgr_time now, asked_at; /* |asked_at|: MGR_NEVER, no question is open */
  uint32_t asked;
  double capacity_bps, queue_bytes, estimate_bps, answer_ms;
  double worst_queue_ms; /* since it was last looked at */
  unsigned n_seconds, n_pictures, n_returns;
} steps;

static void begin(steps *s) {
  mgr_bitrate_settings settings;
  mgr_bitrate_settings_default(&settings);
  *s = (steps){.now = MGR_S(10), .asked_at = MGR_NEVER, .capacity_bps = 1e6, .estimate_bps = 1e6};
  mgr_bitrate_init(&s->b, &settings);
}

static double voice_wire(const mgr_sender *s) { return s->audio_bps + 58 * 8 * 1000.0 / s->audio_ptime_ms; }
static double picture_wire(const mgr_sender *s) { return s->video_bps * 1.06; }

/* Pings are due each 100 ms; ballast that a shaper does not let through waits for the way. */
static void ask(steps *s) {
  if (s->asked_at != MGR_NEVER && s->now >= s->asked_at + (mgr_time)(s->answer_ms * 1000)) {
    s->asked_at = MGR_NEVER;
    (void)mgr_bitrate_answered(&s->b, s->asked, s->answer_ms, s->now);
  }
  uint32_t bytes = mgr_bitrate_ask(&s->b, s->now);
  if (!bytes) return;
  double waits = bytes * 1.09 - SHAPER_BYTES + s->queue_bytes;
  s->asked = bytes;
  s->asked_at = s->now;
  s->answer_ms = WAY_MS + (waits > 0 ? 8000 * waits / s->capacity_bps : 0);
}

static void live(steps *s, unsigned seconds) {
  for (unsigned i = 0; i < seconds; i++) {
    double wanted_bps = 0, lost_bytes = 0, picture_bps = 0;
    bool had_picture = s->b.sender.video_bps > 0;
    for (int k = 0; k < 10; k++, s->now += MGR_MS(100)) {
      ask(s);
      double voice_bps = voice_wire(&s->b.sender), room_bps = s->estimate_bps - voice_bps;
      picture_bps = picture_wire(&s->b.sender);
      if (picture_bps > room_bps) picture_bps = room_bps > 30e3 ? room_bps : picture_bps > 0 ? 30e3 : 0;
      wanted_bps += (voice_bps + picture_bps) / 10;
      s->queue_bytes += (voice_bps + picture_bps - s->capacity_bps) / 80;
      if (s->queue_bytes < 0) s->queue_bytes = 0;
      if (s->queue_bytes > QUEUE_BYTES) {
        lost_bytes += s->queue_bytes - QUEUE_BYTES;
        s->queue_bytes = QUEUE_BYTES;
      }
      double queue_ms = 8000 * s->queue_bytes / s->capacity_bps;
      if (queue_ms > s->worst_queue_ms) s->worst_queue_ms = queue_ms;
      /* Google's: what passed while the queue grew, else 8 % a second more. */
      double passed_bps = wanted_bps * 10 / (k + 1) < s->capacity_bps ? wanted_bps * 10 / (k + 1) : s->capacity_bps;
      if (queue_ms > 60)
        s->estimate_bps = 0.85 * passed_bps < s->estimate_bps ? 0.85 * passed_bps : s->estimate_bps;
      else if (s->estimate_bps < 1.5 * passed_bps + 10e3)
        s->estimate_bps *= 1.03;
    }
    mgr_bitrate_input in = {.loss_up = 8 * lost_bytes / wanted_bps,
                            .rtt_ms = WAY_MS + 8000 * s->queue_bytes / s->capacity_bps,
                            .available_out_bps = s->estimate_bps,
                            .out_bps = wanted_bps - 58 * 8 * 1000.0 / s->b.sender.audio_ptime_ms,
                            .has_video = true};
    (void)mgr_bitrate_step(&s->b, &in, s->now);
    s->n_seconds++;
    s->n_pictures += s->b.sender.video_bps > 0;
    s->n_returns += !had_picture && s->b.sender.video_bps > 0;
  }
}

static void change(steps *s, double capacity_bps) {
  s->capacity_bps = capacity_bps;
  s->n_seconds = s->n_pictures = s->n_returns = 0;
}

static void reach_40(steps *s) {
  begin(s);
  live(s, 30);
  CHECK_EQ(s->b.sender.audio_bps, 40000);
  CHECK(s->b.sender.video_bps >= 500000);
  change(s, 40e3);
}

TEST(mgr_bitrate_collapse_takes_the_picture_off_at_once) {
  steps s;
  reach_40(&s);
  live(&s, 2);
  CHECK_EQ(s.b.sender.video_bps, 0);
  begin(&s);
  live(&s, 30);
  change(&s, 100e3);
  live(&s, 3);
  CHECK(s.b.sender.video_bps <= 60000);
}

/* What the gateway sees where packets arrive comes before the second is over. */
TEST(mgr_bitrate_brakes_as_soon_as_it_is_told_of_a_queue) {
  steps s;
  begin(&s);
  live(&s, 30);
  CHECK(s.b.sender.video_bps >= 500000);
  CHECK(!mgr_bitrate_brake(&s.b, 60, s.now));
  CHECK(mgr_bitrate_brake(&s.b, 130, s.now));
  CHECK_EQ(s.b.sender.video_bps, 0);
  CHECK(voice_wire(&s.b.sender) <= 24000 && s.b.sender.audio_bps >= 16000);
  CHECK(!mgr_bitrate_brake(&s.b, 400, s.now)); /* there is nothing else to give */
  /* It was a moment's: the picture is back within seconds, and speech whole. */
  live(&s, 6);
  CHECK(s.b.sender.video_bps > 0);
  live(&s, 10);
  CHECK_EQ(s.b.sender.audio_bps, 40000);
}

TEST(mgr_bitrate_brakes_and_finds_what_passes) {
  steps s;
  begin(&s);
  live(&s, 30);
  change(&s, 100e3);
  CHECK(mgr_bitrate_brake(&s.b, 150, s.now));
  live(&s, 5);
  s.worst_queue_ms = 0;
  for (int i = 0; i < 60; i++) {
    live(&s, 1);
    if (s.worst_queue_ms >= 150) (void)mgr_bitrate_brake(&s.b, s.worst_queue_ms, s.now);
    CHECK(i < 20 || voice_wire(&s.b.sender) >= 30e3);
    s.worst_queue_ms = 0;
  }
}

TEST(mgr_bitrate_forty_kbit_are_for_speech_alone) {
  steps s;
  reach_40(&s);
  live(&s, 8); /* what stands in the queue is gone */
  int n_queued = 0, n_over = 0, n_poor = 0;
  for (int i = 0; i < 60; i++) {
    s.worst_queue_ms = 0;
    live(&s, 1);
    CHECK_EQ(s.b.sender.video_bps, 0);
    n_queued += s.worst_queue_ms > 200;
    n_over += voice_wire(&s.b.sender) > 40e3; /* a rung more is tried now and then */
    n_poor += s.b.sender.audio_bps < 12000;
  }
  CHECK(n_queued <= 3);
  CHECK(n_over <= 6);
  CHECK(n_poor <= 6);
}

/* However long the narrow time was. */
TEST(mgr_bitrate_picture_is_back_within_five_seconds_of_its_room) {
  for (unsigned narrow_s = 10; narrow_s <= 40; narrow_s++) {
    steps s;
    reach_40(&s);
    live(&s, narrow_s);
    change(&s, 1e6);
    live(&s, 5);
    CHECK(s.b.sender.video_bps > 0);
    live(&s, 20);
    CHECK(s.b.sender.video_bps >= 250000);
    CHECK(s.n_pictures >= s.n_seconds - 5); /* and stays */
    CHECK_EQ(s.n_returns, 1);
    CHECK_EQ(s.b.sender.audio_bps, 40000);
  }
}

/* Where voice and the smallest picture just do not fit, or just do: a picture that blinks is worse than none. */
TEST(mgr_bitrate_picture_does_not_blink) {
  for (double bps = 30e3; bps <= 160e3; bps += 10e3) {
    steps s;
    begin(&s);
    live(&s, 30);
    change(&s, bps);
    live(&s, 120);
    CHECK(s.n_returns <= 8);
  }
}
