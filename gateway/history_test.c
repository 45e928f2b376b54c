#include "gateway/history.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define NOW 1750000000
static const gw_store_limits day = {.hours = 24, .bytes = 64u << 20};

typedef struct place {
  char folder[64], path[96];
} place;

static place make_place(void) {
  place p;
  snprintf(p.folder, sizeof(p.folder), "/tmp/history_test.XXXXXX");
  CHECK(mkdtemp(p.folder) != NULL);
  snprintf(p.path, sizeof(p.path), "%s/below/h.db", p.folder);
  return p;
}

static void remove_place(const place *p) {
  static const char *const names[] = {"below/h.db", "below/h.db-wal", "below/h.db.broken", "below", ""};
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", p->folder, names[i]);
    (void)remove(path);
  }
}

static gw_store *open_at(const place *p, gw_store_limits limits) {
  gw_store_state state;
  bool set_aside = false;
  gw_store *store = gw_store_open(p->path, limits, &state, &set_aside);
  CHECK_EQ(state, GW_STORE_OK);
  CHECK(store && !set_aside);
  return store;
}

static gw_call call_of(const char *result, const char *reason, double connect_ms, int64_t ended_at) {
  return (gw_call){.ended_at = ended_at,
                   .result = result,
                   .reason = reason,
                   .n = 1,
                   .duration_s = 30,
                   .purpose = "page",
                   .backend = "embedded",
                   .way = "direct",
                   .family = 4,
                   .browser = "Chrome",
                   .browser_major = 131,
                   .network = "",
                   .connect_ms = connect_ms,
                   .signalling_ms = 1,
                   .ice_ms = connect_ms < 0 ? -1 : connect_ms / 2,
                   .dtls_ms = connect_ms,
                   .data_ms = -1,
                   .media_ms = -1,
                   .mos_mean = connect_ms < 0 ? -1 : 4.25,
                   .mos_min = -1,
                   .loss_up = -1,
                   .loss_down = 0.01,
                   .rtt_ms = 20};
}

static void add(gw_store *store, gw_call call) { CHECK_EQ(gw_store_add(store, &call, 1), GW_STORE_OK); }

static json_t *report_of(gw_store *store, int64_t hours) {
  gw_text out = {0};
  gw_text_add(&out, "{");
  CHECK_EQ(gw_report_write(&out, store, NOW, hours), GW_STORE_OK);
  gw_text_add(&out, "}");
  json_error_t error;
  json_t *report = json_loads(out.text, JSON_REJECT_DUPLICATES, &error);
  CHECK(report != NULL);
  free(out.text);
  return report;
}

static double number(const json_t *of, const char *key) { return json_number_value(json_object_get(of, key)); }

static const json_t *row(const json_t *report, const char *kind, size_t i) {
  return json_array_get(json_object_get(report, kind), i);
}

static char *export_of(gw_store *store, gw_export format) {
  char name[] = "/tmp/history_export.XXXXXX";
  uint64_t bytes = 0;
  int fd = mkstemp(name);
  unlink(name);
  CHECK_EQ(gw_export_write(fd, store, format, NOW, 24, &bytes), GW_STORE_OK);
  char *text = calloc(1, bytes + 1);
  CHECK(pread(fd, text, bytes, 0) == (ssize_t)bytes);
  close(fd);
  return text;
}

TEST(history_file_is_for_its_owner_and_survives_its_program) {
  place p = make_place();
  struct stat about;
  gw_store *store = open_at(&p, day);
  add(store, call_of("connected", "hangup", 100, NOW - 10));
  CHECK(stat(p.path, &about) == 0 && (about.st_mode & 0777) == 0600);
  gw_store_close(store);
  CHECK(stat(p.path, &about) == 0 && (about.st_mode & 0777) == 0600);
  store = open_at(&p, day);
  json_t *report = report_of(store, 24);
  CHECK_EQ(number(report, "calls"), 1);
  json_decref(report);
  gw_store_close(store);
  remove_place(&p);
}

