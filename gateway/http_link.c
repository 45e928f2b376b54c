/* gateway/http_link.c - the links to the backend, and those of them that are WebSockets: a pump between a session's
 * worker and the wire.
 *
 * Promise to the worker: every GW_LINK_OPEN is answered by exactly one GW_LINK_CLOSED, with GW_LINK_OPENED before
 * it if the server let us in. What waits for the wire is bounded by the worker's credit; what comes in goes to the
 * worker's mailbox, and a backend that fills it is disconnected. */
#include <stdlib.h>
#include <string.h>

#include "gateway/http_socket.h"
#include "gateway/log.h"
#include "xiaozhi/message.h"

#define MESSAGE_MAX (XZ_TEXT_MAX + 64)

static gw_socket **place_of(gw_http *http, gw_ref ref) { return &http->sockets[ref.worker][ref.slot]; }

gw_socket *gw_socket_find(gw_http *http, gw_ref ref) {
  gw_socket *s = *place_of(http, ref);
  return s && s->ref.generation == ref.generation ? s : NULL;
}

void gw_socket_tell(gw_socket *s, gw_kind kind, uint32_t number, const void *bytes, size_t len) {
  gw_tell(&s->http->to[s->ref.worker], &(gw_message){.kind = (uint16_t)kind, .number = number, .ref = s->ref},
          bytes, len);
}

/* The socket is freed; its wsi, if any, is told to forget it. */
void gw_socket_end(gw_socket *s, uint32_t code, const char *reason) {
  if (s->ended) return;
  s->ended = true;
  gw_socket_tell(s, GW_LINK_CLOSED, code, reason, strlen(reason));
  if (*place_of(s->http, s->ref) == s) *place_of(s->http, s->ref) = NULL;
  if (s->wsi) lws_set_wsi_user(s->wsi, NULL);
  gw_mqtt_free(s->mqtt);
  while (s->first) {
    gw_piece *p = s->first;
    s->first = p->next;
    free(p);
  }
  free(s->message);
  free(s);
}

/* A ping when nothing came for 10 s, which also keeps NAT boxes from forgetting; a server that does not answer it
 * is gone after 25 s: a person waits for its words. */
static const lws_retry_bo_t keep_alive = {.secs_since_valid_ping = 10, .secs_since_valid_hangup = 25};

static void connect_socket(gw_socket *s) {
  char url[GW_TEXT_MAX];
  const char *scheme, *host, *path;
  int port = 0;
  char full_path[GW_TEXT_MAX];
  const char *own = s->http->backend_url ? s->http->backend_url : "";
  snprintf(url, sizeof(url), "%s", s->target.server.url[0] ? s->target.server.url : own);
  if (!url[0] || lws_parse_uri(url, &scheme, &host, &port, &path)) {
    gw_socket_end(s, 0, "the backend's address cannot be used");
    return;
  }
  snprintf(full_path, sizeof(full_path), "/%s", path);
  bool tls = strcmp(scheme, "wss") == 0;
  char authority[GW_AUTHORITY_MAX];
  gw_authority(authority, host, port, tls);
  struct lws_client_connect_info info = {.context = s->http->lws,
                                         .vhost = s->http->vhost,
                                         .address = host,
                                         .host = authority,
                                         .port = port,
                                         .path = full_path,
                                         .local_protocol_name = "xz-link",
                                         .userdata = s,
                                         .pwsi = &s->wsi,
                                         .retry_and_idle_policy = &keep_alive,
                                         .ssl_connection = tls ? LCCSCF_USE_SSL : 0};
  gw_http *http = s->http;
  gw_ref ref = s->ref;
  /* A failure inside may already have been reported through the callback: then |s| is gone. */
  if (!lws_client_connect_via_info(&info) && (s = gw_socket_find(http, ref))) gw_socket_end(s, 0, "cannot connect");
}

static void open_socket(gw_http *http, const gw_message *m) {
  gw_socket *old = *place_of(http, m->ref);
  if (old) gw_socket_session_gone(http, old->ref); /* of a slot's former tenant */
  gw_socket *s = calloc(1, sizeof(*s));
  if (!s) abort();
  s->http = http;
  s->ref = m->ref;
  s->target = *(const gw_target *)m->owned;
  *place_of(http, m->ref) = s;
  if (s->target.server.mqtt.host[0])
    gw_mqtt_open(s);
  else
    connect_socket(s);
}

