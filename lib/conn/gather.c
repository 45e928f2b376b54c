/* conn/gather.c - bindings and allocations side by side; see wr/gather.h.
 *
 * A binding is one base asking one STUN server, an allocation a TURN client of lib/turn. News are flags on these,
 * so that no queue can be full. Left out: EVEN-PORT, ALTERNATE-SERVER (told as a failure), candidates of a TCP
 * base. */
#include "wr/gather.h"

#include <string.h>

#include "stun/stun.h"
#include "turn/turn.h"

#define ALIGNED(n) (((n) + 15) / 16 * 16)
#define N_SENDS 5
#define PEERS 32
#define N_KEPT 8       /* datagrams of one relay that wait for their permission */
#define KEPT_BYTES 400 /* a check is shorter */

typedef enum binding_state { ASKING, KNOWN, SILENT } binding_state;

typedef struct binding {
  uint8_t server, base;
  binding_state state;
  bool news;
  uint8_t n_sent;
  uint8_t id[WR_STUN_ID_BYTES];
  wr_time next_at, rto;
  wr_addr mapped;
} binding;

typedef struct kept {
  wr_addr peer; /* family 0: free */
  bool ready;   /* permitted */
  uint16_t len;
  uint8_t bytes[KEPT_BYTES];
} kept;

typedef struct relay {
  wr_turn *turn; /* NULL: this server is STUN */
  wr_turn_stream *stream;
  bool up, began, news, lost;
  wr_addr relayed, mapped; /* |mapped| family 0: no candidate of it */
  kept kept[N_KEPT];
} relay;

struct wr_gather {
  wr_rng rng;
  const wr_crypto *crypto;
  wr_time keep_us, next_new_at;
  size_t n_servers, n_bases, n_bindings;
  wr_gather_server server[WR_GATHER_SERVERS];
  relay relay[WR_GATHER_SERVERS];
  wr_addr base[WR_GATHER_BASES];
  binding binding[WR_GATHER_SERVERS * WR_GATHER_BASES];
};

static uint16_t n_peers_of(const wr_gather_settings *settings) {
  return settings->n_peers ? settings->n_peers : PEERS;
}

size_t wr_gather_size(const wr_gather_settings *settings) {
  size_t size = ALIGNED(sizeof(wr_gather));
  for (size_t i = 0; i < settings->n_servers; i++) {
    if (settings->servers[i].relay) size += ALIGNED(wr_turn_size(n_peers_of(settings)));
    if (settings->servers[i].stream) size += ALIGNED(sizeof(wr_turn_stream));
  }
  return size;
}

static bool open_relay(wr_gather *g, size_t i, const wr_gather_settings *settings, uint8_t **mem, wr_time now) {
  const wr_gather_server *s = &settings->servers[i];
  wr_turn_settings turn = {.rng = settings->rng,
                           .crypto = settings->crypto,
                           .stream = s->stream,
                           .family = s->family,
                           .username = s->username,
                           .password = s->password,
                           .n_peers = n_peers_of(settings),
                           .forgets = true,
                           .keep_us = settings->keep_us};
  g->relay[i].turn = wr_turn_init(*mem, &turn, now);
  *mem += ALIGNED(wr_turn_size(turn.n_peers));
  g->relay[i].up = !s->stream;
  if (!s->stream) return g->relay[i].turn != NULL;
  g->relay[i].stream = (void *)*mem;
  *mem += ALIGNED(sizeof(wr_turn_stream));
  wr_turn_stream_init(g->relay[i].stream);
  return g->relay[i].turn != NULL;
}

wr_gather *wr_gather_init(void *mem, const wr_gather_settings *settings, wr_time now) {
  WR_ASSERT(((uintptr_t)mem & 15) == 0 && settings->n_servers <= WR_GATHER_SERVERS);
  wr_gather *g = mem;
  memset(g, 0, sizeof *g);
  g->rng = settings->rng;
  g->crypto = settings->crypto;
  g->keep_us = settings->keep_us;
  g->next_new_at = now;
  g->n_servers = settings->n_servers;
  uint8_t *rest = (uint8_t *)mem + ALIGNED(sizeof *g);
  for (size_t i = 0; i < g->n_servers; i++) {
    g->server[i] = settings->servers[i];
    g->server[i].username = g->server[i].password = NULL; /* the TURN client has copies */
    if (g->server[i].relay && !open_relay(g, i, settings, &rest, now)) return NULL;
  }
  return g;
}

