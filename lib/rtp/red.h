/* rtp/red.h - redundant audio: a packet carries copies of earlier frames before its own (RFC 2198).
 *
 * A copy is told by how far its timestamp lies before the packet's. The last block is the packet's own frame, the
 * primary. Copies need not be those of the frames right before: where losses come in bursts, one of the frame
 * before and one of two frames earlier survive more than two neighbours, at the same cost. */
#ifndef WR_RTP_RED_H
#define WR_RTP_RED_H

#include "wr/types.h"

#define WR_RED_BLOCKS_MAX 5      /* read: four copies and the primary; a packet with more is refused */
#define WR_RED_OFFSET_MAX 0x3fff /* 14 bits of timestamp: 341 ms at 48 kHz */
#define WR_RED_BLOCK_MAX 0x3ff   /* 10 bits of length */
#define WR_RED_KEPT 3            /* a sender's earlier frames */
#define WR_RED_KEPT_BYTES 240    /* a longer frame is not copied: 96 kbit/s at 20 ms */
#define WR_RED_OVERHEAD_BYTES 4  /* for each copy; 1 for the primary */

typedef struct wr_red_block {
  uint8_t payload_type;
  uint16_t offset; /* in timestamp units before the packet's; 0: the primary */
  wr_bytes data;   /* borrowed */
} wr_red_block;

typedef struct wr_red {
  unsigned n;
  wr_red_block block[WR_RED_BLOCKS_MAX]; /* as they stand in the packet: copies, then the primary */
} wr_red;

/* WR_ERR_SYNTAX: lengths that do not add up. WR_ERR_LIMIT: more than WR_RED_BLOCKS_MAX blocks. */
WR_NODISCARD wr_err wr_red_read(wr_red *red, wr_bytes payload);

/* What a sender remembers of its last frames. */
typedef struct wr_red_frame {
  uint32_t timestamp;
  uint16_t len; /* 0: not kept */
  uint8_t bytes[WR_RED_KEPT_BYTES];
} wr_red_frame;
typedef struct wr_red_history {
  wr_red_frame frame[WR_RED_KEPT]; /* a ring */
  uint8_t next;
} wr_red_history;

/* Zero is a history without frames. It holds speech in the clear: wr_wipe it. */
void wr_red_remember(wr_red_history *history, wr_bytes frame, uint32_t timestamp);
/* The frames before one of |timestamp| that |copies| asks for (bit i: the one i + 1 frames earlier), then |frame|
 * itself, as a payload of |payload_type| blocks. Copies that are not kept, are too far back or do not fit are left
 * out; returns 0 if none is left (the frame is then sent as it is) or |cap| is too small. */
size_t wr_red_write(const wr_red_history *history, uint8_t copies, uint8_t payload_type, wr_bytes frame,
                    uint32_t timestamp, uint8_t *out, size_t cap);
/* Samples at 48 kHz of the Opus packet |opus| (RFC 6716 3.1, 3.2); 0: it is none. */
uint32_t wr_opus_samples(wr_bytes opus);

#endif
