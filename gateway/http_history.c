/* gateway/http_history.c - the history of calls (gateway/history.h): what goes in, and who asks. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/http.h"
#include "gateway/identity.h"
#include "gateway/log.h"

#define FILE_NAME "history.db"
#define REFUSALS_S 60
#define REPORT_HOURS 24 /* unless the request says more or less */

/* ---- start ---- */

static gw_store_limits limits_of(const gw_config *config) {
  return (gw_store_limits){.hours = config->history_retention, .bytes = (uint64_t)config->history_size << 20};
}

/* On the history's thread. */
static void tell(void *ctx, gw_history_answer *answer) {
  gw_http *http = ctx;
  gw_message message = {.kind = GW_HISTORY_SAYS, .owned = answer};
  for (unsigned ms = 0; ms < 1000; ms++, usleep(1000))
    if (gw_mailbox_send(&http->inbox, &message, NULL, 0)) return;
  if (answer->fd >= 0) close(answer->fd);
  free(answer);
}

/* A name is one below the folder where programs keep their state; a path is itself. */
bool gw_history_start(gw_http *http, char *error) {
  const gw_config *config = http->config;
  const char *said = config->history, *state = getenv("STATE_DIRECTORY");
  char path[1024];
  bool is_auto = strcmp(said, "auto") == 0;
  if (!*said || strcmp(said, "off") == 0 || (is_auto && (!state || !*state || !config->admin_token[0])))
    return true;
  const char *name = is_auto || strcmp(said, "on") == 0 ? FILE_NAME : said;
  bool ok = *name == '/' ? snprintf(path, sizeof(path), "%s", name) > 0 : gw_state_path(path, sizeof(path), name);
  if (!ok) {
    snprintf(error, GW_CONFIG_ERROR_MAX,
             "history: there is no home folder to keep it in; name a file with its path");
    return false;
  }
  snprintf(error, GW_CONFIG_ERROR_MAX, "history: no memory");
  http->history = gw_history_open(path, limits_of(config), tell, http);
  return http->history != NULL;
}

void gw_history_reload(gw_http *http) { gw_history_limit(http->history, limits_of(http->config)); }

/* ---- what goes in ---- */

void gw_history_take(gw_http *http, const gw_view *view) {
  gw_call call = view->call;
  call.ended_at = view->seen_at;
  gw_history_add(http->history, &call);
}

/* Offers that were refused: one row a minute for each reason, so that a flood of them crowds out no call. */
static void flush_refusals(gw_http *http) {
  for (size_t i = 0; i < GW_N_HTTP_ERRORS; i++) {
    if (!http->refused[i]) continue;
    gw_call call = {.ended_at = time(NULL),
                    .result = "refused",
                    .reason = gw_http_error_get((gw_http_error)i)->code,
                    .n = http->refused[i],
                    .duration_s = -1};
    call.connect_ms = call.signalling_ms = call.ice_ms = call.dtls_ms = call.data_ms = call.media_ms = -1;
    call.mos_mean = call.mos_min = call.loss_up = call.loss_down = call.rtt_ms = call.reconnects = -1;
    gw_history_add(http->history, &call);
    http->refused[i] = 0;
  }
}

void gw_history_pulse(gw_http *http) {
  if (!http->history) return;
  gw_store_state state = gw_history_state(http->history);
  if (state && state != http->history_was)
    gw_errors_note(&http->errors, "history", gw_store_state_text(state), NULL, time(NULL));
  http->history_was = state;
  if (gw_now() - http->refusals_at < WR_S(REFUSALS_S)) return;
  http->refusals_at = gw_now();
  flush_refusals(http);
}

void gw_history_end(gw_http *http) {
  if (http->history) flush_refusals(http);
  gw_history_close(http->history);
  http->history = NULL;
}

/* ---- who asks ---- */

/* The value of |name|, "x=", among the arguments; false: there is none, or one before it is too long for us. */
static bool argument(gw_exchange *x, const char *name, char *out, size_t cap) {
  char text[64];
  size_t len = strlen(name);
  for (int i = 0; lws_hdr_copy_fragment(x->wsi, text, sizeof(text), WSI_TOKEN_HTTP_URI_ARGS, i) >= 0; i++) {
    if (strncmp(text, name, len) != 0) continue;
    snprintf(out, cap, "%s", text + len);
    return true;
  }
  return false;
}

/* 0: answered 400. */
static int64_t read_hours(gw_exchange *x, int64_t unsaid) {
  char text[16];
  int64_t most = x->http->config->history_retention;
  if (!argument(x, "hours=", text, sizeof(text))) return unsaid < most ? unsaid : most;
  char *end;
  long long hours = strtoll(text, &end, 10);
  if (!*end && hours >= 1 && hours <= 720) return hours;
  gw_respond_error(x, GW_HTTP_BAD_QUERY, "hours: a whole number from 1 to 720", 0);
  return 0;
}

static void ask(gw_exchange *x, gw_history_kind kind, int64_t hours) {
  if (!hours || !gw_exchange_await(x)) return;
  if (kind == GW_HISTORY_REPORT) flush_refusals(x->http);
  if (!gw_history_ask(x->http->history, x->number, kind, hours)) gw_respond_error(x, GW_HTTP_HISTORY, NULL, 0);
}

static bool has_history(gw_exchange *x) {
  if (!x->http->history) gw_respond_error(x, GW_HTTP_NOT_FOUND, "the history of calls is off: --history", 0);
  return x->http->history != NULL;
}

void gw_history_get(gw_exchange *x) {
  if (has_history(x)) ask(x, GW_HISTORY_REPORT, read_hours(x, REPORT_HOURS));
}

void gw_history_export(gw_exchange *x) {
  char format[16] = "csv";
  if (!has_history(x)) return;
  (void)argument(x, "format=", format, sizeof(format));
  if (strcmp(format, "csv") == 0)
    ask(x, GW_HISTORY_CSV, read_hours(x, x->http->config->history_retention));
  else if (strcmp(format, "json") == 0)
    ask(x, GW_HISTORY_JSON, read_hours(x, x->http->config->history_retention));
  else
    gw_respond_error(x, GW_HTTP_BAD_QUERY, "format: csv or json", 0);
}

void gw_history_says(gw_http *http, const gw_history_answer *answer) {
  gw_exchange *x = gw_exchange_find(http, answer->number);
  if (!x) {
    if (answer->fd >= 0) close(answer->fd);
  } else if (answer->state) {
    gw_respond_error(x, GW_HTTP_HISTORY, NULL, 0);
  } else if (answer->kind == GW_HISTORY_REPORT) {
    char *copy = strndup(answer->text, answer->len);
    gw_respond_owned(x, 200, "application/json", copy, copy ? answer->len : 0);
  } else {
    gw_respond_file(x,
                    answer->kind == GW_HISTORY_CSV ? "text/csv; charset=utf-8; header=present" : "application/json",
                    answer->fd, answer->len);
  }
}
