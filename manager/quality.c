/* manager/quality.c - implements quality.h. */
#include "manager/quality.h"

double mgr_quality_mos(double r_factor) {
  if (!(r_factor > 0.0)) return 1.0;
  if (r_factor >= 100.0) return 4.5;
  double mos = 1.0 + 0.035 * r_factor + r_factor * (r_factor - 60.0) * (100.0 - r_factor) * 7e-6;
  return mos < 1.0 ? 1.0 : mos;
}
