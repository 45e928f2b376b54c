/* assistant/endpoint.c - http and https only; no user names, no queries. */
#include "assistant/endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool complain(char *error, size_t cap, const char *url, const char *why) {
  snprintf(error, cap, "'%.100s' %s", url, why);
  return false;
}

static bool only(const char *text, size_t len, const char *allowed) {
  for (size_t i = 0; i < len; i++) {
    bool letter = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
                  (text[i] >= '0' && text[i] <= '9');
    if (!letter && !strchr(allowed, text[i])) return false;
  }
  return true;
}

/* Host and port out of |text|, which ends at |len|. */
static bool read_authority(as_endpoint *e, const char *text, size_t len) {
  bool v6 = len && *text == '[';
  const char *close = v6 ? memchr(text, ']', len) : NULL;
  if (v6 && !close) return false;
  const char *host = v6 ? text + 1 : text, *after = close ? close + 1 : text + len;
  size_t n_host = close ? (size_t)(close - host) : len;
  if (!v6) {
    const char *colon = memchr(text, ':', len);
    if (colon) n_host = (size_t)(colon - text), after = colon;
  }
  size_t n_port = (size_t)(text + len - after);
  if (!n_host || n_host >= sizeof e->host || !only(host, n_host, v6 ? ":." : ".-_")) return false;
  memcpy(e->host, host, n_host);
  e->host[n_host] = 0;
  if (n_port) {
    if (*after != ':' || n_port < 2 || n_port > 6 || strspn(after + 1, "0123456789") < n_port - 1) return false;
    unsigned long port = strtoul(after + 1, NULL, 10);
    if (!port || port > 65535) return false;
    e->port = (uint16_t)port;
  }
  bool usual = e->port == (e->tls ? 443 : 80);
  int n = snprintf(e->authority, sizeof e->authority, v6 ? "[%s]" : "%s", e->host);
  if (!usual) snprintf(e->authority + n, sizeof e->authority - (size_t)n, ":%u", e->port);
  return true;
}

bool as_endpoint_read(as_endpoint *e, const char *url, const char *route, char *error, size_t cap) {
  *e = (as_endpoint){.tls = !strncmp(url, "https://", 8)};
  if (!e->tls && strncmp(url, "http://", 7))
    return complain(error, cap, url, "begins neither with http:// nor with https://");
  e->port = e->tls ? 443 : 80;
  const char *at = url + (e->tls ? 8 : 7);
  size_t len = strcspn(at, "/?#");
  if (!read_authority(e, at, len)) return complain(error, cap, url, "has no usable host and port");
  at += len;
  size_t n = strlen(at), n_route = strlen(route);
  if (!only(at, n, "/-._~%:@+=,"))
    return complain(error, cap, url, "has a path with characters that belong into none");
  while (n && at[n - 1] == '/') n--;
  bool whole = n >= n_route && !memcmp(at + n - n_route, route, n_route);
  if (n + n_route + 4 > sizeof e->path) return complain(error, cap, url, "is too long");
  snprintf(e->path, sizeof e->path, "%.*s%s%s", (int)n, at, n ? "" : "/v1", whole ? "" : route);
  return true;
}

bool as_endpoint_is_address(const as_endpoint *e) {
  struct in6_addr any;
  return inet_pton(AF_INET, e->host, &any) == 1 || inet_pton(AF_INET6, e->host, &any) == 1;
}
