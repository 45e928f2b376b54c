#include "gateway/turn_provider.h"

#include "check.h"

static gw_config config;
static gw_turn_request request;
static gw_turn_outcome outcome;

static void begin(const char *provider, const char *id, const char *token, const char *url) {
  char error[GW_CONFIG_ERROR_MAX];
  gw_config_default(&config);
  CHECK(gw_config_set(&config, "turn-provider", provider, error));
  CHECK(gw_config_set(&config, "turn-key-id", id, error));
  CHECK(gw_config_set(&config, "turn-key-api-token", token, error));
  CHECK(gw_config_set(&config, "turn-provider-url", url, error));
}

static void reply(unsigned status, const char *body, const char *retry_after) {
  gw_turn_reply_read(&outcome, &config, status, wr_bytes_of(body, strlen(body)), retry_after);
}

TEST(turn_provider_cloudflare) {
  begin("cloudflare", "key1", "tok", "");
  REQUIRE(gw_turn_request_make(&request, &config));
  CHECK_TEXT(request.url, "https://rtc.live.cloudflare.com/v1/turn/keys/key1/credentials/generate-ice-servers");
  CHECK_TEXT(request.authorization, "Bearer tok");
  CHECK_TEXT(request.body, "{\"ttl\":86400}");
  CHECK(request.post);
  reply(201,
        "{\"iceServers\":[{\"urls\":[\"stun:s.example:3478\",\"stun:s.example:53\"]},{\"urls\":[\"turn:t.example:"
        "53\","
        "\"turns:t.example:443?transport=tcp\"],\"username\":\"u\",\"credential\":\"c\"}]}",
        "");
  CHECK(outcome.good && outcome.ttl_s == 86400 && outcome.list.n == 2 && outcome.list.server[1].n_urls == 1);
  reply(201, "{\"iceServers\":{\"urls\":[\"turn:t.example\"],\"username\":\"u\",\"credential\":\"c\"}}", "");
  CHECK(outcome.good && outcome.list.n == 1);
  REQUIRE(gw_turn_revoke_make(&request, &config, "a/b"));
  CHECK_TEXT(request.url, "https://rtc.live.cloudflare.com/v1/turn/keys/key1/credentials/a%2Fb/revoke");
}

TEST(turn_provider_twilio) {
  char error[GW_CONFIG_ERROR_MAX];
  begin("twilio", "AC1", "tok", "https://proxy.example/");
  CHECK(gw_config_set(&config, "turn-ttl", "172800", error));
  REQUIRE(gw_turn_request_make(&request, &config));
  CHECK_TEXT(request.url, "https://proxy.example/2010-04-01/Accounts/AC1/Tokens.json");
  CHECK_TEXT(request.authorization, "Basic QUMxOnRvaw==");
  CHECK_TEXT(request.body, "Ttl=86400");
  reply(201,
        "{\"ttl\":\"3600\",\"ice_servers\":[{\"url\":\"turn:g.example:3478?transport=udp\",\"urls\":\"turn:g."
        "example:3478"
        "?transport=udp\",\"username\":\"u\",\"credential\":\"c\"}],\"username\":\"u\",\"password\":\"c\"}",
        "");
  CHECK(outcome.good && outcome.ttl_s == 3600 && outcome.list.n == 1);
  CHECK(!gw_turn_revoke_make(&request, &config, "u"));
}

TEST(turn_provider_metered) {
  begin("metered", "app", "a+b", "");
  REQUIRE(gw_turn_request_make(&request, &config));
  CHECK_TEXT(request.url, "https://app.metered.live/api/v1/turn/credentials?apiKey=a%2Bb");
  CHECK(!request.post && !request.authorization[0] && !request.content_type);
  reply(
      200,
      "[{\"urls\":\"stun:s.example:80\"},{\"urls\":\"turn:t.example:80\",\"username\":\"u\",\"credential\":\"c\"}]",
      "");
  CHECK(outcome.good && outcome.list.n == 2);
}

TEST(turn_provider_failures) {
  static const struct {
    unsigned status;
    const char *body, *retry_after;
    gw_ice_failure why;
    int64_t retry_after_s;
  } rows[] = {{401, "", "", GW_ICE_REFUSED, 0},
              {403, "{}", "", GW_ICE_REFUSED, 0},
              {404, "{}", "", GW_ICE_REFUSED, 0},
              {429, "", "17", GW_ICE_LIMITED, 17},
              {429, "", "-4", GW_ICE_LIMITED, 0},
              {500, "", "", GW_ICE_STATUS, 0},
              {302, "", "", GW_ICE_STATUS, 0},
              {200, "", "", GW_ICE_GARBLED, 0},
              {200, "<html>", "", GW_ICE_GARBLED, 0},
              {201, "{\"iceServers\":[]}", "", GW_ICE_GARBLED, 0},
              {201, "{\"iceServers\":[{\"urls\":\"stun:a.example:53\"}]}", "", GW_ICE_GARBLED, 0}};
  begin("cloudflare", "k", "t", "");
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    reply(rows[i].status, rows[i].body, rows[i].retry_after);
    CHECK(!outcome.good && outcome.why == rows[i].why && outcome.retry_after_s == rows[i].retry_after_s);
  }
}
