/* sim/faults.c - the table of faults and the run of one. */
#include "sim/faults.h"

#include <limits.h>
#include <stdlib.h>

#include "sim/faults_world.h"

#define LATEST_US WR_S(6)  /* a fault comes at a random instant up to here after START */
#define BEFORE_US WR_S(20) /* a call that nothing disturbs connects within */
#define STAYS_US WR_S(3)   /* well once is not enough */

typedef enum when { ANYTIME, BEFORE, IN_CALL } when; /* before START; once all is well */

typedef struct fault {
  const char *name, *about;
  when when;
  wr_time lasts_us, limit_us;
  bool bearable; /* time counts from the injection */
  void (*inject)(sim_world *w);
  void (*heal)(sim_world *w);         /* NULL: nothing to do */
  const char *(*judge)(sim_world *w); /* right before healing; NULL text: as it should be */
} fault;

/* ---- signalling ---- */

static void http_fault(sim_world *w, sim_world_http kind, unsigned budget) {
  w->http = kind;
  w->http_budget = budget;
}
static void http_heals(sim_world *w) { w->http = HTTP_WORKS; }
static void http_status(sim_world *w, int status, uint32_t retry_after_ms) {
  http_fault(w, HTTP_STATUS, UINT_MAX);
  w->http_status = status;
  w->http_retry_after_ms = retry_after_ms;
}
static void http_500(sim_world *w) { http_status(w, 500, 0); }
static void http_502(sim_world *w) { http_status(w, 502, 0); }
static void http_503(sim_world *w) { http_status(w, 503, 2000); }
static void http_silent(sim_world *w) { http_fault(w, HTTP_NO_ANSWER, UINT_MAX); }
static void http_garbage(sim_world *w) { http_fault(w, HTTP_GARBAGE, UINT_MAX); }
static void http_slow(sim_world *w) { http_fault(w, HTTP_SLOW, UINT_MAX); }
static void http_bad_answer(sim_world *w) { http_fault(w, HTTP_BAD_ANSWER, UINT_MAX); }
static void http_fingerprint(sim_world *w) { http_fault(w, HTTP_FINGERPRINT, UINT_MAX); }
static void offer_lost(sim_world *w) { http_fault(w, HTTP_NO_ANSWER, 1); }
static void answer_lost(sim_world *w) { http_fault(w, HTTP_ANSWER_LOST, 1); }
static void move_told(sim_world *w) {
  sim_world_move(w);
  sim_world_do(w, MGR_EVENT_NETWORK, 0);
}
static void http_500_and_move(sim_world *w) {
  http_500(w);
  move_told(w);
}
static void http_silent_and_move(sim_world *w) {
  http_silent(w);
  move_told(w);
}

/* ---- the path ---- */

static void udp_blocked(sim_world *w) { sim_world_block_udp(w, true); }
static void udp_opens(sim_world *w) { sim_world_block_udp(w, false); }
static void udp_opens_and_retry(sim_world *w) {
  sim_world_block_udp(w, false);
  sim_world_do(w, MGR_EVENT_RETRY, 0);
}
static const char *has_given_up(sim_world *w) {
  if (w->told.state != MGR_STATE_FAILED) return "not given up in time";
  return w->told.reason ? NULL : "given up without a reason";
}
static void nat_rebinds(sim_world *w) { sim_world_rebind_nat(w); }
static void move_untold(sim_world *w) { sim_world_move(w); }
static void much_loss(sim_world *w) { sim_world_set_link(w, 600000, 0); }
static void link_heals(sim_world *w) { sim_world_set_link(w, w->loss_ppm, 0); }
static void narrow(sim_world *w) { sim_world_set_link(w, w->loss_ppm, 24000); }
static void wide(sim_world *w) { sim_world_set_link(w, w->loss_ppm, 400000); }
static void dtls_ignored(sim_world *w) { sim_gateway_ignore_dtls(w->gateway, true); }
static void dtls_heals(sim_world *w) { sim_gateway_ignore_dtls(w->gateway, false); }

/* ---- the gateway ---- */

static void gateway_stops(sim_world *w) { sim_gateway_stop(w->gateway, true); }
static void gateway_goes_on(sim_world *w) { sim_gateway_stop(w->gateway, false); }
static void gateway_dies(sim_world *w) { sim_gateway_kill(w->gateway); }
static void gateway_returns(sim_world *w) { sim_gateway_start(w->gateway); }
static void gateway_drains(sim_world *w) { sim_gateway_drain(w->gateway, WR_S(5)); }
static void channel_closes(sim_world *w) { sim_gateway_close_channels(w->gateway); }
static void backend_goes(sim_world *w) { sim_gateway_lose_backend(w->gateway, true); }
static void backend_returns(sim_world *w) { sim_gateway_lose_backend(w->gateway, false); }
static const char *still_connected(sim_world *w) {
  return w->told.state == MGR_STATE_CONNECTED ? NULL : "the connection was given up for it";
}

