/* wr/gather.h - what STUN and TURN servers make of us: server-reflexive and relayed candidates, and the way through
 * a relay (RFC 8445 5.1.1, RFC 8489, RFC 8656), without I/O.
 *
 * One gathering belongs to one connection (wr_conn_use_gather does all that follows), or to a socket that many
 * share: then its owner adds the candidates it tells to each connection and passes datagrams through
 *
 *   wr_gather_init -> wr_gather_add_base -> [ wr_gather_recv | wr_gather_send , then wr_gather_poll until 0,
 *   wr_gather_poll_event until false, sleep until wr_gather_deadline ]* -> wr_gather_wipe
 *
 * Nothing waits for a clock: a request leaves at once (several are paced by WR_GATHER_TA_US), its answer is a
 * candidate at once, and what is sent through a relay before the peer is permitted leaves with the permission.
 * Bounded by what the settings say; no allocation. */
#ifndef WR_GATHER_H
#define WR_GATHER_H

#include "wr/crypto.h"
#include "wr/sdp.h"
#include "wr/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WR_GATHER_SERVERS 8
#define WR_GATHER_BASES 8
#define WR_GATHER_TA_US 5000    /* between first requests */
#define WR_GATHER_RTO_US 200000 /* of a binding, then doubling, 5 sends; TURN has its own (lib/turn) */
#define WR_GATHER_OUT_MAX 1300  /* the least |cap| where datagrams are written */

typedef struct wr_gather wr_gather; /* opaque; lives in caller memory */

typedef struct wr_gather_server {
  wr_addr addr;
  bool relay;  /* TURN: an allocation; otherwise STUN: our address as it sees it, from every base of its family */
  bool stream; /* TURN over TCP or TLS: the owner connects and says wr_gather_stream_up */
  wr_addr
      base; /* TURN over UDP: the socket of ours that leads there. One of the bases gives a SRFLX candidate, too */
  uint8_t family;                  /* of the relayed address: 4, 6; 0: the server's choice */
  const char *username, *password; /* TURN; copied */
} wr_gather_server;

typedef struct wr_gather_settings {
  wr_rng rng;
  const wr_crypto *crypto;         /* borrowed; with md5, sha256 and hmac_sha256 if a server relays */
  const wr_gather_server *servers; /* copied */
  size_t n_servers;                /* at most WR_GATHER_SERVERS */
  uint16_t n_peers;                /* of one relay at a time; 0: 32. Those not sent to for 4 minutes give way */
  wr_time keep_us; /* bindings are asked for again and allocations refreshed so often, which keeps a NAT's mappings
                      and notices a relay that is gone; 0: never, and when they must be */
} wr_gather_settings;

typedef enum wr_gather_event_kind {
  WR_GATHER_EVENT_CANDIDATE, /* |base|, |shown|, |type|: for wr_conn_add_local_candidate */
  WR_GATHER_EVENT_LOST,      /* a relayed candidate works no longer: |shown| */
  WR_GATHER_EVENT_FAILED,    /* |server| gives no candidate (for |base|, if it is STUN): |why| */
} wr_gather_event_kind;
typedef struct wr_gather_event {
  wr_gather_event_kind kind;
  unsigned server;
  wr_addr base, shown;
  wr_candidate_type type;
  const char *why; /* a few static words */
  uint16_t code;   /* of the server; 0: none */
} wr_gather_event;

/* Where bytes go: a datagram along |path|, or, |stream| >= 0, the connection to that server. */
typedef struct wr_gather_way {
  int stream;
  wr_path path;
} wr_gather_way;

typedef enum wr_gather_input {
  WR_GATHER_NOT_MINE, /* no server's */
  WR_GATHER_TAKEN,    /* an answer, or rubbish that came from a server */
  WR_GATHER_RELAYED,  /* |path| and |inner|: as if it had come to the relayed address */
} wr_gather_input;

size_t wr_gather_size(const wr_gather_settings *settings);
/* |mem| 16-aligned, of wr_gather_size, lent until wipe. NULL: a name or password that is too long. */
wr_gather *wr_gather_init(void *mem, const wr_gather_settings *settings, wr_time now);
/* [mutates] Gives the allocations back, by one request each; nothing is relayed any more. */
void wr_gather_close(wr_gather *gather, wr_time now);
void wr_gather_wipe(wr_gather *gather); /* sends nothing: an allocation left alone ends by itself, in time */
/* [mutates] A socket address candidates may be of. WR_ERR_LIMIT: WR_GATHER_BASES are there. Twice is once. */
wr_err wr_gather_add_base(wr_gather *gather, const wr_addr *base, wr_time now);

/* [mutates] A datagram that came to any of our sockets; path->local of family 0: to whichever. */
wr_gather_input wr_gather_recv(wr_gather *gather, const wr_path *path, wr_span datagram, wr_path *inner_path,
                               wr_span *inner, wr_time now);
/* [mutates] The connection to |server| stands, or is gone. */
void wr_gather_stream_up(wr_gather *gather, unsigned server, wr_time now);
void wr_gather_stream_down(wr_gather *gather, unsigned server, wr_time now);
/* [mutates] Bytes of it; takes |*taken| of them, at most one frame: call until none is left. After SIZE_MAX it is
 * down. RELAYED: as above; |inner| is borrowed until the next call. */
wr_gather_input wr_gather_recv_stream(wr_gather *gather, unsigned server, wr_bytes bytes, size_t *taken,
                                      wr_path *inner_path, wr_span *inner, wr_time now);

/* Whether |local| is a relayed address of ours: what leaves from there goes through wr_gather_send. */
bool wr_gather_is_relayed(const wr_gather *gather, const wr_addr *local);
/* [mutates] Wraps |bytes| for path->remote into |out|; returns the length, and the way. 0: not now. The peer is
 * permitted first, and one short datagram (a check) per peer waits for that; anything else is lost. */
size_t wr_gather_send(wr_gather *gather, const wr_path *path, wr_bytes bytes, wr_gather_way *way, uint8_t *out,
                      size_t cap, wr_time now);
/* What is to be sent next; 0: nothing now. */
size_t wr_gather_poll(wr_gather *gather, wr_gather_way *way, uint8_t *out, size_t cap, wr_time now);
bool wr_gather_poll_event(wr_gather *gather, wr_gather_event *event);
wr_time wr_gather_deadline(const wr_gather *gather); /* when to poll next */
/* Every server has answered or failed. */
bool wr_gather_is_done(const wr_gather *gather);

#ifdef __cplusplus
}
#endif
#endif
