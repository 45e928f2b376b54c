/* assistant/server.c - sockets: libwebsockets around as_turn.
 *
 * One thread runs the event loop and owns every session. Workers only put results into the studio and wake the
 * loop. A session's timer is set to its turn's deadline after everything that may move it. */
#include <libwebsockets.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "assistant/assistant.h"
#include "assistant/http.h"
#include "assistant/remote.h"
#include "assistant/studio.h"
#include "assistant/turn.h"

enum { ID_MAX = 64, HOST_BYTES = 128, PROMPT_MAX = 4096 };

/* What a plugged-in dialogue is told about its part, unless the operator says else. */
static const char default_prompt[] =
    "You are XiaoZhi, a friendly assistant in a conversation by voice. Answer in the language of the person, in "
    "one to three short sentences that sound natural when spoken, without lists, markup, links or formulas. Use a "
    "tool when it helps, and say briefly what came of it. Begin each answer with the one of these emoji that fits: "
    "🙂😆😂😔😠😭😍😳😲😱🤔😉😎😌🤤😘😏😴😜🙄😶";

typedef struct session {
  as_turn turn;
  as_assistant *assistant;
  struct lws *wsi;
  lws_sorted_usec_list_t timer;
  char session_id[17];
  char device_id[ID_MAX];
  char vision_url[HOST_BYTES + 48];
  char photo_token[33]; /* good while the session lives */
  as_turn_stats shown;  /* copy of the turn's, under stats_lock */
  xz_server_stats shown_link;
  uint8_t *received; /* a message whose end has not come */
  size_t n_received;
  bool replaced;
  struct session *next;
} session;

/* What libwebsockets keeps per connection. */
typedef struct connection {
  session *session;
  as_http http;
  bool unbound; /* not activated: it may hear its code */
} connection;

struct as_assistant {
  as_assistant_settings settings;
  char *host, *token, *admin_token, *model_dir;
  as_devices *devices;
  as_http_site site;
  struct lws_context *context;
  struct lws_vhost *vhost;
  uint16_t port;
  pthread_t thread;
  bool serving;
  atomic_bool stopping;
  as_studio *studio;
  as_remote *remote; /* NULL: nothing is plugged in */
  as_memory *memory;
  char prompt[PROMPT_MAX];
  char wake_word[64];
  session *sessions;
  uint64_t last_id;
  pthread_mutex_t stats_lock;
  as_assistant_stats stats;
};

static void say_log(as_assistant *a, as_log_level level, const char *what, const session *s, const char *more) {
  char line[560];
  if (!a->settings.log) return;
  snprintf(line, sizeof line, "assistant: %s%s%s%s%s", what, s ? " session=" : "", s ? s->session_id : "",
           *more ? " reason=" : "", more);
  a->settings.log(a->settings.log_ctx, level, line);
}

static wr_time now_us(void) { return (wr_time)lws_now_usecs(); }

/* ---- sessions ---- */

static void on_timer(lws_sorted_usec_list_t *timer);

static void settle(session *s) {
  pthread_mutex_lock(&s->assistant->stats_lock);
  s->shown = s->turn.stats;
  s->shown_link = s->turn.link.stats;
  pthread_mutex_unlock(&s->assistant->stats_lock);
  xz_send send;
  wr_time now = now_us(), deadline = as_turn_deadline(&s->turn);
  if (xz_server_peek(&s->turn.link, &send)) lws_callback_on_writable(s->wsi);
  lws_usec_t in = deadline == WR_NEVER ? LWS_SET_TIMER_USEC_CANCEL : deadline > now ? deadline - now : 1;
  lws_sul_schedule(s->assistant->context, 0, &s->timer, on_timer, in);
}

static void on_timer(lws_sorted_usec_list_t *timer) {
  session *s = lws_container_of(timer, session, timer);
  as_turn_tick(&s->turn, now_us());
  settle(s);
}

/* The built-in stages, as a stage. */
static bool take_built_in(void *ctx, as_job *job) {
  as_assistant *a = ctx;
  return a->studio && as_studio_submit(a->studio, job);
}

static void cancel_built_in(void *ctx, uint64_t id) {
  as_assistant *a = ctx;
  if (a->studio) as_studio_cancel(a->studio, id);
}

static bool submit(void *ctx, as_job *job) {
  as_assistant *a = ctx;
  return a->remote ? as_remote_take(a->remote, job) : take_built_in(a, job);
}