/* ---- the device ---- */

static void goes_offline(sim_world *w) {
  sim_world_go_offline(w, true);
  sim_world_do(w, MGR_EVENT_ONLINE, 0);
}
static void comes_online(sim_world *w) {
  sim_world_go_offline(w, false);
  sim_world_do(w, MGR_EVENT_ONLINE, 1);
}
static void is_hidden(sim_world *w) { sim_world_do(w, MGR_EVENT_VISIBLE, 0); }
static void is_shown(sim_world *w) { sim_world_do(w, MGR_EVENT_VISIBLE, 1); }
static void freezes(sim_world *w) {
  sim_world_do(w, MGR_EVENT_FROZEN, 1);
  w->frozen_until = WR_NEVER;
}
static void thaws(sim_world *w) {
  w->frozen_until = 0;
  sim_world_do(w, MGR_EVENT_FROZEN, 0);
}
static void put_away(sim_world *w) {
  sim_world_do(w, MGR_EVENT_PAGE_HIDE, 1);
  w->frozen_until = WR_NEVER;
}
static void restored(sim_world *w) {
  w->frozen_until = 0;
  sim_world_do(w, MGR_EVENT_PAGE_SHOW, 0);
}
static void sleeps(sim_world *w) { w->frozen_until = WR_NEVER; } /* nobody says so */
static void wakes(sim_world *w) { w->frozen_until = 0; }
static void clock_jumps(sim_world *w) { w->skew += WR_S(3600); }
static void microphone_is(sim_world *w, mgr_mic mic) {
  w->mic = mic;
  sim_world_do(w, MGR_EVENT_MICROPHONE, (int32_t)mic);
}
static void microphone_lost(sim_world *w) { microphone_is(w, MGR_MIC_LOST); }
static void microphone_denied(sim_world *w) { microphone_is(w, MGR_MIC_DENIED); }
static void microphone_silenced(sim_world *w) { microphone_is(w, MGR_MIC_SILENCED); }
static void microphone_works(sim_world *w) {
  w->mic = MGR_MIC_READY;
  sim_world_do(w, MGR_EVENT_DEVICES, 0);
}
static void microphone_unsilenced(sim_world *w) { microphone_is(w, MGR_MIC_READY); }
static void servers_fail(sim_world *w) { http_status(w, 500, 0); }
static const char *servers_were_asked(sim_world *w) {
  if (w->n_servers_asked < 2) return "expiring servers were not asked for anew";
  return still_connected(w);
}

static void nothing(sim_world *w) { (void)w; }
static const char *was_left_alone(sim_world *w) {
  if (w->told.state != MGR_STATE_CONNECTED) return "not connected";
  return w->n_recovered > 3 ? "false alarms" : NULL;
}

