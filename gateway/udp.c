/* gateway/udp.c - sockets of the media port. IPv6 sockets are dual-stack: IPv4 travels as mapped addresses there
 * and is IPv4 everywhere above. With a wildcard address, packet information tells to which address a datagram came,
 * and from which one the answer leaves: a peer drops answers from elsewhere. */
#include "gateway/udp.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SOCKET_BUFFER_BYTES (4 * 1024 * 1024)

socklen_t gw_to_sockaddr(struct sockaddr_storage *out, const wr_addr *addr, bool is_v6) {
  memset(out, 0, sizeof(*out));
  if (!is_v6) {
    struct sockaddr_in *in = (void *)out;
    in->sin_family = AF_INET;
    in->sin_port = htons(addr->port);
    memcpy(&in->sin_addr, addr->ip, 4);
    return sizeof(*in);
  }
  struct sockaddr_in6 *in6 = (void *)out;
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons(addr->port);
  if (addr->family == 6) {
    memcpy(&in6->sin6_addr, addr->ip, 16);
  } else {
    memset(in6->sin6_addr.s6_addr + 10, 0xff, 2);
    memcpy(in6->sin6_addr.s6_addr + 12, addr->ip, 4);
  }
  return sizeof(*in6);
}

static wr_addr from_v6(const uint8_t ip[16], uint16_t port) {
  static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
  wr_addr addr = {.port = port};
  if (memcmp(ip, mapped, 12) == 0) {
    addr.family = 4;
    memcpy(addr.ip, ip + 12, 4);
  } else {
    addr.family = 6;
    memcpy(addr.ip, ip, 16);
  }
  return addr;
}

wr_addr gw_addr_of(const struct sockaddr_storage *in) {
  if (in->ss_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const void *)in;
    return from_v6(in6->sin6_addr.s6_addr, ntohs(in6->sin6_port));
  }
  const struct sockaddr_in *in4 = (const void *)in;
  wr_addr addr = {.family = 4, .port = ntohs(in4->sin_port)};
  memcpy(addr.ip, &in4->sin_addr, 4);
  return addr;
}

static int refused(int fd, const wr_addr *addr, char *error) {
  char text[WR_ADDR_TEXT_MAX];
  wr_addr_text(addr, text);
  snprintf(error, GW_CONFIG_ERROR_MAX, "udp: cannot use port %u on %s: %s", addr->port, text,
           errno == EADDRINUSE ? "it is in use by another program" : strerror(errno));
  if (fd >= 0) close(fd);
  return -1;
}

int gw_udp_bind(const wr_addr *addr, bool shared, wr_addr *bound, char error[GW_CONFIG_ERROR_MAX]) {
  bool is_v6 = addr->family == 6;
  int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return refused(fd, addr, error);
  int one = 1, zero = 0, bytes = SOCKET_BUFFER_BYTES;
  if (is_v6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
  if (shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  if (gw_addr_is_any(addr)) {
    if (is_v6)
      setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one));
    else
      setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
  }
  struct sockaddr_storage name;
  socklen_t len = gw_to_sockaddr(&name, addr, is_v6);
  if (bind(fd, (struct sockaddr *)&name, len)) return refused(fd, addr, error);
  len = sizeof(name);
  if (getsockname(fd, (struct sockaddr *)&name, &len)) return refused(fd, addr, error);
  *bound = *addr;
  bound->port = gw_addr_of(&name).port;
  return fd;
}

void gw_udp_init(gw_udp *udp, int fd, const wr_addr *bound) {
  udp->fd = fd;
  udp->bound = *bound;
  udp->is_v6 = bound->family == 6;
  udp->any = gw_addr_is_any(bound);
  udp->n_out = 0;
  for (unsigned i = 0; i < GW_BATCH; i++) {
    udp->in_iov[i] = (struct iovec){udp->in_bytes[i], GW_DATAGRAM_MAX};
    udp->in[i].msg_hdr = (struct msghdr){.msg_name = &udp->in_addr[i], .msg_iov = &udp->in_iov[i], .msg_iovlen = 1};
    udp->out[i].msg_hdr =
        (struct msghdr){.msg_name = &udp->out_addr[i], .msg_iov = &udp->out_iov[i], .msg_iovlen = 1};
  }
}

