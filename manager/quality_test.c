/* manager/quality_test.c - figures, MOS, levels and issues against tables, and random samples against bounds. */
#include "manager/quality.h"
#include "check.h"

static int64_t hundredths(double x) { return (int64_t)(x * 100.0 + 0.5); }

TEST(mgr_quality_mos_follows_g107) {
  static const struct {
    double r;
    int64_t mos;
  } table[] = {{-5, 100}, {0, 100},  {50, 258},   {60, 310},  {70, 360},
               {80, 402}, {90, 434}, {93.2, 441}, {100, 450}, {120, 450}};
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    CHECK_EQ(hundredths(mgr_quality_mos(table[i].r)), table[i].mos);
}
