/* gateway/ice_service.c - see the header. */
#include "gateway/ice_service.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define STATIC_TTL_S 86400 /* what never expires is asked for again after a day */

const char *gw_ice_level_name(gw_ice_level level) {
  static const char *const names[] = {"none", "stun", "static", "stale", "fresh"};
  return names[level];
}

static bool has_provider(const gw_ice_service *service) { return strcmp(service->provider, "none") != 0; }

void gw_ice_service_init(gw_ice_service *service, const gw_config *config, const wr_crypto *crypto, wr_rng rng,
                         wr_time now) {
  memset(service, 0, sizeof(*service));
  service->config = config;
  service->crypto = crypto;
  service->rng = rng;
  service->provider = gw_config_provider(config);
  gw_ice_service_reload(service);
  gw_ice_cache_init(&service->cache, rng, now);
}

void gw_ice_service_reload(gw_ice_service *service) {
  service->listed = service->config->ice_servers;
  service->issues = (gw_ice_issues){0};
  gw_config_judge_ice(service->config, &service->issues);
  gw_ice_list_trim(&service->listed);
}

gw_ice_level gw_ice_service_level(const gw_ice_service *service, wr_time now) {
  gw_ice_freshness freshness =
      has_provider(service) ? gw_ice_cache_freshness(&service->cache, now) : GW_ICE_NOTHING;
  if (freshness == GW_ICE_FRESH) return GW_ICE_LEVEL_FRESH;
  if (freshness == GW_ICE_STALE) return GW_ICE_LEVEL_STALE;
  gw_ice_counts counts = gw_ice_list_count(&service->listed);
  return counts.turn ? GW_ICE_LEVEL_STATIC : counts.total ? GW_ICE_LEVEL_STUN : GW_ICE_LEVEL_NONE;
}

void gw_ice_service_take(gw_ice_service *service, const gw_turn_outcome *outcome, wr_time now) {
  if (!outcome->good) {
    gw_ice_cache_failed(&service->cache, outcome->why, outcome->retry_after_s, now);
    return;
  }
  gw_ice_cache_good(&service->cache, &outcome->list, outcome->ttl_s, now);
  service->found = outcome->issues;
  for (size_t i = 0; i < outcome->list.n; i++) {
    const char *username = outcome->list.server[i].username;
    if (!username[0] || strcmp(username, service->given[0]) == 0) continue;
    memcpy(service->given[1], service->given[0], GW_ICE_USERNAME_MAX);
    memcpy(service->given[0], username, GW_ICE_USERNAME_MAX);
    break;
  }
}

static bool is_unsigned_relay(const gw_ice_server *server) {
  return !server->username[0] && gw_ice_list_count(&(gw_ice_list){.n = 1, .server = {*server}}).turn;
}

/* Each relay without credentials gets some; a second time under the secret before, for a relay that knows only
 * that. */
static bool sign(gw_ice_service *service, gw_ice_list *list, int64_t expires_s) {
  char user[17];
  bool signed_any = false;
  snprintf(user, sizeof(user), "%016llx", (unsigned long long)wr_rng_u64(&service->rng));
  for (size_t i = 0, n = list->n; i < n; i++) {
    gw_ice_server *server = &list->server[i], *again = &list->server[list->n];
    if (!is_unsigned_relay(server)) continue;
    signed_any = true;
    if (service->config->turn_secret_old[0] && list->n < GW_ICE_SERVERS_MAX) {
      *again = *server;
      gw_ice_sign(again, service->config->turn_secret_old, expires_s, user, service->crypto);
      list->n++;
    }
    gw_ice_sign(server, service->config->turn_secret, expires_s, user, service->crypto);
  }
  return signed_any;
}

void gw_ice_service_answer(gw_ice_service *service, gw_ice_answer *answer, int64_t unix_s, wr_time now) {
  answer->level = gw_ice_service_level(service, now);
  answer->stale = answer->level == GW_ICE_LEVEL_STALE;
  answer->ttl_s = STATIC_TTL_S;
  if (answer->level >= GW_ICE_LEVEL_STALE) {
    answer->list = service->cache.list;
    answer->source = service->provider;
    answer->ttl_s = (service->cache.expires_at - now) / 1000000;
    return;
  }
  answer->list = service->listed;
  answer->source = answer->list.n ? "static" : "none";
  if (service->config->turn_secret[0] && sign(service, &answer->list, unix_s + service->config->turn_ttl)) {
    answer->source = "hmac";
    answer->ttl_s = service->config->turn_ttl;
  }
}

bool gw_ice_service_is_degraded(const gw_ice_service *service, char text[GW_ICE_WHY_MAX], wr_time now) {
  static const char *const why[] = {"cannot be reached",
                                    "did not answer in time",
                                    "refuses the key or the token",
                                    "says that it is asked too often",
                                    "answers with an error",
                                    "answers without any server"};
  const gw_ice_cache *cache = &service->cache;
  if (!has_provider(service) || (!cache->failing && cache->list.n)) return false;
  if (!cache->failing)
    snprintf(text, GW_ICE_WHY_MAX, "%s was not heard of yet", service->provider);
  else
    snprintf(text, GW_ICE_WHY_MAX, "%s %s; callers get %s servers", service->provider, why[cache->why],
             gw_ice_level_name(gw_ice_service_level(service, now)));
  return true;
}

