/* sdp/model.h - questions about the model that more than one file of this room asks. */
#ifndef WR_SDP_MODEL_H
#define WR_SDP_MODEL_H

#include "wr/sdp.h"

/* The next candidate of component 1 in |lines| from |*at|, which moves behind it. false: no more. */
bool wr_candidate_next(wr_bytes lines, size_t *at, wr_candidate *candidate);
/* The first codec with an a=rtpmap; NULL: none has one. */
const wr_sdp_codec *wr_sdp_first_codec(const wr_sdp_media *media);

#endif
