/* bwe/bwe.h - how much may be sent: the sender's side of Google congestion control.
 *
 * Packets are noted as they are sent and get a number; the peer's feedback (bwe/twcc.h or bwe/ccfb.h) feeds
 *   delay.h  does a queue grow?       -> aimd.h  what the delay allows
 *   loss.h   what the loss allows
 *   probe.h  what a short run of faster packets has shown
 * and the target is the least of these and of what the peer's REMB says, if it sends any. A sender that has less to
 * send than the target is in the application-limited region: its throughput proves nothing, so the estimate does
 * not grow by it, and probes ask instead.
 *
 * A wr_bwe is a value; the notes about packets lie in memory of the caller's. */
#ifndef WR_BWE_BWE_H
#define WR_BWE_BWE_H

#include "bwe/aimd.h"
#include "bwe/loss.h"
#include "bwe/probe.h"
#include "bwe/rate.h"

#define WR_BWE_START_BPS 300000   /* libwebrtc: kDefaultStartBitrateBps */
#define WR_BWE_LEAST_BPS 5000     /* libwebrtc: kCongestionControllerMinBitrate */
#define WR_BWE_LIMITED_SHARE 0.65 /* libwebrtc AlrDetector: bandwidth_usage_ratio: below it begins ... */
#define WR_BWE_FULL_SHARE 0.8     /* ... and here ends the application-limited region */
#define WR_BWE_OVERHEAD_BYTES 28  /* IP and UDP: counted as the bottleneck does */

typedef enum wr_bwe_fate {
  WR_BWE_UNUSED,
  WR_BWE_UNTOLD,
  WR_BWE_MISSING,
  WR_BWE_ARRIVED,
  WR_BWE_RESENT
} wr_bwe_fate;

typedef struct wr_bwe_note {
  wr_time sent_at;
  uint16_t seq, bytes;
  uint8_t cluster, fate; /* wr_bwe_fate */
} wr_bwe_note;

typedef struct wr_bwe_settings {
  double start_bps, least_bps, most_bps;
  bool probing;       /* the sender can send probes: media of varying rate, padding */
  wr_bwe_note *notes; /* lent for the life of the wr_bwe */
  unsigned n_notes;   /* a power of two; packets sent within a round trip and a feedback interval */
} wr_bwe_settings;

typedef struct wr_bwe {
  wr_bwe_settings settings;
  uint16_t next_seq;
  bool started, limited;
  wr_delay delay;
  wr_aimd aimd;
  wr_loss loss;
  wr_probe probe;
  wr_rate sent, arrived;
  double told_bps;       /* by REMB; 0: none */
  wr_time rtt_us;        /* smoothed; 0: no feedback yet */
  wr_time peer_at;       /* newest arrival, by the peer's clock without its wrap-around ... */
  wr_time peer_clock_us; /* ... which is after so long; 0: nothing has arrived yet */
  wr_usage usage;
  uint32_t n_feedback, n_malformed;
} wr_bwe;

void wr_bwe_init(wr_bwe *bwe, const wr_bwe_settings *settings);
/* A packet of |bytes| (without IP and UDP) is being sent. Returns its transport-wide sequence number. |cluster|: as
 * wr_bwe_probe told, else 0. */
uint16_t wr_bwe_sent(wr_bwe *bwe, size_t bytes, uint8_t cluster, wr_time now);
/* The packet of number |seq| goes out once more, as it was: whatever is told of it from now on, it was lost, and
 * when it arrives says nothing. */
void wr_bwe_resent(wr_bwe *bwe, uint16_t seq);
/* A feedback packet's body. What is malformed is counted; what stood before the fault has been used. */
void wr_bwe_feedback(wr_bwe *bwe, wr_bytes body, wr_time now);
/* The same of RFC 8888, of which only |ssrc| counts. |offset|: of our numbers beyond its RTP numbers, that is, each
 * of its packets was noted as it was sent, and no other. */
void wr_bwe_feedback_ccfb(wr_bwe *bwe, wr_bytes body, uint32_t ssrc, uint16_t offset, wr_time now);
/* REMB (draft-alvestrand-rmcat-remb-03): the peer's own estimate; an upper bound of the target. */
void wr_bwe_remb(wr_bwe *bwe, double bps);
/* What media and their headers may use together. */
double wr_bwe_target_bps(const wr_bwe *bwe);
/* Whether packets should be sent faster than the target now, and how fast; 0: no. See wr_probe_rate. */
double wr_bwe_probe(wr_bwe *bwe, uint8_t *cluster, wr_time now);

#endif
