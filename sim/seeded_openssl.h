/* sim/seeded_openssl.h - OpenSSL whose randomness comes from a seed: real handshakes that can be replayed.
 *
 * For the simulator only. Changes the whole process, for good: never link it into anything that talks to people. */
#ifndef SIM_SEEDED_OPENSSL_H
#define SIM_SEEDED_OPENSSL_H

#include <stdint.h>

/* From now on OpenSSL draws from |seed|; may be called again to begin anew. */
void sim_seed_openssl(uint64_t seed);

#endif
