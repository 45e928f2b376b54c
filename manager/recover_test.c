/* manager/recover_test.c - trouble: what is tried, in what order, after which wait, and when it ends. */
#include "check.h"
#include "manager/world_test.h"

static world w;

static const mgr_command *last_state(void) { return world_last(&w, MGR_COMMAND_TELL_STATE); }

static void connected(void) {
  world_begin(&w, NULL);
  world_connect(&w, MGR_MODE_AUTO);
  world_talk(&w, 12000); /* stable */
  world_forget(&w);
}

/* Lets pings go unanswered until something is done about it. */
static mgr_time fall_silent(void) {
  mgr_time began = w.now;
  while (w.m.state == MGR_STATE_CONNECTED && w.now - began < MGR_S(10)) world_step(&w);
  return w.now - began;
}

TEST(recover_silence_is_noticed_within_a_second_and_ice_is_restarted_at_once) {
  connected();
  mgr_time took = fall_silent();
  CHECK(took < MGR_S(1));
  CHECK_EQ(w.m.state, MGR_STATE_RESTARTING);
  CHECK_EQ(last_state()->reason, MGR_REASON_SILENCE);
  CHECK_EQ(world_count(&w, MGR_COMMAND_RESTART), 1);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 0);
  world_tell(&w, MGR_EVENT_ANSWERED, 1, 0);
  world_tell(&w, MGR_EVENT_PONG, 5, 0);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  REQUIRE(world_last(&w, MGR_COMMAND_TELL_RECOVERED) != NULL);
  CHECK_EQ(world_last(&w, MGR_COMMAND_TELL_RECOVERED)->rung, MGR_RUNG_RESTART);
  CHECK_EQ(mgr_manager_turn(&w.m), MGR_TURN_LISTENING); /* the conversation did not notice */
}

TEST(recover_a_path_that_heals_by_itself_needs_no_answer) {
  connected();
  fall_silent();
  world_tell(&w, MGR_EVENT_PONG, 900, 0);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  world_tell(&w, MGR_EVENT_REFUSED, 500, 0); /* the restart's late end concerns nobody */
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
}

TEST(recover_climbs_from_restart_to_a_new_connection_to_a_new_session) {
  connected();
  fall_silent();
  world_tell(&w, MGR_EVENT_ANSWERED, 1, 0);
  world_wait(&w, w.m.settings.restart_ms + 500); /* no proof of life */
  CHECK_EQ(world_count(&w, MGR_COMMAND_RESTART), 2);
  world_tell(&w, MGR_EVENT_ANSWERED, 1, 0);
  world_wait(&w, w.m.settings.restart_ms + 1000);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 1);
  CHECK_EQ(w.m.rung, MGR_RUNG_RESUME);
  CHECK_EQ(world_last(&w, MGR_COMMAND_CLOSE)->value, 0); /* the session is wanted */
  world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
  CHECK_EQ(world_last(&w, MGR_COMMAND_OFFER)->rung, MGR_RUNG_RESUME);
  world_wait(&w, w.m.settings.resume_window_ms); /* answers come no more: the gateway has forgotten */
  CHECK_EQ(w.m.rung, MGR_RUNG_NEW);
}

TEST(recover_a_restarted_gateway_is_found_with_one_question) {
  connected();
  fall_silent();
  world_tell(&w, MGR_EVENT_REFUSED, 404, 0);
  CHECK_EQ(w.m.rung, MGR_RUNG_NEW);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 1);
  world_answer_all(&w, false);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  CHECK_EQ(world_last(&w, MGR_COMMAND_TELL_RECOVERED)->rung, MGR_RUNG_NEW);
  CHECK_EQ(world_count(&w, MGR_COMMAND_SAY_LISTEN), 1);
  bool told = false;
  for (size_t i = 0; i < w.n_log; i++)
    told |= w.log[i].kind == MGR_COMMAND_TELL_NOTICE && w.log[i].value == MGR_NOTICE_CONTEXT_LOST;
  CHECK(told);
}

