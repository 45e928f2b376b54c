/* turn/stream.c - a stream is STUN messages and ChannelData, each with its length in front; ChannelData is padded
 * to four bytes. */
#include "turn/turn.h"

void wr_turn_stream_init(wr_turn_stream *stream) { stream->len = stream->frame = 0; }

/* Bytes of the frame that begins with these four, with padding; 0: there is no such frame. */
static size_t frame_bytes(const uint8_t head[4]) {
  size_t len = wr_get_u16(head + 2);
  if (head[0] < 0x40) return len % 4 ? 0 : 20 + len;
  return head[0] < 0x50 ? 4 + ((len + 3) & ~(size_t)3) : 0;
}

size_t wr_turn_stream_push(wr_turn_stream *stream, wr_bytes bytes, wr_bytes *frame) {
  size_t taken = 0;
  *frame = wr_bytes_of(NULL, 0);
  if (stream->frame) wr_turn_stream_init(stream); /* the last one was complete */
  while (taken < bytes.len) {
    size_t want = stream->len < 4 ? 4 : frame_bytes(stream->bytes), more = want - stream->len;
    if (more > bytes.len - taken) more = bytes.len - taken;
    memcpy(stream->bytes + stream->len, bytes.data + taken, more);
    stream->len += more;
    taken += more;
    if (stream->len < 4) break;
    want = frame_bytes(stream->bytes);
    if (!want || want > WR_TURN_FRAME_MAX) {
      wr_turn_stream_init(stream); /* nothing of it is used, should somebody go on all the same */
      return SIZE_MAX;
    }
    if (stream->len < want) continue;
    stream->frame = want;
    *frame = wr_bytes_of(stream->bytes, want);
    break;
  }
  return taken;
}
