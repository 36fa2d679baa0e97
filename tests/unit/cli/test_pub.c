/* test_pub.c - millrace pub --file: what cannot be sent is told before anything is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/command.h"
#include "proto/limits.h"
#include "tests/unit/cli/captured.h"
#include "tests/unit/cli/files.h"

struct call {
    struct args args;
    int code;
};

static void run(void *user)
{
    struct call *call = user;
    call->code = cmd_pub(&call->args);
}

/* Nobody listens on the socket: who gets that far says so. */
static void expect(const char *file, bool keep, const char *words)
{
    char topic[] = "a/file";
    char *const topics[] = {topic};
    struct call call = {.args = {.words = topics,
                                 .n_words = 1,
                                 .command = commands_find("pub"),
                                 .file = file,
                                 .quality = "Good",
                                 .socket = "/nonexistent/agent.sock",
                                 .keep = keep}};
    char *text = captured_stderr(run, &call);
    if (!strstr(text, words))
        fail_msg("'%s' is missing in: %s", words, text);
    assert_int_equal(call.code, EXIT_FAILED);
    free(text);
}

static void a_file_that_cannot_be_read_is_a_failure_in_words(void **state)
{
    char below[256];
    (void)state;
    expect("/tmp", false, "/tmp: it is a folder");
    expect(files_missing(), false, "not found: ");
    snprintf(below, sizeof below, "%s/x", files_write_text("plain", "1"));
    expect(below, false, "Not a directory");
}

static void what_is_kept_is_as_long_as_a_record_takes_and_no_longer(void **state)
{
    char *data = mem_calloc(1, VALUE_MAX_BYTES + 1);
    (void)state;
    assert_non_null(data);
    expect(files_write("most", data, VALUE_MAX_BYTES), true, "/nonexistent/agent.sock");
    const char *above = files_write("above", data, VALUE_MAX_BYTES + 1);
    expect(above, true, "has 65537 bytes: with --keep at most 65536");
    expect(above, false, "/nonexistent/agent.sock");
    mem_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_cannot_be_read_is_a_failure_in_words),
        cmocka_unit_test(what_is_kept_is_as_long_as_a_record_takes_and_no_longer),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
