/* gateway/http.c - exchanges on libwebsockets: header in, body in, response out in pieces the socket takes.
 *
 * A response may be decided at once or when a worker replies; it is written when the socket is writable. Bodies
 * over the limit are read and thrown away up to GW_DISCARD_MAX, so that the client gets to read its 413. */
#include "gateway/http_post.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PIECE_BYTES 16384
#define PERMISSIONS "camera=(self), microphone=(self), autoplay=(self), geolocation=(), payment=(), usb=()"
#define BODY_WAIT WR_S(20) /* for a whole body, however slowly it drips */

typedef struct connection {
  gw_exchange *exchange;
} connection;

static gw_http *http_of(struct lws *wsi) { return lws_context_user(lws_get_context(wsi)); }

/* ---- responses ---- */

void gw_respond(gw_exchange *x, int status, const char *type, const void *data, size_t len) {
  x->status = status;
  x->type = type;
  x->data = data;
  x->len = len;
  x->ready = true;
  x->http->n_unsent += !x->is_unsent;
  x->is_unsent = true;
  if (x->number) x->http->exchanges[x->number % GW_EXCHANGES_MAX] = NULL;
  x->number = 0;
  if (status >= 100 && status < 600) x->http->metrics.responses[status / 100]++;
  lws_callback_on_writable(x->wsi);
}

void gw_respond_owned(gw_exchange *x, int status, const char *type, char *text, size_t len) {
  x->owned = text;
  gw_respond(x, status, type, text, len);
}

void gw_respond_file(gw_exchange *x, const char *type, int fd, size_t len) {
  x->file = fd;
  x->is_file = true;
  gw_respond(x, 200, type, NULL, len);
}

void gw_respond_piece(gw_exchange *x, const char *type, int fd, size_t len, size_t first, size_t last) {
  x->file = fd;
  x->is_file = x->is_piecewise = true;
  x->skip = first;
  snprintf(x->range, sizeof(x->range), "bytes %zu-%zu/%zu", first, last, len);
  gw_respond(x, 206, type, NULL, last - first + 1);
}

void gw_respond_error(gw_exchange *x, gw_http_error error, const char *why, unsigned line) {
  const gw_http_error_row *row = gw_http_error_get(error);
  json_t *detail = line ? json_pack("{s:i}", "line", (int)line) : NULL;
  json_t *body = json_pack("{s:{s:s,s:s,s:o*}}", "error", "code", row->code, "message", why ? why : row->message,
                           "detail", detail);
  char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
  json_decref(body);
  x->http->metrics.errors[error]++;
  if (x->opens_call) x->http->refused[error]++;
  if (error != GW_HTTP_NOT_FOUND) gw_errors_note(&x->http->errors, "request", row->code, NULL, time(NULL));
  if (row->status == 429) x->retry_after = 1;
  if (row->status == 503) x->retry_after = 5;
  if (row->status == 401 || error == GW_HTTP_LENGTH_REQUIRED) x->close_after = x->body_declared > 0;
  gw_respond_owned(x, row->status, "application/json", text, text ? strlen(text) : 0);
}

bool gw_exchange_await(gw_exchange *x) {
  for (unsigned i = 0; i < GW_EXCHANGES_MAX; i++) {
    uint32_t number = ++x->http->last_number & ~GW_CALLER_BIT;
    if (!number || x->http->exchanges[number % GW_EXCHANGES_MAX]) continue;
    x->number = number;
    x->http->exchanges[number % GW_EXCHANGES_MAX] = x;
    return true;
  }
  gw_respond_error(x, GW_HTTP_FULL, NULL, 0);
  return false;
}

gw_exchange *gw_exchange_find(gw_http *http, uint32_t number) {
  gw_exchange *x = http->exchanges[number % GW_EXCHANGES_MAX];
  return x && x->number == number ? x : NULL;
}

static void end_exchange(connection *c) {
  gw_exchange *x = c->exchange;
  if (!x) return;
  if (x->number) x->http->exchanges[x->number % GW_EXCHANGES_MAX] = NULL;
  x->http->n_unsent -= x->is_unsent;
  if (x->is_file) close(x->file);
  free(x->body);
  free(x->owned);
  free(x->gathered);
  free(x->rows.text);
  free(x);
  c->exchange = NULL;
}

typedef struct header {
  struct lws *wsi;
  uint8_t *at, *end;
  bool failed;
} header;

static void add(header *h, const char *name, const char *value) {
  if (value && lws_add_http_header_by_name(h->wsi, (const uint8_t *)name, (const uint8_t *)value,
                                           (int)strlen(value), &h->at, h->end))
    h->failed = true;
}

static void add_cors(header *h, const gw_exchange *x) {
  add(h, "access-control-allow-origin:", x->cors);
  add(h, "access-control-expose-headers:", "location, retry-after");
  if (x->method != GW_OPTIONS) return;
  add(h, "access-control-allow-methods:", "GET, POST, PATCH, DELETE");
  add(h, "access-control-allow-headers:", "authorization, content-type, traceparent");
  add(h, "access-control-max-age:", "600");
}

