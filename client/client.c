/* client/client.c - `xiaozhi-rtc call`: begins calls, waits for sockets and timers, reports. One thread for media,
 * one (inside signalling) for HTTP. */
#include "client/client.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "client/call.h"
#include "client/sockets.h"
#include "client/talk.h"
#include "wr/crypto_openssl.h"

#define MAX_MESSAGE_BYTES 65536
#define BLOCKS_SHARED 256
#define BLOCKS_PER_CALL 6
#define SIGNALLING_TAG UINT32_MAX

typedef struct run {
  call_world world;
  client_options options;
  call *calls;
  unsigned n_begun, n_ended;
  wr_time started_at;
} run;

static wr_time clock_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return WR_S(t.tv_sec) + t.tv_nsec / 1000;
}

static int complain(const char *what, const char *detail) {
  fprintf(stderr, "call: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
  return 2;
}

static int prepare(run *r) {
  call_world *w = &r->world;
  const char *why = "out of memory";
  w->options = &r->options;
  if (r->options.in_path && !client_track_read(&w->track, r->options.in_path, &why))
    return complain(r->options.in_path, why);
  if (r->options.echo_test && !client_track_tone(&w->track, 4)) return complain("no Opus encoder", NULL);
  if (!client_track_silence(&w->silence)) return complain("no Opus encoder", NULL);
  if (!client_is_load(&r->options) && !(w->recorder = client_recorder_open(r->options.out_path, &why)))
    return complain(r->options.out_path ? r->options.out_path : "--out", why);
  if (!sockets_find_local(r->options.url, &w->local))
    return complain(r->options.url, "its host is unknown or unreachable");
  w->signalling = signalling_open(r->options.url, r->options.token, &why);
  if (!w->signalling) return complain(r->options.url, why);
  if (wr_crypto_openssl_open(&w->crypto) != WR_OK) return complain("OpenSSL refused to start", NULL);
  w->rng = wr_crypto_openssl_rng();
  size_t n_blocks = BLOCKS_SHARED + BLOCKS_PER_CALL * r->options.n_sessions;
  void *blocks = aligned_alloc(16, (wr_pool_size(WR_CONN_POOL_BLOCK, n_blocks) + 15) / 16 * 16);
  w->message_buffer = malloc(MAX_MESSAGE_BYTES);
  w->scratch = malloc(sizeof *w->scratch);
  r->calls = calloc(r->options.n_sessions, sizeof *r->calls);
  r->world.epoll = epoll_create1(EPOLL_CLOEXEC);
  if (!blocks || !w->message_buffer || !w->scratch || !r->calls || r->world.epoll < 0)
    return complain("out of memory", NULL);
  w->pool = wr_pool_init(blocks, WR_CONN_POOL_BLOCK, n_blocks);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = SIGNALLING_TAG};
  return epoll_ctl(r->world.epoll, EPOLL_CTL_ADD, signalling_fd(w->signalling), &event) ? 2 : 0;
}

static void raise_file_limit(unsigned n_sessions) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= n_sessions * 2 + 64) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static bool may_begin(const run *r, wr_time now) {
  const client_options *o = &r->options;
  if (r->n_begun == o->n_sessions) return false;
  if (o->sequential) return r->n_ended == r->n_begun;
  return o->ramp_per_s <= 0 || (double)(now - r->started_at) / 1e6 * o->ramp_per_s >= r->n_begun;
}

static void begin_calls(run *r, wr_time now) {
  while (may_begin(r, now)) {
    call *c = &r->calls[r->n_begun];
    if (call_begin(c, &r->world, r->n_begun++, now)) continue;
    r->world.figures.n_failed++;
    r->n_ended++;
  }
}

static void take_results(run *r, wr_time now) {
  eventfd_t ignored;
  (void)eventfd_read(signalling_fd(r->world.signalling), &ignored);
  signalling_result result;
  while (signalling_take(r->world.signalling, &result)) {
    call_on_result(&r->calls[result.id], &result, now);
    free(result.body);
  }
}

/* Does what is due of every call and frees what has ended; returns when to look again. */
static wr_time work(run *r, wr_time now) {
  wr_time next_at = now + WR_S(1);
  for (unsigned i = 0; i < r->n_begun; i++) {
    call *c = &r->calls[i];
    if (!c->caller) continue;
    if (now >= c->next_at) call_work(c, now);
    if (c->state == CALL_OPEN && r->options.sequential) call_end(c, NULL, now);
    if (c->state == CALL_ENDED) {
      call_work(c, now);
      call_wipe(c);
      r->n_ended++;
      continue;
    }
    next_at = wr_time_min(next_at, c->next_at);
  }
  if (r->n_begun < r->options.n_sessions && r->options.ramp_per_s > 0)
    next_at = wr_time_min(next_at, now + WR_MS(1));
  return next_at;
}

