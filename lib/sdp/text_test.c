#include "sdp/text.h"

#include "check.h"

static void check_bytes(wr_bytes got, const char *want) { CHECK_BYTES(got.data, got.len, want, strlen(want)); }

TEST(text_lines_end_in_lf_or_crlf) {
  wr_bytes rest = WR_BYTES_LITERAL("a\r\nb\n\n c \t\r\nd"), line;
  static const char *const want[] = {"a", "b", "", " c", "d"};
  for (size_t i = 0; i < 5; i++) {
    REQUIRE(wr_text_line(&rest, &line));
    check_bytes(line, want[i]);
  }
  CHECK(!wr_text_line(&rest, &line));
}

TEST(text_words_are_separated_by_any_blanks) {
  wr_bytes rest = WR_BYTES_LITERAL("  one\ttwo   three ");
  check_bytes(wr_text_word(&rest), "one");
  check_bytes(wr_text_word(&rest), "two");
  check_bytes(wr_text_word(&rest), "three");
  CHECK_EQ(wr_text_word(&rest).len, 0);
  CHECK_EQ(wr_text_word(&rest).len, 0);
}

TEST(text_until_takes_the_delimiter_away) {
  wr_bytes rest = WR_BYTES_LITERAL("opus/48000//2");
  check_bytes(wr_text_until(&rest, '/'), "opus");
  check_bytes(wr_text_until(&rest, '/'), "48000");
  check_bytes(wr_text_until(&rest, '/'), "");
  check_bytes(wr_text_until(&rest, '/'), "2");
  CHECK_EQ(rest.len, 0);
  CHECK_EQ(wr_text_until(&rest, '/').len, 0);
}

TEST(text_comparisons) {
  wr_bytes rest = WR_BYTES_LITERAL("A=b");
  CHECK(wr_text_is(rest, "A=b") && !wr_text_is(rest, "a=b") && !wr_text_is(rest, "A=") &&
        !wr_text_is(rest, "A=bc"));
  CHECK(wr_text_is_nocase(rest, "a=B") && !wr_text_is_nocase(rest, "a=") && !wr_text_is_nocase(rest, "a=bc"));
  CHECK(!wr_text_skip(&rest, "a=") && wr_text_skip(&rest, "A="));
  check_bytes(rest, "b");
  CHECK(wr_text_skip_nocase(&rest, "B"));
  CHECK(wr_text_is(rest, "") && wr_text_skip(&rest, "") && !wr_text_skip(&rest, "x"));
}

TEST(text_credentials_cannot_split_a_username_or_a_line) {
  CHECK(wr_text_is_ufrag(WR_BYTES_LITERAL("a+/9")) && wr_text_is_ufrag(WR_BYTES_LITERAL("a-_=")));
  CHECK(!wr_text_is_ufrag(WR_BYTES_LITERAL("abc")) && !wr_text_is_ufrag(WR_BYTES_LITERAL("ab:c")));
  CHECK(!wr_text_is_ufrag(WR_BYTES_LITERAL("ab c")) && !wr_text_is_ufrag(WR_BYTES_LITERAL("ab\rc")));
  CHECK(wr_text_is_pwd(WR_BYTES_LITERAL("0123456789012345678901")));
  CHECK(!wr_text_is_pwd(WR_BYTES_LITERAL("012345678901234567890")));
  static uint8_t long_one[257];
  memset(long_one, 'x', sizeof long_one);
  CHECK(wr_text_is_ufrag(wr_bytes_of(long_one, 256)) && !wr_text_is_ufrag(wr_bytes_of(long_one, 257)));
  CHECK(wr_text_is_pwd(wr_bytes_of(long_one, 256)) && !wr_text_is_pwd(wr_bytes_of(long_one, 257)));
}

TEST(text_numbers_do_not_overflow) {
  uint64_t value = 7;
  CHECK(wr_text_number(WR_BYTES_LITERAL("18446744073709551615"), UINT64_MAX, &value));
  CHECK_EQ(value, UINT64_MAX);
  CHECK(!wr_text_number(WR_BYTES_LITERAL("18446744073709551616"), UINT64_MAX, &value));
  CHECK(!wr_text_number(WR_BYTES_LITERAL("99999999999999999999999"), UINT64_MAX, &value));
  CHECK(wr_text_number(WR_BYTES_LITERAL("255"), 255, &value));
  CHECK(!wr_text_number(WR_BYTES_LITERAL("256"), 255, &value));
  CHECK(!wr_text_number(WR_BYTES_LITERAL("9"), 5, &value));
  CHECK(!wr_text_number(WR_BYTES_LITERAL(""), 255, &value));
  CHECK(!wr_text_number(WR_BYTES_LITERAL("1 "), 255, &value));
  CHECK(!wr_text_number(WR_BYTES_LITERAL("-1"), 255, &value));
}
