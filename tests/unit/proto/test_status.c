/* test_status.c - names of StatusCodes: the codes plants use, unknown ones, information bits, and reading them back. */
#include "proto/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void the_codes_plants_use_have_their_names(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        const char *name;
    } cases[] = {
        {STATUS_GOOD, "Good"},
        {STATUS_GOOD_LOCAL_OVERRIDE, "GoodLocalOverride"},
        {STATUS_GOOD_CLAMPED, "GoodClamped"},
        {STATUS_UNCERTAIN, "Uncertain"},
        {STATUS_UNCERTAIN_NO_COMMUNICATION_LAST_USABLE, "UncertainNoCommunicationLastUsableValue"},
        {STATUS_UNCERTAIN_LAST_USABLE, "UncertainLastUsableValue"},
        {STATUS_UNCERTAIN_SUBSTITUTE, "UncertainSubstituteValue"},
        {STATUS_UNCERTAIN_INITIAL, "UncertainInitialValue"},
        {STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE, "UncertainSensorNotAccurate"},
        {STATUS_UNCERTAIN_UNITS_EXCEEDED, "UncertainEngineeringUnitsExceeded"},
        {STATUS_UNCERTAIN_SUB_NORMAL, "UncertainSubNormal"},
        {STATUS_BAD, "Bad"},
        {STATUS_BAD_NO_COMMUNICATION, "BadNoCommunication"},
        {STATUS_BAD_WAITING_FOR_INITIAL_DATA, "BadWaitingForInitialData"},
        {STATUS_BAD_CONFIGURATION_ERROR, "BadConfigurationError"},
        {STATUS_BAD_NOT_CONNECTED, "BadNotConnected"},
        {STATUS_BAD_DEVICE_FAILURE, "BadDeviceFailure"},
        {STATUS_BAD_SENSOR_FAILURE, "BadSensorFailure"},
        {STATUS_BAD_OUT_OF_SERVICE, "BadOutOfService"},
        {STATUS_BAD_DATA_LOST, "BadDataLost"},
        {0x80AB0000, "BadInvalidArgument"},
        {0x420F0000, "UncertainConfigurationError"}, /* the highest uncertain one */
        {0x01180000, "GoodEdited_DominantValueChanged_DependentValueChanged"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[STATUS_TEXT_BYTES];
        uint32_t code = 1;
        assert_string_equal(status_name(cases[i].code), cases[i].name);
        assert_int_equal(status_text(cases[i].code, text, sizeof text), strlen(cases[i].name));
        assert_string_equal(text, cases[i].name);
        assert_int_equal(status_parse(cases[i].name, &code), MR_OK);
        assert_int_equal(code, cases[i].code);
    }
}

static void an_unknown_code_shows_its_severity_and_number(void **state)
{
    (void)state;
    static const struct {
        uint32_t code;
        const char *name;
        const char *text;
    } cases[] = {
        {0x80FF0000, "Bad", "Bad (0x80FF0000)"},   {0xC0000000, "Bad", "Bad (0xC0000000)"},
        {UINT32_MAX, "Bad", "Bad (0xFFFFFFFF)"},   {0x7FFF0000, "Uncertain", "Uncertain (0x7FFF0000)"},
        {0x3FFF0000, "Good", "Good (0x3FFF0000)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[STATUS_TEXT_BYTES];
        assert_string_equal(status_name(cases[i].code), cases[i].name);
        assert_true(status_text(cases[i].code, text, sizeof text) < STATUS_TEXT_BYTES);
        assert_string_equal(text, cases[i].text);
    }
}

static void information_bits_do_not_change_the_name(void **state)
{
    (void)state;
    char text[STATUS_TEXT_BYTES];
    assert_string_equal(status_name(0x80310400), "BadNoCommunication");
    assert_true(status_text(0x80310400, text, sizeof text) > 0);
    assert_string_equal(text, "BadNoCommunication (0x80310400)");
    assert_true(status_is_good(0x00000480));
    assert_true(status_text(0x01180001, text, sizeof text) < STATUS_TEXT_BYTES); /* the longest text there is */
}

static void every_code_has_exactly_one_severity(void **state)
{
    (void)state;
    for (uint64_t code = 0; code <= UINT32_MAX; code += 0x01010101) {
        uint32_t c = (uint32_t)code;
        assert_int_equal(status_is_good(c) + status_is_uncertain(c) + status_is_bad(c), 1);
        assert_non_null(status_name(c));
    }
    assert_true(status_is_good(0));
    assert_true(status_is_uncertain(0x40000000));
    assert_true(status_is_bad(0x80000000));
    assert_true(status_is_bad(0xC0000000));
}

static void every_name_found_by_scanning_all_codes_reads_back(void **state)
{
    (void)state;
    unsigned names = 0;
    for (uint32_t high = 0; high <= 0xFFFF; high++) {
        uint32_t code = high << 16;
        uint32_t back = 1;
        char text[STATUS_TEXT_BYTES];
        assert_true(status_text(code, text, sizeof text) > 0);
        if (strchr(text, '('))
            continue;
        names++;
        assert_int_equal(status_parse(text, &back), MR_OK);
        assert_int_equal(back, code);
    }
    assert_true(names >= 80);
}

static void names_are_read_in_any_case_and_numbers_in_hex(void **state)
{
    (void)state;
    uint32_t code = 1;
    assert_int_equal(status_parse("badnocommunication", &code), MR_OK);
    assert_int_equal(code, STATUS_BAD_NO_COMMUNICATION);
    assert_int_equal(status_parse("0x80ff0000", &code), MR_OK);
    assert_int_equal(code, 0x80FF0000);
    assert_int_equal(status_parse("0X80FF00aB", &code), MR_OK);
    assert_int_equal(code, 0x80FF00AB);
    static const char *const wrong[] = {"",          "Bade",       "0x",         "0x123456789",
                                        "0x1234567", "0x1234567g", "2150694912", " Good"};
    code = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(status_parse(wrong[i], &code), MR_NOT_FOUND);
    assert_int_equal(code, 7);
}

static void text_is_cut_as_snprintf_does(void **state)
{
    (void)state;
    char text[4];
    assert_int_equal(status_text(STATUS_UNCERTAIN, text, sizeof text), 9);
    assert_string_equal(text, "Unc");
    assert_int_equal(status_text(STATUS_GOOD, NULL, 0), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_codes_plants_use_have_their_names),
        cmocka_unit_test(an_unknown_code_shows_its_severity_and_number),
        cmocka_unit_test(information_bits_do_not_change_the_name),
        cmocka_unit_test(every_code_has_exactly_one_severity),
        cmocka_unit_test(every_name_found_by_scanning_all_codes_reads_back),
        cmocka_unit_test(names_are_read_in_any_case_and_numbers_in_hex),
        cmocka_unit_test(text_is_cut_as_snprintf_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
