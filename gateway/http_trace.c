/* gateway/http_trace.c - spans that workers sent go to an OpenTelemetry collector: one request at a time, 2 s after
 * the first that waits, or at once when they fill one. It never waits for the answer; a collector that is slow or
 * away costs spans, counted, and no call anything. */
#include <stdlib.h>
#include <string.h>

#include "gateway/gateway.h"
#include "gateway/http_post.h"
#include "gateway/log.h"
#include "gateway/otlp.h"

#define GATHER WR_S(2)
#define PATIENCE_S 10
#define GOODBYE WR_S(2)

struct gw_exporter {
  gw_http *http;
  gw_otlp otlp;
  gw_otlp_headers headers;
  gw_tool how; /* the request's headers */
  char url[GW_OTLP_URL_MAX];
  lws_sorted_usec_list_t due;
  bool is_due, busy, refused;
  char *body;
};

bool gw_exporter_open(gw_http *http) {
  const gw_config *config = http->config;
  if (!config->otlp_url[0]) return true;
  gw_exporter *e = calloc(1, sizeof(*e)); /* pages of the ring that are never filled cost nothing */
  http->exporter = e;
  if (!e || !gw_otlp_url(e->url, config->otlp_url) || !gw_otlp_headers_read(&e->headers, config->otlp_headers))
    return false;
  _Static_assert(GW_OTLP_HEADERS_MAX <= GW_TOOL_HEADERS_MAX, "a request has room for them");
  e->http = http;
  e->how.n_headers = e->headers.n;
  for (size_t i = 0; i < e->headers.n; i++) {
    memcpy(e->how.header[i].name, e->headers.name[i], sizeof(e->how.header[i].name));
    e->how.header[i].value = e->headers.value[i];
  }
  return true;
}

static void send_batch(gw_exporter *e);

static void on_due(lws_sorted_usec_list_t *due) {
  gw_exporter *e = lws_container_of(due, gw_exporter, due);
  e->is_due = false;
  if (!e->busy && !e->http->stopping) send_batch(e);
}

static void schedule(gw_exporter *e, wr_time wait) {
  e->is_due = true;
  lws_sul_schedule(e->http->lws, 0, &e->due, on_due, wait ? wait : 1);
}

/* Once when it begins, once when it is over. */
static void say_state(gw_exporter *e, unsigned status, bool refused) {
  char text[16];
  if (refused == e->refused) return;
  e->refused = refused;
  snprintf(text, sizeof(text), "%u", status);
  gw_log(refused ? GW_WARN : GW_INFO, refused ? "traces_not_taken" : "traces_taken", "status",
         status ? text : "no answer", NULL);
}

static void on_done(gw_post *post, unsigned status, const char *text, size_t len) {
  gw_exporter *e = post->owner;
  gw_otlp_then then = gw_otlp_answered(&e->otlp, status, wr_bytes_of(text, len), &e->http->metrics);
  e->busy = false;
  free(e->body);
  e->body = NULL;
  say_state(e, status, status < 200 || status >= 300);
  if (then == GW_OTLP_AGAIN)
    schedule(e, gw_otlp_wait(&e->otlp));
  else if (e->otlp.n)
    schedule(e, e->otlp.n < GW_OTLP_BATCH ? GATHER : 0);
}

static void send_batch(gw_exporter *e) {
  gw_text body = {0};
  gw_otlp_write(&e->otlp, &body, GW_VERSION);
  gw_post *post = body.failed || !body.len ? NULL : calloc(1, sizeof(*post));
  if (!post) {
    free(body.text);
    if (e->otlp.n) schedule(e, GATHER);
    return;
  }
  e->body = body.text;
  e->busy = true;
  post->http = e->http;
  post->stays = true;
  post->seconds = PATIENCE_S;
  post->tool = &e->how;
  post->content_type = "application/json";
  post->token = "";
  post->part[0] = wr_bytes_of(body.text, body.len);
  post->done = on_done;
  post->owner = e;
  snprintf(post->url, sizeof(post->url), "%s", e->url);
  gw_post_start(post);
}

void gw_exporter_take(gw_http *http, const gw_message *m) {
  gw_exporter *e = http->exporter;
  gw_span span;
  if (!e || m->len != sizeof(span)) return;
  memcpy(&span, m->bytes, sizeof(span));
  if (!gw_otlp_add(&e->otlp, &span, &http->metrics) || e->busy || e->otlp.attempt) return;
  if (e->otlp.n >= GW_OTLP_BATCH)
    schedule(e, 0);
  else if (!e->is_due)
    schedule(e, GATHER);
}

/* The pulse of each second ends the wait. */
void gw_exporter_flush(gw_http *http) {
  gw_exporter *e = http->exporter;
  if (!e) return;
  for (wr_time until = gw_now() + GOODBYE; e->otlp.n && !e->otlp.attempt && gw_now() < until;) {
    if (!e->busy) send_batch(e);
    if (e->busy && lws_service(http->lws, 0) < 0) return;
  }
}

void gw_exporter_close(gw_http *http) {
  if (!http->exporter) return;
  free(http->exporter->body);
  wr_wipe(&http->exporter->headers, sizeof(http->exporter->headers));
  free(http->exporter);
  http->exporter = NULL;
}
