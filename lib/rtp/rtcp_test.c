#include "rtp/rtcp.h"

#include "check.h"

static wr_rtcp_packet packet;
static uint8_t bytes[2048];

static wr_reader reader_of_hex(const char *hex) {
  return wr_reader_of(wr_bytes_of(bytes, check_hex(bytes, sizeof bytes, hex)));
}

TEST(rtcp_reads_a_compound_packet_by_packet) {
  wr_reader r = reader_of_hex(
      "81c8000c 11111111 e0000001 80000000 00000064 0000000a 000003e8"
      "  22222222 40ffffff 0001000a 00000007 00018000 00008000"
      "81ca0003 11111111 0105 68656c6c6f 00"
      "81cb0001 11111111");
  REQUIRE(wr_rtcp_read(&packet, &r));
  CHECK_EQ(packet.kind, WR_RTCP_SR);
  CHECK_EQ(packet.ssrc, 0x11111111);
  CHECK_EQ(packet.ntp, (int64_t)0xe000000180000000u);
  CHECK_EQ(packet.rtp_timestamp, 100);
  CHECK_EQ(packet.packets, 10);
  CHECK_EQ(packet.bytes, 1000);
  REQUIRE(packet.n_reports == 1);
  CHECK_EQ(packet.report[0].ssrc, 0x22222222);
  CHECK_EQ(packet.report[0].fraction_lost, 64);
  CHECK_EQ(packet.report[0].cumulative_lost, -1); /* 24 bits, signed: more duplicates than losses */
  CHECK_EQ(packet.report[0].highest_seq, 0x1000a);
  CHECK_EQ(packet.report[0].jitter, 7);
  CHECK_EQ(packet.report[0].last_sr, 0x18000);
  CHECK_EQ(packet.report[0].delay_since_last_sr, 0x8000);
  REQUIRE(wr_rtcp_read(&packet, &r));
  CHECK_EQ(packet.kind, WR_RTCP_SDES);
  CHECK_EQ(packet.ssrc, 0x11111111);
  CHECK_BYTES(packet.cname.data, packet.cname.len, "hello", 5);
  REQUIRE(wr_rtcp_read(&packet, &r));
  CHECK_EQ(packet.kind, WR_RTCP_BYE);
  CHECK_EQ(packet.ssrc, 0x11111111);
  CHECK(!wr_rtcp_read(&packet, &r));
  CHECK(!r.failed);
}

static wr_rtcp_kind kind_of(const char *hex) {
  wr_reader r = reader_of_hex(hex);
  CHECK(wr_rtcp_read(&packet, &r));
  CHECK(wr_reader_done(&r));
  return packet.kind;
}

TEST(rtcp_knows_each_kind_alone) {
  CHECK_EQ(kind_of("80c90001 00000001"), WR_RTCP_RR);
  CHECK_EQ(kind_of("80ca0000"), WR_RTCP_SDES);
  CHECK_EQ(kind_of("80cb0000"), WR_RTCP_BYE);
  CHECK_EQ(kind_of("80cc0002 00000001 61626364"), WR_RTCP_APP);
  CHECK_EQ(kind_of("81cd0003 00000001 00000002 00050003"), WR_RTCP_NACK);
  CHECK_EQ(packet.media_ssrc, 2);
  CHECK_EQ(kind_of("8fcd0003 00000001 00000002 00050003"), WR_RTCP_TWCC);
  CHECK_EQ(packet.body.len, 4);
  CHECK_EQ(kind_of("83cd0002 00000001 00000002"), WR_RTCP_OTHER);
  CHECK_EQ(kind_of("8bcd0002 00000001 00000002"), WR_RTCP_CCFB); /* about nobody: just the time of the report */
  CHECK_EQ(packet.body.len, 4);
  CHECK_EQ(kind_of("81ce0002 00000001 00000002"), WR_RTCP_PLI);
  CHECK_EQ(kind_of("84ce0004 00000001 00000002 00000003 01000000"), WR_RTCP_FIR);
  CHECK_EQ(kind_of("8fce0005 00000001 00000000 52454d42 01000000 00000007"), WR_RTCP_REMB);
  CHECK_EQ(packet.body.len, 8);
  CHECK_EQ(kind_of("8fce0003 00000001 00000000 41424344"), WR_RTCP_OTHER);
  CHECK_EQ(kind_of("80cf0001 00000001"), WR_RTCP_XR);
  CHECK_EQ(kind_of("80d10001 00000001"), WR_RTCP_OTHER);
  CHECK_EQ(kind_of("82cb0003 00000001 00000002 03627965"), WR_RTCP_BYE); /* with a reason */
  CHECK_EQ(packet.body.len, 8);
}

