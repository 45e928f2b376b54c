#include "rtp/lag.h"

#include "check.h"

#define UNITS(us) ((uint32_t)((uint64_t)(us) * (1 << 18) / 1000000) & 0xffffff)

static wr_rtp_lag lag;
static wr_time now;

/* One packet each 20 ms; the peer's clock is 40 s ahead of ours, so that it wraps within the tests. */
static uint32_t arrive(unsigned late_ms) {
  now += WR_MS(20);
  wr_rtp_lag_arrived(&lag, UNITS(now + WR_S(40)), now + WR_MS(late_ms));
  return (wr_rtp_lag_us(&lag, now + WR_MS(late_ms)) + 500) / 1000;
}

static void begin(void) {
  wr_rtp_lag_init(&lag);
  now = WR_S(3600);
}

TEST(rtp_lag_is_what_three_packets_in_a_row_took_longer) {
  begin();
  CHECK_EQ(wr_rtp_lag_us(&lag, now), 0);
  for (int i = 0; i < 200; i++) CHECK_EQ(arrive(30), 0);
  CHECK_EQ(arrive(150), 0);
  CHECK_EQ(arrive(200), 0);
  CHECK_EQ(arrive(250), 120);
  CHECK_EQ(arrive(300), 170);
  CHECK(wr_rtp_lag_us(&lag, now + WR_MS(590)) > 0);
  CHECK_EQ(wr_rtp_lag_us(&lag, now + WR_MS(610)), 0);
  CHECK_EQ(arrive(30), 0);
}

TEST(rtp_lag_forgets_a_quicker_way_after_ten_to_twenty_seconds) {
  begin();
  for (int i = 0; i < 100; i++) (void)arrive(30);
  uint32_t at_5_s = 0, at_25_s = 0;
  for (int i = 0; i < 1250; i++) {
    uint32_t ms = arrive(110);
    if (i == 250) at_5_s = ms;
    at_25_s = ms;
  }
  CHECK_EQ(at_5_s, 80);
  CHECK_EQ(at_25_s, 0);
}

TEST(rtp_lag_begins_anew_after_a_silence_and_for_another_path) {
  begin();
  for (int i = 0; i < 10; i++) (void)arrive(10);
  now += WR_S(50); /* half of what wraps and more: differences would say anything */
  for (int i = 0; i < 5; i++) CHECK_EQ(arrive(400), 0);
  CHECK_EQ(arrive(600), 0);
  wr_rtp_lag_init(&lag);
  for (int i = 0; i < 5; i++) CHECK_EQ(arrive(600), 0);
}

TEST(rtp_lag_follows_a_clock_that_wraps) {
  begin();
  for (int i = 0; i < 64 * 50 * 2; i++) CHECK_EQ(arrive(7), 0);
}
