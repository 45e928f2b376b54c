#include "client/figures.h"

#include "check.h"

TEST(figures_quantiles_are_close_and_the_maximum_exact) {
  static figures_series series;
  CHECK(figures_ms(&series, 0.5) == 0);
  for (int us = 1; us <= 100000; us++) figures_add(&series, us);
  CHECK_EQ(series.n, 100000);
  CHECK(figures_ms(&series, 0.5) > 49 && figures_ms(&series, 0.5) < 53);
  CHECK(figures_ms(&series, 0.95) > 94 && figures_ms(&series, 0.95) <= 100);
  CHECK(figures_ms(&series, 1) == 100);
  figures_add(&series, -5);
  figures_add(&series, INT64_MAX / 4);
  CHECK(figures_ms(&series, 0) <= 0.002);
}
