/* sctp/store.c - a bump allocator over pool blocks with a count of live records per block.
 *
 * Records die in about the order they were born (TSN order), so a block empties soon after it filled; a straggler
 * keeps one block, never more. No free space inside a block is reused before the whole block is free. */
#include "sctp/store.h"

#include <string.h>

#define BLOCK_BYTES 2048
#define RECORD_MAX 128    /* largest record but slices: the most a block wastes at its end */
#define SLICE_WORTH_IT 32 /* less space than this in a block is not worth a slice header */

struct wr_store_block {
  uint32_t used, n_live;
  uint64_t pad;
};

/* Each record is preceded by the way home. */
typedef struct record_prefix {
  wr_store_block *home;
} record_prefix;

#define FIRST_RECORD sizeof(wr_store_block)
#define SLICE_BYTES (sizeof(record_prefix) + sizeof(wr_slice))

static size_t aligned(size_t n) { return (n + 7) / 8 * 8; }

void wr_store_init(wr_store *store, wr_pool *pool, uint32_t budget_bytes) {
  WR_ASSERT(wr_pool_block_bytes(pool) >= BLOCK_BYTES);
  *store =
      (wr_store){.pool = pool, .max_blocks = (budget_bytes + budget_bytes / 8 + BLOCK_BYTES - 1) / BLOCK_BYTES};
}

/* A block may be taken while more are free than the store holds. So one store gets at most half of a pool, n greedy
 * ones leave one share of n + 1, and a store that holds nothing is served while there is anything. */
static size_t n_blocks_available(const wr_store *store) {
  size_t within_budget = store->max_blocks - store->n_blocks, in_pool = wr_pool_n_free(store->pool);
  size_t fair = in_pool > store->n_blocks ? (in_pool - store->n_blocks + 1) / 2 : 0;
  return within_budget < fair ? within_budget : fair;
}

static size_t left_in_block(const wr_store *store) {
  return store->filling ? BLOCK_BYTES - store->filling->used : 0;
}

wr_store_plan wr_store_plan_begin(const wr_store *store) { return (wr_store_plan){.left = left_in_block(store)}; }

static void plan_take(wr_store_plan *plan, size_t at_least, size_t take) {
  if (plan->left < at_least) {
    plan->left = BLOCK_BYTES - FIRST_RECORD;
    plan->n_blocks++;
  }
  plan->left -= take < plan->left ? take : plan->left;
}

void wr_store_plan_record(wr_store_plan *plan, size_t bytes) {
  size_t need = aligned(sizeof(record_prefix) + bytes);
  plan_take(plan, need, need);
}

void wr_store_plan_append(wr_store_plan *plan, size_t bytes) {
  while (bytes) {
    plan_take(plan, SLICE_BYTES + SLICE_WORTH_IT, SLICE_BYTES);
    size_t n = bytes < plan->left ? bytes : plan->left;
    plan_take(plan, 0, aligned(n));
    bytes -= n;
  }
}

bool wr_store_fits(const wr_store *store, const wr_store_plan *plan) {
  return plan->n_blocks <= n_blocks_available(store);
}

uint32_t wr_store_free_bytes(const wr_store *store) {
  return (uint32_t)((uint64_t)(store->max_blocks - store->n_blocks) * BLOCK_BYTES * 8 / 9);
}

static bool open_block(wr_store *store) {
  if (store->n_blocks >= store->max_blocks) return false;
  wr_store_block *block = wr_pool_take(store->pool);
  if (!block) return false;
  *block = (wr_store_block){.used = FIRST_RECORD};
  store->n_blocks++;
  store->filling = block;
  return true;
}

/* |bytes| must fit what is left of the block being filled. */
static void *carve(wr_store *store, size_t bytes) {
  wr_store_block *block = store->filling;
  record_prefix *prefix = (void *)((uint8_t *)block + block->used);
  prefix->home = block;
  block->used += (uint32_t)aligned(sizeof *prefix + bytes);
  block->n_live++;
  WR_ASSERT(block->used <= BLOCK_BYTES);
  return prefix + 1;
}

void *wr_store_take(wr_store *store, size_t bytes) {
  WR_ASSERT(sizeof(record_prefix) + bytes <= RECORD_MAX);
  if (left_in_block(store) < aligned(sizeof(record_prefix) + bytes)) WR_ASSERT(open_block(store));
  void *record = carve(store, bytes);
  memset(record, 0, bytes);
  return record;
}

void wr_store_give(wr_store *store, void *record) {
  wr_store_block *block = ((record_prefix *)record - 1)->home;
  WR_ASSERT(block->n_live > 0);
  if (--block->n_live) return;
  if (block == store->filling) store->filling = NULL;
  store->n_blocks--;
  wr_pool_give(store->pool, block);
}

/* The slice was the last record carved from the block being filled: it can grow where it is, so that fragments of
 * a few bytes do not cost a header each. */
static size_t grow_in_place(wr_slice *slice, wr_store *store, wr_bytes data) {
  size_t n = slice->cap - slice->len;
  if (((record_prefix *)(void *)slice - 1)->home == store->filling &&
      slice->bytes + slice->cap == (uint8_t *)store->filling + store->filling->used) {
    size_t more = left_in_block(store), want = data.len > n ? aligned(data.len - n) : 0;
    if (want > more) want = more;
    store->filling->used += (uint32_t)want;
    slice->cap += (uint32_t)want;
    n += want;
  }
  if (n > data.len) n = data.len;
  memcpy(slice->bytes + slice->len, data.data, n);
  slice->len += (uint32_t)n;
  return n;
}

static wr_slice *add_slice(wr_store *store, size_t want) {
  if (left_in_block(store) < SLICE_BYTES + SLICE_WORTH_IT) WR_ASSERT(open_block(store));
  size_t cap = left_in_block(store) - SLICE_BYTES;
  if (cap > aligned(want)) cap = aligned(want);
  wr_slice *slice = carve(store, sizeof *slice + cap);
  *slice = (wr_slice){.cap = (uint32_t)cap};
  return slice;
}

void wr_rope_append(wr_rope *rope, wr_store *store, wr_bytes data) {
  while (data.len) {
    size_t n = rope->tail ? grow_in_place(rope->tail, store, data) : 0;
    if (n == 0) {
      wr_slice *slice = add_slice(store, data.len);
      if (rope->tail) {
        rope->tail->next = slice;
      } else {
        rope->head = slice;
      }
      rope->tail = slice;
      continue;
    }
    rope->len += (uint32_t)n;
    data = wr_bytes_of(data.data + n, data.len - n);
  }
}

void wr_rope_join(wr_rope *rope, wr_rope *tail) {
  if (!tail->head) return;
  *(rope->tail ? &rope->tail->next : &rope->head) = tail->head;
  rope->tail = tail->tail;
  rope->len += tail->len;
  *tail = (wr_rope){0};
}

size_t wr_rope_copy(const wr_rope *rope, uint8_t *out) {
  uint8_t *at = out;
  for (const wr_slice *slice = rope->head; slice; slice = slice->next) {
    memcpy(at, slice->bytes, slice->len);
    at += slice->len;
  }
  return (size_t)(at - out);
}

void wr_rope_wipe(wr_rope *rope, wr_store *store) {
  for (wr_slice *slice = rope->head, *next; slice; slice = next) {
    next = slice->next;
    wr_store_give(store, slice);
  }
  *rope = (wr_rope){0};
}
