/* sim/matrix.c - the world of sim/matrix.h: one loop, one clock. */
#include "sim/matrix.h"

#include <string.h>

#include "sim/peer.h"

#define SIGNALS 64
#define DESCRIPTION_MAX 8192
#define RELAY_TENTHS 2 /* of the one-way time between the ends: from the core to the server */
#define SECOND_PORT (SIM_PEER_PORT + 1)

typedef enum signal_kind { OFFER, ANSWER, CANDIDATE, NO_MORE } signal_kind;

typedef struct signal {
  signal_kind kind;
  int to;
  wr_time at;
  wr_candidate candidate;
} signal;

typedef struct world {
  const sim_matrix_settings *s;
  sim_net *net;
  sim_relay *relay;
  sim_peer peer[2];
  sim_host_id host[2], host6[2]; /* -1: none */
  sim_nat_id nat[2];
  sim_pipe pipe[2];
  sim_tcp tcp;
  wr_gather_server server[2][4];
  wr_gather_settings gather[2];
  unsigned piped[2];
  wr_time began, one_way, pipe_up_at;
  signal signal[SIGNALS];
  size_t n_signals; /* in the order they were sent */
  unsigned n_carried[2], n_heard[2];
  bool carried_end[2];
  wr_time heard_at[2]; /* last */
  char offer[DESCRIPTION_MAX], answer[DESCRIPTION_MAX];
  sim_matrix_result result;
} world;

/* ---- building ---- */

static sim_host_id add_host(world *w, const char *ip, wr_time delay, uint32_t loss_ppm) {
  sim_host_id host = sim_net_add_host(w->net, ip);
  const sim_link_profile link = {.delay_us = delay, .loss_ppm = loss_ppm};
  sim_net_set_link(w->net, host, &link, &link);
  return host;
}

static void add_end(world *w, int i) {
  static const char *const inside[2] = {"10.0.0.2", "10.1.0.2"}, *const outside[2] = {"198.51.100.1",
                                                                                      "203.0.113.1"};
  static const char *const v6[2] = {"2001:db8:1::2", "2001:db8:2::2"};
  const sim_matrix_end *e = &w->s->end[i];
  w->host[i] = w->host6[i] = w->nat[i] = -1;
  if (!e->no_v4) w->host[i] = add_host(w, e->has_nat ? inside[i] : outside[i], w->one_way / 2, w->s->loss_ppm);
  if (e->has_v6) w->host6[i] = add_host(w, v6[i], w->one_way / 2, w->s->loss_ppm);
  if (!e->no_v4 && e->has_nat) {
    w->nat[i] = sim_net_add_nat(w->net, outside[i], e->nat);
    sim_net_put_behind_nat(w->net, w->host[i], w->nat[i]);
  }
  if (e->udp_blocked && w->host[i] >= 0) sim_net_block_udp(w->net, w->host[i], true);
  if (e->udp_blocked && w->host6[i] >= 0) sim_net_block_udp(w->net, w->host6[i], true);
}

static sim_host_id any_host(const world *w, int i) { return w->host[i] >= 0 ? w->host[i] : w->host6[i]; }

/* The servers one end knows: STUN by each family it has, TURN for each family of relayed address. */
static void add_servers(world *w, int i, sim_host_id server, sim_host_id server6) {
  bool has_v4 = w->host[i] >= 0;
  wr_addr at[2] = {sim_net_addr(w->net, server, SIM_RELAY_PORT), sim_net_addr(w->net, server6, SIM_RELAY_PORT)};
  wr_gather_settings *g = &w->gather[i];
  *g = (wr_gather_settings){.crypto = w->s->crypto, .servers = w->server[i]};
  if (w->s->stun && has_v4) w->server[i][g->n_servers++] = (wr_gather_server){.addr = at[0]};
  wr_gather_server turn = {.addr = at[!has_v4], .relay = true, .family = 4};
  turn.username = SIM_RELAY_USER;
  turn.password = SIM_RELAY_PASSWORD;
  turn.base = sim_net_addr(w->net, any_host(w, i), SIM_PEER_PORT);
  if (w->s->turn) w->server[i][g->n_servers++] = turn;
  w->piped[i] = (unsigned)g->n_servers;
  turn.stream = true;
  if (w->s->turn_tcp) w->server[i][g->n_servers++] = turn;
  turn.stream = false;
  turn.family = 6;
  turn.base.port = SECOND_PORT; /* one allocation for one five-tuple */
  if (w->s->turn && w->s->end[i].has_v6) w->server[i][g->n_servers++] = turn;
}

static bool open_peer(world *w, int i) {
  sim_peer_settings p = {.name = i ? "callee" : "caller", .crypto = w->s->crypto, .seed = w->s->seed};
  p.is_caller = i == 0;
  p.trace = w->s->trace;
  p.gather = &w->gather[i];
  p.pipe = &w->pipe[i];
  p.piped_server = w->piped[i];
  p.tcp = w->s->ice_tcp ? &w->tcp : NULL;
  p.has_other_host = w->host[i] >= 0 && w->host6[i] >= 0;
  p.other_host = w->host6[i];
  return sim_peer_open(&w->peer[i], w->net, any_host(w, i), &p);
}

