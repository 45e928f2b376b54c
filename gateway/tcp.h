/* gateway/tcp.h - a worker's TCP connections for media (ICE-TCP, RFC 6544), for callers whose network lets no UDP
 * out.
 *
 * A new connection is a stranger. Nothing is read from it: its first bytes are looked at where the kernel keeps
 * them, until they are a frame with a STUN request whose ufrag names a session. It is then that session's, on its
 * worker, and remains a stranger until a datagram on it has proved to come from the peer. Every bound is below;
 * beyond it a connection is closed, media is dropped, and both are counted.
 *
 * What waits for a slow peer is at most GW_TCP_QUEUE_BYTES here, GW_TCP_UNSENT_BYTES in the kernel, and what is on
 * its way. Media is dropped as soon as GW_TCP_MEDIA_BYTES wait: about half a second of speech, so a path that stood
 * still goes on with the present. Not thread-safe: one for each worker. */
#ifndef GATEWAY_TCP_H
#define GATEWAY_TCP_H

#include "gateway/config.h"
#include "gateway/metrics.h"
#include "wr/conn.h"
#include "wr/frame.h"

#define GW_TCP_STRANGERS 512    /* of one worker; one more and the oldest is closed */
#define GW_TCP_PER_ADDRESS 64   /* strangers of one worker from one IPv4 address or IPv6 /64; one more is refused */
#define GW_TCP_PROOF_US WR_S(5) /* or a stranger is closed */
#define GW_TCP_PER_SESSION 8    /* connections of one session; a browser opens one for each of its networks */
#define GW_TCP_QUEUE_BYTES 16384   /* waiting to be sent, in all */
#define GW_TCP_MEDIA_BYTES 2048    /* when so many wait no media is added */
#define GW_TCP_UNSENT_BYTES 4096   /* taken by the kernel before their time (TCP_NOTSENT_LOWAT) */
#define GW_TCP_FIRST_FRAME_MAX 600 /* bytes of the STUN request a connection begins with */
#define GW_TCP_NONE UINT32_MAX

typedef struct gw_tcp_conn {
  int fd;
  bool used, is_named, is_watched; /* |is_watched|: for room to send */
  wr_path path;
  uint32_t slot, generation; /* of its session, once it is named */
  uint32_t next;             /* of that session */
  uint32_t older, newer;     /* strangers */
  wr_time until;             /* a stranger's; WR_NEVER: it has proved itself */
  uint32_t n_waiting;        /* bytes */
} gw_tcp_conn;

typedef struct gw_tcp_bytes {
  wr_frames in;
  uint8_t out[GW_TCP_QUEUE_BYTES];
} gw_tcp_bytes;

typedef struct gw_tcp {
  int listener; /* -1: there is none, and never a connection */
  int epoll;
  uint64_t tag; /* of the epoll data of connections, which is tag + number; of the listener: tag + GW_TCP_NONE */
  bool any;
  wr_addr bound;
  gw_metrics *metrics;
  gw_tcp_conn *conn; /* n_conns, as |bytes| and |free|: pages that become resident as they are used */
  gw_tcp_bytes *bytes;
  uint32_t *free_conns;
  uint32_t n_conns, n_used, n_free;
  uint32_t oldest, newest, n_strangers;
  wr_time paused_until; /* no descriptor is left for the next one; WR_NEVER: is not */
  uint64_t n_sent;
  uint8_t *scratch; /* what is read */
} gw_tcp;

/* A listening socket, or -1 with |error|: a line for a person. As gw_udp_bind. */
int gw_tcp_bind(const wr_addr *addr, bool shared, wr_addr *bound, char error[GW_CONFIG_ERROR_MAX]);

/* |listener| is owned from here on; -1: everything below does nothing. false: no memory or no descriptor. */
bool gw_tcp_open(gw_tcp *tcp, int listener, const wr_addr *bound, int epoll, uint64_t tag, uint32_t n_sessions,
                 gw_metrics *metrics);
void gw_tcp_close(gw_tcp *tcp);

/* Takes the connections that wait at the listener. */
void gw_tcp_accept(gw_tcp *tcp, wr_time now);
/* A stranger that another worker has accepted, or -1 of it; its number, or GW_TCP_NONE: refused and closed. */
uint32_t gw_tcp_take_over(gw_tcp *tcp, int fd, const wr_path *path, wr_time now);
/* Its descriptor, which is the caller's now; the number is free. */
int gw_tcp_give_away(gw_tcp *tcp, uint32_t number);
gw_tcp_conn *gw_tcp_at(gw_tcp *tcp, uint32_t number); /* NULL: closed */
/* Closes it; |why| is counted. */
void gw_tcp_end(gw_tcp *tcp, uint32_t number, gw_counter why);

typedef enum gw_tcp_look {
  GW_TCP_LOOK_NOTHING, /* yet */
  GW_TCP_LOOK_REQUEST, /* |ufrag|: whom it asks for; borrowed until the next call */
  GW_TCP_LOOK_RUBBISH,
  GW_TCP_LOOK_ENDED,
} gw_tcp_look;
/* What a stranger's stream begins with. */
gw_tcp_look gw_tcp_look_at(gw_tcp *tcp, uint32_t number, wr_bytes *ufrag);
/* It is the session's in |slot|: from now on it is read. */
void gw_tcp_name(gw_tcp *tcp, uint32_t number, uint32_t slot, uint32_t generation);
void gw_tcp_prove(gw_tcp *tcp, uint32_t number); /* no stranger any more */
/* Bytes that came, in |scratch|, lent until the next call; 0: none. -1: the connection has ended. */
int gw_tcp_read(gw_tcp *tcp, uint32_t number, wr_span *bytes);
void gw_tcp_send(gw_tcp *tcp, uint32_t number, wr_bytes datagram);
void gw_tcp_send_waiting(gw_tcp *tcp, uint32_t number); /* there is room again */

/* The stranger whose time is over; GW_TCP_NONE: none. */
uint32_t gw_tcp_expired(const gw_tcp *tcp, wr_time now);
void gw_tcp_tick(gw_tcp *tcp, wr_time now);
wr_time gw_tcp_deadline(const gw_tcp *tcp);

#endif
