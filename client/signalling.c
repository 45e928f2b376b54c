/* client/signalling.c - libwebsockets' HTTP client behind a queue; see signalling.h. */
#include "client/signalling.h"

#include <libwebsockets.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_RESPONSE_BYTES (256 * 1024)
#define REQUEST_TIMEOUT_S 10

typedef struct request {
  struct request *next;
  signalling *owner;
  unsigned id;
  uint32_t number, retry_after_ms;
  char *method, *path, *content_type, *body;
  size_t body_len;
  int status;
  char *response;
  size_t response_len;
} request;

struct signalling {
  struct lws_context *context;
  pthread_t thread;
  pthread_mutex_t lock; /* guards the two lists, n_open and stop */
  request *waiting, **waiting_end, *done, **done_end;
  unsigned n_open;
  bool stop;
  request *starting; /* lws may finish a request before connect_via_info returns */
  int fd;
  bool tls;
  char *url_copy, *authorization;
  const char *host;
  int port;
  char path[256];
};

static void request_free(request *r) {
  free(r->method);
  free(r->path);
  free(r->content_type);
  free(r->body);
  free(r->response);
  free(r);
}

/* Moves |r| to the taker, who may free it at once: |wsi| must not know it any more. */
static void finish(struct lws *wsi, request *r, const char *error) {
  if (!r) return;
  signalling *s = r->owner;
  if (wsi) lws_set_opaque_user_data(wsi, NULL);
  if (s->starting == r) s->starting = NULL;
  if (error && !r->response) {
    r->status = 0;
    r->response = strdup(error);
    r->response_len = r->response ? strlen(error) : 0;
  }
  pthread_mutex_lock(&s->lock);
  r->next = NULL;
  *s->done_end = r;
  s->done_end = &r->next;
  s->n_open--;
  pthread_mutex_unlock(&s->lock);
  eventfd_write(s->fd, 1);
}

static bool append_response(request *r, const char *in, size_t len) {
  if (r->response_len + len > MAX_RESPONSE_BYTES) return false;
  char *grown = realloc(r->response, r->response_len + len + 1);
  if (!grown) return false;
  memcpy(grown + r->response_len, in, len);
  r->response = grown;
  r->response_len += len;
  grown[r->response_len] = 0;
  return true;
}

static int append_headers(struct lws *wsi, request *r, void *in, size_t len) {
  unsigned char **at = in, *end = *at + len;
  const char *token = r->owner->authorization;
  if (token && lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, (const unsigned char *)token,
                                            (int)strlen(token), at, end))
    return -1;
  if (!r->body) return 0;
  char length[16];
  int n = lws_snprintf(length, sizeof length, "%zu", r->body_len);
  if (lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, (const unsigned char *)r->content_type,
                                   (int)strlen(r->content_type), at, end) ||
      lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, (const unsigned char *)length, n, at, end))
    return -1;
  lws_client_http_body_pending(wsi, 1);
  lws_callback_on_writable(wsi);
  return 0;
}

static int write_body(struct lws *wsi, request *r) {
  lws_client_http_body_pending(wsi, 0);
  unsigned char *copy = malloc(LWS_PRE + r->body_len);
  if (!copy) return -1;
  memcpy(copy + LWS_PRE, r->body, r->body_len);
  int n = lws_write(wsi, copy + LWS_PRE, r->body_len, LWS_WRITE_HTTP_FINAL);
  free(copy);
  return n < 0 ? -1 : 0;
}

/* Retry-After in seconds; a date (RFC 9110 10.2.3) is not understood. */
static void take_head(struct lws *wsi, request *r) {
  char text[16];
  r->status = (int)lws_http_client_http_response(wsi);
  if (lws_hdr_copy(wsi, text, sizeof text, WSI_TOKEN_HTTP_RETRY_AFTER) <= 0) return;
  unsigned long seconds = strtoul(text, NULL, 10);
  r->retry_after_ms = seconds < 86400 ? (uint32_t)seconds * 1000 : 86400000;
}

static void start_waiting(signalling *s);

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  (void)user;
  request *r = wsi ? lws_get_opaque_user_data(wsi) : NULL;
  switch ((int)reason) {
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED: start_waiting(lws_context_user(lws_get_context(wsi))); return 0;
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER: return r ? append_headers(wsi, r, in, len) : -1;
    case LWS_CALLBACK_CLIENT_HTTP_WRITEABLE: return r ? write_body(wsi, r) : -1;
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
      if (r) take_head(wsi, r);
      return 0;
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP: {
      char buffer[LWS_PRE + 4096], *at = buffer + LWS_PRE;
      int n = (int)sizeof buffer - LWS_PRE;
      return lws_http_client_read(wsi, &at, &n) < 0 ? -1 : 0;
    }
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ: return r && append_response(r, in, len) ? 0 : -1;
    case LWS_CALLBACK_COMPLETED_CLIENT_HTTP: finish(wsi, r, NULL); return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: finish(wsi, r, in ? (const char *)in : "no connection"); return 0;
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
      /* A response without a body (204) ends here. */
      finish(wsi, r, r && r->status ? NULL : "the connection was closed");
      return 0;
    default: return 0;
  }
}

static const struct lws_protocols protocols[] = {{"http", on_lws, 0, 4096, 0, NULL, 0},
                                                 {NULL, NULL, 0, 0, 0, NULL, 0}};

