/* sim/rng.h - the only randomness of the simulator: PCG32 (O'Neill 2014, XSH-RR), one stream per user.
 *
 * Not for secrets. Splitting gives every link and NAT a stream of its own, so that a change in one part of a
 * scenario does not shift the dice of all others. */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include "wr/types.h"

typedef struct sim_rng {
  uint64_t state, stream; /* |stream| is odd */
} sim_rng;

sim_rng sim_rng_of(uint64_t seed, uint64_t stream);
uint32_t sim_rng_u32(sim_rng *rng);
/* 0 <= result <= max, without bias. */
uint64_t sim_rng_upto(sim_rng *rng, uint64_t max);
/* True |ppm| times in a million; always draws once. */
bool sim_rng_chance(sim_rng *rng, uint32_t ppm);
/* Shape of wr_rng.fill; |ctx| is a sim_rng. */
void sim_rng_fill(void *ctx, uint8_t *out, size_t len);

#endif
