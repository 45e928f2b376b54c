#include "manager/texts.h"

#include "check.h"
#include "manager/world_test.h"

TEST(texts_are_said_once_and_done_when_a_later_ping_is_answered) {
  mgr_texts t = {0};
  bool again = true;
  CHECK(mgr_texts_tell(&t, 1));
  CHECK(!mgr_texts_tell(&t, 1));
  CHECK_EQ(mgr_texts_say(&t, &again, 100), 1);
  CHECK(!again);
  CHECK_EQ(mgr_texts_say(&t, &again, 100), 0);
  CHECK(!mgr_texts_proved(&t, 100)); /* sent with it or before: says nothing */
  CHECK(mgr_texts_proved(&t, 101));
  CHECK(!mgr_texts_proved(&t, 102));
  mgr_texts_new_channel(&t);
  CHECK_EQ(mgr_texts_say(&t, &again, 200), 0);
  CHECK(!mgr_texts_give_up(&t));
}

TEST(texts_in_doubt_are_said_again_on_another_channel_in_their_order) {
  mgr_texts t = {0};
  bool again = true;
  for (int32_t i = 1; i <= 3; i++) CHECK(mgr_texts_tell(&t, i));
  CHECK_EQ(mgr_texts_say(&t, &again, 100), 1);
  CHECK_EQ(mgr_texts_say(&t, &again, 110), 2);
  mgr_texts_new_channel(&t);
  for (int32_t i = 1; i <= 3; i++) {
    CHECK_EQ(mgr_texts_say(&t, &again, 200), i);
    CHECK_EQ(again, i < 3);
  }
  CHECK(mgr_texts_proved(&t, 250));
  CHECK_EQ(t.done, 3);
}

TEST(texts_are_bounded_and_can_be_given_up) {
  mgr_texts t = {0};
  bool again = true;
  for (int32_t i = 1; i <= MGR_N_TEXTS; i++) CHECK(mgr_texts_tell(&t, i));
  CHECK(!mgr_texts_tell(&t, MGR_N_TEXTS + 1));
  CHECK(mgr_texts_give_up(&t));
  CHECK_EQ(mgr_texts_say(&t, &again, 1), 0);
  CHECK(mgr_texts_tell(&t, MGR_N_TEXTS + 1));
}

static world w;

static int32_t said_last(void) {
  const mgr_command *c = world_last(&w, MGR_COMMAND_SAY_TEXT);
  return c ? c->value : 0;
}

TEST(texts_typed_without_a_connection_are_said_when_there_is_one) {
  world_begin(&w, NULL);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_MANUAL, 0);
  world_tell(&w, MGR_EVENT_TEXT, 1, 0);
  world_tell(&w, MGR_EVENT_TEXT, 2, 0);
  CHECK_EQ(said_last(), 0);
  world_answer_all(&w, false);
  CHECK_EQ(world_count(&w, MGR_COMMAND_SAY_TEXT), 2);
  CHECK_EQ(said_last(), 2);
  CHECK_EQ(mgr_manager_turn(&w.m), MGR_TURN_THINKING);
  CHECK_EQ(world_count(&w, MGR_COMMAND_TELL_TEXT), 0);
  world_wait(&w, 1100); /* a ping */
  world_tell(&w, MGR_EVENT_PONG, 3, 0);
  CHECK_EQ(world_last(&w, MGR_COMMAND_TELL_TEXT)->value, 2);
  CHECK_EQ(world_last(&w, MGR_COMMAND_TELL_TEXT)->more, 0);
}

TEST(texts_lost_with_a_connection_are_said_again_on_the_next) {
  world_begin(&w, NULL);
  world_connect(&w, MGR_MODE_MANUAL);
  world_tell(&w, MGR_EVENT_TEXT, 1, 0);
  world_tell(&w, MGR_EVENT_PONG, 900, 0); /* of a ping that left before */
  world_forget(&w);
  world_tell(&w, MGR_EVENT_PEER, 4, 0);
  world_wait(&w, 100);
  w.m.rung = MGR_RUNG_RESUME;
  world_tell(&w, MGR_EVENT_PEER, 5, 0);
  for (int i = 0; i < 100 && !w.open_link; i++) world_step(&w);
  world_answer_all(&w, true);
  CHECK_EQ(w.m.state, MGR_STATE_CONNECTED);
  CHECK_EQ(world_count(&w, MGR_COMMAND_SAY_TEXT), 1);
  CHECK_EQ(said_last(), 1);
  CHECK_EQ(mgr_manager_turn(&w.m), MGR_TURN_NONE); /* its answer may be over */
}

TEST(texts_are_given_up_when_nobody_is_left_to_say_them) {
  world_begin(&w, NULL);
  world_tell(&w, MGR_EVENT_TEXT, 1, 0); /* nobody has started */
  CHECK_EQ(world_last(&w, MGR_COMMAND_TELL_TEXT)->more, 1);
  world_tell(&w, MGR_EVENT_START, MGR_MODE_MANUAL, 0);
  world_tell(&w, MGR_EVENT_TEXT, 2, 0);
  world_forget(&w);
  world_tell(&w, MGR_EVENT_STOP, 0, 0);
  CHECK_EQ(world_last(&w, MGR_COMMAND_TELL_TEXT)->value, 2);
  CHECK_EQ(world_last(&w, MGR_COMMAND_TELL_TEXT)->more, 1);
  world_answer_all(&w, false);
  CHECK_EQ(said_last(), 0);
}
