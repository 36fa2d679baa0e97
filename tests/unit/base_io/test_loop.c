/* test_loop.c - turns, timers, descriptors, signals, wake-ups, deferred work and sources. */
#include "base/clock.h"
#include "base/io/loop.h"
#include "base/mem.h"
#include "tests/unit/base_io/support.h"
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MS INT64_C(1000000)

static int make_loop(void **state)
{
    return loop_new((struct loop **)state) == MR_OK ? 0 : -1;
}

static int drop_loop(void **state)
{
    loop_free(*state);
    assert_int_equal(mem_outstanding(), 0);
    return 0;
}

static void count(void *user)
{
    ++*(unsigned *)user;
}

static void nothing(void *user)
{
    (void)user;
}

/* -- timers ---------------------------------------------------------------------------------------------------------- */
static void a_timer_fires_once_and_not_early(void **state)
{
    struct loop *loop = *state;
    struct loop_timer *timer;
    unsigned fired = 0;
    assert_int_equal(loop_timer_new(loop, count, &fired, &timer), MR_OK);
    int64_t at_ns = clock_mono_ns(clock_system()) + 20 * MS;
    loop_timer_start(timer, at_ns);
    assert_true(support_turn_until_count(loop, &fired, 1, DEADLINE_MS));
    assert_true(clock_mono_ns(clock_system()) >= at_ns);
    assert_true(loop_now_ns(loop) >= at_ns);
    support_turn_for(loop, 30);
    assert_int_equal(fired, 1);
    loop_timer_free(timer);
}

static void a_timer_in_the_past_fires_in_the_next_turn(void **state)
{
    struct loop *loop = *state;
    struct loop_timer *timer;
    unsigned fired = 0;
    assert_int_equal(loop_timer_new(loop, count, &fired, &timer), MR_OK);
    loop_timer_start(timer, INT64_MIN);
    loop_turn(loop, 1000);
    assert_int_equal(fired, 1);
    loop_timer_free(timer);
}

static void a_stopped_or_moved_timer_does_not_fire_at_its_old_time(void **state)
{
    struct loop *loop = *state;
    struct loop_timer *stopped, *moved;
    unsigned fired = 0, fired_moved = 0;
    assert_int_equal(loop_timer_new(loop, count, &fired, &stopped), MR_OK);
    assert_int_equal(loop_timer_new(loop, count, &fired_moved, &moved), MR_OK);
    loop_timer_start(stopped, loop_now_ns(loop) + 5 * MS);
    loop_timer_start(moved, loop_now_ns(loop) + 5 * MS);
    loop_timer_stop(stopped);
    loop_timer_start(moved, loop_now_ns(loop) + 3600 * 1000 * MS);
    support_turn_for(loop, 20);
    assert_int_equal(fired, 0);
    assert_int_equal(fired_moved, 0);
    loop_timer_free(stopped);
    loop_timer_free(moved);
    loop_timer_free(NULL);
}

struct self_freeing {
    struct loop_timer *timer;
    bool is_done;
};

static void free_own_timer(void *user)
{
    struct self_freeing *it = user;
    loop_timer_free(it->timer);
    it->is_done = true;
}

static void a_timer_may_be_freed_in_its_own_callback(void **state)
{
    struct self_freeing it = {0};
    assert_int_equal(loop_timer_new(*state, free_own_timer, &it, &it.timer), MR_OK);
    loop_timer_start(it.timer, 0);
    assert_true(support_turn_until(*state, &it.is_done, DEADLINE_MS));
}

static void the_wait_of_a_turn_ends_in_time(void **state)
{
    int64_t begin = clock_mono_ns(clock_system());
    loop_turn(*state, 0);
    loop_turn(*state, 20);
    int64_t took = clock_mono_ns(clock_system()) - begin;
    assert_true(took >= 19 * MS);
    assert_true(took < DEADLINE_MS * MS);
}

/* -- descriptors ----------------------------------------------------------------------------------------------------- */
struct readiness {
    int fd;
    unsigned ready, calls;
};

