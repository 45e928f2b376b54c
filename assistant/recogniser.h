/* assistant/recogniser.h - words out of sound: pocketsphinx with the command grammar.
 *
 * The library and the model are loaded by as_recogniser_open and not before, so a process that never listens never
 * pays for them. One recogniser is used by one thread at a time; several may exist, each with a model of its own
 * (the big tables are mapped files and shared). */
#ifndef ASSISTANT_RECOGNISER_H
#define ASSISTANT_RECOGNISER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AS_RECOGNISER_RATE 16000 /* Hz */

typedef struct as_recogniser as_recogniser;

/* Opens library and model. |model_dir| holds the acoustic model's files. NULL: |error| says why. */
as_recogniser *as_recogniser_open(const char *model_dir, char *error, size_t error_cap);
void as_recogniser_close(as_recogniser *recogniser);

#define AS_HEARD_MAX 600 /* bytes of an utterance in words */

typedef struct as_heard {
  char text[AS_HEARD_MAX]; /* lower-case words; "" when it was none of the sentences of the grammar */
  int misfit; /* how much worse than free sounds the sentence fits, tenths of log units per frame; for tuning */
} as_heard;

/* Hears one whole utterance of |n| samples. */
void as_recogniser_hear(as_recogniser *recogniser, const int16_t *samples, size_t n, as_heard *heard);

#endif
