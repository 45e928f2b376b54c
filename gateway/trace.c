/* gateway/trace.c - what a call's spans are made of; how they are written is gateway/otlp.c's. */
#include "gateway/trace.h"

#include <string.h>

static bool is_zero(const uint8_t *bytes, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (bytes[i]) return false;
  return true;
}

static void make_id(const gw_trace *t, uint8_t *id, size_t len) {
  do wr_rng_fill(t->settings.rng, id, len);
  while (is_zero(id, len)); /* which would be none */
}

static int64_t unix_us(const gw_trace *t, wr_time at) { return at ? at + t->settings.unix_offset_us : 0; }

static gw_span span_of(const gw_trace *t, gw_span_kind kind, const uint8_t *parent, wr_time begin, wr_time end) {
  gw_span span = {.kind = kind, .begin_us = unix_us(t, begin), .end_us = unix_us(t, end < begin ? begin : end)};
  memcpy(span.trace, t->trace, sizeof(span.trace));
  span.has_parent = parent != NULL;
  if (parent) memcpy(span.parent, parent, sizeof(span.parent));
  make_id(t, span.id, sizeof(span.id));
  return span;
}

static void emit(const gw_trace *t, const gw_span *span) { t->settings.emit(t->settings.ctx, span); }

void gw_trace_begin(gw_trace *t, const gw_trace_settings *settings, const gw_traceparent *from, const char *purpose,
                    const char *id, wr_time begun_at) {
  *t = (gw_trace){.settings = *settings, .begun_at = begun_at, .purpose = purpose};
  t->on = from->present ? from->sampled : wr_rng_u32(settings->rng) % 100 < settings->percent;
  if (!t->on) return;
  t->has_parent = from->present;
  memcpy(t->trace, from->trace, sizeof(t->trace));
  memcpy(t->parent, from->parent, sizeof(t->parent));
  if (!from->present) make_id(t, t->trace, sizeof(t->trace));
  make_id(t, t->call, sizeof(t->call));
  memcpy(t->session, id, sizeof(t->session) - 1);
}

void gw_trace_step(gw_trace *t, gw_span_kind kind, wr_time begin, wr_time end, const char *outcome) {
  if (!t->on || !begin) return;
  gw_span span = span_of(t, kind, t->call, begin, end);
  span.outcome = outcome;
  span.failed = outcome != NULL;
  emit(t, &span);
}

static void emit_part(const gw_trace *t, gw_span_kind kind, wr_time begin, wr_time end) {
  if (!begin || !end) return;
  gw_span span = span_of(t, kind, t->turn, begin, end);
  emit(t, &span);
}

static void end_turn(gw_trace *t, const char *outcome, wr_time now) {
  if (!t->on || !t->asked_at) return;
  wr_time understood_at = t->recognised_at ? t->recognised_at : t->asked_at;
  gw_span span = span_of(t, GW_SPAN_TURN, t->call, t->asked_at, now);
  memcpy(span.id, t->turn, sizeof(span.id));
  span.recognised_us = unix_us(t, t->recognised_at);
  span.sound_us = unix_us(t, t->sound_at);
  span.input = t->input;
  span.outcome = outcome;
  span.failed = !t->sound_at;
  emit_part(t, GW_SPAN_RECOGNISE, t->asked_at, t->recognised_at);
  emit_part(t, GW_SPAN_RESPOND, understood_at, t->sound_at);
  emit_part(t, GW_SPAN_SPEAK, t->sound_at, now);
  emit(t, &span);
  t->asked_at = 0;
}

void gw_trace_asked(gw_trace *t, const char *input, wr_time asked_at, wr_time now) {
  if (!t->on) return;
  end_turn(t, t->sound_at ? "interrupted" : "unanswered", now);
  make_id(t, t->turn, sizeof(t->turn));
  t->asked_at = asked_at;
  t->recognised_at = t->sound_at = 0;
  t->input = input;
}

void gw_trace_recognised(gw_trace *t, wr_time now) {
  if (t->asked_at && !t->recognised_at && !t->sound_at) t->recognised_at = now;
}

void gw_trace_sound(gw_trace *t, wr_time now) {
  if (t->asked_at && !t->sound_at) t->sound_at = now;
}

void gw_trace_answered(gw_trace *t, const char *outcome, wr_time now) {
  if (outcome || t->sound_at) end_turn(t, outcome, now);
}

void gw_trace_end(gw_trace *t, const char *outcome, bool failed, const char *transport, wr_time now) {
  if (!t->on) return;
  end_turn(t, "closed", now);
  gw_span span = span_of(t, GW_SPAN_CALL, t->has_parent ? t->parent : NULL, t->begun_at, now);
  memcpy(span.id, t->call, sizeof(span.id));
  memcpy(span.session, t->session, sizeof(span.session));
  span.purpose = t->purpose;
  span.transport = transport;
  span.outcome = outcome;
  span.failed = failed;
  emit(t, &span);
  t->on = false;
}
