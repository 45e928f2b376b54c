/* assistant/ask.c - one POST: name -> address -> connection -> body -> answer, each step bounded by the same timer.
 */
#include "assistant/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 16 * 1024 };

static wr_time now_us(void) { return (wr_time)lws_now_usecs(); }

static void unlist(as_ask *ask) {
  for (as_ask **at = &ask->asker->first; *at; at = &(*at)->next) {
    if (*at != ask) continue;
    *at = ask->next;
    ask->asker->n--;
    return;
  }
}

static void release(as_ask *ask) {
  if (ask->connecting) return; /* its connect is below us on the stack, and frees it */
  free(ask->body);
  free(ask);
}

/* |wsi| goes on alone, to its end. */
static void let_go(as_ask *ask) {
  lws_sul_cancel(&ask->timer);
  unlist(ask);
  ask->ended = true;
  if (!ask->wsi) return;
  lws_set_wsi_user(ask->wsi, NULL);
  lws_set_timeout(ask->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
  ask->wsi = NULL;
}

void as_ask_cancel(as_ask *ask) {
  let_go(ask);
  release(ask);
}

static void end(as_ask *ask, as_why why) {
  if (ask->ended) return;
  let_go(ask);
  ask->done(ask, why);
  release(ask);
}

static void on_timer(lws_sorted_usec_list_t *timer);

static void set_timer(as_ask *ask) {
  wr_time now = now_us();
  wr_time at = wr_time_min(ask->heard_at + ask->silence_us, ask->began_at + ask->total_us);
  lws_sul_schedule(ask->asker->lws, 0, &ask->timer, on_timer, at > now ? at - now : 1);
}

/* ---- connecting ---- */

static as_why why_of_status(unsigned status) {
  if (status == 401 || status == 403) return AS_WHY_REFUSED;
  if (status == 404) return AS_WHY_MISSING;
  if (status == 429) return AS_WHY_LIMITED;
  if (status >= 500) return AS_WHY_BROKEN;
  if (status >= 400) return AS_WHY_REJECTED;
  return status >= 200 && status < 300 ? AS_WHY_NONE : AS_WHY_GARBLED;
}

static void connect_to(as_ask *ask, const char *address) {
  struct lws_client_connect_info info = {
      .context = ask->asker->lws,
      .vhost = ask->asker->vhost,
      .address = address,
      .host = ask->to->authority, /* also what the certificate has to be of */
      .port = ask->to->port,
      .path = ask->to->path,
      .method = "POST",
      .alpn = "http/1.1",
      .local_protocol_name = "ask",
      .userdata = ask,
      .pwsi = &ask->wsi,
      .ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (ask->to->tls ? LCCSCF_USE_SSL : 0),
  };
  ask->at = 0;
  if (!lws_client_connect_via_info(&info) && !ask->ended) ask->again = true;
}

/* One address after the other, until one can be connected to. A failure may be told inside of the call. */
static void try_addresses(as_ask *ask) {
  bool left = ask->i_address < ask->addresses.n, failed = !left;
  ask->connecting = true;
  while (left) {
    ask->again = false;
    connect_to(ask, ask->addresses.text[ask->i_address++]);
    failed = ask->again && !ask->ended;
    left = failed && ask->i_address < ask->addresses.n;
  }
  ask->connecting = false;
  if (ask->ended)
    release(ask);
  else if (failed)
    end(ask, AS_WHY_UNREACHABLE);
}

static void find_address(as_ask *ask) {
  if (as_endpoint_is_address(ask->to)) {
    ask->addresses.n = 1;
    snprintf(ask->addresses.text[0], AS_ADDRESS_TEXT, "%.45s", ask->to->host);
  } else {
    as_resolved found = ask->asker->resolver ? as_resolver_get(ask->asker->resolver, ask->i_name, &ask->addresses,
                                                               now_us() / 1000000)
                                             : AS_NO_SUCH_NAME;
    if (found == AS_RESOLVING) return;
    if (found == AS_NO_SUCH_NAME) snprintf(ask->error, sizeof ask->error, "no address for %s", ask->to->host);
  }
  try_addresses(ask);
}

static void on_timer(lws_sorted_usec_list_t *timer) {
  as_ask *ask = lws_container_of(timer, as_ask, timer);
  wr_time now = now_us();
  if (!ask->heard_at) { /* the start, off the caller's stack */
    ask->heard_at = now;
    set_timer(ask);
    find_address(ask);
  } else if (now >= ask->heard_at + ask->silence_us || now >= ask->began_at + ask->total_us) {
    end(ask, ask->addresses.n ? AS_WHY_SLOW : AS_WHY_UNREACHABLE);
  } else {
    set_timer(ask);
    if (!ask->addresses.n) find_address(ask);
  }
}

bool as_ask_start(as_ask *ask) {
  as_asker *asker = ask->asker;
  if (asker->n >= AS_ASKS_MAX) return false;
  ask->next = asker->first;
  asker->first = ask;
  asker->n++;
  ask->began_at = now_us();
  ask->heard_at = 0;
  lws_sul_schedule(asker->lws, 0, &ask->timer, on_timer, 1);
  return true;
}

void as_asker_resolved(as_asker *asker) {
  for (as_ask *ask = asker->first; ask; ask = ask->next)
    if (ask->heard_at && !ask->addresses.n) lws_sul_schedule(asker->lws, 0, &ask->timer, on_timer, 1);
}

/* ---- libwebsockets ---- */

static bool add(struct lws *wsi, const char *name, const char *value, uint8_t **at, uint8_t *limit) {
  return !lws_add_http_header_by_name(wsi, (const uint8_t *)name, (const uint8_t *)value, (int)strlen(value), at,
                                      limit);
}

static int append_header(as_ask *ask, struct lws *wsi, uint8_t **at, size_t len) {
  uint8_t *limit = *at + len;
  char length[24], bearer[600];
  snprintf(length, sizeof length, "%zu", ask->n_body);
  snprintf(bearer, sizeof bearer, "Bearer %s", ask->key);
  bool fine = add(wsi, "Content-Type:", ask->content_type, at, limit) &&
              add(wsi, "Content-Length:", length, at, limit) && add(wsi, "Accept:", "*/*", at, limit) &&
              add(wsi, "User-Agent:", "xiaozhi-rtc", at, limit) &&
              (!*ask->key || add(wsi, "Authorization:", bearer, at, limit));
  wr_wipe(bearer, sizeof bearer);
  lws_client_http_body_pending(wsi, 1);
  lws_callback_on_writable(wsi);
  return fine ? 0 : -1;
}

static int write_body(as_ask *ask, struct lws *wsi) {
  uint8_t piece[LWS_PRE + PIECE_BYTES];
  size_t left = ask->n_body - ask->at, n = left < PIECE_BYTES ? left : PIECE_BYTES;
  if (!n) return 0;
  memcpy(piece + LWS_PRE, ask->body + ask->at, n);
  if (lws_write(wsi, piece + LWS_PRE, n, n == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)n) return -1;
  ask->at += n;
  ask->heard_at = now_us(); /* it takes what we send */
  set_timer(ask);
  if (n == left)
    lws_client_http_body_pending(wsi, 0);
  else
    lws_callback_on_writable(wsi);
  return 0;
}

static void on_head(as_ask *ask, struct lws *wsi) {
  char text[16];
  ask->status = lws_http_client_http_response(wsi);
  ask->heard_at = now_us();
  set_timer(ask);
  if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_RETRY_AFTER) <= 0) return;
  unsigned long seconds = strtoul(text, NULL, 10); /* a date counts as none */
  ask->retry_after_s = seconds > 100000 ? 100000 : (unsigned)seconds;
}

