/* manager/turn_test.c - a conversation, event by event. */
#include "manager/turn.h"

#include "check.h"

static mgr_settings settings;
static mgr_turn turn;
static mgr_turn_out out;

#define DO(call) (out = (mgr_turn_out){0}, (call), mgr_turn_finish(&turn, &out))

static void begin(mgr_mode mode) {
  mgr_settings_default(&settings);
  mgr_turn_init(&turn);
  turn.mode = mode;
  DO(mgr_turn_want(&turn, true, &out));
  DO(mgr_turn_set_mic(&turn, true, &out));
  DO(mgr_turn_set_channel(&turn, true, false, &out));
  CHECK(!mgr_turn_can_talk(&turn));
  DO(mgr_turn_set_assistant(&turn, true, &out));
  CHECK(mgr_turn_can_talk(&turn));
}

TEST(turn_hands_free_asks_to_listen_once) {
  begin(MGR_MODE_AUTO);
  CHECK(out.say_listen && out.listen_mode == MGR_MODE_AUTO && out.mic_changed && turn.mic_live);
  DO(mgr_turn_heard(&turn, true, &settings, 0, &out));
  CHECK_EQ(turn.state, MGR_TURN_THINKING);
  DO(mgr_turn_speech(&turn, 0, &out));
  DO(mgr_turn_speech(&turn, 1, &out));
  CHECK_EQ(turn.state, MGR_TURN_SPEAKING);
  DO(mgr_turn_speech(&turn, 2, &out));
  CHECK_EQ(turn.state, MGR_TURN_LISTENING);
  CHECK(!out.say_listen); /* the gateway goes on by itself */
}

/* Pitfall 20: servers say that they speak long before they do. Nobody speaks until something is heard, however long
 * that takes, and what was announced and came to nothing ends. */
TEST(turn_pitfall_20_thinks_until_something_is_heard) {
  begin(MGR_MODE_MANUAL);
  DO(mgr_turn_text(&turn, &settings, 0, &out));
  DO(mgr_turn_heard(&turn, true, &settings, 0, &out));
  DO(mgr_turn_speech(&turn, 2, &out)); /* of an answer before: not this one's */
  CHECK_EQ(turn.state, MGR_TURN_THINKING);
  DO(mgr_turn_speech(&turn, 0, &out));
  CHECK_EQ(turn.state, MGR_TURN_THINKING);
  DO(mgr_turn_tick(&turn, MGR_S(3600), &out));
  CHECK_EQ(out.notice, 0);
  CHECK_EQ(turn.state, MGR_TURN_THINKING);
  DO(mgr_turn_speech(&turn, 1, &out));
  CHECK_EQ(turn.state, MGR_TURN_SPEAKING);
  DO(mgr_turn_speech(&turn, 0, &out)); /* some say it twice */
  CHECK_EQ(turn.state, MGR_TURN_SPEAKING);
  DO(mgr_turn_speech(&turn, 2, &out));
  CHECK_EQ(turn.state, MGR_TURN_NONE);
  DO(mgr_turn_text(&turn, &settings, MGR_S(9), &out));
  DO(mgr_turn_speech(&turn, 0, &out));
  DO(mgr_turn_speech(&turn, 2, &out)); /* without a word */
  CHECK_EQ(turn.state, MGR_TURN_NONE);
  DO(mgr_turn_text(&turn, &settings, MGR_S(9), &out));
  DO(mgr_turn_speech(&turn, 0, &out));
  DO(mgr_turn_interrupt(&turn, &out));
  CHECK(out.say_abort && out.hush);
}

