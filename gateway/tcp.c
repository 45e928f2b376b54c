/* gateway/tcp.c - the table of connections, their sockets, and what waits to be sent. Whose they are: worker_tcp.c.
 */
#include "gateway/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/io.h"
#include "gateway/udp.h"

#define BACKLOG 1024
#define ACCEPTS_MAX 64 /* in one turn */
#define SOCKET_BYTES 65536
#define READ_BYTES 65536
#define DEAD_MS 20000 /* nothing of what we sent was acknowledged for so long */
#define PAUSE_US WR_MS(100)

static void count(gw_tcp *tcp, gw_counter counter) { tcp->metrics->counter[counter]++; }

/* ---- the listener ---- */

static int refused(int fd, const wr_addr *addr, char *error) {
  char text[WR_ADDR_TEXT_MAX];
  wr_addr_text(addr, text);
  snprintf(error, GW_CONFIG_ERROR_MAX, "tcp: cannot use port %u on %s: %s", addr->port, text,
           errno == EADDRINUSE ? "it is in use by another program" : strerror(errno));
  if (fd >= 0) close(fd);
  return -1;
}

/* Connections inherit these. */
static void set_options(int fd, bool is_v6, bool shared) {
  int one = 1, zero = 0, bytes = SOCKET_BYTES, unsent = GW_TCP_UNSENT_BYTES, dead_ms = DEAD_MS;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (shared) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
  if (is_v6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
}

int gw_tcp_bind(const wr_addr *addr, bool shared, wr_addr *bound, char error[GW_CONFIG_ERROR_MAX]) {
  bool is_v6 = addr->family == 6;
  int fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return refused(fd, addr, error);
  set_options(fd, is_v6, shared);
  struct sockaddr_storage name;
  socklen_t len = gw_to_sockaddr(&name, addr, is_v6);
  if (bind(fd, (struct sockaddr *)&name, len) || listen(fd, BACKLOG)) return refused(fd, addr, error);
  len = sizeof(name);
  if (getsockname(fd, (struct sockaddr *)&name, &len)) return refused(fd, addr, error);
  *bound = *addr;
  bound->port = gw_addr_of(&name).port;
  bound->transport = WR_TCP;
  return fd;
}

/* ---- the table ---- */

static void *zeroed_pages(size_t bytes) {
  void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return mem == MAP_FAILED ? NULL : mem;
}

static bool control(gw_tcp *tcp, int fd, uint32_t number, int verb, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u64 = tcp->tag + number};
  return epoll_ctl(tcp->epoll, verb, fd, &event) == 0;
}

bool gw_tcp_open(gw_tcp *tcp, int listener, const wr_addr *bound, int epoll, uint64_t tag, uint32_t n_sessions,
                 gw_metrics *metrics) {
  *tcp = (gw_tcp){.listener = listener,
                  .epoll = epoll,
                  .tag = tag,
                  .metrics = metrics,
                  .oldest = GW_TCP_NONE,
                  .newest = GW_TCP_NONE,
                  .paused_until = WR_NEVER};
  if (listener < 0) return true;
  tcp->bound = *bound;
  tcp->any = gw_addr_is_any(bound);
  tcp->n_conns = GW_TCP_STRANGERS + 2 * n_sessions + 1;
  tcp->conn = zeroed_pages(tcp->n_conns * sizeof(*tcp->conn));
  tcp->bytes = zeroed_pages(tcp->n_conns * sizeof(*tcp->bytes));
  tcp->free_conns = zeroed_pages(tcp->n_conns * sizeof(*tcp->free_conns));
  tcp->scratch = zeroed_pages(READ_BYTES);
  return tcp->conn && tcp->bytes && tcp->free_conns && tcp->scratch &&
         control(tcp, listener, GW_TCP_NONE, EPOLL_CTL_ADD, EPOLLIN);
}

