/* gateway/ice_cache.h - a provider's STUN and TURN servers, kept and renewed in time: decisions only, no socket.
 *
 * One request at a time. After a good reply the next is due at half of its life (a little sooner or later, so that
 * many gateways do not ask together); after a failure in 1, 2, 4 .. 60 s, or when the provider says. Until then,
 * and while more than a tenth of its life (10 minutes at most) is left, the last good reply is used: stale, but
 * valid. */
#ifndef GATEWAY_ICE_CACHE_H
#define GATEWAY_ICE_CACHE_H

#include "gateway/ice_list.h"

typedef enum gw_ice_failure {
  GW_ICE_UNREACHABLE, /* no connection, or it broke */
  GW_ICE_TIMEOUT,
  GW_ICE_REFUSED, /* 401, 403, 404: the key or the token is wrong */
  GW_ICE_LIMITED, /* 429 */
  GW_ICE_STATUS,  /* any other */
  GW_ICE_GARBLED, /* a reply without servers */
  GW_ICE_N_FAILURES
} gw_ice_failure;
const char *gw_ice_failure_name(gw_ice_failure failure); /* one word, for metrics */

typedef enum gw_ice_freshness { GW_ICE_NOTHING, GW_ICE_STALE, GW_ICE_FRESH } gw_ice_freshness;

typedef struct gw_ice_cache {
  gw_ice_list list;
  wr_rng rng;
  wr_time got_at, renew_at, last_use_at, expires_at; /* of |list|; meaningless while it is empty */
  wr_time next_at;
  bool fetching, failing; /* failing: the last request */
  gw_ice_failure why;
  unsigned n_in_a_row;
  uint64_t n_good, n_failures[GW_ICE_N_FAILURES];
} gw_ice_cache;

void gw_ice_cache_init(gw_ice_cache *cache, wr_rng rng, wr_time now);
/* Whether to ask now; then the caller asks, and reports with one of the two below. */
bool gw_ice_cache_begin(gw_ice_cache *cache, wr_time now);
/* |list| is copied. */
void gw_ice_cache_good(gw_ice_cache *cache, const gw_ice_list *list, int64_t ttl_s, wr_time now);
void gw_ice_cache_failed(gw_ice_cache *cache, gw_ice_failure why, int64_t retry_after_s, wr_time now);
gw_ice_freshness gw_ice_cache_freshness(const gw_ice_cache *cache, wr_time now);
/* When gw_ice_cache_begin will next be true; WR_NEVER while a request is under way. */
wr_time gw_ice_cache_deadline(const gw_ice_cache *cache);

#endif
