#include "rtp/rtp.h"

#include "check.h"

static wr_rtp_packet packet;
static uint8_t bytes[512];

static wr_err read_hex(const char *hex) {
  return wr_rtp_read(&packet, wr_bytes_of(bytes, check_hex(bytes, 512, hex)));
}

TEST(rtp_reads_the_fixed_header) {
  REQUIRE(read_hex("80 ef 1234 89abcdef deadbeef 01 02 03") == WR_OK);
  CHECK(packet.marker);
  CHECK_EQ(packet.payload_type, 111);
  CHECK_EQ(packet.seq, 0x1234);
  CHECK_EQ(packet.timestamp, 0x89abcdefu);
  CHECK_EQ(packet.ssrc, 0xdeadbeefu);
  CHECK_EQ(packet.n_csrc, 0);
  CHECK_EQ(packet.extension_profile, 0);
  CHECK_BYTES(packet.payload.data, packet.payload.len, "\1\2\3", 3);
  CHECK(read_hex("80 6f 1234 89abcdef deadbeef") == WR_OK);
  CHECK_EQ(packet.payload.len, 0);
}

TEST(rtp_reads_sources_extension_and_padding_together) {
  REQUIRE(read_hex("b2 6f 0001 00000002 00000003 0000000a 0000000b"
                   "bede 0001 10 7f 00 00 aa bb cc 00 00 03") == WR_OK);
  CHECK_EQ(packet.n_csrc, 2);
  CHECK_EQ(packet.csrc[0], 10);
  CHECK_EQ(packet.csrc[1], 11);
  CHECK_EQ(packet.extension.len, 4);
  CHECK_EQ(packet.padding_bytes, 3);
  CHECK_BYTES(packet.payload.data, packet.payload.len, "\xaa\xbb\xcc", 3);
  /* nothing but padding is allowed (RFC 3550 5.1 gives it no lower bound for the payload) */
  REQUIRE(read_hex("a0 6f 0001 00000002 00000003 00 00 00 04") == WR_OK);
  CHECK_EQ(packet.payload.len, 0);
}

TEST(rtp_refuses_lengths_that_do_not_add_up) {
  static const char *const bad[] = {
      "",
      "80",
      "80 6f 0001 00000002 000000",                         /* short of the SSRC */
      "40 6f 0001 00000002 00000003 00",                    /* version 1 */
      "c0 6f 0001 00000002 00000003 00",                    /* version 3 */
      "82 6f 0001 00000002 00000003 0000000a 000000",       /* short of the second CSRC */
      "90 6f 0001 00000002 00000003 bede",                  /* short of the extension's length */
      "90 6f 0001 00000002 00000003 bede 0002 10 7f 00 00", /* extension longer than the packet */
      "a0 6f 0001 00000002 00000003",                       /* padding of nothing */
      "a0 6f 0001 00000002 00000003 01 00",                 /* padding of 0 bytes */
      "a0 6f 0001 00000002 00000003 01 03",                 /* more padding than payload */
  };
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK_EQ(read_hex(bad[i]), WR_ERR_SYNTAX);
}

static void check_element(uint8_t id, const char *want, size_t want_len) {
  wr_bytes data = wr_rtp_extension(&packet, id);
  CHECK(data.data != NULL);
  CHECK_BYTES(data.data, data.len, want, want_len);
}

static void check_absent(uint8_t id) {
  wr_bytes data = wr_rtp_extension(&packet, id);
  CHECK(data.data == NULL && data.len == 0);
}

TEST(rtp_one_byte_elements_with_padding_between) {
  /* RFC 8285 4.2: padding may stand anywhere between elements. */
  REQUIRE(read_hex("90 6f 0001 00000002 00000003 bede 0003 00 10 85 00  22 61 62 63  00 00 e0 09 ff") == WR_OK);
  check_element(1, "\x85", 1);
  check_element(2, "abc", 3);
  check_element(14, "\x09", 1);
  check_absent(3);
  check_absent(0);
  check_absent(15);
  check_absent(200);
}

TEST(rtp_one_byte_id_15_ends_the_block) {
  REQUIRE(read_hex("90 6f 0001 00000002 00000003 bede 0002 10 85 f0 01  20 07 00 00") == WR_OK);
  check_element(1, "\x85", 1);
  check_absent(2);
  /* id 0 with a length is no padding and nothing after it can be trusted */
  REQUIRE(read_hex("90 6f 0001 00000002 00000003 bede 0002 10 85 01 01  20 07 00 00") == WR_OK);
  check_absent(2);
}

TEST(rtp_one_byte_element_cannot_leave_the_block) {
  REQUIRE(read_hex("90 6f 0001 00000002 00000003 bede 0001 10 85 2f 01  20 07 00 00") == WR_OK);
  check_element(1, "\x85", 1);
  check_absent(2);
}

TEST(rtp_two_byte_elements) {
  REQUIRE(read_hex("90 6f 0001 00000002 00000003 1003 0004 00 01 01 85 00 ff 00 00 14 03 616263 00 00 00") ==
          WR_OK);
  check_element(1, "\x85", 1);
  check_element(255, "", 0);
  check_element(20, "abc", 3);
  check_absent(2);
  REQUIRE(read_hex("90 6f 0001 00000002 00000003 1000 0001 01 05 85 00") == WR_OK);
  check_absent(1);
  REQUIRE(read_hex("90 6f 0001 00000002 00000003 2000 0001 01 01 85 00") == WR_OK);
  check_absent(1); /* a profile of neither form */
}

