/* sim/rng.c - PCG32, a 64-bit congruential generator with permuted 32-bit output. */
#include "sim/rng.h"

uint32_t sim_rng_u32(sim_rng *rng) {
  uint64_t old = rng->state;
  rng->state = old * 6364136223846793005u + rng->stream;
  uint32_t shifted = (uint32_t)(((old >> 18) ^ old) >> 27), rotation = (uint32_t)(old >> 59);
  return shifted >> rotation | shifted << ((32 - rotation) & 31);
}

sim_rng sim_rng_of(uint64_t seed, uint64_t stream) {
  sim_rng rng = {.state = 0, .stream = stream << 1 | 1};
  sim_rng_u32(&rng);
  rng.state += seed;
  sim_rng_u32(&rng);
  return rng;
}

uint64_t sim_rng_upto(sim_rng *rng, uint64_t max) {
  uint64_t mask = max;
  for (unsigned shift = 1; shift < 64; shift *= 2) mask |= mask >> shift;
  for (;;) {
    uint64_t high = sim_rng_u32(rng);
    uint64_t value = (high << 32 | sim_rng_u32(rng)) & mask;
    if (value <= max) return value;
  }
}

bool sim_rng_chance(sim_rng *rng, uint32_t ppm) { return (uint64_t)sim_rng_u32(rng) * 1000000u >> 32 < ppm; }

void sim_rng_fill(void *ctx, uint8_t *out, size_t len) {
  for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(sim_rng_u32(ctx) >> 24);
}
