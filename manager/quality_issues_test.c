/* manager/quality_issues_test.c - every issue of quality.c: what begins it, what ends it, what does neither. */
#include "manager/quality_test.h"

/* Sets what the rule of |issue| compares, for one second; a value below 0 is "not measured". */
static void trouble(call *c, mgr_issue issue, double value) {
  weather w = fine;
  if (issue == MGR_ISSUE_UPLINK_LOSS && value >= 0) w.lost_up = value * 50;
  if (issue == MGR_ISSUE_DOWNLINK_LOSS && value >= 0) w.lost_down = value * 50;
  if (issue == MGR_ISSUE_DELAY && value >= 0) w.rtt_s = (value - 60 - 46.5) * 2 / 1000;
  if (issue == MGR_ISSUE_JITTER && value >= 0) w.jitter_s = value / 1000;
  pass(c, &w, 1);
  bool is_blind = value < 0;
  if (issue == MGR_ISSUE_UPLINK_LOSS && is_blind) c->s.remote_lost = c->s.remote_fraction_lost = MGR_ABSENT;
  if (issue == MGR_ISSUE_DOWNLINK_LOSS && is_blind) c->s.in_lost = MGR_ABSENT;
  if (issue == MGR_ISSUE_DELAY && is_blind) c->s.remote_rtt_s = c->s.pair_rtt_s = MGR_ABSENT;
  if (issue == MGR_ISSUE_JITTER && is_blind) c->s.in_jitter_s = c->s.remote_jitter_s = MGR_ABSENT;
  if (issue == MGR_ISSUE_CPU) {
    c->s.video_limited = value;
    if (is_blind) c->s.in_samples = MGR_ABSENT;
  }
  if (issue == MGR_ISSUE_RELAY) c->s.pair_relayed = value;
  if (issue == MGR_ISSUE_LOW_BANDWIDTH) c->s.pair_available_out_bps = value;
  feed(c);
}

static const struct trigger {
  mgr_issue issue;
  double on, between, off; /* |between|: neither begins nor ends it; -2: there is no such value */
} triggers[] = {
    {MGR_ISSUE_UPLINK_LOSS, 0.04, 0.03, 0},
    {MGR_ISSUE_DOWNLINK_LOSS, 0.0401, 0.03, 0.018},
    {MGR_ISSUE_DELAY, 251, 249, 199},
    {MGR_ISSUE_JITTER, 40, 39, 24},
    {MGR_ISSUE_CPU, 1, -2, 0},
    {MGR_ISSUE_CPU, 1, -2, 2}, /* limited by bandwidth: not the processor */
    {MGR_ISSUE_RELAY, 1, -2, 0},
    {MGR_ISSUE_LOW_BANDWIDTH, 39999, 45000, 50001},
    {MGR_ISSUE_LOW_BANDWIDTH, 0, 40001, 300000},
};

static bool has(const call *c, mgr_issue issue) { return (c->q.issues & (uint32_t)issue) != 0; }

TEST(mgr_quality_issues_begin_after_two_samples_and_end_after_four) {
  for (size_t i = 0; i < COUNT(triggers); i++) {
    const struct trigger *t = &triggers[i];
    call c;
    begin(&c);
    for (unsigned n = 0; n < 5; n++) { /* one alone is none */
      trouble(&c, t->issue, t->on);
      CHECK_EQ(c.q.issues, 0);
      trouble(&c, t->issue, t->between >= 0 ? t->between : t->off);
      CHECK_EQ(c.q.issues, 0);
    }
    trouble(&c, t->issue, t->on);
    trouble(&c, t->issue, t->on);
    CHECK_EQ(c.q.issues, t->issue);
    for (unsigned n = 0; n < 5; n++) {
      for (unsigned k = 0; k < 3; k++) trouble(&c, t->issue, t->off);
      CHECK_EQ(c.q.issues, t->issue);
      trouble(&c, t->issue, t->between >= 0 ? t->between : t->on);
      CHECK_EQ(c.q.issues, t->issue);
    }
    for (unsigned k = 0; k < 4; k++) trouble(&c, t->issue, t->off);
    CHECK_EQ(c.q.issues, 0);
  }
}