TEST(history_report_adds_up) {
  place p = make_place();
  gw_store *store = open_at(&p, day);
  for (int i = 1; i <= 20; i++) add(store, call_of("connected", i == 1 ? "lost" : "hangup", 10 * i, NOW - 60));
  gw_call slow = call_of("connected", "hangup", 999, NOW - 2 * 3600 + 60);
  slow.browser = "Firefox", slow.browser_major = 128, slow.way = "relay", slow.network = "wifi", slow.mos_mean = 2;
  add(store, slow);
  add(store, call_of("failed", "ice_failed", -1, NOW - 60));
  add(store, call_of("abandoned", "hangup", -1, NOW - 60));
  gw_call refused = call_of("refused", "full", -1, NOW - 60);
  refused.n = 500;
  add(store, refused);
  add(store, call_of("failed", "ice_failed", -1, NOW - 30 * 3600)); /* of another day */
  json_t *r = report_of(store, 24);
  CHECK_EQ(number(r, "calls"), 23);
  CHECK_EQ(number(r, "connected"), 21);
  CHECK_EQ(number(r, "failed"), 1);
  CHECK_EQ(number(r, "abandoned"), 1);
  CHECK_EQ(number(r, "lost"), 1);
  CHECK_EQ(number(r, "refused"), 500);
  CHECK(number(r, "successRate") > 0.9544 && number(r, "successRate") < 0.9546);
  const json_t *connect = json_object_get(json_object_get(r, "times"), "connect");
  CHECK(number(connect, "n") == 21 && number(connect, "p50") == 110 && number(connect, "p95") == 200);
  CHECK_EQ(number(connect, "p99"), 999);
  CHECK_TEXT(json_string_value(json_object_get(row(r, "byBrowser", 0), "browser")), "Chrome");
  CHECK_EQ(number(row(r, "byBrowser", 0), "version"), 131);
  CHECK_EQ(number(row(r, "byBrowser", 0), "p50"), 100);
  CHECK_EQ(number(row(r, "byBrowser", 0), "p95"), 190);
  CHECK_EQ(number(row(r, "byBrowser", 1), "mos"), 2);
  CHECK_TEXT(json_string_value(json_object_get(row(r, "byWay", 1), "way")), "relay");
  CHECK_TEXT(json_string_value(json_object_get(row(r, "byNetwork", 0), "network")), "unknown");
  CHECK_TEXT(json_string_value(json_object_get(row(r, "byNetwork", 1), "network")), "wifi");
  CHECK_TEXT(json_string_value(json_object_get(row(r, "byFamily", 0), "family")), "IPv4");
  CHECK_TEXT(json_string_value(json_object_get(row(r, "reasons", 0), "reason")), "full");
  CHECK_EQ(number(row(r, "reasons", 0), "count"), 500);
  CHECK_EQ(json_array_size(json_object_get(r, "byHour")), 24);
  CHECK_EQ(number(row(r, "byHour", 23), "calls"), 22);
  CHECK_EQ(number(row(r, "byHour", 23), "refused"), 500);
  CHECK_EQ(number(row(r, "byHour", 22), "calls"), 1);
  CHECK(json_is_true(json_object_get(r, "complete")));
  json_decref(r);
  gw_store_close(store);
  remove_place(&p);
}

TEST(history_report_of_nothing) {
  place p = make_place();
  gw_store *store = open_at(&p, day);
  json_t *r = report_of(store, 1);
  CHECK_EQ(number(r, "calls"), 0);
  CHECK(json_object_get(r, "successRate") == NULL);
  CHECK(json_object_get(json_object_get(json_object_get(r, "times"), "connect"), "p50") == NULL);
  CHECK_EQ(json_array_size(json_object_get(r, "byHour")), 1);
  json_decref(r);
  char *text = export_of(store, GW_EXPORT_JSON);
  CHECK_TEXT(text, "[]\n");
  free(text);
  gw_store_close(store);
  remove_place(&p);
}

TEST(history_groups_are_bounded) {
  place p = make_place();
  gw_store *store = open_at(&p, day);
  for (int i = 0; i < 60; i++) {
    gw_call call = call_of("connected", "hangup", 10, NOW - 60);
    call.browser_major = i + 1;
    add(store, call);
  }
  json_t *r = report_of(store, 24);
  CHECK_EQ(json_array_size(json_object_get(r, "byBrowser")), 24);
  CHECK_TEXT(json_string_value(json_object_get(row(r, "byBrowser", 0), "browser")), "other");
  CHECK_EQ(number(row(r, "byBrowser", 0), "calls"), 37);
  json_decref(r);
  gw_store_close(store);
  remove_place(&p);
}

