/* client/call.h - one call of the native client: a conn, its socket, what it says and what it hears. */
#ifndef CLIENT_CALL_H
#define CLIENT_CALL_H

#include "client/audio.h"
#include "client/echo_check.h"
#include "client/figures.h"
#include "client/options.h"
#include "client/signalling.h"
#include "wr/conn.h"

/* What all calls of one run share. */
typedef struct call_world {
  const client_options *options;
  signalling *signalling;
  const wr_crypto *crypto;
  wr_rng rng;
  wr_pool *pool;
  uint8_t *message_buffer;
  wr_sdp *scratch;
  wr_addr local; /* port 0 */
  client_track track;
  client_packet silence;
  client_recorder *recorder; /* NULL under load */
  client_figures figures;
} call_world;

typedef enum call_state { CALL_OFFERED, CALL_CONNECTING, CALL_OPEN, CALL_ENDED } call_state;

typedef struct call {
  call_world *world;
  unsigned id;
  int fd;
  wr_conn *conn;
  wr_addr local;
  call_state state;
  const char *why; /* ENDED without having been open */
  char location[192];
  wr_time offered_at, opened_at, next_frame_at, finish_at;
  uint32_t timestamp;
  size_t next_packet;
  uint16_t channel;
  bool was_open, said_stop;
  echo_check echo;
} call;

/* Opens a socket, makes the offer and posts it. false: no socket (why is said on stderr). */
bool call_begin(call *c, call_world *world, unsigned id, wr_time now);
void call_on_answer(call *c, const signalling_result *result, wr_time now);
void call_on_readable(call *c, wr_time now);
/* Sends the frame that is due, ticks, drains. */
void call_work(call *c, wr_time now);
wr_time call_next_at(const call *c);
/* Hangs up on both layers; the state becomes ENDED. |why| NULL: as planned. */
void call_end(call *c, const char *why, wr_time now);
void call_wipe(call *c); /* closes the socket, frees the conn */

#endif
