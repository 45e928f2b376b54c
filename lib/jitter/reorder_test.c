#include "jitter/reorder.h"

#include <string.h>

#include "base/seq.h"
#include "check.h"

enum { WAIT = 60000 };

static wr_reorder reorder;
static wr_reorder_slot slots[WR_REORDER_SLOTS];
static wr_reorder_frame frame;

static void put(uint16_t seq, uint32_t timestamp, wr_bytes payload, wr_time now) {
  wr_reorder_packet packet = {.seq = seq, .samples = 960, .timestamp = timestamp, .payload = payload};
  wr_reorder_insert(&reorder, &packet, now);
}

/* The payload of a packet tells its number. */
static void insert(uint16_t seq, wr_time now) {
  static uint8_t payload[2];
  payload[0] = (uint8_t)(seq >> 8);
  payload[1] = (uint8_t)seq;
  put(seq, seq * 960u, wr_bytes_of(payload, 2), now);
}

static void insert_large(uint16_t seq, wr_time now) {
  static uint8_t payload[WR_REORDER_FRAME_BYTES + 1];
  put(seq, seq * 960u, wr_bytes_of(payload, sizeof payload), now);
}

/* Expects |seq| next, with |n_lost| given up before it. */
static void expect(uint16_t seq, uint16_t n_lost, wr_time now) {
  REQUIRE(wr_reorder_next(&reorder, &frame, now));
  CHECK_EQ(frame.seq, seq);
  CHECK_EQ(frame.timestamp, seq * 960u);
  CHECK_EQ(frame.n_lost, n_lost);
  CHECK_EQ(frame.after_loss, n_lost > 0);
  if (frame.payload.len == 2) CHECK_EQ(frame.payload.data[0] << 8 | frame.payload.data[1], seq);
}

static void expect_nothing(wr_time now) { CHECK(!wr_reorder_next(&reorder, &frame, now)); }

TEST(reorder_passes_ordered_packets_without_a_copy) {
  static const uint8_t payload[500] = {1};
  wr_reorder_init(&reorder, slots, WAIT);
  for (uint16_t i = 0; i < 10; i++) {
    put((uint16_t)(65530 + i), i, wr_bytes_of(payload, sizeof payload), i);
    REQUIRE(wr_reorder_next(&reorder, &frame, i));
    CHECK(frame.payload.data == payload && frame.payload.len == sizeof payload);
    CHECK_EQ(frame.seq, (uint16_t)(65530 + i));
    CHECK(!frame.after_loss);
    expect_nothing(i);
    CHECK(wr_reorder_deadline(&reorder) == WR_NEVER);
  }
  CHECK_EQ(reorder.n_lost + reorder.n_late + reorder.n_reordered + reorder.n_duplicate, 0);
}

TEST(reorder_restores_order_across_the_wrap) {
  wr_reorder_init(&reorder, slots, WAIT);
  insert(65534, 0);
  expect(65534, 0, 0);
  insert(1, 10);
  expect_nothing(10);
  insert(0, 20);
  expect_nothing(20);
  CHECK_EQ(wr_reorder_deadline(&reorder), 10 + WAIT);
  insert(65535, 30);
  expect(65535, 0, 30);
  expect(0, 0, 30);
  expect(1, 0, 30);
  expect_nothing(30);
  CHECK_EQ(reorder.n_reordered, 2);
  CHECK_EQ(reorder.n_lost, 0);
}

TEST(reorder_gives_a_hole_up_exactly_at_the_deadline) {
  wr_reorder_init(&reorder, slots, WAIT);
  insert(10, 0);
  expect(10, 0, 0);
  insert(13, 100);
  insert(14, 200);
  CHECK_EQ(wr_reorder_deadline(&reorder), 100 + WAIT);
  expect_nothing(100 + WAIT - 1);
  expect(13, 2, 100 + WAIT);
  expect(14, 0, 100 + WAIT);
  expect_nothing(100 + WAIT);
  CHECK_EQ(reorder.n_lost, 2);
  insert(12, 100 + WAIT);
  expect_nothing(100 + WAIT);
  CHECK_EQ(reorder.n_late, 1);
}

