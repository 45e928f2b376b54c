/* fuzz_mgr_bitrate.c - settings, then a script of seconds. A step is four bytes of ordinary figures, or eight more
 * as one raw double in place of any of them; some steps are another path, a jump in time, a camera that comes or
 * goes. Whatever comes: the targets stay within the settings, nothing is NaN, up at most once in two seconds. */
#include <string.h>

#include "manager/bitrate.h"
#include "wr/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static double raw_double(const uint8_t *bytes) {
  double x;
  memcpy(&x, bytes, sizeof x);
  return x;
}

static double wire_bps(const mgr_sender *s, bool has_video) {
  return s->audio_bps * (1.0 + s->audio_red) + 464e3 / s->audio_ptime_ms + (has_video ? s->video_bps : 0);
}

static bool is_number(double x) { return x >= -1 && x <= 1e15; }

static void check_laws(const mgr_bitrate *b) {
  const mgr_sender *s = &b->sender;
  const mgr_bitrate_settings *limits = &b->settings;
  WR_ASSERT(s->audio_bps >= limits->audio_least_bps && s->audio_bps <= limits->audio_most_bps);
  WR_ASSERT(s->audio_ptime_ms == 20 || s->audio_ptime_ms == 40 || s->audio_ptime_ms == 60);
  WR_ASSERT(s->audio_red <= (limits->may_red ? 2u : 0u) && s->audio_dtx <= limits->may_dtx && s->audio_fec <= 1);
  WR_ASSERT(s->video_bps <= limits->video_most_bps && s->video_fps <= 30 && (!s->video_bps || s->video_fps));
  WR_ASSERT(s->video_scale_percent >= 25 && s->video_scale_percent <= 100);
  WR_ASSERT(is_number(b->queue_ms) && is_number(b->base_rtt_ms) && is_number(b->ceiling_bps));
  WR_ASSERT(is_number(b->fail_bps) && is_number(b->return_bps));
  WR_ASSERT(b->loss_smooth >= 0 && b->loss_smooth <= 1 && b->loss_floor >= 0 && b->loss_floor <= 1);
}

/* Returns how many bytes it used. */
static size_t read_input(mgr_bitrate_input *in, const uint8_t *data, size_t len) {
  in->loss_up = data[1] / 255.0;
  in->rtt_ms = data[2] * 10.0;
  in->out_bps = data[3] * 5000.0;
  in->cpu_limited = data[0] & 8;
  if (!(data[0] & 16) || len < 12) return 4;
  double *figures[] = {&in->loss_up, &in->rtt_ms, &in->available_out_bps, &in->out_bps};
  *figures[data[0] >> 6] = raw_double(data + 4);
  return 12;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  if (len < 4) return 0;
  mgr_bitrate_settings settings = {.audio_most_bps = data[0] * 500u,
                                   .audio_least_bps = data[1] * 200u,
                                   .video_most_bps = data[2] * 10000u,
                                   .may_red = data[3] & 1,
                                   .may_dtx = data[3] & 2};
  mgr_bitrate b;
  mgr_bitrate_init(&b, &settings);
  mgr_bitrate_input in = {.available_out_bps = -1};
  mgr_time now = 0, raised_at = -MGR_S(2);
  bool had_video = false;
  check_laws(&b);
  for (data += 4, len -= 4; len >= 4;) {
    switch (data[0] & 7) {
      case 0: in.available_out_bps = data[1] * 8000.0; break;
      case 1: in.has_video = data[1] & 1; break;
      case 2: now += MGR_MS(1) * (int16_t)(data[1] << 8 | data[2]); break;
      case 3: mgr_bitrate_new_path(&b, now > b.stepped_at ? now : b.stepped_at); break;
      default: now += MGR_S(1); break;
    }
    size_t used = read_input(&in, data, len);
    data += used;
    len -= used;
    mgr_sender before = b.sender;
    bool changed = mgr_bitrate_step(&b, &in, now);
    check_laws(&b);
    WR_ASSERT(changed == (memcmp(&before, &b.sender, sizeof before) != 0));
    bool same_camera = in.has_video == had_video;
    had_video = in.has_video;
    if (!same_camera || wire_bps(&b.sender, in.has_video) <= wire_bps(&before, in.has_video)) continue;
    WR_ASSERT(b.stepped_at - raised_at >= MGR_S(2));
    raised_at = b.stepped_at;
  }
  return 0;
}
