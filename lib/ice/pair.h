/* ice/pair.h - the table of candidate pairs: the check list and the valid list in one (RFC 8445 6.1.2, 7.2.5.3). */
#ifndef WR_ICE_PAIR_H
#define WR_ICE_PAIR_H

#include "ice/candidate.h"

typedef enum wr_ice_pair_state {
  WR_ICE_PAIR_WAITING,
  WR_ICE_PAIR_IN_PROGRESS,
  WR_ICE_PAIR_SUCCEEDED,
  WR_ICE_PAIR_FAILED,
} wr_ice_pair_state;

typedef struct wr_ice_pair {
  uint64_t priority;
  wr_time answered_at;     /* last answer to a check of ours */
  wr_time heard_at;        /* last authenticated check of the peer */
  wr_time sent_at;         /* last check sent */
  wr_time trigger_at;      /* when the triggered check may leave */
  uint32_t rtt_us;         /* smoothed; 0: not measured */
  uint32_t heard_priority; /* PRIORITY of that check: one value for each socket of the peer; 0: none */
  wr_ice_pair_state state;
  uint8_t local, remote;
  uint16_t n_unverified; /* checks sent that count against WR_ICE_MAX_UNVERIFIED */
  uint32_t spent_bytes;  /* likewise, against what the peer has sent */
  bool used;
  bool spent;               /* a whole check went unanswered */
  bool previous;            /* belongs to the session before the restart */
  bool valid;               /* a check of ours succeeded (lite: one of the peer's) */
  bool triggered;           /* in the triggered-check queue */
  bool nominated;           /* controlled: by the peer; controlling: by a check of ours that succeeded */
  bool offered;             /* controlling: a check with USE-CANDIDATE was sent; later ones carry it too */
  bool nominating;          /* controlling: checks carry USE-CANDIDATE; the answer selects the pair */
  bool peer_checked;        /* an authenticated check came from there */
  bool peer_used_candidate; /* and the last one carried USE-CANDIDATE */
  bool peer_chose; /* USE-CANDIDATE appeared on a pair that was checked without it before: a deliberate choice */
} wr_ice_pair;

typedef struct wr_ice_pairs {
  wr_ice_pair slot[WR_ICE_MAX_PAIRS];
} wr_ice_pairs;

/* RFC 8445 6.1.2.3. */
uint64_t wr_ice_pair_priority(bool controlling, uint32_t local, uint32_t remote);
/* Smooths (RFC 6298 2.3, alpha 1/8). */
void wr_ice_pair_measured(wr_ice_pair *pair, uint32_t rtt_us);
int wr_ice_pairs_find(const wr_ice_pairs *pairs, size_t local, size_t remote, bool previous); /* -1: none */
/* A free slot for a new pair of |priority|, zeroed and marked used. When there is none, the lowest-priority pair
 * that is neither valid nor |keep| gives way, if it is lower than |priority|. -1: no room. *victim: the slot was in
 * use. */
int wr_ice_pairs_take(wr_ice_pairs *pairs, uint64_t priority, int keep, bool *victim);
/* The waiting pair of highest priority that is not in the triggered queue; -1: none. */
int wr_ice_pairs_next_waiting(const wr_ice_pairs *pairs);

#endif
