/* xiaozhi/frame.h - the binary WebSocket messages of the XiaoZhi protocol: one Opus packet each, in one of three
 * framings.
 *
 *   version 1   the bare Opus packet
 *   version 2   u16 version = 2, u16 type, u32 reserved, u32 timestamp in ms, u32 payload size, payload
 *   version 3   u8 type, u8 reserved, u16 payload size, payload
 *
 * All big-endian. Type 0 is Opus, 1 is JSON text. Both ends use the version the hello announced, but servers and
 * bridges exist that announce 2 and write other first bytes, or none at all; hence the receive rule below. */
#ifndef XIAOZHI_FRAME_H
#define XIAOZHI_FRAME_H

#include "wr/types.h"

#define XZ_FRAME_HEADER_MAX 16
#define XZ_OPUS_MAX 1275 /* the largest Opus packet with one frame (RFC 6716 3.2.1) */

typedef enum xz_frame_type { XZ_FRAME_OPUS = 0, XZ_FRAME_JSON = 1 } xz_frame_type;

typedef struct xz_frame {
  xz_frame_type type;
  uint8_t framing;       /* 1, 2 or 3: how it was framed, not what was announced */
  uint32_t timestamp_ms; /* version 2 only, else 0 */
  wr_bytes payload;      /* borrowed from the message */
} xz_frame;

/* Takes a binary message apart. |version| is what the peer announced. A header is believed only if it is the
 * announced one and its size field fits the message exactly; everything else is a bare Opus packet, since a TOC
 * byte can look like a header. false: nothing is in it. */
bool xz_frame_read(xz_frame *frame, unsigned version, wr_bytes message);

/* Bytes put before the payload; 0 for version 1 and for versions that do not exist. */
size_t xz_frame_header_size(unsigned version);

/* Writes header and payload; returns the bytes written, 0 if they do not fit |cap| or the size field. */
size_t xz_frame_write(uint8_t *out, size_t cap, unsigned version, uint32_t timestamp_ms, wr_bytes opus);

/* 60 ms of digital silence, one Opus packet. */
wr_bytes xz_opus_silence(void);

/* Milliseconds of sound in an Opus packet, by its TOC byte and frame count (RFC 6716 3.1, 3.2); rounded down, so
 * a packet of one 2.5 ms frame has 2. 0: not an Opus packet. */
unsigned xz_opus_ms(wr_bytes opus);

#endif
