/* test_penalties.c - who offends again and again is out for a while, and nobody else. */
#include "broker/penalties.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const int64_t ns_per_ms = 1000000;

static void so_many_offences_are_allowed_and_the_next_one_costs_a_while(void **state)
{
    static struct penalties p;
    (void)state;
    assert_false(penalties_is_out(&p, "press-07", 0));
    for (unsigned n = 0; n < PENALTIES_ALLOWED; n++)
        assert_false(penalties_note(&p, "press-07", 5));
    assert_false(penalties_is_out(&p, "press-07", 5));
    assert_true(penalties_note(&p, "press-07", 5));
    assert_true(penalties_is_out(&p, "press-07", 5));
    assert_false(penalties_is_out(&p, "press-08", 5));
    assert_true(penalties_is_out(&p, "press-07", 4 + PENALTIES_OUT_MS * ns_per_ms));
    assert_false(penalties_is_out(&p, "press-07", 5 + PENALTIES_OUT_MS * ns_per_ms));
}

static void rare_offences_cost_nothing_more(void **state)
{
    static struct penalties p;
    (void)state;
    for (int64_t n = 0; n < 1000; n++)
        assert_false(penalties_note(&p, "press-07", n * ns_per_ms * (PENALTIES_WINDOW_MS / PENALTIES_ALLOWED + 1)));
}

static void offenders_without_number_are_forgotten_the_oldest_first(void **state)
{
    static struct penalties p;
    (void)state;
    for (unsigned n = 0; n <= PENALTIES_ALLOWED; n++)
        (void)penalties_note(&p, "press-07", 1);
    for (int64_t i = 0; i < PENALTIES_MAX - 1; i++) {
        char name[32];
        snprintf(name, sizeof name, "other-%d", (int)i);
        assert_false(penalties_note(&p, name, 2 + i));
    }
    assert_true(penalties_is_out(&p, "press-07", 100));
    (void)penalties_note(&p, "one-more", 100);
    assert_false(penalties_is_out(&p, "press-07", 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_offences_are_allowed_and_the_next_one_costs_a_while),
        cmocka_unit_test(rare_offences_cost_nothing_more),
        cmocka_unit_test(offenders_without_number_are_forgotten_the_oldest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
