#include "check.h"
#include "turn/turn.h"

/* Two frames: a STUN indication of 24 bytes, and ChannelData of 5 bytes with 3 of padding. */
static const uint8_t bytes[] = {0x00, 0x16, 0, 4, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3,   4,   5,   6,   7,   8, 9, 10,
                                11,   12,   0, 0, 0,    0,    0x40, 0x03, 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0, 0};

TEST(turn_stream_cuts_frames_at_any_boundary) {
  for (size_t piece = 1; piece <= sizeof bytes; piece++) {
    wr_turn_stream stream;
    size_t n_frames = 0;
    wr_turn_stream_init(&stream);
    for (size_t at = 0; at < sizeof bytes;) {
      size_t end = at + piece < sizeof bytes ? at + piece : sizeof bytes;
      while (at < end) {
        wr_bytes frame;
        size_t taken = wr_turn_stream_push(&stream, wr_bytes_of(bytes + at, end - at), &frame);
        REQUIRE(taken > 0 && taken <= end - at);
        at += taken;
        if (!frame.len) continue;
        CHECK_BYTES(frame.data, frame.len, n_frames ? bytes + 24 : bytes, n_frames ? 12 : 24);
        n_frames++;
      }
    }
    CHECK_EQ(n_frames, 2);
  }
}

TEST(turn_stream_refuses_what_is_none) {
  static const uint8_t bad[][4] = {
      {0x80, 0, 0, 4}, {0x50, 0, 0, 4}, {0, 1, 0, 3}, {0x40, 0, 0xff, 0xff}, {'H', 'T', 'T', 'P'}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    wr_turn_stream stream;
    wr_bytes frame;
    wr_turn_stream_init(&stream);
    CHECK(wr_turn_stream_push(&stream, wr_bytes_of(bad[i], 4), &frame) == SIZE_MAX);
  }
}

/* Whoever goes on after a broken stream hears it again, and nothing is written where it does not belong. */
TEST(turn_stream_is_safe_after_its_end) {
  wr_turn_stream stream;
  wr_bytes frame;
  uint8_t rubbish[3000];
  memset(rubbish, 0xff, sizeof rubbish);
  wr_turn_stream_init(&stream);
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(wr_turn_stream_push(&stream, wr_bytes_of(rubbish, sizeof rubbish), &frame), SIZE_MAX);
    CHECK(stream.len <= sizeof stream.bytes);
  }
}
