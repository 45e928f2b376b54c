#include "gateway/quiet.h"

#include "check.h"

/* Packets in even steps, until |until|. */
static wr_time talk(gw_quiet *quiet, wr_time from, wr_time until, wr_time step) {
  wr_time now = from;
  for (; now < until; now += step) gw_quiet_heard(quiet, now);
  return now - step;
}

TEST(quiet_misses_who_was_heard_all_the_time) {
  gw_quiet quiet;
  gw_quiet_init(&quiet);
  CHECK(gw_quiet_deadline(&quiet) == WR_NEVER);
  wr_time last = talk(&quiet, WR_MS(1), WR_S(10), WR_MS(20));
  gw_quiet_sound sound = {500, 2};
  CHECK_EQ(gw_quiet_deadline(&quiet), last + GW_QUIET_US);
  CHECK(!gw_quiet_miss(&quiet, &sound, last + GW_QUIET_US - 1));
  CHECK(gw_quiet_miss(&quiet, &sound, last + GW_QUIET_US));
  CHECK(quiet.missed);
  CHECK(!gw_quiet_miss(&quiet, &sound, last + WR_S(1)));
  CHECK(gw_quiet_deadline(&quiet) == WR_NEVER);
}

/* Pings, or a microphone that sends nothing while it is still: what is usual is no reason for alarm. */
TEST(quiet_knows_habits) {
  for (wr_time step = WR_MS(100); step <= WR_MS(500); step += WR_MS(100)) {
    gw_quiet quiet;
    gw_quiet_init(&quiet);
    wr_time last = talk(&quiet, WR_MS(1), WR_S(60), step);
    CHECK(gw_quiet_deadline(&quiet) > last + 2 * step);
    CHECK(gw_quiet_deadline(&quiet) < last + 3 * step + WR_MS(100));
  }
  gw_quiet seldom;
  gw_quiet_init(&seldom);
  (void)talk(&seldom, WR_MS(1), WR_S(60), WR_MS(2500));
  CHECK(gw_quiet_deadline(&seldom) == WR_NEVER);
}

/* Who only listens may send nothing but a report now and then. */
TEST(quiet_misses_nobody_it_does_not_know) {
  gw_quiet quiet;
  gw_quiet_init(&quiet);
  (void)talk(&quiet, WR_MS(1), WR_S(2), WR_MS(20));
  CHECK(gw_quiet_deadline(&quiet) == WR_NEVER);
  wr_time last = talk(&quiet, WR_S(2), WR_S(5), WR_MS(20)), heard_at;
  gw_quiet_sound none = {0};
  CHECK(gw_quiet_miss(&quiet, &none, gw_quiet_deadline(&quiet)));
  gw_quiet_heard(&quiet, last + WR_S(3));
  CHECK_EQ(gw_quiet_judge(&quiet, &none, &heard_at, last + WR_S(3) + GW_QUIET_JUDGE_US), GW_QUIET_DEAD);
  gw_quiet_heard(&quiet, last + WR_S(4)); /* without sound that proved it, it may as well have been a habit */
  CHECK(gw_quiet_deadline(&quiet) == WR_NEVER);
}

/* One long pause makes it careful, for a while. */
TEST(quiet_forgets_habits) {
  gw_quiet quiet;
  gw_quiet_init(&quiet);
  wr_time last = talk(&quiet, WR_MS(1), WR_S(10), WR_MS(20));
  wr_time again = talk(&quiet, last + WR_MS(250), last + WR_S(1), WR_MS(20));
  CHECK(gw_quiet_deadline(&quiet) > again + WR_MS(350));
  again = talk(&quiet, again + WR_MS(20), again + WR_S(8), WR_MS(20));
  CHECK_EQ(gw_quiet_deadline(&quiet), again + GW_QUIET_US);
}

static void miss(gw_quiet *quiet, wr_time *last) {
  gw_quiet_init(quiet);
  *last = talk(quiet, WR_MS(1), WR_S(10), WR_MS(20));
  CHECK(gw_quiet_miss(quiet, &(gw_quiet_sound){500, 2}, *last + GW_QUIET_US));
}

TEST(quiet_tells_dead_from_late) {
  gw_quiet quiet;
  wr_time last, heard_at = 0;
  gw_quiet_sound sound = {501, 52};
  miss(&quiet, &last);
  CHECK_EQ(gw_quiet_judge(&quiet, &sound, &heard_at, last + WR_S(1)), GW_QUIET_UNKNOWN); /* he is not back */
  gw_quiet_heard(&quiet, last + WR_S(1));
  CHECK_EQ(gw_quiet_judge(&quiet, &sound, &heard_at, last + WR_S(1)), GW_QUIET_DEAD);
  CHECK_EQ(heard_at, last);
  CHECK(!quiet.missed);
  CHECK_EQ(gw_quiet_deadline(&quiet), last + WR_S(1) + GW_QUIET_US); /* no habit was learnt */

  miss(&quiet, &last);
  sound = (gw_quiet_sound){502, 3}; /* one was lost: that happens */
  gw_quiet_heard(&quiet, last + WR_MS(400));
  CHECK_EQ(gw_quiet_judge(&quiet, &sound, &heard_at, last + WR_MS(400)), GW_QUIET_LATE);
  CHECK_EQ(heard_at, last);
  CHECK(gw_quiet_deadline(&quiet) > last + WR_MS(400) + 2 * WR_MS(400)); /* that one was */
}

