/* cli/way.h - a way to a STUN or TURN server: UDP, TCP or TLS, with a time limit on everything. For `check`. */
#ifndef CLI_WAY_H
#define CLI_WAY_H

#include <openssl/ssl.h>

#include "gateway/ice_url.h"
#include "turn/turn.h"

typedef enum way_end {
  WAY_FINE,
  WAY_NO_NAME,     /* the name has no address */
  WAY_NO_ROUTE,    /* the network says no: unreachable, forbidden here */
  WAY_NOBODY,      /* the machine says that nobody listens */
  WAY_SILENT,      /* nothing within the time */
  WAY_CERTIFICATE, /* TLS works, but not with who we want */
  WAY_NO_TLS,      /* what answers does not speak TLS */
  WAY_ENDED,       /* the connection was closed or is not of this protocol */
} way_end;

typedef struct way {
  int fd;
  SSL_CTX *tls;
  SSL *ssl;
  bool is_stream;
  wr_time until; /* everything ends then */
  wr_turn_stream stream;
  size_t n_left, at; /* bytes that came and are not cut yet */
  uint8_t bytes[4096];
  char name[48]; /* whom a certificate that was refused is for */
  char why[128]; /* of CERTIFICATE, NO_ROUTE, NO_TLS */
} way;

wr_time way_now(void);
/* Resolves, connects, shakes hands. Always to be closed. */
way_end way_open(way *w, const gw_ice_url *url, wr_time patience);
void way_close(way *w);
/* Why nothing comes of |url|, over TCP, found out by trying once more: one sentence. |own_ca|: its certificate is
 * judged by a file of the operator's, which ways do not know. |otherwise|: where a way finds nothing wrong. */
void way_explain(char *out, size_t cap, const gw_ice_url *url, bool own_ca, const char *otherwise,
                 wr_time patience);
way_end way_send(way *w, wr_bytes bytes);
/* The next datagram or frame, borrowed until the next call; empty with FINE: none until |at|. */
way_end way_recv(way *w, wr_bytes *frame, uint8_t *datagram, size_t cap, wr_time at);

#endif
