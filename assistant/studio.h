/* assistant/studio.h - the speech workers: a bounded queue of hearing and speaking, done on their own threads.
 *
 * The thread that serves sockets submits jobs and takes them back when they are done; it is told by |wake|, which
 * runs on a worker. Models are loaded by the first job that needs them, one recogniser per worker. */
#ifndef ASSISTANT_STUDIO_H
#define ASSISTANT_STUDIO_H

#include "assistant/recogniser.h"
#include "assistant/voice.h"

enum { AS_STUDIO_THREADS_MAX = 8, AS_STUDIO_QUEUE = 64 };

typedef enum as_job_kind { AS_JOB_HEAR, AS_JOB_SPEAK } as_job_kind;

typedef struct as_job {
  as_job_kind kind;
  uint64_t session; /* whose; sessions may be gone when it is done */
  uint32_t turn;    /* results of older turns are thrown away */
  bool failed;
  char error[160];
  /* hear */
  int16_t *samples; /* owned */
  size_t n_samples;
  as_heard heard;
  /* speak */
  as_language language;
  unsigned frame_ms;
  char text[AS_TEXT_MAX];   /* as it is shown */
  char spoken[AS_TEXT_MAX]; /* as it is said; "": as it is shown */
  as_speech speech;
  struct as_job *next;
} as_job;

void as_job_free(as_job *job);

typedef struct as_studio as_studio;
typedef struct as_studio_settings {
  unsigned n_threads;    /* 1..AS_STUDIO_THREADS_MAX */
  const char *model_dir; /* borrowed */
  bool scripted;         /* assistant/script.h instead of models */
  void (*wake)(void *ctx);
  void *ctx;
} as_studio_settings;

as_studio *as_studio_start(const as_studio_settings *settings); /* NULL: out of memory or threads */
void as_studio_stop(as_studio *studio);                         /* waits for the jobs in hand; frees the rest */
/* Takes |job| over. false: the queue is full and the job stays the caller's. */
bool as_studio_submit(as_studio *studio, as_job *job);
/* A job that is done, now the caller's; NULL: none. */
as_job *as_studio_take(as_studio *studio);

#endif
