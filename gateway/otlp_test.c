#include "gateway/otlp.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static gw_otlp *fresh(gw_http_metrics *metrics) {
  static gw_otlp otlp;
  memset(&otlp, 0, sizeof(otlp));
  *metrics = (gw_http_metrics){0};
  return &otlp;
}

static gw_span span_of(gw_span_kind kind) {
  return (gw_span){.trace = {1, 2},
                   .id = {0xab},
                   .parent = {0xcd},
                   .has_parent = true,
                   .kind = kind,
                   .begin_us = 1700000000000001,
                   .end_us = 1700000000500000};
}

/* The spans of the next batch; |root| is the whole, to be given back. */
static json_t *written(gw_otlp *o, json_t **root) {
  gw_text text = {0};
  gw_otlp_write(o, &text, "1.2");
  *root = text.len ? json_loadb(text.text, text.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
  free(text.text);
  json_t *resource = json_array_get(json_object_get(*root, "resourceSpans"), 0);
  return json_object_get(json_array_get(json_object_get(resource, "scopeSpans"), 0), "spans");
}

static const char *text_at(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

TEST(otlp_writes_a_span_as_the_protocol_says) {
  gw_http_metrics metrics;
  gw_otlp *o = fresh(&metrics);
  gw_span span = span_of(GW_SPAN_ICE);
  json_t *root;
  CHECK(gw_otlp_add(o, &span, &metrics));
  json_t *s = json_array_get(written(o, &root), 0);
  CHECK(strcmp(text_at(s, "traceId"), "01020000000000000000000000000000") == 0);
  CHECK(strcmp(text_at(s, "spanId"), "ab00000000000000") == 0);
  CHECK(strcmp(text_at(s, "parentSpanId"), "cd00000000000000") == 0);
  CHECK(strcmp(text_at(s, "name"), "ice") == 0 && json_integer_value(json_object_get(s, "kind")) == 1);
  CHECK(strcmp(text_at(s, "startTimeUnixNano"), "1700000000000001000") == 0);
  CHECK(strcmp(text_at(s, "endTimeUnixNano"), "1700000000500000000") == 0);
  CHECK(!json_object_get(s, "status") && !json_object_get(s, "events"));
  json_t *resource = json_object_get(json_array_get(json_object_get(root, "resourceSpans"), 0), "resource");
  json_t *name = json_array_get(json_object_get(resource, "attributes"), 0);
  CHECK(strcmp(text_at(name, "key"), "service.name") == 0);
  CHECK(strcmp(text_at(json_object_get(name, "value"), "stringValue"), "xiaozhi-rtc") == 0);
  json_decref(root);
}

TEST(otlp_writes_the_points_of_a_turn_and_a_failure) {
  gw_http_metrics metrics;
  gw_otlp *o = fresh(&metrics);
  gw_span turn = span_of(GW_SPAN_TURN), call = span_of(GW_SPAN_CALL);
  json_t *root;
  turn.recognised_us = turn.begin_us + 5;
  turn.input = "speech";
  call.has_parent = false;
  call.failed = true;
  call.outcome = "lost";
  memcpy(call.session, "01234567", 9);
  CHECK(gw_otlp_add(o, &turn, &metrics) && gw_otlp_add(o, &call, &metrics));
  json_t *spans = written(o, &root), *events = json_object_get(json_array_get(spans, 0), "events");
  CHECK(json_array_size(events) == 2);
  CHECK(strcmp(text_at(json_array_get(events, 0), "name"), "speech_end") == 0);
  CHECK(strcmp(text_at(json_array_get(events, 1), "name"), "recognised") == 0);
  CHECK(strcmp(text_at(json_array_get(events, 1), "timeUnixNano"), "1700000000000006000") == 0);
  json_t *s = json_array_get(spans, 1);
  CHECK(!json_object_get(s, "parentSpanId") && json_integer_value(json_object_get(s, "kind")) == 2);
  CHECK(json_integer_value(json_object_get(json_object_get(s, "status"), "code")) == 2);
  CHECK(json_array_size(json_object_get(s, "attributes")) == 2);
  json_decref(root);
}

TEST(otlp_batches_in_order_and_drops_what_does_not_fit) {
  gw_http_metrics metrics;
  gw_otlp *o = fresh(&metrics);
  gw_span span = span_of(GW_SPAN_DTLS);
  for (uint32_t i = 0; i < GW_OTLP_MAX + 3; i++) {
    span.begin_us = i;
    CHECK(gw_otlp_add(o, &span, &metrics) == (i < GW_OTLP_MAX));
  }
  CHECK(metrics.trace_spans[GW_TRACE_QUEUE_FULL] == 3);
  for (uint32_t batch = 0; batch < GW_OTLP_MAX / GW_OTLP_BATCH; batch++) {
    json_t *root, *spans = written(o, &root);
    char first[32];
    snprintf(first, sizeof(first), "%u000", batch * GW_OTLP_BATCH);
    CHECK(json_array_size(spans) == GW_OTLP_BATCH);
    CHECK(strcmp(text_at(json_array_get(spans, 0), "startTimeUnixNano"), first) == 0);
    json_decref(root);
    CHECK(gw_otlp_answered(o, 200, WR_BYTES_LITERAL("{}"), &metrics) == GW_OTLP_DONE);
  }
  CHECK(metrics.trace_spans[GW_TRACE_SENT] == GW_OTLP_MAX && o->n == 0);
  gw_text none = {0};
  gw_otlp_write(o, &none, "1.2");
  CHECK(none.len == 0);
}

static void add_and_send(gw_otlp *o, unsigned n, gw_http_metrics *metrics) {
  const gw_span span = span_of(GW_SPAN_OFFER);
  gw_text text = {0};
  for (unsigned i = 0; i < n; i++) CHECK(gw_otlp_add(o, &span, metrics));
  gw_otlp_write(o, &text, "1.2");
  free(text.text);
}

TEST(otlp_believes_what_the_collector_took) {
  gw_http_metrics metrics;
  gw_otlp *o = fresh(&metrics);
  const char *const partly[] = {"{\"partialSuccess\":{\"rejectedSpans\":\"2\"}}",
                                "{\"partialSuccess\":{\"rejectedSpans\":2}}", "{\"partialSuccess\":{}}", "rubbish",
                                "{\"partialSuccess\":{\"rejectedSpans\":99}}"};
  for (size_t i = 0; i < 5; i++) {
    add_and_send(o, 3, &metrics);
    CHECK(gw_otlp_answered(o, 200, wr_bytes_of(partly[i], strlen(partly[i])), &metrics) == GW_OTLP_DONE);
  }
  CHECK(metrics.trace_spans[GW_TRACE_SENT] == 1 + 1 + 3 + 3);
  CHECK(metrics.trace_spans[GW_TRACE_REJECTED] == 2 + 2 + 3);
  add_and_send(o, 3, &metrics);
  CHECK(gw_otlp_answered(o, 400, WR_BYTES_LITERAL(""), &metrics) == GW_OTLP_DONE);
  CHECK(metrics.trace_spans[GW_TRACE_REJECTED] == 7 + 3 && o->n == 0);
}

TEST(otlp_tries_again_and_gives_up) {
  gw_http_metrics metrics;
  gw_otlp *o = fresh(&metrics);
  static const unsigned statuses[] = {0, 429, 503, 504};
  wr_time before = 0;
  add_and_send(o, 4, &metrics);
  for (unsigned i = 0; i < GW_OTLP_ATTEMPTS - 1; i++) {
    CHECK(gw_otlp_answered(o, statuses[i % 4], WR_BYTES_LITERAL(""), &metrics) == GW_OTLP_AGAIN);
    CHECK(o->n == 4 && gw_otlp_wait(o) > before && gw_otlp_wait(o) <= WR_S(30));
    before = gw_otlp_wait(o);
    add_and_send(o, 0, &metrics);
  }
  CHECK(gw_otlp_answered(o, 502, WR_BYTES_LITERAL(""), &metrics) == GW_OTLP_DONE);
  CHECK(o->n == 0 && metrics.trace_spans[GW_TRACE_UNANSWERED] == 4 && metrics.trace_spans[GW_TRACE_SENT] == 0);
  add_and_send(o, 1, &metrics);
  CHECK(gw_otlp_answered(o, 0, WR_BYTES_LITERAL(""), &metrics) == GW_OTLP_AGAIN); /* it counts anew */
}

TEST(otlp_url_gets_the_path_of_the_protocol) {
  char url[GW_OTLP_URL_MAX];
  CHECK(gw_otlp_url(url, "http://127.0.0.1:4318") && strcmp(url, "http://127.0.0.1:4318/v1/traces") == 0);
  CHECK(gw_otlp_url(url, "https://c.example/") && strcmp(url, "https://c.example/v1/traces") == 0);
  CHECK(gw_otlp_url(url, "https://c.example/a/b") && strcmp(url, "https://c.example/a/b") == 0);
  static const char *const bad[] = {"127.0.0.1:4318", "grpc://c",   "http://",
                                    "http:///v1",     "http://a b", "http://u:p@host"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) CHECK(!gw_otlp_url(url, bad[i]));
}

TEST(otlp_headers_are_read_and_cannot_hold_another) {
  gw_otlp_headers h;
  CHECK(gw_otlp_headers_read(&h, "Authorization=Bearer%20a=b,x-team=voice") && h.n == 2);
  CHECK(strcmp(h.name[0], "Authorization:") == 0 && strcmp(h.value[0], "Bearer a=b") == 0);
  CHECK(strcmp(h.name[1], "x-team:") == 0 && strcmp(h.value[1], "voice") == 0);
  CHECK(gw_otlp_headers_read(&h, "") && h.n == 0);
  static const char *const bad[] = {"a",    "=b",    "a=",   "a=b,c", "a b=c",  "a=b%0d%0ac:d", "a=b\r\nc",
                                    "a=%2", "a=%zz", "a:=b", ",a=b",  "a=\x7f", "a=\xc3\xa4"};
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) CHECK(!gw_otlp_headers_read(&h, bad[i]));
  CHECK(!gw_otlp_headers_read(&h, "a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1"));
}
