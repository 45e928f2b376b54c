#include "manager/bitrate.h"

#include <math.h>

#include "check.h"
#include "manager/quality.h"

static mgr_bitrate begin(void) {
  mgr_bitrate_settings settings;
  mgr_bitrate_settings_default(&settings);
  mgr_bitrate b;
  mgr_bitrate_init(&b, &settings);
  return b;
}

/* What a network without a fault reports of |b|. */
static mgr_bitrate_input fine(const mgr_bitrate *b, bool has_video) {
  return (mgr_bitrate_input){
      .loss_up = 0,
      .rtt_ms = 40,
      .available_out_bps = MGR_ABSENT,
      .out_bps = b->sender.audio_bps * (1.0 + b->sender.audio_red) + (has_video ? b->sender.video_bps : 0.0),
      .has_video = has_video};
}

/* |n| seconds of |in|, as much being sent as told; the time after them. */
static mgr_time live(mgr_bitrate *b, mgr_bitrate_input in, int n, mgr_time now) {
  for (int i = 0; i < n; i++) {
    in.out_bps = fine(b, in.has_video).out_bps;
    mgr_bitrate_step(b, &in, now);
    now += MGR_S(1);
  }
  return now;
}

/* As bitrate.c counts it: headers of 58 bytes. */
static double wire_bps(const mgr_sender *s, bool has_video) {
  double packets = 1000.0 / s->audio_ptime_ms, copies = s->audio_red;
  double audio = s->audio_bps * (1 + copies) + packets * 8 * (58 + 5 * copies);
  return audio + (has_video ? s->video_bps * (1 + 58 / 1100.0) : 0);
}

TEST(mgr_bitrate_begins_with_the_best_voice_and_a_modest_camera) {
  mgr_bitrate b = begin();
  CHECK_EQ(b.sender.audio_bps, 40000);
  CHECK_EQ(b.sender.audio_ptime_ms, 20);
  CHECK_EQ(b.sender.audio_fec + b.sender.audio_dtx + b.sender.audio_red, 0);
  CHECK_EQ(b.sender.video_bps, 500000);
  mgr_bitrate_input in = fine(&b, false);
  CHECK(!mgr_bitrate_step(&b, &in, MGR_S(1)));
}

TEST(mgr_bitrate_ladders_descend_on_the_wire) {
  mgr_sender s;
  double last = 1e9;
  uint32_t n = 0;
  for (; mgr_bitrate_rung(n, 0, &s); n++) {
    double wire = s.audio_bps + 58 * 8 * 1000.0 / s.audio_ptime_ms;
    CHECK(wire < last);
    last = wire;
  }
  CHECK_EQ(n, 8);
  CHECK(last < 16000);
  uint32_t last_bps = UINT32_MAX;
  for (n = 0; mgr_bitrate_rung(0, n, &s); n++) {
    CHECK(s.video_bps < last_bps);
    last_bps = s.video_bps;
  }
  CHECK_EQ(last_bps, 0);
}

TEST(mgr_bitrate_one_bad_second_drops_several_rungs) {
  mgr_bitrate b = begin();
  mgr_time now = live(&b, fine(&b, false), 10, 0);
  mgr_bitrate_input in = fine(&b, false);
  in.rtt_ms = 1340; /* 1.3 s more in one second: 1/2.3 of what was sent came through */
  CHECK(mgr_bitrate_step(&b, &in, now));
  CHECK(b.audio_rung >= 5);
  CHECK_EQ(b.sender.audio_ptime_ms, 60);
}

