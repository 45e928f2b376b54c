/* gateway/http_api.c - the routes (docs/protocol.md): who may, what is asked, which worker decides. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/avatars.h"
#include "gateway/gateway.h"
#include "gateway/http.h"
#include "gateway/http_read.h"

#define SESSIONS_PATH "/api/sessions/"

/* OFFERS, KEEPS: a token, also one that has ended: it keeps the sessions that it opened, and opens no more.
 * ENDS: as KEEPS, SEES: as TOKEN, and the admin may, too. */
typedef enum access_right { OPEN, TOKEN, OFFERS, KEEPS, ENDS, SEES, ADMIN } access_right;
typedef void handler(gw_exchange *x);

typedef struct route {
  const char *path; /* "*" at the end: followed by a session's id; "*" inside: the id, then the rest */
  unsigned method;
  access_right right;
  const char *types; /* content types of the body, separated by blanks; NULL: no body is read */
  handler *handle;   /* without body at once, else when it is complete */
} route;

/* ---- helpers ---- */

static void respond_json(gw_exchange *x, int status, json_t *body) {
  char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
  json_decref(body);
  gw_respond_owned(x, status, "application/json", text, text ? strlen(text) : 0);
}

void gw_api_ask(gw_exchange *x, gw_ref ref, gw_kind kind, uint32_t number, gw_request *request) {
  if (!gw_exchange_await(x)) {
    free(request);
    return;
  }
  if (request) {
    request->number = x->number;
    request->purpose = x->purpose;
    request->received_at = x->received_at;
    request->trace = x->trace;
  }
  gw_message message = {
      .kind = (uint16_t)kind, .ref = ref, .number = request ? number : x->number, .owned = request};
  gw_tell(&x->http->to[ref.worker], &message, NULL, 0);
}

static uint64_t pack_ref(gw_ref ref) {
  return (uint64_t)ref.worker << 56 | (uint64_t)ref.slot << 32 | ref.generation;
}

static gw_ref unpack_ref(uint64_t v) {
  return (gw_ref){(uint16_t)(v >> 56), (uint32_t)(v >> 32) & 0xffffff, (uint32_t)v};
}

bool gw_api_find(gw_exchange *x, gw_ref *ref) {
  char hex[GW_ID_HEX + 2]; /* one too long is none of ours */
  uint8_t id[16];
  uint64_t value;
  snprintf(hex, sizeof(hex), "%s", x->path + strlen(SESSIONS_PATH));
  hex[strcspn(hex, "/")] = 0;
  gw_map_key key;
  bool known = gw_unhex(id, sizeof(id), hex);
  if (known) key = gw_key_of_id(id);
  if (!known || !gw_map_get(&x->http->sessions, &key, &value)) {
    gw_respond_error(x, GW_HTTP_NO_SESSION, NULL, 0);
    return false;
  }
  *ref = unpack_ref(value);
  return true;
}

static wr_bytes body_of(const gw_exchange *x) { return wr_bytes_of(x->body, x->body_len); }

/* ---- signalling ---- */

static bool spend_offer(gw_http *http) {
  double rate = (double)http->config->offer_rate;
  if (rate <= 0) return true;
  wr_time now = gw_now();
  http->offer_budget += rate * (double)(now - http->offer_budget_at) / 1e6;
  http->offer_budget_at = now;
  if (http->offer_budget > rate) http->offer_budget = rate;
  if (http->offer_budget < 1) return false;
  http->offer_budget -= 1;
  return true;
}

static gw_ref emptiest_worker(const gw_http *http) {
  gw_ref best = {.worker = 0, .slot = GW_SLOT_NONE};
  uint32_t least = UINT32_MAX;
  for (uint16_t i = 0; i < http->n_workers; i++) {
    uint32_t n = atomic_load_explicit(&http->workers[i].n_sessions, memory_order_relaxed);
    if (n < least) least = n, best.worker = i;
  }
  return best;
}