/* The waits before attempts 2, 3, ...: without jitter exactly the table, with it never more. */
static void check_waits(const mgr_settings *s, const uint32_t *want_ms, size_t n) {
  world_begin(&w, s);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
  world_tell(&w, MGR_EVENT_SERVERS, 0, 0);
  for (size_t i = 0; i < n; i++) {
    world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
    world_forget(&w);
    world_tell(&w, MGR_EVENT_REFUSED, 500, 0);
    REQUIRE(last_state() != NULL);
    CHECK_EQ(last_state()->state, MGR_STATE_RECONNECTING);
    CHECK_EQ(last_state()->reason, MGR_REASON_SERVER_ERROR);
    CHECK_EQ(last_state()->value, i + 2); /* attempt n of m */
    CHECK_EQ(last_state()->more, s->max_attempts);
    if (s->jitter)
      CHECK(last_state()->delay_ms <= want_ms[i]);
    else
      CHECK_EQ(last_state()->delay_ms, want_ms[i]);
    while (w.m.step == MGR_STEP_WAIT) world_step(&w);
  }
}

TEST(recover_waits_as_the_table_says) {
  static const uint32_t want_ms[] = {300, 800, 1500, 2200, 2600, 2800, 2800, 2800, 2800, 2800, 2800, 2800};
  mgr_settings s;
  mgr_settings_default(&s);
  s.overall_ms = 1000000;
  check_waits(&s, want_ms, sizeof want_ms / sizeof *want_ms);
  s.jitter = false;
  check_waits(&s, want_ms, sizeof want_ms / sizeof *want_ms);
}

TEST(recover_the_specifications_three_attempts) {
  mgr_settings s;
  mgr_settings_specification(&s);
  check_waits(&s, (const uint32_t[]){2000, 4000}, 2);
  world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
  world_tell(&w, MGR_EVENT_REFUSED, 500, 0);
  CHECK_EQ(w.m.state, MGR_STATE_FAILED);
  CHECK_EQ(w.m.reason, MGR_REASON_GAVE_UP);
}

TEST(recover_obeys_retry_after_and_not_beyond_reason) {
  world_begin(&w, NULL);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
  world_tell(&w, MGR_EVENT_SERVERS, 0, 0);
  world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
  world_tell(&w, MGR_EVENT_REFUSED, 503, 4000);
  CHECK_EQ(last_state()->reason, MGR_REASON_SERVER_FULL);
  CHECK(last_state()->delay_ms >= 4000 && last_state()->delay_ms <= 4500);
  world_wait(&w, 4500);
  world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
  world_tell(&w, MGR_EVENT_REFUSED, 429, 3600000);
  CHECK(last_state()->delay_ms <= w.m.settings.retry_after_max_ms * 9 / 8);
}

TEST(recover_stops_where_trying_again_cannot_help) {
  static const struct {
    int32_t status;
    mgr_reason reason;
  } table[] = {
      {401, MGR_REASON_NOT_ALLOWED}, {403, MGR_REASON_NOT_ALLOWED}, {400, MGR_REASON_REFUSED},
      {422, MGR_REASON_REFUSED},     {413, MGR_REASON_REFUSED},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    world_begin(&w, NULL);
    world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
    world_tell(&w, MGR_EVENT_SERVERS, 0, 0);
    world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
    world_tell(&w, MGR_EVENT_REFUSED, table[i].status, 0);
    CHECK_EQ(w.m.state, MGR_STATE_FAILED);
    CHECK_EQ(w.m.reason, table[i].reason);
    CHECK(mgr_manager_deadline(&w.m) == MGR_NEVER);
    world_tell(&w, MGR_EVENT_NETWORK, 0, 0);
    CHECK_EQ(w.m.state, MGR_STATE_FAILED);
  }
}

