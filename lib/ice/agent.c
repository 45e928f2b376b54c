/* ice/agent.c - the agent's life: credentials, candidates, pairs, timers and state (RFC 8445, 8838, 8839).
 *
 * A restart begins a new session: its candidates, pairs and checks start from nothing, while the selected pair is
 * taken along as "previous" with its credentials. It carries media and consent checks until the new session
 * selects; requests under the old credentials are answered for WR_ICE_LINGER_US more, because the peer selects
 * later than we.
 *
 * Bounds against a description that names a victim's addresses (RFC 8445 19.5.1): checks to pairs that never
 * answered are counted, at most WR_ICE_MAX_UNVERIFIED leave in a session; an answer refunds what its pair has used,
 * an authenticated check of the peer earns one. Over all sessions, their bytes are bounded by what the peer has
 * sent.
 *
 * Left out: gathering (conn/gather.c), more than one component, the Frozen state, two lite agents facing each other
 * (neither would check; they never connect). A mapped address in an answer is taken as information: our
 * peer-reflexive candidate has the base we already send from. */
#include "ice/ice_agent.h"

#include <string.h>

size_t wr_ice_size(void) { return sizeof(wr_ice); }
_Static_assert(sizeof(wr_ice) < 24 * 1024, "the size promised in ice.h");

static void random_text(const wr_rng *rng, char *out, size_t len) {
  static const char ice_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  wr_rng_fill(rng, out, len);
  for (size_t i = 0; i < len; i++) out[i] = ice_chars[(uint8_t)out[i] & 63];
  out[len] = 0;
}

static void make_credentials(wr_ice *ice) {
  wr_ice_session *s = &ice->session[0];
  size_t prefix = strlen(ice->ufrag_prefix);
  memcpy(s->local_ufrag, ice->ufrag_prefix, prefix);
  random_text(&ice->rng, s->local_ufrag + prefix, WR_ICE_UFRAG_BYTES);
  random_text(&ice->rng, s->local_pwd, WR_ICE_PWD_BYTES);
  s->local_is_old = false;
}

wr_ice *wr_ice_init(void *mem, const wr_ice_settings *settings, wr_time now) {
  WR_ASSERT(((uintptr_t)mem & 15) == 0 && settings->crypto && settings->crypto->hmac_sha1);
  WR_ASSERT(memchr(settings->ufrag_prefix, 0, sizeof settings->ufrag_prefix));
  wr_ice *ice = mem;
  memset(ice, 0, offsetof(wr_ice, checks.slot));
  ice->rng = settings->rng;
  ice->crypto = settings->crypto;
  memcpy(ice->ufrag_prefix, settings->ufrag_prefix, sizeof ice->ufrag_prefix);
  ice->lite = settings->lite;
  ice->controlling = settings->controlling && !settings->lite;
  ice->tie_breaker = wr_rng_u64(&ice->rng);
  ice->selected = -1;
  ice->began_at = ice->recheck_at = ice->upgrade_at = ice->linger_until = WR_NEVER;
  ice->next_new_at = now;
  ice->deadline = WR_NEVER;
  make_credentials(ice);
  return ice;
}

void wr_ice_wipe(wr_ice *ice) {
  wr_wipe(ice, offsetof(wr_ice, checks.slot) + ice->checks.n * sizeof ice->checks.slot[0]);
}

const char *wr_ice_local_ufrag(const wr_ice *ice) { return ice->session[0].local_ufrag; }
const char *wr_ice_local_pwd(const wr_ice *ice) { return ice->session[0].local_pwd; }
wr_ice_state wr_ice_get_state(const wr_ice *ice) { return ice->state; }
const wr_ice_stats *wr_ice_get_stats(const wr_ice *ice) { return &ice->stats; }

size_t wr_ice_local_candidates(const wr_ice *ice, const wr_candidate **candidates) {
  *candidates = ice->locals.shown;
  return ice->locals.n;
}

/* ---- pairs ---- */

static void drop_pair(wr_ice *ice, size_t i) {
  wr_ice_checks_drop(&ice->checks, i);
  ice->pairs.slot[i].used = false;
}

static uint64_t priority_of(const wr_ice *ice, size_t local, size_t remote) {
  return wr_ice_pair_priority(ice->controlling, ice->locals.shown[local].priority,
                              ice->remotes.slot[remote].priority);
}