static bool open_world(world *w) {
  w->net = sim_net_open(w->s->seed);
  if (!w->net) return false;
  w->one_way = w->s->rtt_us / 2;
  for (int i = 0; i < 2; i++) add_end(w, i);
  sim_host_id server = add_host(w, "192.0.2.1", w->one_way * RELAY_TENTHS / 10, 0);
  sim_host_id server6 = add_host(w, "2001:db8::1", w->one_way * RELAY_TENTHS / 10, 0);
  const sim_relay_settings relay = {
      .crypto = w->s->crypto, .v4 = server, .v6 = server6, .nonce_us = w->s->old_nonces ? WR_S(50) : 0};
  w->relay = sim_relay_open(w->net, &relay);
  if (!w->relay) return false;
  sim_delivery none;
  sim_net_recv(w->net, WR_S(1), &none); /* "0: not yet" must not be confused with the beginning */
  w->began = sim_net_now(w->net);
  wr_time to_server = w->one_way / 2 + w->one_way * RELAY_TENTHS / 10;
  w->pipe_up_at = w->s->turn_tcp ? w->began + 2 * to_server : WR_NEVER;
  if (w->s->ice_tcp) {
    wr_addr callee = sim_net_addr(w->net, w->host[1], 0), caller = sim_net_addr(w->net, w->host[0], 0);
    caller.ip[0] = 198; /* its NAT shows another */
    sim_tcp_init(&w->tcp, &callee, &caller, w->one_way);
  }
  for (int i = 0; i < 2; i++) {
    add_servers(w, i, server, server6);
    sim_pipe_init(&w->pipe[i], to_server);
    if (w->s->turn_tcp) sim_relay_attach(w->relay, &w->pipe[i]);
    if (!open_peer(w, i)) return false;
  }
  return true;
}

static void close_world(world *w) {
  for (int i = 0; i < 2; i++) sim_peer_close(&w->peer[i]);
  sim_relay_close(w->relay);
  sim_net_close(w->net);
}

/* ---- signalling ---- */

static void post(world *w, signal_kind kind, int to, const wr_candidate *candidate) {
  WR_ASSERT(w->n_signals < SIGNALS);
  signal *s = &w->signal[w->n_signals++];
  *s = (signal){.kind = kind, .to = to, .at = sim_net_now(w->net) + w->one_way};
  if (!candidate) return;
  s->candidate = *candidate;
  if (candidate->type == WR_CANDIDATE_SRFLX) s->at += w->s->late_us;
}

/* What an end has found since it was asked last. */
static void post_candidates(world *w, int from) {
  sim_peer *p = &w->peer[from];
  while (w->n_carried[from] < p->n_trickle) post(w, CANDIDATE, !from, &p->trickle[w->n_carried[from]++]);
  if (p->trickle_ended && !w->carried_end[from]) post(w, NO_MORE, !from, NULL);
  w->carried_end[from] |= p->trickle_ended;
}

static void take_signal(world *w, const signal *s) {
  sim_peer *p = &w->peer[s->to];
  switch (s->kind) {
    case OFFER:
      if (sim_peer_answer(p, w->offer, w->answer, sizeof w->answer)) post(w, ANSWER, 0, NULL);
      return;
    case ANSWER: sim_peer_accept(p, w->answer); return;
    case CANDIDATE: sim_peer_add_candidate(p, &s->candidate); return;
    case NO_MORE: sim_peer_add_candidate(p, NULL); return;
  }
}

static void carry_signals(world *w, wr_time now) {
  for (size_t i = 0; i < w->n_signals;) {
    signal s = w->signal[i];
    if (s.at > now) {
      i++;
      continue;
    }
    w->n_signals--;
    memmove(&w->signal[i], &w->signal[i + 1], (w->n_signals - i) * sizeof w->signal[0]);
    take_signal(w, &s);
  }
}

/* ---- the clock ---- */

static wr_time next_event(const world *w) {
  wr_time at = wr_time_min(sim_net_deadline(w->net), w->pipe_up_at);
  for (size_t i = 0; i < w->n_signals; i++) at = wr_time_min(at, w->signal[i].at);
  for (int i = 0; i < 2; i++) {
    at = wr_time_min(at, sim_peer_deadline(&w->peer[i]));
    at = wr_time_min(at, sim_pipe_deadline(&w->pipe[i]));
  }
  if (w->s->ice_tcp) at = wr_time_min(at, sim_pipe_deadline(&w->tcp.pipe));
  return at;
}

static int peer_at(const world *w, sim_host_id host) { return host == w->host[1] || host == w->host6[1]; }

static void run_pipes(world *w, wr_time now) {
  if (w->pipe_up_at <= now) {
    w->pipe_up_at = WR_NEVER;
    for (int i = 0; i < 2; i++) sim_peer_pipe_up(&w->peer[i]);
  }
  sim_relay_recv_pipes(w->relay);
  for (int i = 0; i < 2; i++) {
    sim_peer_recv_pipe(&w->peer[i]);
    sim_peer_recv_tcp(&w->peer[i]);
  }
}

