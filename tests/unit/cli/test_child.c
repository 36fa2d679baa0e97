/* test_child.c - programs run beside the command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io/loop.h"
#include "base/mem.h"
#include "cli/child.h"

struct run {
    struct loop *loop;
    struct child *child;
    char out[64], err[64];
    int status;
};

static void on_output(void *user, bool is_err, const char *data, size_t len)
{
    struct run *run = user;
    char *to = is_err ? run->err : run->out;
    size_t have = strlen(to);
    assert_true(have + len < sizeof run->out);
    memcpy(to + have, data, len);
    to[have + len] = '\0';
}

static void on_end(void *user, int status)
{
    struct run *run = user;
    run->status = status;
    child_free(run->child);
    run->child = NULL;
    loop_stop(run->loop);
}

static const struct child_events events = {on_output, on_end};

static enum mr_rc start(struct run *run, const char *script, const char *input)
{
    char shell[] = "/bin/sh", flag[] = "-c", text[128];
    struct err err = {{0}};
    strcpy(text, script);
    char *const argv[] = {shell, flag, text, NULL};
    return child_new(run->loop, argv, input, strlen(input), &events, run, &run->child, &err);
}

static void input_output_and_end_are_told(void **state)
{
    struct run run = {.status = -1};
    (void)state;
    assert_int_equal(loop_new(&run.loop), MR_OK);
    assert_int_equal(start(&run, "cat; echo bad >&2; exit 3", "hello"), MR_OK);
    loop_run(run.loop);
    assert_string_equal(run.out, "hello");
    assert_string_equal(run.err, "bad\n");
    assert_true(WIFEXITED(run.status));
    assert_int_equal(WEXITSTATUS(run.status), 3);
    loop_free(run.loop);
}

static void a_signal_reaches_it_and_what_it_started(void **state)
{
    struct run run = {.status = -1};
    char words[64];
    (void)state;
    assert_int_equal(loop_new(&run.loop), MR_OK);
    assert_int_equal(start(&run, "sleep 1000; true", ""), MR_OK);
    child_signal(run.child, SIGTERM);
    loop_run(run.loop); /* returns only when its outputs are closed: by sleep too */
    assert_true(WIFSIGNALED(run.status));
    assert_string_equal(child_end_words(run.status, words, sizeof words), "was ended by signal 15 (Terminated)");
    loop_free(run.loop);
}

static void freeing_ends_it(void **state)
{
    struct run run = {.status = -1};
    (void)state;
    assert_int_equal(loop_new(&run.loop), MR_OK);
    assert_int_equal(start(&run, "sleep 1000", ""), MR_OK);
    child_free(run.child);
    child_free(NULL);
    assert_int_equal(run.status, -1);
    loop_free(run.loop);
}

/* In a process of its own: starts a program, tells its id, and is killed. */
static void start_and_die(int tell)
{
    struct run run = {.status = -1};
    if (loop_new(&run.loop) || start(&run, "echo $$; exec sleep 1000", ""))
        _exit(1);
    while (!strchr(run.out, '\n'))
        loop_turn(run.loop, 1000);
    if (write(tell, run.out, strlen(run.out)) < 0)
        _exit(1);
    kill(getpid(), SIGKILL);
}

static void it_does_not_outlive_who_started_it(void **state)
{
    char text[64] = "";
    int told[2], status;
    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0); /* what loses its parent becomes ours */
    assert_int_equal(pipe(told), 0);
    pid_t pid = fork();
    if (pid == 0)
        start_and_die(told[1]);
    close(told[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_true(read(told[0], text, sizeof text - 1) > 0);
    close(told[0]);
    pid_t orphan = (pid_t)strtol(text, NULL, 10);
    assert_int_equal(waitpid(orphan, &status, 0), orphan);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void a_program_that_is_not_there_is_not_found(void **state)
{
    struct run run = {.status = -1};
    struct err err = {{0}};
    char none[] = "/nowhere/program";
    char *const argv[] = {none, NULL};
    (void)state;
    assert_int_equal(loop_new(&run.loop), MR_OK);
    assert_int_equal(child_new(run.loop, argv, NULL, 0, &events, &run, &run.child, &err), MR_NOT_FOUND);
    assert_non_null(strstr(err.text, "/nowhere/program"));
    loop_free(run.loop);
}

static void every_failed_allocation_is_a_result(void **state)
{
    struct run run = {.status = -1};
    size_t before = mem_outstanding();
    (void)state;
    assert_int_equal(loop_new(&run.loop), MR_OK);
    for (unsigned n = 1;; n++) {
        mem_fail_at(n);
        enum mr_rc rc = start(&run, "true", "");
        if (!mem_fail_off()) {
            assert_int_equal(rc, MR_OK);
            break;
        }
        assert_int_equal(rc, MR_NO_MEMORY);
    }
    loop_run(run.loop);
    loop_free(run.loop);
    assert_int_equal(mem_outstanding(), before);
}

static void a_program_of_ours_is_found_beside_this_one(void **state)
{
    char path[4096];
    (void)state;
    child_find_program("unit_cli_child", path, sizeof path);
    assert_int_equal(path[0], '/');
    child_find_program("no-such-program", path, sizeof path);
    assert_string_equal(path, "no-such-program");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(input_output_and_end_are_told),
        cmocka_unit_test(a_signal_reaches_it_and_what_it_started),
        cmocka_unit_test(freeing_ends_it),
        cmocka_unit_test(it_does_not_outlive_who_started_it),
        cmocka_unit_test(a_program_that_is_not_there_is_not_found),
        cmocka_unit_test(every_failed_allocation_is_a_result),
        cmocka_unit_test(a_program_of_ours_is_found_beside_this_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
