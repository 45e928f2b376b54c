/* gateway/otlp.c - see the header. Texts in the JSON are words of ours and hexadecimal: none needs escaping. */
#include "gateway/otlp.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/protocol.h"

#define KIND_INTERNAL 1 /* of opentelemetry.proto.trace.v1.Span */
#define KIND_SERVER 2
#define STATUS_ERROR 2
#define WAIT_MAX_S 30

static const char *const names[GW_N_SPAN_KINDS] = {"call", "offer",     "ice",     "dtls", "data channel",
                                                   "turn", "recognise", "respond", "speak"};

bool gw_otlp_add(gw_otlp *o, const gw_span *span, gw_http_metrics *metrics) {
  if (o->n == GW_OTLP_MAX) {
    metrics->trace_spans[GW_TRACE_QUEUE_FULL]++;
    return false;
  }
  o->span[(o->first + o->n++) % GW_OTLP_MAX] = *span;
  return true;
}

/* ---- the request ---- */

static void write_attribute(gw_text *out, const char *key, const char *value, bool *first) {
  if (!value || !*value) return;
  gw_text_add(out, "%s{\"key\":\"%s\",\"value\":{\"stringValue\":\"%s\"}}", *first ? "" : ",", key, value);
  *first = false;
}

static void write_attributes(gw_text *out, const gw_span *s) {
  bool first = true;
  gw_text_add(out, ",\"attributes\":[");
  write_attribute(out, "xiaozhi_rtc.outcome", s->outcome, &first);
  write_attribute(out, "xiaozhi_rtc.input", s->input, &first);
  write_attribute(out, "xiaozhi_rtc.purpose", s->purpose, &first);
  write_attribute(out, "xiaozhi_rtc.transport", s->transport, &first);
  write_attribute(out, "xiaozhi_rtc.session", s->session, &first);
  gw_text_add(out, "]");
}

static void write_event(gw_text *out, const char *name, int64_t at_us, bool *first) {
  if (!at_us) return;
  gw_text_add(out, "%s{\"timeUnixNano\":\"%" PRId64 "000\",\"name\":\"%s\"}", *first ? "" : ",", at_us, name);
  *first = false;
}

static void write_events(gw_text *out, const gw_span *s) {
  bool first = true;
  gw_text_add(out, ",\"events\":[");
  write_event(out, "speech_end", s->begin_us, &first);
  write_event(out, "recognised", s->recognised_us, &first);
  write_event(out, "first_sound", s->sound_us, &first);
  gw_text_add(out, "]");
}

static void write_span(gw_text *out, const gw_span *s) {
  char trace[2 * GW_TRACE_ID + 1], id[2 * GW_SPAN_ID + 1], parent[2 * GW_SPAN_ID + 1];
  gw_hex(trace, s->trace, GW_TRACE_ID);
  gw_hex(id, s->id, GW_SPAN_ID);
  gw_hex(parent, s->parent, GW_SPAN_ID);
  gw_text_add(out, "{\"traceId\":\"%s\",\"spanId\":\"%s\"", trace, id);
  if (s->has_parent) gw_text_add(out, ",\"parentSpanId\":\"%s\"", parent);
  gw_text_add(out,
              ",\"name\":\"%s\",\"kind\":%d,\"startTimeUnixNano\":\"%" PRId64 "000\",\"endTimeUnixNano\":\"%" PRId64
              "000\"",
              names[s->kind], s->kind == GW_SPAN_CALL ? KIND_SERVER : KIND_INTERNAL, s->begin_us, s->end_us);
  write_attributes(out, s);
  if (s->kind == GW_SPAN_TURN) write_events(out, s);
  if (s->failed) gw_text_add(out, ",\"status\":{\"code\":%d}", STATUS_ERROR);
  gw_text_add(out, "}");
}