unsigned gw_udp_recv(gw_udp *udp) {
  for (unsigned i = 0; i < GW_BATCH; i++) {
    udp->in[i].msg_hdr.msg_namelen = sizeof(udp->in_addr[i]);
    udp->in[i].msg_hdr.msg_control = udp->any ? udp->in_control[i] : NULL;
    udp->in[i].msg_hdr.msg_controllen = udp->any ? sizeof(udp->in_control[i]) : 0;
  }
  int n = recvmmsg(udp->fd, udp->in, GW_BATCH, MSG_DONTWAIT, NULL);
  return n > 0 ? (unsigned)n : 0;
}

static void read_packet_info(const gw_udp *udp, struct msghdr *header, wr_addr *local) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof(info));
      *local = (wr_addr){.family = 4, .port = udp->bound.port};
      memcpy(local->ip, &info.ipi_addr, 4);
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info;
      memcpy(&info, CMSG_DATA(c), sizeof(info));
      *local = from_v6(info.ipi6_addr.s6_addr, udp->bound.port);
    }
  }
}

bool gw_udp_get(gw_udp *udp, unsigned i, wr_path *path, wr_span *datagram) {
  struct msghdr *header = &udp->in[i].msg_hdr;
  path->remote = gw_addr_of(&udp->in_addr[i]);
  path->local = udp->bound;
  if (udp->any) read_packet_info(udp, header, &path->local);
  *datagram = (wr_span){udp->in_bytes[i], udp->in[i].msg_len};
  return !(header->msg_flags & MSG_TRUNC);
}

uint8_t *gw_udp_room(gw_udp *udp) {
  if (udp->n_out == GW_BATCH) gw_udp_flush(udp);
  return udp->out_bytes[udp->n_out];
}

static void write_packet_info(gw_udp *udp, unsigned i, const wr_addr *local) {
  struct msghdr *header = &udp->out[i].msg_hdr;
  header->msg_control = NULL;
  header->msg_controllen = 0;
  if (!udp->any || !local->family || gw_addr_is_any(local)) return;
  header->msg_control = udp->out_control[i];
  memset(udp->out_control[i], 0, sizeof(udp->out_control[i]));
  if (udp->is_v6) {
    struct in6_pktinfo info = {0};
    struct sockaddr_storage name;
    gw_to_sockaddr(&name, local, true);
    memcpy(&info.ipi6_addr, &((struct sockaddr_in6 *)&name)->sin6_addr, 16);
    header->msg_controllen = CMSG_SPACE(sizeof(info));
    struct cmsghdr *c = CMSG_FIRSTHDR(header);
    *c =
        (struct cmsghdr){.cmsg_level = IPPROTO_IPV6, .cmsg_type = IPV6_PKTINFO, .cmsg_len = CMSG_LEN(sizeof(info))};
    memcpy(CMSG_DATA(c), &info, sizeof(info));
  } else {
    struct in_pktinfo info = {0};
    memcpy(&info.ipi_spec_dst, local->ip, 4);
    header->msg_controllen = CMSG_SPACE(sizeof(info));
    struct cmsghdr *c = CMSG_FIRSTHDR(header);
    *c = (struct cmsghdr){.cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO, .cmsg_len = CMSG_LEN(sizeof(info))};
    memcpy(CMSG_DATA(c), &info, sizeof(info));
  }
}

void gw_udp_queue(gw_udp *udp, const wr_path *path, size_t len) {
  unsigned i = udp->n_out++;
  udp->out[i].msg_hdr.msg_namelen = gw_to_sockaddr(&udp->out_addr[i], &path->remote, udp->is_v6);
  udp->out_iov[i] = (struct iovec){udp->out_bytes[i], len};
  write_packet_info(udp, i, &path->local);
}

void gw_udp_flush(gw_udp *udp) {
  unsigned at = 0;
  while (at < udp->n_out) {
    int n = sendmmsg(udp->fd, udp->out + at, udp->n_out - at, MSG_DONTWAIT);
    if (n > 0) {
      udp->n_sent += (unsigned)n;
      at += (unsigned)n;
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else { /* no route, no buffer: as if the network had lost this one */
      udp->n_refused++;
      at++;
    }
  }
  udp->n_out = 0;
}

uint32_t gw_udp_overflowed(const gw_udp *udp) {
  uint32_t figures[SK_MEMINFO_VARS] = {0};
  socklen_t len = sizeof(figures);
  return getsockopt(udp->fd, SOL_SOCKET, SO_MEMINFO, figures, &len) ? 0 : figures[SK_MEMINFO_DROPS];
}
