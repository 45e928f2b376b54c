#include "sim/matrix_table.h"

#include "check.h"

/* The cases everybody knows (RFC 5128, RFC 4787): the rule must say the same. */
TEST(sim_matrix_rule_of_direct_paths) {
  sim_nat_rules cone = sim_nat_classic(SIM_NAT_FULL_CONE), restricted = sim_nat_classic(SIM_NAT_RESTRICTED);
  sim_nat_rules port = sim_nat_classic(SIM_NAT_PORT_RESTRICTED), symmetric = sim_nat_classic(SIM_NAT_SYMMETRIC);
  CHECK(sim_matrix_can_be_direct(cone, symmetric) && sim_matrix_can_be_direct(symmetric, cone));
  CHECK(sim_matrix_can_be_direct(restricted, symmetric));
  CHECK(sim_matrix_can_be_direct(port, port));
  CHECK(!sim_matrix_can_be_direct(port, symmetric) && !sim_matrix_can_be_direct(symmetric, port));
  CHECK(!sim_matrix_can_be_direct(symmetric, symmetric));
}
