/* pool.h - a bounded pool of equal-sized blocks that are reused without going back to the allocator. */
#ifndef BASE_POOL_H
#define BASE_POOL_H
#include "base/rc.h"

struct pool;

/* At most max_blocks (1..2^24) blocks of block_size bytes; each is allocated when it is first needed and kept until
 * the pool is freed. NULL: out of memory, or max_blocks out of range. The caller owns the pool. */
MUST struct pool *pool_new(size_t block_size, uint32_t max_blocks);

/* A block, aligned for any type, content not set; NULL: max_blocks are out, or out of memory. Any thread, no lock. */
MUST void *pool_take(struct pool *pool);

/* Gives a block back to the pool it came from. block may be NULL. Any thread, no lock. */
void pool_give(struct pool *pool, void *block);

/* Bytes per block, as given. */
size_t pool_block_size(const struct pool *pool);

/* Blocks taken and not yet given back. */
uint32_t pool_in_use(const struct pool *pool);

/* No pool_take() after this. The memory lives on until the last block is given back. pool may be NULL. */
void pool_free(struct pool *pool);

#endif
