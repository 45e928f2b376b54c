/* manager/room.h - is there room again for a picture that was taken off? Asked by pings with ballast.
 *
 * Voice alone cannot tell: the browser's estimate does not grow beyond half as much again of what is sent, and what
 * is small passes a shaper at once, however narrow the way behind it. So while a picture waits, a ping now and then
 * carries ballast, and how much longer its answer takes than others says what passes. A little first: where
 * that takes long already, more would stand in the way of speech. */
#ifndef MANAGER_ROOM_H
#define MANAGER_ROOM_H

#include "manager/types.h"

typedef struct mgr_room {
  mgr_time ask_at;       /* the next question; MGR_NEVER: nothing is wanted */
  bool open;             /* a question is */
  mgr_time quiet_until;  /* what is measured before is a question's own doing */
  uint32_t rung;         /* how much ballast the next one carries */
  uint32_t n_vain;       /* questions without good news */
  mgr_time denied_until; /* an answer said that there is no room */
  mgr_time distrust_us;  /* good news that was wrong: no more for so long; 0: never was */
} mgr_room;

void mgr_room_init(mgr_room *r);
/* A picture waits, from now on; said again nothing changes. */
void mgr_room_want(mgr_room *r, mgr_time now);
void mgr_room_stop(mgr_room *r); /* none does */
/* The ballast of the ping that leaves now, in bytes; 0: none. */
uint32_t mgr_room_ask(mgr_room *r, mgr_time now);
/* When it will be more than none; MGR_NEVER: nothing is wanted. */
mgr_time mgr_room_ask_at(const mgr_room *r);
/* A question is open, or was just now. */
bool mgr_room_is_asking(const mgr_room *r, mgr_time now);
/* The answer to |bytes| of ballast after |rtt_ms|, where others take |base_ms|. Returns what surely passes, in
 * bit/s; 0: not known, or too little to speak of. */
double mgr_room_answered(mgr_room *r, uint32_t bytes, double rtt_ms, double base_ms, mgr_time now);
/* There is too little room, said the last answer; or it took long where little was asked. For some seconds no
 * picture is tried otherwise. */
void mgr_room_deny(mgr_room *r, mgr_time now);
bool mgr_room_is_denied(const mgr_room *r, mgr_time now);
/* It was believed, and did not pass. */
void mgr_room_was_wrong(mgr_room *r, mgr_time now);

#endif
