/* ice/consent.c - when to ask, and what silence means (RFC 7675 5.1).
 *
 * While answers come, a check leaves every 5 s, randomised by 0.8..1.2. An answer that does not come within twice
 * the round trip is asked for again at once, a few times in a row, then every half second: so loss of one packet
 * costs nothing, a dead path is known within a second where another is ready to take over, and recovery is noticed
 * soon.
 *
 * A deviation: an authenticated check of the peer on the selected path also counts as proof that it wants our
 * traffic, for DISCONNECTED and for expiry. Some browsers go on checking while they leave our checks unanswered for
 * many seconds; such a call is alive. The peer's password protects these checks as it does answers. */
#include "ice/consent.h"

#include "ice/ice.h"

#define FAST_MIN_US 100000
#define FAST_MAX_US 1000000
#define SLOW_US 500000
#define RTT_UNKNOWN_US 100000

static wr_time next_interval(const wr_rng *rng) { /* 0.8 to 1.2 of the interval */
  return WR_ICE_CONSENT_US * 4 / 5 + (wr_time)(wr_rng_u32(rng) % (WR_ICE_CONSENT_US * 2 / 5));
}

void wr_ice_consent_begin(wr_ice_consent *consent, bool lite, const wr_rng *rng, wr_time now) {
  *consent = (wr_ice_consent){.alive_at = now, .answered_at = now, .lite = lite};
  consent->next_at = lite ? WR_NEVER : now + next_interval(rng);
}

void wr_ice_consent_asked(wr_ice_consent *consent, uint32_t rtt_us, wr_time now) {
  if (consent->n_unanswered == 0) consent->asked_at = now;
  wr_time wait = 2 * (wr_time)(rtt_us ? rtt_us : RTT_UNKNOWN_US);
  if (wait < FAST_MIN_US) wait = FAST_MIN_US;
  if (wait > FAST_MAX_US) wait = FAST_MAX_US;
  if (++consent->n_unanswered > WR_ICE_CONSENT_SHAKY && wait < SLOW_US) wait = SLOW_US;
  consent->next_at = now + wait;
}

void wr_ice_consent_granted(wr_ice_consent *consent, const wr_rng *rng, wr_time now) {
  consent->alive_at = consent->answered_at = now;
  consent->n_unanswered = 0;
  if (!consent->lite) consent->next_at = now + next_interval(rng);
}

void wr_ice_consent_heard(wr_ice_consent *consent, wr_time now) {
  consent->alive_at = now;
  if (consent->n_unanswered) wr_ice_consent_ask_now(consent, now);
}

/* Brought forward only: at most one more check for each of the peer's. */
void wr_ice_consent_ask_now(wr_ice_consent *consent, wr_time now) {
  if (!consent->lite && consent->next_at > now) consent->next_at = now;
}

void wr_ice_consent_broken(wr_ice_consent *consent, wr_time now) {
  if (consent->n_unanswered > WR_ICE_CONSENT_SHAKY) return; /* known: the next question has its time */
  if (!consent->n_unanswered) consent->asked_at = now;
  consent->n_unanswered = WR_ICE_CONSENT_SHAKY + 1;
  if (!consent->lite) consent->next_at = now;
}

static wr_time lost_at(const wr_ice_consent *c) {
  if (c->lite) return c->alive_at + WR_ICE_SILENT_US;
  if (c->n_unanswered == 0) return WR_NEVER;
  return (c->asked_at > c->alive_at ? c->asked_at : c->alive_at) + WR_ICE_DISCONNECTED_US;
}

bool wr_ice_consent_is_shaky(const wr_ice_consent *consent, wr_time now) {
  if (consent->lite) return wr_ice_consent_is_lost(consent, now);
  return consent->n_unanswered > WR_ICE_CONSENT_SHAKY ||
         (consent->n_unanswered == WR_ICE_CONSENT_SHAKY && now >= consent->next_at);
}

bool wr_ice_consent_is_lost(const wr_ice_consent *consent, wr_time now) { return now >= lost_at(consent); }

bool wr_ice_consent_is_expired(const wr_ice_consent *consent, wr_time now) {
  return now >= consent->alive_at + WR_ICE_CONSENT_TIMEOUT_US;
}

wr_time wr_ice_consent_deadline(const wr_ice_consent *consent, bool lost) {
  wr_time deadline = wr_time_min(consent->next_at, consent->alive_at + WR_ICE_CONSENT_TIMEOUT_US);
  return lost ? deadline : wr_time_min(deadline, lost_at(consent));
}
