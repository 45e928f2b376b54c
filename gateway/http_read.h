/* gateway/http_read.h - bodies of signalling requests, read into what a worker understands. Survives any bytes. */
#ifndef GATEWAY_HTTP_READ_H
#define GATEWAY_HTTP_READ_H

#include "gateway/protocol.h"

/* All return a malloc'ed request, or NULL with |*why|: static text. */

/* POST /api/offer and /offer: JSON. |id| is filled if the request resumes a session. */
gw_request *gw_read_offer(wr_bytes body, uint8_t id[16], const char **why);
/* The first message of a caller's WebSocket: {"type":"hello"} with the options of an offer. */
gw_request *gw_read_hello(wr_bytes message, uint8_t id[16], const char **why);
/* Whether a page of |origin| (header Origin) was served by |host| (header Host). */
bool gw_origin_is_host(const char *origin, const char *host);
/* application/sdp and application/trickle-ice-sdpfrag: as it is, if it is text. */
gw_request *gw_read_text(wr_bytes body, const char **why);
/* {"candidates":[RTCIceCandidateInit...],"end"?:true}: lines "candidate:...". */
gw_request *gw_read_candidates(wr_bytes body, bool *last, const char **why);

#endif
