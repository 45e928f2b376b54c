/* manager/beside_test.c - a socket carries the call while WebRTC mends itself, and WebRTC is looked for beside one.
 */
#include "manager/beside.h"
#include "check.h"
#include "manager/world_test.h"

static world w;

static void begin(uint32_t bridge_ms, uint32_t probe_ms) {
  mgr_settings settings;
  mgr_settings_default(&settings);
  settings.socket = true;
  settings.bridge_ms = bridge_ms;
  settings.probe_ms = probe_ms;
  world_begin(&w, &settings);
}

static void connected(mgr_mode mode) {
  begin(250, 5000);
  world_connect(&w, mode);
  world_talk(&w, 12000); /* stable */
  world_forget(&w);
}

/* Pings go unanswered until there is a socket, which then stands. */
static void bridged(void) {
  mgr_time began = w.now;
  while (!w.beside && w.now - began < MGR_S(2)) world_step(&w);
  CHECK(w.now - began <= MGR_MS(400 + 250 + 1));
  world_tell_beside(&w, MGR_EVENT_DESCRIBED, 0);
  world_tell_beside(&w, MGR_EVENT_ANSWERED, 1);
  world_tell_beside(&w, MGR_EVENT_CHANNEL, 1);
  CHECK(mgr_beside_carries(&w.m));
}

/* Answers each ping of the link, for |ms|. */
static void answer_for(uint32_t ms) {
  mgr_time end = w.now + MGR_MS(ms);
  while (w.now < end) {
    size_t n = world_count(&w, MGR_COMMAND_PING);
    if (!world_step(&w)) return;
    if (world_count(&w, MGR_COMMAND_PING) != n) world_tell(&w, MGR_EVENT_PONG, 3, 0);
  }
}

TEST(beside_a_silent_link_a_socket_is_made_and_carries_until_it_answers) {
  connected(MGR_MODE_AUTO);
  uint32_t link = w.link;
  bridged();
  CHECK_EQ(w.m.link.number, link);
  CHECK_EQ(world_last(&w, MGR_COMMAND_OPEN)->route, MGR_ROUTE_SOCKET);
  CHECK_EQ(world_last(&w, MGR_COMMAND_OPEN)->value, 1);
  CHECK_EQ(world_last(&w, MGR_COMMAND_OFFER)->rung, MGR_RUNG_RESUME);
  CHECK_EQ(world_last(&w, MGR_COMMAND_OFFER)->more, 1);
  CHECK_EQ(world_last(&w, MGR_COMMAND_CARRY)->link, w.beside);
  CHECK_EQ(world_last(&w, MGR_COMMAND_CARRY)->value, 0);
  world_wait(&w, 1000); /* the link's own trouble goes on */
  CHECK_EQ(w.m.state, MGR_STATE_RESTARTING);
  for (size_t i = 0; i < w.n_log; i++)
    if (w.log[i].kind == MGR_COMMAND_TELL_STATE) CHECK_EQ(w.log[i].state, MGR_STATE_CONNECTED);
  world_tell(&w, MGR_EVENT_ANSWERED, 1, 0);
  world_tell(&w, MGR_EVENT_PONG, 5, 0);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  CHECK(mgr_beside_carries(&w.m)); /* one answer may be luck */
  uint32_t bridge = w.beside;
  answer_for(1000);
  CHECK(!mgr_beside_carries(&w.m));
  CHECK_EQ(world_last(&w, MGR_COMMAND_CARRY)->link, link);
  CHECK_EQ(world_last(&w, MGR_COMMAND_LEAVE)->link, bridge);
  CHECK_EQ(w.beside, bridge); /* what is on its way is heard */
  world_tell_beside(&w, MGR_EVENT_CHANNEL, 0);
  CHECK_EQ(w.beside, 0);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  CHECK_EQ(mgr_manager_turn(&w.m), MGR_TURN_LISTENING); /* the conversation did not notice */
  CHECK_EQ(w.m.counts.n_resumes, 0);
}

