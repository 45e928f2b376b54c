/* gateway/ice_cache.c - see the header. */
#include "gateway/ice_cache.h"

#include <string.h>

#define BACKOFF_MAX_S 60
#define REFUSED_S 60 /* a wrong key does not become right by asking often */
#define RETRY_AFTER_MAX_S 3600
#define MARGIN_MAX WR_S(600)

const char *gw_ice_failure_name(gw_ice_failure failure) {
  static const char *const names[] = {"unreachable", "timeout", "refused", "limited", "status", "garbled"};
  return names[failure];
}

void gw_ice_cache_init(gw_ice_cache *cache, wr_rng rng, wr_time now) {
  memset(cache, 0, sizeof(*cache));
  cache->rng = rng;
  cache->next_at = now;
}

bool gw_ice_cache_begin(gw_ice_cache *cache, wr_time now) {
  if (cache->fetching || now < cache->next_at) return false;
  cache->fetching = true;
  return true;
}

/* |span| +- a tenth. */
static wr_time jittered(gw_ice_cache *cache, wr_time span) {
  return span - span / 10 + (wr_time)(wr_rng_u64(&cache->rng) % (uint64_t)(span / 5 + 1));
}

void gw_ice_cache_good(gw_ice_cache *cache, const gw_ice_list *list, int64_t ttl_s, wr_time now) {
  wr_time life = WR_S(ttl_s), margin = life / 10 < MARGIN_MAX ? life / 10 : MARGIN_MAX;
  cache->list = *list;
  cache->got_at = now;
  cache->expires_at = now + life;
  cache->last_use_at = cache->expires_at - margin;
  cache->next_at = cache->renew_at = now + jittered(cache, life / 2);
  cache->fetching = cache->failing = false;
  cache->n_in_a_row = 0;
  cache->n_good++;
}

void gw_ice_cache_failed(gw_ice_cache *cache, gw_ice_failure why, int64_t retry_after_s, wr_time now) {
  int64_t wait_s = cache->n_in_a_row < 6 ? 1 << cache->n_in_a_row : BACKOFF_MAX_S;
  if (why == GW_ICE_REFUSED) wait_s = REFUSED_S;
  cache->next_at = now + jittered(cache, WR_S(wait_s));
  if (retry_after_s > RETRY_AFTER_MAX_S) retry_after_s = RETRY_AFTER_MAX_S;
  if (cache->next_at < now + WR_S(retry_after_s)) cache->next_at = now + WR_S(retry_after_s);
  cache->fetching = false;
  cache->failing = true;
  cache->why = why;
  cache->n_in_a_row++;
  cache->n_failures[why]++;
}

gw_ice_freshness gw_ice_cache_freshness(const gw_ice_cache *cache, wr_time now) {
  if (!cache->list.n || now >= cache->last_use_at) return GW_ICE_NOTHING;
  return now < cache->renew_at || !cache->failing ? GW_ICE_FRESH : GW_ICE_STALE;
}

wr_time gw_ice_cache_deadline(const gw_ice_cache *cache) { return cache->fetching ? WR_NEVER : cache->next_at; }
