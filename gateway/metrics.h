/* gateway/metrics.h - counters, histograms, and their Prometheus text.
 *
 * Every worker counts for itself without any synchronisation and hands a copy over when asked; the reader adds them
 * up. Law, tested: datagrams in = consumed + dropped by reason. */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include "wr/conn.h"
#include "wr/types.h"

typedef enum gw_counter {
#define X(id, name, labels, help) GW_##id,
#include "gateway/metrics.def"
#undef X
  GW_N_COUNTERS
} gw_counter;

#define GW_HISTOGRAM_BOUNDS 16
typedef struct gw_histogram {
  uint64_t count[GW_HISTOGRAM_BOUNDS + 1]; /* the last: above every bound */
  uint64_t n, sum_us;
} gw_histogram;

/* Of MOS values, 1 to 4.5. */
#define GW_SCORE_BOUNDS 8
typedef struct gw_scores {
  uint64_t count[GW_SCORE_BOUNDS + 1]; /* the last: above every bound */
  uint64_t n, sum_milli;
} gw_scores;

typedef enum gw_phase {
  GW_PHASE_SIGNALLING,  /* offer received -> answer ready */
  GW_PHASE_ICE,         /* answer -> a pair works */
  GW_PHASE_DTLS,        /* pair -> keys */
  GW_PHASE_FIRST_MEDIA, /* answer -> first audio of the caller */
  GW_PHASE_DATA,        /* answer -> data channels usable */
  GW_N_PHASES
} gw_phase;

/* Sums over connections, living and gone. */
typedef struct gw_conn_sums {
  uint64_t datagrams_in, consumed, drop[WR_DROP_COUNT], bytes_in, bytes_out;
  uint64_t rtp_packets_in, rtp_bytes_in, rtp_packets_out, rtp_bytes_out;
  uint64_t rtp_lost, rtp_repaired, rtp_late, rtp_duplicate, rtp_reordered;
  uint64_t feedback_in, feedback_out, breaks;
  uint64_t video_packets_in, video_bytes_in, video_repaired, video_frames, video_key_frames, video_dropped;
  uint64_t video_key_requests;
  uint64_t rtp_asked, rtp_recovered, rtp_resent, rtp_delivered, rtp_held_us;
} gw_conn_sums;

#define GW_N_STATES 5 /* of a session; names in metrics.c */

typedef struct gw_metrics {
  uint64_t counter[GW_N_COUNTERS];
  uint64_t sessions[GW_N_STATES]; /* filled when a copy is made */
  uint64_t timers;                /* likewise */
  gw_histogram connect[GW_N_PHASES];
  gw_histogram loop_lag, turn_latency, rtt, jitter, queue;
  gw_scores quality;
  gw_conn_sums conns;
} gw_metrics;

void gw_histogram_add(gw_histogram *histogram, wr_time us);
void gw_scores_add(gw_scores *scores, double mos);
void gw_conn_sums_add(gw_conn_sums *sums, const wr_conn_stats *stats);
/* |from| is added to |to|. */
void gw_metrics_merge(gw_metrics *to, const gw_metrics *from);
uint64_t gw_metrics_dropped(const gw_metrics *metrics);

/* What became of a trace's spans. */
typedef enum gw_trace_fate {
  GW_TRACE_SENT,
  GW_TRACE_REJECTED,   /* by the collector */
  GW_TRACE_UNANSWERED, /* given up after some attempts */
  GW_TRACE_QUEUE_FULL,
  GW_N_TRACE_FATES
} gw_trace_fate;

/* HTTP-side figures, of the thread that serves it. */
typedef struct gw_http_metrics {
  uint64_t responses[6];  /* by hundreds: [2] is 2xx */
  uint64_t errors[32];    /* by gw_http_error code */
  double busiest_percent; /* of a core, by the busiest worker, in the last second */
  uint64_t overflowed;    /* datagrams that no worker fetched in time */
  bool overloaded;
  unsigned workers_stalled;
  uint64_t trace_spans[GW_N_TRACE_FATES];
  uint64_t reloads, reloads_failed;                                           /* SIGHUP */
  uint64_t sockets_opened, sockets_open, sound_dropped_in, sound_dropped_out; /* callers' WebSockets; pieces */
} gw_http_metrics;

typedef struct gw_process_figures {
  uint64_t resident_bytes;
  wr_time uptime_us, cpu_us;
  uint32_t n_workers;
  bool draining;
  const char *version, *backend;
} gw_process_figures;
void gw_process_figures_read(gw_process_figures *figures); /* resident_bytes and cpu_us */

/* A text that grows; malloc'ed. Failure is sticky: |failed|. */
typedef struct gw_text {
  char *text;
  size_t len, cap;
  bool failed;
} gw_text;
void gw_text_add(gw_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

void gw_metrics_write(gw_text *out, const gw_metrics *metrics, const gw_http_metrics *http,
                      const gw_process_figures *process);

#endif