/* A packet that waited long enough takes with it everything before it, however young. */
TEST(reorder_old_packet_behind_a_young_one_gives_both_holes_up) {
  wr_reorder_init(&reorder, slots, WAIT);
  insert(10, 0);
  expect(10, 0, 0);
  insert(14, 100);
  insert(12, 50000);
  insert(16, 50001);
  expect_nothing(100 + WAIT - 1);
  expect(12, 1, 100 + WAIT);
  expect(14, 1, 100 + WAIT);
  expect_nothing(100 + WAIT);
  CHECK_EQ(wr_reorder_deadline(&reorder), 50001 + WAIT);
}

TEST(reorder_tells_duplicates_from_late_packets) {
  wr_reorder_init(&reorder, slots, WAIT);
  insert(10, 0);
  expect(10, 0, 0);
  insert(10, 1); /* delivered */
  insert(12, 2);
  insert(12, 3); /* held */
  CHECK_EQ(reorder.n_duplicate, 2);
  expect(12, 1, WAIT + 2);
  insert(11, WAIT + 3);
  CHECK_EQ(reorder.n_late, 1);
  insert(12, WAIT + 3);
  CHECK_EQ(reorder.n_duplicate, 3);
  expect_nothing(WAIT + 3);
}

TEST(reorder_remembers_the_last_64_it_handed_out) {
  wr_reorder_init(&reorder, slots, WAIT);
  for (uint16_t seq = 1000; seq < 1100; seq++) {
    insert(seq, 0);
    expect(seq, 0, 0);
  }
  insert(1100 - 64, 0);
  CHECK_EQ(reorder.n_duplicate, 1);
  insert(1100 - 65, 0);
  CHECK_EQ(reorder.n_duplicate, 1);
  CHECK_EQ(reorder.n_late, 1);
  expect_nothing(0);
}

TEST(reorder_full_buffer_gives_the_first_hole_up) {
  wr_reorder_init(&reorder, slots, WAIT);
  insert(0, 0);
  expect(0, 0, 0);
  for (uint16_t i = 0; i < WR_REORDER_SLOTS - 1; i++) {
    insert((uint16_t)(2 + 2 * i), 1);
    expect_nothing(1);
  }
  insert(2 * WR_REORDER_SLOTS, 1);
  expect(2, 1, 1);
  expect_nothing(1); /* one slot is free again: the next hole may wait */
  CHECK_EQ(reorder.n_held, WR_REORDER_SLOTS - 1);
}

TEST(reorder_packet_too_large_to_hold_closes_the_holes_before_it) {
  wr_reorder_init(&reorder, slots, WAIT);
  insert(0, 0);
  expect(0, 0, 0);
  insert(2, 1);
  insert(7, 1);
  insert_large(5, 1);
  expect(2, 1, 1);
  expect(5, 2, 1);
  CHECK_EQ(frame.payload.len, WR_REORDER_FRAME_BYTES + 1);
  expect_nothing(1);
  insert(6, 2);
  expect(6, 0, 2);
  expect(7, 0, 2);
}

TEST(reorder_starts_again_after_a_jump) {
  wr_reorder_init(&reorder, slots, WAIT);
  insert(100, 0);
  expect(100, 0, 0);
  insert(1101, 1); /* 1000 ahead of 101: still a hole */
  expect_nothing(1);
  insert(30000, 2);
  expect(30000, 1, 2); /* the held one is lost with the old sequence */
  expect_nothing(2);
  insert(28000, 3);
  expect(28000, 0, 3);
  insert(28001, 4);
  expect(28001, 0, 4);
  CHECK_EQ(reorder.n_lost, 1);
  CHECK_EQ(reorder.n_late, 0);
}

