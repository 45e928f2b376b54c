/* conn/roam.h - data of a peer whose network has given it another address.
 *
 * Browsers check a path that works every 2.5 s only; their media and data go on at once from the new address, and a
 * server with one socket cannot tell whose they are. What stands in the clear gives a hint: SSRC and sequence
 * number of SRTP, epoch and record number of DTLS. A hint proves nothing. It is worth one ICE check to that
 * address, whose answer does; QUIC validates a path in the same way (RFC 9000 8.2). A value. */
#ifndef WR_CONN_ROAM_H
#define WR_CONN_ROAM_H

#include "wr/types.h"

#define WR_ROAM_QUIET_US 50000 /* a peer heard this recently is where it was */
#define WR_ROAM_RECORDS 256    /* how far a record may be ahead of the last */
#define WR_ROAM_PACKETS 1000   /* the same for SRTP: 20 s of sound */

typedef struct wr_roam {
  wr_time heard_at;   /* something authenticated came from the peer; 0: not yet */
  uint64_t record;    /* number of the last authenticated record of application data */
  uint64_t record_in; /* of the datagram that is being received; 0: it has none */
} wr_roam;

/* Before a datagram is given to DTLS, and when application data came out of it. */
void wr_roam_record_in(wr_roam *roam, wr_bytes datagram);
void wr_roam_record_read(wr_roam *roam);
/* Whether |datagram| may continue what the peer sent; |has_source|: with |ssrc| and |seq| of its last sound. */
bool wr_roam_may_continue(const wr_roam *roam, wr_bytes datagram, bool has_source, uint32_t ssrc, uint16_t seq,
                          wr_time now);

#endif
