/* sdp/candidate.h - walking the candidates of a piece of text; shared by sections and fragments. */
#ifndef WR_SDP_CANDIDATE_H
#define WR_SDP_CANDIDATE_H

#include "wr/sdp.h"

/* The next candidate of component 1 in |lines| from |*at|, which moves behind it. false: no more. */
bool wr_candidate_next(wr_bytes lines, size_t *at, wr_candidate *candidate);

#endif
