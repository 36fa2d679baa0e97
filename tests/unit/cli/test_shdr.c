/* test_shdr.c - lines of MTConnect's adapter protocol into fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_time.h"
#include "cli/shdr.h"

static struct shdr_line line;
static char *copy;

static enum mr_rc parse(const char *text, struct err *err)
{
    free(copy);
    copy = strdup(text);
    return shdr_parse(copy, strlen(text), &line, err);
}

/* Kind, time and fields of a line, or the error. */
static const char *shown(const char *text)
{
    static char out[1024];
    char time[TEXT_TIME_SIZE];
    struct err err = {{0}};
    enum mr_rc rc = parse(text, &err);
    if (rc) {
        snprintf(out, sizeof out, "%d %s", rc, err.text);
        return out;
    }
    text_format_time(time, line.time_us);
    size_t used = (size_t)snprintf(out, sizeof out, "%d %s ", line.kind, time);
    for (size_t i = 0; i < line.n; i++) {
        assert_int_equal(strlen(line.fields[i].text), line.fields[i].len);
        used += (size_t)snprintf(out + used, sizeof out - used, "<%s>", line.fields[i].text);
    }
    return out;
}

static void data_lines_have_a_time_and_fields(void **state)
{
    (void)state;
    assert_string_equal(shown("2026-03-01T12:00:00.1234567Z|x|1|y|2"), "2 2026-03-01T12:00:00.123456Z <x><1><y><2>");
    assert_string_equal(shown("2026-03-01T12:00:00Z|x|"), "2 2026-03-01T12:00:00.000000Z <x><>");
    assert_string_equal(shown("2026-03-01T12:00:00Z|c|FAULT|7|HIGH||too hot"),
                        "2 2026-03-01T12:00:00.000000Z <c><FAULT><7><HIGH><><too hot>");
}

static void times_may_miss_their_zone_or_have_a_duration_or_miss(void **state)
{
    (void)state;
    assert_string_equal(shown("2026-03-01T12:00:00|x|1"), "2 2026-03-01T12:00:00.000000Z <x><1>");
    assert_string_equal(shown("2026-03-01T12:00:00.5Z@100|x|1"), "2 2026-03-01T12:00:00.500000Z <x><1>");
    assert_string_equal(shown("|x|1"), "2 - <x><1>");
    assert_int_equal(line.time_us, MR_NO_TIME);
    assert_string_equal(shown("yesterday|x|1"), "20 'yesterday' is no timestamp");
    assert_string_equal(shown("2026-03-01T12:00:00.00000000000000000000000000000Z|x|1"),
                        "20 '2026-03-01T12:00:00.00000000000000000000' is no timestamp");
}

static void blanks_around_fields_do_not_count(void **state)
{
    (void)state;
    assert_string_equal(shown("2026-03-01T12:00:00Z | x | 1 2 \t| y|  "),
                        "2 2026-03-01T12:00:00.000000Z <x><1 2><y><>");
}

static void quotes_hold_pipes(void **state)
{
    (void)state;
    assert_string_equal(shown("2026-03-01T12:00:00Z|m|\"a\\|b\"|n|1"), "2 2026-03-01T12:00:00.000000Z <m><a|b><n><1>");
    assert_string_equal(shown("2026-03-01T12:00:00Z|m|\" a \" |n|1"), "2 2026-03-01T12:00:00.000000Z <m>< a ><n><1>");
    assert_string_equal(shown("2026-03-01T12:00:00Z|m|\"\""), "2 2026-03-01T12:00:00.000000Z <m><>");
}

static void a_quote_that_is_not_closed_is_a_character(void **state)
{
    (void)state;
    assert_string_equal(shown("2026-03-01T12:00:00Z|m|\"a|b"), "2 2026-03-01T12:00:00.000000Z <m><\"a><b>");
    assert_string_equal(shown("2026-03-01T12:00:00Z|m|\"a\"b|c"), "2 2026-03-01T12:00:00.000000Z <m><\"a\"b><c>");
    assert_string_equal(shown("2026-03-01T12:00:00Z|m|\"a\\"), "2 2026-03-01T12:00:00.000000Z <m><\"a\\>");
}

static void empty_lines_and_commands_hold_nothing(void **state)
{
    (void)state;
    assert_string_equal(shown(""), "0 - ");
    assert_string_equal(shown(" \t"), "0 - ");
    assert_string_equal(shown("* PONG 10000"), "1 - ");
    assert_string_equal(shown("*shdrVersion: 2.0|x"), "1 - ");
}

static void assets_come_in_one_line_or_many(void **state)
{
    struct err err;
    (void)state;
    assert_string_equal(shown("2026-03-01T12:00:00Z|@ASSET@|t1|Tool|<T/>"),
                        "3 2026-03-01T12:00:00.000000Z <t1><Tool><<T/>>");
    assert_null(shdr_end_of_asset(&line));
    assert_int_equal(parse("2026-03-01T12:00:00Z|@ASSET@|t1|Tool|--multiline--XYZ", &err), MR_OK);
    assert_string_equal(shdr_end_of_asset(&line), "--multiline--XYZ");
    assert_string_equal(shown("2026-03-01T12:00:00Z|@REMOVE_ASSET@|t1"), "4 2026-03-01T12:00:00.000000Z <t1>");
    assert_null(shdr_end_of_asset(&line));
    assert_string_equal(shown("2026-03-01T12:00:00Z|@REMOVE_ALL_ASSETS@|Tool"), "5 2026-03-01T12:00:00.000000Z <Tool>");
    assert_string_equal(shown("2026-03-01T12:00:00Z|@REMOVE_ALL_ASSETS@"), "5 2026-03-01T12:00:00.000000Z ");
    assert_string_equal(shown("2026-03-01T12:00:00Z|@OTHER@|x"), "6 2026-03-01T12:00:00.000000Z <x>");
}

static void lines_without_what_they_need_are_refused(void **state)
{
    (void)state;
    assert_string_equal(shown("2026-03-01T12:00:00Z"), "20 nothing stands behind the timestamp");
    assert_string_equal(shown("2026-03-01T12:00:00Z|@ASSET@|t1|Tool"), "20 @ASSET@ needs 3 fields behind it");
    assert_string_equal(shown("2026-03-01T12:00:00Z|@REMOVE_ASSET@"), "20 @REMOVE_ASSET@ needs 1 fields behind it");
}

static void fields_are_counted_up_to_the_limit(void **state)
{
    struct err err;
    char text[SHDR_FIELDS_MAX + 8];
    (void)state;
    memset(text, '|', sizeof text);
    assert_int_equal(shdr_parse(text, SHDR_FIELDS_MAX - 1, &line, &err), MR_OK);
    assert_int_equal(line.n, SHDR_FIELDS_MAX - 1);
    memset(text, '|', sizeof text);
    assert_int_equal(shdr_parse(text, SHDR_FIELDS_MAX, &line, &err), MR_TOO_BIG);
    free(copy);
    copy = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_lines_have_a_time_and_fields),
        cmocka_unit_test(times_may_miss_their_zone_or_have_a_duration_or_miss),
        cmocka_unit_test(blanks_around_fields_do_not_count),
        cmocka_unit_test(quotes_hold_pipes),
        cmocka_unit_test(a_quote_that_is_not_closed_is_a_character),
        cmocka_unit_test(empty_lines_and_commands_hold_nothing),
        cmocka_unit_test(assets_come_in_one_line_or_many),
        cmocka_unit_test(lines_without_what_they_need_are_refused),
        cmocka_unit_test(fields_are_counted_up_to_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