TEST(mgr_bitrate_video_pays_before_voice) {
  mgr_bitrate b = begin();
  mgr_time now = live(&b, fine(&b, true), 30, 0);
  CHECK_EQ(b.sender.video_bps, 1000000);
  mgr_bitrate_input in = fine(&b, true);
  in.rtt_ms = 700;
  in.loss_up = 0.5;
  CHECK(mgr_bitrate_step(&b, &in, now));
  CHECK(b.sender.video_bps < 500000);
  CHECK_EQ(b.sender.audio_bps, 40000);
  for (int i = 0; i < 60 && b.sender.video_bps; i++) {
    in.rtt_ms += 300;
    in.out_bps = fine(&b, true).out_bps;
    mgr_bitrate_step(&b, &in, now += MGR_S(1));
    CHECK(!b.sender.video_bps || b.sender.audio_bps == 40000);
  }
  CHECK_EQ(b.sender.video_bps, 0);
}

TEST(mgr_bitrate_climbs_in_steps_two_seconds_apart) {
  mgr_bitrate b = begin();
  mgr_time now = live(&b, fine(&b, false), 10, 0), raised_at = 0;
  mgr_bitrate_input in = fine(&b, false);
  for (int i = 0; i < 4; i++) { /* it failed on the way up: nothing to jump back to */
    in.rtt_ms = 3000;
    mgr_bitrate_step(&b, &in, now += MGR_S(1));
  }
  b.return_bps = 0;
  CHECK(b.audio_rung >= 5);
  for (int i = 0; i < 90; i++) {
    mgr_sender before = b.sender;
    now = live(&b, fine(&b, false), 1, now);
    double was = wire_bps(&before, false), is = wire_bps(&b.sender, false);
    CHECK(is <= 1.5 * was);
    if (is <= was) continue;
    CHECK(now - raised_at >= MGR_S(2));
    raised_at = now;
  }
  CHECK_EQ(b.audio_rung, 0);
}

TEST(mgr_bitrate_returns_at_once_where_the_wire_is_fast_again) {
  mgr_bitrate b = begin();
  mgr_time now = live(&b, fine(&b, false), 30, 0);
  mgr_bitrate_input in = fine(&b, false);
  in.rtt_ms = 1500;
  live(&b, in, 1, now);
  CHECK(b.audio_rung >= 4);
  live(&b, fine(&b, false), 5, now + MGR_S(1));
  CHECK_EQ(b.audio_rung, 0);
}

TEST(mgr_bitrate_stays_where_the_wire_is_slow) {
  mgr_bitrate b = begin();
  mgr_time now = live(&b, fine(&b, false), 30, 0);
  mgr_bitrate_input in = fine(&b, false);
  in.rtt_ms = 1500;
  live(&b, in, 1, now);
  uint32_t rung = b.audio_rung;
  in.rtt_ms = 80; /* 40 ms for a packet of 120 bytes: 24 kbit/s may be all there is */
  live(&b, in, 5, now + MGR_S(1));
  CHECK(b.audio_rung + 2 >= rung); /* one rung at a time, as ever */
  CHECK(b.audio_rung >= 3);
}

TEST(mgr_bitrate_waits_longer_after_each_failed_rise) {
  mgr_bitrate b = begin();
  mgr_time now = live(&b, fine(&b, false), 10, 0);
  /* 40 kbit/s on the wire: the third rung queues, the fourth does not. */
  mgr_time raised[16];
  int n_raised = 0;
  for (int i = 0; i < 400; i++) {
    mgr_bitrate_input in = fine(&b, false);
    uint32_t before = b.audio_rung;
    if (before < 3) in.rtt_ms = b.rtt_ms + 150;
    mgr_bitrate_step(&b, &in, now);
    if (b.audio_rung < before && b.audio_rung < 3 && n_raised < 16) raised[n_raised++] = now;
    now += MGR_S(1);
  }
  REQUIRE(n_raised >= 5);
  CHECK(n_raised <= 12);
  CHECK(raised[4] - raised[3] > 2 * (raised[1] - raised[0]));
  CHECK(raised[n_raised - 1] - raised[n_raised - 2] <= MGR_S(75));
}

