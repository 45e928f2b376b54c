/* gateway/reach_way.h - the socket that leads a worker to a TURN server: UDP, TCP or TLS, never blocking. */
#ifndef GATEWAY_REACH_WAY_H
#define GATEWAY_REACH_WAY_H

#include <openssl/ssl.h>

#include "gateway/ice_url.h"
#include "wr/types.h"

#define GW_REACH_BYTES 16384 /* waiting for a server by TCP; what comes beyond is dropped, as a network would */
#define GW_REACH_CONNECT_US WR_S(8) /* for TCP and TLS */

typedef enum gw_reach_way_state { GW_REACH_WAY_WAITS, GW_REACH_WAY_UP, GW_REACH_WAY_FAILED } gw_reach_way_state;

typedef struct gw_reach_way {
  int fd; /* -1: none */
  bool stream, connecting, shaking;
  wr_time until; /* connecting or shaking hands: no longer */
  SSL *ssl;      /* NULL: no TLS */
  size_t n_out;
  char why[96]; /* of what failed, for the log */
  uint8_t out[GW_REACH_BYTES];
} gw_reach_way;

/* For all ways of the process. NULL: |ca_file| cannot be read. */
SSL_CTX *gw_reach_way_tls(const char *ca_file);

/* Begins. |url|: host, tcp, secured; |tls| if it is secured. The socket is in |epoll|, with data 0; |*base| is its
 * address. false: |why|. Always to be closed. */
bool gw_reach_way_open(gw_reach_way *way, const gw_ice_url *url, const wr_addr *to, SSL_CTX *tls, int epoll,
                       wr_addr *base, wr_time now);
void gw_reach_way_close(gw_reach_way *way);
/* While WAITS: to be called when something happened at the socket, and at |until|. */
gw_reach_way_state gw_reach_way_follow(gw_reach_way *way, wr_time now);
/* One datagram, or bytes of the stream: these wait where the socket takes no more. */
void gw_reach_way_send(gw_reach_way *way, wr_bytes bytes);
void gw_reach_way_flush(gw_reach_way *way);
/* Bytes taken; 0: none now; -1: it has ended, |why|. */
long gw_reach_way_recv(gw_reach_way *way, uint8_t *out, size_t cap);

#endif
