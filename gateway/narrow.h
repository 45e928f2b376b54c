/* gateway/narrow.h - is the way to the caller so narrow that packets of 20 ms do not pass?
 *
 * The assistant's speech is not encoded anew, so its bits are what they are; but headers are 58 bytes of each
 * packet: 23 kbit/s at 20 ms, as much as the speech itself, 8 at 60, 4 at 120. Where the estimate of the way
 * (wr_conn_target_bps) falls below what short packets need, speech goes out in long ones and without copies of
 * earlier frames, for as much more delay as its packets are longer.
 *
 * What queued up until that was known would stand in the router for many seconds, for little is left to drain it.
 * So speech waits here once, until it is gone: the caller hears what is under way meanwhile, but what he interrupts
 * can be taken back, and answers to his pings do not wait behind it.
 *
 * Silence around speech goes in packets of 10 ms, so that speech waits no longer for its slot. That is more packets
 * than speech has: where the way is known to be limited, or short packets are on trial, silence has no more than
 * speech, and where it is narrow as few.
 *
 * What is sent little proves little, so the estimate does not say by itself when there is room again: after a while
 * short packets are tried, and each trial that failed makes the next one come later. */
#ifndef GATEWAY_NARROW_H
#define GATEWAY_NARROW_H

#include "wr/types.h"

#define GW_NARROW_BPS                                                                        \
  60000 /* speech of 24 kbit/s, headers at 20 ms, and what travels beside: reports, messages \
         */
#define GW_NARROW_WIDE_BPS 66000   /* no longer narrow; beside speech in short packets an estimate grows so far */
#define GW_NARROW_LEAST_BPS 45000  /* below it packets of 60 ms do not pass, beside the same: 120 */
#define GW_NARROW_AMPLE_BPS 100000 /* twice what silence in packets of 10 ms takes with its headers, 49 kbit/s */
#define GW_NARROW_QUEUE_US 80000   /* so much stands in queues: the trial failed */
#define GW_NARROW_HOLD_US WR_S(10)
#define GW_NARROW_HOLD_MAX_US WR_S(60)
#define GW_NARROW_REST_US WR_MS(150)     /* more than that in queues: speech waits ... */
#define GW_NARROW_LEFT_US WR_MS(40)      /* ... until so much is left ... */
#define GW_NARROW_REST_MAX_US WR_MS(600) /* ... but not longer: the estimate may be wrong */
#define GW_NARROW_NEWS_US WR_MS(400)     /* and a round trip: then feedback tells of what was sent after it */

typedef enum gw_narrow_state { GW_NARROW_NO, GW_NARROW_YES, GW_NARROW_TRIAL } gw_narrow_state;

/* Zero is the beginning: not narrow. */
typedef struct gw_narrow {
  gw_narrow_state state;
  bool very;              /* YES: packets of 120 ms, not 60 */
  wr_time until, hold_us; /* YES: no trial before */
  wr_time rested_until;   /* before it a queue is an old one */
} gw_narrow;

/* As often as one likes. |target_bps|: 0 not known, as after a change of path; then nothing is narrow. |queue_us|:
 * what stands in queues on the way. Returns how long packets of speech are to be, in ms; 0: as they come. */
unsigned gw_narrow_step(gw_narrow *narrow, uint32_t target_bps, uint32_t queue_us, wr_time now);
/* How long packets of silence are to be where those of speech go as they come, in ms. */
unsigned gw_narrow_quiet_ms(const gw_narrow *narrow, uint32_t target_bps);
/* As often. How long speech is to wait from now on for the queue to drain; 0: not. */
wr_time gw_narrow_rest_us(gw_narrow *narrow, uint32_t queue_us, uint32_t rtt_us, wr_time now);

#endif
