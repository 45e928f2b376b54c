#include "sim/matrix.h"

#include "check.h"
#include "wr/crypto_openssl.h"

static sim_matrix_settings behind(sim_nat_kind caller, sim_nat_kind callee) {
  sim_matrix_settings s = {.crypto = wr_crypto_null(), .seed = 3, .rtt_us = WR_MS(100), .stun = true};
  s.end[0] = (sim_matrix_end){.has_nat = true, .nat = sim_nat_classic(caller)};
  s.end[1] = (sim_matrix_end){.has_nat = true, .nat = sim_nat_classic(callee)};
  s.talk_us = WR_S(2);
  s.patience_us = WR_S(5);
  return s;
}

TEST(sim_matrix_stun_alone_or_with_a_relay) {
  sim_matrix_settings s = behind(SIM_NAT_PORT_RESTRICTED, SIM_NAT_PORT_RESTRICTED);
  sim_matrix_result r = sim_matrix_run(&s);
  CHECK(!r.fault && r.connected && r.last == SIM_WAY_DIRECT);
  s = behind(SIM_NAT_SYMMETRIC, SIM_NAT_SYMMETRIC);
  r = sim_matrix_run(&s);
  CHECK(!r.fault && !r.connected && r.last == SIM_WAY_NONE);
  s.turn = true;
  r = sim_matrix_run(&s);
  CHECK(!r.fault && r.connected && r.last == SIM_WAY_RELAYED);
  CHECK(r.relay.n_relayed > 100 && r.relay.n_allocations == 2 && r.relay.n_unpermitted < 5);
}
