/* test_replay_shdr.c - MTConnect SHDR files and their device models as records. */
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

static const char units[] =
    "<M><Device id='d1' name='LATHE'>"
    "<DataItem id='a' name='avail' category='EVENT' type='AVAILABILITY'/>"
    "<DataItem id='s' name='speed' category='SAMPLE' type='ROTARY_VELOCITY' units='REVOLUTION/MINUTE'/>"
    "<DataItem id='f' name='feed' category='SAMPLE' type='PATH_FEEDRATE' units='MILLIMETER/SECOND'"
    " nativeUnits='MILLIMETER/MINUTE'/>"
    "<DataItem id='o' name='over' category='EVENT' type='PATH_FEEDRATE_OVERRIDE' units='PERCENT'/>"
    "<DataItem id='p' name='parts' category='EVENT' type='PART_COUNT'/>"
    "<DataItem id='v' name='pos' category='SAMPLE' type='PATH_POSITION' units='MILLIMETER_3D'/>"
    "<DataItem id='w' name='wave' category='SAMPLE' type='SOUND_LEVEL' representation='TIME_SERIES' units='DECIBEL'/>"
    "<DataItem id='t' name='table' category='SAMPLE' type='X' representation='DATA_SET'/>"
    "<DataItem id='c' name='cond' category='CONDITION' type='SYSTEM'/>"
    "<DataItem id='m' name='msg' category='EVENT' type='MESSAGE'/>"
    "</Device><Device id='d2' name='MILL'><DataItem id='x' category='SAMPLE' type='X'/></Device></M>";

#define T1 "2026-03-01T12:00:00.1234567Z"
#define S1 " 2026-03-01T12:00:00.123456Z"

static const char *records_from(const char *text, const char *device)
{
    struct replay_source *source = NULL;
    struct err err = {{0}};
    const char *path = files_write_text("data.shdr", text);
    if (replay_shdr_open(path, files_write_text("units.xml", units), device, &source, &err))
        fail_msg("%s", err.text);
    return records_of(source);
}

static const char *records(const char *text)
{
    return records_from(text, "LATHE");
}

static void values_have_the_types_and_units_of_their_data_items(void **state)
{
    (void)state;
    assert_string_equal(records(T1 "|avail|AVAILABLE|speed|1500.5|over|100|parts|7|table|a=1 b=2|pos|1 2.5 -3\n" T1
                                   "|LATHE:speed|0|s|1\n"),
                        "avail AVAILABLE [] Good" S1 "\n"
                        "speed 1500.5 [REVOLUTION/MINUTE] Good" S1 "\n"
                        "over 100 [PERCENT] Good" S1 "\n"
                        "parts 7 [] Good" S1 "\n"
                        "table a=1 b=2 [] Good" S1 "\n"
                        "pos [1, 2.5, -3] [MILLIMETER_3D] Good" S1 "\n"
                        "speed 0 [REVOLUTION/MINUTE] Good" S1 "\n"
                        "s 1 [REVOLUTION/MINUTE] Good" S1 "\n"
                        "end 23\n");
    assert_string_equal(records_said(), "");
}

static void values_stay_in_the_native_unit(void **state)
{
    (void)state;
    assert_string_equal(records(T1 "|feed|600\n"), "feed 600 [MILLIMETER/MINUTE] Good" S1 "\nend 23\n");
}

static void unavailable_is_a_status_and_no_value(void **state)
{
    (void)state;
    assert_string_equal(
        records(T1 "|speed|UNAVAILABLE|avail|UNAVAILABLE\n" T1 "|cond|UNAVAILABLE||||\n" T1 "|wave|0||UNAVAILABLE\n"),
        "speed - [REVOLUTION/MINUTE] BadNoCommunication" S1 "\n"
        "avail - [] BadNoCommunication" S1 "\n"
        "cond - [] BadNoCommunication" S1 "\n"
        "wave - [DECIBEL] BadNoCommunication" S1 "\n"
        "end 23\n");
    assert_int_equal(records_tally().statuses, 4);
}

static void conditions_are_events_with_the_status_of_their_level(void **state)
{
    (void)state;
    assert_string_equal(records(T1 "|cond|NORMAL||||\n" T1 "|cond|WARNING|12|LOW||warm\n" T1
                                   "|cond|FAULT|99|HIGH|OVER|too hot|speed|3\n" T1 "|cond|FAULT\n" T1
                                   "|cond|ODD||||\n"),
                        "cond NORMAL [] Good" S1 "\n"
                        "cond WARNING|12|LOW||warm [] Uncertain" S1 "\n"
                        "cond FAULT|99|HIGH|OVER|too hot [] Bad" S1 "\n"
                        "speed 3 [REVOLUTION/MINUTE] Good" S1 "\n"
                        "cond FAULT [] Bad" S1 "\n"
                        "end 23\n");
    assert_non_null(strstr(records_said(), "data.shdr:5: key 'cond': 'ODD' is no level of a condition\n"));
}

