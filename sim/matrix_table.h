/* sim/matrix_table.h - who reaches whom: every pair of NATs with STUN alone and with a relay, and other networks;
 * the tables of docs/nat.md, and what of them must hold.
 *
 * Whoever can connect does, in at most SIM_MATRIX_MOST_ROUND_TRIPS; where two NATs let a direct path exist it is
 * the one in use in the end, without a gap in the sound on the way there; where none exists the relay carries.
 * Whether one exists is worked out from the rules of the NATs alone, not by libwr. */
#ifndef SIM_MATRIX_TABLE_H
#define SIM_MATRIX_TABLE_H

#include "sim/matrix.h"

#define SIM_MATRIX_KINDS 9                /* of NAT: mapping x filtering */
#define SIM_MATRIX_MOST_ROUND_TRIPS 10    /* from the offer to sound in both directions */
#define SIM_MATRIX_MOST_GAP_US WR_MS(100) /* between two sounds: 20 ms, and the difference of two paths */

sim_nat_rules sim_matrix_kind(size_t kind);
/* Whether two NATs let a direct path exist for ends that know each other's server-reflexive addresses. */
bool sim_matrix_can_be_direct(sim_nat_rules a, sim_nat_rules b);

/* All of it, as Markdown; one verdict for each call. */
void sim_matrix_table(FILE *out, uint64_t seed, unsigned *n_passed, unsigned *n_failed);
/* The verb. Returns the exit status. */
int sim_matrix_main(int argc, char **argv);

#endif
