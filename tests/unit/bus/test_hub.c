/* test_hub.c - the hub of one agent alone: local publish, subscribe, last values, requests, rights. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/blob.h"
#include "base/mem.h"
#include "world.h"

static struct world world;

static int open_world(void **state)
{
    world_open(&world, 1);
    app_open(&world, &world.apps[0], 0, "a");
    app_open(&world, &world.apps[1], 0, "b");
    app_told(&world.apps[0]);
    *state = &world;
    return 0;
}

/* promise: live-order */
static void what_one_app_writes_the_other_gets_in_order(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    assert_string_equal(app_told(b), "acked 1 partial\nsnapshot end 1\n");
    app_open_topic(a, 1, "./x", NULL);
    for (int i = 1; i <= 3; i++)
        app_write(a, 1, i, 0);
    world_pump(w);
    assert_string_equal(app_told(b),
                        "m1 born\nm1/a born\ndemo/m1/x=1 by m1/a\ndemo/m1/x=2 by m1/a\ndemo/m1/x=3 by m1/a\n");
}

static void an_app_gets_what_it_publishes_itself(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    app_subscribe(a, 1, "demo/#");
    app_open_topic(a, 1, "./x", NULL);
    app_told(a);
    app_write(a, 1, 4, 0);
    world_pump(w);
    assert_string_equal(app_told(a), "m1 born\nm1/a born\ndemo/m1/x=4 by m1/a\n");
}

/* promise: value-gap-free */
static void a_kept_value_comes_first_with_its_unit_then_live(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./oil/temp", "°C");
    app_write(a, 1, 48, MR_KEEP);
    world_pump(w);
    app_subscribe(b, 1, "./oil/+");
    assert_string_equal(app_told(b), "acked 1 partial\nm1 born\nm1/a born\nm1/a has demo/m1/oil/temp in 'Cel'\n"
                                     "demo/m1/oil/temp=48 by m1/a snapshot\nsnapshot end 1\n");
    app_write(a, 1, 49, MR_KEEP);
    world_pump(w);
    assert_string_equal(app_told(b), "demo/m1/oil/temp=49 by m1/a\n");
}

static void a_raw_value_is_not_kept_and_a_cleared_one_is_told_as_cleared(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./raw", NULL);
    app_open_topic(a, 2, "./kept", NULL);
    app_write(a, 1, 1, 0);
    app_write(a, 2, 2, MR_KEEP);
    app_write(a, 2, 0, MR_CLEAR);
    world_pump(w);
    app_subscribe(b, 1, "demo/#");
    assert_non_null(strstr(app_told(b), "demo/m1/kept=none by m1/a snapshot clear\nsnapshot end 1\n"));
}

static void backfill_is_never_a_last_value(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 5, MR_KEEP);
    app_write(a, 1, 4, MR_KEEP | MR_BACKFILL);
    world_pump(w);
    app_subscribe(b, 1, "demo/#");
    assert_non_null(strstr(app_told(b), "demo/m1/x=5 by m1/a snapshot\nsnapshot end 1\n"));
}

/* promise: value-stale */
static void values_of_an_app_that_ended_are_stale(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 5, MR_KEEP);
    world_pump(w);
    app_subscribe(b, 1, "demo/#");
    app_told(b);
    app_close(a, false);
    assert_string_equal(app_told(b), "m1/a dead: its connection broke\ndemo/m1/x=5 by m1/a snapshot stale\n");
    app_open(w, a, 0, "a");
    assert_string_equal(app_told(b), "m1/a born\ndemo/m1/x=5 by m1/a snapshot stale\n"); /* of its earlier life */
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 6, MR_KEEP);
    world_pump(w);
    assert_string_equal(app_told(b), "demo/m1/x=6 by m1/a\n");
}

/* promise: presence */
static void two_sessions_of_one_app_name_live_until_the_last_ends(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1], *twin = &w->apps[2];
    app_open(w, twin, 0, "a");
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 5, MR_KEEP);
    world_pump(w);
    app_subscribe(b, 1, "demo/#");
    app_told(b);
    app_close(a, true);
    assert_string_equal(app_told(b), "");
    app_close(twin, true);
    assert_string_equal(app_told(b), "m1/a dead: closed\ndemo/m1/x=5 by m1/a snapshot stale\n");
}

