/* tests/ice_peer.h - a scripted peer: one agent under test, the test itself writes what the peer sends. */
#ifndef TESTS_ICE_PEER_H
#define TESTS_ICE_PEER_H

#include "check.h"
#include "ice/ice_agent.h"
#include "wr/crypto_openssl.h"

#define PEER_UFRAG "peer"
#define PEER_PWD "the-password-of-the-peer"
#define PEER_SENT 64

typedef struct peer_sent {
  wr_path path;
  uint8_t bytes[600];
  wr_stun stun;
} peer_sent;

typedef struct peer {
  _Alignas(16) uint8_t mem[24 * 1024];
  wr_ice *ice;
  check_rng rng;
  wr_time now;
  wr_addr own[2];            /* of the agent */
  peer_sent sent[PEER_SENT]; /* what the agent sent since the last peer_drain */
  size_t n_sent;
  unsigned n_events;
  uint32_t id;
} peer;

static inline const wr_crypto *peer_crypto(void) {
  static const wr_crypto *crypto;
  if (!crypto) CHECK_EQ(wr_crypto_openssl_open(&crypto), WR_OK);
  return crypto;
}

static inline wr_addr peer_addr(uint8_t last) {
  return (wr_addr){.family = 4, .ip = {192, 0, 2, last}, .port = 7000};
}

static inline void peer_drain(peer *p) {
  wr_ice_event event;
  size_t len;
  p->n_sent = 0;
  while (p->n_sent < PEER_SENT) {
    peer_sent *s = &p->sent[p->n_sent];
    len = wr_ice_poll(p->ice, &s->path, s->bytes, sizeof s->bytes, p->now);
    if (!len) break;
    p->n_sent++;
    CHECK_EQ(wr_stun_parse(&s->stun, wr_bytes_of(s->bytes, len)), WR_OK);
  }
  while (wr_ice_poll_event(p->ice, &event)) p->n_events += event.kind == WR_ICE_EVENT_SELECTED;
}

/* Time passes: every deadline is served; what was sent at the last instant is in |sent|. */
static inline void peer_run(peer *p, wr_time us) {
  wr_time end = p->now + us;
  while (wr_ice_deadline(p->ice) <= end) {
    if (wr_ice_deadline(p->ice) > p->now) p->now = wr_ice_deadline(p->ice);
    wr_ice_tick(p->ice, p->now);
    peer_drain(p);
  }
  p->now = end;
}

/* An agent with |n_own| addresses; it knows the peer's credentials if |signalled|. */
static inline void peer_init(peer *p, bool controlling, bool lite, size_t n_own, bool signalled) {
  memset(p, 0, sizeof *p);
  p->rng.state = 99;
  p->now = WR_S(5);
  wr_ice_settings settings = {
      .rng = {check_rng_fill, &p->rng}, .crypto = peer_crypto(), .controlling = controlling, .lite = lite};
  p->ice = wr_ice_init(p->mem, &settings, p->now);
  for (size_t i = 0; i < n_own; i++) {
    p->own[i] = (wr_addr){.family = 4, .ip = {10, 0, 0, (uint8_t)(i + 1)}, .port = 6000};
    CHECK_EQ(wr_ice_add_local(p->ice, &p->own[i], &p->own[i], WR_CANDIDATE_HOST, p->now), WR_OK);
  }
  if (signalled) CHECK_EQ(wr_ice_set_remote(p->ice, PEER_UFRAG, PEER_PWD, false, p->now), WR_OK);
  peer_drain(p);
}

static inline void peer_offer_candidate(peer *p, uint8_t last, wr_candidate_type type) {
  wr_candidate c = {.addr = peer_addr(last), .type = type, .component = 1};
  c.priority = wr_ice_priority(type, WR_TCP_NONE, (uint16_t)(60000 - last));
  CHECK_EQ(wr_ice_add_remote(p->ice, &c, p->now), WR_OK);
}

typedef struct peer_request {
  uint8_t from, to; /* last byte of the peer's address; index of the agent's */
  uint8_t socket;   /* of the peer: decides PRIORITY; 0: one for each address */
  bool use_candidate, controlling, controlled, unknown_attribute, wrong_key, no_integrity;
  uint64_t tie_breaker;
  const char *username; /* NULL: the right one */
  bool previous;        /* the agent's password from before its restart */
} peer_request;

