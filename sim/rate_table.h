/* sim/rate_table.h - every trace, every player: the table of docs/manager.md, and what of it must hold.
 *
 * On every bad trace the adaptive player beats the fixed one, with and without the browser's estimate; on the clean
 * one it loses nothing (within 0.5 %, against fixed and against the oracle). It reaches SIM_RATE_LEAST_SHARE of the
 * oracle everywhere, and does not flap. */
#ifndef SIM_RATE_TABLE_H
#define SIM_RATE_TABLE_H

#include "sim/rate.h"

#define SIM_RATE_SEEDS 3 /* rows are means: one seed alone may be lucky */
#define SIM_RATE_LEAST_SHARE 0.65
#define SIM_RATE_MEAN_CHANGES 20 /* a minute */
#define SIM_RATE_MOST_CHANGES 30 /* in any minute: one in two seconds, the shortest hold between steps up */

/* Voice alone, with a camera, and voice with RED where packets get lost; the mean of |n_seeds| seeds from |seed|
 * on. One verdict a row is added to the counts. */
void sim_rate_table(FILE *out, uint64_t seed, unsigned n_seeds, unsigned *n_passed, unsigned *n_failed);

/* The verb: the table, or one trace second by second. Returns the exit status. */
int sim_rate_main(int argc, char **argv);

#endif
