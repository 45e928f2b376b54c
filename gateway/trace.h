/* gateway/trace.h - a call as a trace: spans of OpenTelemetry's data model, each handed on when it has ended.
 *
 *   call                        from the offer to the end; child of the request's traceparent, or a root
 *     offer, ice, dtls, data    of each connection of the call
 *     turn                      from the end of speech until the answer has been played or given up
 *       recognise, respond, speak   until the words are known, the first sound leaves, the last one has left
 *
 * Nothing of what was said, no address and no device is in them. Without `gw_trace_begin`, or where a call is not
 * sampled, everything below does nothing. Times are the worker's clock; spans carry microseconds since 1970, by one
 * offset for all of a call, so that a clock that is set meanwhile puts none of them before its parent. */
#ifndef GATEWAY_TRACE_H
#define GATEWAY_TRACE_H

#include "gateway/traceparent.h"

#define GW_TRACE_SESSION 9 /* the first characters of a session's id, as in gateway/errors.h */

typedef enum gw_span_kind {
  GW_SPAN_CALL,
  GW_SPAN_OFFER,
  GW_SPAN_ICE,
  GW_SPAN_DTLS,
  GW_SPAN_DATA,
  GW_SPAN_TURN,
  GW_SPAN_RECOGNISE,
  GW_SPAN_RESPOND,
  GW_SPAN_SPEAK,
  GW_N_SPAN_KINDS
} gw_span_kind;

typedef struct gw_span {
  uint8_t trace[GW_TRACE_ID], id[GW_SPAN_ID], parent[GW_SPAN_ID];
  bool has_parent, failed;
  gw_span_kind kind;
  int64_t begin_us, end_us;        /* since 1970 */
  int64_t recognised_us, sound_us; /* of a turn; 0: it did not come to that */
  const char *outcome;             /* static; NULL: as it should be */
  const char *input;               /* of a turn: speech or text; static */
  const char *purpose, *transport; /* of a call; static */
  char session[GW_TRACE_SESSION];  /* of a call */
} gw_span;

typedef struct gw_trace_settings {
  uint32_t percent;       /* of calls that bring no traceparent */
  int64_t unix_offset_us; /* what is added to the worker's time */
  const wr_rng *rng;      /* borrowed, as long as the trace */
  void (*emit)(void *ctx, const gw_span *span);
  void *ctx;
} gw_trace_settings;

typedef struct gw_trace {
  bool on, has_parent;
  uint8_t trace[GW_TRACE_ID], parent[GW_SPAN_ID], call[GW_SPAN_ID], turn[GW_SPAN_ID];
  gw_trace_settings settings;
  wr_time begun_at;
  wr_time asked_at; /* the turn's beginning; 0: there is none */
  wr_time recognised_at, sound_at;
  const char *input, *purpose;
  char session[GW_TRACE_SESSION];
} gw_trace;

/* |from|: of the request. It decides whether the call is sampled, where it is present. |id|: the session's. */
void gw_trace_begin(gw_trace *trace, const gw_trace_settings *settings, const gw_traceparent *from,
                    const char *purpose, const char *id, wr_time begun_at);
/* A child of the call that has ended. |outcome| NULL: well. Left out where |begin| is 0. */
void gw_trace_step(gw_trace *trace, gw_span_kind kind, wr_time begin, wr_time end, const char *outcome);
/* |input|: speech or text. A turn that was open was not answered. */
void gw_trace_asked(gw_trace *trace, const char *input, wr_time asked_at, wr_time now);
void gw_trace_recognised(gw_trace *trace, wr_time now);
void gw_trace_sound(gw_trace *trace, wr_time now); /* the answer's first one leaves */
/* NULL: it was played to its end. Without sound yet it is open on: that was an answer to something else. */
void gw_trace_answered(gw_trace *trace, const char *outcome, wr_time now);
void gw_trace_end(gw_trace *trace, const char *outcome, bool failed, const char *transport, wr_time now);

#endif