void gw_tcp_close(gw_tcp *tcp) {
  if (tcp->listener < 0 || !tcp->metrics) return;
  for (uint32_t i = 0; tcp->conn && i < tcp->n_used; i++)
    if (tcp->conn[i].used) close(tcp->conn[i].fd);
  if (tcp->conn) munmap(tcp->conn, tcp->n_conns * sizeof(*tcp->conn));
  if (tcp->bytes) munmap(tcp->bytes, tcp->n_conns * sizeof(*tcp->bytes));
  if (tcp->free_conns) munmap(tcp->free_conns, tcp->n_conns * sizeof(*tcp->free_conns));
  if (tcp->scratch) munmap(tcp->scratch, READ_BYTES);
  close(tcp->listener);
  *tcp = (gw_tcp){.listener = -1};
}

gw_tcp_conn *gw_tcp_at(gw_tcp *tcp, uint32_t number) {
  return number < tcp->n_used && tcp->conn[number].used ? &tcp->conn[number] : NULL;
}

static void join_strangers(gw_tcp *tcp, uint32_t number, wr_time now) {
  gw_tcp_conn *c = &tcp->conn[number];
  c->until = now + GW_TCP_PROOF_US;
  c->older = tcp->newest;
  c->newer = GW_TCP_NONE;
  if (tcp->newest == GW_TCP_NONE)
    tcp->oldest = number;
  else
    tcp->conn[tcp->newest].newer = number;
  tcp->newest = number;
  tcp->n_strangers++;
}

static void leave_strangers(gw_tcp *tcp, uint32_t number) {
  gw_tcp_conn *c = &tcp->conn[number];
  if (c->until == WR_NEVER) return;
  c->until = WR_NEVER;
  if (c->older == GW_TCP_NONE)
    tcp->oldest = c->newer;
  else
    tcp->conn[c->older].newer = c->newer;
  if (c->newer == GW_TCP_NONE)
    tcp->newest = c->older;
  else
    tcp->conn[c->newer].older = c->older;
  tcp->n_strangers--;
}

int gw_tcp_give_away(gw_tcp *tcp, uint32_t number) {
  gw_tcp_conn *c = &tcp->conn[number];
  WR_ASSERT(c->used);
  leave_strangers(tcp, number);
  (void)control(tcp, c->fd, number, EPOLL_CTL_DEL, 0);
  c->used = false;
  tcp->free_conns[tcp->n_free++] = number;
  return c->fd;
}

/* A stranger learns nothing from how it ends; with a reset nothing of it stays in the kernel either. */
static void close_stranger(int fd) {
  struct linger at_once = {.l_onoff = 1};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  close(fd);
}

void gw_tcp_end(gw_tcp *tcp, uint32_t number, gw_counter why) {
  bool is_stranger = tcp->conn[number].until != WR_NEVER;
  int fd = gw_tcp_give_away(tcp, number);
  count(tcp, why);
  if (is_stranger)
    close_stranger(fd);
  else
    close(fd);
}

/* ---- strangers ---- */

static bool same_place(const wr_addr *a, const wr_addr *b) {
  return a->family == b->family && memcmp(a->ip, b->ip, a->family == 4 ? 4 : 8) == 0;
}

static unsigned n_from(const gw_tcp *tcp, const wr_addr *remote) {
  unsigned n = 0;
  for (uint32_t i = tcp->oldest; i != GW_TCP_NONE; i = tcp->conn[i].newer)
    n += same_place(&tcp->conn[i].path.remote, remote);
  return n;
}

/* Whom it has been named for stays out of this: worker_tcp.c tells the session, so only the nameless give way. */
static bool make_room(gw_tcp *tcp) {
  for (uint32_t i = tcp->oldest; i != GW_TCP_NONE; i = tcp->conn[i].newer) {
    if (tcp->conn[i].is_named) continue;
    gw_tcp_end(tcp, i, GW_TCP_CLOSED_CROWDED);
    return true;
  }
  return false;
}

