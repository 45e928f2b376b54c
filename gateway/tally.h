/* gateway/tally.h - what one call amounted to, for gateway/history.h: added up while it lives, read at its end.
 *
 * Words of ours and figures only: no address, no name, no word that was said, no identity of a caller. */
#ifndef GATEWAY_TALLY_H
#define GATEWAY_TALLY_H

#include "gateway/browser.h"
#include "gateway/quality.h"
#include "gateway/timeline.h"

/* A finished call, or offers that became none. See gateway/tally.def. */
typedef struct gw_call {
  int64_t ended_at; /* Unix seconds */
#define TEXT(name) const char *name;
#define INTEGER(name) int64_t name;
#define REAL(name, digits) double name;
#include "gateway/tally.def"
#undef TEXT
#undef INTEGER
#undef REAL
} gw_call;

typedef struct gw_mean {
  double sum;
  uint32_t n;
} gw_mean;

typedef struct gw_tally {
  gw_browser browser;
  const char *network, *way; /* static; "" not known */
  uint8_t family;            /* 4, 6; 0: not known */
  bool is_connected;         /* was, at any time */
  gw_timeline first;         /* of the first connection that was */
  uint32_t n_reconnects;
  gw_mean mos, loss_up, loss_down, rtt_ms;
  double mos_min;
} gw_tally;

void gw_tally_init(gw_tally *tally, gw_browser browser);
/* The word of the list that |told| is; "" none. Static. */
const char *gw_tally_network(const char *told);
void gw_tally_second(gw_tally *tally, const gw_figures *figures);
void gw_tally_way(gw_tally *tally, const wr_stats_candidate_pair *pair);
/* The connection ends, or gives way to another: what it took to connect. Only the first one counts. */
void gw_tally_keep(gw_tally *tally, const gw_timeline *timeline);
/* All but |ended_at|, |purpose|, |backend|. |is_wanted|: the end was somebody's wish. */
void gw_tally_read(const gw_tally *tally, gw_call *call, const char *reason, bool is_wanted, wr_time lasted);

#endif