static bool write_header(gw_exchange *x) {
  uint8_t buffer[LWS_PRE + 3072];
  header h = {.wsi = x->wsi, .at = buffer + LWS_PRE, .end = buffer + sizeof(buffer)};
  char number[16], hsts[32];
  if (lws_add_http_header_status(x->wsi, (unsigned)x->status, &h.at, h.end)) return false;
  if (x->status != 204 && x->status != 304 &&
      lws_add_http_header_content_length(x->wsi, (lws_filepos_t)x->len, &h.at, h.end))
    return false;
  add(&h, "content-type:", x->type);
  add(&h, "x-content-type-options:", "nosniff");
  add(&h, "cache-control:", x->cache ? x->cache : "no-store");
  add(&h, "etag:", x->etag);
  add(&h, "vary:", x->cors[0] ? "origin, accept-encoding" : x->vary);
  add(&h, "accept-ranges:", x->is_piecewise ? "bytes" : NULL);
  add(&h, "content-range:", x->range[0] ? x->range : NULL);
  add(&h, "content-encoding:", x->coding);
  if (!x->is_part) {
    add(&h, "referrer-policy:", "no-referrer");
    add(&h, "content-security-policy:", x->policy ? x->policy : "default-src 'none'; frame-ancestors 'none'");
  }
  if (x->policy) { /* a page */
    add(&h, "permissions-policy:", PERMISSIONS);
    add(&h, "cross-origin-opener-policy:", "same-origin");
  }
  snprintf(number, sizeof(number), "%lld", (long long)x->http->config->hsts);
  snprintf(hsts, sizeof(hsts), "max-age=%s", number);
  add(&h, "strict-transport-security:", x->http->config->hsts ? hsts : NULL);
  if (x->cors[0]) add_cors(&h, x);
  add(&h, "allow:", x->allow);
  add(&h, "location:", x->location[0] ? x->location : NULL);
  add(&h, "www-authenticate:", x->status == 401 ? "Bearer" : NULL);
  add(&h, "connection:", x->close_after ? "close" : NULL);
  snprintf(number, sizeof(number), "%u", x->retry_after);
  add(&h, "retry-after:", x->retry_after ? number : NULL);
  return !h.failed && !lws_finalize_write_http_header(x->wsi, buffer + LWS_PRE, &h.at, h.end);
}

int gw_refuse_upgrade(gw_http *http, struct lws *wsi, gw_http_error error) {
  gw_exchange x = {.http = http, .wsi = wsi, .opens_call = error != GW_HTTP_NOT_FOUND};
  uint8_t body[LWS_PRE + 512];
  gw_respond_error(&x, error, NULL, 0);
  x.close_after = true;
  if (x.len <= sizeof(body) - LWS_PRE && write_header(&x)) {
    memcpy(body + LWS_PRE, x.data, x.len);
    (void)lws_write(wsi, body + LWS_PRE, x.len, LWS_WRITE_HTTP_FINAL);
  }
  free(x.owned);
  return -1;
}

