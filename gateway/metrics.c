/* gateway/metrics.c - adding up, and the Prometheus text format 0.0.4. */
#include "gateway/metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gateway/http_error.h"

/* Microseconds; one scale for all, from a loop's lag to an assistant's thinking. */
static const wr_time bounds[GW_HISTOGRAM_BOUNDS] = {100,     250,     500,     1000,    2500,   5000,
                                                    10000,   20000,   50000,   100000,  250000, 500000,
                                                    1000000, 2500000, 5000000, 10000000};
/* MOS; with the thresholds of the levels among them (manager/quality.c). */
static const double score_bounds[GW_SCORE_BOUNDS] = {1.5, 2, 2.6, 3, 3.4, 3.9, 4.2, 4.4};
static const char *const state_names[GW_N_STATES] = {"new", "connecting", "connected", "degraded", "lost"};
static const char *const phase_names[GW_N_PHASES] = {"signalling", "ice", "dtls", "first_media", "data"};

void gw_histogram_add(gw_histogram *histogram, wr_time us) {
  if (us < 0) us = 0;
  size_t i = 0;
  while (i < GW_HISTOGRAM_BOUNDS && us > bounds[i]) i++;
  histogram->count[i]++;
  histogram->n++;
  histogram->sum_us += (uint64_t)us;
}

void gw_scores_add(gw_scores *scores, double mos) {
  size_t i = 0;
  while (i < GW_SCORE_BOUNDS && mos > score_bounds[i]) i++;
  scores->count[i]++;
  scores->n++;
  scores->sum_milli += (uint64_t)(mos * 1e3 + 0.5);
}

void gw_conn_sums_add(gw_conn_sums *sums, const wr_conn_stats *stats) {
  sums->datagrams_in += stats->datagrams_in;
  sums->consumed += stats->consumed;
  for (size_t i = 0; i < WR_DROP_COUNT; i++) sums->drop[i] += stats->drop[i];
  sums->bytes_in += stats->bytes_in;
  sums->bytes_out += stats->bytes_out;
  sums->rtp_packets_in += stats->rtp_packets_in;
  sums->rtp_bytes_in += stats->rtp_bytes_in;
  sums->rtp_packets_out += stats->rtp_packets_out;
  sums->rtp_bytes_out += stats->rtp_bytes_out;
  sums->rtp_lost += stats->rtp_lost;
  sums->rtp_repaired += stats->rtp_frames_repaired;
  sums->rtp_late += stats->rtp_late;
  sums->rtp_duplicate += stats->rtp_duplicate;
  sums->rtp_reordered += stats->rtp_reordered;
  sums->feedback_in += stats->feedback_in;
  sums->feedback_out += stats->feedback_out;
  sums->breaks += stats->breaks;
  sums->video_packets_in += stats->video_packets_in;
  sums->video_bytes_in += stats->video_bytes_in;
  sums->video_repaired += stats->video_packets_repaired;
  sums->video_frames += stats->video_frames;
  sums->video_key_frames += stats->video_key_frames;
  sums->video_dropped += stats->video_frames_dropped;
  sums->video_key_requests += stats->video_key_requests;
  sums->rtp_asked += stats->rtp_asked;
  sums->rtp_recovered += stats->rtp_recovered;
  sums->rtp_resent += stats->rtp_resent;
  sums->rtp_delivered += stats->rtp_delivered;
  sums->rtp_held_us += stats->rtp_held_us;
}

void gw_metrics_merge(gw_metrics *to, const gw_metrics *from) {
  /* Every field is a uint64_t that is a sum. */
  _Static_assert(sizeof(gw_metrics) % sizeof(uint64_t) == 0, "gw_metrics holds nothing but uint64_t");
  uint64_t *a = (uint64_t *)(void *)to;
  const uint64_t *b = (const uint64_t *)(const void *)from;
  for (size_t i = 0; i < sizeof(*to) / sizeof(*a); i++) a[i] += b[i];
}

uint64_t gw_metrics_dropped(const gw_metrics *metrics) {
  uint64_t sum = metrics->counter[GW_DROP_NO_SESSION] + metrics->counter[GW_DROP_TOO_LARGE] +
                 metrics->counter[GW_DROP_MAILBOX_FULL];
  for (size_t i = 0; i < WR_DROP_COUNT; i++) sum += metrics->conns.drop[i];
  return sum;
}