TEST(history_retention_takes_what_is_too_old) {
  place p = make_place();
  gw_store *store = open_at(&p, day);
  add(store, call_of("connected", "hangup", 1, NOW - 25 * 3600));
  add(store, call_of("connected", "hangup", 1, NOW - 23 * 3600));
  CHECK_EQ(gw_store_prune(store, day, NOW), GW_STORE_OK);
  json_t *r = report_of(store, 720);
  CHECK_EQ(number(r, "calls"), 1);
  json_decref(r);
  CHECK_EQ(gw_store_prune(store, (gw_store_limits){.hours = 1, .bytes = day.bytes}, NOW), GW_STORE_OK);
  r = report_of(store, 720);
  CHECK_EQ(number(r, "calls"), 0);
  json_decref(r);
  gw_store_close(store);
  remove_place(&p);
}

TEST(history_file_stays_within_its_bound_and_the_oldest_go_first) {
  const gw_store_limits small = {.hours = 720, .bytes = 1u << 20};
  place p = make_place();
  struct stat about;
  gw_store *store = open_at(&p, small);
  static gw_call calls[500];
  size_t n_full = 0;
  for (int round = 0; round < 40; round++) {
    for (int i = 0; i < 500; i++) calls[i] = call_of("connected", "hangup", 5, NOW - 40000 + 500 * round + i);
    gw_store_state state = gw_store_add(store, calls, 500);
    n_full += state == GW_STORE_FULL;
    if (state == GW_STORE_FULL) CHECK_EQ(gw_store_prune(store, small, NOW), GW_STORE_OK);
    if (state == GW_STORE_FULL) state = gw_store_add(store, calls, 500);
    CHECK_EQ(state, GW_STORE_OK);
    CHECK(gw_store_bytes(store) <= small.bytes);
  }
  CHECK(n_full > 0);
  CHECK_EQ(gw_store_prune(store, small, NOW), GW_STORE_OK);
  CHECK(gw_store_bytes(store) <= small.bytes * 7 / 8 + 65536);
  json_t *r = report_of(store, 720);
  CHECK(number(r, "calls") >= 500 && number(r, "calls") < 8000);
  const char *oldest = json_string_value(json_object_get(r, "oldest"));
  CHECK(oldest && strcmp(oldest, "2025-06-15T04:00:00Z") > 0);
  json_decref(r);
  gw_store_close(store);
  CHECK(stat(p.path, &about) == 0 && about.st_size <= (off_t)small.bytes);
  remove_place(&p);
}

TEST(history_texts_are_escaped_whatever_they_are) {
  place p = make_place();
  gw_store *store = open_at(&p, day);
  gw_call call = call_of("connected", "=cmd|' /C calc'!A0", 12.34, NOW - 60);
  call.browser = "a\"b,c\r\nd", call.network = "@SUM(1)", call.way = "-1+1", call.backend = "\\<script>\xff";
  add(store, call);
  char *csv = export_of(store, GW_EXPORT_CSV);
  const char *line = strstr(csv, "\r\n");
  REQUIRE(line != NULL);
  CHECK(strncmp(csv, "ended_at,result,reason,n,duration_s,", 36) == 0);
  CHECK_TEXT(line + 2,
             "2025-06-15T15:05:40Z,connected,\"'=cmd|' /C calc'!A0\",1,30.0,page,\\<script>?,\"'-1+1\",4,"
             "\"a\"\"b,c??d\",131,\"'@SUM(1)\",12.3,1.0,6.2,12.3,,,4.25,,,0.0100,20.0,0\r\n");
  free(csv);
  char *text = export_of(store, GW_EXPORT_JSON);
  json_t *rows = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
  CHECK_TEXT(json_string_value(json_object_get(json_array_get(rows, 0), "browser")), "a\"b,c??d");
  CHECK_TEXT(json_string_value(json_object_get(json_array_get(rows, 0), "backend")), "\\<script>?");
  json_decref(rows);
  free(text);
  json_t *r = report_of(store, 24);
  CHECK_TEXT(json_string_value(json_object_get(row(r, "byBrowser", 0), "browser")), "a\"b,c??d");
  json_decref(r);
  gw_store_close(store);
  remove_place(&p);
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "we");
  if (file) fputs(text, file);
  if (file) fclose(file);
}

