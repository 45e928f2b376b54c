/* manager/turn.h - whose turn it is to speak: listening, thinking, speaking; hold to talk, hands-free,
 * interrupting.
 *
 * A value with verbs, one for each thing that can happen. What follows is written into an mgr_turn_out, which the
 * manager turns into commands. Knows nothing of connections but whether one can be spoken over. */
#ifndef MANAGER_TURN_H
#define MANAGER_TURN_H

#include "manager/manager.h"

typedef struct mgr_turn {
  mgr_turn_state state;
  mgr_mode mode;
  bool channel, assistant; /* the channel is open; the assistant answers */
  bool wanted;             /* the person has started: a prepared connection listens to nobody */
  bool mic_ready, muted;
  bool held;      /* the talk key is down */
  bool hushed;    /* the old answer was cut: what still comes of it is not heard */
  bool asked;     /* hands-free listening was asked for on this channel */
  bool mic_live;  /* as it was commanded last */
  bool goes_on;   /* the session was resumed: it still listens as it did, and an answer is not to be cut */
  bool owes_stop; /* the key went up while nobody could be told */
  bool announced; /* thinking: speech was announced, which some servers do before they have a word */
  mgr_time held_at;
  mgr_time until; /* thinking takes too long; MGR_NEVER */
} mgr_turn;

/* What the hands shall say and do, in the order of the fields. Zero: nothing. */
typedef struct mgr_turn_out {
  bool say_abort, hush, unhush, say_stop, say_listen, say_text, clear_notice;
  mgr_mode listen_mode; /* of say_listen */
  mgr_notice notice;    /* 0: none */
  bool mic_changed;     /* to |mic_live| */
} mgr_turn_out;

void mgr_turn_init(mgr_turn *t);
void mgr_turn_set_mode(mgr_turn *t, mgr_mode mode, mgr_turn_out *out);
void mgr_turn_set_muted(mgr_turn *t, bool muted);
void mgr_turn_set_mic(mgr_turn *t, bool ready, mgr_turn_out *out);
/* |same_session|: what was being said or answered goes on; else a new conversation begins. */
void mgr_turn_set_channel(mgr_turn *t, bool open, bool same_session, mgr_turn_out *out);
void mgr_turn_set_assistant(mgr_turn *t, bool there, mgr_turn_out *out);
void mgr_turn_press(mgr_turn *t, mgr_time now, mgr_turn_out *out);
void mgr_turn_release(mgr_turn *t, const mgr_settings *s, mgr_time now, mgr_turn_out *out);
void mgr_turn_cancel(mgr_turn *t, mgr_turn_out *out);
void mgr_turn_interrupt(mgr_turn *t, mgr_turn_out *out);
void mgr_turn_text(mgr_turn *t, const mgr_settings *s, mgr_time now, mgr_turn_out *out);
void mgr_turn_heard(mgr_turn *t, bool has_text, const mgr_settings *s, mgr_time now, mgr_turn_out *out);
void mgr_turn_speech(mgr_turn *t, int32_t step, mgr_turn_out *out); /* 0 start, 1 sound, 2 stop */
void mgr_turn_tick(mgr_turn *t, mgr_time now, mgr_turn_out *out);
/* The person starts; or hangs up, and then everything but mode and microphone is forgotten. */
void mgr_turn_want(mgr_turn *t, bool wanted, mgr_turn_out *out);
/* After each of the above: says whether the microphone's track is to be switched. */
void mgr_turn_finish(mgr_turn *t, mgr_turn_out *out);
bool mgr_turn_can_talk(const mgr_turn *t); /* a sentence can be sent */

#endif
