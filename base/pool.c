/* pool.c - the pool: a lock-free stack of block numbers, each tagged so that a stale top is never taken for the new. */
#include "base/pool.h"

#include "base/mem.h"

#define MAX_BLOCKS (1U << 24)

/* What pool_take() returns is bytes; the number before it finds the way back. */
struct block {
    uint32_t number;
    uint8_t bytes[] __attribute__((aligned));
};

struct pool {
    size_t block_size;
    uint32_t max_blocks;
    uint32_t fresh;         /* numbers from here on were never given out */
    uint32_t refs;          /* one for the owner, one per block in use: the last one to go frees the pool */
    uint64_t top;           /* of the stack of numbers at rest: tag << 32 | number + 1; number part 0 = empty */
    uint32_t *below;        /* per number: what lies under it in the stack, number + 1 */
    struct block *blocks[]; /* per number; NULL until first needed */
};

struct pool *pool_new(size_t block_size, uint32_t max_blocks)
{
    if (max_blocks == 0 || max_blocks > MAX_BLOCKS || block_size > SIZE_MAX - sizeof(struct block))
        return NULL;
    struct pool *pool = mem_calloc(1, sizeof *pool + max_blocks * sizeof pool->blocks[0]);
    if (!pool)
        return NULL;
    uint32_t *below = mem_calloc(max_blocks, sizeof *below);
    if (!below) {
        mem_free(pool);
        return NULL;
    }
    pool->block_size = block_size;
    pool->max_blocks = max_blocks;
    pool->refs = 1;
    pool->below = below;
    return pool;
}

static uint64_t next_top(uint64_t top, uint32_t number_plus_1)
{
    return ((top >> 32) + 1) << 32 | number_plus_1;
}

static void rest(struct pool *pool, uint32_t number)
{
    uint64_t top = __atomic_load_n(&pool->top, __ATOMIC_RELAXED);
    do {
        __atomic_store_n(&pool->below[number], (uint32_t)top, __ATOMIC_RELAXED);
    } while (!__atomic_compare_exchange_n(&pool->top, &top, next_top(top, number + 1), true, __ATOMIC_RELEASE,
                                          __ATOMIC_RELAXED));
}

/* Takes a number at rest; false when there is none. */
static bool wake(struct pool *pool, uint32_t *ret)
{
    uint64_t top = __atomic_load_n(&pool->top, __ATOMIC_ACQUIRE);
    uint32_t below;
    do {
        if ((uint32_t)top == 0)
            return false;
        below = __atomic_load_n(&pool->below[(uint32_t)top - 1], __ATOMIC_RELAXED);
    } while (
        !__atomic_compare_exchange_n(&pool->top, &top, next_top(top, below), true, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
    *ret = (uint32_t)top - 1;
    return true;
}

/* Takes a number that was never given out; false when there is none. */
static bool take_fresh(struct pool *pool, uint32_t *ret)
{
    uint32_t number = __atomic_load_n(&pool->fresh, __ATOMIC_RELAXED);
    do {
        if (number == pool->max_blocks)
            return false;
    } while (!__atomic_compare_exchange_n(&pool->fresh, &number, number + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    *ret = number;
    return true;
}

/* The block of a number that is the caller's; allocated if this is its first use. */
static struct block *block_of(struct pool *pool, uint32_t number)
{
    if (!pool->blocks[number]) {
        struct block *block = mem_alloc(sizeof *block + pool->block_size);
        if (!block)
            return NULL;
        block->number = number;
        pool->blocks[number] = block;
    }
    return pool->blocks[number];
}

void *pool_take(struct pool *pool)
{
    uint32_t number;
    if (!wake(pool, &number) && !take_fresh(pool, &number))
        return NULL;
    struct block *block = block_of(pool, number);
    if (!block) {
        rest(pool, number);
        return NULL;
    }
    (void)__atomic_add_fetch(&pool->refs, 1, __ATOMIC_RELAXED);
    return block->bytes;
}

static void drop_ref(struct pool *pool)
{
    if (__atomic_sub_fetch(&pool->refs, 1, __ATOMIC_ACQ_REL))
        return;
    for (uint32_t i = 0; i < pool->fresh; i++)
        mem_free(pool->blocks[i]);
    mem_free(pool->below);
    mem_free(pool);
}

void pool_give(struct pool *pool, void *block)
{
    if (!block)
        return;
    const struct block *given = (const void *)((const uint8_t *)block - offsetof(struct block, bytes));
    rest(pool, given->number);
    drop_ref(pool);
}

size_t pool_block_size(const struct pool *pool)
{
    return pool->block_size;
}

uint32_t pool_in_use(const struct pool *pool)
{
    return __atomic_load_n(&pool->refs, __ATOMIC_RELAXED) - 1;
}

void pool_free(struct pool *pool)
{
    if (pool)
        drop_ref(pool);
}