TEST(mgr_quality_issues_nobody_can_see_are_forgotten_after_ten_samples) {
  for (size_t i = 0; i < COUNT(triggers); i++) {
    const struct trigger *t = &triggers[i];
    call c;
    begin(&c);
    for (unsigned n = 0; n < 30; n++) trouble(&c, t->issue, -1);
    CHECK_EQ(c.q.issues, 0);
    trouble(&c, t->issue, t->on);
    for (unsigned n = 0; n < 3; n++) trouble(&c, t->issue, t->on);
    CHECK_EQ(c.q.issues, t->issue);
    for (unsigned n = 0; n < 7; n++) trouble(&c, t->issue, -1);
    trouble(&c, t->issue, t->on);
    trouble(&c, t->issue, t->on); /* a counter's first report says nothing yet */
    for (unsigned n = 0; n < 9; n++) trouble(&c, t->issue, -1);
    CHECK_EQ(c.q.issues, t->issue);
    trouble(&c, t->issue, -1);
    CHECK_EQ(c.q.issues, 0);
  }
}

TEST(mgr_quality_issues_are_told_when_they_change_only) {
  call c;
  begin(&c);
  weather w = fine;
  w.jitter_s = 0.05;
  static const bool told[] = {false, true, false, false, false, false, false, true, false};
  for (size_t i = 0; i < COUNT(told); i++)
    CHECK_EQ((second(&c, i < 4 ? &w : &fine) & MGR_QUALITY_ISSUES_CHANGED) != 0, told[i]);
}

TEST(mgr_quality_several_issues_at_once) {
  call c;
  begin(&c);
  weather w = {.lost_down = 10, .lost_up = 10, .rtt_s = 0.5, .jitter_s = 0.08, .mic_level = 0.1};
  c.s.pair_relayed = 1;
  c.s.pair_available_out_bps = 20000;
  seconds(&c, &w, 2);
  CHECK_EQ(c.q.issues, MGR_ISSUE_UPLINK_LOSS | MGR_ISSUE_DOWNLINK_LOSS | MGR_ISSUE_DELAY | MGR_ISSUE_JITTER |
                           MGR_ISSUE_RELAY | MGR_ISSUE_LOW_BANDWIDTH);
}

TEST(mgr_quality_busy_device_makes_up_sound_that_came) {
  static const struct {
    double concealed, lost, jitter_s;
    bool is_busy;
  } table[] = {{0.2, 0, 0.003, true},  {0.05, 0, 0.003, true}, {0.04, 0, 0.003, false},
               {0.2, 5, 0.003, false}, {0.2, 0, 0.1, false},   {0, 0, 0.003, false}};
  for (size_t i = 0; i < COUNT(table); i++) {
    call c;
    begin(&c);
    weather w = fine;
    w.concealed = table[i].concealed;
    w.lost_down = table[i].lost;
    w.jitter_s = table[i].jitter_s;
    seconds(&c, &w, 3);
    CHECK_EQ(has(&c, MGR_ISSUE_CPU), table[i].is_busy);
  }
}

/* ---- microphone ---- */

TEST(mgr_quality_microphone_that_never_gave_anything_is_silent_after_four_seconds) {
  static const double levels[] = {0, 0.0009};
  for (size_t i = 0; i < COUNT(levels); i++) {
    call c;
    begin(&c);
    weather w = with_mic(levels[i]);
    for (unsigned n = 1; n <= 20; n++) {
      unsigned changed = second(&c, &w);
      CHECK_EQ(has(&c, MGR_ISSUE_SILENT_MICROPHONE), n >= 4);
      CHECK_EQ((changed & MGR_QUALITY_ISSUES_CHANGED) != 0, n == 4);
    }
    w = with_mic(0.002);
    CHECK(second(&c, &w) & MGR_QUALITY_ISSUES_CHANGED); /* the first sound ends it */
    CHECK_EQ(c.q.issues, 0);
  }
}