gw_http_error gw_api_place(gw_http *http, const gw_claims *claims, gw_request *request, const uint8_t id[16],
                           gw_ref *ref) {
  uint64_t value;
  *ref = emptiest_worker(http);
  gw_map_key key = request->resumes ? gw_key_of_id(id) : (gw_map_key){{0}};
  if (request->resumes && gw_map_get(&http->sessions, &key, &value))
    *ref = unpack_ref(value);
  else if (request->beside)
    return GW_HTTP_NO_SESSION;
  else
    request->resumes = false;
  gw_http_error error = gw_auth_allows(claims, request, id, time(NULL));
  if (error != GW_HTTP_OK) return error;
  if (http->draining && !request->resumes)
    return GW_HTTP_DRAINING; /* who has a session may keep it to the deadline */
  if (http->overload.on && !request->resumes) return GW_HTTP_OVERLOADED;
  if (!gw_rate_spend_key(&http->token_rate, claims->who, http->config->token_rate, gw_now()))
    return GW_HTTP_TOO_MANY;
  if (!spend_offer(http)) return GW_HTTP_TOO_MANY;
  return request->resumes || gw_auth_spend(&http->token_counts, claims, time(NULL)) ? GW_HTTP_OK : GW_HTTP_SCOPE;
}

static void open_session(gw_exchange *x, gw_request *request, const uint8_t *resumed_id, const char *why) {
  gw_ref ref;
  if (!request) {
    gw_respond_error(x, GW_HTTP_BAD_JSON, why, 0);
    return;
  }
  gw_http_error error = gw_api_place(x->http, &x->claims, request, resumed_id, &ref);
  if (error != GW_HTTP_OK) {
    free(request);
    gw_respond_error(x, error, NULL, 0);
    return;
  }
  request->browser = x->browser;
  gw_api_ask(x, ref, GW_OFFER, 0, request);
}

static void post_offer(gw_exchange *x) {
  uint8_t id[16];
  const char *why;
  gw_request *request = gw_read_offer(body_of(x), id, &why);
  open_session(x, request, id, why);
}

static void post_echo(gw_exchange *x) {
  x->purpose = GW_FOR_ECHO;
  post_offer(x);
}

static void post_whip(gw_exchange *x) {
  const char *why;
  x->purpose = GW_FOR_WHIP;
  gw_request *request = gw_read_text(body_of(x), &why);
  if (request)
    open_session(x, request, NULL, why);
  else
    gw_respond_error(x, GW_HTTP_BAD_SDP, why, 0);
}

static void post_reoffer(gw_exchange *x) {
  uint8_t id[16];
  const char *why;
  gw_ref ref;
  if (!gw_api_find(x, &ref)) return;
  gw_request *request = gw_read_offer(body_of(x), id, &why);
  if (!request) {
    gw_respond_error(x, GW_HTTP_BAD_JSON, why, 0);
    return;
  }
  request->resumes = false; /* the session is named by the path */
  gw_api_ask(x, ref, GW_OFFER, 0, request);
}

static void patch_session(gw_exchange *x) {
  const char *why;
  gw_ref ref;
  if (!gw_api_find(x, &ref)) return;
  bool is_json = strcmp(x->content_type, "application/json") == 0, last = false;
  gw_request *request = is_json ? gw_read_candidates(body_of(x), &last, &why) : gw_read_text(body_of(x), &why);
  if (!request)
    gw_respond_error(x, is_json ? GW_HTTP_BAD_JSON : GW_HTTP_BAD_FRAGMENT, why, 0);
  else
    gw_api_ask(x, ref, is_json ? GW_CANDIDATES : GW_FRAGMENT, last, request);
}

static void delete_session(gw_exchange *x) {
  gw_ref ref;
  if (gw_api_find(x, &ref)) gw_api_ask(x, ref, x->is_admin ? GW_SEND_AWAY : GW_HANGUP, 0, NULL);
}

static json_t *ice_servers(gw_http *http) {
  static gw_ice_answer answer;
  gw_ice_service_answer(&http->ice, &answer, time(NULL), gw_now());
  return gw_ice_list_json(&answer.list);
}

static void respond_session(gw_exchange *x, const gw_reply *reply) {
  snprintf(x->location, sizeof(x->location), SESSIONS_PATH "%s", reply->id);
  if (x->purpose == GW_FOR_WHIP) {
    char *copy = strdup(reply->text);
    gw_respond_owned(x, 201, "application/sdp", copy, copy ? reply->len : 0);
    return;
  }
  char location[sizeof(x->location)];
  memcpy(location, x->location, sizeof(location));
  if (x->method != GW_POST) x->location[0] = 0;
  respond_json(x, 200,
               json_pack("{s:s,s:s,s:s,s:s,s:s,s:b,s:o}", "sdp", reply->text, "type", "answer", "sessionId",
                         reply->id, "location", location, "resume", reply->token, "resumed", reply->resumed,
                         "iceServers", ice_servers(x->http)));
}

