/* gateway/repair.h - how many copies of earlier frames the assistant's speech carries, so that what the network
 * loses is not missed (RFC 2198).
 *
 * Loss alone asks for copies; where the round trip grows besides, the way is full, and copies would make it worse:
 * they are the first to go. One copy is that of the frame before. Two are of that and of the one three before,
 * because losses come in a row (at 20 % in bursts of two, 5 % stay lost with two neighbours and 3 % so). Fast up,
 * slowly down. */
#ifndef GATEWAY_REPAIR_H
#define GATEWAY_REPAIR_H

#include "wr/types.h"

#define GW_REPAIR_ONE 0.02      /* of packets lost: from here on one copy */
#define GW_REPAIR_TWO 0.08      /* ... two */
#define GW_REPAIR_ONE_COPY 0x01 /* as wr_conn_set_audio_copies takes them */
#define GW_REPAIR_TWO_COPIES 0x05
#define GW_REPAIR_QUEUE_US 150000  /* round trip above its least: the way is full */
#define GW_REPAIR_REST_US WR_S(10) /* so long no copies, then */

typedef struct gw_repair {
  double loss; /* rises at once, falls by a tenth a step */
  uint32_t least_rtt_us;
  unsigned n_queued; /* steps in a row */
  unsigned n_copies;
  wr_time rest_until;
  uint64_t asked, sent; /* in all, at the last step */
} gw_repair;

#define GW_REPAIR_SENT 10 /* packets since the last step; fewer tell nothing */

/* How much is lost, for the step below, and before it. What a peer reports leaves out what was sent to it again, so
 * the better this helps the less seems to be lost: what it asked for is counted besides. |asked|: packets it
 * missed, |sent|: all, both since the beginning. While nothing is sent it is what it was. */
double gw_repair_lost(gw_repair *repair, double reported, uint64_t asked, uint64_t sent);

/* Once a second; zero is the beginning. |lost|: 0..1, of the last report. |rtt_us|: 0 if not known, or not
 * needed, as where the peer tells of arrivals. Returns what
 * wr_conn_set_audio_copies takes. */
uint8_t gw_repair_step(gw_repair *repair, double lost, uint32_t rtt_us, wr_time now);

#endif
