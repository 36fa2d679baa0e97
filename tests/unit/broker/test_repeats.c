/* test_repeats.c - who knocks without end gets its lines, and no more than those. */
#include "broker/repeats.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const int64_t ns_per_ms = 1000000;

static void the_first_few_are_told_and_then_one_for_many(void **state)
{
    static struct repeats r;
    uint64_t more = 99;
    (void)state;
    for (unsigned n = 0; n < REPEATS_BURST; n++) {
        assert_true(repeats_note(&r, "10.0.0.7", 0, &more));
        assert_int_equal(more, 0);
    }
    for (unsigned n = 0; n < 5000; n++)
        assert_false(repeats_note(&r, "10.0.0.7", 0, &more));
    assert_true(repeats_note(&r, "10.0.0.8", 0, &more)); /* hides no other */
    assert_int_equal(more, 0);
    assert_true(repeats_note(&r, "10.0.0.7", REPEATS_INTERVAL_MS * ns_per_ms, &more));
    assert_int_equal(more, 5000);
    assert_false(repeats_note(&r, "10.0.0.7", REPEATS_INTERVAL_MS * ns_per_ms, &more));
}

static void a_flood_of_an_hour_is_a_line_each_interval(void **state)
{
    enum { SECONDS = 3600, EVERY_MS = 10 };
    static struct repeats r;
    uint64_t lines = 0, told = 0, more = 0;
    (void)state;
    for (int64_t ms = 0; ms < SECONDS * 1000; ms += EVERY_MS)
        if (repeats_note(&r, "10.0.0.7", ms * ns_per_ms, &more)) {
            lines++;
            told += 1 + more;
        }
    assert_in_range(lines, SECONDS * 1000 / REPEATS_INTERVAL_MS, SECONDS * 1000 / REPEATS_INTERVAL_MS + REPEATS_BURST);
    assert_true(told > SECONDS * 1000 / EVERY_MS - REPEATS_INTERVAL_MS / EVERY_MS - 1); /* none is left out */
}

static void one_that_was_silent_for_long_gives_its_place(void **state)
{
    static struct repeats r;
    uint64_t more;
    (void)state;
    for (unsigned n = 0; n < 2 * REPEATS_BURST; n++)
        (void)repeats_note(&r, "10.0.0.7", 1, &more);
    for (unsigned i = 0; i < REPEATS_MAX - 1; i++) {
        char address[64];
        snprintf(address, sizeof address, "10.0.1.%u", i);
        assert_true(repeats_note(&r, address, 2, &more));
    }
    assert_false(repeats_note(&r, "10.0.0.7", 3, &more)); /* the table is full, and it is in it */
    assert_true(repeats_note(&r, "10.0.2.1", 4, &more));  /* takes the place of one heard of at 2 */
    assert_false(repeats_note(&r, "10.0.0.7", 5, &more));
}

static void no_address_is_one_of_its_own(void **state)
{
    static struct repeats r;
    uint64_t more = 0;
    (void)state;
    for (unsigned n = 0; n < REPEATS_BURST; n++)
        assert_true(repeats_note(&r, "", 0, &more));
    assert_false(repeats_note(&r, "", 0, &more));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_few_are_told_and_then_one_for_many),
        cmocka_unit_test(a_flood_of_an_hour_is_a_line_each_interval),
        cmocka_unit_test(one_that_was_silent_for_long_gives_its_place),
        cmocka_unit_test(no_address_is_one_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