static void refresh_priorities(wr_ice *ice) {
  for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    wr_ice_pair *p = &ice->pairs.slot[i];
    if (p->used) p->priority = priority_of(ice, p->local, p->remote);
  }
}

static bool is_link_local(const wr_addr *addr) {
  return addr->family == 6 && addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80;
}

static bool is_loopback(const wr_addr *addr) {
  static const uint8_t one[16] = {[15] = 1};
  return addr->family == 4 ? addr->ip[0] == 127 : memcmp(addr->ip, one, 16) == 0;
}

/* The relay's loopback is another machine's; relays refuse it, and some give up more than that. */
static bool may_relay(const wr_candidate *local, const wr_addr *to) {
  return local->type != WR_CANDIDATE_RELAY || !is_loopback(to) || is_loopback(&local->addr);
}

/* RFC 6544 6.2. What waits for a connection is paired when it has come, with the peer-reflexive candidate it shows.
 */
static bool may_connect(wr_tcp_type local, wr_tcp_type remote) {
  if (local == WR_TCP_ACTIVE) return remote == WR_TCP_PASSIVE;
  if (local == WR_TCP_PASSIVE) return remote == WR_TCP_ACTIVE;
  return local == remote;
}

int wr_ice_add_pair(wr_ice *ice, size_t local, size_t remote, bool checked_by_peer) {
  const wr_addr *base = &ice->locals.base[local], *to = &ice->remotes.slot[remote].addr;
  if (base->family != to->family || is_link_local(base) != is_link_local(to)) return -1;
  if (!may_relay(&ice->locals.shown[local], to)) return -1;
  if (!may_connect(ice->locals.shown[local].tcp, ice->remotes.slot[remote].tcp)) return -1;
  if (wr_ice_locals_by_base(&ice->locals, base) != (int)local) return -1;
  int found = wr_ice_pairs_find(&ice->pairs, local, remote, false);
  if (found >= 0) return found;
  uint64_t priority = priority_of(ice, local, remote);
  bool victim;
  /* A pair the peer proves to be alive outranks any that is only hoped for. */
  int i = wr_ice_pairs_take(&ice->pairs, checked_by_peer ? UINT64_MAX : priority, ice->selected, &victim);
  if (i < 0) return -1;
  if (victim) wr_ice_checks_drop(&ice->checks, (size_t)i);
  wr_ice_pair *p = &ice->pairs.slot[i];
  p->priority = priority;
  p->local = (uint8_t)local;
  p->remote = (uint8_t)remote;
  p->sent_at = WR_ICE_NEVER_SENT;
  return i;
}

void wr_ice_trigger(wr_ice *ice, size_t pair, wr_time earliest) {
  wr_ice_pair *p = &ice->pairs.slot[pair];
  wr_ice_checks_stop(&ice->checks, pair);
  p->state = WR_ICE_PAIR_WAITING;
  p->triggered = true;
  p->trigger_at = earliest;
}

void wr_ice_fail_pair(wr_ice *ice, size_t pair) {
  wr_ice_pair *p = &ice->pairs.slot[pair];
  wr_ice_checks_stop(&ice->checks, pair);
  p->state = WR_ICE_PAIR_FAILED;
  p->valid = p->triggered = p->nominating = p->nominated = false;
}

void wr_ice_set_role(wr_ice *ice, bool controlling) {
  if (ice->controlling == controlling) return;
  ice->controlling = controlling;
  refresh_priorities(ice);
  for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++) { /* checks under way name the old role */
    wr_ice_pair *p = &ice->pairs.slot[i];
    if (!p->used) continue;
    p->nominating = p->offered = false;
    if (p->state != WR_ICE_PAIR_IN_PROGRESS) continue;
    wr_ice_checks_stop(&ice->checks, i);
    p->state = WR_ICE_PAIR_WAITING;
  }
}

/* ---- candidates ---- */

wr_err wr_ice_add_local(wr_ice *ice, const wr_addr *base, const wr_addr *shown, wr_candidate_type type,
                        wr_time now) {
  size_t n = ice->locals.n;
  wr_err err = wr_ice_locals_add(&ice->locals, base, shown, type);
  if (err != WR_OK || ice->locals.n == n || ice->state == WR_ICE_FAILED || ice->lite) return err;
  for (size_t i = 0; i < WR_ICE_MAX_REMOTE; i++) {
    if (ice->remotes.slot[i].used && ice->remotes.slot[i].current) (void)wr_ice_add_pair(ice, n, i, false);
  }
  wr_ice_refresh_state(ice, now);
  return WR_OK;
}

