/* test_report.c - errors on stderr and the exit codes for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "cli/cli.h"
#include "cli/command.h"
#include "cli/report.h"
#include "tests/unit/cli/captured.h"

struct told {
    const char *where, *words;
    enum mr_rc rc;
    int code;
};

static void fail_with(void *user)
{
    struct told *told = user;
    told->code = report_failure(told->where, told->rc, "%s", told->words);
}

static void expect(struct told told, int code, const char *line)
{
    char *text = captured_stderr(fail_with, &told);
    assert_string_equal(text, line);
    assert_int_equal(told.code, code);
    free(text);
}

static void an_error_has_class_reason_and_way(void **state)
{
    (void)state;
    expect((struct told){"socket /x", "'a' is not yours", MR_DENIED, 0}, EXIT_FAILED,
           "millrace: denied: 'a' is not yours (socket /x)\n");
    expect((struct told){"", "", MR_NO_MEMORY, 0}, EXIT_FAILED, "millrace: out of memory\n");
    expect((struct told){"", "two\nlines\033", MR_INVALID, 0}, EXIT_FAILED,
           "millrace: not valid: two\\nlines\\u{1B}\n");
}

static void fail_locally(void *user)
{
    struct told *told = user;
    struct err err = {{0}};
    err_set(&err, "%s", told->words);
    told->code = report_local(told->rc, &err);
}

static void what_is_missing_on_this_machine_is_a_plain_failure(void **state)
{
    struct told told = {"", "x: there is none", MR_NOT_FOUND, 0};
    char *text = captured_stderr(fail_locally, &told);
    (void)state;
    assert_string_equal(text, "millrace: not found: x: there is none\n");
    assert_int_equal(told.code, EXIT_FAILED);
    free(text);
}

static void a_reason_that_names_its_class_is_not_said_twice(void **state)
{
    (void)state;
    expect((struct told){"", "denied: 'a'", MR_DENIED, 0}, EXIT_FAILED, "millrace: denied: 'a'\n");
}

static void exit_codes_follow_the_result(void **state)
{
    (void)state;
    assert_int_equal(report_exit(MR_OK), EXIT_DONE);
    assert_int_equal(report_exit(MR_NOT_FOUND), EXIT_NOTHING);
    assert_int_equal(report_exit(MR_NO_RESPONDER), EXIT_NOTHING);
    assert_int_equal(report_exit(MR_TIMEOUT), EXIT_TIMEOUT);
    assert_int_equal(report_exit(MR_DENIED), EXIT_FAILED);
    assert_int_equal(report_exit(MR_UNKNOWN), EXIT_FAILED);
#define HAS_WORD(code, text, class) assert_non_null(report_word(code));
    RC_LIST(HAS_WORD)
#undef HAS_WORD
}

static void run_wrongly(void *user)
{
    char program[] = "millrace", command[] = "pub", topic[] = "a//b", value[] = "1";
    char *argv[] = {program, command, topic, value, NULL};
    *(int *)user = cli_main(4, argv);
}

static void wrong_use_is_told_with_where_to_read_on(void **state)
{
    int code = 0;
    (void)state;
    char *text = captured_stderr(run_wrongly, &code);
    assert_string_equal(text, "millrace: 'a//b' has an empty level\nSee: millrace help pub\n");
    assert_int_equal(code, EXIT_USAGE);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_has_class_reason_and_way),
        cmocka_unit_test(what_is_missing_on_this_machine_is_a_plain_failure),
        cmocka_unit_test(a_reason_that_names_its_class_is_not_said_twice),
        cmocka_unit_test(exit_codes_follow_the_result),
        cmocka_unit_test(wrong_use_is_told_with_where_to_read_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