static void system_roots_are_refused_in_words(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    app_open_topic(a, 1, "$sys/x", NULL);
    assert_int_equal(a->open_rc[1], MR_DENIED);
    assert_non_null(strstr(app_told(a), "not opened 1: denied: '$sys/x' is under a '$' root"));
    app_write(a, 1, 1, 0); /* and one that writes all the same is told once, and goes on living */
    app_write(a, 1, 2, 0);
    world_pump(w);
    assert_non_null(strstr(app_told(a), "error: denied: '$sys/x'"));
    assert_true(session_is_up(a->session));
    struct hub_stats stats;
    hub_get_stats(w->agents[0].hub, &stats);
    assert_int_equal(stats.refused, 2);
    app_subscribe(a, 1, "$inbox/#");
    assert_non_null(strstr(app_told(a), "refused 1: denied"));
}

/* What an app's MR_ACCEPTED stands on: an OPEN behind records is answered when they have been dealt with. */
static void the_answer_to_open_follows_what_came_before_it(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    const struct session_open mark = {.cookie = 0, .topic = "$sync"};
    struct blob *frames[8], *frame;
    unsigned n = 0;
    app_open_topic(a, 1, "$sys/x", NULL);
    app_open_topic(a, 2, "demo/m1/x", NULL);
    app_told(a);
    app_write(a, 1, 1, 0);
    app_write(a, 2, 2, MR_KEEP);
    session_flush(a->session);
    while (n < 8 && (frame = session_take(a->session, w->now_ns)))
        frames[n++] = frame;
    assert_int_equal(session_queued_bytes(a->session), 0);
    assert_int_equal(session_open_topic(a->session, &mark), MR_OK);
    session_flush(a->session);
    while (n < 8 && (frame = session_take(a->session, w->now_ns)))
        frames[n++] = frame;
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(hub_input(w->agents[0].hub, a->port, frames[i]->data, frames[i]->len), MR_OK);
        blob_unref(frames[i]);
    }
    struct hub_stats stats;
    hub_get_stats(w->agents[0].hub, &stats);
    assert_int_equal(stats.slots, 1);
    world_pump(w);
    const char *told = app_told(a);
    const char *refusal = strstr(told, "error: denied: '$sys/x'"), *answer = strstr(told, "opened 0");
    assert_non_null(refusal);
    assert_non_null(answer);
    assert_true(refusal < answer);
}

static void what_is_no_topic_gets_no_id(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    app_open_topic(a, 1, "a//b", NULL);
    assert_int_equal(a->opened[1], 0);
    assert_string_equal(app_told(a), "not opened 1: 'a//b' has an empty level\n");
    (void)w;
}

static void an_id_that_was_never_opened_ends_the_session(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    a->opened[3] = 77;
    app_write(a, 3, 1, 0);
    world_pump(w);
    assert_non_null(strstr(app_told(a), "over: protocol broken: a record of a topic id that was not announced: 77"));
}

static void an_app_cannot_pass_for_another_app(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    const struct session_publisher device = {.id = 1, .identity = "", .part = "press"};
    const struct session_publisher other = {.id = 2, .identity = "", .part = "b"};
    assert_int_equal(session_name_publisher(a->session, &device), MR_OK);
    world_pump(w);
    assert_string_equal(app_told(a), "");
    assert_int_equal(session_name_publisher(a->session, &other), MR_OK);
    world_pump(w);
    assert_string_equal(app_told(a), "over: denied: 'b' is another app on this machine, not a device of 'a'\n");
}

static void an_app_opens_topics_and_does_not_announce_them(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    assert_int_equal(session_name_topic(a->session, 1, "demo/m1/x"), MR_OK);
    world_pump(w);
    assert_string_equal(app_told(a), "over: protocol broken: an app opens topics, it does not announce them\n");
}

/* promise: request-answer */
static void a_request_reaches_one_responder_and_its_answer_the_requester(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_serve(b, 1, "./echo");
    app_open_topic(a, 1, "./echo", NULL);
    app_told(a);
    app_told(b);
    app_request(a, 1, 9, "hello");
    assert_string_equal(app_told(b), "m1 born\nm1/a born\nrequest for demo/m1/echo 'hello'\n");
    assert_int_equal(b->request_reply, a->inbox);
    app_answer(b, "olleh");
    assert_string_equal(app_told(a), "m1 born\nm1/b born\nanswer 9 rc 0 'olleh'\n");
    app_answer(b, "again");
    assert_string_equal(app_told(a), "");
}

/* promise: request-answer */
static void nobody_there_is_said_at_once(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    app_open_topic(a, 1, "./echo", NULL);
    app_request(a, 1, 9, "hello");
    char expected[64];
    snprintf(expected, sizeof expected, "m1 born\nanswer 9 rc %d none\n", MR_NO_RESPONDER);
    assert_string_equal(app_told(a), expected);
    (void)w;
}

