/* bwe/pacer.h - when the next packet may go, so that a frame of video does not become a burst.
 *
 * It holds no packets: ask wr_pacer_at, send, tell wr_pacer_sent. Voice at its even pace needs none. */
#ifndef WR_BWE_PACER_H
#define WR_BWE_PACER_H

#include "wr/types.h"

#define WR_PACER_FACTOR 2.5        /* libwebrtc: kDefaultPaceMultiplier, of the target */
#define WR_PACER_BURST_US WR_MS(5) /* sent ahead of their time at most, to wake up less often */

typedef struct wr_pacer {
  wr_time free_at; /* all that was sent has left, at the rates it was sent at */
} wr_pacer;

/* The earliest time for the next packet. */
static inline wr_time wr_pacer_at(const wr_pacer *pacer) { return pacer->free_at - WR_PACER_BURST_US; }
static inline void wr_pacer_sent(wr_pacer *pacer, size_t bytes, double rate_bps, wr_time now) {
  if (pacer->free_at < now) pacer->free_at = now;
  pacer->free_at += (wr_time)((double)bytes * 8e6 / rate_bps);
}

#endif