TEST(mgr_bitrate_random_loss_gets_fec_and_keeps_its_bits) {
  mgr_bitrate b = begin();
  mgr_time now = live(&b, fine(&b, false), 10, 0);
  mgr_bitrate_input in = fine(&b, false);
  in.loss_up = 0.12;
  now = live(&b, in, 60, now);
  CHECK_EQ(b.audio_rung, 0);
  CHECK_EQ(b.sender.audio_fec, 1);
  CHECK_EQ(b.sender.audio_red, 0); /* nobody said that the other side takes it */
  now = live(&b, fine(&b, false), 120, now);
  CHECK_EQ(b.sender.audio_fec, 0);
  (void)now;
}

TEST(mgr_bitrate_random_loss_gets_copies_where_they_are_taken) {
  mgr_bitrate b = begin();
  b.settings.may_red = true;
  mgr_time now = live(&b, fine(&b, false), 10, 0);
  mgr_bitrate_input in = fine(&b, false);
  in.loss_up = 0.2;
  now = live(&b, in, 7, now);
  CHECK_EQ(b.sender.audio_red, 1); /* as soon as sending less is known not to help */
  now = live(&b, in, 53, now);
  CHECK_EQ(b.sender.audio_red, 2);
  CHECK_EQ(b.sender.audio_fec, 0);
  in.loss_up = 0;
  in.rtt_ms = 400;
  live(&b, in, 1, now);
  CHECK(b.sender.audio_red < 2); /* redundancy is the first to go */
  CHECK_EQ(b.sender.audio_bps, 40000);
}

TEST(mgr_bitrate_loss_that_falls_with_the_rate_is_congestion) {
  mgr_bitrate b = begin();
  mgr_time now = live(&b, fine(&b, false), 10, 0);
  for (int i = 0; i < 30; i++) { /* everything above 40 kbit/s is thrown away, no delay */
    mgr_bitrate_input in = fine(&b, false);
    double wire = b.sender.audio_bps + 58 * 8 * 1000.0 / b.sender.audio_ptime_ms;
    in.loss_up = wire > 40000 ? 1 - 40000 / wire : 0;
    mgr_bitrate_step(&b, &in, now);
    now += MGR_S(1);
  }
  CHECK(b.audio_rung >= 2);
  CHECK(b.loss_floor < 0.05);
}

TEST(mgr_bitrate_silence_is_neither_a_limit_nor_a_proof) {
  mgr_bitrate b = begin();
  mgr_time now = live(&b, fine(&b, false), 10, 0);
  mgr_bitrate_input in = fine(&b, false);
  in.out_bps = 0;
  for (int i = 0; i < 60; i++, now += MGR_S(1)) CHECK(!mgr_bitrate_step(&b, &in, now));
  in.rtt_ms = 600; /* a queue, and nothing of it is ours: one rung, not all */
  CHECK(mgr_bitrate_step(&b, &in, now));
  CHECK_EQ(b.audio_rung, 1);
  mgr_bitrate_new_path(&b, now); /* nothing is known any more */
  in.rtt_ms = 40;
  for (int i = 0; i < 60; i++) mgr_bitrate_step(&b, &in, now += MGR_S(1));
  CHECK_EQ(b.audio_rung, 1);
  live(&b, fine(&b, false), 5, now + MGR_S(1));
  CHECK_EQ(b.audio_rung, 0);
}

TEST(mgr_bitrate_somebody_elses_queue_does_not_keep_it_down) {
  mgr_bitrate b = begin();
  mgr_time now = live(&b, fine(&b, false), 10, 0);
  for (int i = 0; i < 12; i++) {
    mgr_bitrate_input in = fine(&b, false);
    in.rtt_ms = 390 + i % 3; /* it does not care what we send */
    mgr_bitrate_step(&b, &in, now += MGR_S(1));
  }
  CHECK_EQ(b.audio_rung, 0);
}

TEST(mgr_bitrate_believes_an_estimate_that_collapses) {
  mgr_bitrate b = begin();
  mgr_bitrate_input in = fine(&b, true);
  in.available_out_bps = 2e6;
  mgr_time now = live(&b, in, 20, 0);
  CHECK_EQ(b.sender.video_bps, 1000000);
  in.available_out_bps = 200e3; /* and neither loss nor delay have been reported yet */
  live(&b, in, 1, now);
  CHECK(b.sender.video_bps <= 60000);
  CHECK_EQ(b.sender.audio_bps, 40000);
}

