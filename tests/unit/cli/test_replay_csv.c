/* test_replay_csv.c - CSV files and their mappings as records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/replay.h"
#include "files.h"
#include "records.h"

static enum mr_rc open_texts(const char *csv, const char *map, struct replay_source **ret, struct err *err)
{
    const char *path = files_write_text("data.csv", csv);
    return replay_csv_open(path, files_write_text("map.yaml", map), ret, err);
}

static const char *records(const char *csv, const char *map)
{
    struct replay_source *source = NULL;
    struct err err = {{0}};
    enum mr_rc rc = open_texts(csv, map, &source, &err);
    if (rc)
        fail_msg("%s", err.text);
    return records_of(source);
}

/* Behind the name of the file. */
static const char *refused(const char *csv, const char *map)
{
    static struct err err;
    struct replay_source *source = NULL;
    assert_int_equal(open_texts(csv, map, &source, &err), MR_INVALID);
    const char *slash = strrchr(err.text, '/');
    const char *name = strstr(err.text, "map.yaml:");
    return name ? name : slash ? slash + 1 : err.text;
}

static const char by_column[] = "time: {column: t, format: s}\n"
                                "columns:\n"
                                "  - {column: x, topic: axis/x, unit: mm, description: where it is}\n"
                                "  - {column: n, type: int}\n"
                                "  - {column: on, type: bool}\n"
                                "  - {column: word, type: string}\n"
                                "  - {column: other, skip: true}\n";

static void columns_become_tags_of_their_types(void **state)
{
    (void)state;
    assert_string_equal(
        records("t,x,n,on,word,other,unnamed\r\n1,48.5,-7,true,a b,9,9\r\n2.5, 1e3 ,8,0,,9,9\r\n", by_column),
        "axis/x 48.5 [mm] Good 1970-01-01T00:00:01.000000Z\n"
        "n -7 [] Good 1970-01-01T00:00:01.000000Z\n"
        "on true [] Good 1970-01-01T00:00:01.000000Z\n"
        "word a b [] Good 1970-01-01T00:00:01.000000Z\n"
        "axis/x 1000 [mm] Good 1970-01-01T00:00:02.500000Z\n"
        "n 8 [] Good 1970-01-01T00:00:02.500000Z\n"
        "on false [] Good 1970-01-01T00:00:02.500000Z\n"
        "word  [] Good 1970-01-01T00:00:02.500000Z\n"
        "end 23\n");
    assert_string_equal(records_said(), "");
    assert_int_equal(records_tally().values, 8);
}

static void a_mark_quotes_and_other_delimiters_are_fine(void **state)
{
    (void)state;
    assert_string_equal(records("\xEF\xBB\xBFt;\"w;1\"\n1;\"two\nlines\"\n2;\"a \"\"b\"\"\"\n",
                                "time: {column: t, format: s}\ndelimiter: \";\"\n"
                                "columns: [{column: w;1, type: string, topic: w}]\n"),
                        "w two\\nlines [] Good 1970-01-01T00:00:01.000000Z\n"
                        "w a \"b\" [] Good 1970-01-01T00:00:02.000000Z\n"
                        "end 23\n");
}

static void rows_without_times_follow_each_other_by_the_period(void **state)
{
    (void)state;
    assert_string_equal(records(",x\n0,1\n1,bad,row\n2,3\n\n3,4\n",
                                "time: {row: 100 ms, start: \"2026-03-01T00:00:00Z\"}\n"
                                "columns: [{column: column-1, type: int, topic: n}]\n"
                                "rest: publish\n"),
                        "n 0 [] Good 2026-03-01T00:00:00.000000Z\n"
                        "x 1 [] Good 2026-03-01T00:00:00.000000Z\n"
                        "n 2 [] Good 2026-03-01T00:00:00.200000Z\n"
                        "x 3 [] Good 2026-03-01T00:00:00.200000Z\n"
                        "n 3 [] Good 2026-03-01T00:00:00.300000Z\n"
                        "x 4 [] Good 2026-03-01T00:00:00.300000Z\n"
                        "end 23\n");
    assert_int_equal(records_tally().wrong, 1);
    assert_int_equal(records_tally().ignored, 1);
}

static const char by_rows[] = "time: {row: 1 s, start: \"2026-03-01T00:00:00Z\"}\n"
                              "columns: [{column: x, type: int}]\n";

static void a_quote_that_is_not_closed_says_where_it_opened(void **state)
{
    (void)state;
    assert_string_equal(records("x\n1\n\"2\n3\n4\n", by_rows), "x 1 [] Good 2026-03-01T00:00:00.000000Z\n"
                                                               "end 23\n");
    assert_non_null(strstr(records_said(), "the record that begins in line 3 has a quote that is not closed\n"));
}

