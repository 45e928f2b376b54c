/* ice/input.c - received STUN: the server half (RFC 8445 7.3) and the client half (7.2.5) of connectivity checks.
 *
 * A request is believed if USERNAME names one of our sessions and MESSAGE-INTEGRITY is right under its password.
 * All others are dropped without an answer (RFC 8489 9.1.3 would send 400 or 401; in WebRTC nobody needs them, and
 * an agent that is silent to strangers cannot be used as a reflector). Requests are answered before the remote
 * description is known; their pair is checked as soon as it is. After FAILED nothing is answered: consent is gone.
 */
#include "ice/ice_agent.h"

/* ---- requests ---- */

/* Which session USERNAME "ours:theirs" belongs to, by our name; -1: none. */
static int session_of(const wr_ice *ice, wr_bytes username, wr_bytes *their_name) {
  const uint8_t *colon = username.len ? memchr(username.data, ':', username.len) : NULL;
  if (!colon) return -1;
  wr_bytes ours = wr_bytes_of(username.data, (size_t)(colon - username.data));
  wr_bytes theirs = wr_bytes_of(colon + 1, username.len - ours.len - 1);
  *their_name = theirs;
  bool matches[2], theirs_match[2];
  for (int i = 0; i < 2; i++) {
    const wr_ice_session *s = &ice->session[i];
    matches[i] =
        (i == 0 || ice->has_previous) && wr_bytes_equal(ours, wr_bytes_of(s->local_ufrag, strlen(s->local_ufrag)));
    theirs_match[i] = wr_bytes_equal(theirs, wr_bytes_of(s->remote_ufrag, strlen(s->remote_ufrag)));
  }
  /* Both have one local name while the peer has restarted and our half of it is still to come. */
  if (matches[0] && matches[1]) return theirs_match[1] && !theirs_match[0] ? 1 : 0;
  return matches[0] ? 0 : matches[1] ? 1 : -1;
}

static void answer(wr_ice *ice, const wr_path *path, const wr_stun *stun, int session, uint16_t error) {
  if (ice->n_answers == WR_ICE_MAX_ANSWERS) return;
  wr_ice_answer *a = &ice->answer[ice->n_answers++];
  *a = (wr_ice_answer){.path = *path, .error = error, .session = (uint8_t)session};
  memcpy(a->id, stun->id, sizeof a->id);
  if (error != WR_STUN_UNKNOWN_ATTRIBUTE) return;
  a->n_unknown = (uint8_t)stun->n_unknown;
  memcpy(a->unknown, stun->unknown, sizeof a->unknown);
}

/* RFC 8445 7.3.1.1. false: the peer has to give way. */
static bool settle_role(wr_ice *ice, const wr_stun *stun) {
  bool conflict = ice->controlling ? stun->controlling : stun->controlled;
  if (!conflict) return true;
  ice->stats.role_conflicts++;
  if (ice->lite) return false; /* cannot control */
  bool we_win = ice->tie_breaker >= stun->tie_breaker;
  /* The larger tie-breaker controls: whoever is in the wrong role by that rule switches. */
  if (we_win == ice->controlling) return false;
  wr_ice_set_role(ice, !ice->controlling);
  return true;
}

/* The local candidate that |path| comes in at; -1: none. |*priority| 0 becomes what the peer would have said. */
static int local_of(const wr_ice *ice, const wr_path *path, uint32_t *priority) {
  int local = wr_ice_locals_find(&ice->locals, &path->local, &path->remote);
  if (local >= 0 && !*priority) *priority = wr_ice_locals_reflexive_priority(&ice->locals, (size_t)local);
  return local;
}

