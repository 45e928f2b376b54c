/* gateway/reach.c - sockets around two gatherings of wr/gather.h. */
#include "gateway/reach.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "gateway/log.h"

#define BACK_OFF_LEAST WR_S(1)
#define BACK_OFF_MOST WR_S(60)
#define STEADY WR_S(10)

/* ---- names ---- */

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
    wr_addr addr = gw_addr_of(&copy);
    if (addr.family && (n == 0 || found[0].family != addr.family)) found[n++] = addr;
  }
  freeaddrinfo(list);
  return n;
}

static void add_relay(gw_reach_servers *s, const wr_addr *addr, const gw_ice_url *url, const gw_ice_server *server,
                      bool knows_old) {
  if (s->n_relays == GW_REACH_RELAYS) return;
  gw_reach_relay *relay = &s->relay[s->n_relays++];
  relay->addr = *addr;
  relay->url = *url;
  relay->knows_old = knows_old;
  memcpy(relay->username, server->username, sizeof(relay->username));
  memcpy(relay->credential, server->credential, sizeof(relay->credential));
}

static void add_server(gw_reach_servers *s, const gw_ice_url *url, const gw_ice_server *server) {
  wr_addr found[2];
  if ((url->secured && (!url->relays || !url->tcp)) || (url->relays && !s->wants_relay)) return;
  if (url->secured && !s->tls && !(s->tls = gw_reach_way_tls(s->ca_file))) {
    gw_log(GW_WARN, "reach_no_tls", "certificates", s->ca_file, NULL);
    return;
  }
  size_t n = look_up(url, found);
  if (!n) gw_log(GW_WARN, "reach_unknown_name", "host", url->host, NULL);
  for (size_t i = 0; i < n; i++) {
    if (url->relays) {
      add_relay(s, &found[i], url, server, false);
      if (s->secret_old[0] && !server->username[0]) add_relay(s, &found[i], url, server, true);
    } else if (s->n_stun < GW_REACH_STUN) {
      s->stun[s->n_stun++] = found[i];
    }
  }
}

void gw_reach_want(gw_reach_servers *s, const gw_config *config, const char *ca_file, SSL_CTX *tls) {
  *s = (gw_reach_servers){.wants = strcmp(config->reach, "direct") != 0,
                          .wants_relay = strcmp(config->reach, "relay") == 0,
                          .ca_file = ca_file,
                          .tls = tls,
                          .ttl_s = config->turn_ttl};
  memcpy(s->secret, config->turn_secret, sizeof(s->secret));
  memcpy(s->secret_old, config->turn_secret_old, sizeof(s->secret_old));
}

void gw_reach_find(gw_reach_servers *servers, const gw_ice_list *list) {
  char why[GW_ICE_WHY_MAX];
  for (size_t i = 0; servers->wants && i < list->n; i++)
    for (size_t k = 0; k < list->server[i].n_urls; k++) {
      gw_ice_url url;
      if (gw_ice_url_parse(&url, list->server[i].url[k], why)) add_server(servers, &url, &list->server[i]);
    }
}

/* ---- life ---- */

static const char *way_name(const gw_reach_relay *relay) {
  return relay->url.secured ? "tls" : relay->url.tcp ? "tcp" : "udp";
}

static bool is_loopback_or_mapped(const gw_locals *locals, size_t i) {
  return gw_addr_is_loopback(&locals->at[i].base) || !wr_addr_equal(&locals->at[i].base, &locals->at[i].shown);
}

static bool open_stun(gw_reach *r, wr_time now) {
  wr_gather_server servers[GW_REACH_STUN] = {0};
  if (!r->asks || !r->servers.n_stun) return true;
  for (size_t i = 0; i < r->servers.n_stun; i++) servers[i].addr = r->servers.stun[i];
  const wr_gather_settings settings = {.rng = r->rng,
                                       .crypto = r->crypto,
                                       .servers = servers,
                                       .n_servers = r->servers.n_stun,
                                       .keep_us = GW_REACH_KEEP_US};
  r->stun_memory = calloc(1, wr_gather_size(&settings));
  if (!r->stun_memory) return false;
  r->stun = wr_gather_init(r->stun_memory, &settings, now);
  for (size_t i = 0; i < r->locals->n; i++)
    if (!is_loopback_or_mapped(r->locals, i)) (void)wr_gather_add_base(r->stun, &r->locals->at[i].base, now);
  return true;
}

