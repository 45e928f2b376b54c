/* gateway/reach.c - sockets around two gatherings of wr/gather.h. */
#include "gateway/reach.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "gateway/log.h"

#define BACK_OFF_LEAST WR_S(1)
#define BACK_OFF_MOST WR_S(60)

/* ---- names ---- */

static wr_addr addr_of(const struct sockaddr_storage *in) {
  wr_addr addr = {0};
  const struct sockaddr_in *v4 = (const void *)in;
  const struct sockaddr_in6 *v6 = (const void *)in;
  if (in->ss_family == AF_INET) {
    addr = (wr_addr){.family = 4, .port = ntohs(v4->sin_port)};
    memcpy(addr.ip, &v4->sin_addr, 4);
  } else if (in->ss_family == AF_INET6) {
    addr = (wr_addr){.family = 6, .port = ntohs(v6->sin6_port)};
    memcpy(addr.ip, &v6->sin6_addr, 16);
  }
  return addr;
}

static socklen_t sockaddr_of(struct sockaddr_storage *out, const wr_addr *addr) {
  memset(out, 0, sizeof(*out));
  if (addr->family == 4) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
    memcpy(&v4.sin_addr, addr->ip, 4);
    memcpy(out, &v4, sizeof(v4));
    return sizeof(v4);
  }
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(addr->port)};
  memcpy(&v6.sin6_addr, addr->ip, 16);
  memcpy(out, &v6, sizeof(v6));
  return sizeof(v6);
}

/* At most one address of each family; how many. */
static size_t look_up(const gw_ice_url *url, wr_addr found[2]) {
  char port[8];
  snprintf(port, sizeof(port), "%u", (unsigned)url->port);
  const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
  struct addrinfo *list = NULL;
  if (getaddrinfo(url->host, port, &hints, &list)) return 0;
  size_t n = 0;
  for (const struct addrinfo *at = list; at && n < 2; at = at->ai_next) {
    struct sockaddr_storage copy = {0};
    memcpy(&copy, at->ai_addr, at->ai_addrlen);
    wr_addr addr = addr_of(&copy);
    if (addr.family && (n == 0 || found[0].family != addr.family)) found[n++] = addr;
  }
  freeaddrinfo(list);
  return n;
}

static void add_server(gw_reach_servers *s, const gw_ice_url *url, size_t listed, bool wants_relay) {
  wr_addr found[2];
  if (url->secured || (url->relays && !wants_relay)) return;
  size_t n = look_up(url, found);
  if (!n) gw_log(GW_WARN, "reach_unknown_name", "host", url->host, NULL);
  for (size_t i = 0; i < n; i++) {
    if (!url->relays && s->n_stun < GW_REACH_STUN) s->stun[s->n_stun++] = found[i];
    if (!url->relays || s->n_relays == GW_REACH_RELAYS) continue;
    s->relay[s->n_relays].addr = found[i];
    s->relay[s->n_relays].tcp = url->tcp;
    s->relay[s->n_relays++].listed = listed;
  }
}

void gw_reach_find(gw_reach_servers *servers, const gw_config *config) {
  const gw_ice_list *list = &config->ice_servers;
  char why[GW_ICE_WHY_MAX];
  *servers = (gw_reach_servers){0};
  if (strcmp(config->reach, "direct") == 0) return;
  bool wants_relay = strcmp(config->reach, "relay") == 0;
  for (size_t i = 0; i < list->n; i++)
    for (size_t k = 0; k < list->server[i].n_urls; k++) {
      gw_ice_url url;
      if (gw_ice_url_parse(&url, list->server[i].url[k], why)) add_server(servers, &url, i, wants_relay);
    }
}

/* ---- life ---- */

static bool is_loopback_or_mapped(const gw_locals *locals, size_t i) {
  return gw_addr_is_loopback(&locals->at[i].base) || !wr_addr_equal(&locals->at[i].base, &locals->at[i].shown);
}

