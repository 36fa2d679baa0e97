/* test_hub_transfer.c - long values through agents and brokers: whole or announced as lost, in bounded memory, one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proto/limits.h"
#include "proto/session_transfer.h"
#include "world.h"

enum { LONG = 80000, LARGE = 1000000 };

static struct world world;

/* Machine m1 with a writer of ./x and a reader of all, machine m2 with a reader. */
static struct world *open_world(void)
{
    struct world *w = &world;
    world_open(w, 2);
    world_connect(w, 0);
    world_connect(w, 1);
    app_open(w, &w->apps[0], 0, "a");
    app_open(w, &w->apps[1], 0, "b");
    app_open(w, &w->apps[2], 1, "c");
    app_subscribe(&w->apps[1], 1, "demo/#");
    app_subscribe(&w->apps[2], 1, "demo/m1/x");
    app_open_topic(&w->apps[0], 1, "./x", NULL);
    app_open_topic(&w->apps[0], 2, "./y", NULL);
    world_pass(w, 100);
    app_told(&w->apps[1]);
    app_told(&w->apps[2]);
    return w;
}

static void assert_told(struct app *app, const char *line)
{
    const char *told = app_told(app);
    if (!strstr(told, line))
        fail_msg("not told '%s' but: %s", line, told);
}

static void assert_not_told(struct app *app, const char *word)
{
    const char *told = app_told(app);
    if (strstr(told, word))
        fail_msg("told: %s", told);
}

static void a_long_value_reaches_readers_here_and_on_another_machine_whole(void **state)
{
    (void)state;
    struct world *w = open_world();
    app_send(&w->apps[0], 1, LONG);
    world_pass(w, 500);
    assert_told(&w->apps[1], "whole demo/m1/x of 80000 bytes by m1/a\n");
    assert_told(&w->apps[2], "whole demo/m1/x of 80000 bytes by m1/a\n");
    world_close(w);
}

static void the_longest_one_does_too(void **state)
{
    (void)state;
    struct world *w = open_world();
    app_send(&w->apps[0], 1, TRANSFER_MAX_BYTES);
    for (int i = 0; i < 3000 && w->apps[0].sending.at < TRANSFER_MAX_BYTES; i++) {
        world_pass(w, 10);
        app_go_on(&w->apps[0]);
    }
    world_pass(w, 500);
    assert_told(&w->apps[2], "whole demo/m1/x of 16777216 bytes by m1/a\n");
    world_close(w);
}

static void who_does_not_want_it_gets_nothing_of_it(void **state)
{
    (void)state;
    struct world *w = open_world();
    app_send(&w->apps[0], 2, LONG); /* ./y */
    world_pass(w, 500);
    assert_told(&w->apps[1], "whole demo/m1/y");
    assert_not_told(&w->apps[2], "demo");
    world_close(w);
}

static void live_records_written_meanwhile_overtake_it(void **state)
{
    (void)state;
    struct world *w = open_world();
    w->apps[2].keeps_chunks = true; /* it takes a window, no more */
    app_send(&w->apps[0], 1, LARGE);
    for (int i = 0; i < 20; i++) {
        app_write(&w->apps[0], 1, i, 0);
        world_pass(w, 10);
    }
    assert_told(&w->apps[2], "demo/m1/x=19 by m1/a\n");
    world_close(w);
}

/* promise: bounded-memory */
static void a_reader_that_takes_nothing_holds_back_a_window_and_no_more(void **state)
{
    (void)state;
    struct world *w = open_world();
    size_t before = mem_outstanding();
    w->apps[2].keeps_chunks = true;
    app_send(&w->apps[0], 1, TRANSFER_MAX_BYTES);
    for (int i = 0; i < 50; i++) {
        world_pass(w, 10);
        app_go_on(&w->apps[0]);
    }
    assert_true(w->apps[0].sending.at < TRANSFER_MAX_BYTES / 8);
    assert_true(mem_outstanding() - before < 4 * (size_t)CREDIT_BULK_MAX_BYTES);
    world_close(w);
}

/* promise: live-slow */
static void who_takes_nothing_for_five_seconds_is_given_up_and_the_others_have_it(void **state)
{
    (void)state;
    struct world *w = open_world();
    w->apps[2].keeps_chunks = true;
    app_send(&w->apps[0], 1, LARGE);
    for (int i = 0; i < 40; i++) {
        world_pass(w, TRANSFER_STALL_MS / 20);
        app_go_on(&w->apps[0]);
    }
    assert_int_equal(w->apps[0].sending.at, LARGE);
    assert_told(&w->apps[1], "whole demo/m1/x of 1000000 bytes by m1/a\n");
    assert_told(&w->apps[2], "lost demo/m1/x of 1000000 bytes by m1/a: 1\n");
    world_close(w);
}

