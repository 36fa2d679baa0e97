/* test_err.c - reasons: set, wrapped, escaped, cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/err.h"

static void wrapping_puts_the_context_in_front(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, "no space left on %s", "sda");
    err_wrap(&err, "spool %s", "/var/lib");
    assert_string_equal(err.text, "spool /var/lib: no space left on sda");
}

static void nobody_who_cares_is_fine(void **state)
{
    (void)state;
    err_set(NULL, "%s", "x");
    err_wrap(NULL, "%s", "x");
}

static void the_old_text_can_be_an_argument_of_the_new(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, "inner");
    err_set(&err, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
}

static void control_characters_of_a_peer_are_escaped_once(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, "bad name '%s'", "a\x1b[31m\n\xff");
    assert_string_equal(err.text, "bad name 'a\\u{1B}[31m\\n\\xFF'");
    err_wrap(&err, "line\t%d", 1);
    assert_string_equal(err.text, "line\\t1: bad name 'a\\u{1B}[31m\\n\\xFF'");
}

static void what_does_not_fit_is_cut_between_characters(void **state)
{
    (void)state;
    char longer[2000];
    for (size_t i = 0; i + 1 < sizeof longer; i += 2)
        memcpy(longer + i, "\xc3\xa9", 2);
    longer[sizeof longer - 2] = '\0';
    struct err err;
    err_set(&err, "%s", longer);
    assert_int_equal(strlen(err.text), 510);
    err_wrap(&err, "%s", longer);
    assert_int_equal(strlen(err.text), 511); /* 510, and the colon fits no more: one byte of ": " is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrapping_puts_the_context_in_front),
        cmocka_unit_test(nobody_who_cares_is_fine),
        cmocka_unit_test(the_old_text_can_be_an_argument_of_the_new),
        cmocka_unit_test(control_characters_of_a_peer_are_escaped_once),
        cmocka_unit_test(what_does_not_fit_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