/* Who heard something in this step, and after how long. */
static void listen(world *w, wr_time now) {
  for (int i = 0; i < 2; i++) {
    if (w->peer[i].n_audio_came == w->n_heard[i]) continue;
    wr_time gap = w->n_heard[i] ? now - w->heard_at[i] : 0;
    if (gap > w->result.longest_gap_us[i]) w->result.longest_gap_us[i] = gap;
    w->n_heard[i] = w->peer[i].n_audio_came;
    w->heard_at[i] = now;
  }
}

static void step(world *w, wr_time until) {
  wr_time next = wr_time_min(until, next_event(w));
  if (next < sim_net_now(w->net)) next = sim_net_now(w->net);
  sim_delivery d;
  while (sim_net_recv(w->net, next, &d)) {
    if (sim_relay_is_host(w->relay, d.host))
      sim_relay_recv(w->relay, &d);
    else
      sim_peer_recv(&w->peer[peer_at(w, d.host)], &d);
  }
  carry_signals(w, next);
  run_pipes(w, next);
  for (int i = 0; i < 2; i++) {
    sim_peer_tick(&w->peer[i]);
    post_candidates(w, i);
  }
  listen(w, next);
  if (!w->result.chosen_us && w->peer[0].path_at) w->result.chosen_us = w->peer[0].path_at - w->began;
}

static const char *fault_of(const world *w) { return w->peer[0].fault ? w->peer[0].fault : w->peer[1].fault; }

static void run_until(world *w, wr_time until) {
  while (sim_net_now(w->net) < until && !fault_of(w)) step(w, until);
}

static bool both_heard(const world *w) { return w->peer[0].media_at && w->peer[1].media_at; }

static sim_matrix_way way_of(const wr_path *path) {
  if (!path->remote.family) return SIM_WAY_NONE;
  for (int family = 4; family <= 6; family += 2) {
    wr_addr server = {0};
    const char *ip = family == 4 ? "192.0.2.1" : "2001:db8::1";
    (void)wr_addr_parse(&server, wr_bytes_of(ip, strlen(ip)), 0);
    if (!memcmp(path->remote.ip, server.ip, 16) || !memcmp(path->local.ip, server.ip, 16)) return SIM_WAY_RELAYED;
  }
  return SIM_WAY_DIRECT;
}

static void go_silent(world *w) {
  for (int i = 0; i < 2; i++) {
    sim_host_id host = i ? w->host6[1] : w->host[1];
    if (host >= 0) sim_net_block_udp(w->net, host, true);
  }
}

static void talk(world *w) {
  wr_time from = sim_net_now(w->net), end = from + w->s->talk_us;
  if (w->s->rebind_us) {
    run_until(w, from + w->s->rebind_us);
    sim_net_forget_mappings(w->net, w->nat[0]);
  }
  if (w->s->opens_us) {
    run_until(w, from + w->s->opens_us);
    sim_net_block_udp(w->net, w->host[0], false);
  }
  if (w->s->silent_us) {
    run_until(w, from + w->s->silent_us);
    go_silent(w);
    w->result.silent_at_us = sim_net_now(w->net) - w->began;
  }
  run_until(w, end);
}

static void run(world *w) {
  if (!sim_peer_offer(&w->peer[0], w->offer, sizeof w->offer)) return;
  post(w, OFFER, 1, NULL);
  wr_time until = w->began + w->s->patience_us;
  while (!both_heard(w) && sim_net_now(w->net) < until && !fault_of(w)) step(w, until);
  w->result.connected = both_heard(w);
  w->result.n_datagrams = sim_net_stats_of(w->net).n_sent;
  w->result.first = way_of(&w->peer[0].path);
  w->result.began_tcp = w->peer[0].path.remote.transport == WR_TCP;
  if (w->result.connected) talk(w);
}

/* Both give their relays back. */
static void hang_up(world *w) {
  for (int i = 0; i < 2; i++) sim_peer_hang_up(&w->peer[i]);
  run_until(w, sim_net_now(w->net) + WR_S(1));
}

sim_matrix_result sim_matrix_run(const sim_matrix_settings *settings) {
  static world w;
  memset(&w, 0, sizeof w);
  w.s = settings;
  if (!open_world(&w)) {
    w.result.fault = "out of memory";
    return w.result;
  }
  run(&w);
  w.result.fault = fault_of(&w);
  if (w.result.connected) hang_up(&w);
  for (int i = 0; i < 2; i++) {
    if (w.peer[i].media_at) w.result.heard_us[i] = w.peer[i].media_at - w.began;
    wr_time settled = w.peer[i].path_at ? w.peer[i].path_at - w.began : 0;
    if (settled > w.result.settled_us) w.result.settled_us = settled;
  }
  if (w.peer[0].sent_at) w.result.last_sent_us = w.peer[0].sent_at - w.began;
  w.result.last = way_of(&w.peer[0].path);
  w.result.ends_tcp = w.peer[0].path.remote.transport == WR_TCP;
  w.result.relay = *sim_relay_stats_of(w.relay);
  close_world(&w);
  return w.result;
}
