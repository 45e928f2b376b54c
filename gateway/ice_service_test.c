#include "gateway/ice_service.h"

#include <stdlib.h>

#include "check.h"
#include "wr/crypto_openssl.h"

static check_rng dice = {3};
static gw_config config;
static gw_ice_service service;
static gw_ice_answer answer;

static const wr_crypto *crypto(void) {
  static const wr_crypto *opened;
  if (!opened) CHECK_EQ(wr_crypto_openssl_open(&opened), WR_OK);
  return opened;
}

static void begin(char *const *words) {
  char error[GW_CONFIG_ERROR_MAX] = "";
  int argc = 0;
  while (words[argc]) argc++;
  if (!check_that(gw_config_load(&config, argc, words, NULL, error) == GW_CONFIG_OK, error, __FILE__, __LINE__))
    return;
  gw_ice_service_init(&service, &config, crypto(), (wr_rng){check_rng_fill, &dice}, WR_S(1));
}

static void ask(wr_time now) { gw_ice_service_answer(&service, &answer, 1700000000, now); }

static bool says(json_t *body, const char *text) {
  char *dump = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
  bool found = dump && strstr(dump, text);
  if (!found) CHECK_TEXT(dump ? dump : "", text);
  free(dump);
  json_decref(body);
  return found;
}

TEST(ice_service_without_servers_is_valid) {
  begin((char *[]){NULL});
  ask(WR_S(2));
  CHECK_TEXT(answer.source, "none");
  CHECK_EQ(answer.list.n, 0);
  CHECK(says(
      gw_ice_service_status(&service, 1, WR_S(2)),
      "\"validation\":{\"issues\":[],\"stun_servers\":0,\"total_servers\":0,\"turn_servers\":0,\"valid\":true}"));
}

TEST(ice_service_signs_with_both_secrets_and_shows_none) {
  begin((char *[]){"--ice-server", "turn:t.example,turns:t.example", "--ice-server", "stun:s.example",
                   "--turn-secret", "new-one", "--turn-secret-old", "old-one", "--turn-ttl", "3600", NULL});
  ask(WR_S(2));
  CHECK_TEXT(answer.source, "hmac");
  CHECK_EQ(answer.ttl_s, 3600);
  REQUIRE(answer.list.n == 3);
  CHECK_EQ(answer.level, GW_ICE_LEVEL_STATIC);
  gw_ice_server want = {0};
  const char *user = strchr(answer.list.server[0].username, ':') + 1;
  gw_ice_sign(&want, "new-one", 1700003600, user, crypto());
  CHECK_TEXT(answer.list.server[0].username, want.username);
  CHECK_TEXT(answer.list.server[0].credential, want.credential);
  gw_ice_sign(&want, "old-one", 1700003600, user, crypto());
  CHECK_TEXT(answer.list.server[2].credential, want.credential);
  CHECK_TEXT(answer.list.server[2].url[1], "turns:t.example");
  CHECK(!answer.list.server[1].username[0]);
  char first[GW_ICE_USERNAME_MAX];
  memcpy(first, answer.list.server[0].username, sizeof(first));
  ask(WR_S(3));
  CHECK(strcmp(first, answer.list.server[0].username) != 0); /* each caller has its own */
  json_t *body = gw_ice_answer_json(&answer, &config, 1700000000);
  char *dump = json_dumps(body, 0);
  json_decref(body);
  CHECK(dump && !strstr(dump, "new-one") && !strstr(dump, "old-one") && strstr(dump, "2023-11-14T23:13:20Z"));
  free(dump);
}

TEST(ice_service_falls_back_in_order) {
  static gw_ice_list good;
  char why[GW_ICE_WHY_MAX];
  begin((char *[]){"--turn-key-id", "k", "--turn-key-api-token", "t0ken", "--ice-server", "turn:own.example u p",
                   "--ice-server", "stun:own.example", NULL});
  CHECK(gw_ice_service_is_degraded(&service, why, WR_S(1)));
  ask(WR_S(1));
  CHECK(answer.level == GW_ICE_LEVEL_STATIC && strcmp(answer.source, "static") == 0 && answer.list.n == 2);
  CHECK(gw_ice_list_add(&good, "turn:theirs.example x y", why));
  CHECK(gw_ice_cache_begin(&service.cache, WR_S(1)));
  gw_ice_cache_good(&service.cache, &good, 1000, WR_S(1));
  ask(WR_S(101));
  CHECK(answer.level == GW_ICE_LEVEL_FRESH && strcmp(answer.source, "cloudflare") == 0 && !answer.stale);
  CHECK_EQ(answer.ttl_s, 900);
  CHECK(!gw_ice_service_is_degraded(&service, why, WR_S(101)));
  CHECK(gw_ice_cache_begin(&service.cache, WR_S(601)));
  gw_ice_cache_failed(&service.cache, GW_ICE_REFUSED, 0, WR_S(601));
  ask(WR_S(602));
  CHECK(answer.level == GW_ICE_LEVEL_STALE && answer.stale);
  CHECK(says(gw_ice_service_status(&service, 1, WR_S(602)),
             "cloudflare refuses the key or the token; callers get stale servers"));
  CHECK(says(gw_ice_service_status(&service, 1, WR_S(602)), "\"valid\":false"));
  ask(WR_S(950));
  CHECK(answer.level == GW_ICE_LEVEL_STATIC && answer.list.n == 2);
  CHECK(gw_ice_service_is_degraded(&service, why, WR_S(950)) && strstr(why, "static servers"));
}

TEST(ice_service_hands_out_nothing_on_port_53) {
  begin((char *[]){"--ice-server", "stun:s.example:53", "--ice-server", "stun:t.example:53,stun:t.example", NULL});
  ask(WR_S(2));
  CHECK_EQ(answer.level, GW_ICE_LEVEL_STUN);
  CHECK(answer.list.n == 1 && answer.list.server[0].n_urls == 1);
  CHECK_EQ(service.issues.n, 2);
  CHECK(says(gw_ice_service_status(&service, 1, WR_S(2)), "stun:s.example:53: browsers block port 53"));
}

TEST(ice_service_metrics) {
  gw_text out = {0};
  begin((char *[]){"--turn-key-id", "k", "--turn-key-api-token", "t", NULL});
  gw_ice_cache_failed(&service.cache, GW_ICE_LIMITED, 0, WR_S(2));
  gw_ice_service_write(&out, &service, WR_S(3));
  REQUIRE(!out.failed && out.text);
  CHECK(strstr(out.text, "ice_level{level=\"none\"} 1\n") != NULL);
  CHECK(strstr(out.text, "turn_fetch_failures_total{reason=\"limited\"} 1\n") != NULL);
  free(out.text);
}
