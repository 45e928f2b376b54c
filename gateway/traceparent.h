/* gateway/traceparent.h - W3C Trace Context (level 1, section 3.2): who asks us to be part of a trace. Survives any
 * bytes. `tracestate` is left alone: nothing of ours is passed on to others. */
#ifndef GATEWAY_TRACEPARENT_H
#define GATEWAY_TRACEPARENT_H

#include "wr/types.h"

#define GW_TRACE_ID 16
#define GW_SPAN_ID 8
#define GW_TRACEPARENT_MAX 128 /* of version 0 it is 55; a later one may say more behind it */

typedef struct gw_traceparent {
  uint8_t trace[GW_TRACE_ID], parent[GW_SPAN_ID];
  bool present, sampled;
} gw_traceparent;

/* false: not one; then |out| is all zero, and a trace of our own begins. */
bool gw_traceparent_read(gw_traceparent *out, wr_bytes text);

#endif
