#include "wr/frame.h"

#include "check.h"

#define N_FRAMES 200

typedef struct stream {
  uint8_t bytes[N_FRAMES * (WR_FRAME_HEAD + WR_FRAME_MAX)];
  size_t len;
  size_t n_sent; /* that are not empty */
} stream;

static size_t random_len(check_rng *rng) {
  switch (check_rng_u32(rng) % 4) {
    case 0: return 0;
    case 1: return 1;
    case 2: return WR_FRAME_MAX;
    default: return check_rng_u32(rng) % WR_FRAME_MAX;
  }
}

static void fill(stream *s, check_rng *rng) {
  s->len = s->n_sent = 0;
  for (size_t i = 0; i < N_FRAMES; i++) {
    size_t len = random_len(rng);
    wr_frame_head(s->bytes + s->len, len);
    memset(s->bytes + s->len + WR_FRAME_HEAD, (int)(s->n_sent & 0xff), len);
    s->len += WR_FRAME_HEAD + len;
    s->n_sent += len > 0;
  }
}

static bool is_all(wr_span datagram, uint8_t value) {
  for (size_t i = 0; i < datagram.len; i++)
    if (datagram.data[i] != value) return false;
  return datagram.len > 0;
}

TEST(frames_come_out_whole_however_the_stream_is_cut) {
  check_rng rng = {.state = 7};
  static stream s;
  static wr_frames frames;
  for (int round = 0; round < 50; round++) {
    fill(&s, &rng);
    wr_frames_init(&frames);
    size_t n = 0;
    for (size_t at = 0; at < s.len;) {
      size_t cut = 1 + check_rng_u32(&rng) % (round % 2 ? 4000 : 3);
      if (cut > s.len - at) cut = s.len - at;
      wr_span input = {s.bytes + at, cut}, datagram;
      while (wr_frames_next(&frames, &input, &datagram) == WR_FRAME_DATAGRAM) {
        REQUIRE(is_all(datagram, n & 0xff));
        n++;
      }
      CHECK_EQ(input.len, 0);
      at += cut;
    }
    CHECK_EQ(n, s.n_sent);
  }
}

TEST(frames_in_one_piece_are_not_copied) {
  uint8_t bytes[] = {0, 3, 'a', 'b', 'c', 0, 1, 'd', 0, 2, 'e'};
  wr_frames frames;
  wr_frames_init(&frames);
  wr_span input = {bytes, sizeof bytes}, datagram;
  CHECK_EQ(wr_frames_next(&frames, &input, &datagram), WR_FRAME_DATAGRAM);
  CHECK(datagram.data == bytes + 2 && datagram.len == 3);
  CHECK_EQ(wr_frames_next(&frames, &input, &datagram), WR_FRAME_DATAGRAM);
  CHECK(datagram.data == bytes + 7 && datagram.len == 1);
  CHECK_EQ(wr_frames_next(&frames, &input, &datagram), WR_FRAME_NONE);
  CHECK_EQ(frames.len, 3); /* kept for when its end comes */
}

TEST(frames_a_stream_of_something_else_ends) {
  static const char *const rubbish[] = {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\x02", "\xff\xff"};
  for (size_t i = 0; i < 3; i++) {
    uint8_t bytes[32];
    size_t len = strlen(rubbish[i]);
    for (size_t step = 1; step <= len; step++) {
      wr_frames frames;
      wr_frames_init(&frames);
      memcpy(bytes, rubbish[i], len);
      wr_frame_got got = WR_FRAME_NONE;
      for (size_t at = 0; at < len && got == WR_FRAME_NONE; at += step) {
        wr_span input = {bytes + at, len - at < step ? len - at : step}, datagram;
        got = wr_frames_next(&frames, &input, &datagram);
      }
      CHECK_EQ(got, WR_FRAME_TOO_LARGE);
    }
  }
}
