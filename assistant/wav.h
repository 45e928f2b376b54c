/* assistant/wav.h - sound as files: what is uploaded to a recogniser, and what a synthesiser sends. Pure. */
#ifndef ASSISTANT_WAV_H
#define ASSISTANT_WAV_H

#include "wr/types.h"

enum { AS_WAV_HEAD = 44 };

/* The header before |n| samples of 16 bits, one channel. */
void as_wav_head(uint8_t head[AS_WAV_HEAD], size_t n, unsigned rate);

typedef enum as_wav_result {
  AS_WAV_OK,
  AS_WAV_CUT,   /* it announces more than there is */
  AS_WAV_OTHER, /* not a WAV of 16-bit samples at 8 to 48 kHz in one or two channels */
} as_wav_result;

/* One channel out of a WAV. Programs that stream leave its sizes open (0 or 0xffffffff): then it goes to the end.
 * |samples| is malloc'ed; *n > 0. */
as_wav_result as_wav_read(wr_bytes wav, int16_t **samples, size_t *n, unsigned *rate);

#endif
