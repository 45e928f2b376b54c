/* assistant/endpoint.h - where a plugged-in stage's server is: a URL, taken apart. Pure. */
#ifndef ASSISTANT_ENDPOINT_H
#define ASSISTANT_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct as_endpoint {
  bool tls;
  uint16_t port;
  char host[128];      /* name or address; IPv6 without brackets */
  char authority[160]; /* for the Host header: as RFC 9110 7.2 wants it */
  char path[300];      /* from "/" on */
} as_endpoint;

/* |url|: "http(s)://HOST[:PORT][/PATH]". What it ends with decides: at |route| ("/chat/completions") it is
 * complete; a path is the base that the route follows, as in "http://host/openai/v1"; without one the base is
 * "/v1". false: |error| says why. */
bool as_endpoint_read(as_endpoint *endpoint, const char *url, const char *route, char *error, size_t cap);
/* Is the host an address already, so that nobody has to be asked for it? */
bool as_endpoint_is_address(const as_endpoint *endpoint);

#endif
