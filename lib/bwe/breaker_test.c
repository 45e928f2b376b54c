#include "bwe/breaker.h"

#include "check.h"

/* A second of voice: 50 packets of |bytes|, then a report. */
static wr_breaker_verdict second(wr_breaker *b, size_t bytes, uint32_t highest, uint8_t lost, uint32_t rtt_us,
                                 wr_time *now) {
  for (int i = 0; i < 50; i++, *now += WR_MS(20)) wr_breaker_sent(b, bytes, *now);
  wr_breaker_report(b, highest, lost, rtt_us, *now);
  return wr_breaker_ask(b, *now);
}

TEST(breaker_voice_through_much_loss_goes_on) {
  wr_breaker b = {0};
  wr_time now = WR_S(1);
  for (uint32_t i = 0; i < 60; i++) CHECK_EQ(second(&b, 120, i * 50, 77, 200000, &now), WR_BREAKER_CLOSED);
}

TEST(breaker_ten_times_tcp_for_three_intervals_opens) {
  wr_breaker b = {0};
  wr_time now = WR_S(1);
  /* 400 kbit/s, 90 % lost, 1.2 s: TCP would send 1000 / (1.2 * 0.77) bytes a second, 8.6 kbit/s */
  CHECK_EQ(second(&b, 1000, 50, 230, 1200000, &now), WR_BREAKER_CLOSED);
  CHECK_EQ(second(&b, 1000, 100, 230, 1200000, &now), WR_BREAKER_CLOSED);
  CHECK_EQ(second(&b, 1000, 150, 230, 1200000, &now), WR_BREAKER_CONGESTION);
  wr_breaker_reset(&b);
  CHECK_EQ(wr_breaker_ask(&b, now), WR_BREAKER_CLOSED);
}

TEST(breaker_reports_without_progress_open_after_five) {
  wr_breaker b = {0};
  wr_time now = WR_S(1);
  for (int i = 0; i < 5; i++) CHECK_EQ(second(&b, 120, 7, 0, 100000, &now), WR_BREAKER_CLOSED);
  CHECK_EQ(second(&b, 120, 7, 0, 100000, &now), WR_BREAKER_MEDIA_TIMEOUT);
}

TEST(breaker_no_report_for_fifteen_seconds_of_sending) {
  wr_breaker b = {0};
  wr_time now = WR_S(1);
  CHECK_EQ(second(&b, 120, 7, 0, 100000, &now), WR_BREAKER_CLOSED);
  now += WR_S(60); /* nothing sent, nothing to be told of */
  CHECK_EQ(wr_breaker_ask(&b, now), WR_BREAKER_CLOSED);
  for (int i = 0; i < 14 * 50; i++) wr_breaker_sent(&b, 120, now += WR_MS(20));
  CHECK_EQ(wr_breaker_ask(&b, now), WR_BREAKER_CLOSED);
  for (int i = 0; i < 2 * 50; i++) wr_breaker_sent(&b, 120, now += WR_MS(20));
  CHECK_EQ(wr_breaker_ask(&b, now), WR_BREAKER_RTCP_TIMEOUT);
}
