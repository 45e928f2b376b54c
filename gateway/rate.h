/* gateway/rate.h - how often each address may ask: a token bucket per IPv4 address or IPv6 /64.
 *
 * A fixed table; when it is full the bucket that was not used for longest is given away, so that many addresses can
 * lift the limit for one another, but nobody can fill memory. */
#ifndef GATEWAY_RATE_H
#define GATEWAY_RATE_H

#include "wr/types.h"

#define GW_RATE_BUCKETS 256

typedef struct gw_rate {
  struct {
    uint64_t who; /* 0: free */
    double tokens;
    wr_time at;
  } bucket[GW_RATE_BUCKETS];
} gw_rate;

/* The same by a key, such as a token's; 0 is nobody and always may. */
bool gw_rate_spend_key(gw_rate *rate, uint64_t who, int64_t per_minute, wr_time now);
/* Whether |addr| may ask once more, with |per_minute| at most and as many at once; 0: always. */
bool gw_rate_spend(gw_rate *rate, const wr_addr *addr, int64_t per_minute, wr_time now);

#endif
