/* manager/state.h - what the core remembers; private to manager/, visible so that its size is known.
 *
 *   manager.c   events of the person, the page and the device; samples; the deadline
 *   attempt.c   one attempt, step by step: servers, description, offer, path, handshake, channel
 *   recover.c   signs of trouble, the ladder, giving up
 *   beside.c    a socket beside a link that is silent, WebRTC beside a socket */
#ifndef MANAGER_STATE_H
#define MANAGER_STATE_H

#include "manager/alive.h"
#include "manager/ladder.h"
#include "manager/manager.h"
#include "manager/texts.h"
#include "manager/turn.h"

/* Where an attempt stands. An ICE restart uses ANSWER and PATH of the link that stands. */
typedef enum mgr_step {
  MGR_STEP_NONE,
  MGR_STEP_WAIT,    /* back-off */
  MGR_STEP_SERVERS, /* ICE servers are asked for */
  MGR_STEP_DESCRIBE,
  MGR_STEP_GATHER, /* where candidates cannot trickle */
  MGR_STEP_HELD,   /* gathered ahead; the offer waits for the person */
  MGR_STEP_ANSWER,
  MGR_STEP_PATH,
  MGR_STEP_SECURE,
  MGR_STEP_CHANNEL,
  MGR_STEP_UP,
} mgr_step;

typedef struct mgr_link {
  uint32_t number;  /* 0: none */
  uint32_t request; /* offer or restart under way; 0: none */
  bool answered, path, secure, channel, was_up;
  bool resumed; /* the gateway had kept the session */
  bool broken;  /* nothing but a new connection helps */
  bool gathered, end_sent;
  mgr_route route;
  uint32_t n_held; /* candidates not yet sent */
  mgr_time trickle_at;
} mgr_link;

/* At most one: a socket beside a link of WebRTC, or the other way round. See beside.h. */
typedef struct mgr_beside {
  mgr_link link;
  mgr_step step;     /* UP: it carries the call */
  bool leaves;       /* it does not any more; what is on its way is still heard */
  mgr_time until;    /* the step's end, or the farewell's; MGR_NEVER */
  mgr_time well_at;  /* UP: the link has answered since; MGR_NEVER: it does not */
  mgr_time at;       /* the next one not before */
  mgr_time began_at; /* the last one */
  mgr_time left_at;  /* the link carried the call again */
  uint32_t n;        /* in a row, without success that lasted */
} mgr_beside;

#define MGR_N_UNPROVED 8 /* words kept; a longer row is none that a person makes */

/* A word for the other side that may not have arrived. */
typedef struct mgr_word {
  int32_t kind, value;
  mgr_time at;
} mgr_word;

struct mgr_manager {
  mgr_settings settings;
  mgr_time now;
  mgr_command commands[MGR_N_COMMANDS];
  uint32_t n_commands, i_command;
  mgr_counts counts;

  mgr_state state;
  mgr_reason reason;
  mgr_command told; /* the last TELL_STATE */

  /* wishes and the world */
  bool wanted;      /* the person has started and not stopped */
  bool wants_ahead; /* PREPARE was said */
  bool armed;       /* FAILED, but the network's return starts it again */
  bool supported, online, visible, frozen, put_away, draining;
  int32_t network;
  mgr_mic mic;
  mgr_time mic_at; /* ask again; MGR_NEVER */
  bool mic_retried;

  /* the attempt */
  mgr_step step;
  mgr_rung rung;
  mgr_time step_until, attempt_at;
  mgr_link link;
  mgr_beside beside;
  uint32_t last_link, last_request;
  bool has_token, ever_up;
  mgr_time lost_at;
  mgr_ladder ladder;

  /* trouble; MGR_NEVER: none */
  mgr_time trouble_at, overall_until;
  mgr_reason trouble;
  mgr_rung best_rung;   /* the highest that was needed */
  mgr_time proof_until; /* the path answered after a restart: until then the channel must, too */

  mgr_alive alive;
  mgr_time sampled_at; /* SAMPLE was asked for */
  double pair;

  /* ICE servers */
  uint32_t servers_request, quiet_request; /* |quiet|: a restart on a good path, nobody is in trouble */
  mgr_time quiet_at;                       /* of the last */
  bool has_servers, has_relay, is_relayed;
  mgr_time servers_at, servers_until, refresh_at;

  mgr_time prepared_until;
  mgr_time phases[MGR_N_PHASES];
  uint32_t n_timelines; /* times the time-line was told */

  mgr_turn turn;
  mgr_word unproved[MGR_N_UNPROVED]; /* over a link of WebRTC: oldest first */
  uint32_t n_unproved;
  mgr_texts texts;
  mgr_quality quality;
  mgr_bitrate bitrate;
};

/* ---- manager.c ---- */
/* Appends; the fields not named are 0. */
void mgr_core_do(mgr_manager *m, mgr_command command);
void mgr_core_set_state(mgr_manager *m, mgr_state state, mgr_reason reason);
void mgr_core_mark(mgr_manager *m, mgr_phase phase);
void mgr_core_follow_turn(mgr_manager *m, const mgr_turn_out *out);
void mgr_core_ask_microphone(mgr_manager *m, bool again);
void mgr_core_release_microphone(mgr_manager *m);

/* ---- attempt.c ---- */
/* Begins an attempt by m->rung, now. */
void mgr_attempt_begin(mgr_manager *m);
void mgr_attempt_on_servers(mgr_manager *m, const mgr_event *event);
void mgr_attempt_on_link(mgr_manager *m, const mgr_event *event); /* DESCRIBED .. BROKEN */
void mgr_attempt_on_arrived(mgr_manager *m, const mgr_event *event);
void mgr_attempt_on_answered(mgr_manager *m, const mgr_event *event);
void mgr_attempt_on_refused(mgr_manager *m, const mgr_event *event);
void mgr_attempt_offer(mgr_manager *m);
void mgr_attempt_trickle(mgr_manager *m);
void mgr_attempt_close(mgr_manager *m, bool remove); /* the link, if there is one */
void mgr_attempt_fetch_servers(mgr_manager *m);
void mgr_attempt_out_of_time(mgr_manager *m); /* m->step_until has come */
void mgr_attempt_quiet_restart(mgr_manager *m, mgr_reason reason);

/* ---- recover.c ---- */
/* The clock of trouble starts, if it does not run yet. */
void mgr_recover_begin(mgr_manager *m, mgr_reason reason);
/* The connection that stood is in trouble: recovery begins. */
void mgr_recover_from(mgr_manager *m, mgr_reason reason);
/* The wait is over: the attempt begins, by the rung that is right now. */
void mgr_recover_try(mgr_manager *m);
/* An attempt came to nothing: the next one, or the end. */
void mgr_recover_next(mgr_manager *m, mgr_reason reason, uint32_t retry_after_ms);
void mgr_recover_done(mgr_manager *m); /* the link stands, or stands again */
void mgr_recover_fail(mgr_manager *m, mgr_reason reason);
/* The other side answered, so both directions work: over the channel, or only on the path. */
void mgr_recover_heard(mgr_manager *m, bool over_channel);
/* The world has changed: ask whether the other side is there; go on at once with what waits. */
void mgr_recover_look(mgr_manager *m, mgr_reason reason);
/* A ping with ballast was answered: a picture may come back, or more ballast is wanted at once. */
void mgr_recover_answered(mgr_manager *m, const mgr_event *pong);
void mgr_recover_watch(mgr_manager *m); /* pings and verdicts that are due */
mgr_time mgr_recover_deadline(const mgr_manager *m);

#endif
