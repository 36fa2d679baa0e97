/* test_hub_stale.c - tags that promise to be written at least so often, and what is shown when they are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

/* promise: value-stale */
static void a_value_not_written_again_in_time_is_shown_stale_once(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_promise(a, 1, "./x", 2000);
    app_subscribe(a, 1, "demo/#");
    app_subscribe(b, 1, "demo/#");
    app_write(a, 1, 5, MR_KEEP);
    world_pump(w);
    app_told(a);
    assert_true(tells(app_told(b), "demo/m1/x=5 by m1/a\n"));
    world_pass(w, 1900);
    assert_string_equal(app_told(b), "");
    world_pass(w, 1200); /* promises are looked at once a second */
    assert_string_equal(app_told(a), "demo/m1/x=5 by m1/a snapshot stale\n");
    assert_string_equal(app_told(b), "demo/m1/x=5 by m1/a snapshot stale\n");
    world_pass(w, 5000);
    assert_string_equal(app_told(b), "");
}

static void the_record_that_ends_the_silence_is_fresh(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_promise(a, 1, "./x", 1000);
    app_subscribe(b, 1, "demo/#");
    app_write(a, 1, 5, MR_KEEP);
    world_pass(w, 3000);
    app_told(b);
    app_write(a, 1, 6, MR_KEEP);
    world_pump(w);
    assert_string_equal(app_told(b), "demo/m1/x=6 by m1/a\n");
    world_pass(w, 3000);
    assert_string_equal(app_told(b), "demo/m1/x=6 by m1/a snapshot stale\n");
}

static void an_old_value_is_stale_in_the_snapshot_already(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_promise(a, 1, "./x", 1000);
    app_open_promise(a, 2, "./y", 0);
    app_write(a, 1, 5, MR_KEEP);
    app_write(a, 2, 5, MR_KEEP);
    world_pass(w, 3000);
    app_subscribe(b, 1, "demo/#");
    const char *told = app_told(b);
    assert_true(tells(told, "demo/m1/x=5 by m1/a snapshot stale\n"));
    assert_true(tells(told, "demo/m1/y=5 by m1/a snapshot\n")); /* it promised nothing */
}

static void one_that_keeps_its_promise_is_never_stale(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_promise(a, 1, "./x", 1000);
    app_subscribe(b, 1, "demo/#");
    for (int i = 0; i < 10; i++) {
        app_write(a, 1, i, MR_KEEP);
        world_pass(w, 700);
    }
    assert_null(strstr(app_told(b), "stale"));
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup_pair, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_value_not_written_again_in_time_is_shown_stale_once),
        IN_WORLD(the_record_that_ends_the_silence_is_fresh),
        IN_WORLD(an_old_value_is_stale_in_the_snapshot_already),
        IN_WORLD(one_that_keeps_its_promise_is_never_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
