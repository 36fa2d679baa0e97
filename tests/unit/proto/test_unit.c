/* test_unit.c - spellings of units: every row of the table, the way back, what passes and what is refused. */
#include "proto/unit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static enum unit_kind normalise(const char *text, char out[UNIT_MAX_BYTES + 1])
{
    return unit_normalise(text, strlen(text), out);
}

static void what_people_and_machines_write_becomes_ucum(void **state)
{
    (void)state;
    static const struct unit_row expected[] = {
        {"°C", "Cel"},           {"degC", "Cel"},     {"rpm", "1/min"},
        {"U/min", "1/min"},      {"%", "%"},          {"bar", "bar"},
        {"mm/s", "mm/s"},        {"kWh", "kW.h"},     {"m³/h", "m3/h"},
        {"Nm", "N.m"},           {"\xc2\xb5m", "um"}, {"\xce\xbcm", "um"},
        {"\xe2\x84\xa6", "Ohm"}, {"GiB", "GiBy"},     {"kVarh", "kV.A.h{reactive}"},
        {" °C ", "Cel"},         {"C", "C"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char out[UNIT_MAX_BYTES + 1];
        assert_int_equal(normalise(expected[i].spelling, out), UNIT_KNOWN);
        assert_string_equal(out, expected[i].ucum);
    }
}

/* All that the recorded device model of the Okuma machine uses. */
static void the_units_of_a_recorded_mtconnect_machine_are_known(void **state)
{
    (void)state;
    static const struct unit_row expected[] = {
        {"CELSIUS", "Cel"},
        {"DEGREE", "deg"},
        {"DEGREE/MINUTE", "deg/min"},
        {"DEGREE/SECOND", "deg/s"},
        {"DEGREE_3D", "deg"},
        {"MILLIMETER", "mm"},
        {"MILLIMETER/MINUTE", "mm/min"},
        {"MILLIMETER/SECOND", "mm/s"},
        {"MILLIMETER_3D", "mm"},
        {"NEWTON", "N"},
        {"NEWTON_METER", "N.m"},
        {"PERCENT", "%"},
        {"REVOLUTION/MINUTE", "1/min"},
        {"SECOND", "s"},
        {"x:METER", "m"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char out[UNIT_MAX_BYTES + 1];
        assert_int_equal(normalise(expected[i].spelling, out), UNIT_KNOWN);
        assert_string_equal(out, expected[i].ucum);
    }
}

static void every_row_normalises_and_its_code_stays_as_it_is(void **state)
{
    (void)state;
    size_t n;
    const struct unit_row *rows = unit_rows(&n);
    assert_true(n > 300);
    for (size_t i = 0; i < n; i++) {
        char out[UNIT_MAX_BYTES + 1];
        assert_true(strlen(rows[i].spelling) <= UNIT_MAX_BYTES);
        assert_int_equal(normalise(rows[i].spelling, out), UNIT_KNOWN);
        assert_string_equal(out, rows[i].ucum);
        assert_int_equal(normalise(rows[i].ucum, out), UNIT_KNOWN);
        assert_string_equal(out, rows[i].ucum);
        assert_true(i == 0 || strcmp(rows[i - 1].spelling, rows[i].spelling) < 0);
    }
}

static void every_code_is_ascii_as_ucum_demands(void **state)
{
    (void)state;
    size_t n;
    const struct unit_row *rows = unit_rows(&n);
    for (size_t i = 0; i < n; i++) {
        for (const char *c = rows[i].ucum; *c; c++)
            assert_true(*c > ' ' && *c <= '~');
    }
}

static void what_is_displayed_normalises_back(void **state)
{
    (void)state;
    size_t n;
    const struct unit_row *rows = unit_rows(&n);
    for (size_t i = 0; i < n; i++) {
        char out[UNIT_MAX_BYTES + 1];
        assert_int_equal(normalise(unit_display(rows[i].ucum), out), UNIT_KNOWN);
        assert_string_equal(out, rows[i].ucum);
    }
    assert_string_equal(unit_display("Cel"), "°C");
    assert_string_equal(unit_display("GiBy"), "GiB");
    assert_string_equal(unit_display("bar"), "bar");
    assert_string_equal(unit_display("furlong"), "furlong");
    assert_string_equal(unit_display(""), "");
}

static void an_unknown_unit_passes_unchanged(void **state)
{
    (void)state;
    char out[UNIT_MAX_BYTES + 1];
    assert_int_equal(normalise("furlong/fortnight", out), UNIT_UNKNOWN);
    assert_string_equal(out, "furlong/fortnight");
    assert_int_equal(normalise("celsius", out), UNIT_UNKNOWN); /* case matters: mW is not MW */
    assert_int_equal(normalise("个", out), UNIT_UNKNOWN);
    assert_string_equal(out, "个");
}

static void no_unit_is_known(void **state)
{
    (void)state;
    char out[UNIT_MAX_BYTES + 1] = "x";
    assert_int_equal(normalise("", out), UNIT_KNOWN);
    assert_string_equal(out, "");
    assert_int_equal(normalise("  ", out), UNIT_KNOWN);
    assert_string_equal(out, "");
}

static void the_longest_unit_passes_and_one_byte_more_does_not(void **state)
{
    (void)state;
    char text[UNIT_MAX_BYTES + 2];
    char out[UNIT_MAX_BYTES + 1] = "";
    memset(text, 'x', sizeof text);
    assert_int_equal(unit_normalise(text, UNIT_MAX_BYTES + 1, out), UNIT_TOO_LONG);
    assert_string_equal(out, "");
    assert_int_equal(unit_normalise(text, UNIT_MAX_BYTES, out), UNIT_UNKNOWN);
    assert_int_equal(strlen(out), UNIT_MAX_BYTES);
    text[0] = text[UNIT_MAX_BYTES + 1] = ' '; /* blanks around it do not count */
    assert_int_equal(unit_normalise(text, UNIT_MAX_BYTES + 2, out), UNIT_UNKNOWN);
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    char out[UNIT_MAX_BYTES + 1] = "untouched";
    assert_int_equal(normalise("a\nb", out), UNIT_NOT_TEXT);
    assert_int_equal(normalise("\xff", out), UNIT_NOT_TEXT);
    assert_int_equal(normalise("m\xc2", out), UNIT_NOT_TEXT);
    assert_int_equal(normalise("m\xc2\x85", out), UNIT_NOT_TEXT);
    assert_int_equal(unit_normalise("a\0b", 3, out), UNIT_NOT_TEXT);
    assert_string_equal(out, "untouched");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_people_and_machines_write_becomes_ucum),
        cmocka_unit_test(the_units_of_a_recorded_mtconnect_machine_are_known),
        cmocka_unit_test(every_row_normalises_and_its_code_stays_as_it_is),
        cmocka_unit_test(every_code_is_ascii_as_ucum_demands),
        cmocka_unit_test(what_is_displayed_normalises_back),
        cmocka_unit_test(an_unknown_unit_passes_unchanged),
        cmocka_unit_test(no_unit_is_known),
        cmocka_unit_test(the_longest_unit_passes_and_one_byte_more_does_not),
        cmocka_unit_test(what_is_no_text_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
