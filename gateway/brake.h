/* gateway/brake.h - when is a page told at once that what it sends queues up on its way here?
 *
 * A camera that meets a way ten times narrower fills its router's queue within a fraction of a second, and the
 * voice stands in it as well. The page itself measures once a second, and the browser's own control needs longer to
 * leave the picture to its fate. Arrivals show it here first: as soon as a queue has stood for a moment, longer
 * than a Wi-Fi that held its breath and then delivers all at once, it is said ({"type":"queue"}), and again when it
 * has grown or does not go. A value. */
#ifndef GATEWAY_BRAKE_H
#define GATEWAY_BRAKE_H

#include "wr/types.h"

#define GW_BRAKE_QUEUE_US 100000 /* a queue: beyond the jitter of Wi-Fi */
#define GW_BRAKE_STOOD_US WR_MS(60)
#define GW_BRAKE_AGAIN_US WR_MS(500)

/* Zero is the beginning. */
typedef struct gw_brake {
  wr_time late_since; /* 0: no queue */
  wr_time said_at;    /* 0: of this queue nothing was said */
  uint32_t said_us;
} gw_brake;

/* After each packet of the page. |queue_us|: wr_conn_queue_in_us. true: say it now. */
bool gw_brake_step(gw_brake *brake, uint32_t queue_us, wr_time now);

#endif
