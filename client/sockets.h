/* client/sockets.h - sockets of the native client, in libwr's addresses. */
#ifndef CLIENT_SOCKETS_H
#define CLIENT_SOCKETS_H

#include "wr/types.h"

/* The address of ours from which the host of |url| is reached, port 0; sends nothing. false: it cannot be reached.
 */
bool sockets_find_local(const char *url, wr_addr *local);
/* A non-blocking socket bound to |local|, whose port is filled in. -1: errno says why. */
int sockets_open(wr_addr *local);
/* A non-blocking TCP connection on its way along |path|; -1: errno says why. */
int sockets_connect(const wr_path *path);
/* A full socket or an unreachable candidate is a lost datagram, which every layer above survives. */
void sockets_send(int fd, const wr_addr *to, const uint8_t *bytes, size_t len);
/* Bytes received, or -1: nothing waits. */
long sockets_recv(int fd, wr_addr *from, uint8_t *bytes, size_t cap);

#endif
