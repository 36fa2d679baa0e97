/* test_rc.c - result codes: texts and classes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rc.h"

static void every_code_has_a_text_of_its_own(void **state)
{
    (void)state;
    static const enum mr_rc codes[] = {
#define X(code, text, class) code,
        RC_LIST(X)
#undef X
    };
    const size_t n = sizeof codes / sizeof codes[0];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(rc_text(codes[i]), rc_text(codes[j]));
}

static void the_class_follows_the_ranges_of_the_public_header(void **state)
{
    (void)state;
#define X(code, text, class)                                                                                           \
    assert_int_equal(rc_class_of(code), (code) == MR_OK ? RC_DONE                                                      \
                                        : (code) < 20   ? RC_RETRY                                                     \
                                        : (code) < 40   ? RC_CALLER                                                    \
                                        : (code) < 60   ? RC_UNSURE                                                    \
                                                        : RC_FINISHED);
    RC_LIST(X)
#undef X
}

static void a_code_that_is_not_listed_is_unsure_and_has_a_text(void **state)
{
    (void)state;
    assert_int_equal(rc_class_of((enum mr_rc)39), RC_UNSURE);
    assert_string_equal(rc_text((enum mr_rc)39), "unlisted result code");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_text_of_its_own),
        cmocka_unit_test(the_class_follows_the_ranges_of_the_public_header),
        cmocka_unit_test(a_code_that_is_not_listed_is_unsure_and_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
