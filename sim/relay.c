/* sim/relay.c - one table of allocations; a client is known by its five-tuple or its pipe. */
#include "sim/relay.h"

#include <stdlib.h>
#include <string.h>

#include "stun/stun.h"
#include "turn/turn.h"

#define PEERS 32
#define FIRST_PORT 40000
#define REALM "sim"
#define LIFETIME_S 600
#define PERMISSION_US WR_S(300)
#define CHANNEL_US WR_S(600)
#define NONCE_BYTES 8

enum { ALLOCATE = 3, REFRESH = 4, SEND = 6, DATA = 7, PERMIT = 8, BIND = 9 };

/* Where a request came from and its answer goes. */
typedef struct client {
  wr_path path;   /* as the server sees it */
  sim_pipe *pipe; /* NULL: UDP */
} client;

typedef struct relay_peer {
  wr_addr addr; /* family 0: free */
  wr_time permitted_until, bound_until;
  uint16_t channel;
} relay_peer;

typedef struct allocation {
  client client;
  uint8_t id[WR_STUN_ID_BYTES]; /* of the request that made it: it may come again (RFC 8656 7.2) */
  wr_addr relayed;              /* family 0: free */
  wr_time until;
  relay_peer peer[PEERS];
} allocation;

struct sim_relay {
  sim_net *net;
  sim_relay_settings settings;
  sim_relay_stats stats;
  uint8_t key[16];
  allocation allocation[SIM_RELAY_ALLOCATIONS];
  size_t n_pipes;
  sim_pipe *pipe[SIM_RELAY_PIPES];
  wr_turn_stream stream[SIM_RELAY_PIPES];
};

sim_relay *sim_relay_open(sim_net *net, const sim_relay_settings *settings) {
  sim_relay *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  const wr_bytes parts[] = {WR_BYTES_LITERAL(SIM_RELAY_USER ":" REALM ":" SIM_RELAY_PASSWORD)};
  r->net = net;
  r->settings = *settings;
  settings->crypto->md5(settings->crypto->ctx, parts, 1, r->key);
  return r;
}

void sim_relay_close(sim_relay *r) { free(r); }
const sim_relay_stats *sim_relay_stats_of(const sim_relay *r) { return &r->stats; }
bool sim_relay_is_host(const sim_relay *r, sim_host_id host) {
  return host >= 0 && (host == r->settings.v4 || host == r->settings.v6);
}

void sim_relay_attach(sim_relay *r, sim_pipe *pipe) {
  WR_ASSERT(r->n_pipes < SIM_RELAY_PIPES);
  wr_turn_stream_init(&r->stream[r->n_pipes]);
  r->pipe[r->n_pipes++] = pipe;
}

static wr_time now_of(const sim_relay *r) { return sim_net_now(r->net); }

static sim_host_id host_of(const sim_relay *r, uint8_t family) {
  return family == 6 ? r->settings.v6 : r->settings.v4;
}

static void reply(sim_relay *r, const client *c, wr_bytes bytes) {
  if (c->pipe)
    sim_pipe_send(c->pipe, 0, bytes, now_of(r));
  else
    sim_net_send(r->net, host_of(r, c->path.local.family), &c->path, bytes);
}

