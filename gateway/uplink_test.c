#include "gateway/uplink.h"

#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "xiaozhi/frame.h"

#define N_MAX 64

typedef struct heard {
  size_t n;
  int ms[N_MAX];
  bool silent[N_MAX];
} heard;

static void record(void *ctx, wr_bytes opus) {
  heard *l = ctx;
  if (l->n == N_MAX) return;
  l->ms[l->n] = opus_packet_get_nb_samples(opus.data, (opus_int32)opus.len, 48000) / 48;
  l->silent[l->n++] = wr_bytes_equal(opus, xz_opus_silence());
}

typedef struct rig {
  gw_uplink up;
  heard log;
  OpusEncoder *encoder;
  uint8_t packet[1500], held[GW_UPLINK_BYTES];
} rig;

static rig *rig_open(void) {
  rig *r = calloc(1, sizeof(*r));
  int error;
  r->encoder = opus_encoder_create(48000, 1, OPUS_APPLICATION_RESTRICTED_LOWDELAY, &error);
  gw_uplink_init(&r->up, r->held, opus_repacketizer_create(), record, &r->log);
  return r;
}

static void rig_close(rig *r) {
  opus_repacketizer_destroy(r->up.repacketizer);
  opus_encoder_destroy(r->encoder);
  free(r);
}

static wr_bytes encode(rig *r, int ms) {
  static float pcm[48 * 60];
  for (int i = 0; i < 48 * ms; i++) pcm[i] = 0.3f * sinf((float)i * 0.05f);
  int len = opus_encode_float(r->encoder, pcm, 48 * ms, r->packet, sizeof(r->packet));
  return wr_bytes_of(r->packet, len > 0 ? (size_t)len : 0);
}

TEST(uplink_merges_any_ptime_to_60_ms) {
  static const int ptimes[] = {10, 20, 60};
  for (size_t p = 0; p < 3; p++) {
    rig *r = rig_open();
    wr_time now = 0;
    gw_uplink_start(&r->up, true, now);
    for (int t = 0; t < 600; t += ptimes[p]) {
      gw_uplink_push(&r->up, encode(r, ptimes[p]), now);
      now += WR_MS(ptimes[p]);
    }
    CHECK_EQ(r->log.n, 10);
    for (size_t i = 0; i < r->log.n; i++) CHECK_EQ(r->log.ms[i], 60);
    rig_close(r);
  }
}

TEST(uplink_40_ms_packets_go_as_they_are) {
  rig *r = rig_open();
  gw_uplink_start(&r->up, true, 0);
  for (int i = 0; i < 5; i++) gw_uplink_push(&r->up, encode(r, 40), WR_MS(40 * i));
  CHECK_EQ(r->log.n, 4); /* the fifth may still find company */
  gw_uplink_stop(&r->up, true);
  CHECK_EQ(r->log.n, 5);
  for (size_t i = 0; i < r->log.n; i++) CHECK_EQ(r->log.ms[i], 40);
  rig_close(r);
}

TEST(uplink_sends_what_is_there_when_the_mode_changes) {
  rig *r = rig_open();
  gw_uplink_start(&r->up, true, 0);
  static const uint8_t wide[] = {0x48, 1, 2, 3}, full[] = {0xF8, 0xFF, 0xFE}; /* SILK 20 ms, CELT 20 ms */
  gw_uplink_push(&r->up, wr_bytes_of(wide, 4), 0);
  gw_uplink_push(&r->up, wr_bytes_of(wide, 4), WR_MS(20));
  gw_uplink_push(&r->up, wr_bytes_of(full, 3), WR_MS(40));
  CHECK_EQ(r->log.n, 1);
  CHECK_EQ(r->log.ms[0], 40);
  gw_uplink_push(&r->up, wr_bytes_of(full, 3), WR_MS(60));
  gw_uplink_push(&r->up, wr_bytes_of(full, 3), WR_MS(80));
  CHECK_EQ(r->log.n, 2);
  CHECK_EQ(r->log.ms[1], 60);
  CHECK(r->log.silent[1]); /* three silent frames merged are our silence packet, byte for byte */
  rig_close(r);
}

TEST(uplink_fills_gaps_with_silence_in_real_time) {
  rig *r = rig_open();
  wr_time now = 0;
  gw_uplink_start(&r->up, true, now);
  for (int i = 0; i < 4; i++) gw_uplink_push(&r->up, encode(r, 20), now = WR_MS(20 * i));
  size_t before = r->log.n;
  while (gw_uplink_deadline(&r->up) <= WR_MS(1260)) {
    now = gw_uplink_deadline(&r->up);
    gw_uplink_tick(&r->up, now);
  }
  size_t silent = 0;
  for (size_t i = before; i < r->log.n; i++) silent += r->log.silent[i];
  CHECK_EQ(silent, 19);            /* 1.2 s after the last packet, less the 120 ms of patience, every 60 ms */
  CHECK_EQ(r->log.ms[before], 20); /* the held frame was not lost */
  gw_uplink_tick(&r->up, now + WR_S(10));
  gw_uplink_tick(&r->up, now + WR_S(10));
  CHECK_EQ(r->log.n, before + 1 + silent + 1); /* after a long sleep one packet, not a burst */
  rig_close(r);
}

