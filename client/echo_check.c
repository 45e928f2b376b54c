/* client/echo_check.c - see echo_check.h. */
#include "client/echo_check.h"

#include "client/options.h"

wr_bytes echo_check_text(void) { return WR_BYTES_LITERAL("hello"); }

wr_bytes echo_check_big(const echo_check *check) {
  static uint8_t big[CLIENT_MAX_ECHO_BYTES];
  for (size_t i = 0; i < sizeof big; i++) big[i] = (uint8_t)(i * 7 + i / 251);
  return wr_bytes_of(big, check->n_bytes);
}

bool echo_check_take(echo_check *check, bool is_text, wr_bytes message) {
  bool *back = is_text ? &check->text_back : &check->big_back;
  *back = wr_bytes_equal(message, is_text ? echo_check_text() : echo_check_big(check));
  return *back;
}

bool echo_check_passed(const echo_check *check, const client_recorder *recorder) {
  return check->text_back && check->big_back && client_recorder_seconds(recorder) >= 2 &&
         client_recorder_loud_seconds(recorder) >= 0.2;
}
