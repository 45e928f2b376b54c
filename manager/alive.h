/* manager/alive.h - is the other side still there? Pings when they are due, and a verdict when they stay
 * unanswered.
 *
 * Only what proves both directions counts as a sign of life: a pong, or an answer to the browser's own checks. What
 * merely arrives buys patience: a path whose way out is dead or slow still brings messages. A verdict needs a ping
 * that was sent and had time; whoever was asleep asks first and judges later. */
#ifndef MANAGER_ALIVE_H
#define MANAGER_ALIVE_H

#include "manager/types.h"

typedef struct mgr_alive {
  bool runs;
  mgr_time heard_at;    /* a sign of life */
  mgr_time came_at;     /* anything at all */
  mgr_time pinged_at;   /* the latest ping */
  mgr_time asked_at;    /* the oldest ping since the last sign of life; MGR_NEVER: none is open */
  mgr_time ponged_at;   /* the channel itself answered */
  mgr_time unponged_at; /* the oldest ping since then; MGR_NEVER: none */
  double rtt_ms;        /* smoothed; 0: none yet */
  double least_ms;      /* of the pongs since it was last taken; 0: none */
  double n_answers;     /* as a sample showed them last; 0: none yet */
} mgr_alive;

void mgr_alive_start(mgr_alive *a, mgr_time now);
void mgr_alive_stop(mgr_alive *a);
void mgr_alive_heard(mgr_alive *a, mgr_time now);
void mgr_alive_pong(mgr_alive *a, int32_t rtt_ms, mgr_time now);
/* The round trip of now, in ms: the least pong since it was asked last, or how long the open ping has waited
 * already; < 0: not known. */
double mgr_alive_take_rtt(mgr_alive *a, mgr_time now);
/* Answers to checks, counted: true if there are more than before, and then they were heard. */
bool mgr_alive_counted(mgr_alive *a, double n_answers, mgr_time now);
/* The next ping leaves now; the judgement starts with it. */
void mgr_alive_pinged(mgr_alive *a, mgr_time now);
/* Forget the open question: its time-out ran while nobody was awake. */
void mgr_alive_excuse(mgr_alive *a, mgr_time now);
/* How long an answer may take: |timeout_ms|, or four round trips and a bit; thrice that while anything comes. */
mgr_time mgr_alive_patience(const mgr_alive *a, uint32_t timeout_ms);
/* There is a path again: a ping that is not answered yet is given its time anew. */
void mgr_alive_path_is_back(mgr_alive *a, mgr_time now);
/* Time was lost (the page slept, a timer came late): it does not count against the other side. */
void mgr_alive_late(mgr_alive *a, mgr_time late_us);

#endif
