/* ice/consent.h - consent freshness on the selected pair (RFC 7675) and how soon its loss is noticed. */
#ifndef WR_ICE_CONSENT_H
#define WR_ICE_CONSENT_H

#include "wr/types.h"

#define WR_ICE_CONSENT_SHAKY 6         /* unanswered checks in a row after which another pair may take over */
#define WR_ICE_DISCONNECTED_US 5000000 /* of failing checks until DISCONNECTED */
#define WR_ICE_SILENT_US 12000000      /* two intervals of the peer's at 1.2: it checks this path no longer */

typedef struct wr_ice_consent {
  wr_time alive_at;    /* last proof that the peer wants what we send */
  wr_time answered_at; /* the last answer to one of our checks */
  wr_time asked_at;    /* first check since the last answer */
  wr_time next_at;     /* next check; WR_NEVER: none (lite) */
  uint32_t n_unanswered;
  bool lite;
} wr_ice_consent;

void wr_ice_consent_begin(wr_ice_consent *consent, bool lite, const wr_rng *rng, wr_time now);
/* A check leaves now on a path whose round trip is |rtt_us| (0: unknown). */
void wr_ice_consent_asked(wr_ice_consent *consent, uint32_t rtt_us, wr_time now);
void wr_ice_consent_granted(wr_ice_consent *consent, const wr_rng *rng, wr_time now);
void wr_ice_consent_heard(wr_ice_consent *consent, wr_time now); /* an authenticated check of the peer */
void wr_ice_consent_ask_now(wr_ice_consent *consent, wr_time now);
/* The path is known to be gone: shaky at once, and asked over what may take its place. */
void wr_ice_consent_broken(wr_ice_consent *consent, wr_time now);
bool wr_ice_consent_is_shaky(const wr_ice_consent *consent, wr_time now);
bool wr_ice_consent_is_lost(const wr_ice_consent *consent, wr_time now); /* DISCONNECTED */
bool wr_ice_consent_is_expired(const wr_ice_consent *consent, wr_time now);
/* When a check is due or one of the three above changes by time alone; |lost|: that one is known already. */
wr_time wr_ice_consent_deadline(const wr_ice_consent *consent, bool lost);

#endif
