#include "srtp/window.h"

#include "check.h"

TEST(srtp_window_accepts_each_index_once) {
  wr_srtp_window window = {0};
  CHECK(wr_srtp_window_fresh(&window, 0));
  wr_srtp_window_mark(&window, 200);
  CHECK(!wr_srtp_window_fresh(&window, 200));
  CHECK(wr_srtp_window_fresh(&window, 199));
  CHECK(wr_srtp_window_fresh(&window, 200 - WR_SRTP_WINDOW + 1));
  CHECK(!wr_srtp_window_fresh(&window, 200 - WR_SRTP_WINDOW)); /* too old to know */
  wr_srtp_window_mark(&window, 200 - WR_SRTP_WINDOW + 1);
  CHECK(!wr_srtp_window_fresh(&window, 200 - WR_SRTP_WINDOW + 1));
  wr_srtp_window_mark(&window, 201);
  CHECK(!wr_srtp_window_fresh(&window, 200));
  CHECK(wr_srtp_window_fresh(&window, 202));
}

TEST(srtp_window_keeps_its_bits_over_every_shift) {
  for (uint64_t by = 1; by <= WR_SRTP_WINDOW + 1; by++) {
    wr_srtp_window window = {0};
    wr_srtp_window_mark(&window, 1000);
    wr_srtp_window_mark(&window, 990);
    wr_srtp_window_mark(&window, 1000 + by);
    CHECK(!wr_srtp_window_fresh(&window, 1000));
    CHECK(!wr_srtp_window_fresh(&window, 990));
    CHECK(!wr_srtp_window_fresh(&window, 1000 + by));
    CHECK_EQ(wr_srtp_window_fresh(&window, 999), by < WR_SRTP_WINDOW - 1);
    CHECK_EQ(wr_srtp_window_fresh(&window, 1001), by > 1 && by - 1 < WR_SRTP_WINDOW);
  }
}

TEST(srtp_window_guesses_the_nearest_index) {
  static const struct {
    uint64_t highest;
    uint16_t seq;
    bool possible;
    uint64_t index;
  } cases[] = {
      {0, 1, true, 1},
      {0, 65535, false, 0}, /* one before the beginning */
      {10, 65535, false, 0},
      {65535, 0, true, 65536},
      {65535, 65534, true, 65534},
      {65536, 65535, true, 65535},
      {65530, 3, true, 65539},
      {65539, 65530, true, 65530},
      {0x12345fff0, 2, true, 0x123460002},
      {0xffffffffffff, 0, false, 0}, /* the key is used up (RFC 3711 9.2) */
      {0xffffffffffff, 65535, true, 0xffffffffffff},
      {40000, 40000, true, 40000},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    wr_srtp_window window = {.highest = cases[i].highest, .started = true};
    uint64_t index = 0;
    CHECK_EQ(wr_srtp_window_guess(&window, cases[i].seq, &index), cases[i].possible);
    if (cases[i].possible) CHECK_EQ(index, cases[i].index);
  }
  wr_srtp_window window = {0};
  uint64_t index = 0;
  CHECK(wr_srtp_window_guess(&window, 65535, &index));
  CHECK_EQ(index, 65535);
}

/* The sender's true index is the oracle: whatever reordering, repetition and loss, a packet less than 2^15 away is
 * recognised, and accepted exactly if it is new and inside the window. */
#define N_ORACLE 400000
TEST(srtp_window_agrees_with_a_64_bit_oracle) {
  static bool received[N_ORACLE];
  memset(received, 0, sizeof received);
  check_rng rng = {.state = 3711};
  wr_srtp_window window = {0};
  uint64_t sent = 65000, highest = 65000;
  unsigned n_accepted = 0, n_refused = 0, n_wrong = 0;
  for (unsigned i = 0; i < 300000 && sent < N_ORACLE - 2000; i++) {
    uint32_t dice = check_rng_u32(&rng);
    sent += dice % 1000 == 0 ? 1 + dice / 1000 % 1500 : dice % 3;
    uint64_t late = dice >> 8 & 1 ? 0 : check_rng_u32(&rng) % 160;
    uint64_t truth = sent - (late < sent - 64000 ? late : 0), index = 0;
    bool guessed = wr_srtp_window_guess(&window, (uint16_t)truth, &index);
    if (!guessed || index != truth) n_wrong++;
    bool want = i == 0 || truth > highest || (highest - truth < WR_SRTP_WINDOW && !received[truth]);
    if (wr_srtp_window_fresh(&window, truth) != want) n_wrong++;
    if (!want) {
      n_refused++;
      continue;
    }
    wr_srtp_window_mark(&window, truth);
    received[truth] = true;
    if (truth > highest) highest = truth;
    n_accepted++;
  }
  CHECK_EQ(n_wrong, 0);
  CHECK(n_accepted > 50000 && n_refused > 10000);
  CHECK(highest > 3 * 65536);
}
