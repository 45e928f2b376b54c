/* manager/manager_test.c - the whole core: a connection's life, and its laws under any order of events. */
#include "manager/manager.h"

#include "check.h"
#include "manager/world_test.h"

static world w;

TEST(manager_connects_step_by_step_and_keeps_the_time_line) {
  world_begin(&w, NULL);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_IDLE);
  CHECK(mgr_manager_deadline(&w.m) == MGR_NEVER);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CONNECTING);
  CHECK_EQ(world_count(&w, MGR_COMMAND_FETCH_SERVERS), 1);
  CHECK_EQ(world_count(&w, MGR_COMMAND_ASK_MICROPHONE), 1);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 0);
  w.now += MGR_MS(3);
  world_tell(&w, MGR_EVENT_SERVERS, 0, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 1);
  w.now += MGR_MS(4);
  world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
  REQUIRE(world_last(&w, MGR_COMMAND_OFFER) != NULL);
  CHECK_EQ(world_last(&w, MGR_COMMAND_OFFER)->value, MGR_MODE_AUTO);
  world_tell(&w, MGR_EVENT_CANDIDATE, 0, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_TRICKLE), 0); /* the session has no name yet */
  w.now += MGR_MS(10);
  world_tell(&w, MGR_EVENT_ANSWERED, 0, 0);
  world_wait(&w, w.m.settings.trickle_ms);
  CHECK_EQ(world_count(&w, MGR_COMMAND_TRICKLE), 1);
  world_tell(&w, MGR_EVENT_GATHERED, 0, 0);
  world_wait(&w, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_TRICKLE), 2);
  world_tell(&w, MGR_EVENT_MICROPHONE, MGR_MIC_READY, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_ATTACH), 1);
  world_tell(&w, MGR_EVENT_PEER, 2, 0);
  world_tell(&w, MGR_EVENT_CHANNEL, 1, 0);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CONNECTED);
  CHECK(!mgr_manager_can_talk(&w.m));
  world_tell(&w, MGR_EVENT_READY, 0, 0);
  CHECK(mgr_manager_can_talk(&w.m));
  CHECK_EQ(world_count(&w, MGR_COMMAND_SAY_LISTEN), 1);
  CHECK_EQ(mgr_manager_turn(&w.m), MGR_TURN_LISTENING);
  CHECK_EQ(world_count(&w, MGR_COMMAND_TELL_TIMELINE), 1);
  CHECK_EQ(mgr_manager_phase(&w.m, MGR_PHASE_DESCRIBED) - mgr_manager_phase(&w.m, MGR_PHASE_WANTED), MGR_MS(7));
  CHECK_EQ(mgr_manager_phase(&w.m, MGR_PHASE_ANSWERED) - mgr_manager_phase(&w.m, MGR_PHASE_OFFERED), MGR_MS(10));
  world_tell(&w, MGR_EVENT_MEDIA, 0, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_TELL_TIMELINE), 2);
}

TEST(manager_goes_on_without_servers_that_do_not_come) {
  world_begin(&w, NULL);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
  world_wait(&w, w.m.settings.servers_ms - 1);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 0);
  world_wait(&w, 1);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 1);
}

TEST(manager_prepares_and_then_starting_costs_only_the_microphone) {
  world_begin(&w, NULL);
  world_tell(&w, MGR_EVENT_PREPARE, MGR_MODE_AUTO, 0);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_PREPARING);
  world_answer_all(&w, false);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_PREPARED);
  CHECK_EQ(world_count(&w, MGR_COMMAND_ASK_MICROPHONE), 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_SAY_LISTEN), 0);
  world_talk(&w, 5000);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CONNECTED);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 0);
  world_tell(&w, MGR_EVENT_MICROPHONE, MGR_MIC_READY, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_ATTACH), 1);
  CHECK_EQ(world_count(&w, MGR_COMMAND_SAY_LISTEN), 1);
  CHECK_EQ(mgr_manager_turn(&w.m), MGR_TURN_LISTENING);
}

