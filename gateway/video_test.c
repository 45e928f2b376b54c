#include "gateway/video.h"

#include <string.h>

#include "check.h"

static void take(gw_video *v, const char *bytes, size_t len, bool is_key, wr_video_codec codec, wr_time now) {
  wr_video frame = {.frame = wr_bytes_of(bytes, len), .codec = codec, .is_key = is_key};
  gw_video_take(v, &frame, now);
}

TEST(video_keeps_the_latest_key_frame) {
  gw_video v = {0};
  take(&v, "delta", 5, false, WR_VIDEO_VP8, 1000);
  CHECK(!v.frame);
  take(&v, "first", 5, true, WR_VIDEO_VP8, 2000);
  take(&v, "delta", 5, false, WR_VIDEO_VP8, 3000);
  CHECK_BYTES(v.frame, v.len, "first", 5);
  CHECK_EQ(v.taken_at, 2000);
  take(&v, "second", 6, true, WR_VIDEO_VP8, 4000);
  CHECK_BYTES(v.frame, v.len, "second", 6);
  gw_video_forget(&v);
  CHECK(!v.frame && v.len == 0);
  gw_video_forget(&v);
}

TEST(video_keeps_nothing_of_a_camera_that_is_off) {
  gw_video v = {0};
  take(&v, "first", 5, true, WR_VIDEO_VP8, 1000);
  gw_video_switch(&v, false);
  CHECK(!v.frame);
  take(&v, "late", 4, true, WR_VIDEO_VP8, 2000); /* was under way */
  CHECK(!v.frame && !gw_video_may_ask(&v, 3000));
  gw_video_switch(&v, true);
  take(&v, "again", 5, true, WR_VIDEO_VP8, 4000);
  CHECK_BYTES(v.frame, v.len, "again", 5);
  gw_video_forget(&v);
}

TEST(video_forgets_a_picture_nothing_follows) {
  gw_video v = {0};
  CHECK_EQ(gw_video_deadline(&v), WR_NEVER);
  take(&v, "key", 3, true, WR_VIDEO_VP8, WR_S(1));
  take(&v, "delta", 5, false, WR_VIDEO_VP8, WR_S(2));
  CHECK_EQ(gw_video_deadline(&v), WR_S(2) + GW_VIDEO_SILENT_US);
  gw_video_tick(&v, gw_video_deadline(&v) - 1);
  CHECK(v.frame);
  gw_video_tick(&v, gw_video_deadline(&v));
  CHECK(!v.frame);
}

TEST(video_has_a_bound) {
  static char large[GW_VIDEO_FRAME_MAX + 1];
  gw_video v = {0};
  take(&v, "small", 5, true, WR_VIDEO_VP8, 1000);
  take(&v, large, sizeof large, true, WR_VIDEO_VP8, 2000);
  CHECK_BYTES(v.frame, v.len, "small", 5);
  take(&v, large, sizeof large - 1, true, WR_VIDEO_VP8, 3000);
  CHECK_EQ(v.len, GW_VIDEO_FRAME_MAX);
  gw_video_forget(&v);
}

TEST(video_asks_for_key_frames_now_and_then) {
  gw_video v = {0};
  CHECK(gw_video_may_ask(&v, 1000));
  CHECK(!gw_video_may_ask(&v, 1000 + GW_VIDEO_ASK_US - 1));
  CHECK(gw_video_may_ask(&v, 1000 + GW_VIDEO_ASK_US));
}

TEST(video_becomes_webp) {
  gw_video v = {0};
  uint8_t out[64] = {0};
  CHECK_EQ(gw_video_webp_bytes(&v), 0);
  gw_video_write_webp(&v, out);
  CHECK_EQ(out[0], 0);
  take(&v, "odd", 3, true, WR_VIDEO_VP8, 1000);
  CHECK_EQ(gw_video_webp_bytes(&v), 24);
  gw_video_write_webp(&v, out);
  CHECK_BYTES(out, 24, "RIFF\x10\0\0\0WEBPVP8 \x03\0\0\0odd\0", 24);
  take(&v, "even", 4, true, WR_VIDEO_VP8, 2000);
  CHECK_EQ(gw_video_webp_bytes(&v), 24);
  take(&v, "other", 5, true, WR_VIDEO_VP9, 3000);
  CHECK_EQ(gw_video_webp_bytes(&v), 0);
  gw_video_forget(&v);
}
