/* manager/manager.h - WebRTCManager's core: the connection that heals itself, and whose turn it is to speak.
 *
 * A pure function of (state, event, time) -> commands. It opens nothing, sends nothing, reads no clock and no
 * text: the "hands" (web/js/manager in a browser, client/ natively) report what happens, carry out the commands
 * in order, and call mgr_manager_handle with MGR_EVENT_TICK when the deadline has come. Words in names.def.
 *
 *   mgr_manager_init -> [ mgr_manager_handle | mgr_manager_sample | mgr_manager_report ,
 *                         then mgr_manager_poll until false ]*          deadline: mgr_manager_deadline
 *
 * - Freestanding, no allocation, bounded: mgr_manager_size() bytes are all it ever uses. A value: may be copied.
 * - Links: each OPEN names a connection with a new number; events of an older one are counted in |n_stale| and
 *   ignored. Requests likewise.
 * - Handing an event out of order, twice, or never is survived: every wait has a deadline, and every deadline
 *   leads to a connection or to a final state (IDLE, PREPARED, CONNECTED, FAILED, CLOSED) with a reason.
 *   SUSPENDED and OFFLINE are left by the world's next event; OFFLINE ends as FAILED by itself.
 * - Ladder: ICE restart on the session -> new connection with the resume token -> new session. Each rung has its
 *   deadline, the whole has one, waits grow with full jitter, and counters start anew only after |stable_ms| of
 *   call. */
#ifndef MANAGER_MANAGER_H
#define MANAGER_MANAGER_H

#include "manager/bitrate.h"
#include "manager/names.h"
#include "manager/quality.h"
#include "manager/types.h"

#define MGR_N_BACKOFF 12
#define MGR_N_COMMANDS 48 /* one event never makes more: asserted */

/* How much is done before the person wants to talk. */
typedef enum mgr_prepare { MGR_PREPARE_NOTHING, MGR_PREPARE_GATHER, MGR_PREPARE_CONNECT } mgr_prepare;

typedef struct mgr_settings {
  uint64_t seed; /* of the jitter */
  mgr_prepare prepare;
  uint32_t prepared_idle_ms; /* a prepared connection nobody uses is given back after this; 0: never */
  /* back-off: before attempt n the wait is uniform in [0, backoff_ms[n]] (full jitter), the last entry repeats */
  uint32_t backoff_ms[MGR_N_BACKOFF];
  uint32_t n_backoff, max_attempts; /* attempts after which it gives up; the overall deadline may come first */
  bool jitter;                      /* false: exactly backoff_ms */
  uint32_t retry_after_max_ms;      /* a longer wish of the server is cut to this */
  /* steps of an attempt */
  uint32_t servers_ms;     /* ICE servers: then it goes on with what it has */
  uint32_t describe_ms;    /* local description */
  uint32_t gather_wait_ms; /* candidates to wait for before the offer leaves; with trickle 0: none */
  uint32_t answer_ms, path_ms, secure_ms, channel_ms;
  uint32_t trickle_ms; /* candidates come in bunches; one request carries a bunch */
  /* trouble */
  uint32_t ping_ms, ping_idle_ms; /* in a call on a page that is seen; otherwise, and on a narrow path */
  uint32_t ping_timeout_ms;       /* or four round trips, if that is longer */
  uint32_t restart_ms;            /* one ICE restart; after two comes the next rung */
  uint32_t stuck_ms;              /* the path lives, the channel is silent: a new connection */
  uint32_t resume_window_ms;      /* how long the gateway keeps a session whose peer is gone */
  uint32_t overall_ms;            /* from the first sign of trouble to FAILED */
  uint32_t offline_ms;            /* OFFLINE to FAILED */
  uint32_t stable_ms;             /* a connection of this age starts the counters anew */
  uint32_t direct_failures;       /* attempts without a path after which relays are tried alone */
  bool socket;                    /* there is another transport, tried after one attempt without a path */
  uint32_t bridge_ms;             /* silence after a ping, and it carries the call meanwhile; 0: never */
  uint32_t probe_ms; /* while it carries the call WebRTC is tried after so long, twice that, ...; 0: never */
  uint32_t near_ms, near_wait_ms; /* so long after the loss of a call who is not reached is asked that often */
  bool require_microphone;        /* true: no microphone is final; false: typing goes on */
  /* the conversation */
  uint32_t press_ms;    /* a shorter press is a slip of the finger */
  uint32_t thinking_ms; /* released and not a word back */
  mgr_bitrate_settings bitrate;
} mgr_settings;

/* Our defaults, reasons in ladder.c. */
void mgr_settings_default(mgr_settings *settings);
/* The original specification's: 3 attempts, 1000 ms, doubling, no jitter. */
void mgr_settings_specification(mgr_settings *settings);

typedef struct mgr_event {
  int32_t kind; /* mgr_event_kind; an unknown one is counted and ignored */
  uint32_t link, request;
  int32_t value;
  uint32_t more;
} mgr_event;

typedef struct mgr_command {
  int32_t kind; /* mgr_command_kind */
  uint32_t link, request;
  int32_t value;
  uint32_t more;
  int32_t state, reason, rung, route;
  uint32_t delay_ms;
} mgr_command;

typedef struct mgr_manager mgr_manager; /* manager/state.h, for whoever needs its size at compile time */
size_t mgr_manager_size(void);

void mgr_manager_init(mgr_manager *m, const mgr_settings *settings, mgr_time now);
/* All commands of the event before must have been polled; asserted. A |now| before the last counts as the last. */
void mgr_manager_handle(mgr_manager *m, const mgr_event *event, mgr_time now);
/* Statistics of |link|, once a second while connected; and what the gateway says. Drain afterwards too. */
void mgr_manager_sample(mgr_manager *m, uint32_t link, const mgr_sample *sample, mgr_time now);
void mgr_manager_report(mgr_manager *m, uint32_t link, const mgr_gateway_report *report, mgr_time now);
bool mgr_manager_poll(mgr_manager *m, mgr_command *command);
/* MGR_NEVER: nothing is pending. */
mgr_time mgr_manager_deadline(const mgr_manager *m);

/* ---- what it knows ---- */
mgr_state mgr_manager_state(const mgr_manager *m);
mgr_reason mgr_manager_reason(const mgr_manager *m);
mgr_turn_state mgr_manager_turn(const mgr_manager *m);
bool mgr_manager_can_talk(const mgr_manager *m); /* a sentence can be sent: channel open, assistant there */
/* Time point of a phase of the present (or last) connection; MGR_NEVER: not reached. */
mgr_time mgr_manager_phase(const mgr_manager *m, mgr_phase phase);
const mgr_figures *mgr_manager_quality(const mgr_manager *m);
const mgr_sender *mgr_manager_sender(const mgr_manager *m);

/* For statistics and tests. */
typedef struct mgr_counts {
  uint32_t n_events, n_stale, n_unknown, n_backwards; /* events; of a former link or request; time that ran back */
  uint32_t n_attempts, n_restarts, n_resumes, n_new, n_recovered, n_failed;
} mgr_counts;
const mgr_counts *mgr_manager_counts(const mgr_manager *m);

#endif
