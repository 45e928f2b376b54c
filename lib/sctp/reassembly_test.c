#include "sctp/reassembly.h"

#include "check.h"
#include "sctp/tsn_set.h"

#define N_BLOCKS 256
_Alignas(16) static uint8_t pool_memory[N_BLOCKS * 2048 + 64];

static wr_sctp_reassembly *fresh(wr_pool **pool, uint32_t budget_bytes, uint32_t max_message_bytes) {
  static wr_sctp_reassembly r;
  *pool = wr_pool_init(pool_memory, 2048, N_BLOCKS);
  wr_sctp_reassembly_init(&r, *pool, budget_bytes, max_message_bytes);
  return &r;
}

static wr_sctp_data_chunk piece(uint32_t tsn, uint16_t stream, uint16_t ssn, uint8_t flags, const char *text) {
  return (wr_sctp_data_chunk){.tsn = tsn,
                              .ppid = 51,
                              .stream = stream,
                              .ssn = ssn,
                              .flags = flags,
                              .payload = wr_bytes_of(text, strlen(text))};
}

#define B WR_SCTP_FLAG_BEGIN
#define E WR_SCTP_FLAG_END
#define U WR_SCTP_FLAG_UNORDERED

static wr_sctp_insert insert(wr_sctp_reassembly *r, wr_sctp_data_chunk data) {
  return wr_sctp_reassembly_insert(r, &data);
}

static void expect(wr_sctp_reassembly *r, const char *text) {
  uint8_t out[64];
  wr_sctp_run *run = wr_sctp_reassembly_take(r);
  CHECK((run != NULL) == (text != NULL));
  if (!run) return;
  size_t len = wr_rope_copy(&run->bytes, out);
  if (text) CHECK_BYTES(out, len, text, strlen(text));
  wr_sctp_run_give(r, run);
}

TEST(reassembly_joins_fragments_in_any_order) {
  static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  for (int i = 0; i < 6; i++) {
    wr_pool *pool;
    wr_sctp_reassembly *r = fresh(&pool, 65536, 65536);
    wr_sctp_data_chunk parts[3] = {piece(0xffffffff, 1, 0, B, "one "), piece(0, 1, 0, 0, "two "),
                                   piece(1, 1, 0, E, "three")};
    for (int k = 0; k < 3; k++) {
      expect(r, NULL);
      CHECK_EQ(insert(r, parts[orders[i][k]]), WR_SCTP_INSERTED);
    }
    expect(r, "one two three");
    CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS);
  }
}

TEST(reassembly_streams_do_not_block_each_other) {
  wr_pool *pool;
  wr_sctp_reassembly *r = fresh(&pool, 65536, 65536);
  insert(r, piece(12, 1, 1, B | E, "late"));
  expect(r, NULL);
  insert(r, piece(13, 2, 0, B | E, "other stream"));
  expect(r, "other stream");
  insert(r, piece(14, 1, 0, B | E | U, "unordered"));
  expect(r, "unordered");
  insert(r, piece(10, 1, 0, B | E, "first"));
  expect(r, "first");
  expect(r, "late");
  expect(r, NULL);
  CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS);
}

TEST(reassembly_refuses_contradictions) {
  wr_pool *pool;
  wr_sctp_reassembly *r = fresh(&pool, 65536, 65536);
  CHECK_EQ(insert(r, piece(10, 1, 0, B, "a")), WR_SCTP_INSERTED);
  CHECK_EQ(insert(r, piece(11, 1, 0, B, "b")), WR_SCTP_INSERT_VIOLATION);
  CHECK_EQ(insert(r, piece(11, 2, 0, 0, "b")), WR_SCTP_INSERT_VIOLATION);
  CHECK_EQ(insert(r, piece(11, 1, 1, 0, "b")), WR_SCTP_INSERT_VIOLATION);
  CHECK_EQ(insert(r, piece(11, 1, 0, U, "b")), WR_SCTP_INSERT_VIOLATION);
  CHECK_EQ(insert(r, piece(9, 1, 0, B, "z")), WR_SCTP_INSERT_VIOLATION);
  CHECK_EQ(insert(r, piece(11, 1, 0, E, "b")), WR_SCTP_INSERTED);
  expect(r, "ab");
}

TEST(reassembly_reports_a_message_too_big_and_goes_on) {
  wr_pool *pool;
  wr_sctp_reassembly *r = fresh(&pool, 65536, 10);
  insert(r, piece(1, 1, 0, B, "123456"));
  insert(r, piece(3, 1, 0, 0, "123456"));
  insert(r, piece(2, 1, 0, 0, "123456"));
  CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS - 1); /* only the outline is kept */
  insert(r, piece(4, 1, 0, E, "x"));
  wr_sctp_run *run = wr_sctp_reassembly_take(r);
  REQUIRE(run != NULL);
  CHECK(run->too_big);
  CHECK_EQ(run->bytes.len, 0);
  wr_sctp_run_give(r, run);
  insert(r, piece(5, 1, 1, B | E, "next"));
  expect(r, "next");
}

TEST(reassembly_forgets_what_the_sender_gave_up) {
  wr_pool *pool;
  wr_sctp_reassembly *r = fresh(&pool, 65536, 65536);
  insert(r, piece(10, 1, 0, B, "torso"));        /* its end, 11, was abandoned */
  insert(r, piece(13, 1, 2, 0, "no beginning")); /* 12 was abandoned */
  insert(r, piece(15, 1, 3, B | E, "whole"));
  insert(r, piece(16, 1, 4, B, "going "));
  wr_sctp_reassembly_prune(r, 14);
  wr_sctp_reassembly_skip(r, 1, 2);
  expect(r, "whole");
  insert(r, piece(17, 1, 4, E, "on"));
  expect(r, "going on");
  wr_sctp_reassembly_skip(r, 1, 1); /* old news */
  CHECK_EQ(r->next_ssn[1], 5);
  CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS);
}

