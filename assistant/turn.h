/* assistant/turn.h - one device's conversation: what it hears, decides, and says. No sockets and no threads: sound
 * and messages come in through an xz_server, hard work goes out as jobs and comes back as results.
 *
 *   listening -end of utterance-> hearing (job) -> stt, intent -> [tool calls] -> speaking, sentence by sentence
 *
 * Every input begins a new turn number when it ends the old one (abort, listen start, typed text), so a late result
 * finds no owner. */
#ifndef ASSISTANT_TURN_H
#define ASSISTANT_TURN_H

#include <opus/opus.h>

#include "assistant/endpointer.h"
#include "assistant/intents.h"
#include "assistant/studio.h"
#include "xiaozhi/server.h"

#define AS_TOOLS_LIMIT WR_S(2)  /* for a device just come to tell its tools, when they are asked for at once */
#define AS_IDLE_LIMIT WR_S(120) /* without voice or text: farewell and close 1000 */
enum { AS_SPEECH_BYTES = 64 * 1024 };

typedef enum as_phase {
  AS_PHASE_IDLE,    /* listening, or waiting to be told to */
  AS_PHASE_HEARING, /* an utterance is being recognised */
  AS_PHASE_TOOL,    /* the device performs a tool */
  AS_PHASE_SPEAKING,
} as_phase;

/* What the turn needs from its surroundings. */
typedef struct as_world {
  bool (*submit)(void *ctx, as_job *job); /* false: busy; the job was freed */
  struct tm (*local_time)(void *ctx);
  void *ctx;
} as_world;

typedef struct as_turn_stats {
  uint64_t n_heard, n_unrecognised, n_clicks, n_typed, n_barge_ins, n_failed_jobs;
} as_turn_stats;

typedef struct as_turn {
  uint64_t id;
  as_world world;
  xz_server link;
  as_phase phase;
  uint32_t turn;
  unsigned n_replies;
  /* sound in */
  OpusDecoder *decoder;
  as_endpointer endpointer;
  int16_t piece[AS_EP_FRAME]; /* samples of a frame not yet full */
  size_t n_piece;
  int16_t *utterance; /* pre-roll, then everything of the utterance */
  size_t n_utterance, utterance_cap;
  bool voiced; /* within an utterance */
  /* answer */
  as_intent intent;
  as_reply reply;
  const char *unsaid;      /* rest of reply.text */
  const char *unspoken;    /* rest of reply.spoken */
  uint32_t tool;           /* call waited for; 0: none */
  bool asked_status;       /* it was for the volume */
  char waits[AS_TEXT_MAX]; /* words whose answer waits until the device's tools are known; "" none */
  wr_time waits_until;
  int volume;       /* as far as known; -1 */
  as_job *spoken;   /* speech waiting for room */
  bool last_words;  /* close when it is said */
  char refusal[96]; /* said to whatever is heard or typed, with no tool used; "": nothing is refused */
  wr_time last_voice_at;
  as_turn_stats stats;
  uint8_t speech_memory[AS_SPEECH_BYTES];
} as_turn;

/* |settings| as for xz_server_init; its speech memory is filled in. false: no decoder. */
bool as_turn_init(as_turn *turn, uint64_t id, const as_world *world, xz_server_settings settings, wr_time now);
void as_turn_wipe(as_turn *turn);
void as_turn_text(as_turn *turn, wr_bytes text, wr_time now);
void as_turn_binary(as_turn *turn, wr_bytes message, wr_time now);
void as_turn_tick(as_turn *turn, wr_time now);
void as_turn_done(as_turn *turn, as_job *job, wr_time now); /* takes |job| over */
wr_time as_turn_deadline(const as_turn *turn);
/* What to send: xz_server_peek and _pop on turn->link. */

#endif
