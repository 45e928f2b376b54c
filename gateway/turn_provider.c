/* gateway/turn_provider.c - see the header. */
#include "gateway/turn_provider.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>

#define TWILIO_TTL_MAX_S 86400

static bool base_of(char *base, size_t cap, const gw_config *config, const char *provider) {
  const char *own = strcmp(provider, "cloudflare") == 0 ? "https://rtc.live.cloudflare.com"
                    : strcmp(provider, "twilio") == 0   ? "https://api.twilio.com"
                                                        : NULL;
  int len;
  if (config->turn_provider_url[0])
    len = snprintf(base, cap, "%s", config->turn_provider_url);
  else if (own)
    len = snprintf(base, cap, "%s", own);
  else
    len = snprintf(base, cap, "https://%s.metered.live", config->turn_key_id);
  while (len > 0 && base[len - 1] == '/') base[--len] = 0;
  return len > 0 && (size_t)len < cap;
}

static int64_t asked_ttl(const gw_config *config, const char *provider) {
  bool less = strcmp(provider, "twilio") == 0 && config->turn_ttl > TWILIO_TTL_MAX_S;
  return less ? TWILIO_TTL_MAX_S : config->turn_ttl;
}

static void authorize_basic(gw_turn_request *request, const char *user, const char *password) {
  char pair[2 * GW_TEXT_MAX];
  int len = snprintf(pair, sizeof(pair), "%s:%s", user, password);
  size_t at = (size_t)snprintf(request->authorization, sizeof(request->authorization), "Basic ");
  lws_b64_encode_string(pair, len, request->authorization + at, (int)(sizeof(request->authorization) - at));
  wr_wipe(pair, sizeof(pair));
}

static void encode(char *out, size_t cap, const char *text) {
  size_t n = 0;
  for (; *text && n + 4 < cap; text++) {
    bool plain =
        strchr("-._~", *text) || (*text >= '0' && *text <= '9') || ((*text | 32) >= 'a' && (*text | 32) <= 'z');
    n += (size_t)snprintf(out + n, cap - n, plain ? "%c" : "%%%02X", (unsigned char)*text);
  }
  out[n] = 0;
}

bool gw_turn_request_make(gw_turn_request *request, const gw_config *config) {
  const char *provider = gw_config_provider(config), *id = config->turn_key_id, *token = config->turn_key_api_token;
  char base[GW_TEXT_MAX + 32], key[3 * GW_TEXT_MAX];
  long long ttl_s = asked_ttl(config, provider);
  memset(request, 0, sizeof(*request));
  if (strcmp(provider, "none") == 0 || !base_of(base, sizeof(base), config, provider)) return false;
  request->post = strcmp(provider, "metered") != 0;
  if (strcmp(provider, "cloudflare") == 0) {
    snprintf(request->url, sizeof(request->url), "%s/v1/turn/keys/%s/credentials/generate-ice-servers", base, id);
    snprintf(request->authorization, sizeof(request->authorization), "Bearer %s", token);
    request->content_type = "application/json";
    snprintf(request->body, sizeof(request->body), "{\"ttl\":%lld}", ttl_s);
  } else if (strcmp(provider, "twilio") == 0) {
    snprintf(request->url, sizeof(request->url), "%s/2010-04-01/Accounts/%s/Tokens.json", base, id);
    authorize_basic(request, id, token);
    request->content_type = "application/x-www-form-urlencoded";
    snprintf(request->body, sizeof(request->body), "Ttl=%lld", ttl_s);
  } else {
    encode(key, sizeof(key), token);
    int len = snprintf(request->url, sizeof(request->url), "%s/api/v1/turn/credentials?apiKey=%s", base, key);
    return len > 0 && (size_t)len < sizeof(request->url);
  }
  return true;
}

bool gw_turn_revoke_make(gw_turn_request *request, const gw_config *config, const char *username) {
  char base[GW_TEXT_MAX + 32], name[3 * GW_ICE_USERNAME_MAX];
  const char *provider = gw_config_provider(config);
  memset(request, 0, sizeof(*request));
  if (strcmp(provider, "cloudflare") != 0 || !base_of(base, sizeof(base), config, provider)) return false;
  encode(name, sizeof(name), username);
  request->post = true;
  int len = snprintf(request->url, sizeof(request->url), "%s/v1/turn/keys/%s/credentials/%s/revoke", base,
                     config->turn_key_id, name);
  snprintf(request->authorization, sizeof(request->authorization), "Bearer %s", config->turn_key_api_token);
  return len > 0 && (size_t)len < sizeof(request->url);
}

void gw_turn_reply_read(gw_turn_outcome *outcome, const gw_config *config, unsigned status, wr_bytes body,
                        const char *retry_after) {
  memset(outcome, 0, sizeof(*outcome));
  outcome->retry_after_s = strtol(retry_after, NULL, 10);
  if (outcome->retry_after_s < 0) outcome->retry_after_s = 0;
  outcome->ttl_s = asked_ttl(config, gw_config_provider(config));
  if (status == 401 || status == 403 || status == 404) {
    outcome->why = GW_ICE_REFUSED;
  } else if (status == 429) {
    outcome->why = GW_ICE_LIMITED;
  } else if (status < 200 || status > 299) {
    outcome->why = GW_ICE_STATUS;
  } else {
    json_t *reply = json_loadb((const char *)body.data, body.len, 0, NULL);
    outcome->good = reply && gw_ice_list_read(&outcome->list, reply, &outcome->ttl_s, &outcome->issues);
    outcome->why = GW_ICE_GARBLED;
    json_decref(reply);
  }
  if (!outcome->good) return;
  gw_ice_list_trim(&outcome->list);
  outcome->good = outcome->list.n > 0;
}
