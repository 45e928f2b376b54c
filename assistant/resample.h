/* assistant/resample.h - from any rate to any other, for whole pieces of speech. */
#ifndef ASSISTANT_RESAMPLE_H
#define ASSISTANT_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

/* Samples that |n| become. */
size_t as_resample_length(size_t n, unsigned from_rate, unsigned to_rate);
/* Band-limited (windowed sinc, 32 taps, -60 dB). |out| has room for as_resample_length samples. */
void as_resample(int16_t *out, unsigned to_rate, const int16_t *in, size_t n, unsigned from_rate);

#endif
