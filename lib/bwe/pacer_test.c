#include "bwe/pacer.h"

#include "check.h"

TEST(pacer_spreads_a_burst_at_its_rate) {
  wr_pacer p = {0};
  wr_time now = WR_S(1), last = now;
  for (int i = 0; i < 100; i++) {
    if (wr_pacer_at(&p) > now) now = wr_pacer_at(&p);
    wr_pacer_sent(&p, 1250, 1e6, now);
    last = now;
  }
  CHECK_EQ(last - WR_S(1), 99 * WR_MS(10) - WR_PACER_BURST_US);
  CHECK(wr_pacer_at(&p) <= WR_S(10)); /* idle since: at once */
  wr_pacer_sent(&p, 1250, 1e6, WR_S(10));
  CHECK_EQ(wr_pacer_at(&p), WR_S(10) + WR_MS(5));
}
