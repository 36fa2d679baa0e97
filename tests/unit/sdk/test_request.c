/* test_request.c - asking and serving: answers, nobody there, own time, sessions that end, replies once. */
#include "tests/unit/sdk/world.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

struct heard_reply {
    unsigned n;
    enum mr_rc rc;
    char text[64];
};

static void on_reply(void *user, enum mr_rc rc, const struct mr_msg *reply)
{
    struct heard_reply *heard = user;
    heard->n++;
    heard->rc = rc;
    if (reply)
        snprintf(heard->text, sizeof heard->text, "%.*s", (int)reply->value.len, (const char *)reply->value.as.ptr);
    else
        assert_int_not_equal(rc, MR_OK);
}

static enum mr_rc ask(struct world *w, const char *topic, int wait_ms, struct heard_reply *heard)
{
    *heard = (struct heard_reply){.n = 0};
    return mr_request(w->bus, topic, "hi", 2, wait_ms, on_reply, heard);
}

static void echo(struct wire_agent *a, const struct wire_record *request)
{
    wire_publishers(a);
    wire_answer(a, request->call_id, MR_OK, "hello");
}

static void nobody(struct wire_agent *a, const struct wire_record *request)
{
    wire_publishers(a);
    wire_answer(a, request->call_id, MR_NO_RESPONDER, "");
}

/* promise: request-answer */
static void an_answer_comes_once(void **unused)
{
    struct world *w = world_new(NULL);
    struct heard_reply heard;
    (void)unused;
    w->agent.on_call = echo;
    assert_int_equal(ask(w, "./svc", 1000, &heard), MR_OK); /* before the agent is there */
    assert_int_equal(heard.n, 0);
    world_settle(w);
    assert_true(heard.n == 1 && heard.rc == MR_OK);
    assert_string_equal(heard.text, "hello");
    assert_string_equal(wire_last(&w->agent)->text, "hi");
    assert_in_range(wire_last(&w->agent)->wait_ms, 1, 1000);
    wire_answer(&w->agent, wire_last(&w->agent)->call_id, MR_OK, "again");
    world_settle(w);
    assert_int_equal(heard.n, 1);
    world_free(w);
}

/* promise: request-answer */
static void nobody_there_is_told_at_once_with_the_reason(void **unused)
{
    struct world *w = world_new(NULL);
    const struct mr_msg *reply;
    (void)unused;
    w->agent.on_call = nobody;
    assert_int_equal(mr_request_wait(w->bus, "svc", NULL, 0, 60000, &reply), MR_NO_RESPONDER);
    assert_string_equal(mr_reason(w->bus), "because");
    assert_true(w->now_ns < 2000000000);
    world_free(w);
}

static void a_waited_answer_belongs_to_the_caller(void **unused)
{
    struct world *w = world_new(NULL);
    const struct mr_msg *reply;
    (void)unused;
    w->agent.on_call = echo;
    assert_int_equal(mr_request_wait(w->bus, "svc", "hi", 2, 1000, &reply), MR_OK);
    assert_memory_equal(reply->value.as.ptr, "hello", 5);
    mr_unref(reply);
    world_free(w);
}

/* promise: request-answer */
static void its_own_time_ends_a_request(void **unused)
{
    struct world *w = world_new(NULL);
    struct heard_reply heard, later;
    (void)unused;
    assert_int_equal(ask(w, "svc", 200, &later), MR_OK);
    assert_int_equal(ask(w, "svc", 100, &heard), MR_OK);
    world_pass(w, 90);
    assert_int_equal(heard.n, 0);
    world_pass(w, 20);
    assert_true(heard.n == 1 && heard.rc == MR_TIMEOUT);
    assert_int_equal(later.n, 0);
    world_pass(w, 100);
    assert_true(later.n == 1 && later.rc == MR_TIMEOUT);
    world_free(w);
}

static void without_an_agent_it_is_isolated_when_its_time_is_over(void **unused)
{
    struct world *w = world_new(NULL);
    struct heard_reply heard;
    const struct mr_msg *reply;
    (void)unused;
    w->is_listening = false;
    assert_int_equal(ask(w, "svc", 100, &heard), MR_OK);
    world_pass(w, 110);
    assert_true(heard.n == 1 && heard.rc == MR_ISOLATED);
    assert_int_equal(mr_request_wait(w->bus, "svc", NULL, 0, 100, &reply), MR_ISOLATED);
    assert_non_null(strstr(mr_reason(w->bus), "no agent answers"));
    world_free(w);
}