TEST(reorder_without_waiting_hands_out_what_arrives) {
  wr_reorder_init(&reorder, slots, 0);
  insert(1, 5);
  expect(1, 0, 5);
  insert(3, 5);
  expect(3, 1, 5);
  insert(2, 5);
  expect_nothing(5);
  CHECK_EQ(reorder.n_late, 1);
}

/* ---- against an oracle ---- */

enum { N_PACKETS = 600 };

/* What the buffer should do, in the simplest words: a list of waiting packets as extended numbers. */
typedef struct oracle {
  int64_t next, waiting[64];
  wr_time arrived[64];
  size_t n;
  uint64_t n_lost;
} oracle;

static bool oracle_has(const oracle *o, int64_t index) {
  for (size_t i = 0; i < o->n; i++)
    if (o->waiting[i] == index) return true;
  return false;
}

/* The index that must come out now; -1: none. */
static int64_t oracle_next(oracle *o, wr_time now) {
  size_t first = 0;
  bool expired = o->n == WR_REORDER_SLOTS;
  if (o->n == 0) return -1;
  for (size_t i = 0; i < o->n; i++) {
    if (o->waiting[i] < o->waiting[first]) first = i;
    expired = expired || o->arrived[i] + WAIT <= now;
  }
  int64_t index = o->waiting[first];
  if (index != o->next && !expired) return -1;
  o->n_lost += (uint64_t)(index - o->next);
  o->next = index + 1;
  o->n--;
  o->waiting[first] = o->waiting[o->n];
  o->arrived[first] = o->arrived[o->n];
  return index;
}

static bool drain_like(oracle *o, uint16_t first, wr_time now) {
  for (;;) {
    int64_t before = o->next, want = oracle_next(o, now);
    bool got = wr_reorder_next(&reorder, &frame, now);
    if (got != (want >= 0)) return false;
    if (!got) return true;
    if (frame.seq != (uint16_t)(first + want) || frame.n_lost != want - before) return false;
    if ((frame.payload.data[0] << 8 | frame.payload.data[1]) != frame.seq) return false;
  }
}

TEST(reorder_does_what_a_sorted_list_does) {
  for (uint64_t seed = 1; seed <= 300; seed++) {
    check_rng rng = {.state = seed};
    uint16_t first = (uint16_t)check_rng_u32(&rng);
    uint32_t loss = check_rng_u32(&rng) % 40, disorder = 1 + check_rng_u32(&rng) % 30;
    oracle o = {.next = 0};
    wr_time now = 0;
    wr_reorder_init(&reorder, slots, WAIT);
    insert(first, now);
    o.waiting[o.n++] = 0;
    bool same = drain_like(&o, first, now);
    for (int64_t i = 1; i < N_PACKETS && same; i++) {
      now += check_rng_u32(&rng) % 20000;
      same = drain_like(&o, first, now);
      if (check_rng_u32(&rng) % 100 < loss) continue;
      int64_t index = i + check_rng_u32(&rng) % disorder;
      bool useful = index >= o.next && !oracle_has(&o, index);
      insert((uint16_t)(first + index), now);
      if (useful) o.waiting[o.n] = index;
      if (useful) o.arrived[o.n++] = now;
      same = same && drain_like(&o, first, now);
      wr_time earliest = WR_NEVER;
      for (size_t j = 0; j < o.n; j++) earliest = wr_time_min(earliest, o.arrived[j] + WAIT);
      same = same && wr_reorder_deadline(&reorder) == earliest && reorder.n_lost == o.n_lost;
    }
    REQUIRE(same);
  }
}

