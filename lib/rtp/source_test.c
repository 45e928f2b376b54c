#include "check.h"
#include "rtp/rtcp.h"

static wr_rtp_source_stats source;
static wr_rtcp_report report;

/* Packet |i| of a 20 ms stream that began at |first|, without jitter. */
static void receive(uint16_t first, uint32_t i) {
  wr_rtp_source_received(&source, (uint16_t)(first + i), i * 960, 80, WR_MS(20) * i);
}

TEST(rtp_source_counts_loss_over_the_wrap) {
  wr_rtp_source_init(&source, 5, 48000);
  for (uint32_t i = 0; i < 20; i++)
    if (i != 3 && i != 4 && i != 9) receive(65530, i);
  wr_rtp_source_report(&source, &report, 0);
  CHECK_EQ(report.ssrc, 5);
  CHECK_EQ(report.highest_seq, 65530 + 19);
  CHECK_EQ(report.cumulative_lost, 3);
  CHECK_EQ(report.fraction_lost, 3 * 256 / 20);
  CHECK_EQ(report.jitter, 0);
  CHECK_EQ(source.bytes, 17 * 80);
  /* the next interval: one of four lost; the late arrival of an old one counts for it (RFC 3550 A.3) */
  receive(65530, 20);
  receive(65530, 21);
  receive(65530, 23);
  wr_rtp_source_report(&source, &report, 0);
  CHECK_EQ(report.fraction_lost, 64);
  CHECK_EQ(report.cumulative_lost, 4);
  receive(65530, 3);
  receive(65530, 24);
  wr_rtp_source_report(&source, &report, 0);
  CHECK_EQ(report.fraction_lost, 0);
  CHECK_EQ(report.cumulative_lost, 3);
}

TEST(rtp_source_duplicates_make_loss_negative) {
  wr_rtp_source_init(&source, 5, 48000);
  for (uint32_t i = 0; i < 10; i++) {
    receive(0, i);
    receive(0, i);
  }
  wr_rtp_source_report(&source, &report, 0);
  CHECK_EQ(report.cumulative_lost, -10);
  CHECK_EQ(report.fraction_lost, 0);
}

TEST(rtp_source_believes_a_jump_only_twice) {
  wr_rtp_source_init(&source, 5, 48000);
  for (uint32_t i = 0; i < 10; i++) receive(100, i);
  receive(40007, 0); /* alone: not counted */
  receive(100, 10);
  wr_rtp_source_report(&source, &report, 0);
  CHECK_EQ(report.highest_seq, 110);
  CHECK_EQ(report.cumulative_lost, 0);
  receive(40000, 1);
  receive(40000, 2); /* follows it: the sender began anew, counting starts at this one */
  receive(40000, 3);
  wr_rtp_source_report(&source, &report, 0);
  CHECK_EQ(report.highest_seq, 40003);
  CHECK_EQ(report.cumulative_lost, 0);
  CHECK_EQ(source.received, 2);
}

TEST(rtp_source_limits_of_dropout_and_misorder) {
  wr_rtp_source_init(&source, 5, 48000);
  receive(1000, 0);
  receive(1000 + 2999, 0); /* MAX_DROPOUT is the first that is too far */
  CHECK_EQ(source.highest_seq, 3999);
  receive(3999 + 3000, 0);
  CHECK_EQ(source.highest_seq, 3999);
  CHECK_EQ(source.received, 2);
  receive(3999 - 99, 0); /* a late one */
  CHECK_EQ(source.received, 3);
  receive(3999 - 100, 0); /* too late for RFC 3550 A.1 */
  CHECK_EQ(source.received, 3);
  CHECK_EQ(source.highest_seq, 3999);
}

/* The jitter of RFC 3550 6.4.1 in floating point: J += (|D| - J) / 16. */
TEST(rtp_source_jitter_follows_the_formula) {
  check_rng rng = {.state = 3};
  wr_rtp_source_init(&source, 5, 48000);
  double want = 0, last_transit = 0;
  uint32_t timestamp = 0xfffff000u; /* wraps */
  for (uint32_t i = 0; i < 3000; i++) {
    wr_time now = WR_S(100) + WR_MS(20) * i + (wr_time)(check_rng_u32(&rng) % 960) * 125 / 6;
    double transit = (double)now * 48000 / 1e6 - 960.0 * i;
    double difference = transit > last_transit ? transit - last_transit : last_transit - transit;
    if (i) want += (difference - want) / 16;
    last_transit = transit;
    wr_rtp_source_received(&source, (uint16_t)i, timestamp, 80, now);
    timestamp += 960;
  }
  wr_rtp_source_report(&source, &report, 0);
  CHECK(want > 100 && want < 600);
  CHECK(report.jitter + 2 >= (uint32_t)want && report.jitter <= (uint32_t)want + 2);
}