static inline wr_ice_input peer_send(peer *p, peer_request request) {
  uint8_t out[600], name[64], id[WR_STUN_ID_BYTES] = {0};
  wr_put_u32(id, ++p->id);
  wr_writer user = wr_writer_of(name, sizeof name), w = wr_writer_of(out, sizeof out);
  wr_write_text(&user, request.username ? request.username : wr_ice_local_ufrag(p->ice));
  if (!request.username) wr_write_text(&user, ":" PEER_UFRAG);
  wr_stun_begin(&w, WR_STUN_REQUEST, WR_STUN_BINDING, id);
  wr_stun_write_bytes(&w, WR_STUN_USERNAME, wr_bytes_of(name, wr_writer_len(&user)));
  uint8_t socket = request.socket ? request.socket : request.from;
  wr_stun_write_u32(&w, WR_STUN_PRIORITY,
                    wr_ice_priority(WR_CANDIDATE_PRFLX, WR_TCP_NONE, (uint16_t)(60000 - socket)));
  if (request.controlling) wr_stun_write_u64(&w, WR_STUN_ICE_CONTROLLING, request.tie_breaker);
  if (request.controlled) wr_stun_write_u64(&w, WR_STUN_ICE_CONTROLLED, request.tie_breaker);
  if (request.use_candidate) wr_stun_write_flag(&w, WR_STUN_USE_CANDIDATE);
  if (request.unknown_attribute) wr_stun_write_bytes(&w, (wr_stun_attribute)0x7abc, WR_BYTES_LITERAL("?"));
  const char *pwd = request.wrong_key ? "wrong" : p->ice->session[request.previous].local_pwd;
  size_t len = wr_stun_end(&w, p->ice->crypto, wr_bytes_of(pwd, request.no_integrity ? 0 : strlen(pwd)));
  wr_path path = {p->own[request.to], peer_addr(request.from)};
  wr_ice_input input = wr_ice_recv(p->ice, &path, wr_bytes_of(out, len), p->now);
  peer_drain(p);
  return input;
}

/* Answers a check of the agent with |error| (0: success), from |from| (0: where it was sent to). */
static inline wr_ice_input peer_answer(peer *p, const peer_sent *check, uint16_t error, uint8_t from,
                                       const char *pwd) {
  uint8_t out[600];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_stun_begin(&w, error ? WR_STUN_ERROR : WR_STUN_SUCCESS, WR_STUN_BINDING, check->stun.id);
  if (error)
    wr_stun_write_error(&w, error, "");
  else
    wr_stun_write_mapped(&w, &check->path.local);
  size_t len = wr_stun_end(&w, p->ice->crypto, wr_bytes_of(pwd, strlen(pwd)));
  wr_path path = check->path;
  if (from) path.remote = peer_addr(from);
  wr_ice_input input = wr_ice_recv(p->ice, &path, wr_bytes_of(out, len), p->now);
  peer_drain(p);
  return input;
}

/* The last check in |sent| that goes to the peer's address |last|; NULL: none. */
static inline const peer_sent *peer_check_to(const peer *p, uint8_t last) {
  for (size_t i = p->n_sent; i-- > 0;) {
    const peer_sent *s = &p->sent[i];
    if (s->stun.class_ == WR_STUN_REQUEST && s->path.remote.ip[3] == last) return s;
  }
  return NULL;
}

/* Lets the agent find that |last| works: |sent| has to hold a check to it. */
static inline void peer_approve(peer *p, uint8_t last) {
  const peer_sent *check = peer_check_to(p, last);
  CHECK(check != NULL);
  if (!check) return;
  peer_sent copy = *check; /* draining overwrites |sent| */
  CHECK_EQ(peer_answer(p, &copy, 0, 0, PEER_PWD), WR_ICE_INPUT_CONSUMED);
}

/* Last byte of the selected remote address; 0: none. */
static inline uint8_t peer_selected(const peer *p) {
  wr_path path;
  uint32_t rtt_us;
  return wr_ice_selected(p->ice, &path, &rtt_us) ? path.remote.ip[3] : 0;
}

#endif
