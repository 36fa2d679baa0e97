/* test_interrupt.c - signals that are held wait, are seen to wait, and do after it what they do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>

#include "cli/interrupt.h"

static volatile sig_atomic_t handled;

static void on_signal(int number)
{
    handled = number;
}

static int setup(void **state)
{
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    (void)state;
    handled = 0;
    for (size_t i = 0; i < 3; i++)
        signal(numbers[i], on_signal);
    return 0;
}

static void a_signal_waits_until_it_is_released(void **state)
{
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        handled = 0;
        interrupt_hold();
        assert_false(interrupt_is_due());
        raise(numbers[i]);
        assert_true(interrupt_is_due() && handled == 0);
        interrupt_release();
        assert_true(!interrupt_is_due() && handled == numbers[i]);
    }
}

static void other_signals_do_not_wait(void **state)
{
    (void)state;
    signal(SIGUSR1, on_signal);
    interrupt_hold();
    raise(SIGUSR1);
    assert_int_equal(handled, SIGUSR1);
    interrupt_release();
}

static void an_ignored_signal_stays_ignored(void **state)
{
    (void)state;
    signal(SIGHUP, SIG_IGN);
    assert_true(interrupt_is_ignored(SIGHUP) && !interrupt_is_ignored(SIGTERM));
    interrupt_hold();
    raise(SIGHUP);
    assert_false(interrupt_is_due());
    interrupt_release();
    assert_int_equal(handled, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_signal_waits_until_it_is_released, setup),
        cmocka_unit_test_setup(other_signals_do_not_wait, setup),
        cmocka_unit_test_setup(an_ignored_signal_stays_ignored, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
