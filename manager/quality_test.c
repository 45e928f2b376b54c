/* manager/quality_test.c - figures, MOS and levels by table, calls as they happen, and random samples. The issues
 * are in quality_issues_test.c. */
#include "manager/quality_test.h"

/* ---- E-model ---- */

TEST(mgr_quality_mos_follows_g107) {
  static const struct {
    double r;
    int64_t mos;
  } table[] = {{-5, 100}, {0, 100},  {3, 100},    {50, 258},  {60, 310}, {70, 360},
               {80, 402}, {90, 434}, {93.2, 441}, {100, 450}, {120, 450}};
  for (size_t i = 0; i < COUNT(table); i++) CHECK_EQ(hundredths(mgr_quality_mos(table[i].r)), table[i].mos);
  CHECK_EQ(hundredths(mgr_quality_mos(not_a_number())), 100);
}

TEST(mgr_quality_mos_rises_with_r) {
  for (double r = -10; r < 110; r += 0.25) CHECK(mgr_quality_mos(r + 0.25) >= mgr_quality_mos(r));
}

TEST(mgr_quality_r_follows_cole_and_rosenbluth) {
  static const struct {
    double delay_ms, loss, burst;
    bool has_fec;
    double r;
  } table[] = {
      {0, 0, 1, false, 93.2},       {100, 0, 1, false, 90.8},    {177.3, 0, 1, false, 88.945},
      {277.3, 0, 1, false, 75.545}, {400, 0, 1, false, 59.103},  {0, 0.05, 1, false, 69.45},
      {0, 0.05, 1, true, 77.367},   {0, 0.05, 2, false, 66.057}, {100, 0.02, 1, false, 79.624},
      {0, 1, 2, false, 0},          {60000, 0, 1, false, 0},
  };
  for (size_t i = 0; i < COUNT(table); i++)
    CHECK(
        near(mgr_quality_r(table[i].delay_ms, table[i].loss, table[i].burst, table[i].has_fec), table[i].r, 0.001));
}

TEST(mgr_quality_r_takes_senseless_arguments_as_none) {
  const double bad[] = {-1, -1e300, not_a_number(), infinite(), -infinite()};
  for (size_t i = 0; i < COUNT(bad); i++) {
    CHECK(near(mgr_quality_r(bad[i], 0, 1, false), 93.2, 0.001));
    CHECK(near(mgr_quality_r(0, bad[i], 1, false), 93.2, 0.001));
    CHECK(near(mgr_quality_r(0, 0.05, bad[i], false), 69.45, 0.001));
  }
  CHECK(near(mgr_quality_r(0, 7, 1, true), mgr_quality_r(0, 1, 1, true), 0.001));
}

TEST(mgr_quality_r_falls_with_delay_loss_and_bursts) {
  for (double x = 0; x < 1; x += 0.02) {
    CHECK(mgr_quality_r(x * 1000 + 20, 0, 1, false) <= mgr_quality_r(x * 1000, 0, 1, false));
    CHECK(mgr_quality_r(0, x + 0.02, 1, false) < mgr_quality_r(0, x, 1, false));
    CHECK(mgr_quality_r(0, x, 1.5, false) <= mgr_quality_r(0, x, 1, false));
    CHECK(mgr_quality_r(0, x, 1, true) >= mgr_quality_r(0, x, 1, false));
  }
}

/* ---- figures ---- */

TEST(mgr_quality_first_sample_only_remembers) {
  call c;
  begin(&c);
  const mgr_figures *f = &c.q.figures;
  CHECK(f->mos == MGR_ABSENT && f->rtt_ms == MGR_ABSENT && f->out_bps == MGR_ABSENT);
  CHECK_EQ(c.q.level, MGR_LEVEL_UNKNOWN);
  CHECK_EQ(c.q.issues, 0);
}

