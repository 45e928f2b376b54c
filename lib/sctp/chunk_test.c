#include "sctp/chunk.h"

#include "check.h"

static wr_sctp_chunk first_chunk(wr_bytes packet) {
  wr_reader r = wr_reader_of(packet);
  wr_sctp_header header;
  wr_sctp_chunk chunk = {0};
  CHECK(wr_sctp_read_header(&r, &header));
  CHECK(wr_sctp_read_chunk(&r, &chunk));
  return chunk;
}

TEST(sctp_init_is_read_as_written) {
  uint8_t out[256];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_sctp_init_chunk init = {.tag = 0x12345678, .a_rwnd = 131072, .tsn = 7, .n_out = 1024, .n_in = 100};
  init.forward_tsn = init.re_config = init.zero_checksum = true;
  init.cookie = WR_BYTES_LITERAL("cookie!");
  wr_sctp_write_header(&w, 5000, 0);
  wr_sctp_write_init(&w, WR_SCTP_INIT_ACK, &init);
  REQUIRE(wr_writer_ok(&w));
  CHECK_EQ(wr_writer_len(&w) % 4, 0);
  wr_sctp_chunk chunk = first_chunk(wr_bytes_of(out, wr_writer_len(&w)));
  wr_sctp_init_chunk got;
  REQUIRE(wr_sctp_read_init(chunk.body, &got));
  CHECK_EQ(chunk.type, WR_SCTP_INIT_ACK);
  CHECK(got.tag == init.tag && got.a_rwnd == init.a_rwnd && got.tsn == 7 && got.n_out == 1024 && got.n_in == 100);
  CHECK(got.forward_tsn && got.re_config && got.zero_checksum);
  CHECK_BYTES(got.cookie.data, got.cookie.len, "cookie!", 7);
  CHECK_EQ(got.unrecognized.len, 0);
}

/* RFC 9260 3.2: padding between parameters counts, padding after the last one does not. */
TEST(sctp_chunk_length_leaves_out_the_last_padding) {
  uint8_t out[256];
  wr_writer w = wr_writer_of(out, sizeof out);
  wr_sctp_init_chunk init = {.tag = 1, .a_rwnd = 65536, .tsn = 7, .n_out = 1, .n_in = 1, .re_config = true};
  wr_sctp_write_init(&w, WR_SCTP_INIT, &init);
  CHECK_EQ(wr_get_u16(out + 2), 20 + 6); /* the extension list has two bytes */
  CHECK_EQ(wr_writer_len(&w), 28);
}