static const fault faults[] = {
    {"undisturbed", "nothing happens for 60 s: how often is that taken for trouble?", IN_CALL, WR_S(60), WR_S(5),
     false, nothing, NULL, was_left_alone},
    {"http_500", "the gateway answers 500 to everything", ANYTIME, WR_S(3), WR_S(8), false, http_500, http_heals,
     NULL},
    {"http_502", "a proxy without a gateway", ANYTIME, WR_S(3), WR_S(8), false, http_502, http_heals, NULL},
    {"http_503", "full: Retry-After 2 s", BEFORE, WR_S(3), WR_S(8), false, http_503, http_heals, NULL},
    {"http_timeout", "no answer to any request", BEFORE, WR_S(5), WR_S(12), false, http_silent, http_heals, NULL},
    {"http_garbage", "200, and the page of a hotel", BEFORE, WR_S(3), WR_S(8), false, http_garbage, http_heals,
     NULL},
    {"http_slow", "each answer takes 5 s", BEFORE, WR_S(20), WR_S(10), true, http_slow, http_heals, NULL},
    {"answer_invalid", "the answer's description is broken", BEFORE, WR_S(3), WR_S(8), false, http_bad_answer,
     http_heals, NULL},
    {"fingerprint", "the answer names another certificate: DTLS fails", BEFORE, WR_S(3), WR_S(12), false,
     http_fingerprint, http_heals, NULL},
    {"offer_lost", "the first offer vanishes", BEFORE, 0, WR_S(14), true, offer_lost, NULL, NULL},
    {"answer_lost", "the gateway has a session nobody knows of", BEFORE, 0, WR_S(14), true, answer_lost, NULL,
     NULL},
    {"http_500_move", "another network, and signalling answers 500", IN_CALL, WR_S(3), WR_S(10), false,
     http_500_and_move, http_heals, NULL},
    {"http_silent_move", "another network, and signalling is silent", IN_CALL, WR_S(3), WR_S(12), false,
     http_silent_and_move, http_heals, NULL},
    {"udp_blocked_ever", "no UDP at all: gives up; then it opens and the person retries", BEFORE, WR_S(90), WR_S(5),
     false, udp_blocked, udp_opens_and_retry, has_given_up},
    {"udp_blocked_start", "no UDP in the first 10 s", BEFORE, WR_S(10), WR_S(12), false, udp_blocked, udp_opens,
     NULL},
    {"udp_blocked_1s", "UDP blocked for 1 s", ANYTIME, WR_S(1), WR_S(6), false, udp_blocked, udp_opens, NULL},
    {"udp_blocked_5s", "UDP blocked for 5 s", ANYTIME, WR_S(5), WR_S(10), false, udp_blocked, udp_opens, NULL},
    {"udp_blocked_20s", "UDP blocked for 20 s", ANYTIME, WR_S(20), WR_S(12), false, udp_blocked, udp_opens, NULL},
    {"nat_rebinding", "the NAT forgets its mappings", IN_CALL, 0, WR_S(10), false, nat_rebinds, NULL, NULL},
    {"path_change", "another address, and the device says so", IN_CALL, 0, WR_S(10), false, move_told, NULL, NULL},
    {"path_change_untold", "another address, and nobody says so", IN_CALL, 0, WR_S(12), false, move_untold, NULL,
     NULL},
    {"gateway_stopped", "SIGSTOP for 3 s", ANYTIME, WR_S(3), WR_S(10), false, gateway_stops, gateway_goes_on, NULL},
    {"gateway_restart_50ms", "killed, back after 50 ms", ANYTIME, WR_MS(50), WR_S(10), false, gateway_dies,
     gateway_returns, NULL},
    {"gateway_restart_1s", "killed, back after 1 s", ANYTIME, WR_S(1), WR_S(10), false, gateway_dies,
     gateway_returns, NULL},
    {"gateway_restart_3s", "killed, back after 3 s", ANYTIME, WR_S(3), WR_S(10), false, gateway_dies,
     gateway_returns, NULL},
    {"gateway_restart_10s", "killed, back after 10 s", ANYTIME, WR_S(10), WR_S(10), false, gateway_dies,
     gateway_returns, NULL},
    {"gateway_draining", "drains for 5 s, ends, is back 1 s later", ANYTIME, WR_S(6), WR_S(10), false,
     gateway_drains, gateway_returns, NULL},
    {"channel_closed", "the data channel closes alone", IN_CALL, 0, WR_S(6), false, channel_closes, NULL, NULL},
    {"dtls_failure", "a path and no handshake for 8 s", BEFORE, WR_S(8), WR_S(12), false, dtls_ignored, dtls_heals,
     NULL},
    {"backend_lost", "the assistant is gone for 4 s", IN_CALL, WR_S(4), WR_S(5), false, backend_goes,
     backend_returns, still_connected},
    {"servers_expired", "ICE servers expire while /api/ice answers 500", IN_CALL, WR_S(60), WR_S(5), false,
     servers_fail, http_heals, servers_were_asked},
    {"offline", "no network for 5 s, and the device says so", ANYTIME, WR_S(5), WR_S(8), false, goes_offline,
     comes_online, NULL},
    {"offline_long", "no network for 50 s", ANYTIME, WR_S(50), WR_S(8), false, goes_offline, comes_online, NULL},
    {"hidden", "the page is hidden for 60 s", ANYTIME, WR_S(60), WR_S(5), false, is_hidden, is_shown, NULL},
    {"frozen_20s", "the page is frozen for 20 s", ANYTIME, WR_S(20), WR_S(10), false, freezes, thaws, NULL},
    {"frozen_90s", "the page is frozen for 90 s", ANYTIME, WR_S(90), WR_S(10), false, freezes, thaws, NULL},
    {"restored", "in the back-forward cache for 10 s", ANYTIME, WR_S(10), WR_S(10), false, put_away, restored,
     NULL},
    {"sleep_40s", "the device sleeps for 40 s without a word", ANYTIME, WR_S(40), WR_S(15), false, sleeps, wakes,
     NULL},
    {"sleep_90s", "the device sleeps for 90 s without a word", ANYTIME, WR_S(90), WR_S(15), false, sleeps, wakes,
     NULL},
    {"clock_jump", "the clock jumps by an hour", ANYTIME, 0, WR_S(15), false, clock_jumps, NULL, NULL},
    {"microphone_lost", "unplugged; another one 2 s later", IN_CALL, WR_S(2), WR_S(6), false, microphone_lost,
     microphone_works, still_connected},
    {"microphone_denied", "taken back for 4 s", IN_CALL, WR_S(4), WR_S(6), false, microphone_denied,
     microphone_works, still_connected},
    {"microphone_silenced", "silenced by the system for 4 s", IN_CALL, WR_S(4), WR_S(6), false, microphone_silenced,
     microphone_unsilenced, still_connected},
    {"loss_60", "60 % loss each way for 10 s", ANYTIME, WR_S(10), WR_S(15), false, much_loss, link_heals, NULL},
    {"rate_24k", "24 kbit/s for 15 s between 400 and 400", IN_CALL, WR_S(15), WR_S(15), false, narrow, wide, NULL},
};