TEST(turn_hold_to_talk_interrupts_an_answer) {
  begin(MGR_MODE_MANUAL);
  CHECK_EQ(turn.state, MGR_TURN_NONE);
  DO(mgr_turn_speech(&turn, 0, &out));
  DO(mgr_turn_press(&turn, 0, &out));
  CHECK(out.say_abort && out.hush && out.say_listen && out.listen_mode == MGR_MODE_MANUAL && out.mic_changed);
  DO(mgr_turn_speech(&turn, 2, &out)); /* the end of the old answer changes nothing */
  CHECK_EQ(turn.state, MGR_TURN_LISTENING);
  DO(mgr_turn_release(&turn, &settings, MGR_S(1), &out));
  CHECK(out.say_stop && out.mic_changed && !turn.mic_live);
  DO(mgr_turn_release(&turn, &settings, MGR_S(1), &out));
  CHECK(!out.say_stop);
  DO(mgr_turn_speech(&turn, 1, &out)); /* a straggler is not heard */
  CHECK_EQ(turn.state, MGR_TURN_THINKING);
  DO(mgr_turn_speech(&turn, 0, &out));
  CHECK(out.unhush);
}

TEST(turn_without_a_microphone_nobody_listens_and_typing_works) {
  begin(MGR_MODE_AUTO);
  DO(mgr_turn_set_mic(&turn, false, &out));
  CHECK(out.say_stop && out.mic_changed && !turn.mic_live);
  CHECK_EQ(turn.state, MGR_TURN_NONE);
  DO(mgr_turn_press(&turn, 0, &out));
  CHECK(!out.say_listen);
  DO(mgr_turn_text(&turn, &settings, 0, &out));
  CHECK(out.say_text);
  DO(mgr_turn_speech(&turn, 0, &out));
  DO(mgr_turn_press(&turn, 0, &out));
  CHECK(out.say_abort && !out.say_listen);
  DO(mgr_turn_set_mic(&turn, true, &out));
  CHECK(out.say_listen);
  CHECK_EQ(turn.state, MGR_TURN_LISTENING);
}

TEST(turn_a_slip_of_the_finger_and_esc_send_nothing_to_be_understood) {
  begin(MGR_MODE_MANUAL);
  DO(mgr_turn_press(&turn, 0, &out));
  DO(mgr_turn_release(&turn, &settings, MGR_MS(settings.press_ms) - 1, &out));
  CHECK(out.say_abort && out.say_stop);
  CHECK_EQ(out.notice, MGR_NOTICE_HOLD_LONGER);
  DO(mgr_turn_press(&turn, 0, &out));
  DO(mgr_turn_cancel(&turn, &out));
  CHECK(out.say_abort && out.say_stop);
  CHECK_EQ(turn.state, MGR_TURN_NONE);
}

TEST(turn_silence_after_a_press_is_said_and_not_waited_for) {
  begin(MGR_MODE_MANUAL);
  DO(mgr_turn_press(&turn, 0, &out));
  DO(mgr_turn_release(&turn, &settings, MGR_S(1), &out));
  DO(mgr_turn_tick(&turn, turn.until - 1, &out));
  CHECK_EQ(out.notice, 0);
  DO(mgr_turn_tick(&turn, turn.until, &out));
  CHECK_EQ(out.notice, MGR_NOTICE_HEARD_NOTHING);
  CHECK_EQ(turn.state, MGR_TURN_NONE);
  CHECK(turn.until == MGR_NEVER);
}

TEST(turn_a_change_of_mode_stops_the_old_way_and_asks_for_the_new) {
  begin(MGR_MODE_AUTO);
  DO(mgr_turn_set_mode(&turn, MGR_MODE_MANUAL, &out));
  CHECK(out.say_stop && !out.say_listen && !turn.mic_live);
  DO(mgr_turn_set_mode(&turn, MGR_MODE_REALTIME, &out));
  CHECK(out.say_listen && out.listen_mode == MGR_MODE_REALTIME);
  DO(mgr_turn_set_mode(&turn, MGR_MODE_AUTO, &out));
  CHECK(out.say_listen && out.listen_mode == MGR_MODE_AUTO);
  DO(mgr_turn_speech(&turn, 1, &out));
  DO(mgr_turn_set_mode(&turn, MGR_MODE_MANUAL, &out)); /* an answer is not cut by it */
  CHECK_EQ(turn.state, MGR_TURN_SPEAKING);
}