uint32_t gw_tcp_take_over(gw_tcp *tcp, int fd, const wr_path *path, wr_time now) {
  bool is_crowded = n_from(tcp, &path->remote) >= GW_TCP_PER_ADDRESS;
  bool has_room = tcp->n_strangers < GW_TCP_STRANGERS && (tcp->n_free || tcp->n_used < tcp->n_conns);
  if (is_crowded || (!has_room && !make_room(tcp))) {
    count(tcp, is_crowded ? GW_TCP_CLOSED_ADDRESS : GW_TCP_CLOSED_CROWDED);
    close_stranger(fd);
    return GW_TCP_NONE;
  }
  uint32_t number = tcp->n_free ? tcp->free_conns[--tcp->n_free] : tcp->n_used++;
  tcp->conn[number] = (gw_tcp_conn){.fd = fd, .used = true, .path = *path, .until = WR_NEVER, .next = GW_TCP_NONE};
  join_strangers(tcp, number, now);
  /* Edge-triggered: bytes that were looked at and left do not wake us again. */
  if (!control(tcp, fd, number, EPOLL_CTL_ADD, EPOLLIN | EPOLLRDHUP | EPOLLET)) {
    gw_tcp_end(tcp, number, GW_TCP_CLOSED_CROWDED);
    return GW_TCP_NONE;
  }
  return number;
}

static wr_path path_of(const gw_tcp *tcp, int fd, const struct sockaddr_storage *remote) {
  wr_path path = {.local = tcp->bound, .remote = gw_addr_of(remote)};
  struct sockaddr_storage name;
  socklen_t len = sizeof(name);
  if (tcp->any && !getsockname(fd, (struct sockaddr *)&name, &len)) path.local = gw_addr_of(&name);
  path.local.transport = path.remote.transport = WR_TCP;
  return path;
}

void gw_tcp_accept(gw_tcp *tcp, wr_time now) {
  for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
    struct sockaddr_storage remote;
    socklen_t len = sizeof(remote);
    int fd = accept4(tcp->listener, (struct sockaddr *)&remote, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      wr_path path = path_of(tcp, fd, &remote);
      count(tcp, GW_TCP_ACCEPTED);
      (void)gw_tcp_take_over(tcp, fd, &path, now);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      if (make_room(tcp)) continue;
      tcp->paused_until = now + PAUSE_US;
      (void)control(tcp, tcp->listener, GW_TCP_NONE, EPOLL_CTL_MOD, 0);
      return;
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return;
    }
  }
}

