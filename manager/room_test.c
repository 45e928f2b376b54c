#include "manager/room.h"

#include "check.h"

enum { BASE_MS = 40 };

/* A way of |bps|, behind a shaper that lets |burst| bytes pass at once. */
typedef struct way {
  double bps, burst_bytes;
} way;

static double answer_ms(const way *w, uint32_t bytes) {
  double wire = bytes + 93.0 * ((bytes + 1099) / 1100), queued = wire - w->burst_bytes;
  return BASE_MS + (queued > 0 ? 8000 * queued / w->bps : 0);
}

/* Asks until |until|, each 100 ms; returns the most that was ever said to pass, and the ballast that it took. */
static double ask(mgr_room *r, const way *w, mgr_time *now, mgr_time until, uint32_t *sent) {
  double most = 0;
  for (; *now < until; *now += MGR_MS(100)) {
    uint32_t bytes = mgr_room_ask(r, *now);
    if (!bytes) continue;
    double took_ms = answer_ms(w, bytes);
    *sent += bytes;
    CHECK(mgr_room_is_asking(r, *now));
    CHECK_EQ(mgr_room_ask(r, *now), 0); /* one at a time */
    *now += (mgr_time)(took_ms * 1000);
    double bps = mgr_room_answered(r, bytes, took_ms, BASE_MS, *now);
    if (bps > most) most = bps;
  }
  return most;
}

/* The same of a picture that begins to wait at 0. */
static double ask_anew(const way *w, mgr_time until, uint32_t *sent) {
  mgr_room r;
  mgr_time now = 0;
  mgr_room_init(&r);
  mgr_room_want(&r, now);
  return ask(&r, w, &now, until, sent);
}

TEST(mgr_room_asks_only_while_a_picture_waits) {
  mgr_room r;
  mgr_room_init(&r);
  CHECK_EQ(mgr_room_ask(&r, MGR_S(100)), 0);
  mgr_room_want(&r, MGR_S(100));
  CHECK_EQ(mgr_room_ask(&r, MGR_S(101)), 0); /* what made it yield is still there */
  mgr_room_want(&r, MGR_S(101));             /* said again */
  CHECK(mgr_room_ask(&r, MGR_S(103)) > 0);
  mgr_room_stop(&r);
  CHECK(!mgr_room_is_asking(&r, MGR_S(103)));
  CHECK_EQ(mgr_room_ask(&r, MGR_S(110)), 0);
}

TEST(mgr_room_of_a_wide_way_is_seen_within_four_seconds) {
  static const way wide[] = {{1e6, 0}, {1e6, 3000}, {400e3, 0}, {20e6, 10000}};
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
    uint32_t sent = 0;
    double bps = ask_anew(&wide[i], MGR_S(4), &sent);
    CHECK(bps > 100e3 && bps <= 1072000);
  }
}

/* No more is said to pass than passes, whether or not the first bytes were let through at once. */
TEST(mgr_room_of_a_narrow_way_is_never_overrated) {
  static const way narrow[] = {{24e3, 0},  {40e3, 0},     {40e3, 1500}, {40e3, 3000},
                               {100e3, 0}, {100e3, 3000}, {250e3, 0}};
  for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++) {
    uint32_t sent = 0;
    CHECK(ask_anew(&narrow[i], MGR_S(30), &sent) <= narrow[i].bps + 1);
    CHECK(8.0 * sent / 30 < narrow[i].bps / 3); /* asking is no load */
  }
}

TEST(mgr_room_asks_less_often_in_vain) {
  const way narrow = {24e3, 0};
  mgr_room r;
  mgr_time now = 0;
  uint32_t first = 0, later = 0;
  mgr_room_init(&r);
  mgr_room_want(&r, now);
  ask(&r, &narrow, &now, MGR_S(30), &first);
  ask(&r, &narrow, &now, MGR_S(200), &later);
  later = 0;
  ask(&r, &narrow, &now, MGR_S(230), &later);
  CHECK(first >= 10 * 200);
  CHECK(later > 0 && later < first);
}

TEST(mgr_room_that_was_no_room_is_not_believed_soon_again) {
  const way wide = {1e6, 3000};
  mgr_room r;
  mgr_time now = 0, wait_us = 0;
  uint32_t sent = 0;
  mgr_room_init(&r);
  for (int i = 0; i < 4; i++) {
    mgr_time from = now, last_us = wait_us;
    mgr_room_want(&r, now);
    while (ask(&r, &wide, &now, now + MGR_MS(100), &sent) <= 0) CHECK(now < from + MGR_S(150));
    wait_us = now - from;
    CHECK(wait_us > last_us + MGR_S(3) || !i);
    mgr_room_stop(&r);
    mgr_room_was_wrong(&r, now);
  }
}

/* An answer to nothing that was asked, or of an absurd time. */
TEST(mgr_room_of_no_question_is_none) {
  mgr_room r;
  mgr_room_init(&r);
  CHECK(mgr_room_answered(&r, 3700, 41, BASE_MS, 0) <= 0);
  mgr_room_want(&r, 0);
  uint32_t bytes = mgr_room_ask(&r, MGR_S(3));
  REQUIRE(bytes > 0);
  CHECK(mgr_room_answered(&r, bytes + 1, 41, BASE_MS, MGR_S(3)) <= 0);
  CHECK_EQ(mgr_room_ask(&r, MGR_S(3) + 1), 0);
  CHECK_EQ(mgr_room_ask(&r, MGR_S(6)), bytes); /* never answered: asked anew */
}

/* A shaper of 40 kbit/s that lets 3000 bytes through at once, and a voice of 12: no question holds it up long. */
TEST(mgr_room_questions_hold_up_no_speech) {
  mgr_room r;
  mgr_room_init(&r);
  mgr_room_want(&r, 0);
  double tokens = 3000, worst_ms = 0;
  mgr_time answered_at = MGR_NEVER;
  uint32_t asked = 0, n_last = 0;
  double took_ms = 0;
  for (mgr_time now = 0; now < MGR_S(30); now += MGR_MS(20)) {
    tokens += (40e3 - 12e3) / 8 * 0.02;
    if (tokens > 3000) tokens = 3000;
    if (now >= answered_at) {
      answered_at = MGR_NEVER;
      (void)mgr_room_answered(&r, asked, took_ms, 10, now);
    }
    uint32_t bytes = answered_at == MGR_NEVER ? mgr_room_ask(&r, now) : 0;
    if (!bytes) continue;
    tokens -= bytes + 93.0 * ((bytes + 1099) / 1100);
    double waits_ms = tokens < 0 ? -tokens * 8 / 40 : 0;
    if (waits_ms > worst_ms) worst_ms = waits_ms;
    asked = bytes;
    n_last += bytes > 3000;
    took_ms = 10 + waits_ms;
    answered_at = now + MGR_MS(10) + (mgr_time)(waits_ms * 1000);
  }
  CHECK(n_last == 0 && worst_ms > 60 && worst_ms < 200); /* the one before tells enough */
  CHECK(mgr_room_is_denied(&r, MGR_S(30)));
}
