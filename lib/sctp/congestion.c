/* sctp/congestion.c - slow start, congestion avoidance, fast recovery, RTO; see the header for deviations. */
#include "sctp/congestion.h"

#include "base/seq.h"

static uint32_t at_most(uint32_t a, uint32_t b) { return a < b ? a : b; }
static uint32_t at_least(uint32_t a, uint32_t b) { return a > b ? a : b; }

void wr_sctp_rto_init(wr_sctp_rto *rto) { *rto = (wr_sctp_rto){.rto_us = WR_SCTP_RTO_INITIAL}; }

static wr_time clamped(wr_time rto_us) {
  if (rto_us < WR_SCTP_RTO_MIN) return WR_SCTP_RTO_MIN;
  return wr_time_min(rto_us, WR_SCTP_RTO_MAX);
}

void wr_sctp_rto_measure(wr_sctp_rto *rto, wr_time rtt_us) {
  if (rtt_us < 1) rtt_us = 1;
  if (rtt_us > WR_S(60)) rtt_us = WR_S(60);
  if (rto->srtt_us == 0) {
    rto->srtt_us = rtt_us;
    rto->rttvar_us = rtt_us / 2;
  } else {
    wr_time error = rtt_us > rto->srtt_us ? rtt_us - rto->srtt_us : rto->srtt_us - rtt_us;
    rto->rttvar_us = (3 * rto->rttvar_us + error) / 4;
    rto->srtt_us = (7 * rto->srtt_us + rtt_us) / 8;
    if (rto->srtt_us == 0) rto->srtt_us = 1;
  }
  rto->rto_us = clamped(rto->srtt_us + 4 * rto->rttvar_us);
}

void wr_sctp_rto_back_off(wr_sctp_rto *rto) { rto->rto_us = clamped(2 * rto->rto_us); }

void wr_sctp_rto_recover(wr_sctp_rto *rto) {
  rto->rto_us = rto->srtt_us ? clamped(rto->srtt_us + 4 * rto->rttvar_us) : WR_SCTP_RTO_INITIAL;
}

#define CWND_MAX (64u << 20)

void wr_sctp_cwnd_init(wr_sctp_cwnd *c, uint32_t mtu) {
  *c = (wr_sctp_cwnd){.mtu = mtu, .cwnd = 10 * mtu, .ssthresh = CWND_MAX};
}

void wr_sctp_cwnd_ack(wr_sctp_cwnd *c, bool advanced, uint32_t cumulative, uint32_t acked, bool window_used) {
  if (c->in_recovery && !wr_seq32_newer(c->recovery_exit, cumulative)) c->in_recovery = false;
  if (!advanced || c->in_recovery) return;
  if (c->cwnd <= c->ssthresh) {
    if (window_used) c->cwnd += at_most(acked, at_least(2 * c->mtu, c->cwnd / 2));
  } else { /* 7.2.2: one packet per window's worth of acknowledged bytes */
    c->partial_acked += acked;
    if (c->partial_acked >= c->cwnd) {
      c->partial_acked = window_used ? c->partial_acked - c->cwnd : c->cwnd;
      if (window_used) c->cwnd += c->mtu;
    }
  }
  c->cwnd = at_most(c->cwnd, CWND_MAX);
}

static void halve(wr_sctp_cwnd *c) {
  c->ssthresh = at_least(c->cwnd / 2, 4 * c->mtu);
  c->partial_acked = 0;
}

bool wr_sctp_cwnd_loss(wr_sctp_cwnd *c, uint32_t highest_sent) {
  if (c->in_recovery) return false;
  halve(c);
  c->cwnd = c->ssthresh;
  c->in_recovery = true;
  c->recovery_exit = highest_sent;
  return true;
}

void wr_sctp_cwnd_timeout(wr_sctp_cwnd *c) {
  halve(c);
  c->cwnd = c->mtu;
  c->in_recovery = false;
}

void wr_sctp_cwnd_idle(wr_sctp_cwnd *c) { c->cwnd = at_least(c->cwnd / 2, at_most(c->cwnd, 10 * c->mtu)); }
