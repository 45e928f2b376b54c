/* bwe/rate.h - bits a second over a sliding window of half a second, in steps of 25 ms. */
#ifndef WR_BWE_RATE_H
#define WR_BWE_RATE_H

#include "wr/types.h"

#define WR_RATE_STEP_US WR_MS(25)
#define WR_RATE_STEPS 20

typedef struct wr_rate {
  wr_time began_at, step; /* |step|: number of the newest one; meaningless until |started| */
  bool started;
  uint32_t bytes[WR_RATE_STEPS];
} wr_rate;

/* |now| may be of any clock, not negative, and somewhat late: what is older than the window is not counted. */
void wr_rate_add(wr_rate *rate, size_t bytes, wr_time now);
/* 0: nothing in the window, or less than four steps have passed since the first packet. */
double wr_rate_bps(wr_rate *rate, wr_time now);

#endif
