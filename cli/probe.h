/* cli/probe.h - asks a STUN server for our address, and a TURN server for a relayed one, as a caller's browser
 * would. */
#ifndef CLI_PROBE_H
#define CLI_PROBE_H

#include "cli/way.h"
#include "gateway/ice_list.h"

#define PROBE_MAPPINGS 8

typedef struct probe {
  way_end end; /* FINE: see |turn| and |refused| */
  char why[128];
  wr_turn_reason turn; /* FINE: allocated, or a STUN server answered */
  uint16_t code;
  char realm[256];
  wr_addr mapped, relayed,
      refused; /* refused: the first of |peers| that the relay does not serve; family 0: none */
  wr_time took;
} probe;

typedef struct probe_settings {
  const wr_crypto *crypto;
  wr_rng rng;
  wr_time patience;
  const wr_addr *peers; /* where a relay must be able to send: this gateway */
  size_t n_peers;
} probe_settings;

void probe_stun(probe *p, const gw_ice_url *url, const probe_settings *settings);
/* How each of |n| servers of |family| sees one and the same UDP socket of ours; family 0: it did not answer. */
void probe_mapping(wr_addr *mapped, const wr_addr *servers, size_t n, const probe_settings *settings);
void probe_turn(probe *p, const gw_ice_url *url, const gw_ice_server *server, const probe_settings *settings);

#endif
