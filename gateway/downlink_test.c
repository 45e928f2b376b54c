#include "gateway/downlink.h"

#include <stdlib.h>

#include "check.h"

typedef struct rig {
  gw_stock stock;
  gw_downlink down;
} rig;

static rig *rig_open(void) {
  rig *r = calloc(1, sizeof(*r));
  gw_stock_init(&r->stock, 256);
  gw_downlink_init(&r->down, &r->stock, opus_repacketizer_create(), 1000, 0);
  return r;
}

static void rig_close(rig *r) {
  gw_downlink_wipe(&r->down);
  opus_repacketizer_destroy(r->down.repacketizer);
  gw_stock_wipe(&r->stock);
  free(r);
}

/* 60 ms in one packet of three 20 ms frames, each one recognisable. */
static void push_60(rig *r, uint8_t id, wr_time now) {
  uint8_t packet[] = {0xFB, 0x03, id, 1, id, 2, id, 3};
  gw_downlink_push_audio(&r->down, wr_bytes_of(packet, sizeof(packet)), now);
}

static const uint8_t silence[] = {0xF0, 0xFF, 0xFE}; /* 10 ms */

static char *text_of(const char *text) { return strdup(text); }

TEST(downlink_paces_a_burst_one_frame_per_20_ms) {
  rig *r = rig_open();
  for (int i = 0; i < 10; i++) push_60(r, (uint8_t)(10 + i), 0); /* 600 ms at once */
  wr_time now = 0;
  uint32_t last = 0;
  for (int i = 0; i < 30; i++) {
    gw_downlink_item item;
    now = gw_downlink_deadline(&r->down);
    CHECK_EQ(now, WR_MS(20 * i));
    REQUIRE(gw_downlink_poll(&r->down, &item, now));
    CHECK_EQ(item.marker, i == 0);
    uint8_t want[] = {0xF8, (uint8_t)(10 + i / 3), (uint8_t)(1 + i % 3)};
    CHECK_BYTES(item.opus.data, item.opus.len, want, 3);
    if (i) CHECK_EQ(item.timestamp - last, 960);
    last = item.timestamp;
    CHECK(!gw_downlink_poll(&r->down, &item, now));
  }
  CHECK(gw_downlink_is_empty(&r->down));
  rig_close(r);
}

/* Long packets hold what waits behind one another: as much speech as before, in a third of the packets. */
TEST(downlink_joins_frames_where_the_way_is_narrow) {
  rig *r = rig_open();
  gw_downlink_item item;
  for (int i = 0; i < 3; i++) push_60(r, (uint8_t)(10 + i), 0);
  gw_downlink_join(&r->down, 2880);
  uint32_t last = 0;
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(gw_downlink_deadline(&r->down), WR_MS(60 * i));
    REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(60 * i)));
    CHECK_EQ(opus_packet_get_nb_samples(item.opus.data, (opus_int32)item.opus.len, 48000), 2880);
    const uint8_t *frame[48];
    opus_int16 size[48];
    CHECK_EQ(opus_packet_parse(item.opus.data, (opus_int32)item.opus.len, NULL, frame, size, NULL), 3);
    for (int k = 0; k < 3; k++) {
      uint8_t want[] = {(uint8_t)(10 + i), (uint8_t)(1 + k)};
      CHECK_BYTES(frame[k], (size_t)size[k], want, 2);
    }
    if (i) CHECK_EQ(item.timestamp - last, 2880);
    last = item.timestamp;
  }
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(180))); /* silence as well */
  CHECK(item.silent);
  CHECK_EQ(item.timestamp - last, 2880);
  CHECK_EQ(opus_packet_get_nb_samples(item.opus.data, (opus_int32)item.opus.len, 48000), 2880);
  gw_downlink_join(&r->down, 0);
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(240)));
  CHECK_BYTES(item.opus.data, item.opus.len, silence, sizeof(silence));
  CHECK_EQ(r->down.queued_samples, 0);
  rig_close(r);
}