TEST(mgr_quality_figures_are_differences_over_the_real_time) {
  static const double spans[] = {0.5, 1, 1.02, 2.5, 60};
  for (size_t i = 0; i < COUNT(spans); i++) {
    call c;
    begin(&c);
    weather w = {
        .lost_down = 5, .lost_up = 10, .rtt_s = 0.2, .jitter_s = 0.012, .concealed = 0.04, .mic_level = 0.2};
    pass(&c, &w, spans[i]);
    c.s.video_bytes += 10000 * spans[i];
    c.s.in_level = 0.3;
    feed(&c);
    const mgr_figures *f = &c.q.figures;
    CHECK(near(f->loss_down, 0.1, 1e-9));
    CHECK(near(f->loss_up, 0.2, 1e-9));
    CHECK(near(f->in_bps, 45 * 130 * 8, 1));
    CHECK(near(f->out_bps, 50 * 120 * 8, 1));
    CHECK(near(f->video_bps, 80000, 1));
    CHECK(near(f->concealed, 0.04, 1e-9));
    CHECK(near(f->buffer_ms, 60, 1e-6));
    CHECK(near(f->rtt_ms, 200, 0.01));
    CHECK(near(f->jitter_ms, 12, 1e-9));
    CHECK(near(f->delay_ms, 100 + 60 + 46.5, 0.01));
    CHECK(near(f->available_out_bps, 300000, 1e-9));
    CHECK(near(f->in_level, 0.3, 1e-9));
    CHECK(near(f->mic_level, 0.2, 1e-9));
    CHECK(near(f->relayed, 0, 1e-9));
    CHECK(f->mos == mgr_quality_mos(f->r_factor));
  }
}

TEST(mgr_quality_ignores_samples_without_time_between) {
  call c;
  begin(&c);
  second(&c, &fine);
  mgr_quality before = c.q;
  weather w = with_loss_down(40);
  c.s.in_lost += 40;
  CHECK_EQ(feed(&c), 0);
  pass(&c, &w, 0.099);
  CHECK_EQ(feed(&c), 0);
  CHECK(memcmp(&before, &c.q, sizeof before) == 0);
  pass(&c, &w, 0.001); /* 100 ms since the last */
  feed(&c);
  CHECK(c.q.figures.loss_down > 0.8);
}

TEST(mgr_quality_begins_anew_when_time_runs_back) {
  call c;
  begin(&c);
  weather w = with_loss_down(25);
  second(&c, &w);
  pass(&c, &w, 1);
  c.now = MGR_S(5);
  CHECK_EQ(feed(&c), 0);
  second(&c, &fine);
  CHECK(near(c.q.figures.loss_down, 0, 1e-9));
  CHECK(near(c.q.figures.out_bps, 48000, 1));
}

TEST(mgr_quality_survives_the_ends_of_time) {
  call c;
  begin(&c);
  mgr_quality_init(&c.q);
  mgr_quality_gateway(&c.q, &c.report, INT64_MIN);
  mgr_quality_sample(&c.q, &c.s, INT64_MIN);
  pass(&c, &fine, 1);
  mgr_quality_sample(&c.q, &c.s, INT64_MAX);
  CHECK(c.q.figures.out_bps >= 0 && c.q.figures.out_bps < 1);
}

TEST(mgr_quality_counters_that_go_back_begin_anew) {
  call c;
  begin(&c);
  seconds(&c, &fine, 3);
  mgr_sample old = c.s;
  pass(&c, &fine, 1);
  c.s.in_packets = c.s.in_lost = c.s.in_bytes = c.s.in_samples = c.s.in_concealed = c.s.in_silent_concealed = 0;
  c.s.in_buffer_delay_s = c.s.in_buffer_emitted = c.s.pair_bytes_received = 0;
  c.s.out_packets = c.s.out_bytes = c.s.pair_bytes_sent = c.s.remote_lost = c.s.video_bytes = 0;
  feed(&c);
  const mgr_figures *f = &c.q.figures;
  CHECK(f->loss_down == MGR_ABSENT && f->loss_up == MGR_ABSENT && f->concealed == MGR_ABSENT);
  CHECK(f->in_bps == MGR_ABSENT && f->out_bps == MGR_ABSENT && f->buffer_ms == MGR_ABSENT);
  weather w = {.lost_down = 1, .lost_up = 2, .rtt_s = 0.04};
  second(&c, &w);
  CHECK(near(f->loss_down, 0.02, 1e-9));
  CHECK(near(f->loss_up, 0.04, 1e-9));
  CHECK(near(f->out_bps, 48000, 1));
  CHECK(c.s.in_packets < old.in_packets);
}

TEST(mgr_quality_packets_taken_back_are_no_loss_and_no_gain) {
  call c;
  begin(&c);
  weather w = with_loss_down(10);
  second(&c, &w);
  CHECK(near(c.q.figures.loss_down, 0.2, 1e-9));
  pass(&c, &fine, 1);
  c.s.in_lost -= 8; /* they were only late */
  c.s.in_packets += 8;
  feed(&c);
  CHECK(near(c.q.figures.loss_down, 0, 1e-9));
  w = with_loss_down(5);
  second(&c, &w);
  CHECK(near(c.q.figures.loss_down, 0.1, 1e-9));
  pass(&c, &fine, 1);
  c.s.in_lost = 0;
  feed(&c);
  CHECK(near(c.q.figures.loss_down, 0, 1e-9));
}

