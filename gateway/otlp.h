/* gateway/otlp.h - spans that wait for a collector, and their JSON: OTLP/HTTP 1.x, ExportTraceServiceRequest in the
 * protobuf's JSON form (ids in hexadecimal, 64 bit numbers as strings). Who sends it is gateway/http_trace.c.
 *
 * A ring of GW_OTLP_MAX. What finds it full is dropped and counted: the newest, for the oldest may be on its way. A
 * batch stays in it until the collector has answered. */
#ifndef GATEWAY_OTLP_H
#define GATEWAY_OTLP_H

#include "gateway/metrics.h"
#include "gateway/trace.h"

#define GW_OTLP_MAX 2048      /* spans waiting */
#define GW_OTLP_BATCH 256     /* spans of one request */
#define GW_OTLP_ATTEMPTS 5    /* at one batch */
#define GW_OTLP_HEADERS_MAX 8 /* further headers of a request */
#define GW_OTLP_URL_MAX 528

typedef struct gw_otlp {
  gw_span span[GW_OTLP_MAX];
  uint32_t first, n;
  uint32_t n_sent; /* of them on their way */
  unsigned attempt;
} gw_otlp;

typedef enum gw_otlp_then {
  GW_OTLP_DONE,  /* the batch is gone, taken or not */
  GW_OTLP_AGAIN, /* it is to be sent once more, later */
} gw_otlp_then;

/* false: dropped, and counted. */
bool gw_otlp_add(gw_otlp *otlp, const gw_span *span, gw_http_metrics *metrics);
/* The next batch as a request's body; nothing is written if none waits. */
void gw_otlp_write(gw_otlp *otlp, gw_text *out, const char *version);
/* The collector's answer to it; |status| 0: none. Counts what became of the spans. */
gw_otlp_then gw_otlp_answered(gw_otlp *otlp, unsigned status, wr_bytes body, gw_http_metrics *metrics);
/* Until the next attempt; doubles. */
wr_time gw_otlp_wait(const gw_otlp *otlp);

/* "/v1/traces" behind an address without a path. false: it is none of http or https, or too long. */
bool gw_otlp_url(char out[GW_OTLP_URL_MAX], const char *setting);
typedef struct gw_otlp_headers {
  size_t n;
  char name[GW_OTLP_HEADERS_MAX][64]; /* with a colon behind it */
  char value[GW_OTLP_HEADERS_MAX][448];
} gw_otlp_headers;
/* "NAME=VALUE,NAME=VALUE", values percent-encoded where they have to be, as in OTEL_EXPORTER_OTLP_HEADERS. false:
 * not of that form, or what no header may hold. */
bool gw_otlp_headers_read(gw_otlp_headers *headers, const char *setting);

#endif
