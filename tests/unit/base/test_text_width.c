/* test_text_width.c - columns of a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/text_width.h"

static size_t width(const char *text)
{
    return text_width(text, strlen(text));
}

static void characters_have_their_width(void **state)
{
    (void)state;
    assert_int_equal(text_width_of('a'), 1);
    assert_int_equal(text_width_of('~'), 1);
    assert_int_equal(text_width_of(0), 0);
    assert_int_equal(text_width_of(0x1b), 0);
    assert_int_equal(text_width_of(0x7f), 0);
    assert_int_equal(text_width_of(0xad), 1);   /* soft hyphen */
    assert_int_equal(text_width_of(0xb0), 1);   /* degree sign */
    assert_int_equal(text_width_of(0x301), 0);  /* combining acute */
    assert_int_equal(text_width_of(0x200b), 0); /* zero width space */
    assert_int_equal(text_width_of(0x200d), 0); /* zero width joiner */
    assert_int_equal(text_width_of(0x1160), 0); /* Hangul vowel filler */
    assert_int_equal(text_width_of(0x4e00), 2); /* ideographs, first and last, and of the next plane */
    assert_int_equal(text_width_of(0x9fff), 2);
    assert_int_equal(text_width_of(0x2a6df), 2);
    assert_int_equal(text_width_of(0xac00), 2);  /* Hangul */
    assert_int_equal(text_width_of(0xff01), 2);  /* fullwidth */
    assert_int_equal(text_width_of(0xff61), 1);  /* halfwidth */
    assert_int_equal(text_width_of(0x1f600), 2); /* emoji */
    assert_int_equal(text_width_of(0x10ffff), 1);
}

static void text_is_the_sum_of_its_characters(void **state)
{
    (void)state;
    assert_int_equal(width(""), 0);
    assert_int_equal(width("48.2 \xc2\xb0"
                           "C"),
                     7);
    assert_int_equal(width("e\xcc\x81"), 1);
    assert_int_equal(width("\xe6\xb2\xb9\xe6\xb8\xa9"), 4);
    assert_int_equal(width("\xff\xfe"), 2);
}

static void a_cut_leaves_characters_whole(void **state)
{
    (void)state;
    const char *oil = "\xe6\xb2\xb9\xe6\xb8\xa9"; /* two characters of two columns */
    assert_int_equal(text_width_cut(oil, 6, 4), 6);
    assert_int_equal(text_width_cut(oil, 6, 3), 3);
    assert_int_equal(text_width_cut(oil, 6, 1), 0);
    assert_int_equal(text_width_cut("e\xcc\x81x", 4, 1), 3); /* the mark stays with its letter */
    assert_int_equal(text_width_cut("", 0, 5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_have_their_width),
        cmocka_unit_test(text_is_the_sum_of_its_characters),
        cmocka_unit_test(a_cut_leaves_characters_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