/* Gives up the remote candidate unheard for longest, but for the one in use; what only appeared before what
 * was signalled: a peer whose NAT shows a new port to each of ours would crowd out the way that works. */
static bool make_room(wr_ice *ice, bool appeared_only) {
  int oldest = -1, kept = ice->selected >= 0 ? ice->pairs.slot[ice->selected].remote : -1;
  for (int i = 0; i < WR_ICE_MAX_REMOTE; i++) {
    const wr_ice_remote *r = &ice->remotes.slot[i];
    if (i == kept || (appeared_only && r->type != WR_CANDIDATE_PRFLX)) continue;
    if (oldest < 0 || r->heard_at < ice->remotes.slot[oldest].heard_at) oldest = i;
  }
  if (oldest < 0) return false;
  for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++)
    if (ice->pairs.slot[i].used && ice->pairs.slot[i].remote == oldest) drop_pair(ice, i);
  ice->remotes.slot[oldest].used = false;
  return true;
}

/* A TCP candidate is of use to somebody who can connect to it; whoever connects to us is learnt when it does. */
static bool connects_out(const wr_ice *ice, const wr_candidate *candidate) {
  if (candidate->tcp != WR_TCP_PASSIVE || candidate->addr.transport != WR_TCP) return false;
  for (size_t i = 0; i < ice->locals.n; i++)
    if (ice->locals.shown[i].tcp == WR_TCP_ACTIVE) return true;
  return false;
}

wr_err wr_ice_add_remote(wr_ice *ice, const wr_candidate *candidate, wr_time now) {
  if (candidate->component != 1 || !wr_ice_addr_is_usable(&candidate->addr)) return WR_OK;
  if (candidate->tcp && !connects_out(ice, candidate)) return WR_OK;
  if (ice->state == WR_ICE_FAILED) return WR_ERR_STATE;
  int i = wr_ice_remotes_find(&ice->remotes, &candidate->addr);
  if (i < 0) {
    i = wr_ice_remotes_add(&ice->remotes, &candidate->addr, candidate->type, candidate->priority, now);
    if (i < 0 && make_room(ice, true))
      i = wr_ice_remotes_add(&ice->remotes, &candidate->addr, candidate->type, candidate->priority, now);
    if (i < 0) return WR_ERR_LIMIT;
  } else { /* known as peer-reflexive, or from before the restart: what is signalled is right (RFC 8838 11.4) */
    ice->remotes.slot[i].type = candidate->type;
    ice->remotes.slot[i].priority = candidate->priority;
    ice->remotes.slot[i].current = true;
    refresh_priorities(ice);
  }
  if (ice->lite) return WR_OK;
  for (size_t local = 0; local < ice->locals.n; local++) (void)wr_ice_add_pair(ice, local, (size_t)i, false);
  wr_ice_refresh_state(ice, now);
  return WR_OK;
}

void wr_ice_end_of_remote(wr_ice *ice, wr_time now) {
  ice->session[0].remote_ended = true;
  wr_ice_refresh_state(ice, now);
}

int wr_ice_add_reflexive(wr_ice *ice, const wr_addr *addr, uint32_t priority, wr_time now) {
  int i = wr_ice_remotes_find(&ice->remotes, addr);
  if (i < 0) i = wr_ice_remotes_add(&ice->remotes, addr, WR_CANDIDATE_PRFLX, priority, now);
  if (i < 0 && (make_room(ice, true) || make_room(ice, false)))
    i = wr_ice_remotes_add(&ice->remotes, addr, WR_CANDIDATE_PRFLX, priority, now);
  if (i < 0) return -1;
  ice->remotes.slot[i].current = true;
  ice->remotes.slot[i].heard_at = now;
  return i;
}

/* ---- sessions ---- */