void gw_api_reply(gw_http *http, gw_reply *reply, gw_ref ref) {
  uint8_t id[16];
  gw_exchange *x = gw_exchange_find(http, reply->number);
  if (reply->error == GW_HTTP_OK && reply->id[0] && gw_unhex(id, sizeof(id), reply->id)) {
    gw_map_key key = gw_key_of_id(id);
    (void)gw_map_set(&http->sessions, &key, pack_ref(ref)); /* never full: sized for every slot */
  }
  if (reply->number & GW_CALLER_BIT) {
    gw_caller_reply(http, reply, ref);
    return;
  }
  if (!x || (reply->error == GW_HTTP_NO_SESSION && gw_view_ended(x))) return; /* it did not wait, or just ended */
  if (reply->error != GW_HTTP_OK) {
    gw_respond_error(x, reply->error, reply->why, reply->line);
  } else if (reply->id[0]) {
    respond_session(x, reply);
  } else if (reply->len) {
    char *copy = strdup(reply->text);
    gw_respond_owned(x, 200, "application/trickle-ice-sdpfrag", copy, copy ? reply->len : 0);
  } else {
    gw_respond(x, 204, NULL, NULL, 0);
  }
}

/* ---- ICE servers ---- */

static void get_ice(gw_exchange *x) {
  static gw_ice_answer answer;
  bool limited = !gw_addr_is_loopback(&x->from); /* from here it is a proxy, which stands for all its callers */
  if (limited && !gw_rate_spend(&x->http->ice_rate, &x->from, x->http->config->ice_rate, gw_now())) {
    gw_respond_error(x, GW_HTTP_TOO_MANY, "too many requests from this address; try again", 0);
    return;
  }
  int64_t unix_s = time(NULL);
  gw_ice_service_answer(&x->http->ice, &answer, unix_s, gw_now());
  respond_json(x, 200, gw_ice_answer_json(&answer, x->http->config, unix_s));
}

static void get_ice_status(gw_exchange *x) {
  respond_json(x, 200, gw_ice_service_status(&x->http->ice, time(NULL), gw_now()));
}

/* ---- figures ---- */

static void respond_gathered(gw_exchange *x);

static void gather(gw_exchange *x) {
  x->gathered = calloc(1, sizeof(*x->gathered));
  if (!x->gathered || !gw_exchange_await(x)) return;
  wr_time now = gw_now();
  for (uint16_t i = 0; i < x->http->n_workers; i++) {
    if (!gw_worker_turns(&x->http->workers[i], now)) continue; /* nobody would ever hear of the others */
    gw_tell(&x->http->to[i], &(gw_message){.kind = GW_SNAPSHOT, .number = x->number}, NULL, 0);
    x->n_awaited++;
  }
  if (!x->n_awaited) respond_gathered(x);
}

static void get_metrics(gw_exchange *x) { gather(x); }

static void get_sessions(gw_exchange *x) {
  x->wants_rows = true;
  gather(x);
}

static void get_session(gw_exchange *x) {
  x->wants_rows = x->wants_one = true;
  snprintf(x->only_id, sizeof(x->only_id), "%s", x->path + strlen(SESSIONS_PATH));
  gather(x);
}

static void add_row(gw_exchange *x, const gw_session_row *row) {
  char timeline[GW_TIMELINE_TEXT_MAX], judged[GW_QUALITY_TEXT_MAX];
  gw_quality_write(judged, &row->figures);
  gw_timeline_write(timeline, &row->timeline);
  gw_text_add(&x->rows,
              "%s{\"id\":\"%s\",\"state\":\"%s\",\"backend\":\"%s\",\"purpose\":\"%s\",\"transport\":\"%s\","
              "\"age\":%.3f,\"rtt\":%.1f,"
              "\"jitter\":%.1f,\"packetsIn\":%llu,\"packetsOut\":%llu,\"lost\":%llu,\"messagesIn\":%llu,"
              "\"messagesOut\":%llu,\"dropped\":%llu,\"videoFrames\":%llu,\"videoBytes\":%llu,\"videoKept\":%zu,"
              "\"timeline\":%s%s}",
              x->n_rows++ ? "," : "", row->id, row->state, row->backend, row->purpose, row->transport,
              (double)row->age_us / 1e6, row->rtt_us / 1e3, row->jitter_us / 1e3,
              (unsigned long long)row->rtp_packets_in, (unsigned long long)row->rtp_packets_out,
              (unsigned long long)row->rtp_lost, (unsigned long long)row->messages_in,
              (unsigned long long)row->messages_out, (unsigned long long)row->dropped,
              (unsigned long long)row->video_frames, (unsigned long long)row->video_bytes, row->video_kept,
              timeline, judged);
}