static void messages_and_series_take_their_fields(void **state)
{
    (void)state;
    assert_string_equal(records(T1 "|msg|12|change tool|wave|3|1000|1 2 3\n" T1 "|msg||hello|wave|2||4  5 \n"),
                        "msg 12|change tool [] Good" S1 "\n"
                        "wave [1, 2, 3 at 1000 Hz] [DECIBEL] Good" S1 "\n"
                        "msg hello [] Good" S1 "\n"
                        "wave [4, 5] [DECIBEL] Good" S1 "\n"
                        "end 23\n");
}

static void unknown_keys_are_text_and_told_once(void **state)
{
    (void)state;
    assert_string_equal(records(T1 "|new/key|a\n" T1 "|new/key|b\n"),
                        "new_key a [] Good" S1 "\nnew_key b [] Good" S1 "\nend 23\n");
    const char *told = strstr(records_said(), "no data item 'new/key'");
    assert_non_null(told);
    assert_null(strstr(told + 1, "no data item"));
    assert_int_equal(records_tally().wrong, 0);
}

static void assets_come_change_and_go(void **state)
{
    (void)state;
    assert_string_equal(records(T1 "|@ASSET@|t/1|Tool|<T/>\n" T1
                                   "|@ASSET@|2|Tool|--multiline--AB\n<T>\n</T>\n--multiline--AB\n" T1
                                   "|@ASSET@|f|File|x\n" T1 "|@REMOVE_ASSET@|2\n" T1 "|@REMOVE_ASSET@|2\n" T1
                                   "|@REMOVE_ASSET@|none\n" T1 "|@ASSET@|3|Tool|z\n" T1 "|@REMOVE_ALL_ASSETS@|Tool\n" T1
                                   "|@REMOVE_ALL_ASSETS@\n" T1 "|@REMOVE_ALL_ASSETS@\n|avail|x\n"),
                        "assets/t_1 <T/> [] Good" S1 " unpaced\n"
                        "assets/2 0x3c543e0a3c2f543e (8 bytes) [] Good" S1 " unpaced\n"
                        "assets/f x [] Good" S1 " unpaced\n"
                        "assets/2 cleared [] Good" S1 " unpaced\n"
                        "assets/3 z [] Good" S1 " unpaced\n"
                        "assets/t_1 cleared [] Good" S1 " unpaced\n"
                        "assets/3 cleared [] Good" S1 " unpaced\n"
                        "assets/f cleared [] Good" S1 " unpaced\n"
                        "avail x [] Good -\n"
                        "end 23\n");
    assert_int_equal(records_tally().clears, 4);
    assert_int_equal(records_tally().ignored, 2);
}

static void what_is_wrong_is_told_counted_and_left_out(void **state)
{
    (void)state;
    assert_string_equal(records("* shdrVersion: 2.0\n\nnot|a|line\n" T1 "|speed|fast|over|1\n" T1 "|speed\n" T1
                                "||1|over|2\n" T1 "|wave|3|1000|1 2\n" T1 "|wave|3|1000\n" T1 "|@ODD@|1\n" T1
                                "|speed|\n" T1 "|pos|1 x 2\n" T1 "|a/b|1|a+b|2\n" T1
                                "|@ASSET@|t|Tool|--multiline--AB\n<T>\n"),
                        "over 1 [PERCENT] Good" S1 "\n"
                        "over 2 [PERCENT] Good" S1 "\n"
                        "a_b 1 [] Good" S1 "\n"
                        "end 23\n");
    assert_int_equal(records_tally().wrong, 10);
    assert_int_equal(records_tally().empty, 1);
    assert_int_equal(records_tally().ignored, 1);
    assert_non_null(strstr(records_said(), "data.shdr:3: 'not' is no timestamp\n"));
    assert_non_null(strstr(records_said(), "data.shdr:5: key 'speed' has no value\n"));
    assert_non_null(strstr(records_said(), "data.shdr:6: a value has no key\n"));
    assert_non_null(strstr(records_said(), "data.shdr:7: key 'wave': 3 samples are announced, 2 are there\n"));
    assert_non_null(strstr(records_said(), "data.shdr:8: key 'wave' has 2 fields, not 3\n"));
    assert_non_null(strstr(records_said(), "data.shdr:9: this kind of line is not known\n"));
    assert_non_null(strstr(records_said(), "data.shdr:12: key 'a+b': 'a_b' would be published twice\n"));
    assert_non_null(strstr(records_said(), "data.shdr:14: the asset is not ended by '--multiline--AB'\n"));
}

static void the_lines_of_an_asset_that_is_refused_are_no_data(void **state)
{
    (void)state;
    assert_string_equal(records(T1 "|@ASSET@|t_1|Tool|x\n" T1 "|@ASSET@|t/1|Tool|--multiline--AB\n" T1
                                   "|speed|1\n<T/>\n--multiline--AB\n" T1 "|speed|2\n"),
                        "assets/t_1 x [] Good" S1 " unpaced\n"
                        "speed 2 [REVOLUTION/MINUTE] Good" S1 "\n"
                        "end 23\n");
    assert_int_equal(records_tally().wrong, 1);
    assert_non_null(strstr(records_said(), "'assets/t_1' would be published twice\n"));
}

