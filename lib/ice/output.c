/* ice/output.c - what leaves next: answers first, then consent, repetitions, triggered checks, new checks (RFC 8445
 * 6.1.4.2, 7.2.2). Only checks of the ordinary queue wait for Ta; a triggered check moves the queue back by one Ta.
 *
 * Each call sends at most one datagram and disarms what caused it, so polling until 0 ends. */
#include "ice/ice_agent.h"

static size_t write_answer(wr_ice *ice, wr_path *path, uint8_t *out, size_t cap) {
  wr_ice_answer *a = &ice->answer[0];
  const char *pwd = ice->session[a->session].local_pwd;
  wr_writer w = wr_writer_of(out, cap);
  wr_stun_begin(&w, a->error ? WR_STUN_ERROR : WR_STUN_SUCCESS, WR_STUN_BINDING, a->id);
  if (!a->error) wr_stun_write_mapped(&w, &a->path.remote);
  if (a->error == WR_STUN_ROLE_CONFLICT) wr_stun_write_error(&w, a->error, "Role Conflict");
  if (a->error == WR_STUN_UNKNOWN_ATTRIBUTE) {
    wr_stun_write_error(&w, a->error, "Unknown Attribute");
    wr_stun_write_unknown(&w, a->unknown, a->n_unknown);
  }
  size_t len = wr_stun_end(&w, ice->crypto, wr_bytes_of(pwd, strlen(pwd)));
  *path = a->path;
  if (!wr_ice_is_valid_path(ice, path)) ice->spent_bytes += len;
  ice->n_answers--;
  memmove(&ice->answer[0], &ice->answer[1], ice->n_answers * sizeof ice->answer[0]);
  ice->stats.responses_sent++;
  return len;
}

#define CHECK_BYTES 120 /* of a check, at most, without the peer's name */

static bool is_affordable(const wr_ice *ice) {
  uint64_t bytes = ice->spent_bytes + CHECK_BYTES + strlen(ice->session[0].remote_ufrag);
  return !ice->is_granted || bytes * 100 <= ice->granted_bytes * WR_ICE_AMPLIFICATION_PERCENT;
}

static bool is_allowed(const wr_ice *ice, const wr_ice_pair *p) {
  return p->valid || (ice->n_unverified < WR_ICE_MAX_UNVERIFIED && is_affordable(ice));
}

static bool carries_use_candidate(const wr_ice *ice, size_t i) {
  const wr_ice_pair *p = &ice->pairs.slot[i];
  if (!ice->controlling) return false;
  /* |offered|: the peer may count the pair as nominated already, so its answer has to count here too. */
  if (p->nominating || p->offered || (int)i == ice->selected) return true;
  bool chosen = ice->selected >= 0 && !ice->pairs.slot[ice->selected].previous;
  return !chosen && !ice->session[0].remote_lite;
}

static uint32_t first_rto_us(const wr_ice_pair *p) {
  if (!p->rtt_us) return WR_ICE_RTO_MIN_US;
  if (p->rtt_us > WR_ICE_RTO_MAX_US / 2) return WR_ICE_RTO_MAX_US;
  return p->rtt_us < 25000 ? 50000 : 2 * p->rtt_us;
}

/* RFC 8445 7.2.2, 7.1. */
static size_t transmit(wr_ice *ice, wr_ice_check *check, wr_path *path, uint8_t *out, size_t cap, wr_time now) {
  wr_ice_pair *p = &ice->pairs.slot[check->pair];
  const wr_ice_session *s = &ice->session[p->previous ? 1 : 0];
  wr_ice_check_send(check, first_rto_us(p), now);
  if (!p->valid) {
    ice->n_unverified++;
    p->n_unverified++;
  }
  if (check->use_candidate) p->offered = true;
  p->sent_at = now;
  ice->stats.checks_sent++;
  *path = (wr_path){ice->locals.base[p->local], ice->remotes.slot[p->remote].addr};
  uint8_t name[WR_UFRAG_MAX + 1 + sizeof s->local_ufrag];
  wr_writer username = wr_writer_of(name, sizeof name);
  wr_write_text(&username, s->remote_ufrag);
  wr_write_u8(&username, ':');
  wr_write_text(&username, s->local_ufrag);
  wr_writer w = wr_writer_of(out, cap);
  wr_stun_begin(&w, WR_STUN_REQUEST, WR_STUN_BINDING, check->id);
  wr_stun_write_bytes(&w, WR_STUN_USERNAME, wr_bytes_of(name, wr_writer_len(&username)));
  wr_stun_write_u32(&w, WR_STUN_PRIORITY, wr_ice_locals_reflexive_priority(&ice->locals, p->local));
  wr_stun_write_u64(&w, check->controlling ? WR_STUN_ICE_CONTROLLING : WR_STUN_ICE_CONTROLLED, ice->tie_breaker);
  if (check->use_candidate) wr_stun_write_flag(&w, WR_STUN_USE_CANDIDATE);
  size_t len = wr_stun_end(&w, ice->crypto, wr_bytes_of(s->remote_pwd, strlen(s->remote_pwd)));
  if (!p->valid) {
    ice->spent_bytes += len;
    p->spent_bytes += (uint32_t)len;
  }
  return len;
}

