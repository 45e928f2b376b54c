/* sctp/sendqueue.h - messages from acceptance to acknowledgement (RFC 9260 6.1, 6.2.1, 7.2.4; RFC 3758).
 *
 * A message is cut into fragments when it is accepted. Fragments wait in the lane of their channel; lanes share the
 * line by priority, whole messages at a time. A fragment that leaves gets its TSN and stays in the outstanding list
 * until it is cumulatively acknowledged, or its message is abandoned and the peer told so. */
#ifndef WR_SCTP_SENDQUEUE_H
#define WR_SCTP_SENDQUEUE_H

#include "sctp/chunk.h"
#include "sctp/store.h"

#define WR_SCTP_FRAGMENT_BYTES 1108 /* WR_SCTP_MTU less the packet's and the chunk's header */
#define WR_SCTP_LANES 16

typedef enum wr_sctp_frag_state {
  WR_SCTP_FRAG_WAITING,   /* in its lane, no TSN yet */
  WR_SCTP_FRAG_IN_FLIGHT, /* counts as flight */
  WR_SCTP_FRAG_LOST,      /* to be sent again */
  WR_SCTP_FRAG_ACKED,     /* by a gap block; the peer may still take it back */
  WR_SCTP_FRAG_ABANDONED, /* bytes are gone; waits for the peer to move past its TSN */
} wr_sctp_frag_state;

typedef struct wr_sctp_frag {
  struct wr_sctp_frag *next;
  wr_rope bytes;
  wr_time expires_at; /* WR_NEVER: reliable in time */
  uint32_t tsn, ppid, message_id, max_retransmits;
  uint32_t n_sent;
  uint16_t stream, ssn;
  uint8_t flags; /* of DATA */
  uint8_t lane;
  uint8_t n_misses;
  uint8_t state;        /* wr_sctp_frag_state */
  bool fast_retransmit; /* was once: not again (7.2.4) */
} wr_sctp_frag;

typedef struct wr_sctp_lane {
  wr_sctp_frag *head, *tail;
  uint32_t buffered_bytes;
  uint16_t priority; /* its share of the line */
  uint64_t pass;     /* bytes sent over priority: the lane with the smallest goes next */
} wr_sctp_lane;

typedef struct wr_sctp_message {
  wr_bytes bytes; /* not empty */
  uint32_t ppid;
  uint16_t stream;
  uint8_t lane;
  bool unordered;
  uint32_t max_retransmits; /* UINT32_MAX: no limit */
  wr_time expires_at;
} wr_sctp_message;

typedef struct wr_sctp_sendqueue {
  wr_store store;
  wr_sctp_lane lanes[WR_SCTP_LANES];
  wr_sctp_frag *head, *tail;                  /* outstanding, by TSN */
  int open_lane;                              /* has begun a message that must go on before any other; -1: none */
  uint64_t pass;                              /* of the lane served last */
  uint32_t next_tsn, acked_tsn, advanced_tsn; /* to assign; cumulatively acked; peer may skip up to here */
  uint32_t flight_bytes, n_lost, next_message_id;
  bool partial_reliability; /* the peer knows FORWARD-TSN */
  uint16_t next_ssn[WR_SCTP_MAX_STREAMS];
} wr_sctp_sendqueue;

void wr_sctp_sendqueue_init(wr_sctp_sendqueue *q, wr_pool *pool, uint32_t budget_bytes, uint32_t initial_tsn);
void wr_sctp_sendqueue_wipe(wr_sctp_sendqueue *q); /* gives everything back; TSNs go on */
wr_err wr_sctp_sendqueue_push(wr_sctp_sendqueue *q, const wr_sctp_message *message); /* WR_ERR_LIMIT: no memory */
bool wr_sctp_sendqueue_has_room(const wr_sctp_sendqueue *q, size_t message_bytes);   /* a push would succeed */
bool wr_sctp_sendqueue_is_empty(const wr_sctp_sendqueue *q); /* nothing waiting, nothing outstanding */

/* The next fragment to send again, and the next to send first; NULL: none. Those whose life is over by |now| are
 * abandoned on the way. The same is returned until it is marked sent. */
wr_sctp_frag *wr_sctp_sendqueue_lost(wr_sctp_sendqueue *q, wr_time now);
wr_sctp_frag *wr_sctp_sendqueue_fresh(wr_sctp_sendqueue *q, wr_time now);
void wr_sctp_sendqueue_sent(wr_sctp_sendqueue *q, wr_sctp_frag *frag);

typedef struct wr_sctp_acked {
  bool valid;     /* false: older than what is known, or acknowledges what was never sent; nothing changed */
  bool advanced;  /* the cumulative point moved */
  bool lost;      /* a fragment was missed for the third time */
  bool timed;     /* the fragment with the TSN being timed was acknowledged */
  uint32_t bytes; /* newly acknowledged */
} wr_sctp_acked;
/* |timed_tsn|: the one whose round trip is measured. */
wr_sctp_acked wr_sctp_sendqueue_ack(wr_sctp_sendqueue *q, const wr_sctp_sack_chunk *sack, bool in_recovery,
                                    uint32_t timed_tsn);
void wr_sctp_sendqueue_timeout(wr_sctp_sendqueue *q); /* T3-rtx: all in flight is lost */
/* RFC 3758 3.5 C1..C2: whether the peer must be told to skip. Moves |advanced_tsn|. */
bool wr_sctp_sendqueue_must_forward(wr_sctp_sendqueue *q);
/* One FORWARD-TSN chunk up to |advanced_tsn|. */
void wr_sctp_sendqueue_write_forward(const wr_sctp_sendqueue *q, wr_writer *w);

#endif