static bool is_same_ip(const wr_addr *a, const wr_addr *b) {
  return a->family == b->family && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

/* ---- tables ---- */

static bool is_live(const sim_relay *r, const allocation *a) { return a->relayed.family && now_of(r) < a->until; }

static allocation *find_allocation(sim_relay *r, const client *c) {
  for (size_t i = 0; i < SIM_RELAY_ALLOCATIONS; i++) {
    allocation *a = &r->allocation[i];
    bool same = c->pipe ? a->client.pipe == c->pipe : !a->client.pipe && wr_path_equal(&a->client.path, &c->path);
    if (same && is_live(r, a)) return a;
  }
  return NULL;
}

static allocation *find_relayed(sim_relay *r, const wr_addr *relayed) {
  for (size_t i = 0; i < SIM_RELAY_ALLOCATIONS; i++)
    if (is_live(r, &r->allocation[i]) && wr_addr_equal(&r->allocation[i].relayed, relayed))
      return &r->allocation[i];
  return NULL;
}

static relay_peer *find_peer(allocation *a, const wr_addr *addr) {
  for (size_t i = 0; i < PEERS; i++)
    if (wr_addr_equal(&a->peer[i].addr, addr)) return &a->peer[i];
  return NULL;
}

static relay_peer *make_peer(allocation *a, const wr_addr *addr) {
  const wr_addr none = {0};
  relay_peer *peer = find_peer(a, addr);
  if (!peer) peer = find_peer(a, &none);
  if (peer) peer->addr = *addr;
  return peer;
}

static bool is_permitted(const sim_relay *r, const allocation *a, const wr_addr *addr) {
  for (size_t i = 0; i < PEERS; i++)
    if (is_same_ip(&a->peer[i].addr, addr) && now_of(r) < a->peer[i].permitted_until) return true;
  return false;
}

/* ---- requests ---- */

static void write_nonce(const sim_relay *r, uint8_t nonce[NONCE_BYTES]) {
  uint64_t epoch = r->settings.nonce_us ? (uint64_t)(now_of(r) / r->settings.nonce_us) : 0;
  for (int i = 0; i < NONCE_BYTES; i++, epoch >>= 4) nonce[i] = (uint8_t)('a' + (epoch & 15));
}

/* 0: |request| is the user's; else the code it is answered with. */
static uint16_t refusal_of(const sim_relay *r, const wr_stun *request) {
  uint8_t nonce[NONCE_BYTES];
  write_nonce(r, nonce);
  if (!request->mac_at || !wr_bytes_equal(request->username, WR_BYTES_LITERAL(SIM_RELAY_USER))) return 401;
  if (!wr_stun_verify(request, r->settings.crypto, wr_bytes_of(r->key, sizeof r->key))) return 401;
  return wr_bytes_equal(request->nonce, wr_bytes_of(nonce, sizeof nonce)) ? 0 : 438;
}

static void refuse(sim_relay *r, const client *c, const wr_stun *request, uint16_t code) {
  uint8_t out[256], nonce[NONCE_BYTES];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_stun_begin(&w, WR_STUN_ERROR, request->method, request->id);
  wr_stun_write_error(&w, code, "no");
  bool challenge = code == 401 || code == 438;
  write_nonce(r, nonce);
  if (challenge) {
    wr_stun_write_bytes(&w, WR_STUN_REALM, WR_BYTES_LITERAL(REALM));
    wr_stun_write_bytes(&w, WR_STUN_NONCE, wr_bytes_of(nonce, sizeof nonce));
  }
  r->stats.n_stale += code == 438;
  r->stats.n_refused += !challenge;
  size_t len = wr_stun_end(&w, r->settings.crypto, wr_bytes_of(r->key, challenge ? 0 : sizeof r->key));
  reply(r, c, wr_bytes_of(out, len));
}

/* A new allocation, or the code it is refused with. */
static uint16_t allocate(sim_relay *r, const client *c, const wr_stun *request, allocation **made) {
  wr_bytes wanted = wr_stun_find(request, WR_STUN_REQUESTED_ADDRESS_FAMILY);
  sim_host_id host = host_of(r, wanted.len == 4 && wanted.data[0] == 2 ? 6 : 4);
  allocation *old = find_allocation(r, c);
  if (old) return memcmp(old->id, request->id, sizeof old->id) == 0 ? 0 : 437;
  if (host < 0) return 440;
  for (size_t i = 0; i < SIM_RELAY_ALLOCATIONS; i++) {
    allocation *a = &r->allocation[i];
    if (is_live(r, a)) continue;
    *a = (allocation){.client = *c,
                      .relayed = sim_net_addr(r->net, host, (uint16_t)(FIRST_PORT + r->stats.n_allocations++))};
    memcpy(a->id, request->id, sizeof a->id);
    *made = a;
    return 0;
  }
  return 486;
}

static uint16_t permit(sim_relay *r, allocation *a, const wr_stun *request) {
  wr_addr addr;
  if (!wr_stun_find_address(request, WR_STUN_XOR_PEER_ADDRESS, &addr)) return 400;
  if (addr.family != a->relayed.family) return 443;
  relay_peer *peer = make_peer(a, &addr);
  if (!peer) return 508;
  peer->permitted_until = now_of(r) + PERMISSION_US;
  if (request->method == PERMIT) return 0;
  wr_bytes value = wr_stun_find(request, WR_STUN_CHANNEL_NUMBER);
  uint16_t channel = value.len == 4 ? wr_get_u16(value.data) : 0;
  if (channel < 0x4000 || channel > 0x4fff) return 400;
  for (size_t i = 0; i < PEERS; i++) { /* RFC 8656 12: one number, one peer */
    bool live = now_of(r) < a->peer[i].bound_until;
    if (live && (a->peer[i].channel == channel) != (&a->peer[i] == peer)) return 400;
  }
  peer->channel = channel;
  peer->bound_until = now_of(r) + CHANNEL_US;
  return 0;
}

/* What |request| asks for is done; 0, or why not. */
static uint16_t serve(sim_relay *r, const client *c, const wr_stun *request, allocation **a) {
  *a = find_allocation(r, c);
  if (request->method == ALLOCATE) {
    uint16_t code = allocate(r, c, request, a);
    if (code) return code;
  }
  if (!*a) return 437;
  if (request->method == PERMIT || request->method == BIND) return permit(r, *a, request);
  wr_bytes life = wr_stun_find(request, WR_STUN_LIFETIME);
  bool ends = life.len == 4 && wr_get_u32(life.data) == 0;
  (*a)->until = now_of(r) + (ends ? 0 : WR_S(LIFETIME_S));
  r->stats.n_given_back += ends;
  r->stats.n_refreshes += request->method == REFRESH;
  return 0;
}

static void recv_request(sim_relay *r, const client *c, const wr_stun *request) {
  uint8_t out[256];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_stun_begin(&w, WR_STUN_SUCCESS, request->method, request->id);
  if (request->method == WR_STUN_BINDING) {
    r->stats.n_bindings++;
    wr_stun_write_mapped(&w, &c->path.remote);
    reply(r, c, wr_bytes_of(out, wr_stun_end(&w, r->settings.crypto, wr_bytes_of(NULL, 0))));
    return;
  }
  allocation *a = NULL;
  uint16_t code = refusal_of(r, request);
  if (!code) code = serve(r, c, request, &a);
  if (code) {
    refuse(r, c, request, code);
    return;
  }
  if (request->method == ALLOCATE) {
    wr_stun_write_xor(&w, WR_STUN_XOR_RELAYED_ADDRESS, &a->relayed);
    wr_stun_write_mapped(&w, &c->path.remote);
  }
  if (request->method == ALLOCATE || request->method == REFRESH)
    wr_stun_write_u32(&w, WR_STUN_LIFETIME, LIFETIME_S);
  reply(r, c, wr_bytes_of(out, wr_stun_end(&w, r->settings.crypto, wr_bytes_of(r->key, sizeof r->key))));
}

/* ---- data ---- */

static void send_to_peer(sim_relay *r, const allocation *a, const wr_addr *peer, wr_bytes bytes) {
  if (!is_permitted(r, a, peer)) {
    r->stats.n_unpermitted++;
    return;
  }
  r->stats.n_relayed++;
  sim_net_send(r->net, host_of(r, a->relayed.family), &(wr_path){a->relayed, *peer}, bytes);
}

static void recv_channel(sim_relay *r, const client *c, wr_bytes frame) {
  allocation *a = find_allocation(r, c);
  size_t len = wr_get_u16(frame.data + 2);
  for (size_t i = 0; a && len <= frame.len - 4 && i < PEERS; i++) {
    relay_peer *peer = &a->peer[i];
    if (peer->channel != wr_get_u16(frame.data) || now_of(r) >= peer->bound_until) continue;
    send_to_peer(r, a, &peer->addr, wr_bytes_of(frame.data + 4, len));
  }
}

static void recv_frame(sim_relay *r, const client *c, wr_bytes frame) {
  wr_stun stun;
  wr_addr peer;
  if (frame.len >= 4 && frame.data[0] >> 4 == 4) {
    recv_channel(r, c, frame);
    return;
  }
  if (wr_stun_parse(&stun, frame) != WR_OK) return;
  if (stun.class_ == WR_STUN_REQUEST) recv_request(r, c, &stun);
  if (stun.class_ != WR_STUN_INDICATION || stun.method != SEND) return;
  allocation *a = find_allocation(r, c);
  wr_bytes data = wr_stun_find(&stun, WR_STUN_DATA);
  if (a && data.data && wr_stun_find_address(&stun, WR_STUN_XOR_PEER_ADDRESS, &peer))
    send_to_peer(r, a, &peer, data);
}

/* Something of a peer for one of our clients. */
static void recv_peer(sim_relay *r, const sim_delivery *d) {
  uint8_t out[SIM_DATAGRAM_MAX + 64], id[WR_STUN_ID_BYTES] = {0};
  allocation *a = find_relayed(r, &d->path.local);
  if (!a || !is_permitted(r, a, &d->path.remote)) {
    r->stats.n_unpermitted++;
    return;
  }
  r->stats.n_relayed++;
  wr_writer w = wr_writer_of(out, sizeof out);
  const relay_peer *peer = find_peer(a, &d->path.remote);
  if (peer && peer->channel && now_of(r) < peer->bound_until) {
    wr_write_u16(&w, peer->channel);
    wr_write_u16(&w, (uint16_t)d->bytes.len);
    wr_write_bytes(&w, wr_span_bytes(d->bytes));
    if (a->client.pipe) wr_write_zeros(&w, -d->bytes.len & 3);
  } else {
    wr_stun_begin(&w, WR_STUN_INDICATION, DATA, id);
    wr_stun_write_xor(&w, WR_STUN_XOR_PEER_ADDRESS, &d->path.remote);
    wr_stun_write_bytes(&w, WR_STUN_DATA, wr_span_bytes(d->bytes));
    wr_put_u16(out + 2, (uint16_t)(wr_writer_len(&w) - WR_STUN_HEADER_BYTES));
  }
  reply(r, &a->client, wr_bytes_of(out, wr_writer_len(&w)));
}

void sim_relay_recv(sim_relay *r, const sim_delivery *d) {
  if (d->path.local.port == SIM_RELAY_PORT)
    recv_frame(r, &(client){.path = d->path}, wr_span_bytes(d->bytes));
  else
    recv_peer(r, d);
}

void sim_relay_recv_pipes(sim_relay *r) {
  for (size_t i = 0; i < r->n_pipes; i++) {
    const client c = {.path.remote = sim_net_addr(r->net, host_of(r, 4), 0), .pipe = r->pipe[i]};
    for (;;) {
      wr_bytes bytes = wr_span_bytes(sim_pipe_recv(r->pipe[i], 1, now_of(r))), frame;
      if (!bytes.len) break;
      while (bytes.len) {
        size_t taken = wr_turn_stream_push(&r->stream[i], bytes, &frame);
        WR_ASSERT(taken != SIZE_MAX);
        bytes = wr_bytes_of(bytes.data + taken, bytes.len - taken);
        if (frame.len) recv_frame(r, &c, frame);
      }
    }
  }
}
