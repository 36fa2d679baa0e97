/* test_mem.c - the allocator: the hook, the count, failures on demand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static size_t hook_calls;

static void *counting_resize(void *ptr, size_t size)
{
    hook_calls++;
    if (size)
        return realloc(ptr, size);
    free(ptr);
    return NULL;
}

static void outstanding_counts_blocks_not_calls(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    char *a = mem_alloc(10);
    char *b = mem_calloc(3, 5);
    assert_int_equal(mem_outstanding(), before + 2);
    a = mem_resize(a, 100);
    assert_non_null(a);
    assert_int_equal(mem_outstanding(), before + 2);
    for (size_t i = 0; i < 15; i++)
        assert_int_equal(b[i], 0);
    mem_free(a);
    mem_free(b);
    mem_free(NULL);
    assert_int_equal(mem_outstanding(), before);
}

static void size_zero_is_a_block_too(void **state)
{
    (void)state;
    void *a = mem_alloc(0);
    void *b = mem_calloc(0, 8);
    assert_non_null(a);
    assert_non_null(b);
    a = mem_resize(a, 0);
    assert_non_null(a);
    mem_free(a);
    mem_free(b);
}

static void a_product_beyond_size_t_is_out_of_memory(void **state)
{
    (void)state;
    assert_null(mem_calloc(SIZE_MAX / 2, 3));
    assert_null(mem_resize_array(NULL, 3, SIZE_MAX / 2));
    assert_null(mem_strndup("", SIZE_MAX));
}

static void strndup_ends_its_copy(void **state)
{
    (void)state;
    char *copy = mem_strndup("abcdef", 3);
    assert_string_equal(copy, "abc");
    mem_free(copy);
}

static void exactly_the_nth_allocation_fails(void **state)
{
    (void)state;
    mem_fail_at(2);
    void *a = mem_alloc(1);
    assert_non_null(a);
    void *same = mem_resize(a, 2);
    assert_null(same);
    void *b = mem_calloc(1, 1);
    assert_non_null(b);
    assert_true(mem_fail_off());
    mem_fail_at(1);
    assert_false(mem_fail_off());
    mem_free(a);
    mem_free(b);
}

static void a_failed_strndup_leaves_nothing(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    mem_fail_at(1);
    assert_null(mem_strndup("abc", 3));
    assert_true(mem_fail_off());
    assert_int_equal(mem_outstanding(), before);
}

static void all_memory_comes_through_the_hook(void **state)
{
    (void)state;
    mem_set_resize(counting_resize);
    void *a = mem_alloc(8);
    a = mem_resize(a, 16);
    mem_free(a);
    mem_set_resize(NULL);
    assert_int_equal(hook_calls, 3);
    mem_free(mem_alloc(8));
    assert_int_equal(hook_calls, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outstanding_counts_blocks_not_calls),      cmocka_unit_test(size_zero_is_a_block_too),
        cmocka_unit_test(a_product_beyond_size_t_is_out_of_memory), cmocka_unit_test(strndup_ends_its_copy),
        cmocka_unit_test(exactly_the_nth_allocation_fails),         cmocka_unit_test(a_failed_strndup_leaves_nothing),
        cmocka_unit_test(all_memory_comes_through_the_hook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
