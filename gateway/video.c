/* gateway/video.c - the latest key frame of a caller's camera. */
#include "gateway/video.h"

#include <stdlib.h>
#include <string.h>

void gw_video_forget(gw_video *v) {
  if (v->frame) wr_wipe(v->frame, v->len);
  free(v->frame);
  v->frame = NULL;
  v->len = 0;
}

void gw_video_take(gw_video *v, const wr_video *frame, wr_time now) {
  if (v->off) return; /* was under way when the camera was turned off */
  v->seen_at = now;
  if (!frame->is_key || !frame->frame.len || frame->frame.len > GW_VIDEO_FRAME_MAX) return;
  gw_video_forget(v);
  v->frame = malloc(frame->frame.len);
  if (!v->frame) return;
  memcpy(v->frame, frame->frame.data, frame->frame.len);
  v->len = frame->frame.len;
  v->codec = frame->codec;
  v->taken_at = now;
}

void gw_video_switch(gw_video *v, bool on) {
  v->off = !on;
  if (!on) gw_video_forget(v);
}

wr_time gw_video_deadline(const gw_video *v) { return v->frame ? v->seen_at + GW_VIDEO_SILENT_US : WR_NEVER; }

void gw_video_tick(gw_video *v, wr_time now) {
  if (now >= gw_video_deadline(v)) gw_video_forget(v);
}

bool gw_video_may_ask(gw_video *v, wr_time now) {
  if (v->off || (v->asked_at && now - v->asked_at < GW_VIDEO_ASK_US)) return false;
  v->asked_at = now;
  return true;
}

static void put_u32le(uint8_t *out, size_t value) {
  for (int i = 0; i < 4; i++) out[i] = (uint8_t)(value >> 8 * i);
}

size_t gw_video_webp_bytes(const gw_video *v) {
  return v->frame && v->codec == WR_VIDEO_VP8 ? GW_WEBP_HEAD + v->len + v->len % 2 : 0;
}

void gw_video_write_webp(const gw_video *v, uint8_t *out) {
  size_t bytes = gw_video_webp_bytes(v);
  if (!bytes) return;
  memcpy(out, "RIFF....WEBPVP8 ", 16);
  put_u32le(out + 4, bytes - 8);
  put_u32le(out + 16, v->len);
  memcpy(out + GW_WEBP_HEAD, v->frame, v->len);
  if (v->len % 2) out[bytes - 1] = 0;
}