void gw_otlp_write(gw_otlp *o, gw_text *out, const char *version) {
  o->n_sent = o->n < GW_OTLP_BATCH ? o->n : GW_OTLP_BATCH;
  if (!o->n_sent) return;
  bool first = true;
  gw_text_add(out, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
  write_attribute(out, "service.name", "xiaozhi-rtc", &first);
  write_attribute(out, "service.version", version, &first);
  gw_text_add(out, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"xiaozhi-rtc\",\"version\":\"%s\"},\"spans\":[",
              version);
  for (uint32_t i = 0; i < o->n_sent; i++) {
    if (i) gw_text_add(out, ",");
    write_span(out, &o->span[(o->first + i) % GW_OTLP_MAX]);
  }
  gw_text_add(out, "]}]}]}");
}

/* ---- the answer ---- */

/* {"partialSuccess":{"rejectedSpans":"3"}}; of an int64 JSON may make a string or a number. */
static uint32_t rejected_of(wr_bytes body, uint32_t most) {
  json_t *root = json_loadb((const char *)body.data, body.len, 0, NULL);
  json_t *n = json_object_get(json_object_get(root, "partialSuccess"), "rejectedSpans");
  long long rejected = json_is_string(n) ? strtoll(json_string_value(n), NULL, 10) : json_integer_value(n);
  json_decref(root);
  return rejected <= 0 ? 0 : rejected < (long long)most ? (uint32_t)rejected : most;
}

static bool may_come_right(unsigned status) {
  return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

static void pop(gw_otlp *o) {
  o->first = (o->first + o->n_sent) % GW_OTLP_MAX;
  o->n -= o->n_sent;
  o->n_sent = 0;
  o->attempt = 0;
}

gw_otlp_then gw_otlp_answered(gw_otlp *o, unsigned status, wr_bytes body, gw_http_metrics *metrics) {
  bool good = status >= 200 && status < 300;
  uint32_t lost = good ? rejected_of(body, o->n_sent) : o->n_sent;
  if (!good && may_come_right(status) && ++o->attempt < GW_OTLP_ATTEMPTS) return GW_OTLP_AGAIN;
  metrics->trace_spans[GW_TRACE_SENT] += o->n_sent - lost;
  metrics->trace_spans[may_come_right(status) ? GW_TRACE_UNANSWERED : GW_TRACE_REJECTED] += lost;
  pop(o);
  return GW_OTLP_DONE;
}

wr_time gw_otlp_wait(const gw_otlp *o) {
  wr_time wait = WR_S(1u << (o->attempt < 8 ? o->attempt : 8));
  return wait < WR_S(WAIT_MAX_S) ? wait : WR_S(WAIT_MAX_S);
}

/* ---- settings ---- */

bool gw_otlp_url(char out[GW_OTLP_URL_MAX], const char *setting) {
  bool tls = strncmp(setting, "https://", 8) == 0;
  if (!tls && strncmp(setting, "http://", 7) != 0) return false;
  const char *host = setting + (tls ? 8 : 7), *slash = strchr(host, '/');
  if (!*host || *host == '/' || strpbrk(host, " \t@#\"\\")) return false;
  bool bare = !slash || !slash[1];
  int len = slash && bare ? (int)(slash - setting) : (int)strlen(setting);
  return snprintf(out, GW_OTLP_URL_MAX, "%.*s%s", len, setting, bare ? "/v1/traces" : "") < GW_OTLP_URL_MAX;
}

static bool is_name(const char *at, size_t len) {
  static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return len > 0 && strspn(at, allowed) >= len;
}

static int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = (char)(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Nothing may end the header and begin another. */
static bool read_value(char *out, size_t cap, const char *at, size_t len) {
  size_t n = 0;
  for (size_t i = 0; i < len; i++) {
    int c = (uint8_t)at[i];
    if (c == '%') {
      int high = i + 2 < len ? digit(at[i + 1]) : -1, low = high < 0 ? -1 : digit(at[i + 2]);
      if (low < 0) return false;
      c = high << 4 | low;
      i += 2;
    }
    if (c < ' ' || c > '~' || n + 1 >= cap) return false;
    out[n++] = (char)c;
  }
  out[n] = 0;
  return n > 0;
}

bool gw_otlp_headers_read(gw_otlp_headers *h, const char *setting) {
  h->n = 0;
  for (const char *at = setting; *at;) {
    size_t len = strcspn(at, ","), name = strcspn(at, "=");
    if (h->n == GW_OTLP_HEADERS_MAX || name >= len || !is_name(at, name) || name + 2 > sizeof(h->name[0]))
      return false;
    snprintf(h->name[h->n], sizeof(h->name[0]), "%.*s:", (int)name, at);
    if (!read_value(h->value[h->n], sizeof(h->value[0]), at + name + 1, len - name - 1)) return false;
    h->n++;
    at += len + (at[len] == ',');
  }
  return true;
}
