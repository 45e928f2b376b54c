/* client/servers.h - the STUN and TURN servers that a gateway names, for a gathering over one UDP socket.
 *
 * Left out: TURN over TCP and TLS; where UDP gets nowhere the client has TCP to the gateway itself (--transport).
 */
#ifndef CLIENT_SERVERS_H
#define CLIENT_SERVERS_H

#include <jansson.h>

#include "wr/gather.h"

#define CLIENT_KEEP_US WR_S(15) /* NATs forget after 30 s */

/* "stun:HOST", "turn:HOST:PORT?transport=udp" ..: its address of |family|, which may take seconds to look up.
 * false: none, or not by UDP. */
bool servers_address(const char *url, uint8_t family, wr_addr *addr, bool *relays);
/* A gathering over the socket at |base| with those of |list|, an array of RTCIceServer; to be freed by free, after
 * the connection that used it. NULL: there are none for it. */
wr_gather *servers_gather(const json_t *list, const wr_addr *base, const wr_crypto *crypto, wr_rng rng,
                          wr_time now);

#endif