TEST(rtcp_padding_is_cut_and_checked) {
  CHECK_EQ(kind_of("a0c90002 00000001 00000004"), WR_RTCP_RR);
  CHECK_EQ(packet.body.len, 0);
  static const char *const bad[] = {
      "a0c90001 00000000",          /* no padding in it */
      "a0c90001 00000003",          /* reaches into the sender's SSRC */
      "a0c90002 00000001 00000008", /* reaches over the sender's SSRC: nothing is left for it */
      "a0c90002 00000001 0000000c", /* longer than the packet */
      "a0c90000",
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    wr_reader r = reader_of_hex(bad[i]);
    CHECK(!wr_rtcp_read(&packet, &r));
    CHECK(r.failed);
  }
}

/* As libwebrtc writes transport-wide feedback: one small delta, and a byte to fill the word, which is counted. */
TEST(rtcp_padding_of_feedback_fills_a_word) {
  CHECK_EQ(kind_of("afcd0005 00000001 00000002 00010001 00000000 20010401"), WR_RTCP_TWCC);
  CHECK_EQ(packet.body.len, 11);
  CHECK_EQ(kind_of("afcd0006 00000001 00000002 00010002 00000000 20020404 00000004"), WR_RTCP_TWCC);
  CHECK_EQ(packet.body.len, 12);
}

TEST(rtcp_refuses_packets_that_lie_about_their_length) {
  static const char *const bad[] = {
      "80c9",
      "80c90002 00000001",                   /* longer than the datagram */
      "40c90001 00000001",                   /* version 1 */
      "81c90001 00000001",                   /* one report, none there */
      "80c80001 00000001",                   /* SR without sender information */
      "81ca0002 00000001 01ff6161",          /* CNAME longer than the packet */
      "81ca0002 00000001 01026162",          /* the list has no end */
      "82ca0002 00000001 01006100 00000001", /* one chunk of two, then bytes that are no packet */
      "82cb0001 00000001",                   /* two sources, one there */
      "81cd0001 00000001",                   /* feedback without a media source */
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    wr_reader r = reader_of_hex(bad[i]);
    CHECK(!wr_rtcp_read(&packet, &r));
    CHECK(r.failed);
    CHECK(!wr_rtcp_read(&packet, &r)); /* and it stays so */
  }
}

TEST(rtcp_sdes_finds_the_cname_among_items_and_chunks) {
  /* chunk 1: NAME; chunk 2: TOOL, CNAME */
  wr_reader r = reader_of_hex("82ca0007 00000001 0204 6e616d65 0000 00000002 0603 612062 0103 634064 0000");
  REQUIRE(wr_rtcp_read(&packet, &r) && wr_reader_done(&r));
  CHECK_EQ(packet.ssrc, 2);
  CHECK_BYTES(packet.cname.data, packet.cname.len, "c@d", 3);
}

static size_t unpack(const wr_rtcp_packet *nack, uint16_t *seqs, size_t cap) {
  size_t n = 0;
  uint16_t seq;
  for (size_t at = 0; n < cap && wr_rtcp_next_nack(nack, &at, &seq);) seqs[n++] = seq;
  return n;
}

TEST(rtcp_nack_packs_seventeen_into_one_item) {
  uint16_t seqs[18], got[32];
  for (uint16_t i = 0; i < 18; i++) seqs[i] = (uint16_t)(65530 + i); /* over the wrap */
  wr_writer w = wr_writer_of(bytes, sizeof bytes);
  wr_rtcp_write_nack(&w, 1, 2, seqs, 17);
  CHECK_EQ(wr_writer_len(&w), 16);
  CHECK_EQ(wr_get_u16(bytes + 14), 0xffff);
  w = wr_writer_of(bytes, sizeof bytes);
  wr_rtcp_write_nack(&w, 1, 2, seqs, 18);
  CHECK_EQ(wr_writer_len(&w), 20);
  wr_reader r = wr_reader_of(wr_bytes_of(bytes, 20));
  REQUIRE(wr_rtcp_read(&packet, &r));
  size_t n = unpack(&packet, got, 32);
  CHECK_BYTES(got, n * 2, seqs, sizeof seqs);
  w = wr_writer_of(bytes, sizeof bytes);
  wr_rtcp_write_nack(&w, 1, 2, seqs, 0);
  CHECK_EQ(wr_writer_len(&w), 0);
  CHECK(wr_writer_ok(&w));
}

