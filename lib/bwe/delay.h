/* bwe/delay.h - whether packets queue up on their way: the delay-based half of Google congestion control.
 *
 * draft-ietf-rmcat-gcc-02 sections 5.1 to 5.4, with the trendline filter that libwebrtc uses in place of the
 * draft's Kalman filter. Packets sent within 5 ms are one group; from group to group the way may take longer or
 * shorter; the slope of the smoothed sum over the last 20 groups, against a threshold that adapts, says what the
 * bottleneck's queue does. Arrival times may be of any clock: only differences count. */
#ifndef WR_BWE_DELAY_H
#define WR_BWE_DELAY_H

#include "wr/types.h"

#define WR_DELAY_GROUP_US WR_MS(5)      /* gcc-02 5.2: burst_time */
#define WR_DELAY_BURST_US WR_MS(100)    /* libwebrtc InterArrival: longest burst taken as one group */
#define WR_DELAY_WINDOW 20              /* libwebrtc TrendlineEstimator: window size */
#define WR_DELAY_SMOOTHING 0.9          /* libwebrtc: smoothing coefficient */
#define WR_DELAY_GAIN 4.0               /* libwebrtc: threshold gain */
#define WR_DELAY_DELTAS_MAX 60          /* libwebrtc: kMinNumDeltas */
#define WR_DELAY_THRESHOLD_MS 12.5      /* gcc-02 table 1: del_var_th(0) */
#define WR_DELAY_THRESHOLD_MIN_MS 6.0   /* gcc-02 5.4 */
#define WR_DELAY_THRESHOLD_MAX_MS 600.0 /* gcc-02 5.4 */
#define WR_DELAY_K_UP 0.0087            /* libwebrtc; gcc-02 table 1 has 0.01 */
#define WR_DELAY_K_DOWN 0.039           /* libwebrtc; gcc-02 table 1 has 0.00018 */
#define WR_DELAY_OUTLIER_MS 15.0        /* gcc-02 5.4: farther from the threshold does not move it */
#define WR_DELAY_OVERUSE_MS 10.0        /* gcc-02 table 1: overuse_time_th */

typedef enum wr_usage { WR_USAGE_NORMAL, WR_USAGE_OVER, WR_USAGE_UNDER } wr_usage;

typedef struct wr_delay_group {
  wr_time first_sent, last_sent, first_arrived, last_arrived;
} wr_delay_group;

typedef struct wr_delay {
  wr_delay_group current, previous;
  unsigned n_groups; /* 0, 1, 2: of the two above */
  wr_time began_at;  /* the first arrival: the zero of |x_ms| */
  double sum_ms, smoothed_ms, least_ms;
  double x_ms[WR_DELAY_WINDOW], y_ms[WR_DELAY_WINDOW];
  unsigned n, n_deltas;
  double threshold_ms, last_trend, over_ms;
  unsigned n_over;
  wr_time adapted_at;
  wr_usage usage;
} wr_delay;

/* How much longer the way takes than at its best, in ms: what stands in queues. The best is forgotten by 1 ms a
 * second, for clocks drift and paths change. */
static inline double wr_delay_queue_ms(const wr_delay *delay) { return delay->smoothed_ms - delay->least_ms; }

/* The same of the last group alone: at once where the other takes ten groups, and with the way's jitter in it. */
static inline double wr_delay_queue_now_ms(const wr_delay *delay) {
  double ms = delay->sum_ms - delay->least_ms;
  return ms > 0 ? ms : 0;
}

void wr_delay_init(wr_delay *delay);
/* A packet that arrived, in the order of sending; |sent_at| by our clock, |arrived_at| by the peer's. */
wr_usage wr_delay_packet(wr_delay *delay, wr_time sent_at, wr_time arrived_at);

#endif
