/* gateway/ice_service.h - which STUN and TURN servers a caller is told of now, from whom, and for how long.
 *
 * In this order: the provider's, fresh; the provider's, stale but valid; the configured ones, with credentials
 * signed for this caller if there is a secret; STUN alone; none. Nobody ever waits: what is there is told. */
#ifndef GATEWAY_ICE_SERVICE_H
#define GATEWAY_ICE_SERVICE_H

#include "gateway/config.h"
#include "gateway/ice_cache.h"
#include "gateway/metrics.h"
#include "gateway/turn_provider.h"

typedef enum gw_ice_level {
  GW_ICE_LEVEL_NONE,
  GW_ICE_LEVEL_STUN,
  GW_ICE_LEVEL_STATIC,
  GW_ICE_LEVEL_STALE,
  GW_ICE_LEVEL_FRESH
} gw_ice_level;
const char *gw_ice_level_name(gw_ice_level level);

typedef struct gw_ice_service {
  const gw_config *config;
  const wr_crypto *crypto;
  wr_rng rng;
  const char *provider;               /* as gw_config_provider */
  gw_ice_cache cache;                 /* unused without a provider */
  gw_ice_list listed;                 /* the configured ones, trimmed */
  gw_ice_issues issues;               /* of the configuration */
  gw_ice_issues found;                /* in the provider's last reply */
  char given[2][GW_ICE_USERNAME_MAX]; /* the provider's last two user names: callers may still hold both */
} gw_ice_service;

void gw_ice_service_init(gw_ice_service *service, const gw_config *config, const wr_crypto *crypto, wr_rng rng,
                         wr_time now);
/* The configuration's servers may be others now. */
void gw_ice_service_reload(gw_ice_service *service);

/* What came of asking the provider. */
void gw_ice_service_take(gw_ice_service *service, const gw_turn_outcome *outcome, wr_time now);

typedef struct gw_ice_answer {
  gw_ice_list list;
  gw_ice_level level;
  const char *source; /* none, static, hmac, or the provider */
  int64_t ttl_s;      /* so long the answer is good */
  bool stale;
} gw_ice_answer;

gw_ice_level gw_ice_service_level(const gw_ice_service *service, wr_time now);
/* |unix_s|: wall clock, which credentials are signed for. */
void gw_ice_service_answer(gw_ice_service *service, gw_ice_answer *answer, int64_t unix_s, wr_time now);
/* The provider is wanted and does not deliver: one sentence in |text|, else false. */
bool gw_ice_service_is_degraded(const gw_ice_service *service, char text[GW_ICE_WHY_MAX], wr_time now);
/* Body of /api/ice/status. NULL: no memory. */
json_t *gw_ice_service_status(const gw_ice_service *service, int64_t unix_s, wr_time now);
/* Body of /api/ice. NULL: no memory. */
json_t *gw_ice_answer_json(const gw_ice_answer *answer, const gw_config *config, int64_t unix_s);

/* Its part of /metrics. */
void gw_ice_service_write(gw_text *out, const gw_ice_service *service, wr_time now);

#endif
