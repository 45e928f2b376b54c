/* assistant/studio_test.c - a worker whose hands are held, so that the order of things is known. */
#include "assistant/studio.h"

#include <semaphore.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"

static sem_t done, go_on;

static void hold(void *ctx) {
  (void)ctx;
  sem_post(&done);
  sem_wait(&go_on);
}

static as_job *job_of(uint64_t session) {
  as_job *job = calloc(1, sizeof *job);
  if (!job) return NULL;
  job->kind = AS_JOB_HEAR;
  job->session = session;
  return job;
}

static bool wait_for(sem_t *sem) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 20;
  return sem_timedwait(sem, &until) == 0;
}

TEST(studio_forgets_what_a_session_does_not_want_any_more) {
  sem_init(&done, 0, 0);
  sem_init(&go_on, 0, 0);
  as_studio_settings settings = {.n_threads = 1, .model_dir = "", .scripted = true, .wake = hold};
  as_studio *studio = as_studio_start(&settings);
  REQUIRE(studio);
  CHECK(as_studio_submit(studio, job_of(1)));
  REQUIRE(wait_for(&done)); /* the worker stands still behind it */
  for (uint64_t i = 0; i < 6; i++) CHECK(as_studio_submit(studio, job_of(1 + i % 2)));
  as_studio_cancel(studio, 1);
  for (int i = 0; i < 10; i++) sem_post(&go_on);
  for (int i = 0; i < 3; i++) CHECK(wait_for(&done));
  int n[3] = {0};
  for (as_job *job; (job = as_studio_take(studio));) {
    n[job->session]++;
    as_job_free(job);
  }
  CHECK_EQ(n[1], 1);
  CHECK_EQ(n[2], 3);
  as_studio_stop(studio);
}

TEST(studio_has_a_bounded_queue) {
  sem_init(&done, 0, 0);
  sem_init(&go_on, 0, 0);
  as_studio_settings settings = {.n_threads = 1, .model_dir = "", .scripted = true, .wake = hold};
  as_studio *studio = as_studio_start(&settings);
  REQUIRE(studio);
  CHECK(as_studio_submit(studio, job_of(1)));
  REQUIRE(wait_for(&done));
  for (int i = 0; i < AS_STUDIO_QUEUE; i++) CHECK(as_studio_submit(studio, job_of(1)));
  as_job *one_more = job_of(1);
  CHECK(!as_studio_submit(studio, one_more));
  as_job_free(one_more);
  as_studio_cancel(studio, 1);
  sem_post(&go_on);
  as_studio_stop(studio);
}

TEST(studio_guesses_only_when_nobody_waits) {
  sem_init(&done, 0, 0);
  sem_init(&go_on, 0, 0);
  as_studio_settings settings = {.n_threads = 1, .model_dir = "", .wake = hold};
  as_studio *studio = as_studio_start(&settings);
  REQUIRE(studio);
  CHECK(as_studio_submit(studio, job_of(1)));
  REQUIRE(wait_for(&done)); /* the worker stands still behind it */
  as_job *first = job_of(1), *second = job_of(1);
  first->early = second->early = true;
  CHECK(as_studio_submit(studio, first));
  CHECK(!as_studio_submit(studio, second));
  as_job_free(second);
  as_studio_cancel(studio, 1);
  sem_post(&go_on);
  as_studio_stop(studio);
}
