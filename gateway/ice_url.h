/* gateway/ice_url.h - one address of a STUN or TURN server: "turn:host:port?transport=tcp" (RFC 7064, RFC 7065). */
#ifndef GATEWAY_ICE_URL_H
#define GATEWAY_ICE_URL_H

#include <stdbool.h>
#include <stdint.h>

#define GW_ICE_URL_MAX 288
#define GW_ICE_HOST_MAX 254
#define GW_ICE_WHY_MAX 160

typedef struct gw_ice_url {
  bool relays;  /* turn, turns */
  bool secured; /* stuns, turns: TLS over TCP, DTLS over UDP */
  bool tcp;     /* between us and the server; what it relays is UDP in any case */
  bool literal; /* |host| is an IP address */
  uint16_t port;
  char host[GW_ICE_HOST_MAX]; /* lower case, IPv6 without brackets */
} gw_ice_url;

/* false: |why| is the one thing that is wrong, for a person, without the URL itself. */
bool gw_ice_url_parse(gw_ice_url *url, const char *text, char why[GW_ICE_WHY_MAX]);
/* Whether both lead to the same place by the same way. */
bool gw_ice_url_same(const gw_ice_url *a, const gw_ice_url *b);

#endif
