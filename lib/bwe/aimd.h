/* bwe/aimd.h - the rate that the delay allows: additive increase, multiplicative decrease.
 *
 * draft-ietf-rmcat-gcc-02 section 5.5, with libwebrtc's AimdRateControl where they differ. Far from what the path
 * is known to carry the rate grows by 8 % a second, near it by about half a packet per response time; overuse sets
 * it to 0.85 of what arrived; a queue that drains keeps it. */
#ifndef WR_BWE_AIMD_H
#define WR_BWE_AIMD_H

#include "bwe/delay.h"

#define WR_AIMD_DECREASE 0.85           /* gcc-02 table 1: beta */
#define WR_AIMD_INCREASE 1.08           /* gcc-02 5.5: eta, a second */
#define WR_AIMD_RESPONSE_US WR_MS(100)  /* gcc-02 5.5: added to the round trip */
#define WR_AIMD_ADDITIVE_LEAST_BPS 4000 /* libwebrtc: kMinIncreaseRateBpsPerSecond */
#define WR_AIMD_AHEAD 1.5               /* gcc-02 5.5: never above 1.5 times what arrived ... */
#define WR_AIMD_AHEAD_BPS 10000         /* ... and 10 kbit/s */
#define WR_AIMD_CAPACITY_WEIGHT 0.05    /* gcc-02 5.5: smoothing of the known capacity */
#define WR_AIMD_CAPACITY_SIGMAS 3       /* gcc-02 5.5: how far from it is near */

typedef enum wr_aimd_state { WR_AIMD_HOLD, WR_AIMD_GROW, WR_AIMD_FALL } wr_aimd_state;

typedef struct wr_aimd {
  double rate_bps, least_bps, most_bps;
  wr_aimd_state state;
  double capacity_kbps, capacity_var; /* of what arrived when the path was full; 0: not known. Variance / mean */
  wr_time changed_at, fell_at;        /* WR_NEVER: never */
} wr_aimd;

void wr_aimd_init(wr_aimd *aimd, double start_bps, double least_bps, double most_bps);
/* |arrived_bps|: measured throughput, 0 if not known. |limited|: the sender has less to send than it may, so the
 * throughput says nothing about the path (the application-limited region). */
void wr_aimd_update(wr_aimd *aimd, wr_usage usage, double arrived_bps, bool limited, wr_time rtt_us, wr_time now);
/* A probe has shown that the path carries |bps|, or something else that it does not carry more. */
void wr_aimd_set(wr_aimd *aimd, double bps, wr_time now);

#endif