TEST(reassembly_reset_starts_numbers_again) {
  wr_pool *pool;
  wr_sctp_reassembly *r = fresh(&pool, 65536, 65536);
  insert(r, piece(1, 1, 0, B | E, "old"));
  expect(r, "old");
  insert(r, piece(2, 1, 0, B | E, "new"));
  expect(r, NULL);
  wr_sctp_reassembly_reset_stream(r, 1);
  expect(r, "new");
}

TEST(reassembly_reneges_from_the_newest) {
  wr_pool *pool;
  wr_sctp_reassembly *r = fresh(&pool, 65536, 65536);
  insert(r, piece(20, 1, 0, 0, "a"));
  insert(r, piece(30, 1, 0, 0, "b"));
  insert(r, piece(31, 1, 0, 0, "c"));
  uint32_t first = 0, last = 0;
  CHECK(wr_sctp_reassembly_renege(r, 19, &first, &last));
  CHECK(first == 30 && last == 31);
  CHECK(wr_sctp_reassembly_renege(r, 19, &first, &last));
  CHECK(!wr_sctp_reassembly_renege(r, 19, &first, &last));
  CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS);
}

/* Tiny fragments with holes, never a whole message: memory stays within the budget and all of it comes back. */
TEST(reassembly_hostile_fragments_stay_in_the_budget) {
  check_rng rng = {3};
  wr_pool *pool;
  wr_sctp_reassembly *r = fresh(&pool, 32 * 2048, 65536);
  wr_tsn_set seen;
  wr_tsn_set_init(&seen, 1);
  uint32_t n_full = 0;
  for (int i = 0; i < 60000; i++) {
    uint32_t tsn = 2 + check_rng_u32(&rng) % 4000;
    if (wr_tsn_set_status(&seen, tsn) != WR_TSN_NEW) continue;
    uint16_t stream = (uint16_t)(check_rng_u32(&rng) % WR_SCTP_MAX_STREAMS);
    wr_sctp_insert result = insert(r, piece(tsn, stream, 7, tsn % 3 ? 0 : U, i & 1 ? "x" : "a little longer"));
    if (result == WR_SCTP_INSERTED) wr_tsn_set_add(&seen, tsn);
    if (result == WR_SCTP_INSERT_FULL) n_full++;
    REQUIRE(N_BLOCKS - wr_pool_n_free(pool) <= 36);
  }
  CHECK(n_full > 0);
  CHECK(wr_sctp_reassembly_window(r) < 4096);
  wr_sctp_reassembly_wipe(r);
  CHECK_EQ(wr_pool_n_free(pool), N_BLOCKS);
}

/* Whatever the order of arrival, every message comes out once, whole, and in order on its stream. */
TEST(reassembly_property_any_arrival_order) {
  for (uint64_t seed = 1; seed <= 200; seed++) {
    check_rng rng = {seed};
    wr_pool *pool;
    wr_sctp_reassembly *r = fresh(&pool, 200 * 2048, 65536);
    static uint8_t bytes[20000];
    wr_sctp_data_chunk chunks[150];
    uint32_t n = 0, n_messages = 0, n_taken = 0;
    uint16_t ssn[4] = {0}, next[4] = {0};
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 131 >> 3);
    while (n < 120) {
      uint16_t stream = (uint16_t)(check_rng_u32(&rng) & 3);
      uint32_t n_parts = 1 + check_rng_u32(&rng) % 12, at = check_rng_u32(&rng) % 1000;
      for (uint32_t k = 0; k < n_parts; k++, n++) {
        uint32_t len = 1 + check_rng_u32(&rng) % 1200;
        uint8_t flags = (uint8_t)((k == 0 ? B : 0) | (k == n_parts - 1 ? E : 0) | (stream == 3 ? U : 0));
        chunks[n] = (wr_sctp_data_chunk){.tsn = 1000 + n, .ppid = at, .stream = stream, .flags = flags};
        chunks[n].ssn = stream == 3 ? 0 : ssn[stream];
        chunks[n].payload = wr_bytes_of(bytes + at, len);
        at += len;
      }
      ssn[stream]++;
      n_messages++;
    }
    for (uint32_t i = n - 1; i > 0; i--) {
      uint32_t k = check_rng_u32(&rng) % (i + 1);
      wr_sctp_data_chunk swap = chunks[i];
      chunks[i] = chunks[k];
      chunks[k] = swap;
    }
    for (uint32_t i = 0; i < n; i++) {
      REQUIRE(wr_sctp_reassembly_insert(r, &chunks[i]) == WR_SCTP_INSERTED);
      for (wr_sctp_run *run; (run = wr_sctp_reassembly_take(r)) != NULL; n_taken++) {
        static uint8_t out[20000];
        size_t len = wr_rope_copy(&run->bytes, out);
        CHECK_BYTES(out, len, bytes + run->ppid, len);
        if (!run->unordered) CHECK_EQ(run->ssn, next[run->stream]++);
        wr_sctp_run_give(r, run);
      }
    }
    CHECK_EQ(n_taken, n_messages);
    REQUIRE(wr_pool_n_free(pool) == N_BLOCKS);
  }
}