void wr_gather_wipe(wr_gather *g) {
  for (size_t i = 0; i < g->n_servers; i++)
    if (g->relay[i].turn) wr_turn_wipe(g->relay[i].turn);
  wr_wipe(g, sizeof *g);
}

static void ask(wr_gather *g, binding *b, wr_time at) {
  b->n_sent = 0;
  b->next_at = at;
  b->rto = WR_GATHER_RTO_US;
  wr_rng_fill(&g->rng, b->id, sizeof b->id);
}

wr_err wr_gather_add_base(wr_gather *g, const wr_addr *base, wr_time now) {
  for (size_t i = 0; i < g->n_bases; i++)
    if (wr_addr_equal(&g->base[i], base)) return WR_OK;
  if (g->n_bases == WR_GATHER_BASES) return WR_ERR_LIMIT;
  g->base[g->n_bases] = *base;
  for (size_t i = 0; i < g->n_servers; i++) {
    if (g->server[i].relay || g->server[i].addr.family != base->family) continue;
    binding *b = &g->binding[g->n_bindings++];
    *b = (binding){.server = (uint8_t)i, .base = (uint8_t)g->n_bases};
    ask(g, b, now);
  }
  g->n_bases++;
  return WR_OK;
}

/* ---- what servers say ---- */

static kept *kept_for(relay *r, const wr_addr *peer) {
  for (size_t i = 0; i < N_KEPT; i++)
    if (wr_addr_equal(&r->kept[i].peer, peer)) return &r->kept[i];
  return NULL;
}

static bool is_base(const wr_gather *g, const wr_addr *addr) {
  for (size_t i = 0; i < g->n_bases; i++)
    if (wr_addr_equal(&g->base[i], addr)) return true;
  return false;
}

static void follow_state(wr_gather *g, size_t i, wr_turn_state state) {
  relay *r = &g->relay[i];
  if (state == WR_TURN_ALLOCATED) {
    (void)wr_turn_relayed(r->turn, &r->relayed, &r->mapped);
    bool is_candidate = !g->server[i].stream && is_base(g, &g->server[i].base);
    if (!is_candidate || wr_addr_equal(&r->mapped, &g->server[i].base)) r->mapped = (wr_addr){0};
    r->news = true;
  } else if (state == WR_TURN_FAILED || state == WR_TURN_CLOSED) {
    r->lost = true;
    memset(r->kept, 0, sizeof r->kept);
  }
}

static void follow_turn(wr_gather *g, size_t i) {
  wr_turn_event event;
  while (wr_turn_poll_event(g->relay[i].turn, &event)) {
    kept *k = event.kind == WR_TURN_EVENT_STATE ? NULL : kept_for(&g->relay[i], &event.peer);
    if (event.kind == WR_TURN_EVENT_STATE) follow_state(g, i, event.state);
    if (k && event.kind == WR_TURN_EVENT_PERMITTED) k->ready = true;
    if (k && event.kind == WR_TURN_EVENT_REFUSED) k->peer.family = 0;
  }
}

void wr_gather_close(wr_gather *g, wr_time now) {
  for (size_t i = 0; i < g->n_bindings; i++) g->binding[i].next_at = WR_NEVER;
  for (size_t i = 0; i < g->n_servers; i++) {
    if (!g->relay[i].turn) continue;
    g->relay[i].began = true;
    wr_turn_close(g->relay[i].turn, now);
    follow_turn(g, i);
  }
}

static bool is_at(const wr_addr *mine, const wr_addr *local) {
  return !local->family || wr_addr_equal(mine, local);
}