/* Where more may not pass, silence has no more packets than speech, and is as silent. */
TEST(downlink_spares_packets_of_silence) {
  rig *r = rig_open();
  gw_downlink_item item;
  int error;
  int16_t samples[5760];
  OpusDecoder *decoder = opus_decoder_create(48000, 1, &error);
  gw_downlink_expect(&r->down, WR_MS(200), 0);
  gw_downlink_spare(&r->down, true);
  uint32_t last = 0;
  for (int i = 0; i < 5; i++) {
    CHECK_EQ(gw_downlink_deadline(&r->down), WR_MS(20 * i));
    REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(20 * i)));
    CHECK(item.silent);
    if (i) CHECK_EQ(item.timestamp - last, 960);
    last = item.timestamp;
    CHECK_EQ(opus_decode(decoder, item.opus.data, (opus_int32)item.opus.len, samples, 5760, 0), 960);
    for (int k = 0; k < 960; k++) CHECK(samples[k] == 0);
  }
  CHECK_EQ(r->down.sent.n_records, 0); /* silence alone is not kept */
  gw_downlink_spare(&r->down, false);
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(100)));
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(110)));
  CHECK_BYTES(item.opus.data, item.opus.len, silence, sizeof(silence));
  opus_decoder_destroy(decoder);
  rig_close(r);
}

/* Where it is very narrow, six frames go together, and six of silence. */
TEST(downlink_joins_twice_as_many_where_the_way_is_very_narrow) {
  rig *r = rig_open();
  gw_downlink_item item;
  for (int i = 0; i < 4; i++) push_60(r, (uint8_t)(10 + i), 0);
  gw_downlink_join(&r->down, GW_DOWNLINK_LONG_SAMPLES);
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(gw_downlink_deadline(&r->down), WR_MS(120 * i));
    REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(120 * i)));
    CHECK_EQ(opus_packet_get_nb_samples(item.opus.data, (opus_int32)item.opus.len, 48000), 5760);
    CHECK_EQ(item.silent, i == 2);
  }
  rig_close(r);
}

/* What is under way is heard first: no frame is lost, none comes before the rest is over, and the clock of what is
 * heard goes on without a hole. */
TEST(downlink_rests_and_goes_on) {
  rig *r = rig_open();
  gw_downlink_item item;
  gw_downlink_rest(&r->down, WR_MS(500)); /* nothing runs */
  for (int i = 0; i < 2; i++) push_60(r, (uint8_t)(10 + i), 0);
  REQUIRE(gw_downlink_poll(&r->down, &item, 0));
  uint32_t first = item.timestamp;
  gw_downlink_rest(&r->down, WR_MS(300));
  CHECK_EQ(gw_downlink_deadline(&r->down), WR_MS(320));
  CHECK(!gw_downlink_poll(&r->down, &item, WR_MS(319)));
  for (uint32_t i = 1; i < 6; i++) {
    REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(300 + 20 * i)));
    CHECK(!item.marker);
    CHECK_EQ(item.timestamp - first, 960 * i);
  }
  gw_downlink_flush(&r->down); /* a barge-in meanwhile ends it all */
  CHECK(gw_downlink_is_empty(&r->down));
  rig_close(r);
}

