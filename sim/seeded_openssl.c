/* sim/seeded_openssl.c - a RAND_METHOD over sim_rng.
 *
 * RAND_set_rand_method is deprecated in favour of providers; for a test it is the one call that reaches every
 * generator of the library, the private one of key generation and signatures included. */
#include "sim/seeded_openssl.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <openssl/rand.h>

#include "sim/rng.h"

static sim_rng rng;

static int fill(unsigned char *out, int len) {
  sim_rng_fill(&rng, out, (size_t)len);
  return 1;
}
static int add(const void *data, int len, double entropy) {
  (void)data, (void)len, (void)entropy;
  return 1;
}
static int seed_with(const void *data, int len) {
  (void)data, (void)len;
  return 1;
}
static int status(void) { return 1; }

void sim_seed_openssl(uint64_t seed) {
  static const RAND_METHOD method = {
      .seed = seed_with, .bytes = fill, .add = add, .pseudorand = fill, .status = status};
  rng = sim_rng_of(seed, 2001);
  RAND_set_rand_method(&method);
}
