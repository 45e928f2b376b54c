#include "sctp/tsn_set.h"

#include "check.h"

TEST(tsn_set_follows_in_order_arrivals_across_the_wrap) {
  wr_tsn_set set;
  wr_tsn_set_init(&set, 0xfffffffeu);
  for (uint32_t i = 0; i < 10000; i++) {
    CHECK_EQ(wr_tsn_set_status(&set, 0xfffffffeu + i), WR_TSN_NEW);
    wr_tsn_set_add(&set, 0xfffffffeu + i);
    CHECK_EQ(set.cumulative, 0xfffffffeu + i);
  }
  uint16_t start, end;
  CHECK(!wr_tsn_set_gap(&set, 1, &start, &end));
  CHECK_EQ(wr_tsn_set_status(&set, set.cumulative), WR_TSN_DUPLICATE);
}

TEST(tsn_set_reports_gap_blocks_and_closes_them) {
  wr_tsn_set set;
  wr_tsn_set_init(&set, 100);
  uint32_t arrivals[] = {102, 103, 105, 200};
  for (size_t i = 0; i < 4; i++) wr_tsn_set_add(&set, arrivals[i]);
  uint16_t start = 0, end = 0;
  REQUIRE(wr_tsn_set_gap(&set, 1, &start, &end));
  CHECK(start == 3 && end == 4);
  REQUIRE(wr_tsn_set_gap(&set, end + 1u, &start, &end));
  CHECK(start == 6 && end == 6);
  REQUIRE(wr_tsn_set_gap(&set, end + 1u, &start, &end));
  CHECK(start == 101 && end == 101);
  CHECK(!wr_tsn_set_gap(&set, end + 1u, &start, &end));
  wr_tsn_set_add(&set, 100);
  wr_tsn_set_add(&set, 101);
  CHECK_EQ(set.cumulative, 103);
  CHECK_EQ(set.n_held, 2);
}

TEST(tsn_set_refuses_what_is_far_outside) {
  wr_tsn_set set;
  wr_tsn_set_init(&set, 1);
  CHECK_EQ(wr_tsn_set_status(&set, WR_TSN_WINDOW), WR_TSN_NEW);
  CHECK_EQ(wr_tsn_set_status(&set, WR_TSN_WINDOW + 1), WR_TSN_OUTSIDE);
  CHECK_EQ(wr_tsn_set_status(&set, 0x7fffffff), WR_TSN_OUTSIDE);
  CHECK_EQ(wr_tsn_set_status(&set, 0x80000001u), WR_TSN_DUPLICATE);
}

TEST(tsn_set_forward_skips_and_joins_what_follows) {
  wr_tsn_set set;
  wr_tsn_set_init(&set, 1);
  wr_tsn_set_add(&set, 3);
  wr_tsn_set_add(&set, 6);
  wr_tsn_set_forward(&set, 5);
  CHECK_EQ(set.cumulative, 6);
  CHECK_EQ(set.n_held, 0);
  wr_tsn_set_forward(&set, 2); /* old news */
  CHECK_EQ(set.cumulative, 6);
  wr_tsn_set_add(&set, 9);
  wr_tsn_set_forward(&set, 1000000);
  CHECK_EQ(set.cumulative, 1000000);
  CHECK_EQ(set.n_held, 0);
}

TEST(tsn_set_remove_makes_them_new_again) {
  wr_tsn_set set;
  wr_tsn_set_init(&set, 1);
  for (uint32_t tsn = 5; tsn < 9; tsn++) wr_tsn_set_add(&set, tsn);
  wr_tsn_set_remove(&set, 7, 8);
  CHECK_EQ(wr_tsn_set_status(&set, 7), WR_TSN_NEW);
  uint16_t start = 0, end = 0;
  REQUIRE(wr_tsn_set_gap(&set, 1, &start, &end));
  CHECK(start == 5 && end == 6);
}

/* Against the obvious model: an array of booleans. */
TEST(tsn_set_agrees_with_a_plain_array) {
  check_rng rng = {11};
  wr_tsn_set set;
  static bool got[20000];
  uint32_t base = 0xffffff00u, cumulative = 0; /* TSN base + i is index i; index 0 counts as received */
  memset(got, 0, sizeof got);
  got[0] = true;
  wr_tsn_set_init(&set, base + 1);
  for (int step = 0; step < 40000 && cumulative < 15000; step++) {
    uint32_t i = cumulative + check_rng_u32(&rng) % 300;
    wr_tsn_status status = wr_tsn_set_status(&set, base + i);
    CHECK_EQ(status, got[i] ? WR_TSN_DUPLICATE : WR_TSN_NEW);
    if (status == WR_TSN_NEW) {
      wr_tsn_set_add(&set, base + i);
      got[i] = true;
    }
    while (got[cumulative + 1]) cumulative++;
    REQUIRE(set.cumulative == base + cumulative);
    uint32_t at = 1;
    uint16_t start, end;
    while (wr_tsn_set_gap(&set, at, &start, &end)) {
      for (; at < start; at++) REQUIRE(!got[cumulative + at]);
      for (; at <= end; at++) REQUIRE(got[cumulative + at]);
    }
    for (; at < 400; at++) REQUIRE(!got[cumulative + at]);
  }
}
