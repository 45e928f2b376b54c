/* gateway/origin.h - from where a request comes: the name it was sent to, the page that made it, the address behind
 * a proxy. Pure; survives any bytes. */
#ifndef GATEWAY_ORIGIN_H
#define GATEWAY_ORIGIN_H

#include "wr/types.h"

/* Whether a request with this Host may have been meant for us. A page from elsewhere can make its own name lead
 * here (DNS rebinding), but not the name of this machine, nor an address. |names|: separated by commas, "*" for
 * any; "" leaves only loopback's names on a |loopback| listener, and any name elsewhere. An empty |host| is no
 * browser's. */
bool gw_host_is_ours(const char *host, bool loopback, const char *names);

/* Whether |origin| is one of |list|, origins separated by commas. */
bool gw_origin_is_listed(const char *origin, const char *list);
/* The list is one of origins: scheme, host, perhaps a port; no path. */
bool gw_origins_are_good(const char *list);

/* Addresses and networks ("10.0.0.0/8, ::1"), separated by commas. */
bool gw_nets_are_good(const char *list);
bool gw_nets_have(const char *list, const wr_addr *addr);

/* |addr| is who connected. Where that is a trusted proxy, who it speaks for: |forwarded| is an X-Forwarded-For or a
 * Forwarded (RFC 7239), of which the last address that is no trusted proxy counts; what stands before it anybody
 * could have written. Unreadable: |addr| stays. */
void gw_forwarded_from(wr_addr *addr, const char *forwarded, const char *trusted);

#endif
