/* assistant/resample.c - windowed-sinc resampling, quality before speed: speech is short. */
#include "assistant/resample.h"

#include <math.h>

enum { HALF = 16 };

size_t as_resample_length(size_t n, unsigned from_rate, unsigned to_rate) {
  return (size_t)((uint64_t)n * to_rate / from_rate);
}

/* Blackman-windowed sinc with its cut-off at |cut| of the input's Nyquist frequency. */
static float tap(float x, float cut) {
  float w = x / HALF;
  if (w <= -1 || w >= 1) return 0;
  float pi = 3.14159265f, window = 0.42f + 0.5f * cosf(pi * w) + 0.08f * cosf(2 * pi * w);
  float y = pi * x * cut;
  return window * cut * (fabsf(y) < 1e-5f ? 1.0f : sinf(y) / y);
}

static int16_t clip(float v) { return v > 32767 ? 32767 : v < -32768 ? -32768 : (int16_t)lrintf(v); }

void as_resample(int16_t *out, unsigned to_rate, const int16_t *in, size_t n, unsigned from_rate) {
  size_t n_out = as_resample_length(n, from_rate, to_rate);
  float cut = to_rate < from_rate ? 0.95f * (float)to_rate / (float)from_rate : 0.95f;
  for (size_t i = 0; i < n_out; i++) {
    uint64_t position = (uint64_t)i * from_rate;
    int64_t centre = (int64_t)(position / to_rate);
    float fraction = (float)(position % to_rate) / (float)to_rate, sum = 0;
    for (int k = -HALF + 1; k <= HALF; k++) {
      int64_t at = centre + k;
      if (at >= 0 && at < (int64_t)n) sum += (float)in[at] * tap((float)k - fraction, cut);
    }
    out[i] = clip(sum);
  }
}
