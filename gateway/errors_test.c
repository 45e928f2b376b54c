#include "gateway/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static size_t times(const char *text, const char *part) {
  size_t n = 0;
  for (const char *at = text; (at = strstr(at, part)); at++) n++;
  return n;
}

TEST(errors_are_counted_by_kind_and_reason) {
  static gw_errors errors;
  errors = (gw_errors){0};
  gw_errors_note(&errors, "call", "lost", "0123456789abcdef", 1000);
  gw_errors_note(&errors, "call", "lost", NULL, 1001);
  gw_errors_note(&errors, "request", "lost", NULL, 1002);
  gw_text out = {0};
  gw_errors_write(&out, &errors);
  CHECK(strstr(out.text, "errors_total{kind=\"call\",reason=\"lost\"} 2\n"));
  CHECK(strstr(out.text, "errors_total{kind=\"request\",reason=\"lost\"} 1\n"));
  CHECK(strstr(out.text, "error_last_seconds{kind=\"call\",reason=\"lost\"} 1001\n"));
  out.len = 0;
  gw_errors_json(&out, &errors, 0);
  CHECK(strstr(out.text, "{\"since\":\"1970-01-01T00:00:00Z\",\"errors\":[{\"kind\":\"request\"") == out.text);
  CHECK(strstr(out.text, "\"session\":\"01234567\"}")); /* no more of it than that */
  CHECK(strstr(out.text, "\"first\":\"1970-01-01T00:16:40Z\",\"last\":\"1970-01-01T00:16:41Z\""));
  free(out.text);
}

TEST(errors_remember_the_last_of_each) {
  static gw_errors errors;
  errors = (gw_errors){0};
  for (int i = 0; i < 12; i++) gw_errors_note(&errors, "call", "lost", NULL, i);
  gw_text out = {0};
  gw_errors_json(&out, &errors, 0);
  CHECK(strstr(out.text, "\"count\":12"));
  CHECK_EQ(times(out.text, "\"at\":"), GW_ERRORS_LAST);
  CHECK(strstr(out.text, "\"recent\":[{\"at\":\"1970-01-01T00:00:11Z\"},{\"at\":\"1970-01-01T00:00:10Z\"}"));
  CHECK(!strstr(out.text, "\"at\":\"1970-01-01T00:00:06Z\""));
  free(out.text);
}

TEST(errors_that_have_no_place_are_others) {
  static gw_errors errors;
  static char names[2 * GW_ERRORS_MAX][16];
  errors = (gw_errors){0};
  for (int i = 0; i < 2 * GW_ERRORS_MAX; i++) {
    snprintf(names[i], sizeof(names[i]), "r%d", i);
    gw_errors_note(&errors, "call", names[i], NULL, i);
  }
  CHECK_EQ(errors.n, GW_ERRORS_MAX);
  gw_errors_note(&errors, "call", "r0", NULL, 999);
  CHECK_EQ(errors.row[0].n, 2);
  CHECK_EQ(strcmp(errors.row[GW_ERRORS_MAX - 1].reason, "other"), 0);
  CHECK_EQ(errors.row[GW_ERRORS_MAX - 1].n, GW_ERRORS_MAX + 1);
}
