/* gateway/errors.c - see the header. */
#include "gateway/errors.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static gw_error_row *find(gw_errors *errors, const char *kind, const char *reason) {
  for (size_t i = 0; i < errors->n; i++)
    if (strcmp(errors->row[i].kind, kind) == 0 && strcmp(errors->row[i].reason, reason) == 0)
      return &errors->row[i];
  return NULL;
}

void gw_errors_note(gw_errors *errors, const char *kind, const char *reason, const char *session, int64_t unix_s) {
  gw_error_row *row = find(errors, kind, reason);
  if (!row && errors->n == GW_ERRORS_MAX - 1) { /* the last row is for all that have none */
    kind = reason = "other";
    row = find(errors, kind, reason);
  }
  if (!row && errors->n < GW_ERRORS_MAX) {
    row = &errors->row[errors->n++];
    *row = (gw_error_row){.kind = kind, .reason = reason, .first_at = unix_s};
  }
  if (!row) row = &errors->row[GW_ERRORS_MAX - 1];
  size_t at = row->n++ % GW_ERRORS_LAST;
  row->last_at[at] = unix_s;
  snprintf(row->of[at], GW_ERROR_OF_MAX, "%s", session ? session : "");
}

static int64_t last_of(const gw_error_row *row) { return row->last_at[(row->n - 1) % GW_ERRORS_LAST]; }

static const char *iso(char out[24], int64_t unix_s) {
  time_t t = (time_t)unix_s;
  struct tm tm;
  gmtime_r(&t, &tm);
  strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm);
  return out;
}

static void write_row(gw_text *out, const gw_error_row *row) {
  char first[24], last[24];
  size_t n = row->n < GW_ERRORS_LAST ? (size_t)row->n : GW_ERRORS_LAST;
  gw_text_add(
      out, "{\"kind\":\"%s\",\"reason\":\"%s\",\"count\":%llu,\"first\":\"%s\",\"last\":\"%s\",\"recent\":[",
      row->kind, row->reason, (unsigned long long)row->n, iso(first, row->first_at), iso(last, last_of(row)));
  for (size_t i = 0; i < n; i++) {
    size_t at = (row->n - 1 - i) % GW_ERRORS_LAST;
    gw_text_add(out, "%s{\"at\":\"%s\"", i ? "," : "", iso(last, row->last_at[at]));
    gw_text_add(out, row->of[at][0] ? ",\"session\":\"%s\"}" : "}", row->of[at]);
  }
  gw_text_add(out, "]}");
}

void gw_errors_json(gw_text *out, const gw_errors *errors, int64_t since) {
  size_t order[GW_ERRORS_MAX] = {0};
  char began[24];
  for (size_t i = 0; i < errors->n; i++) {
    size_t at = i;
    for (; at > 0 && last_of(&errors->row[order[at - 1]]) < last_of(&errors->row[i]); at--)
      order[at] = order[at - 1];
    order[at] = i;
  }
  gw_text_add(out, "{\"since\":\"%s\",\"errors\":[", iso(began, since));
  for (size_t i = 0; i < errors->n; i++) {
    gw_text_add(out, i ? "," : "");
    write_row(out, &errors->row[order[i]]);
  }
  gw_text_add(out, "]}");
}

void gw_errors_write(gw_text *out, const gw_errors *errors) {
  gw_text_add(out,
              "# HELP xiaozhi_rtc_errors_total Errors by kind and reason\n"
              "# TYPE xiaozhi_rtc_errors_total counter\n");
  for (size_t i = 0; i < errors->n; i++)
    gw_text_add(out, "xiaozhi_rtc_errors_total{kind=\"%s\",reason=\"%s\"} %llu\n", errors->row[i].kind,
                errors->row[i].reason, (unsigned long long)errors->row[i].n);
  gw_text_add(out,
              "# HELP xiaozhi_rtc_error_last_seconds When it last happened, in Unix time\n"
              "# TYPE xiaozhi_rtc_error_last_seconds gauge\n");
  for (size_t i = 0; i < errors->n; i++)
    gw_text_add(out, "xiaozhi_rtc_error_last_seconds{kind=\"%s\",reason=\"%s\"} %lld\n", errors->row[i].kind,
                errors->row[i].reason, (long long)last_of(&errors->row[i]));
}
