#include "sim/congestion_table.h"

#include "check.h"

static sim_congestion_result result;

/* Figures made by hand. */
static const sim_congestion_plan plan = {.seconds = 30,
                                         .forward = {{0, 1000000}, {15, 2000000}},
                                         .flow = {{.kind = SIM_FLOW_MEDIA}, {.kind = SIM_FLOW_MEDIA}}};

static void fill(uint32_t bits_a, uint32_t bits_b, uint32_t late_bits_a, uint32_t queue_ms) {
  memset(&result, 0, sizeof result);
  for (int s = 0; s < 30; s++) {
    result.second[0][s] = (sim_flow_second){.sent = 100, .lost = 1, .bits = s < 15 ? bits_a : late_bits_a};
    result.second[1][s] = (sim_flow_second){.sent = 100, .bits = bits_b};
    result.second[0][s].queue_ms = queue_ms;
  }
  result.waits[0][10] = 90;
  result.waits[1][200] = 10;
}

TEST(sim_congestion_scores_are_what_the_header_says) {
  sim_congestion_score score;
  fill(500000, 500000, 1500000, 20);
  sim_congestion_judge(&plan, &result, &score);
  CHECK(score.use > 0.999 && score.use < 1.001);
  CHECK(score.loss > 0.0049 && score.loss < 0.0051);
  CHECK_EQ((int)score.queue_p50_ms, 10);
  CHECK_EQ((int)score.queue_p95_ms, 200);
  CHECK_EQ((int)score.settled_s, 0);
  CHECK(score.fair > 0.799 && score.fair < 0.801); /* (3 + 1)^2 / (2 (9 + 1)) */
}

TEST(sim_congestion_settled_waits_for_rate_and_queue) {
  sim_congestion_score score;
  fill(500000, 500000, 900000, 20); /* 1.4 of 2 Mbit/s from the change on: never settled */
  sim_congestion_judge(&plan, &result, &score);
  CHECK_EQ((int)score.settled_s, 15);
  fill(500000, 500000, 1500000, 160); /* the rate is right, and the queue is not */
  sim_congestion_judge(&plan, &result, &score);
  CHECK_EQ((int)score.settled_s, 15);
}

TEST(sim_congestion_every_case_of_the_rfc_is_there_once) {
  const sim_congestion_plan *p;
  size_t n = 0;
  for (; (p = sim_congestion_plan_at(n)); n++) {
    char section[4] = {'5', '.', (char)('1' + n), 0};
    CHECK_TEXT(p->section, section);
    CHECK(p->seconds <= SIM_CONGESTION_SECONDS && p->flow[0].kind == SIM_FLOW_MEDIA);
  }
  CHECK_EQ(n, 8);
}