TEST(rtcp_nack_names_exactly_the_lost_packets) {
  check_rng rng = {.state = 11};
  for (int round = 0; round < 2000; round++) {
    uint16_t seqs[100], got[128], seq = (uint16_t)check_rng_u32(&rng);
    size_t n = 1 + check_rng_u32(&rng) % 100;
    uint32_t spread = 1 + check_rng_u32(&rng) % 30;
    for (size_t i = 0; i < n; i++) seqs[i] = seq = (uint16_t)(seq + 1 + check_rng_u32(&rng) % spread);
    wr_writer w = wr_writer_of(bytes, sizeof bytes);
    wr_rtcp_write_nack(&w, 3, 4, seqs, n);
    wr_reader r = wr_reader_of(wr_bytes_of(bytes, wr_writer_len(&w)));
    REQUIRE(wr_rtcp_read(&packet, &r) && wr_reader_done(&r));
    size_t n_got = unpack(&packet, got, 128);
    CHECK_BYTES(got, n_got * 2, seqs, n * 2);
  }
}

TEST(rtcp_reads_back_what_it_writes) {
  check_rng rng = {.state = 5};
  for (size_t n = 0; n <= 31; n++) {
    wr_rtcp_report reports[31];
    for (size_t i = 0; i < n; i++) {
      int32_t lost = (int32_t)(check_rng_u32(&rng) & 0xffffff) - 0x800000;
      reports[i] = (wr_rtcp_report){.ssrc = check_rng_u32(&rng),
                                    .fraction_lost = (uint8_t)check_rng_u32(&rng),
                                    .cumulative_lost = lost,
                                    .highest_seq = check_rng_u32(&rng),
                                    .jitter = check_rng_u32(&rng),
                                    .last_sr = check_rng_u32(&rng),
                                    .delay_since_last_sr = check_rng_u32(&rng)};
    }
    wr_rtcp_sender_info info = {.ntp = 0x123456789abcdefu, .rtp_timestamp = 1, .packets = 2, .bytes = 3};
    wr_writer w = wr_writer_of(bytes, sizeof bytes);
    wr_rtcp_write_sr(&w, 77, &info, reports, n);
    wr_rtcp_write_rr(&w, 78, reports, n);
    wr_rtcp_write_pli(&w, 79, 80);
    wr_rtcp_write_bye(&w, 81);
    REQUIRE(wr_writer_ok(&w));
    wr_reader r = wr_reader_of(wr_bytes_of(bytes, wr_writer_len(&w)));
    REQUIRE(wr_rtcp_read(&packet, &r) && packet.kind == WR_RTCP_SR && packet.ntp == info.ntp);
    REQUIRE(wr_rtcp_read(&packet, &r) && packet.kind == WR_RTCP_RR && packet.n_reports == n);
    for (size_t i = 0; i < n; i++) {
      CHECK_EQ(packet.report[i].cumulative_lost, reports[i].cumulative_lost);
      CHECK_EQ(packet.report[i].fraction_lost, reports[i].fraction_lost);
      CHECK_EQ(packet.report[i].highest_seq, reports[i].highest_seq);
      CHECK_EQ(packet.report[i].delay_since_last_sr, reports[i].delay_since_last_sr);
    }
    REQUIRE(wr_rtcp_read(&packet, &r) && packet.kind == WR_RTCP_PLI && packet.media_ssrc == 80);
    REQUIRE(wr_rtcp_read(&packet, &r) && packet.kind == WR_RTCP_BYE && packet.ssrc == 81);
    CHECK(wr_reader_done(&r));
  }
}

TEST(rtcp_writes_cnames_of_every_length) {
  uint8_t name[255];
  memset(name, 'n', sizeof name);
  for (size_t len = 0; len <= 255; len++) {
    wr_writer w = wr_writer_of(bytes, sizeof bytes);
    wr_rtcp_write_sdes_cname(&w, 9, wr_bytes_of(name, len));
    REQUIRE(wr_writer_ok(&w) && wr_writer_len(&w) % 4 == 0);
    wr_reader r = wr_reader_of(wr_bytes_of(bytes, wr_writer_len(&w)));
    REQUIRE(wr_rtcp_read(&packet, &r) && wr_reader_done(&r));
    CHECK(packet.kind == WR_RTCP_SDES && packet.ssrc == 9);
    CHECK_BYTES(packet.cname.data, packet.cname.len, name, len);
  }
}

TEST(rtcp_cumulative_loss_is_clamped_not_wrapped) {
  wr_rtcp_report reports[2] = {{.cumulative_lost = INT32_MAX}, {.cumulative_lost = INT32_MIN}};
  wr_writer w = wr_writer_of(bytes, sizeof bytes);
  wr_rtcp_write_rr(&w, 1, reports, 2);
  wr_reader r = wr_reader_of(wr_bytes_of(bytes, wr_writer_len(&w)));
  REQUIRE(wr_rtcp_read(&packet, &r));
  CHECK_EQ(packet.report[0].cumulative_lost, 0x7fffff);
  CHECK_EQ(packet.report[1].cumulative_lost, -0x800000);
}

