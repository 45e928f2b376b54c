/* ice/checks.h - connectivity checks under way: transactions and their retransmission (RFC 8445 14, RFC
 * 8489 6.2.1).
 */
#ifndef WR_ICE_CHECKS_H
#define WR_ICE_CHECKS_H

#include "stun/stun.h"
#include "wr/types.h"

#define WR_ICE_MAX_CHECKS 64 /* under way or still answerable; the oldest gives way */
#define WR_ICE_MAX_TRANSMISSIONS 7
#define WR_ICE_RTO_MAX_US 3200000
#define WR_ICE_STREAM_WAIT_US 30000000 /* for the answer to a check over a stream; RFC 8489: 39.5 s */
#define WR_ICE_ANSWERABLE_US 8000000   /* how long after its last transmission an answer is still understood */

/* One check. Each transmission has an id of its own, which differs in the last byte: so every answer tells which
 * transmission it belongs to, and a round trip is measured exactly even under loss. */
typedef struct wr_ice_check {
  wr_time first_at;
  wr_time next_at; /* of the next transmission, or of giving up after the last; WR_NEVER: is not repeated */
  uint32_t after_us[WR_ICE_MAX_TRANSMISSIONS]; /* of each transmission, since first_at */
  uint32_t rto_us;
  uint8_t id[WR_STUN_ID_BYTES];
  uint8_t n_sent, pair;
  bool used, use_candidate, controlling, is_consent;
  bool once; /* over a stream, which loses nothing: it is sent once and waited for (RFC 8489 6.2.2) */
} wr_ice_check;

typedef struct wr_ice_checks {
  size_t n; /* slots ever used; those beyond are never touched, nor zeroed */
  wr_ice_check slot[WR_ICE_MAX_CHECKS];
} wr_ice_checks;

/* A new check on |pair|, nothing sent yet. */
wr_ice_check *wr_ice_checks_begin(wr_ice_checks *checks, size_t pair, const wr_rng *rng, wr_time now);
/* One more transmission leaves now, under check->id as it is after the call. */
void wr_ice_check_send(wr_ice_check *check, uint32_t first_rto_us, wr_time now);
/* The check an answer with |id| belongs to; NULL: none. *rtt_us: since that transmission. */
wr_ice_check *wr_ice_checks_find(wr_ice_checks *checks, const uint8_t id[WR_STUN_ID_BYTES], uint32_t *rtt_us,
                                 wr_time now);
void wr_ice_checks_stop(wr_ice_checks *checks, size_t pair); /* no more repetitions; answers still count */
void wr_ice_checks_drop(wr_ice_checks *checks, size_t pair); /* forgotten */
/* A check whose next transmission is due; NULL: none. */
wr_ice_check *wr_ice_checks_due(wr_ice_checks *checks, wr_time now);
/* A check whose last transmission has been waited for in vain; NULL: none. */
wr_ice_check *wr_ice_checks_spent(wr_ice_checks *checks, wr_time now);
wr_time wr_ice_checks_deadline(const wr_ice_checks *checks);

#endif
