/* sim/rate_call.c - packets into the link, fates out of it, reports back. */
#include "sim/rate_call.h"

#include <string.h>

enum { RTP_BYTES = 12, SRTP_BYTES = 10 + 8, RED_BYTES = 5, PIECE_BYTES = 1100, REPORT_BYTES = 92, SCTP_BYTES = 65 };
enum { AUDIO, VIDEO, REPORT };
#define WAY_BACK_MS 15.0
#define REPORT_US WR_MS(400) /* pings, checks and reports of RTCP together */
#define TICK_US WR_MS(200)
#define REPORT_TICK 3 /* of the five in a second, at 100, 300, 500, 700, 900 ms */

/* ---- the other end ---- */

void sim_rate_receiver_init(sim_rate_receiver *r, uint64_t seed) {
  *r = (sim_rate_receiver){.loss = -1, .rtt_ms = -1, .estimate_bps = 300e3, .rng = sim_rng_of(seed, 5)};
}

static void tell(sim_rate_receiver *r, const sim_link_verdict *v, int kind, uint32_t seq, uint32_t bytes,
                 wr_time at) {
  if (!r || v->fate != SIM_LINK_PASSED) return;
  WR_ASSERT(r->n < SIM_RATE_PENDING);
  r->pending[(r->first + r->n++) % SIM_RATE_PENDING] =
      (sim_rate_arrival){.sent_at = at, .arrive_at = v->arrive_at[0], .seq = seq, .bytes = bytes, .kind = kind};
}

static void measure_rtt(sim_rate_receiver *r, const sim_rate_arrival *a, wr_time jitter_us) {
  wr_time back = jitter_us ? (wr_time)sim_rng_upto(&r->rng, (uint64_t)jitter_us) : 0;
  r->rtt_ms = (double)(a->arrive_at - a->sent_at + back) / 1000 + WAY_BACK_MS;
}

static double loss_of(const sim_rate_receiver *r, int kind) {
  uint32_t expected = r->highest[kind] - r->last_highest[kind], got = r->received[kind] - r->last_received[kind];
  if (!expected) return -1;
  return got < expected ? (double)(expected - got) / expected : 0;
}

static void report(sim_rate_receiver *r) {
  double audio = loss_of(r, AUDIO), video = loss_of(r, VIDEO);
  r->loss = audio > video ? audio : video;
  if (r->loss > 0.1) r->estimate_bps *= 1 - r->loss / 2;
  memcpy(r->last_highest, r->highest, sizeof r->highest);
  memcpy(r->last_received, r->received, sizeof r->received);
}

static void estimate(sim_rate_receiver *r, double bits, double delay_ms, uint32_t n) {
  r->acked_bps += (bits * 5 - r->acked_bps) * 0.3;
  if (!n) return;
  double growth = r->tick_delay_ms > 0 ? delay_ms - r->tick_delay_ms : 0;
  r->tick_delay_ms = delay_ms;
  r->n_growing = growth > 6 ? r->n_growing + 1 : 0;
  double most = 1.5 * r->acked_bps + 10e3;
  if (growth > 25 || r->n_growing >= 2) {
    if (0.85 * r->acked_bps < r->estimate_bps) r->estimate_bps = 0.85 * r->acked_bps;
  } else if (growth > -6 && r->estimate_bps < most) {
    r->estimate_bps *= 1.016;
    if (r->estimate_bps < 0.95 * r->acked_bps) r->estimate_bps = 0.95 * r->acked_bps; /* it has just passed */
  }
}

/* Everything that has arrived by |at|. */
static void listen(sim_rate_receiver *r, wr_time at, wr_time jitter_us) {
  double bits = 0, delay_ms = 0;
  uint32_t n = 0;
  while (r->n && r->pending[r->first].arrive_at <= at) {
    const sim_rate_arrival *a = &r->pending[r->first];
    r->first = (r->first + 1) % SIM_RATE_PENDING;
    r->n--;
    bits += 8.0 * a->bytes;
    delay_ms += (double)(a->arrive_at - a->sent_at) / 1000;
    n++;
    if (a->kind == REPORT) {
      measure_rtt(r, a, jitter_us);
    } else {
      r->received[a->kind]++;
      if (a->seq >= r->highest[a->kind]) r->highest[a->kind] = a->seq + 1;
    }
  }
  estimate(r, bits, n ? delay_ms / n : 0, n);
}

/* ---- the narrow place ---- */

