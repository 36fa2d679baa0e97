/* test_hub_loss.c - losses and last values that only a certain order of events shows; each was found by mrsim first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world world;

/* A subscriber behind the second agent, which has its broker; the first agent has not met it yet. */
static int open_world(void **state)
{
    world_open(&world, 2);
    world_connect(&world, 1);
    app_open(&world, &world.apps[0], 0, "a");
    app_open(&world, &world.apps[1], 1, "b");
    app_open_topic(&world.apps[0], 1, "./raw", NULL);
    app_subscribe(&world.apps[1], 1, "demo/#");
    app_told(&world.apps[1]);
    *state = &world;
    return 0;
}

static void write_some(struct world *w, int n)
{
    for (int i = 0; i < n; i++)
        app_write(&w->apps[0], 1, i, 0);
    world_pump(w);
}

/* promise: live-loss */
static void what_was_written_before_the_first_contact_is_told(void **state)
{
    struct world *w = *state;
    write_some(w, 3);
    world_connect(w, 0);
    assert_true(tells(app_told(&w->apps[1]), "loss m1 1..3 = 3\n"));
}

/* promise: live-no-false */
static void a_first_contact_with_nothing_written_is_no_loss(void **state)
{
    struct world *w = *state;
    world_connect(w, 0);
    assert_null(strstr(app_told(&w->apps[1]), "loss"));
}

static void a_broker_that_was_not_there_cannot_count(void **state)
{
    struct world *w = *state;
    write_some(w, 3);
    world_connect(w, 0);
    world_restart_broker(w);
    world_connect(w, 1);
    app_told(&w->apps[1]);
    world_connect(w, 0);
    assert_true(tells(app_told(&w->apps[1]), "loss m1 = ?\n"));
}

static void what_is_written_between_hello_and_welcome_is_told(void **state)
{
    struct world *w = *state;
    struct uplink *u = &w->uplinks[0];
    struct err err = {{0}};
    *u = (struct uplink){.client = &w->agents[0], .server = &w->brokers[0]};
    const struct port_peer peer = {.kind = PORT_AGENT, .identity = "m1", .path = "demo/m1", .address = "m1"};
    assert_int_equal(hub_accept(w->brokers[0].hub, &peer, &u->at_server, &err), MR_OK);
    assert_int_equal(hub_connect(w->agents[0].hub, "mr1", &u->at_client, &err), MR_OK);
    write_some(w, 2); /* the Hello is made, and not yet on its way */
    u->is_up = true;
    world_pump(w);
    write_some(w, 1);
    const char *told = app_told(&w->apps[1]);
    const char *loss = strstr(told, "loss m1 1..2 = 2\n"), *record = strstr(told, "demo/m1/raw=0 by m1/a\n");
    assert_true(loss && record && loss < record);
}

/* promise: live-loss */
static void an_agent_back_before_its_end_was_noticed_has_lost_its_tail(void **state)
{
    struct world *w = *state;
    world_connect(w, 0);
    write_some(w, 1);
    app_told(&w->apps[1]);
    w->uplinks[0].is_up = false; /* the broker does not see it go */
    hub_free(w->agents[0].hub);
    w->agents[0].hub = NULL;
    world_new_agent(w, 0, 2000);
    world_connect(w, 0);
    assert_true(tells(app_told(&w->apps[1]), "loss m1 = ?\n"));
}

static void what_was_numbered_in_a_birth_that_is_refused_is_told(void **state)
{
    struct world *w = *state;
    world_connect(w, 0);
    world_new_agent(w, 0, 900);
    app_open(w, &w->apps[0], 0, "a");
    app_open_topic(&w->apps[0], 1, "./raw", NULL);
    write_some(w, 2);
    world_connect(w, 0);
    assert_int_equal(w->agents[0].birth_floor, 1000);
    hub_set_birth(w->agents[0].hub, 1001);
    app_told(&w->apps[1]);
    world_connect(w, 0);
    assert_true(tells(app_told(&w->apps[1]), "loss m1 1..2 = 2\n"));
}