TEST(mgr_quality_another_pair_makes_no_jump) {
  call c;
  begin(&c);
  seconds(&c, &fine, 2);
  pass(&c, &fine, 1);
  c.s.pair = 2;
  c.s.pair_bytes_sent = 90e6; /* it was busy elsewhere */
  c.s.pair_bytes_received = 90e6;
  feed(&c);
  const mgr_figures *f = &c.q.figures;
  CHECK(near(f->out_bps, 50 * 80 * 8, 1)); /* for once by the streams' own bytes */
  CHECK(near(f->in_bps, 50 * 80 * 8, 1));
  CHECK(near(f->loss_down, 0, 1e-9));
  second(&c, &fine);
  CHECK(near(f->out_bps, 48000, 1));
}

TEST(mgr_quality_out_rate_without_a_pair_adds_audio_and_video) {
  call c;
  begin(&c);
  c.s.pair_bytes_sent = MGR_ABSENT;
  second(&c, &fine);
  pass(&c, &fine, 1);
  c.s.pair_bytes_sent = MGR_ABSENT;
  c.s.video_bytes += 1000;
  feed(&c);
  CHECK(near(c.q.figures.out_bps, 50 * 80 * 8 + 8000, 1));
  pass(&c, &fine, 1);
  c.s.pair_bytes_sent = MGR_ABSENT;
  c.s.video_bytes = MGR_ABSENT; /* the camera is off */
  feed(&c);
  CHECK(near(c.q.figures.out_bps, 50 * 80 * 8, 1));
}

/* Which figures a member of the report carries alone. */
static const struct member {
  size_t member, figure;
} carried[] = {
#define CARRIED(m, f) \
  { offsetof(mgr_sample, m), offsetof(mgr_figures, f) }
    CARRIED(pair_available_out_bps, available_out_bps),
    CARRIED(pair_relayed, relayed),
    CARRIED(in_packets, loss_down),
    CARRIED(in_lost, loss_down),
    CARRIED(in_samples, concealed),
    CARRIED(in_concealed, concealed),
    CARRIED(in_buffer_delay_s, buffer_ms),
    CARRIED(in_buffer_emitted, buffer_ms),
    CARRIED(in_level, in_level),
    CARRIED(mic_level, mic_level),
    CARRIED(video_bytes, video_bps),
};

TEST(mgr_quality_absent_and_senseless_members_make_absent_figures) {
  const double bad[] = {MGR_ABSENT, -7, not_a_number(), infinite(), -infinite(), 1e300};
  for (size_t i = 0; i < COUNT(carried); i++) {
    for (size_t k = 0; k < COUNT(bad); k++) {
      call c;
      begin(&c);
      second(&c, &fine);
      const double *figure = (const double *)((const char *)&c.q.figures + carried[i].figure);
      CHECK(*figure >= 0);
      pass(&c, &fine, 1);
      double *member = (double *)((char *)&c.s + carried[i].member), good = *member;
      *member = bad[k];
      feed(&c);
      CHECK(*figure == MGR_ABSENT);
      CHECK(c.q.figures.mos > 4.2);
      *member = good;
      second(&c, &fine); /* a first report again, where it is a counter */
      second(&c, &fine);
      CHECK(*figure >= 0);
    }
  }
}

TEST(mgr_quality_nothing_reported_is_nothing_claimed) {
  call c;
  begin(&c);
  seconds(&c, &fine, 2);
  CHECK_EQ(c.q.level, MGR_LEVEL_EXCELLENT);
  mgr_sample empty;
  for (size_t i = 0; i < sizeof empty / sizeof(double); i++) ((double *)&empty)[i] = MGR_ABSENT;
  for (unsigned n = 0; n < 20; n++) CHECK_EQ(mgr_quality_sample(&c.q, &empty, c.now += MGR_S(1)), 0);
  for (size_t i = 0; i < sizeof(mgr_figures) / sizeof(double); i++)
    CHECK(((const double *)&c.q.figures)[i] == MGR_ABSENT);
  CHECK_EQ(c.q.level, MGR_LEVEL_EXCELLENT);
}