static void an_agent_that_goes_with_a_request_leaves_it_unknown(void **unused)
{
    struct world *w = world_new(NULL);
    struct heard_reply heard;
    (void)unused;
    world_settle(w);
    assert_int_equal(ask(w, "svc", 1000, &heard), MR_OK);
    world_settle(w);
    assert_int_equal(w->agent.n_records, 1);
    world_cut(w);
    world_settle(w);
    assert_true(heard.n == 1 && heard.rc == MR_UNKNOWN);
    world_pass(w, 200);
    assert_int_equal(w->agent.n_records, 1); /* never sent twice */
    world_free(w);
}

static void requests_out_of_range_are_refused(void **unused)
{
    struct world *w = world_new(NULL);
    static char large[65537];
    struct heard_reply heard = {0};
    (void)unused;
    assert_int_equal(ask(w, "svc", 0, &heard), MR_INVALID);
    assert_int_equal(ask(w, "svc", 120001, &heard), MR_INVALID);
    assert_int_equal(ask(w, "svc/+", 10, &heard), MR_INVALID);
    assert_int_equal(mr_request(w->bus, "svc", large, 65537, 10, on_reply, &heard), MR_TOO_BIG);
    assert_int_equal(mr_request(w->bus, "svc", NULL, 1, 10, on_reply, &heard), MR_INVALID);
    assert_int_equal(mr_request(w->bus, "svc", NULL, 0, 10, NULL, NULL), MR_INVALID);
    assert_int_equal(mr_request(w->bus, "svc", large, 65536, 120000, on_reply, &heard), MR_OK);
    world_settle(w);
    assert_int_equal(w->agent.n_records, 1);
    world_free(w);
}

static void every_failed_allocation_of_a_request_is_a_result(void **unused)
{
    (void)unused;
    for (unsigned n = 1;; n++) {
        struct world *w = world_new(NULL);
        struct heard_reply heard;
        w->is_listening = false;
        mem_fail_at(n);
        enum mr_rc rc = ask(w, "svc", 1000, &heard);
        bool failed = mem_fail_off();
        assert_int_equal(rc, failed ? MR_NO_MEMORY : MR_OK);
        world_free(w);
        if (!failed)
            return;
    }
}

/* -- serving -- */
static void reply_upper(void *user, const struct mr_msg *request)
{
    enum mr_rc *rc = user;
    *rc = mr_reply(request, "YES", 3);
}

static void a_request_is_answered_in_its_callback(void **unused)
{
    struct world *w = world_new(NULL);
    enum mr_rc rc = MR_CLOSED;
    (void)unused;
    assert_int_equal(mr_serve(w->bus, "./svc/#", NULL, reply_upper, &rc, NULL), MR_OK);
    world_settle(w);
    assert_int_equal(wire_entry(&w->agent, "plant/here/svc/#")->kind, INTEREST_SERVE);
    wire_publishers(&w->agent);
    wire_request(&w->agent, "plant/here/svc/a", "q", 77, 1000);
    world_settle(w);
    assert_int_equal(rc, MR_OK);
    assert_int_equal(wire_last(&w->agent)->call_id, 77);
    assert_int_equal(wire_last(&w->agent)->call_rc, MR_OK);
    assert_string_equal(wire_last(&w->agent)->text, "YES");
    world_free(w);
}

static struct mr_sub *serve(struct world *w)
{
    struct mr_sub *service;
    assert_int_equal(mr_serve(w->bus, "svc", NULL, NULL, NULL, &service), MR_OK);
    world_settle(w);
    wire_publishers(&w->agent);
    return service;
}

static void a_handle_closes_with_requests_nobody_has_read(void **unused)
{
    struct world *w = world_new(NULL);
    (void)unused;
    (void)serve(w);
    wire_request(&w->agent, "svc", "q", 5, 1000);
    world_settle(w);
    world_free(w); /* closes the handle */
}