TEST(recover_gives_up_in_bounded_time_and_the_network_s_return_starts_it_again) {
  connected();
  mgr_time began = w.now;
  fall_silent();
  while (w.m.state != MGR_STATE_FAILED && world_step(&w)) {
    if (w.m.step == MGR_STEP_ANSWER) world_tell(&w, MGR_EVENT_REFUSED, 0, 0);
    if (w.m.step == MGR_STEP_DESCRIBE) world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
    world_forget(&w);
  }
  CHECK_EQ(w.m.reason, MGR_REASON_GAVE_UP);
  CHECK(w.now - began <= MGR_MS(w.m.settings.overall_ms) + MGR_S(2));
  CHECK(mgr_manager_deadline(&w.m) == MGR_NEVER);
  world_tell(&w, MGR_EVENT_ONLINE, 0, 0);
  CHECK_EQ(w.m.state, MGR_STATE_FAILED);
  world_tell(&w, MGR_EVENT_ONLINE, 1, 0);
  CHECK_EQ(w.m.state, MGR_STATE_RECONNECTING);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 1); /* at once */
}

TEST(recover_counts_anew_only_after_a_stable_connection) {
  connected();
  fall_silent();
  world_tell(&w, MGR_EVENT_REFUSED, 0, 0);
  world_tell(&w, MGR_EVENT_PONG, 5, 0);
  CHECK_EQ(w.m.ladder.n_attempts, 2);
  world_talk(&w, 5000); /* too short to be stable */
  fall_silent();
  CHECK(w.m.ladder.n_attempts >= 3);
  world_tell(&w, MGR_EVENT_PONG, 5, 0);
  world_talk(&w, w.m.settings.stable_ms + 1000);
  fall_silent();
  CHECK_EQ(w.m.ladder.n_attempts, 1);
}

TEST(recover_offline_waits_for_the_network_and_ends_by_itself) {
  connected();
  world_tell(&w, MGR_EVENT_ONLINE, 0, 0);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED); /* navigator.onLine is not believed before the ping fails */
  fall_silent();
  CHECK_EQ(w.m.state, MGR_STATE_OFFLINE);
  CHECK_EQ(w.m.reason, MGR_REASON_NO_NETWORK);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_ONLINE, 1, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_RESTART), 1);
  world_tell(&w, MGR_EVENT_PONG, 5, 0);
  world_tell(&w, MGR_EVENT_ONLINE, 0, 0);
  mgr_time began = w.now;
  while (w.m.state != MGR_STATE_FAILED && world_step(&w)) {
    if (w.m.step == MGR_STEP_ANSWER) world_tell(&w, MGR_EVENT_REFUSED, 0, 0);
    if (w.m.step == MGR_STEP_DESCRIBE) world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
  }
  CHECK_EQ(w.m.reason, MGR_REASON_NO_NETWORK);
  CHECK(w.now - began <= MGR_MS(w.m.settings.offline_ms) + MGR_S(10));
}

TEST(recover_relays_are_tried_alone_when_direct_attempts_find_no_path) {
  static const mgr_route want[] = {MGR_ROUTE_ALL, MGR_ROUTE_ALL, MGR_ROUTE_RELAY, MGR_ROUTE_RELAY_TCP,
                                   MGR_ROUTE_ALL};
  mgr_settings s;
  mgr_settings_default(&s);
  s.overall_ms = 1000000;
  world_begin(&w, &s);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
  for (size_t i = 0; i < 5; i++) {
    if (w.m.step == MGR_STEP_SERVERS) world_tell(&w, MGR_EVENT_SERVERS, 1, 0);
    REQUIRE(world_last(&w, MGR_COMMAND_OPEN) != NULL);
    CHECK_EQ(world_last(&w, MGR_COMMAND_OPEN)->route, want[i]);
    world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
    world_tell(&w, MGR_EVENT_ANSWERED, 1, 0);
    world_forget(&w);
    world_tell(&w, MGR_EVENT_ICE, 4, 0);
    if (w.m.step == MGR_STEP_PATH) world_wait(&w, s.path_ms);
    while (!world_count(&w, MGR_COMMAND_OPEN) && w.m.step == MGR_STEP_WAIT) world_step(&w);
  }
}

