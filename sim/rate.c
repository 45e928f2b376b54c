/* sim/rate.c - the three players. */
#include "sim/rate.h"

#include <string.h>

#include "manager/quality.h"

enum { MINUTE = 60 };

/* The best of every rung, with and without FEC and RED, over this second and the next. */
typedef struct oracle {
  mgr_sender best;
  double best_score;
} oracle;

static double try_out(const sim_rate_call *call, const mgr_sender *s, int n_seconds) {
  sim_rate_call copy = *call;
  sim_rate_second second;
  double score = 0;
  for (int i = 0; i < n_seconds; i++) {
    sim_rate_call_second(&copy, s, NULL, &second);
    score += sim_rate_call_score(&copy, s, &second);
  }
  return score;
}

static void consider(oracle *o, const sim_rate_call *call, const mgr_sender *s, int n) {
  double score = try_out(call, s, n);
  if (score <= o->best_score) return;
  o->best_score = score;
  o->best = *s;
}

/* The air loses packets now: only then are FEC and RED worth a try. */
static bool is_lossy(const sim_rate_call *call) {
  const sim_link_profile *up = &call->up[call->now / WR_S(1)];
  return up->loss_ppm || up->burst_start_ppm;
}

static void consider_voices(oracle *o, const sim_rate_call *call, uint32_t video, bool may_red, int n) {
  mgr_sender s;
  for (uint32_t audio = 0; mgr_bitrate_rung(audio, video, &s); audio++) {
    consider(o, call, &s, n);
    if (!is_lossy(call)) continue;
    s.audio_fec = 1;
    consider(o, call, &s, n);
    s.audio_fec = 0;
    for (s.audio_red = 1; may_red && s.audio_red <= 2; s.audio_red++) consider(o, call, &s, n);
  }
}

/* Voice without video, then video beside that voice, then voice beside that video. */
static mgr_sender ask_oracle(const sim_rate_call *call, const sim_rate_settings *settings, int n) {
  oracle o = {.best_score = -1};
  mgr_sender s;
  uint32_t n_video = 0;
  while (mgr_bitrate_rung(0, n_video, &s)) n_video++;
  consider_voices(&o, call, n_video - 1, settings->may_red, n);
  if (!call->has_camera) return o.best;
  mgr_sender voice = o.best;
  uint32_t video = n_video - 1;
  for (uint32_t i = 0; i + 1 < n_video; i++) {
    (void)mgr_bitrate_rung(0, i, &s);
    voice.video_bps = s.video_bps;
    voice.video_fps = s.video_fps;
    double before = o.best_score;
    consider(&o, call, &voice, n);
    if (o.best_score > before) video = i;
  }
  consider_voices(&o, call, video, settings->may_red, n);
  return o.best;
}

static mgr_sender fixed_sender(double loss_smooth) {
  return (mgr_sender){.audio_bps = 32000,
                      .audio_ptime_ms = 20,
                      .audio_fec = loss_smooth > 0.01,
                      .video_bps = 500000,
                      .video_fps = 24,
                      .video_scale_percent = 100};
}

static mgr_bitrate_input read_report(const sim_rate_settings *s, const sim_rate_receiver *r,
                                     const sim_rate_call *call) {
  return (mgr_bitrate_input){.loss_up = r->loss,
                             .rtt_ms = r->rtt_ms,
                             .available_out_bps = s->has_estimate ? r->estimate_bps : MGR_ABSENT,
                             .out_bps = call->out_bits,
                             .has_video = s->has_camera};
}

static void log_second(const sim_rate_settings *s, int second, const sim_link_profile *up,
                       const sim_rate_receiver *r, const mgr_sender *sender, double score, const mgr_bitrate *b) {
  if (!s->log) return;
  fprintf(s->log,
          "%3d %5u kbit/s  loss %4.1f %%  rtt %5.0f ms  way out %5.0f  voice %5u/%u%s%s  video %7u  score %5.1f"
          "  ceiling %6.0f floor %.2f fail %.0f%s\n",
          second, (unsigned)(up->rate_bps / 1000), r->loss < 0 ? -1 : 100 * r->loss, r->rtt_ms,
          r->estimate_bps / 1000, sender->audio_bps, sender->audio_ptime_ms, sender->audio_fec ? " fec" : "    ",
          sender->audio_red == 2   ? " red2"
          : sender->audio_red == 1 ? " red1"
                                   : "     ",
          s->has_camera ? sender->video_bps : 0, 100 * score, b->ceiling_bps, b->loss_floor, b->fail_bps,
          mgr_room_is_asking(&b->room, b->stepped_at) ? " asks" : "");
}

static uint64_t digest_of(uint64_t digest, const mgr_sender *s, double score) {
  const uint64_t words[] = {s->audio_bps, s->audio_ptime_ms, s->audio_fec + 2 * s->audio_red, s->video_bps,
                            (uint64_t)(score * 1e9)};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) digest = (digest ^ words[i]) * 0x100000001b3u;
  return digest;
}

void sim_rate_run(const sim_rate_settings *s, sim_rate_result *result) {
  sim_link_profile up[SIM_RATE_SECONDS];
  sim_rate_trace_draw(s->trace, s->seed, up);
  sim_rate_call call;
  sim_rate_call_init(&call, up, s->has_camera, s->seed);
  sim_rate_receiver receiver;
  sim_rate_receiver_init(&receiver, s->seed);
  receiver.rtt_ms = (double)up->delay_us / 1000 + 15; /* as the checks of ICE found it, before the first packet */
  mgr_bitrate_settings settings;
  mgr_bitrate_settings_default(&settings);
  settings.may_red = s->may_red;
  mgr_bitrate b;
  mgr_bitrate_init(&b, &settings);
  uint32_t changes[SIM_RATE_SECONDS / MINUTE + 1] = {0}, n_changes = 0;
  double loss_smooth = 0;
  *result = (sim_rate_result){0};
  for (int second = 0; second < SIM_RATE_SECONDS; second++) {
    int left = SIM_RATE_SECONDS - second;
    if (receiver.loss >= 0) loss_smooth += (receiver.loss - loss_smooth) * 0.3;
    mgr_bitrate_input input = read_report(s, &receiver, &call);
    bool changed = s->player == SIM_RATE_ADAPTIVE && mgr_bitrate_step(&b, &input, call.now);
    n_changes += changed;
    changes[second / MINUTE] += changed;
    mgr_sender sender = s->player == SIM_RATE_ADAPTIVE ? b.sender
                        : s->player == SIM_RATE_FIXED  ? fixed_sender(loss_smooth)
                                                       : ask_oracle(&call, s, left < 2 ? left : 2);
    sim_rate_second what;
    uint32_t ballast = s->player == SIM_RATE_ADAPTIVE ? mgr_bitrate_ask(&b, call.now) : 0;
    double pong_ms = ballast ? sim_rate_call_ping(&call, ballast) : 0;
    sim_rate_call_second(&call, &sender, &receiver, &what);
    if (ballast) (void)mgr_bitrate_answered(&b, ballast, pong_ms, call.now);
    double score = sim_rate_call_score(&call, &sender, &what);
    log_second(s, second, &up[second], &receiver, &sender, score, &b);
    result->score += 100 * score / SIM_RATE_SECONDS;
    result->digest = digest_of(result->digest, &sender, score);
  }
  result->changes_per_minute = (double)n_changes * MINUTE / SIM_RATE_SECONDS;
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
    if (changes[i] > result->most_changes) result->most_changes = changes[i];
}
