/* assistant/studio.h - the speech workers: a bounded queue of hearing and speaking, done on their own threads.
 *
 * The thread that serves sockets submits jobs and takes them back when they are done; it is told by |wake|, which
 * runs on a worker. Models are loaded by the first job that needs them, one recogniser per worker. */
#ifndef ASSISTANT_STUDIO_H
#define ASSISTANT_STUDIO_H

#include "assistant/stage.h"

enum { AS_STUDIO_THREADS_MAX = 8, AS_STUDIO_QUEUE = 64 };

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
/* Takes |job|, to hear or to speak, over. false: the queue is full, or not empty and the job early; it stays the
 * caller's. */
bool as_studio_submit(as_studio *studio, as_job *job);
/* Forgets the jobs of |session| that nobody has begun. */
void as_studio_cancel(as_studio *studio, uint64_t session);
/* A job that is done, now the caller's; NULL: none. */
as_job *as_studio_take(as_studio *studio);

#endif
