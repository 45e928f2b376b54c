#include "video/unit.h"

#include "check.h"

static uint8_t bytes[2048], out[4096];
static wr_video_payload part;
static wr_video_unit unit;

static wr_bytes hex(const char *text) { return wr_bytes_of(bytes, check_hex(bytes, sizeof bytes, text)); }
static wr_err peek(wr_video_codec codec, const char *text) { return wr_video_peek(codec, hex(text), &part); }
static void begin(wr_video_codec codec) { wr_video_begin(&unit, codec, out, sizeof out); }
static void add(const char *text) { wr_video_add(&unit, hex(text), false); }

static void holds(const char *text) {
  uint8_t want[512];
  size_t n = check_hex(want, sizeof want, text);
  CHECK_BYTES(out, unit.len, want, n);
}

/* ---- VP8 ---- */

TEST(video_vp8_descriptors) {
  CHECK_EQ(peek(WR_VIDEO_VP8, "10 50 aa"), WR_OK); /* S, partition 0; the frame's P bit 0 */
  CHECK(part.begins && part.key_parts == WR_VIDEO_KEY && part.data.len == 2);
  CHECK_EQ(peek(WR_VIDEO_VP8, "10 51 aa"), WR_OK); /* P 1: refers to others */
  CHECK(part.begins && !part.key_parts);
  CHECK_EQ(peek(WR_VIDEO_VP8, "00 50"), WR_OK); /* goes on */
  CHECK(!part.begins && !part.key_parts && part.data.len == 1);
  CHECK_EQ(peek(WR_VIDEO_VP8, "11 50"), WR_OK); /* begins a partition, not the frame */
  CHECK(!part.begins && !part.key_parts);
  CHECK_EQ(peek(WR_VIDEO_VP8, "90 e0 8123 07 40 50"), WR_OK); /* 15 bits of PictureID, TL0PICIDX, TID/KEYIDX */
  CHECK(part.begins && part.data.len == 1 && part.data.data[0] == 0x50);
  CHECK_EQ(peek(WR_VIDEO_VP8, "90 80 23 50"), WR_OK); /* 7 bits of it */
  CHECK_EQ(part.data.len, 1);
  CHECK_EQ(peek(WR_VIDEO_VP8, "90 10 50 52"), WR_OK); /* KEYIDX alone takes the byte, too */
  CHECK(part.data.len == 1 && part.data.data[0] == 0x52);
}

TEST(video_vp8_refuses_what_is_cut_off) {
  const char *const cut[] = {
      "", "10", "90", "90 80", "90 80 81", "90 80 8123", "90 e0 8123 07", "90 e0 8123 07 40"};
  for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) CHECK_EQ(peek(WR_VIDEO_VP8, cut[i]), WR_ERR_SYNTAX);
}

TEST(video_vp8_puts_a_frame_together) {
  begin(WR_VIDEO_VP8);
  add("90 80 8001 50 01 02");
  add("80 80 8001 03 04"); /* S 0 */
  add("");                 /* padding */
  add("91 80 8001 05");    /* partition 1 */
  CHECK(wr_video_end(&unit));
  CHECK(wr_video_is_key(&unit));
  holds("50 01 02 03 04 05");
}

TEST(video_vp8_tells_holes) {
  begin(WR_VIDEO_VP8);
  add("10 50 01");
  wr_video_add(&unit, hex("00 02"), true);
  CHECK(!wr_video_end(&unit));
  CHECK(wr_video_is_key(&unit)); /* a key frame, but not all of it */
  begin(WR_VIDEO_VP8);
  add("00 02"); /* the beginning is missing */
  CHECK(!wr_video_end(&unit));
  begin(WR_VIDEO_VP8);
  add("10 50");
  add("10 50"); /* that of another one */
  CHECK(!wr_video_end(&unit));
  begin(WR_VIDEO_VP8);
  CHECK(!wr_video_end(&unit)); /* nothing */
  begin(WR_VIDEO_VP8);
  add("10");
  CHECK(!wr_video_end(&unit)); /* nonsense */
}

TEST(video_units_keep_to_their_buffer) {
  wr_video_begin(&unit, WR_VIDEO_VP8, out, 3);
  out[3] = 0x77;
  add("10 50 01 02");
  CHECK(wr_video_end(&unit));
  add("00 03");
  CHECK(unit.too_big && !wr_video_end(&unit));
  CHECK_EQ(unit.len, 3);
  CHECK_EQ(out[3], 0x77);
}

/* ---- VP9 ---- */

TEST(video_vp9_descriptors) {
  CHECK_EQ(peek(WR_VIDEO_VP9, "8c 8123 82"), WR_OK); /* I, B, E */
  CHECK(part.begins && part.key_parts == WR_VIDEO_KEY && part.data.len == 1);
  CHECK_EQ(peek(WR_VIDEO_VP9, "cc 8123 86"), WR_OK); /* P: refers to others */
  CHECK(part.begins && !part.key_parts);
  CHECK_EQ(peek(WR_VIDEO_VP9, "84 8123 86"), WR_OK); /* no B */
  CHECK(!part.begins && !part.key_parts);
  CHECK_EQ(peek(WR_VIDEO_VP9, "ac 23 00 11 86"), WR_OK); /* L: TID 0, SID 0; TL0PICIDX */
  CHECK(part.begins && part.key_parts && part.data.len == 1);
  CHECK_EQ(peek(WR_VIDEO_VP9, "ac 23 03 11 86"), WR_OK); /* SID 1: the picture began below */
  CHECK(!part.begins && !part.key_parts);
  CHECK_EQ(peek(WR_VIDEO_VP9, "fc 23 00 03 05 04 86"), WR_OK); /* flexible: no TL0PICIDX, three references */
  CHECK(part.begins && part.data.len == 1);
  /* V: two layers with sizes, a group of two pictures: one without, one with two references. */
  CHECK_EQ(peek(WR_VIDEO_VP9, "8e 23 38 0280 0168 0500 02d0 02 00 08 0102 82 99"), WR_OK);
  CHECK(part.begins && part.data.len == 2 && part.data.data[0] == 0x82);
}

