/* test_hub_call.c - requests at their limits: whose inbox, whose answer, how many, how long, and the answers of the process itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "world.h"

static struct world world;

static int open_world(void **state)
{
    world_open(&world, 2);
    app_open(&world, &world.apps[0], 0, "a");
    app_open(&world, &world.apps[1], 1, "b");
    world_connect(&world, 0);
    world_connect(&world, 1);
    *state = &world;
    return 0;
}

static void an_app_that_came_again_gets_no_answer_to_what_its_predecessor_asked(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_serve(b, 1, "./echo");
    app_open_topic(a, 1, "demo/m2/echo", NULL);
    app_request(a, 1, 1, "of the first life");
    uint64_t first_id = b->request_id;
    app_close(a, false);
    app_open(w, a, 0, "a");
    app_open_topic(a, 1, "demo/m2/echo", NULL);
    app_request(a, 1, 1, "of the second life");
    uint64_t second_id = b->request_id;
    app_told(a);
    b->request_id = first_id;
    app_answer(b, "late");
    assert_string_equal(app_told(a), "");
    b->request_id = second_id;
    app_answer(b, "in time");
    assert_non_null(strstr(app_told(a), "answer 1 rc 0 'in time'\n"));
}

static void ask_by_hand(struct app *peer, const char *inbox, uint32_t wait_ms)
{
    const struct session_publisher self = {.id = 1, .identity = "bad", .part = ""};
    const struct batch_head head = {.birth = 10, .link = 1, .publisher = 1, .broker_us = MR_NO_TIME};
    const struct record record = {
        .topic = 1, .source_us = MR_NO_TIME, .call = {.id = 7, .reply_topic = 2, .wait_ms = wait_ms}};
    assert_int_equal(session_name_publisher(peer->session, &self), MR_OK);
    assert_int_equal(session_name_topic(peer->session, 1, "demo/m2/echo"), MR_OK);
    assert_int_equal(session_name_topic(peer->session, 2, inbox), MR_OK);
    assert_int_equal(session_put(peer->session, LANE_COMMAND, &head, &record), MR_OK);
    world_pump(peer->world);
}

static void an_agent_that_names_another_machines_inbox_loses_its_session(void **state)
{
    struct world *w = *state;
    struct app *bad = &w->apps[2];
    peer_open(w, bad, "bad", 10, 1);
    ask_by_hand(bad, "$inbox/badly/1", 1000);
    assert_non_null(
        strstr(app_told(bad), "over: protocol broken: a request that wants its answer in an inbox that is"));
}

/* promise: request-answer */
static void nobody_waits_longer_than_the_limit(void **state)
{
    struct world *w = *state;
    struct app *b = &w->apps[1], *bad = &w->apps[2];
    app_serve(b, 1, "./echo");
    peer_open(w, bad, "bad", 10, 1);
    ask_by_hand(bad, "$inbox/bad/1", UINT32_MAX);
    assert_non_null(strstr(app_told(b), "request for demo/m2/echo"));
    world_pass(w, REQUEST_WAIT_MAX_MS + 2000);
    app_told(bad);
    app_answer(b, "far too late");
    assert_null(strstr(app_told(bad), "far too late"));
}

/* promise: bounded-memory */
static void open_requests_are_limited_and_refused_in_words(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_serve(b, 1, "./echo");
    app_open_topic(a, 1, "demo/m2/echo", NULL);
    char expected[64];
    for (uint64_t id = 1; id <= REQUESTS_OPEN_PER_PEER; id++)
        app_request(a, 1, id, "");
    app_told(a);
    app_request(a, 1, 5000, "");
    snprintf(expected, sizeof expected, "answer 5000 rc %d none\n", MR_WOULD_BLOCK);
    assert_non_null(strstr(app_told(a), expected));
    app_answer(b, "");
    app_request(a, 1, 5001, "");
    assert_null(strstr(app_told(a), "answer 5001"));
}

/* -- the process itself -- */
static enum mr_rc answer_who(void *user, const char *topic, const void *data, size_t len, struct buf *answer)
{
    (void)user;
    if (len == 4 && memcmp(data, "fail", 4) == 0)
        return MR_NOT_FOUND;
    enum mr_rc rc = buf_append(answer, topic, strlen(topic));
    return rc ? rc : buf_append(answer, data, len);
}

static void the_broker_itself_answers(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    assert_int_equal(hub_serve(w->brokers[0].hub, "$sys/who", answer_who, NULL), MR_OK);
    assert_int_equal(hub_serve(w->brokers[0].hub, "a//b", answer_who, NULL), MR_INVALID);
    app_open_topic(a, 1, "$sys/who", NULL);
    app_told(a);
    app_request(a, 1, 9, "?");
    assert_non_null(strstr(app_told(a), "answer 9 rc 0 '$sys/who?'\n"));
    app_request(a, 1, 10, "fail");
    char expected[64];
    snprintf(expected, sizeof expected, "answer 10 rc %d none\n", MR_NOT_FOUND);
    assert_string_equal(app_told(a), expected);
}

static void a_right_to_ask_is_needed_and_its_lack_said(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    char expected[64];
    app_open_topic(a, 1, "$births/x", NULL);
    app_told(a);
    app_request(a, 1, 9, "?");
    snprintf(expected, sizeof expected, "answer 9 rc %d none\n", MR_DENIED);
    assert_non_null(strstr(app_told(a), expected));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_app_that_came_again_gets_no_answer_to_what_its_predecessor_asked),
        TEST(an_agent_that_names_another_machines_inbox_loses_its_session),
        TEST(nobody_waits_longer_than_the_limit),
        TEST(open_requests_are_limited_and_refused_in_words),
        TEST(the_broker_itself_answers),
        TEST(a_right_to_ask_is_needed_and_its_lack_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