static void a_writer_that_goes_in_the_middle_takes_it_along_and_all_hear_of_it(void **state)
{
    (void)state;
    struct world *w = open_world();
    w->apps[2].keeps_chunks = true;
    app_send(&w->apps[0], 1, LARGE);
    world_pass(w, 50);
    app_close(&w->apps[0], false);
    world_pass(w, 100);
    assert_told(&w->apps[1], "lost demo/m1/x of 1000000 bytes by m1/a: 2\n");
    assert_told(&w->apps[2], "lost demo/m1/x of 1000000 bytes by m1/a: 2\n");
    world_close(w);
}

/* Accepted is in the agent's memory: it survives the app. */
static void a_writer_that_goes_when_all_is_taken_takes_nothing_along(void **state)
{
    (void)state;
    struct world *w = open_world();
    app_open(w, &w->apps[3], 1, "d");
    app_subscribe(&w->apps[3], 1, "demo/m1/x");
    w->apps[2].keeps_chunks = true; /* a window of it is held back at the agent */
    app_send(&w->apps[0], 1, LONG);
    assert_int_equal(w->apps[0].sending.at, LONG);
    app_close(&w->apps[0], true);
    w->apps[2].keeps_chunks = false;
    session_chunk_done(w->apps[2].session, w->apps[2].kept);
    world_pass(w, 500);
    assert_told(&w->apps[1], "whole demo/m1/x of 80000 bytes by m1/a\n");
    assert_told(&w->apps[2], "whole demo/m1/x of 80000 bytes by m1/a\n");
    assert_told(&w->apps[3], "whole demo/m1/x of 80000 bytes by m1/a\n");
    world_close(w);
}

static void a_writer_may_break_it_off(void **state)
{
    (void)state;
    struct world *w = open_world();
    w->apps[2].keeps_chunks = true;
    app_send(&w->apps[0], 1, LARGE);
    app_break_off(&w->apps[0]);
    world_pass(w, 100);
    assert_told(&w->apps[2], "lost demo/m1/x of 1000000 bytes by m1/a: 5\n");
    world_close(w);
}

static void a_machine_that_loses_its_broker_in_the_middle_is_announced_once(void **state)
{
    (void)state;
    struct world *w = open_world();
    w->apps[2].keeps_chunks = true;
    app_send(&w->apps[0], 1, LARGE);
    world_pass(w, 50);
    app_told(&w->apps[2]);
    world_cut(w, 0);
    world_pass(w, 100);
    assert_told(&w->apps[2], "lost demo/m1/x of 1000000 bytes by m1/a: 2\n");
    world_connect(w, 0);
    world_pass(w, 100);
    assert_not_told(&w->apps[2], "loss m1 1..");
    world_close(w);
}

/* Its number is the last one its machine gave, and no record came after it. */
static void a_whole_value_is_not_taken_for_a_gap_at_the_next_hello(void **state)
{
    (void)state;
    struct world *w = open_world();
    app_write(&w->apps[0], 1, 1, 0);
    app_send(&w->apps[0], 1, LONG);
    app_send(&w->apps[0], 1, LONG);
    world_pass(w, 500);
    world_cut(w, 0);
    world_pass(w, 100);
    app_told(&w->apps[2]);
    world_connect(w, 0);
    world_pass(w, 100);
    assert_not_told(&w->apps[2], "loss");
    world_close(w);
}

static void a_reader_that_goes_in_the_middle_disturbs_nobody(void **state)
{
    (void)state;
    struct world *w = open_world();
    w->apps[2].keeps_chunks = true;
    app_send(&w->apps[0], 1, LARGE);
    app_close(&w->apps[2], false);
    for (int i = 0; i < 50; i++) {
        world_pass(w, 10);
        app_go_on(&w->apps[0]);
    }
    assert_told(&w->apps[1], "whole demo/m1/x of 1000000 bytes by m1/a\n");
    world_close(w);
}

static void two_writers_take_turns_at_one_reader(void **state)
{
    (void)state;
    struct world *w = open_world();
    app_open(w, &w->apps[3], 0, "d");
    app_open_topic(&w->apps[3], 1, "./x", NULL);
    app_send(&w->apps[0], 1, LARGE);
    app_send(&w->apps[3], 1, LARGE);
    for (int i = 0; i < 200; i++) {
        app_go_on(&w->apps[0]);
        app_go_on(&w->apps[3]);
        world_pass(w, 10);
    }
    const char *told = app_told(&w->apps[2]);
    assert_non_null(strstr(told, "whole demo/m1/x of 1000000 bytes by m1/a\n"));
    assert_non_null(strstr(told, "whole demo/m1/x of 1000000 bytes by m1/d\n"));
    world_close(w);
}

