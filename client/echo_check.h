/* client/echo_test.h - what a peer that echoes must give back: a text, 64 KiB of bytes, two seconds of sound. */
#ifndef CLIENT_ECHO_TEST_H
#define CLIENT_ECHO_TEST_H

#include "client/audio.h"
#include "wr/types.h"

typedef struct echo_test {
  bool text_back, big_back;
} echo_test;

wr_bytes echo_test_text(void);
wr_bytes echo_test_big(void); /* 65536 bytes */
/* false: it is not what was sent. */
bool echo_test_take(echo_test *test, bool is_text, wr_bytes message);
bool echo_test_passed(const echo_test *test, const client_recorder *recorder);

#endif
