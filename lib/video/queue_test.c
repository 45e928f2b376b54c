#include "video/queue.h"

#include "check.h"

enum { BLOCK = 2048, N_BLOCKS = 600, WAIT = 100000 };

static _Alignas(16) uint8_t memory[(BLOCK + 16) * (N_BLOCKS + 1)];
static uint8_t out[4096];
static wr_pool *pool;
static wr_video_queue queue;
static wr_video_frame frame;
static wr_time now;

static void begin(size_t n_blocks) {
  now = 0;
  pool = wr_pool_init(memory, BLOCK, n_blocks);
  wr_video_queue_init(&queue, pool, WR_VIDEO_VP8);
}

static void finish(size_t n_blocks) {
  wr_video_queue_wipe(&queue);
  CHECK_EQ(wr_pool_n_free(pool), n_blocks);
}

/* One packet of VP8, its number its last byte. 'K' begins a key frame, 'D' another one, '.' goes on, '!' goes on
 * and ends; 'k' and 'd' are frames of one packet. */
static bool put(uint16_t seq, uint32_t timestamp, char what) {
  bool begins = what != '.' && what != '!', key = what == 'K' || what == 'k';
  bool marker = what == '!' || what == 'k' || what == 'd';
  uint8_t payload[] = {begins ? 0x10 : 0x00, key ? 0x50 : 0x51, (uint8_t)seq};
  return wr_video_queue_insert(&queue, seq, timestamp, marker, wr_bytes_of(payload, sizeof payload));
}

static bool next(void) { return wr_video_queue_next(&queue, out, sizeof out, WAIT, &frame, now); }

static bool next_is(uint32_t timestamp, bool is_key) {
  return next() && frame.timestamp == timestamp && frame.is_key == is_key;
}

TEST(video_queue_hands_out_frames_in_order) {
  begin(N_BLOCKS);
  CHECK(put(65534, 1, 'K'));
  CHECK(!next());
  CHECK(put(0, 1, '!')); /* the middle comes late */
  CHECK(!next());
  CHECK(!put(0, 1, '!')); /* twice */
  CHECK(put(65535, 1, '.'));
  REQUIRE(next_is(1, true));
  CHECK_BYTES(frame.bytes.data, frame.bytes.len, "\x50\xfe\x51\xff\x51\x00", 6);
  CHECK(put(1, 2, 'd'));
  CHECK(put(2, 3, 'd'));
  CHECK(next_is(2, false));
  CHECK(next_is(3, false));
  CHECK(!next());
  CHECK(!put(1, 2, 'd')); /* late */
  CHECK_EQ(queue.n_late, 1);
  CHECK_EQ(queue.n_held, 0);
  CHECK_EQ(queue.n_frames, 3);
  CHECK_EQ(wr_video_queue_deadline(&queue, WAIT), WR_NEVER);
  finish(N_BLOCKS);
}

TEST(video_queue_takes_memory_only_when_packets_come) {
  begin(N_BLOCKS);
  CHECK(!next());
  CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS);
  finish(N_BLOCKS);
}

TEST(video_queue_begins_with_a_key_frame) {
  begin(N_BLOCKS);
  put(10, 1, 'd');
  CHECK(!next());
  CHECK(queue.wants_key);
  put(11, 2, 'k');
  CHECK(next_is(2, true));
  CHECK(!queue.wants_key);
  finish(N_BLOCKS);
}

TEST(video_queue_waits_at_a_hole_and_gives_it_up) {
  begin(N_BLOCKS);
  put(10, 1, 'k');
  CHECK(next_is(1, true));
  put(11, 2, 'D');
  put(13, 2, '!');
  put(14, 3, 'd');
  CHECK(!next());
  CHECK_EQ(wr_video_queue_deadline(&queue, WAIT), WAIT);
  now = WAIT - 1;
  CHECK(!next());
  CHECK(!queue.wants_key);
  now = WAIT;
  CHECK(!next()); /* what follows refers to what is lost */
  CHECK(queue.wants_key);
  CHECK_EQ(queue.n_held, 0);
  put(15, 4, 'd');
  CHECK(!next());
  put(16, 5, 'k');
  CHECK(next_is(5, true));
  finish(N_BLOCKS);
}

TEST(video_queue_goes_on_when_the_hole_is_filled) {
  begin(N_BLOCKS);
  put(10, 1, 'k');
  CHECK(next_is(1, true));
  put(12, 3, 'd');
  CHECK(!next());
  now = WAIT / 2;
  put(11, 2, 'd');
  CHECK(next_is(2, false));
  CHECK(next_is(3, false));
  CHECK_EQ(wr_video_queue_deadline(&queue, WAIT), WR_NEVER);
  finish(N_BLOCKS);
}

TEST(video_queue_forgets_a_hole_that_was_filled) {
  begin(N_BLOCKS);
  put(10, 1, 'K');
  put(12, 1, '.');
  CHECK(!next());
  CHECK_EQ(wr_video_queue_deadline(&queue, WAIT), WAIT);
  put(11, 1, '.');
  CHECK(!next()); /* the end has not come */
  CHECK_EQ(wr_video_queue_deadline(&queue, WAIT), WR_NEVER);
  finish(N_BLOCKS);
}