static wr_ice_check *begin_check(wr_ice *ice, size_t i, wr_time now) {
  wr_ice_check *check = wr_ice_checks_begin(&ice->checks, i, &ice->rng, now);
  check->controlling = ice->controlling;
  check->use_candidate = carries_use_candidate(ice, i);
  check->once = ice->locals.base[ice->pairs.slot[i].local].transport == WR_TCP;
  return check;
}

static wr_ice_check *begin_pair_check(wr_ice *ice, size_t i, wr_time now) {
  ice->pairs.slot[i].state = WR_ICE_PAIR_IN_PROGRESS;
  ice->pairs.slot[i].triggered = false;
  ice->next_new_at = now + WR_ICE_TA_US;
  return begin_check(ice, i, now);
}

static wr_ice_check *next_repetition(wr_ice *ice, wr_time now) {
  wr_ice_check *check;
  while ((check = wr_ice_checks_due(&ice->checks, now)) != NULL) {
    if (is_allowed(ice, &ice->pairs.slot[check->pair])) return check;
    wr_ice_fail_pair(ice, check->pair);
  }
  return NULL;
}

static wr_ice_check *next_triggered(wr_ice *ice, wr_time now) {
  for (size_t i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    wr_ice_pair *p = &ice->pairs.slot[i];
    if (!p->used || !p->triggered || p->trigger_at > now) continue;
    if (is_allowed(ice, p)) return begin_pair_check(ice, i, now);
    wr_ice_fail_pair(ice, i);
  }
  return NULL;
}

static wr_ice_check *next_consent(wr_ice *ice, wr_time now) {
  if (ice->selected < 0 || ice->consent.next_at > now) return NULL;
  wr_ice_check *check = begin_check(ice, (size_t)ice->selected, now);
  check->is_consent = true;
  wr_ice_consent_asked(&ice->consent, ice->pairs.slot[ice->selected].rtt_us, now);
  return check;
}

static wr_ice_check *next_new(wr_ice *ice, wr_time now) {
  int i;
  while (ice->next_new_at <= now && (i = wr_ice_pairs_next_waiting(&ice->pairs)) >= 0) {
    if (is_allowed(ice, &ice->pairs.slot[i])) return begin_pair_check(ice, (size_t)i, now);
    wr_ice_fail_pair(ice, (size_t)i);
  }
  return NULL;
}

static size_t next_datagram(wr_ice *ice, wr_path *path, uint8_t *out, size_t cap, wr_time now) {
  if (ice->n_answers) return write_answer(ice, path, out, cap);
  if (ice->lite || ice->state == WR_ICE_FAILED) return 0;
  wr_ice_check *check = next_consent(ice, now);
  if (!check) check = next_repetition(ice, now);
  if (!check && ice->session[0].has_remote) check = next_triggered(ice, now);
  if (!check && ice->session[0].has_remote) check = next_new(ice, now);
  return check ? transmit(ice, check, path, out, cap, now) : 0;
}

size_t wr_ice_poll(wr_ice *ice, wr_path *path, uint8_t *out, size_t cap, wr_time now) {
  WR_ASSERT(cap >= 600);
  if (now < ice->deadline) return 0;
  size_t len = next_datagram(ice, path, out, cap, now);
  wr_ice_schedule(ice);
  return len;
}