/* promise: request-answer */
static void a_responder_that_ends_answers_no_responder_at_once(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_serve(b, 1, "./echo");
    app_open_topic(a, 1, "./echo", NULL);
    app_request(a, 1, 9, "hello");
    app_told(a);
    app_close(b, false);
    char expected[64];
    snprintf(expected, sizeof expected, "answer 9 rc %d none\n", MR_NO_RESPONDER);
    assert_non_null(strstr(app_told(a), expected));
    (void)w;
}

/* promise: live-slow, live-loss, bounded-memory */
static void a_slow_app_loses_old_records_is_told_how_many_and_gets_the_newest(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    app_open_topic(a, 1, "./x", NULL);
    app_write(a, 1, 0, MR_KEEP);
    world_pump(w);
    app_told(b);
    b->is_deaf = true;
    enum { MANY = 60000 };
    for (int i = 1; i <= MANY; i++) {
        app_write(a, 1, i, MR_KEEP);
        if (i % 500 == 0)
            world_pump(w);
        if (i == MANY / 6)
            world_pass(w, 300); /* longer than it may slow those who write */
    }
    world_pump(w);
    b->is_deaf = false;
    world_pump(w);
    unsigned got = 0, lost = 0, last = 0;
    for (char *line = strtok((char *)(uintptr_t)app_told(b), "\n"); line; line = strtok(NULL, "\n")) {
        unsigned first, end, count, value;
        if (sscanf(line, "loss m1/a %u..%u = %u", &first, &end, &count) == 3)
            lost += count;
        else if (sscanf(line, "demo/m1/x=%u", &value) == 1 && !strstr(line, "snapshot")) {
            got++;
            assert_true(value > last || got == 1);
            last = value;
        }
    }
    assert_true(lost > 0);
    assert_int_equal(lost + got, MANY);
    assert_int_equal(last, MANY);
}

/* promise: autonomy */
static void the_process_itself_publishes_and_serves(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    const struct session_tag def = {.type = MR_F64, .unit = "%", .description = "cpu", .low = 0, .high = 100};
    const struct mr_value v = mr_f64(12.5);
    uint32_t topic;
    struct err err = {{0}};
    assert_int_equal(hub_tag_open(w->agents[0].hub, &def, "./cpu/busy", &topic, &err), MR_OK);
    assert_int_equal(hub_tag_write(w->agents[0].hub, topic, &v, 0, MR_KEEP, MR_NO_TIME), MR_OK);
    app_subscribe(b, 1, "#");
    assert_non_null(strstr(app_told(b), "demo/m1/cpu/busy=12.5 by m1 snapshot\nsnapshot end 1\n"));
}

static void units_are_told_in_one_spelling_or_as_they_are(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    app_open_topic(a, 1, "./none", "");
    app_open_topic(a, 2, "./odd", "widgets per moon");
    for (uint32_t cookie = 1; cookie <= 2; cookie++)
        app_write(a, cookie, 1, 0);
    world_pump(w);
    const char *told = app_told(b);
    assert_non_null(strstr(told, "m1/a has demo/m1/none in ''\n"));
    assert_non_null(strstr(told, "m1/a has demo/m1/odd in 'widgets per moon'\n"));
    const char *warning =
        strstr(w->agents[0].notices, "'widgets per moon' of 'demo/m1/odd' is no unit this version knows");
    assert_non_null(warning);
    app_open_topic(a, 3, "./odd", "widgets per moon"); /* again: it was told */
    world_pump(w);
    assert_null(strstr(strchr(warning, '\n'), "widgets per moon"));
}

static void what_the_process_cannot_publish_it_is_told(void **state)
{
    struct world *w = *state;
    const struct session_tag def = {.type = MR_F64, .unit = "", .description = ""};
    static char text[VALUE_MAX_BYTES + 1];
    const struct mr_value large = {.type = MR_BYTES, .len = sizeof text, .as.ptr = text};
    uint32_t topic;
    struct err err = {{0}};
    assert_int_equal(hub_tag_open(w->agents[0].hub, &def, "./a//b", &topic, &err), MR_INVALID);
    assert_non_null(strstr(err.text, "tag './a//b': "));
    assert_int_equal(hub_tag_open(w->agents[0].hub, &def, "./a", &topic, &err), MR_OK);
    assert_int_equal(hub_tag_write(w->agents[0].hub, topic, &large, 0, 0, MR_NO_TIME), MR_TOO_BIG);
}

static void an_app_without_a_proper_name_is_refused_in_words(void **state)
{
    struct world *w = *state;
    app_open(w, &w->apps[2], 0, "a/b");
    assert_string_equal(app_told(&w->apps[2]),
                        "over: an app's name is 1 to 128 bytes without '/', '+', '#' and a leading '$'\n");
}

