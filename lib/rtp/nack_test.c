#include "rtp/nack.h"

#include <string.h>

#include "check.h"

enum { RTT_US = 20000 };

/* ---- asking ---- */

static wr_nack_asker asker;
static uint16_t out[WR_NACK_MISSING];

static size_t due(const uint16_t *missing, size_t n, uint32_t rtt_us, wr_time now) {
  return wr_nack_due(&asker, missing, n, rtt_us, out, now);
}

/* The request may be lost as well as its answer: the giver holds to once a round trip. */
TEST(nack_asks_at_once_and_again_after_half_a_round_trip) {
  static const uint16_t missing[] = {65535, 0};
  wr_nack_init(&asker);
  CHECK_EQ(asker.due_at, WR_NEVER);
  CHECK_EQ(due(missing, 2, RTT_US, 1000), 2);
  CHECK(out[0] == 65535 && out[1] == 0);
  CHECK_EQ(asker.due_at, 1000 + RTT_US / 2 + WR_NACK_MARGIN_US);
  CHECK_EQ(due(missing, 2, RTT_US, 1000 + RTT_US / 2), 0);
  CHECK(wr_nack_take(&asker, 0) && !wr_nack_take(&asker, 0) && !wr_nack_take(&asker, 1));
  CHECK_EQ(due(missing, 1, RTT_US, asker.due_at), 1);
  CHECK_EQ(out[0], 65535);
  CHECK_EQ(asker.n_asked, 2);
}

TEST(nack_asks_a_bounded_number_of_times) {
  static const uint16_t missing[] = {7};
  wr_nack_init(&asker);
  unsigned n = 0;
  wr_time now = 1;
  for (; n < 100 && now != WR_NEVER; now = asker.due_at) n += (unsigned)due(missing, 1, RTT_US, now);
  CHECK_EQ(n, WR_NACK_TRIES);
  CHECK_EQ(due(missing, 1, RTT_US, WR_S(100)), 0);
  CHECK_EQ(asker.n_asked, 1);
}

TEST(nack_forgets_what_is_not_missed_any_more) {
  static const uint16_t missing[] = {7, 8};
  wr_nack_init(&asker);
  CHECK_EQ(due(missing, 2, RTT_US, 1), 2);
  CHECK_EQ(due(missing + 1, 1, RTT_US, 2), 0);
  CHECK(!wr_nack_take(&asker, 7));
  CHECK(wr_nack_take(&asker, 8));
  CHECK_EQ(due(NULL, 0, RTT_US, 3), 0);
  CHECK_EQ(asker.due_at, WR_NEVER);
}

TEST(nack_asks_only_where_it_can_help) {
  static const uint16_t missing[] = {7};
  wr_nack_init(&asker);
  CHECK_EQ(due(missing, 1, 0, 1), 0);
  CHECK_EQ(due(missing, 1, 195000, 1), 0);
  CHECK_EQ(asker.due_at, WR_NEVER);
  CHECK_EQ(wr_nack_wait_us(0, WR_MS(60)), WR_MS(60));
  CHECK_EQ(wr_nack_wait_us(1000, WR_MS(60)), WR_MS(88));
  CHECK_EQ(wr_nack_wait_us(10000, WR_MS(60)), WR_MS(160));
  CHECK_EQ(wr_nack_wait_us(50000, WR_MS(60)), WR_NACK_WAIT_MAX_US);
  CHECK_EQ(wr_nack_wait_us(300000, WR_MS(60)), WR_MS(60));
  CHECK_EQ(wr_nack_wait_us(1000, WR_MS(500)), WR_MS(500));
}

/* ---- giving ---- */

static wr_resend resend;
static wr_resend_store store;

static void keep(uint16_t seq, size_t len) {
  uint8_t bytes[WR_RESEND_BYTES];
  memset(bytes, (uint8_t)seq, len);
  wr_resend_keep(&resend, seq, wr_bytes_of(bytes, len), 0);
}

/* The seq's low byte of the next one that goes out, checked to be whole; -1: none. */
static int next(wr_time now) {
  wr_bytes again = wr_resend_next(&resend, now);
  for (size_t i = 1; i < again.len; i++) CHECK_EQ(again.data[i], again.data[0]);
  return again.len ? again.data[0] : -1;
}