TEST(turn_a_resumed_session_goes_on_and_its_answer_is_not_cut) {
  begin(MGR_MODE_AUTO);
  DO(mgr_turn_speech(&turn, 0, &out));
  DO(mgr_turn_set_channel(&turn, false, true, &out));
  CHECK(!turn.mic_live);
  DO(mgr_turn_set_channel(&turn, true, true, &out));
  DO(mgr_turn_set_assistant(&turn, true, &out));
  CHECK(!out.say_listen && !out.say_abort && turn.mic_live);
  DO(mgr_turn_speech(&turn, 1, &out));
  CHECK_EQ(turn.state, MGR_TURN_SPEAKING);
}

TEST(turn_a_new_session_is_asked_to_listen_again) {
  begin(MGR_MODE_AUTO);
  DO(mgr_turn_set_channel(&turn, false, false, &out));
  DO(mgr_turn_set_channel(&turn, true, false, &out));
  DO(mgr_turn_set_assistant(&turn, true, &out));
  CHECK(out.say_listen);
}

TEST(turn_a_key_held_through_a_loss_is_still_held) {
  begin(MGR_MODE_MANUAL);
  DO(mgr_turn_press(&turn, 0, &out));
  DO(mgr_turn_set_channel(&turn, false, true, &out));
  DO(mgr_turn_set_channel(&turn, true, true, &out));
  DO(mgr_turn_set_assistant(&turn, true, &out));
  CHECK(!out.say_listen && turn.mic_live);
  CHECK_EQ(turn.state, MGR_TURN_LISTENING);
  DO(mgr_turn_set_channel(&turn, false, true, &out));
  DO(mgr_turn_release(&turn, &settings, MGR_S(2), &out)); /* while nobody can be told */
  CHECK(!out.say_stop);
  DO(mgr_turn_set_channel(&turn, true, true, &out));
  DO(mgr_turn_set_assistant(&turn, true, &out));
  CHECK(out.say_stop && !turn.mic_live);
}

TEST(turn_an_assistant_that_is_lost_is_said_once_and_its_return_goes_on) {
  begin(MGR_MODE_AUTO);
  DO(mgr_turn_set_assistant(&turn, false, &out));
  CHECK_EQ(out.notice, MGR_NOTICE_ASSISTANT_LOST);
  DO(mgr_turn_set_assistant(&turn, false, &out));
  CHECK_EQ(out.notice, 0);
  CHECK(!mgr_turn_can_talk(&turn));
  DO(mgr_turn_set_assistant(&turn, true, &out));
  CHECK(out.clear_notice && !out.say_listen);
  CHECK_EQ(turn.state, MGR_TURN_LISTENING);
}

TEST(turn_muted_is_muted) {
  begin(MGR_MODE_AUTO);
  DO(mgr_turn_set_muted(&turn, true));
  CHECK(out.mic_changed && !turn.mic_live);
  DO(mgr_turn_set_muted(&turn, false));
  CHECK(out.mic_changed && turn.mic_live);
}

TEST(turn_a_prepared_connection_listens_to_nobody_until_the_person_starts) {
  begin(MGR_MODE_AUTO);
  DO(mgr_turn_want(&turn, false, &out));
  CHECK(out.mic_changed && !turn.mic_live);
  DO(mgr_turn_set_channel(&turn, true, false, &out));
  DO(mgr_turn_set_assistant(&turn, true, &out));
  CHECK(!out.say_listen && !out.clear_notice && !turn.mic_live);
  DO(mgr_turn_text(&turn, &settings, 0, &out));
  CHECK(!out.say_text);
  DO(mgr_turn_want(&turn, true, &out));
  CHECK(out.say_listen && out.mic_changed && turn.mic_live);
  CHECK_EQ(turn.state, MGR_TURN_LISTENING);
}