static void wake(gw_socket *s) {
  if (s->mqtt)
    gw_mqtt_pump(s);
  else if (s->wsi)
    lws_callback_on_writable(s->wsi);
}

static void queue(gw_socket *s, bool is_text, const void *bytes, size_t len) {
  gw_piece *p = malloc(sizeof(*p) + LWS_PRE + len);
  if (!p) return;
  p->next = NULL;
  p->is_text = is_text;
  p->len = len;
  memcpy(p->bytes + LWS_PRE, bytes, len);
  if (s->last)
    s->last->next = p;
  else
    s->first = p;
  s->last = p;
  wake(s);
}

static void close_socket(gw_socket *s, uint16_t code, const void *reason, size_t len) {
  s->closing = true;
  s->code = code ? code : 1000;
  snprintf(s->reason, sizeof(s->reason), "%.*s", (int)(len < 120 ? len : 120), (const char *)reason);
  wake(s);
}

static void open_channel(gw_socket *s, const void *host, size_t len, uint16_t port) {
  char name[256];
  snprintf(name, sizeof(name), "%.*s", (int)len, (const char *)host);
  if (s->mqtt && len < sizeof(name)) gw_mqtt_channel(s, name, port);
}

void gw_socket_message(gw_http *http, gw_message *m) {
  if (m->kind == GW_LINK_OPEN) {
    open_socket(http, m);
    return;
  }
  gw_socket *s = gw_socket_find(http, m->ref);
  if (!s) return;
  const void *bytes = m->owned ? m->owned : m->bytes;
  size_t len = m->owned ? m->owned_len : m->len;
  switch ((int)m->kind) {
    case GW_LINK_CLOSE: close_socket(s, (uint16_t)m->number, bytes, len); return;
    case GW_LINK_CHANNEL: open_channel(s, bytes, len, (uint16_t)m->number); return;
    case GW_LINK_SEND_TEXT: queue(s, true, bytes, len); return;
    case GW_LINK_SEND_BINARY:
      if (s->mqtt)
        gw_mqtt_send_speech(s, bytes, len);
      else
        queue(s, false, bytes, len);
      return;
  }
}

void gw_socket_session_gone(gw_http *http, gw_ref ref) {
  gw_socket *s = gw_socket_find(http, ref);
  if (!s) return;
  struct lws *wsi = s->wsi;
  gw_socket_end(s, 1000, "session gone");
  if (wsi) lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
}

/* ---- callbacks ---- */

static bool add_header(struct lws *wsi, const char *name, const char *value, uint8_t **at, uint8_t *limit) {
  return !lws_add_http_header_by_name(wsi, (const uint8_t *)name, (const uint8_t *)value, (int)strlen(value), at,
                                      limit);
}

static int append_header(gw_socket *s, uint8_t **at, size_t len) {
  char bearer[XZ_OTA_TOKEN_MAX + 8], version[12];
  const xz_ota_server *server = &s->target.server;
  const char *token = server->url[0] ? server->token : s->http->config->backend_token;
  uint8_t *limit = *at + len;
  /* A token with a blank brings its own scheme (xiaozhi protocol). */
  snprintf(bearer, sizeof(bearer), "%s%s", strchr(token, ' ') ? "" : "Bearer ", token);
  snprintf(version, sizeof(version), "%u", server->version);
  bool ok = (!token[0] || add_header(s->wsi, "Authorization:", bearer, at, limit)) &&
            add_header(s->wsi, "Protocol-Version:", version, at, limit) &&
            add_header(s->wsi, "Device-Id:", s->target.identity.mac, at, limit) &&
            add_header(s->wsi, "Client-Id:", s->target.identity.client_id, at, limit);
  return ok ? 0 : -1;
}

void gw_socket_sent(gw_socket *s) {
  gw_piece *p = s->first;
  gw_socket_tell(s, GW_LINK_SENT, (uint32_t)p->len, NULL, 0);
  s->first = p->next;
  if (!s->first) s->last = NULL;
  free(p);
}

