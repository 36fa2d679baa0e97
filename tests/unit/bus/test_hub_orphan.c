/* test_hub_orphan.c - last values whose writer and whose home are gone: brokers agree on them all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"
#include "world.h"

static struct world world;

/* Three brokers, whole; agent m1 with app a, which has a kept topic, at mr1. */
static int open_plant(void **state)
{
    world_open_brokers(&world, 3, 3);
    world_join_all(&world);
    world_connect_to(&world, 0, 0);
    app_open(&world, &world.apps[0], 0, "a");
    app_open_topic(&world.apps[0], 1, "./x", NULL);
    app_write(&world.apps[0], 1, 1, MR_KEEP);
    world_pump(&world);
    *state = &world;
    return 0;
}

static void part(struct world *w, unsigned a, unsigned b)
{
    world_unjoin(w, a, b);
    world_unjoin(w, b, a);
}

static void join(struct world *w, unsigned a, unsigned b)
{
    world_join(w, a, b);
    world_join(w, b, a);
}

static const char *value_at(struct world *w, unsigned broker)
{
    static char told[4096];
    world_connect_to(w, 1, broker);
    app_open(w, &w->apps[1], 1, "reader");
    app_subscribe(&w->apps[1], 1, "demo/m1/#");
    world_pump(w);
    strncpy(told, app_told(&w->apps[1]), sizeof told - 1);
    app_close(&w->apps[1], true);
    world_cut(w, 1);
    return told;
}

/* mr1 and m1 lose all they had, mr2 missed the last value: only mr3 has it.
 * promise: value-agree */
static void what_one_broker_alone_has_reaches_all_by_the_one_that_came_back(void **state)
{
    struct world *w = *state;
    part(w, 0, 1);
    app_write(&w->apps[0], 1, 2, MR_KEEP);
    world_pump(w);
    world_cut(w, 0);
    part(w, 0, 2);
    world_restart(w, 0);
    join(w, 0, 1);
    join(w, 0, 2);
    world_pump(w);
    for (unsigned broker = 0; broker < 3; broker++)
        assert_non_null(strstr(value_at(w, broker), "demo/m1/x=2 by m1/a snapshot stale\n"));
}

/* The same when mr2 hears of it from mr3 while it takes mr1 for the home: that one came back and does not list it.
 * promise: value-agree */
static void a_home_that_came_back_empty_is_not_waited_for(void **state)
{
    struct world *w = *state;
    part(w, 0, 1);
    part(w, 1, 2);
    app_write(&w->apps[0], 1, 2, MR_KEEP);
    world_pump(w);
    world_cut(w, 0);
    part(w, 0, 2);
    world_restart(w, 0);
    join(w, 0, 1);
    world_pump(w);
    join(w, 1, 2);
    world_pump(w);
    assert_non_null(strstr(value_at(w, 1), "demo/m1/x=2 by m1/a snapshot stale\n"));
}

/* promise: value-agree */
static void a_home_that_never_comes_back_leaves_all_with_the_same(void **state)
{
    struct world *w = *state;
    part(w, 0, 1);
    app_write(&w->apps[0], 1, 2, MR_KEEP);
    world_pump(w);
    world_cut(w, 0);
    part(w, 0, 2); /* mr1 and m1 stay away for good */
    assert_non_null(strstr(value_at(w, 1), "demo/m1/x=1"));
    world_pass(w, PRESENCE_LOST_MS + 100);
    assert_non_null(strstr(value_at(w, 1), "demo/m1/x=2 by m1/a snapshot stale\n"));
}

/* Somebody else removed what mr2 has not had from its home yet: who subscribes meanwhile is shown no removal ahead of it. */
static void a_removal_is_not_shown_before_what_it_removes(void **state)
{
    struct world *w = *state;
    world_connect_to(w, 2, 2);
    app_open(w, &w->apps[2], 2, "c");
    app_open_topic(&w->apps[2], 1, "demo/m1/x", NULL);
    world_unjoin(w, 1, 0); /* what mr1 sends does not reach mr2: to be delivered late */
    app_write(&w->apps[0], 1, 2, MR_KEEP);
    world_pump(w);
    app_write(&w->apps[2], 1, 0, MR_CLEAR);
    world_pump(w);
    assert_null(strstr(value_at(w, 1), "demo/m1/x=2"));
    world_join(w, 1, 0);
    world_pump(w);
    const char *told = value_at(w, 1);
    assert_null(strstr(told, "demo/m1/x=1"));
    assert_null(strstr(told, "demo/m1/x=2"));
}

