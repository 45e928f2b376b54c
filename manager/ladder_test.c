/* manager/ladder_test.c - waits, routes and counts, without a connection. */
#include "manager/ladder.h"

#include "check.h"

static mgr_settings s;
static mgr_ladder ladder;

static void begin(uint64_t seed) {
  mgr_settings_default(&s);
  mgr_ladder_init(&ladder, seed);
}

TEST(ladder_jitter_is_full_and_even) {
  begin(7);
  uint32_t quarter[4] = {0}, most = 0;
  for (int i = 0; i < 4000; i++) {
    ladder.n_attempts = 6;
    uint32_t wait_ms = mgr_ladder_wait_ms(&ladder, &s, UINT32_MAX, 0);
    CHECK(wait_ms <= s.backoff_ms[6]);
    if (wait_ms > most) most = wait_ms;
    quarter[wait_ms * 4 / (s.backoff_ms[6] + 1)]++;
  }
  CHECK(most > s.backoff_ms[6] * 99 / 100);
  for (int i = 0; i < 4; i++) CHECK(quarter[i] > 900 && quarter[i] < 1100);
}

TEST(ladder_the_same_seed_waits_the_same) {
  uint32_t first[10];
  begin(3);
  for (int i = 0; i < 10; i++) first[i] = mgr_ladder_wait_ms(&ladder, &s, UINT32_MAX, 0);
  begin(3);
  for (int i = 0; i < 10; i++) CHECK_EQ(mgr_ladder_wait_ms(&ladder, &s, UINT32_MAX, 0), first[i]);
}

TEST(ladder_those_sent_away_together_do_not_come_back_together) {
  uint32_t least = UINT32_MAX, most = 0;
  for (uint64_t seed = 0; seed < 100; seed++) {
    begin(seed * 7919);
    uint32_t wait_ms = mgr_ladder_wait_ms(&ladder, &s, UINT32_MAX, 8000);
    if (wait_ms < least) least = wait_ms;
    if (wait_ms > most) most = wait_ms;
  }
  CHECK(least >= 8000);
  CHECK(most - least > 500 && most <= 9000);
}

TEST(ladder_is_used_up_after_so_many_attempts) {
  begin(1);
  for (uint32_t i = 0; i < s.max_attempts; i++) {
    CHECK(!mgr_ladder_is_used_up(&ladder, &s));
    (void)mgr_ladder_wait_ms(&ladder, &s, UINT32_MAX, 0);
  }
  CHECK(mgr_ladder_is_used_up(&ladder, &s));
  mgr_ladder_restart(&ladder);
  CHECK(!mgr_ladder_is_used_up(&ladder, &s));
}

TEST(ladder_counts_anew_only_after_a_stable_connection) {
  begin(1);
  ladder.n_attempts = 5;
  mgr_ladder_connected(&ladder, MGR_ROUTE_ALL, MGR_S(10));
  mgr_ladder_lost(&ladder, &s, MGR_S(10) + MGR_MS(s.stable_ms) - 1);
  CHECK_EQ(ladder.n_attempts, 5);
  mgr_ladder_connected(&ladder, MGR_ROUTE_ALL, MGR_S(50));
  mgr_ladder_lost(&ladder, &s, MGR_S(50) + MGR_MS(s.stable_ms));
  CHECK_EQ(ladder.n_attempts, 0);
  ladder.n_attempts = 4;
  mgr_ladder_lost(&ladder, &s, MGR_S(9999)); /* was not connected at all */
  CHECK_EQ(ladder.n_attempts, 4);
}

TEST(ladder_routes_go_round_where_there_is_a_relay) {
  static const mgr_route want[] = {MGR_ROUTE_ALL, MGR_ROUTE_ALL,   MGR_ROUTE_RELAY,    MGR_ROUTE_RELAY_TCP,
                                   MGR_ROUTE_ALL, MGR_ROUTE_RELAY, MGR_ROUTE_RELAY_TCP};
  begin(1);
  for (ladder.n_no_path = 0; ladder.n_no_path < 7; ladder.n_no_path++) {
    CHECK_EQ(mgr_ladder_route(&ladder, &s, true), want[ladder.n_no_path]);
    CHECK_EQ(mgr_ladder_route(&ladder, &s, false), MGR_ROUTE_ALL);
  }
}

TEST(ladder_the_socket_comes_first_where_there_was_no_path_and_late_where_there_was_one) {
  static const mgr_route bare[] = {MGR_ROUTE_ALL, MGR_ROUTE_SOCKET, MGR_ROUTE_ALL, MGR_ROUTE_SOCKET};
  static const mgr_route relayed[] = {MGR_ROUTE_ALL,       MGR_ROUTE_SOCKET, MGR_ROUTE_RELAY,
                                      MGR_ROUTE_RELAY_TCP, MGR_ROUTE_ALL,    MGR_ROUTE_SOCKET};
  begin(1);
  s.socket = true;
  for (ladder.n_no_path = 0; ladder.n_no_path < 4; ladder.n_no_path++)
    CHECK_EQ(mgr_ladder_route(&ladder, &s, false), bare[ladder.n_no_path]);
  for (ladder.n_no_path = 0; ladder.n_no_path < 6; ladder.n_no_path++)
    CHECK_EQ(mgr_ladder_route(&ladder, &s, true), relayed[ladder.n_no_path]);
  mgr_ladder_connected(&ladder, MGR_ROUTE_ALL, MGR_S(1));
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(mgr_ladder_route(&ladder, &s, false), MGR_ROUTE_ALL);
    mgr_ladder_no_path(&ladder, MGR_S(2));
  }
  CHECK_EQ(mgr_ladder_route(&ladder, &s, false), MGR_ROUTE_SOCKET);
  mgr_ladder_connected(&ladder, MGR_ROUTE_SOCKET, MGR_S(3)); /* and there it stays */
  CHECK_EQ(mgr_ladder_route(&ladder, &s, false), MGR_ROUTE_SOCKET);
  mgr_ladder_new_network(&ladder);
  CHECK_EQ(mgr_ladder_route(&ladder, &s, false), MGR_ROUTE_ALL);
}

TEST(ladder_a_call_begins_with_what_was_found_ahead_of_it_unless_that_is_old) {
  begin(1);
  s.socket = true;
  mgr_ladder_no_path(&ladder, MGR_S(100));
  ladder.n_attempts = 3;
  mgr_ladder_begin(&ladder, MGR_S(159));
  CHECK_EQ(ladder.n_attempts, 0);
  CHECK_EQ(mgr_ladder_route(&ladder, &s, false), MGR_ROUTE_SOCKET);
  mgr_ladder_begin(&ladder, MGR_S(160));
  CHECK_EQ(mgr_ladder_route(&ladder, &s, false), MGR_ROUTE_ALL);
}

TEST(ladder_waits_no_longer_than_the_caller_wants_unless_the_server_does) {
  begin(1);
  s.jitter = false;
  ladder.n_attempts = 6;
  CHECK_EQ(mgr_ladder_wait_ms(&ladder, &s, 600, 0), 600);
  CHECK_EQ(mgr_ladder_wait_ms(&ladder, &s, 600, 4000), 4000);
}
