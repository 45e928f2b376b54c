/* gateway/rate.c - a table that is searched: it is asked a few times per call, not per packet. */
#include "gateway/rate.h"

#include <string.h>

static uint64_t who_of(const wr_addr *addr) {
  uint64_t who = 0;
  memcpy(&who, addr->ip, addr->family == 4 ? 4 : 8);
  return (who * 0x9e3779b97f4a7c15u ^ addr->family) | 1; /* never 0 */
}

bool gw_rate_spend(gw_rate *rate, const wr_addr *addr, int64_t per_minute, wr_time now) {
  return gw_rate_spend_key(rate, who_of(addr), per_minute, now);
}

bool gw_rate_spend_key(gw_rate *rate, uint64_t who, int64_t per_minute, wr_time now) {
  size_t at = 0;
  if (per_minute <= 0 || !who) return true;
  for (size_t i = 0; i < GW_RATE_BUCKETS; i++) {
    if (rate->bucket[i].who == who) {
      at = i;
      break;
    }
    if (!rate->bucket[i].who || (rate->bucket[at].who && rate->bucket[i].at < rate->bucket[at].at)) at = i;
  }
  double most = (double)per_minute;
  if (rate->bucket[at].who != who) {
    rate->bucket[at].who = who;
    rate->bucket[at].tokens = most;
    rate->bucket[at].at = now;
  }
  double tokens = rate->bucket[at].tokens + most * (double)(now - rate->bucket[at].at) / 60e6;
  rate->bucket[at].tokens = tokens > most ? most : tokens;
  rate->bucket[at].at = now;
  if (rate->bucket[at].tokens < 1) return false;
  rate->bucket[at].tokens -= 1;
  return true;
}