static void rows_behind_one_keep_their_times(void **state)
{
    enum { LINES = 1100, LINE_BYTES = 1000 }; /* more than a record may have: it is given up with the last of them */
    size_t len = 0;
    char *text = mem_calloc(LINES + 1, LINE_BYTES);
    (void)state;
    assert_non_null(text);
    len += (size_t)sprintf(text, "x\n1\n\"2\n");
    for (int i = 0; len + LINE_BYTES < (size_t)1024 * 1024 + LINE_BYTES; i++)
        len += (size_t)sprintf(text + len, "%0*d\n", LINE_BYTES - 1, i);
    size_t rows = 2; /* "1", and the one with the quote */
    for (const char *at = strstr(text, "\"2\n") + 3; (at = strchr(at, '\n')); at++)
        rows++;
    strcpy(text + len, "7\n");
    char wanted[256];
    snprintf(wanted, sizeof wanted,
             "x 1 [] Good 2026-03-01T00:00:00.000000Z\n"
             "x 7 [] Good 2026-03-01T00:%02zu:%02zu.000000Z\n"
             "end 23\n",
             rows / 60, rows % 60);
    assert_string_equal(records(text, by_rows), wanted);
    assert_int_equal(records_tally().wrong, 1);
    mem_free(text);
}

static void patterns_name_many_columns_and_a_name_comes_first(void **state)
{
    (void)state;
    assert_string_equal(records("t,X1_Pos,Y1_Pos,Z1_Pos,Z1_Cur,a/b+c#\n1,1,2,3,4,5\n",
                                "time: {column: t, format: s}\nrest: publish\nrest_type: int\n"
                                "columns:\n  - {column: \"*_Pos\", unit: mm}\n  - {column: Y1_Pos, topic: y, unit: m}\n"
                                "  - {column: \"Z?_Cur\", skip: true}\n"),
                        "X1_Pos 1 [mm] Good 1970-01-01T00:00:01.000000Z\n"
                        "y 2 [m] Good 1970-01-01T00:00:01.000000Z\n"
                        "Z1_Pos 3 [mm] Good 1970-01-01T00:00:01.000000Z\n"
                        "a_b_c_ 5 [] Good 1970-01-01T00:00:01.000000Z\n"
                        "end 23\n");
}

static void what_is_wrong_is_told_counted_and_left_out(void **state)
{
    (void)state;
    assert_string_equal(records("t,x,n,on,word,other\n"
                                "noon,1,1,1,w,o\n"
                                "1,much,2,maybe,w,o\n"
                                "2,,,,w,o\n"
                                "3,1\n"
                                "\"4\"x,1,1,1,w,o\n"
                                "5,1,9223372036854775808,1,\"\xff\",o\n"
                                "6,1,1,1,w,\"open\n",
                                by_column),
                        "n 2 [] Good 1970-01-01T00:00:01.000000Z\n"
                        "word w [] Good 1970-01-01T00:00:01.000000Z\n"
                        "word w [] Good 1970-01-01T00:00:02.000000Z\n"
                        "axis/x 1 [mm] Good 1970-01-01T00:00:05.000000Z\n"
                        "on true [] Good 1970-01-01T00:00:05.000000Z\n"
                        "end 23\n");
    assert_int_equal(records_tally().wrong, 8);
    assert_int_equal(records_tally().empty, 3);
    assert_non_null(strstr(records_said(), "data.csv:2: 'noon' is no time of the form given\n"));
    assert_non_null(strstr(records_said(), "data.csv:3: column 'axis/x': "));
    assert_non_null(strstr(records_said(), "data.csv:3: column 'on': 'maybe' is not true, false, 1 or 0\n"));
    assert_non_null(strstr(records_said(), "data.csv:5: 2 fields, the header has 6\n"));
    assert_non_null(strstr(records_said(), "data.csv:6: field 1 goes on behind its closing quote\n"));
    assert_non_null(strstr(records_said(), "data.csv:8: the quote of field 6 is not closed\n"));
}

static void only_the_first_twenty_mistakes_are_told(void **state)
{
    char csv[256] = "t,x\n";
    (void)state;
    for (int i = 0; i < 30; i++)
        strcat(csv, "wrong\n");
    records(csv, "time: {column: t, format: s}\n");
    assert_int_equal(records_tally().wrong, 30);
    assert_non_null(
        strstr(records_said(), "data.csv:21: 1 fields, the header has 2 (what else is wrong is only counted)\n"));
    assert_null(strstr(records_said(), "data.csv:22:"));
}

