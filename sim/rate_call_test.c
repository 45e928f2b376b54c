#include "sim/rate_call.h"

#include "check.h"

typedef struct bench {
  sim_link_profile up[SIM_RATE_SECONDS];
  sim_rate_call call;
  sim_rate_receiver receiver;
  sim_rate_second sum; /* of all seconds lived */
} bench;

static void begin(bench *t, const char *trace, bool has_camera) {
  sim_rate_trace_draw(sim_rate_trace_named(trace), 3, t->up);
  sim_rate_call_init(&t->call, t->up, has_camera, 3);
  sim_rate_receiver_init(&t->receiver, 3);
  t->sum = (sim_rate_second){0};
}

static void live(bench *t, const mgr_sender *sender, int n_seconds) {
  for (int i = 0; i < n_seconds; i++) {
    sim_rate_second s;
    sim_rate_call_second(&t->call, sender, &t->receiver, &s);
    t->sum.n_audio += s.n_audio;
    t->sum.n_lost += s.n_lost;
    t->sum.n_by_fec += s.n_by_fec;
    t->sum.n_frames += s.n_frames;
    t->sum.n_broken += s.n_broken;
  }
}

static const mgr_sender talking = {
    .audio_bps = 40000, .audio_ptime_ms = 20, .video_bps = 500000, .video_fps = 24, .video_scale_percent = 100};

TEST(sim_rate_call_on_a_clean_wire_loses_nothing) {
  static bench t;
  begin(&t, "clean", true);
  live(&t, &talking, 60);
  CHECK(t.sum.n_audio >= 60 * 50 - 2 && t.sum.n_audio <= 60 * 50);
  CHECK_EQ(t.sum.n_lost, 0);
  CHECK(t.sum.n_frames >= 60 * 24 - 1 && t.sum.n_frames <= 60 * 24 + 1);
  CHECK_EQ(t.sum.n_broken, 0);
  CHECK(t.receiver.rtt_ms >= 30 && t.receiver.rtt_ms <= 40);
  CHECK(t.receiver.loss <= 0 && t.receiver.loss >= 0);
  CHECK(t.receiver.estimate_bps > 500e3); /* grown from 300, no higher than one and a half of what arrives */
  CHECK(t.receiver.estimate_bps < 1.6 * 650e3);
}

TEST(sim_rate_call_fills_the_queue_of_a_narrow_wire_and_is_told) {
  static bench t;
  begin(&t, "uplink_24k", false);
  live(&t, &talking, 30);
  CHECK(t.sum.n_lost > t.sum.n_audio / 4);
  CHECK(t.receiver.rtt_ms > 1000); /* 4000 bytes at 24 kbit/s are 1.3 s */
  CHECK(t.receiver.rtt_ms < 1600);
  CHECK(t.receiver.loss > 0.3);
  CHECK(t.receiver.estimate_bps < 30e3);
  mgr_sender less = {.audio_bps = 12000, .audio_ptime_ms = 60};
  live(&t, &less, 30);
  CHECK(t.receiver.rtt_ms < 200);
}

TEST(sim_rate_call_what_is_sent_is_received_lost_or_under_way) {
  static bench t;
  begin(&t, "lte", true);
  for (int i = 0; i < SIM_RATE_SECONDS; i++) {
    live(&t, &talking, 1);
    for (int kind = 0; kind < 2; kind++) {
      uint32_t n_pending = 0;
      for (uint32_t j = 0; j < t.receiver.n; j++)
        n_pending += t.receiver.pending[(t.receiver.first + j) % SIM_RATE_PENDING].kind == kind;
      CHECK(t.receiver.received[kind] + n_pending <= t.call.seq[kind]);
      CHECK(t.receiver.highest[kind] <= t.call.seq[kind]);
    }
  }
}

TEST(sim_rate_call_fec_and_red_repair) {
  static bench t;
  double lost[4];
  for (uint32_t i = 0; i < 4; i++) {
    mgr_sender s = talking;
    s.audio_fec = i == 1;
    s.audio_red = i >= 2 ? i - 1 : 0;
    begin(&t, "random_loss_10", false);
    live(&t, &s, 120);
    lost[i] = 100.0 * t.sum.n_lost / t.sum.n_audio;
    CHECK_EQ(t.sum.n_by_fec > 0, i == 1);
  }
  CHECK(lost[0] > 9 && lost[0] < 11);
  CHECK(lost[1] > 0.5 && lost[1] < 1.6);
  CHECK(lost[2] > 0.5 && lost[2] < 1.6);
  CHECK(lost[3] < 0.3);
}

/* The oracle depends on it. */
TEST(sim_rate_call_a_copy_lives_the_same_second) {
  static bench t;
  begin(&t, "cafe_wifi", true);
  live(&t, &talking, 20);
  sim_rate_call copy = t.call;
  sim_rate_second a, b;
  sim_rate_call_second(&t.call, &talking, &t.receiver, &a);
  sim_rate_call_second(&copy, &talking, NULL, &b);
  CHECK_BYTES(&a, sizeof a, &b, sizeof b);
  CHECK_EQ(copy.busy_until, t.call.busy_until);
}

TEST(sim_rate_call_a_queue_empties_at_the_new_rate) {
  static bench t;
  begin(&t, "step_400_24_400", false);
  live(&t, &talking, 119);
  CHECK(t.receiver.rtt_ms > 2000);
  live(&t, &talking, 4);
  CHECK(t.receiver.rtt_ms < 100);
}
