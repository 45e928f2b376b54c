#include "bwe/rate.h"

#include "check.h"

TEST(rate_of_an_even_stream) {
  wr_rate r = {0};
  wr_time now = WR_S(3);
  CHECK_EQ((int)wr_rate_bps(&r, now), 0);
  wr_rate_add(&r, 100, now);
  CHECK_EQ((int)wr_rate_bps(&r, now), 0);                               /* nothing can be said yet */
  for (int i = 0; i < 200; i++) wr_rate_add(&r, 100, now += WR_MS(10)); /* 80 kbit/s */
  double bps = wr_rate_bps(&r, now);
  CHECK(bps > 76000 && bps < 84500);
}

TEST(rate_forgets_after_half_a_second) {
  wr_rate r = {0};
  for (int i = 0; i < 50; i++) wr_rate_add(&r, 1000, WR_S(1) + WR_MS(10) * i);
  CHECK(wr_rate_bps(&r, WR_S(2) + WR_MS(100)) < 1);
  wr_rate_add(&r, 1000, WR_S(1000000));
  wr_rate_add(&r, 1000, WR_S(1000)); /* long before the window */
  CHECK_EQ((int)wr_rate_bps(&r, WR_S(1000000) + WR_MS(20)), (int)(8e6 * 1000 / 495000));
}