TEST(sctp_unknown_parameters_follow_their_high_bits) {
  static const struct {
    uint16_t type;
    bool goes_on, reported;
  } cases[] = {{0x3abc, false, false}, {0x7abc, false, true}, {0xbabc, true, false}, {0xfabc, true, true},
               {0x8002, true, false},  {0xc006, true, false}, {0x000c, true, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t out[64];
    wr_writer w = wr_writer_of(out, sizeof out);
    wr_write_u64(&w, 0x0000000100010000u);
    wr_write_u64(&w, 0x0001000100000009u);
    wr_sctp_end_param(&w, wr_sctp_begin_param(&w, cases[i].type));
    wr_sctp_end_param(&w, wr_sctp_begin_param(&w, 0xc000));
    wr_sctp_init_chunk init;
    CHECK(wr_sctp_read_init(wr_bytes_of(out, wr_writer_len(&w)), &init));
    CHECK_EQ(init.forward_tsn, cases[i].goes_on);
    CHECK_EQ(init.unrecognized.len, cases[i].reported ? 4 : 0);
  }
}

/* INITs as peers send them; ports and tags changed. */
TEST(sctp_inits_of_other_implementations_are_read) {
  static const struct {
    const char *hex;
    bool forward_tsn, re_config, zero_checksum;
  } inits[] = {
      /* usrsctp: ECN, FORWARD-TSN, extensions, RANDOM, CHUNKS, HMAC-ALGO */
      {"11223344 00020000 ffff 0800 55667788 8000 0004 c000 0004 8008 000b c0c2 0f80 8182 8300"
       "8002 0008 01020304 8003 0006 80c1 0000 8004 0006 0001 0000",
       true, true, false},
      /* dcsctp: FORWARD-TSN, extensions, zero checksum */
      {"11223344 00500000 ffff ffff 55667788 c000 0004 8008 0006 82c0 0000 8001 0008 00000001", true, true, true},
      /* pion: extensions only */
      {"11223344 00100000 0400 0400 55667788 8008 0006 82c0 0000", true, true, false},
      /* aiortc: FORWARD-TSN and extensions, the last padding left out */
      {"11223344 00020000 ffff ffff 55667788 c000 0004 8008 0005 82", true, true, false},
      /* the bare minimum */
      {"11223344 00020000 0001 0001 55667788", false, false, false},
  };
  for (size_t i = 0; i < sizeof inits / sizeof *inits; i++) {
    uint8_t body[256];
    size_t len = check_hex(body, sizeof body, inits[i].hex);
    wr_sctp_init_chunk init;
    CHECK(wr_sctp_read_init(wr_bytes_of(body, len), &init));
    CHECK_EQ(init.tag, 0x11223344);
    CHECK_EQ(init.tsn, 0x55667788);
    CHECK(init.forward_tsn == inits[i].forward_tsn && init.re_config == inits[i].re_config);
    CHECK_EQ(init.zero_checksum, inits[i].zero_checksum);
    CHECK_EQ(init.unrecognized.len, 0);
  }
}

TEST(sctp_malformed_chunks_end_the_packet) {
  static const char *const bad[] = {"00 03 0003", "00 03 0000", "00 03 0014 00000000", "00"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    uint8_t bytes[32];
    wr_reader r = wr_reader_of(wr_bytes_of(bytes, check_hex(bytes, sizeof bytes, bad[i])));
    wr_sctp_chunk chunk;
    CHECK(!wr_sctp_read_chunk(&r, &chunk));
    CHECK(!wr_reader_ok(&r));
  }
}

TEST(sctp_last_chunk_may_lack_its_padding) {
  uint8_t bytes[32];
  wr_reader r = wr_reader_of(wr_bytes_of(bytes, check_hex(bytes, sizeof bytes, "0b 00 0004 04 00 0006 abcd")));
  wr_sctp_chunk chunk;
  CHECK(wr_sctp_read_chunk(&r, &chunk) && chunk.type == WR_SCTP_COOKIE_ACK);
  CHECK(wr_sctp_read_chunk(&r, &chunk) && chunk.type == WR_SCTP_HEARTBEAT && chunk.body.len == 2);
  CHECK(!wr_sctp_read_chunk(&r, &chunk));
  CHECK(wr_reader_done(&r));
}

TEST(sctp_sack_counts_must_fit_its_bytes) {
  uint8_t body[64];
  wr_sctp_sack_chunk sack;
  size_t len = check_hex(body, sizeof body, "00000010 00010000 0002 0001 0002 0003 0005 0009 0000000f");
  REQUIRE(wr_sctp_read_sack(wr_bytes_of(body, len), &sack));
  uint16_t start, end;
  wr_sctp_sack_gap(&sack, 1, &start, &end);
  CHECK(sack.cumulative == 16 && sack.a_rwnd == 65536 && start == 5 && end == 9);
  CHECK(!wr_sctp_read_sack(wr_bytes_of(body, len - 1), &sack));
}

TEST(sctp_reset_parameters_are_read_as_written) {
  uint8_t out[128];
  wr_writer w = wr_writer_of(out, sizeof out);
  static const uint8_t streams[] = {0, 3, 0, 4, 0, 5};
  wr_sctp_reset request = {.kind = WR_SCTP_RESET_OUTGOING, .sequence = 9, .response_sequence = 8, .last_tsn = 7};
  request.streams = wr_bytes_of(streams, sizeof streams);
  wr_sctp_reset response = {.kind = WR_SCTP_RESET_RESPONSE, .sequence = 5, .result = WR_SCTP_RESET_IN_PROGRESS};
  wr_sctp_write_reset(&w, &request);
  wr_sctp_write_reset(&w, &response);
  wr_reader r = wr_reader_of(wr_bytes_of(out, wr_writer_len(&w)));
  wr_sctp_reset got;
  REQUIRE(wr_sctp_read_reset(&r, &got));
  CHECK(got.kind == WR_SCTP_RESET_OUTGOING && got.sequence == 9 && got.response_sequence == 8 && got.last_tsn == 7);
  CHECK_BYTES(got.streams.data, got.streams.len, streams, sizeof streams);
  REQUIRE(wr_sctp_read_reset(&r, &got));
  CHECK(got.kind == WR_SCTP_RESET_RESPONSE && got.sequence == 5 && got.result == WR_SCTP_RESET_IN_PROGRESS);
  CHECK(!wr_sctp_read_reset(&r, &got));
  CHECK(wr_reader_ok(&r));
}

/* A real packet: COOKIE ACK with its checksum, computed independently bit by bit. */
TEST(sctp_checksum_is_crc32c_sent_low_byte_first) {
  uint8_t packet[16];
  wr_writer w = wr_writer_of(packet, sizeof packet);
  wr_sctp_write_header(&w, 5000, 0xdeadbeef);
  wr_sctp_end(&w, wr_sctp_begin_chunk(&w, WR_SCTP_COOKIE_ACK, 0));
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < sizeof packet; i++) {
    crc ^= packet[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  crc = ~crc;
  wr_sctp_seal(packet, sizeof packet);
  uint8_t want[4] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16), (uint8_t)(crc >> 24)};
  CHECK_BYTES(packet + 8, 4, want, 4);
  CHECK_EQ(wr_sctp_checksum(wr_bytes_of(packet, sizeof packet)), wr_get_u32(packet + 8));
}
