/* sim/nat.h - a network address translator by its two rules (RFC 4787 sections 4 and 5).
 *
 * Mapping: for which remote ends an inside socket keeps one outside port. Filtering: whose datagrams may come in.
 * The four classic names (RFC 3489 section 5) are pairs of these rules. A value without datagrams. */
#ifndef SIM_NAT_H
#define SIM_NAT_H

#include "sim/rng.h"
#include "wr/types.h"

typedef enum sim_nat_scope {
  SIM_NAT_ANY_REMOTE,      /* endpoint-independent */
  SIM_NAT_PER_ADDRESS,     /* address-dependent */
  SIM_NAT_PER_ADDRESS_PORT /* address-and-port-dependent */
} sim_nat_scope;

typedef enum sim_nat_kind {
  SIM_NAT_FULL_CONE,       /* any x any */
  SIM_NAT_RESTRICTED,      /* any x address */
  SIM_NAT_PORT_RESTRICTED, /* any x address and port */
  SIM_NAT_SYMMETRIC        /* address and port, both */
} sim_nat_kind;

typedef struct sim_nat_rules {
  sim_nat_scope mapping, filtering;
  bool hairpin;    /* an inside host may reach another one by its outside address */
  wr_time idle_us; /* a mapping without outbound traffic for longer is forgotten; 0: never */
} sim_nat_rules;

sim_nat_rules sim_nat_classic(sim_nat_kind kind); /* no hairpin, never idle */

#define SIM_NAT_MAPPINGS 128 /* at the bound the mapping longest unused gives way */
#define SIM_NAT_CONTACTS 16  /* remote ends remembered per mapping; the oldest gives way */

typedef struct sim_nat_mapping {
  wr_addr inside;
  wr_addr remote;        /* the key as far as the mapping scope looks at it, else zero */
  uint16_t outside_port; /* 0: free slot */
  wr_time used_at;
  wr_addr contacts[SIM_NAT_CONTACTS];
  size_t n_contacts; /* ever made; the ring holds the last ones */
} sim_nat_mapping;

typedef struct sim_nat {
  wr_addr outside_ip; /* port 0 */
  sim_nat_rules rules;
  sim_rng rng;
  sim_nat_mapping mappings[SIM_NAT_MAPPINGS];
} sim_nat;

void sim_nat_init(sim_nat *nat, const wr_addr *outside_ip, sim_nat_rules rules, sim_rng rng);
/* The outside address under which |remote| sees a datagram of |inside|; makes or refreshes the mapping. */
wr_addr sim_nat_out(sim_nat *nat, const wr_addr *inside, const wr_addr *remote, wr_time now);
/* Where a datagram from |remote| to our |outside_port| goes. false: no mapping, or filtered. */
bool sim_nat_in(sim_nat *nat, uint16_t outside_port, const wr_addr *remote, wr_addr *inside, wr_time now);
/* Rebinding: all mappings are gone; the next datagram out gets a new port. */
void sim_nat_forget(sim_nat *nat);

#endif