/* What is joined: speech of one kind, up to a caption, and no more than a datagram. */
TEST(downlink_joins_no_further_than_it_may) {
  rig *r = rig_open();
  gw_downlink_item item;
  static const uint8_t one[] = {0xF8, 9, 9}, narrowband[] = {0x08, 7, 7};
  uint8_t large[500] = {0xF8};
  gw_downlink_join(&r->down, 2880);
  gw_downlink_push_audio(&r->down, wr_bytes_of(one, 3), 0);
  gw_downlink_push_text(&r->down, text_of("caption"), 0);
  gw_downlink_push_audio(&r->down, wr_bytes_of(one, 3), 0);
  gw_downlink_push_audio(&r->down, wr_bytes_of(narrowband, 3), 0);
  for (int i = 0; i < 2; i++) gw_downlink_push_audio(&r->down, wr_bytes_of(large, sizeof(large)), 0);
  size_t lens[8];
  unsigned n = 0;
  for (wr_time now = 0; n < 8 && now != WR_NEVER && !gw_downlink_is_empty(&r->down);) {
    now = gw_downlink_deadline(&r->down);
    REQUIRE(gw_downlink_poll(&r->down, &item, now));
    lens[n++] = item.kind == GW_DOWNLINK_AUDIO ? item.opus.len : 0;
    if (item.kind == GW_DOWNLINK_TEXT) free(item.text);
  }
  REQUIRE(n == 6);
  const size_t want[] = {3, 0, 3, 3, sizeof(large), sizeof(large)};
  for (unsigned i = 0; i < 6; i++) CHECK_EQ(lens[i], want[i]);
  rig_close(r);
}

/* Silence goes into every slot that has no speech, on the grid that the speech before it began. */
TEST(downlink_runs_on_in_silence_after_speech) {
  rig *r = rig_open();
  gw_downlink_item item;
  push_60(r, 1, WR_MS(3));
  for (int i = 0; i < 3; i++) REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(3 + 20 * i)));
  uint32_t last = item.timestamp;
  for (int i = 0; i < 100; i++) {
    CHECK_EQ(gw_downlink_deadline(&r->down), WR_MS(63 + 10 * i));
    REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(63 + 10 * i)));
    CHECK(item.silent);
    CHECK(!item.marker);
    CHECK_BYTES(item.opus.data, item.opus.len, silence, sizeof(silence));
    CHECK_EQ(item.timestamp - last, i ? 480 : 960);
    last = item.timestamp;
  }
  CHECK(gw_downlink_deadline(&r->down) == WR_NEVER);
  rig_close(r);
}

TEST(downlink_expecting_an_answer_runs_before_it) {
  rig *r = rig_open();
  gw_downlink_item item;
  gw_downlink_expect(&r->down, WR_MS(200), WR_MS(7));
  uint32_t last = 0;
  for (int i = 0; i < 5; i++) {
    REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(7 + 10 * i)));
    CHECK(item.silent);
    CHECK_EQ(item.marker, i == 0);
    CHECK(!gw_downlink_poll(&r->down, &item, WR_MS(7 + 10 * i)));
    last = item.timestamp;
  }
  push_60(r, 5, WR_MS(50)); /* between two slots: it waits for the next one */
  CHECK(!gw_downlink_poll(&r->down, &item, WR_MS(56)));
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(57)));
  CHECK(!item.silent);
  CHECK(!item.marker);
  CHECK_EQ(item.opus.data[1], 5);
  CHECK_EQ(item.timestamp - last, 480);
  rig_close(r);
}

/* What the gateway adds: whenever speech comes into a stream that waits for it, it is handed out within 10 ms, at
 * the place in the stream where it will be heard, and each frame of silence is as long as it claims to be. */
TEST(downlink_adds_at_most_10_ms_to_an_answer) {
  int error;
  OpusDecoder *decoder = opus_decoder_create(48000, 1, &error);
  for (int us = 0; us < 60000; us += 700) {
    rig *r = rig_open();
    gw_downlink_item item;
    int16_t samples[5760];
    wr_time came = WR_MS(100) + us, now = 0;
    uint32_t next = 0;
    opus_decoder_ctl(decoder, OPUS_RESET_STATE);
    gw_downlink_expect(&r->down, WR_S(4), 0);
    for (bool pushed = false;; pushed = pushed || now >= came) {
      if (!pushed && gw_downlink_deadline(&r->down) >= came) push_60(r, 5, came);
      now = gw_downlink_deadline(&r->down);
      REQUIRE(gw_downlink_poll(&r->down, &item, now));
      if (next) CHECK_EQ(item.timestamp, next);
      int n = opus_decode(decoder, item.opus.data, (opus_int32)item.opus.len, samples, 5760, 0);
      next = item.timestamp + (uint32_t)n;
      if (!item.silent) break;
      for (int i = 0; i < n; i++) CHECK(samples[i] == 0);
    }
    CHECK(now - came <= WR_MS(10));
    rig_close(r);
  }
  opus_decoder_destroy(decoder);
}