TEST(mgr_quality_round_trip_by_rtcp_then_pair_then_gateway) {
  static const struct {
    double remote_s, pair_s, gateway_ms, want_ms;
  } table[] = {{0.1, 0.2, 300, 100}, {-1, 0.2, 300, 200}, {-1, -1, 300, 300},
               {-1, -1, -1, -1},     {61, 0.2, 300, 200}, {0, 0.2, 300, 0}};
  for (size_t i = 0; i < COUNT(table); i++) {
    call c;
    begin(&c);
    pass(&c, &fine, 1);
    c.s.remote_rtt_s = table[i].remote_s;
    c.s.pair_rtt_s = table[i].pair_s;
    c.report.rtt_ms = table[i].gateway_ms;
    mgr_quality_gateway(&c.q, &c.report, c.now);
    feed(&c);
    CHECK(near(c.q.figures.rtt_ms, table[i].want_ms, 1e-9));
    CHECK((c.q.figures.delay_ms == MGR_ABSENT) == (table[i].want_ms < 0));
    CHECK(c.q.figures.mos > 3);
  }
}

TEST(mgr_quality_jitter_of_a_stream_that_stands_still_is_old) {
  call c;
  begin(&c);
  pass(&c, &fine, 1);
  c.s.in_jitter_s = 0.007;
  c.s.remote_jitter_s = 0.008;
  c.report.jitter_ms = 9;
  mgr_quality_gateway(&c.q, &c.report, c.now);
  feed(&c);
  CHECK(near(c.q.figures.jitter_ms, 7, 1e-9));
  double packets = c.s.in_packets;
  pass(&c, &fine, 1);
  c.s.in_packets = packets;
  c.s.remote_jitter_s = 0.008;
  feed(&c);
  CHECK(near(c.q.figures.jitter_ms, 8, 1e-9));
  pass(&c, &fine, 1);
  c.s.in_packets = packets;
  c.s.remote_jitter_s = MGR_ABSENT;
  feed(&c);
  CHECK(near(c.q.figures.jitter_ms, 9, 1e-9));
  double sent = c.s.out_packets;
  pass(&c, &fine, 1);
  c.s.in_packets = packets;
  c.s.out_packets = sent;
  feed(&c);
  CHECK(c.q.figures.jitter_ms == MGR_ABSENT);
}

/* ---- loss ---- */

TEST(mgr_quality_too_few_packets_add_up) {
  call c;
  begin(&c);
  c.s.in_packets += 3;
  c.s.in_lost += 1;
  c.now += MGR_S(1);
  feed(&c);
  CHECK(c.q.figures.loss_down == MGR_ABSENT);
  c.s.in_packets += 4;
  c.now += MGR_S(1);
  feed(&c);
  CHECK(near(c.q.figures.loss_down, 1.0 / 8, 1e-9));
}

TEST(mgr_quality_loss_up_is_the_worse_of_rtcp_and_gateway) {
  static const struct {
    double rtcp, gateway, want; /* packets of fifty */
  } table[] = {{0, 0, 0}, {5, 0, 5}, {0, 10, 10}, {5, 10, 10}, {10, 5, 10}, {5, -1, 5}};
  for (size_t i = 0; i < COUNT(table); i++) {
    call c;
    begin(&c);
    mgr_quality_gateway(&c.q, &c.report, c.now);
    weather w = fine;
    w.lost_up = table[i].rtcp;
    pass(&c, &w, 1);
    if (table[i].gateway >= 0) {
      c.report.lost += table[i].gateway;
      c.report.received += 50 - table[i].gateway;
      mgr_quality_gateway(&c.q, &c.report, c.now);
    }
    feed(&c);
    CHECK(near(c.q.figures.loss_up, table[i].want / 50, 1e-9));
  }
}

TEST(mgr_quality_gateway_reports_count_for_three_seconds) {
  call c;
  begin(&c);
  mgr_quality_gateway(&c.q, &c.report, c.now);
  c.report = (mgr_gateway_report){.rtt_ms = 70, .jitter_ms = 5, .received = 40, .lost = 10};
  mgr_quality_gateway(&c.q, &c.report, c.now);
  for (unsigned n = 1; n <= 4; n++) {
    pass(&c, &fine, 1);
    c.s.remote_rtt_s = c.s.pair_rtt_s = MGR_ABSENT;
    feed(&c);
    CHECK(near(c.q.figures.loss_up, n <= 3 ? 0.2 : 0, 1e-9));
    CHECK(near(c.q.figures.rtt_ms, n <= 3 ? 70 : MGR_ABSENT, 1e-9));
  }
}

