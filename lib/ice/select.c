/* ice/select.c - which pair carries media: nomination and what happens when the chosen pair fails (RFC 8445 8).
 *
 * Both roles use the first pair that works, at once. For the controlling side that means nomination, and the
 * fastest nomination that every peer understands is USE-CANDIDATE on each check sent while nothing is selected: the
 * peer knows with the first request, where nominating after the answer (RFC 8445 8.1.1) costs peers that wait for
 * it (Pion, aiortc) one more round trip. RFC 8445 no longer asks agents to do so but obliges controlled ones to
 * cope: of several nominated pairs the one of highest priority counts, on both sides, so they agree. libwebrtc does
 * the same. Towards a lite peer, which takes USE-CANDIDATE as an order and knows no priority of ours, the pair is
 * nominated by a second check the moment the first one is answered; media does not wait for it.
 *
 * Later a clearly better pair is nominated and, once that check is answered, selected: the peer may stay on the old
 * pair if its rules say so, both keep working.
 *
 * Controlled: the first pair whose own check succeeded, before any nomination; then what the peer nominates. A pair
 * that was checked without USE-CANDIDATE before and has it now was chosen deliberately and wins; one that had it
 * from its first check wins over a pair of lower priority, one that stopped answering and one the peer has left.
 *
 * A peer whose NAT has given it another address goes on checking as if nothing had happened, from one socket of its
 * own: PRIORITY says which (RFC 8445 7.1.1 makes it differ between the local candidates of a peer). A new pair over
 * the same local base with the PRIORITY of the selected one is therefore the selected one, moved: it takes its
 * place with the answer to the check it triggers, one round trip after the peer's. Nothing is believed without that
 * answer, and being new happens to a pair once, so a peer behind two mappings at a time does not flap. */
#include "ice/ice_agent.h"

static wr_ice_pair *selected_of_this_session(wr_ice *ice) {
  if (ice->selected < 0 || ice->pairs.slot[ice->selected].previous) return NULL;
  return &ice->pairs.slot[ice->selected];
}

bool wr_ice_is_relayed(const wr_ice *ice, const wr_ice_pair *p) {
  return ice->locals.shown[p->local].type == WR_CANDIDATE_RELAY ||
         ice->remotes.slot[p->remote].type == WR_CANDIDATE_RELAY;
}

bool wr_ice_selected_is_relayed(const wr_ice *ice) {
  return ice->selected >= 0 && wr_ice_is_relayed(ice, &ice->pairs.slot[ice->selected]);
}

static void select_pair(wr_ice *ice, size_t i, wr_time now) {
  wr_ice_pair *p = &ice->pairs.slot[i];
  WR_ASSERT(p->used && p->valid && !p->previous);
  ice->selected = (int)i;
  ice->stats.last_rtt_us = ice->pairs.slot[i].rtt_us;
  ice->selected_changed = true;
  ice->recheck_at = WR_NEVER;
  bool is_detour = ice->remotes.slot[p->remote].tcp || wr_ice_is_relayed(ice, p);
  ice->upgrade_at = is_detour && !ice->lite ? now + WR_ICE_UPGRADE_US : WR_NEVER;
  wr_ice_consent_begin(&ice->consent, ice->lite, &ice->rng, now);
  /* Consent is as old as its last proof, not as the choice: else falling back again and again would outlive it. */
  ice->consent.alive_at = p->answered_at > p->heard_at ? p->answered_at : p->heard_at;
  if (now - p->answered_at > WR_S(1)) wr_ice_consent_ask_now(&ice->consent, now);
  if (ice->has_previous && ice->linger_until == WR_NEVER) ice->linger_until = now + WR_ICE_LINGER_US;
}

/* A check with USE-CANDIDATE leaves at once; its answer selects the pair if it is not selected by then. */
static void nominate(wr_ice *ice, size_t i, wr_time now) {
  ice->pairs.slot[i].nominating = true;
  wr_ice_trigger(ice, i, now);
}

/* A stream to the peer itself costs what a relay does: what is lost holds up all that follows. */
static int cost_of(const wr_ice_remote *to) {
  if (to->tcp) return 3;
  switch (to->type) {
    case WR_CANDIDATE_HOST: return 0;
    case WR_CANDIDATE_SRFLX: return 1;
    case WR_CANDIDATE_PRFLX: return 1;
    case WR_CANDIDATE_RELAY: return 3;
  }
  return 3;
}

/* Each relay is a detour, whosever it is; our NAT is passed by every pair alike. */
static int cost_of_pair(const wr_ice *ice, const wr_ice_pair *p) {
  return cost_of(&ice->remotes.slot[p->remote]) + (ice->locals.shown[p->local].type == WR_CANDIDATE_RELAY ? 3 : 0);
}

/* Clearly better: a shorter kind of path that is not slower, or half the round trip. */
static bool is_better(const wr_ice *ice, const wr_ice_pair *a, const wr_ice_pair *b) {
  const wr_time margin = 10000;
  if (!a->rtt_us || !b->rtt_us) return false;
  if ((wr_time)a->rtt_us * 2 + margin < (wr_time)b->rtt_us) return true;
  return cost_of_pair(ice, a) < cost_of_pair(ice, b) && (wr_time)a->rtt_us < (wr_time)b->rtt_us + margin;
}