TEST(downlink_expectation_that_comes_to_nothing_ends) {
  rig *r = rig_open();
  gw_downlink_item item;
  gw_downlink_expect(&r->down, WR_MS(100), 0);
  for (int i = 0; i < 10; i++) CHECK(gw_downlink_poll(&r->down, &item, WR_MS(10 * i)));
  CHECK(gw_downlink_deadline(&r->down) == WR_NEVER);
  uint32_t last = item.timestamp;
  gw_downlink_expect(&r->down, WR_S(2), WR_S(1)); /* the next question: a new run, the clock has gone on */
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_S(1)));
  CHECK(item.marker);
  CHECK_EQ(item.timestamp - last, (1000 - 90) * 48);
  rig_close(r);
}

TEST(downlink_start_waits_for_60_ms_but_not_longer) {
  rig *r = rig_open();
  static const uint8_t one[] = {0xF8, 9, 9};
  gw_downlink_item item;
  gw_downlink_push_audio(&r->down, wr_bytes_of(one, 3), WR_MS(5));
  CHECK_EQ(gw_downlink_deadline(&r->down), WR_MS(65));
  gw_downlink_push_audio(&r->down, wr_bytes_of(one, 3), WR_MS(10));
  CHECK(!gw_downlink_poll(&r->down, &item, WR_MS(10)));
  gw_downlink_push_audio(&r->down, wr_bytes_of(one, 3), WR_MS(15));
  CHECK(gw_downlink_poll(&r->down, &item, WR_MS(15)));
  rig_close(r);
}

TEST(downlink_short_answer_starts_at_once_when_complete) {
  rig *r = rig_open();
  static const uint8_t one[] = {0xF8, 9, 9};
  gw_downlink_item item;
  gw_downlink_push_audio(&r->down, wr_bytes_of(one, 3), 0);
  gw_downlink_push_end(&r->down, WR_MS(1));
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(1)));
  CHECK_EQ(item.kind, GW_DOWNLINK_AUDIO);
  CHECK(!gw_downlink_poll(&r->down, &item, WR_MS(20))); /* the end comes when it has been heard */
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(21)));
  CHECK_EQ(item.kind, GW_DOWNLINK_END);
  rig_close(r);
}

TEST(downlink_caption_leaves_with_its_first_frame) {
  rig *r = rig_open();
  gw_downlink_item item;
  push_60(r, 1, 0);
  gw_downlink_push_text(&r->down, text_of("second"), 0);
  push_60(r, 2, 0);
  for (int i = 0; i < 3; i++) CHECK(gw_downlink_poll(&r->down, &item, WR_MS(20 * i)));
  CHECK(!gw_downlink_poll(&r->down, &item, WR_MS(59)));
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(60)));
  CHECK_EQ(item.kind, GW_DOWNLINK_TEXT);
  CHECK_TEXT(item.text, "second");
  free(item.text);
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(60)));
  CHECK_EQ(item.opus.data[1], 2);
  rig_close(r);
}

TEST(downlink_caption_without_sound_comes_with_the_end) {
  rig *r = rig_open();
  gw_downlink_item item;
  gw_downlink_push_text(&r->down, text_of("mute"), 0);
  CHECK(gw_downlink_deadline(&r->down) == WR_NEVER);
  gw_downlink_push_end(&r->down, WR_MS(5));
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(5)));
  CHECK_EQ(item.kind, GW_DOWNLINK_TEXT);
  free(item.text);
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(5)));
  CHECK_EQ(item.kind, GW_DOWNLINK_END);
  rig_close(r);
}

