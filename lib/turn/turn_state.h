/* turn/turn_state.h - the client's memory, shared by the files of this room. */
#ifndef WR_TURN_TURN_STATE_H
#define WR_TURN_TURN_STATE_H

#include "stun/stun.h"
#include "turn/turn.h"

#define TEXT_MAX 256 /* realm, nonce, with NUL */
#define ALGORITHMS_MAX 64
#define EVENTS_MAX 64

enum {
  METHOD_ALLOCATE = 3,
  METHOD_REFRESH = 4,
  METHOD_SEND = 6,
  METHOD_DATA = 7,
  METHOD_PERMIT = 8,
  METHOD_BIND = 9
};

/* One request until it is answered or given up. */
typedef struct turn_request {
  uint16_t method; /* 0: none */
  uint8_t id[WR_STUN_ID_BYTES];
  uint8_t n_sent, n_stale;
  wr_time next_at, rto;
} turn_request;

typedef struct turn_peer {
  wr_addr addr; /* family 0: free */
  bool wants_channel, bound;
  bool permitted;
  bool sent;           /* something was, since it was permitted or renewed */
  wr_addr former;      /* of a place that was given up: until |spent_until| only this peer may have it again */
  wr_time spent_until; /* its channel was somebody's and the server keeps it for some minutes: not for another */
  wr_time renew_at;
  turn_request request;
} turn_peer;

/* What we are to the server (RFC 8489 9.2). */
typedef struct turn_credentials {
  char username[509], password[512], realm[TEXT_MAX];
  uint8_t nonce[TEXT_MAX];
  size_t nonce_len;
  uint8_t algorithms[ALGORITHMS_MAX]; /* PASSWORD-ALGORITHMS as it came */
  size_t algorithms_len;
  uint16_t algorithm;  /* chosen of them; 0: none was offered */
  bool hides_username; /* USERHASH */
  uint8_t key[32];
  size_t key_len; /* 0: not challenged yet */
} turn_credentials;

struct wr_turn {
  wr_rng rng;
  const wr_crypto *crypto;
  bool stream;
  uint8_t family;
  wr_turn_state state;
  wr_turn_reason reason;
  uint16_t code;
  turn_credentials credentials;
  turn_request main; /* Allocate, Refresh */
  wr_addr relayed, mapped, alternate;
  wr_time renew_at, expires_at, keep_us;
  wr_turn_event event[EVENTS_MAX];
  unsigned n_events, first_event;
  bool forgets;
  uint16_t n_peers;
  turn_peer peer[]; /* n_peers */
};

/* ---- credentials.c ---- */
/* Takes realm, nonce and algorithms of a 401 and makes the key. false: it cannot be answered. */
bool wr_turn_challenged(turn_credentials *c, const wr_stun *challenge, const wr_crypto *crypto);
/* The new nonce of a 438. */
bool wr_turn_renew_nonce(turn_credentials *c, const wr_stun *answer);
/* Adds who we are and ends the message. 0: did not fit. */
size_t wr_turn_sign(wr_writer *w, const turn_credentials *c, const wr_crypto *crypto);
bool wr_turn_verify(const turn_credentials *c, const wr_stun *answer, const wr_crypto *crypto);

#endif
