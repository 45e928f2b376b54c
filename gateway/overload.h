/* gateway/overload.h - whether new calls would spoil those that run: by how busy the busiest worker is, or
 * the whole process on its cores, and by what the system threw away because no worker fetched it, with
 * hysteresis. The second counts where the first is blind: a core that others take a part of (a host machine's
 * other guests, interrupts) is never wholly ours, and full before it looks so. Pure: told once a second. */
#ifndef GATEWAY_OVERLOAD_H
#define GATEWAY_OVERLOAD_H

#include <stdbool.h>

#define GW_OVERLOAD_SECONDS 3 /* in a row above the limit, until new calls are refused */
#define GW_OVERLOAD_CALM 3    /* in a row clearly below it, until they are taken again */
#define GW_OVERLOAD_BELOW 0.8 /* of the limit: clearly below */

typedef struct gw_overload {
  bool on;
  unsigned n; /* seconds in a row that speak for the other state */
} gw_overload;

/* |percent| of a core by the busiest worker, or of all cores by the process; |overflowed|: datagrams were thrown
 * away, as bad as any percentage; |limit|: 0 never. Whether the state changed. */
bool gw_overload_step(gw_overload *overload, double percent, bool overflowed, double limit);

#endif
