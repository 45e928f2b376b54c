/* rtp/red.c - see rtp/red.h. */
#include "rtp/red.h"

#include <string.h>

#include "base/io.h"

enum { FOLLOWS = 0x80 }; /* RFC 2198 3, F: another block header follows */

wr_err wr_red_read(wr_red *red, wr_bytes payload) {
  wr_reader r = wr_reader_of(payload);
  uint16_t len[WR_RED_BLOCKS_MAX] = {0};
  *red = (wr_red){0};
  for (bool more = true; more;) {
    if (red->n == WR_RED_BLOCKS_MAX) return WR_ERR_LIMIT;
    wr_red_block *block = &red->block[red->n];
    uint8_t first = wr_read_u8(&r);
    block->payload_type = first & 0x7f;
    more = first & FOLLOWS;
    if (more) {
      uint32_t rest = wr_read_u24(&r);
      block->offset = (uint16_t)(rest >> 10);
      len[red->n] = rest & WR_RED_BLOCK_MAX;
    }
    if (!wr_reader_ok(&r)) return WR_ERR_SYNTAX;
    red->n++;
  }
  for (unsigned i = 0; i + 1 < red->n; i++) red->block[i].data = wr_read_bytes(&r, len[i]);
  red->block[red->n - 1].data = wr_read_bytes(&r, wr_reader_left(&r));
  return wr_reader_done(&r) ? WR_OK : WR_ERR_SYNTAX;
}

/* ---- out ---- */

void wr_red_remember(wr_red_history *history, wr_bytes frame, uint32_t timestamp) {
  wr_red_frame *kept = &history->frame[history->next];
  history->next = (uint8_t)((history->next + 1) % WR_RED_KEPT);
  kept->timestamp = timestamp;
  kept->len = frame.len <= WR_RED_KEPT_BYTES ? (uint16_t)frame.len : 0;
  if (kept->len) memcpy(kept->bytes, frame.data, kept->len);
}

/* The frame |i| + 1 frames before the one to come. */
static const wr_red_frame *earlier(const wr_red_history *history, unsigned i) {
  return &history->frame[(history->next + (unsigned)WR_RED_KEPT - 1 - i) % WR_RED_KEPT];
}

static bool can_copy(const wr_red_frame *kept, uint32_t timestamp) {
  uint32_t offset = timestamp - kept->timestamp;
  return kept->len && offset && offset <= WR_RED_OFFSET_MAX;
}

size_t wr_red_write(const wr_red_history *history, uint8_t copies, uint8_t payload_type, wr_bytes frame,
                    uint32_t timestamp, uint8_t *out, size_t cap) {
  const wr_red_frame *chosen[WR_RED_KEPT];
  unsigned n = 0;
  size_t needed = 1 + frame.len;
  if (needed > cap) return 0;
  for (unsigned i = 0; i < WR_RED_KEPT; i++) { /* the newest first: it is worth most */
    const wr_red_frame *kept = earlier(history, i);
    size_t more = (size_t)WR_RED_OVERHEAD_BYTES + kept->len;
    if (!(copies >> i & 1) || !can_copy(kept, timestamp) || more > cap - needed) continue;
    needed += more;
    chosen[n++] = kept;
  }
  if (n == 0) return 0;
  wr_writer w = wr_writer_of(out, cap);
  for (unsigned i = n; i-- > 0;) { /* the oldest first, as everybody writes them */
    wr_write_u8(&w, FOLLOWS | payload_type);
    wr_write_u24(&w, (timestamp - chosen[i]->timestamp) << 10 | chosen[i]->len);
  }
  wr_write_u8(&w, payload_type);
  for (unsigned i = n; i-- > 0;) wr_write_bytes(&w, wr_bytes_of(chosen[i]->bytes, chosen[i]->len));
  wr_write_bytes(&w, frame);
  return wr_writer_len(&w);
}

/* ---- Opus ---- */

uint32_t wr_opus_samples(wr_bytes opus) {
  static const uint16_t silk[4] = {480, 960, 1920, 2880};
  if (!opus.len) return 0;
  uint8_t toc = opus.data[0];
  unsigned config = toc >> 3;
  uint32_t frame = config < 12 ? silk[config & 3] : config < 16 ? (480u << (config & 1)) : (120u << (config & 3));
  unsigned n = 1;
  if ((toc & 3) == 3)
    n = opus.len > 1 ? opus.data[1] & 0x3f : 0;
  else if (toc & 3)
    n = 2;
  return n * frame <= 5760 ? n * frame : 0; /* at most 120 ms */
}