static void respond_metrics(gw_exchange *x) {
  gw_text out = {0};
  gw_process_figures figures = {.uptime_us = gw_now() - x->http->started_at,
                                .n_workers = x->http->n_workers,
                                .draining = x->http->draining,
                                .version = GW_VERSION};
  const char *backend = x->http->config->backend; /* a URL may hold what is nobody's business */
  figures.backend = strcmp(backend, "embedded") == 0 || strcmp(backend, "echo") == 0 ? backend : "ws";
  gw_process_figures_read(&figures);
  gw_metrics_write(&out, x->gathered, &x->http->metrics, &figures);
  gw_ice_service_write(&out, &x->http->ice, gw_now());
  gw_errors_write(&out, &x->http->errors);
  gw_history_write(&out, x->http->history);
  gw_respond_owned(x, 200, "text/plain; version=0.0.4; charset=utf-8", out.text, out.len);
}

static void respond_rows(gw_exchange *x) {
  gw_text out = {0};
  if (x->wants_one && !x->n_rows) {
    gw_respond_error(x, GW_HTTP_NO_SESSION, NULL, 0);
    return;
  }
  gw_text_add(&out, x->wants_one ? "%s" : "{\"sessions\":[%s]}", x->rows.text ? x->rows.text : "");
  gw_respond_owned(x, 200, "application/json", out.text, out.len);
}

static void respond_gathered(gw_exchange *x) {
  if (x->wants_rows)
    respond_rows(x);
  else
    respond_metrics(x);
}

void gw_api_snapshot(gw_http *http, uint32_t number, gw_snapshot *snapshot) {
  gw_exchange *x = gw_exchange_find(http, number);
  if (!x || !x->gathered) return;
  gw_metrics_merge(x->gathered, &snapshot->metrics);
  for (size_t i = 0; x->wants_rows && i < snapshot->n_rows; i++)
    if (!x->wants_one || strcmp(x->only_id, snapshot->rows[i].id) == 0) add_row(x, &snapshot->rows[i]);
  if (--x->n_awaited == 0) respond_gathered(x);
}

/* Whoever comes here did not ask for an upgrade: tells a client that was refused one whether the token is right. */
static void get_socket(gw_exchange *x) { gw_respond_error(x, GW_HTTP_UPGRADE, NULL, 0); }

static void get_health(gw_exchange *x) {
  bool stalled = x->http->metrics.workers_stalled > 0;
  respond_json(x, stalled ? 503 : 200, json_pack("{s:s}", "status", stalled ? "stalled" : "ok"));
}

/* A caller may do without a provider's relay, so its absence is told and no reason to be unready. */
static void get_ready(gw_exchange *x) {
  char text[GW_ICE_WHY_MAX];
  wr_time now = gw_now();
  bool draining = x->http->draining, overloaded = x->http->overload.on,
       stalled = x->http->metrics.workers_stalled > 0,
       degraded = gw_ice_service_is_degraded(&x->http->ice, text, now);
  json_t *reasons = json_array(), *lacks = json_array();
  if (draining) json_array_append_new(reasons, json_string("draining"));
  if (overloaded) json_array_append_new(reasons, json_string("overloaded"));
  if (stalled) json_array_append_new(reasons, json_string("stalled"));
  if (degraded) json_array_append_new(lacks, json_string(text));
  if (gw_history_state(x->http->history))
    json_array_append_new(lacks,
                          json_sprintf("history: %s", gw_store_state_text(gw_history_state(x->http->history))));
  bool ready = !draining && !overloaded && !stalled;
  if (!ready) x->retry_after = 5;
  respond_json(x, ready ? 200 : 503,
               json_pack("{s:b,s:o,s:o,s:s}", "ready", ready, "reasons", reasons, "degraded", lacks, "ice",
                         gw_ice_level_name(gw_ice_service_level(&x->http->ice, now))));
}