TEST(recover_a_channel_that_closes_alone_is_opened_again_on_the_same_connection) {
  connected();
  world_tell(&w, MGR_EVENT_CHANNEL, 0, 0);
  CHECK_EQ(w.m.state, MGR_STATE_UNSTABLE);
  CHECK_EQ(world_count(&w, MGR_COMMAND_REOPEN_CHANNEL), 1);
  world_tell(&w, MGR_EVENT_CHANNEL, 1, 0);
  world_tell(&w, MGR_EVENT_READY, 0, 0);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_SAY_LISTEN), 0); /* it still listens */
  world_tell(&w, MGR_EVENT_CHANNEL, 0, 0);
  world_wait(&w, 2000);
  CHECK_EQ(w.m.rung, MGR_RUNG_RESUME);
}

TEST(recover_a_stuck_channel_on_a_living_path_needs_a_new_connection) {
  connected();
  fall_silent();
  world_tell(&w, MGR_EVENT_ANSWERED, 1, 0);
  mgr_sample sample;
  for (size_t i = 0; i < sizeof sample / sizeof(double); i++) ((double *)&sample)[i] = MGR_ABSENT;
  for (int i = 1; i <= 40 && w.m.rung == MGR_RUNG_RESTART; i++) {
    sample.pair_responses = 10 + i; /* checks are answered, pings are not */
    world_sample(&w, w.link, &sample);
    world_wait(&w, 100);
  }
  CHECK_EQ(w.m.rung, MGR_RUNG_RESUME);
}

TEST(recover_a_changed_network_is_joined_beside_the_call) {
  connected();
  world_talk(&w, 6000);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_NETWORK, 2, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_PING), 1);
  CHECK_EQ(world_count(&w, MGR_COMMAND_RESTART), 1);
  CHECK_EQ(world_last(&w, MGR_COMMAND_RESTART)->reason, MGR_REASON_NETWORK_CHANGED);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED); /* nobody is troubled */
  world_tell(&w, MGR_EVENT_ANSWERED, 1, 0);
  world_tell(&w, MGR_EVENT_NETWORK, 3, 0); /* a network that flaps */
  CHECK_EQ(world_count(&w, MGR_COMMAND_RESTART), 1);
}

TEST(recover_a_failed_handshake_is_begun_anew) {
  world_begin(&w, NULL);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
  world_tell(&w, MGR_EVENT_SERVERS, 0, 0);
  world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
  world_tell(&w, MGR_EVENT_ANSWERED, 0, 0);
  world_tell(&w, MGR_EVENT_ICE, 2, 0);
  world_tell(&w, MGR_EVENT_PEER, 4, 0);
  CHECK_EQ(last_state()->reason, MGR_REASON_DTLS_FAILED);
  world_wait(&w, 300);
  world_answer_all(&w, true);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
}

TEST(recover_an_answer_that_cannot_be_used_is_asked_for_again) {
  world_begin(&w, NULL);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
  world_tell(&w, MGR_EVENT_SERVERS, 0, 0);
  world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
  world_tell(&w, MGR_EVENT_BROKEN, 2, 0);
  CHECK_EQ(last_state()->reason, MGR_REASON_BAD_ANSWER);
  world_wait(&w, 300);
  world_answer_all(&w, false);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
}

