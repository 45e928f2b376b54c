/* assistant/stage.h - the stages of the speech pipeline, and the one interface they share.
 *
 *   voice activity -> recogniser -> dialogue -> synthesiser
 *   endpointer.h      AS_JOB_HEAR   AS_JOB_THINK  AS_JOB_SPEAK
 *
 * A stage takes a job and hands it back once, done or failed, unless its session cancels it first; a dialogue tells
 * its words meanwhile. The built-in stages are the studio (hearing, speaking) and the rules of intents.h, which
 * answer at once and need no job. Stages that are plugged in (remote.h) ask a server, and give a job they cannot do
 * to the built-in one, with |why|: whoever waits for it explains that. */
#ifndef ASSISTANT_STAGE_H
#define ASSISTANT_STAGE_H

#include <jansson.h>

#include "assistant/recogniser.h"
#include "assistant/voice.h"

typedef enum as_job_kind { AS_JOB_HEAR, AS_JOB_THINK, AS_JOB_SPEAK, AS_N_STAGES } as_job_kind;

/* Why a plugged-in stage did not do a job. */
typedef enum as_why {
  AS_WHY_NONE,
  AS_WHY_UNREACHABLE,
  AS_WHY_SLOW,     /* silent for too long, or too long in all */
  AS_WHY_REFUSED,  /* 401, 403: the key */
  AS_WHY_MISSING,  /* 404: address or model */
  AS_WHY_LIMITED,  /* 429 */
  AS_WHY_REJECTED, /* another 4xx */
  AS_WHY_BROKEN,   /* 5xx, or an error in the stream */
  AS_WHY_GARBLED,  /* an answer of another form, or beyond the bounds */
  AS_WHY_CUT,      /* it ended before its end */
  AS_WHY_EMPTY,    /* an answer without words */
  AS_WHY_BUSY,     /* we ask too much at once */
} as_why;

typedef struct as_job {
  as_job_kind kind;
  uint64_t session; /* whose; sessions may be gone when it is done */
  uint32_t turn;    /* results of older turns are thrown away */
  bool failed;
  char error[160];
  as_why why;      /* not NONE: the plugged-in stage failed; what is here is the built-in one's work */
  bool rests;      /* it was not even asked, since it failed others before */
  uint32_t outage; /* which time of trouble this is: one explanation for each is enough */
  unsigned status; /* with |why|: what the server answered in HTTP, 0 nothing; |error|: the words it had for it */
  bool early;      /* hear: more may follow, so it is refused when others wait */
  bool interim;    /* hear, early: he still speaks, and the words are only shown */
  /* hear: the utterance. speak: sound that came from elsewhere and only has to be packed. */
  int16_t *samples; /* owned */
  size_t n_samples;
  unsigned rate; /* of that sound, Hz */
  as_heard heard;
  /* think */
  char *request; /* owned: the body to send (chat.h) */
  json_t *calls; /* owned: tools to call, as chat.h gives them; NULL: none */
  /* speak */
  bool by_built_in; /* even if another stage is plugged in */
  as_language language;
  unsigned frame_ms;
  char text[AS_TEXT_MAX];   /* as it is shown */
  char spoken[AS_TEXT_MAX]; /* as it is said; "": as it is shown */
  as_speech speech;
  struct as_job *next;
} as_job;

void as_job_free(as_job *job);

typedef struct as_stage {
  bool (*take)(void *ctx, as_job *job); /* false: no room; the job stays the caller's */
  void (*cancel)(void *ctx, uint64_t session);
  void *ctx;
} as_stage;

/* "stt", "llm", "tts": as in settings and logs. */
const char *as_stage_name(as_job_kind kind);
const char *as_why_name(as_why why);
/* For a person, one or two English sentences: what is wrong and what happens instead. */
void as_explain(as_job_kind kind, as_why why, char *out, size_t cap);

#endif
