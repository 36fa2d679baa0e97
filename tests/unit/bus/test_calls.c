/* test_calls.c - open calls: answered once, by whom they were handed to, and all at once when that one ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bus/calls.h"

enum { MAX_CALLS = 8, MAX_PER_PORT = 4 };

static int open_calls(void **state)
{
    struct calls *c;
    assert_int_equal(calls_new(&c, MAX_CALLS, MAX_PER_PORT, 1), MR_OK);
    *state = c;
    return 0;
}

static int close_calls(void **state)
{
    calls_free(*state);
    return 0;
}

static enum mr_rc add(struct calls *c, uint64_t id, uint32_t from, uint32_t to)
{
    const struct call call = {
        .id = id, .reply_topic = 100 + from, .topic = 5, .from = from, .to = to, .until_ns = 1000};
    return calls_add(c, &call);
}

static void an_answer_finds_its_call_once(void **state)
{
    struct call call;
    assert_int_equal(add(*state, 1, 10, 20), MR_OK);
    assert_int_equal(calls_take(*state, 20, 1, 110, &call), MR_OK);
    assert_int_equal(call.from, 10);
    assert_int_equal(call.topic, 5);
    assert_int_equal(calls_take(*state, 20, 1, 110, &call), MR_NOT_FOUND);
    assert_int_equal(calls_count(*state), 0);
}

static void only_the_responder_itself_can_answer(void **state)
{
    struct call call;
    assert_int_equal(add(*state, 1, 10, 20), MR_OK);
    assert_int_equal(calls_take(*state, 21, 1, 110, &call), MR_NOT_FOUND);
    assert_int_equal(calls_take(*state, 20, 1, 111, &call), MR_NOT_FOUND);
    assert_int_equal(calls_take(*state, 20, 1, 110, &call), MR_OK);
}

static void two_requesters_may_choose_the_same_number_but_one_may_not_twice(void **state)
{
    assert_int_equal(add(*state, 1, 10, 20), MR_OK);
    assert_int_equal(add(*state, 1, 11, 20), MR_OK);
    assert_int_equal(add(*state, 1, 10, 21), MR_INVALID);
    assert_int_equal(calls_count(*state), 2);
}

static void the_end_of_a_responder_gives_back_all_its_calls_oldest_first(void **state)
{
    struct call call;
    for (uint64_t id = 1; id <= 3; id++)
        assert_int_equal(add(*state, id, 10, 20), MR_OK);
    assert_int_equal(add(*state, 9, 10, 21), MR_OK);
    for (uint64_t id = 1; id <= 3; id++) {
        assert_int_equal(calls_take_any_to(*state, 20, &call), MR_OK);
        assert_int_equal(call.id, id);
    }
    assert_int_equal(calls_take_any_to(*state, 20, &call), MR_NOT_FOUND);
    assert_int_equal(calls_count(*state), 1);
}

static void a_requester_that_left_is_forgotten(void **state)
{
    struct call call;
    assert_int_equal(add(*state, 1, 10, 20), MR_OK);
    assert_int_equal(add(*state, 2, 11, 20), MR_OK);
    calls_drop_from(*state, 10);
    assert_int_equal(calls_take_any_to(*state, 20, &call), MR_OK);
    assert_int_equal(call.id, 2);
    assert_int_equal(calls_count(*state), 0);
}

static void a_call_expires_when_nobody_waits_any_more(void **state)
{
    struct call call;
    assert_int_equal(add(*state, 1, 10, 20), MR_OK);
    calls_expire(*state, 999);
    assert_int_equal(calls_count(*state), 1);
    calls_expire(*state, 1000);
    assert_int_equal(calls_take(*state, 20, 1, 110, &call), MR_NOT_FOUND);
}

static void limits_hold_for_one_responder_and_for_all(void **state)
{
    for (uint64_t id = 1; id <= MAX_PER_PORT; id++)
        assert_int_equal(add(*state, id, 10, 20), MR_OK);
    assert_int_equal(add(*state, 50, 10, 20), MR_WOULD_BLOCK);
    assert_int_equal(add(*state, 50, 11, 20), MR_WOULD_BLOCK); /* the responder has as many as it may */
    assert_int_equal(add(*state, 50, 10, 21), MR_WOULD_BLOCK); /* and so has the requester */
    for (uint64_t id = 1; id <= MAX_CALLS - MAX_PER_PORT; id++)
        assert_int_equal(add(*state, 100 + id, 11, 21), MR_OK);
    assert_int_equal(add(*state, 51, 12, 22), MR_WOULD_BLOCK);
    calls_drop_from(*state, 10);
    assert_int_equal(add(*state, 51, 12, 22), MR_OK);
}

static void a_port_may_ask_itself(void **state)
{
    struct call call;
    assert_int_equal(add(*state, 1, 10, 10), MR_OK);
    assert_int_equal(calls_take_any_to(*state, 10, &call), MR_OK);
    assert_int_equal(add(*state, 2, 10, 10), MR_OK);
    calls_drop_from(*state, 10);
    assert_int_equal(calls_count(*state), 0);
}

static void no_calls_at_all_is_a_limit_too(void **state)
{
    (void)state;
    struct calls *c;
    assert_int_equal(calls_new(&c, 0, 0, 1), MR_OK);
    assert_int_equal(add(c, 1, 10, 20), MR_WOULD_BLOCK);
    calls_free(c);
}

static void failed_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    for (unsigned at = 1, failed = 1; failed; at++) {
        struct calls *c = NULL;
        struct call call;
        mem_fail_at(at);
        enum mr_rc rc = calls_new(&c, MAX_CALLS, MAX_PER_PORT, 1);
        if (!rc)
            rc = add(c, 1, 10, 20);
        failed = mem_fail_off();
        assert_int_equal(rc, failed ? MR_NO_MEMORY : MR_OK);
        if (c && failed)
            assert_int_equal(calls_take_any_to(c, 20, &call), MR_NOT_FOUND);
        calls_free(c);
        assert_int_equal(mem_outstanding(), before);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_calls, close_calls)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_finds_its_call_once),
        TEST(only_the_responder_itself_can_answer),
        TEST(two_requesters_may_choose_the_same_number_but_one_may_not_twice),
        TEST(the_end_of_a_responder_gives_back_all_its_calls_oldest_first),
        TEST(a_requester_that_left_is_forgotten),
        TEST(a_call_expires_when_nobody_waits_any_more),
        TEST(limits_hold_for_one_responder_and_for_all),
        TEST(a_port_may_ask_itself),
        cmocka_unit_test(no_calls_at_all_is_a_limit_too),
        cmocka_unit_test(failed_allocations_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