static const sim_link_profile *profile_at(const sim_rate_call *call, wr_time at) {
  wr_time second = at / WR_S(1);
  return &call->up[second < SIM_RATE_SECONDS ? second : SIM_RATE_SECONDS - 1];
}

static wr_time next_second(wr_time at) { return (at / WR_S(1) + 1) * WR_S(1); }

/* What passes between two instants. */
static double capacity_bits(const sim_rate_call *call, wr_time from, wr_time to) {
  double bits = 0;
  while (from < to) {
    wr_time until = next_second(from) < to ? next_second(from) : to;
    bits += (double)profile_at(call, from)->rate_bps * (double)(until - from) / 1e6;
    from = until;
  }
  return bits;
}

static wr_time after_bits(const sim_rate_call *call, wr_time from, double bits) {
  for (;;) {
    double rate_bps = (double)profile_at(call, from)->rate_bps;
    double room = rate_bps * (double)(next_second(from) - from) / 1e6;
    if (bits <= room) return from + (wr_time)(bits / rate_bps * 1e6);
    bits -= room;
    from = next_second(from);
  }
}

static sim_link_verdict carry(sim_rate_call *call, uint32_t payload_bytes, wr_time at) {
  uint32_t wire_bytes = payload_bytes + SIM_IP_UDP_BYTES;
  wr_time start = call->busy_until > at ? call->busy_until : at;
  double backlog_bytes = capacity_bits(call, at, start) / 8;
  if (backlog_bytes > 0 && backlog_bytes + wire_bytes > (double)profile_at(call, at)->queue_bytes)
    return (sim_link_verdict){.fate = SIM_LINK_QUEUE_FULL};
  call->busy_until = after_bits(call, start, 8.0 * wire_bytes);
  return sim_link_carry(&call->link, payload_bytes, call->busy_until);
}

/* ---- the sender ---- */

void sim_rate_call_init(sim_rate_call *call, const sim_link_profile up[SIM_RATE_SECONDS], bool has_camera,
                        uint64_t seed) {
  *call = (sim_rate_call){
      .up = up, .frames = sim_rng_of(seed, 2), .talk = sim_rng_of(seed, 3), .has_camera = has_camera};
  sim_link_init(&call->link, up, sim_rng_of(seed, 1));
  call->report_at = WR_MS(250);
  call->fate[0] = call->fate[1] = -1;
}

/* No later packet can mend the one before the last. */
static void settle_audio(sim_rate_call *call, sim_rate_second *out) {
  int fate = call->fate[1];
  if (fate < 0) return;
  out->n_audio++;
  out->n_lost += fate == 1;
  out->n_by_fec += fate == 2;
  out->n_runs += fate == 1 && !call->in_run;
  call->in_run = fate == 1;
}

static void send_audio(sim_rate_call *call, const mgr_sender *s, sim_rate_receiver *r, sim_rate_second *out) {
  double speech = (double)s->audio_bps * s->audio_ptime_ms / 8000 * (call->talking ? 1 : 0.35);
  double payload = speech * (1 + s->audio_red) + RED_BYTES * s->audio_red;
  uint32_t bytes = (uint32_t)payload + RTP_BYTES + SRTP_BYTES;
  wr_time at = call->audio_at;
  sim_link_verdict v = carry(call, bytes, at);
  tell(r, &v, AUDIO, call->seq[AUDIO]++, bytes + SIM_IP_UDP_BYTES, at);
  call->out_bits += 8 * payload;
  bool arrived = v.fate == SIM_LINK_PASSED;
  if (arrived && call->fate[0] == 1 && (s->audio_red || s->audio_fec)) call->fate[0] = s->audio_red ? 0 : 2;
  if (arrived && call->fate[1] == 1 && s->audio_red == 2) call->fate[1] = 0;
  settle_audio(call, out);
  call->fate[1] = call->fate[0];
  call->fate[0] = !arrived;
  if (arrived) {
    double delay_ms = (double)(v.arrive_at[0] - at) / 1000;
    if (out->delay_n < 128) out->delays_ms[(int)out->delay_n] = delay_ms;
    out->delay_sum_ms += delay_ms;
    out->delay_n++;
  }
  call->audio_at += WR_MS(s->audio_ptime_ms);
}