/* ---- roles and avatars ---- */

static void get_avatars(gw_exchange *x) {
  const gw_config *config = x->http->config;
  char *text = gw_avatars_list(config->avatars, config->avatar_licence);
  gw_respond_owned(x, 200, "application/json", text, text ? strlen(text) : 0);
}

static void get_roles(gw_exchange *x) {
  gw_respond(x, 200, "application/json", x->http->roles, strlen(x->http->roles));
}

/* ---- the table ---- */

static const route routes[] = {
    {"/api/offer", GW_POST, OFFERS, "application/json", post_offer},
    {"/offer", GW_POST, OFFERS, "application/json", post_echo},
    {"/whip", GW_POST, OFFERS, "application/sdp", post_whip},
    {"/api/sessions/*/offer", GW_POST, KEEPS, "application/json", post_reoffer},
    {"/api/sessions/*", GW_PATCH, KEEPS, "application/trickle-ice-sdpfrag application/json", patch_session},
    {"/api/sessions/*", GW_DELETE, ENDS, NULL, delete_session},
    {"/api/sessions/*", GW_GET, ADMIN, NULL, get_session},
    {"/api/sessions/*/last-minute", GW_GET, ADMIN, NULL, gw_view_get_minute},
    {"/api/sessions/*/stats", GW_GET, ADMIN, NULL, gw_view_get_stats},
    {"/api/sessions", GW_GET, ADMIN, NULL, get_sessions},
    {"/api/sessions/*/capture", GW_POST, ADMIN, "application/json", gw_capture_post},
    {"/api/sessions/*/capture", GW_GET, ADMIN, NULL, gw_capture_get},
    {"/api/sessions/*/capture", GW_DELETE, ADMIN, NULL, gw_capture_delete},
    {"/api/errors", GW_GET, ADMIN, NULL, gw_admin_errors},
    {"/api/admin/history", GW_GET, ADMIN, NULL, gw_history_get},
    {"/api/admin/history/export", GW_GET, ADMIN, NULL, gw_history_export},
    {"/api/admin/drain", GW_POST, ADMIN, "application/json", gw_admin_drain},
    {"/api/socket", GW_GET, TOKEN, NULL, get_socket},
    {"/api/ice", GW_GET, TOKEN, NULL, get_ice},
    {"/api/ice/status", GW_GET, SEES, NULL, get_ice_status},
    {"/api/roles", GW_GET, TOKEN, NULL, get_roles},
    {"/api/avatars", GW_GET, TOKEN, NULL, get_avatars},
    {"/avatar/*/*", GW_GET, OPEN, NULL, gw_files_avatar},
    {"/avatar/*/*/*", GW_GET, OPEN, NULL, gw_files_avatar},
    {"/avatar/*/*/*/*", GW_GET, OPEN, NULL, gw_files_avatar},
    {"/music/*", GW_GET, OPEN, NULL, gw_files_music},
    {"/healthz", GW_GET, OPEN, NULL, get_health},
    {"/readyz", GW_GET, OPEN, NULL, get_ready},
    {"/metrics", GW_GET, OPEN, NULL, get_metrics},
};
#define N_ROUTES (sizeof(routes) / sizeof(routes[0]))

/* A "*" stands for one segment. */
static bool matches(const char *pattern, const char *path) {
  while (*pattern && *path) {
    if (*pattern == '*') {
      size_t len = strcspn(path, "/");
      if (!len) return false;
      path += len;
      pattern++;
    } else if (*pattern++ != *path++) {
      return false;
    }
  }
  return *pattern == *path;
}

static const route *find_route(const gw_exchange *x, unsigned *methods) {
  const route *found = NULL;
  *methods = 0;
  for (size_t i = 0; i < N_ROUTES; i++) {
    if (!matches(routes[i].path, x->path)) continue;
    if (routes[i].right == ADMIN && !x->http->config->admin_token[0]) continue; /* no such route then */
    *methods |= routes[i].method;
    if (routes[i].method & x->method) found = &routes[i];
  }
  return found;
}

