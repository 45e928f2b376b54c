/* gateway/reach.h - how far a worker reaches by itself (--reach): the address a NAT shows of the media socket,
 * asked of STUN servers, and an address on a TURN server, through which callers come when nothing else lets them.
 *
 * The servers are the first ones of --ice-server, or of the provider (--turn-provider) as soon as it has told them.
 * Both addresses are known before a caller comes, so its answer has them at once. Worker 0 asks STUN, for all share
 * one port; each worker has an allocation of its own, over a socket of its own (UDP, TCP or TLS), which all its
 * sessions share. A relay that ends is replaced at once, one that fails after 1, 2, 4 .. 60 s by the next server,
 * with fresh credentials. */
#ifndef GATEWAY_REACH_H
#define GATEWAY_REACH_H

#include "gateway/config.h"
#include "gateway/reach_way.h"
#include "gateway/udp.h"
#include "wr/gather.h"

#define GW_REACH_STUN 4
#define GW_REACH_RELAYS 6
#define GW_REACH_PEERS 128        /* of a worker's relay at a time, addresses of all its callers */
#define GW_REACH_KEEP_US WR_S(15) /* mappings are kept alive so often: NATs forget after 30 s */

typedef struct gw_reach_relay {
  wr_addr addr;
  gw_ice_url url;
  bool knows_old;                                                        /* to be tried under the secret before */
  char username[GW_ICE_USERNAME_MAX], credential[GW_ICE_CREDENTIAL_MAX]; /* "": signed when they are needed */
} gw_reach_relay;

/* A value; what it points to lives as long as the process. */
typedef struct gw_reach_servers {
  bool wants, wants_relay; /* --reach is not direct; it is relay */
  const char *ca_file;
  SSL_CTX *tls; /* NULL: no server needs it yet */
  char secret[GW_TEXT_MAX], secret_old[GW_TEXT_MAX];
  int64_t ttl_s;
  size_t n_stun, n_relays;
  wr_addr stun[GW_REACH_STUN];
  gw_reach_relay relay[GW_REACH_RELAYS];
} gw_reach_servers;

/* What the settings want, without any server yet. */
void gw_reach_want(gw_reach_servers *servers, const gw_config *config, const char *ca_file, SSL_CTX *tls);
/* Looks up the names of |list|, which may take seconds. Those without an address are logged and left out. */
void gw_reach_find(gw_reach_servers *servers, const gw_ice_list *list);

typedef struct gw_reach_address {
  wr_addr base, shown;
  wr_candidate_type type;
} gw_reach_address;

typedef struct gw_reach {
  bool wants; /* false: --reach direct; everything below does nothing */
  bool asks;
  gw_reach_servers servers;
  const gw_locals *locals;
  const wr_crypto *crypto;
  wr_rng rng;
  wr_gather *stun, *relay; /* NULL: none (now) */
  void *stun_memory, *relay_memory;
  size_t at;           /* the relay in use or to be tried next */
  gw_reach_relay used; /* the one in use: there may be others by now */
  wr_time up_at;       /* it works since; 0: not yet */
  unsigned n_failures;
  wr_time retry_at;  /* WR_NEVER: a relay is there or under way, or there is none */
  wr_addr former[4]; /* relayed addresses that are gone: what sessions still send from there is dropped */
  unsigned n_former;
  size_t n;
  gw_reach_address address[GW_LOCALS_MAX]; /* for descriptions */
  size_t n_in, in_at;                      /* of |in|, for a stream: bytes and how many are taken */
  gw_reach_way way;
  uint8_t in[2048];
} gw_reach;

/* |servers|: copied; NULL: --reach direct. |locals|: borrowed. |asks|: this one asks STUN. false: no memory. */
bool gw_reach_open(gw_reach *reach, const gw_reach_servers *servers, const gw_locals *locals, bool asks,
                   const wr_crypto *crypto, wr_rng rng, wr_time now);
/* From now on these (copied). A relay that works goes on until it ends. false: no memory to ask STUN. */
bool gw_reach_replace(gw_reach *reach, const gw_reach_servers *servers, wr_time now);
/* This machine has other addresses now; borrowed. The same. */
bool gw_reach_move(gw_reach *reach, const gw_locals *locals, wr_time now);
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
