/* bwe/loss.h - the rate that loss allows.
 *
 * draft-ietf-rmcat-gcc-02 section 6: over 10 % loss lowers it, under 2 % raises it, between them it stays. A path
 * that loses at any rate (radio) would so be starved for nothing. So a bound that was lowered without the loss
 * becoming less is taken back, and that loss is held for the path's own from then on: only what exceeds it counts.
 * libwebrtc's loss-based estimator v2 has the same aim with a model of its own; this is not that one. */
#ifndef WR_BWE_LOSS_H
#define WR_BWE_LOSS_H

#include "wr/types.h"

#define WR_LOSS_HIGH 0.10              /* gcc-02 6 */
#define WR_LOSS_LOW 0.02               /* gcc-02 6 */
#define WR_LOSS_INCREASE 1.08          /* libwebrtc SendSideBandwidthEstimation; gcc-02 6 has 1.05. A second */
#define WR_LOSS_INTERVAL_US WR_MS(500) /* how long losses are counted before they are judged ... */
#define WR_LOSS_PACKETS 20             /* ... and of how many packets: libwebrtc kLimitNumPackets */
#define WR_LOSS_TRIALS 4               /* intervals in which lowering must have helped */
#define WR_LOSS_WEIGHT 0.3             /* of an interval in the smoothed share: few packets are a bad sample */
#define WR_LOSS_HELPED 0.5             /* it did, if the loss is below this share of what it was */

typedef struct wr_loss {
  double bound_bps, most_bps, least_bps; /* |bound_bps| = |most_bps|: no bound */
  double own;                            /* share of packets that the path loses at any rate */
  double share, smoothed;                /* lost in the last interval; over about the last three */
  uint32_t n_packets, n_lost;            /* of this one */
  wr_time began_at;                      /* WR_NEVER: nothing counted */
  unsigned n_trials;                     /* intervals left of a trial; 0: none */
  double tried, before_bps, last_share;  /* |last_share|: the one before |share| */
} wr_loss;

void wr_loss_init(wr_loss *loss, double least_bps, double most_bps);
/* Packets told of by one feedback; |sent_bps|: what is being sent, |allowed_bps|: what the delay allows. */
void wr_loss_update(wr_loss *loss, uint32_t n_packets, uint32_t n_lost, double sent_bps, double allowed_bps,
                    wr_time now);

#endif