static void what_ends_an_asset_is_never_cut(void **state)
{
    enum { MOST = 127, DIGITS = MOST - (int)sizeof "--multiline--" + 1 };
    char text[1024];
    (void)state;
    snprintf(text, sizeof text, T1 "|@ASSET@|1|Tool|--multiline--%0*d\n<T/>\n--multiline--%0*d\n", DIGITS, 7, DIGITS,
             7);
    assert_non_null(strstr(records(text), "assets/1 <T/> [] Good"));
    assert_int_equal(records_tally().wrong, 0);
    snprintf(text, sizeof text, T1 "|@ASSET@|1|Tool|--multiline--%0*d\n", DIGITS + 1, 7);
    assert_string_equal(records(text), "end 23\n");
    assert_non_null(strstr(records_said(), "what ends an asset has at most 127 bytes, not 128\n"));
}

static void the_device_is_the_one_asked_for_or_the_first(void **state)
{
    struct replay_source *source;
    struct err err;
    (void)state;
    assert_string_equal(records_from(T1 "|x|1\n", "MILL"), "x 1 [] Good" S1 "\nend 23\n");
    assert_string_equal(records_from(T1 "|parts|1\n", NULL), "parts 1 [] Good" S1 "\nend 23\n");
    const char *path = files_write_text("data.shdr", "");
    const char *model = files_write_text("units.xml", units);
    assert_int_equal(replay_shdr_open(path, model, "SAW", &source, &err), MR_NOT_FOUND);
    assert_non_null(strstr(err.text, "units.xml: there is no device 'SAW', but: LATHE, MILL"));
    assert_int_equal(replay_shdr_open(files_missing(), model, NULL, &source, &err), MR_NOT_FOUND);
    assert_int_equal(replay_shdr_open(path, files_missing(), NULL, &source, &err), MR_NOT_FOUND);
}

/* An asset of n bytes in lines of 1 MiB. */
static const char *large_asset(size_t n)
{
    static const char head[] = T1 "|@ASSET@|t|Tool|--multiline--AB\n", tail[] = "\n--multiline--AB\n";
    char *text = malloc(n + sizeof head + sizeof tail);
    size_t used = sizeof head - 1;
    memcpy(text, head, used);
    for (size_t i = 0; i < n; i++)
        text[used++] = (i + 1) % (1024 * 1024) ? 'x' : '\n';
    memcpy(text + used, tail, sizeof tail);
    const char *path = files_write("large.shdr", text, used + sizeof tail - 1);
    free(text);
    return path;
}

static enum mr_rc read_all(const char *path, uint32_t *ret_len)
{
    struct replay_source *source = NULL;
    struct replay_record record;
    struct err err;
    enum mr_rc rc = replay_shdr_open(path, files_write_text("units.xml", units), "LATHE", &source, &err);
    while (!rc && (rc = replay_next(source, &record, &err)) == MR_OK)
        *ret_len = record.value.len;
    replay_free(source);
    return rc;
}

static void an_asset_may_be_as_large_as_a_transfer(void **state)
{
    enum { MOST = 16 * 1024 * 1024 };
    uint32_t len = 0;
    (void)state;
    assert_int_equal(read_all(large_asset(MOST - 1), &len), MR_NOT_FOUND);
    assert_int_equal(len, MOST - 1);
    len = 0;
    assert_int_equal(read_all(large_asset(MOST + 1), &len), MR_NOT_FOUND);
    assert_int_equal(len, 0);
}

static void every_failed_allocation_is_told(void **state)
{
    const char *path =
        files_write_text("data.shdr", T1 "|speed|1|new|x|cond|FAULT|1|||x\n" T1 "|@ASSET@|t|Tool|--multiline--AB\nx\n"
                                         "y\n--multiline--AB\n");
    size_t before = mem_outstanding();
    bool has_failed;
    unsigned n = 0;
    uint32_t len;
    (void)state;
    do {
        mem_fail_at(++n);
        enum mr_rc rc = read_all(path, &len);
        has_failed = mem_fail_off();
        assert_int_equal(rc, has_failed ? MR_NO_MEMORY : MR_NOT_FOUND);
        assert_int_equal(mem_outstanding(), before);
    } while (has_failed);
    assert_true(n > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_the_types_and_units_of_their_data_items),
        cmocka_unit_test(values_stay_in_the_native_unit),
        cmocka_unit_test(unavailable_is_a_status_and_no_value),
        cmocka_unit_test(conditions_are_events_with_the_status_of_their_level),
        cmocka_unit_test(messages_and_series_take_their_fields),
        cmocka_unit_test(unknown_keys_are_text_and_told_once),
        cmocka_unit_test(assets_come_change_and_go),
        cmocka_unit_test(what_is_wrong_is_told_counted_and_left_out),
        cmocka_unit_test(the_device_is_the_one_asked_for_or_the_first),
        cmocka_unit_test(the_lines_of_an_asset_that_is_refused_are_no_data),
        cmocka_unit_test(what_ends_an_asset_is_never_cut),
        cmocka_unit_test(an_asset_may_be_as_large_as_a_transfer),
        cmocka_unit_test(every_failed_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, files_begin, files_end);
}
