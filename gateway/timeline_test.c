#include "gateway/timeline.h"

#include <string.h>

#include "check.h"

TEST(timeline_counts_from_the_offer_and_leaves_out_what_was_not_reached) {
  char text[GW_TIMELINE_TEXT_MAX];
  gw_timeline t = {.offered_at = WR_S(7)};
  gw_timeline_write(text, &t);
  CHECK(strcmp(text, "{}") == 0);
  t.answered_at = t.offered_at + 1240;
  t.dtls_at = t.offered_at + WR_MS(98);
  gw_timeline_write(text, &t);
  CHECK(strcmp(text, "{\"signalling\":1.2,\"dtls\":98.0}") == 0);
}

TEST(timeline_of_any_length_fits) {
  char text[GW_TIMELINE_TEXT_MAX];
  wr_time late = INT64_MAX;
  gw_timeline t = {1, late, late, late, late, late};
  gw_timeline_write(text, &t);
  CHECK(strlen(text) < sizeof(text) && text[strlen(text) - 1] == '}');
}

/* The request's time is read on another thread: an answer in the same microsecond, or before, is 0. */
TEST(timeline_never_runs_back) {
  gw_timeline t = {.offered_at = 1000, .answered_at = 900};
  CHECK(gw_timeline_ms(&t, t.answered_at) <= 0);
}
