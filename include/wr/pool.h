/* wr/pool.h - blocks of one size from memory the caller gave: the only dynamic memory inside libwr.
 *
 * Many connections of one thread may share a pool, each with a budget of its own, so that a burst on one is
 * paid once and not reserved for all. Not thread-safe: one pool per thread. */
#ifndef WR_POOL_H
#define WR_POOL_H

#include "wr/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wr_pool wr_pool;

/* Bytes needed for |n_blocks| of |block_bytes| each (rounded up to 16). */
size_t wr_pool_size(size_t block_bytes, size_t n_blocks);
/* Builds a pool inside |mem| (16-aligned, lent until the last user is gone). Never fails if |mem| has wr_pool_size.
 */
wr_pool *wr_pool_init(void *mem, size_t block_bytes, size_t n_blocks);
/* NULL: exhausted. The block's contents are undefined. */
void *wr_pool_take(wr_pool *pool);
void wr_pool_give(wr_pool *pool, void *block);
size_t wr_pool_block_bytes(const wr_pool *pool);
size_t wr_pool_n_free(const wr_pool *pool);
size_t wr_pool_n_low_water(const wr_pool *pool); /* fewest free blocks ever seen */

#ifdef __cplusplus
}
#endif
#endif
