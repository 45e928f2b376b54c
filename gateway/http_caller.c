/* gateway/http_caller.c - the WebSockets of callers whose browser has no WebRTC: a pump between the wire and a
 * session's worker (caller.c).
 *
 *   upgrade -> HELLO (the first message says who) -> ASKED (a worker decides) -> OPEN -> closed
 *
 * To the caller: text waits as long as the socket takes, up to TEXT_MAX; sound is worth something only now, so of
 * more than SOUND_MAX pieces the oldest goes, counted, and the kernel's own queue is kept short. From the caller:
 * sound faster than it can be spoken is thrown away, counted; a caller who is silent even to pings is gone. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/http.h"
#include "gateway/http_read.h"

#define PROTOCOLS_MAX (GW_TOKEN_MAX + 64)
#define TEXT_MAX (1024u * 1024)
#define SOUND_MAX 25 /* pieces of 20 ms */
#define KERNEL_BYTES 32768
#define TICK_US WR_S(10)       /* between pings; a hello is waited for so long */
#define SILENT_US WR_S(25)     /* two pings without an answer */
#define PIECE_US WR_MS(16)     /* a piece of 20 ms, for clocks that run fast */
#define SOUND_AHEAD_US WR_S(3) /* what a network that stood still may bring at once */

typedef struct piece {
  struct piece *next;
  bool is_text;
  size_t len;
  uint8_t bytes[]; /* LWS_PRE of room, then |len| */
} piece;

typedef enum phase { HELLO, ASKED, OPEN } phase;

typedef struct caller_socket {
  gw_http *http;
  struct lws *wsi;
  uint32_t number;
  phase phase;
  gw_claims claims;
  gw_browser browser;
  gw_ref ref; /* OPEN */
  piece *first, *last;
  size_t text_bytes, n_sound;
  uint8_t *message; /* being put together */
  size_t message_len;
  bool is_text, pings, closing, overflowed;
  uint16_t code, peer_code;
  char reason[124];
  wr_time heard_at;
  wr_time sound_until; /* what was said so far would have been said by then */
} caller_socket;

static gw_map_key key_of(uint32_t number) {
  gw_map_key key = {{0}};
  memcpy(key.bytes, &number, sizeof(number));
  return key;
}

static caller_socket *find(gw_http *http, uint32_t number) {
  uint64_t value;
  gw_map_key key = key_of(number);
  return gw_map_get(&http->callers, &key, &value) ? (caller_socket *)(uintptr_t)value : NULL;
}

/* ---- upgrade ---- */

/* The first of the offered subprotocols, separated by commas and blanks, that begins with |name|; its rest in
 * |out|. */
static bool offers(const char *list, const char *name, char out[GW_TOKEN_MAX]) {
  size_t len = strlen(name);
  for (const char *at = list + strspn(list, ", "); *at; at += strspn(at, ", ")) {
    size_t n = strcspn(at, ", ");
    if (n >= len && strncmp(at, name, len) == 0 && n - len < GW_TOKEN_MAX) {
      snprintf(out, GW_TOKEN_MAX, "%.*s", (int)(n - len), at + len);
      return true;
    }
    at += n;
  }
  return false;
}

/* A page cannot set a header of its WebSocket: its token comes as a subprotocol that nobody speaks. A token that
 * has ended may still resume: the hello decides. */
static gw_http_error enter(const gw_http *http, struct lws *wsi, gw_claims *claims) {
  char token[GW_TOKEN_MAX], protocols[PROTOCOLS_MAX];
  gw_token_of(wsi, token);
  if (!token[0] && lws_hdr_copy(wsi, protocols, sizeof(protocols), WSI_TOKEN_PROTOCOL) > 0)
    (void)offers(protocols, "bearer.", token);
  gw_http_error error = gw_token_enter(http, token, claims);
  return error == GW_HTTP_EXPIRED ? GW_HTTP_OK : error;
}

