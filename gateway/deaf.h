/* gateway/deaf.h - a caller who is heard but does not hear: is the way to him dead?
 *
 * He answers all the time: to data (the gateway's pongs, captions) and to checks of consent. If an answer is
 * missing for longer than a round trip and the time that browsers may hold an acknowledgement back, he is asked by
 * checks, and if he answers none of three, nothing arrives there. Any answer ends it: over this path, or over the
 * one that took its place. A value. */
#ifndef GATEWAY_DEAF_H
#define GATEWAY_DEAF_H

#include "wr/conn.h"

#define GW_DEAF_SUSPECT_US WR_MS(300) /* and twice the round trip: browsers delay a SACK by 200 ms */
#define GW_DEAF_CHECK_US WR_MS(100)   /* or twice the round trip: between checks (lib/ice/consent.c) */
#define GW_DEAF_CHECKS 3

typedef enum gw_deaf_news {
  GW_DEAF_NOTHING,
  GW_DEAF_ASK,    /* wr_conn_ask */
  GW_DEAF_BEGINS, /* nothing that leaves now is heard */
  GW_DEAF_ENDS,   /* what left since |before_at| was not, most probably */
} gw_deaf_news;

typedef struct gw_deaf {
  bool is;
  wr_time asked_at;  /* 0: he is not under suspicion */
  wr_time before_at; /* his last answer before that */
} gw_deaf;

gw_deaf_news gw_deaf_look(gw_deaf *deaf, const wr_arrival *arrival, uint32_t rtt_us, wr_time now);
/* He is on another path now; to be said before the next look. One under suspicion has left a path that was dead. */
void gw_deaf_move(gw_deaf *deaf);
/* When to look again, if nothing comes. */
wr_time gw_deaf_deadline(const gw_deaf *deaf, const wr_arrival *arrival, uint32_t rtt_us);

#endif