static void begin_frame(sim_rate_call *call, const mgr_sender *s) {
  double vary = 0.8 + 0.4 * (double)sim_rng_upto(&call->frames, 1000) / 1000;
  wr_time time_us = WR_S(1) / s->video_fps;
  call->frame_bytes = call->frame_left = (uint32_t)(s->video_bps / 8.0 / s->video_fps * vary) + 1;
  call->n_pieces = (call->frame_bytes + PIECE_BYTES - 1) / PIECE_BYTES;
  call->piece_gap = time_us * 2 / 5 / call->n_pieces;
  call->frame_sent_at = call->piece_at = call->frame_at;
  call->frame_broken = false;
  call->piece_waits = true;
  call->frame_at += time_us;
}

static void send_piece(sim_rate_call *call, sim_rate_receiver *r, sim_rate_second *out) {
  uint32_t payload = call->frame_left / call->n_pieces, bytes = payload + RTP_BYTES + SRTP_BYTES;
  sim_link_verdict v = carry(call, bytes, call->piece_at);
  tell(r, &v, VIDEO, call->seq[VIDEO]++, bytes + SIM_IP_UDP_BYTES, call->piece_at);
  call->out_bits += 8.0 * payload;
  call->frame_broken |= v.fate != SIM_LINK_PASSED;
  call->frame_left -= payload;
  call->piece_at += call->piece_gap;
  if (--call->n_pieces) return;
  call->piece_waits = false;
  out->n_frames++;
  out->n_broken += call->frame_broken;
  if (call->frame_broken) return;
  out->frame_bits += 8.0 * call->frame_bytes;
  out->frame_delay_sum_ms += (double)(v.arrive_at[0] - call->frame_sent_at) / 1000;
}

static void talk_or_pause(sim_rate_call *call) {
  if (call->now < call->talk_until) return;
  call->talking = !call->talking;
  uint64_t least_s = call->talking ? 2 : 1, span_s = call->talking ? 4 : 3;
  call->talk_until = call->now + WR_S(least_s + sim_rng_upto(&call->talk, span_s));
}

static void send_report(sim_rate_call *call, sim_rate_receiver *r, wr_time at) {
  sim_link_verdict v = carry(call, REPORT_BYTES, at);
  tell(r, &v, REPORT, 0, REPORT_BYTES + SIM_IP_UDP_BYTES, at);
}

void sim_rate_call_second(sim_rate_call *call, const mgr_sender *s, sim_rate_receiver *r, sim_rate_second *out) {
  *out = (sim_rate_second){0};
  call->link.profile = *profile_at(call, call->now);
  call->link.profile.rate_bps = 0;
  talk_or_pause(call);
  wr_time end = call->now + WR_S(1), tick_at = call->now + WR_MS(100);
  bool video = call->has_camera && s->video_bps && s->video_fps;
  call->out_bits = 0;
  if (call->frame_at < call->now) call->frame_at = call->now;
  for (int tick = 0;;) {
    wr_time video_at = call->piece_waits ? call->piece_at : video ? call->frame_at : end;
    wr_time next = video_at < call->audio_at ? video_at : call->audio_at;
    if (call->report_at < next) next = call->report_at;
    while (r && tick_at <= next && tick_at < end) {
      listen(r, tick_at, call->link.profile.jitter_us);
      if (tick++ == REPORT_TICK) report(r);
      tick_at += TICK_US;
    }
    if (next >= end) break;
    if (next == call->report_at) {
      send_report(call, r, next);
      call->report_at += REPORT_US;
    } else if (next == call->audio_at) {
      send_audio(call, s, r, out);
    } else if (!call->piece_waits) {
      begin_frame(call, s);
    } else {
      send_piece(call, r, out);
    }
  }
  call->now = end;
}

double sim_rate_call_ping(sim_rate_call *call, uint32_t bytes) {
  wr_time latest = call->now;
  for (uint32_t left = bytes; left;) {
    uint32_t piece = left < PIECE_BYTES ? left : PIECE_BYTES;
    sim_link_verdict v = carry(call, piece + SCTP_BYTES, call->now);
    wr_time at = v.fate == SIM_LINK_PASSED ? v.arrive_at[0] : call->now + WR_S(1);
    if (at > latest) latest = at;
    left -= piece;
  }
  return (double)(latest - call->now) / 1000 + WAY_BACK_MS;
}

double sim_rate_call_score(const sim_rate_call *call, const mgr_sender *s, const sim_rate_second *second) {
  double voice = sim_rate_voice(second, s->audio_bps, s->audio_ptime_ms, s->audio_fec, (int)s->audio_red);
  return call->has_camera ? 0.75 * voice + 0.25 * sim_rate_video(second) : voice;
}
