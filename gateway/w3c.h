/* gateway/w3c.h - a connection's statistics as JSON, in the names, units and grouping of W3C webrtc-stats: the
 * browser's getStats() and ours can be held side by side, member by member. */
#ifndef GATEWAY_W3C_H
#define GATEWAY_W3C_H

#include "gateway/metrics.h"
#include "wr/stats.h"

/* {"transport":{..},"inbound-rtp":{"ssrc":..},..}: one member per dictionary that is there. Times are in seconds,
 * as in that document; no addresses. */
void gw_w3c_write(gw_text *out, const wr_stats *stats);

#endif