TEST(mgr_bitrate_an_estimate_of_silence_is_no_limit) {
  mgr_bitrate b = begin();
  mgr_bitrate_input in = fine(&b, false);
  in.available_out_bps = 30e3; /* voice alone: browsers guess low */
  live(&b, in, 60, 0);
  CHECK_EQ(b.audio_rung, 0);
}

TEST(mgr_bitrate_keeps_to_its_limits) {
  mgr_bitrate_settings settings;
  mgr_bitrate_settings_default(&settings);
  settings.audio_most_bps = 20000;
  settings.audio_least_bps = 14000;
  settings.video_most_bps = 0;
  mgr_bitrate b;
  mgr_bitrate_init(&b, &settings);
  CHECK_EQ(b.sender.audio_bps, 16000);
  CHECK_EQ(b.sender.video_bps, 0);
  mgr_bitrate_input in = fine(&b, true);
  mgr_time now = live(&b, in, 20, 0);
  CHECK_EQ(b.sender.video_bps, 0);
  in.rtt_ms = 2000;
  live(&b, in, 5, now);
  CHECK_EQ(b.sender.audio_bps, 16000);
  CHECK_EQ(b.sender.audio_ptime_ms, 60);
  settings = (mgr_bitrate_settings){.audio_most_bps = 0, .audio_least_bps = UINT32_MAX, .video_most_bps = 70000};
  mgr_bitrate_init(&b, &settings);
  CHECK_EQ(b.sender.audio_bps, 6000);
  CHECK_EQ(b.sender.video_bps, 60000);
}

TEST(mgr_bitrate_a_busy_processor_gets_fewer_pixels_not_fewer_bits) {
  mgr_bitrate b = begin();
  mgr_bitrate_input in = fine(&b, true);
  in.cpu_limited = true;
  mgr_time now = live(&b, in, 25, 0);
  CHECK_EQ(b.sender.video_bps, 1000000);
  CHECK(b.sender.video_scale_percent < 100);
  live(&b, fine(&b, true), 300, now);
  CHECK_EQ(b.sender.video_scale_percent, 100);
}

TEST(mgr_bitrate_a_new_path_forgets_the_old_one) {
  mgr_bitrate b = begin();
  mgr_time now = live(&b, fine(&b, false), 10, 0);
  mgr_bitrate_new_path(&b, now);
  mgr_bitrate_input in = fine(&b, false);
  in.rtt_ms = 500; /* a longer way, not a queue */
  for (int i = 0; i < 10; i++, now += MGR_S(1)) CHECK(!mgr_bitrate_step(&b, &in, now));
}

TEST(mgr_bitrate_silence_is_not_sent_only_where_it_may) {
  mgr_bitrate b = begin();
  b.settings.may_dtx = true;
  mgr_time now = live(&b, fine(&b, false), 10, 0);
  CHECK_EQ(b.sender.audio_dtx, 0);
  mgr_bitrate_input in = fine(&b, false);
  in.rtt_ms = 2000;
  live(&b, in, 1, now);
  CHECK_EQ(b.sender.audio_dtx, 1);
}

static double any_figure(check_rng *rng, double most) {
  static const double odd[] = {-1,    0,      -0.0,  (double)NAN, (double)INFINITY, -(double)INFINITY,
                               1e308, -1e308, 5e-324};
  uint32_t dice = check_rng_u32(rng);
  if (dice % 8 == 0) return odd[dice / 8 % (sizeof odd / sizeof *odd)];
  return most * (dice / 8 % 1000) / 1000;
}

