#include "bwe/twcc.h"

#include "check.h"

/* What a reader makes of a whole packet as wr_twcc_write makes it. */
static wr_bytes body_of(const uint8_t *packet, size_t len) { return wr_bytes_of(packet + 12, len - 12); }

TEST(twcc_reads_runs_vectors_and_both_deltas) {
  uint8_t body[64];
  /* base 10, 12 numbers, reference 2 (128 ms), packet 7; run of 2 small; 7 two-bit: 0 1 2 0 0 0 1; run of 3 none */
  size_t len = check_hex(body, sizeof body, "000a 000c 000002 07  2002 d841 0003  04 08 10 ff38 01 0000");
  body[10] = 0xc0 | 0x06; /* 11 | 00 01 10 00 00 00 01: 1100 0110 0000 0001 */
  body[11] = 0x01;
  wr_twcc_reader r;
  REQUIRE(wr_twcc_open(&r, wr_bytes_of(body, len)));
  CHECK_EQ(r.n_feedback, 7);
  wr_twcc_status s;
  int64_t at[12] = {0};
  unsigned n = 0, n_received = 0;
  for (; n < 12 && wr_twcc_next(&r, &s); n++) {
    CHECK_EQ(s.seq, 10 + n);
    at[n] = s.received ? s.at : -1;
    n_received += s.received;
  }
  CHECK(!wr_twcc_next(&r, &s) && !r.failed);
  CHECK_EQ(n, 12);
  CHECK_EQ(n_received, 5);
  CHECK_EQ(at[0], 128000 + 1000);
  CHECK_EQ(at[1], 128000 + 3000);
  CHECK_EQ(at[2], -1);
  CHECK_EQ(at[3], 128000 + 7000);
  CHECK_EQ(at[4], 128000 + 7000 - 50000);
  CHECK_EQ(at[8], 128000 + 7000 - 50000 + 250);
}

TEST(twcc_malformed_is_refused) {
  static const char *const bad[] = {
      "",
      "0001 0001 000000",            /* header cut */
      "0001 0001 000000 00",         /* no chunk */
      "0001 0004 000000 00 2002",    /* chunks for fewer numbers than told */
      "0001 0001 000000 00 2000",    /* a run of nothing would never end */
      "0001 ffff 000000 00 3fff",    /* more than anybody sends */
      "0001 0001 000000 00 2001",    /* no delta */
      "0001 0001 000000 00 4001 00", /* half a delta */
      "0001 0001 000000 00 6001 00", /* the reserved symbol */
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    uint8_t body[64];
    wr_twcc_reader r;
    wr_twcc_status s;
    if (wr_twcc_open(&r, wr_bytes_of(body, check_hex(body, sizeof body, bad[i]))))
      while (wr_twcc_next(&r, &s)) {
      }
    CHECK(r.failed);
  }
}

TEST(twcc_nothing_arrived_writes_nothing) {
  wr_twcc_arrivals a;
  wr_twcc_arrivals_init(&a);
  uint8_t out[WR_TWCC_PACKET_MAX];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_twcc_write(&a, &w, 1, 2);
  CHECK_EQ(wr_writer_len(&w), 0);
}

/* Random arrivals, with losses, reordering and pauses, across the wrap of the numbers and of the reference time:
 * all that was noted is told, with its time to 250 us, and nothing else. */