static void cancel(void *ctx, uint64_t id) {
  as_assistant *a = ctx;
  if (a->remote)
    as_remote_cancel(a->remote, id);
  else
    cancel_built_in(a, id);
}

static int64_t now_s(void *ctx) {
  (void)ctx;
  return time(NULL);
}

static struct tm local_time(void *ctx) {
  (void)ctx;
  time_t t = time(NULL);
  struct tm local;
  localtime_r(&t, &local);
  return local;
}

static void random_hex(char *out, size_t n_digits) {
  uint8_t bytes[16];
  if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) abort();
  for (size_t i = 0; i < n_digits; i++) out[i] = "0123456789abcdef"[bytes[i / 2] >> (i % 2 * 4) & 15];
  out[n_digits] = 0;
}

/* A second connection of a device ends its first: one of them is a ghost. */
static unsigned replace_older(const as_assistant *a, const session *newer) {
  unsigned n = 0;
  for (session *s = a->sessions; s; s = s->next) {
    if (s == newer || !*s->device_id || strcasecmp(s->device_id, newer->device_id)) continue;
    s->replaced = true;
    n++;
    xz_server_close(&s->turn.link, 1000, "replaced");
    settle(s);
  }
  return n;
}

/* Whose memory: a device that says who it is, or this session alone. */
static void name_person(session *s, const as_http *http) {
  char mac[XZ_MAC_BYTES];
  bool known = xz_mac_read(mac, http->device_id);
  snprintf(s->turn.person, sizeof s->turn.person, "%s %s", known ? mac : s->session_id,
           known ? http->client_id : "");
}

static as_world world_of(as_assistant *a) {
  as_world world = {.submit = submit,
                    .cancel = cancel,
                    .local_time = local_time,
                    .now_s = now_s,
                    .ctx = a,
                    .model = "",
                    .prompt = a->prompt,
                    .memory = a->memory,
                    .wake_word = a->wake_word,
                    .interim = a->settings.interim};
  for (unsigned kind = 0; kind < AS_N_STAGES; kind++)
    world.plugged[kind] = as_remote_does(a->remote, (as_job_kind)kind);
  if (world.plugged[AS_JOB_THINK]) world.model = as_remote_model(a->remote, AS_JOB_THINK);
  return world;
}

static session *open_session(as_assistant *a, struct lws *wsi, const as_http *http) {
  session *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->assistant = a;
  s->wsi = wsi;
  random_hex(s->session_id, 8);
  snprintf(s->device_id, sizeof s->device_id, "%s", http->device_id);
  random_hex(s->photo_token, 32);
  snprintf(s->vision_url, sizeof s->vision_url, "%s://%s/xiaozhi/vision/explain", http->tls ? "https" : "http",
           http->host);
  as_world world = world_of(a);
  xz_server_settings settings = {.session_id = s->session_id,
                                 .vision_url = s->vision_url,
                                 .vision_token = s->photo_token,
                                 .describe_tools = world.plugged[AS_JOB_THINK],
                                 .audio = {AS_SPEECH_RATE, 1, 60}};
  if (!as_turn_init(&s->turn, ++a->last_id, &world, settings, now_us())) {
    as_turn_wipe(&s->turn);
    free(s);
    return NULL;
  }
  name_person(s, http);
  xz_server_set_version(&s->turn.link, http->version);
  unsigned n_replaced = replace_older(a, s);
  pthread_mutex_lock(&a->stats_lock);
  a->stats.n_replaced += n_replaced;
  s->next = a->sessions;
  a->sessions = s;
  a->stats.n_sessions++;
  a->stats.n_sessions_total++;
  pthread_mutex_unlock(&a->stats_lock);
  say_log(a, AS_LOG_INFO, "device connected", s, "");
  settle(s);
  return s;
}

static void tell_code(session *s) {
  char mac[XZ_MAC_BYTES], code[7];
  uint32_t left_s;
  if (!xz_mac_read(mac, s->device_id)) return;
  (void)as_devices_code(s->assistant->devices, mac, code, &left_s, time(NULL));
  snprintf(s->turn.refusal, sizeof s->turn.refusal,
           "This device has to be activated. Its code is %c %c %c %c %c %c.", code[0], code[1], code[2], code[3],
           code[4], code[5]);
}

