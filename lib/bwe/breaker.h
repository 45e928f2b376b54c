/* bwe/breaker.h - circuit breakers of RTP (RFC 8083): the last resort when a path cannot carry what is sent.
 *
 * Fed with what is sent and with the peer's report blocks about it. Three of the four rules:
 *   4.1 media timeout: reports come, but tell of no new packet for 5 intervals
 *   4.2 RTCP timeout: no report for three of the peer's intervals, at least 15 s; of a peer that has ever sent one
 *   4.3 congestion: over 3 intervals more than 10 times was sent than TCP would on a path with such loss
 * Left out: 4.4, media too broken to use, which is the application's to judge. */
#ifndef WR_BWE_BREAKER_H
#define WR_BWE_BREAKER_H

#include "wr/types.h"

#define WR_BREAKER_MEDIA_INTERVALS 5      /* RFC 8083 4.1 */
#define WR_BREAKER_RTCP_LEAST_US WR_S(15) /* RFC 8083 4.3: max(15, 3 Td) in its bounds, here for 4.2 too */
#define WR_BREAKER_CONGESTION_INTERVALS 3 /* RFC 8083 4.3: CB_INTERVAL for reports up to 5 s apart */
#define WR_BREAKER_TCP_TIMES 10           /* RFC 8083 4.3 */

typedef enum wr_breaker_verdict {
  WR_BREAKER_CLOSED, /* as an electrician says it: current flows */
  WR_BREAKER_MEDIA_TIMEOUT,
  WR_BREAKER_RTCP_TIMEOUT,
  WR_BREAKER_CONGESTION,
} wr_breaker_verdict;

typedef struct wr_breaker {
  bool reported; /* a report has come */
  uint32_t n_packets, highest_seq;
  uint64_t n_bytes;         /* since the last report */
  unsigned n_stuck, n_high; /* intervals in a row without progress; and of the congestion */
  double sent_bytes, lost_sum, seconds;
  uint64_t all_packets;
  wr_time reported_at, interval_us;
  wr_time unreported_since; /* the first packet sent since that report */
  wr_breaker_verdict verdict;
} wr_breaker;

void wr_breaker_sent(wr_breaker *breaker, size_t bytes, wr_time now);
/* A report block about our stream. */
void wr_breaker_report(wr_breaker *breaker, uint32_t highest_seq, uint8_t fraction_lost, uint32_t rtt_us,
                       wr_time now);
/* Anything but CLOSED: stop sending. It stays so until wr_breaker_reset, which is for a change of the path, or for
 * one who tries again after a while (RFC 8083 4.5). */
wr_breaker_verdict wr_breaker_ask(wr_breaker *breaker, wr_time now);
static inline void wr_breaker_reset(wr_breaker *breaker) { *breaker = (wr_breaker){0}; }

#endif
