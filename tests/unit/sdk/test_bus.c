/* test_bus.c - opening, finding the agent, losing it, one descriptor for life, dispatch, misuse. */
#include "tests/unit/sdk/world.h"

#include <string.h>

#include "base/mem.h"

static struct mr_state state_of(struct world *w)
{
    struct mr_state state = {.size = sizeof state};
    mr_get_state(w->bus, &state);
    return state;
}

static void a_handle_opens_with_nobody_there_and_finds_the_agent_later(void **unused)
{
    struct world *w = world_new(NULL);
    (void)unused;
    w->is_listening = false;
    assert_false(state_of(w).agent_up);
    assert_null(state_of(w).path);
    world_pass(w, 3000);
    assert_false(state_of(w).agent_up);
    assert_in_range(w->connects, 4, 12); /* 50 ms doubling to 2 s, jittered */
    w->is_listening = true;
    world_pass(w, 2100);
    assert_true(state_of(w).agent_up);
    assert_true(state_of(w).cluster_up);
    assert_string_equal(state_of(w).path, "plant/here");
    assert_int_equal(state_of(w).isolated_since_us, 0);
    world_free(w);
}

static void the_agent_hears_the_apps_name(void **unused)
{
    const struct mr_options opt = {.size = sizeof opt, .app = "press-hmi"};
    struct world *w = world_new(&opt);
    (void)unused;
    world_settle(w);
    assert_string_equal(w->agent.app, "press-hmi");
    world_free(w);
}

static void it_comes_again_after_each_loss(void **unused)
{
    struct world *w = world_new(NULL);
    (void)unused;
    int fd = mr_fd(w->bus);
    world_settle(w);
    for (unsigned i = 1; i <= 100; i++) {
        assert_true(state_of(w).agent_up);
        assert_int_equal(w->agent.hellos, i);
        world_cut(w);
        world_settle(w);
        assert_false(state_of(w).agent_up);
        assert_true(state_of(w).isolated_since_us > 0);
        world_pass(w, 60);
    }
    assert_int_equal(mr_fd(w->bus), fd);
    world_free(w);
}

static void an_agent_that_will_not_have_it_finishes_the_handle(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_sub *sub;
    (void)unused;
    w->agent.hello_rc = MR_DENIED;
    world_settle(w);
    assert_int_equal(mr_dispatch(w->bus, 0), MR_CLOSED);
    assert_non_null(strstr(mr_reason(w->bus), "not you"));
    assert_int_equal(mr_run(w->bus, 0), MR_CLOSED);
    assert_int_equal(mr_publish(w->bus, "a", "x", 1), MR_CLOSED);
    assert_int_equal(mr_subscribe(w->bus, "a", NULL, NULL, NULL, &sub), MR_CLOSED);
    world_free(w);
}

static void an_agent_without_room_is_asked_again(void **unused)
{
    struct world *w = world_new(NULL);
    (void)unused;
    w->agent.hello_rc = MR_TOO_BIG;
    world_settle(w);
    w->agent.hello_rc = MR_OK;
    world_pass(w, 200);
    assert_true(state_of(w).agent_up);
    world_free(w);
}

static void count_state(void *user, const struct mr_state *state)
{
    char *seen = user;
    strcat(seen, !state->agent_up ? "-" : state->degraded ? "D" : state->cluster_up ? "C" : "A");
}

static void state_is_told_as_it_is_and_when_it_changes(void **unused)
{
    struct world *w = world_new(NULL);
    char seen[64] = "";
    (void)unused;
    w->is_listening = false;
    mr_on_state(w->bus, count_state, seen);
    assert_string_equal(seen, "");
    world_settle(w);
    assert_string_equal(seen, "-");
    w->is_listening = true;
    world_pass(w, 200);
    assert_int_equal(seen[strlen(seen) - 1], 'C');
    const struct session_state isolated = {.cluster_up = false, .isolated_since_us = 5, .broker = ""};
    assert_int_equal(session_state(w->agent.session, &isolated), MR_OK);
    world_settle(w);
    assert_int_equal(seen[strlen(seen) - 1], 'A');
    assert_int_equal(state_of(w).isolated_since_us, 5);
    const struct session_state degraded = {.cluster_up = true, .degraded = true, .broker = "mr1"};
    assert_int_equal(session_state(w->agent.session, &degraded), MR_OK);
    world_settle(w);
    assert_int_equal(seen[strlen(seen) - 1], 'D');
    mr_on_state(w->bus, NULL, NULL);
    world_cut(w);
    world_settle(w);
    assert_int_equal(seen[strlen(seen) - 1], 'D');
    assert_false(state_of(w).degraded);
    world_free(w);
}

