/* gateway/http_auth.c - whose request it is. */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "gateway/http.h"

void gw_token_of(struct lws *wsi, char token[GW_TOKEN_MAX]) {
  char header[GW_TOKEN_MAX + 8];
  token[0] = 0;
  if (lws_hdr_copy(wsi, header, sizeof(header), WSI_TOKEN_HTTP_AUTHORIZATION) < 0) return;
  if (strncasecmp(header, "Bearer ", 7) == 0) snprintf(token, GW_TOKEN_MAX, "%s", header + 7);
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
