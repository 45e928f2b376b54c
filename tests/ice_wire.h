/* tests/ice_wire.h - two agents and a virtual wire between them: delay, loss, a NAT, dead paths. For tests. */
#ifndef TESTS_ICE_WIRE_H
#define TESTS_ICE_WIRE_H

#include "check.h"
#include "ice/ice_agent.h"
#include "wr/crypto_openssl.h"

#define WIRE_PACKETS 512
#define WIRE_ADDRESSES 4
#define WIRE_PERMITS 32

typedef struct wire_packet {
  wr_time at;
  int to; /* 0, 1; -1: free */
  wr_path path;
  size_t len;
  uint8_t bytes[640];
} wire_packet;

typedef struct wire_side {
  _Alignas(16) uint8_t mem[24 * 1024];
  wr_ice *ice;
  wr_addr address[WIRE_ADDRESSES];
  size_t n_addresses;
  bool silent[WIRE_ADDRESSES]; /* nothing leaves from or arrives there */
  /* A port-restricted NAT before all addresses of this side; port of address i is mapped to nat_port + i. */
  bool behind_nat;
  uint16_t nat_port;
  wr_addr permit[WIRE_PERMITS];
  size_t n_permits;
  bool hide_local; /* recv reports no local address, as a wildcard socket does */
  /* What happened. */
  wr_time first_check_at, selected_at;
  unsigned n_selected, n_sent;
  wr_path path;
  uint32_t rtt_us;
  wr_ice_state state;
  wr_time state_at;
} wire_side;

typedef struct wire {
  check_rng rng;
  wr_time now, delay_us, jitter_us;
  unsigned loss_percent;
  bool cut; /* nothing gets through */
  wire_side side[2];
  wire_packet packet[WIRE_PACKETS];
  unsigned n_inputs[6];
  bool broken; /* a property was violated */
} wire;

static inline const wr_crypto *wire_crypto(void) {
  static const wr_crypto *crypto;
  if (!crypto) CHECK_EQ(wr_crypto_openssl_open(&crypto), WR_OK);
  return crypto;
}

static inline wr_addr wire_address(int side, size_t i, uint8_t family) {
  wr_addr a = {.family = family, .port = (uint16_t)(4000 + i)};
  if (family == 4) {
    a.ip[0] = 10;
    a.ip[1] = (uint8_t)side;
    a.ip[3] = (uint8_t)(i + 1);
  } else {
    a.ip[0] = 0x20;
    a.ip[1] = 0x01;
    a.ip[14] = (uint8_t)side;
    a.ip[15] = (uint8_t)(i + 1);
  }
  return a;
}

static inline wr_addr wire_nat_address(const wire *w, int side, size_t i) {
  wr_addr a = {.family = 4, .ip = {198, 51, 100, (uint8_t)side}};
  a.port = (uint16_t)(w->side[side].nat_port + i);
  return a;
}

static inline void wire_init(wire *w, uint64_t seed) {
  memset(w, 0, sizeof *w);
  w->rng.state = seed * 0x9e3779b97f4a7c15u + 12345;
  w->delay_us = 20000;
  w->now = WR_S(1000);
  for (size_t i = 0; i < WIRE_PACKETS; i++) w->packet[i].to = -1;
  for (int i = 0; i < 2; i++) w->side[i].nat_port = (uint16_t)(50000 + 100 * i);
}

static inline void wire_open(wire *w, int side, bool controlling, bool lite) {
  wire_side *s = &w->side[side];
  wr_ice_settings settings = {
      .rng = {check_rng_fill, &w->rng}, .crypto = wire_crypto(), .controlling = controlling, .lite = lite};
  CHECK(wr_ice_size() <= sizeof s->mem);
  s->ice = wr_ice_init(s->mem, &settings, w->now);
  s->first_check_at = s->selected_at = WR_NEVER;
}

static inline void wire_check(wire *w, bool held) {
  if (!held) w->broken = true;
}

static inline void wire_send(wire *w, int from, const wr_path *path, const uint8_t *bytes, size_t len) {
  wire_side *s = &w->side[from], *t = &w->side[1 - from];
  wr_addr source = path->local, target = path->remote;
  size_t i = 0, j = 0;
  while (i < s->n_addresses && !wr_addr_equal(&s->address[i], &source)) i++;
  if (i == s->n_addresses && s->hide_local) i = 0;
  wire_check(w, i < s->n_addresses);
  if (i == s->n_addresses || s->silent[i] || w->cut) return;
  source = s->address[i];
  if (s->behind_nat) {
    if (s->n_permits < WIRE_PERMITS) s->permit[s->n_permits++] = target;
    source = wire_nat_address(w, from, i);
  }
  for (; j < t->n_addresses; j++) {
    wr_addr seen = t->behind_nat ? wire_nat_address(w, 1 - from, j) : t->address[j];
    if (wr_addr_equal(&seen, &target)) break;
  }
  if (j == t->n_addresses || t->silent[j] || check_rng_u32(&w->rng) % 100 < w->loss_percent) return;
  bool permitted = !t->behind_nat;
  for (size_t k = 0; k < t->n_permits; k++) permitted |= wr_addr_equal(&t->permit[k], &source);
  if (!permitted) return;
  for (size_t k = 0; k < WIRE_PACKETS; k++) {
    wire_packet *p = &w->packet[k];
    if (p->to >= 0) continue;
    wr_time jitter = w->jitter_us ? (wr_time)(check_rng_u32(&w->rng) % (uint32_t)w->jitter_us) : 0;
    *p = (wire_packet){.at = w->now + w->delay_us + jitter, .to = 1 - from, .len = len};
    p->path = (wr_path){t->address[j], source};
    memcpy(p->bytes, bytes, len);
    return;
  }
  wire_check(w, false); /* more packets under way than an honest agent sends */
}

