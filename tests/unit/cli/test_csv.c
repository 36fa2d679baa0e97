/* test_csv.c - records of CSV files into fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/csv.h"

static struct csv_field fields[CSV_FIELDS_MAX];

/* The fields of text, each in angle brackets, or the error. */
static const char *split(const char *text, char delimiter)
{
    static char out[1024];
    struct err err = {{0}};
    size_t n = 0, used = 0;
    char *copy = strdup(text);
    out[0] = '\0';
    enum mr_rc rc = csv_split(copy, strlen(text), delimiter, fields, &n, &err);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(strlen(fields[i].text), fields[i].len);
        used += (size_t)snprintf(out + used, sizeof out - used, "<%s>", fields[i].text);
    }
    if (rc)
        snprintf(out, sizeof out, "%d %s", rc, err.text);
    free(copy);
    return out;
}

static void plain_fields_are_split_at_the_delimiter(void **state)
{
    (void)state;
    assert_string_equal(split("a,b,,d", ','), "<a><b><><d>");
    assert_string_equal(split("a;b,c;d", ';'), "<a><b,c><d>");
    assert_string_equal(split("a\tb", '\t'), "<a><b>");
    assert_string_equal(split(",", ','), "<><>");
    assert_string_equal(split("", ','), "<>");
    assert_string_equal(split(" a , b ", ','), "< a >< b >");
}

static void quotes_hold_delimiters_quotes_and_line_ends(void **state)
{
    (void)state;
    assert_string_equal(split("\"a,b\",c", ','), "<a,b><c>");
    assert_string_equal(split("\"say \"\"no\"\"\",x", ','), "<say \"no\"><x>");
    assert_string_equal(split("\"two\nlines\"", ','), "<two\nlines>");
    assert_string_equal(split("\"\",\"\"", ','), "<><>");
    assert_string_equal(split("\"\"\"\"", ','), "<\">");
}

static void a_quote_inside_a_plain_field_is_a_character(void **state)
{
    (void)state;
    assert_string_equal(split("5\" pipe,x", ','), "<5\" pipe><x>");
    assert_true(csv_is_whole("5\" pipe,x", 10, ','));
}

static void what_stands_behind_a_closing_quote_is_refused(void **state)
{
    (void)state;
    assert_string_equal(split("x,\"a\"b,c", ','), "20 field 2 goes on behind its closing quote");
    assert_string_equal(split("\"a\" ,c", ','), "20 field 1 goes on behind its closing quote");
}

static void an_open_quote_asks_for_more_and_is_refused_at_the_end(void **state)
{
    static const char *const open[] = {"\"", "a,\"b", "\"a\"\"", "x,\"\"\"", "\"a,b\nc"};
    (void)state;
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        assert_false(csv_is_whole(open[i], strlen(open[i]), ','));
        assert_non_null(strstr(split(open[i], ','), "20 the quote of field"));
    }
    assert_true(csv_is_whole("", 0, ','));
    assert_true(csv_is_whole("\"\"", 2, ','));
    assert_true(csv_is_whole("\"a\"b,\"", 4, ','));
}

static void fields_are_counted_up_to_the_limit(void **state)
{
    struct err err;
    size_t n = 0;
    char *text = malloc(CSV_FIELDS_MAX + 1);
    (void)state;
    memset(text, ',', CSV_FIELDS_MAX);
    assert_int_equal(csv_split(text, CSV_FIELDS_MAX - 1, ',', fields, &n, &err), MR_OK);
    assert_int_equal(n, CSV_FIELDS_MAX);
    memset(text, ',', CSV_FIELDS_MAX);
    assert_int_equal(csv_split(text, CSV_FIELDS_MAX, ',', fields, &n, &err), MR_TOO_BIG);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_fields_are_split_at_the_delimiter),
        cmocka_unit_test(quotes_hold_delimiters_quotes_and_line_ends),
        cmocka_unit_test(a_quote_inside_a_plain_field_is_a_character),
        cmocka_unit_test(what_stands_behind_a_closing_quote_is_refused),
        cmocka_unit_test(an_open_quote_asks_for_more_and_is_refused_at_the_end),
        cmocka_unit_test(fields_are_counted_up_to_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