/* The pair a check of the peer came over, made if it is new (RFC 8445 7.3.1.3, 7.3.1.4). -1: none. */
static int pair_of_request(wr_ice *ice, const wr_path *path, uint32_t priority, bool *is_new, wr_time now) {
  int local = local_of(ice, path, &priority);
  if (local < 0) return -1;
  int remote = wr_ice_add_reflexive(ice, &path->remote, priority, now);
  if (remote < 0) return -1;
  int found = wr_ice_pairs_find(&ice->pairs, (size_t)local, (size_t)remote, false);
  *is_new = found < 0;
  return found >= 0 ? found : wr_ice_add_pair(ice, (size_t)local, (size_t)remote, true);
}

/* Triggered checks leave at once, but a peer cannot make us send faster than one per WR_ICE_TRIGGER_US. */
static wr_time spaced_after(const wr_ice_pair *p, wr_time now) {
  return p->sent_at + WR_ICE_TRIGGER_US > now ? p->sent_at + WR_ICE_TRIGGER_US : now;
}

static void trigger_check(wr_ice *ice, size_t i, wr_time now) {
  wr_ice_pair *p = &ice->pairs.slot[i];
  if (ice->n_unverified && !p->valid) {
    ice->n_unverified--;
    if (p->n_unverified) p->n_unverified--;
  }
  if (p->valid || p->triggered) return;
  wr_ice_trigger(ice, i, spaced_after(p, now));
}

/* A check under the credentials from before the restart only keeps that path alive. */
static void note_previous(wr_ice *ice, const wr_path *path, const wr_stun *stun, wr_time now) {
  if (ice->selected < 0 || !ice->pairs.slot[ice->selected].previous) return;
  const wr_ice_pair *p = &ice->pairs.slot[ice->selected];
  if (wr_addr_equal(&ice->remotes.slot[p->remote].addr, &path->remote))
    wr_ice_consider_request(ice, (size_t)ice->selected, stun->use_candidate, false, 0, now);
}

/* A check of the current session. |priority| 0: it said none. */
static void take_check(wr_ice *ice, const wr_path *path, uint32_t priority, bool use_candidate, wr_time now) {
  bool is_new = false;
  int i = pair_of_request(ice, path, priority, &is_new, now);
  if (i < 0) return;
  wr_ice_pair *p = &ice->pairs.slot[i];
  if (ice->lite) { /* RFC 8445 7.3.2: no checks of its own; what the peer could send over is good */
    p->valid = true;
    p->state = WR_ICE_PAIR_SUCCEEDED;
    p->answered_at = now;
  } else {
    trigger_check(ice, (size_t)i, now);
  }
  wr_ice_consider_request(ice, (size_t)i, use_candidate, is_new, priority, now);
}

/* Stands for the selected path, moved (select.c): what the peer says with its checks it cannot say yet. */
void wr_ice_ask_at(wr_ice *ice, const wr_path *path, wr_time now) {
  if (ice->lite || ice->selected < 0 || ice->pairs.slot[ice->selected].previous) return;
  if (ice->state == WR_ICE_FAILED || !wr_ice_addr_is_usable(&path->remote)) return;
  uint32_t priority = ice->pairs.slot[ice->selected].heard_priority;
  int local = local_of(ice, path, &priority);
  if (local < 0) return;
  int remote = wr_ice_remotes_find(&ice->remotes, &path->remote); /* nobody gives way to a hint */
  if (remote < 0) remote = wr_ice_remotes_add(&ice->remotes, &path->remote, WR_CANDIDATE_PRFLX, priority, now);
  if (remote < 0) return;
  ice->remotes.slot[remote].current = true;
  int i = wr_ice_pairs_find(&ice->pairs, (size_t)local, (size_t)remote, false);
  if (i < 0) i = wr_ice_add_pair(ice, (size_t)local, (size_t)remote, false);
  if (i < 0 || i == ice->selected) return;
  wr_ice_pair *p = &ice->pairs.slot[i];
  if (p->valid || p->triggered) return;
  if (ice->controlling)
    p->nominating = true;
  else
    p->nominated = p->peer_chose = true;
  wr_ice_trigger(ice, (size_t)i, spaced_after(p, now));
  wr_ice_refresh_state(ice, now);
}