TEST(reorder_touches_slots_only_while_packets_are_missing) {
  static const uint8_t payload[100] = {1};
  static const wr_reorder_slot zero;

  memset(slots, 0, sizeof slots);
  wr_reorder_init(&reorder, slots, WAIT);
  for (uint16_t seq = 0; seq < 200; seq++) {
    put(seq, seq, wr_bytes_of(payload, sizeof payload), 0);
    CHECK(wr_reorder_next(&reorder, &frame, 0));
  }
  for (size_t i = 0; i < WR_REORDER_SLOTS; i++) CHECK(memcmp(&slots[i], &zero, sizeof zero) == 0);
  put(201, 201, wr_bytes_of(payload, sizeof payload), 0);
  CHECK(memcmp(&slots[0], &zero, sizeof zero) != 0);
  wr_reorder_wipe(&reorder);
  CHECK(memcmp(&slots[0], &zero, sizeof zero) == 0);
}

/* Of packet |seq|, in |carrier|. */
static bool repair(uint16_t seq, uint16_t carrier, wr_time now) {
  static uint8_t payload[2];
  payload[0] = (uint8_t)(seq >> 8);
  payload[1] = (uint8_t)seq;
  wr_reorder_packet copy = {.samples = 960, .timestamp = seq * 960u, .payload = wr_bytes_of(payload, 2)};
  wr_reorder_packet in = {.seq = carrier, .samples = 960, .timestamp = carrier * 960u, .payload = copy.payload};
  bool kept = wr_reorder_repair(&reorder, &copy, &in, now);
  memset(payload, 0xee, sizeof payload); /* it was copied, if it was kept */
  return kept;
}

TEST(reorder_fills_holes_from_copies) {
  wr_reorder_init(&reorder, slots, WAIT);
  CHECK(!repair(9, 10, 0)); /* of what came before the first packet nobody knows */
  insert(10, 0);
  expect(10, 0, 0);
  CHECK(!repair(10, 11, 1) && !repair(9, 11, 1));
  CHECK(repair(12, 13, 20000) && !repair(12, 13, 20000) && repair(11, 13, 20000));
  insert(13, 20000);
  expect(11, 0, 20000);
  expect(12, 0, 20000);
  expect(13, 0, 20000);
  expect_nothing(20000);
  CHECK(repair(15, 16, 40000)); /* 14 is missing all the same */
  insert(16, 40000);
  expect_nothing(40000);
  expect(15, 1, 40000 + WAIT);
  expect(16, 0, 40000 + WAIT);
  CHECK(!repair(14, 17, 40000 + WAIT)); /* given up */
  CHECK_EQ(reorder.n_late + reorder.n_duplicate, 0);
  CHECK_EQ(reorder.n_lost, 1);
}

TEST(reorder_leaves_room_for_the_packet_itself) {
  wr_reorder_init(&reorder, slots, WAIT);
  insert(0, 0);
  expect(0, 0, 0);
  for (uint16_t i = 0; i + 1 < WR_REORDER_SLOTS; i++) CHECK(repair((uint16_t)(99 - i), 101, 0));
  CHECK(!repair(100, 101, 0));
  insert(101, 0);
  for (uint16_t i = WR_REORDER_SLOTS - 1; i-- > 0;)
    expect((uint16_t)(99 - i), i == WR_REORDER_SLOTS - 2 ? 98 - i : 0, 0);
}

TEST(reorder_tells_what_is_missing) {
  uint16_t seqs[4];
  wr_reorder_init(&reorder, slots, WAIT);
  CHECK_EQ(wr_reorder_missing(&reorder, seqs, 4), 0);
  insert(65530, 0);
  expect(65530, 0, 0);
  CHECK_EQ(wr_reorder_missing(&reorder, seqs, 4), 0);
  insert(65533, 0);
  insert(65535, 0);
  REQUIRE(wr_reorder_missing(&reorder, seqs, 4) == 3);
  CHECK(seqs[0] == 65531 && seqs[1] == 65532 && seqs[2] == 65534);
  insert(65531, 0); /* next in order, not handed out yet */
  CHECK_EQ(wr_reorder_missing(&reorder, seqs, 4), 2);
  expect(65531, 0, 0);
  insert(1, 0);
  REQUIRE(wr_reorder_missing(&reorder, seqs, 2) == 2); /* the newest */
  CHECK(seqs[0] == 65534 && seqs[1] == 0);
}