static mgr_bitrate begin_any(check_rng *rng) {
  mgr_bitrate_settings settings = {.audio_most_bps = check_rng_u32(rng) % 70000,
                                   .audio_least_bps = check_rng_u32(rng) % 30000,
                                   .video_most_bps = check_rng_u32(rng) % 2000000,
                                   .may_red = check_rng_u32(rng) % 2,
                                   .may_dtx = check_rng_u32(rng) % 2};
  mgr_bitrate b;
  mgr_bitrate_init(&b, &settings);
  return b;
}

static mgr_bitrate_input any_input(check_rng *rng, double trouble, bool has_video) {
  bool bad = check_rng_u32(rng) % 1000 < 1000 * trouble;
  return (mgr_bitrate_input){.loss_up = any_figure(rng, bad ? 1 : 0.02),
                             .rtt_ms = any_figure(rng, bad ? 2000 : 50),
                             .available_out_bps = any_figure(rng, 2e6),
                             .out_bps = any_figure(rng, 1.2e6),
                             .has_video = has_video,
                             .cpu_limited = check_rng_u32(rng) % 4 == 0};
}

static bool within_limits(const mgr_bitrate *b) {
  const mgr_sender *s = &b->sender;
  const mgr_bitrate_settings *limits = &b->settings;
  return s->audio_bps >= limits->audio_least_bps && s->audio_bps <= limits->audio_most_bps &&
         (s->audio_ptime_ms == 20 || s->audio_ptime_ms == 40 || s->audio_ptime_ms == 60) &&
         s->video_bps <= limits->video_most_bps && s->video_fps <= 30 && (!s->video_bps || s->video_fps > 0) &&
         s->video_scale_percent >= 25 && s->video_scale_percent <= 100 && s->audio_fec <= 1 &&
         s->audio_red <= (limits->may_red ? 2u : 0u) && s->audio_dtx <= (limits->may_dtx ? 1u : 0u);
}

static bool is_share(double x) { return x >= 0 && x <= 1; }

static bool all_sane(const mgr_bitrate *b) {
  return isfinite(b->rtt_ms) && isfinite(b->base_rtt_ms) && isfinite(b->queue_ms) && b->queue_ms >= 0 &&
         is_share(b->loss_smooth) && is_share(b->loss_floor) && is_share(b->trial_loss) && b->ceiling_bps >= 0 &&
         isfinite(b->ceiling_bps) && b->fail_bps >= 0 && isfinite(b->fail_bps) && b->fail_hold_us <= MGR_S(60) &&
         b->settle_until <= b->stepped_at + MGR_S(7) && b->hold_until <= b->stepped_at + MGR_S(60);
}

/* Any input at any time: within the limits, nothing but numbers, and up at most once in 2 s: by one rung, or at
 * most half as much again, or back to what was sent before. RED is counted with speech. */
TEST(mgr_bitrate_any_input_keeps_the_law) {
  check_rng rng = {4711};
  for (int run = 0; run < 400; run++) {
    mgr_bitrate b = begin_any(&rng);
    bool has_video = check_rng_u32(&rng) % 2;
    double trouble = check_rng_u32(&rng) % 100 / 100.0, most = wire_bps(&b.sender, has_video);
    mgr_time now = 0, raised_at = -MGR_S(2);
    for (int i = 0; i < 200; i++) {
      uint32_t dice = check_rng_u32(&rng);
      now += dice % 32 == 0 ? -MGR_S(1) : (mgr_time)(dice % 2000000);
      mgr_bitrate_input in = any_input(&rng, trouble, has_video);
      mgr_bitrate before = b;
      bool changed = mgr_bitrate_step(&b, &in, now);
      REQUIRE(within_limits(&b));
      REQUIRE(all_sane(&b));
      REQUIRE(changed == (memcmp(&before.sender, &b.sender, sizeof b.sender) != 0));
      double was = wire_bps(&before.sender, has_video), is = wire_bps(&b.sender, has_video);
      if (is <= was) continue;
      uint32_t n_rungs = before.audio_rung - b.audio_rung + before.video_rung - b.video_rung;
      if (!has_video) n_rungs = before.audio_rung - b.audio_rung;
      REQUIRE(n_rungs + b.copies - before.copies == 1 || is <= 1.5 * was + 1 || is <= most + 1);
      REQUIRE(b.stepped_at - raised_at >= MGR_S(2));
      raised_at = b.stepped_at;
      most = is > most ? is : most;
    }
  }
}

