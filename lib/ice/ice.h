/* ice/ice.h - the ICE agent of one component (RFC 8445, 8838 trickle, 7675 consent; RFC 5389/8489 STUN inside).
 *
 * Full agent, controlling or controlled, and lite. No fixed waits anywhere in the connect path: the first pair that
 * works is used at once (controlling: nominated at once; a clearly better one found later replaces it), checks to
 * different addresses are paced by Ta only when many are due. bundle and rtcp-mux are assumed: one component. */
#ifndef WR_ICE_ICE_H
#define WR_ICE_ICE_H

#include "wr/crypto.h"
#include "wr/sdp.h"

#define WR_ICE_MAX_LOCAL 8   /* local candidates */
#define WR_ICE_MAX_REMOTE 24 /* remote candidates; when full, a peer-reflexive one gives way */
#define WR_ICE_MAX_PAIRS 48  /* when full the lowest-priority pair not yet valid gives way */
#define WR_ICE_MAX_UNVERIFIED                                                              \
  100 /* checks sent to one connection's candidates before any of them answered: a hostile \
         SDP cannot amplify traffic (RFC 8445 19.5.1) */
#define WR_ICE_AMPLIFICATION_PERCENT                                                                           \
  250 /* bytes to addresses that have not answered, of all bytes the peer has sent: see wr_ice_grant. The host \
         that a description names sees less than three times what its author had to send */
#define WR_ICE_TA_US 5000 /* pacing between checks of one agent; the first goes at once */
#define WR_ICE_RTO_MIN_US \
  100000 /* first retransmission of a check before any RTT is known; later max(50 ms, 2 x RTT) */
#define WR_ICE_CONSENT_US 5000000 /* interval, randomised 0.8..1.2 (RFC 7675 5.1) */
#define WR_ICE_CONSENT_TIMEOUT_US 30000000
#define WR_ICE_EXHAUSTED_US                                                                      \
  15000000 /* FAILED, counted from set_remote, if by then every pair was checked in vain and the \
              remote ended its candidates */
#define WR_ICE_CONNECT_TIMEOUT_US 30000000 /* FAILED if nothing worked until then, counted from set_remote */
#define WR_ICE_STREAM_RETRY_US 1000000     /* until a connection that could not be made, or ended, is tried again */
#define WR_ICE_UPGRADE_US 15000000         /* while TCP or a relay is selected others are tried so often */
#define WR_ICE_UFRAG_BYTES 8               /* characters we generate */
#define WR_ICE_PWD_BYTES 24

typedef struct wr_ice wr_ice; /* opaque outside lib/ice and lib/conn: see ice_agent.h; lives in caller memory */

typedef struct wr_ice_settings {
  wr_rng rng;
  const wr_crypto *crypto;
  bool controlling;
  bool lite;
  char ufrag_prefix[5]; /* NUL-terminated, "" or up to 4 ice-chars put before the random ones: lets a server with
                           several workers route by ufrag */
} wr_ice_settings;

typedef enum wr_ice_state {
  WR_ICE_NEW, /* nothing to check yet */
  WR_ICE_CHECKING,
  WR_ICE_CONNECTED,    /* a valid pair is selected */
  WR_ICE_DISCONNECTED, /* consent is shaky: no answer for 2 consent intervals (or 5 s of failures); may recover */
  WR_ICE_FAILED,       /* consent expired, or nothing worked before the deadline and the remote ended candidates */
} wr_ice_state;

typedef enum wr_ice_event_kind { WR_ICE_EVENT_NONE, WR_ICE_EVENT_STATE, WR_ICE_EVENT_SELECTED } wr_ice_event_kind;
typedef struct wr_ice_event {
  wr_ice_event_kind kind;
  wr_ice_state state; /* STATE */
  wr_path path;       /* SELECTED: use this one from now on */
  uint32_t rtt_us;    /* SELECTED: measured on it */
} wr_ice_event;

typedef enum wr_ice_input {
  WR_ICE_INPUT_CONSUMED,  /* authenticated */
  WR_ICE_INPUT_UNPROVEN,  /* taken, but nothing says who sent it: an indication */
  WR_ICE_INPUT_MALFORMED, /* not STUN, or broken */
  WR_ICE_INPUT_BAD_INTEGRITY,
  WR_ICE_INPUT_UNKNOWN_USER, /* USERNAME is not ours */
  WR_ICE_INPUT_UNEXPECTED,   /* answer to nothing we asked, or from elsewhere than asked */
} wr_ice_input;

typedef struct wr_ice_stats {
  uint32_t checks_sent, checks_received, responses_sent, responses_received, role_conflicts, consent_failures;
  uint32_t last_rtt_us; /* of the last check answered on the path in use, not smoothed; 0: none */
} wr_ice_stats;