static void summarise(char *text, size_t cap, const char *source, gw_ice_level level, gw_ice_counts counts) {
  if (!counts.total)
    snprintf(text, cap, "no STUN or TURN server is configured");
  else
    snprintf(text, cap, "%u STUN and %u TURN server%s, %s (%s)", counts.stun, counts.turn,
             counts.turn == 1 ? "" : "s", source, gw_ice_level_name(level));
}

static void append_issues(json_t *array, const gw_ice_issues *issues) {
  for (size_t i = 0; i < issues->n; i++) json_array_append_new(array, json_string(issues->text[i]));
}

json_t *gw_ice_service_status(const gw_ice_service *service, int64_t unix_s, wr_time now) {
  gw_ice_level level = gw_ice_service_level(service, now);
  bool provided = level >= GW_ICE_LEVEL_STALE;
  gw_ice_counts counts = gw_ice_list_count(provided ? &service->cache.list : &service->listed);
  const char *source = provided                          ? service->provider
                       : !counts.total                   ? "none"
                       : service->config->turn_secret[0] ? "hmac"
                                                         : "static";
  char summary[160], degraded[GW_ICE_WHY_MAX];
  json_t *issues = json_array();
  append_issues(issues, &service->issues);
  append_issues(issues, &service->found);
  bool failing = gw_ice_service_is_degraded(service, degraded, now);
  if (failing) json_array_append_new(issues, json_string(degraded));
  bool refused = failing && service->cache.failing && service->cache.why == GW_ICE_REFUSED;
  summarise(summary, sizeof(summary), source, level, counts);
  return json_pack("{s:{s:b,s:o,s:i,s:i,s:i},s:s,s:s,s:s,s:I}", "validation", "valid",
                   !service->issues.n_errors && !refused, "issues", issues, "stun_servers", (int)counts.stun,
                   "turn_servers", (int)counts.turn, "total_servers", (int)counts.total, "summary", summary,
                   "source", source, "level", gw_ice_level_name(level), "timestamp", (json_int_t)unix_s);
}

json_t *gw_ice_answer_json(const gw_ice_answer *answer, const gw_config *config, int64_t unix_s) {
  char expires[32];
  time_t end = (time_t)(unix_s + answer->ttl_s);
  struct tm tm;
  gmtime_r(&end, &tm);
  strftime(expires, sizeof(expires), "%Y-%m-%dT%H:%M:%SZ", &tm);
  return json_pack("{s:o,s:i,s:s,s:s,s:s,s:I,s:s,s:s,s:b}", "iceServers", gw_ice_list_json(&answer->list),
                   "iceCandidatePoolSize", 1, "iceTransportPolicy", config->ice_transport_policy, "bundlePolicy",
                   "max-bundle", "rtcpMuxPolicy", "require", "ttl", (json_int_t)answer->ttl_s, "expiresAt", expires,
                   "source", answer->source, "stale", answer->stale);
}

void gw_ice_service_write(gw_text *out, const gw_ice_service *service, wr_time now) {
  static const char head[] =
      "# HELP xiaozhi_rtc_ice_level Which STUN and TURN servers callers are told of\n# TYPE xiaozhi_rtc_ice_level "
      "gauge\n";
  const gw_ice_cache *cache = &service->cache;
  gw_ice_level now_level = gw_ice_service_level(service, now);
  gw_text_add(out, "%s", head);
  for (int i = 0; i <= GW_ICE_LEVEL_FRESH; i++)
    gw_text_add(out, "xiaozhi_rtc_ice_level{level=\"%s\"} %d\n", gw_ice_level_name((gw_ice_level)i),
                i == (int)now_level);
  if (!has_provider(service)) return;
  gw_text_add(out,
              "# HELP xiaozhi_rtc_turn_fetches_total Good replies of the TURN provider\n"
              "# TYPE xiaozhi_rtc_turn_fetches_total counter\nxiaozhi_rtc_turn_fetches_total %llu\n"
              "# HELP xiaozhi_rtc_turn_credentials_age_seconds Age of the TURN credentials in use\n"
              "# TYPE xiaozhi_rtc_turn_credentials_age_seconds gauge\n"
              "xiaozhi_rtc_turn_credentials_age_seconds %.1f\n"
              "# HELP xiaozhi_rtc_turn_fetch_failures_total Failures to get TURN credentials by reason\n"
              "# TYPE xiaozhi_rtc_turn_fetch_failures_total counter\n",
              (unsigned long long)cache->n_good, cache->list.n ? (double)(now - cache->got_at) / 1e6 : 0.0);
  for (int i = 0; i < GW_ICE_N_FAILURES; i++)
    gw_text_add(out, "xiaozhi_rtc_turn_fetch_failures_total{reason=\"%s\"} %llu\n",
                gw_ice_failure_name((gw_ice_failure)i), (unsigned long long)cache->n_failures[i]);
}
