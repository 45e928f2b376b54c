/* client/sockets.c - see sockets.h. */
#include "client/sockets.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static socklen_t to_sockaddr(const wr_addr *addr, struct sockaddr_storage *out) {
  memset(out, 0, sizeof *out);
  if (addr->family == 6) {
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(addr->port);
    memcpy(&six->sin6_addr, addr->ip, 16);
    return sizeof *six;
  }
  struct sockaddr_in *four = (struct sockaddr_in *)out;
  four->sin_family = AF_INET;
  four->sin_port = htons(addr->port);
  memcpy(&four->sin_addr, addr->ip, 4);
  return sizeof *four;
}

static void from_sockaddr(const struct sockaddr_storage *in, wr_addr *addr) {
  memset(addr, 0, sizeof *addr);
  if (in->ss_family == AF_INET6) {
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)in;
    addr->family = 6;
    addr->port = ntohs(six->sin6_port);
    memcpy(addr->ip, &six->sin6_addr, 16);
    return;
  }
  const struct sockaddr_in *four = (const struct sockaddr_in *)in;
  addr->family = 4;
  addr->port = ntohs(four->sin_port);
  memcpy(addr->ip, &four->sin_addr, 4);
}

bool sockets_find_local(const char *url, wr_addr *local) {
  char host[256];
  const char *at = strstr(url, "://");
  at = at ? at + 3 : url;
  bool bracket = *at == '[';
  at += bracket;
  size_t len = strcspn(at, bracket ? "]" : ":/");
  snprintf(host, sizeof host, "%.*s", (int)len, at);
  struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found = NULL;
  if (getaddrinfo(host, "9", &hints, &found)) return false;
  int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct sockaddr_storage here;
  socklen_t here_len = sizeof here;
  bool ok = fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) == 0 &&
            getsockname(fd, (struct sockaddr *)&here, &here_len) == 0;
  freeaddrinfo(found);
  if (fd >= 0) close(fd);
  if (!ok) return false;
  from_sockaddr(&here, local);
  local->port = 0;
  return true;
}

int sockets_open(wr_addr *local) {
  struct sockaddr_storage here;
  socklen_t len = to_sockaddr(local, &here);
  int fd = socket(here.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (bind(fd, (struct sockaddr *)&here, len) || getsockname(fd, (struct sockaddr *)&here, &len)) {
    close(fd);
    return -1;
  }
  from_sockaddr(&here, local);
  return fd;
}

int sockets_connect(const wr_path *path) {
  struct sockaddr_storage here, there;
  socklen_t here_len = to_sockaddr(&path->local, &here), there_len = to_sockaddr(&path->remote, &there);
  int fd = socket(there.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  if (fd < 0) return -1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (!bind(fd, (struct sockaddr *)&here, here_len) &&
      (!connect(fd, (struct sockaddr *)&there, there_len) || errno == EINPROGRESS))
    return fd;
  close(fd);
  return -1;
}

void sockets_send(int fd, const wr_addr *to, const uint8_t *bytes, size_t len) {
  struct sockaddr_storage there;
  socklen_t there_len = to_sockaddr(to, &there);
  ssize_t sent = sendto(fd, bytes, len, 0, (struct sockaddr *)&there, there_len);
  (void)sent;
}

long sockets_recv(int fd, wr_addr *from, uint8_t *bytes, size_t cap) {
  struct sockaddr_storage there;
  socklen_t len = sizeof there;
  ssize_t n = recvfrom(fd, bytes, cap, 0, (struct sockaddr *)&there, &len);
  if (n >= 0) from_sockaddr(&there, from);
  return (long)n;
}
