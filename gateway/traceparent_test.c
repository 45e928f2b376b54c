#include "gateway/traceparent.h"

#include <string.h>

#include "check.h"

#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static bool reads(const char *text) {
  gw_traceparent t;
  bool good = gw_traceparent_read(&t, wr_bytes_of(text, strlen(text)));
  CHECK(t.present == good);
  return good;
}

TEST(traceparent_of_the_recommendation_is_read) {
  gw_traceparent t;
  CHECK(gw_traceparent_read(&t, WR_BYTES_LITERAL(GOOD)));
  CHECK(t.present && t.sampled);
  CHECK(t.trace[0] == 0x4b && t.trace[15] == 0x36 && t.parent[1] == 0xf0 && t.parent[7] == 0xb7);
}

TEST(traceparent_flags_other_than_sampled_are_let_be) {
  gw_traceparent t;
  CHECK(gw_traceparent_read(&t, WR_BYTES_LITERAL("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")));
  CHECK(!t.sampled);
  CHECK(gw_traceparent_read(&t, WR_BYTES_LITERAL("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff")));
  CHECK(t.sampled);
}

TEST(traceparent_of_a_later_version_may_say_more) {
  CHECK(reads("cc-12345678901234567890123456789012-1234567890123456-01"));
  CHECK(reads("cc-12345678901234567890123456789012-1234567890123456-01-what-the-future-will-be-like"));
  CHECK(!reads("cc-12345678901234567890123456789012-1234567890123456-01.what"));
  CHECK(!reads("00-12345678901234567890123456789012-1234567890123456-01-what"));
}

TEST(traceparent_that_is_none_is_refused) {
  static const char *const bad[] = {
      "",
      "00",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
      " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
      "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
      "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
      "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  };
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) CHECK(!reads(bad[i]));
}

TEST(traceparent_that_is_refused_leaves_nothing) {
  gw_traceparent t, none = {0};
  memset(&t, 0xff, sizeof(t));
  CHECK(!gw_traceparent_read(&t, WR_BYTES_LITERAL("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01")));
  CHECK(memcmp(t.trace, none.trace, sizeof(t.trace)) == 0 && memcmp(t.parent, none.parent, sizeof(t.parent)) == 0);
  CHECK(!t.sampled);
}
