/* gateway/http.h - the HTTP thread: pages, signalling, and all sockets but the media ones, in one libwebsockets
 * context. It never waits: what workers must decide is asked through their mailboxes and answered when their reply
 * comes. One thread. */
#ifndef GATEWAY_HTTP_H
#define GATEWAY_HTTP_H

#include <libwebsockets.h>

#include "gateway/auth.h"
#include "gateway/capture.h"
#include "gateway/errors.h"
#include "gateway/gateway.h"
#include "gateway/history.h"
#include "gateway/http_turn.h"
#include "gateway/ice_service.h"
#include "gateway/map.h"
#include "gateway/music.h"
#include "gateway/overload.h"
#include "gateway/rate.h"
#include "gateway/sender.h"
#include "gateway/tools.h"
#include "gateway/worker.h"

#define GW_BODY_MAX 65536u
#define GW_DISCARD_MAX (8u * 1024 * 1024) /* a larger body is not even read to its end */
#define GW_EXCHANGES_MAX 4096
#define GW_ENDED_KEPT 32 /* sessions whose last minute is kept after their end */
#define GW_CALLERS_BEYOND \
  64 /* WebSockets of callers that have no session, or not any more, beside those of sessions */

typedef struct gw_http gw_http;
typedef struct gw_exchange gw_exchange;
typedef struct gw_socket gw_socket;
typedef struct gw_errand gw_errand;
typedef struct gw_reach_errand gw_reach_errand;
typedef struct gw_exporter gw_exporter;
typedef struct gw_mqtt_library gw_mqtt_library;

typedef enum gw_method {
  GW_GET = 1,
  GW_POST = 2,
  GW_PATCH = 4,
  GW_DELETE = 8,
  GW_OTHER = 16,
  GW_OPTIONS = 32
} gw_method;

/* One request and its response; lives from the request's header to the response's last byte. */
struct gw_exchange {
  gw_http *http;
  struct lws *wsi;
  uint32_t number; /* while a worker is asked; 0: not */
  gw_method method;
  bool head; /* HEAD: as GET, without the body */
  char path[256], content_type[64];
  uint8_t *body;
  size_t body_len, body_declared;
  wr_time received_at;
  wr_addr from;     /* who asks; behind a proxy that is not trusted, the proxy */
  gw_claims claims; /* of the token it brought */
  gw_traceparent trace;
  char cors[128];  /* the origin of a page from elsewhere that may call; "" none */
  bool is_admin;   /* it brought the operator's token */
  bool opens_call; /* the route does */
  gw_browser browser;
  bool discards, close_after;
  bool takes_body; /* the route's handler waits for it */
  gw_purpose purpose;
  /* metrics and sessions: what workers sent so far */
  gw_metrics *gathered;
  gw_text rows;
  unsigned n_awaited, n_rows;
  bool wants_rows, wants_one;
  bool wants_stats, wants_minute; /* gateway/http_view.c */
  char only_id[GW_ID_HEX + 1];
  /* response */
  bool ready, begun, is_unsent; /* is_unsent: counted by http->n_unsent */
  int status;
  const char *type; /* static; NULL: no body */
  const uint8_t *data;
  size_t len, at;
  char *owned;                               /* |data|, if it is ours */
  int file;                                  /* instead of |data|, if |is_file| */
  bool is_file, is_piecewise;                /* it may be asked for in pieces */
  size_t skip;                               /* of the file, what stands before the piece */
  char range[64];                            /* Content-Range */
  const char *etag, *cache, *policy, *allow; /* static or NULL */
  bool is_part;              /* of a page, and never one itself: what is said about documents is not said again */
  const char *coding, *vary; /* as those */
  unsigned retry_after;
  char location[80];
};

