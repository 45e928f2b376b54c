/* ice/candidate.h - the two candidate tables of an agent (RFC 8445 5.1, 7.3.1.3). */
#ifndef WR_ICE_CANDIDATE_H
#define WR_ICE_CANDIDATE_H

#include "ice/ice.h"

/* RFC 8445 5.1.2.1 for component 1; of TCP the upper bits of the local preference say who connects (RFC 6544 4.2),
 * and the type preference is below that of every UDP candidate but relayed ones. */
uint32_t wr_ice_priority(wr_candidate_type type, wr_tcp_type tcp, uint16_t local_preference);
/* Whether datagrams may be sent there: a port, no multicast, broadcast or unspecified address. */
bool wr_ice_addr_is_usable(const wr_addr *addr);

typedef struct wr_ice_locals {
  wr_candidate shown[WR_ICE_MAX_LOCAL];
  wr_addr base[WR_ICE_MAX_LOCAL];
  uint8_t n;
} wr_ice_locals;

wr_err wr_ice_locals_add(wr_ice_locals *locals, const wr_addr *base, const wr_addr *address,
                         wr_candidate_type type);
/* The candidate that stands for its base: of several with one base only the first is paired, because checks of the
 * others would leave from the same socket (RFC 8445 6.1.2.4). */
int wr_ice_locals_by_base(const wr_ice_locals *locals, const wr_addr *base);
/* For a datagram received from |remote|. |local| of family 0: the first base of its family and transport that is no
 * relay's. -1: none. */
int wr_ice_locals_find(const wr_ice_locals *locals, const wr_addr *local, const wr_addr *remote);
/* PRIORITY of a check from candidate |i|: what the peer would give a peer-reflexive one (RFC 8445 7.1.1). */
uint32_t wr_ice_locals_reflexive_priority(const wr_ice_locals *locals, size_t i);

typedef struct wr_ice_remote {
  wr_addr addr;
  uint32_t priority;
  wr_candidate_type type;
  wr_tcp_type tcp;
  bool used;
  bool current;     /* of the current session; otherwise only the path kept over a restart leads there */
  wr_time heard_at; /* last authenticated check from there, or when it was learnt */
} wr_ice_remote;

typedef struct wr_ice_remotes {
  wr_ice_remote slot[WR_ICE_MAX_REMOTE];
} wr_ice_remotes;

int wr_ice_remotes_find(const wr_ice_remotes *remotes, const wr_addr *addr); /* -1: none */
/* -1: full. A TCP one that is peer-reflexive has connected to us: it is active; others are passive. */
int wr_ice_remotes_add(wr_ice_remotes *remotes, const wr_addr *addr, wr_candidate_type type, uint32_t priority,
                       wr_time now);

#endif