static bool open_stun(gw_reach *r, const gw_locals *locals, wr_time now) {
  wr_gather_server servers[GW_REACH_STUN] = {0};
  for (size_t i = 0; i < r->servers->n_stun; i++) servers[i].addr = r->servers->stun[i];
  const wr_gather_settings settings = {.rng = r->rng,
                                       .crypto = r->crypto,
                                       .servers = servers,
                                       .n_servers = r->servers->n_stun,
                                       .keep_us = GW_REACH_KEEP_US};
  r->stun_memory = calloc(1, wr_gather_size(&settings));
  if (!r->stun_memory) return false;
  r->stun = wr_gather_init(r->stun_memory, &settings, now);
  for (size_t i = 0; i < locals->n; i++)
    if (!is_loopback_or_mapped(locals, i)) (void)wr_gather_add_base(r->stun, &locals->at[i].base, now);
  return true;
}

bool gw_reach_open(gw_reach *r, const gw_reach_servers *servers, const gw_config *config, const gw_locals *locals,
                   bool asks, const wr_crypto *crypto, wr_rng rng, wr_time now) {
  memset(r, 0, offsetof(gw_reach, in));
  r->fd = -1;
  r->retry_at = WR_NEVER;
  if (!servers || (!servers->n_stun && !servers->n_relays)) return true;
  r->servers = servers;
  r->config = config;
  r->crypto = crypto;
  r->rng = rng;
  if (servers->n_relays) r->retry_at = now;
  return !asks || !servers->n_stun || open_stun(r, locals, now);
}

static void drop_relay(gw_reach *r) {
  if (r->relay) {
    wr_gather_wipe(r->relay);
    free(r->relay_memory);
  }
  if (r->fd >= 0) close(r->fd);
  r->relay = NULL;
  r->relay_memory = NULL;
  r->fd = -1;
  r->connecting = false;
  r->n_in = r->in_at = r->n_out = 0;
  for (size_t i = 0; i < r->n; i++) {
    if (r->address[i].type != WR_CANDIDATE_RELAY) continue;
    r->former[r->n_former++ % 4] = r->address[i].base;
    r->address[i] = r->address[--r->n];
    return;
  }
}

void gw_reach_close(gw_reach *r) {
  if (!r->servers) return;
  drop_relay(r);
  free(r->stun_memory);
}

/* The next server, later. */
static void fail(gw_reach *r, const char *why, wr_time now) {
  char number[12];
  snprintf(number, sizeof(number), "%zu", r->at);
  gw_log(GW_WARN, "reach_no_relay", "server", number, "reason", why, NULL);
  drop_relay(r);
  r->at = (r->at + 1) % r->servers->n_relays;
  wr_time wait = r->n_failures < 6 ? BACK_OFF_LEAST << r->n_failures : BACK_OFF_MOST;
  r->n_failures++;
  r->retry_at = now + wait;
}

/* ---- the relay ---- */

static gw_ice_server credentials_of(const gw_reach *r) {
  gw_ice_server server = r->config->ice_servers.server[r->servers->relay[r->at].listed];
  if (!server.username[0] && r->config->turn_secret[0])
    gw_ice_sign(&server, r->config->turn_secret, (int64_t)time(NULL) + r->config->turn_ttl, "gateway", r->crypto);
  return server;
}

static bool dial(gw_reach *r, int epoll, wr_addr *base) {
  const wr_addr *to = &r->servers->relay[r->at].addr;
  bool tcp = r->servers->relay[r->at].tcp;
  struct sockaddr_storage name;
  socklen_t len = sockaddr_of(&name, to);
  r->fd = socket(name.ss_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (r->fd < 0) return false;
  int on = 1; /* speech does not wait to fill a segment */
  if (tcp) (void)setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  r->connecting = tcp;
  if (connect(r->fd, (struct sockaddr *)&name, len) && errno != EINPROGRESS) return false;
  len = sizeof(name);
  if (getsockname(r->fd, (struct sockaddr *)&name, &len)) return false;
  *base = addr_of(&name);
  struct epoll_event event = {.events = tcp ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN, .data.u64 = 0};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, r->fd, &event) == 0;
}

