/* gateway/errors.h - what went wrong lately: errors by kind and reason, how often, when first and last.
 *
 * For the admin (GET /api/errors) and /metrics. Kinds and reasons are words of ours: nothing that a caller, a
 * server or an address said is kept. A request for nothing that exists (404 not_found) is no error: anybody makes
 * those. One thread, the one that serves HTTP; workers tell it by GW_TROUBLE. */
#ifndef GATEWAY_ERRORS_H
#define GATEWAY_ERRORS_H

#include "gateway/metrics.h"

#define GW_ERRORS_MAX 96  /* kinds with reasons; what comes when all are taken counts as "other" of "other" */
#define GW_ERRORS_LAST 5  /* of each, the last ones are remembered */
#define GW_ERROR_OF_MAX 9 /* the first characters of a session's id, and a NUL */

typedef struct gw_error_row {
  const char *kind, *reason; /* static */
  uint64_t n;
  int64_t first_at;                /* Unix seconds */
  int64_t last_at[GW_ERRORS_LAST]; /* a ring: number i is at i % GW_ERRORS_LAST */
  char of[GW_ERRORS_LAST][GW_ERROR_OF_MAX];
} gw_error_row;

typedef struct gw_errors {
  size_t n;
  gw_error_row row[GW_ERRORS_MAX];
} gw_errors;

/* |kind| and |reason|: static words. |session|: an id in text of which the beginning is kept, or NULL. */
void gw_errors_note(gw_errors *errors, const char *kind, const char *reason, const char *session, int64_t unix_s);
/* {"since":..,"errors":[{"kind","reason","count","first","last","recent":[{"at","session"?}..]}..]}, the latest
 * first; |since|: when counting began. */
void gw_errors_json(gw_text *out, const gw_errors *errors, int64_t since);
void gw_errors_write(gw_text *out, const gw_errors *errors); /* for /metrics */

#endif