TEST(downlink_flush_lets_nothing_old_out) {
  rig *r = rig_open();
  gw_downlink_item item;
  for (int i = 0; i < 20; i++) push_60(r, 7, 0);
  gw_downlink_push_text(&r->down, text_of("old"), 0);
  gw_downlink_push_end(&r->down, 0);
  CHECK(gw_downlink_poll(&r->down, &item, 0));
  uint32_t before = item.timestamp;
  gw_downlink_flush(&r->down);
  for (int i = 2; i <= 51; i++) { /* at once and on the grid: silence */
    REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(10 * i)));
    CHECK_EQ(item.kind, GW_DOWNLINK_AUDIO);
    CHECK_BYTES(item.opus.data, item.opus.len, silence, sizeof(silence));
  }
  push_60(r, 8, WR_MS(515));
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(520)));
  CHECK(!item.marker);
  CHECK_EQ(item.opus.data[1], 8);
  CHECK_EQ(item.timestamp - before, 520 * 48);
  rig_close(r);
}

TEST(downlink_next_answer_goes_on_in_step) {
  rig *r = rig_open();
  gw_downlink_item item;
  push_60(r, 1, 0);
  gw_downlink_push_end(&r->down, 0);
  for (int i = 0; i < 3; i++) CHECK(gw_downlink_poll(&r->down, &item, WR_MS(20 * i)));
  CHECK(gw_downlink_poll(&r->down, &item, WR_MS(60)) && item.kind == GW_DOWNLINK_END);
  CHECK(gw_downlink_poll(&r->down, &item, WR_MS(60)) && item.silent);
  uint32_t last = item.timestamp;
  push_60(r, 2, WR_MS(65));
  CHECK(!gw_downlink_poll(&r->down, &item, WR_MS(69)));
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(70)));
  CHECK(!item.silent);
  CHECK_EQ(item.opus.data[1], 2);
  CHECK_EQ(item.timestamp - last, 480);
  rig_close(r);
}

TEST(downlink_dry_queue_begins_a_new_spurt) {
  rig *r = rig_open();
  gw_downlink_item item;
  push_60(r, 1, 0);
  for (int i = 0; i < 3; i++) CHECK(gw_downlink_poll(&r->down, &item, WR_MS(20 * i)));
  for (int i = 6; i <= 8; i++) CHECK(gw_downlink_poll(&r->down, &item, WR_MS(10 * i)));
  CHECK(item.silent);
  uint32_t last = item.timestamp;
  static const uint8_t one[] = {0xF8, 9, 9};
  gw_downlink_push_audio(&r->down, wr_bytes_of(one, 3), WR_MS(90)); /* 30 ms late: collects for 60 ms again */
  for (int i = 9; i <= 14; i++) {
    REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(10 * i)));
    CHECK(item.silent);
  }
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(150)));
  CHECK(!item.silent);
  CHECK_EQ(item.timestamp - last, 7 * 480);
  rig_close(r);
}

/* Not called for longer than a jitter buffer forgives: no burst of what was due meanwhile. */
TEST(downlink_called_late_goes_on_from_now) {
  rig *r = rig_open();
  gw_downlink_item item;
  gw_downlink_expect(&r->down, WR_S(9), 0);
  CHECK(gw_downlink_poll(&r->down, &item, 0));
  uint32_t last = item.timestamp;
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(500)));
  CHECK(item.marker);
  CHECK_EQ(item.timestamp - last, 500 * 48);
  CHECK(!gw_downlink_poll(&r->down, &item, WR_MS(500)));
  rig_close(r);
}

TEST(downlink_pause_keeps_the_speech) {
  rig *r = rig_open();
  gw_downlink_item item;
  push_60(r, 1, 0);
  gw_downlink_pause(&r->down, true, WR_MS(1));
  CHECK(!gw_downlink_poll(&r->down, &item, WR_S(5)));
  gw_downlink_pause(&r->down, false, WR_S(6));
  REQUIRE(gw_downlink_poll(&r->down, &item, WR_S(6)));
  CHECK_EQ(item.opus.data[2], 1);
  rig_close(r);
}

