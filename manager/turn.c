/* manager/turn.c - see turn.h. */
#include "manager/turn.h"

void mgr_turn_init(mgr_turn *t) { *t = (mgr_turn){.mode = MGR_MODE_MANUAL, .until = MGR_NEVER}; }

bool mgr_turn_can_talk(const mgr_turn *t) { return t->wanted && t->channel && t->assistant; }

/* There is an answer, or one is being made. */
static bool is_busy(const mgr_turn *t) { return t->state == MGR_TURN_SPEAKING || t->state == MGR_TURN_THINKING; }

static void think(mgr_turn *t, uint32_t limit_ms, mgr_time now) {
  t->state = MGR_TURN_THINKING;
  t->announced = false;
  t->until = mgr_time_add(now, MGR_MS(limit_ms));
}

/* Nobody speaks: wait for a press, or listen. */
static void settle(mgr_turn *t, mgr_turn_out *out) {
  t->until = MGR_NEVER;
  if (t->mode == MGR_MODE_MANUAL || !t->mic_ready || !mgr_turn_can_talk(t)) {
    t->state = MGR_TURN_NONE;
    return;
  }
  t->state = MGR_TURN_LISTENING;
  if (t->asked) return; /* the gateway goes on listening after each answer by itself */
  t->asked = true;
  out->say_listen = true;
  out->listen_mode = t->mode;
}

/* What is already on its way is old: not a syllable of it is heard. */
static void cut_answer(mgr_turn *t, mgr_turn_out *out) {
  out->say_abort = true;
  if (!t->hushed) out->hush = t->hushed = true;
  settle(t, out);
}

static void stop_listening(mgr_turn *t, mgr_turn_out *out) {
  if (!t->asked) return;
  t->asked = false;
  out->say_stop = true;
}

void mgr_turn_set_mode(mgr_turn *t, mgr_mode mode, mgr_turn_out *out) {
  if (mode == t->mode) return;
  if (t->held) mgr_turn_cancel(t, out);
  bool was_asked = t->asked;
  t->mode = mode;
  if (!mgr_turn_can_talk(t)) return;
  if (mode == MGR_MODE_MANUAL)
    stop_listening(t, out);
  else if (was_asked)
    t->asked = false; /* asked for in the other way of listening */
  if (!is_busy(t)) settle(t, out);
}

void mgr_turn_set_muted(mgr_turn *t, bool muted) { t->muted = muted; }

/* Nobody is told "I listen" before there is something to listen with. */
void mgr_turn_set_mic(mgr_turn *t, bool ready, mgr_turn_out *out) {
  if (ready == t->mic_ready) return;
  t->mic_ready = ready;
  if (!mgr_turn_can_talk(t)) return;
  if (!ready) {
    if (t->held) mgr_turn_cancel(t, out);
    stop_listening(t, out);
  }
  if (!is_busy(t)) settle(t, out);
}

/* Between two channels the key may stay down and the wish to be heard stays; the rest is told anew. */
void mgr_turn_set_channel(mgr_turn *t, bool open, bool same_session, mgr_turn_out *out) {
  t->channel = open;
  t->assistant = false;
  t->state = MGR_TURN_NONE;
  t->until = MGR_NEVER;
  t->goes_on = open && same_session;
  if (open && !same_session) t->asked = t->owes_stop = false;
  if (!t->hushed) return;
  t->hushed = false;
  out->unhush = true;
}

static void begin_with_assistant(mgr_turn *t, mgr_turn_out *out) {
  bool goes_on = t->goes_on;
  out->clear_notice = true;
  t->goes_on = false;
  if (t->owes_stop) out->say_stop = true;
  t->owes_stop = false;
  if (!t->held) {
    settle(t, out);
    return;
  }
  t->state = MGR_TURN_LISTENING;
  if (goes_on) return;
  out->say_listen = true;
  out->listen_mode = MGR_MODE_MANUAL;
}

/* The gateway itself keeps a session's wish to be heard while its assistant is away. */
void mgr_turn_set_assistant(mgr_turn *t, bool there, mgr_turn_out *out) {
  if (there == t->assistant || !t->channel) return;
  t->assistant = there;
  if (!t->wanted) return;
  if (there) {
    begin_with_assistant(t, out);
    return;
  }
  out->notice = MGR_NOTICE_ASSISTANT_LOST;
  t->state = MGR_TURN_NONE;
  t->until = MGR_NEVER;
  t->goes_on = true;
}