static void add_stats(as_assistant_stats *sum, const as_turn_stats *one, const xz_server_stats *link) {
  sum->n_heard += one->n_heard;
  sum->n_unrecognised += one->n_unrecognised;
  sum->n_clicks += one->n_clicks;
  sum->n_typed += one->n_typed;
  sum->n_barge_ins += one->n_barge_ins;
  sum->n_failed_jobs += one->n_failed_jobs;
  sum->n_fallbacks += one->n_fallbacks;
  sum->n_frames_in += link->frames_in;
  sum->n_frames_out += link->frames_out;
  sum->n_frames_late += link->frames_late;
  if ((uint64_t)link->latest > sum->latest_us) sum->latest_us = (uint64_t)link->latest;
}

static void close_session(session *s) {
  as_assistant *a = s->assistant;
  pthread_mutex_lock(&a->stats_lock);
  for (session **at = &a->sessions; *at; at = &(*at)->next) {
    if (*at != s) continue;
    *at = s->next;
    break;
  }
  a->stats.n_sessions--;
  add_stats(&a->stats, &s->turn.stats, &s->turn.link.stats);
  pthread_mutex_unlock(&a->stats_lock);
  lws_sul_schedule(a->context, 0, &s->timer, on_timer, LWS_SET_TIMER_USEC_CANCEL);
  say_log(a, AS_LOG_INFO, "device gone", s, s->replaced ? "replaced" : "");
  cancel(a, s->turn.id);
  as_turn_wipe(&s->turn);
  if (!strncmp(s->turn.person, s->session_id, 8)) as_memory_erase(a->memory, s->turn.person);
  free(s->received);
  free(s);
}

static session *session_of(const as_assistant *a, uint64_t id) {
  session *s = a->sessions;
  while (s && s->turn.id != id) s = s->next;
  return s;
}

/* A result goes to its session; if that is gone it is thrown away. */
static void give_back(void *ctx, as_job *job) {
  as_assistant *a = ctx;
  session *s = session_of(a, job->session);
  if (job->failed && !job->why) say_log(a, AS_LOG_ERROR, "speech failed", NULL, job->error);
  if (!s) {
    as_job_free(job);
    return;
  }
  as_turn_done(&s->turn, job, now_us());
  as_turn_tick(&s->turn, now_us());
  settle(s);
}

static void deliver(as_assistant *a) {
  for (as_job *job; (job = as_studio_take(a->studio));) give_back(a, job);
}

static void pass_words(void *ctx, const as_job *job, const char *text, size_t len) {
  as_assistant *a = ctx;
  session *s = session_of(a, job->session);
  if (!s) return;
  as_turn_words(&s->turn, job->turn, text, len);
  settle(s);
}

static void log_line(void *ctx, as_log_level level, const char *line) {
  as_assistant *a = ctx;
  say_log(a, level, line, NULL, "");
}

/* ---- WebSocket ---- */

static int refuse(as_assistant *a, struct lws *wsi, unsigned status) {
  pthread_mutex_lock(&a->stats_lock);
  a->stats.n_refused++;
  pthread_mutex_unlock(&a->stats_lock);
  (void)lws_return_http_status(wsi, status, NULL);
  return -1;
}

static unsigned count_unbound(const as_assistant *a) {
  unsigned n = 0;
  for (const session *s = a->sessions; s; s = s->next) n += s->turn.refusal[0] != 0;
  return n;
}

static int on_handshake(as_assistant *a, struct lws *wsi, connection *c) {
  as_http_read_request(&c->http, wsi, &a->site);
  if (strcmp(c->http.path, "/xiaozhi/v1/") && strcmp(c->http.path, "/xiaozhi/v1")) return refuse(a, wsi, 404);
  if (!as_http_may_connect(&c->http, &a->site, &c->unbound, time(NULL))) return refuse(a, wsi, 401);
  if (c->unbound && count_unbound(a) > a->settings.n_sessions / 8) return refuse(a, wsi, 503);
  if (*c->http.device_id && !as_devices_visit(a->devices, c->http.device_id, time(NULL)))
    return refuse(a, wsi, 429);
  if (a->stats.n_sessions >= a->settings.n_sessions) return refuse(a, wsi, 503);
  return 0;
}

