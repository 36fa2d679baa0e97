/* test_options.c - command lines, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/options.h"

enum { WORDS_MAX = 300 };

/* A command line, split at blanks. */
struct line {
    char text[256];
    char *argv[WORDS_MAX];
    int argc;
    struct args args;
    struct err err;
    enum mr_rc rc;
};

static void parse(struct line *line, const char *text)
{
    char *rest = NULL;
    memset(line, 0, sizeof *line);
    strcpy(line->text, text);
    for (char *word = strtok_r(line->text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        line->argv[line->argc++] = word;
    line->rc = options_parse(line->argc, line->argv, &line->args, &line->err);
}

static void expect_wrong(const char *text, const char *words)
{
    struct line line;
    parse(&line, text);
    assert_int_equal(line.rc, MR_INVALID);
    if (!strstr(line.err.text, words))
        fail_msg("'%s' is missing in: %s", words, line.err.text);
}

static void options_and_arguments_come_in_any_order(void **state)
{
    struct line line;
    (void)state;
    parse(&line, "millrace sub --count 3 a/# --seconds=7 b --raw");
    assert_int_equal(line.rc, MR_OK);
    assert_string_equal(line.args.command->name, "sub");
    assert_int_equal(line.args.count, 3);
    assert_int_equal(line.args.seconds, 7);
    assert_true(line.args.raw);
    assert_int_equal(line.args.n_words, 2);
    assert_string_equal(line.args.words[0], "a/#");
    assert_string_equal(line.args.words[1], "b");
}

static void what_is_not_given_has_its_default(void **state)
{
    struct line line;
    (void)state;
    parse(&line, "millrace get");
    assert_int_equal(line.args.wait_ms, 2000);
    assert_null(line.args.socket);
    assert_false(line.args.json);
    parse(&line, "millrace req a --wait 250ms");
    assert_int_equal(line.args.wait_ms, 250);
    parse(&line, "millrace init");
    assert_string_equal(line.args.out, "millrace");
    assert_null(line.args.path);
}

static void the_way_to_the_bus_may_stand_before_the_command(void **state)
{
    struct line line;
    (void)state;
    parse(&line, "millrace --context plant get --json");
    assert_int_equal(line.rc, MR_OK);
    assert_string_equal(line.args.context, "plant");
    parse(&line, "millrace get --socket=/x");
    assert_string_equal(line.args.socket, "/x");
    expect_wrong("millrace --context plant version", "takes no --context");
    expect_wrong("millrace --context plant get --socket /x", "give one");
    expect_wrong("millrace --json get", "'--json' is no option");
}

static void negative_numbers_and_a_dash_are_arguments(void **state)
{
    static const char *const values[] = {"-5", "-.5", "-inf", "-"};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct line line;
        char text[64] = "millrace pub a ";
        parse(&line, strcat(text, values[i]));
        assert_int_equal(line.rc, MR_OK);
        assert_string_equal(line.args.words[1], values[i]);
    }
}

static void behind_two_dashes_all_is_argument(void **state)
{
    struct line line;
    (void)state;
    parse(&line, "millrace pub a -- --keep");
    assert_int_equal(line.rc, MR_OK);
    assert_false(line.args.keep);
    assert_string_equal(line.args.words[1], "--keep");
}

static void help_and_version_have_short_ways(void **state)
{
    struct line line;
    (void)state;
    parse(&line, "millrace");
    assert_string_equal(line.args.command->name, "help");
    parse(&line, "millrace --version");
    assert_string_equal(line.args.command->name, "version");
    parse(&line, "millrace -h");
    assert_true(line.args.help);
    parse(&line, "millrace pub --help");
    assert_int_equal(line.rc, MR_OK);
    assert_true(line.args.help);
    assert_string_equal(line.args.command->name, "pub");
    memset(&line, 0, sizeof line);
    assert_int_equal(options_parse(0, line.argv, &line.args, &line.err), MR_OK);
    assert_string_equal(line.args.command->name, "help");
}

static void what_is_unknown_names_what_is_near(void **state)
{
    (void)state;
    expect_wrong("millrace gte", "did you mean 'get'?");
    expect_wrong("millrace zzzzzz", "there is no command 'zzzzzz'");
    expect_wrong("millrace get --wiat 1s", "did you mean '--wait'?");
    expect_wrong("millrace get --sokcet=/x", "did you mean '--socket'?");
    expect_wrong("millrace get --frobnicate", "'--frobnicate' is no option");
    expect_wrong("millrace get -x", "'-x' is no option");
    expect_wrong("millrace version --socket /x", "'--socket' is no option");
}

static void values_of_options_are_checked(void **state)
{
    struct line line;
    (void)state;
    expect_wrong("millrace sub a --count 0", "from 1 on");
    expect_wrong("millrace sub a --count x", "from 1 on");
    expect_wrong("millrace init --brokers 0", "--brokers takes a number from 1 on");
    expect_wrong("millrace init --agents 0", "--agents takes a number from 1 on");
    expect_wrong("millrace init --port 0", "--port takes a number from 1 on");
    expect_wrong("millrace sub a --count 4294967290", "from 1 on");
    expect_wrong("millrace sub a --count", "--count needs a N");
    expect_wrong("millrace get --wait 5", "such as '500ms'");
    expect_wrong("millrace get --wait 0", "from 1 ms");
    expect_wrong("millrace get --wait 25d", "from 1 ms to 24 d");
    expect_wrong("millrace get --json=yes", "--json takes no value");
    parse(&line, "millrace get --wait 24d");
    assert_int_equal(line.rc, MR_OK);
    parse(&line, "millrace sub a --count 4294967289");
    assert_int_equal(line.args.count, 4294967289);
}

static void the_number_of_arguments_is_checked(void **state)
{
    struct line line;
    (void)state;
    expect_wrong("millrace sub", "sub needs FILTER...");
    expect_wrong("millrace pub a b c", "'c' is one argument too many");
    expect_wrong("millrace who me", "it takes none");
    parse(&line, "millrace pub");
    assert_string_equal(line.args.command->name, "pub"); /* so that its help can be named */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_arguments_come_in_any_order),
        cmocka_unit_test(what_is_not_given_has_its_default),
        cmocka_unit_test(the_way_to_the_bus_may_stand_before_the_command),
        cmocka_unit_test(negative_numbers_and_a_dash_are_arguments),
        cmocka_unit_test(behind_two_dashes_all_is_argument),
        cmocka_unit_test(help_and_version_have_short_ways),
        cmocka_unit_test(what_is_unknown_names_what_is_near),
        cmocka_unit_test(values_of_options_are_checked),
        cmocka_unit_test(the_number_of_arguments_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