/* Messages wait behind a lost one and then come in a bunch: all of them count. */
TEST(mgr_quality_gateway_reports_in_a_bunch_add_up) {
  call c;
  begin(&c);
  mgr_quality_gateway(&c.q, &c.report, c.now);
  for (unsigned n = 0; n < 3; n++) {
    c.report.received += n == 0 ? 35 : 50;
    c.report.lost += n == 0 ? 15 : 0;
    mgr_quality_gateway(&c.q, &c.report, c.now);
  }
  second(&c, &fine);
  CHECK(near(c.q.figures.loss_up, 0.1, 1e-9));
  c.report.received = 10; /* the gateway counts anew */
  c.report.lost = 5;
  mgr_quality_gateway(&c.q, &c.report, c.now);
  second(&c, &fine);
  CHECK(near(c.q.figures.loss_up, 0, 1e-9));
  c.report.received += 45;
  c.report.lost += 5;
  mgr_quality_gateway(&c.q, &c.report, c.now);
  second(&c, &fine);
  CHECK(near(c.q.figures.loss_up, 0.1, 1e-9));
}

/* RTCP comes when it wants to: a sample between two reports must not see "no loss". */
TEST(mgr_quality_rtcp_ratio_holds_until_the_next_report) {
  call c;
  begin(&c);
  weather w = fine;
  w.lost_up = 5;
  second(&c, &w);
  CHECK(near(c.q.figures.loss_up, 0.1, 1e-9));
  mgr_sample report = c.s;
  for (unsigned n = 1; n <= 3; n++) {
    pass(&c, &w, 1);
    c.s.remote_lost = report.remote_lost;
    c.s.remote_rtt_s = report.remote_rtt_s;
    feed(&c);
    CHECK(near(c.q.figures.loss_up, n < 3 ? 0.1 : 0, 1e-9)); /* a clean report may look the same; no longer */
  }
  c.s.remote_lost = report.remote_lost + 20; /* it catches up on what was sent since */
  pass(&c, &fine, 1);
  feed(&c);
  CHECK(near(c.q.figures.loss_up, 0.4, 1e-9));
}

TEST(mgr_quality_loss_up_by_fraction_without_counters) {
  call c;
  begin(&c);
  pass(&c, &fine, 1);
  c.s.remote_lost = MGR_ABSENT;
  c.s.remote_fraction_lost = 0.3;
  feed(&c);
  CHECK(near(c.q.figures.loss_up, 0.3, 1e-9));
  double sent = c.s.out_packets;
  pass(&c, &fine, 1);
  c.s.out_packets = sent; /* nothing was sent: what was said of it is old */
  c.s.remote_lost = MGR_ABSENT;
  c.s.remote_fraction_lost = 0.3;
  feed(&c);
  CHECK(c.q.figures.loss_up == MGR_ABSENT);
  pass(&c, &fine, 1);
  c.s.remote_lost = c.s.out_packets = MGR_ABSENT;
  c.s.remote_fraction_lost = 3; /* of 0..1 */
  feed(&c);
  CHECK(near(c.q.figures.loss_up, 1, 1e-9));
}

TEST(mgr_quality_silent_concealment_is_none) {
  call c;
  begin(&c);
  pass(&c, &fine, 1);
  c.s.in_concealed += 24000;
  c.s.in_silent_concealed += 24000;
  feed(&c);
  CHECK(near(c.q.figures.concealed, 0, 1e-9));
  pass(&c, &fine, 1);
  c.s.in_concealed += 4800;
  c.s.in_silent_concealed += 5000; /* more than all */
  feed(&c);
  CHECK(near(c.q.figures.concealed, 0, 1e-9));
  c.s.in_silent_concealed = MGR_ABSENT; /* a browser that does not tell them apart */
  c.s.in_concealed += 4700;
  pass(&c, &fine, 1);
  c.s.in_silent_concealed = MGR_ABSENT;
  feed(&c);
  CHECK(near(c.q.figures.concealed, 0.1, 1e-9));
}

/* ---- MOS ---- */

TEST(mgr_quality_mos_takes_the_greater_of_loss_and_concealment_and_the_worse_way) {
  static const struct {
    double down, concealed, up, loss;
  } table[] = {{0, 0, 0, 0},      {5, 0.02, 0, 0.1}, {1, 0.1, 0, 0.1}, {0, 0, 5, 0.1},
               {1, 0.02, 5, 0.1}, {15, 0.5, 0, 0.5}, {5, 0.1, 1, 0.1}};
  for (size_t i = 0; i < COUNT(table); i++) {
    call c;
    begin(&c);
    weather w = {
        .lost_down = table[i].down, .lost_up = table[i].up, .concealed = table[i].concealed, .rtt_s = 0.04};
    second(&c, &fine);
    second(&c, &w);
    double buffer_ms = table[i].up > table[i].down ? 0 : 60; /* the gateway has no playout buffer */
    double r = mgr_quality_r(20 + 46.5 + buffer_ms, table[i].loss, 1.5, false);
    CHECK(near(c.q.figures.r_factor, r, 0.01));
  }
}

