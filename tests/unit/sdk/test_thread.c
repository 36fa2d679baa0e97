/* test_thread.c - over a real socket: the library's own thread, writers of other threads, no system call with rt_poll_us,
 * one descriptor over a hundred agents, kept messages across threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <millrace/millrace.h>

#include "base/clock.h"
#include "tests/unit/sdk/socket_agent.h"

enum { PATIENCE_MS = 20000, WRITERS = 4, WRITES = 2000 };

static int64_t now_ms(void)
{
    return clock_mono_ns(clock_system()) / 1000000;
}

/* Until the agent has so many records; the handle has a thread of its own. */
static bool wait_for_records(const struct socket_agent *a, uint64_t n)
{
    int64_t until = now_ms() + PATIENCE_MS;
    while (socket_agent_records(a) < n && now_ms() < until)
        poll(NULL, 0, 1);
    return socket_agent_records(a) == n;
}

static struct mr_bus *open_at(const struct socket_agent *a, uint32_t rt_poll_us)
{
    const struct mr_options opt = {.size = sizeof opt, .socket = a->path, .app = "test", .rt_poll_us = rt_poll_us};
    struct mr_bus *bus;
    assert_int_equal(mr_open(&bus, &opt), MR_OK);
    return bus;
}

static struct mr_tag *open_tag(struct mr_bus *bus, const char *topic)
{
    const struct mr_tag_def def = {.size = sizeof def, .topic = topic};
    struct mr_tag *tag;
    assert_int_equal(mr_tag_open(bus, NULL, &def, &tag), MR_OK);
    return tag;
}

struct writer {
    pthread_t thread;
    struct mr_bus *bus;
    struct mr_tag *tag;
    unsigned written;
};

static void *write_many(void *user)
{
    struct writer *w = user;
    while (w->written < WRITES) {
        const struct mr_value v = mr_f64(w->written);
        enum mr_rc rc = w->written % 2 ? mr_tag_write(w->tag, &v, 0, MR_NO_TIME) : mr_publish(w->bus, "raw", "x", 1);
        if (rc == MR_OK)
            w->written++;
        else if (rc != MR_WOULD_BLOCK && rc != MR_ISOLATED)
            break;
    }
    return NULL;
}

static void write_from_many_threads(uint32_t rt_poll_us)
{
    struct socket_agent agent;
    struct writer writers[WRITERS];
    char topic[16];
    socket_agent_init(&agent);
    socket_agent_start(&agent);
    struct mr_bus *bus = open_at(&agent, rt_poll_us);
    for (int i = 0; i < WRITERS; i++) {
        snprintf(topic, sizeof topic, "./t%d", i);
        writers[i] = (struct writer){.bus = bus, .tag = open_tag(bus, topic)};
    }
    assert_int_equal(mr_thread(bus), MR_OK);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i].thread, NULL, write_many, &writers[i]), 0);
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_int_equal(writers[i].written, WRITES);
    }
    assert_true(wait_for_records(&agent, (uint64_t)WRITERS * WRITES));
    mr_close(bus, 1000);
    socket_agent_fini(&agent);
}

static void other_threads_write_while_the_library_runs(void **unused)
{
    (void)unused;
    write_from_many_threads(0);
}

static void other_threads_write_with_polling(void **unused)
{
    (void)unused;
    write_from_many_threads(200);
}

/* promise: callbacks-inside */
static void after_thread_other_calls_are_misuse_elsewhere(void **unused)
{
    struct socket_agent agent;
    struct mr_sub *sub;
    const struct mr_msg *msg;
    (void)unused;
    socket_agent_init(&agent);
    struct mr_bus *bus = open_at(&agent, 0);
    assert_int_equal(mr_thread(bus), MR_OK);
    assert_int_equal(mr_thread(bus), MR_MISUSE);
    assert_int_equal(mr_dispatch(bus, 0), MR_MISUSE);
    assert_int_equal(mr_run(bus, 0), MR_MISUSE);
    assert_int_equal(mr_flush(bus, MR_ACCEPTED, 0), MR_MISUSE);
    assert_int_equal(mr_subscribe(bus, "a", NULL, NULL, NULL, &sub), MR_MISUSE);
    assert_int_equal(mr_get(bus, "a", 1, &msg), MR_MISUSE);
    assert_int_equal(mr_publish(bus, "a", "x", 1), MR_OK);
    mr_close(bus, 0);
    socket_agent_fini(&agent);
}

/* A refusal learned by the library's thread is told to others, without polling by the call itself. */
static void a_denied_topic_is_refused_to_other_threads(void **unused)
{
    struct socket_agent agent;
    (void)unused;
    socket_agent_init(&agent);
    socket_agent_start(&agent);
    struct mr_bus *bus = open_at(&agent, 0);
    struct mr_tag *tag = open_tag(bus, "denied/tag");
    const struct mr_value v = mr_f64(1);
    assert_int_equal(mr_thread(bus), MR_OK);
    int64_t until = now_ms() + PATIENCE_MS;
    while (mr_publish(bus, "denied/raw", "x", 1) != MR_DENIED && now_ms() < until)
        poll(NULL, 0, 1);
    assert_int_equal(mr_publish(bus, "denied/raw", "x", 1), MR_DENIED);
    assert_string_equal(mr_reason(bus), "denied: ask somebody");
    assert_int_equal(mr_tag_write(tag, &v, 0, MR_NO_TIME), MR_DENIED);
    mr_close(bus, 0);
    socket_agent_fini(&agent);
}