TEST(manager_gives_an_unused_prepared_connection_back) {
  world_begin(&w, NULL);
  world_tell(&w, MGR_EVENT_PREPARE, MGR_MODE_AUTO, 0);
  world_answer_all(&w, false);
  world_talk(&w, w.m.settings.prepared_idle_ms + 1000);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_IDLE);
  CHECK_EQ(mgr_manager_reason(&w.m), MGR_REASON_IDLE_TOO_LONG);
  CHECK(mgr_manager_deadline(&w.m) == MGR_NEVER);
}

TEST(manager_a_preparation_that_fails_is_quiet_and_starting_tries_again) {
  world_begin(&w, NULL);
  world_tell(&w, MGR_EVENT_PREPARE, MGR_MODE_MANUAL, 0);
  world_tell(&w, MGR_EVENT_SERVERS, 0, 0);
  world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
  world_tell(&w, MGR_EVENT_REFUSED, 0, 0);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_IDLE);
  CHECK(mgr_manager_deadline(&w.m) == MGR_NEVER || w.m.step == MGR_STEP_NONE);
  world_connect(&w, MGR_MODE_MANUAL);
}

TEST(manager_holds_the_offer_where_only_gathering_is_allowed_ahead) {
  mgr_settings s;
  mgr_settings_default(&s);
  s.prepare = MGR_PREPARE_GATHER;
  world_begin(&w, &s);
  world_tell(&w, MGR_EVENT_PREPARE, MGR_MODE_MANUAL, 0);
  world_tell(&w, MGR_EVENT_SERVERS, 0, 0);
  world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
  world_tell(&w, MGR_EVENT_GATHERED, 0, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OFFER), 0);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_MANUAL, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OFFER), 1);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CONNECTING);
}

TEST(manager_waits_for_candidates_only_where_they_cannot_trickle) {
  mgr_settings s;
  mgr_settings_default(&s);
  s.gather_wait_ms = 500;
  world_begin(&w, &s);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_MANUAL, 0);
  world_tell(&w, MGR_EVENT_SERVERS, 0, 0);
  world_tell(&w, MGR_EVENT_DESCRIBED, 0, 0);
  world_wait(&w, 499);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OFFER), 0);
  world_wait(&w, 1); /* with what there is */
  CHECK_EQ(world_count(&w, MGR_COMMAND_OFFER), 1);
}

TEST(manager_ignores_what_a_former_link_or_request_says) {
  world_begin(&w, NULL);
  world_connect(&w, MGR_MODE_AUTO);
  uint32_t stale = w.m.counts.n_stale;
  w.link--;
  world_tell(&w, MGR_EVENT_PEER, 4, 0);
  w.link++;
  w.request = 999;
  world_tell(&w, MGR_EVENT_REFUSED, 401, 0);
  world_tell(&w, MGR_EVENT_ANSWERED, 0, 0);
  CHECK_EQ(w.m.counts.n_stale, stale + 3);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CONNECTED);
  world_tell(&w, (mgr_event_kind)77, 0, 0);
  CHECK_EQ(w.m.counts.n_unknown, 1);
}

TEST(manager_hangs_up_and_leaves_nothing_behind) {
  world_begin(&w, NULL);
  world_connect(&w, MGR_MODE_AUTO);
  world_tell(&w, MGR_EVENT_STOP, 0, 0);
  REQUIRE(world_last(&w, MGR_COMMAND_CLOSE) != NULL);
  CHECK_EQ(world_last(&w, MGR_COMMAND_CLOSE)->value, 1);
  CHECK_EQ(world_count(&w, MGR_COMMAND_RELEASE_MICROPHONE), 1);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CLOSED);
  CHECK(mgr_manager_deadline(&w.m) == MGR_NEVER);
  world_tell(&w, MGR_EVENT_ONLINE, 0, 0);
  world_tell(&w, MGR_EVENT_ONLINE, 1, 0);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CLOSED);
  world_connect(&w, MGR_MODE_AUTO);
}

