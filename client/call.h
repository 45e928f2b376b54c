/* client/call.h - one call of the native client: a caller that heals itself, its sockets, what it says and hears.
 */
#ifndef CLIENT_CALL_H
#define CLIENT_CALL_H

#include "caller/caller.h"
#include "client/audio.h"
#include "client/echo_check.h"
#include "client/figures.h"
#include "client/options.h"
#include "client/signalling.h"
#include "client/stream.h"

#define CALL_LINKS 2
#define CALL_STREAMS 4 /* TCP connections of one call at a time */

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
  int epoll;     /* sockets are put into it with the call's id */
  client_track track;
  client_packet silence;
  client_recorder *recorder; /* NULL under load */
  client_figures figures;
} call_world;

typedef enum call_state { CALL_CONNECTING, CALL_OPEN, CALL_ENDED } call_state;

/* A socket for each link of the caller; a second one only while an old link says goodbye. */
typedef struct call_socket {
  uint32_t link; /* 0: free */
  int fd;
  wr_addr local;
} call_socket;

/* What finds candidates for a link, as long as that lives. */
typedef struct call_gather {
  uint32_t link; /* 0: free */
  wr_gather *gather;
} call_gather;

typedef struct call_stream {
  uint32_t link;
  client_stream stream;
} call_stream;

typedef struct call {
  call_world *world;
  unsigned id;
  caller *caller; /* NULL: wiped */
  call_socket socket[CALL_LINKS];
  call_gather gather[CALL_LINKS];
  call_stream *stream[CALL_STREAMS]; /* NULL: free */
  call_state state;
  const char *why; /* ENDED, and not as planned */
  wr_time next_at; /* when call_work has something to do */
  wr_time offered_at, next_frame_at, finish_at;
  uint32_t timestamp;
  size_t next_packet;
  bool was_open, is_connected;   /* once; now */
  bool began, speaks, said_stop; /* the application's part began; the input file runs, was sent whole */
  echo_check echo;
} call;

/* Opens a socket, makes the offer and posts it. false: out of memory (said on stderr). */
bool call_begin(call *c, call_world *world, unsigned id, wr_time now);
void call_on_result(call *c, const signalling_result *result, wr_time now);
void call_on_readable(call *c, wr_time now);
/* Sends the frame that is due, ticks, drains. */
void call_work(call *c, wr_time now);
/* Hangs up on both layers; the state becomes ENDED. |why| NULL: as planned. Safe in the midst of a drain. */
void call_end(call *c, const char *why, wr_time now);
void call_wipe(call *c); /* closes the sockets, frees the caller */

#endif