void wr_ice_ask(wr_ice *ice, wr_time now) {
  if (ice->lite || ice->selected < 0 || ice->state == WR_ICE_FAILED) return;
  wr_ice_consent_ask_now(&ice->consent, now);
  wr_ice_refresh_state(ice, now);
}

wr_time wr_ice_answered_at(const wr_ice *ice) { return ice->consent.answered_at; }

static bool is_their_name(const wr_ice *ice, wr_bytes name) {
  const wr_ice_session *s = &ice->session[0];
  return s->has_remote && wr_bytes_equal(name, wr_bytes_of(s->remote_ufrag, strlen(s->remote_ufrag)));
}

static void remember_early(wr_ice *ice, const wr_path *path, wr_bytes name, const wr_stun *stun, wr_time now) {
  if (name.len > WR_ICE_EARLY_UFRAG_MAX) return;
  wr_ice_early *slot = &ice->early[0];
  for (size_t i = 0; i < WR_ICE_MAX_EARLY; i++) {
    wr_ice_early *e = &ice->early[i];
    bool is_same = e->used && wr_addr_equal(&e->path.remote, &path->remote);
    if (is_same || !e->used || (slot->used && e->heard_at < slot->heard_at)) slot = e;
    if (is_same) break;
  }
  *slot = (wr_ice_early){.path = *path,
                         .heard_at = now,
                         .priority = stun->has_priority ? stun->priority : 0,
                         .used = true,
                         .use_candidate = stun->use_candidate};
  memcpy(slot->remote_ufrag, name.data, name.len);
}

void wr_ice_take_early(wr_ice *ice, wr_time now) {
  for (size_t i = 0; i < WR_ICE_MAX_EARLY; i++) {
    wr_ice_early *e = &ice->early[i];
    bool is_due = e->used && now - e->heard_at <= WR_ICE_EARLY_US &&
                  is_their_name(ice, wr_bytes_of(e->remote_ufrag, strlen(e->remote_ufrag)));
    if (is_due) take_check(ice, &e->path, e->priority, e->use_candidate, now);
    if (is_due) e->used = false;
  }
}

static wr_ice_input recv_request(wr_ice *ice, const wr_path *path, const wr_stun *stun, wr_time now) {
  wr_bytes their_name = {0};
  int session = session_of(ice, stun->username, &their_name);
  if (session < 0) return WR_ICE_INPUT_UNKNOWN_USER;
  const char *pwd = ice->session[session].local_pwd;
  if (!wr_stun_verify(stun, ice->crypto, wr_bytes_of(pwd, strlen(pwd)))) return WR_ICE_INPUT_BAD_INTEGRITY;
  ice->stats.checks_received++;
  if (ice->state == WR_ICE_FAILED) return WR_ICE_INPUT_CONSUMED;
  if (stun->n_unknown) {
    answer(ice, path, stun, session, WR_STUN_UNKNOWN_ATTRIBUTE);
    return WR_ICE_INPUT_CONSUMED;
  }
  if (!settle_role(ice, stun)) {
    answer(ice, path, stun, session, WR_STUN_ROLE_CONFLICT);
    return WR_ICE_INPUT_CONSUMED;
  }
  answer(ice, path, stun, session, 0);
  /* A peer that has restarted goes on under our old name where our new one has not reached it. */
  bool is_theirs = is_their_name(ice, their_name);
  if (is_theirs || (session == 0 && !ice->session[0].has_remote))
    take_check(ice, path, stun->has_priority ? stun->priority : 0, stun->use_candidate, now);
  else if (session == 0)
    remember_early(ice, path, their_name, stun, now);
  else
    note_previous(ice, path, stun, now);
  return WR_ICE_INPUT_CONSUMED;
}

/* ---- answers ---- */