TEST(reorder_tells_how_long_it_held) {
  wr_reorder_init(&reorder, slots, WAIT);
  insert(0, 0);
  expect(0, 0, 0);
  insert(2, 1000);
  insert(3, 2000);
  insert(1, 5000);
  for (uint16_t seq = 1; seq <= 3; seq++) expect(seq, 0, 5000);
  CHECK_EQ(reorder.n_delivered, 4);
  CHECK_EQ(reorder.held_us, 4000 + 3000);
}

/* ---- padding between ---- */

enum { AUDIO = 0, PADDING = 1 };

/* |frame_no|: of padding, that of the frame before it. */
static void insert_in_time(uint16_t seq, int kind, uint32_t frame_no, wr_time now) {
  static uint8_t payload[1];
  payload[0] = (uint8_t)frame_no;
  put(seq, frame_no * 960u, wr_bytes_of(payload, kind == AUDIO), now);
}

static bool repair_in_time(uint32_t frame_no, uint16_t carrier, uint32_t carrier_no, wr_time now) {
  uint8_t payload = (uint8_t)frame_no;
  wr_reorder_packet copy = {.samples = 960, .timestamp = frame_no * 960u, .payload = wr_bytes_of(&payload, 1)};
  wr_reorder_packet in = {.seq = carrier, .samples = 960, .timestamp = carrier_no * 960u, .payload = copy.payload};
  return wr_reorder_repair(&reorder, &copy, &in, now);
}

static void expect_in_time(uint32_t frame_no, uint16_t n_lost, wr_time now) {
  REQUIRE(wr_reorder_next(&reorder, &frame, now));
  CHECK_EQ(frame.timestamp, frame_no * 960u);
  CHECK_EQ(frame.payload.data[0], (uint8_t)frame_no);
  CHECK_EQ(frame.n_lost, n_lost);
}

static void begin_in_time(void) {
  wr_reorder_init(&reorder, slots, WAIT);
  insert_in_time(10, AUDIO, 1, 0);
  expect_in_time(1, 0, 0);
}

TEST(reorder_does_not_wait_for_padding) {
  uint16_t seqs[4];
  begin_in_time();
  insert_in_time(13, AUDIO, 2, 1); /* 11 and 12 are missing, but no sound is */
  CHECK_EQ(wr_reorder_missing(&reorder, seqs, 4), 0);
  expect_in_time(2, 0, 1);
  insert_in_time(15, PADDING, 2, 2);
  CHECK_EQ(wr_reorder_missing(&reorder, seqs, 4), 0);
  expect_nothing(2);
  insert_in_time(16, AUDIO, 3, 3);
  expect_in_time(3, 0, 3);
  insert_in_time(14, PADDING, 2, 4); /* late: nobody cares */
  expect_nothing(4);
  CHECK_EQ(reorder.n_lost + reorder.n_late + reorder.n_held + reorder.held_us, 0);
  CHECK_EQ(reorder.n_delivered, 3);
}

TEST(reorder_counts_frames_lost_and_not_numbers) {
  uint16_t seqs[4];
  begin_in_time();
  insert_in_time(15, AUDIO, 3, 1); /* of 11 to 14 one was speech */
  REQUIRE(wr_reorder_missing(&reorder, seqs, 4) == 4);
  CHECK(seqs[0] == 11 && seqs[3] == 14);
  expect_nothing(1);
  expect_in_time(3, 1, 1 + WAIT);
  insert_in_time(18, PADDING, 5, WAIT + 2); /* frames 4 and 5: told with the next one that is there */
  CHECK_EQ(wr_reorder_missing(&reorder, seqs, 4), 2);
  expect_nothing(2 * WAIT + 2);
  insert_in_time(19, AUDIO, 6, 2 * WAIT + 3);
  expect_in_time(6, 2, 2 * WAIT + 3);
  CHECK_EQ(reorder.n_lost, 3);
  insert_in_time(23, AUDIO, 1006, 2 * WAIT + 4); /* a pause: numbers are the bound */
  expect_in_time(1006, 3, 3 * WAIT + 4);
}

