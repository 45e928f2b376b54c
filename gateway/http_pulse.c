/* gateway/http_pulse.c - once a second: how busy the workers are, read from their threads' clocks. */
#include <pthread.h>
#include <time.h>

#include "gateway/http.h"
#include "gateway/log.h"
#include "gateway/notify.h"

static wr_time cpu_of(const gw_worker *worker) {
  clockid_t clock;
  struct timespec ts;
  if (pthread_getcpuclockid(worker->thread, &clock) || clock_gettime(clock, &ts)) return 0;
  return (wr_time)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void measure(gw_http *http) {
  wr_time now = gw_now();
  double most = 0, span = (double)(now - http->pulse_at);
  for (uint16_t i = 0; i < http->n_workers; i++) {
    wr_time cpu = cpu_of(&http->workers[i]);
    double percent = http->pulse_at && span > 0 ? 100 * (double)(cpu - http->cpu_was[i]) / span : 0;
    if (percent > most) most = percent;
    http->cpu_was[i] = cpu;
  }
  http->pulse_at = now;
  http->metrics.busiest_percent = most;
  if (!gw_overload_step(&http->overload, most, (double)http->config->overload)) return;
  http->metrics.overloaded = http->overload.on;
  if (http->overload.on) gw_errors_note(&http->errors, "worker", "overloaded", NULL, time(NULL));
  gw_log(http->overload.on ? GW_WARN : GW_INFO, http->overload.on ? "overloaded" : "overload_over", NULL);
}

static void pulse(lws_sorted_usec_list_t *due) {
  gw_http *http = lws_container_of(due, gw_http, pulse);
  measure(http);
  gw_notify("WATCHDOG=1"); /* this thread turns */
  gw_pulse_begin(http);
}

void gw_pulse_begin(gw_http *http) { lws_sul_schedule(http->lws, 0, &http->pulse, pulse, LWS_US_PER_SEC); }
