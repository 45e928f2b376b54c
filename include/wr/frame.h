/* wr/frame.h - datagrams on a stream: each with its length in two bytes before it (RFC 4571), as ICE-TCP carries
 * them (RFC 6544 10.1).
 *
 * A value; one for each connection and direction in. What is whole in the bytes that came is handed out where it
 * stands; only the beginning of a frame that is not is kept. */
#ifndef WR_FRAME_H
#define WR_FRAME_H

#include "wr/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WR_FRAME_HEAD 2
#define WR_FRAME_MAX 1500 /* bytes of a datagram; a peer that announces more is no WebRTC peer */

typedef enum wr_frame_got {
  WR_FRAME_NONE,      /* all was taken; more has to come */
  WR_FRAME_DATAGRAM,  /* one is there */
  WR_FRAME_TOO_LARGE, /* over WR_FRAME_MAX: close the connection, there is no way back into the stream */
} wr_frame_got;

typedef struct wr_frames {
  size_t len; /* bytes kept */
  bool lent;  /* they were handed out by the last call */
  uint8_t kept[WR_FRAME_HEAD + WR_FRAME_MAX];
} wr_frames;

void wr_frames_init(wr_frames *frames);
/* Takes from the front of |input| up to the end of one frame. |*datagram| is lent in place, from |input| or from
 * |frames|, until the next call. Empty frames are skipped. Call until it is not DATAGRAM. */
wr_frame_got wr_frames_next(wr_frames *frames, wr_span *input, wr_span *datagram);
/* What stands before a datagram of |len| bytes, at most WR_FRAME_MAX. */
void wr_frame_head(uint8_t head[WR_FRAME_HEAD], size_t len);

#ifdef __cplusplus
}
#endif
#endif
