/* gateway/udp.h - batched UDP: recvmmsg in, sendmmsg out. */
#ifndef GATEWAY_UDP_H
#define GATEWAY_UDP_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "gateway/locals.h"
#include "wr/conn.h"

#define GW_BATCH 64
#define GW_DATAGRAM_MAX 1500 /* larger ones are dropped: nobody in WebRTC sends them */

wr_addr gw_addr_of(const struct sockaddr_storage *name);

/* A bound socket, or -1 with |error|: a line for a person. Port 0: any; |*bound| is what it became. |shared|:
 * others on the same port are ours. */
int gw_udp_bind(const wr_addr *addr, bool shared, wr_addr *bound, char error[GW_CONFIG_ERROR_MAX]);
/* IPv4 as a mapped address for an IPv6 socket; the length of it. */
socklen_t gw_to_sockaddr(struct sockaddr_storage *out, const wr_addr *addr, bool is_v6);

typedef struct gw_udp {
  int fd;
  bool is_v6;
  wr_addr bound;
  bool any;
  unsigned n_out;
  uint64_t n_sent, n_refused;
  struct mmsghdr in[GW_BATCH], out[GW_BATCH];
  struct iovec in_iov[GW_BATCH], out_iov[GW_BATCH];
  struct sockaddr_storage in_addr[GW_BATCH], out_addr[GW_BATCH];
  uint8_t in_control[GW_BATCH][64], out_control[GW_BATCH][64];
  uint8_t in_bytes[GW_BATCH][GW_DATAGRAM_MAX], out_bytes[GW_BATCH][WR_CONN_MTU + 80];
} gw_udp;

void gw_udp_init(gw_udp *udp, int fd, const wr_addr *bound);
/* Receives up to GW_BATCH datagrams; how many. */
unsigned gw_udp_recv(gw_udp *udp);
/* The i-th of them. false: it was larger than GW_DATAGRAM_MAX. */
bool gw_udp_get(gw_udp *udp, unsigned i, wr_path *path, wr_span *datagram);
/* Room for the next datagram, WR_CONN_MTU bytes. Sends what is there when all room is used. */
uint8_t *gw_udp_room(gw_udp *udp);
/* The bytes in the room are to go along |path|. */
void gw_udp_queue(gw_udp *udp, const wr_path *path, size_t len);
void gw_udp_flush(gw_udp *udp);
/* How many datagrams the system threw away so far because the socket's queue was full; wraps around. Any thread. */
uint32_t gw_udp_overflowed(const gw_udp *udp);

#endif
