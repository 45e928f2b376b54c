/* assistant/wake.h - the words somebody begins with who wants to be answered. Pure. */
#ifndef ASSISTANT_WAKE_H
#define ASSISTANT_WAKE_H

/* What follows |word| in |text|, without the blanks and marks between them: "" if it is the word alone, NULL if the
 * text does not begin with it. Case and punctuation do not count, nor does a "hey", "hello", "hi" or "okay" before
 * it. Points into |text|. Without a word (NULL, ""): |text|. */
const char *as_wake_rest(const char *text, const char *word);

#endif