TEST(rtcp_writers_leave_a_full_buffer_alone) {
  uint16_t seqs[3] = {1, 100, 200};
  wr_rtcp_report report = {0};
  wr_rtcp_sender_info info = {0};
  memset(bytes, 0xee, sizeof bytes);
  for (size_t cap = 0; cap < 24; cap++) {
    wr_writer w = wr_writer_of(bytes, cap);
    wr_rtcp_write_sr(&w, 1, &info, &report, 1);
    CHECK(!wr_writer_ok(&w));
    w = wr_writer_of(bytes, cap);
    wr_rtcp_write_nack(&w, 1, 2, seqs, 3);
    CHECK(!wr_writer_ok(&w));
    CHECK_EQ(bytes[cap], 0xee);
  }
}

TEST(rtcp_is_told_from_rtp_by_its_second_byte) {
  static const uint8_t sr[] = {0x80, 200}, opus[] = {0x80, 111}, marked[] = {0x80, 111 | 0x80},
                       short_one[] = {0x80};
  CHECK(wr_rtcp_is(wr_bytes_of(sr, 2)));
  CHECK(!wr_rtcp_is(wr_bytes_of(opus, 2)));
  CHECK(!wr_rtcp_is(wr_bytes_of(marked, 2)));
  CHECK(!wr_rtcp_is(wr_bytes_of(short_one, 1)));
}

TEST(rtcp_writes_fir_with_the_source_in_its_entry) {
  wr_writer w = wr_writer_of(bytes, 32);
  wr_rtcp_write_fir(&w, 1, 2, 7);
  CHECK_BYTES(bytes, wr_writer_len(&w), "\x84\xce\0\4\0\0\0\1\0\0\0\0\0\0\0\2\7\0\0\0", 20);
}

/* RFC 3611 4.4, 4.5, with a block of another kind between. */
TEST(rtcp_extended_reports_tell_times_and_answer_them) {
  uint64_t ntp = 0;
  uint32_t last_rr = 0, delay = 0;
  CHECK_EQ(kind_of("80cf000e 00000001  01000002 0000000a 00000000  04000002 0000000a 80000000"
                   "  05000006 00000007 11111111 00000001 00000008 22222222 00010000"),
           WR_RTCP_XR);
  CHECK(wr_rtcp_xr_reference(&packet, &ntp));
  CHECK_EQ(ntp, (int64_t)0x0a80000000);
  CHECK(wr_rtcp_xr_answer(&packet, 8, &last_rr, &delay));
  CHECK_EQ(last_rr, 0x22222222);
  CHECK_EQ(delay, 0x10000);
  CHECK(!wr_rtcp_xr_answer(&packet, 9, &last_rr, &delay));
  static const char *const bad[] = {
      "80cf0001 00000001",                            /* nothing in it */
      "80cf0003 00000001 04000001 0000000a",          /* half a time */
      "80cf0003 00000001 04000002 0000000a",          /* cut off */
      "80cf0004 00000001 05000002 00000008 22222222", /* two words of three */
      "80c90001 00000001",                            /* no extended report */
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    (void)kind_of(bad[i]);
    CHECK(!wr_rtcp_xr_reference(&packet, &ntp) && !wr_rtcp_xr_answer(&packet, 8, &last_rr, &delay));
  }
}

TEST(rtcp_extended_reports_are_read_as_written) {
  uint8_t out[64];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_rtcp_write_xr_reference(&w, 1, 0x1122334455667788u);
  wr_rtcp_write_xr_answer(&w, 1, 2, 0x33445566, 77);
  REQUIRE(wr_writer_ok(&w) && wr_writer_len(&w) == 20 + 24);
  wr_reader r = wr_reader_of(wr_bytes_of(out, wr_writer_len(&w)));
  uint64_t ntp = 0;
  uint32_t last_rr = 0, delay = 0;
  REQUIRE(wr_rtcp_read(&packet, &r) && wr_rtcp_xr_reference(&packet, &ntp));
  CHECK_EQ(ntp, 0x1122334455667788);
  CHECK(!wr_rtcp_xr_answer(&packet, 2, &last_rr, &delay));
  REQUIRE(wr_rtcp_read(&packet, &r) && wr_rtcp_xr_answer(&packet, 2, &last_rr, &delay));
  CHECK_EQ(packet.ssrc, 1);
  CHECK_EQ(last_rr, 0x33445566);
  CHECK_EQ(delay, 77);
  CHECK_EQ(wr_rtcp_delay(WR_S(1), WR_S(1) + WR_MS(1500)), 0x18000);
  CHECK_EQ(wr_rtcp_delay(WR_S(2), WR_S(1)), 0);
}