/* mr2 hears of the removal from mr3, and of what it removes not yet: frames of mr1 stand still. */
static void remove_early(struct world *w)
{
    world_connect_to(w, 2, 2);
    app_open(w, &w->apps[2], 2, "c");
    app_open_topic(&w->apps[2], 1, "demo/m1/x", NULL);
    w->mesh[1][0].is_up = false;
    app_write(&w->apps[0], 1, 2, MR_KEEP);
    world_pump(w);
    app_write(&w->apps[2], 1, 0, MR_CLEAR);
    world_pump(w);
    world_connect_to(w, 1, 1);
    app_open(w, &w->apps[1], 1, "b");
    app_subscribe(&w->apps[1], 1, "demo/m1/#");
    world_pump(w);
}

static void a_removal_is_shown_in_its_place(void **state)
{
    struct world *w = *state;
    remove_early(w);
    assert_null(strstr(app_told(&w->apps[1]), "demo/m1/x="));
    w->mesh[1][0].is_up = true;
    world_pump(w);
    const char *told = app_told(&w->apps[1]);
    const char *value = strstr(told, "demo/m1/x=2 by m1/a\n"),
               *removal = strstr(told, "demo/m1/x=none by m1/a snapshot clear\n");
    assert_true(value && removal && value < removal);
}

static void a_removal_whose_value_does_not_come_is_shown_all_the_same(void **state)
{
    struct world *w = *state;
    remove_early(w);
    assert_null(strstr(app_told(&w->apps[1]), "demo/m1/x="));
    world_pass(w, 1100);
    assert_non_null(strstr(app_told(&w->apps[1]), "demo/m1/x=none by m1/a snapshot clear\n"));
}

/* m1 moves to mr3, of which mr2 hears nothing for a while; what it writes there comes to mr2 from mr1 first.
 * promise: live-loss */
static void a_value_that_was_overtaken_is_told_as_lost(void **state)
{
    struct world *w = *state;
    world_connect_to(w, 1, 1);
    app_open(w, &w->apps[1], 1, "b");
    app_subscribe(&w->apps[1], 1, "demo/m1/#");
    world_pump(w);
    w->mesh[1][2].is_up = false;
    world_cut(w, 0);
    world_connect_to(w, 0, 2);
    app_write(&w->apps[0], 1, 2, MR_KEEP);
    app_write(&w->apps[0], 1, 3, MR_KEEP);
    world_pump(w);
    world_unjoin(w, 1, 0);
    world_join(w, 1, 0);
    world_pump(w);
    assert_non_null(strstr(app_told(&w->apps[1]), "demo/m1/x=3 by m1/a snapshot stale\n"));
    w->mesh[1][2].is_up = true;
    world_pump(w);
    const char *told = app_told(&w->apps[1]);
    assert_null(strstr(told, "demo/m1/x=2"));
    assert_non_null(strstr(told, "loss m1 2..2 = 1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_one_broker_alone_has_reaches_all_by_the_one_that_came_back, open_plant,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_home_that_came_back_empty_is_not_waited_for, open_plant, world_teardown),
        cmocka_unit_test_setup_teardown(a_home_that_never_comes_back_leaves_all_with_the_same, open_plant,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_removal_is_not_shown_before_what_it_removes, open_plant, world_teardown),
        cmocka_unit_test_setup_teardown(a_removal_is_shown_in_its_place, open_plant, world_teardown),
        cmocka_unit_test_setup_teardown(a_removal_whose_value_does_not_come_is_shown_all_the_same, open_plant,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_value_that_was_overtaken_is_told_as_lost, open_plant, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