size_t sim_faults_n(void) { return sizeof faults / sizeof *faults; }
const char *sim_fault_name(size_t i) { return faults[i].name; }
const char *sim_fault_about(size_t i) { return faults[i].about; }

static void start(sim_world *w) {
  sim_world_do(w, MGR_EVENT_ONLINE, 1);
  sim_world_do(w, MGR_EVENT_START, MGR_MODE_REALTIME);
}

/* Up to the instant of the fault. false: the call did not even begin. */
static bool lead_up(const fault *f, sim_world *w) {
  if (f->when == BEFORE) {
    f->inject(w);
    start(w);
    return true;
  }
  start(w);
  if (f->when == IN_CALL) {
    sim_world_watch(w);
    if (!sim_world_run(w, sim_world_now(w) + BEFORE_US, sim_world_is_well)) return false;
    w->probing = false;
  }
  sim_world_run(w, sim_world_now(w) + (wr_time)sim_rng_upto(&w->rng, (uint64_t)LATEST_US), NULL);
  sim_world_begin_record(w);
  f->inject(w);
  return true;
}

static const char *play(const fault *f, sim_world *w, wr_time *took_us) {
  sim_world_begin_record(w);
  if (!lead_up(f, w)) return "no connection before the fault";
  wr_time since = sim_world_now(w), heals_at = since + f->lasts_us;
  if (f->bearable) {
    sim_world_watch(w);
    bool well = sim_world_run(w, since + f->limit_us, sim_world_is_well);
    *took_us = sim_world_now(w) - since;
    if (!well) return "not well in time";
  }
  if (heals_at > sim_world_now(w)) sim_world_run(w, heals_at, NULL);
  const char *verdict = f->judge ? f->judge(w) : NULL;
  if (verdict) return verdict;
  if (f->heal) f->heal(w);
  if (!f->bearable) {
    sim_world_watch(w);
    wr_time healed_at = sim_world_now(w);
    bool well = sim_world_run(w, healed_at + f->limit_us, sim_world_is_well);
    *took_us = sim_world_now(w) - healed_at;
    if (!well) return "not well in time";
  }
  sim_world_run(w, sim_world_now(w) + STAYS_US, NULL);
  sim_world_watch(w);
  return sim_world_run(w, sim_world_now(w) + STAYS_US, sim_world_is_well) ? NULL : "well, but not for long";
}

sim_fault_result sim_fault_run(size_t i, const wr_crypto *const crypto[2], uint64_t seed, FILE *trace) {
  const fault *f = &faults[i];
  sim_fault_result result = {.fault = "out of memory", .state_text = "?"};
  sim_world_settings settings = {.crypto = {crypto[0], crypto[1]}, .seed = seed, .trace = trace};
  settings.fetch_servers = f->inject == servers_fail;
  settings.servers_ttl_s = 60;
  sim_world *w = malloc(sizeof *w);
  if (!w) return result;
  if (sim_world_open(w, &settings)) {
    result.fault = play(f, w, &result.took_us);
    if (w->fault) result.fault = w->fault;
    result.troubled = w->saw_trouble;
    result.rung = w->best_rung;
    result.state_text = sim_world_state_text(w);
    result.digest = sim_net_digest(w->net);
  }
  sim_world_close(w);
  free(w);
  return result;
}
