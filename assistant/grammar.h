/* assistant/grammar.h - what the recogniser can hear: a JSGF grammar and the sounds of its words. */
#ifndef ASSISTANT_GRAMMAR_H
#define ASSISTANT_GRAMMAR_H

#include <stddef.h>

/* A word and how it sounds, in CMU phones. A word with several pronunciations has a row for each; the grammar
 * names the first, the recogniser tries all. */
typedef struct as_word {
  const char *word;
  const char *phones;
} as_word;

extern const char as_grammar[]; /* JSGF 1.0, public rule <command> */
extern const char as_sounds[];  /* any sequence of single sounds, words "_aa" ... */
extern const as_word as_words[];
extern const size_t as_n_words;

#endif