gw_tcp_look gw_tcp_look_at(gw_tcp *tcp, uint32_t number, wr_bytes *ufrag) {
  const size_t most = WR_FRAME_HEAD + GW_TCP_FIRST_FRAME_MAX;
  uint8_t *bytes = tcp->scratch;
  ssize_t n = recv(tcp->conn[number].fd, bytes, most, MSG_PEEK | MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? GW_TCP_LOOK_NOTHING : GW_TCP_LOOK_ENDED;
  if (n == 0) return GW_TCP_LOOK_ENDED;
  if (n < WR_FRAME_HEAD) return GW_TCP_LOOK_NOTHING;
  size_t len = wr_get_u16(bytes);
  /* A Binding request begins with 0, 1: what begins otherwise need not be waited for. */
  if (len < 20 || len > GW_TCP_FIRST_FRAME_MAX || (n > 2 && bytes[2] != 0) || (n > 3 && bytes[3] != 1))
    return GW_TCP_LOOK_RUBBISH;
  if ((size_t)n < WR_FRAME_HEAD + len) return GW_TCP_LOOK_NOTHING;
  *ufrag = wr_conn_peek_ufrag(wr_bytes_of(bytes + WR_FRAME_HEAD, len));
  return ufrag->len ? GW_TCP_LOOK_REQUEST : GW_TCP_LOOK_RUBBISH;
}

void gw_tcp_name(gw_tcp *tcp, uint32_t number, uint32_t slot, uint32_t generation) {
  gw_tcp_conn *c = &tcp->conn[number];
  c->is_named = true;
  c->slot = slot;
  c->generation = generation;
  wr_frames_init(&tcp->bytes[number].in);
  (void)control(tcp, c->fd, number, EPOLL_CTL_MOD, EPOLLIN); /* what waits there wakes us at once */
}

void gw_tcp_prove(gw_tcp *tcp, uint32_t number) { leave_strangers(tcp, number); }

/* ---- bytes ---- */

int gw_tcp_read(gw_tcp *tcp, uint32_t number, wr_span *bytes) {
  ssize_t n = recv(tcp->conn[number].fd, tcp->scratch, READ_BYTES, MSG_DONTWAIT);
  *bytes = (wr_span){tcp->scratch, n > 0 ? (size_t)n : 0};
  if (n > 0) return (int)n;
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void watch_room(gw_tcp *tcp, uint32_t number, bool wanted) {
  gw_tcp_conn *c = &tcp->conn[number];
  if (c->is_watched == wanted) return;
  c->is_watched = wanted;
  (void)control(tcp, c->fd, number, EPOLL_CTL_MOD, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void wait_with(gw_tcp *tcp, uint32_t number, wr_bytes bytes) {
  gw_tcp_conn *c = &tcp->conn[number];
  memcpy(tcp->bytes[number].out + c->n_waiting, bytes.data, bytes.len);
  c->n_waiting += (uint32_t)bytes.len;
}

/* How much of a frame the socket takes now. Its end, if it has one, comes as an event. */
static size_t send_now(gw_tcp *tcp, uint32_t number, const uint8_t *head, wr_bytes datagram) {
  if (tcp->conn[number].n_waiting) return 0;
  struct iovec parts[2] = {{(void *)(uintptr_t)head, WR_FRAME_HEAD},
                           {(void *)(uintptr_t)datagram.data, datagram.len}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  ssize_t n = sendmsg(tcp->conn[number].fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  return n > 0 ? (size_t)n : 0;
}

static bool is_media(wr_bytes datagram) { /* RFC 7983 */
  return datagram.len && datagram.data[0] >= 128 && datagram.data[0] <= 191;
}

void gw_tcp_send(gw_tcp *tcp, uint32_t number, wr_bytes datagram) {
  uint8_t head[WR_FRAME_HEAD];
  wr_frame_head(head, datagram.len);
  size_t sent = send_now(tcp, number, head, datagram), whole = WR_FRAME_HEAD + datagram.len;
  size_t bound = is_media(datagram) ? GW_TCP_MEDIA_BYTES : GW_TCP_QUEUE_BYTES;
  if (!sent && tcp->conn[number].n_waiting + whole > bound) {
    count(tcp, is_media(datagram) ? GW_TCP_DROPPED_MEDIA : GW_TCP_DROPPED_OTHER);
    return;
  }
  tcp->n_sent++;
  if (sent == whole) return;
  if (sent < WR_FRAME_HEAD) wait_with(tcp, number, wr_bytes_of(head + sent, WR_FRAME_HEAD - sent));
  size_t body = sent < WR_FRAME_HEAD ? 0 : sent - WR_FRAME_HEAD;
  wait_with(tcp, number, wr_bytes_of(datagram.data + body, datagram.len - body));
  watch_room(tcp, number, true);
}

void gw_tcp_send_waiting(gw_tcp *tcp, uint32_t number) {
  gw_tcp_conn *c = &tcp->conn[number];
  uint8_t *out = tcp->bytes[number].out;
  ssize_t n = c->n_waiting ? send(c->fd, out, c->n_waiting, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
  if (n > 0) {
    c->n_waiting -= (uint32_t)n;
    memmove(out, out + n, c->n_waiting);
  }
  if (!c->n_waiting) watch_room(tcp, number, false);
}

/* ---- time ---- */

uint32_t gw_tcp_expired(const gw_tcp *tcp, wr_time now) {
  return tcp->oldest != GW_TCP_NONE && tcp->conn[tcp->oldest].until <= now ? tcp->oldest : GW_TCP_NONE;
}

void gw_tcp_tick(gw_tcp *tcp, wr_time now) {
  if (now < tcp->paused_until) return;
  tcp->paused_until = WR_NEVER;
  (void)control(tcp, tcp->listener, GW_TCP_NONE, EPOLL_CTL_MOD, EPOLLIN);
}

wr_time gw_tcp_deadline(const gw_tcp *tcp) {
  if (tcp->oldest == GW_TCP_NONE) return tcp->paused_until;
  return wr_time_min(tcp->paused_until, tcp->conn[tcp->oldest].until);
}
