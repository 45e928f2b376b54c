/* Two agents over a virtual wire. Side 0 offers and controls unless a test says otherwise. */
#include "ice/ice.h"

#include "ice/test_wire.h"

static wire w;

/* One address each, the offer is known to the answerer at once and the answer takes one delay. */
static void open_simple(uint64_t seed, wr_time delay_us) {
  wire_init(&w, seed);
  w.delay_us = delay_us;
  wire_open(&w, 0, true, false);
  wire_open(&w, 1, false, false);
  wire_add_local(&w, 0, 4);
  wire_add_local(&w, 1, 4);
}

static void connect_simple(uint64_t seed, wr_time delay_us) {
  open_simple(seed, delay_us);
  wire_signal(&w, 1);
  wire_run(&w, delay_us);
  wire_signal(&w, 0);
  wire_run(&w, WR_S(1));
}

TEST(ice_one_way_delays_to_selection_are_two_and_three) {
  for (wr_time delay = 1000; delay <= 400000; delay *= 3) {
    open_simple(1, delay);
    wr_time start = w.now;
    wire_signal(&w, 1); /* the offer arrives; checks leave together with the answer */
    CHECK_EQ(w.side[1].first_check_at - start, 0);
    wire_run(&w, delay);
    wire_signal(&w, 0);
    wire_run(&w, WR_S(3));
    CHECK_EQ(w.side[1].selected_at - start, 2 * delay);
    CHECK_EQ(w.side[0].selected_at - start, 3 * delay);
    CHECK_EQ(w.side[0].rtt_us, 2 * delay);
    CHECK_EQ(w.side[1].rtt_us, 2 * delay);
    CHECK_EQ(w.side[0].n_selected, 1);
    CHECK_EQ(w.side[1].n_selected, 1);
    CHECK(wire_is_connected(&w) && !w.broken);
    CHECK(wr_addr_equal(&w.side[0].path.remote, &w.side[1].path.local));
    if (delay < 50000) CHECK_EQ(w.side[0].n_sent, 2); /* one check, one answer */
  }
}

TEST(ice_check_before_the_answer_is_answered_and_used) {
  open_simple(2, 10000);
  wr_time start = w.now;
  wire_signal(&w, 1);
  wire_run(&w, WR_MS(60)); /* the answer is slow: three times the round trip */
  CHECK_EQ(w.side[1].selected_at - start, 20000);
  CHECK_EQ(w.side[0].selected_at, WR_NEVER);
  wire_signal_credentials(&w, 0); /* not even a candidate is signalled */
  wire_run(&w, WR_MS(20));
  CHECK_EQ(w.side[0].selected_at - start, 80000);
  wire_signal(&w, 0);
  wire_run(&w, WR_S(1));
  CHECK(wire_is_connected(&w) && !w.broken);
  CHECK_EQ(w.side[0].n_selected, 1);
}

TEST(ice_keeps_consent_and_stays_connected) {
  connect_simple(3, 5000);
  REQUIRE(wire_is_connected(&w));
  uint32_t before = wr_ice_get_stats(w.side[0].ice)->checks_sent;
  wire_run(&w, WR_S(600));
  uint32_t sent = wr_ice_get_stats(w.side[0].ice)->checks_sent - before;
  CHECK(sent >= 100 && sent <= 150); /* 600 s at 4 to 6 s */
  CHECK(wire_is_connected(&w) && !w.broken);
  CHECK_EQ(w.side[0].n_selected, 1);
}
