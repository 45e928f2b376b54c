/* ice/ice_agent.h - the agent's state, shared by the files of this room. Who changes what:
 *   agent.c   life, credentials, candidates, timers, state
 *   select.c  which pair carries media
 *   input.c   received STUN
 *   output.c  STUN to send */
#ifndef WR_ICE_ICE_AGENT_H
#define WR_ICE_ICE_AGENT_H

#include "ice/candidate.h"
#include "ice/checks.h"
#include "ice/consent.h"
#include "ice/pair.h"

#define WR_ICE_MAX_ANSWERS 8 /* responses not yet polled; further requests go unanswered, the peer repeats them */
#define WR_ICE_TRIGGER_US                                                                \
  10000 /* least time between two checks of one pair, however many checks the peer sends \
         */
#define WR_ICE_NEVER_SENT (INT64_MIN / 2)
#define WR_ICE_MAX_EARLY 4
#define WR_ICE_EARLY_UFRAG_MAX 32 /* browsers use 4 to 8; a check under a longer name is only answered */
#define WR_ICE_EARLY_US 30000000  /* how long one is remembered */
#define WR_ICE_LINGER_US 5000000  /* how long old credentials are honoured after a restart has found its pair */

/* Credentials of one ICE session, that is of the time between two restarts. */
typedef struct wr_ice_session {
  char local_ufrag[4 + WR_ICE_UFRAG_BYTES + 1], local_pwd[WR_ICE_PWD_BYTES + 1];
  char remote_ufrag[WR_UFRAG_MAX + 1], remote_pwd[WR_PWD_MAX + 1];
  bool has_remote, remote_lite, remote_ended;
  bool local_is_old; /* begun by the peer; our own half is still the previous one's */
} wr_ice_session;

/* A check under a name of the peer that we do not know yet: it has restarted ICE and its description is on the way.
 * It was answered, so the peer may send over that path from now on. */
typedef struct wr_ice_early {
  wr_path path;
  wr_time heard_at;
  uint32_t priority; /* 0: the check said none */
  bool used, use_candidate;
  char remote_ufrag[WR_ICE_EARLY_UFRAG_MAX + 1];
} wr_ice_early;

/* A response to be sent. */
typedef struct wr_ice_answer {
  wr_path path;
  uint8_t id[WR_STUN_ID_BYTES];
  uint16_t error; /* 0: success */
  uint8_t session, n_unknown;
  uint16_t unknown[WR_STUN_MAX_UNKNOWN];
} wr_ice_answer;

struct wr_ice {
  wr_rng rng;
  const wr_crypto *crypto;
  char ufrag_prefix[5];
  bool lite, controlling;
  uint64_t tie_breaker;

  wr_ice_session session[2]; /* 0: current; 1: before the restart, if has_previous */
  bool has_previous;
  wr_time linger_until; /* of the previous session; WR_NEVER: until the current one selects */

  wr_ice_locals locals;
  wr_ice_remotes remotes;
  wr_ice_pairs pairs;
  wr_ice_consent consent; /* of |selected| */
  int selected;           /* index of a pair; -1: none */

  wr_time deadline; /* see wr_ice_schedule */
  wr_ice_state state;
  bool state_changed, selected_changed; /* events not yet polled */
  wr_time began_at;                     /* when the remote description was known; WR_NEVER: not yet */
  wr_time next_new_at;                  /* pacing of new checks */
  wr_time recheck_at;                   /* of all other pairs while the selected one is shaky */
  wr_time upgrade_at;    /* of better pairs while the selected one is TCP or relayed; WR_NEVER otherwise */
  uint32_t n_unverified; /* see WR_ICE_MAX_UNVERIFIED */
  bool is_granted;       /* see wr_ice_grant */
  uint64_t granted_bytes, spent_bytes; /* from the peer; to addresses that have not answered */

  wr_ice_early early[WR_ICE_MAX_EARLY];
  wr_ice_answer answer[WR_ICE_MAX_ANSWERS];
  uint8_t n_answers;
  wr_ice_stats stats;
  wr_ice_checks checks; /* last: most of it stays untouched */
};

/* agent.c */
void wr_ice_set_role(wr_ice *ice, bool controlling);
/* Adds the pair of a local and a remote candidate of the current session if it makes sense; its index or -1. */
int wr_ice_add_pair(wr_ice *ice, size_t local, size_t remote, bool checked_by_peer);
void wr_ice_trigger(wr_ice *ice, size_t pair, wr_time earliest);
void wr_ice_fail_pair(wr_ice *ice, size_t pair);
void wr_ice_schedule(wr_ice *ice);                   /* after every change: computes the deadline anew */
void wr_ice_refresh_state(wr_ice *ice, wr_time now); /* and schedules */
bool wr_ice_is_path_of(const wr_ice *ice, const wr_ice_pair *pair, const wr_path *path);
/* Slot for a peer-reflexive remote candidate; gives up the one unheard for longest if the table is full. -1: none.
 */
int wr_ice_add_reflexive(wr_ice *ice, const wr_addr *addr, uint32_t priority, wr_time now);

/* input.c */
/* The remote description is known: checks that came before it count now. */
void wr_ice_take_early(wr_ice *ice, wr_time now);

/* select.c */
bool wr_ice_is_relayed(const wr_ice *ice, const wr_ice_pair *pair); /* by our server or by the peer's */
void wr_ice_consider_answer(wr_ice *ice, size_t pair, bool used_candidate, wr_time now);
/* A check of the peer came over |pair|, made for it if |is_new|; |priority|: what the check says, 0 nothing. */
void wr_ice_consider_request(wr_ice *ice, size_t pair, bool use_candidate, bool is_new, uint32_t priority,
                             wr_time now);
void wr_ice_fall_back(wr_ice *ice, wr_time now); /* when the selected pair is shaky */

#endif
