/* gateway/http_post.c - requests of ours, on libwebsockets' HTTP client. Left out: keeping connections. */
#include "gateway/http_post.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/gateway.h"

#define PIECE_BYTES 16384
#define POST_US (12 * LWS_US_PER_SEC)

static size_t total(const gw_post *p) {
  size_t len = 0;
  for (unsigned i = 0; i < GW_POST_PARTS; i++) len += p->part[i].len;
  return len;
}

static void free_post(gw_post *p) {
  free(p->result);
  free(p);
}

static void end(gw_post *p, unsigned status) {
  if (p->ended) return;
  p->ended = true;
  lws_sul_cancel(&p->timer);
  if (p->wsi) lws_set_wsi_user(p->wsi, NULL);
  p->result[p->len] = 0;
  p->done(p, status, p->result, p->len);
  if (!p->connecting) free_post(p);
}

static void on_late(lws_sorted_usec_list_t *timer) {
  gw_post *p = lws_container_of(timer, gw_post, timer);
  struct lws *wsi = p->wsi;
  end(p, 0);
  if (wsi) lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
}

static void connect_post(gw_post *p) {
  char url[sizeof(p->url)], path[sizeof(p->url) + 1], authority[GW_AUTHORITY_MAX];
  const char *scheme, *host, *rest;
  int port = 0;
  memcpy(url, p->url, sizeof(url));
  if (lws_parse_uri(url, &scheme, &host, &port, &rest) || strncmp(scheme, "http", 4) != 0) {
    end(p, 0);
    return;
  }
  snprintf(path, sizeof(path), "/%s", rest);
  bool tls = strcmp(scheme, "https") == 0;
  gw_authority(authority, host, port, tls);
  struct lws_client_connect_info info = {
      .context = p->http->lws,
      .vhost = p->http->vhost,
      .address = host,
      .host = authority,
      .port = port,
      .path = path,
      .method = p->is_get ? "GET" : "POST",
      .local_protocol_name = "xz-post",
      .userdata = p,
      .pwsi = &p->wsi,
      .ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (tls ? LCCSCF_USE_SSL : 0)};
  /* Failure is reported through the callback, also before this returns; it may write to |pwsi| after that. */
  p->connecting = true;
  (void)lws_client_connect_via_info(&info);
  p->connecting = false;
  if (p->ended) free_post(p);
}

void gw_post_start(gw_post *p) {
  if (!p->most) p->most = GW_POST_RESULT_MAX;
  p->result = malloc(p->most + 1);
  if (!p->result) abort();
  lws_sul_schedule(p->http->lws, 0, &p->timer, on_late,
                   p->seconds ? (lws_usec_t)p->seconds * LWS_US_PER_SEC : POST_US);
  connect_post(p);
}

static bool add(struct lws *wsi, const char *name, const char *value, uint8_t **at, uint8_t *limit) {
  return !lws_add_http_header_by_name(wsi, (const uint8_t *)name, (const uint8_t *)value, (int)strlen(value), at,
                                      limit);
}

static int append_header(gw_post *p, struct lws *wsi, uint8_t **at, size_t len) {
  uint8_t *limit = *at + len;
  char length[24], bearer[1100];
  snprintf(length, sizeof(length), "%zu", total(p));
  snprintf(bearer, sizeof(bearer), "%s%.1024s", strchr(p->token, ' ') ? "" : "Bearer ", p->token);
  bool ok = add(wsi, "User-Agent:", "xiaozhi-rtc/" GW_VERSION, at, limit) &&
            (!p->token[0] || add(wsi, "Authorization:", bearer, at, limit));
  if (!p->is_get)
    ok = ok && add(wsi, "Content-Type:", p->content_type, at, limit) &&
         add(wsi, "Content-Length:", length, at, limit);
  if (p->identity)
    ok = ok && add(wsi, "Device-Id:", p->identity->mac, at, limit) &&
         add(wsi, "Client-Id:", p->identity->client_id, at, limit);
  for (size_t i = 0; p->tool && i < p->tool->n_headers; i++)
    ok = ok && add(wsi, p->tool->header[i].name, p->tool->header[i].value, at, limit);
  if (p->is_device)
    ok = ok && add(wsi, "Activation-Version:", "1", at, limit) && add(wsi, "Accept-Language:", "en-US", at, limit);
  p->at = 0;
  if (p->is_get) return ok ? 0 : -1;
  lws_client_http_body_pending(wsi, 1);
  lws_callback_on_writable(wsi);
  return ok ? 0 : -1;
}