TEST(uplink_manual_mode_and_stop_are_quiet) {
  rig *r = rig_open();
  gw_uplink_start(&r->up, false, 0);
  CHECK(gw_uplink_deadline(&r->up) == WR_NEVER);
  gw_uplink_tick(&r->up, WR_S(5));
  CHECK_EQ(r->log.n, 0);
  gw_uplink_push(&r->up, encode(r, 20), 0);
  gw_uplink_stop(&r->up, false);
  gw_uplink_push(&r->up, encode(r, 20), 0);
  CHECK_EQ(r->log.n, 0);
  rig_close(r);
}

TEST(uplink_rubbish_is_counted) {
  rig *r = rig_open();
  check_rng rng = {5};
  gw_uplink_start(&r->up, true, 0);
  gw_uplink_push(&r->up, wr_bytes_of("", 0), 0);
  CHECK_EQ(r->up.n_bad, 1);
  for (int i = 0; i < 3000; i++) {
    uint8_t bytes[64];
    check_rng_fill(&rng, bytes, sizeof(bytes));
    gw_uplink_push(&r->up, wr_bytes_of(bytes, check_rng_u32(&rng) % 64), i);
  }
  CHECK(r->up.n_bad + r->up.n_in + r->up.n_excess == 3001);
  rig_close(r);
}

/* What a network held up comes at once and is speech; ten times the speed of time is none. */
TEST(uplink_takes_no_more_than_time_has) {
  rig *r = rig_open();
  gw_uplink_start(&r->up, false, WR_S(100));
  for (int i = 0; i < GW_UPLINK_AHEAD_MS / 20; i++) gw_uplink_push(&r->up, encode(r, 20), WR_S(100));
  CHECK_EQ(r->up.n_excess, 0);
  gw_uplink_push(&r->up, encode(r, 20), WR_S(100));
  CHECK_EQ(r->up.n_excess, 1);
  for (int i = 0; i < 1000; i++) gw_uplink_push(&r->up, encode(r, 20), WR_S(100) + WR_MS(2 * i));
  CHECK_EQ(r->up.n_in, GW_UPLINK_AHEAD_MS / 20 + 99); /* the 1998 ms that passed */
  uint64_t excess = r->up.n_excess;
  for (int i = 0; i < 3000; i++) gw_uplink_push(&r->up, encode(r, 20), WR_S(200) + WR_MS(20 * i));
  CHECK_EQ(r->up.n_excess, excess);
  rig_close(r);
}

TEST(uplink_silence_decodes_to_silence) {
  int error;
  OpusDecoder *decoder = opus_decoder_create(16000, 1, &error);
  opus_int16 pcm[960];
  int loudest = 0;
  CHECK_EQ(opus_decode(decoder, xz_opus_silence().data, (opus_int32)xz_opus_silence().len, pcm, 960, 0), 960);
  for (int i = 0; i < 960; i++)
    if (abs(pcm[i]) > loudest) loudest = abs(pcm[i]);
  CHECK(loudest <= 1);
  opus_decoder_destroy(decoder);
}

TEST(uplink_fills_the_place_of_lost_packets) {
  rig *r = rig_open();
  gw_uplink_start(&r->up, true, 0);
  gw_uplink_lost(&r->up, 3, 0); /* before the first packet nothing is missed */
  CHECK_EQ(r->log.n, 0);
  gw_uplink_push(&r->up, encode(r, 20), 0);
  gw_uplink_lost(&r->up, 1, WR_MS(40));
  gw_uplink_push(&r->up, encode(r, 20), WR_MS(40));
  REQUIRE(r->log.n == 1);
  CHECK_EQ(r->log.ms[0], 60);
  CHECK_EQ(r->up.n_concealed, 1);
  gw_uplink_lost(&r->up, 1000, WR_MS(60)); /* 240 ms, and no more */
  CHECK_EQ(r->log.n, 5);
  CHECK_EQ(r->up.n_concealed, 13);
  gw_uplink_stop(&r->up, false);
  gw_uplink_lost(&r->up, 1, WR_MS(80));
  CHECK_EQ(r->up.n_concealed, 13);
  rig_close(r);
}
