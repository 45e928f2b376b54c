/* sim/relay.h - a STUN and TURN server of the virtual network (RFC 8489, RFC 8656): bindings, and for one user
 * allocations with permissions and channels, over UDP and over pipes.
 *
 * What a client can notice is there: the challenge, integrity of every request and answer, nonces that go stale,
 * lifetimes that end, allocations of either family, silence towards who has no permission. Allocates at open. */
#ifndef SIM_RELAY_H
#define SIM_RELAY_H

#include "sim/net.h"
#include "sim/pipe.h"
#include "wr/crypto.h"

#define SIM_RELAY_PORT 3478
#define SIM_RELAY_USER "user"
#define SIM_RELAY_PASSWORD "secret"
#define SIM_RELAY_ALLOCATIONS 16 /* one more is refused with 486 */
#define SIM_RELAY_PIPES 4

typedef struct sim_relay sim_relay;

typedef struct sim_relay_settings {
  const wr_crypto *crypto;
  sim_host_id v4, v6; /* its hosts; -1: none of that family */
  wr_time nonce_us;   /* a nonce is good for so long; 0: for ever */
} sim_relay_settings;

typedef struct sim_relay_stats {
  unsigned n_bindings, n_allocations, n_refreshes, n_given_back, n_stale, n_refused, n_unpermitted;
  uint64_t n_relayed; /* datagrams, either way */
} sim_relay_stats;

sim_relay *sim_relay_open(sim_net *net, const sim_relay_settings *settings); /* NULL: out of memory */
void sim_relay_close(sim_relay *relay);
bool sim_relay_is_host(const sim_relay *relay, sim_host_id host);
/* What came to one of its hosts. */
void sim_relay_recv(sim_relay *relay, const sim_delivery *delivery);
/* A client is connected by |pipe| from now on. */
void sim_relay_attach(sim_relay *relay, sim_pipe *pipe);
/* Takes what has arrived by the pipes. */
void sim_relay_recv_pipes(sim_relay *relay);
const sim_relay_stats *sim_relay_stats_of(const sim_relay *relay);

#endif
