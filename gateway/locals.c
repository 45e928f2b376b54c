/* gateway/locals.c - see locals.h. */
#include "gateway/locals.h"

#include <fnmatch.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "gateway/udp.h"

/* As the kernel writes them (linux/if_addr.h). */
#define TEMPORARY 0x01u
#define UNUSABLE (0x08u | 0x20u | 0x40u) /* a duplicate, deprecated, tentative */
#define LIST_BYTES 8192

typedef enum interface_kind { REAL, VIRTUAL, LOOPBACK } interface_kind;

static void add_local(gw_locals *locals, const wr_addr *base, const wr_addr *shown) {
  if (locals->n == GW_LOCALS_MAX) return;
  locals->at[locals->n].base = *base;
  locals->at[locals->n++].shown = *shown;
}

static bool is_link_local(const wr_addr *addr) {
  return addr->family == 6 && addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80;
}

bool gw_locals_wants(const char *rules, const char *name) {
  bool wanted = true, chosen = false;
  for (const char *at = rules; *at; at += strspn(at, ",")) {
    char pattern[IF_NAMESIZE + 2];
    size_t len = strcspn(at, ",");
    snprintf(pattern, sizeof(pattern), "%.*s", (int)len, at);
    at += len;
    bool forbids = pattern[0] == '!', matches = fnmatch(pattern + forbids, name, 0) == 0;
    if (forbids && matches) return false;
    if (!forbids && !chosen) wanted = false; /* only those that are named */
    chosen = chosen || !forbids;
    if (!forbids && matches) wanted = true;
  }
  return wanted;
}

/* ---- IPv6 ---- */

typedef struct v6_row {
  uint8_t ip[16];
  unsigned flags;
} v6_row;

/* One line of the list; returns where the next one begins, NULL: there is none. */
static const char *read_row(const char *at, v6_row *row) {
  unsigned index, prefix, scope;
  int n = 0;
  for (size_t i = 0; i < 16; i++)
    if (sscanf(at + 2 * i, "%2hhx", &row->ip[i]) != 1) return NULL;
  if (sscanf(at + 32, " %x %x %x %x %n", &index, &prefix, &scope, &row->flags, &n) != 4) return NULL;
  const char *end = strchr(at + 32 + n, '\n');
  return end ? end + 1 : at + strlen(at);
}

bool gw_locals_v6_is_good(const char *list, const wr_addr *addr) {
  unsigned flags = 0;
  bool has_stable = false;
  v6_row row;
  for (const char *at = list; *at && (at = read_row(at, &row));) {
    if (memcmp(row.ip, addr->ip, 16) == 0)
      flags = row.flags;
    else if (memcmp(row.ip, addr->ip, 8) == 0)
      has_stable = has_stable || !(row.flags & (TEMPORARY | UNUSABLE));
  }
  return !(flags & UNUSABLE) && !((flags & TEMPORARY) && has_stable);
}

static void read_v6(char list[LIST_BYTES]) {
  FILE *in = fopen("/proc/self/net/if_inet6", "re");
  size_t n = in ? fread(list, 1, LIST_BYTES - 1, in) : 0;
  if (in) fclose(in);
  list[n] = 0;
}

/* ---- interfaces ---- */

/* Of networks inside this machine: callers elsewhere never come through these. */
static bool is_virtual(const char *name) {
  static const char *const names[] = {"docker*", "br-*",  "veth*",    "virbr*",  "vnet*",  "lxc*",     "lxd*",
                                      "cni*",    "cali*", "flannel*", "podman*", "vmnet*", "vboxnet*", "kube-*"};
  for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
    if (fnmatch(names[i], name, 0) == 0) return true;
  return false;
}

static void add_interfaces(gw_locals *locals, const wr_addr *bound, const char *rules, const char *v6_list,
                           interface_kind kind) {
  struct ifaddrs *list = NULL;
  if (getifaddrs(&list)) return;
  for (const struct ifaddrs *at = list; at; at = at->ifa_next) {
    if (!at->ifa_addr || !(at->ifa_flags & IFF_UP) || !gw_locals_wants(rules, at->ifa_name)) continue;
    bool v6 = at->ifa_addr->sa_family == AF_INET6;
    if (!v6 && at->ifa_addr->sa_family != AF_INET) continue;
    struct sockaddr_storage copy = {0};
    memcpy(&copy, at->ifa_addr, v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    wr_addr addr = gw_addr_of(&copy);
    addr.port = bound->port;
    addr.transport = bound->transport;
    if ((addr.family == 6 && bound->family == 4) || is_link_local(&addr)) continue;
    if (addr.family == 6 && !gw_locals_v6_is_good(v6_list, &addr)) continue;
    interface_kind is = gw_addr_is_loopback(&addr) ? LOOPBACK : is_virtual(at->ifa_name) ? VIRTUAL : REAL;
    if (is == kind) add_local(locals, &addr, &addr);
  }
  freeifaddrs(list);
}

void gw_locals_find(gw_locals *locals, const wr_addr *bound, const gw_config *config) {
  const gw_list *public_ip = &config->public_ip;
  char v6_list[LIST_BYTES];
  memset(locals, 0, sizeof(*locals));
  locals->any = gw_addr_is_any(bound);
  if (!locals->any) add_local(locals, bound, bound);
  v6_list[0] = 0;
  if (locals->any && bound->family == 6) read_v6(v6_list);
  for (int kind = REAL; locals->any && kind <= LOOPBACK; kind++)
    add_interfaces(locals, bound, config->interface, v6_list, (interface_kind)kind);
  for (size_t i = 0; i < public_ip->n; i++) {
    wr_addr shown;
    if (!wr_addr_parse(&shown, wr_bytes_of(public_ip->item[i], strlen(public_ip->item[i])), bound->port)) continue;
    shown.transport = bound->transport;
    for (size_t k = 0; k < locals->n; k++) {
      if (locals->at[k].base.family != shown.family) continue;
      wr_addr base = locals->at[k].base;
      add_local(locals, &base, &shown);
      break;
    }
  }
}

static bool is_public(const gw_locals *locals, size_t i) {
  return !wr_addr_equal(&locals->at[i].base, &locals->at[i].shown);
}

/* What a 1:1 NAT shows first: it is why there is TCP. */
void gw_locals_add_tcp(gw_locals *locals, const wr_addr *bound, const gw_config *config) {
  gw_locals tcp;
  gw_locals_find(&tcp, bound, config);
  size_t n = tcp.n < GW_LOCALS_TCP ? tcp.n : GW_LOCALS_TCP;
  if (locals->n > GW_LOCALS_SHOWN - n) locals->n = GW_LOCALS_SHOWN - n;
  for (int pass = 0; pass < 2; pass++) {
    for (size_t i = 0; i < tcp.n && n; i++) {
      if (is_public(&tcp, i) != (pass == 0)) continue;
      add_local(locals, &tcp.at[i].base, &tcp.at[i].shown);
      n--;
    }
  }
}

bool gw_locals_equal(const gw_locals *a, const gw_locals *b) {
  bool same = a->n == b->n;
  for (size_t i = 0; same && i < a->n; i++)
    same = wr_addr_equal(&a->at[i].base, &b->at[i].base) && wr_addr_equal(&a->at[i].shown, &b->at[i].shown);
  return same;
}
