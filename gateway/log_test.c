#include "gateway/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

TEST(log_text_line_quotes_what_needs_it) {
  char line[256];
  const char *pairs[] = {"session", "ab12", "reason", "two words", "empty", "", NULL};
  gw_log_format(line, sizeof(line), GW_LOG_TEXT, 1700000000123456, GW_INFO, "closed", pairs);
  CHECK_TEXT(line, "2023-11-14T22:13:20.123Z info closed session=ab12 reason=\"two words\" empty=\"\"");
}

TEST(log_json_line_escapes) {
  char line[256];
  const char *pairs[] = {"reason", "a \"b\"\n", NULL};
  gw_log_format(line, sizeof(line), GW_LOG_JSON, 0, GW_WARN, "lost", pairs);
  CHECK_TEXT(line,
             "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warn\",\"event\":\"lost\","
             "\"reason\":\"a \\\"b\\\"\\u000a\"}");
}

TEST(log_line_too_long_keeps_whole_pairs) {
  char line[80], big[200];
  memset(big, 'x', sizeof(big));
  big[199] = 0;
  const char *pairs[] = {"a", "1", "big", big, NULL};
  gw_log_format(line, sizeof(line), GW_LOG_JSON, 0, GW_INFO, "e", pairs);
  CHECK_TEXT(line, "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\",\"event\":\"e\",\"a\":\"1\"}");
}

TEST(log_line_for_the_journal_has_its_priority) {
  static const char *const wanted[] = {"<7>lost a=1", "<6>lost a=1", "<4>lost a=1", "<3>lost a=1"};
  const char *pairs[] = {"a", "1", NULL};
  for (gw_severity severity = GW_DEBUG; severity < GW_OFF; severity++) {
    char line[64];
    CHECK_EQ(gw_log_format(line, sizeof(line), GW_LOG_JOURNAL, 0, severity, "lost", pairs), 11);
    CHECK_TEXT(line, wanted[severity]);
  }
}

TEST(log_knows_the_journal_by_the_stream_systemd_names) {
  int ends[2];
  struct stat status;
  char stream[64];
  REQUIRE(!pipe(ends) && !fstat(ends[1], &status));
  snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
  CHECK(gw_log_is_journal(ends[1], stream));
  CHECK(!gw_log_is_journal(ends[1], NULL));
  CHECK(!gw_log_is_journal(ends[1], ""));
  CHECK(!gw_log_is_journal(ends[1], "1:2"));
  close(ends[0]);
  close(ends[1]);
  CHECK(!gw_log_is_journal(ends[1], stream)); /* closed: nobody's */
}
