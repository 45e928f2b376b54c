/* gateway/http_ice.c - the provider's servers are asked for in time, by the HTTP thread, and given up at the end.
 * Those that workers reach out through (--reach) are looked up on an errand and told to all of them. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/errand.h"
#include "gateway/http.h"
#include "gateway/log.h"

#define GOODBYE WR_S(2)

static void on_due(lws_sorted_usec_list_t *sul);

static void schedule(gw_http *http) {
  wr_time at = gw_ice_cache_deadline(&http->ice.cache), now = gw_now();
  if (at == WR_NEVER) return;
  lws_sul_schedule(http->lws, 0, &http->ice_due, on_due, at > now ? at - now : 1);
}

/* ---- --reach ---- */

struct gw_reach_errand {
  gw_reach_servers servers;
  gw_ice_list list;
};

static void choose(gw_http *http, gw_reach_errand *e) {
  bool provided = gw_ice_cache_freshness(&http->ice.cache, gw_now()) != GW_ICE_NOTHING;
  gw_reach_want(&e->servers, http->config, gw_ca_file(http->config), http->reach_tls);
  e->list = provided ? http->ice.cache.list : http->config->ice_servers;
}

const gw_reach_servers *gw_ice_reach(gw_http *http) {
  static gw_reach_errand e; /* large */
  choose(http, &e);
  gw_reach_find(&e.servers, &e.list);
  http->reach_tls = e.servers.tls;
  return e.servers.wants ? &e.servers : NULL;
}

static void look_up(void *owned) {
  gw_reach_errand *e = owned;
  gw_reach_find(&e->servers, &e->list);
}

void gw_ice_reach_anew(gw_http *http) {
  if (strcmp(http->config->reach, "direct") == 0) return;
  if (http->reach_is_away) {
    http->reach_is_old = true;
    return;
  }
  gw_reach_errand *e = malloc(sizeof(*e));
  if (!e) return;
  choose(http, e);
  http->reach_is_away = gw_errand_send(look_up, &(gw_message){.kind = GW_REACH_FOUND, .owned = e});
  if (!http->reach_is_away) free(e);
}

void gw_ice_reach_found(gw_http *http, gw_reach_errand *e) {
  http->reach_tls = e->servers.tls;
  http->reach_is_away = false;
  for (uint16_t i = 0; i < http->n_workers; i++) {
    gw_reach_servers *copy = malloc(sizeof(*copy));
    if (!copy) abort();
    *copy = e->servers;
    gw_tell(&http->to[i], &(gw_message){.kind = GW_SERVERS, .owned = copy}, NULL, 0);
  }
  wr_wipe(e, sizeof(*e));
  bool again = http->reach_is_old;
  http->reach_is_old = false;
  if (again) gw_ice_reach_anew(http);
}

/* ---- the provider ---- */

static void refused(gw_http *http, const char *why) {
  gw_errors_note(&http->errors, "turn", why, NULL, time(NULL));
  gw_log(GW_WARN, "turn servers not received", "provider", http->ice.provider, "reason", why, NULL);
}

static void on_outcome(void *ctx, const gw_turn_outcome *outcome) {
  gw_http *http = ctx;
  gw_ice_service *ice = &http->ice;
  gw_ice_service_take(ice, outcome, gw_now());
  if (outcome->good) gw_log(GW_INFO, "turn servers received", "provider", ice->provider, NULL);
  if (outcome->good)
    gw_ice_reach_anew(http);
  else
    refused(http, gw_ice_failure_name(outcome->why));
  schedule(http);
}

static void on_due(lws_sorted_usec_list_t *sul) {
  gw_http *http = lws_container_of(sul, gw_http, ice_due);
  if (http->stopping) return;
  if (gw_ice_cache_begin(&http->ice.cache, gw_now()))
    gw_turn_fetch_begin(&http->ice_fetch, http->lws, http->vhost, http->config, on_outcome, http);
  else
    schedule(http);
}

void gw_ice_begin(gw_http *http) {
  if (strcmp(http->ice.provider, "none") != 0) schedule(http);
}

static void on_revoked(void *ctx, const gw_turn_outcome *outcome) {
  (void)outcome;
  *(bool *)ctx = true;
}

static void give_back(gw_http *http, const char *username) {
  static gw_turn_fetch fetch;
  bool done = false;
  wr_time until = gw_now() + GOODBYE;
  if (!username[0] ||
      !gw_turn_revoke_begin(&fetch, http->lws, http->vhost, http->config, username, on_revoked, &done))
    return;
  while (!done && gw_now() < until && lws_service(http->lws, 0) >= 0) continue;
  gw_log(GW_INFO, "turn credentials revoked", "provider", http->ice.provider, NULL);
}

/* Nobody has a use for them once this gateway is gone. */
void gw_ice_end(gw_http *http) {
  give_back(http, http->ice.given[0]);
  give_back(http, http->ice.given[1]);
}