TEST(manager_asks_for_another_microphone_when_one_is_lost_and_not_for_ever) {
  world_begin(&w, NULL);
  world_connect(&w, MGR_MODE_AUTO);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_MICROPHONE, MGR_MIC_LOST, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_ASK_MICROPHONE), 1);
  CHECK_EQ(world_last(&w, MGR_COMMAND_TELL_NOTICE)->value, MGR_NOTICE_MICROPHONE);
  world_tell(&w, MGR_EVENT_MICROPHONE, MGR_MIC_NONE, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_ASK_MICROPHONE), 1);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CONNECTED); /* typing goes on */
  world_tell(&w, MGR_EVENT_DEVICES, 0, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_ASK_MICROPHONE), 2);
  world_tell(&w, MGR_EVENT_MICROPHONE, MGR_MIC_READY, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_ATTACH), 1);
  CHECK_EQ(mgr_manager_turn(&w.m), MGR_TURN_LISTENING);
}

TEST(manager_opens_a_silenced_microphone_anew) {
  world_begin(&w, NULL);
  world_connect(&w, MGR_MODE_AUTO);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_MICROPHONE, MGR_MIC_SILENCED, 0);
  CHECK_EQ(world_last(&w, MGR_COMMAND_TELL_ISSUES)->value & MGR_ISSUE_MICROPHONE_MUTED, MGR_ISSUE_MICROPHONE_MUTED);
  world_talk(&w, 3900);
  CHECK(w.m.mic == MGR_MIC_SILENCED);
  world_talk(&w, 200);
  CHECK(w.m.mic == MGR_MIC_ASKING);
  world_tell(&w, MGR_EVENT_MICROPHONE, MGR_MIC_READY, 0);
  CHECK_EQ(w.m.quality.issues & MGR_ISSUE_MICROPHONE_MUTED, 0);
}

TEST(manager_without_a_microphone_stops_only_where_one_is_required) {
  mgr_settings s;
  mgr_settings_default(&s);
  s.require_microphone = true;
  world_begin(&w, &s);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
  world_tell(&w, MGR_EVENT_MICROPHONE, MGR_MIC_DENIED, 0);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_FAILED);
  CHECK_EQ(mgr_manager_reason(&w.m), MGR_REASON_NO_MICROPHONE);
  world_tell(&w, MGR_EVENT_ONLINE, 0, 0);
  world_tell(&w, MGR_EVENT_ONLINE, 1, 0); /* no network mends that */
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_FAILED);
}

/* Nothing that starts calls again by itself starts this one. */
static void change_the_world(void) {
  world_tell(&w, MGR_EVENT_CHANNEL, 0, 0); /* of the link that was given up */
  world_tell(&w, MGR_EVENT_ONLINE, 0, 0);
  world_tell(&w, MGR_EVENT_ONLINE, 1, 0);
  world_tell(&w, MGR_EVENT_NETWORK, 2, 0);
  world_tell(&w, MGR_EVENT_VISIBLE, 0, 0);
  world_tell(&w, MGR_EVENT_VISIBLE, 1, 0);
  world_tell(&w, MGR_EVENT_RETRY, 0, 0);
  CHECK(!world_step(&w));
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 0);
}

TEST(manager_does_not_call_again_whom_the_operator_sent_away) {
  world_begin(&w, NULL);
  world_tell(&w, MGR_EVENT_PREPARE, MGR_MODE_AUTO, 0);
  world_connect(&w, MGR_MODE_AUTO);
  uint32_t link = w.link;
  world_talk(&w, 3000);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_ENDED, 0, 0);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CLOSED);
  CHECK_EQ(mgr_manager_reason(&w.m), MGR_REASON_ENDED);
  REQUIRE(world_last(&w, MGR_COMMAND_CLOSE) != NULL);
  CHECK_EQ(world_last(&w, MGR_COMMAND_CLOSE)->value, 1); /* the session too: the gateway need not wait */
  CHECK_EQ(world_count(&w, MGR_COMMAND_RELEASE_MICROPHONE), 1);
  change_the_world();
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CLOSED);
  world_connect(&w, MGR_MODE_AUTO); /* the person may */
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CONNECTED);
  w.link = link;
  world_tell(&w, MGR_EVENT_ENDED, 0, 0); /* late, and of the call before */
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CONNECTED);
}

