/* gateway/ice_url.c - reads an address strictly: a browser throws at a bad one and then makes no call at all. */
#include "gateway/ice_url.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/config.h"

#define SAY(...) (snprintf(why, GW_ICE_WHY_MAX, __VA_ARGS__), false)

static const char *read_scheme(gw_ice_url *url, const char *text, char *why) {
  static const char *const names[] = {"stun:", "stuns:", "turn:", "turns:"};
  for (unsigned i = 0; i < 4; i++) {
    size_t len = strlen(names[i]);
    if (strncasecmp(text, names[i], len) != 0) continue;
    url->relays = i >= 2;
    url->secured = i & 1;
    url->tcp = url->secured;
    url->port = url->secured ? 5349 : 3478;
    if (strncmp(text + len, "//", 2) != 0) return text + len;
    (void)SAY("no // belongs after '%s'", names[i]);
    return NULL;
  }
  (void)SAY("begins with none of stun:, stuns:, turn:, turns:");
  return NULL;
}

static bool read_literal(gw_ice_url *url, wr_addr *addr, char *why) {
  static const uint8_t broadcast[4] = {255, 255, 255, 255};
  bool multicast = addr->family == 4 ? addr->ip[0] >> 4 == 14 : addr->ip[0] == 0xff;
  if (gw_addr_is_any(addr) || multicast || (addr->family == 4 && memcmp(addr->ip, broadcast, 4) == 0))
    return SAY("'%.60s' is no address of a single machine", url->host);
  url->literal = true;
  return true;
}

/* RFC 1123 2.1, and underscores, which people use. */
static bool is_name(const char *host) {
  for (const char *label = host;;) {
    size_t len = strcspn(label, ".");
    if (len == 0 || len > 63 || label[0] == '-' || label[len - 1] == '-') return false;
    for (size_t i = 0; i < len; i++)
      if (!isalnum((unsigned char)label[i]) && label[i] != '-' && label[i] != '_') return false;
    label += len;
    if (!*label || (label[0] == '.' && !label[1])) return true;
    label++;
  }
}

static bool read_host(gw_ice_url *url, const char *text, size_t len, bool bracketed, char *why) {
  wr_addr addr;
  if (!len) return SAY("the host is missing");
  if (len >= sizeof(url->host)) return SAY("the host is longer than %zu characters", sizeof(url->host) - 1);
  for (size_t i = 0; i < len; i++) url->host[i] = (char)tolower((unsigned char)text[i]);
  bool parsed = wr_addr_parse(&addr, wr_bytes_of(url->host, len), 0);
  if (bracketed && (!parsed || addr.family != 6)) return SAY("'%.60s' is not an IPv6 address", url->host);
  if (parsed) return read_literal(url, &addr, why);
  if (strspn(url->host, "0123456789.") == len) return SAY("'%.60s' is not an IPv4 address", url->host);
  return is_name(url->host) ? true : SAY("'%.60s' is neither a name nor an address", url->host);
}

static bool read_port(gw_ice_url *url, const char *text, size_t len, char *why) {
  unsigned long port = strspn(text, "0123456789") == len && len <= 5 ? strtoul(text, NULL, 10) : 0;
  if (!len) return SAY("a port is missing after ':'");
  if (port < 1 || port > 65535) return SAY("the port '%.*s' is not a number from 1 to 65535", (int)len, text);
  url->port = (uint16_t)port;
  return true;
}

static bool read_query(gw_ice_url *url, const char *query, char *why) {
  if (!url->relays) return SAY("stun takes no '%.60s'", query);
  if (strncmp(query, "?transport=", 11) != 0)
    return SAY("only ?transport=udp or tcp may follow, not '%.60s'", query);
  const char *transport = query + 11;
  if (strcasecmp(transport, "udp") && strcasecmp(transport, "tcp"))
    return SAY("the transport '%.60s' is neither udp nor tcp", transport);
  url->tcp = strcasecmp(transport, "tcp") == 0;
  return true;
}

bool gw_ice_url_parse(gw_ice_url *url, const char *text, char why[GW_ICE_WHY_MAX]) {
  memset(url, 0, sizeof(*url));
  if (strlen(text) >= GW_ICE_URL_MAX) return SAY("longer than %d characters", GW_ICE_URL_MAX - 1);
  const char *at = read_scheme(url, text, why);
  if (!at) return false;
  size_t len = strcspn(at, "?");
  const char *query = at + len;
  if (memchr(at, '@', len)) return SAY("credentials do not belong into the address");
  if (memchr(at, '/', len) || memchr(at, '#', len)) return SAY("nothing may follow host and port but ?transport=");
  bool bracketed = at[0] == '[';
  const char *end = bracketed ? memchr(at, ']', len) : memchr(at, ':', len);
  if (bracketed && !end) return SAY("the ']' is missing");
  if (!bracketed && end && memchr(end + 1, ':', (size_t)(query - end - 1)))
    return SAY("an IPv6 address needs [brackets]");
  const char *host = bracketed ? at + 1 : at, *rest = end ? end + bracketed : query;
  if (!read_host(url, host, (size_t)((end ? end : query) - host), bracketed, why)) return false;
  if (rest < query && rest[0] != ':') return SAY("after ']' comes ':' and a port, or nothing");
  if (rest < query && !read_port(url, rest + 1, (size_t)(query - rest - 1), why)) return false;
  return !*query || read_query(url, query, why);
}

bool gw_ice_url_same(const gw_ice_url *a, const gw_ice_url *b) {
  return a->relays == b->relays && a->secured == b->secured && a->tcp == b->tcp && a->port == b->port &&
         strcmp(a->host, b->host) == 0;
}
