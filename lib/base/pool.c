/* base/pool.c - a free list threaded through the free blocks themselves. Blocks never taken yet are not on it and
 * not touched: a pool sized for the worst case costs only the pages that were needed so far. */
#include "base/pool.h"

typedef struct free_block {
  struct free_block *next;
} free_block;

struct wr_pool {
  free_block *head;
  uint8_t *first;
  size_t block_bytes, n_blocks, n_free, n_low_water;
  size_t n_touched; /* blocks ever taken: those beyond are fresh */
};

#define HEADER_BYTES ((sizeof(wr_pool) + 15) / 16 * 16)

static size_t rounded(size_t block_bytes) { return (block_bytes + 15) / 16 * 16; }

size_t wr_pool_size(size_t block_bytes, size_t n_blocks) { return HEADER_BYTES + rounded(block_bytes) * n_blocks; }

wr_pool *wr_pool_init(void *mem, size_t block_bytes, size_t n_blocks) {
  WR_ASSERT(((uintptr_t)mem & 15) == 0 && block_bytes >= sizeof(free_block));
  wr_pool *pool = mem;
  *pool = (wr_pool){.first = (uint8_t *)mem + HEADER_BYTES, .block_bytes = rounded(block_bytes)};
  pool->n_blocks = pool->n_free = pool->n_low_water = n_blocks;
  return pool;
}

void *wr_pool_take(wr_pool *pool) {
  if (!pool->n_free) return NULL;
  void *block = pool->head;
  if (block)
    pool->head = pool->head->next;
  else
    block = pool->first + pool->n_touched++ * pool->block_bytes;
  pool->n_free--;
  if (pool->n_free < pool->n_low_water) pool->n_low_water = pool->n_free;
  return block;
}

void wr_pool_give(wr_pool *pool, void *mem) {
  size_t offset = (size_t)((uint8_t *)mem - pool->first);
  WR_ASSERT(offset % pool->block_bytes == 0 && offset / pool->block_bytes < pool->n_blocks);
  WR_ASSERT(pool->n_free < pool->n_blocks);
  free_block *block = mem;
  block->next = pool->head;
  pool->head = block;
  pool->n_free++;
}

size_t wr_pool_block_bytes(const wr_pool *pool) { return pool->block_bytes; }
size_t wr_pool_n_free(const wr_pool *pool) { return pool->n_free; }
size_t wr_pool_n_low_water(const wr_pool *pool) { return pool->n_low_water; }