TEST(reorder_places_copies_by_their_time) {
  begin_in_time();
  insert_in_time(12, PADDING, 2, 1); /* frame 2 was 11 */
  CHECK(!repair_in_time(1, 14, 3, 2));
  CHECK(repair_in_time(2, 14, 3, 2) && !repair_in_time(2, 14, 3, 2));
  insert_in_time(14, AUDIO, 3, 2); /* 13 is missing, and was padding */
  expect_in_time(2, 0, 2);
  expect_in_time(3, 0, 2);
  expect_nothing(2);
  CHECK(repair_in_time(6, 20, 7, 3) && repair_in_time(4, 20, 7, 3)); /* room is left for frame 5 */
  insert_in_time(20, AUDIO, 7, 3);
  expect_in_time(4, 0, 3); /* its sound joins: whatever its number was */
  insert_in_time(18, AUDIO, 5, 4);
  for (uint32_t i = 5; i <= 7; i++) expect_in_time(i, 0, 4);
  CHECK_EQ(reorder.n_lost + reorder.n_duplicate + reorder.n_late, 0);
}

/* 11 was frame 2 and 12 padding; the copy of frame 2 took 12, and all of them come in the end. */
TEST(reorder_hands_out_a_copy_or_its_original) {
  begin_in_time();
  CHECK(repair_in_time(2, 14, 4, 1));
  insert_in_time(14, AUDIO, 4, 1);
  expect_in_time(2, 0, 1);
  insert_in_time(11, AUDIO, 2, 2);
  insert_in_time(13, AUDIO, 3, 3);
  expect_in_time(3, 0, 3);
  expect_in_time(4, 0, 3);
  insert_in_time(12, AUDIO, 2, 4);
  expect_nothing(4);
  begin_in_time();
  CHECK(repair_in_time(3, 14, 4, 1));
  insert_in_time(14, AUDIO, 4, 1);
  insert_in_time(12, AUDIO, 3, 2); /* while its copy is held as 13 */
  insert_in_time(11, AUDIO, 2, 3);
  for (uint32_t i = 2; i <= 4; i++) expect_in_time(i, 0, 3);
  CHECK_EQ(reorder.n_duplicate, 1);
  expect_nothing(3);
}

/* 11 to 13 are frames 2 to 4, 14 and 15 padding; the copy of frame 3 takes 14. */
TEST(reorder_drops_a_copy_that_was_overtaken) {
  begin_in_time();
  CHECK(repair_in_time(3, 16, 5, 1));
  insert_in_time(16, AUDIO, 5, 1);
  insert_in_time(13, AUDIO, 4, 2);
  expect_in_time(4, 2, 1 + WAIT);
  expect_in_time(5, 0, 1 + WAIT);
  expect_nothing(1 + WAIT);
  CHECK_EQ(reorder.n_lost, 2);
}

/* 11 and 12 are frames 2 and 3, 13 and 14 padding; the copy of frame 3 takes 14, behind word of its own loss. */
TEST(reorder_loses_no_more_than_time_allows) {
  begin_in_time();
  CHECK(repair_in_time(3, 15, 4, 1));
  insert_in_time(15, AUDIO, 4, 1);
  insert_in_time(13, PADDING, 3, 2);
  expect_in_time(3, 1, 1 + WAIT);
  expect_in_time(4, 0, 1 + WAIT);
  CHECK_EQ(reorder.n_lost, 1);
}
