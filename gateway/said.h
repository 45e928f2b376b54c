/* gateway/said.h - the latest messages of a conversation: those that wait for a caller who is away, and those he
 * was told that may have been lost on the way.
 *
 * Each gets the next number of the session, the first one 1, as the member "n" (docs/protocol.md). A caller who
 * comes back says which number he heard last: up to it everything arrived, what came after is told again. One who
 * does not say, an older page, is told what waited for him, and nothing twice.
 *
 * Bounds: GW_SAID_ROWS messages of GW_SAID_BYTES in all; the oldest gives way. One allocation for each message. */
#ifndef GATEWAY_SAID_H
#define GATEWAY_SAID_H

#include "wr/types.h"

#define GW_SAID_ROWS 32
#define GW_SAID_BYTES 65536u

typedef struct gw_said_row {
  char *text; /* owned */
  uint32_t number, len;
  wr_time at; /* when it was told; WR_NEVER: not yet */
} gw_said_row;

typedef struct gw_said {
  gw_said_row *rows; /* [GW_SAID_ROWS] of the caller's, oldest first; those not told yet are the last ones */
  uint32_t n_rows, n_told, bytes;
  uint32_t last; /* number given last; 0: none */
} gw_said;

/* |rows| need not be zero, and outlive |said|. */
void gw_said_init(gw_said *said, gw_said_row *rows);
void gw_said_wipe(gw_said *said);

/* |json|, an object with a member at least, is copied, numbered, and waits to be told. Returns how many that waited
 * were lost: older ones at the bound, or this one, which got no number then. */
uint32_t gw_said_add(gw_said *said, const char *json);

/* The oldest that waits; its bytes are borrowed until the next call that changes anything. NULL: none. It counts as
 * told now. */
const gw_said_row *gw_said_next(gw_said *said, wr_time now);

/* The caller has |number| and all before; what he was told after it waits again. Returns how many these are. */
uint32_t gw_said_heard(gw_said *said, int64_t number);

/* What was told at |until| or before arrived. */
void gw_said_arrived(gw_said *said, wr_time until);

#endif