TEST(recover_the_page_from_the_back_forward_cache_resumes) {
  connected();
  world_tell(&w, MGR_EVENT_PAGE_HIDE, 1, 0);
  CHECK_EQ(w.m.state, MGR_STATE_SUSPENDED);
  CHECK_EQ(world_last(&w, MGR_COMMAND_CLOSE)->value, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_RELEASE_MICROPHONE), 1);
  CHECK(mgr_manager_deadline(&w.m) == MGR_NEVER);
  w.now += MGR_S(20);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_PAGE_SHOW, 0, 0);
  CHECK_EQ(w.m.rung, MGR_RUNG_RESUME);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 1);
  CHECK_EQ(world_count(&w, MGR_COMMAND_ASK_MICROPHONE), 1);
  world_answer_all(&w, true);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  world_tell(&w, MGR_EVENT_PAGE_HIDE, 1, 0);
  w.now += MGR_S(3600);
  world_tell(&w, MGR_EVENT_PAGE_SHOW, 0, 0);
  CHECK_EQ(w.m.rung, MGR_RUNG_NEW); /* nobody keeps it for so long */
}

TEST(recover_a_page_that_goes_for_good_removes_its_session) {
  connected();
  world_tell(&w, MGR_EVENT_PAGE_HIDE, 0, 0);
  CHECK_EQ(world_last(&w, MGR_COMMAND_CLOSE)->value, 1);
  CHECK_EQ(w.m.state, MGR_STATE_CLOSED);
}

TEST(recover_after_sleep_it_asks_first_and_judges_later) {
  connected();
  w.now += MGR_S(20); /* the lid was closed */
  world_tell(&w, MGR_EVENT_TICK, 0, 0);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  CHECK(world_count(&w, MGR_COMMAND_PING) > 0);
  world_tell(&w, MGR_EVENT_PONG, 5, 0);
  world_talk(&w, 3000);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
}

TEST(recover_a_frozen_page_is_suspended_and_looks_again_when_it_wakes) {
  connected();
  world_tell(&w, MGR_EVENT_FROZEN, 1, 0);
  CHECK_EQ(w.m.state, MGR_STATE_SUSPENDED);
  w.now += MGR_S(10);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_FROZEN, 0, 0);
  CHECK(world_count(&w, MGR_COMMAND_PING) > 0);
  world_tell(&w, MGR_EVENT_PONG, 5, 0);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
}

TEST(recover_a_page_frozen_in_trouble_has_all_its_time_left_when_it_wakes) {
  connected();
  world_tell(&w, MGR_EVENT_PEER, 5, 0);
  CHECK_EQ(w.m.state, MGR_STATE_RECONNECTING);
  world_wait(&w, 5000);
  world_tell(&w, MGR_EVENT_FROZEN, 1, 0);
  w.now += MGR_S(900);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_FROZEN, 0, 0);
  CHECK(w.m.state != MGR_STATE_FAILED);
  world_wait(&w, w.m.settings.overall_ms - 10000);
  CHECK(w.m.state != MGR_STATE_FAILED);
  world_wait(&w, 10000);
  CHECK_EQ(w.m.state, MGR_STATE_FAILED);
}

TEST(recover_ticks_that_come_late_do_not_count_against_the_gateway) {
  connected();
  for (int i = 0; i < 30; i++) { /* a background page ticks once a second; pongs come in between */
    w.now += MGR_S(1);
    world_tell(&w, MGR_EVENT_TICK, 0, 0);
    w.now += MGR_MS(3);
    world_tell(&w, MGR_EVENT_PONG, 3, 0);
  }
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  CHECK_EQ(world_count(&w, MGR_COMMAND_RESTART), 0);
}

TEST(recover_a_draining_gateway_is_announced) {
  connected();
  world_tell(&w, MGR_EVENT_DRAINING, 0, 5000);
  CHECK_EQ(world_last(&w, MGR_COMMAND_TELL_NOTICE)->value, MGR_NOTICE_DRAINING);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  world_tell(&w, MGR_EVENT_PEER, 4, 0);
  CHECK_EQ(last_state()->reason, MGR_REASON_DRAINING);
}