/* What is left of the part that |at| stands in. */
static wr_bytes rest_of(const gw_post *p) {
  size_t at = p->at;
  for (unsigned i = 0; i < GW_POST_PARTS; i++) {
    if (at < p->part[i].len) return wr_bytes_of(p->part[i].data + at, p->part[i].len - at);
    at -= p->part[i].len;
  }
  return wr_bytes_of(NULL, 0);
}

static int write_body(gw_post *p, struct lws *wsi) {
  uint8_t piece[LWS_PRE + PIECE_BYTES];
  wr_bytes rest = rest_of(p);
  size_t n = rest.len < PIECE_BYTES ? rest.len : PIECE_BYTES;
  bool last = p->at + n == total(p);
  if (!n) return 0;
  memcpy(piece + LWS_PRE, rest.data, n);
  if (lws_write(wsi, piece + LWS_PRE, n, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)n) return -1;
  p->at += n;
  if (last)
    lws_client_http_body_pending(wsi, 0);
  else
    lws_callback_on_writable(wsi);
  return 0;
}

static int read_piece(struct lws *wsi) {
  char piece[LWS_PRE + 2048], *at = piece + LWS_PRE;
  int len = sizeof(piece) - LWS_PRE;
  return lws_http_client_read(wsi, &at, &len) < 0 ? -1 : 0;
}

/* ---- redirects ---- */

/* |location| seen from |p->url|. false: not where we would go. */
static bool resolve(gw_post *p, const char *location) {
  char next[sizeof(p->url)];
  bool tls = strncmp(p->url, "https:", 6) == 0;
  if (location[0] == '/' && location[1] != '/') {
    const char *host = strstr(p->url, "://");
    size_t origin = host ? (size_t)(host - p->url) + 3 + strcspn(host + 3, "/?") : 0;
    if (snprintf(next, sizeof(next), "%.*s%s", (int)origin, p->url, location) >= (int)sizeof(next)) return false;
  } else if (strncmp(location, "https://", 8) == 0 || (!tls && strncmp(location, "http://", 7) == 0)) {
    if (snprintf(next, sizeof(next), "%s", location) >= (int)sizeof(next)) return false;
  } else {
    return false;
  }
  memcpy(p->url, next, sizeof(next));
  return true;
}

static bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 307 || status == 308;
}

static int on_answer(gw_post *p, struct lws *wsi) {
  p->status = lws_http_client_http_response(wsi);
  if (!is_redirect(p->status) || p->redirected || p->stays) return 0;
  if (lws_hdr_copy(wsi, p->location, sizeof(p->location), WSI_TOKEN_HTTP_LOCATION) <= 0) return 0;
  if (!resolve(p, p->location)) return 0;
  p->redirected = true;
  p->wsi = NULL;
  lws_set_wsi_user(wsi, NULL);
  connect_post(p);
  return -1;
}

int gw_post_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  gw_post *p = user;
  if (!p) return 0;
  switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: p->wsi = wsi; return append_header(p, wsi, in, len);
    case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE: return write_body(p, wsi);
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP: return on_answer(p, wsi);
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP: return read_piece(wsi);
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
      p->cut = p->cut || len > p->most - p->len;
      if (len > p->most - p->len) len = p->most - p->len;
      memcpy(p->result + p->len, in, len);
      p->len += len;
      return 0;
    case LWS_CALLBACK_COMPLETED_CLIENT_HTTP: end(p, p->status); return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      p->wsi = NULL;
      end(p, 0);
      return 0;
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
      p->wsi = NULL;
      end(p, p->status == 202 ? p->status : 0); /* some end a bodiless answer by closing */
      return 0;
  }
  return 0;
}