void gw_process_figures_read(gw_process_figures *figures) {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "re");
  if (file) {
    if (fscanf(file, "%*s %ld", &pages) != 1) pages = 0;
    fclose(file);
  }
  figures->resident_bytes = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  figures->cpu_us =
      WR_S(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

void gw_text_add(gw_text *text, const char *format, ...) {
  for (;;) {
    va_list args;
    va_start(args, format);
    size_t room = text->cap - text->len;
    int n = vsnprintf(text->text ? text->text + text->len : NULL, room, format, args);
    va_end(args);
    if (n < 0 || text->failed) return;
    if ((size_t)n < room) {
      text->len += (size_t)n;
      return;
    }
    size_t cap = 2 * text->cap + (size_t)n + 1024;
    char *grown = realloc(text->text, cap);
    if (!grown) {
      text->failed = true;
      return;
    }
    text->text = grown;
    text->cap = cap;
  }
}

static void head(gw_text *out, const char *name, const char *type, const char *help) {
  gw_text_add(out, "# HELP xiaozhi_rtc_%s %s\n# TYPE xiaozhi_rtc_%s %s\n", name, help, name, type);
}

static void value(gw_text *out, const char *name, const char *labels, uint64_t v) {
  const char *open = *labels ? "{" : "", *close = *labels ? "}" : "";
  gw_text_add(out, "xiaozhi_rtc_%s%s%s%s %llu\n", name, open, labels, close, (unsigned long long)v);
}

static void figure(gw_text *out, const char *name, const char *type, const char *help, uint64_t v) {
  head(out, name, type, help);
  value(out, name, "", v);
}

static void write_histogram(gw_text *out, const char *name, const char *labels, const gw_histogram *h) {
  const char *comma = *labels ? "," : "", *open = *labels ? "{" : "", *close = *labels ? "}" : "";
  uint64_t sum = 0;
  for (size_t i = 0; i < GW_HISTOGRAM_BOUNDS; i++) {
    sum += h->count[i];
    gw_text_add(out, "xiaozhi_rtc_%s_bucket{%s%sle=\"%g\"} %llu\n", name, labels, comma, (double)bounds[i] / 1e6,
                (unsigned long long)sum);
  }
  gw_text_add(out, "xiaozhi_rtc_%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, labels, comma, (unsigned long long)h->n);
  gw_text_add(out, "xiaozhi_rtc_%s_sum%s%s%s %g\n", name, open, labels, close, (double)h->sum_us / 1e6);
  gw_text_add(out, "xiaozhi_rtc_%s_count%s%s%s %llu\n", name, open, labels, close, (unsigned long long)h->n);
}

static void write_scores(gw_text *out, const char *name, const gw_scores *s) {
  uint64_t sum = 0;
  for (size_t i = 0; i < GW_SCORE_BOUNDS; i++) {
    sum += s->count[i];
    gw_text_add(out, "xiaozhi_rtc_%s_bucket{le=\"%g\"} %llu\n", name, score_bounds[i], (unsigned long long)sum);
  }
  gw_text_add(out, "xiaozhi_rtc_%s_bucket{le=\"+Inf\"} %llu\n", name, (unsigned long long)s->n);
  gw_text_add(out, "xiaozhi_rtc_%s_sum %.3f\n", name, (double)s->sum_milli / 1e3);
  gw_text_add(out, "xiaozhi_rtc_%s_count %llu\n", name, (unsigned long long)s->n);
}

static void write_counters(gw_text *out, const gw_metrics *m) {
  static const struct {
    const char *name, *labels, *help;
  } rows[] = {
#define X(id, name, labels, help) {name, labels, help},
#include "gateway/metrics.def"
#undef X
  };
  for (size_t i = 0; i < GW_N_COUNTERS; i++) {
    if (i == 0 || strcmp(rows[i].name, rows[i - 1].name) != 0) head(out, rows[i].name, "counter", rows[i].help);
    value(out, rows[i].name, rows[i].labels, m->counter[i]);
    if (i != GW_DROP_MAILBOX_FULL) continue;
    for (size_t drop = 0; drop < WR_DROP_COUNT; drop++) { /* the connections' own reasons, under the same name */
      char labels[64];
      snprintf(labels, sizeof(labels), "reason=\"%s\"", wr_drop_text((wr_drop)drop));
      value(out, rows[i].name, labels, m->conns.drop[drop]);
    }
  }
}

static void write_conns(gw_text *out, const gw_conn_sums *c) {
  figure(out, "datagrams_consumed_total", "counter", "Datagrams that had an effect", c->consumed);
  head(out, "datagram_bytes_total", "counter", "Bytes of datagrams exchanged by connections");
  value(out, "datagram_bytes_total", "direction=\"in\"", c->bytes_in);
  value(out, "datagram_bytes_total", "direction=\"out\"", c->bytes_out);
  head(out, "rtp_packets_total", "counter", "RTP packets by direction");
  value(out, "rtp_packets_total", "direction=\"in\"", c->rtp_packets_in);
  value(out, "rtp_packets_total", "direction=\"out\"", c->rtp_packets_out);
  head(out, "rtp_bytes_total", "counter", "RTP payload bytes by direction");
  value(out, "rtp_bytes_total", "direction=\"in\"", c->rtp_bytes_in);
  value(out, "rtp_bytes_total", "direction=\"out\"", c->rtp_bytes_out);
  figure(out, "rtp_lost_total", "counter", "RTP packets that never came, nor a copy", c->rtp_lost);
  figure(out, "rtp_repaired_total", "counter", "RTP packets that never came, whose speech came as a copy in others",
         c->rtp_repaired);
  figure(out, "rtp_asked_total", "counter", "RTP packets that were missed and asked for again (NACK)",
         c->rtp_asked);
  figure(out, "rtp_recovered_total", "counter", "RTP packets that came because they were asked for",
         c->rtp_recovered);
  figure(out, "rtp_resent_total", "counter", "RTP packets sent again because the peer asked", c->rtp_resent);
  figure(out, "rtp_delivered_total", "counter", "RTP packets, or copies of lost ones, handed on in order",
         c->rtp_delivered);
  head(out, "rtp_held_seconds_total", "counter", "Time that these waited for others before them");
  gw_text_add(out, "xiaozhi_rtc_rtp_held_seconds_total %.6f\n", (double)c->rtp_held_us / 1e6);
  figure(out, "rtp_late_total", "counter", "RTP packets that came after their turn", c->rtp_late);
  figure(out, "rtp_duplicate_total", "counter", "RTP packets that came twice", c->rtp_duplicate);
  figure(out, "rtp_reordered_total", "counter", "RTP packets that were put back in order", c->rtp_reordered);
  head(out, "feedback_total", "counter", "Transport-wide feedback packets by direction");
  value(out, "feedback_total", "direction=\"in\"", c->feedback_in);
  value(out, "feedback_total", "direction=\"out\"", c->feedback_out);
  figure(out, "circuit_breaks_total", "counter", "Streams stopped as their way did not carry them", c->breaks);
}

static void write_video(gw_text *out, const gw_conn_sums *c) {
  figure(out, "video_packets_total", "counter", "RTP packets of cameras, repetitions among them",
         c->video_packets_in);
  figure(out, "video_bytes_total", "counter", "RTP payload bytes of cameras", c->video_bytes_in);
  figure(out, "video_repaired_total", "counter", "RTP packets of cameras that came when asked for again",
         c->video_repaired);
  head(out, "video_frames_total", "counter",
       "Whole frames of cameras by kind, and what was not whole or not decodable");
  value(out, "video_frames_total", "kind=\"key\"", c->video_key_frames);
  value(out, "video_frames_total", "kind=\"other\"", c->video_frames - c->video_key_frames);
  value(out, "video_frames_total", "kind=\"dropped\"", c->video_dropped);
  figure(out, "video_key_requests_total", "counter", "Key frames asked for (PLI, FIR)", c->video_key_requests);
}

static void write_http(gw_text *out, const gw_http_metrics *http) {
  head(out, "http_responses_total", "counter", "HTTP responses by class");
  for (unsigned i = 1; i < 6; i++) {
    char labels[32];
    snprintf(labels, sizeof(labels), "class=\"%uxx\"", i);
    value(out, "http_responses_total", labels, http->responses[i]);
  }
  head(out, "http_errors_total", "counter", "HTTP errors by code");
  for (size_t i = 0; i < GW_N_HTTP_ERRORS; i++) {
    char labels[64];
    snprintf(labels, sizeof(labels), "code=\"%s\"", gw_http_error_get((gw_http_error)i)->code);
    value(out, "http_errors_total", labels, http->errors[i]);
  }
  figure(out, "overloaded", "gauge", "1 while new calls are refused for the sake of those that run",
         http->overloaded);
  figure(out, "datagrams_overflowed_total", "counter",
         "Datagrams the system threw away as no worker fetched them in time; not among those received",
         http->overflowed);
  figure(out, "workers_stalled", "gauge", "Media threads that have not turned for 5 s; their figures are missing",
         http->workers_stalled);
  head(out, "worker_busy_ratio", "gauge", "Share of a core that the busiest worker took in the last second");
  gw_text_add(out, "xiaozhi_rtc_worker_busy_ratio %.3f\n", http->busiest_percent / 100);
  head(out, "reloads_total", "counter", "Settings read again at SIGHUP");
  value(out, "reloads_total", "result=\"ok\"", http->reloads);
  value(out, "reloads_total", "result=\"refused\"", http->reloads_failed);
  head(out, "trace_spans_total", "counter", "Spans of traces by what became of them");
  value(out, "trace_spans_total", "result=\"sent\"", http->trace_spans[GW_TRACE_SENT]);
  value(out, "trace_spans_total", "result=\"rejected\"", http->trace_spans[GW_TRACE_REJECTED]);
  value(out, "trace_spans_total", "result=\"unanswered\"", http->trace_spans[GW_TRACE_UNANSWERED]);
  value(out, "trace_spans_total", "result=\"queue_full\"", http->trace_spans[GW_TRACE_QUEUE_FULL]);
  figure(out, "sockets_open", "gauge", "WebSockets of callers without WebRTC", http->sockets_open);
  figure(out, "sockets_opened_total", "counter", "WebSockets that callers opened", http->sockets_opened);
  head(out, "socket_sound_dropped_total", "counter", "20 ms of sound of such callers that were thrown away");
  value(out, "socket_sound_dropped_total", "direction=\"up\"", http->sound_dropped_in);
  value(out, "socket_sound_dropped_total", "direction=\"down\"", http->sound_dropped_out);
}

static void write_process(gw_text *out, const gw_process_figures *p) {
  head(out, "build_info", "gauge", "Version and backend");
  gw_text_add(out, "xiaozhi_rtc_build_info{version=\"%s\",backend=\"%s\"} 1\n", p->version, p->backend);
  figure(out, "workers", "gauge", "Media threads", p->n_workers);
  figure(out, "draining", "gauge", "1 while shutting down", p->draining);
  figure(out, "process_resident_bytes", "gauge", "Resident memory", p->resident_bytes);
  head(out, "process_cpu_seconds_total", "counter", "Processor time used");
  gw_text_add(out, "xiaozhi_rtc_process_cpu_seconds_total %.6f\n", (double)p->cpu_us / 1e6);
  head(out, "uptime_seconds", "gauge", "Time since start");
  gw_text_add(out, "xiaozhi_rtc_uptime_seconds %.3f\n", (double)p->uptime_us / 1e6);
}

void gw_metrics_write(gw_text *out, const gw_metrics *m, const gw_http_metrics *http,
                      const gw_process_figures *process) {
  write_process(out, process);
  head(out, "sessions", "gauge", "Sessions by state");
  for (size_t i = 0; i < GW_N_STATES; i++) {
    char labels[32];
    snprintf(labels, sizeof(labels), "state=\"%s\"", state_names[i]);
    value(out, "sessions", labels, m->sessions[i]);
  }
  figure(out, "timers", "gauge", "Sessions that wait for a point in time", m->timers);
  write_counters(out, m);
  write_conns(out, &m->conns);
  write_video(out, &m->conns);
  write_http(out, http);
  head(out, "connect_seconds", "histogram", "Duration of the phases of connecting");
  for (size_t i = 0; i < GW_N_PHASES; i++) {
    char labels[32];
    snprintf(labels, sizeof(labels), "phase=\"%s\"", phase_names[i]);
    write_histogram(out, "connect_seconds", labels, &m->connect[i]);
  }
  head(out, "turn_latency_seconds", "histogram", "End of the caller's speech to first sound of the answer");
  write_histogram(out, "turn_latency_seconds", "", &m->turn_latency);
  head(out, "loop_lag_seconds", "histogram", "Time a worker spent on one wake-up");
  write_histogram(out, "loop_lag_seconds", "", &m->loop_lag);
  head(out, "rtt_seconds", "histogram", "Round trip times, sampled once a second per session");
  write_histogram(out, "rtt_seconds", "", &m->rtt);
  head(out, "jitter_seconds", "histogram", "Jitter of received audio, sampled once a second per session");
  write_histogram(out, "jitter_seconds", "", &m->jitter);
  head(out, "queue_seconds", "histogram", "Queues on the way to callers, sampled once a second per session");
  write_histogram(out, "queue_seconds", "", &m->queue);
  head(out, "quality_score", "histogram", "MOS of calls by the E-model, 1 to 4.5, once a second per session");
  write_scores(out, "quality_score", &m->quality);
}