TEST(downlink_is_bounded_and_survives_rubbish) {
  rig *r = rig_open();
  check_rng rng = {9};
  for (int i = 0; i < 1200; i++) push_60(r, 1, 0);
  CHECK_EQ(r->down.queued_samples, 60000 * 48);
  CHECK_EQ(r->down.n_refused, 600);
  gw_downlink_flush(&r->down);
  for (int i = 0; i < 5000; i++) {
    uint8_t bytes[100];
    check_rng_fill(&rng, bytes, sizeof(bytes));
    gw_downlink_push_audio(&r->down, wr_bytes_of(bytes, check_rng_u32(&rng) % 100), i);
    gw_downlink_item item;
    while (gw_downlink_poll(&r->down, &item, i)) continue;
  }
  CHECK(r->down.n_bad > 0);
  rig_close(r);
}

/* Long SILK frames hold one frame: they go as they are, at their own pace. */
TEST(downlink_single_60_ms_frame_is_not_split) {
  rig *r = rig_open();
  static const uint8_t silk[] = {0x58, 1, 2, 3}; /* configuration 11: SILK wide-band, 60 ms */
  gw_downlink_item item;
  gw_downlink_push_audio(&r->down, wr_bytes_of(silk, 4), 0);
  gw_downlink_push_audio(&r->down, wr_bytes_of(silk, 4), 0);
  CHECK(gw_downlink_poll(&r->down, &item, 0));
  CHECK_BYTES(item.opus.data, item.opus.len, silk, 4);
  CHECK_EQ(gw_downlink_deadline(&r->down), WR_MS(60));
  rig_close(r);
}

/* An assistant that captions without end and never speaks. */
TEST(downlink_captions_are_bounded) {
  rig *r = rig_open();
  char *long_text = malloc(60001);
  memset(long_text, 'x', 60000);
  long_text[60000] = 0;
  for (int i = 0; i < 20; i++) gw_downlink_push_text(&r->down, text_of(long_text), 0);
  CHECK_EQ(r->down.n_refused, 16);
  gw_downlink_flush(&r->down);
  CHECK(gw_downlink_is_empty(&r->down));
  gw_downlink_push_text(&r->down, text_of(long_text), 0);
  gw_downlink_push_end(&r->down, 0);
  gw_downlink_item item;
  CHECK(gw_downlink_poll(&r->down, &item, 0));
  free(item.text);
  for (int i = 0; i < 4; i++) gw_downlink_push_text(&r->down, text_of(long_text), 0);
  CHECK_EQ(r->down.n_refused, 16);
  free(long_text);
  rig_close(r);
}

/* Plays |n| times 20 ms; what came out goes on |heard|: a letter is a frame, _ 10 ms of silence, a full stop the
 * end. */
static void play(rig *r, int n, wr_time *now, char *heard) {
  size_t len = strlen(heard);
  for (int i = 0; i < 2 * n; i++, *now += WR_MS(10)) {
    gw_downlink_item item;
    while (gw_downlink_poll(&r->down, &item, *now)) {
      if (item.kind == GW_DOWNLINK_AUDIO)
        heard[len++] = item.opus.data[1] == 0xFF ? '_' : (char)('a' + item.opus.data[1]);
      if (item.kind == GW_DOWNLINK_END) heard[len++] = '.';
      free(item.text);
    }
  }
  heard[len] = 0;
}

static void push_20(rig *r, char name, wr_time now) {
  uint8_t packet[] = {0xF8, (uint8_t)(name - 'a'), 1};
  gw_downlink_push_audio(&r->down, wr_bytes_of(packet, sizeof(packet)), now);
}

static void push_word(rig *r, const char *word, wr_time now) {
  for (; *word; word++) push_20(r, *word, now);
}

