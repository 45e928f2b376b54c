/* gateway/narrow.h - is the way to the caller so narrow that packets of 20 ms do not pass?
 *
 * The assistant's speech is not encoded anew, so its bits are what they are; but headers are 58 bytes of each
 * packet: 23 kbit/s at 20 ms, as much as the speech itself, and 8 at 60. Where the estimate of the way
 * (wr_conn_target_bps) falls below what short packets need, speech goes out in long ones and without copies of
 * earlier frames, for 40 ms more of delay.
 *
 * What is sent little proves little, so the estimate does not say by itself when there is room again: after a while
 * short packets are tried, and each trial that failed makes the next one come later. */
#ifndef GATEWAY_NARROW_H
#define GATEWAY_NARROW_H

#include "wr/types.h"

#define GW_NARROW_BPS                                                                        \
  60000 /* speech of 24 kbit/s, headers at 20 ms, and what travels beside: reports, messages \
         */
#define GW_NARROW_WIDE_BPS 66000 /* no longer narrow; beside speech in short packets an estimate grows so far */
#define GW_NARROW_QUEUE_US 80000 /* so much stands in queues: the trial failed */
#define GW_NARROW_HOLD_US WR_S(10)
#define GW_NARROW_HOLD_MAX_US WR_S(60)

typedef enum gw_narrow_state { GW_NARROW_NO, GW_NARROW_YES, GW_NARROW_TRIAL } gw_narrow_state;

/* Zero is the beginning: not narrow. */
typedef struct gw_narrow {
  gw_narrow_state state;
  wr_time until, hold_us; /* YES: no trial before */
} gw_narrow;

/* As often as one likes. |target_bps|: 0 not known, as after a change of path; then nothing is narrow. |queue_us|:
 * what stands in queues on the way. true: long packets. */
bool gw_narrow_step(gw_narrow *narrow, uint32_t target_bps, uint32_t queue_us, wr_time now);

#endif