static void what_the_rights_forbid_is_refused_with_its_chunks(void **state)
{
    (void)state;
    static const struct rights_rule rules[] = {{true, RIGHT_PUBLISH, "%{path}/#"}, {true, RIGHT_SUBSCRIBE, "#"}};
    struct world *w = &world;
    world_open_with(w, 1, rules, sizeof rules / sizeof *rules);
    app_open(w, &w->apps[0], 0, "a");
    app_open(w, &w->apps[1], 0, "b");
    app_subscribe(&w->apps[1], 1, "#");
    app_open_topic(&w->apps[0], 1, "./x", NULL);
    app_open_topic(&w->apps[0], 3, "other/x", NULL);
    app_send(&w->apps[0], 3, LONG);
    world_pass(w, 200);
    assert_not_told(&w->apps[1], "whole");
    assert_told(&w->apps[0], "error: ");
    app_send(&w->apps[0], 1, LONG); /* its session goes on */
    world_pass(w, 200);
    assert_told(&w->apps[1], "whole demo/m1/x");
    world_close(w);
}

static void it_goes_from_broker_to_broker_where_it_is_wanted_and_no_further(void **state)
{
    (void)state;
    struct world *w = &world;
    world_open_brokers(w, 3, 3);
    world_join_all(w);
    for (unsigned i = 0; i < 3; i++)
        world_connect_to(w, i, i);
    app_open(w, &w->apps[0], 0, "a");
    for (unsigned i = 1; i < 3; i++) {
        app_open(w, &w->apps[i], i, "r");
        app_subscribe(&w->apps[i], 1, i == 1 ? "demo/m1/x" : "demo/m1/other");
    }
    app_open_topic(&w->apps[0], 1, "./x", NULL);
    world_pass(w, 2000);
    for (int i = 0; i < 3; i++)
        app_send(&w->apps[0], 1, LONG);
    world_pass(w, 500);
    const char *told = app_told(&w->apps[1]);
    for (int i = 0; i < 3; i++) {
        told = strstr(told, "whole demo/m1/x of 80000 bytes by m1/a\n");
        assert_non_null(told);
        told++;
    }
    assert_null(strstr(told, "whole")); /* once each */
    assert_not_told(&w->apps[2], "whole");
    world_close(w);
}

/* Its edges are freed before it: nobody is there to be called. */
static void a_hub_that_is_freed_in_the_middle_calls_nobody(void **state)
{
    (void)state;
    struct world *w = open_world();
    struct station *m1 = &w->agents[0];
    w->apps[1].keeps_chunks = true;
    app_send(&w->apps[0], 1, LARGE);
    mem_fail_at(1); /* it cannot even say that the rest does not come */
    hub_free(m1->hub);
    mem_fail_off();
    m1->hub = NULL;
    assert_int_equal(m1->n_over, 0);
    world_close(w);
}

/* A part of it may be lost, and is told; nothing is leaked, and afterwards all is as before. */
static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    bool has_failed = true;
    for (unsigned n = 1; has_failed; n++) {
        struct world *w = open_world();
        w->may_fail = true;
        w->apps[2].keeps_chunks = n & 1;
        mem_fail_at(n);
        app_send(&w->apps[0], 1, 3 * LONG);
        world_pass(w, 20);
        has_failed = mem_fail_off();
        world_close(w);
    }
    assert_int_equal(mem_outstanding(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_value_reaches_readers_here_and_on_another_machine_whole),
        cmocka_unit_test(the_longest_one_does_too),
        cmocka_unit_test(who_does_not_want_it_gets_nothing_of_it),
        cmocka_unit_test(live_records_written_meanwhile_overtake_it),
        cmocka_unit_test(a_reader_that_takes_nothing_holds_back_a_window_and_no_more),
        cmocka_unit_test(who_takes_nothing_for_five_seconds_is_given_up_and_the_others_have_it),
        cmocka_unit_test(a_writer_that_goes_in_the_middle_takes_it_along_and_all_hear_of_it),
        cmocka_unit_test(a_writer_that_goes_when_all_is_taken_takes_nothing_along),
        cmocka_unit_test(a_writer_may_break_it_off),
        cmocka_unit_test(a_machine_that_loses_its_broker_in_the_middle_is_announced_once),
        cmocka_unit_test(a_whole_value_is_not_taken_for_a_gap_at_the_next_hello),
        cmocka_unit_test(a_reader_that_goes_in_the_middle_disturbs_nobody),
        cmocka_unit_test(two_writers_take_turns_at_one_reader),
        cmocka_unit_test(what_the_rights_forbid_is_refused_with_its_chunks),
        cmocka_unit_test(it_goes_from_broker_to_broker_where_it_is_wanted_and_no_further),
        cmocka_unit_test(a_hub_that_is_freed_in_the_middle_calls_nobody),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
