/* test_blob.c - counted payloads, from the allocator and from a pool, over threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/blob.h"
#include "base/mem.h"
#include "base/pool.h"

static void the_last_holder_frees(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    struct blob *blob = blob_copy("abc", 3);
    assert_int_equal(blob->len, 3);
    assert_memory_equal(blob->data, "abc", 3);
    assert_ptr_equal(blob_ref(blob), blob);
    blob_unref(blob);
    assert_int_equal(mem_outstanding(), before + 1);
    blob_unref(blob);
    blob_unref(NULL);
    assert_int_equal(mem_outstanding(), before);
}

static void an_empty_blob_is_a_blob(void **state)
{
    (void)state;
    struct blob *blob = blob_copy(NULL, 0);
    assert_int_equal(blob->len, 0);
    blob_unref(blob);
}

static void out_of_memory_is_null(void **state)
{
    (void)state;
    mem_fail_at(1);
    assert_null(blob_copy("abc", 3));
    assert_true(mem_fail_off());
    assert_null(blob_new(SIZE_MAX));
}

static void a_pooled_blob_goes_back_to_its_pool(void **state)
{
    (void)state;
    struct pool *pool = pool_new(blob_size(100), 1);
    struct blob *blob = blob_from_pool(pool, 100);
    assert_int_equal(blob->len, 100);
    assert_null(blob_from_pool(pool, 1));
    blob_unref(blob);
    assert_int_equal(pool_in_use(pool), 0);
    blob = blob_from_pool(pool, 0);
    assert_non_null(blob);
    assert_null(blob_from_pool(pool, 101));
    assert_null(blob_from_pool(pool, SIZE_MAX));
    pool_free(pool); /* the blob keeps the memory alive */
    blob_unref(blob);
}

enum { THREADS = 4, ROUNDS = 20000 };

static void *ref_and_unref(void *arg)
{
    struct blob *blob = arg;
    unsigned sum = 0;
    for (int i = 0; i < ROUNDS; i++) {
        blob_ref(blob);
        sum += blob->data[0];
        blob_unref(blob);
    }
    blob_unref(blob);
    return sum == ROUNDS ? blob : NULL;
}

static void any_thread_may_be_the_last_holder(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    struct blob *blob = blob_copy("\1", 1);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, blob_ref(blob)), 0);
    blob_unref(blob);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    assert_int_equal(mem_outstanding(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_holder_frees),
        cmocka_unit_test(an_empty_blob_is_a_blob),
        cmocka_unit_test(out_of_memory_is_null),
        cmocka_unit_test(a_pooled_blob_goes_back_to_its_pool),
        cmocka_unit_test(any_thread_may_be_the_last_holder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
