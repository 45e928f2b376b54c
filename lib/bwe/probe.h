/* bwe/probe.h - finding out at once what a path carries: a short run of packets at a higher rate.
 *
 * As libwebrtc's ProbeController and ProbeBitrateEstimator do: 3 and 6 times the first rate at the start, twice the
 * result as long as it keeps up; in the application-limited region, where nothing else would raise the estimate,
 * twice the estimate every 5 s. What is probed is the sender's to send: media that waits, then padding. */
#ifndef WR_BWE_PROBE_H
#define WR_BWE_PROBE_H

#include "wr/types.h"

#define WR_PROBE_FIRST 3.0                /* libwebrtc: first_exponential_probe_scale */
#define WR_PROBE_SECOND 6.0               /* libwebrtc: second_exponential_probe_scale */
#define WR_PROBE_FURTHER 2.0              /* libwebrtc: further_exponential_probe_scale */
#define WR_PROBE_FURTHER_IF 0.7           /* libwebrtc: further_probe_threshold */
#define WR_PROBE_LIMITED 2.0              /* libwebrtc: alr_probe_scale */
#define WR_PROBE_LIMITED_EVERY_US WR_S(5) /* libwebrtc: alr_probing_interval */
#define WR_PROBE_PACKETS 5                /* libwebrtc: min_probe_packets_sent */
#define WR_PROBE_LEAST_US WR_MS(15)       /* libwebrtc: min_probe_duration */
#define WR_PROBE_ARRIVED_SHARE 0.8        /* libwebrtc: kMinReceivedProbesRatio, and of bytes */
#define WR_PROBE_LONGEST_US WR_S(1)       /* libwebrtc: kMaxProbeInterval */
#define WR_PROBE_RATIO_MOST 2.0           /* libwebrtc: kMaxValidRatio: arrived faster than sent */
#define WR_PROBE_FULL_RATIO 0.9           /* libwebrtc: kMinRatioForUnsaturatedLink ... */
#define WR_PROBE_FULL_SHARE 0.95          /* ... below it the path is full: kTargetUtilizationFraction */

typedef struct wr_probe {
  /* to be sent */
  double wanted_bps[2], most_bps;
  unsigned n_wanted;
  double sending_bps; /* 0: none under way */
  uint8_t cluster;    /* its number, 1 .. 255; 0 is no probe */
  unsigned n_sent;
  size_t sent_bytes, enough_bytes;
  /* told of */
  unsigned n_arrived;
  size_t arrived_bytes, last_sent_bytes, first_arrived_bytes;
  wr_time first_sent_at, last_sent_at, first_arrived_at, last_arrived_at, began_at, limited_at;
  bool may_go_on; /* a good result asks for twice as much */
} wr_probe;

void wr_probe_init(wr_probe *probe, double most_bps);
/* The connection stands: the two first ones. */
void wr_probe_start(wr_probe *probe, double start_bps);
/* In the application-limited region, called often: another one if it is time. */
void wr_probe_limited(wr_probe *probe, double target_bps, wr_time now);
void wr_probe_cancel(wr_probe *probe); /* the path is full */
/* The rate to send at now, and in |cluster| what wr_probe_sent is to be told. 0: none. */
double wr_probe_rate(wr_probe *probe, uint8_t *cluster, wr_time now);
void wr_probe_sent(wr_probe *probe, uint8_t cluster, size_t bytes);
/* A packet of |cluster| has arrived. Returns the rate it proves, once it is known; else 0. */
double wr_probe_arrived(wr_probe *probe, uint8_t cluster, size_t bytes, wr_time sent_at, wr_time arrived_at);

#endif
