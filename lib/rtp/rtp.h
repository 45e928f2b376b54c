/* rtp/rtp.h - RTP packets: header, header extensions, payload (RFC 3550 5.1, RFC 8285). */
#ifndef WR_RTP_RTP_H
#define WR_RTP_RTP_H

#include "wr/types.h"

#define WR_RTP_HEADER_MAX 64 /* what wr_rtp_write_header needs at most */

typedef struct wr_rtp_packet {
  bool marker;
  uint8_t payload_type, n_csrc, padding_bytes;
  uint16_t seq, extension_profile; /* 0: no extension */
  uint32_t timestamp, ssrc;
  uint32_t csrc[15];
  wr_bytes extension; /* the block after its 4-byte header; borrowed from the packet */
  wr_bytes payload;   /* without padding; borrowed */
} wr_rtp_packet;

/* WR_ERR_SYNTAX: not RTP version 2, or lengths that do not add up. */
WR_NODISCARD wr_err wr_rtp_read(wr_rtp_packet *packet, wr_bytes datagram);
/* The extension element |id| in one- or two-byte form; empty data (data == NULL) if absent. */
wr_bytes wr_rtp_extension(const wr_rtp_packet *packet, uint8_t id);

/* What we put in front of a payload. Elements with id 0 are left out; ids over 14 use the two-byte form. */
typedef struct wr_rtp_outgoing {
  bool marker;
  uint8_t payload_type;
  uint16_t seq;
  uint32_t timestamp, ssrc;
  uint8_t mid_id;
  const char *mid;
  uint8_t level_id;
  uint8_t level_dbov; /* 0 loudest .. 127 silence (RFC 6464) */
  bool voice;
  uint8_t twcc_id;
  uint16_t twcc_seq;
} wr_rtp_outgoing;
/* Returns the header's length; 0: |cap| is too small (WR_RTP_HEADER_MAX always suffices for mids up to 16 bytes).
 */
size_t wr_rtp_write_header(const wr_rtp_outgoing *header, uint8_t *out, size_t cap);

/* Audio level of RFC 6464: true if present. */
bool wr_rtp_audio_level(const wr_rtp_packet *packet, uint8_t id, uint8_t *level_dbov, bool *voice);

#endif
