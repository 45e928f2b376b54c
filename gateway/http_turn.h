/* gateway/http_turn.h - one HTTP request to a provider of TURN servers, on libwebsockets. */
#ifndef GATEWAY_HTTP_TURN_H
#define GATEWAY_HTTP_TURN_H

#include <libwebsockets.h>

#include "gateway/turn_provider.h"

#define GW_TURN_PATIENCE WR_S(3)
#define GW_TURN_BODY_MAX 16384

typedef struct gw_turn_fetch gw_turn_fetch;
struct gw_turn_fetch {
  const gw_config *config;
  void (*done)(void *ctx, const gw_turn_outcome *outcome);
  void *ctx;
  struct lws *wsi;
  lws_sorted_usec_list_t patience;
  gw_turn_request request;
  unsigned status;
  char retry_after[16];
  bool busy;
  size_t len;
  char body[GW_TURN_BODY_MAX + 1];
};

/* |fetch| lives until |done| was called, which it is once, at the latest after GW_TURN_PATIENCE, perhaps before
 * this returns; and longer than |lws|. The context has a protocol "xz-turn" with the callback below, and TLS for
 * https. */
void gw_turn_fetch_begin(gw_turn_fetch *fetch, struct lws_context *lws, struct lws_vhost *vhost,
                         const gw_config *config, void (*done)(void *ctx, const gw_turn_outcome *outcome),
                         void *ctx);
/* The same for credentials that are given up; the outcome's |good| says nothing. false: nothing to do, |done| is
 * not called. */
bool gw_turn_revoke_begin(gw_turn_fetch *fetch, struct lws_context *lws, struct lws_vhost *vhost,
                          const gw_config *config, const char *username,
                          void (*done)(void *ctx, const gw_turn_outcome *outcome), void *ctx);
int gw_turn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);

#endif