TEST(history_broken_file_is_set_aside) {
  place p = make_place();
  gw_store_state state;
  bool set_aside = false;
  char folder[96], aside[128], rubbish[4097];
  struct stat about;
  snprintf(folder, sizeof(folder), "%s/below", p.folder);
  snprintf(aside, sizeof(aside), "%s.broken", p.path);
  CHECK(mkdir(folder, 0700) == 0);
  memset(rubbish, 'x', sizeof(rubbish) - 1);
  rubbish[sizeof(rubbish) - 1] = 0;
  write_file(p.path, rubbish);
  gw_store *store = gw_store_open(p.path, day, &state, &set_aside);
  CHECK(store && set_aside && state == GW_STORE_OK);
  CHECK(stat(aside, &about) == 0 && about.st_size == 4096);
  add(store, call_of("connected", "hangup", 1, NOW));
  gw_store_close(store);
  /* Damaged behind its first pages. */
  int fd = open(p.path, O_WRONLY | O_CLOEXEC);
  CHECK(pwrite(fd, rubbish, 4000, 4096) == 4000);
  CHECK(pwrite(fd, rubbish, 3000, 1096) == 3000);
  close(fd);
  store = gw_store_open(p.path, day, &state, &set_aside);
  CHECK(store && set_aside);
  gw_store_close(store);
  set_aside = true; /* a file that opens, and was found broken where it is read */
  store = gw_store_open(p.path, day, &state, &set_aside);
  CHECK(store && set_aside && unlink(aside) == 0);
  gw_store_close(store);
  set_aside = false;
  store = gw_store_open(p.path, day, &state, &set_aside);
  CHECK(store && !set_aside && access(aside, F_OK) != 0);
  gw_store_close(store);
  remove_place(&p);
}

TEST(history_has_one_program) {
  place p = make_place();
  gw_store_state state;
  bool set_aside = false;
  gw_store *store = open_at(&p, day);
  gw_store *second = gw_store_open(p.path, day, &state, &set_aside);
  CHECK(!second && state == GW_STORE_LOCKED && !set_aside);
  add(store, call_of("connected", "hangup", 1, NOW));
  gw_store_close(store);
  remove_place(&p);
}

TEST(history_takes_no_link_and_no_folder_for_a_file) {
  place p = make_place();
  gw_store_state state;
  bool set_aside = false;
  char folder[96], other[96];
  snprintf(folder, sizeof(folder), "%s/below", p.folder);
  snprintf(other, sizeof(other), "%s/other", p.folder);
  CHECK(mkdir(folder, 0700) == 0 && symlink(other, p.path) == 0);
  CHECK(gw_store_open(p.path, day, &state, &set_aside) == NULL);
  CHECK_EQ(state, GW_STORE_UNUSABLE);
  CHECK(access(other, F_OK) != 0);
  CHECK(gw_store_open(folder, day, &state, &set_aside) == NULL);
  CHECK(gw_store_open("/proc/none/h.db", day, &state, &set_aside) == NULL);
  CHECK_EQ(state, GW_STORE_UNUSABLE);
  remove_place(&p);
}

/* ---- the thread ---- */

typedef struct inbox {
  pthread_mutex_t lock;
  pthread_cond_t more;
  gw_history_answer *said;
} inbox;

static void tell(void *ctx, gw_history_answer *answer) {
  inbox *in = ctx;
  pthread_mutex_lock(&in->lock);
  free(in->said);
  in->said = answer;
  pthread_cond_signal(&in->more);
  pthread_mutex_unlock(&in->lock);
}

static gw_history_answer *wait_for(inbox *in) {
  pthread_mutex_lock(&in->lock);
  while (!in->said) pthread_cond_wait(&in->more, &in->lock);
  gw_history_answer *said = in->said;
  in->said = NULL;
  pthread_mutex_unlock(&in->lock);
  return said;
}

static double metric(gw_history *history, const char *name) {
  gw_text out = {0};
  gw_history_write(&out, history);
  const char *at = strstr(out.text, name);
  double value = at ? strtod(at + strlen(name), NULL) : -1;
  free(out.text);
  return value;
}

