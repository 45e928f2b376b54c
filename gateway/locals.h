/* gateway/locals.h - the addresses of this machine that callers are told: candidates of the gateway's own.
 *
 * Behind a wildcard they are those of its interfaces that are up, as --interface wants it: bridges of containers
 * and virtual machines last, loopback ones at the very end. Of IPv6: none that is link-local, deprecated or not
 * usable yet, and no temporary one beside a stable one of the same network, for who calls here wants to find us
 * again. A value. */
#ifndef GATEWAY_LOCALS_H
#define GATEWAY_LOCALS_H

#include "gateway/config.h"
#include "wr/conn.h"

#define GW_LOCALS_MAX 16
#define GW_LOCALS_SHOWN 6 /* a connection takes 8 (lib/ice); two are for --reach */
#define GW_LOCALS_TCP 3   /* of them at most so many of TCP */
typedef struct gw_locals {
  size_t n;
  bool any; /* bound to a wildcard: the local address of each datagram matters, and they may be others in time */
  struct {
    wr_addr base, shown;
  } at[GW_LOCALS_MAX];
} gw_locals;

/* What to put into descriptions for a socket bound to |bound|. */
void gw_locals_find(gw_locals *locals, const wr_addr *bound, const gw_config *config);
/* The same of a TCP listener, in addition. */
void gw_locals_add_tcp(gw_locals *locals, const wr_addr *bound, const gw_config *config);
bool gw_locals_equal(const gw_locals *a, const gw_locals *b);

/* Whether |rules| ("eth0,wlan*" or "!docker*,!br-*") let the interface |name| be used; "": all. */
bool gw_locals_wants(const char *rules, const char *name);
/* Of the kernel's list of IPv6 addresses (/proc/net/if_inet6), whether |addr| is one to be told of. Unknown: yes.
 */
bool gw_locals_v6_is_good(const char *list, const wr_addr *addr);

#endif
