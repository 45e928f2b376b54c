/* gateway/uplink.h - the caller's speech on its way to the assistant, never decoded.
 *
 * Browsers send Opus packets of 10 to 60 ms as they please; XiaoZhi servers want 60 ms (some clip the beginning of
 * speech otherwise). Packets of one mode are merged by rewriting their framing (RFC 6716 3.2); where they cannot be
 * merged, what is there goes out shorter. While the server must find the end of speech, silence is filled in for a
 * caller who sends nothing (muted, DTX): a server that hears nothing at all never ends the turn.
 *
 * Time is an argument; packets leave through |emit|, which must not call back. */
#ifndef GATEWAY_UPLINK_H
#define GATEWAY_UPLINK_H

#include <opus/opus.h>

#include "wr/types.h"

#define GW_UPLINK_PACKET_MS 60
#define GW_UPLINK_QUIET_US WR_MS(120) /* nothing heard so long: silence begins */
#define GW_UPLINK_BYTES 4096
#define GW_UPLINK_AHEAD_MS 10000  /* of sound may come at once, as after a pause of the network */
#define GW_UPLINK_HOLE_MAX_MS 240 /* a longer hole is not hidden: nobody could tell what was in it */

typedef struct gw_uplink {
  OpusRepacketizer *repacketizer; /* borrowed; may be shared by all uplinks of a thread */
  void (*emit)(void *ctx, wr_bytes opus);
  void *ctx;
  bool active, fill;
  uint8_t n, toc;
  uint16_t samples;        /* at 48 kHz, in |held| */
  uint16_t packet_samples; /* of the last packet pushed */
  uint16_t len[8];
  uint16_t used;
  wr_time silence_at;
  wr_time spoken_until;                                         /* what was pushed, played since it came */
  uint64_t n_in, n_out, n_silent, n_concealed, n_bad, n_excess; /* bad: not an Opus packet; excess: ahead of time */
  uint8_t *held;                                                /* GW_UPLINK_BYTES, lent */
} gw_uplink;

void gw_uplink_init(gw_uplink *up, uint8_t held[GW_UPLINK_BYTES], OpusRepacketizer *repacketizer,
                    void (*emit)(void *ctx, wr_bytes opus), void *ctx);
/* From now on packets are wanted. |fill|: with silence where there are none. */
void gw_uplink_start(gw_uplink *up, bool fill, wr_time now);
/* No more; what is held goes out first if |flush|. */
void gw_uplink_stop(gw_uplink *up, bool flush);
void gw_uplink_push(gw_uplink *up, wr_bytes opus, wr_time now); /* ignored while stopped */
/* |n| packets before the next one were lost for good: as many empty frames take their place, so that a recogniser
 * hears continuous time and its decoder conceals the hole (RFC 6716 2.1.7). At most GW_UPLINK_HOLE_MAX_MS. */
void gw_uplink_lost(gw_uplink *up, unsigned n, wr_time now);
void gw_uplink_tick(gw_uplink *up, wr_time now);
wr_time gw_uplink_deadline(const gw_uplink *up);

#endif