static void learn(wr_gather *g, binding *b, const wr_stun *stun, wr_time now) {
  ask(g, b, g->keep_us ? now + g->keep_us : WR_NEVER);
  if (stun->class_ != WR_STUN_SUCCESS || !stun->mapped.family) {
    b->news |= b->state == ASKING;
    b->state = b->state == ASKING ? SILENT : b->state;
    return;
  }
  b->news |= !wr_addr_equal(&b->mapped, &stun->mapped);
  b->mapped = stun->mapped;
  b->state = KNOWN;
}

static bool recv_binding(wr_gather *g, size_t server, const wr_path *path, wr_bytes datagram, wr_time now) {
  wr_stun stun;
  if (datagram.data[0] > 3 || wr_stun_parse(&stun, datagram) != WR_OK || stun.method != WR_STUN_BINDING)
    return false;
  if (stun.class_ != WR_STUN_SUCCESS && stun.class_ != WR_STUN_ERROR) return false;
  for (size_t i = 0; i < g->n_bindings; i++) {
    binding *b = &g->binding[i];
    if (b->server != server || !b->n_sent || memcmp(b->id, stun.id, sizeof b->id) != 0) continue;
    if (!is_at(&g->base[b->base], &path->local)) continue;
    learn(g, b, &stun, now);
    return true;
  }
  return false;
}

static wr_gather_input recv_turn(wr_gather *g, size_t i, wr_bytes frame, wr_path *inner_path, wr_span *inner,
                                 wr_time now) {
  wr_turn_data data;
  wr_turn_input input = wr_turn_recv(g->relay[i].turn, frame, &data, now);
  follow_turn(g, i);
  if (input != WR_TURN_DATA) return WR_GATHER_TAKEN;
  *inner_path = (wr_path){g->relay[i].relayed, data.peer};
  *inner = (wr_span){(uint8_t *)(uintptr_t)data.bytes.data, data.bytes.len}; /* within what we may write to */
  return WR_GATHER_RELAYED;
}

wr_gather_input wr_gather_recv(wr_gather *g, const wr_path *path, wr_span datagram, wr_path *inner_path,
                               wr_span *inner, wr_time now) {
  bool is_mine = false;
  for (size_t i = 0; i < g->n_servers && datagram.len; i++) {
    const wr_gather_server *s = &g->server[i];
    if (s->stream || !wr_addr_equal(&s->addr, &path->remote)) continue;
    is_mine = true;
    if (!s->relay && recv_binding(g, i, path, wr_span_bytes(datagram), now)) return WR_GATHER_TAKEN;
    if (!s->relay || !is_at(&s->base, &path->local)) continue;
    wr_gather_input input = recv_turn(g, i, wr_span_bytes(datagram), inner_path, inner, now);
    if (input == WR_GATHER_RELAYED) return input;
  }
  return is_mine ? WR_GATHER_TAKEN : WR_GATHER_NOT_MINE;
}

void wr_gather_stream_up(wr_gather *g, unsigned server, wr_time now) {
  WR_ASSERT(server < g->n_servers && g->server[server].stream);
  g->relay[server].up = true;
  wr_turn_stream_init(g->relay[server].stream);
  g->next_new_at = wr_time_min(g->next_new_at, now);
}

void wr_gather_stream_down(wr_gather *g, unsigned server, wr_time now) {
  WR_ASSERT(server < g->n_servers && g->server[server].stream);
  relay *r = &g->relay[server];
  r->up = false;
  bool was_there = r->relayed.family != 0;
  wr_turn_close(r->turn, now); /* nobody hears of it: the way is gone */
  follow_turn(g, server);
  r->lost |= was_there;
}

wr_gather_input wr_gather_recv_stream(wr_gather *g, unsigned server, wr_bytes bytes, size_t *taken,
                                      wr_path *inner_path, wr_span *inner, wr_time now) {
  WR_ASSERT(server < g->n_servers && g->server[server].stream);
  wr_bytes frame;
  *taken = bytes.len;
  if (!g->relay[server].up) return WR_GATHER_TAKEN;
  *taken = wr_turn_stream_push(g->relay[server].stream, bytes, &frame);
  if (*taken == SIZE_MAX) wr_gather_stream_down(g, server, now);
  if (*taken == SIZE_MAX || !frame.len) return WR_GATHER_TAKEN;
  return recv_turn(g, server, frame, inner_path, inner, now);
}