TEST(twcc_what_was_noted_is_told) {
  check_rng rng = {77};
  unsigned n_told = 0, n_noted = 0;
  for (int round = 0; round < 300; round++) {
    wr_twcc_arrivals a;
    wr_twcc_arrivals_init(&a);
    uint16_t seq = (uint16_t)(65500 + check_rng_u32(&rng) % 60);
    wr_time now = ((wr_time)64000 << 24) - WR_S(1) + (wr_time)(check_rng_u32(&rng) % 2000000);
    static wr_time noted[65536];
    memset(noted, 0, sizeof noted);
    uint16_t first = seq;
    unsigned loss = check_rng_u32(&rng) % 100, n = 1 + check_rng_u32(&rng) % 250;
    for (unsigned i = 0; i < n; i++) {
      now += check_rng_u32(&rng) % 50 ? (wr_time)(check_rng_u32(&rng) % 40000) : WR_S(1);
      uint16_t this = (uint16_t)(seq + (check_rng_u32(&rng) % 10 == 0 && i > 4 ? -3 : 0));
      seq++;
      if ((i && check_rng_u32(&rng) % 100 < loss) || noted[this]) continue;
      if (wr_twcc_arrived(&a, this, now), (int16_t)(this - first) < 0) first = this;
      noted[this] = now;
      n_noted++;
    }
    wr_time base = -1;
    while (a.waiting) {
      uint8_t out[WR_TWCC_PACKET_MAX];
      wr_writer w = wr_writer_of(out, sizeof out);
      wr_twcc_write(&a, &w, 0x11111111, 0x22222222);
      REQUIRE(wr_writer_ok(&w));
      REQUIRE(wr_writer_len(&w) % 4 == 0 && wr_get_u16(out + 2) == wr_writer_len(&w) / 4 - 1);
      wr_twcc_reader r;
      wr_twcc_status s;
      REQUIRE(wr_twcc_open(&r, body_of(out, wr_writer_len(&w))));
      for (; wr_twcc_next(&r, &s); n_told += s.received) {
        REQUIRE(s.received == (noted[s.seq] != 0));
        if (!s.received) continue;
        if (base < 0) base = noted[s.seq] / 250 * 250 - s.at; /* the wrap-around of the peer's clock */
        wr_time off = noted[s.seq] / 250 * 250 - s.at - base;
        REQUIRE(off == 0 || off == (wr_time)64000 << 24 || off == -((wr_time)64000 << 24));
      }
      REQUIRE(!r.failed);
    }
  }
  CHECK_EQ(n_told, n_noted);
}

TEST(twcc_a_late_packet_is_told_and_twice_is_once) {
  wr_twcc_arrivals a;
  wr_twcc_arrivals_init(&a);
  uint8_t out[WR_TWCC_PACKET_MAX];
  wr_twcc_arrived(&a, 5, WR_MS(100));
  wr_twcc_arrived(&a, 7, WR_MS(140));
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_twcc_write(&a, &w, 1, 2);
  CHECK(!a.waiting);
  wr_twcc_arrived(&a, 7, WR_MS(150));
  CHECK(!a.waiting);
  wr_twcc_arrived(&a, 6, WR_MS(160));
  CHECK(a.waiting);
  w = wr_writer_of(out, sizeof out);
  wr_twcc_write(&a, &w, 1, 2);
  wr_twcc_reader r;
  wr_twcc_status s;
  REQUIRE(wr_twcc_open(&r, body_of(out, wr_writer_len(&w))));
  REQUIRE(wr_twcc_next(&r, &s));
  CHECK(s.seq == 6 && s.received && s.at == WR_MS(160));
  REQUIRE(wr_twcc_next(&r, &s));
  CHECK(s.seq == 7 && s.received && s.at == WR_MS(140));
  CHECK(!wr_twcc_next(&r, &s));
}

TEST(twcc_a_jump_forgets_what_is_out_of_the_window) {
  wr_twcc_arrivals a;
  wr_twcc_arrivals_init(&a);
  wr_twcc_arrived(&a, 1, WR_MS(1));
  for (uint16_t seq = 2; seq < 400; seq++) wr_twcc_arrived(&a, seq, WR_MS(seq));
  CHECK_EQ(a.next, 400 - WR_TWCC_WINDOW);
  wr_twcc_arrived(&a, 20000, WR_MS(500));
  CHECK_EQ(a.next, 20000);
  wr_twcc_arrived(&a, 399, WR_MS(501)); /* older than the window */
  CHECK_EQ(a.next, 20000);
}