static void options_out_of_range_are_refused_with_a_reason(void **unused)
{
    const struct mr_options wrong[] = {{.size = 1},
                                       {.size = sizeof *wrong, .app = "a/b"},
                                       {.size = sizeof *wrong, .app = "$x"},
                                       {.size = sizeof *wrong, .max_bytes = 1024 * 1024 - 1},
                                       {.size = sizeof *wrong, .rt_poll_us = 49},
                                       {.size = sizeof *wrong, .rt_poll_us = 1000001}};
    (void)unused;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct mr_bus *bus = NULL;
        assert_int_equal(mr_open(&bus, &wrong[i]), MR_INVALID);
        assert_null(bus);
        assert_string_not_equal(mr_reason(NULL), "");
    }
    assert_int_equal(mr_open(NULL, NULL), MR_INVALID);
}

static void every_failed_allocation_of_open_is_a_result(void **unused)
{
    const struct mr_options opt = {.size = sizeof opt, .rt_poll_us = 1000};
    size_t before = mem_outstanding();
    (void)unused;
    for (unsigned n = 1;; n++) {
        struct mr_bus *bus;
        mem_fail_at(n);
        enum mr_rc rc = mr_open(&bus, &opt);
        bool failed = mem_fail_off();
        if (!rc)
            mr_close(bus, 0);
        assert_int_equal(mem_outstanding(), before);
        if (!failed) {
            assert_int_equal(rc, MR_OK);
            return;
        }
        assert_int_equal(rc, MR_NO_MEMORY);
    }
}

static void misuse(void *user, const struct mr_state *state)
{
    struct world *w = user;
    const struct mr_msg *msg;
    const struct mr_pub pub = {.size = sizeof pub, .topic = "a"};
    (void)state;
    assert_int_equal(mr_dispatch(w->bus, 0), MR_MISUSE);
    assert_int_equal(mr_run(w->bus, 0), MR_MISUSE);
    assert_int_equal(mr_flush(w->bus, MR_ACCEPTED, 0), MR_MISUSE);
    assert_int_equal(mr_publish_wait(w->bus, &pub, 0, NULL), MR_MISUSE);
    assert_int_equal(mr_get(w->bus, "a", 0, &msg), MR_MISUSE);
    assert_int_equal(mr_request_wait(w->bus, "a", NULL, 0, 1, &msg), MR_MISUSE);
    assert_int_equal(mr_thread(w->bus), MR_MISUSE);
    mr_close(w->bus, 0);
    assert_non_null(strstr(mr_reason(w->bus), "mr_close"));
    assert_int_equal(mr_publish(w->bus, "a", "x", 1), MR_OK);
}

/* promise: callbacks-inside */
static void calls_that_wait_are_misuse_in_callbacks(void **unused)
{
    struct world *w = world_new(NULL);
    (void)unused;
    mr_on_state(w->bus, misuse, w);
    world_settle(w);
    assert_int_equal(w->agent.n_records, 2); /* one of each state: away, there */
    world_free(w);
}

static void run_lasts_its_time_whatever_the_traffic(void **unused)
{
    struct world *w = world_new(NULL);
    (void)unused;
    int64_t begin = w->now_ns;
    assert_int_equal(mr_run(w->bus, 1000), MR_OK);
    assert_true(w->now_ns - begin >= 1000000000);
    assert_true(w->now_ns - begin < 1010000000);
    mr_wake(w->bus);
    begin = w->now_ns;
    assert_int_equal(mr_run(w->bus, -1), MR_OK);
    assert_int_equal(w->now_ns, begin);
    assert_int_equal(mr_run(w->bus, -2), MR_INVALID);
    world_free(w);
}

static void a_silent_agent_is_left(void **unused)
{
    struct world *w = world_new(NULL);
    (void)unused;
    world_settle(w);
    w->is_deaf = true;
    for (int i = 0; i < 40 && state_of(w).agent_up; i++) {
        w->now_ns += 100000000;
        assert_int_equal(mr_dispatch(w->bus, 0), MR_OK);
    }
    assert_false(state_of(w).agent_up);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handle_opens_with_nobody_there_and_finds_the_agent_later),
        cmocka_unit_test(the_agent_hears_the_apps_name),
        cmocka_unit_test(it_comes_again_after_each_loss),
        cmocka_unit_test(an_agent_that_will_not_have_it_finishes_the_handle),
        cmocka_unit_test(an_agent_without_room_is_asked_again),
        cmocka_unit_test(state_is_told_as_it_is_and_when_it_changes),
        cmocka_unit_test(options_out_of_range_are_refused_with_a_reason),
        cmocka_unit_test(every_failed_allocation_of_open_is_a_result),
        cmocka_unit_test(calls_that_wait_are_misuse_in_callbacks),
        cmocka_unit_test(run_lasts_its_time_whatever_the_traffic),
        cmocka_unit_test(a_silent_agent_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
