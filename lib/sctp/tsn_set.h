/* sctp/tsn_set.h - which TSNs were received: the cumulative point, what lies beyond it, and duplicates.
 *
 * A value type: no memory but its own. TSNs more than WR_TSN_WINDOW past the cumulative point are refused, so a
 * peer cannot make it grow. Everything a SACK says (RFC 9260 3.3.4) can be read from it. */
#ifndef WR_SCTP_TSN_SET_H
#define WR_SCTP_TSN_SET_H

#include "wr/types.h"

#define WR_TSN_WINDOW 4096 /* power of two */
#define WR_TSN_DUPLICATES 16

typedef struct wr_tsn_set {
  uint32_t cumulative;                    /* all TSNs up to here were received or given up by the sender */
  uint32_t highest;                       /* highest TSN ever held; gaps are searched up to here */
  uint32_t n_held;                        /* received beyond |cumulative| */
  uint32_t duplicates[WR_TSN_DUPLICATES]; /* since the last SACK */
  uint8_t n_duplicates;
  uint64_t bits[WR_TSN_WINDOW / 64]; /* bit tsn % WR_TSN_WINDOW: held */
} wr_tsn_set;

typedef enum wr_tsn_status { WR_TSN_NEW, WR_TSN_DUPLICATE, WR_TSN_OUTSIDE } wr_tsn_status;

void wr_tsn_set_init(wr_tsn_set *set, uint32_t initial_tsn);
wr_tsn_status wr_tsn_set_status(const wr_tsn_set *set, uint32_t tsn);
void wr_tsn_set_add(wr_tsn_set *set, uint32_t tsn); /* only what is WR_TSN_NEW; the cumulative point follows */
/* Takes back TSNs beyond the cumulative point (reneging, RFC 9260 6.2): they are WR_TSN_NEW again. */
void wr_tsn_set_remove(wr_tsn_set *set, uint32_t first, uint32_t last);
/* FORWARD-TSN (RFC 3758 3.6): everything up to |cumulative| counts as received. Older values are ignored. */
void wr_tsn_set_forward(wr_tsn_set *set, uint32_t cumulative);
void wr_tsn_set_note_duplicate(wr_tsn_set *set, uint32_t tsn);
void wr_tsn_set_clear_duplicates(wr_tsn_set *set);
/* The next run of held TSNs whose offset from the cumulative point is at least |from|: offsets as in a SACK's gap
 * block. false: none. */
bool wr_tsn_set_gap(const wr_tsn_set *set, uint32_t from, uint16_t *start, uint16_t *end);

#endif