/* -- no system call -- */
static void forbid_system_calls(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        _exit(3);
}

/* Writes until full and beyond, under the filter; only the exit of the whole process is let through. */
static void *write_without_system_calls(void *user)
{
    struct writer *w = user;
    struct mr_tag *row[2] = {w->tag, w->tag};
    const struct mr_value v[2] = {mr_f64(1), mr_f64(2)};
    unsigned taken = 0, refused = 0;
    forbid_system_calls();
    for (int i = 0; i < 100000; i++) {
        enum mr_rc rc = i % 4 == 0   ? mr_tag_write(w->tag, &v[0], 0, 5)
                        : i % 4 == 1 ? mr_row_write(row, v, 1, 5)
                        : i % 4 == 2 ? mr_publish(w->bus, "raw/topic", "bytes", 5)
                                     : mr_tag_write(w->tag, NULL, MR_STATUS_BAD, 5);
        if (rc == MR_OK)
            taken++;
        else if (rc == MR_WOULD_BLOCK || rc == MR_ISOLATED)
            refused++;
        else
            _exit(4);
    }
    _exit(taken > 1000 && refused > 0 ? 0 : 5);
}

/* In a process of its own: the filter kills it at the first system call of the writer. */
static int write_under_filter(const char *socket_path)
{
    const struct mr_options opt = {
        .size = sizeof opt, .socket = socket_path, .max_bytes = 1024 * 1024, .rt_poll_us = 1000};
    const struct mr_tag_def def = {.size = sizeof def, .topic = "./t"};
    struct writer w = {.written = 0};
    if (mr_open(&w.bus, &opt) || mr_tag_open(w.bus, NULL, &def, &w.tag) || mr_thread(w.bus) ||
        pthread_create(&w.thread, NULL, write_without_system_calls, &w))
        return 2;
    pthread_join(w.thread, NULL);
    return 1;
}

/* promise: rt-writes */
static void with_polling_a_write_makes_no_system_call(void **unused)
{
    struct socket_agent agent;
    int status = -1;
    (void)unused;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); /* their runtime makes system calls of its own */
#endif
    socket_agent_init(&agent);
    pid_t pid = fork(); /* before the agent's thread is there */
    if (pid == 0)
        _exit(write_under_filter(agent.path));
    socket_agent_start(&agent);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    socket_agent_fini(&agent);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* -- one descriptor for life -- */
/* promise: one-descriptor */
static void a_hundred_agents_come_and_go_behind_one_descriptor(void **unused)
{
    struct socket_agent agent;
    struct mr_state state = {.size = sizeof state};
    (void)unused;
    socket_agent_init(&agent);
    struct mr_bus *bus = open_at(&agent, 0);
    struct pollfd fd = {.fd = mr_fd(bus), .events = POLLIN};
    for (unsigned i = 1; i <= 100; i++) {
        int64_t until = now_ms() + PATIENCE_MS;
        socket_agent_start(&agent);
        do {
            assert_true(poll(&fd, 1, PATIENCE_MS) == 1); /* nothing but the descriptor tells when */
            assert_int_equal(mr_dispatch(bus, 0), MR_OK);
            mr_get_state(bus, &state);
        } while (!state.agent_up && now_ms() < until);
        assert_true(state.agent_up);
        assert_int_equal(socket_agent_sessions(&agent), i);
        socket_agent_stop(&agent);
        while (state.agent_up) {
            assert_true(poll(&fd, 1, PATIENCE_MS) == 1);
            assert_int_equal(mr_dispatch(bus, 0), MR_OK);
            mr_get_state(bus, &state);
        }
    }
    assert_int_equal(mr_fd(bus), fd.fd);
    mr_close(bus, 0);
    socket_agent_fini(&agent);
}

static void *wake(void *user)
{
    mr_wake(user);
    return NULL;
}

static void another_thread_ends_a_run(void **unused)
{
    struct socket_agent agent;
    pthread_t thread;
    (void)unused;
    socket_agent_init(&agent);
    struct mr_bus *bus = open_at(&agent, 0);
    assert_int_equal(pthread_create(&thread, NULL, wake, bus), 0);
    assert_int_equal(mr_run(bus, -1), MR_OK);
    pthread_join(thread, NULL);
    mr_close(bus, 0);
    socket_agent_fini(&agent);
}

static void what_was_written_is_accepted_before_close(void **unused)
{
    struct socket_agent agent;
    (void)unused;
    socket_agent_init(&agent);
    socket_agent_start(&agent);
    struct mr_bus *bus = open_at(&agent, 1000);
    assert_int_equal(mr_thread(bus), MR_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(mr_publish(bus, "a", "x", 1), MR_OK);
    mr_close(bus, 10000);
    assert_int_equal(socket_agent_records(&agent), 100);
    socket_agent_fini(&agent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_polling_a_write_makes_no_system_call),
        cmocka_unit_test(other_threads_write_while_the_library_runs),
        cmocka_unit_test(other_threads_write_with_polling),
        cmocka_unit_test(after_thread_other_calls_are_misuse_elsewhere),
        cmocka_unit_test(a_denied_topic_is_refused_to_other_threads),
        cmocka_unit_test(a_hundred_agents_come_and_go_behind_one_descriptor),
        cmocka_unit_test(another_thread_ends_a_run),
        cmocka_unit_test(what_was_written_is_accepted_before_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
