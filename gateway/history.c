/* gateway/history.c - the thread and its queue. */
#include "gateway/history.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/log.h"

#define PATH_BYTES 1024
#define STACK_BYTES (256u * 1024)
#define BATCH 64
#define PRUNE_S 60 /* between two looks for what is too old */
#define RETRY_S 10 /* after the file could not be opened */
#define END_WAIT_S 2

typedef struct job {
  bool is_ask;
  gw_call call;
  uint32_t number;
  gw_history_kind kind;
  int64_t hours;
} job;

struct gw_history {
  char path[PATH_BYTES];
  gw_history_tell *tell;
  void *ctx;
  pthread_t thread;
  pthread_mutex_t lock; /* over what follows, for moments only */
  pthread_cond_t more;
  job queue[GW_HISTORY_QUEUE];
  size_t n, first, n_asks;
  bool stops;
  gw_store_limits limits;
  gw_store_state state;
  uint64_t written, dropped, failed, bytes, set_aside;
  /* the thread's */
  gw_store *store;
  int64_t retry_at, prune_at;
  bool is_broken; /* found so while it was open */
};

static int64_t now_s(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return ts.tv_sec;
}

/* ---- the thread ---- */

static void set_state(gw_history *h, gw_store_state state) {
  pthread_mutex_lock(&h->lock);
  bool changed = h->state != state;
  h->state = state;
  pthread_mutex_unlock(&h->lock);
  if (changed)
    gw_log(state ? GW_ERROR : GW_INFO, "history", "state", state ? "failed" : "works", "reason",
           gw_store_state_text(state), NULL);
}

static gw_store_limits limits_of(gw_history *h) {
  pthread_mutex_lock(&h->lock);
  gw_store_limits limits = h->limits;
  pthread_mutex_unlock(&h->lock);
  return limits;
}

static void give_up(gw_history *h, gw_store_state state) {
  set_state(h, state);
  h->is_broken = h->store && state == GW_STORE_BROKEN;
  gw_store_close(h->store);
  h->store = NULL;
  h->retry_at = now_s() + (state == GW_STORE_BROKEN ? 0 : RETRY_S);
}

static bool has_store(gw_history *h) {
  gw_store_state state;
  bool set_aside = h->is_broken;
  if (h->store || now_s() < h->retry_at) return h->store != NULL;
  h->store = gw_store_open(h->path, limits_of(h), &state, &set_aside);
  if (h->store) h->is_broken = false;
  if (set_aside) {
    gw_log(GW_ERROR, "history", "state", "set_aside", "reason", "the file was not one of ours, or damaged", NULL);
    pthread_mutex_lock(&h->lock);
    h->set_aside++;
    pthread_mutex_unlock(&h->lock);
  }
  if (h->store)
    set_state(h, GW_STORE_OK);
  else
    give_up(h, state);
  h->prune_at = 0;
  return h->store != NULL;
}

/* A file that is as large as it may be makes room first. */
static void write_calls(gw_history *h, const gw_call *calls, size_t n) {
  gw_store_state state = GW_STORE_FAILED;
  if (has_store(h)) {
    state = gw_store_add(h->store, calls, n);
    if (state == GW_STORE_FULL && gw_store_prune(h->store, limits_of(h), time(NULL)) == GW_STORE_OK)
      state = gw_store_add(h->store, calls, n);
    if (state == GW_STORE_OK || state == GW_STORE_FULL)
      set_state(h, state);
    else
      give_up(h, state);
  }
  pthread_mutex_lock(&h->lock);
  *(state ? &h->failed : &h->written) += n;
  pthread_mutex_unlock(&h->lock);
}

static void prune(gw_history *h) {
  if (!has_store(h) || now_s() < h->prune_at) return;
  h->prune_at = now_s() + PRUNE_S;
  gw_store_state state = gw_store_prune(h->store, limits_of(h), time(NULL));
  uint64_t bytes = gw_store_bytes(h->store);
  pthread_mutex_lock(&h->lock);
  h->bytes = bytes;
  pthread_mutex_unlock(&h->lock);
  if (state && state != GW_STORE_FULL) give_up(h, state);
}

