/* test_hub_interest.c - entries of interest: refused, merged, acknowledged twice, and the walks that answer them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "world.h"

static struct world world;

static int open_world(void **state)
{
    world_open(&world, 1);
    app_open(&world, &world.apps[0], 0, "a");
    app_open(&world, &world.apps[1], 0, "b");
    *state = &world;
    return 0;
}

static void remove_interest(struct app *app, uint32_t id)
{
    enum mr_rc rc = session_interest_remove(app->session, id);
    assert_true(rc == MR_OK || rc == MR_NOT_FOUND);
    world_pump(app->world);
}

static void what_the_broker_refuses_every_app_that_wants_it_is_told_and_the_uplink_lives(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    w->max_filters = 1;
    world_restart_broker(w);
    world_connect(w, 0);
    app_subscribe(a, 1, "one/#");
    app_told(a);
    app_told(b);
    app_subscribe(a, 2, "two/#");
    app_subscribe(b, 1, "two/#");
    const char *reason = "'two/#': there are as many filters of all peers as there may be";
    char expected[128];
    snprintf(expected, sizeof expected, "refused 2: %s\nacked 2\n", reason);
    assert_string_equal(app_told(a), expected);
    snprintf(expected, sizeof expected, "refused 1: %s\nacked 1\n", reason);
    assert_string_equal(app_told(b), expected);
    remove_interest(a, 2);
    app_close(b, true);
    remove_interest(a, 1);
    assert_true(w->uplinks[0].is_up);
    app_told(a);
    app_subscribe(a, 3, "two/#");
    assert_string_equal(app_told(a), "acked 4\nsnapshot end 3\n");
}

static void a_filter_refused_only_after_it_was_acknowledged_in_isolation_is_taken_back(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    w->max_filters = 1;
    world_restart_broker(w);
    app_subscribe(a, 1, "demo/#");
    app_subscribe(a, 2, "two/#");
    app_told(a);
    world_connect(w, 0);
    const char *told = app_told(a);
    assert_non_null(strstr(told, "refused "));
    app_open_topic(b, 1, strstr(told, "refused 1") ? "demo/x" : "two/x", NULL);
    app_write(b, 1, 1, 0);
    world_pump(w);
    assert_null(strstr(app_told(a), "/x=1"));
    assert_true(w->uplinks[0].is_up);
}

static void a_partial_acknowledgement_is_taken_back_when_a_broker_comes(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(a, 1, "demo/#");
    assert_string_equal(app_told(a), "acked 1 partial\nsnapshot end 1\n");
    app_subscribe(b, 1, "demo/#");
    remove_interest(b, 1); /* one that wants nothing waits for nothing */
    app_told(b);
    world_connect(w, 0);
    assert_non_null(strstr(app_told(a), "acked 1\n"));
    assert_non_null(strstr(app_told(b), "acked 2\n"));
    world_cut(w, 0);
    world_connect(w, 0);
    assert_null(strstr(app_told(a), "acked"));
}

static void an_entry_said_again_replaces_the_older_one(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./x", NULL);
    app_open_topic(a, 2, "./y", NULL);
    app_subscribe(b, 1, "./x");
    app_subscribe(b, 1, "./y");
    app_told(b);
    app_write(a, 1, 1, 0);
    app_write(a, 2, 2, 0);
    world_pump(w);
    assert_non_null(strstr(app_told(b), "m1/a born\ndemo/m1/y=2 by m1/a\n"));
}

static void before_the_path_is_known_a_relative_filter_is_refused_as_isolated(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    session_free(a->session);
    a->session = NULL;
    hub_close(w->agents[0].hub, a->port);
    app_open_without_path(w, a, 0, "a");
    app_subscribe(a, 1, "./x");
    app_open_topic(a, 1, "./x", NULL);
    assert_int_equal(a->open_rc[1], MR_ISOLATED);
    const char *told = app_told(a);
    assert_non_null(strstr(told, "refused 1: './x' cannot be expanded: the path of 'm1' is not known"));
    assert_non_null(strstr(told, "not opened 1: './x' cannot be expanded"));
}

