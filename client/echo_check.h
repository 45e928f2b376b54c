/* client/echo_check.h - what a peer that echoes must give back: a text, a large message, two seconds of sound. */
#ifndef CLIENT_ECHO_CHECK_H
#define CLIENT_ECHO_CHECK_H

#include "client/audio.h"
#include "wr/types.h"

typedef struct echo_check {
  unsigned n_bytes; /* of the large message */
  bool text_back, big_back;
} echo_check;

wr_bytes echo_check_text(void);
wr_bytes echo_check_big(const echo_check *check);
/* false: it is not what was sent. */
bool echo_check_take(echo_check *check, bool is_text, wr_bytes message);
bool echo_check_passed(const echo_check *check, const client_recorder *recorder);

#endif
