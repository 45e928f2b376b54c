/* base/frame.c - frames of RFC 4571 out of a stream. */
#include "wr/frame.h"

#include <string.h>

#include "base/io.h"

void wr_frames_init(wr_frames *frames) {
  frames->len = 0;
  frames->lent = false;
}

static void keep(wr_frames *frames, wr_span *input, size_t want) {
  size_t n = want - frames->len;
  if (n > input->len) n = input->len;
  if (n) memcpy(frames->kept + frames->len, input->data, n);
  frames->len += n;
  input->data += n;
  input->len -= n;
}

/* The rest of the frame whose beginning is kept. */
static wr_frame_got complete(wr_frames *frames, wr_span *input, wr_span *datagram) {
  keep(frames, input, frames->len < WR_FRAME_HEAD ? WR_FRAME_HEAD : frames->len);
  if (frames->len < WR_FRAME_HEAD) return WR_FRAME_NONE;
  size_t len = wr_get_u16(frames->kept);
  if (len > WR_FRAME_MAX) return WR_FRAME_TOO_LARGE;
  keep(frames, input, WR_FRAME_HEAD + len);
  if (frames->len < WR_FRAME_HEAD + len) return WR_FRAME_NONE;
  *datagram = (wr_span){frames->kept + WR_FRAME_HEAD, len};
  frames->lent = true;
  return WR_FRAME_DATAGRAM;
}

static wr_frame_got next(wr_frames *frames, wr_span *input, wr_span *datagram) {
  if (frames->lent) wr_frames_init(frames);
  if (frames->len || input->len < WR_FRAME_HEAD) return complete(frames, input, datagram);
  size_t len = wr_get_u16(input->data);
  if (len > WR_FRAME_MAX || input->len < WR_FRAME_HEAD + len) return complete(frames, input, datagram);
  *datagram = (wr_span){input->data + WR_FRAME_HEAD, len};
  input->data += WR_FRAME_HEAD + len;
  input->len -= WR_FRAME_HEAD + len;
  return WR_FRAME_DATAGRAM;
}

wr_frame_got wr_frames_next(wr_frames *frames, wr_span *input, wr_span *datagram) {
  *datagram = (wr_span){NULL, 0};
  wr_frame_got got;
  do {
    got = next(frames, input, datagram);
  } while (got == WR_FRAME_DATAGRAM && !datagram->len);
  return got;
}

void wr_frame_head(uint8_t head[WR_FRAME_HEAD], size_t len) {
  WR_ASSERT(len <= WR_FRAME_MAX);
  wr_put_u16(head, (uint16_t)len);
}