/* The end of every answer is made up by the browser; that is no loss. */
TEST(mgr_quality_concealment_at_a_pause_does_not_count) {
  call c;
  begin(&c);
  seconds(&c, &fine, 2);
  double mos = c.q.figures.mos;
  weather w = fine;
  w.concealed = 0.3;
  double packets = c.s.in_packets;
  pass(&c, &w, 1);
  c.s.in_packets = packets + 20; /* then the stream stopped */
  feed(&c);
  CHECK(near(c.q.figures.concealed, 0.3, 1e-9)); /* the figure is what it is */
  CHECK(near(c.q.figures.mos, mos, 0.01));
  for (unsigned n = 0; n < 3; n++) {
    packets = c.s.in_packets;
    pass(&c, &w, 1);
    c.s.in_packets = packets;
    feed(&c);
    CHECK(near(c.q.figures.mos, mos, 0.01));
  }
  second(&c, &w); /* it flows, and is made up */
  CHECK(c.q.figures.mos < 2);
}

/* ---- levels ---- */

TEST(mgr_quality_levels_by_loss) {
  static const struct {
    double lost; /* of a second's fifty */
    mgr_level level;
  } table[] = {{0, MGR_LEVEL_EXCELLENT}, {1, MGR_LEVEL_EXCELLENT}, {2, MGR_LEVEL_GOOD}, {3, MGR_LEVEL_POOR},
               {4, MGR_LEVEL_POOR},      {5, MGR_LEVEL_BAD},       {25, MGR_LEVEL_BAD}};
  for (size_t i = 0; i < COUNT(table); i++) {
    call c;
    begin(&c);
    weather w = with_loss_down(table[i].lost);
    CHECK(second(&c, &w) & MGR_QUALITY_LEVEL_CHANGED); /* the first is taken as it is */
    CHECK_EQ(c.q.level, table[i].level);
  }
}

TEST(mgr_quality_levels_by_delay) {
  static const struct {
    double rtt_s;
    mgr_level level;
  } table[] = {{0, MGR_LEVEL_EXCELLENT}, {0.31, MGR_LEVEL_EXCELLENT}, {0.33, MGR_LEVEL_GOOD},
               {0.47, MGR_LEVEL_GOOD},   {0.49, MGR_LEVEL_POOR},      {0.7, MGR_LEVEL_POOR},
               {0.73, MGR_LEVEL_BAD},    {3, MGR_LEVEL_BAD}};
  for (size_t i = 0; i < COUNT(table); i++) {
    call c;
    begin(&c);
    weather w = fine;
    w.rtt_s = table[i].rtt_s;
    second(&c, &w);
    CHECK_EQ(c.q.level, table[i].level);
  }
}

TEST(mgr_quality_level_falls_at_once_and_rises_by_steps) {
  call c;
  begin(&c);
  weather bad = with_loss_down(25);
  second(&c, &fine);
  CHECK_EQ(second(&c, &bad) & MGR_QUALITY_LEVEL_CHANGED, MGR_QUALITY_LEVEL_CHANGED);
  CHECK_EQ(c.q.level, MGR_LEVEL_BAD);
  for (int level = MGR_LEVEL_POOR; level <= MGR_LEVEL_EXCELLENT; level++) {
    for (unsigned n = 1; n < MGR_QUALITY_RISE_SAMPLES; n++) {
      CHECK_EQ(second(&c, &fine) & MGR_QUALITY_LEVEL_CHANGED, 0);
      CHECK_EQ(c.q.level, level - 1);
    }
    CHECK_EQ(second(&c, &fine) & MGR_QUALITY_LEVEL_CHANGED, MGR_QUALITY_LEVEL_CHANGED);
    CHECK_EQ(c.q.level, level);
  }
  for (unsigned n = 0; n < 20; n++) CHECK_EQ(second(&c, &fine) & MGR_QUALITY_LEVEL_CHANGED, 0);
}