/* A muted microphone, a ping that comes first: sound decides, and its absence. */
TEST(quiet_waits_for_sound_to_judge_by) {
  gw_quiet quiet;
  wr_time last, heard_at = 0, back;
  gw_quiet_sound none = {500, 2}, lost = {501, 80};
  miss(&quiet, &last);
  back = last + WR_S(2);
  gw_quiet_heard(&quiet, back);
  CHECK_EQ(gw_quiet_judge(&quiet, &none, &heard_at, back), GW_QUIET_UNKNOWN);
  CHECK_EQ(gw_quiet_deadline(&quiet), back + GW_QUIET_JUDGE_US);
  gw_quiet_heard(&quiet, back + WR_MS(10));
  CHECK_EQ(gw_quiet_deadline(&quiet), back + GW_QUIET_JUDGE_US);
  CHECK_EQ(gw_quiet_judge(&quiet, &lost, &heard_at, back + WR_MS(10)), GW_QUIET_DEAD);

  miss(&quiet, &last);
  back = last + WR_S(2);
  gw_quiet_heard(&quiet, back);
  CHECK_EQ(gw_quiet_judge(&quiet, &none, &heard_at, back + GW_QUIET_JUDGE_US), GW_QUIET_DEAD);
  CHECK(!quiet.missed);
}

/* Another path before he was missed at all. */
TEST(quiet_judges_who_moved) {
  gw_quiet quiet;
  gw_quiet_sound sound = {500, 2}, lost = {501, 8}, none = {501, 2};
  wr_time heard_at = 0;
  gw_quiet_init(&quiet);
  gw_quiet_move(&quiet, &sound, false, WR_MS(1)); /* his first: nothing was sent to him before */
  CHECK(!quiet.missed);
  for (int i = 0; i < 4; i++) {
    gw_quiet_init(&quiet);
    wr_time last = talk(&quiet, WR_MS(1), WR_S(10), WR_MS(20)), now = last + WR_MS(140);
    gw_quiet_move(&quiet, &sound, i == 3, now);
    if (i < 3) CHECK_EQ(gw_quiet_judge(&quiet, &sound, &heard_at, now), GW_QUIET_UNKNOWN);
    if (i == 0) CHECK_EQ(gw_quiet_judge(&quiet, &lost, &heard_at, now), GW_QUIET_DEAD);
    if (i == 1) CHECK_EQ(gw_quiet_judge(&quiet, &none, &heard_at, now), GW_QUIET_LATE);
    if (i >= 2) { /* no sound; where the old path is known to be dead none is waited for */
      gw_quiet_verdict verdict = gw_quiet_judge(&quiet, &sound, &heard_at, now + GW_QUIET_JUDGE_US);
      CHECK_EQ(verdict, i == 2 ? GW_QUIET_LATE : GW_QUIET_DEAD);
    }
    CHECK_EQ(heard_at, last);
    CHECK(!quiet.missed && !quiet.moved);
  }
  wr_time last;
  miss(&quiet, &last); /* and one who was */
  gw_quiet_move(&quiet, &sound, false, last + WR_S(1));
  CHECK_EQ(gw_quiet_judge(&quiet, &lost, &heard_at, last + WR_S(1)), GW_QUIET_DEAD);
}

/* A network address translator that forgot him: the page's own check may come before ours, and sound before ICE
 * says that he moved. */
TEST(quiet_knows_a_dead_path_by_the_pause_before_the_turn) {
  for (int i = 0; i < 2; i++) {
    gw_quiet quiet;
    gw_quiet_sound counted = {504, 9}, still = {505, 9};
    wr_time heard_at = 0, pause = i == 0 ? WR_MS(140) : WR_MS(40);
    gw_quiet_init(&quiet);
    wr_time last = talk(&quiet, WR_MS(1), WR_S(20), WR_MS(20)), now = last + pause;
    gw_quiet_verdict want = i == 0 ? GW_QUIET_DEAD : GW_QUIET_LATE;
    gw_quiet_turn(&quiet, now);
    (void)talk(&quiet, now, now + WR_MS(100), WR_MS(20));
    now += WR_MS(100);
    gw_quiet_move(&quiet, &counted, false, now);
    CHECK_EQ(gw_quiet_judge(&quiet, &still, &heard_at, now + WR_MS(20)), want);
    CHECK_EQ(heard_at, last);
    CHECK_EQ(quiet.heard_at, now + WR_MS(20));
  }
}

/* Asked at the new address, and next to nothing was lost of a microphone that is still. */
TEST(quiet_who_roamed_left_a_dead_path) {
  gw_quiet quiet;
  gw_quiet_sound sound = {500, 2}, next = {501, 2};
  wr_time heard_at = 0;
  gw_quiet_init(&quiet);
  wr_time last = talk(&quiet, WR_MS(1), WR_S(10), WR_MS(200));
  gw_quiet_move(&quiet, &sound, true, last + WR_MS(150));
  CHECK_EQ(gw_quiet_judge(&quiet, &next, &heard_at, last + WR_MS(150)), GW_QUIET_DEAD);
  CHECK_EQ(heard_at, last);
}
