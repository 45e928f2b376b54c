/* sim/gateway.h - a model of our gateway in the virtual world: sessions, signalling, the data channel, a speaking
 * assistant that needs no backend.
 *
 * What a client can notice of gateway/ is the same: routes and statuses, resume tokens good for a while after a
 * peer is lost, one UDP port whose datagrams find their session by address or ufrag, `ready`, `backend`, `quality`,
 * `pong`, the words around an answer. What it does not have: TLS, an HTTP parser, limits, a bridge to a real
 * assistant. A typed text comes back as `stt`, then half a second of speech is said.
 *
 * Faults are switches. Allocates at open and for each session, never afterwards but for JSON. */
#ifndef SIM_GATEWAY_H
#define SIM_GATEWAY_H

#include "sim/net.h"
#include "wr/conn.h"

#define SIM_GATEWAY_PORT 51001
#define SIM_GATEWAY_SESSIONS 32 /* one more is answered 503 */
#define SIM_GATEWAY_BODY 16384  /* bytes of the largest answer */
#define SIM_GATEWAY_RESUME_US WR_S(30)
#define SIM_GATEWAY_CONNECT_US WR_S(30)

typedef struct sim_gateway sim_gateway;

typedef struct sim_gateway_settings {
  const wr_crypto *crypto;
  uint64_t seed;
  uint32_t servers_ttl_s; /* of /api/ice */
} sim_gateway_settings;

typedef struct sim_response {
  int status; /* 0: the connection was refused */
  uint32_t retry_after_ms;
  size_t len;
  char body[SIM_GATEWAY_BODY];
} sim_response;

/* Counted over all sessions and lives. */
typedef struct sim_gateway_counts {
  uint32_t n_opened, n_resumed, n_restarted, n_unknown; /* offers; 404 */
  uint32_t n_deleted, n_lost, n_frames_heard, n_messages;
} sim_gateway_counts;

sim_gateway *sim_gateway_open(sim_net *net, sim_host_id host, const sim_gateway_settings *settings);
void sim_gateway_close(sim_gateway *g);

/* What an HTTP request that reaches it is answered. |body| is JSON text. */
void sim_gateway_request(sim_gateway *g, const char *method, const char *path, wr_bytes body,
                         sim_response *response);
void sim_gateway_recv(sim_gateway *g, const sim_delivery *delivery);
void sim_gateway_tick(sim_gateway *g);
wr_time sim_gateway_deadline(const sim_gateway *g);
const sim_gateway_counts *sim_gateway_counts_of(const sim_gateway *g);
unsigned sim_gateway_n_sessions(const sim_gateway *g);

/* ---- faults ---- */
/* Every session is forgotten without a word; requests find no listener until it starts again. */
void sim_gateway_kill(sim_gateway *g);
void sim_gateway_start(sim_gateway *g);
/* SIGSTOP: what arrives waits in its socket, up to a bound, and is worked off at SIGCONT. */
void sim_gateway_stop(sim_gateway *g, bool stopped);
bool sim_gateway_is_stopped(const sim_gateway *g);
/* New offers are refused, sessions are told, and after |after_us| everything ends with a goodbye. */
void sim_gateway_drain(sim_gateway *g, wr_time after_us);
void sim_gateway_close_channels(sim_gateway *g);
/* The assistant is out of reach, or back. Texts said meanwhile are answered then. */
void sim_gateway_lose_backend(sim_gateway *g, bool lost);
/* DTLS datagrams are thrown away. */
void sim_gateway_ignore_dtls(sim_gateway *g, bool ignored);

#endif