/* Starts from nothing, except that the path in use and its credentials become the previous session's. */
static void begin_session(wr_ice *ice) {
  bool path_is_older = ice->selected >= 0 && ice->pairs.slot[ice->selected].previous;
  if (!path_is_older) ice->session[1] = ice->session[0];
  ice->has_previous = true;
  ice->linger_until = WR_NEVER;
  for (int i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    if (ice->pairs.slot[i].used && i != ice->selected) drop_pair(ice, (size_t)i);
  }
  for (int i = 0; i < WR_ICE_MAX_REMOTE; i++) {
    ice->remotes.slot[i].current = false;
    ice->remotes.slot[i].used = ice->selected >= 0 && ice->pairs.slot[ice->selected].remote == i;
  }
  if (ice->selected >= 0) ice->pairs.slot[ice->selected].previous = true;
  wr_ice_session *s = &ice->session[0];
  s->has_remote = s->remote_lite = s->remote_ended = false;
  wr_wipe(s->remote_pwd, sizeof s->remote_pwd);
  ice->n_answers = 0;
  ice->n_unverified = 0;
  ice->began_at = ice->recheck_at = WR_NEVER;
  if (ice->state == WR_ICE_FAILED) ice->state = WR_ICE_NEW;
}

void wr_ice_grant(wr_ice *ice, size_t n_bytes) {
  ice->is_granted = true;
  ice->granted_bytes += n_bytes;
}

wr_err wr_ice_set_remote(wr_ice *ice, const char *ufrag, const char *pwd, bool remote_lite, wr_time now) {
  size_t ufrag_len = strlen(ufrag), pwd_len = strlen(pwd);
  if (!ufrag_len || !pwd_len) return WR_ERR_SYNTAX;
  if (ufrag_len > WR_UFRAG_MAX || pwd_len > WR_PWD_MAX) return WR_ERR_LIMIT;
  wr_ice_session *s = &ice->session[0];
  if (s->has_remote && !strcmp(s->remote_ufrag, ufrag) && !strcmp(s->remote_pwd, pwd)) return WR_OK;
  if (s->has_remote) {
    begin_session(ice);
    s->local_is_old = true;
  }
  memcpy(s->remote_ufrag, ufrag, ufrag_len + 1);
  memcpy(s->remote_pwd, pwd, pwd_len + 1);
  s->has_remote = true;
  s->remote_lite = remote_lite;
  /* RFC 8445 6.1.1: a full agent controls a lite one. */
  if (!ice->lite && remote_lite) wr_ice_set_role(ice, true);
  ice->began_at = ice->next_new_at = now;
  wr_ice_take_early(ice, now);
  wr_ice_refresh_state(ice, now);
  return WR_OK;
}

void wr_ice_restart(wr_ice *ice, wr_time now) {
  if (!ice->session[0].local_is_old) {
    begin_session(ice);
  } else { /* our half of a restart the peer has begun: checks under the old name are worth nothing */
    for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++) {
      wr_ice_pair *p = &ice->pairs.slot[i];
      if (!p->used || p->previous) continue;
      wr_ice_checks_drop(&ice->checks, i);
      p->state = WR_ICE_PAIR_WAITING;
    }
  }
  make_credentials(ice);
  wr_ice_refresh_state(ice, now);
}

/* ---- state and time ---- */

static void fail(wr_ice *ice) {
  for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    if (ice->pairs.slot[i].used) drop_pair(ice, i);
  }
  ice->selected = -1;
  ice->n_answers = 0;
  ice->recheck_at = ice->upgrade_at = WR_NEVER;
}

static bool is_exhausted(const wr_ice *ice) {
  if (!ice->session[0].remote_ended) return false;
  for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    const wr_ice_pair *p = &ice->pairs.slot[i];
    if (p->used && p->state != WR_ICE_PAIR_FAILED && !p->spent) return false;
  }
  return true;
}

/* When connecting is given up; only while nothing is selected. */
static wr_time give_up_at(const wr_ice *ice) {
  if (ice->began_at == WR_NEVER) return WR_NEVER;
  return ice->began_at + (is_exhausted(ice) ? WR_ICE_EXHAUSTED_US : WR_ICE_CONNECT_TIMEOUT_US);
}

