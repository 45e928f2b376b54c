/* sim/faults.h - the fault matrix in virtual time: what can go wrong, many seeds of each, and how long until all is
 * well.
 *
 * One run: a call begins; at a random instant (or before the call) a fault is injected; after its duration it is
 * healed; then the caller must be connected, a typed text must come back and sound must flow both ways, within the
 * fault's limit, and stay so. At no time may it be neither connected nor given up for longer than its own overall
 * deadline. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "manager/names.h"
#include "wr/crypto.h"

typedef struct sim_fault_result {
  const char *fault;      /* NULL: recovered */
  wr_time took_us;        /* from healing, or from injection where nothing has to be healed */
  bool troubled;          /* the person was told of it */
  mgr_rung rung;          /* the highest that was needed */
  const char *state_text; /* at the end */
  uint64_t digest;        /* of every delivery: same seed, same bytes */
} sim_fault_result;

size_t sim_faults_n(void);
const char *sim_fault_name(size_t i);
const char *sim_fault_about(size_t i);
/* |crypto|: caller's, gateway's. |trace| NULL: silent. */
sim_fault_result sim_fault_run(size_t i, const wr_crypto *const crypto[2], uint64_t seed, FILE *trace);

#endif
