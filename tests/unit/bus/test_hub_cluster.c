/* test_hub_cluster.c - agents and a broker: what crosses it, what is told when links break, and what converges afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static void a_record_crosses_the_broker_with_unit_and_publisher(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    assert_string_equal(app_told(b), "acked 1\nsnapshot end 1\n");
    app_open_topic(a, 1, "./oil/temp", "degC");
    app_write(a, 1, 48.5, MR_KEEP);
    world_pump(w);
    const char *told = app_told(b);
    assert_true(tells(told, "m1/a born\n"));
    assert_true(tells(told, "m1/a has demo/m1/oil/temp in 'Cel'\n"));
    assert_true(tells(told, "demo/m1/oil/temp=48.5 by m1/a\n"));
}

/* promise: value-gap-free */
static void a_snapshot_comes_from_the_broker_before_its_end_is_told(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 5, MR_KEEP);
    world_pump(w);
    app_subscribe(b, 1, "demo/+/x");
    const char *told = app_told(b);
    const char *value = strstr(told, "demo/m1/x=5 by m1/a snapshot\n"), *end = strstr(told, "snapshot end 1\n");
    assert_true(value && end && value < end);
}

static void what_nobody_elsewhere_wants_stays_at_the_broker(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "other/#");
    app_open_topic(a, 1, "./x", NULL);
    app_told(b);
    app_write(a, 1, 5, MR_KEEP);
    world_pump(w);
    assert_string_equal(app_told(b), "");
    struct hub_stats stats;
    hub_get_stats(w->brokers[0].hub, &stats);
    assert_int_equal(stats.slots, 1);
    hub_get_stats(w->agents[1].hub, &stats);
    assert_int_equal(stats.slots, 0);
}

static void an_agent_forgets_what_no_app_follows_any_more(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    struct hub_stats stats;
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 5, MR_KEEP);
    app_subscribe(b, 1, "demo/#");
    hub_get_stats(w->agents[1].hub, &stats);
    assert_int_equal(stats.slots, 1);
    assert_int_equal(session_interest_remove(b->session, 1), MR_OK);
    world_pump(w);
    hub_get_stats(w->agents[1].hub, &stats);
    assert_int_equal(stats.slots, 0);
    hub_get_stats(w->agents[0].hub, &stats);
    assert_int_equal(stats.slots, 1); /* its own stay */
    hub_get_stats(w->brokers[0].hub, &stats);
    assert_int_equal(stats.filters, 0);
}

/* promise: value-stale, presence */
static void an_agent_that_stops_makes_its_values_stale_elsewhere(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 5, MR_KEEP);
    app_subscribe(b, 1, "demo/#");
    app_told(b);
    hub_bye_all(w->agents[0].hub, MR_OK, "stopped", 0);
    world_pump(w);
    const char *told = app_told(b);
    assert_true(tells(told, "m1 dead: closed\n"));
    assert_true(tells(told, "demo/m1/x=5 by m1/a snapshot stale\n"));
    assert_null(strstr(told, "loss"));
}

/* promise: live-loss, value-stale */
static void a_link_that_breaks_is_a_loss_and_stale_until_it_is_back(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 5, MR_KEEP);
    app_subscribe(b, 1, "demo/#");
    app_told(b);
    world_cut(w, 0);
    world_pump(w);
    const char *told = app_told(b);
    assert_true(tells(told, "loss m1 = ?\n"));
    assert_true(tells(told, "demo/m1/x=5 by m1/a snapshot stale\n"));
    world_connect(w, 0);
    told = app_told(b);
    assert_true(tells(told, "m1 born\n"));
    assert_true(tells(told, "demo/m1/x=5 by m1/a snapshot\n"));
    assert_null(strstr(told, "loss")); /* nothing was written meanwhile */
}

