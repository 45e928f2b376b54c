/* gateway/origin.c - lists of few entries, read each time: a request is rare beside a packet. */
#include "gateway/origin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ENTRY_MAX 256

/* The entry at |*at| without blanks around it; moves |*at| behind it. false: the list is over. An entry that is too
 * long is given as "", which is nothing. */
static bool next_entry(const char **at, char out[ENTRY_MAX]) {
  const char *from = *at;
  if (!*from) return false;
  size_t len = strcspn(from, ",");
  *at = from + len + (from[len] == ',');
  while (len && (*from == ' ' || *from == '\t')) from++, len--;
  while (len && (from[len - 1] == ' ' || from[len - 1] == '\t')) len--;
  snprintf(out, ENTRY_MAX, "%.*s", len < ENTRY_MAX ? (int)len : 0, from);
  return true;
}

static bool is_listed(const char *text, const char *list) {
  char entry[ENTRY_MAX];
  while (next_entry(&list, entry))
    if (entry[0] && strcasecmp(entry, text) == 0) return true;
  return false;
}

/* Without port and brackets. */
static void name_of(const char *authority, char out[ENTRY_MAX]) {
  size_t len = authority[0] == '[' ? strcspn(authority, "]") : strcspn(authority, ":");
  size_t skip = authority[0] == '[';
  if (len < skip || len - skip >= ENTRY_MAX) len = skip;
  snprintf(out, ENTRY_MAX, "%.*s", (int)(len - skip), authority + skip);
}

static bool is_local_name(const char *name) {
  static const char suffix[] = ".localhost";
  size_t len = strlen(name), n = sizeof(suffix) - 1;
  return strcasecmp(name, "localhost") == 0 || (len > n && strcasecmp(name + len - n, suffix) == 0);
}

bool gw_host_is_ours(const char *host, bool loopback, const char *names) {
  char name[ENTRY_MAX];
  wr_addr addr;
  if (!host[0] || (!names[0] && !loopback) || strcmp(names, "*") == 0) return true;
  name_of(host, name);
  return wr_addr_parse(&addr, wr_bytes_of(name, strlen(name)), 0) || is_local_name(name) || is_listed(name, names);
}

bool gw_origin_is_listed(const char *origin, const char *list) { return origin[0] && is_listed(origin, list); }

bool gw_origins_are_good(const char *list) {
  char entry[ENTRY_MAX];
  while (next_entry(&list, entry)) {
    bool tls = strncmp(entry, "https://", 8) == 0, plain = strncmp(entry, "http://", 7) == 0;
    const char *rest = entry + (tls ? 8 : 7);
    if ((!tls && !plain) || !*rest || strpbrk(rest, "/?#*@ ")) return false;
  }
  return true;
}

/* |bits| of an address that count; all of them without "/N". */
static bool read_net(const char *entry, wr_addr *net, unsigned *bits) {
  const char *slash = strchr(entry, '/');
  size_t len = slash ? (size_t)(slash - entry) : strlen(entry);
  if (!wr_addr_parse(net, wr_bytes_of(entry, len), 0)) return false;
  unsigned most = net->family == 4 ? 32 : 128;
  *bits = most;
  if (!slash) return true;
  if (!slash[1] || strspn(slash + 1, "0123456789") != strlen(slash + 1) || strlen(slash + 1) > 3) return false;
  *bits = (unsigned)strtoul(slash + 1, NULL, 10);
  return *bits <= most;
}

bool gw_nets_are_good(const char *list) {
  char entry[ENTRY_MAX];
  wr_addr net;
  unsigned bits;
  while (next_entry(&list, entry))
    if (!read_net(entry, &net, &bits)) return false;
  return true;
}

static bool is_within(const wr_addr *addr, const wr_addr *net, unsigned bits) {
  if (addr->family != net->family) return false;
  for (unsigned i = 0; i < bits; i++)
    if ((addr->ip[i / 8] ^ net->ip[i / 8]) >> (7 - i % 8) & 1) return false;
  return true;
}

bool gw_nets_have(const char *list, const wr_addr *addr) {
  char entry[ENTRY_MAX];
  wr_addr net;
  unsigned bits;
  while (next_entry(&list, entry))
    if (read_net(entry, &net, &bits) && is_within(addr, &net, bits)) return true;
  return false;
}

/* "192.0.2.1", "192.0.2.1:8080", "[2001:db8::1]:80", and as for="..." among other parameters. */
static bool read_node(const char *entry, wr_addr *addr) {
  char name[ENTRY_MAX];
  const char *at = entry;
  for (const char *part = entry; part; part = strchr(part, ';') ? strchr(part, ';') + 1 : NULL) {
    part += strspn(part, " ");
    if (strncasecmp(part, "for=", 4) == 0) at = part + 4;
  }
  snprintf(name, sizeof(name), "%.*s", (int)strcspn(at + (*at == '"'), "\";"), at + (*at == '"'));
  wr_bytes bare = wr_bytes_of(name, strlen(name));
  if (wr_addr_parse(addr, bare, 0)) return true; /* an IPv6 address without brackets has colons, too */
  char host[ENTRY_MAX];
  name_of(name, host);
  return wr_addr_parse(addr, wr_bytes_of(host, strlen(host)), 0);
}

void gw_forwarded_from(wr_addr *addr, const char *forwarded, const char *trusted) {
  char entry[ENTRY_MAX];
  wr_addr node;
  size_t end = strlen(forwarded);
  while (end && gw_nets_have(trusted, addr)) {
    size_t from = end;
    while (from && forwarded[from - 1] != ',') from--;
    char piece[ENTRY_MAX];
    snprintf(piece, sizeof(piece), "%.*s", end - from < ENTRY_MAX ? (int)(end - from) : 0, forwarded + from);
    const char *at = piece;
    if (!next_entry(&at, entry) || !read_node(entry, &node)) return;
    node.port = addr->port;
    *addr = node;
    end = from ? from - 1 : 0;
  }
}
