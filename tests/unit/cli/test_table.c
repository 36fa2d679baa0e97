/* test_table.c - rows in columns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "cli/table.h"
#include "tests/unit/cli/captured.h"

static const char *const titles[] = {"NAME", "VALUE"};

static void print(const struct table *table, struct terminal terminal, const char *expected)
{
    struct captured c;
    captured_begin(&c);
    terminal.out = c.out;
    table_print(table, &terminal);
    assert_string_equal(captured_end(&c), expected);
    captured_free(&c);
}

static struct table *table_of(const char *const rows[][2], size_t n)
{
    struct table *table;
    assert_int_equal(table_new(titles, 2, &table), MR_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(table_add(table, COLOUR_NONE, rows[i]), MR_OK);
    return table;
}

static void columns_are_as_wide_as_what_is_shown(void **state)
{
    static const char *const rows[][2] = {{"温度", "1"}, {"oil", "2"}, {"pressure", NULL}};
    (void)state;
    struct table *table = table_of(rows, 3);
    assert_int_equal(table_count(table), 3);
    print(table, (struct terminal){0}, "NAME      VALUE\n温度      1\noil       2\npressure\n");
    table_free(table);
}

static void a_table_without_rows_is_its_titles(void **state)
{
    (void)state;
    struct table *table = table_of(NULL, 0);
    print(table, (struct terminal){0}, "NAME  VALUE\n");
    table_free(table);
    table_free(NULL);
}

static void control_characters_never_reach_the_terminal(void **state)
{
    static const char *const rows[][2] = {{"a\033[31m", "x\ny"}};
    (void)state;
    struct table *table = table_of(rows, 1);
    print(table, (struct terminal){0}, "NAME         VALUE\na\\u{1B}[31m  x\\ny\n");
    table_free(table);
}

static void a_narrow_terminal_cuts_the_widest_column(void **state)
{
    static const char *const rows[][2] = {{"温度温度温度温度温度", "1"}, {"short", "2"}};
    (void)state;
    struct table *table = table_of(rows, 2);
    print(table, (struct terminal){.columns = 20}, "NAME           VALUE\n温度温度温度…  1\nshort          2\n");
    print(table, (struct terminal){.columns = 3}, "NAME          VALUE\n温度温度温…   1\nshort         2\n");
    table_free(table);
}

static void colours_end_where_the_row_ends(void **state)
{
    static const char *const cells[] = {"a", "b"};
    struct table *table;
    (void)state;
    assert_int_equal(table_new(titles, 2, &table), MR_OK);
    assert_int_equal(table_add(table, COLOUR_RED, cells), MR_OK);
    print(table, (struct terminal){.has_colours = true}, "\033[1mNAME  VALUE\033[0m\n\033[31ma     b\033[0m\n");
    table_free(table);
}

static void every_failed_allocation_leaves_the_table_as_it_was(void **state)
{
    static const char *const cells[] = {"a", "b"};
    struct table *table;
    size_t before = mem_outstanding();
    (void)state;
    mem_fail_at(1);
    assert_int_equal(table_new(titles, 2, &table), MR_NO_MEMORY);
    mem_fail_off();
    assert_int_equal(table_new(titles, 2, &table), MR_OK);
    for (unsigned n = 1;; n++) {
        mem_fail_at(n);
        enum mr_rc rc = table_add(table, COLOUR_NONE, cells);
        if (!mem_fail_off()) {
            assert_int_equal(rc, MR_OK);
            break;
        }
        assert_int_equal(rc, MR_NO_MEMORY);
        assert_int_equal(table_count(table), 0);
    }
    print(table, (struct terminal){0}, "NAME  VALUE\na     b\n");
    table_free(table);
    assert_int_equal(mem_outstanding(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_what_is_shown),
        cmocka_unit_test(a_table_without_rows_is_its_titles),
        cmocka_unit_test(control_characters_never_reach_the_terminal),
        cmocka_unit_test(a_narrow_terminal_cuts_the_widest_column),
        cmocka_unit_test(colours_end_where_the_row_ends),
        cmocka_unit_test(every_failed_allocation_leaves_the_table_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