static void begin(void) {
  memset(&store, 0xee, sizeof store); /* lent as it is */
  wr_resend_init(&resend, &store);
}

TEST(resend_gives_the_same_again) {
  begin();
  for (uint16_t i = 0; i < 5; i++) keep((uint16_t)(65534 + i), 100);
  wr_resend_ask(&resend, 65535, RTT_US, 1);
  wr_resend_ask(&resend, 1, RTT_US, 1);
  wr_resend_ask(&resend, 1, RTT_US, 1);
  CHECK_EQ(next(1), 255);
  CHECK_EQ(next(1), 1);
  CHECK_EQ(next(1), -1);
  CHECK_EQ(resend.n_resent, 2);
  wr_resend_ask(&resend, 65533, RTT_US, 1); /* gone, and never sent */
  wr_resend_ask(&resend, 3, RTT_US, 1);
  CHECK_EQ(next(1), -1);
  CHECK_EQ(resend.n_refused, 2);
}

TEST(resend_forgets_all_at_once) {
  begin();
  for (uint16_t i = 0; i < 5; i++) keep(i, 100);
  wr_resend_ask(&resend, 2, RTT_US, 1);
  wr_resend_forget(&resend);
  CHECK_EQ(next(1), -1);
  wr_resend_ask(&resend, 3, RTT_US, 1);
  CHECK_EQ(next(1), -1);
  keep(5, 100);
  wr_resend_ask(&resend, 5, RTT_US, 1);
  CHECK_EQ(next(1), 5);
}

TEST(resend_is_bounded_for_one_packet) {
  begin();
  keep(9, 50);
  unsigned n = 0;
  for (wr_time now = 1; now < WR_S(10); now += 1000) {
    wr_resend_ask(&resend, 9, RTT_US, now);
    n += next(now) >= 0;
    if (now < RTT_US) CHECK_EQ(n, 1); /* on its way */
  }
  CHECK_EQ(n, WR_RESEND_TRIES);
}

TEST(resend_is_bounded_for_all_of_them) {
  begin();
  unsigned n = 0;
  for (uint16_t i = 0; i < 1000; i++) {
    keep(i, 50);
    for (uint16_t seq = 0; seq < i; seq++) wr_resend_ask(&resend, seq, 0, i);
    while (next(i) >= 0) n++;
  }
  CHECK(n <= 500 + WR_RESEND_BUDGET);
  CHECK(n >= 400);
}

TEST(resend_keeps_the_newest_of_any_length) {
  check_rng rng = {7};
  begin();
  uint16_t seq = 65000;
  for (unsigned i = 0; i < 5000; i++, seq++) {
    size_t len = 30 + check_rng_u32(&rng) % (i % 3 ? 300 : 970);
    keep(seq, len);
    REQUIRE(resend.n >= 1 && resend.n <= WR_RESEND_PACKETS);
    if (i > 100) REQUIRE(resend.n >= WR_RESEND_BYTES / 1000 - 1);
    resend.budget_halves = 2; /* bounds are not the matter here */
    for (size_t k = 0; k < WR_RESEND_PACKETS; k++) store.packet[k].n_resent = 0;
    wr_resend_ask(&resend, (uint16_t)(seq - check_rng_u32(&rng) % resend.n), 0, i);
    REQUIRE(next(i) >= 0);
  }
}

TEST(resend_forgets_across_a_gap) {
  begin();
  keep(1, 50);
  keep(2, WR_RESEND_BYTES / 4 + 1); /* too large to keep */
  keep(3, 50);
  wr_resend_ask(&resend, 1, 0, 1);
  wr_resend_ask(&resend, 2, 0, 1);
  CHECK_EQ(next(1), -1);
  wr_resend_ask(&resend, 3, 0, 1);
  CHECK_EQ(next(1), 3);
}

TEST(resend_counts_rows_of_losses) {
  begin();
  for (uint16_t i = 0; i < 20; i++) keep(i, 50);
  static const uint16_t lost[] = {2, 3, 4, 8, 11, 12, 3};
  for (size_t i = 0; i < sizeof lost / sizeof *lost; i++) wr_resend_ask(&resend, lost[i], 0, 1);
  CHECK_EQ(resend.n_asked, 6);
  CHECK_EQ(resend.n_rows, 3);
}
