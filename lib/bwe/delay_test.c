#include "bwe/delay.h"

#include "check.h"

/* |n| packets each 20 ms, each on its way |more_us| longer than the one before. */
static wr_usage run(wr_delay *d, int n, wr_time more_us, wr_time *sent_at, wr_time *way_us, int *n_over) {
  wr_usage usage = d->usage;
  for (int i = 0; i < n; i++) {
    *sent_at += WR_MS(20);
    *way_us += more_us;
    usage = wr_delay_packet(d, *sent_at, *sent_at + *way_us);
    *n_over += usage == WR_USAGE_OVER;
  }
  return usage;
}

TEST(delay_an_even_way_is_normal) {
  wr_delay d;
  wr_delay_init(&d);
  wr_time sent_at = WR_S(5), way_us = WR_MS(50);
  int n_over = 0;
  CHECK_EQ(run(&d, 500, 0, &sent_at, &way_us, &n_over), WR_USAGE_NORMAL);
  CHECK_EQ(n_over, 0);
  CHECK(d.threshold_ms >= WR_DELAY_THRESHOLD_MIN_MS && d.threshold_ms < WR_DELAY_THRESHOLD_MS);
}

TEST(delay_a_growing_queue_is_overuse_and_a_draining_one_is_not) {
  wr_delay d;
  wr_delay_init(&d);
  wr_time sent_at = WR_S(5), way_us = WR_MS(50);
  int n_over = 0;
  run(&d, 100, 0, &sent_at, &way_us, &n_over);
  run(&d, 25, WR_MS(4), &sent_at, &way_us, &n_over); /* a fifth too fast, for half a second */
  CHECK(n_over > 0);
  CHECK(wr_delay_queue_ms(&d) > 60 && wr_delay_queue_ms(&d) < 100);
  CHECK(wr_delay_queue_now_ms(&d) > 90);
  CHECK_EQ(run(&d, 22, -WR_MS(4), &sent_at, &way_us, &n_over), WR_USAGE_UNDER);
  CHECK(wr_delay_queue_now_ms(&d) < 20);
  CHECK_EQ(run(&d, 300, 0, &sent_at, &way_us, &n_over), WR_USAGE_NORMAL);
  CHECK(wr_delay_queue_ms(&d) < 20);
}

TEST(delay_jitter_of_a_few_milliseconds_is_no_overuse) {
  wr_delay d;
  wr_delay_init(&d);
  check_rng rng = {3};
  int n_over = 0;
  for (wr_time sent_at = WR_S(1); sent_at < WR_S(61); sent_at += WR_MS(20))
    n_over += wr_delay_packet(&d, sent_at, sent_at + (wr_time)(check_rng_u32(&rng) % 8000)) == WR_USAGE_OVER;
  CHECK_EQ(n_over, 0);
}

TEST(delay_a_frame_sent_at_once_is_one_group) {
  wr_delay d;
  wr_delay_init(&d);
  int n_over = 0;
  for (wr_time frame = 0; frame < 200; frame++)
    for (wr_time i = 0; i < 5; i++) {
      wr_time sent_at = WR_S(1) + frame * WR_MS(40) + i * 100; /* serialised: each 4 ms behind the other */
      n_over +=
          wr_delay_packet(&d, sent_at, WR_S(1) + frame * WR_MS(40) + WR_MS(30) + i * WR_MS(4)) == WR_USAGE_OVER;
    }
  CHECK_EQ(n_over, 0);
  CHECK_EQ(d.n_deltas, 198);
}
