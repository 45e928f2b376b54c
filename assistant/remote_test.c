/* assistant/remote_test.c - how much is asked at a time. What servers do to a request: tests/system/stages.py. */
#include "assistant/remote.h"

#include <stdlib.h>

#include "check.h"

typedef struct world {
  unsigned n_built_in, n_done;
  as_why why; /* of the last that was handed on */
} world;

static bool take_built_in(void *ctx, as_job *job) {
  world *w = ctx;
  w->n_built_in++;
  w->why = job->why;
  as_job_free(job);
  return true;
}

static void cancel_built_in(void *ctx, uint64_t session) { (void)ctx, (void)session; }

static void on_words(void *ctx, const as_job *job, const char *text, size_t len) {
  (void)ctx, (void)job, (void)text, (void)len;
}

static void on_done(void *ctx, as_job *job) {
  ((world *)ctx)->n_done++;
  as_job_free(job);
}

static void on_log(void *ctx, as_log_level level, const char *line) { (void)ctx, (void)level, (void)line; }

static as_job *job_of(as_job_kind kind, uint64_t session) {
  as_job *job = calloc(1, sizeof *job);
  if (!job) abort();
  job->kind = kind;
  job->session = session;
  if (kind == AS_JOB_THINK) job->request = strdup("{}");
  return job;
}

/* The limit of 128: one more is refused, which for a dialogue is an answer by the rules, for the rest the built-in
 * stage's work, and is told as "busy". Whoever leaves makes room. Nothing is sent here: no loop runs. */
TEST(remote_asks_128_at_a_time) {
  world w = {0};
  bool none;
  char error[200];
  as_assistant_settings settings = {.dialogue = {.url = "http://127.0.0.1:9"},
                                    .recogniser = {.url = "http://127.0.0.1:9"}};
  as_remote_world around = {{take_built_in, cancel_built_in, &w}, on_words, on_done, on_log, &w};
  struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN,
                                           .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS};
  lws_set_log_level(0, NULL);
  struct lws_context *lws = lws_create_context(&info);
  as_remote *remote = as_remote_open(&settings, &around, &none, error, sizeof error);
  REQUIRE(lws && remote);
  REQUIRE(as_remote_start(remote, lws, NULL, NULL, NULL)); /* addresses: no thread for names */
  for (unsigned i = 0; i < AS_ASKS_MAX; i++)
    CHECK(as_remote_take(remote, job_of(i % 2 ? AS_JOB_THINK : AS_JOB_HEAR, i)));
  CHECK_EQ(w.n_built_in, 0);
  as_job *refused = job_of(AS_JOB_THINK, 1000);
  CHECK(!as_remote_take(remote, refused));
  CHECK_EQ(refused->why, AS_WHY_BUSY);
  as_job_free(refused);
  CHECK(as_remote_take(remote, job_of(AS_JOB_HEAR, 1000)));
  CHECK_EQ(w.n_built_in, 1);
  CHECK_EQ(w.why, AS_WHY_BUSY);
  as_remote_cancel(remote, 7);
  CHECK(as_remote_take(remote, job_of(AS_JOB_HEAR, 1000)));
  CHECK_EQ(w.n_built_in, 1);
  CHECK(as_remote_take(remote, job_of(AS_JOB_HEAR, 1001)));
  CHECK_EQ(w.n_built_in, 2);
  CHECK_EQ(w.n_done, 0);
  as_remote_close(remote);
  lws_context_destroy(lws);
}
