/* video/unit.h - access units (frames) out of RTP payloads: VP8 (RFC 7741), VP9 (RFC 9628), H.264 (RFC 6184).
 *
 * One payload says what it is part of (wr_video_peek); those of one frame, in order, are put together in a buffer
 * of the caller's, as a decoder wants it: VP8 and VP9 the frame (VP9: all spatial layers behind each other), H.264
 * NAL units behind start codes (Annex B). Pictures are not decoded and not judged. */
#ifndef WR_VIDEO_UNIT_H
#define WR_VIDEO_UNIT_H

#include "wr/sdp.h"
#include "wr/types.h"

/* What a decoder needs to begin with a frame. H.264 tells the three apart, and all must be in it: WebRTC sends
 * parameter sets in band (RFC 7742 6.2). Of VP8 and VP9 the first packet of a key frame has all. */
enum { WR_VIDEO_SPS = 1, WR_VIDEO_PPS = 2, WR_VIDEO_IDR = 4, WR_VIDEO_KEY = 7 };

typedef struct wr_video_payload {
  bool begins;       /* the first of its frame. H.264 tells it only of frames that begin with SPS or AUD */
  uint8_t key_parts; /* WR_VIDEO_SPS and so on */
  wr_bytes data;     /* behind the descriptor; of H.264 the whole payload; borrowed */
} wr_video_payload;

/* WR_ERR_SYNTAX: not such a payload. WR_ERR_UNSUPPORTED: H.264 in a form of packetization-mode 2. */
WR_NODISCARD wr_err wr_video_peek(wr_video_codec codec, wr_bytes payload, wr_video_payload *out);

typedef struct wr_video_unit {
  wr_video_codec codec;
  uint8_t key_parts;
  bool damaged;    /* a hole, or payloads that make no sense: what is there cannot be relied on */
  bool too_big;    /* for |cap|; damaged, too */
  bool in_nal;     /* H.264: the last payload was a fragment and not the end of its NAL unit */
  bool begun;      /* a payload was added */
  uint8_t *bytes;  /* lent */
  size_t len, cap; /* bytes there, bytes there may be */
} wr_video_unit;

/* |out| is lent until the unit is not needed any more. */
void wr_video_begin(wr_video_unit *unit, wr_video_codec codec, uint8_t *out, size_t cap);
/* The next payload of the frame; empty ones (padding) are nothing. |after_hole|: packets before it are missing. */
void wr_video_add(wr_video_unit *unit, wr_bytes payload, bool after_hole);
/* After the packet with the marker. true: |bytes| hold the whole frame. */
bool wr_video_end(wr_video_unit *unit);
static inline bool wr_video_is_key(const wr_video_unit *unit) {
  return (unit->key_parts & WR_VIDEO_KEY) == WR_VIDEO_KEY;
}

#endif
