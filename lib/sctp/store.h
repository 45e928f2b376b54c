/* sctp/store.h - message bytes and their records, packed into pool blocks under a budget.
 *
 * Records of any size up to a block are laid one behind the other; a block goes back to the pool when its last
 * record is given. What counts against the budget is whole blocks: a peer that sends a million one-byte fragments
 * is charged for the memory they really take. An eighth is added to the budget for records, which is what
 * full-sized fragments cost. Stores that share a pool share it fairly: none takes a block while it holds as many as
 * are left, so a greedy peer cannot starve the others. */
#ifndef WR_SCTP_STORE_H
#define WR_SCTP_STORE_H

#include "base/pool.h"

typedef struct wr_store_block wr_store_block;
typedef struct wr_store {
  wr_pool *pool;           /* borrowed */
  wr_store_block *filling; /* NULL: the next record opens a block */
  uint32_t n_blocks, max_blocks;
} wr_store;

/* A piece of a rope; its bytes lie in one block. */
typedef struct wr_slice {
  struct wr_slice *next;
  uint32_t len, cap;
  uint8_t bytes[];
} wr_slice;

/* A byte string in as many slices as blocks made necessary. All zero is the empty rope. */
typedef struct wr_rope {
  wr_slice *head, *tail;
  uint32_t len;
} wr_rope;

void wr_store_init(wr_store *store, wr_pool *pool, uint32_t budget_bytes);
/* Room is asked for before it is taken: begin a plan, add what will be taken in that order, ask whether it fits. */
typedef struct wr_store_plan {
  size_t left, n_blocks;
} wr_store_plan;
wr_store_plan wr_store_plan_begin(const wr_store *store);
void wr_store_plan_record(wr_store_plan *plan, size_t bytes);
void wr_store_plan_append(wr_store_plan *plan, size_t bytes); /* to a rope */
bool wr_store_fits(const wr_store *store, const wr_store_plan *plan);
/* Bytes of full-sized fragments that the free part of the budget could take; the pool may hold fewer. */
uint32_t wr_store_free_bytes(const wr_store *store);
/* A zeroed record, 8-aligned, small (at most 128 bytes). It was planned for; asserted. */
void *wr_store_take(wr_store *store, size_t bytes);
void wr_store_give(wr_store *store, void *record);

void wr_rope_append(wr_rope *rope, wr_store *store, wr_bytes data); /* planned; asserted */
void wr_rope_join(wr_rope *rope, wr_rope *tail);                    /* moves all of |tail| behind |rope| */
size_t wr_rope_copy(const wr_rope *rope, uint8_t *out);             /* |out| holds rope->len */
void wr_rope_wipe(wr_rope *rope, wr_store *store);                  /* gives all slices; the rope is empty */

#endif