TEST(mgr_quality_microphone_that_was_heard_may_rest_for_fifteen_seconds) {
  call c;
  begin(&c);
  weather quiet = with_mic(0.0002);
  for (unsigned round = 0; round < 3; round++) {
    second(&c, &fine);
    seconds(&c, &quiet, 14);
    CHECK_EQ(c.q.issues, 0);
  }
  second(&c, &quiet);
  CHECK_EQ(c.q.issues, MGR_ISSUE_SILENT_MICROPHONE);
  c.s.mic_live = 0; /* the talk key goes up */
  CHECK(second(&c, &quiet) & MGR_QUALITY_ISSUES_CHANGED);
  CHECK_EQ(c.q.issues, 0);
  c.s.mic_live = 1; /* and down again: now it ought to hear */
  seconds(&c, &quiet, 4);
  CHECK_EQ(c.q.issues, MGR_ISSUE_SILENT_MICROPHONE);
}

TEST(mgr_quality_microphone_is_judged_by_energy_and_level) {
  static const struct {
    double level, energy; /* a second */
    bool silent;
  } table[] = {{0, 0, true},     {-1, 0, true},     {0, -1, true},   {-1, -1, false},   {0, 1, false},
               {0, 2e-6, false}, {0, 0.9e-6, true}, {0.5, 0, false}, {0.0011, 0, false}};
  for (size_t i = 0; i < COUNT(table); i++) {
    call c;
    begin(&c);
    double energy = 0;
    for (unsigned n = 0; n < 6; n++) {
      pass(&c, &fine, 1);
      c.s.mic_level = table[i].level;
      c.s.mic_energy = table[i].energy < 0 ? -1 : (energy += table[i].energy);
      feed(&c);
    }
    CHECK_EQ(has(&c, MGR_ISSUE_SILENT_MICROPHONE), table[i].silent);
  }
}

TEST(mgr_quality_microphone_need_not_sound_while_the_assistant_speaks) {
  call c;
  begin(&c);
  weather dead = with_mic(0);
  c.s.in_level = 0.1;
  seconds(&c, &dead, 30);
  CHECK_EQ(c.q.issues, 0);
  c.s.in_level = 0;
  seconds(&c, &dead, 4);
  CHECK_EQ(c.q.issues, MGR_ISSUE_SILENT_MICROPHONE);
}

TEST(mgr_quality_microphone_is_watched_by_the_clock_not_by_samples) {
  call c;
  begin(&c);
  weather dead = with_mic(0);
  for (unsigned n = 0; n < 7; n++) {
    pass(&c, &dead, 0.5);
    feed(&c);
  }
  CHECK_EQ(c.q.issues, 0);
  pass(&c, &dead, 0.5);
  feed(&c);
  CHECK_EQ(c.q.issues, MGR_ISSUE_SILENT_MICROPHONE);
  begin(&c);
  pass(&c, &dead, 600); /* the page slept */
  feed(&c);
  CHECK_EQ(c.q.issues, 0);
}

TEST(mgr_quality_muted_by_the_system_is_told_at_once_and_alone) {
  call c;
  begin(&c);
  weather dead = with_mic(0);
  seconds(&c, &dead, 5);
  CHECK_EQ(c.q.issues, MGR_ISSUE_SILENT_MICROPHONE);
  CHECK_EQ(mgr_quality_set_muted(&c.q, true), MGR_QUALITY_ISSUES_CHANGED);
  CHECK_EQ(c.q.issues, MGR_ISSUE_MICROPHONE_MUTED);
  CHECK_EQ(mgr_quality_set_muted(&c.q, true), 0);
  seconds(&c, &dead, 30);
  CHECK_EQ(c.q.issues, MGR_ISSUE_MICROPHONE_MUTED);
  CHECK_EQ(mgr_quality_set_muted(&c.q, false), MGR_QUALITY_ISSUES_CHANGED);
  CHECK_EQ(mgr_quality_set_muted(&c.q, false), 0);
  CHECK_EQ(c.q.issues, 0);
  seconds(&c, &dead, 4);
  CHECK_EQ(c.q.issues, MGR_ISSUE_SILENT_MICROPHONE);
}