int gw_caller_upgrade(gw_http *http, struct lws *wsi) {
  char path[64], protocols[PROTOCOLS_MAX], rest[GW_TOKEN_MAX], cors[128];
  wr_addr from = {0};
  gw_claims claims;
  if (lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) < 0) path[0] = 0;
  if (lws_hdr_copy(wsi, protocols, sizeof(protocols), WSI_TOKEN_PROTOCOL) < 0) protocols[0] = 0;
  gw_request_from(http, wsi, &from);
  gw_http_error error = gw_request_enters(http, wsi, cors);
  if (strcmp(path, "/api/socket") != 0) error = GW_HTTP_NOT_FOUND;
  if (error == GW_HTTP_OK && !gw_request_is_rare(http, &from)) error = GW_HTTP_TOO_MANY;
  if (error == GW_HTTP_OK) error = enter(http, wsi, &claims);
  if (error == GW_HTTP_OK && (!offers(protocols, "xiaozhi-rtc", rest) || rest[0])) error = GW_HTTP_UPGRADE;
  if (error == GW_HTTP_OK && http->callers.n >= http->callers.limit) error = GW_HTTP_FULL;
  return error == GW_HTTP_OK ? 0 : gw_refuse_upgrade(http, wsi, error);
}

static int begin(struct lws *wsi) {
  gw_http *http = lws_context_user(lws_get_context(wsi));
  caller_socket *s = calloc(1, sizeof(*s));
  int bytes = KERNEL_BYTES;
  if (!s) return -1;
  s->http = http;
  s->wsi = wsi;
  do s->number = ++http->last_caller | GW_CALLER_BIT;
  while (find(http, s->number));
  s->heard_at = gw_now();
  s->browser = gw_request_browser(wsi);
  if (enter(http, wsi, &s->claims) != GW_HTTP_OK) { /* its header is still there */
    free(s);
    return -1;
  }
  gw_map_key key = key_of(s->number);
  if (!gw_map_set(&http->callers, &key, (uint64_t)(uintptr_t)s)) {
    free(s);
    return -1;
  }
  lws_set_wsi_user(wsi, s);
  lws_set_timer_usecs(wsi, TICK_US);
  setsockopt(lws_get_socket_fd(wsi), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  http->metrics.sockets_opened++;
  http->metrics.sockets_open++;
  return 0;
}

/* ---- to the caller ---- */

static void append(caller_socket *s, bool is_text, const void *bytes, size_t len) {
  piece *p = malloc(sizeof(*p) + LWS_PRE + len);
  if (!p) return;
  *p = (piece){.is_text = is_text, .len = len};
  if (len) memcpy(p->bytes + LWS_PRE, bytes, len);
  if (s->last)
    s->last->next = p;
  else
    s->first = p;
  s->last = p;
  if (is_text)
    s->text_bytes += len;
  else
    s->n_sound++;
}

static piece *take_first(caller_socket *s) {
  piece *p = s->first;
  if (!p) return NULL;
  s->first = p->next;
  if (!s->first) s->last = NULL;
  if (p->is_text)
    s->text_bytes -= p->len;
  else
    s->n_sound--;
  return p;
}

/* The oldest sound of more than |most| pieces is thrown away; text stays in its order. */
static size_t shorten_sound(caller_socket *s, size_t most) {
  size_t n_dropped = 0;
  piece *before = NULL;
  for (piece *p = s->first, *next; p && s->n_sound > most; p = next) {
    next = p->next;
    if (p->is_text) {
      before = p;
      continue;
    }
    if (before)
      before->next = next;
    else
      s->first = next;
    if (s->last == p) s->last = before;
    s->n_sound--;
    n_dropped++;
    free(p);
  }
  return n_dropped;
}

static void queue(caller_socket *s, bool is_text, const void *bytes, size_t len) {
  append(s, is_text, bytes, len);
  s->http->metrics.sound_dropped_out += shorten_sound(s, SOUND_MAX);
  s->overflowed = s->text_bytes > TEXT_MAX;
  if (s->overflowed) lws_set_timeout(s->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
  lws_callback_on_writable(s->wsi);
}

static void close_after_queue(caller_socket *s, uint16_t code, const char *reason, size_t len) {
  s->closing = true;
  s->code = code;
  snprintf(s->reason, sizeof(s->reason), "%.*s", (int)(len < 120 ? len : 120), reason);
  lws_callback_on_writable(s->wsi);
}

static void refuse(caller_socket *s, gw_http_error error, const char *why) {
  const gw_http_error_row *row = gw_http_error_get(error);
  unsigned retry_after = row->status == 429 ? 1 : row->status == 503 ? 5 : 0;
  json_t *object = json_pack("{s:s,s:s,s:s,s:i}", "type", "error", "code", row->code, "message",
                             why ? why : row->message, "status", row->status);
  if (retry_after) json_object_set_new(object, "retryAfter", json_integer((json_int_t)retry_after));
  char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
  if (text) queue(s, true, text, strlen(text));
  free(text);
  json_decref(object);
  s->http->metrics.errors[error]++;
  s->http->refused[error]++;
  close_after_queue(s, GW_FAREWELL_REFUSED, row->code, strlen(row->code));
}

static void tell_gone(gw_http *http, gw_ref ref, uint32_t number, uint16_t code) {
  const uint8_t bytes[2] = {(uint8_t)(code >> 8), (uint8_t)(code & 0xff)};
  gw_message message = {.kind = GW_CALLER_GONE, .number = number, .ref = ref};
  gw_tell(&http->to[ref.worker], &message, bytes, sizeof(bytes));
}

void gw_caller_reply(gw_http *http, const gw_reply *reply, gw_ref ref) {
  caller_socket *s = find(http, reply->number);
  bool ok = reply->error == GW_HTTP_OK;
  if (!s) {
    if (ok) tell_gone(http, ref, reply->number, GW_FAREWELL_LOST);
    return;
  }
  if (!ok) {
    refuse(s, reply->error, reply->why);
    return;
  }
  char text[512];
  s->phase = OPEN;
  s->ref = ref;
  int len =
      snprintf(text, sizeof(text),
               "{\"type\":\"hello\",\"sessionId\":\"%s\",\"location\":\"/api/sessions/%s\",\"resume\":\"%s\","
               "\"resumed\":%s,\"audio\":{\"up\":%d,\"down\":%d}}",
               reply->id, reply->id, reply->token, reply->resumed ? "true" : "false", GW_PCM_UP_HZ, GW_PCM_DOWN_HZ);
  queue(s, true, text, (size_t)len);
}

void gw_caller_obey(gw_http *http, const gw_message *m) {
  caller_socket *s = find(http, m->number);
  const uint8_t *bytes = m->owned ? m->owned : m->bytes;
  size_t len = m->owned ? m->owned_len : m->len;
  if (!s || s->closing) return;
  switch ((int)m->kind) {
    case GW_CALLER_SAY: queue(s, true, bytes, len); return;
    case GW_CALLER_PLAY: queue(s, false, bytes, len); return;
    case GW_CALLER_HUSH:
      (void)shorten_sound(s, 0);
      queue(s, true, bytes, len);
      return;
    case GW_CALLER_CLOSE:
      if (len < 2) return;
      s->phase = HELLO; /* the session is not this socket's any more */
      close_after_queue(s, (uint16_t)(bytes[0] << 8 | bytes[1]), (const char *)bytes + 2, len - 2);
      return;
  }
}

static int on_writable(caller_socket *s) {
  if (s->overflowed) return -1;
  if (s->pings) {
    uint8_t ping[LWS_PRE + 1] = {0};
    s->pings = false;
    if (lws_write(s->wsi, ping + LWS_PRE, 0, LWS_WRITE_PING) < 0) return -1;
    lws_callback_on_writable(s->wsi);
    return 0;
  }
  piece *p = take_first(s);
  if (!p) {
    if (!s->closing) return 0;
    lws_close_reason(s->wsi, s->code, (uint8_t *)s->reason, strlen(s->reason));
    return -1;
  }
  int sent = lws_write(s->wsi, p->bytes + LWS_PRE, p->len, p->is_text ? LWS_WRITE_TEXT : LWS_WRITE_BINARY);
  bool ok = sent >= (int)p->len;
  free(p);
  if (ok && (s->first || s->closing)) lws_callback_on_writable(s->wsi);
  return ok ? 0 : -1;
}

/* ---- from the caller ---- */

static void on_hello(caller_socket *s, wr_bytes message) {
  uint8_t id[16];
  const char *why = NULL;
  gw_ref ref;
  gw_request *request = s->is_text ? gw_read_hello(message, id, &why) : NULL;
  gw_http_error error = request ? gw_api_place(s->http, &s->claims, request, id, &ref) : GW_HTTP_BAD_JSON;
  if (error != GW_HTTP_OK) {
    free(request);
    refuse(s, error, why);
    return;
  }
  s->phase = ASKED;
  request->number = s->number;
  request->browser = s->browser;
  request->received_at = gw_now();
  gw_tell(&s->http->to[ref.worker], &(gw_message){.kind = GW_OFFER, .ref = ref, .owned = request}, NULL, 0);
}

/* Sound is thrown away where it comes faster than it can have been spoken. */
static bool is_plausible(caller_socket *s, wr_bytes message) {
  wr_time now = gw_now();
  if (s->is_text || message.len != GW_PCM_UP_BYTES) return true;
  if (s->sound_until < now) s->sound_until = now;
  if (s->sound_until - now > SOUND_AHEAD_US) return false;
  s->sound_until += PIECE_US;
  return true;
}

/* false: the worker does not keep up with what must not be lost. */
static bool pass_on(caller_socket *s, wr_bytes message) {
  gw_message m = {.kind = s->is_text ? GW_CALLER_TEXT : GW_CALLER_BYTES, .number = s->number, .ref = s->ref};
  gw_sender *to = &s->http->to[s->ref.worker];
  bool is_sound = !s->is_text && message.len == GW_PCM_UP_BYTES, sent = false;
  if (is_plausible(s, message)) {
    if (message.len > GW_MESSAGE_INLINE) {
      m.owned = malloc(message.len);
      if (!m.owned) return false;
      memcpy(m.owned, message.data, message.len);
      m.owned_len = message.len;
    }
    sent = gw_try_tell(to, &m, message.data, m.owned ? 0 : message.len);
    if (!sent) free(m.owned);
  }
  if (!sent && is_sound) s->http->metrics.sound_dropped_in++;
  return sent || is_sound;
}

static bool on_message(caller_socket *s, wr_bytes message) {
  if (s->closing) return true;
  switch (s->phase) {
    case HELLO: on_hello(s, message); return true;
    case ASKED: return !s->is_text; /* it knows nothing to say yet but what its microphone brings */
    case OPEN: return pass_on(s, message);
  }
  return true;
}

static int on_receive(caller_socket *s, const uint8_t *in, size_t len) {
  bool first = lws_is_first_fragment(s->wsi),
       whole = lws_is_final_fragment(s->wsi) && !lws_remaining_packet_payload(s->wsi), ok = true;
  s->heard_at = gw_now();
  if (first) s->is_text = !lws_frame_is_binary(s->wsi);
  if (first && whole && !s->message_len) {
    ok = on_message(s, wr_bytes_of(in, len));
  } else {
    uint8_t *grown = s->message_len + len <= GW_BODY_MAX ? realloc(s->message, s->message_len + len + 1) : NULL;
    ok = grown != NULL;
    if (ok) {
      s->message = grown;
      if (len) memcpy(s->message + s->message_len, in, len);
      s->message_len += len;
    }
    if (ok && whole) {
      ok = on_message(s, wr_bytes_of(s->message, s->message_len));
      s->message_len = 0;
    }
  }
  if (ok) return 0;
  lws_close_reason(s->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
  return -1;
}

static int on_timer(caller_socket *s) {
  wr_time silent = gw_now() - s->heard_at;
  if (silent >= SILENT_US || s->phase == HELLO) return -1;
  s->pings = true;
  lws_callback_on_writable(s->wsi);
  lws_set_timer_usecs(s->wsi, TICK_US);
  return 0;
}

static void end(caller_socket *s) {
  gw_map_key key = key_of(s->number);
  if (s->phase == OPEN) tell_gone(s->http, s->ref, s->number, s->peer_code ? s->peer_code : GW_FAREWELL_LOST);
  gw_map_remove(&s->http->callers, &key);
  s->http->metrics.sockets_open--;
  for (piece *p; (p = take_first(s)) != NULL;) free(p);
  free(s->message);
  lws_set_wsi_user(s->wsi, NULL);
  free(s);
}

int gw_caller_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  caller_socket *s = user;
  if (reason == LWS_CALLBACK_ESTABLISHED) return begin(wsi);
  if (!s) return 0;
  switch ((int)reason) {
    case LWS_CALLBACK_RECEIVE: return on_receive(s, in, len);
    case LWS_CALLBACK_RECEIVE_PONG: s->heard_at = gw_now(); return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE: return on_writable(s);
    case LWS_CALLBACK_TIMER: return on_timer(s);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
      if (len >= 2) s->peer_code = (uint16_t)(((const uint8_t *)in)[0] << 8 | ((const uint8_t *)in)[1]);
      return 0;
    case LWS_CALLBACK_CLOSED: end(s); return 0;
  }
  return 0;
}
