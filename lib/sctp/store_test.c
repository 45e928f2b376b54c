#include "sctp/store.h"

#include "check.h"

_Alignas(16) static uint8_t pool_memory[70000];

static bool has_room(const wr_store *store, size_t record, size_t bytes) {
  wr_store_plan plan = wr_store_plan_begin(store);
  if (record) wr_store_plan_record(&plan, record);
  wr_store_plan_append(&plan, bytes);
  return wr_store_fits(store, &plan);
}

static wr_pool *small_pool(void) { return wr_pool_init(pool_memory, 2048, 32); }

TEST(store_ropes_return_their_bytes_whatever_the_pieces) {
  check_rng rng = {5};
  for (int round = 0; round < 200; round++) {
    wr_store store;
    wr_pool *pool = small_pool();
    wr_store_init(&store, pool, 32 * 2048);
    static uint8_t want[2][20000], got[20000];
    size_t len[2] = {0, 0};
    wr_rope rope[2] = {{0}, {0}};
    for (int i = 0; i < 60; i++) {
      size_t which = check_rng_u32(&rng) & 1, n = check_rng_u32(&rng) % (round & 1 ? 40 : 500);
      check_rng_fill(&rng, want[which] + len[which], n);
      REQUIRE(has_room(&store, 0, n));
      wr_rope_append(&rope[which], &store, wr_bytes_of(want[which] + len[which], n));
      len[which] += n;
    }
    for (int i = 0; i < 2; i++) {
      CHECK_EQ(rope[i].len, len[i]);
      size_t n = wr_rope_copy(&rope[i], got);
      CHECK_BYTES(got, n, want[i], len[i]);
      wr_rope_wipe(&rope[i], &store);
    }
    CHECK_EQ(store.n_blocks, 0);
    CHECK_EQ(wr_pool_n_free(pool), 32);
  }
}

TEST(store_room_promised_is_room_there) {
  check_rng rng = {6};
  static uint8_t bytes[4096];
  for (int round = 0; round < 300; round++) {
    wr_store store;
    wr_store_init(&store, small_pool(), (1 + check_rng_u32(&rng) % 20) * 2048);
    for (int i = 0; i < 2000; i++) {
      size_t n = check_rng_u32(&rng) % (i & 1 ? 3000 : 20), header = 8 + check_rng_u32(&rng) % 100;
      if (!has_room(&store, header, n)) break;
      wr_rope rope = {0};
      (void)wr_store_take(&store, header); /* asserts when the promise was empty */
      wr_rope_append(&rope, &store, wr_bytes_of(bytes, n));
    }
    CHECK(store.n_blocks <= store.max_blocks);
  }
}

TEST(store_charges_whole_blocks_and_merges_small_pieces) {
  wr_store store;
  wr_pool *pool = small_pool();
  wr_store_init(&store, pool, 3 * 2048); /* and an eighth */
  wr_rope rope = {0};
  for (int i = 0; i < 1500; i++) wr_rope_append(&rope, &store, WR_BYTES_LITERAL("x"));
  CHECK_EQ(store.n_blocks, 1);
  int n_records = 0;
  while (has_room(&store, 8, 0)) {
    (void)wr_store_take(&store, 8);
    n_records++;
  }
  CHECK(n_records > 100);
  CHECK(store.n_blocks <= 4);
  CHECK_EQ(wr_pool_n_free(pool), 32 - store.n_blocks);
}

TEST(store_respects_an_empty_pool) {
  wr_store store;
  wr_pool *pool = wr_pool_init(pool_memory, 2048, 1);
  wr_store_init(&store, pool, 100 * 2048);
  CHECK(!has_room(&store, 0, 4000));
  CHECK(has_room(&store, 0, 1000));
}

TEST(store_leaves_as_much_of_the_pool_as_it_holds) {
  wr_store greedy[3], late;
  wr_pool *pool = small_pool();
  for (int i = 0; i < 3; i++) {
    wr_store_init(&greedy[i], pool, 100 * 2048);
    while (has_room(&greedy[i], 100, 0)) (void)wr_store_take(&greedy[i], 100);
  }
  CHECK_EQ(greedy[0].n_blocks, 16);
  CHECK_EQ(greedy[1].n_blocks, 8);
  wr_store_init(&late, pool, 100 * 2048);
  CHECK(has_room(&late, 100, 2000));
}
