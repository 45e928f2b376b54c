/* gateway/uplink.c - regrouping to 60 ms with libopus' repacketizer, and silence for gaps. */
#include "gateway/uplink.h"

#include <string.h>

#include "xiaozhi/frame.h"

#define PACKET_SAMPLES (GW_UPLINK_PACKET_MS * 48)
#define N_HELD_MAX (sizeof(((gw_uplink *)0)->len) / sizeof(uint16_t))

void gw_uplink_init(gw_uplink *up, uint8_t held[GW_UPLINK_BYTES], OpusRepacketizer *repacketizer,
                    void (*emit)(void *ctx, wr_bytes opus), void *ctx) {
  memset(up, 0, sizeof(*up));
  up->held = held;
  up->repacketizer = repacketizer;
  up->emit = emit;
  up->ctx = ctx;
}

static void emit(gw_uplink *up, wr_bytes opus) {
  up->n_out++;
  up->emit(up->ctx, opus);
}

/* One by one: what the repacketizer would not merge is still speech. */
static void flush_single(gw_uplink *up) {
  const uint8_t *at = up->held;
  for (unsigned i = 0; i < up->n; i++) {
    emit(up, wr_bytes_of(at, up->len[i]));
    at += up->len[i];
  }
}

static void flush(gw_uplink *up) {
  uint8_t merged[GW_UPLINK_BYTES + 64];
  const uint8_t *at = up->held;
  opus_int32 len = -1;
  if (up->n > 1) {
    bool ok = true;
    opus_repacketizer_init(up->repacketizer);
    for (unsigned i = 0; i < up->n && ok; i++) {
      ok = opus_repacketizer_cat(up->repacketizer, at, up->len[i]) == OPUS_OK;
      at += up->len[i];
    }
    if (ok) len = opus_repacketizer_out(up->repacketizer, merged, (opus_int32)sizeof(merged));
  }
  if (len > 0)
    emit(up, wr_bytes_of(merged, (size_t)len));
  else
    flush_single(up);
  up->n = 0;
  up->used = 0;
  up->samples = 0;
}

void gw_uplink_start(gw_uplink *up, bool fill, wr_time now) {
  up->active = true;
  up->fill = fill;
  up->packet_samples = 0; /* what was lost before is not missed */
  up->n = 0;
  up->used = 0;
  up->samples = 0;
  up->silence_at = now + GW_UPLINK_QUIET_US;
}

void gw_uplink_stop(gw_uplink *up, bool flush_held) {
  if (up->active && flush_held && up->n) flush(up);
  up->active = false;
  up->n = 0;
  up->used = 0;
  up->samples = 0;
}

static void hold(gw_uplink *up, wr_bytes opus, int samples) {
  /* RFC 6716 3.1: all but the frame count code must agree for frames to share a packet. */
  bool joins = (opus.data[0] & 0xFC) == up->toc && up->samples + samples <= PACKET_SAMPLES &&
               up->used + opus.len <= GW_UPLINK_BYTES && up->n < N_HELD_MAX;
  if (up->n && !joins) flush(up);
  memcpy(up->held + up->used, opus.data, opus.len);
  up->toc = opus.data[0] & 0xFC;
  up->len[up->n++] = (uint16_t)opus.len;
  up->used = (uint16_t)(up->used + opus.len);
  up->samples = (uint16_t)(up->samples + samples);
  if (up->samples >= PACKET_SAMPLES) flush(up);
}

void gw_uplink_lost(gw_uplink *up, unsigned n, wr_time now) {
  if (!up->active || !up->packet_samples || !n) return;
  const uint8_t empty = up->toc; /* one frame of no bytes */
  int frame = opus_packet_get_samples_per_frame(&empty, 48000);
  unsigned most = GW_UPLINK_HOLE_MAX_MS * 48 / up->packet_samples;
  for (int left = (int)((n < most ? n : most) * up->packet_samples); left > 0; left -= frame) {
    hold(up, wr_bytes_of(&empty, 1), frame);
    up->n_concealed++;
  }
  up->silence_at = now + GW_UPLINK_QUIET_US;
}

/* Nobody speaks faster than time passes: whoever sends more would have the assistant hear and think for many. */
static bool is_excess(gw_uplink *up, int samples, wr_time now) {
  wr_time until = (up->spoken_until > now ? up->spoken_until : now) + (wr_time)samples * 1000 / 48;
  if (until > now + WR_MS(GW_UPLINK_AHEAD_MS)) return true;
  up->spoken_until = until;
  return false;
}

void gw_uplink_push(gw_uplink *up, wr_bytes opus, wr_time now) {
  if (!up->active) return;
  int samples =
      opus.len && opus.len <= 1500 ? opus_packet_get_nb_samples(opus.data, (opus_int32)opus.len, 48000) : 0;
  if (samples <= 0) {
    up->n_bad++;
    return;
  }
  if (is_excess(up, samples, now)) {
    up->n_excess++;
    return;
  }
  up->n_in++;
  up->silence_at = now + GW_UPLINK_QUIET_US;
  up->packet_samples = (uint16_t)samples;
  hold(up, opus, samples);
}

void gw_uplink_tick(gw_uplink *up, wr_time now) {
  if (!up->active || !up->fill || now < up->silence_at) return;
  if (up->n) flush(up);
  up->n_silent++;
  emit(up, xz_opus_silence());
  up->silence_at += WR_MS(GW_UPLINK_PACKET_MS);
  if (up->silence_at <= now) up->silence_at = now + WR_MS(GW_UPLINK_PACKET_MS); /* we slept: no burst */
}

wr_time gw_uplink_deadline(const gw_uplink *up) { return up->active && up->fill ? up->silence_at : WR_NEVER; }