/* promise: live-loss */
static void records_written_while_the_link_was_down_are_counted_exactly(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./x", NULL);
    app_open_topic(a, 2, "./raw", NULL);
    app_write(a, 1, 5, MR_KEEP);
    app_subscribe(b, 1, "demo/#");
    world_cut(w, 0);
    world_pump(w);
    app_told(b);
    for (int i = 0; i < 3; i++)
        app_write(a, 2, i, 0);
    app_write(a, 1, 6, MR_KEEP);
    world_pump(w);
    world_connect(w, 0);
    const char *told = app_told(b);
    assert_true(tells(told, "loss m1 2..5 = 4\n"));
    assert_true(tells(told, "demo/m1/x=6 by m1/a snapshot\n")); /* the kept one is offered again */
    assert_null(strstr(told, "demo/m1/raw"));
}

/* promise: autonomy, isolated */
static void without_a_broker_the_machine_goes_on_and_says_since_when(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *c = &w->apps[2];
    app_open(w, c, 0, "c");
    app_subscribe(c, 1, "demo/#");
    app_open_topic(a, 1, "./x", NULL);
    app_told(c);
    world_cut(w, 0);
    world_pump(w);
    const char *told = app_told(c);
    assert_true(tells(told, "loss via m1 = ?\n"));
    assert_true(tells(told, "isolated\n"));
    app_write(a, 1, 7, MR_KEEP);
    world_pump(w);
    assert_true(tells(app_told(c), "demo/m1/x=7 by m1/a\n"));
    app_serve(c, 2, "./echo");
    app_open_topic(a, 2, "./echo", NULL);
    app_told(a);
    app_request(a, 2, 9, "hi");
    assert_true(tells(app_told(c), "request for demo/m1/echo 'hi'"));
    struct hub_stats stats;
    hub_get_stats(w->agents[0].hub, &stats);
    assert_true(stats.isolated_since_us > 0);
    world_connect(w, 0);
    told = app_told(c);
    assert_true(tells(told, "with broker\n"));
    assert_true(tells(told, "loss via m1 = ?\n"));
    hub_get_stats(w->agents[0].hub, &stats);
    assert_int_equal(stats.isolated_since_us, 0);
}

/* promise: live-loss */
static void who_subscribed_before_the_first_broker_hears_of_a_span_until_the_interest_is_in_force(void **state)
{
    static const char line[] = "loss via m1 = ?\n";
    struct world *w = *state;
    struct app *c = &w->apps[2];
    world_new_agent(w, 0, 2000);
    app_open(w, c, 0, "c");
    app_subscribe(c, 1, "demo/#");
    assert_false(tells(app_told(c), line));
    world_connect(w, 0);
    const char *opened = strstr(app_told(c), line);
    assert_non_null(opened);
    assert_non_null(strstr(opened + 1, line));
}

/* promise: value-stale */
static void another_machines_values_are_stale_while_there_is_no_broker(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 5, MR_KEEP);
    app_subscribe(b, 1, "demo/#");
    app_told(b);
    world_cut(w, 1);
    world_pump(w);
    assert_true(tells(app_told(b), "demo/m1/x=5 by m1/a snapshot stale\n"));
    app_write(a, 1, 6, MR_KEEP);
    world_pump(w);
    world_connect(w, 1);
    const char *told = app_told(b);
    assert_true(tells(told, "demo/m1/x=6 by m1/a snapshot\n"));
    assert_null(strstr(told, "demo/m1/x=6 by m1/a snapshot stale"));
}

/* promise: value-forward */
static void a_broker_that_restarts_empty_learns_all_values_again(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 5, MR_KEEP);
    app_subscribe(b, 1, "demo/#");
    app_told(b);
    world_restart_broker(w);
    world_connect(w, 1);
    world_connect(w, 0);
    const char *told = app_told(b);
    assert_true(tells(told, "demo/m1/x=5 by m1/a snapshot\n"));
    app_write(a, 1, 6, MR_KEEP);
    world_pump(w);
    assert_true(tells(app_told(b), "demo/m1/x=6 by m1/a\n"));
}

/* promise: live-order */
static void a_subscriber_that_moves_sees_nothing_twice(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 5, 0);
    world_pump(w);
    app_told(b);
    world_cut(w, 1);
    world_connect(w, 1);
    assert_null(strstr(app_told(b), "demo/m1/x"));
    app_write(a, 1, 6, 0);
    world_pump(w);
    assert_true(tells(app_told(b), "demo/m1/x=6 by m1/a\n"));
}

