#include "sim/faults.h"

#include <string.h>

#include "check.h"
#include "wr/crypto_openssl.h"

#define SEEDS 2 /* of each fault; ./dev test sim runs more, ./dev sim faults --seeds N as many as you like */

TEST(sim_faults_are_recovered_from) {
  const wr_crypto *crypto[2] = {wr_crypto_null(), wr_crypto_null()};
  for (size_t i = 0; i < sim_faults_n(); i++) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
      sim_fault_result r = sim_fault_run(i, crypto, seed, NULL);
      if (r.fault)
        printf("./dev sim faults %s --seed %d --trace: %s, %s\n", sim_fault_name(i), (int)seed, r.fault,
               r.state_text);
      CHECK(!r.fault);
      CHECK(r.took_us > 0);
    }
  }
}

TEST(sim_faults_same_seed_same_bytes) {
  const wr_crypto *crypto[2] = {wr_crypto_null(), wr_crypto_null()};
  sim_fault_result once = sim_fault_run(0, crypto, 5, NULL), twice = sim_fault_run(0, crypto, 5, NULL);
  CHECK(once.digest == twice.digest && once.took_us == twice.took_us);
  CHECK(sim_fault_run(0, crypto, 6, NULL).digest != once.digest);
}