/* A table larger than a queue: the snapshot goes on whenever there is room, and each value comes once. */
/* promise: value-gap-free */
static void a_snapshot_larger_than_the_queue_comes_whole(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    enum { TAGS = 150, BYTES = 4000 };
    uint8_t body[BYTES + 16];
    char text[BYTES], topic[16];
    memset(text, 'x', sizeof text);
    const struct mr_value v = {.type = MR_STRING, .len = sizeof text, .as.ptr = text};
    const struct batch_head head = {.base_us = w->utc_us, .broker_us = MR_NO_TIME};
    struct record record = {.flags = MR_KEEP, .source_us = MR_NO_TIME, .body = body};
    record.body_len = (uint32_t)body_write(body, 0, &v);
    for (uint32_t i = 1; i <= TAGS; i++) {
        snprintf(topic, sizeof topic, "./t%u", i);
        app_open_topic(a, 1, topic, NULL);
        record.topic = a->opened[1];
        record.seq = i;
        assert_int_equal(session_put(a->session, LANE_LIVE, &head, &record), MR_OK);
        world_pump(w);
    }
    b->is_deaf = true;
    app_subscribe(b, 1, "demo/+/+");
    app_subscribe(b, 2, "demo/m1/t7");
    world_pass(w, 100);
    b->is_deaf = false;
    world_pass(w, 1000);
    unsigned n = 0;
    const char *told = app_told(b), *end = strstr(told, "snapshot end 1");
    assert_non_null(end);
    for (const char *at = told; at < end && (at = strstr(at, " snapshot\n")); at++)
        n++;
    assert_int_equal(n, TAGS + 1);
    assert_null(strstr(told, "loss"));
}

/* -- rights that deny a part of a filter -- */
static const struct rights_rule rules[] = {
    {true, RIGHT_PUBLISH, "#"}, {true, RIGHT_SUBSCRIBE, "#"},           {true, RIGHT_REQUEST, "#"},
    {true, RIGHT_SERVE, "#"},   {false, RIGHT_SUBSCRIBE, "+/+/secret"}, {false, RIGHT_SERVE, "+/+/secret"},
};

static void what_a_rule_denies_comes_through_no_wider_filter(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    world_close(w);
    world_open_with(w, 1, rules, sizeof rules / sizeof *rules);
    app_open(w, a, 0, "a");
    app_open(w, b, 0, "b");
    app_open_topic(a, 1, "./secret", NULL);
    app_open_topic(a, 2, "./open", NULL);
    app_write(a, 1, 1, MR_KEEP);
    app_write(a, 2, 2, MR_KEEP);
    world_pump(w);
    app_subscribe(b, 1, "./secret");
    assert_non_null(strstr(app_told(b), "refused 1: denied: rule 'deny subscribe +/+/secret'"));
    app_subscribe(b, 2, "demo/#");
    app_write(a, 1, 3, MR_KEEP);
    app_write(a, 2, 4, MR_KEEP);
    world_pump(w);
    app_close(a, false);
    const char *told = app_told(b);
    assert_null(strstr(told, "secret"));
    assert_non_null(strstr(told, "demo/m1/open=2 by m1/a snapshot\n"));
    assert_non_null(strstr(told, "demo/m1/open=4 by m1/a\n"));
    assert_non_null(strstr(told, "demo/m1/open=4 by m1/a snapshot stale\n"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_broker_refuses_every_app_that_wants_it_is_told_and_the_uplink_lives),
        TEST(a_filter_refused_only_after_it_was_acknowledged_in_isolation_is_taken_back),
        TEST(a_partial_acknowledgement_is_taken_back_when_a_broker_comes),
        TEST(an_entry_said_again_replaces_the_older_one),
        TEST(before_the_path_is_known_a_relative_filter_is_refused_as_isolated),
        TEST(a_snapshot_larger_than_the_queue_comes_whole),
        TEST(what_a_rule_denies_comes_through_no_wider_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