TEST(beside_a_short_silence_needs_no_socket) {
  connected(MGR_MODE_AUTO);
  while (!world_count(&w, MGR_COMMAND_PING)) world_step(&w);
  world_wait(&w, 240);
  world_tell(&w, MGR_EVENT_PONG, 240, 0);
  answer_for(3000);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 0);
}

TEST(beside_a_socket_that_is_not_wanted_any_more_asks_nobody) {
  connected(MGR_MODE_AUTO);
  while (!w.beside) world_step(&w);
  world_tell(&w, MGR_EVENT_PONG, 260, 0);
  CHECK_EQ(w.beside, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OFFER), 0);
  CHECK_EQ(world_last(&w, MGR_COMMAND_CLOSE)->value, 0); /* the session is wanted */
  CHECK_EQ(world_count(&w, MGR_COMMAND_CARRY), 0);
}

TEST(beside_a_socket_that_stands_too_late_is_left_at_once) {
  connected(MGR_MODE_AUTO);
  while (!w.beside) world_step(&w);
  world_tell_beside(&w, MGR_EVENT_DESCRIBED, 0);
  world_tell(&w, MGR_EVENT_PONG, 260, 0);
  uint32_t socket = w.beside;
  world_tell_beside(&w, MGR_EVENT_ANSWERED, 1);
  world_tell_beside(&w, MGR_EVENT_CHANNEL, 1);
  CHECK_EQ(world_count(&w, MGR_COMMAND_CARRY), 1);
  CHECK_EQ(world_last(&w, MGR_COMMAND_CARRY)->link, w.link);
  CHECK_EQ(world_last(&w, MGR_COMMAND_LEAVE)->link, socket);
}

TEST(beside_setting_0_makes_none) {
  begin(0, 5000);
  world_connect(&w, MGR_MODE_AUTO);
  world_talk(&w, 12000);
  world_forget(&w);
  world_wait(&w, 5000);
  CHECK(world_count(&w, MGR_COMMAND_RESTART) > 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_OPEN), 0);
}

TEST(beside_what_may_be_lost_is_said_again_over_the_socket_in_its_order) {
  connected(MGR_MODE_MANUAL);
  world_tell(&w, MGR_EVENT_PRESS, 0, 0);
  while (!w.beside) world_step(&w);
  world_tell(&w, MGR_EVENT_RELEASE, 0, 0);
  world_forget(&w);
  bridged();
  size_t listens = world_count(&w, MGR_COMMAND_SAY_LISTEN), stops = world_count(&w, MGR_COMMAND_SAY_STOP);
  CHECK_EQ(listens + stops, 2);
  CHECK(world_last(&w, MGR_COMMAND_SAY_LISTEN) < world_last(&w, MGR_COMMAND_SAY_STOP));
  CHECK_EQ(world_last(&w, MGR_COMMAND_SAY_STOP)->link, w.beside);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_TEXT, 1, 0);
  CHECK_EQ(world_last(&w, MGR_COMMAND_SAY_TEXT)->link, w.beside);
  world_tell(&w, MGR_EVENT_PONG, 3, 0); /* of the link: it proves nothing of the socket's */
  CHECK_EQ(world_count(&w, MGR_COMMAND_TELL_TEXT), 0);
}

TEST(beside_a_word_that_was_proved_is_not_said_again) {
  connected(MGR_MODE_MANUAL);
  world_tell(&w, MGR_EVENT_PRESS, 0, 0);
  world_talk(&w, 2000);
  world_forget(&w);
  bridged();
  CHECK_EQ(world_count(&w, MGR_COMMAND_SAY_LISTEN), 0);
}

