/* xiaozhi/frame_test.c - framings and the receive rule. */
#include "xiaozhi/frame.h"

#include "check.h"

static wr_bytes bytes_of(uint8_t *memory, size_t cap, const char *hex) {
  return wr_bytes_of(memory, check_hex(memory, cap, hex));
}

TEST(xz_frame_written_is_read_back_in_every_version) {
  check_rng rng = {7};
  for (unsigned version = 1; version <= 3; version++) {
    for (int round = 0; round < 200; round++) {
      uint8_t opus[400], message[420];
      size_t len = 1 + check_rng_u32(&rng) % sizeof opus;
      check_rng_fill(&rng, opus, len);
      size_t n = xz_frame_write(message, sizeof message, version, 77, wr_bytes_of(opus, len));
      CHECK_EQ(n, len + xz_frame_header_size(version));
      xz_frame frame;
      CHECK(xz_frame_read(&frame, version, wr_bytes_of(message, n)));
      CHECK_EQ(frame.framing, version);
      CHECK_EQ(frame.type, XZ_FRAME_OPUS);
      CHECK_EQ(frame.timestamp_ms, version == 2 ? 77 : 0);
      CHECK_BYTES(frame.payload.data, frame.payload.len, opus, len);
    }
  }
}

TEST(xz_frame_layouts_on_the_wire) {
  uint8_t opus[] = {0xaa, 0xbb}, out[32], want[32];
  size_t n = xz_frame_write(out, sizeof out, 2, 0x01020304, wr_bytes_of(opus, 2));
  CHECK_BYTES(out, n, want, check_hex(want, sizeof want, "0002 0000 00000000 01020304 00000002 aabb"));
  n = xz_frame_write(out, sizeof out, 3, 9, wr_bytes_of(opus, 2));
  CHECK_BYTES(out, n, want, check_hex(want, sizeof want, "00 00 0002 aabb"));
  n = xz_frame_write(out, sizeof out, 1, 9, wr_bytes_of(opus, 2));
  CHECK_BYTES(out, n, opus, 2);
}

TEST(xz_frame_that_does_not_fit_is_not_written) {
  uint8_t out[17];
  static uint8_t big[70000];
  static uint8_t room[70010];
  CHECK_EQ(xz_frame_write(out, sizeof out, 2, 0, wr_bytes_of(big, 2)), 0);
  CHECK_EQ(xz_frame_write(out, 1, 1, 0, wr_bytes_of(big, 2)), 0);
  CHECK_EQ(xz_frame_write(room, sizeof room, 3, 0, wr_bytes_of(big, 65536)), 0);
}

/* Pitfall: a TOC byte can look like a header. Only the announced version is believed, and only if its size fits. */
TEST(xz_frame_is_never_guessed) {
  uint8_t memory[64];
  xz_frame frame;
  wr_bytes v3 = bytes_of(memory, sizeof memory, "00 00 0002 aabb");
  CHECK(xz_frame_read(&frame, 1, v3));
  CHECK_EQ(frame.payload.len, 6);
  CHECK(xz_frame_read(&frame, 2, v3));
  CHECK_EQ(frame.framing, 1);
  CHECK(xz_frame_read(&frame, 3, wr_bytes_of(memory, 5)));
  CHECK_EQ(frame.framing, 1);
  CHECK_EQ(frame.payload.len, 5);
  CHECK(!xz_frame_read(&frame, 1, wr_bytes_of(memory, 0)));
  CHECK(!xz_frame_read(&frame, 3, bytes_of(memory, sizeof memory, "00 00 0000")));
}

/* One bridge fills only timestamp and length; one server writes 1, 0, length, sequence first. */
TEST(xz_frame_version_2_of_bridges_is_understood) {
  uint8_t memory[64];
  xz_frame frame;
  CHECK(xz_frame_read(&frame, 2, bytes_of(memory, sizeof memory, "0000000000000000 00000005 00000001 cc")));
  CHECK_EQ(frame.framing, 2);
  CHECK_EQ(frame.timestamp_ms, 5);
  CHECK(xz_frame_read(&frame, 2, bytes_of(memory, sizeof memory, "0100 0001 00000009 00000005 00000001 cc")));
  CHECK_EQ(frame.type, XZ_FRAME_OPUS);
  CHECK_BYTES(frame.payload.data, frame.payload.len, "\xcc", 1);
}

TEST(xz_frame_of_type_json_is_text) {
  uint8_t memory[64];
  xz_frame frame;
  CHECK(xz_frame_read(&frame, 2, bytes_of(memory, sizeof memory, "0002 0001 00000000 00000000 00000002 7b7d")));
  CHECK_EQ(frame.type, XZ_FRAME_JSON);
  CHECK(xz_frame_read(&frame, 3, bytes_of(memory, sizeof memory, "01 00 0002 7b7d")));
  CHECK_EQ(frame.type, XZ_FRAME_JSON);
  CHECK_BYTES(frame.payload.data, frame.payload.len, "{}", 2);
}

/* Pitfalls 10 and 23: duration comes from the packet, whatever the hello says. */
TEST(xz_opus_duration_by_toc) {
  static const struct {
    const char *hex;
    unsigned ms;
  } rows[] = {
      {"58 00", 60},  /* SILK WB 60 ms */
      {"48 00", 20},  /* SILK WB 20 ms */
      {"59 00", 120}, /* two of 60 */
      {"4b 03", 60},  /* three of 20 */
      {"4b 06", 120}, /* six of 20 */
      {"4b 07", 0},   /* 140 ms: forbidden */
      {"4b", 0},      /* code 3 without its count */
      {"4b 00", 0},   /* no frame at all */
      {"f8 00", 20},  /* CELT FB 20 ms */
      {"e0 00", 2},   /* CELT FB 2.5 ms */
      {"68 00", 20},  /* hybrid SWB 20 ms */
      {"70 00", 10},  /* hybrid FB 10 ms */
      {"08 00", 20},  /* SILK NB 20 ms */
      {"", 0},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint8_t memory[4];
    CHECK_EQ(xz_opus_ms(bytes_of(memory, sizeof memory, rows[i].hex)), rows[i].ms);
  }
}
