/* test_service.c - the order of a daemon's life, its signals, and its ends. */
#include <signal.h>
#include <string.h>

#include "base/io/keys.h"
#include "base/io/service.h"
#include "base/mem.h"
#include "tests/unit/base_io/support.h"

/* Writes down a letter for each call. */
struct fake {
    char calls[16];
    struct loop *loop;
    struct loop_timer *timer;
    int signals[3]; /* what it sends itself, turn by turn, after its start */
    size_t sent;
    enum mr_rc make, start;
    loop_fn *on_stopped;
    void *on_stopped_user;
};

static void note(struct fake *f, const char *call)
{
    strncat(f->calls, call, sizeof f->calls - strlen(f->calls) - 1);
}

static enum mr_rc make(void *user, struct loop *loop, struct zctx *zctx, struct err *err)
{
    struct fake *f = user;
    note(f, "m");
    assert_non_null(zctx);
    f->loop = loop;
    if (f->make)
        err_set(err, "cannot be made");
    return f->make;
}

static void send_next(void *user)
{
    struct fake *f = user;
    if (f->sent < 3 && f->signals[f->sent])
        raise(f->signals[f->sent++]);
    else if (f->on_stopped)
        f->on_stopped(f->on_stopped_user);
    loop_timer_start(f->timer, loop_now_ns(f->loop) + 1000000);
}

static enum mr_rc start(void *user, struct err *err)
{
    struct fake *f = user;
    note(f, "s");
    if (f->start) {
        err_set(err, "cannot be started");
        return f->start;
    }
    assert_int_equal(loop_timer_new(f->loop, send_next, f, &f->timer), MR_OK);
    loop_timer_start(f->timer, loop_now_ns(f->loop));
    return MR_OK;
}

static void reload(void *user)
{
    note(user, "r");
}

static void stop(void *user, loop_fn *on_stopped, void *on_stopped_user)
{
    struct fake *f = user;
    note(f, "t");
    f->on_stopped = on_stopped;
    f->on_stopped_user = on_stopped_user;
}

static void end(void *user)
{
    struct fake *f = user;
    note(f, "e");
    loop_timer_free(f->timer);
}

static const struct service service = {.make = make, .start = start, .reload = reload, .stop = stop, .end = end};

static enum mr_rc run(struct fake *f, struct err *err)
{
    enum mr_rc rc = service_run(&service, f, -1, err);
    assert_int_equal(mem_outstanding(), 0);
    return rc;
}

static void a_signal_ends_it_in_order(void **state)
{
    const int ends[] = {SIGTERM, SIGINT};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct fake f = {.signals = {ends[i]}};
        struct err err = {{0}};
        assert_int_equal(run(&f, &err), MR_OK);
        assert_string_equal(f.calls, "mste");
    }
}

static void a_hangup_reloads_and_an_impatient_second_signal_is_not_heard(void **state)
{
    struct fake f = {.signals = {SIGHUP, SIGTERM, SIGINT}};
    struct err err = {{0}};
    (void)state;
    assert_int_equal(run(&f, &err), MR_OK);
    assert_string_equal(f.calls, "msrte");
}

static void what_cannot_be_made_or_started_is_ended_too(void **state)
{
    struct fake unmade = {.make = MR_DENIED}, unstarted = {.start = MR_INVALID};
    struct err err = {{0}};
    (void)state;
    assert_int_equal(run(&unmade, &err), MR_DENIED);
    assert_string_equal(unmade.calls, "me");
    assert_string_equal(err.text, "cannot be made");
    assert_int_equal(run(&unstarted, &err), MR_INVALID);
    assert_string_equal(unstarted.calls, "mse");
    assert_string_equal(err.text, "cannot be started");
}

static void a_cpu_that_is_not_there_is_refused_before_anything_is_made(void **state)
{
    struct fake f = {.make = MR_OK};
    struct err err = {{0}};
    (void)state;
    assert_int_equal(service_run(&service, &f, 4096, &err), MR_INVALID);
    assert_string_equal(f.calls, "");
    assert_int_equal(mem_outstanding(), 0);
}

static void every_failed_allocation_is_a_result(void **state)
{
    (void)state;
    for (unsigned at = 1, failed = 1; failed; at++) {
        struct fake f = {.start = MR_INVALID};
        struct err err = {{0}};
        mem_fail_at(at);
        enum mr_rc rc = service_run(&service, &f, -1, &err);
        failed = mem_fail_off();
        assert_int_equal(rc, failed ? MR_NO_MEMORY : MR_INVALID);
        assert_int_equal(mem_outstanding(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_ends_it_in_order),
        cmocka_unit_test(a_hangup_reloads_and_an_impatient_second_signal_is_not_heard),
        cmocka_unit_test(what_cannot_be_made_or_started_is_ended_too),
        cmocka_unit_test(a_cpu_that_is_not_there_is_refused_before_anything_is_made),
        cmocka_unit_test(every_failed_allocation_is_a_result),
    };
    if (keys_init() != MR_OK)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
