#include "bwe/ccfb.h"

#include "check.h"

/* Behind the header and the sender's SSRC. */
static wr_bytes body_of(const uint8_t *packet, size_t len) { return wr_bytes_of(packet + 8, len - 8); }

TEST(ccfb_reads_blocks_of_several_sources) {
  uint8_t body[64];
  /* SSRC 1: 65535, 0, 1, the second not received, and padding; SSRC 2: none; SSRC 3: 7, 8, without times */
  size_t len = check_hex(body, sizeof body,
                         "00000001 ffff 0003 8400 0000 e001 0000  00000002 0005 0000  00000003 0007 0002 9ffe 9fff"
                         "  00020000");
  wr_ccfb_reader r;
  wr_ccfb_status s;
  REQUIRE(wr_ccfb_open(&r, wr_bytes_of(body, len)));
  REQUIRE(wr_ccfb_next(&r, &s));
  CHECK(s.ssrc == 1 && s.seq == 65535 && s.received);
  CHECK_EQ(s.at, WR_S(1)); /* the report's 2 s less 1024 of 1/1024 s */
  REQUIRE(wr_ccfb_next(&r, &s));
  CHECK(s.ssrc == 1 && s.seq == 0 && !s.received && s.at == WR_NEVER);
  REQUIRE(wr_ccfb_next(&r, &s));
  CHECK(s.ssrc == 1 && s.seq == 1 && s.received); /* with a mark of congestion, which is not looked at */
  CHECK_EQ(s.at, WR_S(2) - 976 - 1);
  for (uint16_t seq = 7; seq <= 8; seq++) {
    REQUIRE(wr_ccfb_next(&r, &s));
    CHECK(s.ssrc == 3 && s.seq == seq && s.received && s.at == WR_NEVER);
  }
  CHECK(!wr_ccfb_next(&r, &s) && !r.failed);
}

TEST(ccfb_malformed_is_refused) {
  static const char *const bad[] = {
      "",
      "0002",
      "00000001 0001",                         /* no whole words */
      "00000001 00020000",                     /* half a block */
      "00000001 0001 0001 00020000",           /* a number without its metric: the time is not one */
      "00000001 0001 0003 8000 8000 00020000", /* less than is told */
      "00000001 0001 4001 8000 8000 00020000", /* more than may be told */
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    uint8_t body[64];
    wr_ccfb_reader r;
    wr_ccfb_status s;
    if (wr_ccfb_open(&r, wr_bytes_of(body, check_hex(body, sizeof body, bad[i]))))
      while (wr_ccfb_next(&r, &s)) {
      }
    CHECK(r.failed);
  }
}

TEST(ccfb_nothing_arrived_writes_nothing) {
  wr_ccfb_arrivals a;
  wr_ccfb_arrivals_init(&a);
  uint8_t out[WR_CCFB_PACKET_MAX];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_ccfb_write(&a, &w, 1, WR_S(1));
  CHECK_EQ(wr_writer_len(&w), 0);
}

/* Random arrivals of three sources, with losses and reordering, across the wrap of the numbers and of the clock:
 * all that was noted is told, with its time to a millisecond, and nothing else. */
TEST(ccfb_what_was_noted_is_told) {
  check_rng rng = {78};
  unsigned n_told = 0, n_noted = 0;
  static wr_time noted[3][65536];
  for (int round = 0; round < 200; round++) {
    wr_ccfb_arrivals a;
    wr_ccfb_arrivals_init(&a);
    memset(noted, 0, sizeof noted);
    uint16_t seq[3];
    for (unsigned i = 0; i < 3; i++) seq[i] = (uint16_t)(65500 + check_rng_u32(&rng) % 60);
    wr_time now = WR_CCFB_CLOCK_US - WR_S(1) + (wr_time)(check_rng_u32(&rng) % 2000000);
    unsigned loss = check_rng_u32(&rng) % 60;
    bool first[3] = {true, true, true};
    for (int report = 0; report < 5; report++) {
      unsigned n = check_rng_u32(&rng) % WR_CCFB_KEPT;
      for (unsigned i = 0; i < n; i++) {
        now += (wr_time)(check_rng_u32(&rng) % 40000);
        unsigned source = check_rng_u32(&rng) % 3;
        bool late = check_rng_u32(&rng) % 10 == 0 && !first[source];
        uint16_t this = (uint16_t)(seq[source] - (late ? 3 : 0));
        seq[source]++;
        if (!first[source] && (check_rng_u32(&rng) % 100 < loss || noted[source][this])) continue;
        if (late && (uint16_t)(this - 65500) > 30000) continue; /* before the first one */
        first[source] = false;
        CHECK(wr_ccfb_arrived(&a, 100 + source, this, now));
        noted[source][this] = now;
        n_noted++;
      }
      now += (wr_time)(check_rng_u32(&rng) % 100000);
      uint8_t out[WR_CCFB_PACKET_MAX];
      wr_writer w = wr_writer_of(out, sizeof out);
      wr_ccfb_write(&a, &w, 0x11111111, now);
      REQUIRE(wr_writer_ok(&w));
      if (!wr_writer_len(&w)) continue;
      REQUIRE(wr_writer_len(&w) % 4 == 0 && wr_get_u16(out + 2) == wr_writer_len(&w) / 4 - 1);
      wr_ccfb_reader r;
      wr_ccfb_status s;
      REQUIRE(wr_ccfb_open(&r, body_of(out, wr_writer_len(&w))));
      while (wr_ccfb_next(&r, &s)) {
        if (!s.received) continue;
        n_told++;
        wr_time at = noted[s.ssrc - 100][s.seq];
        REQUIRE(at != 0);
        if (s.at == WR_NEVER) continue;
        wr_time off = (at % WR_CCFB_CLOCK_US - s.at) % WR_CCFB_CLOCK_US;
        REQUIRE(off >= -1000 && off <= 20);
      }
      REQUIRE(!r.failed);
    }
  }
  CHECK_EQ(n_told, n_noted);
  CHECK(n_noted > 20000);
}