static wr_ice_state state_at(wr_ice *ice, wr_time now) {
  if (ice->state == WR_ICE_FAILED) return WR_ICE_FAILED;
  if (ice->selected >= 0 && wr_ice_consent_is_expired(&ice->consent, now)) {
    bool restarting = ice->pairs.slot[ice->selected].previous;
    drop_pair(ice, (size_t)ice->selected);
    ice->selected = -1;
    ice->recheck_at = ice->upgrade_at = WR_NEVER; /* both are about what was selected */
    ice->stats.consent_failures++;
    if (!restarting) return WR_ICE_FAILED;
    if (ice->began_at == WR_NEVER) ice->began_at = now;
  }
  if (ice->selected >= 0)
    return wr_ice_consent_is_lost(&ice->consent, now) ? WR_ICE_DISCONNECTED : WR_ICE_CONNECTED;
  if (now >= give_up_at(ice)) return WR_ICE_FAILED;
  if (ice->state != WR_ICE_NEW) return WR_ICE_CHECKING;
  if (ice->lite && ice->session[0].has_remote) return WR_ICE_CHECKING;
  for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    if (ice->pairs.slot[i].used && ice->session[0].has_remote) return WR_ICE_CHECKING;
  }
  return WR_ICE_NEW;
}

static wr_time checks_deadline(const wr_ice *ice) {
  wr_time deadline = wr_ice_checks_deadline(&ice->checks);
  if (!ice->session[0].has_remote) return deadline;
  for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    const wr_ice_pair *p = &ice->pairs.slot[i];
    if (p->used && p->triggered) deadline = wr_time_min(deadline, p->trigger_at);
  }
  return wr_ice_pairs_next_waiting(&ice->pairs) < 0 ? deadline : wr_time_min(deadline, ice->next_new_at);
}

static wr_time next_deadline(const wr_ice *ice) {
  if (ice->n_answers) return INT64_MIN;
  if (ice->state == WR_ICE_FAILED) return ice->linger_until;
  wr_time deadline = wr_time_min(wr_time_min(ice->recheck_at, ice->upgrade_at), ice->linger_until);
  if (!ice->lite) deadline = wr_time_min(deadline, checks_deadline(ice));
  if (ice->selected < 0) return wr_time_min(deadline, give_up_at(ice));
  return wr_time_min(deadline, wr_ice_consent_deadline(&ice->consent, ice->state == WR_ICE_DISCONNECTED));
}

/* Kept up to date by everything that changes the agent, so that the media path, which asks after each datagram,
 * pays for one comparison. */
void wr_ice_schedule(wr_ice *ice) { ice->deadline = next_deadline(ice); }

wr_time wr_ice_deadline(const wr_ice *ice) { return ice->deadline; }

void wr_ice_refresh_state(wr_ice *ice, wr_time now) {
  wr_ice_state state = state_at(ice, now);
  if (state != ice->state) {
    ice->state = state;
    ice->state_changed = true;
    if (state == WR_ICE_FAILED) fail(ice);
  }
  wr_ice_schedule(ice);
}

/* All transmissions of a check went unanswered. As long as nothing works the pair is tried again, within the bound
 * on unverified checks: the peer may still trickle or open its firewall, and a lite peer sends no checks of its
 * own. */
static void expire_check(wr_ice *ice, wr_ice_check *check) {
  wr_ice_pair *p = &ice->pairs.slot[check->pair];
  if (check->pair == ice->selected) { /* its fate is decided by consent */
    check->used = p->nominating = false;
    p->state = WR_ICE_PAIR_SUCCEEDED;
    return;
  }
  check->used = false;
  wr_ice_fail_pair(ice, check->pair);
  p->spent = true;
  if (ice->selected < 0) p->state = WR_ICE_PAIR_WAITING;
}

/* What streams carry waits for what was lost: as long as one is selected, datagrams that did not get through are
 * tried again. As long as a relay is, so is a way around it that worked before (and may have been given up for a
 * moment of loss). */
static void try_better(wr_ice *ice, wr_time now) {
  ice->upgrade_at = now + WR_ICE_UPGRADE_US;
  for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    wr_ice_pair *p = &ice->pairs.slot[i];
    if (!p->used || p->previous || (int)i == ice->selected || ice->remotes.slot[p->remote].tcp) continue;
    bool worked = p->valid && p->state == WR_ICE_PAIR_SUCCEEDED && !wr_ice_is_relayed(ice, p);
    if (worked || (p->state == WR_ICE_PAIR_FAILED && ice->remotes.slot[ice->pairs.slot[ice->selected].remote].tcp))
      p->state = WR_ICE_PAIR_WAITING;
  }
}

