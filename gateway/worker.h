/* gateway/worker.h - one media thread: a UDP socket, a mailbox, and the sessions that live here.
 *
 * All workers' sockets share one port (SO_REUSEPORT) and the kernel spreads datagrams by address, so a datagram may
 * come to another worker than the one its session lives on. Local ufrags begin with worker and slot in text: a STUN
 * request names its session without any table, and the worker it came to remembers the way for what follows.
 * Answers to our own requests name nobody: so whoever sends to a new address tells the others. Forwarding goes
 * through the owner's mailbox, a copy of some hundred bytes. TCP connections move to their session's worker. */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

#include <pthread.h>
#include <sys/epoll.h>

#include "gateway/config.h"
#include "gateway/map.h"
#include "gateway/reach.h"
#include "gateway/sender.h"
#include "gateway/session.h"
#include "gateway/tcp.h"
#include "gateway/timers.h"
#include "gateway/udp.h"

#define GW_MAX_WORKERS 64
#define GW_MAX_SLOTS (1u << 18)
#define GW_TCP_TAG (1ull << 32) /* in epoll's data: of gateway/tcp.h */
#define GW_BEAT WR_S(2)         /* a worker turns at least so often */
#define GW_STALLED WR_S(5)      /* one that did not for so long hangs */

struct gw_tools;

typedef struct gw_worker_settings {
  uint16_t index, n_workers;
  uint32_t n_slots;
  const gw_config *config; /* borrowed, constant */
  const wr_crypto *crypto;
  wr_rng rng;
  int udp_socket; /* owned */
  int tcp_socket; /* a listener, owned; -1: none */
  wr_addr bound, tcp_bound;
  const gw_locals *locals;
  const gw_reach_servers *reach;  /* NULL: --reach direct */
  const uint8_t *identity_secret; /* of gateway/identity.h; NULL: devices are made up each time */
  const struct gw_tools *tools;   /* NULL: the page's alone */
  gw_mailbox *http;               /* to the HTTP thread */
  struct gw_worker *workers;      /* all of them, by index */
} gw_worker_settings;

typedef struct gw_worker {
  gw_worker_settings settings;
  gw_mailbox inbox;
  gw_sender http;
  gw_udp udp;
  gw_locals locals; /* once they are others than the settings' */
  gw_reach reach;
  gw_tcp tcp;
  gw_timers timers;
  gw_map by_addr; /* remote address -> slot */
  gw_map routes;  /* remote address -> worker << 32 | slot: sessions send there */
  gw_map named;   /* the same: STUN requests from there named the session; unproved */
  gw_stock stock;
  gw_metrics metrics;
  OpusRepacketizer *repacketizer;
  uint8_t *slots; /* |n_slots| of |slot_bytes| */
  size_t slot_bytes;
  uint32_t *free_slots, n_free;
  uint32_t n_used; /* slots ever used: those beyond are untouched pages */
  wr_pool *pool;
  uint8_t *message_buffer;
  uint8_t *video_buffer; /* NULL: --video off */
  bool may_clean;        /* --clean on */
  wr_sdp *scratch;
  _Atomic uint32_t n_sessions; /* read by the HTTP thread to choose the emptiest */
  _Atomic wr_time turned_at;   /* likewise: the end of its last turn */
  wr_time roam_at;             /* of the period in which |n_roams| unknown addresses were looked at */
  uint32_t n_roams;
  uint64_t woken; /* bit mask of workers to announce forwarded datagrams to */
  bool draining, stopped, said_drained;
  wr_time drain_until;
  char drain_deadline[24]; /* the same as ISO time */
  int epoll;
  pthread_t thread;
} gw_worker;

/* false: no memory or no descriptor; |error| says which. */
bool gw_worker_open(gw_worker *worker, const gw_worker_settings *settings, const char **error);
bool gw_worker_start(gw_worker *worker);
void gw_worker_join(gw_worker *worker);
/* Whether it has turned lately: one that has not serves nobody. Any thread. */
bool gw_worker_turns(const gw_worker *worker, wr_time now);
void gw_worker_close(gw_worker *worker); /* after join */

/* For sessions. */
void gw_worker_learn(gw_worker *worker, gw_session *session, const wr_addr *remote);
/* |session| sends to |remote|, which it does not know yet: answers from there are for it, on every worker. */
void gw_worker_hint(gw_worker *worker, const gw_session *session, const wr_addr *remote);
void gw_worker_forget(gw_worker *worker, gw_session *session);
void gw_worker_release(gw_worker *worker, gw_session *session); /* the slot is free */
gw_session *gw_worker_session(gw_worker *worker, uint32_t slot);

/* The first four characters of a local ufrag. */
void gw_ufrag_prefix(char prefix[5], uint16_t worker, uint32_t slot);
bool gw_ufrag_read(wr_bytes ufrag, uint16_t *worker, uint32_t *slot);
wr_time gw_now(void);

/* ---- gateway/worker_tcp.c: sessions' TCP connections ---- */
void gw_worker_tcp_events(gw_worker *worker, const struct epoll_event *events, int n, wr_time now);
void gw_worker_tcp_take_over(gw_worker *worker, const gw_message *message, wr_time now); /* GW_TCP_STRANGER */
void gw_worker_tcp_tick(gw_worker *worker, wr_time now);
void gw_worker_tcp_send(gw_worker *worker, const gw_session *session, const wr_path *path, wr_bytes datagram);
void gw_worker_tcp_learn(gw_worker *worker, const gw_session *session, const wr_addr *remote);
void gw_worker_tcp_forget(gw_worker *worker, gw_session *session); /* closes them */

#endif
