/* gateway/pcapng.c - four kinds of blocks, in this machine's byte order as the format allows. */
#include "gateway/pcapng.h"

#include <string.h>

#define SECTION_HEADER 0x0a0d0d0au
#define INTERFACE_DESCRIPTION 1u
#define INTERFACE_STATISTICS 5u
#define ENHANCED_PACKET 6u
#define LINK_RAW 101 /* begins with the IP header */
#define IP_BYTES 20
#define UDP_BYTES 8
#define PROTOCOL_UDP 17
#define PROTOCOL_SCTP 132

/* A block being written; |at| counts its bytes. */
typedef struct block {
  uint8_t *out;
  size_t at;
} block;

static void put(block *b, const void *bytes, size_t len) {
  WR_ASSERT(b->at + len <= GW_PCAPNG_BLOCK_MAX);
  memcpy(b->out + b->at, bytes, len);
  b->at += len;
}

static void put_u16(block *b, uint16_t v) { put(b, &v, sizeof v); }
static void put_u32(block *b, uint32_t v) { put(b, &v, sizeof v); }

static void pad(block *b) {
  static const uint8_t zeros[3];
  put(b, zeros, (4 - b->at % 4) % 4);
}

static block begin(uint8_t *out, uint32_t type) {
  block b = {out, 0};
  put_u32(&b, type);
  put_u32(&b, 0); /* the length, when it is known */
  return b;
}

static size_t end(block *b) {
  uint32_t len = (uint32_t)b->at + 4;
  put_u32(b, len);
  memcpy(b->out + 4, &len, sizeof len);
  return b->at;
}

static void put_option(block *b, uint16_t code, const void *value, size_t len) {
  put_u16(b, code);
  put_u16(b, (uint16_t)len);
  put(b, value, len);
  pad(b);
}

static void put_time_option(block *b, uint16_t code, int64_t unix_us) {
  uint32_t parts[2] = {(uint32_t)((uint64_t)unix_us >> 32), (uint32_t)unix_us};
  put_option(b, code, parts, sizeof parts);
}

static void end_options(block *b) { put_u32(b, 0); }

size_t gw_pcapng_begin(uint8_t *out, const char *comment) {
  static const char program[] = "xiaozhi-rtc";
  static const uint8_t microseconds = 6;
  size_t len = strlen(comment);
  block section = begin(out, SECTION_HEADER);
  put_u32(&section, 0x1a2b3c4d);
  put_u16(&section, 1);
  put_u16(&section, 0);
  put_u32(&section, UINT32_MAX); /* of unknown length */
  put_u32(&section, UINT32_MAX);
  put_option(&section, 1, comment, len < GW_PCAPNG_COMMENT_MAX ? len : GW_PCAPNG_COMMENT_MAX);
  put_option(&section, 4, program, sizeof program - 1);
  end_options(&section);
  size_t n = end(&section);
  block link = begin(out + n, INTERFACE_DESCRIPTION);
  put_u16(&link, LINK_RAW);
  put_u16(&link, 0);
  put_u32(&link, 0); /* no limit of length */
  put_option(&link, 9, &microseconds, 1);
  end_options(&link);
  return n + end(&link);
}

static void put_be16(uint8_t *at, size_t v) {
  at[0] = (uint8_t)(v >> 8);
  at[1] = (uint8_t)v;
}

/* The made-up headers; returns how long they are. |len|: of the whole packet, not of what is kept of it. */
static size_t write_headers(uint8_t *h, wr_tap_kind kind, bool from_gateway, size_t len) {
  size_t n = IP_BYTES + (kind == WR_TAP_SCTP ? 0 : UDP_BYTES);
  uint8_t from = from_gateway ? 2 : 1;
  const uint8_t ip[IP_BYTES] = {0x45,        [6] = 0x40, /* not to be fragmented */
                                [8] = 64,    [9] = kind == WR_TAP_SCTP ? PROTOCOL_SCTP : PROTOCOL_UDP,
                                [12] = 192,  [14] = 2,
                                [15] = from, [16] = 192,
                                [18] = 2,    [19] = (uint8_t)(3 - from)};
  memcpy(h, ip, IP_BYTES);
  put_be16(h + 2, n + len);
  uint32_t sum = 0;
  for (size_t i = 0; i < IP_BYTES; i += 2) sum += (uint32_t)h[i] << 8 | h[i + 1];
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  put_be16(h + 10, ~sum & 0xffff);
  if (kind == WR_TAP_SCTP) return n;
  size_t port = kind == WR_TAP_RTP ? 5004 : 5005;
  put_be16(h + IP_BYTES, port);
  put_be16(h + IP_BYTES + 2, port);
  put_be16(h + IP_BYTES + 4, UDP_BYTES + len);
  put_be16(h + IP_BYTES + 6, 0); /* no checksum */
  return n;
}

size_t gw_pcapng_packet(uint8_t *out, wr_tap_kind kind, bool from_gateway, wr_bytes packet, int64_t unix_us) {
  uint8_t headers[IP_BYTES + UDP_BYTES];
  size_t n = write_headers(headers, kind, from_gateway, packet.len);
  size_t kept = packet.len < GW_PCAPNG_PACKET_MAX ? packet.len : GW_PCAPNG_PACKET_MAX;
  uint32_t flags = from_gateway ? 2 : 1; /* outbound, inbound */
  block b = begin(out, ENHANCED_PACKET);
  put_u32(&b, 0); /* the interface */
  put_u32(&b, (uint32_t)((uint64_t)unix_us >> 32));
  put_u32(&b, (uint32_t)unix_us);
  put_u32(&b, (uint32_t)(n + kept));
  put_u32(&b, (uint32_t)(n + packet.len));
  put(&b, headers, n);
  if (kept) put(&b, packet.data, kept);
  pad(&b);
  put_option(&b, 2, &flags, sizeof flags);
  end_options(&b);
  return end(&b);
}

size_t gw_pcapng_end(uint8_t *out, uint64_t n_packets, uint64_t n_refused, int64_t begun_us, int64_t ended_us) {
  uint64_t n_seen = n_packets + n_refused;
  block b = begin(out, INTERFACE_STATISTICS);
  put_u32(&b, 0);
  put_u32(&b, (uint32_t)((uint64_t)ended_us >> 32));
  put_u32(&b, (uint32_t)ended_us);
  put_time_option(&b, 2, begun_us);
  put_time_option(&b, 3, ended_us);
  put_option(&b, 4, &n_seen, sizeof n_seen);
  put_option(&b, 5, &n_refused, sizeof n_refused);
  end_options(&b);
  return end(&b);
}