void wr_ice_tick(wr_ice *ice, wr_time now) {
  if (now < ice->deadline) return;
  wr_ice_check *spent;
  while ((spent = wr_ice_checks_spent(&ice->checks, now)) != NULL) expire_check(ice, spent);
  if (ice->has_previous && now >= ice->linger_until) {
    for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++) {
      if (ice->pairs.slot[i].used && ice->pairs.slot[i].previous) drop_pair(ice, i);
    }
    wr_wipe(&ice->session[1], sizeof ice->session[1]);
    ice->has_previous = false;
    ice->linger_until = WR_NEVER;
  }
  if (ice->selected >= 0 && now >= ice->upgrade_at) try_better(ice, now);
  if (ice->selected < 0 || !wr_ice_consent_is_shaky(&ice->consent, now))
    ice->recheck_at = WR_NEVER;
  else
    wr_ice_fall_back(ice, now);
  wr_ice_refresh_state(ice, now);
}

/* Whoever connected to us may do so again, from another port: its pair is of no use. Whom we connect to is tried
 * again, in time. What was selected stays so until something else works or consent expires. */
static void lose_connection(wr_ice *ice, size_t i, wr_time now) {
  wr_ice_pair *p = &ice->pairs.slot[i];
  bool is_ours = ice->locals.shown[p->local].tcp == WR_TCP_ACTIVE;
  wr_ice_checks_drop(&ice->checks, i);
  if ((int)i == ice->selected) {
    p->state = WR_ICE_PAIR_SUCCEEDED;
    p->triggered = p->nominating = false;
    wr_ice_consent_broken(&ice->consent, now);
  } else if (is_ours) {
    wr_ice_fail_pair(ice, i);
    p->spent = true;
    if (ice->selected < 0) wr_ice_trigger(ice, i, now + WR_ICE_STREAM_RETRY_US);
  } else {
    ice->remotes.slot[p->remote].used = false;
    drop_pair(ice, i);
  }
}

void wr_ice_path_closed(wr_ice *ice, const wr_path *path, wr_time now) {
  WR_ASSERT(path->remote.transport == WR_TCP);
  for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++)
    if (ice->pairs.slot[i].used && wr_ice_is_path_of(ice, &ice->pairs.slot[i], path)) lose_connection(ice, i, now);
  wr_ice_refresh_state(ice, now);
}

/* ---- what the caller reads ---- */

static wr_path path_of(const wr_ice *ice, const wr_ice_pair *p) {
  return (wr_path){ice->locals.base[p->local], ice->remotes.slot[p->remote].addr};
}

bool wr_ice_selected(const wr_ice *ice, wr_path *path, uint32_t *rtt_us) {
  if (ice->selected < 0) return false;
  *path = path_of(ice, &ice->pairs.slot[ice->selected]);
  *rtt_us = ice->pairs.slot[ice->selected].rtt_us;
  return true;
}

bool wr_ice_is_path_of(const wr_ice *ice, const wr_ice_pair *p, const wr_path *path) {
  bool is_relay = ice->locals.shown[p->local].type == WR_CANDIDATE_RELAY;
  if (path->local.family ? !wr_addr_equal(&path->local, &ice->locals.base[p->local]) : is_relay) return false;
  return wr_addr_equal(&path->remote, &ice->remotes.slot[p->remote].addr);
}

bool wr_ice_is_valid_path(const wr_ice *ice, const wr_path *path) {
  if (ice->selected >= 0 && wr_ice_is_path_of(ice, &ice->pairs.slot[ice->selected], path)) return true;
  for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    const wr_ice_pair *p = &ice->pairs.slot[i];
    if (p->used && (p->valid || p->peer_checked) && wr_ice_is_path_of(ice, p, path)) return true;
  }
  return false;
}

bool wr_ice_poll_event(wr_ice *ice, wr_ice_event *event) {
  *event = (wr_ice_event){.kind = WR_ICE_EVENT_NONE, .state = ice->state};
  bool changed = ice->selected_changed;
  ice->selected_changed = false;
  if (changed && wr_ice_selected(ice, &event->path, &event->rtt_us)) {
    event->kind = WR_ICE_EVENT_SELECTED;
    return true;
  }
  if (!ice->state_changed) return false;
  ice->state_changed = false;
  event->kind = WR_ICE_EVENT_STATE;
  return true;
}
