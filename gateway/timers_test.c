#include "gateway/timers.h"

#include "check.h"

#define N 64

TEST(timers_come_in_order_and_never_late) {
  check_rng rng = {3};
  gw_timers timers;
  wr_time due[N];
  for (int i = 0; i < N; i++) due[i] = WR_NEVER;
  REQUIRE(gw_timers_open(&timers, N));
  wr_time now = 0;
  for (int step = 0; step < 20000; step++) {
    uint32_t slot = check_rng_u32(&rng) % N, what = check_rng_u32(&rng) % 8;
    if (what == 0) {
      gw_timers_remove(&timers, slot);
      due[slot] = WR_NEVER;
    } else if (what < 5) {
      due[slot] = now + 1 + check_rng_u32(&rng) % 1000;
      gw_timers_set(&timers, slot, due[slot]);
    } else {
      now += check_rng_u32(&rng) % 100;
      while (gw_timers_take(&timers, now, &slot)) {
        if (due[slot] > now)
          gw_timers_set(&timers, slot, due[slot]); /* woken for nothing: says when */
        else
          due[slot] = WR_NEVER;
      }
      for (int i = 0; i < N; i++) CHECK(due[i] > now);
    }
  }
  gw_timers_close(&timers);
}

TEST(timers_empty_is_never) {
  gw_timers timers;
  uint32_t slot;
  REQUIRE(gw_timers_open(&timers, 2));
  CHECK(gw_timers_next(&timers) == WR_NEVER);
  gw_timers_set(&timers, 1, WR_NEVER);
  CHECK(!gw_timers_take(&timers, WR_S(1000), &slot));
  gw_timers_set(&timers, 1, 5);
  CHECK_EQ(gw_timers_next(&timers), 5);
  gw_timers_remove(&timers, 1);
  gw_timers_remove(&timers, 1);
  CHECK(gw_timers_next(&timers) == WR_NEVER);
  gw_timers_close(&timers);
}