static void start_one(signalling *s, request *r) {
  struct lws_client_connect_info info = {.context = s->context,
                                         .address = s->host,
                                         .port = s->port,
                                         .path = r->path,
                                         .host = s->host,
                                         .origin = s->host,
                                         .method = r->method,
                                         .protocol = protocols[0].name,
                                         .local_protocol_name = protocols[0].name,
                                         .ssl_connection = s->tls ? LCCSCF_USE_SSL : 0,
                                         .opaque_user_data = r};
  s->starting = r;
  if (!lws_client_connect_via_info(&info) && s->starting) finish(NULL, r, "cannot connect");
  s->starting = NULL;
}

static void start_waiting(signalling *s) {
  pthread_mutex_lock(&s->lock);
  request *r = s->waiting;
  s->waiting = NULL;
  s->waiting_end = &s->waiting;
  pthread_mutex_unlock(&s->lock);
  while (r) {
    request *next = r->next;
    start_one(s, r);
    r = next;
  }
}

static void *serve(void *arg) {
  signalling *s = arg;
  for (;;) {
    pthread_mutex_lock(&s->lock);
    bool stop = s->stop;
    pthread_mutex_unlock(&s->lock);
    if (stop || lws_service(s->context, 0) < 0) return NULL;
  }
}

static bool parse_url(signalling *s, const char *url, const char **why) {
  const char *scheme, *path;
  s->url_copy = strdup(url);
  *why = "must be http://HOST:PORT or https://HOST:PORT";
  if (!s->url_copy || lws_parse_uri(s->url_copy, &scheme, &s->host, &s->port, &path)) return false;
  s->tls = !strcmp(scheme, "https");
  if (!s->tls && strcmp(scheme, "http")) return false;
  lws_snprintf(s->path, sizeof s->path, "%s%s", *path && *path != '/' ? "/" : "", path);
  if (!strcmp(s->path, "/")) s->path[0] = 0;
  return true;
}

static bool make_context(signalling *s, const char **why) {
  lws_set_log_level(LLL_ERR, NULL);
  struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN,
                                           .protocols = protocols,
                                           .gid = -1,
                                           .uid = -1,
                                           .user = s,
                                           .timeout_secs = REQUEST_TIMEOUT_S,
                                           .options = s->tls ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0};
  s->context = lws_create_context(&info);
  *why = "cannot start the HTTP client";
  return s->context != NULL;
}

static void destroy(signalling *s) {
  if (s->context) lws_context_destroy(s->context);
  for (int i = 0; i < 2; i++) {
    request *r = i ? s->done : s->waiting;
    while (r) {
      request *next = r->next;
      request_free(r);
      r = next;
    }
  }
  if (s->fd >= 0) close(s->fd);
  pthread_mutex_destroy(&s->lock);
  free(s->authorization);
  free(s->url_copy);
  free(s);
}

signalling *signalling_open(const char *url, const char *token, const char **why) {
  signalling *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->waiting_end = &s->waiting;
  s->done_end = &s->done;
  s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  pthread_mutex_init(&s->lock, NULL);
  if (token) {
    size_t size = strlen(token) + 8;
    s->authorization = malloc(size);
    if (s->authorization) lws_snprintf(s->authorization, size, "Bearer %s", token);
  }
  if (s->fd < 0 || !parse_url(s, url, why) || !make_context(s, why) || pthread_create(&s->thread, NULL, serve, s)) {
    destroy(s);
    return NULL;
  }
  return s;
}

const char *signalling_path(const signalling *s) { return s->path; }

static char *copy(const char *text) { return text ? strdup(text) : NULL; }

bool signalling_request(signalling *s, unsigned id, uint32_t number, const char *method, const char *path,
                        const char *content_type, wr_bytes body) {
  request *r = calloc(1, sizeof *r);
  if (!r) return false;
  r->owner = s;
  r->id = id;
  r->number = number;
  r->method = copy(method);
  r->path = copy(path);
  r->content_type = copy(content_type);
  r->body = body.len ? malloc(body.len) : NULL;
  r->body_len = body.len;
  if (r->body) memcpy(r->body, body.data, body.len);
  if (!r->method || !r->path || (body.len && !r->body)) {
    request_free(r);
    return false;
  }
  pthread_mutex_lock(&s->lock);
  *s->waiting_end = r;
  s->waiting_end = &r->next;
  s->n_open++;
  pthread_mutex_unlock(&s->lock);
  lws_cancel_service(s->context);
  return true;
}

int signalling_fd(const signalling *s) { return s->fd; }

bool signalling_take(signalling *s, signalling_result *result) {
  pthread_mutex_lock(&s->lock);
  request *r = s->done;
  if (r) {
    s->done = r->next;
    if (!s->done) s->done_end = &s->done;
  }
  pthread_mutex_unlock(&s->lock);
  if (!r) return false;
  *result = (signalling_result){.id = r->id,
                                .number = r->number,
                                .retry_after_ms = r->retry_after_ms,
                                .status = r->status,
                                .body = r->response,
                                .len = r->response_len};
  r->response = NULL;
  request_free(r);
  return true;
}

static bool has_open(signalling *s) {
  pthread_mutex_lock(&s->lock);
  bool open = s->n_open > 0;
  pthread_mutex_unlock(&s->lock);
  return open;
}

void signalling_close(signalling *s) {
  if (!s) return;
  for (int i = 0; i < 100 && has_open(s); i++) nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  pthread_mutex_lock(&s->lock);
  s->stop = true;
  pthread_mutex_unlock(&s->lock);
  lws_cancel_service(s->context);
  pthread_join(s->thread, NULL);
  destroy(s);
}