/* A message may come in pieces; it is handled when it is whole. -1: it is too long. */
static int on_receive(session *s, const uint8_t *data, size_t len) {
  bool first = lws_is_first_fragment(s->wsi) != 0, last = lws_is_final_fragment(s->wsi) != 0;
  if (first) s->n_received = 0;
  if (s->n_received + len > XZ_TEXT_MAX) {
    lws_close_reason(s->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
    return -1;
  }
  wr_bytes message = wr_bytes_of(data, len);
  if (!first || !last) {
    uint8_t *grown = realloc(s->received, s->n_received + len + 1);
    if (!grown) return -1;
    s->received = grown;
    if (len) memcpy(grown + s->n_received, data, len);
    s->n_received += len;
    message = wr_bytes_of(grown, s->n_received);
  }
  if (!last) return 0;
  if (lws_frame_is_binary(s->wsi))
    as_turn_binary(&s->turn, message, now_us());
  else
    as_turn_text(&s->turn, message, now_us());
  settle(s);
  return 0;
}

static int on_writable(session *s) {
  static uint8_t buffer[LWS_PRE + XZ_SERVER_OUT_BYTES]; /* one loop, one thread */
  xz_send send;
  if (!xz_server_peek(&s->turn.link, &send)) return 0;
  if (send.bytes.len) memcpy(buffer + LWS_PRE, send.bytes.data, send.bytes.len);
  if (send.kind == XZ_SEND_CLOSE) {
    lws_close_reason(s->wsi, (enum lws_close_status)send.code, buffer + LWS_PRE, send.bytes.len);
    return -1;
  }
  enum lws_write_protocol kind = send.kind == XZ_SEND_TEXT ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
  if (lws_write(s->wsi, buffer + LWS_PRE, send.bytes.len, kind) < (int)send.bytes.len) return -1;
  xz_server_pop(&s->turn.link, now_us());
  settle(s);
  return 0;
}

static int on_body_complete(as_assistant *a, struct lws *wsi, connection *c) {
  if (c->http.status) return 0; /* answered already: too long */
  return as_http_answer(&c->http, wsi, &a->site);
}

static void count_photo(as_assistant *a, const as_http *http) {
  if (!as_http_is_photo(http)) return;
  pthread_mutex_lock(&a->stats_lock);
  a->stats.n_photos++;
  pthread_mutex_unlock(&a->stats_lock);
}

/* Devices name no sub-protocol, so one callback serves HTTP and the WebSockets that grow out of it. */
static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
  connection *c = user;
  as_assistant *a = lws_context_user(lws_get_context(wsi));
  switch ((int)reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return on_handshake(a, wsi, c);
    case LWS_CALLBACK_ESTABLISHED:
      c->session = open_session(a, wsi, &c->http);
      if (c->session && c->unbound) tell_code(c->session);
      return c->session ? 0 : -1;
    case LWS_CALLBACK_RECEIVE: return c->session ? on_receive(c->session, in, len) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE: return c->session ? on_writable(c->session) : -1;
    case LWS_CALLBACK_CLOSED:
      if (c->session) close_session(c->session);
      c->session = NULL;
      as_http_end(&c->http);
      return 0;
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
      if (a->remote && a->studio) as_remote_woken(a->remote);
      if (a->studio) deliver(a);
      return 0;
    case LWS_CALLBACK_HTTP:
      as_http_read_request(&c->http, wsi, &a->site);
      count_photo(a, &c->http);
      return as_http_begin(&c->http, wsi, &a->site);
    case LWS_CALLBACK_HTTP_BODY: return as_http_body(&c->http, wsi, &a->site, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION: return on_body_complete(a, wsi, c);
    case LWS_CALLBACK_HTTP_WRITEABLE: return c->http.status ? as_http_write(&c->http, wsi) : 0;
    case LWS_CALLBACK_CLOSED_HTTP:
      if (c) as_http_end(&c->http);
      return 0;
    default: return 0;
  }
}

static const struct lws_protocols protocols[] = {
    {"xiaozhi", on_event, sizeof(connection), 4096, 0, NULL, 0},
    {"ask", as_ask_callback, 0, 16384, 0, NULL, 0},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

/* ---- life ---- */

void as_assistant_settings_default(as_assistant_settings *settings) {
  *settings = (as_assistant_settings){.host = "127.0.0.1", .n_sessions = 256, .n_workers = 2};
}

static void wake(void *ctx) {
  as_assistant *a = ctx;
  lws_cancel_service(a->context);
}

static void *serve(void *ctx) {
  as_assistant *a = ctx;
  while (!atomic_load(&a->stopping) && lws_service(a->context, 0) >= 0) continue;
  return NULL;
}

/* NAT boxes forget quiet connections, so a ping every 25 s; nothing for a minute means that nobody is there. */
static const lws_retry_bo_t keep_alive = {.secs_since_valid_ping = 25, .secs_since_valid_hangup = 60};

static bool listen_on(as_assistant *a, char *error, size_t cap) {
  struct lws_context_creation_info info = {
      .protocols = protocols,
      .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND,
      .user = a,
      .gid = -1,
      .uid = -1,
      .iface = a->host,
      .port = a->settings.port,
      .retry_and_idle_policy = &keep_alive,
      .vhost_name = "assistant",
      .fd_limit_per_thread = a->settings.n_sessions + 64,
  };
  if (a->remote) as_remote_prepare(a->remote, &info);
  a->context = lws_create_context(&info);
  a->vhost = a->context ? lws_create_vhost(a->context, &info) : NULL;
  int port = a->vhost ? lws_get_vhost_listen_port(a->vhost) : -1;
  if (port <= 0) {
    snprintf(error, cap, "cannot listen on %s:%u", a->host, a->settings.port);
    return false;
  }
  a->port = (uint16_t)port;
  return true;
}

static bool read_prompt(as_assistant *a, char *error, size_t cap) {
  const char *path = a->settings.prompt_file;
  snprintf(a->wake_word, sizeof a->wake_word, "%s", a->settings.wake_word ? a->settings.wake_word : "");
  snprintf(a->prompt, sizeof a->prompt, "%s", default_prompt);
  if (!path || !*path) return true;
  FILE *file = fopen(path, "re");
  size_t n = file ? fread(a->prompt, 1, sizeof a->prompt, file) : 0;
  if (file) fclose(file);
  bool fine = n > 0 && n < sizeof a->prompt;
  if (fine) a->prompt[n] = 0;
  json_t *text = fine ? json_string(a->prompt) : NULL; /* UTF-8? */
  if (!text)
    snprintf(error, cap, "llm-prompt-file: '%.200s' cannot be read, is empty, over %d bytes or no UTF-8", path,
             PROMPT_MAX - 1);
  json_decref(text);
  return text != NULL;
}

static bool plug_in(as_assistant *a, const as_assistant_settings *settings, char *error, size_t cap) {
  bool none;
  as_remote_world world = {{take_built_in, cancel_built_in, a}, pass_words, give_back, log_line, a};
  a->remote = as_remote_open(settings, &world, &none, error, cap);
  return (a->remote || none) && read_prompt(a, error, cap) && (a->memory = as_memory_open());
}

static bool copy_settings(as_assistant *a, const as_assistant_settings *settings) {
  a->settings = *settings;
  a->host = strdup(settings->host ? settings->host : "127.0.0.1");
  a->token = strdup(settings->token ? settings->token : "");
  a->model_dir = strdup(settings->model_dir ? settings->model_dir : AS_MODEL_DIR);
  a->admin_token = strdup(settings->admin_token ? settings->admin_token : "");
  return a->host && a->token && a->model_dir && a->admin_token;
}

static bool may_send_photo(void *ctx, const char *token, const char *device_id) {
  as_assistant *a = ctx;
  const session *s = a->sessions;
  if (strlen(token) != 32) return false;
  while (s && !wr_equal_secret(s->photo_token, token, 32)) s = s->next;
  if (!s || s->turn.refusal[0] || (*device_id && *s->device_id && strcasecmp(device_id, s->device_id)))
    return false;
  return as_devices_visit(a->devices, s->session_id, time(NULL));
}

static void photo_came(void *ctx, const char *token, wr_bytes jpeg) {
  as_assistant *a = ctx;
  session *s = a->sessions;
  while (s && (strlen(token) != 32 || !wr_equal_secret(s->photo_token, token, 32))) s = s->next;
  if (s) as_turn_photo(&s->turn, jpeg);
}

static void asks_activation(void *ctx, const char *mac, const char *code) {
  as_assistant *a = ctx;
  char line[96];
  snprintf(line, sizeof line, "device=%s waits to be activated, code=%s", mac, code);
  if (a->settings.log) a->settings.log(a->settings.log_ctx, AS_LOG_WARNING, line);
}

static void on_activated(void *ctx, const char *mac) {
  as_assistant *a = ctx;
  for (session *s = a->sessions; s; s = s->next) {
    char of[XZ_MAC_BYTES];
    if (xz_mac_read(of, s->device_id) && !strcmp(of, mac)) s->turn.refusal[0] = 0;
  }
}

static char *stats_text(void *ctx) {
  as_assistant_stats s;
  as_assistant_stats_read(ctx, &s);
  json_t *json = json_pack(
      "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "sessions", (json_int_t)s.n_sessions,
      "sessionsTotal", (json_int_t)s.n_sessions_total, "refused", (json_int_t)s.n_refused, "replaced",
      (json_int_t)s.n_replaced, "heard", (json_int_t)s.n_heard, "unrecognised", (json_int_t)s.n_unrecognised,
      "clicks", (json_int_t)s.n_clicks, "typed", (json_int_t)s.n_typed, "bargeIns", (json_int_t)s.n_barge_ins,
      "failedJobs", (json_int_t)s.n_failed_jobs, "fallbacks", (json_int_t)s.n_fallbacks, "framesIn",
      (json_int_t)s.n_frames_in, "framesOut", (json_int_t)s.n_frames_out, "framesLate", (json_int_t)s.n_frames_late,
      "latestUs", (json_int_t)s.latest_us);
  char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
  json_decref(json);
  return text;
}

static void open_site(as_assistant *a) {
  a->site = (as_http_site){.host = a->host,
                           .port = a->port,
                           .token = a->token,
                           .admin_token = a->admin_token,
                           .devices = a->devices,
                           .activation = a->settings.activation,
                           .may_send_photo = may_send_photo,
                           .photo_came = photo_came,
                           .memory = a->memory,
                           .asks_activation = asks_activation,
                           .activated = on_activated,
                           .stats_text = stats_text,
                           .ctx = a};
}

static bool start_threads(as_assistant *a) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* threads inherit it: signals are the program's business */
  as_studio_settings studio = {.n_threads = a->settings.n_workers,
                               .model_dir = a->model_dir,
                               .scripted = a->settings.scripted,
                               .wake = wake,
                               .ctx = a};
  a->studio = as_studio_start(&studio);
  bool asks = !a->remote || as_remote_start(a->remote, a->context, a->vhost, wake, a);
  a->serving = a->studio && asks && pthread_create(&a->thread, NULL, serve, a) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return a->serving;
}

as_assistant *as_assistant_start(const as_assistant_settings *settings, char *error, size_t error_cap) {
  as_assistant *a = calloc(1, sizeof *a);
  snprintf(error, error_cap, "out of memory");
  if (!a) return NULL;
  pthread_mutex_init(&a->stats_lock, NULL);
  lws_set_log_level(LLL_ERR, NULL);
  if (copy_settings(a, settings) && plug_in(a, settings, error, error_cap) &&
      (a->devices = as_devices_open(settings->devices, error, error_cap)) && listen_on(a, error, error_cap)) {
    open_site(a);
    if (start_threads(a)) return a;
    snprintf(error, error_cap, "no thread could be started");
  }
  as_assistant_stop(a);
  return NULL;
}

uint16_t as_assistant_port(const as_assistant *a) { return a->port; }

void as_assistant_stats_read(as_assistant *a, as_assistant_stats *stats) {
  pthread_mutex_lock(&a->stats_lock);
  *stats = a->stats;
  for (const session *s = a->sessions; s; s = s->next) add_stats(stats, &s->shown, &s->shown_link);
  pthread_mutex_unlock(&a->stats_lock);
}

/* The workers go first, since they wake the loop; the loop's thread is gone before its context. */
void as_assistant_stop(as_assistant *a) {
  if (!a) return;
  if (a->serving) {
    atomic_store(&a->stopping, true);
    lws_cancel_service(a->context);
    pthread_join(a->thread, NULL);
  }
  as_studio *studio = a->studio;
  a->studio = NULL;
  as_studio_stop(studio);
  as_remote *remote = a->remote;
  a->remote = NULL;
  as_remote_close(remote);
  if (a->context) lws_context_destroy(a->context);
  as_memory_close(a->memory);
  pthread_mutex_destroy(&a->stats_lock);
  free(a->host);
  free(a->token);
  free(a->admin_token);
  as_devices_close(a->devices);
  free(a->model_dir);
  free(a);
}
