/* gateway/http_turn.c - see the header. Redirections are not followed: they would carry the token elsewhere. */
#include "gateway/http_turn.h"

#include <string.h>

static void end(gw_turn_fetch *f, bool replied, gw_ice_failure why) {
  static gw_turn_outcome outcome;
  if (!f->busy) return;
  f->busy = false;
  lws_sul_cancel(&f->patience);
  if (f->wsi) lws_set_wsi_user(f->wsi, NULL);
  if (replied)
    gw_turn_reply_read(&outcome, f->config, f->status, wr_bytes_of(f->body, f->len), f->retry_after);
  else
    outcome = (gw_turn_outcome){.why = why};
  wr_wipe(&f->request, sizeof(f->request));
  f->done(f->ctx, &outcome);
}

static void on_patience(lws_sorted_usec_list_t *sul) {
  gw_turn_fetch *f = lws_container_of(sul, gw_turn_fetch, patience);
  if (f->wsi) lws_set_timeout(f->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
  end(f, false, GW_ICE_TIMEOUT);
}

static void start(gw_turn_fetch *f, struct lws_context *lws, struct lws_vhost *vhost) {
  char url[sizeof(f->request.url)], path[sizeof(url) + 1], authority[GW_AUTHORITY_MAX];
  const char *scheme, *host, *rest;
  int port = 0;
  f->busy = true;
  f->wsi = NULL;
  f->status = 0;
  f->len = 0;
  f->retry_after[0] = 0;
  lws_sul_schedule(lws, 0, &f->patience, on_patience, GW_TURN_PATIENCE);
  memcpy(url, f->request.url, sizeof(url));
  if (lws_parse_uri(url, &scheme, &host, &port, &rest)) {
    end(f, false, GW_ICE_UNREACHABLE);
    return;
  }
  bool tls = strcmp(scheme, "https") == 0;
  snprintf(path, sizeof(path), "/%s", rest);
  gw_authority(authority, host, port, tls);
  struct lws_client_connect_info info = {
      .context = lws,
      .vhost = vhost,
      .address = host,
      .host = authority,
      .port = port,
      .path = path,
      .method = f->request.post ? "POST" : "GET",
      .local_protocol_name = "xz-turn",
      .userdata = f,
      .pwsi = &f->wsi,
      .ssl_connection = (tls ? LCCSCF_USE_SSL : 0) | LCCSCF_HTTP_NO_FOLLOW_REDIRECT,
  };
  if (!lws_client_connect_via_info(&info)) {
    f->wsi = NULL;
    end(f, false, GW_ICE_UNREACHABLE);
  }
}

void gw_turn_fetch_begin(gw_turn_fetch *f, struct lws_context *lws, struct lws_vhost *vhost,
                         const gw_config *config, void (*done)(void *ctx, const gw_turn_outcome *outcome),
                         void *ctx) {
  f->config = config;
  f->done = done;
  f->ctx = ctx;
  if (gw_turn_request_make(&f->request, config)) {
    start(f, lws, vhost);
  } else {
    f->busy = true;
    f->wsi = NULL;
    end(f, false, GW_ICE_UNREACHABLE);
  }
}

bool gw_turn_revoke_begin(gw_turn_fetch *f, struct lws_context *lws, struct lws_vhost *vhost,
                          const gw_config *config, const char *username,
                          void (*done)(void *ctx, const gw_turn_outcome *outcome), void *ctx) {
  f->config = config;
  f->done = done;
  f->ctx = ctx;
  if (!gw_turn_revoke_make(&f->request, config, username)) return false;
  start(f, lws, vhost);
  return true;
}

static bool add(struct lws *wsi, const char *name, const char *value, uint8_t **at, uint8_t *limit) {
  return !lws_add_http_header_by_name(wsi, (const uint8_t *)name, (const uint8_t *)value, (int)strlen(value), at,
                                      limit);
}

static int append_header(gw_turn_fetch *f, struct lws *wsi, uint8_t **at, size_t len) {
  uint8_t *limit = *at + len;
  char length[24];
  const gw_turn_request *r = &f->request;
  snprintf(length, sizeof(length), "%zu", strlen(r->body));
  bool ok = add(wsi, "Accept:", "application/json", at, limit) &&
            (!r->authorization[0] || add(wsi, "Authorization:", r->authorization, at, limit)) &&
            (!r->content_type || add(wsi, "Content-Type:", r->content_type, at, limit)) &&
            (!r->post || add(wsi, "Content-Length:", length, at, limit));
  if (r->body[0]) {
    lws_client_http_body_pending(wsi, 1);
    lws_callback_on_writable(wsi);
  }
  return ok ? 0 : -1;
}

static int write_body(gw_turn_fetch *f, struct lws *wsi) {
  uint8_t buffer[LWS_PRE + sizeof(f->request.body)];
  size_t len = strlen(f->request.body);
  if (!len) return 0;
  memcpy(buffer + LWS_PRE, f->request.body, len);
  f->request.body[0] = 0;
  lws_client_http_body_pending(wsi, 0);
  return lws_write(wsi, buffer + LWS_PRE, len, LWS_WRITE_HTTP_FINAL) < (int)len ? -1 : 0;
}

static int read_piece(struct lws *wsi) {
  char piece[LWS_PRE + 2048], *at = piece + LWS_PRE;
  int len = sizeof(piece) - LWS_PRE;
  return lws_http_client_read(wsi, &at, &len) < 0 ? -1 : 0;
}

static void on_status(gw_turn_fetch *f, struct lws *wsi) {
  f->status = lws_http_client_http_response(wsi);
  if (lws_hdr_copy(wsi, f->retry_after, sizeof(f->retry_after), WSI_TOKEN_HTTP_RETRY_AFTER) < 0)
    f->retry_after[0] = 0;
}

int gw_turn_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  gw_turn_fetch *f = user;
  if (!f || !f->busy) return 0;
  switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: return append_header(f, wsi, in, len);
    case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE: return write_body(f, wsi);
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP: on_status(f, wsi); return 0;
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP: return read_piece(wsi);
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
      if (len > GW_TURN_BODY_MAX - f->len) len = GW_TURN_BODY_MAX - f->len;
      memcpy(f->body + f->len, in, len);
      f->len += len;
      return 0;
    case LWS_CALLBACK_COMPLETED_CLIENT_HTTP: end(f, true, GW_ICE_STATUS); return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
      f->wsi = NULL;
      end(f, f->status != 0 && reason == LWS_CALLBACK_CLOSED_CLIENT_HTTP, GW_ICE_UNREACHABLE);
      return 0;
  }
  return 0;
}