TEST(beside_a_link_that_flaps_is_trusted_ever_later) {
  connected(MGR_MODE_AUTO);
  mgr_time first = 0, second = 0;
  for (int i = 0; i < 2; i++) {
    bridged();
    mgr_time began = w.now;
    world_tell(&w, MGR_EVENT_PONG, 3, 0);
    while (mgr_beside_carries(&w.m) && w.now - began < MGR_S(10)) answer_for(1);
    *(i ? &second : &first) = w.now - began;
    world_tell_beside(&w, MGR_EVENT_CHANNEL, 0);
    world_forget(&w);
  }
  CHECK(second > first + MGR_MS(300));
}

TEST(beside_a_socket_that_is_refused_is_tried_again_later_and_harms_nobody) {
  connected(MGR_MODE_AUTO);
  while (!w.beside) world_step(&w);
  world_tell_beside(&w, MGR_EVENT_DESCRIBED, 0);
  world_tell_beside(&w, MGR_EVENT_REFUSED, 404);
  CHECK_EQ(w.beside, 0);
  mgr_time began = w.now;
  while (!w.beside && w.now - began < MGR_S(10)) world_step(&w);
  CHECK(w.now - began >= MGR_S(1));
  CHECK(w.m.has_token); /* an ICE restart asks for itself */
}

/* Two restarts without a path: what carries the call is the link from now on, and nobody is told of more trouble.
 */
static void taken_over(void) {
  connected(MGR_MODE_AUTO);
  bridged();
  uint32_t bridge = w.beside;
  for (int i = 0; i < 2; i++) {
    while (w.m.step != MGR_STEP_ANSWER) world_step(&w);
    world_tell(&w, MGR_EVENT_ANSWERED, 1, 0);
    while (w.m.step == MGR_STEP_PATH) world_step(&w);
  }
  CHECK_EQ(w.m.link.number, bridge);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
}

TEST(beside_the_socket_becomes_the_link_where_the_other_one_does_not_come_back) {
  taken_over();
  CHECK_EQ(world_count(&w, MGR_COMMAND_TELL_RECOVERED), 1);
  CHECK_EQ(w.m.link.route, MGR_ROUTE_SOCKET);
  CHECK_EQ(mgr_manager_turn(&w.m), MGR_TURN_LISTENING);
}

TEST(beside_a_socket_webrtc_is_looked_for_and_takes_the_call_back) {
  taken_over();
  uint32_t socket = w.link;
  world_forget(&w);
  answer_for(1500);
  REQUIRE(w.beside != 0);
  CHECK_EQ(world_last(&w, MGR_COMMAND_OPEN)->route, MGR_ROUTE_ALL);
  world_tell_beside(&w, MGR_EVENT_DESCRIBED, 0);
  CHECK_EQ(world_last(&w, MGR_COMMAND_OFFER)->more, 1);
  world_tell_beside(&w, MGR_EVENT_ANSWERED, 1);
  CHECK_EQ(world_count(&w, MGR_COMMAND_TRICKLE), 1);
  world_tell_beside(&w, MGR_EVENT_ICE, 2);
  uint32_t probe = w.beside;
  world_tell_beside(&w, MGR_EVENT_CHANNEL, 1);
  CHECK_EQ(w.m.link.number, probe);
  CHECK_EQ(world_last(&w, MGR_COMMAND_CARRY)->link, probe);
  CHECK_EQ(world_last(&w, MGR_COMMAND_CARRY)->value, 1);
  CHECK_EQ(world_last(&w, MGR_COMMAND_LEAVE)->link, socket);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  world_tell_beside(&w, MGR_EVENT_TTS, 1); /* the last word over the socket is heard */
  CHECK_EQ(mgr_manager_turn(&w.m), MGR_TURN_SPEAKING);
  world_wait(&w, 50);
  world_tell(&w, MGR_EVENT_PONG, 3, 0);
  answer_for(4000); /* a socket that never says that it has closed */
  CHECK_EQ(w.beside, 0);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
}

