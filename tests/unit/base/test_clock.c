/* test_clock.c - the kernel's clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

static void clocks_do_not_go_backwards(void **state)
{
    (void)state;
    const struct clock *clock = clock_system();
    int64_t mono = clock_mono_ns(clock);
    int64_t boot = clock_boot_ns(clock);
    for (int i = 0; i < 1000; i++) {
        int64_t later = clock_mono_ns(clock);
        assert_true(later >= mono);
        mono = later;
    }
    assert_true(clock_boot_ns(clock) >= boot);
}

static void real_time_is_in_microseconds(void **state)
{
    (void)state;
    int64_t us = clock_real_us(clock_system());
    assert_true(us > INT64_C(1577836800000000)); /* 2020 */
    assert_true(us < INT64_C(4102444800000000)); /* 2100 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_do_not_go_backwards),
        cmocka_unit_test(real_time_is_in_microseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
