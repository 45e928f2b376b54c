/* client/figures.h - samples and their percentiles. */
#ifndef CLIENT_FIGURES_H
#define CLIENT_FIGURES_H

#include <stdint.h>

/* Durations in 1/16 octave buckets: any number of samples in fixed memory, 4.5 % resolution; the maximum is exact.
 */
typedef struct figures_series {
  uint64_t bucket[512];
  uint64_t n, sum_us, max_us;
} figures_series;

void figures_add(figures_series *series, int64_t duration_us);
double figures_ms(const figures_series *series, double quantile); /* 0 when empty */

typedef struct client_figures {
  figures_series connect, echo;
  uint64_t n_connected, n_failed, packets_sent, packets_received;
} client_figures;

#endif