TEST(recover_a_changed_network_is_looked_at_at_once) {
  connected();
  world_wait(&w, 1);
  world_tell(&w, MGR_EVENT_NETWORK, 2, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_PING), 1);
  world_tell(&w, MGR_EVENT_NETWORK, 2, 0); /* an estimate changed, the network did not */
  CHECK_EQ(world_count(&w, MGR_COMMAND_PING), 1);
}

/* An attempt that is answered and finds no path. */
static void find_no_path(void) {
  world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
  world_tell(&w, MGR_EVENT_ANSWERED, 1, 0);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_ICE, 4, 0);
  while (!world_count(&w, MGR_COMMAND_OPEN) && w.m.step == MGR_STEP_WAIT) world_step(&w);
}

static void begin_with_socket(void) {
  mgr_settings s;
  mgr_settings_default(&s);
  s.socket = true;
  world_begin(&w, &s);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
  if (w.m.step == MGR_STEP_SERVERS) world_tell(&w, MGR_EVENT_SERVERS, 0, 0);
}

TEST(recover_where_no_path_is_found_the_socket_carries_the_call) {
  begin_with_socket();
  CHECK_EQ(world_last(&w, MGR_COMMAND_OPEN)->route, MGR_ROUTE_ALL);
  find_no_path();
  CHECK_EQ(world_last(&w, MGR_COMMAND_OPEN)->route, MGR_ROUTE_SOCKET);
  world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
  world_tell(&w, MGR_EVENT_ANSWERED, 1, 0);
  world_tell(&w, MGR_EVENT_CHANNEL, 1, 0);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_PEER, 5, 0); /* lost for good: the next link is a socket, too */
  while (!world_count(&w, MGR_COMMAND_OPEN) && w.m.step == MGR_STEP_WAIT) world_step(&w);
  CHECK_EQ(world_last(&w, MGR_COMMAND_OPEN)->route, MGR_ROUTE_SOCKET);
  CHECK_EQ(world_last(&w, MGR_COMMAND_OPEN)->rung, MGR_RUNG_RESUME);
}

TEST(recover_a_socket_that_is_refused_ends_nothing) {
  static const int32_t statuses[] = {401, 403, 404, 502, 0};
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
    begin_with_socket();
    find_no_path();
    REQUIRE(world_last(&w, MGR_COMMAND_OPEN)->route == MGR_ROUTE_SOCKET);
    world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
    world_forget(&w);
    world_tell(&w, MGR_EVENT_REFUSED, statuses[i], 0);
    CHECK(w.m.state != MGR_STATE_FAILED);
    while (!world_count(&w, MGR_COMMAND_OPEN) && w.m.step == MGR_STEP_WAIT) world_step(&w);
    CHECK_EQ(world_last(&w, MGR_COMMAND_OPEN)->route, MGR_ROUTE_ALL);
  }
}

TEST(recover_who_reaches_nobody_after_a_call_asks_often_for_five_seconds) {
  connected();
  fall_silent();
  world_tell(&w, MGR_EVENT_PEER, 5, 0); /* the link is gone, the network too */
  mgr_time began = w.now, longest = 0, later = 0;
  while (w.now - began < MGR_S(30)) {
    mgr_time asked = w.now;
    if (w.m.step == MGR_STEP_DESCRIBE) world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
    if (w.m.step == MGR_STEP_ANSWER) world_tell(&w, MGR_EVENT_REFUSED, 0, 0);
    while (w.m.step == MGR_STEP_WAIT) world_step(&w);
    mgr_time waited = w.now - asked;
    if (asked - w.m.trouble_at < MGR_MS(w.m.settings.near_ms))
      longest = waited > longest ? waited : longest;
    else
      later = waited > later ? waited : later;
    if (w.m.step == MGR_STEP_SERVERS) world_tell(&w, MGR_EVENT_SERVERS, 0, 0);
  }
  CHECK(longest > 0 && longest <= MGR_MS(w.m.settings.near_wait_ms));
  CHECK(later > MGR_S(1));
}