bool gw_reach_open(gw_reach *r, const gw_reach_servers *servers, const gw_locals *locals, bool asks,
                   const wr_crypto *crypto, wr_rng rng, wr_time now) {
  memset(r, 0, offsetof(gw_reach, way));
  r->way.fd = -1;
  r->way.ssl = NULL;
  r->retry_at = WR_NEVER;
  if (!servers) return true;
  r->wants = true;
  r->asks = asks;
  r->servers = *servers;
  r->locals = locals;
  r->crypto = crypto;
  r->rng = rng;
  if (servers->n_relays) r->retry_at = now;
  return open_stun(r, now);
}

static bool has_same_stun(const gw_reach_servers *a, const gw_reach_servers *b) {
  bool same = a->n_stun == b->n_stun;
  for (size_t i = 0; same && i < a->n_stun; i++) same = wr_addr_equal(&a->stun[i], &b->stun[i]);
  return same;
}

static bool ask_anew(gw_reach *r, wr_time now) {
  free(r->stun_memory);
  r->stun = NULL;
  r->stun_memory = NULL;
  return open_stun(r, now);
}

static bool has_base(const gw_locals *locals, const wr_addr *base) {
  bool found = false;
  for (size_t i = 0; i < locals->n; i++) found = found || wr_addr_equal(&locals->at[i].base, base);
  return found;
}

bool gw_reach_replace(gw_reach *r, const gw_reach_servers *servers, wr_time now) {
  bool same = has_same_stun(&r->servers, servers);
  if (!r->wants) return true;
  r->servers = *servers;
  r->at = 0;
  r->n_failures = 0;
  if (!r->relay) r->retry_at = servers->n_relays ? now : WR_NEVER;
  return same || ask_anew(r, now);
}

bool gw_reach_move(gw_reach *r, const gw_locals *locals, wr_time now) {
  if (!r->wants) return true;
  r->locals = locals;
  for (size_t i = r->n; i-- > 0;) /* what was shown of an address that is gone */
    if (r->address[i].type == WR_CANDIDATE_SRFLX && !has_base(locals, &r->address[i].base))
      r->address[i] = r->address[--r->n];
  return ask_anew(r, now);
}

static void drop_relay(gw_reach *r) {
  if (r->relay) {
    wr_gather_wipe(r->relay);
    free(r->relay_memory);
  }
  gw_reach_way_close(&r->way);
  r->relay = NULL;
  r->relay_memory = NULL;
  r->n_in = r->in_at = 0;
  for (size_t i = 0; i < r->n; i++) {
    if (r->address[i].type != WR_CANDIDATE_RELAY) continue;
    r->former[r->n_former++ % 4] = r->address[i].base;
    r->address[i] = r->address[--r->n];
    return;
  }
}

void gw_reach_close(gw_reach *r) {
  if (!r->wants) return;
  drop_relay(r);
  free(r->stun_memory);
  wr_wipe(&r->servers, sizeof(r->servers));
  wr_wipe(&r->used, sizeof(r->used));
}

/* The next server, later; at once after one that has worked for a while: callers wait for it. */
static void fail(gw_reach *r, const char *why, wr_time now) {
  gw_log(GW_WARN, "reach_no_relay", "server", r->used.url.host, "way", way_name(&r->used), "reason", why, NULL);
  drop_relay(r);
  r->retry_at = WR_NEVER;
  if (!r->servers.n_relays) return;
  r->at = (r->at + 1) % r->servers.n_relays;
  bool worked = r->up_at && now - r->up_at > STEADY;
  wr_time wait = worked ? 0 : r->n_failures < 6 ? BACK_OFF_LEAST << r->n_failures : BACK_OFF_MOST;
  if (!worked) r->n_failures++;
  r->up_at = 0;
  r->retry_at = now + wait;
}

/* ---- the relay ---- */

/* With credentials, signed now if there is a secret for that. */
static gw_reach_relay relay_of(const gw_reach *r) {
  gw_reach_relay relay = r->servers.relay[r->at];
  gw_ice_server signs = {0};
  if (relay.username[0] || !r->servers.secret[0]) return relay;
  const char *secret = relay.knows_old ? r->servers.secret_old : r->servers.secret;
  gw_ice_sign(&signs, secret, (int64_t)time(NULL) + r->servers.ttl_s, "gateway", r->crypto);
  memcpy(relay.username, signs.username, sizeof(relay.username));
  memcpy(relay.credential, signs.credential, sizeof(relay.credential));
  return relay;
}