TEST(video_vp9_refuses_what_is_cut_off) {
  const char *const cut[] = {"",        "8c",       "8c 23",         "8c 8123",    "ac 23 00",
                             "fc 2300", "fc 23 00", "fc 23 00 0305", "8e 23 1802", "8e 23 08 02 00 08 01"};
  for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) CHECK_EQ(peek(WR_VIDEO_VP9, cut[i]), WR_ERR_SYNTAX);
  CHECK_EQ(peek(WR_VIDEO_VP9, "fc 23 00 03 05 07 08 86"), WR_ERR_SYNTAX); /* a fourth reference */
}

TEST(video_vp9_puts_layers_behind_each_other) {
  begin(WR_VIDEO_VP9);
  add("a8 23 00 11 82 01"); /* B */
  add("a4 23 00 11 02");    /* E */
  add("ec 23 03 11 86 03"); /* the second layer: refers to the first */
  CHECK(wr_video_end(&unit));
  CHECK(wr_video_is_key(&unit));
  holds("82 01 02 86 03");
}

/* ---- H.264 ---- */

TEST(video_h264_payloads) {
  CHECK_EQ(peek(WR_VIDEO_H264, "65 88"), WR_OK);
  CHECK(!part.begins && part.key_parts == WR_VIDEO_IDR);
  CHECK_EQ(peek(WR_VIDEO_H264, "67 42"), WR_OK);
  CHECK(part.begins && part.key_parts == WR_VIDEO_SPS);
  CHECK_EQ(peek(WR_VIDEO_H264, "41 9a"), WR_OK);
  CHECK(!part.begins && !part.key_parts);
  CHECK_EQ(peek(WR_VIDEO_H264, "78 0002 6742 0002 68ce"), WR_OK); /* STAP-A: SPS, PPS */
  CHECK(part.begins && part.key_parts == (WR_VIDEO_SPS | WR_VIDEO_PPS));
  CHECK_EQ(peek(WR_VIDEO_H264, "7c 85 11"), WR_OK); /* FU-A: IDR begins */
  CHECK_EQ(part.key_parts, WR_VIDEO_IDR);
  CHECK_EQ(peek(WR_VIDEO_H264, "7c 45 11"), WR_OK); /* and ends */
  CHECK_EQ(part.key_parts, 0);
}

TEST(video_h264_refuses_what_does_not_add_up) {
  const char *const bad[] = {"",           "60",    "7e 01",      "7f 01", /* type 0, 30, 31 */
                             "78",         "78 00", "78 0002 67", "78 0000",  "78 0001 78",
                             "78 0001 60", "7c 85", "7c c5 11",   "7c 9c 11", "7c 80 11"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK_EQ(peek(WR_VIDEO_H264, bad[i]), WR_ERR_SYNTAX);
  CHECK_EQ(peek(WR_VIDEO_H264, "79 0001 0001 65"), WR_ERR_UNSUPPORTED); /* STAP-B */
  CHECK_EQ(peek(WR_VIDEO_H264, "7d 85 0001 11"), WR_ERR_UNSUPPORTED);   /* FU-B */
}

TEST(video_h264_puts_a_key_frame_together) {
  begin(WR_VIDEO_H264);
  add("78 0002 6742 0002 68ce");
  add("7c 85 01");
  add("7c 05 02 03");
  add("7c 45 04");
  add("65 99"); /* a second slice */
  CHECK(wr_video_end(&unit));
  CHECK(wr_video_is_key(&unit));
  holds("00000001 6742 00000001 68ce 00000001 65 01 02 03 04 00000001 65 99");
}

TEST(video_h264_needs_parameter_sets_for_a_key_frame) {
  begin(WR_VIDEO_H264);
  add("65 99");
  CHECK(wr_video_end(&unit));
  CHECK(!wr_video_is_key(&unit));
}

TEST(video_h264_tells_broken_fragments) {
  static const char *const broken[][2] = {
      {"7c 05 02", "7c 45 04"}, /* no beginning */
      {"7c 85 01", "41 9a"},    /* no end */
      {"7c 85 01", "7c 85 01"}, /* begins twice */
      {"7c 85 01", "7c 05 01"}, /* the frame is over, the NAL unit is not */
  };
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    begin(WR_VIDEO_H264);
    add(broken[i][0]);
    add(broken[i][1]);
    CHECK(!wr_video_end(&unit));
  }
}

TEST(video_nothing_is_agreed_with_no_codec) { CHECK_EQ(peek(WR_VIDEO_NONE, "10 50"), WR_ERR_UNSUPPORTED); }
