/* sim/net.c - the event queue: a heap of datagrams ordered by time, then by order of creation.
 *
 * A datagram is in one of two stages: on the way to the core (its event: translate, route, take the down link) or
 * on its way to a host (its event: delivery). Datagrams live in a slab; the heap holds slots, so nothing moves.
 * Leaves out: fragmentation, ICMP errors, TCP, hosts with several addresses. */
#include "sim/net.h"

#include <stdlib.h>
#include <string.h>

#define TO_CORE (-1)

typedef struct flight {
  wr_time at;
  uint64_t order;       /* ties in |at| are broken by age: the queue is deterministic */
  sim_host_id from, to; /* |to| TO_CORE: not yet routed */
  wr_addr source, target;
  size_t len;
  uint8_t bytes[SIM_DATAGRAM_MAX];
} flight;

typedef struct host {
  wr_addr ip;     /* port 0 */
  sim_nat_id nat; /* -1: on the core */
  bool udp_blocked;
  sim_link up, down;
} host;

struct sim_net {
  wr_time now;
  uint64_t seed, next_stream, next_order, digest;
  sim_net_stats stats;
  host hosts[SIM_HOSTS_MAX];
  sim_nat *nats; /* SIM_NATS_MAX */
  flight *slab;  /* SIM_IN_FLIGHT_MAX */
  uint16_t heap[SIM_IN_FLIGHT_MAX], free_slots[SIM_IN_FLIGHT_MAX];
  size_t n_heap, n_free;
  int n_hosts, n_nats;
  int lent; /* slot of the last delivery, given back by the next call; -1: none */
};

static sim_rng next_rng(sim_net *net) { return sim_rng_of(net->seed, ++net->next_stream); }

sim_net *sim_net_open(uint64_t seed) {
  sim_net *net = calloc(1, sizeof *net);
  if (!net) return NULL;
  net->nats = calloc(SIM_NATS_MAX, sizeof *net->nats);
  net->slab = calloc(SIM_IN_FLIGHT_MAX, sizeof *net->slab);
  if (!net->nats || !net->slab) {
    sim_net_close(net);
    return NULL;
  }
  net->seed = seed;
  net->digest = 14695981039346656037u;
  net->lent = -1;
  for (size_t i = SIM_IN_FLIGHT_MAX; i-- > 0;) net->free_slots[net->n_free++] = (uint16_t)i;
  return net;
}

void sim_net_close(sim_net *net) {
  if (!net) return;
  free(net->nats);
  free(net->slab);
  free(net);
}

/* ---- heap of slots ---- */

static bool earlier(const sim_net *net, size_t a, size_t b) {
  const flight *x = &net->slab[net->heap[a]], *y = &net->slab[net->heap[b]];
  return x->at != y->at ? x->at < y->at : x->order < y->order;
}

static void swap(sim_net *net, size_t a, size_t b) {
  uint16_t slot = net->heap[a];
  net->heap[a] = net->heap[b];
  net->heap[b] = slot;
}

static void heap_push(sim_net *net, size_t slot) {
  size_t at = net->n_heap++;
  net->heap[at] = (uint16_t)slot;
  for (; at && earlier(net, at, (at - 1) / 2); at = (at - 1) / 2) swap(net, at, (at - 1) / 2);
}

static size_t heap_pop(sim_net *net) {
  size_t slot = net->heap[0];
  net->heap[0] = net->heap[--net->n_heap];
  for (size_t at = 0;;) {
    size_t least = at, left = 2 * at + 1, right = left + 1;
    if (left < net->n_heap && earlier(net, left, least)) least = left;
    if (right < net->n_heap && earlier(net, right, least)) least = right;
    if (least == at) return slot;
    swap(net, at, least);
    at = least;
  }
}

static void release(sim_net *net, size_t slot) { net->free_slots[net->n_free++] = (uint16_t)slot; }
static void release_lent(sim_net *net) {
  if (net->lent >= 0) release(net, (size_t)net->lent);
  net->lent = -1;
}

static void drop(sim_net *net, sim_drop why) { net->stats.n_dropped[why]++; }