static void succeed(wr_ice *ice, wr_ice_check *check, uint32_t rtt_us, wr_time now) {
  size_t i = check->pair;
  wr_ice_pair *p = &ice->pairs.slot[i];
  bool used_candidate = check->use_candidate && check->controlling == ice->controlling;
  bool nomination_pending = p->nominating && !used_candidate;
  ice->n_unverified -= p->n_unverified < ice->n_unverified ? p->n_unverified : ice->n_unverified;
  p->n_unverified = 0;
  ice->spent_bytes -= p->spent_bytes;
  p->spent_bytes = 0;
  p->valid = true;
  p->answered_at = now;
  wr_ice_pair_measured(p, rtt_us);
  if ((int)i == ice->selected) ice->stats.last_rtt_us = rtt_us ? rtt_us : 1;
  check->used = false;
  if (!nomination_pending) { /* else the check that nominates goes on */
    wr_ice_checks_stop(&ice->checks, i);
    p->state = WR_ICE_PAIR_SUCCEEDED;
    p->triggered = false;
  }
  wr_ice_consider_answer(ice, i, used_candidate, now);
}

static void fail_check(wr_ice *ice, const wr_ice_check *check, const wr_stun *stun, wr_time now) {
  if (stun->error_code != WR_STUN_ROLE_CONFLICT) {
    if (check->pair != ice->selected) wr_ice_fail_pair(ice, check->pair);
    return;
  }
  ice->stats.role_conflicts++;
  /* RFC 8445 7.2.5.1; if the role was switched since, asking again is enough. */
  if (check->controlling == ice->controlling) wr_ice_set_role(ice, !ice->controlling);
  if (check->pair != ice->selected)
    wr_ice_trigger(ice, check->pair, spaced_after(&ice->pairs.slot[check->pair], now));
}

static wr_ice_input recv_answer(wr_ice *ice, const wr_path *path, const wr_stun *stun, wr_time now) {
  uint32_t rtt_us;
  wr_ice_check *check = wr_ice_checks_find(&ice->checks, stun->id, &rtt_us, now);
  if (!check) return WR_ICE_INPUT_UNEXPECTED;
  const wr_ice_pair *p = &ice->pairs.slot[check->pair];
  const char *pwd = ice->session[p->previous ? 1 : 0].remote_pwd;
  if (!wr_stun_verify(stun, ice->crypto, wr_bytes_of(pwd, strlen(pwd)))) return WR_ICE_INPUT_BAD_INTEGRITY;
  ice->stats.responses_received++;
  if (!wr_ice_is_path_of(ice, p, path)) { /* RFC 8445 7.2.5.2.1: addresses have to mirror the request's */
    check->used = false;
    if (check->pair != ice->selected) wr_ice_fail_pair(ice, check->pair);
    return WR_ICE_INPUT_UNEXPECTED;
  }
  if (stun->class_ == WR_STUN_SUCCESS) {
    succeed(ice, check, rtt_us, now);
  } else {
    check->used = false;
    fail_check(ice, check, stun, now);
  }
  return WR_ICE_INPUT_CONSUMED;
}

wr_ice_input wr_ice_recv(wr_ice *ice, const wr_path *path, wr_bytes datagram, wr_time now) {
  wr_stun stun;
  /* A forged source, such as port 0: nothing can be sent there. */
  if (!wr_ice_addr_is_usable(&path->remote)) return WR_ICE_INPUT_UNEXPECTED;
  if (wr_stun_parse(&stun, datagram) != WR_OK || stun.method != WR_STUN_BINDING) return WR_ICE_INPUT_MALFORMED;
  wr_ice_input input = WR_ICE_INPUT_CONSUMED;
  switch (stun.class_) {
    case WR_STUN_REQUEST: input = recv_request(ice, path, &stun, now); break;
    case WR_STUN_INDICATION: return WR_ICE_INPUT_UNPROVEN; /* keepalive (RFC 8445 11): nothing to do */
    case WR_STUN_SUCCESS:
    case WR_STUN_ERROR: input = recv_answer(ice, path, &stun, now); break;
  }
  if (input == WR_ICE_INPUT_CONSUMED) ice->granted_bytes += datagram.len;
  wr_ice_refresh_state(ice, now);
  return input;
}
