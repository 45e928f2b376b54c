/* client/figures.c - see figures.h. */
#include "client/figures.h"

#include <math.h>

#define PER_OCTAVE 16
#define N_BUCKETS 512

static unsigned bucket_of(uint64_t us) {
  double position = us < 1 ? 0 : log2((double)us) * PER_OCTAVE;
  return position >= N_BUCKETS ? N_BUCKETS - 1 : (unsigned)position;
}

void figures_add(figures_series *series, int64_t duration_us) {
  uint64_t us = duration_us < 0 ? 0 : (uint64_t)duration_us;
  series->bucket[bucket_of(us)]++;
  series->n++;
  series->sum_us += us;
  if (us > series->max_us) series->max_us = us;
}

double figures_ms(const figures_series *series, double quantile) {
  if (!series->n) return 0;
  double wanted = quantile * (double)series->n, seen = 0;
  for (unsigned i = 0; i < N_BUCKETS; i++) {
    seen += (double)series->bucket[i];
    if (seen < wanted || !series->bucket[i]) continue;
    double upper_ms = exp2((i + 1.0) / PER_OCTAVE) / 1000, max_ms = (double)series->max_us / 1000;
    return upper_ms < max_ms ? upper_ms : max_ms;
  }
  return (double)series->max_us / 1000;
}
