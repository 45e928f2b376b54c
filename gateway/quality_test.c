#include "gateway/quality.h"

#include <math.h>
#include <string.h>

#include "check.h"

static wr_stats at(uint64_t received, int64_t lost, uint32_t rtt_us) {
  return (wr_stats){.inbound_rtp = {.present = true,
                                    .ssrc = 7,
                                    .packets_received = received,
                                    .packets_lost = lost,
                                    .jitter_us = 3000},
                    .candidate_pair = {.present = true, .current_round_trip_time_us = rtt_us}};
}

static gw_quality stepped(const wr_stats *a, const wr_stats *b) {
  gw_quality q;
  gw_quality_init(&q);
  gw_quality_step(&q, a);
  gw_quality_step(&q, b);
  return q;
}

TEST(quality_of_a_clean_call_is_excellent) {
  wr_stats a = at(100, 0, 20000), b = at(150, 0, 20000);
  gw_quality q = stepped(&a, &b);
  CHECK(q.figures.loss_up == 0 && q.figures.rtt_ms == 20 && q.figures.jitter_ms == 3);
  CHECK(q.figures.loss_down < 0 && q.figures.concealed < 0);
  CHECK(q.figures.mos > 4.2 && q.figures.level == MGR_LEVEL_EXCELLENT);
}

TEST(quality_counts_loss_of_the_last_second_only) {
  wr_stats a = at(100, 40, 0), b = at(140, 50, 0), late = at(191, 49, 0), silent = at(191, 49, 0);
  gw_quality q = stepped(&a, &b);
  CHECK(fabs(q.figures.loss_up - 0.2) < 1e-9);
  CHECK(q.figures.rtt_ms < 0 && q.figures.mos < 2.6 && q.figures.level == MGR_LEVEL_BAD);
  gw_quality_step(&q, &late); /* one that was lost has come after all */
  CHECK(q.figures.loss_up == 0);
  gw_quality_step(&q, &silent);
  CHECK(q.figures.loss_up < 0 && q.figures.jitter_ms < 0 && q.figures.mos < 0);
  CHECK_EQ(q.figures.level, MGR_LEVEL_UNKNOWN);
}

TEST(quality_of_another_source_starts_anew) {
  wr_stats a = at(100, 0, 0), b = at(20, 5, 0);
  b.inbound_rtp.ssrc = 8;
  gw_quality q = stepped(&a, &b);
  CHECK(q.figures.loss_up < 0);
}

TEST(quality_keeps_a_report_until_the_next_is_overdue) {
  wr_stats s = at(0, 0, 0);
  s.inbound_rtp.present = false;
  s.remote_inbound_rtp = (wr_stats_remote_inbound_rtp){
      .present = true, .fraction_lost = 0.25, .round_trip_time_us = 40000, .round_trip_time_measurements = 1};
  gw_quality q;
  gw_quality_init(&q);
  gw_quality_step(&q, &s);
  CHECK(q.figures.loss_down == 0.25 && q.figures.rtt_ms == 40);
  for (unsigned i = 0; i < 7; i++) gw_quality_step(&q, &s);
  CHECK(q.figures.loss_down == 0.25);
  gw_quality_step(&q, &s);
  CHECK(q.figures.loss_down < 0);
  s.remote_inbound_rtp.round_trip_time_measurements++;
  gw_quality_step(&q, &s);
  CHECK(q.figures.loss_down == 0.25);
}

TEST(quality_believes_what_a_page_tells_within_reason) {
  wr_stats s = at(0, 0, 0);
  gw_quality q;
  gw_quality_init(&q);
  CHECK_EQ(gw_quality_told(&q, 1000, 10).samples, 0); /* from here on */
  gw_told told = gw_quality_told(&q, 49000, 4810);
  CHECK(told.samples == 48000 && told.concealed == 4800);
  gw_quality_step(&q, &s);
  CHECK(fabs(q.figures.concealed - 0.1) < 1e-9);
  gw_quality_step(&q, &s);
  CHECK(q.figures.concealed < 0);
  CHECK_EQ(gw_quality_told(&q, 50000, 9999).samples, 0); /* more made up than played */
  CHECK_EQ(gw_quality_told(&q, 10, 0).samples, 0);       /* another connection */
  CHECK_EQ(gw_quality_told(&q, 1e18, 0).samples, 0);
  CHECK_EQ(gw_quality_told(&q, (double)NAN, 0).samples, 0);
  CHECK_EQ(gw_quality_told(&q, -1, -1).samples, 0);
  CHECK_EQ(gw_quality_told(&q, 5, 0).samples, 0);
  CHECK_EQ(gw_quality_told(&q, 485, 0).samples, 480);
}

TEST(quality_writes_what_is_measured) {
  char text[GW_QUALITY_TEXT_MAX];
  gw_quality q;
  gw_quality_init(&q);
  gw_quality_write(text, &q.figures);
  CHECK(strcmp(text, "") == 0);
  gw_figures f = {.loss_up = 0.5, .loss_down = 1, .concealed = 0.25, .mos = 1.5, .level = MGR_LEVEL_EXCELLENT};
  gw_quality_write(text, &f);
  CHECK(strcmp(text,
               ",\"mos\":1.50,\"level\":\"EXCELLENT\",\"lossUp\":0.5000,\"lossDown\":1.0000,"
               "\"concealed\":0.2500") == 0);
}