/* A copy of |model| with |bytes| that has its event at |at|. */
static void take_off(sim_net *net, const flight *model, wr_bytes bytes, wr_time at) {
  if (!net->n_free) {
    drop(net, SIM_DROP_NO_MEMORY);
    return;
  }
  size_t slot = net->free_slots[--net->n_free];
  flight *f = &net->slab[slot];
  f->at = at;
  f->order = net->next_order++;
  f->from = model->from;
  f->to = model->to;
  f->source = model->source;
  f->target = model->target;
  f->len = bytes.len;
  if (bytes.len) memcpy(f->bytes, bytes.data, bytes.len);
  heap_push(net, slot);
}

static void carry(sim_net *net, sim_link *link, const flight *model, wr_bytes bytes) {
  sim_link_verdict verdict = sim_link_carry(link, bytes.len, net->now);
  switch (verdict.fate) {
    case SIM_LINK_PASSED: break;
    case SIM_LINK_LOST: drop(net, SIM_DROP_LOST); return;
    case SIM_LINK_QUEUE_FULL: drop(net, SIM_DROP_QUEUE_FULL); return;
    case SIM_LINK_TOO_LARGE: drop(net, SIM_DROP_TOO_LARGE); return;
  }
  if (verdict.n_copies == 2) net->stats.n_duplicated++;
  if (verdict.reordered) net->stats.n_reordered++;
  for (int i = 0; i < verdict.n_copies; i++) take_off(net, model, bytes, verdict.arrive_at[i]);
}

/* ---- topology ---- */

static wr_addr parse_ip(const char *ip) {
  wr_addr addr = {0};
  bool parsed = wr_addr_parse(&addr, wr_bytes_of(ip, strlen(ip)), 0);
  WR_ASSERT(parsed);
  return addr;
}

static bool same_ip(const wr_addr *a, const wr_addr *b) {
  return a->family == b->family && !memcmp(a->ip, b->ip, sizeof a->ip);
}

static host *host_at(sim_net *net, sim_host_id id) {
  WR_ASSERT(id >= 0 && id < net->n_hosts);
  return &net->hosts[id];
}

sim_host_id sim_net_add_host(sim_net *net, const char *ip) {
  WR_ASSERT(net->n_hosts < SIM_HOSTS_MAX);
  static const sim_link_profile ideal;
  host *h = &net->hosts[net->n_hosts];
  *h = (host){.ip = parse_ip(ip), .nat = -1};
  sim_link_init(&h->up, &ideal, next_rng(net));
  sim_link_init(&h->down, &ideal, next_rng(net));
  return net->n_hosts++;
}

wr_addr sim_net_addr(const sim_net *net, sim_host_id id, uint16_t port) {
  WR_ASSERT(id >= 0 && id < net->n_hosts);
  wr_addr addr = net->hosts[id].ip;
  addr.port = port;
  return addr;
}

void sim_net_set_link(sim_net *net, sim_host_id id, const sim_link_profile *up, const sim_link_profile *down) {
  host *h = host_at(net, id);
  h->up.profile = *up;
  h->down.profile = *down;
}

sim_nat_id sim_net_add_nat(sim_net *net, const char *outside_ip, sim_nat_rules rules) {
  WR_ASSERT(net->n_nats < SIM_NATS_MAX);
  wr_addr ip = parse_ip(outside_ip);
  sim_nat_init(&net->nats[net->n_nats], &ip, rules, next_rng(net));
  return net->n_nats++;
}

void sim_net_put_behind_nat(sim_net *net, sim_host_id id, sim_nat_id nat) {
  WR_ASSERT(nat >= 0 && nat < net->n_nats);
  host_at(net, id)->nat = nat;
}

void sim_net_forget_mappings(sim_net *net, sim_nat_id nat) {
  WR_ASSERT(nat >= 0 && nat < net->n_nats);
  sim_nat_forget(&net->nats[nat]);
}

void sim_net_block_udp(sim_net *net, sim_host_id id, bool blocked) { host_at(net, id)->udp_blocked = blocked; }

/* ---- a datagram's way ---- */

void sim_net_send(sim_net *net, sim_host_id from, const wr_path *path, wr_bytes bytes) {
  host *h = host_at(net, from);
  net->stats.n_sent++;
  if (h->udp_blocked) {
    drop(net, SIM_DROP_BLOCKED);
    return;
  }
  if (bytes.len > SIM_DATAGRAM_MAX) {
    drop(net, SIM_DROP_TOO_LARGE);
    return;
  }
  flight model = {.from = from, .to = TO_CORE, .source = h->ip, .target = path->remote};
  model.source.port = path->local.port;
  carry(net, &h->up, &model, bytes);
}

