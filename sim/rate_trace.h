/* sim/rate_trace.h - the way out of a house as it changes: one link profile a second, by name and seed.
 *
 * What varies is capacity, delay, loss and the depth of the queue in front of the narrow place. Capacity is what is
 * left for the call: whoever shares the uplink is part of the trace. The way back is as wide as it likes; it adds
 * delay only. */
#ifndef SIM_RATE_TRACE_H
#define SIM_RATE_TRACE_H

#include "sim/link.h"

#define SIM_RATE_SECONDS 180

typedef struct sim_rate_trace {
  const char *name, *about;
  bool clean; /* nothing to adapt to: here adapting must lose nothing; on all others it must win */
  bool lossy; /* by itself, not by congestion: here RED has something to mend */
  /* The profile of |second|; |state| is kept between the seconds of one trace, zero at first. */
  void (*shape)(sim_link_profile *up, int second, double *state, sim_rng *rng);
} sim_rate_trace;

/* NULL: past the last one. */
const sim_rate_trace *sim_rate_trace_at(size_t index);
/* NULL: no such name. */
const sim_rate_trace *sim_rate_trace_named(const char *name);
void sim_rate_trace_draw(const sim_rate_trace *trace, uint64_t seed, sim_link_profile up[SIM_RATE_SECONDS]);

#endif