/* A token for one session opens no other. */
static bool is_within(const gw_exchange *x) {
  const char *id = x->claims.session;
  if (!id[0] || strncmp(x->path, SESSIONS_PATH, strlen(SESSIONS_PATH)) != 0) return true;
  const char *named = x->path + strlen(SESSIONS_PATH);
  return strncmp(named, id, strlen(id)) == 0 && (!named[strlen(id)] || named[strlen(id)] == '/');
}

static bool may_enter(gw_exchange *x, access_right right) {
  char token[GW_TOKEN_MAX];
  if (right == OPEN) return true;
  gw_token_of(x->wsi, token);
  gw_http_error error = GW_HTTP_OK;
  x->is_admin = gw_token_is(token, x->http->config->admin_token);
  if (right == ADMIN)
    error = x->is_admin ? GW_HTTP_OK : GW_HTTP_UNAUTHORIZED;
  else if (!x->is_admin || (right != ENDS && right != SEES))
    error = gw_token_enter(x->http, token, &x->claims);
  if (error == GW_HTTP_EXPIRED && (right == OFFERS || right == KEEPS || right == ENDS)) error = GW_HTTP_OK;
  if (error == GW_HTTP_OK && !is_within(x)) error = GW_HTTP_SCOPE;
  if (error != GW_HTTP_OK) gw_respond_error(x, error, NULL, 0);
  return error == GW_HTTP_OK;
}

static bool takes_type(const route *r, const char *type) {
  size_t len = strlen(type);
  for (const char *at = r->types; at && len; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL)
    if (strncasecmp(at, type, len) == 0 && (at[len] == ' ' || !at[len])) return true;
  return false;
}

static const char *allow_text(unsigned methods) {
  if (methods == GW_GET) return "GET, HEAD";
  if (methods == GW_POST) return "POST";
  if (methods == (GW_PATCH | GW_DELETE)) return "PATCH, DELETE";
  if (methods == (GW_GET | GW_POST | GW_DELETE)) return "GET, HEAD, POST, DELETE";
  return "GET, HEAD, PATCH, DELETE";
}

/* Pages are for whoever comes from anywhere; the rest only for pages of ours, and for those that are listed. */
static bool comes_rightly(gw_exchange *x, const route *r, unsigned methods) {
  gw_http_error error = gw_request_enters(x->http, x->wsi, x->cors);
  if (error == GW_HTTP_ORIGIN && !(r && r->right != OPEN)) error = GW_HTTP_OK;
  if (error == GW_HTTP_OK && r && r->right == OFFERS && !gw_request_is_rare(x->http, &x->from))
    error = GW_HTTP_TOO_MANY;
  if (error != GW_HTTP_OK)
    gw_respond_error(x, error, NULL, 0);
  else if (x->method == GW_OPTIONS && x->cors[0] && methods)
    gw_respond(x, 204, NULL, NULL, 0);
  return !x->ready;
}

static void read_trace(gw_exchange *x) {
  char text[GW_TRACEPARENT_MAX + 2];
  int len = lws_hdr_custom_copy(x->wsi, text, sizeof(text), "traceparent:", 12);
  if (len > 0) (void)gw_traceparent_read(&x->trace, wr_bytes_of(text, (size_t)len));
}

bool gw_api_begin(gw_exchange *x) {
  unsigned methods;
  const route *r = find_route(x, &methods);
  x->opens_call = r && r->right == OFFERS;
  if (x->opens_call) x->browser = gw_request_browser(x->wsi);
  if (!comes_rightly(x, r, methods)) return false;
  if (!methods && x->method == GW_GET && gw_files_get(x)) return false;
  if (!methods && x->method != GW_GET && gw_files_exist(x)) methods = GW_GET;
  if (!methods) {
    gw_respond_error(x, GW_HTTP_NOT_FOUND, NULL, 0);
  } else if (!r) {
    x->allow = allow_text(methods);
    gw_respond_error(x, GW_HTTP_METHOD, NULL, 0);
  } else if (!may_enter(x, r->right)) {
    return false;
  } else if (r->types && !takes_type(r, x->content_type)) {
    gw_respond_error(x, GW_HTTP_MEDIA_TYPE, NULL, 0);
  } else if (r->types) {
    if (r->right == OFFERS) read_trace(x);
    return true;
  } else {
    r->handle(x);
  }
  return false;
}

void gw_api_body(gw_exchange *x) {
  unsigned methods;
  const route *r = find_route(x, &methods);
  if (r) r->handle(x);
}
