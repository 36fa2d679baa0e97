/* test_text.c - UTF-8, escaping, hex, nearest words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <string.h>

#include "base/text.h"

static bool is_utf8(const char *text)
{
    return text_is_utf8(text, strlen(text));
}

static void well_formed_text_is_utf8(void **state)
{
    (void)state;
    assert_true(text_is_utf8("", 0));
    assert_true(text_is_utf8("a\0b", 3));
    assert_true(is_utf8("oil"));
    assert_true(is_utf8("\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"));
}

static void what_rfc_3629_forbids_is_not(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc3",
                                      "\xc3(",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xe2\x82",
                                      "\xe2(\xa1",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xfe",
                                      "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(is_utf8(bad[i]));
}

static void decode_never_reads_beyond_the_length(void **state)
{
    (void)state;
    uint32_t code_point = 7;
    assert_int_equal(text_decode("\xe2\x82\xac", 3, &code_point), 3);
    assert_int_equal(code_point, 0x20ac);
    assert_int_equal(text_decode("\xe2\x82\xac", 2, &code_point), 0);
    assert_int_equal(code_point, 0x20ac);
}

static void control_characters_are_shown_not_sent(void **state)
{
    (void)state;
    char out[128];
    const char text[] = "a\tb\nc\rd\x1b[1m\x7f\xc2\x85\xe2\x80\xae\xff\\\xc3\xa9\0z";
    size_t len = text_escape(out, sizeof out, text, sizeof text - 1);
    assert_string_equal(out, "a\\tb\\nc\\rd\\u{1B}[1m\\u{7F}\\u{85}\\u{202E}\\xFF\\\xc3\xa9\\u{0}z");
    assert_int_equal(len, strlen(out));
    char again[128];
    text_escape(again, sizeof again, out, len);
    assert_string_equal(again, out);
}

static void plain_text_has_neither_control_characters_nor_broken_ones(void **state)
{
    (void)state;
    assert_true(text_is_plain("", 0));
    assert_true(text_is_plain("20 \xc2\xb0", 5));
    assert_false(text_is_plain("48\n", 3));
    assert_false(text_is_plain("a\0", 2));
    assert_false(text_is_plain("\xe2\x80\xae", 3));
    assert_false(text_is_plain("ok\xff", 3));
}

static void what_does_not_fit_is_cut_between_characters(void **state)
{
    (void)state;
    char out[6];
    assert_int_equal(text_escape(out, 6, "abcdef", 6), 5);
    assert_int_equal(text_escape(out, 6, "abcd\xc3\xa9", 6), 4);
    assert_int_equal(text_escape(out, 6, "abc\xc3\xa9", 5), 5);
    assert_int_equal(text_escape(out, 6, "abcd\n", 5), 4);
    assert_string_equal(out, "abcd");
    assert_int_equal(text_escape(out, 1, "a", 1), 0);
    assert_string_equal(out, "");
}

static void hex_goes_there_and_back(void **state)
{
    (void)state;
    char text[9];
    uint8_t bytes[4] = {0};
    text_hex(text, "\x00\x9f\xa0\xff", 4);
    assert_string_equal(text, "009fa0ff");
    assert_int_equal(text_unhex("009FA0ff", 8, bytes, 4), MR_OK);
    assert_memory_equal(bytes, "\x00\x9f\xa0\xff", 4);
    assert_int_equal(text_unhex("", 0, bytes, 0), MR_OK);
}

static void hex_of_another_form_is_refused_and_writes_nothing(void **state)
{
    (void)state;
    uint8_t bytes[2] = {1, 2};
    assert_int_equal(text_unhex("ffffff", 6, bytes, 2), MR_INVALID);
    assert_int_equal(text_unhex("fff", 3, bytes, 2), MR_INVALID);
    assert_int_equal(text_unhex("fffff", 5, bytes, 2), MR_INVALID);
    assert_int_equal(text_unhex("fffg", 4, bytes, 2), MR_INVALID);
    assert_int_equal(text_unhex("ff f", 4, bytes, 2), MR_INVALID);
    assert_memory_equal(bytes, "\1\2", 2);
}

static void distance_counts_edits_and_swaps(void **state)
{
    (void)state;
    assert_int_equal(text_distance("", ""), 0);
    assert_int_equal(text_distance("spool", "spool"), 0);
    assert_int_equal(text_distance("spool", ""), 5);
    assert_int_equal(text_distance("", "spool"), 5);
    assert_int_equal(text_distance("brokers", "broker"), 1);
    assert_int_equal(text_distance("borkers", "brokers"), 1);
    assert_int_equal(text_distance("kitten", "sitting"), 3);
    assert_int_equal(text_distance("ca", "abc"), 3);
}

static void words_up_to_64_bytes_are_compared(void **state)
{
    (void)state;
    char word[66];
    memset(word, 'a', sizeof word);
    word[64] = '\0';
    assert_int_equal(text_distance(word, word), 0);
    word[64] = 'a';
    word[65] = '\0';
    assert_int_equal(text_distance(word, "a"), UINT_MAX);
    assert_int_equal(text_distance("a", word), UINT_MAX);
    assert_null(text_nearest("a", (const char *const[]){word}, 1));
}

static void the_nearest_word_is_a_guess_worth_making(void **state)
{
    (void)state;
    static const char *const keys[] = {"name", "brokers", "spool", "include", "age"};
    assert_string_equal(text_nearest("borker", keys, 5), "brokers");
    assert_string_equal(text_nearest("nmae", keys, 5), "name");
    assert_string_equal(text_nearest("spol", keys, 5), "spool");
    assert_null(text_nearest("colour", keys, 5));
    assert_null(text_nearest("", keys, 5));
    assert_null(text_nearest("name", keys, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_text_is_utf8),
        cmocka_unit_test(what_rfc_3629_forbids_is_not),
        cmocka_unit_test(decode_never_reads_beyond_the_length),
        cmocka_unit_test(control_characters_are_shown_not_sent),
        cmocka_unit_test(plain_text_has_neither_control_characters_nor_broken_ones),
        cmocka_unit_test(what_does_not_fit_is_cut_between_characters),
        cmocka_unit_test(hex_goes_there_and_back),
        cmocka_unit_test(hex_of_another_form_is_refused_and_writes_nothing),
        cmocka_unit_test(distance_counts_edits_and_swaps),
        cmocka_unit_test(words_up_to_64_bytes_are_compared),
        cmocka_unit_test(the_nearest_word_is_a_guess_worth_making),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