static void a_kept_request_is_answered_later_and_once(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_sub *service = serve(w);
    const struct mr_msg *msg, *kept;
    (void)unused;
    wire_request(&w->agent, "svc", "q", 5, 1000);
    world_settle(w);
    assert_int_equal(mr_next(service, 0, &msg), MR_OK);
    assert_int_equal(msg->deadline_mono_ns, w->now_ns + 1000000000);
    kept = mr_ref(msg);
    assert_int_equal(mr_reply(kept, "x", 1), MR_OK);
    assert_int_equal(mr_reply(kept, "x", 1), MR_MISUSE);
    mr_unref(kept);
    world_settle(w);
    assert_int_equal(w->agent.n_records, 1);
    world_free(w);
}

static void a_reply_that_nobody_waits_for_says_so(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_sub *service = serve(w);
    const struct mr_msg *late, *gone;
    static char large[65537];
    (void)unused;
    wire_request(&w->agent, "svc", "q", 5, 100);
    wire_request(&w->agent, "svc", "q", 6, 60000);
    world_settle(w);
    assert_int_equal(mr_next(service, 0, &late), MR_OK);
    late = mr_ref(late);
    assert_int_equal(mr_next(service, 0, &gone), MR_OK);
    gone = mr_ref(gone);
    assert_int_equal(mr_reply(late, large, 65537), MR_TOO_BIG);
    world_pass(w, 110);
    assert_int_equal(mr_reply(late, "x", 1), MR_TIMEOUT);
    world_cut(w);
    world_settle(w);
    assert_int_equal(mr_reply(gone, "x", 1), MR_ISOLATED);
    world_pass(w, 200);
    assert_int_equal(mr_reply(gone, "x", 1), MR_ISOLATED);
    assert_int_equal(mr_reply(NULL, "x", 1), MR_INVALID);
    mr_unref(late);
    mr_unref(gone);
    world_free(w);
}

static void what_no_service_takes_is_answered_at_once(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_sub *service = serve(w);
    (void)unused;
    wire_request(&w->agent, "else", "q", 5, 1000);
    world_settle(w);
    assert_int_equal(wire_last(&w->agent)->call_rc, MR_NO_RESPONDER);
    wire_request(&w->agent, "svc", "q", 6, 1000);
    world_settle(w);
    mr_unsubscribe(service); /* with the request still in its ring */
    world_settle(w);
    assert_int_equal(wire_last(&w->agent)->call_id, 6);
    assert_int_equal(wire_last(&w->agent)->call_rc, MR_NO_RESPONDER);
    world_free(w);
}

static void a_plain_message_cannot_be_answered(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_sub *sub;
    const struct mr_msg *msg;
    (void)unused;
    assert_int_equal(mr_subscribe(w->bus, "a", NULL, NULL, NULL, &sub), MR_OK);
    world_settle(w);
    wire_publishers(&w->agent);
    wire_give(&w->agent, &(struct wire_value){.topic = "a", .f64 = 1});
    world_settle(w);
    assert_int_equal(mr_next(sub, 0, &msg), MR_OK);
    assert_int_equal(mr_reply(msg, "x", 1), MR_INVALID);
    world_free(w);
}

static void a_service_has_no_snapshot(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_sub *service;
    const struct mr_sub_opt opt = {.size = sizeof opt, .no_snapshot = true};
    (void)unused;
    assert_int_equal(mr_serve(w->bus, "svc", &opt, NULL, NULL, &service), MR_INVALID);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_once),
        cmocka_unit_test(nobody_there_is_told_at_once_with_the_reason),
        cmocka_unit_test(a_waited_answer_belongs_to_the_caller),
        cmocka_unit_test(its_own_time_ends_a_request),
        cmocka_unit_test(without_an_agent_it_is_isolated_when_its_time_is_over),
        cmocka_unit_test(an_agent_that_goes_with_a_request_leaves_it_unknown),
        cmocka_unit_test(requests_out_of_range_are_refused),
        cmocka_unit_test(every_failed_allocation_of_a_request_is_a_result),
        cmocka_unit_test(a_request_is_answered_in_its_callback),
        cmocka_unit_test(a_handle_closes_with_requests_nobody_has_read),
        cmocka_unit_test(a_kept_request_is_answered_later_and_once),
        cmocka_unit_test(a_reply_that_nobody_waits_for_says_so),
        cmocka_unit_test(what_no_service_takes_is_answered_at_once),
        cmocka_unit_test(a_plain_message_cannot_be_answered),
        cmocka_unit_test(a_service_has_no_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
