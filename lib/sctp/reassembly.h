/* sctp/reassembly.h - from DATA chunks in any order to whole messages in the right one (RFC 9260 6.5, 6.6, 6.9).
 *
 * Without I-DATA the fragments of a message have consecutive TSNs, so what is held is a list of runs sorted by
 * TSN: neighbouring fragments of one message merge. A whole unordered run, or a whole ordered one whose turn has
 * come on its stream, leaves the list as a message. Memory is the store's, within its budget. */
#ifndef WR_SCTP_REASSEMBLY_H
#define WR_SCTP_REASSEMBLY_H

#include "sctp/chunk.h"
#include "sctp/store.h"

typedef struct wr_sctp_run {
  struct wr_sctp_run *prev, *next; /* by TSN; |next| also links messages handed over */
  wr_rope bytes;
  uint32_t first_tsn, last_tsn, ppid;
  uint16_t stream, ssn;
  bool begins, ends, unordered;
  bool too_big;    /* exceeded the largest message: bytes are gone, the outline remains */
  uint8_t channel; /* for the association: the slot it was handed to */
} wr_sctp_run;

typedef struct wr_sctp_reassembly {
  wr_store store;
  wr_sctp_run *first, *last, *near; /* |near|: where the last fragment went */
  uint32_t max_message_bytes;
  uint32_t n_whole; /* whole messages in the list, waiting for their turn */
  bool look_again;  /* a turn may have come for one that is not |near| */
  uint16_t next_ssn[WR_SCTP_MAX_STREAMS];
} wr_sctp_reassembly;

typedef enum wr_sctp_insert {
  WR_SCTP_INSERTED,
  WR_SCTP_INSERT_FULL,      /* no memory: as if the packet was lost */
  WR_SCTP_INSERT_VIOLATION, /* contradicts its neighbours */
} wr_sctp_insert;

void wr_sctp_reassembly_init(wr_sctp_reassembly *r, wr_pool *pool, uint32_t budget_bytes,
                             uint32_t max_message_bytes);
void wr_sctp_reassembly_wipe(wr_sctp_reassembly *r); /* gives everything held; messages taken are the caller's */
/* |data|: stream below WR_SCTP_MAX_STREAMS, TSN never inserted before. */
wr_sctp_insert wr_sctp_reassembly_insert(wr_sctp_reassembly *r, const wr_sctp_data_chunk *data);
/* The next whole message whose turn it is; NULL: none. Call until NULL after every insertion, skip and reset.
 * Ordered messages come in SSN order. The caller gives it back with wr_sctp_run_give. */
wr_sctp_run *wr_sctp_reassembly_take(wr_sctp_reassembly *r);
void wr_sctp_run_give(wr_sctp_reassembly *r, wr_sctp_run *run);
/* FORWARD-TSN: what can never be completed now that TSNs up to |cumulative| are settled is thrown away. */
void wr_sctp_reassembly_prune(wr_sctp_reassembly *r, uint32_t cumulative);
void wr_sctp_reassembly_skip(wr_sctp_reassembly *r, uint16_t stream, uint16_t ssn); /* next is |ssn| + 1 */
void wr_sctp_reassembly_reset_stream(wr_sctp_reassembly *r, uint16_t stream);
/* Throws away the newest run beyond |tsn|, the next to be acknowledged, to make room (reneging). false: there is
 * none within WR_TSN_WINDOW. */
bool wr_sctp_reassembly_renege(wr_sctp_reassembly *r, uint32_t tsn, uint32_t *first_tsn, uint32_t *last_tsn);
/* What a SACK may advertise: memory still free, less what records will cost. */
uint32_t wr_sctp_reassembly_window(const wr_sctp_reassembly *r);

#endif
