#include "gateway/overload.h"

#include "check.h"

static bool steps(gw_overload *o, double percent, unsigned n) {
  bool changed = false;
  for (unsigned i = 0; i < n; i++) changed |= gw_overload_step(o, percent, false, 90);
  return changed;
}

TEST(overload_begins_after_seconds_and_ends_clearly_below) {
  gw_overload o = {0};
  CHECK(!steps(&o, 100, GW_OVERLOAD_SECONDS - 1));
  CHECK(!steps(&o, 50, 1)); /* a calm second: counted anew */
  CHECK(!steps(&o, 100, GW_OVERLOAD_SECONDS - 1) && !o.on);
  CHECK(steps(&o, 91, 1) && o.on);
  CHECK(!steps(&o, 80, 100) && o.on); /* below the limit, but not clearly */
  CHECK(!steps(&o, 70, GW_OVERLOAD_CALM - 1));
  CHECK(!steps(&o, 80, 1));
  CHECK(steps(&o, 70, GW_OVERLOAD_CALM) && !o.on);
}

TEST(overload_is_what_the_system_threw_away_however_idle_we_look) {
  gw_overload o = {0};
  for (unsigned i = 1; i < GW_OVERLOAD_SECONDS; i++) CHECK(!gw_overload_step(&o, 60, true, 90));
  CHECK(gw_overload_step(&o, 60, true, 90) && o.on);
  CHECK(!steps(&o, 60, GW_OVERLOAD_CALM - 1));
  CHECK(!gw_overload_step(&o, 60, true, 90)); /* not calm: counted anew */
  CHECK(!steps(&o, 60, GW_OVERLOAD_CALM - 1));
  CHECK(steps(&o, 60, 1) && !o.on);
}

TEST(overload_without_a_limit_never_is_and_ends) {
  gw_overload o = {0};
  for (unsigned i = 0; i < 100; i++) CHECK(!gw_overload_step(&o, 100, true, 0));
  o.on = true;
  for (unsigned i = 0; i < GW_OVERLOAD_CALM; i++) (void)gw_overload_step(&o, 100, true, 0);
  CHECK(!o.on);
}