struct gw_http {
  const gw_config *config;
  const char *backend_url; /* ws://..; NULL: none, or each session asks for its own */
  const uint8_t *identity_secret;
  char *roles; /* the answer to GET /api/roles; owned */
  gw_tools tools;
  gw_music music;
  struct lws_context *lws;
  struct lws_vhost *vhost;
  gw_mailbox inbox;
  gw_worker *workers;
  uint16_t n_workers;
  gw_sender to[GW_MAX_WORKERS];
  gw_map sessions;               /* id -> gw_ref */
  gw_view *ended[GW_ENDED_KEPT]; /* the last of those sessions, owned, a ring */
  uint32_t n_ended;
  gw_map callers; /* number -> caller_socket of http_caller.c */
  uint32_t last_caller;
  gw_exchange *exchanges[GW_EXCHANGES_MAX];
  uint32_t last_number;
  gw_socket **sockets[GW_MAX_WORKERS]; /* by slot */
  gw_mqtt_library *mqtt;               /* NULL: nobody needed it */
  gw_http_metrics metrics;
  gw_errors errors;
  gw_exporter *exporter; /* NULL: no traces */
  gw_history *history;   /* NULL: off */
  gw_store_state history_was;
  uint32_t refused[GW_N_HTTP_ERRORS]; /* offers, since |refusals_at| */
  wr_time refusals_at;
  wr_time started_at;
  int64_t started_unix_s;
  const wr_crypto *crypto;
  gw_token_counts token_counts;
  double offer_budget; /* of --offer-rate */
  wr_time offer_budget_at;
  gw_ice_service ice;
  gw_rate ice_rate, address_rate, token_rate;
  gw_overload overload;
  lws_sorted_usec_list_t pulse; /* each second */
  wr_time pulse_at, cpu_was[GW_MAX_WORKERS], process_cpu_was;
  uint32_t overflowed_was[GW_MAX_WORKERS];
  bool on_loopback; /* where we listen */
  gw_turn_fetch ice_fetch;
  lws_sorted_usec_list_t ice_due;
  gw_locals locals;                 /* as the workers know them */
  wr_addr udp_bound, tcp_bound;     /* tcp_bound family 0: no --tcp */
  SSL_CTX *reach_tls;               /* of --reach; NULL: no server needs it */
  bool reach_is_away, reach_is_old; /* an errand looks servers up; there are others since it left */
  gw_config *live;                  /* |config|, for what SIGHUP may change */
  gw_reload *reload;
  bool wants_reload;
  unsigned n_signals; /* SIGTERM and SIGINT so far: the first drains, the second stops */
  bool draining, stopping;
  unsigned n_drained;
  unsigned n_unsent;           /* responses that are not all written */
  lws_sorted_usec_list_t trim; /* memory that handshakes freed goes back to the system */
  bool trim_is_due;
};

extern const struct lws_protocols gw_http_protocols[];

/* ---- gateway/http.c: exchanges ---- */
void gw_respond(gw_exchange *x, int status, const char *type, const void *data, size_t len);
void gw_respond_owned(gw_exchange *x, int status, const char *type, char *text, size_t len);
/* 200 with |len| bytes of |fd|, which is closed afterwards; read piece by piece as the socket takes them. */
void gw_respond_file(gw_exchange *x, const char *type, int fd, size_t len);
/* The same file where a player wants bytes |first| to |last| of it: 206. */
void gw_respond_piece(gw_exchange *x, const char *type, int fd, size_t len, size_t first, size_t last);
/* |why|: static or short-lived; NULL: the code's own message. |line|: of a description; 0: none. */
void gw_respond_error(gw_exchange *x, gw_http_error error, const char *why, unsigned line);
/* A number under which a worker's reply finds |x| again; false: too many are waiting (answered 503). */
bool gw_exchange_await(gw_exchange *x);
gw_exchange *gw_exchange_find(gw_http *http, uint32_t number);
/* An upgrade is refused: answers, and returns what the callback has to. */
int gw_refuse_upgrade(gw_http *http, struct lws *wsi, gw_http_error error);

/* ---- gateway/gateway.c ---- */
int gw_signal_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);

/* ---- gateway/http_api.c: routes ---- */
/* The header is read: refuses, answers, or lets the body come (then returns true). */
bool gw_api_begin(gw_exchange *x);
void gw_api_body(gw_exchange *x); /* the body is complete */
void gw_api_reply(gw_http *http, gw_reply *reply, gw_ref ref);
void gw_api_snapshot(gw_http *http, uint32_t number, gw_snapshot *snapshot);
/* The worker, and the session to resume, for an offer or a hello of whoever brought |claims|; |request->resumes| is
 * cleared for an unknown one. */
gw_http_error gw_api_place(gw_http *http, const gw_claims *claims, gw_request *request, const uint8_t id[16],
                           gw_ref *ref);

/* The session named in the path after "/api/sessions/"; false: answered 404. */
bool gw_api_find(gw_exchange *x, gw_ref *ref);
/* |x| is answered by what the worker of |ref| replies to |kind|. |request|: owned; or NULL, then the message's
 * number is the exchange's, else it is |number|. */
void gw_api_ask(gw_exchange *x, gw_ref ref, gw_kind kind, uint32_t number, gw_request *request);

/* ---- gateway/http_view.c: one session from close by ---- */
void gw_view_get_minute(gw_exchange *x);
void gw_view_get_stats(gw_exchange *x);
void gw_view_seen(gw_http *http, uint32_t number, const gw_view *view);
bool gw_view_ended(gw_exchange *x);              /* answered, by what is kept of a session that has ended */
void gw_view_keep(gw_http *http, gw_view *view); /* of a session that has ended; owned; NULL does nothing */
void gw_view_wipe(gw_http *http);

/* ---- gateway/http_capture.c: records of calls ---- */
void gw_capture_post(gw_exchange *x);
void gw_capture_get(gw_exchange *x);
void gw_capture_delete(gw_exchange *x);
bool gw_capture_folder_is_usable(const char *folder); /* makes it if it is not there; "": fine */
void gw_capture_wait(void); /* no session is left: until the files are written, 2 s at most */