static int on_writable(gw_socket *s) {
  gw_piece *p = s->first;
  if (!p) {
    if (!s->closing) return 0;
    lws_close_reason(s->wsi, s->code, (uint8_t *)s->reason, strlen(s->reason));
    return -1;
  }
  enum lws_write_protocol how = p->is_text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
  if (lws_write(s->wsi, p->bytes + LWS_PRE, p->len, how) < (int)p->len) return -1;
  gw_socket_sent(s);
  if (s->first || s->closing) lws_callback_on_writable(s->wsi);
  return 0;
}

/* A whole message, to the worker. false: it does not keep up, or the message is too long. */
bool gw_socket_pass_on(gw_socket *s, const uint8_t *bytes, size_t len, bool is_text) {
  gw_message m = {.kind = is_text ? GW_LINK_TEXT : GW_LINK_BINARY, .ref = s->ref};
  gw_sender *to = &s->http->to[s->ref.worker];
  if (len <= GW_MESSAGE_INLINE) return gw_try_tell(to, &m, bytes, len);
  m.owned = malloc(len);
  if (!m.owned) return false;
  memcpy(m.owned, bytes, len);
  m.owned_len = len;
  bool sent = gw_try_tell(to, &m, NULL, 0);
  if (!sent) free(m.owned);
  return sent;
}

static int on_receive(gw_socket *s, const uint8_t *in, size_t len) {
  bool first = lws_is_first_fragment(s->wsi),
       whole = lws_is_final_fragment(s->wsi) && !lws_remaining_packet_payload(s->wsi);
  bool ok = true;
  if (first) s->is_text = !lws_frame_is_binary(s->wsi);
  if (first && whole && !s->message_len) {
    ok = gw_socket_pass_on(s, in, len, s->is_text);
  } else {
    uint8_t *grown = s->message_len + len <= MESSAGE_MAX ? realloc(s->message, s->message_len + len + 1) : NULL;
    ok = grown != NULL;
    if (ok) {
      s->message = grown;
      memcpy(s->message + s->message_len, in, len);
      s->message_len += len;
    }
    if (ok && whole) {
      ok = gw_socket_pass_on(s, s->message, s->message_len, s->is_text);
      s->message_len = 0;
    }
  }
  if (ok) return 0;
  gw_socket_end(s, 1009, "the assistant sent more than can be taken");
  return -1;
}

/* Its session is gone, and the deadline that was to kill it may have been replaced by one of the handshake's. */
static int close_orphan(enum lws_callback_reasons reason) {
  switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_RECEIVE:
    case LWS_CALLBACK_CLIENT_WRITEABLE: return -1;
  }
  return 0;
}

/* libwebsockets keeps the status to itself but for its words. */
static void on_refused(gw_socket *s, const char *why) {
  bool unauthorized = strstr(why, "unauthorized") != NULL, refused = strstr(why, "not 101") != NULL;
  if (unauthorized) why = "the assistant did not accept the token";
  if (refused) why = "the assistant refused the connection";
  gw_socket_end(s, unauthorized ? 401 : refused ? 400 : 0, why);
}

int gw_socket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  gw_socket *s = user;
  if (!s) return close_orphan(reason);
  switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: s->wsi = wsi; return append_header(s, in, len);
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
      s->wsi = wsi;
      gw_socket_tell(s, GW_LINK_OPENED, 0, NULL, 0);
      if (s->first || s->closing) lws_callback_on_writable(wsi);
      return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE: return on_receive(s, in, len);
    case LWS_CALLBACK_CLIENT_WRITEABLE: return on_writable(s);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
      if (len >= 2) s->code = (uint16_t)(((const uint8_t *)in)[0] << 8 | ((const uint8_t *)in)[1]);
      snprintf(s->reason, sizeof(s->reason), "%.*s", len > 2 ? (int)(len - 2 < 120 ? len - 2 : 120) : 0,
               len > 2 ? (const char *)in + 2 : "");
      return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
      s->wsi = NULL; /* lws is about to free it */
      on_refused(s, in && len ? (const char *)in : "cannot connect");
      return 0;
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP: /* it takes connections, and upgrades none within lws' patience */
    case LWS_CALLBACK_WSI_DESTROY:
      s->wsi = NULL;
      gw_socket_end(s, 0, "the assistant does not answer");
      return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
      s->wsi = NULL;
      gw_socket_end(s, s->code, s->reason[0] ? s->reason : "the assistant closed the connection");
      return 0;
  }
  return 0;
}
