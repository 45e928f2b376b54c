/* assistant/intents.h - from words to what is wanted, and from that to an answer. Pure functions. */
#ifndef ASSISTANT_INTENTS_H
#define ASSISTANT_INTENTS_H

#include <time.h>

#include "assistant/voice.h"

typedef enum as_want {
  AS_WANT_UNKNOWN,
  AS_WANT_GREETING,
  AS_WANT_NAME,
  AS_WANT_MOOD,
  AS_WANT_TIME,
  AS_WANT_DATE,
  AS_WANT_JOKE,
  AS_WANT_VOLUME, /* |amount| percent */
  AS_WANT_LOUDER,
  AS_WANT_QUIETER,
  AS_WANT_PHOTO,
  AS_WANT_MUSIC, /* as_song_of says which */
  AS_WANT_STOP,
  AS_WANT_GOODBYE,
  AS_WANT_THANKS,
  AS_WANT_TAP,    /* somebody taps the avatar on the screen, */
  AS_WANT_CARESS, /* or pats or strokes it */
  AS_WANT_HELP,
  AS_WANT_FORGET, /* everything that was said */
} as_want;

typedef struct as_intent {
  as_want want;
  int amount; /* -1: none was named */
  as_language language;
} as_intent;

#define AS_REPLY_MAX 700

typedef struct as_reply {
  const char *emotion; /* one of the 21 names */
  as_language language;
  char text[AS_REPLY_MAX];   /* sentences, shown and spoken one by one */
  char spoken[AS_REPLY_MAX]; /* the same sentences for the voice where they read otherwise; "": as written */
} as_reply;

/* |text| is recognised or typed; any case and punctuation. */
as_intent as_intent_of(const char *text);
as_language as_language_of(const char *text);
/* What is said without a question: to the wake word alone, and after minutes of silence. */
const char *as_awake_text(as_language language);
const char *as_farewell_text(as_language language);
/* The words end in a number that another word may complete: "twenty", of "twenty five". */
bool as_may_go_on(const char *text);
/* What is to be played, in lower-case words: of "play the song Yesterday please" "yesterday". "": whatever there
 * is. */
void as_song_of(const char *text, char *song, size_t cap);

/* The answer where no tool is needed; |now| is local time, |turn| counts a session's turns and picks the joke. For
 * volume, photo and music it is what to say when the device has no such tool. */
void as_reply_to(as_reply *reply, const as_intent *intent, const struct tm *now, unsigned turn);
void as_reply_say(as_reply *reply, const char *emotion, as_language language, const char *text);

/* Copies the first sentence of |*text| to |sentence| (at most |cap|-1 bytes, never half a character) and moves
 * |*text| behind it. false: nothing is left. */
bool as_next_sentence(const char **text, char *sentence, size_t cap);

#endif