void mgr_turn_press(mgr_turn *t, mgr_time now, mgr_turn_out *out) {
  if (!mgr_turn_can_talk(t) || t->held) return;
  if (is_busy(t)) cut_answer(t, out);
  if (t->mode != MGR_MODE_MANUAL || !t->mic_ready) return;
  t->held = true;
  t->held_at = now;
  t->state = MGR_TURN_LISTENING;
  out->clear_notice = true;
  out->say_listen = true;
  out->listen_mode = MGR_MODE_MANUAL;
}

void mgr_turn_release(mgr_turn *t, const mgr_settings *s, mgr_time now, mgr_turn_out *out) {
  if (!t->held) return;
  if (!mgr_turn_can_talk(t)) {
    t->held = false;
    t->owes_stop = true;
    return;
  }
  if (now - t->held_at < MGR_MS(s->press_ms)) {
    mgr_turn_cancel(t, out);
    out->notice = MGR_NOTICE_HOLD_LONGER;
    return;
  }
  t->held = false;
  out->say_stop = true;
  think(t, s->thinking_ms, now);
}

/* Escape: what was being said is thrown away, or what is being answered is cut. */
void mgr_turn_cancel(mgr_turn *t, mgr_turn_out *out) {
  if (!t->held) {
    if (is_busy(t)) cut_answer(t, out);
    return;
  }
  t->held = false;
  if (!mgr_turn_can_talk(t)) {
    t->owes_stop = true;
    return;
  }
  out->say_abort = out->say_stop = true;
  settle(t, out);
}

void mgr_turn_interrupt(mgr_turn *t, mgr_turn_out *out) {
  if (is_busy(t)) cut_answer(t, out);
}

void mgr_turn_text(mgr_turn *t, const mgr_settings *s, mgr_time now, mgr_turn_out *out) {
  if (!mgr_turn_can_talk(t)) return;
  if (is_busy(t)) cut_answer(t, out);
  t->held = false;
  out->clear_notice = out->say_text = true;
  think(t, s->thinking_ms, now);
}

void mgr_turn_heard(mgr_turn *t, bool has_text, const mgr_settings *s, mgr_time now, mgr_turn_out *out) {
  if (t->held) return; /* of the turn before this press */
  out->clear_notice = true;
  if (has_text)
    think(t, s->thinking_ms * 2, now);
  else
    settle(t, out);
}

void mgr_turn_speech(mgr_turn *t, int32_t step, mgr_turn_out *out) {
  if (t->held) return; /* the end of what was just interrupted */
  if (step == 2) {
    if (t->state == MGR_TURN_SPEAKING || (t->state == MGR_TURN_THINKING && t->announced)) settle(t, out);
    return;
  }
  if (step == 0 && t->hushed) {
    t->hushed = false;
    out->unhush = true;
  }
  if (t->hushed) return; /* a straggler of the interrupted answer */
  t->until = MGR_NEVER;
  t->announced = true;
  if (step == 1) t->state = MGR_TURN_SPEAKING;
  if (t->state != MGR_TURN_SPEAKING) t->state = MGR_TURN_THINKING; /* until something can be heard */
}

void mgr_turn_tick(mgr_turn *t, mgr_time now, mgr_turn_out *out) {
  if (now < t->until) return;
  out->notice = MGR_NOTICE_HEARD_NOTHING;
  settle(t, out);
}

void mgr_turn_want(mgr_turn *t, bool wanted, mgr_turn_out *out) {
  t->wanted = wanted;
  if (wanted) {
    if (mgr_turn_can_talk(t) && !is_busy(t)) settle(t, out);
    return;
  }
  t->state = MGR_TURN_NONE;
  t->until = MGR_NEVER;
  t->held = t->asked = t->owes_stop = t->goes_on = false;
  if (t->hushed) out->unhush = true;
  t->hushed = false;
}

void mgr_turn_finish(mgr_turn *t, mgr_turn_out *out) {
  bool open = mgr_turn_can_talk(t) && t->mic_ready && !t->muted;
  bool live = open && (t->mode != MGR_MODE_MANUAL || t->held);
  out->mic_changed = live != t->mic_live;
  t->mic_live = live;
}
