/* sim/faults_world.h - a person with a caller, a gateway, and everything between them that can break.
 *
 *   person -> caller -> [NAT] -> access link -> core -> gateway           one virtual clock, one seed
 *                 \______ HTTP: a reliable pipe with its own faults ______/
 *
 * The person talks hands-free (a microphone frame per packet time as the manager's SENDER says), and while
 * |probing| types a numbered text every 100 ms and looks whether it comes back and whether sound flows both ways.
 */
#ifndef SIM_FAULTS_WORLD_H
#define SIM_FAULTS_WORLD_H

#include <stdio.h>

#include "caller/caller.h"
#include "sim/gateway.h"

#define WORLD_REQUESTS 16
#define WORLD_LIMBO_US WR_S(130) /* longest stay in states that are not final: OFFLINE's 120 s and a step */

typedef enum sim_world_http {
  HTTP_WORKS,
  HTTP_STATUS,      /* |http_status|, |http_retry_after_ms| instead of an answer */
  HTTP_NO_ANSWER,   /* the request vanishes; the client's own limit ends it */
  HTTP_ANSWER_LOST, /* the gateway has acted, nobody hears of it */
  HTTP_GARBAGE,     /* 200 and no JSON */
  HTTP_BAD_ANSWER,  /* the description in it is broken */
  HTTP_FINGERPRINT, /* the description names another certificate */
  HTTP_SLOW,        /* 5 s for each answer */
} sim_world_http;

typedef struct sim_world_request {
  uint32_t number; /* of the caller; |used| tells whether the slot is */
  bool used, answered;
  char method[8], path[160];
  size_t body_len;
  char body[CALLER_BUFFER];
  wr_time arrives_at, returns_at; /* WR_NEVER: not known yet */
  sim_world_http fault;
  sim_response response;
} sim_world_request;

typedef struct sim_world_settings {
  const wr_crypto *crypto[2]; /* caller's, gateway's */
  uint64_t seed;
  FILE *trace;               /* NULL: silent */
  bool fetch_servers, plain; /* see caller_settings */
  uint32_t servers_ttl_s;
} sim_world_settings;

typedef struct sim_world {
  sim_world_settings settings;
  sim_rng rng;
  sim_net *net;
  sim_nat_id nat;
  sim_host_id home[2], gateway_host; /* the client's host, and the one it can move to */
  int at;                            /* index into |home| */
  wr_time rtt_us;
  uint32_t loss_ppm;
  sim_gateway *gateway;
  /* the client */
  caller *caller; /* in |memory| */
  void *memory, *pool_memory;
  uint8_t *message_buffer;
  wr_sdp *scratch;
  sim_rng caller_rng;
  wr_time skew;         /* added to the clock the caller sees */
  wr_time frozen_until; /* nothing of the client runs; WR_NEVER: until further notice, 0: it runs */
  mgr_mic mic;
  bool offline, blocked;
  mgr_sender sender;
  uint32_t timestamp;
  wr_time next_frame_at;
  /* HTTP */
  sim_world_http http;
  int http_status;
  uint32_t http_retry_after_ms;
  unsigned http_budget; /* faulty requests, then it works again; UINT_MAX: all */
  sim_world_request request[WORLD_REQUESTS];
  unsigned n_servers_asked;
  /* what is seen */
  mgr_command told; /* the last TELL_STATE */
  wr_time told_at, not_final_since;
  mgr_rung best_rung; /* of TELL_RECOVERED since sim_world_begin_record */
  bool saw_trouble;   /* a state of trouble since then */
  unsigned n_frames, n_recovered;
  uint32_t least_bps; /* lowest audio target since then */
  const char *fault;  /* NULL: nothing impossible was seen */
  /* the probe */
  bool probing;
  unsigned n_probe, first_probe, came_back;
  wr_time next_probe_at, watched_at;
  unsigned frames_before;
  uint32_t heard_before;
} sim_world;

/* NULL in |w->caller|: out of memory. The network is drawn from the seed: 5 to 300 ms, 0 to 5 % loss each way. */
bool sim_world_open(sim_world *w, const sim_world_settings *settings);
void sim_world_close(sim_world *w);
/* Runs until |until|, or to where |done| is true; true: it was. NULL: never done. */
bool sim_world_run(sim_world *w, wr_time until, bool (*done)(const sim_world *w));
wr_time sim_world_now(const sim_world *w);
void sim_world_do(sim_world *w, mgr_event_kind kind, int32_t value);

/* Rungs, trouble and bitrates count from here. */
void sim_world_begin_record(sim_world *w);
/* Sound and texts count from here. */
void sim_world_watch(sim_world *w);
/* Connected, a text came back and sound both ways since sim_world_watch. */
bool sim_world_is_well(const sim_world *w);
/* No state that waits for something of itself. */
bool sim_world_is_final(const sim_world *w);
const char *sim_world_state_text(const sim_world *w);

/* ---- the network ---- */
void sim_world_block_udp(sim_world *w, bool blocked);
void sim_world_set_link(sim_world *w, uint32_t loss_ppm, uint64_t rate_bps);
void sim_world_rebind_nat(sim_world *w);
void sim_world_move(sim_world *w); /* to the other host: another address, the old one is dead */
void sim_world_go_offline(sim_world *w, bool offline);

#endif
