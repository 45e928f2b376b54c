/* gateway/pcapng.h - packets as a capture file that Wireshark and tshark read (pcapng, draft-ietf-opsawg-pcapng).
 *
 * What a wr_tap shows has no headers below: it is put into IPv4 with made-up addresses, 192.0.2.1 the caller and
 * 192.0.2.2 the gateway, RTP in UDP port 5004, RTCP in 5005, SCTP right in IP. So a file tells nobody's address.
 * Writes into memory only. */
#ifndef GATEWAY_PCAPNG_H
#define GATEWAY_PCAPNG_H

#include "wr/conn.h"

#define GW_PCAPNG_BLOCK_MAX 2304  /* of the largest block */
#define GW_PCAPNG_PACKET_MAX 2048 /* a longer packet is cut there, and the file says how long it was */
#define GW_PCAPNG_COMMENT_MAX 256

/* Each writes one piece of a file to |out| of GW_PCAPNG_BLOCK_MAX bytes and returns its length. Times: microseconds
 * since 1970. */
size_t gw_pcapng_begin(uint8_t *out, const char *comment); /* cut at GW_PCAPNG_COMMENT_MAX */
size_t gw_pcapng_packet(uint8_t *out, wr_tap_kind kind, bool from_gateway, wr_bytes packet, int64_t unix_us);
/* |n_refused|: packets there was no room for. */
size_t gw_pcapng_end(uint8_t *out, uint64_t n_packets, uint64_t n_refused, int64_t begun_us, int64_t ended_us);

#endif
