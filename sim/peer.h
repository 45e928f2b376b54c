/* sim/peer.h - one end of a simulated call: a wr_conn on a host of the virtual network, and a small application.
 *
 * The application talks and listens: 20 ms audio frames from the moment it is connected to the end; the caller
 * opens a channel, says "hello" on it and sends a large message; the callee answers "ready" and sends the large
 * message back. What arrives is compared with what was sent. */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include <stdio.h>

#include "sim/net.h"
#include "sim/pipe.h"
#include "wr/conn.h"
#include "wr/frame.h"

#define SIM_PEER_PORT 50000
#define SIM_AUDIO_FRAMES 50 /* at least */
#define SIM_LARGE_BYTES 65536
#define SIM_PEER_TRICKLE 16

/* The one TCP connection between caller and callee there may be, opened by the first datagram that wants to go over
 * it. Nothing blocks it and no NAT stands before the callee. */
typedef struct sim_tcp {
  sim_pipe pipe; /* 0: the caller, 1: the callee */
  wr_path path;  /* as the callee sees it, local with its port, remote once it is connected */
  wr_time up_at; /* WR_NEVER: nobody has connected */
} sim_tcp;
void sim_tcp_init(sim_tcp *tcp, const wr_addr *callee, const wr_addr *caller_seen, wr_time one_way);

typedef struct sim_peer {
  const char *name; /* for the trace */
  sim_net *net;
  sim_host_id host;
  sim_rng rng;
  wr_conn *conn; /* in |memory| */
  void *memory, *pool_memory;
  uint8_t *message_buffer;
  FILE *trace; /* NULL: silent */
  /* More than one address, and servers: see the settings */
  sim_host_id other_host; /* -1: none */
  void *gather_memory;
  sim_pipe *pipe;
  unsigned piped_server;
  sim_tcp *tcp; /* NULL: none */
  wr_frames frames;
  wr_candidate trickle[SIM_PEER_TRICKLE]; /* to be carried to the other end, by whoever carries the descriptions */
  unsigned n_trickle;
  bool trickle_ended;
  wr_path path;             /* in use; families 0: none yet */
  wr_time path_at, sent_at; /* 0: not yet; |sent_at|: the last before the end */
  wr_time started_at;
  bool is_caller;
  /* the application */
  uint16_t channel;
  bool has_channel, large_sent, large_came;
  unsigned n_audio_sent, n_audio_came;
  wr_time next_audio_at;
  uint32_t highest_audio, timestamp_base;
  /* what happened; 0: not yet */
  wr_time connected_at, media_at, data_at, ended_at;
  wr_end end;
  const char *fault; /* NULL: nothing wrong was seen */
} sim_peer;

typedef struct sim_peer_settings {
  const char *name;
  const wr_crypto *crypto;
  uint64_t seed;
  bool is_caller, dtls_passive, ice_lite;
  bool has_other_host; /* |other_host| is the same person's: an address of the other family */
  sim_host_id other_host;
  const wr_gather_settings *gather; /* NULL: no servers */
  sim_pipe *pipe;                   /* to server |piped_server|, over which it is reached; NULL: none */
  unsigned piped_server;
  sim_tcp *tcp; /* the caller connects, the callee listens; NULL: neither */
  FILE *trace;
} sim_peer_settings;

/* Allocates; false: out of memory. */
bool sim_peer_open(sim_peer *peer, sim_net *net, sim_host_id host, const sim_peer_settings *settings);
void sim_peer_close(sim_peer *peer);

/* The pipe is connected. */
void sim_peer_pipe_up(sim_peer *peer);
/* Takes what has arrived by the pipe. */
void sim_peer_recv_pipe(sim_peer *peer);
/* Takes what has arrived by the TCP connection. */
void sim_peer_recv_tcp(sim_peer *peer);
/* A candidate of the other end; NULL: there are no more. */
void sim_peer_add_candidate(sim_peer *peer, const wr_candidate *candidate);

/* Descriptions are |cap| bytes at most, NUL-terminated. false: |fault| says why. */
bool sim_peer_offer(sim_peer *peer, char *offer, size_t cap);
bool sim_peer_answer(sim_peer *peer, const char *offer, char *answer, size_t cap);
bool sim_peer_accept(sim_peer *peer, const char *answer);

void sim_peer_recv(sim_peer *peer, const sim_delivery *delivery);
/* Does what is due at sim_net_now. */
void sim_peer_tick(sim_peer *peer);
wr_time sim_peer_deadline(const sim_peer *peer);
/* Heard, read, and everything sent. */
bool sim_peer_is_done(const sim_peer *peer);
/* Says goodbye. */
void sim_peer_hang_up(sim_peer *peer);

#endif