TEST(manager_prepares_no_more_where_the_operator_ends_what_was_prepared) {
  world_begin(&w, NULL);
  world_tell(&w, MGR_EVENT_PREPARE, MGR_MODE_AUTO, 0);
  world_answer_all(&w, false);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_ENDED, 0, 0);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_IDLE);
  CHECK_EQ(world_count(&w, MGR_COMMAND_CLOSE), 1);
  change_the_world();
  world_connect(&w, MGR_MODE_AUTO);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CONNECTED);
}

TEST(manager_says_at_once_that_a_browser_cannot) {
  world_begin(&w, NULL);
  world_tell(&w, MGR_EVENT_UNSUPPORTED, 0, 0);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_FAILED);
  CHECK_EQ(mgr_manager_reason(&w.m), MGR_REASON_UNSUPPORTED);
}

TEST(manager_renews_credentials_before_they_end_and_restarts_only_what_a_relay_carries) {
  world_begin(&w, NULL);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_AUTO, 0);
  world_tell(&w, MGR_EVENT_SERVERS, 1, 600000);
  world_answer_all(&w, false);
  world_talk(&w, 449000);
  CHECK_EQ(w.m.servers_request, 0);
  world_talk(&w, 2000);
  CHECK(w.m.servers_request != 0);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_SERVERS, 1, 600000);
  CHECK_EQ(world_count(&w, MGR_COMMAND_USE_SERVERS), 1);
  CHECK_EQ(world_count(&w, MGR_COMMAND_RESTART), 0);
  mgr_sample sample;
  for (size_t i = 0; i < sizeof sample / sizeof(double); i++) ((double *)&sample)[i] = MGR_ABSENT;
  sample.pair_relayed = 1;
  world_sample(&w, w.link, &sample);
  world_talk(&w, 451000);
  world_tell(&w, MGR_EVENT_SERVERS, 1, 600000);
  REQUIRE(world_last(&w, MGR_COMMAND_RESTART) != NULL);
  CHECK_EQ(world_last(&w, MGR_COMMAND_RESTART)->reason, MGR_REASON_CREDENTIALS);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CONNECTED); /* nobody is in trouble */
  world_tell(&w, MGR_EVENT_REFUSED, 500, 0);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CONNECTED);
}

TEST(manager_a_clock_that_runs_back_is_counted_and_stands_still) {
  world_begin(&w, NULL);
  world_connect(&w, MGR_MODE_AUTO);
  w.now -= MGR_S(50);
  world_tell(&w, MGR_EVENT_TICK, 0, 0);
  CHECK_EQ(w.m.counts.n_backwards, 1);
  CHECK_EQ(mgr_manager_state(&w.m), MGR_STATE_CONNECTED);
}

TEST(manager_takes_the_picture_off_when_the_gateway_sees_a_queue) {
  world_begin(&w, NULL);
  world_connect(&w, MGR_MODE_AUTO);
  mgr_sample sample = {.video_bytes = 1000};
  world_wait(&w, 500);
  world_sample(&w, w.link, &sample);
  size_t before = world_count(&w, MGR_COMMAND_SENDER);
  world_tell(&w, MGR_EVENT_QUEUE, 40, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_SENDER), before);
  world_tell(&w, MGR_EVENT_QUEUE, 150, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_SENDER), before + 1);
  CHECK_EQ(mgr_manager_sender(&w.m)->video_bps, 0);
}