/* Beside the file, without a name: nobody else sees it, and it is gone with its last reader. */
static int open_export(const gw_history *h) {
  char folder[PATH_BYTES];
  snprintf(folder, sizeof(folder), "%s", h->path);
  char *slash = strrchr(folder, '/');
  if (slash) slash[slash == folder] = 0;
  return open(slash ? folder : ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

static gw_history_answer *answer_of(const job *j, gw_store_state state, const char *text, size_t len) {
  gw_history_answer *answer = calloc(1, sizeof(*answer) + len + 1);
  if (!answer) abort();
  answer->number = j->number;
  answer->kind = j->kind;
  answer->state = state;
  answer->fd = -1;
  answer->len = len;
  if (len) memcpy(answer->text, text, len);
  return answer;
}

static gw_history_answer *make_export(gw_history *h, const job *j) {
  uint64_t bytes = 0;
  int fd = open_export(h);
  gw_store_state state = GW_STORE_UNUSABLE;
  if (fd >= 0)
    state = gw_export_write(fd, h->store, j->kind == GW_HISTORY_CSV ? GW_EXPORT_CSV : GW_EXPORT_JSON, time(NULL),
                            j->hours, &bytes);
  gw_history_answer *answer = answer_of(j, state, NULL, 0);
  answer->len = bytes;
  answer->fd = fd;
  if (state && fd >= 0) close(fd);
  if (state) answer->fd = -1;
  return answer;
}

static gw_history_answer *make_report(gw_history *h, const job *j) {
  gw_text out = {0};
  gw_store_limits limits = limits_of(h);
  pthread_mutex_lock(&h->lock);
  gw_text_add(&out,
              "{\"retentionHours\":%lld,\"store\":{\"bytes\":%llu,\"most\":%llu,\"dropped\":%llu,\"failed\":%llu},",
              (long long)limits.hours, (unsigned long long)h->bytes, (unsigned long long)limits.bytes,
              (unsigned long long)h->dropped, (unsigned long long)h->failed);
  pthread_mutex_unlock(&h->lock);
  gw_store_state state = gw_report_write(&out, h->store, time(NULL), j->hours);
  gw_text_add(&out, "}");
  if (out.failed) state = GW_STORE_FAILED;
  gw_history_answer *answer = answer_of(j, state, out.text, state ? 0 : out.len);
  free(out.text);
  return answer;
}

static void answer(gw_history *h, const job *j) {
  gw_history_answer *said;
  if (!has_store(h))
    said = answer_of(j, h->state ? h->state : GW_STORE_FAILED, NULL, 0);
  else if (j->kind == GW_HISTORY_REPORT)
    said = make_report(h, j);
  else
    said = make_export(h, j);
  if (h->store && (said->state == GW_STORE_BROKEN || said->state == GW_STORE_FAILED)) give_up(h, said->state);
  h->tell(h->ctx, said);
}

/* The calls at the head of the queue, or one question. Waits; 0: PRUNE_S went by without any, or it stops. */
static size_t take(gw_history *h, job *asked, gw_call calls[BATCH], bool *stops) {
  struct timespec until;
  size_t n = 0;
  asked->is_ask = false;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += h->store ? PRUNE_S : RETRY_S;
  pthread_mutex_lock(&h->lock);
  int late = 0;
  while (!h->n && !h->stops && !late) late = pthread_cond_timedwait(&h->more, &h->lock, &until);
  while (h->n && n < BATCH) {
    const job *j = &h->queue[h->first];
    if (j->is_ask && n) break;
    if (j->is_ask)
      *asked = *j;
    else
      calls[n++] = j->call;
    h->n_asks -= j->is_ask;
    h->first = (h->first + 1) % GW_HISTORY_QUEUE;
    h->n--;
    if (asked->is_ask) break;
  }
  *stops = h->stops;
  pthread_mutex_unlock(&h->lock);
  return n;
}

static void *keep(void *ctx) {
  gw_history *h = ctx;
  static _Thread_local gw_call calls[BATCH];
  job asked;
  bool stops = false;
  prune(h);
  for (size_t n; (n = take(h, &asked, calls, &stops)) || asked.is_ask || !stops;) {
    if (n) write_calls(h, calls, n);
    if (asked.is_ask && !stops) answer(h, &asked);
    if (!stops) prune(h);
  }
  gw_store_close(h->store);
  return NULL;
}

/* ---- the HTTP thread ---- */

static bool start_thread(gw_history *h) {
  pthread_attr_t attributes;
  pthread_condattr_t clock;
  sigset_t all, before;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_mutex_init(&h->lock, NULL);
  pthread_cond_init(&h->more, &clock);
  pthread_condattr_destroy(&clock);
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the HTTP thread's */
  bool ok = pthread_create(&h->thread, &attributes, keep, h) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return ok;
}

gw_history *gw_history_open(const char *path, gw_store_limits limits, gw_history_tell *tell, void *ctx) {
  gw_history *h = calloc(1, sizeof(*h));
  if (!h) return NULL;
  snprintf(h->path, sizeof(h->path), "%s", path);
  h->limits = limits;
  h->tell = tell;
  h->ctx = ctx;
  if (start_thread(h)) return h;
  free(h);
  return NULL;
}

void gw_history_close(gw_history *h) {
  if (!h) return;
  struct timespec until;
  pthread_mutex_lock(&h->lock);
  h->stops = true;
  pthread_cond_signal(&h->more);
  pthread_mutex_unlock(&h->lock);
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += END_WAIT_S;
  if (pthread_timedjoin_np(h->thread, NULL, &until)) return; /* a disk that hangs; the process ends */
  pthread_cond_destroy(&h->more);
  pthread_mutex_destroy(&h->lock);
  free(h);
}

void gw_history_limit(gw_history *h, gw_store_limits limits) {
  if (!h) return;
  pthread_mutex_lock(&h->lock);
  h->limits = limits;
  pthread_mutex_unlock(&h->lock);
}

static bool push(gw_history *h, const job *j) {
  pthread_mutex_lock(&h->lock);
  bool fits = h->n < GW_HISTORY_QUEUE && (!j->is_ask || h->n_asks < GW_HISTORY_ASKS) && !h->stops;
  if (fits) h->queue[(h->first + h->n++) % GW_HISTORY_QUEUE] = *j;
  if (fits) h->n_asks += j->is_ask;
  if (!fits && !j->is_ask) h->dropped += 1;
  if (fits) pthread_cond_signal(&h->more);
  pthread_mutex_unlock(&h->lock);
  return fits;
}

void gw_history_add(gw_history *h, const gw_call *call) {
  if (h) (void)push(h, &(job){.call = *call});
}

bool gw_history_ask(gw_history *h, uint32_t number, gw_history_kind kind, int64_t hours) {
  return push(h, &(job){.is_ask = true, .number = number, .kind = kind, .hours = hours});
}

gw_store_state gw_history_state(gw_history *h) {
  if (!h) return GW_STORE_OK;
  pthread_mutex_lock(&h->lock);
  gw_store_state state = h->state;
  pthread_mutex_unlock(&h->lock);
  return state;
}

void gw_history_write(gw_text *out, gw_history *h) {
  if (!h) return;
  pthread_mutex_lock(&h->lock);
  uint64_t written = h->written, dropped = h->dropped, failed = h->failed, bytes = h->bytes, aside = h->set_aside;
  bool works = h->state == GW_STORE_OK;
  pthread_mutex_unlock(&h->lock);
  gw_text_add(out,
              "# HELP xiaozhi_rtc_history_up 1 while the history of calls can be written\n"
              "# TYPE xiaozhi_rtc_history_up gauge\nxiaozhi_rtc_history_up %d\n",
              works);
  gw_text_add(out,
              "# HELP xiaozhi_rtc_history_bytes Size of the history's file\n"
              "# TYPE xiaozhi_rtc_history_bytes gauge\nxiaozhi_rtc_history_bytes %llu\n",
              (unsigned long long)bytes);
  gw_text_add(
      out,
      "# HELP xiaozhi_rtc_history_set_aside_total Files of the history that could not be read and were set aside\n"
      "# TYPE xiaozhi_rtc_history_set_aside_total counter\nxiaozhi_rtc_history_set_aside_total %llu\n",
      (unsigned long long)aside);
  gw_text_add(out,
              "# HELP xiaozhi_rtc_history_rows_total Rows of the history: kept, not queued, not written\n"
              "# TYPE xiaozhi_rtc_history_rows_total counter\n"
              "xiaozhi_rtc_history_rows_total{result=\"written\"} %llu\n"
              "xiaozhi_rtc_history_rows_total{result=\"dropped\"} %llu\n"
              "xiaozhi_rtc_history_rows_total{result=\"failed\"} %llu\n",
              (unsigned long long)written, (unsigned long long)dropped, (unsigned long long)failed);
}
