/* test_help.c - help, reference and completion say all that the table has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cli/help.h"
#include "tests/unit/cli/captured.h"

static void expect(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("'%s' is missing in: %s", words, text);
}

static void every_command_is_complete(void **state)
{
    size_t n;
    const struct command *all = commands_all(&n);
    (void)state;
    assert_int_equal(n, 12);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(commands_find(all[i].name), &all[i]);
        assert_non_null(all[i].run);
        assert_non_null(all[i].arguments);
        assert_in_range(strlen(all[i].help), 10, 80);
        assert_true(all[i].min_words <= all[i].max_words);
        for (const struct opt *o = all[i].opts; o && o->name; o++) {
            assert_ptr_equal(command_find_opt(&all[i], o->name, strlen(o->name)), o);
            assert_true((o->kind == OPT_FLAG) == (o->value == NULL));
            assert_in_range(strlen(o->help), 5, 80);
            assert_true(o->at < sizeof(struct args));
        }
    }
    assert_null(commands_find("nothing"));
}

static void help_names_every_command_and_exit_code(void **state)
{
    struct captured c;
    size_t n;
    const struct command *all = commands_all(&n);
    (void)state;
    captured_begin(&c);
    help_print(c.out);
    const char *text = captured_end(&c);
    for (size_t i = 0; i < n; i++)
        expect(text, all[i].help);
    expect(text, "\n  3    nothing found");
    expect(text, "\n  130  ended by a signal");
    captured_free(&c);
}

static void help_of_a_command_has_its_options_and_defaults(void **state)
{
    struct captured c;
    (void)state;
    captured_begin(&c);
    help_print_command(c.out, commands_find("get"));
    const char *text = captured_end(&c);
    expect(text, "millrace get [FILTER...] [option]...");
    expect(text, "--wait TIME");
    expect(text, "(default: 2 s)");
    expect(text, "--context NAME");
    expect(text, "--help");
    captured_free(&c);
    captured_begin(&c);
    help_print_command(c.out, commands_find("version"));
    assert_null(strstr(captured_end(&c), "--context"));
    captured_free(&c);
}

/* Every option of every command, as "--name". */
static void expect_all_options(const char *text)
{
    size_t n;
    const struct command *all = commands_all(&n);
    for (size_t i = 0; i < n; i++) {
        expect(text, all[i].name);
        for (const struct opt *o = all[i].opts; o && o->name; o++) {
            char name[64];
            snprintf(name, sizeof name, "--%s", o->name);
            expect(text, name);
        }
    }
}

static void reference_and_completion_have_every_option(void **state)
{
    static void (*const forms[])(FILE *) = {help_print_markdown, help_print_bash};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct captured c;
        captured_begin(&c);
        forms[i](c.out);
        expect_all_options(captured_end(&c));
        captured_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_complete),
        cmocka_unit_test(help_names_every_command_and_exit_code),
        cmocka_unit_test(help_of_a_command_has_its_options_and_defaults),
        cmocka_unit_test(reference_and_completion_have_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
