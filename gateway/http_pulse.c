/* gateway/http_pulse.c - once a second: how busy the workers are, read from their threads' clocks, and how busy the
 * process is, of the cores it may use: threads that share one core are never busy alone, but late all the same.
 * What the system threw away for want of room says so too, where the clocks do not.
 * And whether all of them turn, which the service manager is told. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#include "gateway/http.h"
#include "gateway/log.h"
#include "gateway/notify.h"

static wr_time cpu_at(clockid_t clock) {
  struct timespec ts;
  return clock_gettime(clock, &ts) ? 0 : (wr_time)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static wr_time cpu_of(const gw_worker *worker) {
  clockid_t clock;
  return pthread_getcpuclockid(worker->thread, &clock) ? 0 : cpu_at(clock);
}

static int n_cores(void) {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof(cores), &cores) ? 1 : CPU_COUNT(&cores);
}

/* Percent of |n| cores since the last time. */
static double busy(wr_time cpu, wr_time *was, double span, int n) {
  double percent = span > 0 ? 100 * (double)(cpu - *was) / (span * n) : 0;
  *was = cpu;
  return percent;
}

/* Datagrams of all workers that the system threw away since the last time. */
static uint32_t overflowed(gw_http *http) {
  uint32_t sum = 0;
  for (uint16_t i = 0; i < http->n_workers; i++) {
    uint32_t now = gw_udp_overflowed(&http->workers[i].udp);
    sum += now - http->overflowed_was[i];
    http->overflowed_was[i] = now;
  }
  return sum;
}

static void measure(gw_http *http) {
  wr_time now = gw_now();
  double most = 0, span = http->pulse_at ? (double)(now - http->pulse_at) : 0;
  for (uint16_t i = 0; i < http->n_workers; i++) {
    double percent = busy(cpu_of(&http->workers[i]), &http->cpu_was[i], span, 1);
    if (percent > most) most = percent;
  }
  double process = busy(cpu_at(CLOCK_PROCESS_CPUTIME_ID), &http->process_cpu_was, span, n_cores());
  http->pulse_at = now;
  http->metrics.busiest_percent = most;
  if (process > most) most = process;
  uint32_t n_overflowed = overflowed(http);
  http->metrics.overflowed += n_overflowed;
  if (!gw_overload_step(&http->overload, most, n_overflowed, (double)http->config->overload)) return;
  http->metrics.overloaded = http->overload.on;
  if (http->overload.on) gw_errors_note(&http->errors, "worker", "overloaded", NULL, time(NULL));
  gw_log(http->overload.on ? GW_WARN : GW_INFO, http->overload.on ? "overloaded" : "overload_over", NULL);
}

/* Interfaces come and go, DHCP gives another address. */
static void follow_addresses(gw_http *http) {
  gw_locals locals;
  if (!http->locals.any) return;
  gw_locals_find(&locals, &http->udp_bound, http->config);
  if (http->tcp_bound.family) gw_locals_add_tcp(&locals, &http->tcp_bound, http->config);
  if (gw_locals_equal(&locals, &http->locals)) return;
  http->locals = locals;
  char n[8];
  snprintf(n, sizeof(n), "%zu", locals.n);
  gw_log(GW_INFO, "addresses", "n", n, NULL);
  for (uint16_t i = 0; i < http->n_workers; i++) {
    gw_locals *copy = malloc(sizeof(*copy));
    if (!copy) abort();
    *copy = locals;
    gw_tell(&http->to[i], &(gw_message){.kind = GW_ADDRESSES, .owned = copy}, NULL, 0);
  }
}

static bool all_turn(gw_http *http) {
  wr_time now = gw_now();
  unsigned n = 0, before = http->metrics.workers_stalled;
  for (uint16_t i = 0; i < http->n_workers; i++) n += !gw_worker_turns(&http->workers[i], now);
  http->metrics.workers_stalled = n;
  if (n && !before) gw_errors_note(&http->errors, "worker", "stalled", NULL, time(NULL));
  if (!n != !before) gw_log(n ? GW_ERROR : GW_WARN, n ? "worker_stalled" : "worker_turns_again", NULL);
  return !n;
}

static void pulse(lws_sorted_usec_list_t *due) {
  gw_http *http = lws_container_of(due, gw_http, pulse);
  measure(http);
  follow_addresses(http);
  gw_history_pulse(http);
  if (all_turn(http)) gw_notify("WATCHDOG=1"); /* else the service manager, not told so for long, begins anew */
  gw_pulse_begin(http);
}

void gw_pulse_begin(gw_http *http) { lws_sul_schedule(http->lws, 0, &http->pulse, pulse, LWS_US_PER_SEC); }