static void an_agent_with_an_earlier_birth_must_be_born_again(void **state)
{
    struct world *w = *state;
    world_new_agent(w, 0, 999);
    world_connect(w, 0);
    assert_int_equal(w->agents[0].birth_floor, 1000);
    struct hub_stats stats;
    hub_get_stats(w->agents[0].hub, &stats);
    assert_true(stats.isolated_since_us > 0);
}

/* promise: presence */
static void an_agent_restarted_takes_its_topics_up_again(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 5, MR_KEEP);
    app_subscribe(b, 1, "demo/#");
    app_told(b);
    world_new_agent(w, 0, 2000);
    world_pump(w);
    assert_true(tells(app_told(b), "demo/m1/x=5 by m1/a snapshot stale\n"));
    world_connect(w, 0);
    app_open(w, a, 0, "a");
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 1, MR_KEEP);
    world_pump(w);
    assert_true(tells(app_told(b), "demo/m1/x=1 by m1/a\n"));
}

/* promise: presence */
static void a_newer_session_of_one_identity_takes_the_older_ones_place(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 5, MR_KEEP);
    app_subscribe(b, 1, "demo/#");
    app_told(b);
    uint32_t older = w->uplinks[0].at_server;
    hub_close(w->agents[0].hub, w->uplinks[0].at_client); /* the broker does not know yet */
    world_connect(w, 0);
    assert_int_not_equal(w->uplinks[0].at_server, older);
    app_write(a, 1, 6, MR_KEEP);
    world_pump(w);
    const char *told = app_told(b);
    assert_true(tells(told, "demo/m1/x=6 by m1/a\n"));
    assert_null(strstr(told, "m1 dead"));
    struct port_stats port;
    assert_false(hub_get_port(w->brokers[0].hub, older, &port));
}

/* promise: presence */
static void a_silent_link_is_dead_after_three_seconds(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    struct port_stats port;
    app_subscribe(b, 1, "demo/#");
    app_told(b);
    uint32_t at_broker = w->uplinks[0].at_server;
    w->uplinks[0].is_up = false; /* frames go nowhere, nobody is told */
    world_pass(w, 2500);
    assert_true(hub_get_port(w->brokers[0].hub, at_broker, &port));
    world_pass(w, 1000);
    assert_false(hub_get_port(w->brokers[0].hub, at_broker, &port));
    assert_true(tells(app_told(b), "loss m1 = ?\n"));
}

static void a_quiet_link_lives_on_its_pings(void **state)
{
    struct world *w = *state;
    struct port_stats port;
    world_pass(w, 20000);
    assert_true(hub_get_port(w->brokers[0].hub, w->uplinks[0].at_server, &port));
    assert_true(session_is_up(w->apps[0].session));
}

/* promise: request-answer */
static void a_request_crosses_the_broker_and_comes_back(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_serve(b, 1, "demo/m2/echo");
    app_open_topic(a, 1, "demo/m2/echo", NULL);
    app_told(a);
    app_told(b);
    app_request(a, 1, 9, "hello");
    assert_true(tells(app_told(b), "request for demo/m2/echo 'hello'\n"));
    app_answer(b, "olleh");
    assert_true(tells(app_told(a), "answer 9 rc 0 'olleh'\n"));
}

/* promise: request-answer */
static void nobody_anywhere_is_said_at_once(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    char expected[64];
    app_open_topic(a, 1, "demo/m2/echo", NULL);
    app_told(a);
    app_request(a, 1, 9, "hello");
    snprintf(expected, sizeof expected, "answer 9 rc %d none\n", MR_NO_RESPONDER);
    assert_true(tells(app_told(a), expected));
    (void)w;
}

/* promise: request-answer */
static void a_broker_that_goes_away_ends_open_requests(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    char expected[64];
    app_serve(b, 1, "demo/m2/echo");
    app_open_topic(a, 1, "demo/m2/echo", NULL);
    app_request(a, 1, 9, "hello");
    app_told(a);
    world_cut(w, 0);
    world_pump(w);
    snprintf(expected, sizeof expected, "answer 9 rc %d none\n", MR_ISOLATED);
    assert_true(tells(app_told(a), expected));
}

