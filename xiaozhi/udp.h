/* xiaozhi/udp.h - speech over UDP, as XiaoZhi devices exchange it where their messages go over MQTT: one Opus
 * packet a datagram, encrypted with AES-128-CTR under the key of the server's hello.
 *
 *   u8 type = 1, u8 flags, u16 payload size, u32 connection, u32 timestamp in ms, u32 sequence, payload
 *
 * All big-endian. These 16 bytes are the counter block the payload is encrypted from; the hello's nonce is their
 * template. Each direction counts from 1 anew with every hello.
 *
 * Nothing is authenticated: whoever can send from the server's address and knows the connection's number can put a
 * packet in. The rules below keep such a datagram from doing more than be one bad packet.
 *
 * Without I/O; nothing is allocated but the keyed cipher, once a hello. */
#ifndef XIAOZHI_UDP_H
#define XIAOZHI_UDP_H

#include "wr/crypto.h"

#define XZ_UDP_HEADER 16
#define XZ_UDP_OPUS_MAX 1408 /* bytes of the largest packet taken or sent: no server sends fragments */
#define XZ_UDP_MAX (XZ_UDP_HEADER + XZ_UDP_OPUS_MAX)
#define XZ_UDP_JUMP_MAX 50 /* packets, 3 s: a larger gap is believed when the next number follows it */

/* Why a datagram was dropped. */
typedef enum xz_udp_drop {
  XZ_UDP_MALFORMED, /* header, size */
  XZ_UDP_FOREIGN,   /* another connection's, or no key yet */
  XZ_UDP_OLD,       /* repeated, or overtaken by a later one */
  XZ_UDP_JUMP,      /* far ahead of the last, and alone with it */
  XZ_UDP_NOT_OPUS,  /* decrypts to nothing playable: forged, or under another key */
  XZ_UDP_N_DROPS,
} xz_udp_drop;

typedef struct xz_udp_stats {
  uint64_t taken, lost; /* lost: numbers that were passed over; one that comes late is OLD as well */
  uint64_t drop[XZ_UDP_N_DROPS];
} xz_udp_stats;

/* Zeroed: closed. Public so that it can be embedded; touch only through the functions. */
typedef struct xz_udp {
  const wr_crypto *crypto;
  wr_cipher *cipher; /* NULL: closed */
  uint8_t nonce[XZ_UDP_HEADER];
  uint32_t sent, received; /* the last numbers */
  uint32_t jumped_to;      /* of the last datagram dropped as JUMP; 0: none */
  xz_udp_stats stats;      /* since the memory was zeroed, over all keys */
  uint8_t opened[XZ_UDP_OPUS_MAX];
} xz_udp;

/* From now on under this key; both directions count anew. false: no memory, and it is closed. */
bool xz_udp_open(xz_udp *udp, const wr_crypto *crypto, const uint8_t key[16], const uint8_t nonce[XZ_UDP_HEADER]);
void xz_udp_close(xz_udp *udp); /* wipes the key; harmless when closed. The counters stay */
/* The datagram for |opus|; its length, or 0: closed, empty, too long, or beyond |cap|. Two packets of one key never
 * have the same timestamp if the caller counts the time: then no part of the keystream serves twice. */
size_t xz_udp_seal(xz_udp *udp, uint8_t *out, size_t cap, uint32_t timestamp_ms, wr_bytes opus);
/* What is in |datagram|, borrowed until the next call; empty: dropped and counted. */
wr_bytes xz_udp_unseal(xz_udp *udp, wr_bytes datagram, uint32_t *timestamp_ms);

#endif