/* All datagrams and events of one side, in a bounded number of steps. */
static inline void wire_drain(wire *w, int side) {
  wire_side *s = &w->side[side];
  uint8_t out[640];
  wr_path path;
  size_t len;
  unsigned n = 0;
  while ((len = wr_ice_poll(s->ice, &path, out, sizeof out, w->now)) > 0) {
    if (out[0] == 0 && s->first_check_at == WR_NEVER) s->first_check_at = w->now;
    s->n_sent++;
    wire_send(w, side, &path, out, len);
    wire_check(w, ++n < 32);
    if (n >= 32) return;
  }
  wr_ice_event event;
  while (wr_ice_poll_event(s->ice, &event)) {
    if (event.kind == WR_ICE_EVENT_STATE && event.state != s->state) {
      s->state = event.state;
      s->state_at = w->now;
    }
    if (event.kind != WR_ICE_EVENT_SELECTED) continue;
    if (s->selected_at == WR_NEVER) s->selected_at = w->now;
    s->path = event.path;
    s->rtt_us = event.rtt_us;
    s->n_selected++;
  }
  wire_check(w, wr_ice_deadline(s->ice) > 0);
}

static inline void wire_deliver(wire *w, wire_packet *p) {
  wire_side *s = &w->side[p->to];
  int to = p->to;
  wr_path path = p->path;
  if (s->hide_local) path.local = (wr_addr){0};
  p->to = -1;
  w->n_inputs[wr_ice_recv(s->ice, &path, wr_bytes_of(p->bytes, p->len), w->now)]++;
  wire_drain(w, to);
}

/* Runs until |end|; every deadline moves when it is served. */
static inline void wire_run_until(wire *w, wr_time end) {
  for (;;) {
    wire_packet *first = NULL;
    for (size_t i = 0; i < WIRE_PACKETS; i++) {
      wire_packet *p = &w->packet[i];
      if (p->to >= 0 && (!first || p->at < first->at)) first = p;
    }
    int timer = wr_ice_deadline(w->side[0].ice) <= wr_ice_deadline(w->side[1].ice) ? 0 : 1;
    wr_time due = wr_ice_deadline(w->side[timer].ice), next = first ? wr_time_min(first->at, due) : due;
    if (next > end) break;
    if (next > w->now) w->now = next;
    if (first && first->at <= w->now) {
      wire_deliver(w, first);
      continue;
    }
    wr_ice_tick(w->side[timer].ice, w->now);
    wire_drain(w, timer);
    wire_check(w, wr_ice_deadline(w->side[timer].ice) > w->now);
    if (w->broken) return;
  }
  w->now = end;
}

static inline void wire_run(wire *w, wr_time us) { wire_run_until(w, w->now + us); }

/* ---- signalling ---- */

static inline void wire_add_local(wire *w, int side, uint8_t family) {
  wire_side *s = &w->side[side];
  wr_addr a = wire_address(side, s->n_addresses, family);
  s->address[s->n_addresses++] = a;
  CHECK_EQ(wr_ice_add_local(s->ice, &a, &a, WR_CANDIDATE_HOST, w->now), WR_OK);
  wire_drain(w, side);
}

/* |to| learns the credentials of the other side. */
static inline void wire_signal_credentials(wire *w, int to) {
  wr_ice *other = w->side[1 - to].ice;
  CHECK_EQ(
      wr_ice_set_remote(w->side[to].ice, wr_ice_local_ufrag(other), wr_ice_local_pwd(other), other->lite, w->now),
      WR_OK);
  wire_drain(w, to);
}

static inline void wire_signal_candidate(wire *w, int to, size_t i) {
  const wr_candidate *candidates;
  size_t n = wr_ice_local_candidates(w->side[1 - to].ice, &candidates);
  if (i >= n) return;
  CHECK_EQ(wr_ice_add_remote(w->side[to].ice, &candidates[i], w->now), WR_OK);
  wire_drain(w, to);
}

/* A whole description with all candidates. */
static inline void wire_signal(wire *w, int to) {
  const wr_candidate *candidates;
  size_t n = wr_ice_local_candidates(w->side[1 - to].ice, &candidates);
  for (size_t i = 0; i < n; i++) wire_signal_candidate(w, to, i);
  wire_signal_credentials(w, to);
  wr_ice_end_of_remote(w->side[to].ice, w->now);
  wire_drain(w, to);
}

static inline bool wire_is_connected(const wire *w) {
  return w->side[0].state == WR_ICE_CONNECTED && w->side[1].state == WR_ICE_CONNECTED;
}

#endif
