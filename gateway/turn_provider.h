/* gateway/turn_provider.h - what a provider of TURN servers is asked, and what its reply means. No socket here.
 *
 *   cloudflare  POST BASE/v1/turn/keys/ID/credentials/generate-ice-servers, bearer; 201
 *   twilio      POST BASE/2010-04-01/Accounts/ID/Tokens.json, basic; 201
 *   metered     GET BASE/api/v1/turn/credentials?apiKey=TOKEN; 200
 *
 * BASE is --turn-provider-url, or the provider's own address. */
#ifndef GATEWAY_TURN_PROVIDER_H
#define GATEWAY_TURN_PROVIDER_H

#include "gateway/config.h"
#include "gateway/ice_cache.h"

typedef struct gw_turn_request {
  bool post;
  char url[2048], authorization[1536]; /* secret, both */
  const char *content_type;            /* NULL: no body */
  char body[64];
} gw_turn_request;

/* false: no provider is set, or its address is too long. */
bool gw_turn_request_make(gw_turn_request *request, const gw_config *config);
/* Ends credentials before their time. false: only Cloudflare can. */
bool gw_turn_revoke_make(gw_turn_request *request, const gw_config *config, const char *username);

typedef struct gw_turn_outcome {
  bool good;
  gw_ice_failure why; /* not good */
  int64_t ttl_s, retry_after_s;
  gw_ice_list list;
  gw_ice_issues issues; /* addresses of the reply that were left out */
} gw_turn_outcome;
/* |retry_after|: that header, or "". */
void gw_turn_reply_read(gw_turn_outcome *outcome, const gw_config *config, unsigned status, wr_bytes body,
                        const char *retry_after);

#endif
