/* sim/gateway_state.h - the inside of the simulated gateway: gateway.c is its life and its network, gateway_http.c
 * its routes, gateway_chat.c what is said. */
#ifndef SIM_GATEWAY_STATE_H
#define SIM_GATEWAY_STATE_H

#include <jansson.h>

#include "sim/gateway.h"

#define N_KNOWN 4    /* proved addresses per session, as the real one */
#define N_HELD 512   /* datagrams that wait for SIGCONT */
#define ID_MAX 33    /* hex and NUL */
#define TEXT_MAX 128 /* of a typed text that comes back */

typedef enum session_state { SESSION_FREE, SESSION_CONNECTING, SESSION_CONNECTED, SESSION_LOST } session_state;

typedef struct session {
  session_state state;
  wr_conn *conn; /* NULL: lost */
  void *memory;
  char id[ID_MAX], token[2 * ID_MAX];
  wr_addr known[N_KNOWN];
  unsigned n_known;                          /* ever */
  wr_time until;                             /* CONNECTING, LOST: when it is given up */
  wr_time quality_at, backend_at, speech_at; /* WR_NEVER: none due */
  bool has_chat, said_ready, has_backend;
  uint16_t chat;
  char unsaid[TEXT_MAX]; /* "": none */
  json_int_t last_text;
  unsigned n_frames_left;
  uint32_t timestamp;
} session;

typedef struct held {
  wr_path path;
  size_t len;
  uint8_t bytes[SIM_DATAGRAM_MAX];
} held;

struct sim_gateway {
  sim_net *net;
  sim_host_id host;
  sim_gateway_settings settings;
  sim_rng rng;
  sim_gateway_counts counts;
  session session[SIM_GATEWAY_SESSIONS];
  wr_pool *pool;
  void *pool_memory;
  uint8_t *message_buffer;
  held *held;
  size_t n_held;
  wr_sdp scratch;
  bool is_dead, is_stopped, is_draining, backend_lost, ignores_dtls;
  wr_time drained_at;
};

/* gateway.c */
session *sim_gateway_new_session(sim_gateway *g); /* NULL: full */
void sim_gateway_start_conn(sim_gateway *g, session *s);
void sim_gateway_drop_conn(session *s);
void sim_gateway_forget(session *s);
void sim_gateway_settle(sim_gateway *g, session *s);
/* gateway_chat.c */
void sim_gateway_say(sim_gateway *g, session *s, json_t *message);
void sim_gateway_say_draining(sim_gateway *g, session *s);
void sim_gateway_on_message(sim_gateway *g, session *s, wr_bytes text);
void sim_gateway_on_channel(sim_gateway *g, session *s);
void sim_gateway_chat_tick(sim_gateway *g, session *s);
wr_time sim_gateway_chat_deadline(const session *s);

#endif