static void open_relay(gw_reach *r, int epoll, wr_time now) {
  r->used = relay_of(r);
  wr_gather_server relay = {.addr = r->used.addr,
                            .relay = true,
                            .stream = r->used.url.tcp,
                            .username = r->used.username,
                            .password = r->used.credential};
  r->retry_at = WR_NEVER;
  if (!gw_reach_way_open(&r->way, &r->used.url, &r->used.addr, r->servers.tls, epoll, &relay.base, now)) {
    fail(r, r->way.why, now);
    return;
  }
  const wr_gather_settings settings = {.rng = r->rng,
                                       .crypto = r->crypto,
                                       .servers = &relay,
                                       .n_servers = 1,
                                       .n_peers = GW_REACH_PEERS,
                                       .keep_us = GW_REACH_KEEP_US};
  r->relay_memory = calloc(1, wr_gather_size(&settings));
  r->relay = r->relay_memory ? wr_gather_init(r->relay_memory, &settings, now) : NULL;
  if (!r->relay) fail(r, "no memory", now);
}

/* The connection stands and, where wanted, is under TLS; or not yet. */
static bool is_up(const gw_reach *r) { return r->relay && !r->way.connecting && !r->way.shaking; }

static void follow_connection(gw_reach *r, wr_time now) {
  gw_reach_way_state state = gw_reach_way_follow(&r->way, now);
  if (state == GW_REACH_WAY_FAILED)
    fail(r, r->way.why, now);
  else if (state == GW_REACH_WAY_UP)
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
      r->up_at = now;
      gw_log(GW_INFO, "reach_relay", "way", way_name(&r->used), NULL);
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
  gw_reach_way_flush(&r->way);
  while (r->relay && (len = wr_gather_poll(r->relay, &way, bytes, sizeof(bytes), now)) > 0)
    gw_reach_way_send(&r->way, wr_bytes_of(bytes, len));
  follow_relay(r, now);
}

void gw_reach_tick(gw_reach *r, gw_udp *udp, int epoll, wr_time now) {
  if (!r->wants) return;
  wr_gather_way way;
  uint8_t bytes[WR_GATHER_OUT_MAX];
  size_t len;
  while (r->stun && (len = wr_gather_poll(r->stun, &way, bytes, sizeof(bytes), now)) > 0) {
    memcpy(gw_udp_room(udp), bytes, len); /* a binding request: shorter than the room */
    gw_udp_queue(udp, &way.path, len);
  }
  if (now >= r->retry_at) open_relay(r, epoll, now);
  if (r->relay && !is_up(r)) follow_connection(r, now);
  if (is_up(r)) poll_relay(r, now);
}

wr_time gw_reach_deadline(const gw_reach *r) {
  wr_time at = r->retry_at;
  if (r->stun) at = wr_time_min(at, wr_gather_deadline(r->stun));
  if (r->relay && !is_up(r)) return wr_time_min(at, r->way.until);
  return r->relay ? wr_time_min(at, wr_gather_deadline(r->relay)) : at;
}

/* ---- datagrams ---- */

void gw_reach_add_to(const gw_reach *r, wr_conn *conn, wr_time now) {
  for (size_t i = 0; i < r->n; i++)
    (void)wr_conn_add_local_candidate(conn, &r->address[i].base, &r->address[i].shown, r->address[i].type, now);
}

bool gw_reach_is_stun(const gw_reach *r, const wr_addr *remote) {
  for (size_t i = 0; r->wants && i < r->servers.n_stun; i++)
    if (wr_addr_equal(&r->servers.stun[i], remote)) return true;
  return false;
}

void gw_reach_take_answer(gw_reach *r, const wr_path *path, wr_span datagram, wr_time now) {
  wr_path none;
  wr_span nothing;
  if (r->stun) (void)wr_gather_recv(r->stun, path, datagram, &none, &nothing, now);
}

/* More bytes into |in|; false: none now. */
static bool fill(gw_reach *r, wr_time now) {
  long n = gw_reach_way_recv(&r->way, r->in, sizeof(r->in));
  r->n_in = n > 0 ? (size_t)n : 0;
  r->in_at = 0;
  if (n < 0) fail(r, r->way.why, now);
  return n > 0;
}

static wr_gather_input take(gw_reach *r, wr_path *path, wr_span *datagram, wr_time now) {
  wr_span rest = {r->in + r->in_at, r->n_in - r->in_at};
  if (!r->used.url.tcp) {
    r->in_at = r->n_in;
    return wr_gather_recv(r->relay, &(wr_path){.remote = r->used.addr}, rest, path, datagram, now);
  }
  size_t taken;
  wr_gather_input input = wr_gather_recv_stream(r->relay, 0, wr_span_bytes(rest), &taken, path, datagram, now);
  r->in_at = taken == SIZE_MAX ? r->n_in : r->in_at + taken;
  return input;
}

bool gw_reach_recv(gw_reach *r, wr_path *path, wr_span *datagram, wr_time now) {
  while (is_up(r)) {
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
  if (len) gw_reach_way_send(&r->way, wr_bytes_of(bytes, len));
  return true;
}
