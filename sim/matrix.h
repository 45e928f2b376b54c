/* sim/matrix.h - a call between two people behind whatever networks there are, with a STUN and TURN server:
 *
 *   caller -- [NAT] -- core -- [NAT] -- callee        each of IPv4, IPv6 or both; UDP may be blocked
 *                        \__ server: STUN, TURN over UDP, TURN over TCP
 *
 * The caller's offer leaves at once, with host candidates; everything else is trickled by a signalling channel that
 * keeps order. Then they talk, and it is watched which path carries the sound, and that none of it is missing. */
#ifndef SIM_MATRIX_H
#define SIM_MATRIX_H

#include <stdio.h>

#include "sim/net.h"
#include "sim/relay.h"

typedef struct sim_matrix_end {
  bool has_nat, udp_blocked;
  sim_nat_rules nat; /* of IPv4 only */
  bool no_v4, has_v6;
} sim_matrix_end;

typedef struct sim_matrix_settings {
  const wr_crypto *crypto;
  uint64_t seed;
  wr_time rtt_us;    /* between the two without a relay; each of them is 0.7 of it from the server */
  uint32_t loss_ppm; /* on each of their links, each way */
  sim_matrix_end end[2];
  bool stun, turn, turn_tcp;
  bool ice_tcp;        /* the caller connects by TCP too, the callee (without NAT) listens */
  bool old_nonces;     /* the server's are good for 50 s */
  wr_time talk_us;     /* after the first sound */
  wr_time rebind_us;   /* so long after the first sound the caller's NAT forgets; 0: never */
  wr_time silent_us;   /* likewise the callee's network goes silent for ever; 0: never */
  wr_time opens_us;    /* so long after the first sound the caller has UDP after all; 0: never */
  wr_time late_us;     /* server-reflexive candidates are carried so much later */
  wr_time patience_us; /* for the first sound */
  FILE *trace;         /* NULL: silent */
} sim_matrix_settings;

typedef enum sim_matrix_way { SIM_WAY_NONE, SIM_WAY_DIRECT, SIM_WAY_RELAYED } sim_matrix_way;

/* Indexed 0 caller, 1 callee; times since the offer left. */
typedef struct sim_matrix_result {
  const char *fault; /* NULL: nothing impossible was seen; not to connect is none */
  bool connected;
  wr_time heard_us[2];                /* first sound */
  wr_time chosen_us, settled_us;      /* the caller's first path; the last change of path of either */
  wr_time longest_gap_us[2];          /* between two sounds */
  wr_time silent_at_us, last_sent_us; /* of the callee's network; by the caller */
  sim_matrix_way first, last;         /* of the caller's */
  bool began_tcp, ends_tcp;           /* the same ways are TCP connections between the two */
  uint64_t n_datagrams;               /* sent by anybody until both heard each other */
  sim_relay_stats relay;
} sim_matrix_result;

sim_matrix_result sim_matrix_run(const sim_matrix_settings *settings);

#endif