static void mappings_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        const char *map, *reason;
    } wrong[] = {
        {"time: {column: when}\n", "map.yaml:1: time.column: "},
        {"time: {column: t}\ncolumns: [{column: z}]\n", "map.yaml:2: columns[0].column: "},
        {"time: {column: t}\ncolumns: [{column: x, topic: a//b}]\n",
         "map.yaml:2: columns[0].topic: 'a//b' has an empty level"},
        {"time: {column: t}\ncolumns: [{column: x, topic: ./b}]\n",
         "map.yaml:2: columns[0].topic: './b' is below --to: write it without ./"},
        {"time: {column: t}\ncolumns: [{column: \"*\", topic: b}]\n",
         "map.yaml:2: columns[0].topic: does not go with a pattern: topics are made from the headers"},
        {"time: {column: t}\ncolumns: [{column: x, type: float}]\n",
         "map.yaml:2: columns[0].type: is double, int, bool or string, not 'float'"},
        {"time: {column: t}\nrest: all\n", "map.yaml:2: rest: is publish or skip, not 'all'"},
        {"time: {column: t}\nrest_type: all\n", "map.yaml:2: rest_type: is double, int, bool or string, not 'all'"},
        {"time: {column: t}\ndelimiter: ab\n", "map.yaml:2: delimiter: is one character of ASCII, not 'ab'"},
        {"time: {format: iso}\n",
         "map.yaml:1: time: needs 'column', which holds the times, or 'row', from one to the next"},
        {"time: {column: t, row: 1 s}\n", "map.yaml:1: time: needs 'column'"},
        {"time: {column: t, start: x}\n", "map.yaml:1: time.start: goes with 'row' only: the column says the times"},
        {"time: {column: t, format: odd}\n", "map.yaml:1: time: 'odd' is no format of times"},
        {"time: {column: t, timezone: Nowhere}\n", "map.yaml:1: time: 'Nowhere' is no time zone"},
        {"time: {row: 1 s}\n", "map.yaml:1: time: 'row' needs 'start', the time of the first row"},
        {"time: {row: 1 s, start: noon}\n", "map.yaml:1: time.start: is a time such as"},
        {"time: {row: 1 s, start: x, timezone: Nowhere}\n", "map.yaml:1: time: 'Nowhere' is no time zone"},
        {"time: {row: 10 ns, start: x}\n", "map.yaml:1: time.row: is a whole number of microseconds"},
        {"time: {row: soon, start: x}\n", "map.yaml:1: time.row: "},
        {"columnz: []\n", "map.yaml:1: unknown key 'columnz'; did you mean 'columns'?"},
        {"time: {column: t}\ncolumns: [{column: x, topic: y}, {column: y}]\n",
         "data.csv: column 'y': 'y' would be published twice"},
        {"time: {column: t}\ncolumns: [{column: x, unit: a unit that is longer than thirty-two bytes}]\n",
         "data.csv: column 'x': 'x': a unit is text of at most 32 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *reason = refused("t,x,y\n1,2,3\n", wrong[i].map);
        if (strncmp(reason, wrong[i].reason, strlen(wrong[i].reason)) != 0)
            fail_msg("'%s', not '%s'", reason, wrong[i].reason);
    }
}

static void files_without_a_header_are_refused(void **state)
{
    struct replay_source *source;
    struct err err;
    (void)state;
    assert_string_equal(refused("", "time: {column: t}\n"), "data.csv has no header");
    assert_string_equal(refused("a,\"b", "time: {column: t}\n"), "data.csv: the quote of field 2 is not closed");
    assert_int_equal(replay_csv_open(files_missing(), "map.yaml", &source, &err), MR_NOT_FOUND);
    assert_int_equal(replay_csv_open(files_write_text("data.csv", "t\n"), files_missing(), &source, &err),
                     MR_NOT_FOUND);
}

static enum mr_rc read_some(const char *csv, const char *map)
{
    struct replay_source *source = NULL;
    struct replay_record record;
    struct err err;
    enum mr_rc rc = replay_csv_open(csv, map, &source, &err);
    for (int i = 0; i < 4 && !rc; i++)
        rc = replay_next(source, &record, &err);
    replay_free(source);
    return rc;
}

static void every_failed_allocation_is_told(void **state)
{
    const char *csv = files_write_text("data.csv", "t,x,n,on,word,other\n1,2,3,1,w,o\n");
    const char *map = files_write_text("map.yaml", by_column);
    size_t before = mem_outstanding();
    bool has_failed;
    unsigned n = 0;
    (void)state;
    do {
        mem_fail_at(++n);
        enum mr_rc rc = read_some(csv, map);
        has_failed = mem_fail_off();
        assert_int_equal(rc, has_failed ? MR_NO_MEMORY : MR_OK);
        assert_int_equal(mem_outstanding(), before);
    } while (has_failed);
    assert_true(n > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_become_tags_of_their_types),
        cmocka_unit_test(a_mark_quotes_and_other_delimiters_are_fine),
        cmocka_unit_test(rows_without_times_follow_each_other_by_the_period),
        cmocka_unit_test(a_quote_that_is_not_closed_says_where_it_opened),
        cmocka_unit_test(rows_behind_one_keep_their_times),
        cmocka_unit_test(patterns_name_many_columns_and_a_name_comes_first),
        cmocka_unit_test(what_is_wrong_is_told_counted_and_left_out),
        cmocka_unit_test(only_the_first_twenty_mistakes_are_told),
        cmocka_unit_test(mappings_that_do_not_fit_are_refused),
        cmocka_unit_test(files_without_a_header_are_refused),
        cmocka_unit_test(every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
