/* gateway/last_minute.h - what happened to a call lately: a line of figures for each of the last 60 seconds, and
 * the latest events of its life, kept beside every call so that a complaint finds them.
 *
 * A fixed 3.5 KB within the session: nothing is allocated, nothing is written as text before somebody asks. What
 * does not fit gives way to what is newer, and is counted. No content: neither speech nor texts nor addresses. */
#ifndef GATEWAY_LAST_MINUTE_H
#define GATEWAY_LAST_MINUTE_H

#include "gateway/metrics.h"
#include "gateway/quality.h"

#define GW_MINUTE_SECONDS 60
#define GW_MINUTE_EVENTS 48
#define GW_MINUTE_ABSENT UINT16_MAX /* not measured */

/* Differences to the second before; what is larger than its field is told as the largest. */
typedef struct gw_second {
  uint32_t at_ms; /* since the session was opened */
  uint32_t bytes_in, bytes_out;
  uint16_t packets_in, packets_out, lost, late, repaired, dropped;
  uint16_t rtt_100us, jitter_100us;          /* or GW_MINUTE_ABSENT, and so on: */
  uint16_t loss_down_10000, concealed_10000; /* share of 10000 */
  uint16_t mos_100;                          /* 100 to 500 */
  uint16_t queue_ms, target_kbps;            /* as wr_conn_stats */
} gw_second;

typedef struct gw_moment {
  uint32_t at_ms;
  const char *event, *what, *why; /* static; |what|, |why| may be NULL */
} gw_moment;

/* Of the counters that differences are made of, modulo 2^32. */
typedef struct gw_minute_sums {
  uint32_t bytes_in, bytes_out, packets_in, packets_out, lost, late, repaired, dropped;
} gw_minute_sums;

typedef struct gw_minute {
  wr_time opened_at;
  uint32_t n_seconds, n_events; /* ever; the latest are kept */
  gw_minute_sums sums;
  gw_second second[GW_MINUTE_SECONDS];
  gw_moment moment[GW_MINUTE_EVENTS];
} gw_minute;

void gw_minute_init(gw_minute *minute, wr_time now);
/* Another connection, whose counters begin at 0. */
void gw_minute_restart(gw_minute *minute);
void gw_minute_step(gw_minute *minute, const wr_conn_stats *stats, const gw_figures *figures, wr_time now);
/* Texts are borrowed for good: literals, or words of a table. */
void gw_minute_note(gw_minute *minute, const char *event, const char *what, const char *why, wr_time now);
/* "seconds":[...],"events":[...],"forgotten":n - members of an object, oldest first, times in seconds since the
 * session was opened. */
void gw_minute_write(gw_text *out, const gw_minute *minute);

#endif
