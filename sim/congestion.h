/* sim/congestion.h - media flows that adapt, TCP flows, and one bottleneck each way: the tests of RFC 8867.
 *
 * A media flow is lib/bwe as it is: encoder, pacer, probes with padding, transport-wide feedback each 100 ms that
 * is written, carried, perhaps lost, and read. The encoder meets the target at once, 25 frames a second whose sizes
 * vary by a quarter. TCP is Reno (RFC 5681) with an acknowledgement a packet. A bottleneck is a drop-tail queue of
 * 300 ms whose rate changes; behind it a way of each flow's own length, with jitter as RFC 8868 has it: normal, 5
 * ms of deviation, cut at 15, order kept. Time moves by milliseconds, queues are exact.
 *
 * Left out: the delay of real encoders, repair of lost packets, audio beside the video. */
#ifndef SIM_CONGESTION_H
#define SIM_CONGESTION_H

#include <stdio.h>

#include "wr/types.h"

#define SIM_CONGESTION_FLOWS 12 /* of a case, asserted */
#define SIM_CONGESTION_PHASES 6 /* capacities of one direction; ends with rate 0 */
#define SIM_CONGESTION_SECONDS 300
#define SIM_CONGESTION_MEDIA_LEAST_BPS 150000 /* RFC 8867 4.4 */
#define SIM_CONGESTION_MEDIA_MOST_BPS 1500000

typedef enum sim_flow_kind { SIM_FLOW_NONE, SIM_FLOW_MEDIA, SIM_FLOW_LONG_TCP, SIM_FLOW_SHORT_TCP } sim_flow_kind;

typedef struct sim_flow_plan {
  sim_flow_kind kind;
  bool backward; /* sends against the others */
  int one_way_ms, start_s;
  int pause_s, resume_s; /* 0: no pause */
} sim_flow_plan;

typedef struct sim_capacity {
  int from_s;
  uint32_t bps;
} sim_capacity;

typedef struct sim_congestion_plan {
  const char *name, *section;
  int seconds;
  sim_capacity forward[SIM_CONGESTION_PHASES], backward[SIM_CONGESTION_PHASES];
  sim_flow_plan flow[SIM_CONGESTION_FLOWS];
} sim_congestion_plan;

/* What one second was, of one flow. */
typedef struct sim_flow_second {
  uint32_t sent, lost, bits; /* packets sent, and of them dropped; bits that arrived */
  uint32_t queue_ms;         /* the longest wait in the bottleneck */
} sim_flow_second;

typedef struct sim_congestion_result {
  sim_flow_second second[SIM_CONGESTION_FLOWS][SIM_CONGESTION_SECONDS];
  uint32_t waits[SIM_CONGESTION_FLOWS][1024]; /* packets by the ms they waited; the last: and longer */
  uint64_t digest;                            /* of what arrived and when */
} sim_congestion_result;

/* false: out of memory. |log|: NULL, or a line a second of each media flow. */
bool sim_congestion_run(const sim_congestion_plan *plan, uint64_t seed, FILE *log, sim_congestion_result *result);
/* The capacity that holds in |second|, of the direction's phases; 0 phases: 100 Mbit/s. */
uint32_t sim_capacity_at(const sim_capacity phase[SIM_CONGESTION_PHASES], int second);

#endif
