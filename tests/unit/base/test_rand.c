/* test_rand.c - random sources: the kernel's, and the seeded one's fixed sequence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/rand.h"

static void the_kernel_fills_every_byte(void **state)
{
    (void)state;
    const struct rand_source *source = rand_system();
    assert_non_null(source);
    uint8_t seen[64] = {0};
    for (int round = 0; round < 20; round++) {
        uint8_t bytes[64];
        source->fill(source->user, bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++)
            seen[i] |= bytes[i];
    }
    for (size_t i = 0; i < sizeof seen; i++)
        assert_int_not_equal(seen[i], 0);
    source->fill(source->user, NULL, 0);
}

static void the_same_seed_gives_the_same_sequence(void **state)
{
    (void)state;
    struct rand_seeded a, b, c;
    rand_seeded_init(&a, 42);
    rand_seeded_init(&b, 42);
    rand_seeded_init(&c, 43);
    for (int i = 0; i < 100; i++)
        assert_true(rand_u64(&a.source) == rand_u64(&b.source));
    assert_true(rand_u64(&a.source) != rand_u64(&c.source));
}

/* splitmix64 of 0 fills the state: a fixed number keeps recorded seeds of the simulator good for ever. */
static void the_sequence_of_a_seed_never_changes(void **state)
{
    (void)state;
    struct rand_seeded rand;
    rand_seeded_init(&rand, 0);
    assert_true(rand_u64(&rand.source) == UINT64_C(0x99ec5f36cb75f2b4));
    assert_true(rand_u64(&rand.source) == UINT64_C(0xbf6e1f784956452a));
}

static void any_length_can_be_asked_for(void **state)
{
    (void)state;
    struct rand_seeded rand;
    rand_seeded_init(&rand, 1);
    for (size_t n = 0; n < 20; n++) {
        uint8_t bytes[21];
        memset(bytes, 0xa5, sizeof bytes);
        rand.source.fill(rand.source.user, bytes, n);
        assert_int_equal(bytes[n], 0xa5);
    }
}

static void below_is_never_reached_and_all_below_it_is(void **state)
{
    (void)state;
    struct rand_seeded rand;
    rand_seeded_init(&rand, 1);
    unsigned seen[7] = {0};
    for (int i = 0; i < 7000; i++) {
        uint64_t number = rand_below(&rand.source, 7);
        assert_true(number < 7);
        seen[number]++;
    }
    for (size_t i = 0; i < 7; i++)
        assert_in_range(seen[i], 800, 1200);
    assert_int_equal(rand_below(&rand.source, 1), 0);
    assert_true(rand_below(&rand.source, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63); /* draws again half the time */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_fills_every_byte),
        cmocka_unit_test(the_same_seed_gives_the_same_sequence),
        cmocka_unit_test(the_sequence_of_a_seed_never_changes),
        cmocka_unit_test(any_length_can_be_asked_for),
        cmocka_unit_test(below_is_never_reached_and_all_below_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
