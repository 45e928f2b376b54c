/* srtp/window.h - which packet indexes of one source were received (RFC 3711 3.3.1, 3.3.2), as a value.
 *
 * An index is 48 bits for SRTP (ROC || SEQ) and 31 bits for SRTCP. Ask fresh, check the tag, then mark: an
 * unauthenticated packet never changes a window. */
#ifndef WR_SRTP_WINDOW_H
#define WR_SRTP_WINDOW_H

#include "wr/types.h"

#define WR_SRTP_WINDOW 128 /* indexes at and below the highest that are told apart */

/* Zero-initialised: nothing received. */
typedef struct wr_srtp_window {
  uint64_t highest;
  uint64_t seen[2]; /* bit i % 64 of word i / 64: index highest - i was received */
  bool started;
} wr_srtp_window;

/* The index a 16-bit sequence number stands for: the nearest to the highest (RFC 3711 3.3.1 and appendix A).
 * false: it would lie before index 0 or after 2^48 - 1. */
bool wr_srtp_window_guess(const wr_srtp_window *window, uint16_t seq, uint64_t *index);
/* Not seen, and not too old to know. */
bool wr_srtp_window_fresh(const wr_srtp_window *window, uint64_t index);
/* Records a fresh index. */
void wr_srtp_window_mark(wr_srtp_window *window, uint64_t index);

#endif
