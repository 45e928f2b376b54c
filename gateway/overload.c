/* gateway/overload.c - two thresholds, each for some seconds: a busy moment is not yet too many calls. */
#include "gateway/overload.h"

bool gw_overload_step(gw_overload *overload, double percent, bool overflowed, double limit) {
  bool above = overflowed || percent > limit, below = !overflowed && percent < limit * GW_OVERLOAD_BELOW;
  bool speaks = overload->on ? below : above;
  if (limit <= 0) speaks = overload->on;
  overload->n = speaks ? overload->n + 1 : 0;
  if (overload->n < (overload->on ? GW_OVERLOAD_CALM : GW_OVERLOAD_SECONDS)) return false;
  overload->on = !overload->on;
  overload->n = 0;
  return true;
}