TEST(mgr_quality_level_rises_only_after_better_samples_in_a_row) {
  call c;
  begin(&c);
  weather bad = with_loss_down(25);
  second(&c, &bad);
  for (unsigned round = 0; round < 10; round++) {
    for (unsigned n = 0; n < MGR_QUALITY_RISE_SAMPLES - 1; n++)
      CHECK_EQ(second(&c, &fine) & MGR_QUALITY_LEVEL_CHANGED, 0);
    CHECK_EQ(second(&c, &bad) & MGR_QUALITY_LEVEL_CHANGED, 0);
    CHECK_EQ(c.q.level, MGR_LEVEL_BAD);
  }
  seconds(&c, &fine, 2);
  for (unsigned n = 0; n < 4; n++) { /* not measured: neither better nor worse */
    mgr_sample s = c.s;
    for (size_t i = 0; i < sizeof s / sizeof(double); i++) ((double *)&s)[i] = MGR_ABSENT;
    mgr_quality_sample(&c.q, &s, c.now += MGR_S(1));
  }
  seconds(&c, &fine, 2); /* better by its delay; the counters' first report since */
  CHECK_EQ(c.q.level, MGR_LEVEL_BAD);
  second(&c, &fine);
  CHECK_EQ(c.q.level, MGR_LEVEL_POOR);
}

/* ---- calls as they happen ---- */

TEST(mgr_quality_life_another_connection) {
  call c;
  begin(&c);
  weather bad = with_loss_down(8);
  seconds(&c, &bad, 3);
  CHECK_EQ(c.q.level, MGR_LEVEL_BAD);
  mgr_quality_gateway(&c.q, &c.report, c.now);
  mgr_quality_restart(&c.q);
  CHECK(c.q.figures.mos == MGR_ABSENT && c.q.figures.loss_down == MGR_ABSENT);
  CHECK_EQ(c.q.level, MGR_LEVEL_BAD);
  CHECK_EQ(c.q.issues, MGR_ISSUE_DOWNLINK_LOSS);
  mgr_time now = c.now;
  call fresh;
  begin(&fresh); /* new counters */
  c.s = fresh.s;
  c.now = now + MGR_S(2);
  c.report.received = 9000; /* the gateway's counters are those of another peer, too */
  c.report.lost = 4000;
  mgr_quality_gateway(&c.q, &c.report, c.now);
  CHECK_EQ(feed(&c), 0);
  CHECK(c.q.figures.mos == MGR_ABSENT);
  second(&c, &fine);
  CHECK(near(c.q.figures.loss_up, 0, 1e-9));
  CHECK(near(c.q.figures.loss_down, 0, 1e-9));
  CHECK(near(c.q.figures.out_bps, 48000, 1));
  seconds(&c, &fine, 3);
  CHECK_EQ(c.q.issues, 0);
  seconds(&c, &fine, 11);
  CHECK_EQ(c.q.level, MGR_LEVEL_EXCELLENT);
}

/* Wi-Fi loses a second and a half altogether; the packets are counted as lost when the next one comes. */
TEST(mgr_quality_life_a_hole_and_its_end) {
  call c;
  begin(&c);
  seconds(&c, &fine, 5);
  double packets = c.s.in_packets;
  pass(&c, &fine, 1);
  c.s.in_packets = packets;
  c.s.in_concealed += 10000;
  feed(&c);
  CHECK_EQ(c.q.level, MGR_LEVEL_EXCELLENT); /* nothing came, nothing is known to be lost */
  pass(&c, &fine, 1);
  c.s.in_packets = packets + 25;
  c.s.in_lost += 75;
  feed(&c);
  CHECK(near(c.q.figures.loss_down, 0.75, 1e-9));
  CHECK_EQ(c.q.level, MGR_LEVEL_BAD);
  seconds(&c, &fine, 15);
  CHECK_EQ(c.q.level, MGR_LEVEL_EXCELLENT);
  CHECK_EQ(c.q.issues, 0); /* one bad second has no name */
}

/* An upload fills the router's queue: delay, jitter, then loss; then it ends. */
TEST(mgr_quality_life_a_full_queue) {
  call c;
  begin(&c);
  seconds(&c, &fine, 5);
  weather w = fine;
  for (unsigned n = 0; n < 10; n++) {
    w.rtt_s += 0.05;
    w.jitter_s += 0.006;
    second(&c, &w);
  }
  CHECK_EQ(c.q.issues, MGR_ISSUE_DELAY | MGR_ISSUE_JITTER);
  CHECK_EQ(c.q.level, MGR_LEVEL_POOR);
  w.lost_up = 6;
  seconds(&c, &w, 3);
  CHECK_EQ(c.q.issues, MGR_ISSUE_DELAY | MGR_ISSUE_JITTER | MGR_ISSUE_UPLINK_LOSS);
  CHECK_EQ(c.q.level, MGR_LEVEL_BAD);
  seconds(&c, &fine, 4);
  CHECK_EQ(c.q.issues, 0);
  seconds(&c, &fine, 11);
  CHECK_EQ(c.q.level, MGR_LEVEL_EXCELLENT);
}