/* The path is dead since |arrived|, and there is another at once. */
static void break_path(rig *r, wr_time arrived, wr_time now) {
  gw_downlink_arrived(&r->down, arrived);
  gw_downlink_pause(&r->down, true, now);
  gw_downlink_take_back(&r->down);
  CHECK(!gw_downlink_is_empty(&r->down));
  gw_downlink_pause(&r->down, false, now);
}

TEST(downlink_takes_back_what_did_not_arrive) {
  rig *r = rig_open();
  char heard[64] = "";
  wr_time now = 0;
  gw_downlink_item item;
  push_word(r, "abcdefghij", 0);
  play(r, 6, &now, heard);
  CHECK_TEXT(heard, "abcdef");
  gw_downlink_arrived(&r->down, WR_MS(45)); /* a, b, c left at 0, 20, 40 */
  gw_downlink_pause(&r->down, true, now);
  gw_downlink_take_back(&r->down);
  CHECK_EQ(r->down.queued_samples, 7 * 960);
  play(r, 10, &now, heard);
  CHECK_TEXT(heard, "abcdef");
  gw_downlink_pause(&r->down, false, now);
  REQUIRE(gw_downlink_poll(&r->down, &item, now));
  CHECK(item.marker);
  CHECK_EQ(item.timestamp - 1000, now * 6 / 125); /* the RTP clock ran on */
  CHECK_EQ(item.opus.data[1], 'd' - 'a');
  now += WR_MS(20);
  play(r, 6, &now, heard);
  CHECK_TEXT(heard, "abcdefefghij");
  CHECK(gw_downlink_is_empty(&r->down));
  rig_close(r);
}

/* The path breaks again at once: nothing is lost, nothing comes twice that arrived. */
TEST(downlink_takes_back_again_and_again) {
  rig *r = rig_open();
  char heard[64] = "";
  wr_time now = 0;
  push_word(r, "abcdefgh", 0);
  play(r, 3, &now, heard);
  for (int i = 0; i < 5; i++) {
    gw_downlink_take_back(&r->down);
    gw_downlink_pause(&r->down, true, now);
    now += WR_S(1);
    gw_downlink_pause(&r->down, false, now);
    play(r, 1, &now, heard);
  }
  gw_downlink_arrived(&r->down, now);
  gw_downlink_take_back(&r->down);
  play(r, 7, &now, heard);
  CHECK_TEXT(heard, "abcaaaaabcdefgh");
  rig_close(r);
}

/* The end was told already; the last words come all the same, and no second end. */
TEST(downlink_takes_back_the_last_words) {
  rig *r = rig_open();
  char heard[64] = "";
  wr_time now = 0;
  push_word(r, "abc", 0);
  gw_downlink_push_end(&r->down, 0);
  play(r, 5, &now, heard);
  CHECK_TEXT(heard, "abc.____");
  break_path(r, WR_MS(20), now);
  play(r, 4, &now, heard);
  CHECK_TEXT(heard, "abc.____c______");
  rig_close(r);
}

/* The process was not called for a while: times stay true, and the wait is not played again. */
TEST(downlink_takes_back_over_a_wait) {
  rig *r = rig_open();
  char heard[64] = "";
  wr_time now = 0;
  push_word(r, "abcdefgh", 0);
  play(r, 2, &now, heard);
  now += WR_MS(400);
  play(r, 2, &now, heard); /* at 440 and 460 */
  CHECK_TEXT(heard, "abcd");
  gw_downlink_arrived(&r->down, WR_MS(10));
  CHECK_EQ(r->down.sent.n_records, 4);
  break_path(r, WR_MS(10), now);
  play(r, 6, &now, heard);
  CHECK_TEXT(heard, "abcdb_cdefg");
  gw_downlink_arrived(&r->down, now - WR_MS(21));
  CHECK_EQ(r->down.sent.n_records, 1);
  now += WR_S(3);
  play(r, 1, &now, heard);
  CHECK_EQ(r->down.sent.n_records, 1);
  CHECK_EQ(r->down.queued_samples, 0);
  rig_close(r);
}