static void a_machine_that_connects_again_and_again_is_told_once_a_minute(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 12; i++) {
        world_cut(w, 0);
        world_connect(w, 0);
    }
    const char *first = strstr(w->brokers[0].notices, "'m1' connected 6 times within a minute");
    assert_non_null(first);
    assert_null(strstr(first + 1, "'m1' connected"));
}

static void a_key_under_another_name_is_refused_in_words(void **state)
{
    struct world *w = *state;
    struct uplink *u = &w->uplinks[2];
    struct err err = {{0}};
    const struct port_peer peer = {.kind = PORT_AGENT, .identity = "m9", .path = "demo/m9", .address = "x"};
    world_cut(w, 0);
    assert_int_equal(hub_accept(w->brokers[0].hub, &peer, &u->at_server, &err), MR_OK);
    assert_int_equal(hub_connect(w->agents[0].hub, "mr1", &w->uplinks[0].at_client, &err), MR_OK);
    w->uplinks[0].at_server = u->at_server;
    w->uplinks[0].is_up = true;
    world_pump(w);
    assert_false(w->uplinks[0].is_up);
    struct hub_stats stats;
    hub_get_stats(w->agents[0].hub, &stats);
    assert_string_equal(stats.broker, "");
}

static void two_machines_that_write_one_topic_are_a_conflict_to_see(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "shared/x", NULL);
    app_open_topic(b, 1, "shared/x", NULL);
    app_write(a, 1, 1, MR_KEEP);
    world_pump(w);
    app_write(b, 1, 2, MR_KEEP);
    world_pump(w);
    assert_true(tells(w->brokers[0].notices, "'shared/x' is now also written by 'm2'"));
    app_subscribe(a, 1, "shared/#");
    const char *told = app_told(a);
    assert_true(tells(told, "shared/x=1 by m1/a snapshot\n"));
    assert_true(tells(told, "shared/x=2 by m2/b snapshot\n"));
}

static void clocks_of_peers_are_measured(void **state)
{
    struct world *w = *state;
    struct port_stats port;
    hub_set_clock_state(w->agents[0].hub, CLOCK_SYNCED);
    world_pass(w, 5000);
    assert_true(hub_get_port(w->brokers[0].hub, w->uplinks[0].at_server, &port));
    assert_int_equal(port.clock, CLOCK_SYNCED);
    assert_in_range(port.clock_offset_us + 1000, 0, 2000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup_pair, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_record_crosses_the_broker_with_unit_and_publisher),
        TEST(a_snapshot_comes_from_the_broker_before_its_end_is_told),
        TEST(what_nobody_elsewhere_wants_stays_at_the_broker),
        TEST(an_agent_forgets_what_no_app_follows_any_more),
        TEST(an_agent_that_stops_makes_its_values_stale_elsewhere),
        TEST(a_link_that_breaks_is_a_loss_and_stale_until_it_is_back),
        TEST(records_written_while_the_link_was_down_are_counted_exactly),
        TEST(without_a_broker_the_machine_goes_on_and_says_since_when),
        TEST(who_subscribed_before_the_first_broker_hears_of_a_span_until_the_interest_is_in_force),
        TEST(another_machines_values_are_stale_while_there_is_no_broker),
        TEST(a_broker_that_restarts_empty_learns_all_values_again),
        TEST(a_subscriber_that_moves_sees_nothing_twice),
        TEST(an_agent_with_an_earlier_birth_must_be_born_again),
        TEST(an_agent_restarted_takes_its_topics_up_again),
        TEST(a_newer_session_of_one_identity_takes_the_older_ones_place),
        TEST(a_silent_link_is_dead_after_three_seconds),
        TEST(a_quiet_link_lives_on_its_pings),
        TEST(a_request_crosses_the_broker_and_comes_back),
        TEST(nobody_anywhere_is_said_at_once),
        TEST(a_broker_that_goes_away_ends_open_requests),
        TEST(a_machine_that_connects_again_and_again_is_told_once_a_minute),
        TEST(a_key_under_another_name_is_refused_in_words),
        TEST(two_machines_that_write_one_topic_are_a_conflict_to_see),
        TEST(clocks_of_peers_are_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