/* The selected pair stopped answering and |p| has answered since. */
static bool may_take_over(const wr_ice *ice, const wr_ice_pair *p, const wr_ice_pair *selected, wr_time now) {
  return wr_ice_consent_is_shaky(&ice->consent, now) && p->answered_at > selected->answered_at;
}

static void choose_as_controlling(wr_ice *ice, size_t i, wr_time now) {
  wr_ice_pair *p = &ice->pairs.slot[i], *selected = selected_of_this_session(ice);
  if (p == selected) return;
  if (!selected || may_take_over(ice, p, selected, now)) {
    select_pair(ice, i, now);
    if (!p->nominated) nominate(ice, i, now);
  } else if (p->nominated) {
    if (p->nominating || p->priority > selected->priority) select_pair(ice, i, now);
  } else if (!p->nominating && is_better(ice, p, selected)) {
    nominate(ice, i, now);
  }
}

/* The peer has stopped checking a pair it used to check: it is on another one. */
static bool is_left(const wr_ice_pair *p, wr_time now) {
  return p->peer_checked && now - p->heard_at >= WR_ICE_SILENT_US;
}

static void choose_as_controlled(wr_ice *ice, size_t i, wr_time now) {
  wr_ice_pair *p = &ice->pairs.slot[i], *selected = selected_of_this_session(ice);
  if (p->nominated && p->peer_chose) {
    p->peer_chose = false;
    for (size_t j = 0; j < WR_ICE_MAX_PAIRS; j++) ice->pairs.slot[j].nominated = j == i;
    if (p != selected) select_pair(ice, i, now);
    return;
  }
  if (p == selected) return;
  if (!selected || may_take_over(ice, p, selected, now)) {
    select_pair(ice, i, now);
  } else if (p->nominated && (!selected->nominated || p->priority > selected->priority || is_left(selected, now))) {
    select_pair(ice, i, now);
  }
}

void wr_ice_consider_answer(wr_ice *ice, size_t pair, bool used_candidate, wr_time now) {
  wr_ice_pair *p = &ice->pairs.slot[pair];
  if ((int)pair == ice->selected) {
    wr_ice_consent_granted(&ice->consent, &ice->rng, now);
    ice->recheck_at = WR_NEVER;
  }
  if (p->previous) return;
  if (!ice->controlling) {
    choose_as_controlled(ice, pair, now);
    return;
  }
  if (used_candidate) p->nominated = true;
  choose_as_controlling(ice, pair, now);
  if (used_candidate) p->nominating = false;
}

static bool is_moved(wr_ice *ice, const wr_ice_pair *p, uint32_t priority) {
  const wr_ice_pair *selected = selected_of_this_session(ice);
  return selected && priority && selected->heard_priority == priority && selected->local == p->local;
}

void wr_ice_consider_request(wr_ice *ice, size_t pair, bool use_candidate, bool is_new, uint32_t priority,
                             wr_time now) {
  wr_ice_pair *p = &ice->pairs.slot[pair];
  bool moved = is_new && is_moved(ice, p, priority);
  bool appeared = use_candidate && !p->nominated;
  bool chosen = use_candidate && p->peer_checked && !p->peer_used_candidate;
  p->peer_checked = true;
  p->peer_used_candidate = use_candidate;
  p->heard_at = now;
  p->heard_priority = priority;
  if ((int)pair == ice->selected) wr_ice_consent_heard(&ice->consent, now);
  if (p->previous) return;
  if (!ice->controlling) {
    if (use_candidate || (moved && ice->pairs.slot[ice->selected].nominated)) p->nominated = true;
    if (chosen || moved) p->peer_chose = true;
    if (p->valid) choose_as_controlled(ice, pair, now);
  }
  /* The peer turns up elsewhere: perhaps its NAT has given it another address and the selected path is dead. */
  if (ice->selected >= 0 && (int)pair != ice->selected && (is_new || appeared))
    wr_ice_consent_ask_now(&ice->consent, now);
}

void wr_ice_fall_back(wr_ice *ice, wr_time now) {
  const wr_ice_pair *selected = &ice->pairs.slot[ice->selected];
  int best = -1;
  for (int i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    const wr_ice_pair *p = &ice->pairs.slot[i];
    if (!p->used || !p->valid || p->previous || i == ice->selected) continue;
    if (selected->previous || p->answered_at <= selected->answered_at) continue;
    const wr_ice_pair *b = best < 0 ? NULL : &ice->pairs.slot[best];
    if (!b || (p->nominated != b->nominated ? p->nominated : p->priority > b->priority)) best = i;
  }
  if (best >= 0) {
    select_pair(ice, (size_t)best, now);
    if (ice->controlling) nominate(ice, (size_t)best, now);
    return;
  }
  if (ice->recheck_at != WR_NEVER && now < ice->recheck_at) return;
  ice->recheck_at = now + WR_ICE_CONSENT_US;
  if (ice->lite) return;
  for (int i = 0; i < WR_ICE_MAX_PAIRS; i++) {
    wr_ice_pair *p = &ice->pairs.slot[i];
    if (p->used && !p->previous && i != ice->selected && p->state != WR_ICE_PAIR_IN_PROGRESS)
      p->state = WR_ICE_PAIR_WAITING;
  }
}
