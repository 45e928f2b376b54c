/* sim/call.c - couples two peers, the network and a signalling channel; one loop, one clock. */
#include "sim/call.h"

#include "sim/peer.h"

#define LIMIT WR_S(60) /* virtual time for a whole call */
#define DESCRIPTION_MAX 8192

typedef struct call {
  sim_net *net;
  sim_peer peer[2];
  wr_time one_way, began, offer_at, answer_at; /* the last two: arrival; WR_NEVER: not on the way */
  char offer[DESCRIPTION_MAX], answer[DESCRIPTION_MAX];
} call;

static void build_network(call *c, const sim_call_settings *s, sim_host_id host[2]) {
  sim_link_profile up = {0}, down = {0}, ideal = {0};
  if (s->profile) {
    up = s->profile->up;
    down = s->profile->down;
  }
  if (s->rtt_us) up.delay_us = down.delay_us = s->rtt_us / 2;
  up.loss_ppm += s->loss_ppm;
  down.loss_ppm += s->loss_ppm;
  c->one_way = up.delay_us;
  host[0] = sim_net_add_host(c->net, s->behind_nat ? "10.0.0.2" : "192.0.2.1");
  host[1] = sim_net_add_host(c->net, "203.0.113.1");
  sim_net_set_link(c->net, host[0], &up, &down);
  sim_net_set_link(c->net, host[1], &ideal, &ideal);
  if (s->behind_nat)
    sim_net_put_behind_nat(c->net, host[0], sim_net_add_nat(c->net, "198.51.100.1", sim_nat_classic(s->nat)));
}

static bool open_peers(call *c, const sim_call_settings *s, const sim_host_id host[2]) {
  sim_peer_settings caller = {
      .name = "caller", .crypto = s->crypto[0], .seed = s->seed, .is_caller = true, .trace = s->trace};
  sim_peer_settings callee = {.name = "callee", .crypto = s->crypto[1], .seed = s->seed, .trace = s->trace};
  callee.dtls_passive = s->callee_passive;
  callee.ice_lite = s->callee_lite;
  return sim_peer_open(&c->peer[0], c->net, host[0], &caller) &&
         sim_peer_open(&c->peer[1], c->net, host[1], &callee);
}

static void carry_signalling(call *c, wr_time now) {
  if (c->offer_at <= now) {
    c->offer_at = WR_NEVER;
    if (sim_peer_answer(&c->peer[1], c->offer, c->answer, sizeof c->answer)) c->answer_at = now + c->one_way;
  }
  if (c->answer_at <= now) {
    c->answer_at = WR_NEVER;
    sim_peer_accept(&c->peer[0], c->answer);
  }
}

/* One step of the clock: to the next instant at which anything happens. */
static void step(call *c, wr_time until) {
  wr_time next = wr_time_min(until, sim_net_deadline(c->net));
  next = wr_time_min(next, wr_time_min(c->offer_at, c->answer_at));
  for (int i = 0; i < 2; i++) next = wr_time_min(next, sim_peer_deadline(&c->peer[i]));
  if (next < sim_net_now(c->net)) next = sim_net_now(c->net);
  sim_delivery delivery;
  while (sim_net_recv(c->net, next, &delivery)) sim_peer_recv(&c->peer[delivery.host], &delivery);
  carry_signalling(c, next);
  for (int i = 0; i < 2; i++) sim_peer_tick(&c->peer[i]);
}

static const char *fault_of(const call *c) { return c->peer[0].fault ? c->peer[0].fault : c->peer[1].fault; }

static bool all_done(const call *c) { return sim_peer_is_done(&c->peer[0]) && sim_peer_is_done(&c->peer[1]); }

static bool one_ended(const call *c) { return c->peer[0].ended_at || c->peer[1].ended_at; }

static const char *talk(call *c) {
  if (!sim_peer_offer(&c->peer[0], c->offer, sizeof c->offer)) return fault_of(c);
  c->offer_at = c->began + c->one_way;
  while (!all_done(c)) {
    if (sim_net_now(c->net) >= c->began + LIMIT) return "not done in time";
    step(c, c->began + LIMIT);
    if (fault_of(c)) return fault_of(c);
    if (one_ended(c)) return wr_end_text(c->peer[0].end ? c->peer[0].end : c->peer[1].end);
  }
  return NULL;
}

static const char *hang_up(call *c, bool lossless) {
  sim_peer_hang_up(&c->peer[0]);
  for (wr_time until = sim_net_now(c->net) + WR_S(2); sim_net_now(c->net) < until;) step(c, until);
  if (!c->peer[0].ended_at || c->peer[0].end != WR_END_LOCAL) return "the caller did not end locally";
  if (lossless && (!c->peer[1].ended_at || c->peer[1].end != WR_END_REMOTE)) return "the callee missed the goodbye";
  return fault_of(c);
}

static wr_time since(const call *c, wr_time at) { return at ? at - c->began : 0; }

sim_call_result sim_call_run(const sim_call_settings *s) {
  sim_call_result result = {.fault = "out of memory"};
  call c = {.net = sim_net_open(s->seed), .offer_at = WR_NEVER, .answer_at = WR_NEVER};
  if (!c.net) return result;
  sim_host_id host[2];
  build_network(&c, s, host);
  sim_delivery none;
  sim_net_recv(c.net, WR_S(1), &none); /* "0: not yet" must not be confused with the beginning */
  c.began = sim_net_now(c.net);
  if (open_peers(&c, s, host)) {
    result.fault = talk(&c);
    result.done_us = sim_net_now(c.net) - c.began;
    if (!result.fault) result.fault = hang_up(&c, !s->loss_ppm && !s->profile);
  }
  result.rtt_us = 2 * c.one_way;
  for (int i = 0; i < 2; i++) {
    result.connected_us[i] = since(&c, c.peer[i].connected_at);
    result.media_us[i] = since(&c, c.peer[i].media_at);
    result.data_us[i] = since(&c, c.peer[i].data_at);
    result.n_audio_came[i] = c.peer[i].n_audio_came;
    sim_peer_close(&c.peer[i]);
  }
  result.digest = sim_net_digest(c.net);
  result.net = sim_net_stats_of(c.net);
  sim_net_close(c.net);
  return result;
}