static int finish(connection *c) {
  struct lws *wsi = c->exchange->wsi;
  bool close_after = c->exchange->close_after;
  end_exchange(c);
  if (close_after) return -1;
  return lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int on_writable(connection *c) {
  gw_exchange *x = c->exchange;
  if (!x || !x->ready) return 0;
  if (!x->begun) {
    x->begun = true;
    if (!write_header(x)) return -1;
    if (!x->len || x->head || x->status == 304) return finish(c);
    lws_callback_on_writable(x->wsi);
    return 0;
  }
  uint8_t piece[LWS_PRE + PIECE_BYTES];
  size_t n = x->len - x->at < PIECE_BYTES ? x->len - x->at : PIECE_BYTES;
  bool last = x->at + n == x->len;
  if (!x->is_file)
    memcpy(piece + LWS_PRE, x->data + x->at, n);
  else if (pread(x->file, piece + LWS_PRE, n, (off_t)(x->skip + x->at)) != (ssize_t)n)
    return -1; /* it became shorter: the length that was promised does not come */
  if (lws_write(x->wsi, piece + LWS_PRE, n, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)n) return -1;
  x->at += n;
  if (last) return finish(c);
  lws_callback_on_writable(x->wsi);
  return 0;
}

/* ---- requests ---- */

static void copy_header(gw_exchange *x, enum lws_token_indexes token, char *out, size_t cap) {
  if (lws_hdr_copy(x->wsi, out, (int)cap, token) < 0) out[0] = 0;
}

static void read_method(gw_exchange *x, const char *uri) {
  char *at = NULL;
  int len = 0;
  x->method = GW_OTHER;
  switch (lws_http_get_uri_and_method(x->wsi, &at, &len)) {
    case LWSHUMETH_HEAD:
      x->head = true;
      x->method = GW_GET;
      break;
    case LWSHUMETH_GET: x->method = GW_GET; break;
    case LWSHUMETH_POST: x->method = GW_POST; break;
    case LWSHUMETH_PATCH: x->method = GW_PATCH; break;
    case LWSHUMETH_OPTIONS: x->method = GW_OPTIONS; break;
    case LWSHUMETH_DELETE: x->method = GW_DELETE; break;
  }
  snprintf(x->path, sizeof(x->path), "%s", uri);
}

static int on_request(connection *c, struct lws *wsi, const char *uri) {
  end_exchange(c);
  gw_exchange *x = calloc(1, sizeof(*x));
  if (!x) return -1;
  c->exchange = x;
  x->http = http_of(wsi);
  x->wsi = wsi;
  x->received_at = gw_now();
  char length[24];
  gw_request_from(x->http, wsi, &x->from);
  read_method(x, uri);
  copy_header(x, WSI_TOKEN_HTTP_CONTENT_TYPE, x->content_type, sizeof(x->content_type));
  x->content_type[strcspn(x->content_type, "; ")] = 0;
  copy_header(x, WSI_TOKEN_HTTP_CONTENT_LENGTH, length, sizeof(length));
  x->body_declared = (size_t)strtoull(length, NULL, 10);
  bool may_have_body = x->method & (GW_POST | GW_PATCH);
  if (may_have_body && !length[0]) {
    x->close_after = true;
    gw_respond_error(x, GW_HTTP_LENGTH_REQUIRED, NULL, 0);
    x->close_after = true;
  } else if (x->body_declared > GW_DISCARD_MAX) {
    gw_respond_error(x, GW_HTTP_TOO_LARGE, NULL, 0);
    x->close_after = true;
  } else {
    x->takes_body = gw_api_begin(x);
    if (x->takes_body && !x->body_declared) gw_api_body(x);
  }
  /* A response is known, but the body still comes: it is read and thrown away, then the response is written. */
  x->discards = x->ready && !x->close_after && x->body_declared;
  if (x->discards) x->ready = false;
  lws_set_timeout(wsi, x->body_declared ? PENDING_TIMEOUT_HTTP_CONTENT : NO_PENDING_TIMEOUT, 10);
  return 0;
}

static void on_body(gw_exchange *x, const void *in, size_t len) {
  if (x->discards || x->ready) return;
  if (x->body_declared > GW_BODY_MAX || x->body_len + len > x->body_declared) return; /* refused when complete */
  if (!x->body) x->body = malloc(x->body_declared + 1);
  if (!x->body) return;
  memcpy(x->body + x->body_len, in, len);
  x->body_len += len;
}

static void on_body_complete(gw_exchange *x) {
  lws_set_timeout(x->wsi, NO_PENDING_TIMEOUT, 0);
  if (x->discards) {
    x->ready = true;
    lws_callback_on_writable(x->wsi);
  } else if (x->body_declared > GW_BODY_MAX) {
    gw_respond_error(x, GW_HTTP_TOO_LARGE, NULL, 0);
  } else if (x->takes_body && !x->ready) {
    gw_api_body(x);
  }
}

static int serve(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  connection *c = user;
  switch ((int)reason) {
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
      if (http_of(wsi)) gw_http_take_messages(http_of(wsi));
      return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: return gw_caller_upgrade(http_of(wsi), wsi);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return -1; /* no WebSocket is served here */
    case LWS_CALLBACK_HTTP: return on_request(c, wsi, in);
    case LWS_CALLBACK_HTTP_BODY:
      if (!c->exchange) return 0;
      if (gw_now() - c->exchange->received_at > BODY_WAIT) return -1; /* lws counts from the last byte */
      on_body(c->exchange, in, len);
      return 0;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
      if (c->exchange) on_body_complete(c->exchange);
      return 0;
    case LWS_CALLBACK_HTTP_WRITEABLE: return on_writable(c);
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
    case LWS_CALLBACK_CLOSED_HTTP:
      if (c) end_exchange(c);
      return 0;
  }
  return 0;
}

const struct lws_protocols gw_http_protocols[] = {
    {"http", serve, sizeof(connection), 0, 0, NULL, 0},   {"xiaozhi-rtc", gw_caller_callback, 0, 4096, 0, NULL, 0},
    {"xz-link", gw_socket_callback, 0, 4096, 0, NULL, 0}, {"xz-post", gw_post_callback, 0, 4096, 0, NULL, 0},
    {"xz-turn", gw_turn_callback, 0, 4096, 0, NULL, 0},   {"xz-mqtt", gw_mqtt_callback, 0, 0, 0, NULL, 0},
    {"xz-signal", gw_signal_callback, 0, 0, 0, NULL, 0},  {NULL, NULL, 0, 0, 0, NULL, 0},
};
