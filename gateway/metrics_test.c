#include "gateway/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static const gw_process_figures process = {.resident_bytes = 7,
                                           .uptime_us = 8500000,
                                           .cpu_us = 9250000,
                                           .n_workers = 3,
                                           .version = "1",
                                           .backend = "echo"};

/* The text for |metrics| and |http|; free it. */
static char *text_of(const gw_metrics *metrics, const gw_http_metrics *http) {
  static const gw_http_metrics nothing;
  gw_text text = {0};
  gw_metrics_write(&text, metrics, http ? http : &nothing, &process);
  return text.failed ? NULL : text.text;
}

static bool says(const char *text, const char *series, unsigned long long value) {
  char line[200];
  snprintf(line, sizeof line, "\nxiaozhi_rtc_%s %llu\n", series, value);
  return strstr(text, line) != NULL;
}

/* What a connection counts, and the series that says it. */
#define FIGURES(X)                                                \
  X(consumed, "datagrams_consumed_total")                         \
  X(bytes_in, "datagram_bytes_total{direction=\"in\"}")           \
  X(bytes_out, "datagram_bytes_total{direction=\"out\"}")         \
  X(rtp_packets_in, "rtp_packets_total{direction=\"in\"}")        \
  X(rtp_packets_out, "rtp_packets_total{direction=\"out\"}")      \
  X(rtp_bytes_in, "rtp_bytes_total{direction=\"in\"}")            \
  X(rtp_bytes_out, "rtp_bytes_total{direction=\"out\"}")          \
  X(rtp_lost, "rtp_lost_total")                                   \
  X(rtp_frames_repaired, "rtp_repaired_total")                    \
  X(rtp_asked, "rtp_asked_total")                                 \
  X(rtp_recovered, "rtp_recovered_total")                         \
  X(rtp_resent, "rtp_resent_total")                               \
  X(rtp_delivered, "rtp_delivered_total")                         \
  X(rtp_late, "rtp_late_total")                                   \
  X(rtp_duplicate, "rtp_duplicate_total")                         \
  X(rtp_reordered, "rtp_reordered_total")                         \
  X(feedback_in, "feedback_total{direction=\"in\"}")              \
  X(feedback_out, "feedback_total{direction=\"out\"}")            \
  X(breaks, "circuit_breaks_total")                               \
  X(video_packets_in, "video_packets_total")                      \
  X(video_bytes_in, "video_bytes_total")                          \
  X(video_packets_repaired, "video_repaired_total")               \
  X(video_key_frames, "video_frames_total{kind=\"key\"}")         \
  X(video_frames_dropped, "video_frames_total{kind=\"dropped\"}") \
  X(video_key_requests, "video_key_requests_total")               \
  X(drop[WR_DROP_SRTP_REPLAYED], "datagrams_dropped_total{reason=\"srtp_replayed\"}")

TEST(metrics_what_connections_count_is_said_under_its_name) {
  wr_conn_stats stats = {0};
  unsigned n = 100;
#define X(field, series) stats.field = n++;
  FIGURES(X)
#undef X
  stats.video_frames = 1000 + stats.video_key_frames;
  stats.rtp_held_us = 1500000;
  gw_metrics one = {0}, all = {0};
  gw_conn_sums_add(&one.conns, &stats);
  gw_metrics_merge(&all, &one);
  gw_metrics_merge(&all, &one); /* of two workers */
  char *text = text_of(&all, NULL);
  REQUIRE(text);
#define X(field, series) CHECK(says(text, series, 2 * (unsigned long long)stats.field));
  FIGURES(X)
#undef X
  CHECK(says(text, "video_frames_total{kind=\"other\"}", 2000));
  CHECK(strstr(text, "\nxiaozhi_rtc_rtp_held_seconds_total 3.000000\n"));
  CHECK_EQ(gw_metrics_dropped(&all), 2 * stats.drop[WR_DROP_SRTP_REPLAYED]);
  free(text);
}

TEST(metrics_every_counter_is_said_once_with_its_labels) {
  gw_metrics metrics = {0};
  for (unsigned i = 0; i < GW_N_COUNTERS; i++) metrics.counter[i] = 100 + i;
  char *text = text_of(&metrics, NULL);
  REQUIRE(text);
  unsigned n = 100;
#define X(id, name, labels, help) CHECK(says(text, *(labels) ? name "{" labels "}" : name, n++));
#include "gateway/metrics.def"
#undef X
  unsigned n_heads = 0;
  for (const char *at = text; (at = strstr(at, "# TYPE xiaozhi_rtc_session_total ")); at++) n_heads++;
  CHECK_EQ(n_heads, 1);
  free(text);
}

TEST(metrics_histograms_are_cumulative) {
  gw_metrics metrics = {0};
  gw_histogram_add(&metrics.rtt, WR_MS(1));
  gw_histogram_add(&metrics.rtt, WR_MS(30));
  gw_histogram_add(&metrics.rtt, WR_S(1000));
  gw_scores_add(&metrics.quality, 4.4);
  gw_scores_add(&metrics.quality, 1.1);
  char *text = text_of(&metrics, NULL);
  REQUIRE(text);
  CHECK(says(text, "rtt_seconds_bucket{le=\"0.02\"}", 1));
  CHECK(says(text, "rtt_seconds_bucket{le=\"0.05\"}", 2));
  CHECK(says(text, "rtt_seconds_bucket{le=\"+Inf\"}", 3));
  CHECK(says(text, "rtt_seconds_count", 3));
  CHECK(says(text, "quality_score_count", 2));
  CHECK(strstr(text, "\nxiaozhi_rtc_quality_score_sum 5.500\n"));
  CHECK(says(text, "quality_score_bucket{le=\"+Inf\"}", 2));
  free(text);
}

TEST(metrics_of_http_and_of_the_process) {
  gw_metrics metrics = {.timers = 4};
  gw_http_metrics http = {.responses = {[2] = 11},
                          .overloaded = true,
                          .overflowed = 18,
                          .workers_stalled = 2,
                          .reloads = 12,
                          .reloads_failed = 13,
                          .sockets_opened = 14,
                          .sockets_open = 15,
                          .sound_dropped_in = 16,
                          .sound_dropped_out = 17,
                          .busiest_percent = 50};
  char *text = text_of(&metrics, &http);
  REQUIRE(text);
  static const struct {
    const char *series;
    unsigned value;
  } rows[] = {{"http_responses_total{class=\"2xx\"}", 11},
              {"overloaded", 1},
              {"datagrams_overflowed_total", 18},
              {"workers_stalled", 2},
              {"reloads_total{result=\"ok\"}", 12},
              {"reloads_total{result=\"refused\"}", 13},
              {"sockets_opened_total", 14},
              {"sockets_open", 15},
              {"socket_sound_dropped_total{direction=\"up\"}", 16},
              {"socket_sound_dropped_total{direction=\"down\"}", 17},
              {"workers", 3},
              {"draining", 0},
              {"process_resident_bytes", 7},
              {"timers", 4},
              {"build_info{version=\"1\",backend=\"echo\"}", 1}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) CHECK(says(text, rows[i].series, rows[i].value));
  CHECK(strstr(text, "\nxiaozhi_rtc_worker_busy_ratio 0.500\n"));
  CHECK(strstr(text, "\nxiaozhi_rtc_process_cpu_seconds_total 9.250000\n"));
  free(text);
}
