/* gateway/timers.h - the earliest deadline of many sessions: a binary heap of slots with their keys.
 *
 * Most deadlines only move later, packet by packet. Moving one later is therefore not done at once: the heap keeps
 * the early key, the session is woken for nothing once, and says then when it is really due. One thread. */
#ifndef GATEWAY_TIMERS_H
#define GATEWAY_TIMERS_H

#include "wr/types.h"

typedef struct gw_timer {
  wr_time at;
  uint32_t slot;
} gw_timer;

typedef struct gw_timers {
  gw_timer *heap;  /* |n| used */
  uint32_t *place; /* by slot: 1 + index in |heap|, 0: not there */
  uint32_t n, n_slots;
} gw_timers;

bool gw_timers_open(gw_timers *timers, uint32_t n_slots); /* false: no memory */
void gw_timers_close(gw_timers *timers);
/* |slot| is due at |at| or, if it stands earlier already, is asked then. WR_NEVER for a slot not there: nothing. */
void gw_timers_set(gw_timers *timers, uint32_t slot, wr_time at);
void gw_timers_remove(gw_timers *timers, uint32_t slot);
wr_time gw_timers_next(const gw_timers *timers); /* WR_NEVER: none */
/* Takes the earliest slot out if its time has come. */
bool gw_timers_take(gw_timers *timers, wr_time now, uint32_t *slot);

#endif
