/* client/servers.c - see servers.h. */
#include "client/servers.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool look_up(const char *host, const char *port, uint8_t family, wr_addr *addr) {
  struct addrinfo hints = {.ai_family = family == 6 ? AF_INET6 : AF_INET, .ai_socktype = SOCK_DGRAM}, *found = NULL;
  if (getaddrinfo(host, port, &hints, &found)) return false;
  const struct sockaddr_in *four = (const void *)found->ai_addr;
  const struct sockaddr_in6 *six = (const void *)found->ai_addr;
  *addr = (wr_addr){.family = family, .port = ntohs(family == 6 ? six->sin6_port : four->sin_port)};
  if (family == 6)
    memcpy(addr->ip, &six->sin6_addr, 16);
  else
    memcpy(addr->ip, &four->sin_addr, 4);
  freeaddrinfo(found);
  return true;
}

bool servers_address(const char *url, uint8_t family, wr_addr *addr, bool *relays) {
  char host[256], port[8] = "3478";
  *relays = strncmp(url, "turn:", 5) == 0;
  if (!*relays && strncmp(url, "stun:", 5) != 0) return false;
  const char *at = url + 5, *query = strchr(at, '?');
  if (query && strcmp(query, "?transport=udp") != 0) return false;
  bool bracket = *at == '[';
  at += bracket;
  size_t len = strcspn(at, bracket ? "]" : ":?");
  if (!len || len >= sizeof host || (bracket && at[len] != ']')) return false;
  snprintf(host, sizeof host, "%.*s", (int)len, at);
  at += len + bracket;
  if (*at == ':') snprintf(port, sizeof port, "%.*s", (int)strcspn(at + 1, "?"), at + 1);
  return look_up(host, port, family, addr);
}

static size_t add(wr_gather_server *out, size_t n, const json_t *server, const wr_addr *base) {
  const json_t *urls = json_object_get(server, "urls"), *value;
  const char *username = json_string_value(json_object_get(server, "username"));
  const char *password = json_string_value(json_object_get(server, "credential"));
  size_t i, n_urls = json_is_array(urls) ? json_array_size(urls) : 1;
  for (i = 0; i < n_urls && n < WR_GATHER_SERVERS; i++) {
    wr_gather_server one = {.username = username, .password = password};
    value = json_is_array(urls) ? json_array_get(urls, i) : urls;
    if (!json_is_string(value) || !servers_address(json_string_value(value), base->family, &one.addr, &one.relay))
      continue;
    if (one.relay && (!username || !password)) continue;
    if (one.relay) one.base = *base;
    out[n++] = one;
  }
  return n;
}

wr_gather *servers_gather(const json_t *list, const wr_addr *base, const wr_crypto *crypto, wr_rng rng,
                          wr_time now) {
  wr_gather_server servers[WR_GATHER_SERVERS];
  size_t n = 0, i;
  for (i = 0; i < json_array_size(list); i++) n = add(servers, n, json_array_get(list, i), base);
  if (!n) return NULL;
  const wr_gather_settings settings = {
      .rng = rng, .crypto = crypto, .servers = servers, .n_servers = n, .keep_us = CLIENT_KEEP_US};
  void *mem = aligned_alloc(16, (wr_gather_size(&settings) + 15) / 16 * 16);
  wr_gather *gather = mem ? wr_gather_init(mem, &settings, now) : NULL;
  if (!gather) free(mem);
  return gather;
}
