#include "sim/rate_trace.h"

#include "check.h"

TEST(sim_rate_traces_are_the_same_for_the_same_seed) {
  const sim_rate_trace *trace;
  unsigned n_clean = 0, n = 0;
  for (; (trace = sim_rate_trace_at(n)); n++) {
    static sim_link_profile a[SIM_RATE_SECONDS], b[SIM_RATE_SECONDS];
    sim_rate_trace_draw(trace, 7, a);
    sim_rate_trace_draw(trace, 7, b);
    CHECK_BYTES(a, sizeof a, b, sizeof b);
    CHECK(sim_rate_trace_named(trace->name) == trace);
    n_clean += trace->clean;
    for (int i = 0; i < SIM_RATE_SECONDS; i++) CHECK(a[i].rate_bps >= 8000 && a[i].queue_bytes >= 1400);
  }
  CHECK(n >= 10);
  CHECK_EQ(n_clean, 1);
  CHECK(!sim_rate_trace_named("nothing"));
}

TEST(sim_rate_trace_step_is_a_minute_of_24_kbit) {
  static sim_link_profile up[SIM_RATE_SECONDS];
  sim_rate_trace_draw(sim_rate_trace_named("step_400_24_400"), 1, up);
  for (int i = 0; i < SIM_RATE_SECONDS; i++) CHECK_EQ(up[i].rate_bps, i >= 60 && i < 120 ? 24000 : 400000);
}

TEST(sim_rate_trace_lte_differs_by_seed_and_stays_in_range) {
  static sim_link_profile a[SIM_RATE_SECONDS], b[SIM_RATE_SECONDS];
  sim_rate_trace_draw(sim_rate_trace_named("lte"), 1, a);
  sim_rate_trace_draw(sim_rate_trace_named("lte"), 2, b);
  CHECK(memcmp(a, b, sizeof a) != 0);
  for (int i = 0; i < SIM_RATE_SECONDS; i++) CHECK(a[i].rate_bps <= 4000000);
}
