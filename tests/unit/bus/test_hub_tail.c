/* test_hub_tail.c - agents that were sent away, births that were heard of in silence: what is told of them, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world world;

/* Agent m1 with app a at mr1; agent m2 with app b, which subscribes to everything of m1, at mr2. m1 has written. */
static int open_plant(void **state)
{
    world_open_brokers(&world, 2, 3);
    world_join_all(&world);
    world_connect_to(&world, 0, 0);
    world_connect_to(&world, 1, 1);
    app_open(&world, &world.apps[0], 0, "a");
    app_open(&world, &world.apps[1], 1, "b");
    app_subscribe(&world.apps[1], 1, "demo/m1/#");
    app_open_topic(&world.apps[0], 1, "./x", NULL);
    app_write(&world.apps[0], 1, 1, 0);
    world_pump(&world);
    app_told(&world.apps[1]);
    *state = &world;
    return 0;
}

/* mr1 sends m1 away, which writes a last record before it notices; that one never arrives. */
static void send_away(struct world *w)
{
    hub_bye(w->brokers[0].hub, w->uplinks[0].at_server, MR_OK, "go to another broker", 0);
    hub_close(w->brokers[0].hub, w->uplinks[0].at_server);
    app_write(&w->apps[0], 1, 2, 0);
    hub_close(w->agents[0].hub, w->uplinks[0].at_client);
    w->uplinks[0].is_up = false;
    world_pump(w);
}

/* promise: live-loss */
static void one_who_was_sent_away_and_says_no_hello_may_have_lost(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    send_away(w);
    world_pass(w, 1800);
    assert_null(strstr(app_told(b), "loss"));
    world_pass(w, 200);
    assert_non_null(strstr(app_told(b), "loss m1 = ?\n"));
}

static void one_who_was_sent_away_tells_exactly_itself(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    send_away(w);
    world_connect_to(w, 0, 2);
    assert_non_null(strstr(app_told(b), "loss m1 2..2 = 1\n"));
    world_pass(w, 2000);
    assert_null(strstr(app_told(b), "loss"));
}

static void one_who_comes_back_tells_exactly_itself(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    send_away(w);
    world_connect_to(w, 0, 0);
    assert_non_null(strstr(app_told(b), "loss m1 2..2 = 1\n"));
    world_pass(w, 2000);
    assert_null(strstr(app_told(b), "loss"));
}

/* promise: live-loss */
static void a_new_birth_tells_nothing_of_what_the_one_before_lost(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    for (unsigned broker = 0; broker < 3; broker += 2) {
        send_away(w);
        world_new_agent(w, 0, 2000 + broker);
        world_connect_to(w, 0, broker);
        assert_non_null(strstr(app_told(b), "loss m1 = ?\n"));
        world_pass(w, 2000);
        assert_null(strstr(app_told(b), "loss"));
        app_open(w, &w->apps[0], 0, "a");
        app_open_topic(&w->apps[0], 1, "./x", NULL);
        app_write(&w->apps[0], 1, 1, 0);
        world_pump(w);
        app_told(b);
        world_cut(w, 0);
        world_connect_to(w, 0, 0);
        app_told(b);
    }
}

/* promise: live-loss */
static void one_who_left_to_come_again_and_does_not_may_have_lost(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    hub_bye(w->agents[0].hub, w->uplinks[0].at_client, MR_OK, "goes elsewhere", 1);
    world_pump(w);
    world_cut(w, 0);
    assert_null(strstr(app_told(b), "loss"));
    world_pass(w, 2000);
    assert_non_null(strstr(app_told(b), "loss m1 = ?\n"));
}

static void one_who_stopped_for_good_lost_nothing(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    hub_bye(w->agents[0].hub, w->uplinks[0].at_client, MR_OK, "stops", 0);
    world_pump(w);
    world_cut(w, 0);
    world_pass(w, 3000);
    world_new_agent(w, 0, 2000);
    world_connect_to(w, 0, 2);
    assert_null(strstr(app_told(b), "loss"));
}

static void a_broker_that_ends_meanwhile_forgets_it(void **state)
{
    struct world *w = *state;
    send_away(w); /* closing frees what waits */
}

/* It was born again, wrote nothing, and moved: what its birth before lost has been told long ago. */
static void one_who_was_born_in_silence_moves_in_silence(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    hub_bye(w->agents[0].hub, w->uplinks[0].at_client, MR_OK, "stops", 0);
    world_pump(w);
    world_cut(w, 0);
    world_new_agent(w, 0, 2000);
    world_connect_to(w, 0, 0);
    world_pass(w, 3000);
    app_told(b);
    hub_bye(w->agents[0].hub, w->uplinks[0].at_client, MR_OK, "moves", 0);
    world_pump(w);
    world_cut(w, 0);
    world_connect_to(w, 0, 2);
    world_pass(w, 3000);
    const char *told = app_told(b);
    assert_null(strstr(told, "loss"));
    assert_non_null(strstr(told, "m1 born\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_who_was_sent_away_and_says_no_hello_may_have_lost, open_plant,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(one_who_was_sent_away_tells_exactly_itself, open_plant, world_teardown),
        cmocka_unit_test_setup_teardown(one_who_comes_back_tells_exactly_itself, open_plant, world_teardown),
        cmocka_unit_test_setup_teardown(a_new_birth_tells_nothing_of_what_the_one_before_lost, open_plant,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(one_who_left_to_come_again_and_does_not_may_have_lost, open_plant,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(one_who_stopped_for_good_lost_nothing, open_plant, world_teardown),
        cmocka_unit_test_setup_teardown(a_broker_that_ends_meanwhile_forgets_it, open_plant, world_teardown),
        cmocka_unit_test_setup_teardown(one_who_was_born_in_silence_moves_in_silence, open_plant, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
