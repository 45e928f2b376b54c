/* gateway/history_store.h - calls in a file: SQLite, with a bound in time and in bytes. One thread.
 *
 * The file is made for its owner only (0600), and locked: another gateway cannot open it at the same time. What
 * cannot be read as one of ours is set aside as FILE.broken, and a new one begins. Rows that are too old go; when
 * the file is nearly as large as it may be, the oldest go first; freed pages go back to the disk. Beside it stands
 * FILE-wal, of half a megabyte. */
#ifndef GATEWAY_HISTORY_STORE_H
#define GATEWAY_HISTORY_STORE_H

#include "gateway/tally.h"

#define GW_HISTORY_ROWS_MAX 100000 /* that a report or an export reads: the newest */

/* Words for the log, /readyz and errors. */
typedef enum gw_store_state {
  GW_STORE_OK,
  GW_STORE_NO_LIBRARY,
  GW_STORE_UNUSABLE, /* folder or file cannot be opened or written */
  GW_STORE_LOCKED,   /* by another program */
  GW_STORE_FULL,     /* the disk */
  GW_STORE_BROKEN,   /* not a file of ours; it is set aside when it is opened again */
  GW_STORE_FAILED,   /* reading or writing */
} gw_store_state;
const char *gw_store_state_text(gw_store_state state); /* static: "ok", "no_library", ... */

typedef struct gw_store gw_store;

typedef struct gw_store_limits {
  int64_t hours;
  uint64_t bytes; /* 1 MiB at least */
} gw_store_limits;

/* Makes folders that are missing (0700) and the file. NULL: |state| says why. |*set_aside|: what is there was found
 * broken while it was in use; afterwards, whether a file was set aside. */
gw_store *gw_store_open(const char *path, gw_store_limits limits, gw_store_state *state, bool *set_aside);
void gw_store_close(gw_store *store); /* NULL does nothing */
/* All or none. After BROKEN and FAILED it is to be closed. */
gw_store_state gw_store_add(gw_store *store, const gw_call *calls, size_t n);
/* What is too old, or too much, goes. Some milliseconds, more after the limits were lowered. */
gw_store_state gw_store_prune(gw_store *store, gw_store_limits limits, int64_t now_s);
uint64_t gw_store_bytes(gw_store *store);

/* Rows that ended since |from_s|, the GW_HISTORY_ROWS_MAX newest, in the order they were written; |call|'s texts
 * are borrowed until |take| returns, and may be anything: others can write files, too. */
typedef void gw_store_take(void *ctx, const gw_call *call);
gw_store_state gw_store_walk(gw_store *store, int64_t from_s, gw_store_take *take, void *ctx);

#endif
