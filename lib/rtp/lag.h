/* rtp/lag.h - how long packets stood in queues on their way here, by the time at which each says it was sent
 * (abs-send-time, http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time).
 *
 * The clocks of both sides are not compared: what counts is by how much a packet took longer than the quickest of
 * the last 10 to 20 s. A packet alone may be late for any reason, so of three in a row the least counts. A way that
 * stops and then delivers everything at once (Wi-Fi does) looks like a queue as well, but not for long. A value;
 * nothing fails. */
#ifndef WR_RTP_LAG_H
#define WR_RTP_LAG_H

#include "wr/types.h"

#define WR_RTP_LAG_PERIOD_US WR_S(10)
#define WR_RTP_LAG_ROW 3
#define WR_RTP_LAG_STALE_US WR_MS(300) /* after the last packet nothing is known */

typedef struct wr_rtp_lag {
  bool started;
  uint8_t n;            /* of |row|, wraps */
  uint32_t quickest[2]; /* of the last period and of this: transit in units of 2^-18 s, modulo 2^24 */
  uint32_t row[WR_RTP_LAG_ROW];
  wr_time period_until, last_at;
} wr_rtp_lag;

/* Also for another path: the one before says nothing of it. */
void wr_rtp_lag_init(wr_rtp_lag *lag);
/* |sent|: the 24 bits of the extension. */
void wr_rtp_lag_arrived(wr_rtp_lag *lag, uint32_t sent, wr_time now);
/* As of the last packet; 0 before the third, and when the last is too long ago. */
uint32_t wr_rtp_lag_us(const wr_rtp_lag *lag, wr_time now);

#endif