TEST(downlink_keeps_no_silence_alone_and_nothing_that_was_flushed) {
  rig *r = rig_open();
  char heard[200] = "";
  wr_time now = 0;
  gw_downlink_expect(&r->down, WR_MS(100), 0);
  play(r, 5, &now, heard);
  CHECK_EQ(r->down.sent.n_records, 0);
  push_word(r, "abc", now);
  play(r, 6, &now, heard);
  CHECK_EQ(r->down.sent.n_records, 9);
  gw_downlink_arrived(&r->down, WR_MS(141)); /* all three, and so the silence after them */
  CHECK_EQ(r->down.sent.n_records, 0);
  CHECK_EQ(r->down.sent_samples, 0);
  push_word(r, "xyz", now);
  play(r, 2, &now, heard);
  gw_downlink_flush(&r->down);
  gw_downlink_take_back(&r->down);
  CHECK(gw_downlink_is_empty(&r->down));
  CHECK_EQ(r->down.queued_samples, 0);
  rig_close(r);
}

/* Nobody says what arrives: the last two seconds are kept, and no more. */
TEST(downlink_keeps_within_bounds) {
  rig *r = rig_open();
  gw_downlink_item item;
  for (int i = 0; i < 3000; i++) push_20(r, 'a', 0);
  for (int i = 0; i < 2990; i++) {
    REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(20 * i)));
    CHECK(r->down.sent_samples <= GW_DOWNLINK_KEEP_MS * 48);
  }
  CHECK_EQ(r->down.sent.n_records, GW_DOWNLINK_KEEP_MS / 20);
  gw_downlink_take_back(&r->down);
  CHECK_EQ(r->down.queued_samples, (GW_DOWNLINK_KEEP_MS / 20 + 10) * 960);
  rig_close(r);
}

/* Frames as large as they come, and a stock that is used up: what cannot be kept is lost as before, nothing else.
 */
TEST(downlink_without_memory_keeps_nothing) {
  rig *r = rig_open();
  gw_downlink_item item;
  uint8_t big[1276] = {0xF8};
  r->stock.n_limit = 4;
  for (int i = 0; i < 100; i++) gw_downlink_push_audio(&r->down, wr_bytes_of(big, sizeof(big)), 0);
  CHECK(r->down.n_refused > 0);
  uint32_t n = r->down.fifo.n_records;
  for (uint32_t i = 0; i < n; i++) {
    REQUIRE(gw_downlink_poll(&r->down, &item, WR_MS(20 * i)));
    CHECK_EQ(item.opus.len, sizeof(big));
    CHECK_EQ(item.opus.data[0], 0xF8);
  }
  CHECK(gw_downlink_is_empty(&r->down));
  rig_close(r);
}

/* On a narrow path frames travel three in a packet, and come back so; copies into what may come back do not disturb
 * what goes out. */
TEST(downlink_takes_back_long_packets) {
  rig *r = rig_open();
  gw_downlink_item item;
  wr_time now = 0;
  gw_downlink_join(&r->down, 2880);
  for (uint8_t id = 0; id < 200; id++) push_60(r, id, 0);
  for (unsigned i = 0; i < 400; i++, now += WR_MS(60)) {
    if (i == 150) {
      gw_downlink_arrived(&r->down, now - WR_MS(601)); /* ten packets did not */
      gw_downlink_take_back(&r->down);
    }
    if (i == 180) gw_downlink_join(&r->down, 0);
    REQUIRE(gw_downlink_poll(&r->down, &item, now));
    if (item.silent || i >= 180) break;
    unsigned id = i < 150 ? i : i - 10;
    REQUIRE(item.opus.len == 8);
    CHECK_EQ(item.opus.data[2], id);
    CHECK_EQ(item.opus.data[4], id);
    CHECK_EQ(item.opus.data[7], 3);
    CHECK_EQ(item.timestamp - 1000, i * 2880);
  }
  CHECK_EQ(item.opus.len, 3);
  CHECK_EQ(item.opus.data[1], 170);
  rig_close(r);
}
