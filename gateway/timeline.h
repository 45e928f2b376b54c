/* gateway/timeline.h - when a connection reached what, as the gateway measured it: told in `ready` and to the
 * admin, so that a caller can hold its own clock against it. */
#ifndef GATEWAY_TIMELINE_H
#define GATEWAY_TIMELINE_H

#include "wr/types.h"

#define GW_TIMELINE_TEXT_MAX 192

/* Time points; 0: not reached, or there is no such step (a WebSocket has neither ice nor dtls). */
typedef struct gw_timeline {
  wr_time offered_at;  /* the request had been received */
  wr_time answered_at; /* its answer was ready */
  wr_time ice_at, dtls_at, data_at, media_at;
} gw_timeline;

/* {"signalling":0.4,"ice":2.1,...}: milliseconds since |offered_at|, what was not reached left out. */
void gw_timeline_write(char out[GW_TIMELINE_TEXT_MAX], const gw_timeline *timeline);
/* Milliseconds from the offer to |at|; 0 if that is no later or not reached. */
double gw_timeline_ms(const gw_timeline *timeline, wr_time at);

#endif
