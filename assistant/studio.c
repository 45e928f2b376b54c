/* assistant/studio.c - worker threads around one lock: two lists, to do and done. */
#include "assistant/studio.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "assistant/script.h"

typedef struct list {
  as_job *first, *last;
  size_t n;
} list;

struct as_studio {
  as_studio_settings settings;
  pthread_mutex_t lock;
  pthread_cond_t work;
  list todo, done;
  bool stopping;
  unsigned n_threads;
  pthread_t threads[AS_STUDIO_THREADS_MAX];
};

static void push(list *l, as_job *job) {
  job->next = NULL;
  if (l->last)
    l->last->next = job;
  else
    l->first = job;
  l->last = job;
  l->n++;
}

static as_job *pull(list *l) {
  as_job *job = l->first;
  if (!job) return NULL;
  l->first = job->next;
  if (!l->first) l->last = NULL;
  l->n--;
  return job;
}

static void hear(as_job *job, as_recogniser **recogniser, const char *model_dir) {
  if (!*recogniser) *recogniser = as_recogniser_open(model_dir, job->error, sizeof job->error);
  if (*recogniser)
    as_recogniser_hear(*recogniser, job->samples, job->n_samples, &job->heard);
  else
    job->failed = true;
}

static as_job *wait_for_job(as_studio *s) {
  pthread_mutex_lock(&s->lock);
  while (!s->todo.n && !s->stopping) pthread_cond_wait(&s->work, &s->lock);
  as_job *job = s->stopping ? NULL : pull(&s->todo);
  pthread_mutex_unlock(&s->lock);
  return job;
}

static void speak(as_job *job) {
  const char *words = job->spoken[0] ? job->spoken : job->text;
  if (job->samples)
    job->failed = !as_voice_pack(job->samples, job->n_samples, job->rate, job->frame_ms, &job->speech, job->error,
                                 sizeof job->error);
  else
    job->failed = !as_voice_speak(job->language, words, job->frame_ms, &job->speech, job->error, sizeof job->error);
}

static void *work(void *studio) {
  as_studio *s = studio;
  as_recogniser *recogniser = NULL;
  for (as_job *job; (job = wait_for_job(s));) {
    bool hears = job->kind == AS_JOB_HEAR;
    if (s->settings.scripted)
      (hears ? as_script_hear : as_script_speak)(job);
    else if (hears)
      hear(job, &recogniser, s->settings.model_dir);
    else
      speak(job);
    pthread_mutex_lock(&s->lock);
    push(&s->done, job);
    pthread_mutex_unlock(&s->lock);
    s->settings.wake(s->settings.ctx);
  }
  as_recogniser_close(recogniser);
  return NULL;
}

as_studio *as_studio_start(const as_studio_settings *settings) {
  as_studio *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->settings = *settings;
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->work, NULL);
  while (s->n_threads < settings->n_threads && s->n_threads < AS_STUDIO_THREADS_MAX &&
         pthread_create(&s->threads[s->n_threads], NULL, work, s) == 0)
    s->n_threads++;
  if (s->n_threads) return s;
  as_studio_stop(s);
  return NULL;
}

void as_studio_stop(as_studio *s) {
  if (!s) return;
  pthread_mutex_lock(&s->lock);
  s->stopping = true;
  pthread_cond_broadcast(&s->work);
  pthread_mutex_unlock(&s->lock);
  for (unsigned i = 0; i < s->n_threads; i++) pthread_join(s->threads[i], NULL);
  for (as_job *job; (job = pull(&s->todo));) as_job_free(job);
  for (as_job *job; (job = pull(&s->done));) as_job_free(job);
  pthread_cond_destroy(&s->work);
  pthread_mutex_destroy(&s->lock);
  free(s);
}

bool as_studio_submit(as_studio *s, as_job *job) {
  pthread_mutex_lock(&s->lock);
  bool room = s->todo.n < (job->early ? 1 : AS_STUDIO_QUEUE) && !(job->early && s->settings.scripted);
  if (room) {
    push(&s->todo, job);
    pthread_cond_signal(&s->work);
  }
  pthread_mutex_unlock(&s->lock);
  return room;
}

void as_studio_cancel(as_studio *s, uint64_t session) {
  list kept = {0}, gone = {0};
  pthread_mutex_lock(&s->lock);
  for (as_job *job; (job = pull(&s->todo));) push(job->session == session ? &gone : &kept, job);
  s->todo = kept;
  pthread_mutex_unlock(&s->lock);
  for (as_job *job; (job = pull(&gone));) as_job_free(job);
}

as_job *as_studio_take(as_studio *s) {
  pthread_mutex_lock(&s->lock);
  as_job *job = pull(&s->done);
  pthread_mutex_unlock(&s->lock);
  return job;
}
