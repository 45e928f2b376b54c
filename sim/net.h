/* sim/net.h - a virtual network with a virtual clock: hosts, access links and NATs around one perfect core.
 *
 *   host --up link--> [NAT out] --core--> [NAT in] --down link--> host
 *
 * Time moves only in sim_net_recv, datagram by datagram; everything is decided by one seed. Same seed and same
 * calls: same deliveries, proved by comparing sim_net_digest. Address translation happens at the instant a
 * datagram reaches the core. Hosts of one NAT reach each other by inside addresses through the core as well.
 *
 * This is the only clock tests have. May allocate (open), never does afterwards. Not thread-safe. */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "sim/link.h"
#include "sim/nat.h"
#include "wr/types.h"

#define SIM_HOSTS_MAX 64       /* asserted */
#define SIM_NATS_MAX 16        /* asserted */
#define SIM_DATAGRAM_MAX 2048  /* a larger one is dropped: SIM_DROP_TOO_LARGE */
#define SIM_IN_FLIGHT_MAX 4096 /* at the bound the newest is dropped: SIM_DROP_NO_MEMORY */

typedef struct sim_net sim_net;
typedef int sim_host_id;
typedef int sim_nat_id;

typedef enum sim_drop {
  SIM_DROP_LOST,
  SIM_DROP_QUEUE_FULL,
  SIM_DROP_TOO_LARGE,
  SIM_DROP_NO_ROUTE, /* nobody has that address */
  SIM_DROP_FILTERED, /* by a NAT: no mapping, wrong remote end, no hairpin */
  SIM_DROP_BLOCKED,  /* UDP is blocked at that host */
  SIM_DROP_NO_MEMORY,
  SIM_N_DROPS
} sim_drop;

/* Law: n_sent + n_duplicated == n_delivered + sum(n_dropped) + in flight. */
typedef struct sim_net_stats {
  uint64_t n_sent, n_duplicated, n_reordered, n_delivered;
  uint64_t n_dropped[SIM_N_DROPS];
  size_t n_in_flight;
} sim_net_stats;

typedef struct sim_delivery {
  sim_host_id host;
  wr_path path;  /* local: the host's inside address; remote: the sender as seen through the NATs */
  wr_span bytes; /* lent in place until the next sim_net_recv; may be sent on */
  wr_time at;
} sim_delivery;

sim_net *sim_net_open(uint64_t seed); /* NULL: out of memory */
void sim_net_close(sim_net *net);     /* NULL is allowed */

/* A host with one address ("192.0.2.1" or IPv6 text) and ideal links. Any port of it can send and receive. */
sim_host_id sim_net_add_host(sim_net *net, const char *ip);
wr_addr sim_net_addr(const sim_net *net, sim_host_id host, uint16_t port);
/* Holds for datagrams sent (up) or reaching the core (down) from now on. */
void sim_net_set_link(sim_net *net, sim_host_id host, const sim_link_profile *up, const sim_link_profile *down);
sim_nat_id sim_net_add_nat(sim_net *net, const char *outside_ip, sim_nat_rules rules);
void sim_net_put_behind_nat(sim_net *net, sim_host_id host, sim_nat_id nat);
void sim_net_forget_mappings(sim_net *net, sim_nat_id nat); /* rebinding */
void sim_net_block_udp(sim_net *net, sim_host_id host, bool blocked);

wr_time sim_net_now(const sim_net *net);
/* Sends at sim_net_now from |path|->local.port of |host|; the address in |path|->local is not looked at. |bytes|
 * are copied. What happens to them is in the statistics only, as in life. */
void sim_net_send(sim_net *net, sim_host_id host, const wr_path *path, wr_bytes bytes);
/* When the network next has work (a delivery, or a hop in its inside); WR_NEVER: nothing in flight. */
wr_time sim_net_deadline(const sim_net *net);
/* Moves the clock to the next delivery not after |until| and hands it out; false: there is none, the clock stands
 * at |until|. Call until false, sending between calls as the deliveries provoke. |until| must not be past. */
bool sim_net_recv(sim_net *net, wr_time until, sim_delivery *out);

sim_net_stats sim_net_stats_of(const sim_net *net);
/* Rolling FNV-1a over time, addresses and bytes of every delivery so far. */
uint64_t sim_net_digest(const sim_net *net);

#endif