TEST(rtp_source_jitter_ignores_a_new_clock) {
  wr_rtp_source_init(&source, 5, 48000);
  wr_rtp_source_received(&source, 1, 0, 80, 0);
  wr_rtp_source_received(&source, 2, 0x80000000u, 80, WR_MS(20));
  wr_rtp_source_received(&source, 3, 0x80000000u + 960, 80, WR_MS(40));
  wr_rtp_source_report(&source, &report, 0);
  CHECK_EQ(report.jitter, 0);
}

TEST(rtp_source_report_before_any_packet_is_empty) {
  wr_rtp_source_init(&source, 5, 48000);
  wr_rtp_source_report(&source, &report, WR_S(5));
  CHECK_EQ(report.ssrc, 5);
  CHECK_EQ(report.highest_seq, 0);
  CHECK_EQ(report.cumulative_lost, 0);
  CHECK_EQ(report.last_sr, 0);
  CHECK_EQ(report.delay_since_last_sr, 0);
}

/* Counts what a list of all expected numbers would: for any loss, reordering within 50 and duplication. */
TEST(rtp_source_agrees_with_a_list) {
  for (uint64_t seed = 1; seed <= 200; seed++) {
    check_rng rng = {.state = seed};
    uint16_t first = (uint16_t)check_rng_u32(&rng);
    int64_t received = 0, highest = -1, expected_prior = 0, received_prior = 0;
    wr_rtp_source_init(&source, 1, 48000);
    for (uint32_t i = 0; i < 5000; i++) {
      uint32_t kind = check_rng_u32(&rng) % 16;
      if (i && kind < 3) continue; /* lost */
      int64_t index = i;
      if (kind == 3 && highest > 60) index = highest - check_rng_u32(&rng) % 50; /* late or twice */
      receive(first, (uint32_t)index);
      received++;
      if (index > highest) highest = index;
      if (check_rng_u32(&rng) % 400) continue;
      wr_rtp_source_report(&source, &report, 0);
      int64_t expected = highest + 1, interval = expected - expected_prior;
      int64_t lost = interval - (received - received_prior);
      REQUIRE(report.cumulative_lost == expected - received);
      REQUIRE(report.highest_seq == first + (uint32_t)highest);
      REQUIRE(report.fraction_lost == (lost > 0 ? lost * 256 / interval : 0));
      expected_prior = expected;
      received_prior = received;
    }
  }
}

TEST(rtcp_round_trip_of_the_example_in_rfc_3550) {
  /* RFC 3550 figure 2: A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 0x0005:4000; the round trip is 6.125 s. */
  wr_rtcp_report r = {.last_sr = 0xb7052000u, .delay_since_last_sr = 0x00054000u};
  CHECK_EQ(wr_rtcp_rtt_us(&r, 0xb7108000ull << 16), 6125000);
  CHECK_EQ(wr_rtcp_rtt_us(&r, 0xb7052000ull << 16), 0); /* answered before it was asked: cannot be told */
  r.last_sr = 0;
  CHECK_EQ(wr_rtcp_rtt_us(&r, 0xb7108000ull << 16), 0);
  r = (wr_rtcp_report){.last_sr = 0xffff0000u, .delay_since_last_sr = 0x8000};
  CHECK_EQ(wr_rtcp_rtt_us(&r, 0x00000000ull << 16), 500000); /* over the wrap */
}

TEST(rtcp_round_trip_through_both_sides) {
  for (wr_time start = 1; start < WR_S(300); start += WR_S(7) + 12345) {
    wr_time sent = start, arrived = sent + WR_MS(30), reported = arrived + WR_MS(700), back = reported + WR_MS(50);
    wr_rtp_source_init(&source, 5, 48000);
    wr_rtp_source_sr(&source, wr_ntp_of(sent), arrived);
    wr_rtp_source_report(&source, &report, reported);
    int64_t rtt = wr_rtcp_rtt_us(&report, wr_ntp_of(back));
    if (report.last_sr) CHECK(rtt > 80000 - 50 && rtt < 80000 + 50);
  }
}

TEST(rtp_source_delay_since_sr_saturates) {
  wr_rtp_source_init(&source, 5, 48000);
  wr_rtp_source_sr(&source, 1ull << 32, WR_S(10));
  wr_rtp_source_report(&source, &report, WR_S(10) + WR_S(65536));
  CHECK_EQ(report.delay_since_last_sr, UINT32_MAX);
  wr_rtp_source_report(&source, &report, WR_S(12) + WR_MS(500));
  CHECK_EQ(report.delay_since_last_sr, 0x28000);
  wr_rtp_source_report(&source, &report, WR_S(9));
  CHECK_EQ(report.delay_since_last_sr, 0);
}
