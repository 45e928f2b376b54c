/* sim/link.h - one direction of a wire: what happens to a datagram of a given size at a given instant.
 *
 * A link is a value: it holds no datagrams, it only decides their fate and their time of arrival. Order of the
 * effects: too large -> queue full -> serialised at |rate_bps| -> lost -> delayed -> perhaps reordered, doubled.
 * Every decision is drawn whether or not it is enabled, so two profiles that differ in one figure roll the same
 * dice for all others. */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "sim/rng.h"
#include "wr/types.h"

#define SIM_IP_UDP_BYTES 28 /* added to each payload for rate and queue; |mtu_bytes| is compared with the sum */

/* Zero switches an effect off; an all-zero profile is an ideal wire. */
typedef struct sim_link_profile {
  wr_time delay_us;         /* one way */
  wr_time jitter_us;        /* plus 0..jitter, uniform; datagrams stay in order */
  uint32_t loss_ppm;        /* independent loss */
  uint32_t burst_start_ppm; /* Gilbert-Elliott: chance per datagram to enter the bad state ... */
  uint32_t burst_end_ppm;   /* ... to leave it ... */
  uint32_t burst_loss_ppm;  /* ... and of loss inside it */
  uint32_t reorder_ppm;     /* chance to be held back ... */
  wr_time reorder_us;       /* ... by this much, while later datagrams pass */
  uint32_t duplicate_ppm;
  uint64_t rate_bps;
  size_t queue_bytes; /* drop-tail, in front of the rate; 0 with a rate: no queue, one datagram at a time */
  size_t mtu_bytes;
} sim_link_profile;

typedef enum sim_link_fate {
  SIM_LINK_PASSED,
  SIM_LINK_LOST,
  SIM_LINK_QUEUE_FULL,
  SIM_LINK_TOO_LARGE
} sim_link_fate;

typedef struct sim_link_verdict {
  sim_link_fate fate;
  int n_copies; /* 1 or 2 if passed, else 0 */
  bool reordered;
  wr_time arrive_at[2];
} sim_link_verdict;

typedef struct sim_link {
  sim_link_profile profile; /* may be changed between two datagrams */
  sim_rng rng;
  bool bursting;
  wr_time busy_until;   /* the last bit of everything queued has left */
  wr_time last_arrival; /* of datagrams kept in order */
} sim_link;

void sim_link_init(sim_link *link, const sim_link_profile *profile, sim_rng rng);
sim_link_verdict sim_link_carry(sim_link *link, size_t payload_bytes, wr_time now);

/* Networks by name, from profiles.def. */
typedef struct sim_profile {
  const char *name;
  sim_link_profile up, down; /* seen from the host */
} sim_profile;
/* NULL: no such name. */
const sim_profile *sim_profile_named(const char *name);
/* NULL: past the last one. */
const sim_profile *sim_profile_at(size_t index);

#endif