static void note_readiness(void *user, unsigned ready)
{
    struct readiness *it = user;
    char byte;
    it->ready |= ready;
    it->calls++;
    if (ready & LOOP_READ)
        assert_int_equal(read(it->fd, &byte, 1), 1);
}

static void a_descriptor_is_told_readable_only_while_that_is_wanted(void **state)
{
    struct loop *loop = *state;
    struct loop_fd *watch;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct readiness it = {.fd = ends[0]};
    assert_int_equal(loop_fd_new(loop, ends[0], 0, note_readiness, &it, &watch), MR_OK);
    assert_int_equal(write(ends[1], "x", 1), 1);
    support_turn_for(loop, 20);
    assert_int_equal(it.calls, 0);
    loop_fd_want(watch, LOOP_READ);
    assert_true(support_turn_until_count(loop, &it.calls, 1, DEADLINE_MS));
    assert_int_equal(it.ready, LOOP_READ);
    loop_fd_want(watch, 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    support_turn_for(loop, 20);
    assert_int_equal(it.calls, 1);
    loop_fd_free(watch);
    loop_fd_free(NULL);
    close(ends[0]);
    close(ends[1]);
}

static void a_descriptor_is_told_writable(void **state)
{
    struct loop_fd *watch;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct readiness it = {.fd = ends[1]};
    assert_int_equal(loop_fd_new(*state, ends[1], LOOP_WRITE, note_readiness, &it, &watch), MR_OK);
    assert_true(support_turn_until_count(*state, &it.calls, 1, DEADLINE_MS));
    assert_int_equal(it.ready, LOOP_WRITE);
    loop_fd_free(watch);
    close(ends[0]);
    close(ends[1]);
}

/* -- signals and other threads --------------------------------------------------------------------------------------- */
static void a_signal_becomes_a_callback(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct loop_signal *watch;
        unsigned seen = 0;
        assert_int_equal(loop_signal_new(*state, signals[i], count, &seen, &watch), MR_OK);
        assert_int_equal(raise(signals[i]), 0);
        assert_true(support_turn_until_count(*state, &seen, 1, DEADLINE_MS));
        loop_signal_free(watch);
    }
    loop_signal_free(NULL);
}

static void *wake_from_thread(void *loop)
{
    loop_wake(loop);
    return NULL;
}

