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
  CHECK(r.relay.n_relayed > 100 && r.relay.n_allocations == 2 && r.relay.n_given_back == 2);
}

/* RFC 7675: whoever does not answer is sent nothing any more. */
TEST(sim_matrix_consent_ends_what_is_sent_into_silence) {
  for (int turn = 0; turn < 2; turn++) {
    sim_matrix_settings s = behind(turn ? SIM_NAT_SYMMETRIC : SIM_NAT_FULL_CONE, SIM_NAT_SYMMETRIC);
    s.turn = turn;
    s.silent_us = WR_S(3);
    s.talk_us = WR_S(60);
    sim_matrix_result r = sim_matrix_run(&s);
    CHECK(!r.fault && r.connected && r.first == (turn ? SIM_WAY_RELAYED : SIM_WAY_DIRECT));
    CHECK(r.last_sent_us > r.silent_at_us);
    CHECK(r.last_sent_us - r.silent_at_us <= WR_S(30));
  }
}

/* The first answer chooses at once; what is better within a round trip of it takes over by then. */
TEST(sim_matrix_best_path_is_chosen_at_once) {
  sim_matrix_settings s = behind(SIM_NAT_FULL_CONE, SIM_NAT_FULL_CONE);
  s.turn = true;
  sim_matrix_result r = sim_matrix_run(&s);
  CHECK(r.connected && r.first == SIM_WAY_DIRECT && r.last == SIM_WAY_DIRECT);
  CHECK(r.settled_us - r.chosen_us <= s.rtt_us);
  s.late_us = WR_S(1); /* the way that is best is known a second later: no gap on the way there */
  r = sim_matrix_run(&s);
  CHECK(r.connected && r.first == SIM_WAY_RELAYED && r.last == SIM_WAY_DIRECT);
  CHECK(r.settled_us - r.chosen_us > s.rtt_us);
  CHECK(r.longest_gap_us[0] <= WR_MS(100) && r.longest_gap_us[1] <= WR_MS(100));
}
