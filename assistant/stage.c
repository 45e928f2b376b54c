/* assistant/stage.c - jobs, and what people are told when a stage fails. */
#include "assistant/stage.h"

#include <stdio.h>
#include <stdlib.h>

void as_job_free(as_job *job) {
  if (!job) return;
  free(job->samples);
  free(job->request);
  json_decref(job->calls);
  as_speech_free(&job->speech);
  free(job);
}

const char *as_stage_name(as_job_kind kind) {
  switch (kind) {
    case AS_JOB_HEAR: return "stt";
    case AS_JOB_THINK: return "llm";
    case AS_JOB_SPEAK: return "tts";
    case AS_N_STAGES: break;
  }
  return "";
}

const char *as_why_name(as_why why) {
  static const char *const names[] = {"none",     "unreachable", "slow",    "refused", "missing", "limited",
                                      "rejected", "broken",      "garbled", "cut",     "empty",   "busy"};
  return names[why];
}

static const char *what_is_wrong(as_why why) {
  switch (why) {
    case AS_WHY_NONE: break;
    case AS_WHY_UNREACHABLE: return "cannot be reached";
    case AS_WHY_SLOW: return "takes too long to answer";
    case AS_WHY_REFUSED: return "does not accept my key";
    case AS_WHY_MISSING: return "does not know my model";
    case AS_WHY_LIMITED: return "wants to be asked less often";
    case AS_WHY_REJECTED: return "did not accept my request";
    case AS_WHY_BROKEN: return "has a fault of its own";
    case AS_WHY_GARBLED: return "sent something that I cannot read";
    case AS_WHY_CUT: return "broke off in the middle";
    case AS_WHY_EMPTY: return "had nothing to say";
    case AS_WHY_BUSY: return "is busy with others";
  }
  return "is all right";
}

void as_explain(as_job_kind kind, as_why why, char *out, size_t cap) {
  static const char *const who[] = {"My listening service", "My language service", "My voice service"};
  static const char *const instead[] = {"I listen by myself, and know simple commands only.",
                                        "I answer by myself, and know simple things only.",
                                        "You hear my built-in voice."};
  if (kind >= AS_N_STAGES) kind = AS_JOB_THINK;
  snprintf(out, cap, "%s %s. %s", who[kind], what_is_wrong(why), instead[kind]);
}
