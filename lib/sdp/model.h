/* sdp/model.h - questions about the model that more than one file of this room asks. */
#ifndef WR_SDP_MODEL_H
#define WR_SDP_MODEL_H

#include "wr/sdp.h"

/* Header extensions we understand (RFC 8843 15, RFC 6464, transport-wide sequence numbers). */
#define WR_URI_MID "urn:ietf:params:rtp-hdrext:sdes:mid"
#define WR_URI_LEVEL "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
#define WR_URI_SENT "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
#define WR_URI_TWCC "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"

/* The next candidate of component 1 in |lines| from |*at|, which moves behind it. false: no more. */
bool wr_candidate_next(wr_bytes lines, size_t *at, wr_candidate *candidate);
/* The first codec with an a=rtpmap; NULL: none has one. */
const wr_sdp_codec *wr_sdp_first_codec(const wr_sdp_media *media);
/* The value of |name| in "a=1; b=2"; empty if it is not there. */
wr_bytes wr_sdp_parameter(wr_bytes fmtp, const char *name);
/* Whether |agreement| accepts section |index|. */
static inline bool wr_sdp_is_accepted(const wr_agreement *agreement, size_t index) {
  return (agreement->audio && index == agreement->audio_index) ||
         (agreement->data && index == agreement->data_index) ||
         (agreement->video && index == agreement->video_index);
}

#endif