static void open_relay(gw_reach *r, int epoll, wr_time now) {
  gw_ice_server server = credentials_of(r);
  wr_gather_server relay = {.addr = r->servers->relay[r->at].addr,
                            .relay = true,
                            .stream = r->servers->relay[r->at].tcp,
                            .username = server.username,
                            .password = server.credential};
  r->retry_at = WR_NEVER;
  if (!dial(r, epoll, &relay.base)) {
    fail(r, strerror(errno), now);
    return;
  }
  const wr_gather_settings settings = {
      .rng = r->rng, .crypto = r->crypto, .servers = &relay, .n_servers = 1, .n_peers = GW_REACH_PEERS};
  r->relay_memory = calloc(1, wr_gather_size(&settings));
  r->relay = r->relay_memory ? wr_gather_init(r->relay_memory, &settings, now) : NULL;
  if (!r->relay) fail(r, "no memory", now);
}

/* Bytes of a stream wait here when the socket takes no more; datagrams do not wait. */
static void put(gw_reach *r, wr_bytes bytes) {
  ssize_t sent = r->n_out ? 0 : send(r->fd, bytes.data, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
  size_t n_sent = sent > 0 ? (size_t)sent : 0;
  if (!r->servers->relay[r->at].tcp || n_sent == bytes.len) return;
  if (bytes.len - n_sent > sizeof(r->out) - r->n_out && !n_sent) return;
  memcpy(r->out + r->n_out, bytes.data + n_sent, bytes.len - n_sent);
  r->n_out += bytes.len - n_sent;
}

static void send_waiting(gw_reach *r) {
  if (!r->n_out) return;
  ssize_t sent = send(r->fd, r->out, r->n_out, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent <= 0) return;
  r->n_out -= (size_t)sent;
  memmove(r->out, r->out + sent, r->n_out);
}

/* A connection under way has come about, or not. */
static void follow_connection(gw_reach *r, wr_time now) {
  struct sockaddr_storage name;
  socklen_t len = sizeof(name), size = sizeof(int);
  int error = 0;
  if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &size) || error) {
    fail(r, strerror(error), now);
    return;
  }
  if (getpeername(r->fd, (struct sockaddr *)&name, &len)) return; /* not yet */
  r->connecting = false;
  wr_gather_stream_up(r->relay, 0, now);
}

void gw_reach_learn(gw_reach *r, const gw_reach_address *address) {
  size_t i = 0; /* what it takes the place of: the former address of the same socket */
  while (i < r->n && (r->address[i].type != address->type || !wr_addr_equal(&r->address[i].base, &address->base)))
    i++;
  if (i == GW_LOCALS_MAX) return;
  r->address[i] = *address;
  if (i == r->n) r->n++;
}

static void follow_relay(gw_reach *r, wr_time now) {
  wr_gather_event event;
  while (r->relay && wr_gather_poll_event(r->relay, &event)) {
    if (event.kind != WR_GATHER_EVENT_CANDIDATE) {
      fail(r, event.why, now);
    } else if (event.type == WR_CANDIDATE_RELAY) {
      r->n_failures = 0;
      gw_log(GW_INFO, "reach_relay", "way", r->servers->relay[r->at].tcp ? "tcp" : "udp", NULL);
      gw_reach_learn(r, &(gw_reach_address){event.base, event.shown, event.type});
    }
  }
}

bool gw_reach_news(gw_reach *r, gw_reach_address *address) {
  wr_gather_event event;
  while (r->stun && wr_gather_poll_event(r->stun, &event)) {
    if (event.kind == WR_GATHER_EVENT_CANDIDATE) {
      gw_log(GW_INFO, "reach_reflexive", NULL);
      *address = (gw_reach_address){event.base, event.shown, event.type};
      return true;
    }
    gw_log(GW_WARN, "reach_no_stun", "reason", event.why, NULL);
  }
  return false;
}

static void poll_relay(gw_reach *r, wr_time now) {
  uint8_t bytes[WR_GATHER_OUT_MAX];
  wr_gather_way way;
  size_t len;
  send_waiting(r);
  while (r->relay && (len = wr_gather_poll(r->relay, &way, bytes, sizeof(bytes), now)) > 0)
    put(r, wr_bytes_of(bytes, len));
  follow_relay(r, now);
}

