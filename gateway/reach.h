/* gateway/reach.h - how far a worker reaches by itself (--reach): the address a NAT shows of the media socket,
 * asked of STUN servers, and an address on a TURN server, through which callers come when nothing else lets them.
 *
 * The servers are the first ones of --ice-server. Both addresses are known before a caller comes, so its answer has
 * them at once. Worker 0 asks STUN, for all share one port; each worker has an allocation of its own, over a socket
 * of its own, which all its sessions share. A relay that fails or ends is replaced: the next server, after 1, 2, 4
 * .. 60 s, with fresh credentials. Left out: TURN over TLS, servers of a provider (--turn-provider). */
#ifndef GATEWAY_REACH_H
#define GATEWAY_REACH_H

#include "gateway/config.h"
#include "gateway/udp.h"
#include "wr/gather.h"

#define GW_REACH_STUN 4
#define GW_REACH_RELAYS 6
#define GW_REACH_PEERS 128        /* of a worker's relay at a time, addresses of all its callers */
#define GW_REACH_KEEP_US WR_S(15) /* the media socket's mapping is kept alive so often: NATs forget after 30 s */
#define GW_REACH_BYTES 16384      /* waiting for a relay by TCP; what comes beyond is dropped, as a network would */

typedef struct gw_reach_servers {
  size_t n_stun, n_relays;
  wr_addr stun[GW_REACH_STUN];
  struct {
    wr_addr addr;
    bool tcp;
    size_t listed; /* index into config->ice_servers: its credentials */
  } relay[GW_REACH_RELAYS];
} gw_reach_servers;

/* Looks the names up, which may take seconds: at start. Those without an address are logged and left out. */
void gw_reach_find(gw_reach_servers *servers, const gw_config *config);

typedef struct gw_reach_address {
  wr_addr base, shown;
  wr_candidate_type type;
} gw_reach_address;

typedef struct gw_reach {
  const gw_reach_servers *servers; /* NULL: --reach direct; everything below does nothing */
  const gw_config *config;
  const wr_crypto *crypto;
  wr_rng rng;
  wr_gather *stun, *relay; /* NULL: none (now) */
  void *stun_memory, *relay_memory;
  size_t relay_bytes;
  size_t at;       /* the relay in use or to be tried next */
  int fd;          /* of the way there; -1: none */
  bool connecting; /* TCP */
  unsigned n_failures;
  wr_time retry_at;  /* WR_NEVER: a relay is there or under way */
  wr_addr former[4]; /* relayed addresses that are gone: what sessions still send from there is dropped */
  unsigned n_former;
  size_t n;
  gw_reach_address address[GW_LOCALS_MAX]; /* for descriptions */
  size_t n_in, in_at;                      /* of |in|, for a stream: bytes and how many are taken */
  size_t n_out;
  uint8_t in[2048], out[GW_REACH_BYTES];
} gw_reach;

/* |asks|: this one asks STUN. false: no memory. */
bool gw_reach_open(gw_reach *reach, const gw_reach_servers *servers, const gw_config *config,
                   const gw_locals *locals, bool asks, const wr_crypto *crypto, wr_rng rng, wr_time now);
void gw_reach_close(gw_reach *reach);

/* For a new connection. */
void gw_reach_add_to(const gw_reach *reach, wr_conn *conn, wr_time now);
/* Does what is due: connects, asks (STUN through |udp|, the media socket). */
void gw_reach_tick(gw_reach *reach, gw_udp *udp, int epoll, wr_time now);
wr_time gw_reach_deadline(const gw_reach *reach);
/* What the NAT shows has been learnt, here or by the worker that asks. */
void gw_reach_learn(gw_reach *reach, const gw_reach_address *address);
/* The next news of that kind for the other workers; false: none. */
bool gw_reach_news(gw_reach *reach, gw_reach_address *address);

/* Whether an answer to the worker that asks STUN comes from there. */
bool gw_reach_is_stun(const gw_reach *reach, const wr_addr *remote);
void gw_reach_take_answer(gw_reach *reach, const wr_path *path, wr_span datagram, wr_time now);
/* The next datagram that came through the relay; borrowed until the next call. false: none. */
bool gw_reach_recv(gw_reach *reach, wr_path *path, wr_span *datagram, wr_time now);
/* Whether |path| begins at the relay; then it was sent, or dropped. */
bool gw_reach_send(gw_reach *reach, const wr_path *path, wr_bytes datagram, wr_time now);

#endif