static void apps_live_on_in_the_birth_their_agent_is_born_again_in(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    app_subscribe(a, 1, "demo/m1/#");
    hub_set_birth(w->agents[0].hub, 1001);
    world_connect(w, 0);
    app_write(a, 1, 5, MR_KEEP);
    world_pump(w);
    app_told(a);
    app_subscribe(a, 2, "demo/m1/raw");
    assert_true(tells(app_told(a), "demo/m1/raw=5 by m1/a snapshot\n"));
}

/* promise: value-forward */
static void values_of_a_birth_that_is_refused_reach_others_in_the_next(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_write(a, 1, 5, MR_KEEP);
    world_connect(w, 0);
    world_new_agent(w, 0, 900); /* another computer, its disk empty */
    app_open(w, a, 0, "a");
    app_open_topic(a, 1, "./raw", NULL);
    app_write(a, 1, 6, MR_KEEP);
    world_connect(w, 0);
    app_told(b);
    hub_set_birth(w->agents[0].hub, 1001);
    world_connect(w, 0);
    assert_true(tells(app_told(b), "demo/m1/raw=6 by m1/a snapshot\n"));
}

static void a_record_on_its_way_to_who_has_just_left_is_not_kept(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    struct hub_stats stats;
    world_connect(w, 0);
    app_write(a, 1, 5, MR_KEEP);
    assert_int_equal(session_interest_remove(b->session, 1), MR_OK);
    world_pump(w); /* the record meets the removal */
    hub_get_stats(w->agents[1].hub, &stats);
    assert_int_equal(stats.slots, 0);
}

/* promise: value-stale */
static void the_definition_of_a_dead_apps_tag_does_not_bring_it_back(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1], *late = &w->apps[2];
    world_connect(w, 0);
    app_open_topic(a, 2, "./oil/temp", "Cel");
    app_write(a, 2, 48, MR_KEEP);
    world_pump(w);
    app_close(a, false);
    app_told(b);
    app_open(w, late, 1, "late"); /* is told name, death and definition */
    app_subscribe(late, 1, "demo/#");
    const char *told = app_told(late);
    assert_true(tells(told, "demo/m1/oil/temp=48 by m1/a snapshot stale\n"));
    world_cut(w, 1); /* its agent asks anew */
    world_connect(w, 1);
    assert_null(strstr(app_told(b), "demo/m1/oil/temp=48 by m1/a snapshot\n"));
}

/* promise: value-stale */
static void what_a_dead_app_wrote_last_is_stale_even_where_its_death_came_first(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    world_connect(w, 0);
    app_write(a, 1, 5, MR_KEEP);
    world_pump(w);
    app_told(b);
    app_write(a, 1, 6, MR_KEEP);
    session_bye(a->session, MR_OK, "closed", 0); /* record and death leave the agent in one turn */
    world_pump(w);
    assert_true(tells(app_told(b), "stale\n"));
    world_cut(w, 1);
    app_told(b);
    world_connect(w, 1);
    assert_null(strstr(app_told(b), "demo/m1/raw=6 by m1/a snapshot\n"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_was_written_before_the_first_contact_is_told),
        TEST(a_first_contact_with_nothing_written_is_no_loss),
        TEST(a_broker_that_was_not_there_cannot_count),
        TEST(what_is_written_between_hello_and_welcome_is_told),
        TEST(an_agent_back_before_its_end_was_noticed_has_lost_its_tail),
        TEST(what_was_numbered_in_a_birth_that_is_refused_is_told),
        TEST(apps_live_on_in_the_birth_their_agent_is_born_again_in),
        TEST(values_of_a_birth_that_is_refused_reach_others_in_the_next),
        TEST(a_record_on_its_way_to_who_has_just_left_is_not_kept),
        TEST(what_a_dead_app_wrote_last_is_stale_even_where_its_death_came_first),
        TEST(the_definition_of_a_dead_apps_tag_does_not_bring_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