static int read_piece(struct lws *wsi) {
  char piece[LWS_PRE + 4096], *at = piece + LWS_PRE;
  int len = sizeof piece - LWS_PRE;
  return lws_http_client_read(wsi, &at, &len) < 0 ? -1 : 0;
}

static void keep_error(as_ask *ask, const char *text, size_t len) {
  if (len > AS_ASK_ERROR_MAX - ask->n_error) len = AS_ASK_ERROR_MAX - ask->n_error;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    ask->error[ask->n_error++] = c < ' ' || c > '~' ? ' ' : (char)c;
  }
  ask->error[ask->n_error] = 0;
}

static int on_data(as_ask *ask, const char *data, size_t len) {
  as_why why = why_of_status(ask->status);
  ask->heard_at = now_us();
  set_timer(ask);
  if (why) {
    keep_error(ask, data, len);
    if (ask->n_error == AS_ASK_ERROR_MAX) end(ask, why);
  } else if (!ask->data(ask, wr_bytes_of(data, len))) {
    end(ask, AS_WHY_NONE);
  }
  return 0;
}

static void on_connection_error(as_ask *ask, struct lws *wsi, const char *what, size_t len) {
  bool began = ask->status || ask->at;
  lws_set_wsi_user(wsi, NULL);
  ask->wsi = NULL;
  ask->n_error = 0;
  if (what) keep_error(ask, what, len);
  if (began)
    end(ask, AS_WHY_CUT);
  else if (ask->connecting)
    ask->again = true;
  else
    try_addresses(ask);
}

static void on_closed(as_ask *ask, struct lws *wsi) {
  lws_set_wsi_user(wsi, NULL);
  ask->wsi = NULL;
  as_why why = why_of_status(ask->status);
  end(ask, why && ask->status ? why : AS_WHY_CUT);
}

int as_ask_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  as_ask *ask = user;
  if (!ask) return 0;
  switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: ask->wsi = wsi; return append_header(ask, wsi, in, len);
    case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE: return write_body(ask, wsi);
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP: on_head(ask, wsi); return 0;
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP: return read_piece(wsi);
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ: return on_data(ask, in, len);
    case LWS_CALLBACK_COMPLETED_CLIENT_HTTP: end(ask, why_of_status(ask->status)); return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: on_connection_error(ask, wsi, in, len); return 0;
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP: on_closed(ask, wsi); return 0;
  }
  return 0;
}