void gw_reach_tick(gw_reach *r, gw_udp *udp, int epoll, wr_time now) {
  if (!r->servers) return;
  wr_gather_way way;
  uint8_t bytes[WR_GATHER_OUT_MAX];
  size_t len;
  while (r->stun && (len = wr_gather_poll(r->stun, &way, bytes, sizeof(bytes), now)) > 0) {
    memcpy(gw_udp_room(udp), bytes, len); /* a binding request: shorter than the room */
    gw_udp_queue(udp, &way.path, len);
  }
  if (now >= r->retry_at) open_relay(r, epoll, now);
  if (r->relay && r->connecting) follow_connection(r, now);
  if (r->relay && !r->connecting) poll_relay(r, now);
}

wr_time gw_reach_deadline(const gw_reach *r) {
  wr_time at = r->retry_at;
  if (r->stun) at = wr_time_min(at, wr_gather_deadline(r->stun));
  return r->relay ? wr_time_min(at, wr_gather_deadline(r->relay)) : at;
}

/* ---- datagrams ---- */

void gw_reach_add_to(const gw_reach *r, wr_conn *conn, wr_time now) {
  for (size_t i = 0; i < r->n; i++)
    (void)wr_conn_add_local_candidate(conn, &r->address[i].base, &r->address[i].shown, r->address[i].type, now);
}

bool gw_reach_is_stun(const gw_reach *r, const wr_addr *remote) {
  for (size_t i = 0; r->servers && i < r->servers->n_stun; i++)
    if (wr_addr_equal(&r->servers->stun[i], remote)) return true;
  return false;
}

void gw_reach_take_answer(gw_reach *r, const wr_path *path, wr_span datagram, wr_time now) {
  wr_path none;
  wr_span nothing;
  if (r->stun) (void)wr_gather_recv(r->stun, path, datagram, &none, &nothing, now);
}

/* More bytes into |in|; false: none now. */
static bool fill(gw_reach *r, wr_time now) {
  ssize_t n = recv(r->fd, r->in, sizeof(r->in), MSG_DONTWAIT);
  r->n_in = n > 0 ? (size_t)n : 0;
  r->in_at = 0;
  if (n > 0) return true;
  bool tcp = r->servers->relay[r->at].tcp;
  bool nothing_now = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  if (!tcp || nothing_now) return !tcp && n < 0 && errno == ECONNREFUSED; /* told once; TURN has its own patience */
  fail(r, n == 0 ? "it closed the connection" : strerror(errno), now);
  return false;
}

static wr_gather_input take(gw_reach *r, wr_path *path, wr_span *datagram, wr_time now) {
  const wr_addr *server = &r->servers->relay[r->at].addr;
  wr_span rest = {r->in + r->in_at, r->n_in - r->in_at};
  if (!r->servers->relay[r->at].tcp) {
    r->in_at = r->n_in;
    return wr_gather_recv(r->relay, &(wr_path){.remote = *server}, rest, path, datagram, now);
  }
  size_t taken;
  wr_gather_input input = wr_gather_recv_stream(r->relay, 0, wr_span_bytes(rest), &taken, path, datagram, now);
  r->in_at = taken == SIZE_MAX ? r->n_in : r->in_at + taken;
  return input;
}

bool gw_reach_recv(gw_reach *r, wr_path *path, wr_span *datagram, wr_time now) {
  while (r->relay && !r->connecting) {
    if (r->in_at == r->n_in && !fill(r, now)) return false;
    if (r->in_at < r->n_in && take(r, path, datagram, now) == WR_GATHER_RELAYED) return true;
    follow_relay(r, now);
  }
  return false;
}

static bool is_former(const gw_reach *r, const wr_addr *local) {
  for (unsigned i = 0; local->family && i < 4; i++)
    if (wr_addr_equal(&r->former[i], local)) return true;
  return false;
}

bool gw_reach_send(gw_reach *r, const wr_path *path, wr_bytes datagram, wr_time now) {
  uint8_t bytes[WR_GATHER_OUT_MAX];
  wr_gather_way way;
  if (!r->relay || !wr_gather_is_relayed(r->relay, &path->local)) return is_former(r, &path->local);
  size_t len = wr_gather_send(r->relay, path, datagram, &way, bytes, sizeof(bytes), now);
  if (len) put(r, wr_bytes_of(bytes, len));
  return true;
}