/* A host reachable by |ip| from inside |nat|, or from the core for -1. */
static sim_host_id find_host(const sim_net *net, const wr_addr *ip, sim_nat_id nat) {
  for (int i = 0; i < net->n_hosts; i++)
    if (net->hosts[i].nat == nat && same_ip(&net->hosts[i].ip, ip)) return i;
  return -1;
}

static sim_nat_id find_nat(const sim_net *net, const wr_addr *ip) {
  for (int i = 0; i < net->n_nats; i++)
    if (same_ip(&net->nats[i].outside_ip, ip)) return i;
  return -1;
}

/* Translates source and target and finds the receiving host. false: the datagram ends here for reason |why|. */
static bool route(sim_net *net, flight *f, sim_drop *why) {
  sim_nat_id home = net->hosts[f->from].nat;
  if (home >= 0) {
    f->to = find_host(net, &f->target, home);
    if (f->to >= 0) return true;
    f->source = sim_nat_out(&net->nats[home], &f->source, &f->target, net->now);
  }
  sim_nat_id away = find_nat(net, &f->target);
  if (away < 0) {
    f->to = find_host(net, &f->target, -1);
    *why = SIM_DROP_NO_ROUTE;
    return f->to >= 0;
  }
  *why = SIM_DROP_FILTERED;
  if (away == home && !net->nats[home].rules.hairpin) return false;
  if (!sim_nat_in(&net->nats[away], f->target.port, &f->source, &f->target, net->now)) return false;
  f->to = find_host(net, &f->target, away);
  return f->to >= 0;
}

static void pass_core(sim_net *net, flight *f) {
  sim_drop why = SIM_DROP_NO_ROUTE;
  if (!route(net, f, &why)) {
    drop(net, why);
    return;
  }
  if (net->hosts[f->to].udp_blocked) {
    drop(net, SIM_DROP_BLOCKED);
    return;
  }
  carry(net, &net->hosts[f->to].down, f, wr_bytes_of(f->bytes, f->len));
}

static void digest_bytes(sim_net *net, const void *data, size_t len) {
  const uint8_t *bytes = data;
  for (size_t i = 0; i < len; i++) net->digest = (net->digest ^ bytes[i]) * 1099511628211u;
}

static void digest_addr(sim_net *net, const wr_addr *addr) {
  digest_bytes(net, addr->ip, sizeof addr->ip);
  digest_bytes(net, &addr->port, sizeof addr->port);
}

static void deliver(sim_net *net, size_t slot, sim_delivery *out) {
  flight *f = &net->slab[slot];
  *out = (sim_delivery){
      .host = f->to, .path = {.local = f->target, .remote = f->source}, .bytes = {f->bytes, f->len}, .at = f->at};
  net->lent = (int)slot;
  net->stats.n_delivered++;
  digest_bytes(net, &f->at, sizeof f->at);
  digest_addr(net, &f->target);
  digest_addr(net, &f->source);
  digest_bytes(net, f->bytes, f->len);
}

wr_time sim_net_now(const sim_net *net) { return net->now; }

wr_time sim_net_deadline(const sim_net *net) { return net->n_heap ? net->slab[net->heap[0]].at : WR_NEVER; }

bool sim_net_recv(sim_net *net, wr_time until, sim_delivery *out) {
  WR_ASSERT(until >= net->now);
  release_lent(net);
  while (sim_net_deadline(net) <= until && net->n_heap) {
    size_t slot = heap_pop(net);
    flight *f = &net->slab[slot];
    net->now = f->at;
    if (f->to != TO_CORE) {
      deliver(net, slot, out);
      return true;
    }
    pass_core(net, f);
    release(net, slot);
  }
  if (until != WR_NEVER) net->now = until;
  return false;
}

sim_net_stats sim_net_stats_of(const sim_net *net) {
  sim_net_stats stats = net->stats;
  stats.n_in_flight = net->n_heap;
  return stats;
}

uint64_t sim_net_digest(const sim_net *net) { return net->digest; }