/* ---- gateway/http_auth.c: whose request it is ---- */
/* The token in the request's header; "" none. */
void gw_token_of(struct lws *wsi, char token[GW_TOKEN_MAX]);
/* Whether a caller with that token may come in; its claims, none for the operator's own token. EXPIRED: it was
 * genuine, and good until lately. */
gw_http_error gw_token_enter(const gw_http *http, const char *token, gw_claims *claims);
/* From where it comes: the name it was sent to, and the page that sent it; |cors|: the page's origin if it is from
 * elsewhere and listed, else "". */
gw_http_error gw_request_enters(const gw_http *http, struct lws *wsi, char cors[128]);
bool gw_request_is_rare(gw_http *http, const wr_addr *from); /* false: too many new sessions from there */
gw_browser gw_request_browser(struct lws *wsi);              /* by its User-Agent */
void gw_request_from(const gw_http *http, struct lws *wsi, wr_addr *from);
bool gw_token_is(const char *token, const char *wanted); /* in constant time; false for an empty |wanted| */

/* ---- gateway/http_trace.c: spans go to a collector ---- */
bool gw_exporter_open(gw_http *http); /* nothing to do without --otlp-url; false: no memory */
void gw_exporter_take(gw_http *http, const gw_message *message);
void gw_exporter_flush(gw_http *http); /* at the end: what waits is sent, within 2 s or not at all */
void gw_exporter_close(gw_http *http);

/* ---- gateway/http_admin.c ---- */
void gw_admin_drain(gw_exchange *x);
void gw_admin_errors(gw_exchange *x);

/* ---- gateway/http_history.c ---- */
bool gw_history_start(gw_http *http, char *error); /* if it is wanted; false: it cannot be */
void gw_history_end(gw_http *http);
void gw_history_reload(gw_http *http);
void gw_history_pulse(gw_http *http);                     /* once a second */
void gw_history_take(gw_http *http, const gw_view *view); /* of a session that has ended */
void gw_history_says(gw_http *http, const gw_history_answer *answer);
void gw_history_get(gw_exchange *x);
void gw_history_export(gw_exchange *x);

/* ---- gateway/http_files.c: the page's files and an operator's ---- */
bool gw_files_get(gw_exchange *x); /* false: there is no such file; nothing was answered */
bool gw_files_exist(const gw_exchange *x);
void gw_files_avatar(gw_exchange *x);

/* ---- gateway/http_tool.c: tools that the page does not perform ---- */
void gw_tool_perform(gw_http *http, gw_tool_ask *ask); /* owned */
void gw_files_music(gw_exchange *x);

/* ---- gateway/http_caller.c: WebSockets of callers without WebRTC ---- */
int gw_caller_upgrade(gw_http *http, struct lws *wsi); /* 0: may become one */
void gw_caller_reply(gw_http *http, const gw_reply *reply, gw_ref ref);
void gw_caller_obey(gw_http *http, const gw_message *message); /* GW_CALLER_... from a worker */
int gw_caller_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);

/* ---- gateway/http_link.c: links to backends ---- */
void gw_socket_message(gw_http *http, gw_message *message); /* GW_LINK_... from a worker */
void gw_socket_session_gone(gw_http *http, gw_ref ref);
int gw_socket_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);

/* ---- gateway/http_mqtt.c: links over MQTT and UDP ---- */
int gw_mqtt_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len);
void gw_mqtt_errand_done(gw_http *http, gw_errand *errand); /* owned */

/* ---- gateway/http_ice.c: a provider of TURN servers ---- */
/* For workers that begin: NULL: --reach direct. Looks names up, which may take seconds. */
const gw_reach_servers *gw_ice_reach(gw_http *http);
void gw_ice_reach_anew(gw_http *http); /* other servers, or other secrets: workers are told */
void gw_ice_reach_found(gw_http *http, gw_reach_errand *errand); /* borrowed */
void gw_ice_begin(gw_http *http);
void gw_ice_end(gw_http *http); /* revokes what it gave; takes 4 s at most */

/* ---- gateway/http_photo.c, http_ask.c: requests of ours, by gateway/http_post.h ---- */
void gw_photo_upload(gw_http *http, gw_photo *photo); /* owned */
void gw_ask_server(gw_http *http, gw_ask *ask);       /* owned */

/* ---- gateway/gateway.c ---- */
void gw_http_take_messages(gw_http *http);
/* No new sessions, pages are told, and the program ends when all are gone or after |seconds|. false: it does so
 * already. */
bool gw_http_drain(gw_http *http, uint32_t seconds);

/* ---- gateway/http_pulse.c ---- */
void gw_pulse_begin(gw_http *http); /* the workers run */

/* ---- gateway/http_reload.c ---- */
void gw_http_reload(gw_http *http);              /* SIGHUP: settings, certificate and key; no call is touched */
const char *gw_ca_file(const gw_config *config); /* the certificates that are trusted */

#endif
