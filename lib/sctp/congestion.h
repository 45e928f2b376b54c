/* sctp/congestion.h - how much may be in flight, and how long to wait for an answer (RFC 9260 6.3, 7.2).
 *
 * Two value types. Deviations, for a conversation over DTLS whose path ICE has just measured: initial RTO 500 ms,
 * RTO within [200 ms, 3 s] instead of [1 s, 60 s]; initial window of 10 packets (RFC 6928); in slow start
 * the window grows by what a SACK acknowledges, at most two packets or half the window (RFC 3465's byte counting:
 * a peer that reads packets in batches sends one SACK for many). Max.Burst is not applied. */
#ifndef WR_SCTP_CONGESTION_H
#define WR_SCTP_CONGESTION_H

#include "wr/types.h"

#define WR_SCTP_RTO_INITIAL WR_MS(500)
#define WR_SCTP_RTO_MIN WR_MS(200)
#define WR_SCTP_RTO_MAX WR_S(3)

typedef struct wr_sctp_rto {
  wr_time srtt_us, rttvar_us, rto_us; /* srtt 0: not measured */
} wr_sctp_rto;
void wr_sctp_rto_init(wr_sctp_rto *rto);
void wr_sctp_rto_measure(wr_sctp_rto *rto, wr_time rtt_us); /* 6.3.1 C1-C7 */
void wr_sctp_rto_back_off(wr_sctp_rto *rto);                /* 6.3.3 E2 */
/* Data got through: the path is not as slow as the backing off assumed, though Karn forbids to measure it. */
void wr_sctp_rto_recover(wr_sctp_rto *rto);

typedef struct wr_sctp_cwnd {
  uint32_t mtu, cwnd, ssthresh, partial_acked; /* bytes */
  bool in_recovery;
  uint32_t recovery_exit; /* TSN: recovery ends when it is cumulatively acknowledged */
} wr_sctp_cwnd;
void wr_sctp_cwnd_init(wr_sctp_cwnd *c, uint32_t mtu);
/* A SACK came: |acked| new bytes in all, the cumulative point now |cumulative| (|advanced|: it moved).
 * |window_used|: what was acknowledged left while the window was the limit (7.2.1: else it does not grow). */
void wr_sctp_cwnd_ack(wr_sctp_cwnd *c, bool advanced, uint32_t cumulative, uint32_t acked, bool window_used);
/* Three misses (7.2.3). |highest_sent| ends the recovery. true: recovery starts now, the window was halved. */
bool wr_sctp_cwnd_loss(wr_sctp_cwnd *c, uint32_t highest_sent);
void wr_sctp_cwnd_timeout(wr_sctp_cwnd *c); /* T3-rtx */
void wr_sctp_cwnd_idle(wr_sctp_cwnd *c);    /* nothing sent for an RTO (7.2.1) */

#endif
