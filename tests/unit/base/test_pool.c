/* test_pool.c - the block pool: bound, reuse, failures, threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"

static void no_more_blocks_than_the_maximum(void **state)
{
    (void)state;
    struct pool *pool = pool_new(32, 2);
    void *a = pool_take(pool);
    void *b = pool_take(pool);
    assert_non_null(a);
    assert_non_null(b);
    assert_null(pool_take(pool));
    assert_int_equal(pool_in_use(pool), 2);
    pool_give(pool, a);
    assert_ptr_equal(pool_take(pool), a);
    pool_give(pool, a);
    pool_give(pool, b);
    pool_give(pool, NULL);
    assert_int_equal(pool_in_use(pool), 0);
    pool_free(pool);
}

static void a_block_given_back_is_taken_again_without_the_allocator(void **state)
{
    (void)state;
    struct pool *pool = pool_new(32, 8);
    assert_int_equal(pool_block_size(pool), 32);
    pool_give(pool, pool_take(pool));
    mem_fail_at(1);
    void *block = pool_take(pool);
    assert_non_null(block);
    assert_false(mem_fail_off());
    assert_int_equal((uintptr_t)block % sizeof(void *), 0);
    pool_give(pool, block);
    pool_free(pool);
}

static void sizes_out_of_range_are_refused(void **state)
{
    (void)state;
    assert_null(pool_new(32, 0));
    assert_null(pool_new(32, (1U << 24) + 1));
    assert_null(pool_new(SIZE_MAX, 1));
    struct pool *pool = pool_new(0, 1);
    assert_non_null(pool);
    pool_free(pool);
    pool_free(NULL);
}

static void every_failed_allocation_leaves_the_pool_usable(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    struct pool *pool = NULL;
    for (unsigned n = 1; !pool; n++) {
        mem_fail_at(n);
        pool = pool_new(32, 4);
        (void)mem_fail_off();
        assert_true(pool || mem_outstanding() == before);
    }
    mem_fail_at(1);
    assert_null(pool_take(pool));
    assert_true(mem_fail_off());
    assert_int_equal(pool_in_use(pool), 0);
    void *blocks[4];
    for (int i = 0; i < 4; i++)
        assert_non_null(blocks[i] = pool_take(pool)); /* the number that failed is not lost */
    for (int i = 0; i < 4; i++)
        pool_give(pool, blocks[i]);
    pool_free(pool);
    assert_int_equal(mem_outstanding(), before);
}

static void the_last_block_frees_a_pool_that_is_gone(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    struct pool *pool = pool_new(32, 4);
    void *a = pool_take(pool);
    void *b = pool_take(pool);
    pool_free(pool);
    pool_give(pool, a);
    assert_true(mem_outstanding() > before);
    pool_give(pool, b);
    assert_int_equal(mem_outstanding(), before);
}

enum { THREADS = 4, ROUNDS = 100000, BLOCKS = 6 };

/* Marks each block as its own while it has it: two owners of one block would see each other. Two at once, given back in
 * the order taken, so that a block returns to the top of the stack with another one below it. */
static void *take_and_give(void *arg)
{
    struct pool *pool = arg;
    char own;
    for (int i = 0; i < ROUNDS; i++) {
        void *volatile *blocks[2];
        for (int b = 0; b < 2; b++) {
            blocks[b] = pool_take(pool);
            if (blocks[b])
                *blocks[b] = &own;
        }
        for (int b = 0; b < 2; b++) {
            if (blocks[b] && *blocks[b] != &own)
                return NULL;
            pool_give(pool, (void *)(uintptr_t)blocks[b]);
        }
    }
    return pool;
}

static void a_block_has_one_owner_at_a_time(void **state)
{
    (void)state;
    struct pool *pool = pool_new(sizeof(void *), BLOCKS);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, pool), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, pool);
    }
    assert_int_equal(pool_in_use(pool), 0);
    pool_free(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_blocks_than_the_maximum),
        cmocka_unit_test(a_block_given_back_is_taken_again_without_the_allocator),
        cmocka_unit_test(sizes_out_of_range_are_refused),
        cmocka_unit_test(every_failed_allocation_leaves_the_pool_usable),
        cmocka_unit_test(the_last_block_frees_a_pool_that_is_gone),
        cmocka_unit_test(a_block_has_one_owner_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