/* ---- what leaves ---- */

static wr_gather_way way_to(const wr_gather *g, size_t server, const wr_addr *base) {
  const wr_gather_server *s = &g->server[server];
  return (wr_gather_way){.stream = s->stream ? (int)server : -1, .path = {*base, s->addr}};
}

static int find_relayed(const wr_gather *g, const wr_addr *local) {
  for (size_t i = 0; i < g->n_servers; i++)
    if (g->relay[i].relayed.family && wr_addr_equal(&g->relay[i].relayed, local)) return (int)i;
  return -1;
}

bool wr_gather_is_relayed(const wr_gather *g, const wr_addr *local) { return find_relayed(g, local) >= 0; }

static void keep(relay *r, const wr_addr *peer, wr_bytes bytes) {
  kept *k = kept_for(r, peer);
  for (size_t i = 0; i < N_KEPT && !k; i++)
    if (!r->kept[i].peer.family) k = &r->kept[i];
  if (!k || !bytes.len || bytes.len > KEPT_BYTES) return;
  *k = (kept){.peer = *peer, .len = (uint16_t)bytes.len};
  memcpy(k->bytes, bytes.data, bytes.len);
}

size_t wr_gather_send(wr_gather *g, const wr_path *path, wr_bytes bytes, wr_gather_way *way, uint8_t *out,
                      size_t cap, wr_time now) {
  int i = find_relayed(g, &path->local);
  if (i < 0 || !g->relay[i].up) return 0;
  relay *r = &g->relay[i];
  size_t len = wr_turn_send(r->turn, &path->remote, bytes, out, cap);
  *way = way_to(g, (size_t)i, &g->server[i].base);
  if (len) return len;
  if (wr_turn_permit(r->turn, &path->remote, true, now) == WR_OK) keep(r, &path->remote, bytes);
  return 0;
}

static size_t poll_kept(relay *r, uint8_t *out, size_t cap) {
  size_t len = 0;
  for (size_t i = 0; i < N_KEPT && !len; i++) {
    kept *k = &r->kept[i];
    if (!k->peer.family || !k->ready) continue;
    len = wr_turn_send(r->turn, &k->peer, wr_bytes_of(k->bytes, k->len), out, cap);
    *k = (kept){0};
  }
  return len;
}

static void begin_relay(wr_gather *g, relay *r, wr_time now) {
  if (r->began || now < g->next_new_at) return;
  r->began = true;
  g->next_new_at = now + WR_GATHER_TA_US;
  if (wr_turn_allocate(r->turn, now) != WR_OK) r->lost = true; /* closed before it began */
}

static size_t poll_relay(wr_gather *g, size_t i, uint8_t *out, size_t cap, wr_time now) {
  relay *r = &g->relay[i];
  if (!r->turn || !r->up) return 0;
  begin_relay(g, r, now);
  size_t len = poll_kept(r, out, cap);
  if (!len) len = wr_turn_poll(r->turn, out, cap, now);
  follow_turn(g, i);
  return len;
}

static size_t poll_binding(wr_gather *g, binding *b, uint8_t *out, size_t cap, wr_time now) {
  if (now < b->next_at || (!b->n_sent && now < g->next_new_at)) return 0;
  if (b->n_sent == N_SENDS) {
    b->news |= b->state == ASKING;
    if (b->state == ASKING) b->state = SILENT;
    ask(g, b, g->keep_us ? now + g->keep_us : WR_NEVER);
    return 0;
  }
  if (!b->n_sent++) g->next_new_at = now + WR_GATHER_TA_US;
  b->next_at = now + b->rto;
  b->rto *= 2;
  wr_writer w = wr_writer_of(out, cap);
  wr_stun_begin(&w, WR_STUN_REQUEST, WR_STUN_BINDING, b->id);
  return wr_stun_end(&w, g->crypto, wr_bytes_of(NULL, 0));
}

