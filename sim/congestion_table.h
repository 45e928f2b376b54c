/* sim/congestion_table.h - RFC 8867 5.1 to 5.8, scored as RFC 8868 asks, and the table of docs/bwe.md.
 *
 * use      what media flows received, of what they could: the capacity, at most 1.5 Mbit/s for each that is on.
 *          Beside TCP: of their equal share. The first 10 s do not count.
 * queue    ms that their packets waited in the bottleneck: half of them less, 95 % less
 * loss     of their packets
 * settled  the longest time after a change of capacity, or of who is on, until for a second they received 80 % of
 *          what they could and nothing waited for 150 ms
 * fair     Jain's index of what each received in the last third: 1, all the same */
#ifndef SIM_CONGESTION_TABLE_H
#define SIM_CONGESTION_TABLE_H

#include "sim/congestion.h"

#define SIM_CONGESTION_SEEDS 3 /* rows are means */

typedef struct sim_congestion_score {
  double use, loss, fair; /* 0..1; |fair| 1 with one flow */
  double queue_p50_ms, queue_p95_ms, settled_s;
  double tcp_share; /* of the capacity: what long TCP got; 0 without */
} sim_congestion_score;

/* NULL: past the last one. */
const sim_congestion_plan *sim_congestion_plan_at(size_t i);
void sim_congestion_judge(const sim_congestion_plan *plan, const sim_congestion_result *result,
                          sim_congestion_score *score);
/* One row a case, the mean of |n_seeds| seeds from |seed| on; one verdict a row is added to the counts: whether it
 * keeps its bounds, and stands in |document| word by word (NULL: that is not asked). */
void sim_congestion_table(FILE *out, const char *document, uint64_t seed, unsigned n_seeds, unsigned *n_passed,
                          unsigned *n_failed);
/* The verb: the table, or one case second by second. Returns the exit status. */
int sim_congestion_main(int argc, char **argv);

#endif
