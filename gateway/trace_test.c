#include "gateway/trace.h"

#include <string.h>

#include "check.h"

#define OFFSET WR_S(1700000000)

static gw_span seen[16];
static size_t n_seen;

static void keep(void *ctx, const gw_span *span) {
  CHECK(ctx == seen && n_seen < 16);
  if (n_seen < 16) seen[n_seen++] = *span;
}

static const gw_span *find(gw_span_kind kind) {
  for (size_t i = 0; i < n_seen; i++)
    if (seen[i].kind == kind) return &seen[i];
  return NULL;
}

static uint8_t next_byte;
static void count_up(void *ctx, uint8_t *out, size_t len) {
  (void)ctx;
  for (size_t i = 0; i < len; i++) out[i] = next_byte++;
}
static const wr_rng rng = {.fill = count_up};

static gw_trace begin(const gw_traceparent *from, uint32_t percent) {
  static const gw_traceparent none = {0};
  gw_trace t;
  const gw_trace_settings settings = {
      .percent = percent, .unix_offset_us = OFFSET, .rng = &rng, .emit = keep, .ctx = seen};
  n_seen = 0;
  gw_trace_begin(&t, &settings, from ? from : &none, "page", "0123456789abcdef", WR_S(1));
  return t;
}

static bool same(const uint8_t *a, const uint8_t *b, size_t len) { return memcmp(a, b, len) == 0; }

TEST(trace_of_a_call_is_a_tree) {
  gw_trace t = begin(NULL, 100);
  gw_trace_step(&t, GW_SPAN_OFFER, WR_S(1), WR_S(2), NULL);
  gw_trace_asked(&t, "speech", WR_S(5), WR_S(6));
  gw_trace_recognised(&t, WR_S(6));
  gw_trace_sound(&t, WR_S(7));
  gw_trace_answered(&t, NULL, WR_S(9));
  gw_trace_end(&t, "hangup", false, "udp", WR_S(10));
  CHECK(n_seen == 6);
  const gw_span *call = find(GW_SPAN_CALL), *turn = find(GW_SPAN_TURN), *offer = find(GW_SPAN_OFFER);
  CHECK(call && turn && offer);
  if (!call || !turn || !offer) return;
  CHECK(!call->has_parent && call->begin_us == OFFSET + WR_S(1) && call->end_us == OFFSET + WR_S(10));
  CHECK(strcmp(call->session, "01234567") == 0 && strcmp(call->outcome, "hangup") == 0 && !call->failed);
  CHECK(same(offer->parent, call->id, GW_SPAN_ID) && same(turn->parent, call->id, GW_SPAN_ID));
  CHECK(turn->begin_us == OFFSET + WR_S(5) && turn->end_us == OFFSET + WR_S(9));
  CHECK(turn->recognised_us == OFFSET + WR_S(6) && turn->sound_us == OFFSET + WR_S(7) && !turn->failed);
  static const gw_span_kind parts[] = {GW_SPAN_RECOGNISE, GW_SPAN_RESPOND, GW_SPAN_SPEAK};
  int64_t at = turn->begin_us;
  for (size_t i = 0; i < 3; i++) {
    const gw_span *part = find(parts[i]);
    CHECK(part && same(part->parent, turn->id, GW_SPAN_ID) && part->begin_us == at);
    if (part) at = part->end_us;
  }
  CHECK(at == turn->end_us);
  for (size_t i = 0; i < n_seen; i++) {
    CHECK(same(seen[i].trace, call->trace, GW_TRACE_ID));
    for (size_t j = 0; j < i; j++) CHECK(!same(seen[i].id, seen[j].id, GW_SPAN_ID));
  }
}

TEST(trace_is_a_child_of_whoever_asked) {
  const gw_traceparent from = {.trace = {7}, .parent = {9}, .present = true, .sampled = true};
  gw_trace t = begin(&from, 0);
  gw_trace_end(&t, "lost", true, "udp", WR_S(3));
  CHECK(n_seen == 1 && seen[0].has_parent && seen[0].failed);
  CHECK(same(seen[0].trace, from.trace, GW_TRACE_ID) && same(seen[0].parent, from.parent, GW_SPAN_ID));
}

TEST(trace_that_is_not_sampled_says_nothing) {
  const gw_traceparent from = {.trace = {7}, .parent = {9}, .present = true};
  gw_trace all[] = {begin(&from, 100), begin(NULL, 0), {0}};
  for (size_t i = 0; i < 3; i++) {
    gw_trace_step(&all[i], GW_SPAN_ICE, 1, 2, NULL);
    gw_trace_asked(&all[i], "text", 2, 2);
    gw_trace_recognised(&all[i], 2);
    gw_trace_sound(&all[i], 3);
    gw_trace_answered(&all[i], NULL, 3);
    gw_trace_end(&all[i], "hangup", false, "udp", 4);
  }
  CHECK(n_seen == 0);
}

TEST(trace_percent_is_a_share_of_the_calls) {
  unsigned n = 0;
  for (unsigned i = 0; i < 256; i++) n += begin(NULL, 30).on;
  CHECK(n > 32 && n < 128);
}

TEST(trace_of_a_turn_that_nobody_answered_has_failed) {
  gw_trace t = begin(NULL, 100);
  gw_trace_asked(&t, "speech", WR_S(2), WR_S(2));
  gw_trace_recognised(&t, WR_S(3));
  gw_trace_answered(&t, NULL, WR_S(4)); /* the end of something else */
  CHECK(n_seen == 0);
  gw_trace_asked(&t, "text", WR_S(5), WR_S(5));
  const gw_span *turn = find(GW_SPAN_TURN);
  CHECK(n_seen == 2 && turn && turn->failed && strcmp(turn->outcome, "unanswered") == 0 && !turn->sound_us);
  n_seen = 0;
  gw_trace_sound(&t, WR_S(6));
  gw_trace_answered(&t, "aborted", WR_S(7));
  turn = find(GW_SPAN_TURN);
  CHECK(n_seen == 3 && turn && !turn->failed && strcmp(turn->outcome, "aborted") == 0);
  CHECK(strcmp(turn->input, "text") == 0 && !turn->recognised_us);
  const gw_span *respond = find(GW_SPAN_RESPOND);
  CHECK(respond && respond->begin_us == turn->begin_us);
}

TEST(trace_ends_no_span_before_it_begins) {
  gw_trace t = begin(NULL, 100);
  gw_trace_step(&t, GW_SPAN_DTLS, WR_S(3), WR_S(2), "failed");
  CHECK(n_seen == 1 && seen[0].begin_us == seen[0].end_us && seen[0].failed);
  gw_trace_step(&t, GW_SPAN_DTLS, 0, WR_S(2), NULL); /* it never began */
  CHECK(n_seen == 1);
}