size_t wr_gather_poll(wr_gather *g, wr_gather_way *way, uint8_t *out, size_t cap, wr_time now) {
  WR_ASSERT(cap >= WR_GATHER_OUT_MAX);
  for (size_t i = 0; i < g->n_bindings; i++) {
    size_t len = poll_binding(g, &g->binding[i], out, cap, now);
    if (len) *way = way_to(g, g->binding[i].server, &g->base[g->binding[i].base]);
    if (len) return len;
  }
  for (size_t i = 0; i < g->n_servers; i++) {
    size_t len = poll_relay(g, i, out, cap, now);
    if (len) *way = way_to(g, i, &g->server[i].base);
    if (len) return len;
  }
  return 0;
}

static wr_time relay_deadline(const wr_gather *g, const relay *r) {
  if (!r->turn || !r->up) return WR_NEVER;
  if (!r->began) return g->next_new_at;
  for (size_t i = 0; i < N_KEPT; i++)
    if (r->kept[i].peer.family && r->kept[i].ready) return INT64_MIN;
  return wr_turn_deadline(r->turn);
}

wr_time wr_gather_deadline(const wr_gather *g) {
  wr_time at = WR_NEVER;
  for (size_t i = 0; i < g->n_bindings; i++) {
    const binding *b = &g->binding[i];
    bool paced = !b->n_sent && b->next_at < g->next_new_at;
    at = wr_time_min(at, paced ? g->next_new_at : b->next_at);
  }
  for (size_t i = 0; i < g->n_servers; i++) at = wr_time_min(at, relay_deadline(g, &g->relay[i]));
  return at;
}

/* ---- news ---- */

static bool tell_binding(const wr_gather *g, binding *b, wr_gather_event *event) {
  if (!b->news) return false;
  b->news = false;
  *event = (wr_gather_event){.kind = WR_GATHER_EVENT_FAILED, .server = b->server, .base = g->base[b->base]};
  event->why = "no answer";
  if (b->state != KNOWN) return true;
  event->kind = WR_GATHER_EVENT_CANDIDATE;
  event->type = WR_CANDIDATE_SRFLX;
  event->shown = b->mapped;
  return !wr_addr_equal(&event->base, &event->shown); /* nobody translates: it is the host candidate */
}

static bool tell_relay(wr_gather *g, size_t i, wr_gather_event *event) {
  relay *r = &g->relay[i];
  *event = (wr_gather_event){.kind = WR_GATHER_EVENT_CANDIDATE, .server = (unsigned)i};
  if (r->news && r->mapped.family) {
    event->type = WR_CANDIDATE_SRFLX;
    event->base = g->server[i].base;
    event->shown = r->mapped;
    r->mapped.family = 0;
    return true;
  }
  if (r->news) {
    event->type = WR_CANDIDATE_RELAY;
    event->base = event->shown = r->relayed;
    r->news = false;
    return true;
  }
  if (!r->lost) return false;
  r->lost = false;
  event->kind = r->relayed.family ? WR_GATHER_EVENT_LOST : WR_GATHER_EVENT_FAILED;
  event->shown = r->relayed;
  r->relayed.family = 0;
  wr_turn_reason why = wr_turn_failure(r->turn, &event->code);
  event->why = why == WR_TURN_FINE ? "the connection is gone" : wr_turn_reason_text(why);
  return true;
}

bool wr_gather_poll_event(wr_gather *g, wr_gather_event *event) {
  for (size_t i = 0; i < g->n_bindings; i++)
    if (tell_binding(g, &g->binding[i], event)) return true;
  for (size_t i = 0; i < g->n_servers; i++)
    if (tell_relay(g, i, event)) return true;
  return false;
}

bool wr_gather_is_done(const wr_gather *g) {
  for (size_t i = 0; i < g->n_bindings; i++)
    if (g->binding[i].state == ASKING) return false;
  for (size_t i = 0; i < g->n_servers; i++)
    if (g->relay[i].turn && wr_turn_get_state(g->relay[i].turn) < WR_TURN_ALLOCATED) return false;
  return true;
}