TEST(beside_a_socket_probes_in_vain_become_rare) {
  taken_over();
  world_forget(&w);
  mgr_time began = w.now, last = w.now, gap = 0;
  uint32_t n = 0;
  while (w.now - began < MGR_S(600)) {
    answer_for(1000);
    if (!w.beside) continue;
    gap = w.now - last;
    last = w.now;
    n++;
    world_tell_beside(&w, MGR_EVENT_DESCRIBED, 0);
    world_tell_beside(&w, MGR_EVENT_ANSWERED, 1);
    world_tell_beside(&w, MGR_EVENT_ICE, 4);
    CHECK_EQ(w.beside, 0);
    CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
    world_forget(&w);
  }
  CHECK(n >= 8 && n <= 25);
  CHECK(gap >= MGR_S(29));
}

TEST(beside_a_probe_goes_with_the_socket_that_breaks) {
  taken_over();
  answer_for(1500);
  REQUIRE(w.beside != 0);
  world_tell(&w, MGR_EVENT_PEER, 5, 0);
  CHECK_EQ(w.beside, 0);
  CHECK_EQ(w.m.state, MGR_STATE_RECONNECTING);
}

TEST(beside_hanging_up_closes_both) {
  connected(MGR_MODE_AUTO);
  bridged();
  world_forget(&w);
  world_tell(&w, MGR_EVENT_STOP, 0, 0);
  CHECK_EQ(world_count(&w, MGR_COMMAND_CLOSE), 2);
  CHECK_EQ(world_last(&w, MGR_COMMAND_CLOSE)->value, 1);
  CHECK_EQ(w.beside, 0);
  CHECK_EQ(w.open_link, 0);
  CHECK_EQ(mgr_manager_deadline(&w.m), MGR_NEVER);
}

TEST(beside_a_socket_that_breaks_leaves_the_call_to_the_link) {
  connected(MGR_MODE_AUTO);
  bridged();
  uint32_t link = w.link;
  world_tell_beside(&w, MGR_EVENT_CHANNEL, 0);
  CHECK_EQ(w.beside, 0);
  CHECK_EQ(world_last(&w, MGR_COMMAND_CARRY)->link, link);
  world_wait(&w, 1000);
  CHECK_EQ(world_last(&w, MGR_COMMAND_TELL_STATE)->state, MGR_STATE_RESTARTING);
}

/* Firefox on another network: its connection fails and its channel closes while the socket is on its way. */
static void lost_while_a_socket_comes(void) {
  connected(MGR_MODE_AUTO);
  world_tell(&w, MGR_EVENT_PEER, 4, 0);
  CHECK(w.beside && !mgr_beside_carries(&w.m));
  world_tell_beside(&w, MGR_EVENT_DESCRIBED, 0);
  world_tell(&w, MGR_EVENT_CHANNEL, 0, 0);
  CHECK(w.beside);
  CHECK_EQ(w.m.state, MGR_STATE_RECONNECTING);
}

TEST(beside_a_link_that_is_lost_waits_for_a_socket_that_comes) {
  lost_while_a_socket_comes();
  uint32_t socket = w.beside;
  world_wait(&w, 100);
  world_tell_beside(&w, MGR_EVENT_ANSWERED, 1);
  world_tell_beside(&w, MGR_EVENT_CHANNEL, 1);
  CHECK_EQ(w.m.link.number, socket);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  CHECK_EQ(mgr_manager_turn(&w.m), MGR_TURN_LISTENING);
  CHECK_EQ(w.m.counts.n_resumes, 0);
}

TEST(beside_a_socket_that_does_not_come_is_not_waited_for_long) {
  lost_while_a_socket_comes();
  uint32_t link = w.m.link.number;
  world_wait(&w, 700);
  CHECK(w.m.link.number > link && !w.beside);
  CHECK_EQ(w.m.rung, MGR_RUNG_RESUME);
  CHECK_EQ(mgr_manager_turn(&w.m), MGR_TURN_NONE);
  lost_while_a_socket_comes();
  link = w.m.link.number;
  world_tell_beside(&w, MGR_EVENT_CHANNEL, 0); /* refused */
  world_wait(&w, 1);
  CHECK(w.m.link.number > link && !w.beside);
}