/* One packet a second is lost: everyday Wi-Fi. It must not make the display dance. */
TEST(mgr_quality_life_everyday_wifi_is_steady) {
  call c;
  begin(&c);
  second(&c, &fine);
  weather w = {.lost_down = 1, .rtt_s = 0.03, .jitter_s = 0.012, .mic_level = 0.05};
  for (unsigned n = 0; n < 60; n++) CHECK_EQ(second(&c, n % 3 ? &fine : &w), 0);
  CHECK_EQ(c.q.level, MGR_LEVEL_EXCELLENT);
}

/* Hold to talk: between sentences nothing is sent either way. */
TEST(mgr_quality_life_hold_to_talk) {
  call c;
  begin(&c);
  second(&c, &fine);
  for (unsigned turn = 0; turn < 3; turn++) {
    c.s.mic_live = 1;
    seconds(&c, &fine, 3);
    c.s.mic_live = 0;
    mgr_sample still = c.s;
    for (unsigned n = 0; n < 8; n++) {
      weather rest = with_mic(0);
      pass(&c, &rest, 1);
      c.s.in_packets = still.in_packets;
      c.s.out_packets = still.out_packets;
      c.s.pair_bytes_sent = still.pair_bytes_sent;
      CHECK_EQ(feed(&c), 0);
    }
    CHECK(c.q.figures.loss_down == MGR_ABSENT && c.q.figures.loss_up == MGR_ABSENT);
    CHECK(near(c.q.figures.out_bps, 0, 1e-9));
    CHECK_EQ(c.q.level, MGR_LEVEL_EXCELLENT);
  }
}

/* ---- random samples ---- */

static double random_value(check_rng *rng) {
  static const double corners[] = {-1, 0, 1, 2, -5, 1e15, 1e16, 1e300, 0.5, 1e-9};
  switch (check_rng_u32(rng) % 8) {
    case 0: return corners[check_rng_u32(rng) % COUNT(corners)];
    case 1: return check_rng_u32(rng) % 2 ? not_a_number() : check_rng_u32(rng) % 2 ? infinite() : -infinite();
    case 2: return check_rng_u32(rng) / 4294967296.0;
    case 3: return check_rng_u32(rng) / 1000.0;
    default: return check_rng_u32(rng) % 100000;
  }
}

/* One more random thing happens. */
static unsigned random_step(mgr_quality *q, mgr_sample *s, check_rng *rng, mgr_time now) {
  double *members = (double *)s;
  mgr_gateway_report report = {random_value(rng), random_value(rng), random_value(rng), random_value(rng)};
  switch (check_rng_u32(rng) % 16) {
    case 0: mgr_quality_gateway(q, &report, now); return 0;
    case 1: return mgr_quality_set_muted(q, check_rng_u32(rng) % 2);
    case 2:
      if (check_rng_u32(rng) % 8 == 0) mgr_quality_restart(q);
      return 0;
    default: break;
  }
  size_t n = sizeof *s / sizeof *members;
  bool is_calm = check_rng_u32(rng) % 2; /* mostly counters that grow; sometimes anything */
  for (size_t i = 0; i < n; i++) {
    if (is_calm && members[i] >= 0 && members[i] < 1e14)
      members[i] += check_rng_u32(rng) % 100;
    else if (check_rng_u32(rng) % 4 == 0)
      members[i] = random_value(rng);
  }
  return mgr_quality_sample(q, s, now);
}

TEST(mgr_quality_random_samples_keep_the_laws) {
  check_rng rng = {20240607};
  unsigned n_scored = 0, n_level = 0, n_issues = 0;
  for (unsigned round = 0; round < 2000; round++) {
    mgr_quality q;
    mgr_sample s = {0};
    mgr_quality_init(&q);
    mgr_time now = (mgr_time)check_rng_u32(&rng);
    bool is_lawful_so_far = true;
    for (unsigned n = 0; n < 100 && is_lawful_so_far; n++) {
      mgr_quality before = q;
      unsigned changed = random_step(&q, &s, &rng, now);
      is_lawful_so_far = is_lawful(&before, &q, changed);
      now += check_rng_u32(&rng) % 16 ? MGR_MS(check_rng_u32(&rng) % 2000) : -(mgr_time)check_rng_u32(&rng);
      n_scored += q.figures.mos > 1;
      n_level += changed & MGR_QUALITY_LEVEL_CHANGED;
      n_issues += (changed & MGR_QUALITY_ISSUES_CHANGED) != 0;
    }
    CHECK(is_lawful_so_far);
  }
  CHECK(n_scored > 10000 && n_level > 1000 && n_issues > 1000); /* or the dice showed nothing */
}
