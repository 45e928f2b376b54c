/* gateway/http_accept.h - what a request says it takes, and what it has already. Survives any bytes. */
#ifndef GATEWAY_HTTP_ACCEPT_H
#define GATEWAY_HTTP_ACCEPT_H

#include "web/assets.h"

/* The coding for a client that sent |accept| as `Accept-Encoding` (RFC 9110 section 12.5.3; "": it sent none), of
 * those with their bit (1 << coding) in |offered|. The highest quality wins, of equal ones brotli, then gzip; a
 * quality that is no number counts as 0. WEB_PLAIN if the client takes nothing else, or nothing at all. */
web_coding gw_accept_coding(const char *accept, unsigned offered);

/* Whether |list|, an `If-None-Match`, has |etag|, which is quoted. A proxy may have made the client's one weak. */
bool gw_accept_etag(const char *list, const char *etag);

/* The piece of |len| bytes that |range|, a `Range`, asks for (RFC 9110 section 14.2): |*first| to |*last|. false:
 * all of them, for it asks for none, for several, or for what is not there. */
bool gw_accept_range(const char *range, size_t len, size_t *first, size_t *last);

#endif
