/* manager/alive_test.c - what counts as a sign of life, and how long one is waited for. */
#include "manager/alive.h"

#include "check.h"

static mgr_alive a;

TEST(alive_a_question_is_open_from_the_first_ping_to_any_answer) {
  mgr_alive_start(&a, 0);
  CHECK(a.asked_at == MGR_NEVER);
  mgr_alive_pinged(&a, 10);
  mgr_alive_pinged(&a, 20);
  CHECK_EQ(a.asked_at, 10);
  mgr_alive_pong(&a, 1, 30);
  CHECK(a.asked_at == MGR_NEVER && a.unponged_at == MGR_NEVER);
  CHECK_EQ(a.heard_at, 30);
}

TEST(alive_answers_to_checks_prove_the_path_and_not_the_channel) {
  mgr_alive_start(&a, 0);
  mgr_alive_pinged(&a, 10);
  CHECK(!mgr_alive_counted(&a, 5, 20)); /* the first count compares with nothing */
  CHECK(!mgr_alive_counted(&a, 5, 30));
  CHECK_EQ(a.asked_at, 10);
  CHECK(mgr_alive_counted(&a, 6, 40));
  CHECK(a.asked_at == MGR_NEVER);
  CHECK_EQ(a.unponged_at, 10);
}

TEST(alive_patience_grows_with_the_round_trip_at_once_and_shrinks_slowly) {
  mgr_alive_start(&a, 0);
  CHECK_EQ(mgr_alive_patience(&a, 450), MGR_MS(450));
  mgr_alive_pong(&a, 300, 0);
  CHECK_EQ(mgr_alive_patience(&a, 450), MGR_MS(1300));
  mgr_alive_pong(&a, 20, 0);
  CHECK_EQ(mgr_alive_patience(&a, 450), MGR_MS(1160));
  for (int i = 0; i < 50; i++) mgr_alive_pong(&a, 20, 0);
  CHECK_EQ(mgr_alive_patience(&a, 450), MGR_MS(450));
  mgr_alive_pong(&a, 99999999, 0); /* no round trip takes so long */
  CHECK_EQ(mgr_alive_patience(&a, 450), MGR_MS(450));
}

TEST(alive_what_merely_arrives_buys_patience) {
  mgr_alive_start(&a, 0);
  mgr_alive_pinged(&a, 10);
  a.came_at = 20;
  CHECK_EQ(mgr_alive_patience(&a, 450), MGR_MS(1350));
}

TEST(alive_time_that_was_slept_through_does_not_count) {
  mgr_alive_start(&a, 0);
  mgr_alive_late(&a, 500);
  CHECK(a.asked_at == MGR_NEVER);
  mgr_alive_pinged(&a, 10);
  mgr_alive_late(&a, 500);
  CHECK_EQ(a.asked_at, 510);
  mgr_alive_excuse(&a, 600);
  CHECK(a.asked_at == MGR_NEVER && a.unponged_at == MGR_NEVER);
}

TEST(alive_tells_the_round_trip_of_now) {
  mgr_alive one = {0};
  mgr_alive_start(&one, MGR_S(1));
  CHECK(mgr_alive_take_rtt(&one, MGR_S(1)) < 0);
  mgr_alive_pong(&one, 80, MGR_S(2));
  mgr_alive_pong(&one, 30, MGR_S(2));
  mgr_alive_pong(&one, 50, MGR_S(2));
  CHECK(mgr_alive_take_rtt(&one, MGR_S(2)) - 30 < 0.001);
  CHECK(mgr_alive_take_rtt(&one, MGR_S(2)) < 0);
  mgr_alive_pinged(&one, MGR_S(3));
  CHECK(mgr_alive_take_rtt(&one, MGR_S(3) + MGR_MS(50)) < 0); /* others took as long */
  CHECK(mgr_alive_take_rtt(&one, MGR_S(3) + MGR_MS(200)) >= 200);
}
