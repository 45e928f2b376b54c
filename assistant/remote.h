/* assistant/remote.h - stages that are plugged in: a recogniser, a dialogue and a synthesiser behind HTTP, in the
 * OpenAI-compatible form, each on its own.
 *
 *   recogniser   POST /v1/audio/transcriptions  multipart: a WAV           -> {"text":".."}
 *   dialogue     POST /v1/chat/completions      messages, tools, "stream"  -> server-sent events
 *   synthesiser  POST /v1/audio/speech          one sentence               -> a WAV
 *
 * What a server does not do in time, the built-in stage does: jobs to hear and to speak go on to it with |why|; a
 * dialogue comes back failed. A server that refuses the key or wants to be asked less often, or fails twice in a
 * row, rests for a while: its jobs go straight to the built-in stage, so that nobody waits for what will not come.
 * One thread, that of the loop. */
#ifndef ASSISTANT_REMOTE_H
#define ASSISTANT_REMOTE_H

#include "assistant/ask.h"
#include "assistant/assistant.h"
#include "assistant/stage.h"

enum {
  AS_KEY_MAX = 512,
  AS_HEARD_REPLY_MAX = 64 * 1024, /* bytes of a recogniser's reply */
  AS_SPOKEN_REPLY_MAX = 8 << 20,  /* bytes of a synthesiser's: 80 s of 48 kHz */
  AS_REST_S = 15,                 /* after two failures in a row */
  AS_REST_REFUSED_S = 30,         /* after a key was refused */
  AS_REST_LONGEST_S = 300,        /* whatever Retry-After says */
  AS_PATIENCE_IN_ALL = 8,         /* times the silence that is borne: how long a request may take in all */
};

typedef struct as_remote as_remote;

typedef struct as_remote_world {
  as_stage built_in;                                                         /* for what is left to do */
  void (*words)(void *ctx, const as_job *job, const char *text, size_t len); /* of a dialogue, as they come */
  void (*done)(void *ctx, as_job *job);                                      /* gives |job| back */
  void (*log)(void *ctx, as_log_level level, const char *line);
  void *ctx;
} as_remote_world;

/* Reads settings and key files. NULL: |error| says why; if |*none|, because nothing is plugged in. */
as_remote *as_remote_open(const as_assistant_settings *settings, const as_remote_world *world, bool *none,
                          char *error, size_t cap);
/* Then, when there is a loop; |wake| wakes it from another thread. false: no thread. */
bool as_remote_start(as_remote *remote, struct lws_context *lws, struct lws_vhost *vhost, void (*wake)(void *ctx),
                     void *ctx);
void as_remote_close(as_remote *remote);
/* What |info|, of the loop, needs for asking, certificates among it. Before as_remote_start; borrowed texts live as
 * long as |remote|. */
void as_remote_prepare(const as_remote *remote, struct lws_context_creation_info *info);
void as_remote_woken(as_remote *remote);

bool as_remote_does(const as_remote *remote, as_job_kind kind);
const char *as_remote_model(const as_remote *remote, as_job_kind kind);
const as_endpoint *as_remote_endpoint(const as_remote *remote, as_job_kind kind);
bool as_remote_has_key(const as_remote *remote, as_job_kind kind);
/* The interface of a stage: |remote| takes jobs of every kind, those that nothing is plugged in for as well. */
bool as_remote_take(void *remote, as_job *job);
void as_remote_cancel(void *remote, uint64_t session);

#endif
