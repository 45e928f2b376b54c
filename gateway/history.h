/* gateway/history.h - the calls of the last day, for the operator: a thread that alone has the file
 * (gateway/history_store.h), and a bounded queue before it.
 *
 * The HTTP thread puts calls and questions in and goes on; it never waits for a disk, and no media thread comes
 * near. What does not fit is counted. A full disk, a broken file, a folder that cannot be written are told, in the
 * log, in /readyz and in the metrics; calls go on as if there were no history, which is tried again. */
#ifndef GATEWAY_HISTORY_H
#define GATEWAY_HISTORY_H

#include "gateway/history_report.h"

#define GW_HISTORY_QUEUE 1024 /* calls and questions that wait */
#define GW_HISTORY_ASKS 8     /* of these, questions */

typedef struct gw_history gw_history;

typedef enum gw_history_kind { GW_HISTORY_REPORT, GW_HISTORY_CSV, GW_HISTORY_JSON } gw_history_kind;

/* Flat: the receiver frees it. */
typedef struct gw_history_answer {
  uint32_t number;
  gw_history_kind kind;
  gw_store_state state; /* not OK: nothing else is there */
  int fd;               /* of an export; the receiver closes it */
  uint64_t len;         /* bytes of |fd|, or of |text| */
  char text[];
} gw_history_answer;

/* Called on the history's thread; takes |answer|. */
typedef void gw_history_tell(void *ctx, gw_history_answer *answer);

/* malloc'ed; the file is opened by the thread. NULL: no memory, no thread. |path|: copied. */
gw_history *gw_history_open(const char *path, gw_store_limits limits, gw_history_tell *tell, void *ctx);
/* Writes what waits, for 2 s at most. NULL does nothing. */
void gw_history_close(gw_history *history);
void gw_history_limit(gw_history *history, gw_store_limits limits);
/* |call|: copied, its texts are static. NULL |history| does nothing. */
void gw_history_add(gw_history *history, const gw_call *call);
/* false: too many wait; there will be no answer. */
bool gw_history_ask(gw_history *history, uint32_t number, gw_history_kind kind, int64_t hours);
gw_store_state gw_history_state(gw_history *history);
void gw_history_write(gw_text *out, gw_history *history); /* for /metrics; nothing if NULL */

#endif
