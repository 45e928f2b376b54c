/* gateway/video.h - what is kept of a caller's camera: its latest key frame, which can be decoded alone.
 *
 * Nothing is kept of a camera that is off: as its page says, or once nothing came for GW_VIDEO_SILENT_US (the page
 * has gone, or sends no picture while its way out is narrow). Memory is one frame of at most GW_VIDEO_FRAME_MAX,
 * taken when it comes and overwritten before it is given back. */
#ifndef GATEWAY_VIDEO_H
#define GATEWAY_VIDEO_H

#include "wr/conn.h"

#define GW_VIDEO_FRAME_MAX (256u * 1024) /* bytes; a larger frame is dropped */
#define GW_VIDEO_SILENT_US WR_S(5)       /* without a frame: what is kept shows the past */
#define GW_VIDEO_ASK_US WR_S(2)          /* between requests for a key frame: each is many times an ordinary one */
#define GW_WEBP_HEAD 20

typedef struct gw_video {
  uint8_t *frame; /* NULL: none */
  size_t len;
  wr_video_codec codec;
  bool off;                            /* as the page said */
  wr_time taken_at, seen_at, asked_at; /* of the frame kept, of any frame, of the last request; 0: never */
} gw_video;

/* A whole frame came. */
void gw_video_take(gw_video *video, const wr_video *frame, wr_time now);
/* The page's word; while it is off nothing is kept. */
void gw_video_switch(gw_video *video, bool on);
void gw_video_forget(gw_video *video); /* the frame; zeroed */
wr_time gw_video_deadline(const gw_video *video);
void gw_video_tick(gw_video *video, wr_time now);
/* Whether a key frame may be asked for now; true counts as asked. */
bool gw_video_may_ask(gw_video *video, wr_time now);
/* The frame as a WebP file (RFC 9649 2.5: its lossy form is a key frame of VP8 in a box): bytes it has, 0: there is
 * none, or of another codec. gw_video_write_webp writes as many. */
size_t gw_video_webp_bytes(const gw_video *video);
void gw_video_write_webp(const gw_video *video, uint8_t *out);

#endif