TEST(ccfb_holes_between_reports_and_late_ones_are_told) {
  wr_ccfb_arrivals a;
  wr_ccfb_arrivals_init(&a);
  uint8_t out[WR_CCFB_PACKET_MAX];
  wr_ccfb_reader r;
  wr_ccfb_status s;
  CHECK(wr_ccfb_arrived(&a, 9, 5, WR_S(1)));
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_ccfb_write(&a, &w, 1, WR_S(1));
  CHECK(wr_ccfb_arrived(&a, 9, 7, WR_S(2)) && wr_ccfb_arrived(&a, 9, 7, WR_S(2) + WR_MS(500)));
  w = wr_writer_of(out, sizeof out);
  wr_ccfb_write(&a, &w, 1, WR_S(3));
  REQUIRE(wr_ccfb_open(&r, body_of(out, wr_writer_len(&w))));
  CHECK(wr_ccfb_next(&r, &s) && s.seq == 6 && !s.received);
  CHECK(wr_ccfb_next(&r, &s) && s.seq == 7 && s.received && s.at == WR_S(2)); /* the first time counts */
  CHECK(!wr_ccfb_next(&r, &s));
  CHECK(wr_ccfb_arrived(&a, 9, 6, WR_S(4)));
  w = wr_writer_of(out, sizeof out);
  wr_ccfb_write(&a, &w, 1, WR_S(4));
  REQUIRE(wr_ccfb_open(&r, body_of(out, wr_writer_len(&w))));
  CHECK(wr_ccfb_next(&r, &s) && s.seq == 6 && s.received);
  CHECK(!wr_ccfb_next(&r, &s));
}

TEST(ccfb_is_bounded) {
  wr_ccfb_arrivals a;
  wr_ccfb_arrivals_init(&a);
  for (uint32_t i = 0; i + 1 < WR_CCFB_KEPT; i++) CHECK(wr_ccfb_arrived(&a, i % 4, (uint16_t)(i * 100), WR_S(1)));
  CHECK(!wr_ccfb_arrived(&a, 1, 40000, WR_S(1))); /* the last one that is noted */
  CHECK(!wr_ccfb_arrived(&a, 1, 40001, WR_S(1)));
  CHECK_EQ(a.n, WR_CCFB_KEPT);
  uint8_t out[WR_CCFB_PACKET_MAX];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_ccfb_write(&a, &w, 1, WR_S(20)); /* longer ago than can be told */
  CHECK(wr_writer_ok(&w) && wr_writer_len(&w) > 4 * 2 * WR_CCFB_RANGE);
  wr_ccfb_reader r;
  wr_ccfb_status s;
  REQUIRE(wr_ccfb_open(&r, body_of(out, wr_writer_len(&w))));
  while (wr_ccfb_next(&r, &s)) CHECK(s.at == WR_NEVER);
  CHECK(!r.failed);
  for (uint32_t ssrc = 10; ssrc < 20; ssrc++) CHECK(wr_ccfb_arrived(&a, ssrc, 1, WR_S(21)));
  w = wr_writer_of(out, sizeof out);
  wr_ccfb_write(&a, &w, 1, WR_S(21)); /* of more sources than are kept the last are told */
  CHECK_EQ(wr_writer_len(&w), 8 + WR_CCFB_SOURCES * 12 + 4);
}
