/* sim/call.h - two libwr peers call each other through the virtual network.
 *
 * The caller's offer leaves at t = 0, reaches the callee after one link delay, is answered at once, and the answer
 * comes back one delay later (a reliable signalling channel, as HTTP on a warm connection). Host candidates are in
 * the descriptions. Everything else is libwr. */
#ifndef SIM_CALL_H
#define SIM_CALL_H

#include <stdio.h>

#include "sim/net.h"
#include "wr/crypto.h"

typedef struct sim_call_settings {
  const wr_crypto *crypto[2]; /* caller's, callee's */
  uint64_t seed;
  wr_time rtt_us;             /* 0: as the profile says */
  uint32_t loss_ppm;          /* each way, on top of the profile */
  const sim_profile *profile; /* the caller's access network; NULL: an ideal one with |rtt_us| */
  bool callee_passive, callee_lite;
  bool behind_nat; /* the caller is, and the callee has a public address */
  sim_nat_kind nat;
  FILE *trace; /* NULL: silent */
} sim_call_settings;

/* Indexed 0 caller, 1 callee; times since the offer left, 0: never. */
typedef struct sim_call_result {
  const char *fault; /* NULL: all went well */
  wr_time rtt_us;
  wr_time connected_us[2], media_us[2], data_us[2], done_us;
  unsigned n_audio_came[2];
  uint64_t digest;
  sim_net_stats net;
} sim_call_result;

sim_call_result sim_call_run(const sim_call_settings *settings);

#endif
