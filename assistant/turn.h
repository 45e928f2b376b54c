/* assistant/turn.h - one device's conversation: what it hears, decides, and says. No sockets and no threads: sound
 * and messages come in through an xz_server, hard work goes out as jobs and comes back as results.
 *
 *   listening -end of utterance-> hearing (job) -> stt, intent -> [tool calls] -> speaking, sentence by sentence
 *                                                 or, with a dialogue that is plugged in:
 *                                                 stt, thinking (job) <-> tool calls -> speaking, as words come
 *
 * A pause within an utterance is used to recognise it so far: a whole sentence is answered without waiting on, and
 * when a sentence that might have gone on ends there, its words are known. They are shown to devices that take
 * that; with |as_world.interim| so are those of the utterance so far, once a second while it goes on.
 *
 * Every input begins a new turn number when it ends the old one (abort, listen start, typed text), so a late result
 * finds no owner. */
#ifndef ASSISTANT_TURN_H
#define ASSISTANT_TURN_H

#include <opus/opus.h>

#include "assistant/endpointer.h"
#include "assistant/intents.h"
#include "assistant/memory.h"
#include "assistant/stage.h"
#include "xiaozhi/server.h"

#define AS_TOOLS_LIMIT WR_S(2)  /* for a device just come to tell its tools, when they are asked for at once */
#define AS_AWAKE WR_S(20)       /* after an answer no wake word is needed */
#define AS_IDLE_LIMIT WR_S(120) /* without voice or text: farewell and close 1000 */
enum {
  AS_SPEECH_BYTES = 64 * 1024,
  AS_TALK_MAX = 4000,     /* bytes of one answer of a plugged-in dialogue; what is longer is not said */
  AS_SHOWN_MAX = 1 << 20, /* bytes of a photo it is shown; of a larger one it hears what can be measured */
  AS_ROUNDS_MAX = 5,      /* times that it may call tools before it has to answer */
};

typedef enum as_phase {
  AS_PHASE_IDLE,     /* listening, or waiting to be told to */
  AS_PHASE_HEARING,  /* an utterance is being recognised */
  AS_PHASE_TOOL,     /* the device performs a tool */
  AS_PHASE_THINKING, /* a plugged-in dialogue has not said anything yet */
  AS_PHASE_SPEAKING,
} as_phase;

/* What the turn needs from its surroundings. */
typedef struct as_world {
  bool (*submit)(void *ctx, as_job *job);      /* false: busy, or |why|; the job stays the turn's */
  void (*cancel)(void *ctx, uint64_t session); /* jobs of a session that are under way; their results never come */
  struct tm (*local_time)(void *ctx);
  int64_t (*now_s)(void *ctx); /* since 1970 */
  void *ctx;
  const char *wake_word;      /* who talks hands-free begins with it; borrowed; NULL or "": everybody is meant */
  bool interim;               /* recognise while somebody speaks, too */
  bool plugged[AS_N_STAGES];  /* these are not the built-in ones */
  const char *model, *prompt; /* of a dialogue that is plugged in; borrowed */
  as_memory *memory;          /* borrowed; NULL: none */
} as_world;

/* An answer of a plugged-in dialogue. */
typedef struct as_talk {
  json_t *messages; /* of this turn: what was said, calls, results; NULL: no such answer is under way */
  json_t *calls;    /* tools to call */
  size_t i_call;
  unsigned n_rounds;
  bool thinking; /* more words may come */
  bool starved;  /* speech waits for words */
  char text[AS_TALK_MAX + 1];
  size_t n_text, n_said;
  size_t n_own;   /* of the text: its own words, not ours about it */
  uint8_t *photo; /* owned: taken in this turn, to be shown */
  size_t n_photo;
} as_talk;

/* What was recognised of an utterance in a pause that may be its end. */
typedef struct as_guess {
  enum { AS_GUESS_NONE, AS_GUESS_ASKED, AS_GUESS_KNOWN } state;
  as_heard heard; /* KNOWN */
} as_guess;

typedef struct as_turn_stats {
  uint64_t n_heard, n_unrecognised, n_clicks, n_typed, n_barge_ins, n_failed_jobs;
  uint64_t n_not_meant; /* heard without the wake word */
  uint64_t n_fallbacks; /* jobs of plugged-in stages that the built-in ones had to do */
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
  as_guess guess;
  bool following;    /* what was said so far is being recognised, to be shown */
  size_t n_followed; /* samples of the utterance when that was last asked for */
  /* dialogue */
  char person[AS_PERSON_MAX]; /* whose memory; "" nobody's */
  char said[AS_HEARD_MAX];    /* what this turn answers */
  as_talk talk;
  uint32_t told[AS_N_STAGES];    /* outages that were explained */
  uint32_t told_in[AS_N_STAGES]; /* turns in which something was */
  char preface[600];             /* explanations, said before whatever is next */
  const char *unprefaced;        /* rest of it; NULL none */
  as_why why;                    /* of the job that was refused last */
  uint32_t outage;
  bool rests;
  /* answer */
  as_intent intent;
  as_language language; /* of what was said last */
  as_reply reply;
  const char *unsaid;      /* rest of reply.text */
  const char *unspoken;    /* rest of reply.spoken */
  uint32_t tool;           /* call waited for; 0: none */
  bool asked_status;       /* it was for the volume */
  bool searching;          /* it was for songs, of which one is to be played */
  char song[80];           /* what is searched for */
  char waits[AS_TEXT_MAX]; /* words whose answer waits until the device's tools are known; "" none */
  wr_time waits_until;
  int volume;       /* as far as known; -1 */
  bool making;      /* a sentence is being made into speech, or waits for room: */
  as_job *spoken;   /* speech waiting for room */
  bool last_words;  /* close when it is said */
  char refusal[96]; /* said to whatever is heard or typed, with no tool used; "": nothing is refused */
  wr_time last_voice_at;
  wr_time awake_until;
  as_turn_stats stats;
  uint8_t speech_memory[AS_SPEECH_BYTES];
} as_turn;

/* |settings| as for xz_server_init; its speech memory is filled in. false: no decoder. */
bool as_turn_init(as_turn *turn, uint64_t id, const as_world *world, xz_server_settings settings, wr_time now);
void as_turn_wipe(as_turn *turn);
void as_turn_text(as_turn *turn, wr_bytes text, wr_time now);
void as_turn_binary(as_turn *turn, wr_bytes message, wr_time now);
void as_turn_tick(as_turn *turn, wr_time now);
/* Words of the dialogue's job for turn |number|, as they come. */
void as_turn_words(as_turn *turn, uint32_t number, const char *text, size_t len);
/* A photo this device has uploaded; copied if a dialogue can be shown it. */
void as_turn_photo(as_turn *turn, wr_bytes jpeg);
void as_turn_done(as_turn *turn, as_job *job, wr_time now); /* takes |job| over */
wr_time as_turn_deadline(const as_turn *turn);
/* What to send: xz_server_peek and _pop on turn->link. */

#endif