TEST(rtp_audio_level_is_seven_bits_and_a_flag) {
  uint8_t level;
  bool voice;
  REQUIRE(read_hex("90 6f 0001 00000002 00000003 bede 0001 10 9e 00 00") == WR_OK);
  REQUIRE(wr_rtp_audio_level(&packet, 1, &level, &voice));
  CHECK(voice);
  CHECK_EQ(level, 30);
  CHECK(!wr_rtp_audio_level(&packet, 2, &level, &voice));
}

TEST(rtp_writes_what_browsers_write) {
  wr_rtp_outgoing header = {.marker = true,
                            .payload_type = 111,
                            .seq = 0x1234,
                            .timestamp = 960,
                            .ssrc = 0xdeadbeef,
                            .mid_id = 4,
                            .mid = "0",
                            .level_id = 1,
                            .level_dbov = 30,
                            .voice = true};
  uint8_t want[64];
  size_t want_len = check_hex(want, sizeof want, "90 ef 1234 000003c0 deadbeef bede 0001 10 9e 40 30");
  size_t len = wr_rtp_write_header(&header, bytes, sizeof bytes);
  CHECK_BYTES(bytes, len, want, want_len);
  CHECK_EQ(wr_rtp_write_header(&header, bytes, want_len - 1), 0);
  header.level_id = header.mid_id = 0;
  len = wr_rtp_write_header(&header, bytes, sizeof bytes);
  want_len = check_hex(want, sizeof want, "80 ef 1234 000003c0 deadbeef");
  CHECK_BYTES(bytes, len, want, want_len);
}

TEST(rtp_mid_beyond_16_bytes_takes_the_two_byte_form) {
  char mid[300] = {0};
  memset(mid, 'm', 17);
  wr_rtp_outgoing header = {.mid_id = 1, .mid = mid};
  size_t len = wr_rtp_write_header(&header, bytes, sizeof bytes);
  REQUIRE(len == 12 + 4 + 20);
  REQUIRE(wr_rtp_read(&packet, wr_bytes_of(bytes, len)) == WR_OK);
  CHECK_EQ(packet.extension_profile, 0x1000);
  check_element(1, mid, 17);
  memset(mid, 'm', 256); /* more than any form can say */
  CHECK_EQ(wr_rtp_write_header(&header, bytes, sizeof bytes), 0);
}

static uint8_t random_id(check_rng *rng) {
  uint32_t choice = check_rng_u32(rng);
  return (uint8_t)(choice & 1 ? 0 : choice & 2 ? 1 + (choice >> 8) % 14 : 1 + (choice >> 8) % 255);
}

TEST(rtp_reads_back_every_header_it_writes) {
  check_rng rng = {.state = 7};
  for (int round = 0; round < 20000; round++) {
    char mid[17] = {0};
    size_t mid_len = check_rng_u32(&rng) % 17;
    for (size_t i = 0; i < mid_len; i++) mid[i] = (char)('a' + check_rng_u32(&rng) % 26);
    wr_rtp_outgoing h = {.marker = check_rng_u32(&rng) & 1,
                         .payload_type = check_rng_u32(&rng) & 127,
                         .seq = (uint16_t)check_rng_u32(&rng),
                         .timestamp = check_rng_u32(&rng),
                         .ssrc = check_rng_u32(&rng),
                         .mid_id = random_id(&rng),
                         .mid = mid,
                         .level_id = random_id(&rng),
                         .level_dbov = check_rng_u32(&rng) & 127,
                         .voice = check_rng_u32(&rng) & 1,
                         .twcc_id = random_id(&rng),
                         .twcc_seq = (uint16_t)check_rng_u32(&rng)};
    if (h.level_id == h.mid_id) h.level_id = 0;
    if (h.twcc_id == h.mid_id || h.twcc_id == h.level_id) h.twcc_id = 0;
    size_t len = wr_rtp_write_header(&h, bytes, WR_RTP_HEADER_MAX);
    REQUIRE(len >= 12);
    bytes[len] = 0x55;
    REQUIRE(wr_rtp_read(&packet, wr_bytes_of(bytes, len + 1)) == WR_OK);
    bool same = packet.marker == h.marker && packet.payload_type == h.payload_type && packet.seq == h.seq &&
                packet.timestamp == h.timestamp && packet.ssrc == h.ssrc && packet.payload.len == 1;
    REQUIRE(same);
    uint8_t level = 0;
    bool voice = false;
    REQUIRE(wr_rtp_audio_level(&packet, h.level_id, &level, &voice) == (h.level_id != 0));
    if (h.level_id) REQUIRE(level == h.level_dbov && voice == h.voice);
    if (h.mid_id && mid_len)
      REQUIRE(wr_bytes_equal(wr_rtp_extension(&packet, h.mid_id), wr_bytes_of(mid, mid_len)));
    if (h.twcc_id) REQUIRE(wr_rtp_extension(&packet, h.twcc_id).len == 2);
  }
}
