/* test_quota.c - a bucket at its rate, above it, and without one. */
#include "broker/quota.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { STEP_MS = 50 };

static const int64_t ns_per_ms = 1000000;

/* Sends so many in each step, for as long; in how many steps the bucket was overdrawn. */
static unsigned overdrawn(struct quota *q, uint64_t per_s, uint64_t per_step, unsigned steps)
{
    unsigned n = 0;
    uint64_t total = q->seen;
    for (unsigned i = 0; i < steps; i++)
        n += quota_step(q, per_s, total += per_step, STEP_MS * ns_per_ms);
    return n;
}

static void at_its_rate_nobody_is_held(void **state)
{
    struct quota q = {0};
    (void)state;
    assert_int_equal(overdrawn(&q, 1000, 50, 10000), 0);
    assert_false(quota_step(&q, 1000, q.seen + 950, 1)); /* a second's worth at once */
    assert_true(quota_step(&q, 1000, q.seen + 1, 1));
}

static void above_it_one_is_held_soon_and_until_it_is_paid_back(void **state)
{
    struct quota q = {0};
    (void)state;
    assert_false(quota_step(&q, 1000, 1000, STEP_MS * ns_per_ms));
    assert_true(quota_step(&q, 1000, 4000, STEP_MS * ns_per_ms));
    assert_int_equal(overdrawn(&q, 1000, 0, 60), 58); /* 2,950 too much, at 50 a step */
    assert_false(quota_step(&q, 1000, 4000, STEP_MS * ns_per_ms));
}

/* Whoever stops while held and sends all it may otherwise comes to the rate in the long run. */
static void in_the_long_run_it_is_the_rate(void **state)
{
    enum { STEPS = 20000, PER_STEP = 700 };
    struct quota q = {0};
    uint64_t total = 0;
    bool is_held = false;
    (void)state;
    for (unsigned i = 0; i < STEPS; i++) {
        total += is_held ? 0 : PER_STEP;
        is_held = quota_step(&q, 1000, total, STEP_MS * ns_per_ms);
    }
    assert_in_range(total, STEPS * STEP_MS - PER_STEP, STEPS * STEP_MS + 1000 + PER_STEP);
}

static void without_a_rate_there_is_no_limit(void **state)
{
    struct quota q = {0};
    (void)state;
    assert_false(quota_step(&q, 0, UINT64_MAX / 2, 1));
    assert_int_equal(overdrawn(&q, 0, 1000000000, 100), 0);
}

static void the_highest_rate_and_a_long_pause_overflow_nothing(void **state)
{
    struct quota q = {0};
    (void)state;
    assert_false(quota_step(&q, UINT64_C(1) << 40, 1, INT64_MAX));
    assert_false(quota_step(&q, UINT64_C(1) << 40, UINT64_C(1) << 39, INT64_MAX));
    assert_false(quota_step(&q, 1, q.seen, INT64_MAX) && q.used < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_its_rate_nobody_is_held),
        cmocka_unit_test(above_it_one_is_held_soon_and_until_it_is_paid_back),
        cmocka_unit_test(in_the_long_run_it_is_the_rate),
        cmocka_unit_test(without_a_rate_there_is_no_limit),
        cmocka_unit_test(the_highest_rate_and_a_long_pause_overflow_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