/* What pings with ballast tell may be anything, too. */
TEST(mgr_bitrate_any_answer_keeps_the_law) {
  check_rng rng = {1147};
  unsigned n_asked = 0;
  for (int run = 0; run < 200; run++) {
    mgr_bitrate b = begin_any(&rng);
    double trouble = check_rng_u32(&rng) % 50 / 100.0;
    mgr_time now = 0;
    for (int i = 0; i < 200; i++) {
      mgr_bitrate_input in = any_input(&rng, trouble, true);
      mgr_bitrate_step(&b, &in, now += MGR_S(1));
      uint32_t bytes = mgr_bitrate_ask(&b, now);
      n_asked += bytes > 0;
      mgr_bitrate before = b;
      double took_ms = any_figure(&rng, 300);
      bool changed = mgr_bitrate_answered(&b, check_rng_u32(&rng) % 4 ? bytes : check_rng_u32(&rng), took_ms, now);
      REQUIRE(within_limits(&b));
      REQUIRE(all_sane(&b));
      REQUIRE(changed == (memcmp(&before.sender, &b.sender, sizeof b.sender) != 0));
      REQUIRE(!changed || (before.sender.video_bps == 0 && b.sender.video_bps > 0));
    }
  }
  CHECK(n_asked > 100);
}

/* Whatever has happened before: a queue that keeps growing, or a loss that only less sending cures, is answered. */
TEST(mgr_bitrate_is_never_deaf) {
  check_rng rng = {815};
  for (int run = 0; run < 300; run++) {
    mgr_bitrate b = begin_any(&rng);
    bool has_video = check_rng_u32(&rng) % 2;
    double trouble = check_rng_u32(&rng) % 100 / 100.0;
    mgr_time now = 0;
    for (int i = 0; i < 100; i++) {
      mgr_bitrate_input in = any_input(&rng, trouble, has_video);
      mgr_bitrate_step(&b, &in, now += MGR_S(1));
    }
    mgr_bitrate_input in = fine(&b, has_video);
    for (int i = 0; i < 60; i++) {
      in.rtt_ms = 100 + 200 * i;
      in.out_bps = fine(&b, has_video).out_bps;
      mgr_bitrate_step(&b, &in, now += MGR_S(1));
    }
    mgr_bitrate after = b;
    in.rtt_ms += 1000;
    live(&after, in, 20, now + MGR_S(1));
    CHECK(!has_video || b.sender.video_bps == 0);
    CHECK(b.sender.audio_bps <= 12000 || after.audio_rung == b.audio_rung);
  }
}

/* And a network without a fault gets everything back. */
TEST(mgr_bitrate_always_comes_back) {
  check_rng rng = {42};
  for (int run = 0; run < 300; run++) {
    mgr_bitrate b = begin_any(&rng);
    mgr_sender best = b.sender;
    bool has_video = check_rng_u32(&rng) % 2;
    double trouble = check_rng_u32(&rng) % 100 / 100.0;
    mgr_time now = 0;
    for (int i = 0; i < 100; i++) {
      mgr_bitrate_input in = any_input(&rng, trouble, has_video);
      mgr_bitrate_step(&b, &in, now += MGR_S(1));
    }
    live(&b, fine(&b, has_video), 400, now);
    CHECK_EQ(b.sender.audio_bps, best.audio_bps);
    CHECK_EQ(b.sender.audio_ptime_ms, best.audio_ptime_ms);
    CHECK(!has_video || b.sender.video_bps >= best.video_bps);
    CHECK_EQ(b.sender.audio_fec + b.sender.audio_red, 0);
  }
}
