/* test_replay_pace.c - when records of a recording are due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <millrace/millrace.h>
#include <string.h>

#include "cli/replay_pace.h"

#define SECOND_US INT64_C(1000000)
#define SECOND_NS INT64_C(1000000000)
#define BEGIN_US (INT64_C(1700000000) * SECOND_US)

static struct pace begun(const char *speed)
{
    struct pace pace;
    assert_int_equal(pace_init(&pace, speed), MR_OK);
    assert_int_equal(pace_due_ns(&pace, BEGIN_US, 5), 5);
    return pace;
}

static void speeds_are_factors_or_max(void **state)
{
    static const struct {
        const char *text;
        int64_t permille;
    } right[] = {{"1x", 1000}, {"1", 1000},  {"10x", 10000}, {"0.5x", 500}, {"0.001x", 1}, {"1000000x", 1000000000},
                 {"max", 0},   {"2.5", 2500}};
    static const char *const wrong[] = {"",    "x",     "0x",  "0",   "0.0001x", "1000001x", "1.x",
                                        ".5x", "1.5.5", "-1x", "1xx", "fast",    "0.0005",   "99999999999999999999x"};
    struct pace pace;
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_int_equal(pace_init(&pace, right[i].text), MR_OK);
        assert_int_equal(pace.permille, right[i].permille);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(pace_init(&pace, wrong[i]), MR_INVALID);
}

static void records_are_due_as_far_apart_as_they_were_scaled(void **state)
{
    (void)state;
    struct pace pace = begun("1x");
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + 250000, 7), 5 + 250000000);
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + 2 * SECOND_US, 9), 5 + 2 * SECOND_NS);
    pace = begun("10x");
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + 3 * SECOND_US, 9), 5 + 300000000);
    pace = begun("0.5x");
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + 3, 9), 5 + 6000);
    pace = begun("3x");
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + 1, 9), 5 + 333);
}

static void at_full_speed_and_without_a_time_nothing_waits(void **state)
{
    (void)state;
    struct pace pace;
    assert_int_equal(pace_init(&pace, "max"), MR_OK);
    assert_int_equal(pace_due_ns(&pace, BEGIN_US, 1), 1);
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + 3600 * SECOND_US, 2), 2);
    pace = begun("1x");
    assert_int_equal(pace_due_ns(&pace, MR_NO_TIME, 77), 77);
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + SECOND_US, 78), 5 + SECOND_NS);
}

static void disorder_waits_for_nothing_and_delays_nothing(void **state)
{
    (void)state;
    struct pace pace = begun("1x");
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + 20 * SECOND_US, 6), 5 + 20 * SECOND_NS);
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + 20 * SECOND_US - PACE_SLACK_US, 6), 5 + 20 * SECOND_NS);
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + 21 * SECOND_US, 6), 5 + 21 * SECOND_NS);
}

static void a_step_back_begins_anew_without_waiting(void **state)
{
    (void)state;
    struct pace pace = begun("1x");
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + 100 * SECOND_US, 6), 5 + 100 * SECOND_NS);
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + 90 * SECOND_US - 1, 6), 5 + 100 * SECOND_NS);
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + 91 * SECOND_US - 1, 6), 5 + 101 * SECOND_NS);
}

static void centuries_do_not_overflow(void **state)
{
    (void)state;
    struct pace pace = begun("0.001x");
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + INT64_C(3153600000) * SECOND_US, 6), INT64_MAX);
    pace = begun("1000000x");
    assert_int_equal(pace_due_ns(&pace, BEGIN_US + INT64_C(3153600000) * SECOND_US, 6), 5 + INT64_C(3153600000) * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speeds_are_factors_or_max),
        cmocka_unit_test(records_are_due_as_far_apart_as_they_were_scaled),
        cmocka_unit_test(at_full_speed_and_without_a_time_nothing_waits),
        cmocka_unit_test(disorder_waits_for_nothing_and_delays_nothing),
        cmocka_unit_test(a_step_back_begins_anew_without_waiting),
        cmocka_unit_test(centuries_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
