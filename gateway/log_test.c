#include "gateway/log.h"

#include "check.h"

TEST(log_text_line_quotes_what_needs_it) {
  char line[256];
  const char *pairs[] = {"session", "ab12", "reason", "two words", "empty", "", NULL};
  gw_log_format(line, sizeof(line), false, 1700000000123456, GW_INFO, "closed", pairs);
  CHECK_TEXT(line, "2023-11-14T22:13:20.123Z info closed session=ab12 reason=\"two words\" empty=\"\"");
}

TEST(log_json_line_escapes) {
  char line[256];
  const char *pairs[] = {"reason", "a \"b\"\n", NULL};
  gw_log_format(line, sizeof(line), true, 0, GW_WARN, "lost", pairs);
  CHECK_TEXT(line,
             "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warn\",\"event\":\"lost\","
             "\"reason\":\"a \\\"b\\\"\\u000a\"}");
}

TEST(log_line_too_long_keeps_whole_pairs) {
  char line[80], big[200];
  memset(big, 'x', sizeof(big));
  big[199] = 0;
  const char *pairs[] = {"a", "1", "big", big, NULL};
  gw_log_format(line, sizeof(line), true, 0, GW_INFO, "e", pairs);
  CHECK_TEXT(line, "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\",\"event\":\"e\",\"a\":\"1\"}");
}