static void loop(run *r) {
  struct epoll_event events[256];
  r->started_at = clock_now();
  begin_calls(r, r->started_at);
  while (r->n_ended < r->options.n_sessions) {
    wr_time now = clock_now();
    wr_time wait_us = work(r, now) - now;
    begin_calls(r, now);
    if (r->n_ended == r->options.n_sessions) return;
    int wait_ms = wait_us <= 0 ? 0 : (int)((wait_us + 999) / 1000);
    if (r->options.sequential && r->n_ended == r->n_begun) wait_ms = 0;
    int n = epoll_wait(r->world.epoll, events, 256, wait_ms);
    now = clock_now();
    for (int i = 0; i < n; i++) {
      uint32_t id = events[i].data.u32;
      if (id == SIGNALLING_TAG)
        take_results(r, now);
      else if (r->calls[id].caller)
        call_on_readable(&r->calls[id], now);
    }
  }
}

static void report_load(const run *r) {
  const client_figures *f = &r->world.figures;
  double lost = f->packets_sent ? 100.0 * (1.0 - (double)f->packets_received / (double)f->packets_sent) : 0;
  if (r->options.json) {
    json_t *line = json_pack(
        "{s:i, s:I, s:I, s:f, s:f, s:f, s:I, s:I, s:f, s:f, s:f, s:f}", "sessions", (int)r->options.n_sessions,
        "connected", (json_int_t)f->n_connected, "failed", (json_int_t)f->n_failed, "connect_ms_p50",
        figures_ms(&f->connect, 0.5), "connect_ms_p95", figures_ms(&f->connect, 0.95), "connect_ms_max",
        figures_ms(&f->connect, 1), "packets_sent", (json_int_t)f->packets_sent, "packets_received",
        (json_int_t)f->packets_received, "loss_percent", lost, "echo_ms_p50", figures_ms(&f->echo, 0.5),
        "echo_ms_p95", figures_ms(&f->echo, 0.95), "echo_ms_max", figures_ms(&f->echo, 1));
    char *text = line ? json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    if (text) puts(text);
    free(text);
    json_decref(line);
    return;
  }
  printf("%u calls: %llu connected, %llu failed; connect p50 %.1f ms, p95 %.1f ms, max %.1f ms\n",
         r->options.n_sessions, (unsigned long long)f->n_connected, (unsigned long long)f->n_failed,
         figures_ms(&f->connect, 0.5), figures_ms(&f->connect, 0.95), figures_ms(&f->connect, 1));
  if (f->echo.n)
    printf("%llu packets sent, %.2f %% lost; echo p50 %.1f ms, p95 %.1f ms, max %.1f ms\n",
           (unsigned long long)f->packets_sent, lost, figures_ms(&f->echo, 0.5), figures_ms(&f->echo, 0.95),
           figures_ms(&f->echo, 1));
}

static bool succeeded(const run *r) {
  const client_options *o = &r->options;
  if (client_is_load(o)) return r->world.figures.n_failed == 0;
  if (!r->calls[0].was_open || r->calls[0].why) return false;
  if (o->echo_test) return echo_check_passed(&r->calls[0].echo, r->world.recorder);
  bool wants_audio = o->in_path || o->out_path || o->text;
  return !wants_audio || client_recorder_loud_seconds(r->world.recorder) > 0.1;
}

static void report_call(const run *r) {
  char text[96];
  snprintf(text, sizeof text, "%.1f s, of which %.1f s loud; connected in %.1f ms",
           client_recorder_seconds(r->world.recorder), client_recorder_loud_seconds(r->world.recorder),
           figures_ms(&r->world.figures.connect, 1));
  talk_print(&r->calls[0], "heard", "text", text);
}

static void release(run *r) {
  call_world *w = &r->world;
  signalling_close(w->signalling);
  for (unsigned i = 0; r->calls && i < r->n_begun; i++) call_wipe(&r->calls[i]);
  wr_crypto_openssl_close(w->crypto);
  client_track_free(&w->track);
  free(w->pool);
  free(w->message_buffer);
  free(w->scratch);
  free(r->calls);
  if (r->world.epoll > 0) close(r->world.epoll);
}

int client_main(int argc, char **argv) {
  int exit_code;
  run r = {0};
  if (!client_options_read(&r.options, argc, argv, &exit_code)) return exit_code;
  raise_file_limit(r.options.n_sessions);
  exit_code = prepare(&r);
  if (!exit_code) {
    loop(&r);
    if (client_is_load(&r.options)) {
      if (!r.options.quiet) report_load(&r);
    } else {
      report_call(&r);
    }
    exit_code = succeeded(&r) ? 0 : 1;
  }
  if (!client_recorder_close(r.world.recorder)) exit_code = complain("--out", "could not be written");
  release(&r);
  return exit_code;
}
