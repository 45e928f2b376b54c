/* assistant/talk.h - what a language model writes, made fit to be shown and spoken. Pure functions. */
#ifndef ASSISTANT_TALK_H
#define ASSISTANT_TALK_H

#include <stdbool.h>
#include <stddef.h>

enum {
  AS_TALK_SENTENCE = 240, /* bytes after which a sentence without an end is cut at a blank: 15 s of speech */
};

/* Takes the first sentence off |text| of |len| bytes, to |out| (at least AS_TALK_SENTENCE + 8 bytes), without
 * markup and emoji; "" if nothing of it can be spoken. |whole|: no more text will come, so its end is an end.
 * Returns how many bytes were used; 0: the sentence is not complete yet, or there is nothing. */
size_t as_talk_sentence(const char *text, size_t len, bool whole, char *out, size_t cap);

/* One of the 21 names, by the emoji |text| begins with; "neutral" if it is none of them. */
const char *as_talk_emotion(const char *text, size_t len);

#endif
