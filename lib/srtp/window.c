/* srtp/window.c - replay window and rollover guess; see window.h. */
#include "srtp/window.h"

#include "base/seq.h"

#define INDEX_END ((uint64_t)1 << 48)

bool wr_srtp_window_guess(const wr_srtp_window *window, uint16_t seq, uint64_t *index) {
  *index = seq; /* "s_l ... is initialized to the first"; the ROC starts at zero */
  if (!window->started) return true;
  int16_t step = wr_seq16_diff(seq, (uint16_t)window->highest);
  if (step < 0 && window->highest < (uint64_t)-step) return false;
  *index = step < 0 ? window->highest - (uint64_t)-step : window->highest + (uint64_t)step;
  return *index < INDEX_END;
}

bool wr_srtp_window_fresh(const wr_srtp_window *window, uint64_t index) {
  if (!window->started || index > window->highest) return true;
  uint64_t age = window->highest - index;
  return age < WR_SRTP_WINDOW && !(window->seen[age / 64] >> age % 64 & 1);
}

static void shift(uint64_t seen[2], uint64_t by) {
  if (by >= 128) {
    seen[0] = seen[1] = 0;
  } else if (by >= 64) {
    seen[1] = seen[0] << (by - 64);
    seen[0] = 0;
  } else if (by > 0) {
    seen[1] = seen[1] << by | seen[0] >> (64 - by);
    seen[0] <<= by;
  }
}

void wr_srtp_window_mark(wr_srtp_window *window, uint64_t index) {
  WR_ASSERT(wr_srtp_window_fresh(window, index));
  if (!window->started || index > window->highest) {
    shift(window->seen, window->started ? index - window->highest : WR_SRTP_WINDOW);
    window->highest = index;
    window->started = true;
  }
  uint64_t age = window->highest - index;
  window->seen[age / 64] |= (uint64_t)1 << age % 64;
}