TEST(video_queue_jumps_to_a_whole_key_frame) {
  begin(N_BLOCKS);
  put(10, 1, 'k');
  CHECK(next_is(1, true));
  put(12, 3, 'd'); /* 11 is missing */
  put(13, 4, 'K');
  CHECK(!next()); /* not whole yet */
  put(14, 4, '!');
  CHECK(next_is(4, true));
  CHECK(!queue.wants_key);
  CHECK_EQ(queue.n_dropped, 1);
  finish(N_BLOCKS);
}

TEST(video_queue_tells_what_is_missing) {
  uint16_t seqs[4];
  begin(N_BLOCKS);
  put(65530, 1, 'K');
  CHECK_EQ(wr_video_queue_missing(&queue, 0, seqs, 4), 0);
  put(65533, 1, '.');
  put(2, 1, '!');
  REQUIRE(wr_video_queue_missing(&queue, 65530, seqs, 4) == 4);
  CHECK(seqs[0] == 65531 && seqs[1] == 65532 && seqs[2] == 65534 && seqs[3] == 65535);
  REQUIRE(wr_video_queue_missing(&queue, 0, seqs, 4) == 2);
  CHECK(seqs[0] == 0 && seqs[1] == 1);
  finish(N_BLOCKS);
}

TEST(video_queue_skips_padding) {
  begin(N_BLOCKS);
  put(1, 1, 'k');
  CHECK(next_is(1, true));
  CHECK(wr_video_queue_insert(&queue, 2, 1, false, wr_bytes_of(NULL, 0)));
  put(3, 2, 'd');
  CHECK(next_is(2, false));
  finish(N_BLOCKS);
}

TEST(video_queue_ends_a_frame_without_marker_at_the_next_one) {
  begin(N_BLOCKS);
  put(1, 1, 'K');
  put(2, 1, '.');
  CHECK(!next());
  put(3, 2, 'D');
  CHECK(next_is(1, true));
  CHECK_EQ(frame.bytes.len, 4);
  CHECK(!next());
  finish(N_BLOCKS);
}

TEST(video_queue_drops_a_frame_of_too_many_packets) {
  begin(N_BLOCKS);
  put(0, 1, 'K');
  for (uint16_t i = 1; i < 300; i++) put(i, 1, '.');
  CHECK(queue.wants_key);
  CHECK(queue.n_held <= WR_VIDEO_PACKETS);
  put(300, 1, '!');
  CHECK(!next());
  CHECK_EQ(queue.n_held, 0);
  put(301, 2, 'k');
  CHECK(next_is(2, true));
  finish(N_BLOCKS);
}

TEST(video_queue_drops_a_frame_larger_than_its_buffer) {
  begin(N_BLOCKS);
  static uint8_t payload[1200] = {0x10, 0x50};
  for (uint16_t i = 0; i < 4; i++) {
    payload[0] = i ? 0x00 : 0x10;
    CHECK(wr_video_queue_insert(&queue, i, 1, i == 3, wr_bytes_of(payload, sizeof payload)));
  }
  CHECK(!next());
  CHECK(queue.wants_key);
  finish(N_BLOCKS);
}

TEST(video_queue_leaves_others_their_memory) {
  begin(20);
  unsigned n = 0;
  for (uint16_t i = 0; i < 20; i++) n += put(i, 1, i ? '.' : 'K');
  CHECK_EQ(n, 10); /* 1 for the ring, 10 for packets, 9 left */
  CHECK_EQ(queue.n_refused, 10);
  static uint8_t large[3000];
  CHECK(!wr_video_queue_insert(&queue, 30, 1, false, wr_bytes_of(large, sizeof large)));
  finish(20);
}

TEST(video_queue_begins_anew_after_a_jump) {
  begin(N_BLOCKS);
  put(10, 1, 'k');
  CHECK(next_is(1, true));
  put(11, 2, 'D');
  CHECK(put(5000, 3, 'k'));
  CHECK(next_is(3, true));
  CHECK(put(4000, 4, 'k')); /* not late: anew */
  CHECK(next_is(4, true));
  CHECK_EQ(queue.n_dropped, 1);
  finish(N_BLOCKS);
}

TEST(video_queue_restarts_with_another_codec) {
  begin(N_BLOCKS);
  put(10, 1, 'K');
  wr_video_queue_restart(&queue, WR_VIDEO_H264);
  CHECK_EQ(queue.n_held, 0);
  static const uint8_t sets[] = {0x78, 0, 2, 0x67, 0x42, 0, 2, 0x68, 0xce}, idr[] = {0x65, 0x88};
  CHECK(wr_video_queue_insert(&queue, 11, 2, false, wr_bytes_of(sets, sizeof sets)));
  CHECK(!next());
  CHECK(wr_video_queue_insert(&queue, 12, 2, true, wr_bytes_of(idr, sizeof idr)));
  CHECK(next_is(2, true));
  CHECK_EQ(frame.bytes.len, 4 + 2 + 4 + 2 + 4 + 2);
  finish(N_BLOCKS);
}
