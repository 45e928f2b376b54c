/* gateway/http_auth.c - whose request it is. */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "gateway/http.h"
#include "gateway/http_read.h"
#include "gateway/origin.h"

void gw_token_of(struct lws *wsi, char token[GW_TOKEN_MAX]) {
  char header[GW_TOKEN_MAX + 7];
  token[0] = 0;
  if (lws_hdr_copy(wsi, header, sizeof(header), WSI_TOKEN_HTTP_AUTHORIZATION) < 0) return;
  if (strncasecmp(header, "Bearer ", 7) == 0) memcpy(token, header + 7, strlen(header + 7) + 1);
}

bool gw_token_is(const char *token, const char *wanted) {
  size_t len = strlen(wanted);
  return len && strlen(token) == len && wr_equal_secret(token, wanted, len);
}

gw_http_error gw_token_enter(const gw_http *http, const char *token, gw_claims *claims) {
  const gw_config *config = http->config;
  int64_t now_s = time(NULL);
  *claims = (gw_claims){0};
  if (!gw_config_asks_token(config) || gw_token_is(token, config->auth_token)) return GW_HTTP_OK;
  switch (gw_auth_read(claims, token, config->token_secret, config->token_secret_old, now_s, http->crypto)) {
    case GW_TOKEN_GOOD: return GW_HTTP_OK;
    case GW_TOKEN_EXPIRED:
      if (now_s - claims->expires_at < GW_TOKEN_GRACE_S) return GW_HTTP_EXPIRED;
      break;
    case GW_TOKEN_FORGED: break;
  }
  return GW_HTTP_UNAUTHORIZED;
}

static void copy_header(struct lws *wsi, enum lws_token_indexes token, char *out, int cap) {
  out[0] = 0;
  if (lws_hdr_copy(wsi, out, cap, token) < 0) snprintf(out, (size_t)cap, "?"); /* so long that it is nobody's */
}

void gw_request_from(const gw_http *http, struct lws *wsi, wr_addr *from) {
  char text[WR_ADDR_TEXT_MAX + 8] = "", forwarded[512] = "";
  lws_get_peer_simple(wsi, text, sizeof(text));
  if (!wr_addr_parse(from, wr_bytes_of(text, strlen(text)), 0) || !http->config->trusted_proxy[0]) return;
  copy_header(wsi, WSI_TOKEN_X_FORWARDED_FOR, forwarded, sizeof(forwarded));
  if (!forwarded[0] && lws_hdr_custom_copy(wsi, forwarded, sizeof(forwarded), "forwarded:", 10) < 0) return;
  gw_forwarded_from(from, forwarded, http->config->trusted_proxy);
}

/* A browser says so of a page that it took from us; no script can. Right also behind a proxy that changes the Host.
 */
static bool is_same_site(struct lws *wsi) {
  char site[16] = "";
  return lws_hdr_custom_copy(wsi, site, sizeof(site), "sec-fetch-site:", 15) > 0 &&
         strcmp(site, "same-origin") == 0;
}

gw_http_error gw_request_enters(const gw_http *http, struct lws *wsi, char cors[128]) {
  char host[256], origin[300];
  cors[0] = 0;
  copy_header(wsi, WSI_TOKEN_HOST, host, sizeof(host));
  copy_header(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin));
  if (!gw_host_is_ours(host, http->on_loopback, http->config->host)) return GW_HTTP_HOST;
  if (!origin[0] || gw_origin_is_host(origin, host) || is_same_site(wsi)) return GW_HTTP_OK;
  if (strlen(origin) >= 128 || !gw_origin_is_listed(origin, http->config->cors_origin)) return GW_HTTP_ORIGIN;
  memcpy(cors, origin, strlen(origin) + 1);
  return GW_HTTP_OK;
}

gw_browser gw_request_browser(struct lws *wsi) {
  char agent[512];
  copy_header(wsi, WSI_TOKEN_HTTP_USER_AGENT, agent, sizeof(agent));
  return gw_browser_read(agent);
}

bool gw_request_is_rare(gw_http *http, const wr_addr *from) {
  return gw_addr_is_loopback(from) || /* a proxy, which stands for all its callers */
         gw_rate_spend(&http->address_rate, from, http->config->address_rate, gw_now());
}