size_t wr_ice_size(void); /* under 24 KiB */
wr_ice *wr_ice_init(void *mem, const wr_ice_settings *settings,
                    wr_time now); /* |mem| 16-aligned, lent until wipe */
void wr_ice_wipe(wr_ice *ice);
const char *wr_ice_local_ufrag(const wr_ice *ice);
const char *wr_ice_local_pwd(const wr_ice *ice);

/* [mutates] A socket address we can send from. HOST, or SRFLX with the address a NAT shows in |shown| whose base is
 * |base|, or RELAY (for these and for a plain host candidate both are equal). Of TCP: one that is listened at, or
 * with port 0 one that connections go out from. At any time: a late one is checked too. WR_ERR_LIMIT: ignored.
 * Candidates to signal are read back with wr_ice_local_candidate. */
wr_err wr_ice_add_local(wr_ice *ice, const wr_addr *base, const wr_addr *shown, wr_candidate_type type,
                        wr_time now);
size_t wr_ice_local_candidates(const wr_ice *ice, const wr_candidate **candidates);
/* [mutates] The remote description's credentials. Called again with other credentials it is an ICE restart by the
 * peer; the selected path stays in use until the new session has one. Candidates belong to the credentials given
 * before them: set these first. WR_ERR_SYNTAX: empty, WR_ERR_LIMIT: too long. */
wr_err wr_ice_set_remote(wr_ice *ice, const char *ufrag, const char *pwd, bool remote_lite, wr_time now);
/* [mutates] Candidates without usable address (mDNS names, multicast, port 0) are ignored with WR_OK, and so are
 * TCP ones unless they are passive and we connect out (whoever connects to us is learnt when it does).
 * WR_ERR_LIMIT: the table is full; WR_ERR_STATE: FAILED. */
wr_err wr_ice_add_remote(wr_ice *ice, const wr_candidate *candidate, wr_time now);
/* The peer sent so many bytes of signalling. From the first call on, what leaves for addresses that have not
 * answered is bounded by WR_ICE_AMPLIFICATION_PERCENT of them and of the peer's authenticated datagrams; before, by
 * number only. */
void wr_ice_grant(wr_ice *ice, size_t n_bytes);
void wr_ice_end_of_remote(wr_ice *ice, wr_time now); /* [mutates] */
/* [mutates] New local credentials (both of them), for a restart from our side or in answer to the peer's (before or
 * after its wr_ice_set_remote). The only way out of FAILED. Checks under the old credentials are answered until the
 * new session has selected, and 5 s longer. */
void wr_ice_restart(wr_ice *ice, wr_time now);

/* [mutates] One datagram whose first byte is 0..3. path->local may be of family 0 (a wildcard socket): the first
 * local candidate of the family then stands for it. */
wr_ice_input wr_ice_recv(wr_ice *ice, const wr_path *path, wr_bytes datagram, wr_time now);
/* [mutates] Something that proves nothing says that the peer is at |path| now: it is asked there, and its answer
 * selects the path. Only while a path is selected and the peer is none of an older session; bounded as all checks
 * of addresses that have not answered yet. */
void wr_ice_ask_at(wr_ice *ice, const wr_path *path, wr_time now);
/* [mutates] The next check of consent leaves now, and others soon after it until one is answered. */
void wr_ice_ask(wr_ice *ice, wr_time now);
/* When one was answered last. */
wr_time wr_ice_answered_at(const wr_ice *ice);
/* [mutates] The TCP connection that |path| is has ended, or could not be made. */
void wr_ice_path_closed(wr_ice *ice, const wr_path *path, wr_time now);
/* The next STUN datagram and where it goes; 0: none due now. |cap| >= 600. */
size_t wr_ice_poll(wr_ice *ice, wr_path *path, uint8_t *out, size_t cap, wr_time now);
bool wr_ice_poll_event(wr_ice *ice, wr_ice_event *event);
void wr_ice_tick(wr_ice *ice, wr_time now); /* [mutates] */
/* When to tick and poll next; in the past while datagrams wait to be polled. O(1), as are tick and poll before it.
 */
wr_time wr_ice_deadline(const wr_ice *ice);

wr_ice_state wr_ice_get_state(const wr_ice *ice);
/* false: none yet. */
bool wr_ice_selected(const wr_ice *ice, wr_path *path, uint32_t *rtt_us);
bool wr_ice_selected_is_relayed(const wr_ice *ice); /* one of its candidates is a relay's; false: none selected */
/* Whether data from |path| may be believed: a check from or to it succeeded under these credentials. */
bool wr_ice_is_valid_path(const wr_ice *ice, const wr_path *path);
const wr_ice_stats *wr_ice_get_stats(const wr_ice *ice);

#endif