/* The loop sleeps until there is something to do, and not at all while a walk over last values goes on. */
static void the_deadline_is_the_next_thing_to_do(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    struct hub *h = w->agents[0].hub;
    world_pass(w, 10);
    assert_true(hub_deadline(h) > w->now_ns);
    assert_true(hub_deadline(h) <= w->now_ns + INT64_C(1000000000)); /* a ping, or the sweep */
    const struct session_interest all = {.id = 1, .filter = "#", .kind = INTEREST_SUBSCRIBE, .group = ""};
    assert_int_equal(session_interest_add(b->session, &all), MR_OK);
    session_flush(b->session);
    for (struct blob *f; (f = session_take(b->session, w->now_ns)); blob_unref(f))
        assert_int_equal(hub_input(h, b->port, f->data, f->len), MR_OK);
    assert_true(hub_deadline(h) <= w->now_ns);
    hub_tick(h);
    hub_turn_end(h);
    assert_true(hub_deadline(h) > w->now_ns);
}

/* promise: bounded-memory */
static void more_filters_than_the_limit_are_refused_in_words(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1];
    for (uint32_t i = 1; i <= 8; i++)
        app_subscribe(b, i, "a/b");
    app_told(b);
    app_subscribe(b, 9, "a/b");
    assert_non_null(strstr(app_told(b), "refused 9: 'b' has 8 filters already, which is the limit"));
    (void)w;
}

static void a_source_time_ahead_of_our_clock_is_flagged(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_subscribe(b, 1, "demo/#");
    app_open_topic(a, 1, "./x", NULL);
    w->utc_us += 6000000;
    app_write(a, 1, 1, 0);
    session_flush(a->session);
    w->utc_us -= 6000000;
    world_pump(w);
    assert_non_null(strstr(app_told(b), "demo/m1/x=1 by m1/a future\n"));
}

static void a_hub_that_cannot_be_made_leaves_nothing_behind(void **state)
{
    struct world *w = *state;
    static const struct hub_events none = {0};
    size_t before = mem_outstanding();
    const struct hub_conf conf = {.kind = HUB_AGENT,
                                  .name = "x",
                                  .identity = "x",
                                  .path = "",
                                  .birth = 1,
                                  .max_ports = 1,
                                  .max_filters = 1,
                                  .max_filters_per_port = 1,
                                  .max_topics = 1,
                                  .max_slots = 1,
                                  .max_queued_bytes = 65536,
                                  .clock = &w->clock,
                                  .rand = &w->rand.source,
                                  .rights = w->rights,
                                  .events = &none};
    for (unsigned at = 1, failed = 1; failed; at++) {
        struct hub *h = NULL;
        struct err err = {{0}};
        mem_fail_at(at);
        enum mr_rc rc = hub_new(&h, &conf, &err);
        failed = mem_fail_off();
        assert_int_equal(rc, failed ? MR_NO_MEMORY : MR_OK);
        hub_free(h);
        assert_int_equal(mem_outstanding(), before);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_one_app_writes_the_other_gets_in_order),
        TEST(an_app_gets_what_it_publishes_itself),
        TEST(a_kept_value_comes_first_with_its_unit_then_live),
        TEST(a_raw_value_is_not_kept_and_a_cleared_one_is_told_as_cleared),
        TEST(backfill_is_never_a_last_value),
        TEST(values_of_an_app_that_ended_are_stale),
        TEST(two_sessions_of_one_app_name_live_until_the_last_ends),
        TEST(system_roots_are_refused_in_words),
        TEST(the_answer_to_open_follows_what_came_before_it),
        TEST(what_is_no_topic_gets_no_id),
        TEST(an_id_that_was_never_opened_ends_the_session),
        TEST(an_app_cannot_pass_for_another_app),
        TEST(an_app_opens_topics_and_does_not_announce_them),
        TEST(a_request_reaches_one_responder_and_its_answer_the_requester),
        TEST(nobody_there_is_said_at_once),
        TEST(a_responder_that_ends_answers_no_responder_at_once),
        TEST(a_slow_app_loses_old_records_is_told_how_many_and_gets_the_newest),
        TEST(the_process_itself_publishes_and_serves),
        TEST(units_are_told_in_one_spelling_or_as_they_are),
        TEST(what_the_process_cannot_publish_it_is_told),
        TEST(an_app_without_a_proper_name_is_refused_in_words),
        TEST(the_deadline_is_the_next_thing_to_do),
        TEST(more_filters_than_the_limit_are_refused_in_words),
        TEST(a_source_time_ahead_of_our_clock_is_flagged),
        TEST(a_hub_that_cannot_be_made_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
