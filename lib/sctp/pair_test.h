/* sctp/pair_test.h - two associations and a network between them, for tests: delay, loss, reordering, duplication,
 * all from one seed, in virtual time. */
#ifndef WR_SCTP_PAIR_TEST_H
#define WR_SCTP_PAIR_TEST_H

#include "check.h"
#include "sctp/sctp.h"

#define PAIR_POOL_BLOCKS 1024
#define PAIR_PACKETS 4096

typedef struct pair_network {
  wr_time delay_us, jitter_us;
  uint32_t loss_percent, duplicate_percent;
} pair_network;

typedef struct pair_packet {
  wr_time at;
  uint32_t order; /* packets due at the same time keep their order */
  uint16_t len;
  uint8_t to;
  uint8_t bytes[WR_SCTP_MTU];
} pair_packet;

struct pair;
typedef void (*pair_on_event)(struct pair *pair, int side, const wr_sctp_event *event);

typedef struct pair {
  wr_sctp *end[2];
  wr_pool *pool;
  wr_time now;
  pair_network network;
  check_rng rng;
  pair_on_event on_event;
  void *ctx;
  uint32_t n_connected[2], n_aborted[2], n_closed[2], n_opened[2], n_channels_closed[2], n_low[2], n_too_big[2];
  uint32_t n_sent[2], n_bytes[2];
  uint32_t n_in_network;
  bool deaf[2]; /* what is sent to this side is lost */
} pair;

/* Ends share one pool; |tweak| may be NULL. Only one pair at a time. */
pair *pair_init(uint64_t seed, pair_network network, void (*tweak)(wr_sctp_settings *settings, int side));
void pair_drain(pair *p); /* packets and events of both ends, at this instant */
bool pair_step(pair *p);  /* to the next moment something happens; false: nothing ever will */
void pair_run_for(pair *p, wr_time duration_us); /* steps until so much time has passed or nothing is left */
void pair_inject(pair *p, int side, wr_bytes packet);
void pair_wipe(pair *p);    /* and checks that every block came back */
bool pair_connect(pair *p); /* side 0 calls; true: both are connected */

#endif
