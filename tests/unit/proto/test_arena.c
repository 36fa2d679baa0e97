/* test_arena.c - the budget holds, reset keeps little, protobuf-c's amplification is refused early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/arena.h"
#include "proto/session.pb-c.h"

static void nothing_is_allocated_before_it_is_asked_for(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    struct arena a;

    arena_init(&a, 1000);
    assert_int_equal(mem_outstanding(), before);
    arena_reset(&a, 1000);
    arena_fini(&a);
    assert_int_equal(mem_outstanding(), before);
}

static void what_is_handed_out_is_aligned_and_does_not_overlap(void **state)
{
    (void)state;
    struct arena a;
    uint8_t *parts[200];

    arena_init(&a, 1024 * 1024);
    for (size_t i = 0; i < 200; i++) {
        parts[i] = arena_alloc(&a, i * 3);
        assert_non_null(parts[i]);
        assert_int_equal((uintptr_t)parts[i] % 16, 0);
        memset(parts[i], (int)i, i * 3);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t k = 0; k < i * 3; k++)
            assert_int_equal(parts[i][k], i);
    }
    assert_ptr_not_equal(parts[0], parts[1]);
    assert_false(a.refused);
    arena_fini(&a);
}

static void the_budget_counts_all_memory_and_is_never_passed(void **state)
{
    (void)state;
    for (size_t budget = 0; budget < 20000; budget += 777) {
        struct arena a;
        size_t handed_out = 0;

        arena_init(&a, budget);
        while (arena_alloc(&a, 48))
            handed_out += 48;
        assert_true(a.refused);
        assert_true(a.taken <= budget);
        assert_true(handed_out + 400 >= budget - budget / 4 || budget < 1000);
        arena_fini(&a);
    }
}

static void a_size_that_could_overflow_is_refused(void **state)
{
    (void)state;
    struct arena a;

    arena_init(&a, SIZE_MAX);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 15));
    arena_reset(&a, 100);
    assert_null(arena_alloc(&a, 101));
    assert_non_null(arena_alloc(&a, 16));
    arena_fini(&a);
}

static void after_a_refusal_what_was_handed_out_stays(void **state)
{
    (void)state;
    struct arena a;

    arena_init(&a, 4096);
    char *text = arena_alloc(&a, 10);
    strcpy(text, "kept");
    assert_null(arena_alloc(&a, 5000));
    assert_string_equal(text, "kept");
    assert_non_null(arena_alloc(&a, 10));
    arena_fini(&a);
}

static void reset_keeps_one_small_chunk(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    struct arena a;

    arena_init(&a, 1024 * 1024);
    for (int i = 0; i < 1000; i++)
        assert_non_null(arena_alloc(&a, 500));
    assert_null(arena_alloc(&a, 1024 * 1024));
    arena_reset(&a, 1024 * 1024);
    assert_int_equal(mem_outstanding(), before + 1);
    assert_int_equal(a.taken, ARENA_CHUNK_BYTES);
    assert_false(a.refused);

    mem_fail_at(1); /* a small frame after that allocates nothing */
    assert_non_null(arena_alloc(&a, 3000));
    assert_false(mem_fail_off());

    arena_reset(&a, 100); /* the chunk is above this budget */
    assert_int_equal(mem_outstanding(), before);
    arena_fini(&a);
}

static void a_large_first_chunk_is_not_kept(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    struct arena a;

    arena_init(&a, 1024 * 1024);
    assert_non_null(arena_alloc(&a, 100000));
    arena_reset(&a, 1024 * 1024);
    assert_int_equal(mem_outstanding(), before);
    arena_fini(&a);
}

static void out_of_memory_is_a_result(void **state)
{
    (void)state;
    struct arena a;

    arena_init(&a, 1024 * 1024);
    mem_fail_at(1);
    assert_null(arena_alloc(&a, 10));
    assert_true(mem_fail_off());
    assert_true(a.refused);
    assert_non_null(arena_alloc(&a, 10));
    mem_fail_at(1);
    assert_null(arena_alloc(&a, 10000));
    assert_true(mem_fail_off());
    arena_fini(&a);
}

/* promise: bounded-memory */
static void a_mebibyte_of_empty_submessages_is_refused_after_few_allocations(void **state)
{
    (void)state;
    enum { LEN = 1024 * 1024, CHUNKS_MAX = 64 };
    uint8_t *bomb = malloc(LEN);
    size_t before = mem_outstanding();
    struct arena a;

    assert_non_null(bomb);
    for (size_t i = 0; i < LEN; i += 2) {
        bomb[i] = 0x0a;
        bomb[i + 1] = 0;
    }
    arena_init(&a, arena_frame_budget(LEN));
    ProtobufCAllocator allocator = arena_allocator(&a);
    assert_null(millrace__v1__names__unpack(&allocator, LEN, bomb));
    assert_true(a.refused);
    assert_true(a.taken <= ARENA_BUDGET_MAX_BYTES);
    assert_in_range(mem_outstanding() - before, 1, CHUNKS_MAX);
    arena_fini(&a);
    assert_int_equal(mem_outstanding(), before);
    free(bomb);
}

static void the_budget_of_a_frame_follows_its_length_within_bounds(void **state)
{
    (void)state;
    assert_int_equal(arena_frame_budget(0), ARENA_BUDGET_MIN_BYTES);
    assert_int_equal(arena_frame_budget(ARENA_BUDGET_MIN_BYTES / ARENA_BUDGET_FACTOR), ARENA_BUDGET_MIN_BYTES);
    assert_int_equal(arena_frame_budget(10000), 10000 * ARENA_BUDGET_FACTOR);
    assert_int_equal(arena_frame_budget(1024 * 1024), ARENA_BUDGET_MAX_BYTES);
    assert_int_equal(arena_frame_budget(SIZE_MAX), ARENA_BUDGET_MAX_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_allocated_before_it_is_asked_for),
        cmocka_unit_test(what_is_handed_out_is_aligned_and_does_not_overlap),
        cmocka_unit_test(the_budget_counts_all_memory_and_is_never_passed),
        cmocka_unit_test(a_size_that_could_overflow_is_refused),
        cmocka_unit_test(after_a_refusal_what_was_handed_out_stays),
        cmocka_unit_test(reset_keeps_one_small_chunk),
        cmocka_unit_test(a_large_first_chunk_is_not_kept),
        cmocka_unit_test(out_of_memory_is_a_result),
        cmocka_unit_test(a_mebibyte_of_empty_submessages_is_refused_after_few_allocations),
        cmocka_unit_test(the_budget_of_a_frame_follows_its_length_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