TEST(history_thread_answers_after_what_came_before) {
  place p = make_place();
  inbox in = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL};
  gw_history *h = gw_history_open(p.path, day, tell, &in);
  REQUIRE(h != NULL);
  for (int i = 0; i < 200; i++) {
    gw_call call = call_of("connected", "hangup", i, time(NULL));
    gw_history_add(h, &call);
  }
  CHECK(gw_history_ask(h, 7, GW_HISTORY_REPORT, 24));
  gw_history_answer *said = wait_for(&in);
  CHECK(said->number == 7 && said->state == GW_STORE_OK && strlen(said->text) == said->len);
  json_t *r = json_loads(said->text, JSON_REJECT_DUPLICATES, NULL);
  CHECK_EQ(number(r, "calls"), 200);
  CHECK_EQ(number(r, "retentionHours"), 24);
  json_decref(r);
  free(said);
  CHECK(gw_history_ask(h, 8, GW_HISTORY_CSV, 24));
  said = wait_for(&in);
  REQUIRE(said->fd >= 0);
  struct stat about;
  CHECK(fstat(said->fd, &about) == 0 && about.st_nlink == 0 && about.st_size == (off_t)said->len);
  close(said->fd);
  free(said);
  CHECK_EQ(metric(h, "rows_total{result=\"written\"} "), 200);
  CHECK_EQ(metric(h, "\nxiaozhi_rtc_history_up "), 1);
  gw_call last = call_of("connected", "drained", 1, time(NULL));
  gw_history_add(h, &last);
  gw_history_close(h); /* what waits is written */
  gw_store *store = open_at(&p, day);
  gw_text out = {0};
  gw_text_add(&out, "{");
  CHECK_EQ(gw_report_write(&out, store, time(NULL) + 1, 24), GW_STORE_OK);
  CHECK(strstr(out.text, "\"calls\":201,") != NULL);
  free(out.text);
  gw_store_close(store);
  remove_place(&p);
}

TEST(history_that_cannot_be_written_is_told_and_nothing_else) {
  inbox in = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL};
  gw_history *h = gw_history_open("/proc/none/h.db", day, tell, &in);
  REQUIRE(h != NULL);
  gw_call call = call_of("connected", "hangup", 1, NOW);
  gw_history_add(h, &call);
  CHECK(gw_history_ask(h, 1, GW_HISTORY_CSV, 24));
  gw_history_answer *said = wait_for(&in);
  CHECK(said->state == GW_STORE_UNUSABLE && said->fd < 0);
  free(said);
  CHECK_EQ(gw_history_state(h), GW_STORE_UNUSABLE);
  CHECK_EQ(metric(h, "\nxiaozhi_rtc_history_up "), 0);
  CHECK_EQ(metric(h, "rows_total{result=\"failed\"} "), 1);
  gw_history_close(h);
}

TEST(history_drops_what_its_thread_has_no_time_for) {
  place p = make_place();
  inbox in = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL};
  gw_history *h = gw_history_open(p.path, day, tell, &in);
  REQUIRE(h != NULL);
  pthread_mutex_lock(&in.lock); /* its thread waits in tell() */
  CHECK(gw_history_ask(h, 1, GW_HISTORY_REPORT, 24));
  gw_call call = call_of("connected", "hangup", 1, time(NULL));
  for (int i = 0; i < 3 * GW_HISTORY_QUEUE; i++) gw_history_add(h, &call);
  pthread_mutex_unlock(&in.lock);
  free(wait_for(&in));
  CHECK(metric(h, "rows_total{result=\"dropped\"} ") > 0);
  gw_history_close(h);
  remove_place(&p);
}

TEST(history_that_breaks_in_use_begins_anew) {
  place p = make_place();
  inbox in = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL};
  static char rubbish[4 * 4096];
  static gw_call calls[400];
  for (int i = 0; i < 400; i++) calls[i] = call_of("connected", "hangup", i, time(NULL));
  gw_store *store = open_at(&p, day);
  CHECK_EQ(gw_store_add(store, calls, 400), GW_STORE_OK);
  gw_store_close(store);
  memset(rubbish, 'x', sizeof(rubbish));
  int fd = open(p.path, O_WRONLY | O_CLOEXEC);
  CHECK(pwrite(fd, rubbish, sizeof(rubbish), 3 * 4096) == (ssize_t)sizeof(rubbish)); /* rows; the head is whole */
  close(fd);
  gw_history *h = gw_history_open(p.path, day, tell, &in);
  REQUIRE(h != NULL);
  for (int round = 0; round < 2; round++) {
    CHECK(gw_history_ask(h, 1, GW_HISTORY_REPORT, 24));
    gw_history_answer *said = wait_for(&in);
    CHECK(said->state == GW_STORE_OK || (!round && said->state == GW_STORE_BROKEN)); /* found before, or then */
    free(said);
  }
  CHECK_EQ(metric(h, "\nxiaozhi_rtc_history_set_aside_total "), 1);
  CHECK_EQ(gw_history_state(h), GW_STORE_OK);
  gw_history_close(h);
  remove_place(&p);
}

TEST(history_that_is_off_is_nothing) {
  gw_text out = {0};
  gw_history_add(NULL, &(gw_call){.n = 1});
  gw_history_write(&out, NULL);
  CHECK_EQ(out.len, 0);
  CHECK_EQ(gw_history_state(NULL), GW_STORE_OK);
  gw_history_close(NULL);
}