static void another_thread_wakes_a_waiting_loop(void **state)
{
    struct loop_hook hook = {0};
    pthread_t thread;
    unsigned woken = 0;
    loop_on_wake(*state, &hook, count, &woken);
    assert_int_equal(pthread_create(&thread, NULL, wake_from_thread, *state), 0);
    while (woken == 0)
        loop_turn(*state, -1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    loop_unhook(*state, &hook);
    loop_wake(*state);
    support_turn_for(*state, 20);
    assert_int_equal(woken, 1);
}

/* -- hooks ----------------------------------------------------------------------------------------------------------- */
struct order {
    struct loop *loop;
    struct loop_hook deferred, again, turn_end;
    char log[32];
    bool is_asked;
};

static void note(struct order *it, char what)
{
    size_t len = strlen(it->log);
    if (len + 1 < sizeof it->log)
        it->log[len] = what;
}

static void note_again(void *user)
{
    note(user, 'a');
}

static void note_deferred(void *user)
{
    struct order *it = user;
    note(it, 'd');
    loop_defer(it->loop, &it->again, note_again, it);
}

static void note_turn_end(void *user)
{
    note(user, 'e');
}

static void ask(void *user)
{
    struct order *it = user;
    note(it, 't');
    loop_defer(it->loop, &it->deferred, note_deferred, it);
    loop_defer(it->loop, &it->deferred, note_deferred, it); /* already asked: once is enough */
    it->is_asked = true;
}

static void what_deferred_work_gathered_is_flushed_before_the_loop_waits(void **state)
{
    struct order it = {.loop = *state};
    struct loop_timer *timer;
    loop_on_turn_end(*state, &it.turn_end, note_turn_end, &it);
    assert_int_equal(loop_timer_new(*state, ask, &it, &timer), MR_OK);
    loop_timer_start(timer, 0);
    assert_true(support_turn_until(*state, &it.is_asked, DEADLINE_MS));
    loop_turn(*state, 0);
    assert_string_equal(strchr(it.log, 't'), "tedeae");
    loop_unhook(*state, &it.turn_end);
    loop_timer_free(timer);
}

struct chain {
    struct loop *loop;
    struct loop_hook hook;
    unsigned runs;
};

static void defer_for_ever(void *user)
{
    struct chain *it = user;
    it->runs++;
    loop_defer(it->loop, &it->hook, defer_for_ever, it);
}

static void work_that_defers_itself_for_ever_does_not_hold_the_loop(void **state)
{
    struct chain it = {.loop = *state};
    struct loop_timer *timer;
    unsigned fired = 0;
    loop_defer(*state, &it.hook, defer_for_ever, &it);
    assert_int_equal(loop_timer_new(*state, count, &fired, &timer), MR_OK);
    loop_timer_start(timer, loop_now_ns(*state) + MS);
    assert_true(support_turn_until_count(*state, &fired, 1, DEADLINE_MS));
    assert_true(it.runs > 1);
    loop_unhook(*state, &it.hook);
    loop_timer_free(timer);
}

struct pair {
    struct loop *loop;
    struct loop_hook first, second;
    unsigned runs;
};

static void unhook_both(void *user)
{
    struct pair *it = user;
    it->runs++;
    loop_unhook(it->loop, &it->first);
    loop_unhook(it->loop, &it->second);
}

static void a_hook_may_take_out_itself_and_the_next(void **state)
{
    struct pair it = {.loop = *state};
    loop_on_turn_end(*state, &it.first, unhook_both, &it);
    loop_on_turn_end(*state, &it.second, unhook_both, &it);
    loop_turn(*state, 0);
    loop_turn(*state, 0);
    assert_int_equal(it.runs, 1);
    loop_unhook(*state, &it.first); /* in no list: nothing happens */
}

static void freeing_the_loop_runs_what_is_deferred(void **state)
{
    struct loop *loop;
    struct loop_hook hook = {0};
    unsigned runs = 0;
    (void)state;
    assert_int_equal(loop_new(&loop), MR_OK);
    loop_defer(loop, &hook, count, &runs);
    loop_free(loop);
    loop_free(NULL);
    assert_int_equal(runs, 1);
}

static void stop(void *user)
{
    loop_stop(user);
}

static void running_ends_with_a_stop_and_a_last_flush(void **state)
{
    struct loop_timer *timer;
    struct loop_hook hook = {0};
    unsigned flushed = 0;
    loop_on_turn_end(*state, &hook, count, &flushed);
    assert_int_equal(loop_timer_new(*state, stop, *state, &timer), MR_OK);
    loop_timer_start(timer, 0);
    loop_run(*state);
    assert_int_equal(flushed, 2);
    loop_stop(*state);
    loop_run(*state);
    assert_int_equal(flushed, 3);
    loop_unhook(*state, &hook);
    loop_timer_free(timer);
}

static void stop_later(void *user)
{
    struct pair *it = user;
    loop_defer(it->loop, &it->first, stop, it->loop);
}

static void a_stop_from_a_deferred_callback_does_not_wait(void **state)
{
    struct pair it = {.loop = *state};
    loop_defer(it.loop, &it.second, stop_later, &it);
    loop_run(it.loop); /* would wait for ever: nothing else is there */
    assert_false(it.runs);
}

/* -- sources --------------------------------------------------------------------------------------------------------- */
struct stock { /* a source whose descriptor never speaks, as a ZeroMQ socket's after its edge was eaten */
    unsigned left, drained;
    char name, *log;
    struct loop_source *source;
    bool is_freeing;
};

static bool has_stock(void *user)
{
    const struct stock *it = user;
    return it->left > 0;
}

static void take_stock(void *user)
{
    struct stock *it = user;
    if (it->log)
        strncat(it->log, &it->name, 1);
    if (it->left > 0) {
        it->left--;
        it->drained++;
    }
    if (it->is_freeing)
        loop_source_free(it->source);
}

static const struct loop_source_ops stock_ops = {.is_ready = has_stock, .drain = take_stock};

static void a_ready_source_keeps_the_loop_from_waiting(void **state)
{
    struct stock it = {.left = 1000};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(loop_source_new(*state, ends[0], 0, &stock_ops, &it, &it.source), MR_OK);
    for (unsigned n = 0; n < 1000; n++)
        loop_turn(*state, -1); /* would wait for ever if the source were not asked */
    assert_int_equal(it.drained, 1000);
    loop_source_free(it.source);
    loop_source_free(NULL);
    close(ends[0]);
    close(ends[1]);
}

static void sources_are_drained_by_rank_and_may_go_while_drained(void **state)
{
    char log[16] = "";
    struct stock late = {.name = 'z', .log = log}, early = {.name = 'a', .log = log, .is_freeing = true},
                 later = {.name = 'm', .log = log};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    int second = dup(ends[0]), third = dup(ends[0]);
    assert_int_equal(loop_source_new(*state, ends[0], 3, &stock_ops, &late, &late.source), MR_OK);
    assert_int_equal(loop_source_new(*state, second, 0, &stock_ops, &early, &early.source), MR_OK);
    assert_int_equal(loop_source_new(*state, third, 1, &stock_ops, &later, &later.source), MR_OK);
    loop_turn(*state, 0);
    loop_turn(*state, 0);
    assert_string_equal(log, "amzmz");
    loop_source_free(late.source);
    loop_source_free(later.source);
    close(ends[0]);
    close(ends[1]);
    close(second);
    close(third);
}

static void every_failed_allocation_is_a_result(void **state)
{
    struct loop *loop = NULL;
    struct loop_timer *timer = NULL;
    struct loop_fd *watch = NULL;
    struct loop_signal *signal_watch = NULL;
    struct loop_source *source = NULL;
    mem_fail_at(1);
    assert_int_equal(loop_new(&loop), MR_NO_MEMORY);
    mem_fail_at(1);
    assert_int_equal(loop_timer_new(*state, nothing, NULL, &timer), MR_NO_MEMORY);
    mem_fail_at(1);
    assert_int_equal(loop_fd_new(*state, 0, 0, note_readiness, NULL, &watch), MR_NO_MEMORY);
    mem_fail_at(1);
    assert_int_equal(loop_signal_new(*state, SIGHUP, nothing, NULL, &signal_watch), MR_NO_MEMORY);
    mem_fail_at(1);
    assert_int_equal(loop_source_new(*state, 0, 0, &stock_ops, NULL, &source), MR_NO_MEMORY);
    assert_true(mem_fail_off());
    assert_null(loop);
    assert_null(source);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_loop, drop_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_timer_fires_once_and_not_early),
        TEST(a_timer_in_the_past_fires_in_the_next_turn),
        TEST(a_stopped_or_moved_timer_does_not_fire_at_its_old_time),
        TEST(a_timer_may_be_freed_in_its_own_callback),
        TEST(the_wait_of_a_turn_ends_in_time),
        TEST(a_descriptor_is_told_readable_only_while_that_is_wanted),
        TEST(a_descriptor_is_told_writable),
        TEST(a_signal_becomes_a_callback),
        TEST(another_thread_wakes_a_waiting_loop),
        TEST(what_deferred_work_gathered_is_flushed_before_the_loop_waits),
        TEST(work_that_defers_itself_for_ever_does_not_hold_the_loop),
        TEST(a_hook_may_take_out_itself_and_the_next),
        TEST(freeing_the_loop_runs_what_is_deferred),
        TEST(running_ends_with_a_stop_and_a_last_flush),
        TEST(a_stop_from_a_deferred_callback_does_not_wait),
        TEST(a_ready_source_keeps_the_loop_from_waiting),
        TEST(sources_are_drained_by_rank_and_may_go_while_drained),
        TEST(every_failed_allocation_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
