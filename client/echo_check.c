/* client/echo_test.c - see echo_test.h. */
#include "client/echo_test.h"

#define BIG_BYTES 65536

wr_bytes echo_test_text(void) { return WR_BYTES_LITERAL("hello"); }

wr_bytes echo_test_big(void) {
  static uint8_t big[BIG_BYTES];
  for (size_t i = 0; i < sizeof big; i++) big[i] = (uint8_t)(i * 7 + i / 251);
  return wr_bytes_of(big, sizeof big);
}

bool echo_test_take(echo_test *test, bool is_text, wr_bytes message) {
  bool *back = is_text ? &test->text_back : &test->big_back;
  *back = wr_bytes_equal(message, is_text ? echo_test_text() : echo_test_big());
  return *back;
}

bool echo_test_passed(const echo_test *test, const client_recorder *recorder) {
  return test->text_back && test->big_back && client_recorder_seconds(recorder) >= 2 &&
         client_recorder_loud_seconds(recorder) >= 0.2;
}
