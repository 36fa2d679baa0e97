/* test_text_time.c - points in time as RFC 3339. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "base/rand.h"
#include "base/text_time.h"

static const int64_t first_us = INT64_C(-62167219200000000); /* 0000-01-01 */
static const int64_t last_us = INT64_C(253402300799999999);

static void assert_format(int64_t us, const char *expected)
{
    char out[TEXT_TIME_SIZE];
    text_format_time(out, us);
    assert_string_equal(out, expected);
}

static void assert_parse(const char *text, int64_t expected)
{
    int64_t us = 1;
    assert_int_equal(text_parse_time(text, &us), MR_OK);
    assert_true(us == expected);
}

static void times_are_written_with_microseconds(void **state)
{
    (void)state;
    assert_format(0, "1970-01-01T00:00:00.000000Z");
    assert_format(-1, "1969-12-31T23:59:59.999999Z");
    assert_format(INT64_C(1772366400123456), "2026-03-01T12:00:00.123456Z");
    assert_format(INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z");
    assert_format(first_us, "0000-01-01T00:00:00.000000Z");
    assert_format(last_us, "9999-12-31T23:59:59.999999Z");
    assert_format(first_us - 1, "-");
    assert_format(last_us + 1, "-");
    assert_format(MR_NO_TIME, "-");
    assert_format(INT64_MAX, "-");
}

static void every_form_of_rfc_3339_is_read(void **state)
{
    (void)state;
    const int64_t noon = INT64_C(1772366400000000);
    assert_parse("2026-03-01T12:00:00Z", noon);
    assert_parse("2026-03-01t12:00:00z", noon);
    assert_parse("2026-03-01 12:00:00.5Z", noon + 500000);
    assert_parse("2026-03-01T12:00:00.123456789Z", noon + 123456);
    assert_parse("2026-03-01T13:30:00+01:30", noon);
    assert_parse("2026-03-01T07:00:00-05:00", noon);
    assert_parse("2026-03-01T11:59:60Z", noon);
    assert_parse("0000-01-01T00:00:00Z", first_us);
    assert_parse("2024-02-29T00:00:00Z", INT64_C(1709164800000000));
}

static void what_does_not_exist_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "2026-03-01",
                                      "2026-03-01T12:00:00",
                                      "2026-02-29T00:00:00Z",
                                      "1900-02-29T00:00:00Z",
                                      "2026-04-31T00:00:00Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-00-01T00:00:00Z",
                                      "2026-01-00T00:00:00Z",
                                      "2026-01-01T24:00:00Z",
                                      "2026-01-01T00:60:00Z",
                                      "2026-01-01T00:00:61Z",
                                      "2026-01-01T00:00:00.Z",
                                      "2026-01-01T00:00:00.1234567890Z",
                                      "2026-01-01T00:00:00+24:00",
                                      "2026-01-01T00:00:00+0100",
                                      "2026-01-01T00:00:00Zx",
                                      "26-01-01T00:00:00Z",
                                      "+2026-01-01T00:00:00Z",
                                      "2026-1-1T00:00:00Z"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t us = 77;
        assert_int_equal(text_parse_time(bad[i], &us), MR_INVALID);
        assert_int_equal(us, 77);
    }
}

/* Each day of 400 years, after which the calendar repeats, against the arithmetic of libc. */
static void every_day_of_an_era_agrees_with_libc(void **state)
{
    (void)state;
    const int64_t day_us = INT64_C(86400000000);
    for (int64_t us = -50000 * day_us; us <= 100000 * day_us; us += day_us) {
        time_t s = us / 1000000;
        struct tm tm;
        char expected[64];
        char out[TEXT_TIME_SIZE];
        assert_non_null(gmtime_r(&s, &tm));
        text_format_time(out, us);
        assert_int_not_equal(strftime(expected, sizeof expected, "%Y-%m-%dT00:00:00.000000Z", &tm), 0);
        assert_string_equal(out, expected);
        int64_t back;
        assert_int_equal(text_parse_time(out, &back), MR_OK);
        assert_true(back == us);
    }
}

static void any_time_comes_back_as_it_was(void **state)
{
    (void)state;
    struct rand_seeded rand;
    rand_seeded_init(&rand, 11);
    for (int i = 0; i < 50000; i++) {
        int64_t us = first_us + (int64_t)rand_below(&rand.source, (uint64_t)(last_us - first_us) + 1);
        char out[TEXT_TIME_SIZE];
        text_format_time(out, us);
        assert_parse(out, us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_with_microseconds), cmocka_unit_test(every_form_of_rfc_3339_is_read),
        cmocka_unit_test(what_does_not_exist_is_refused),      cmocka_unit_test(every_day_of_an_era_agrees_with_libc),
        cmocka_unit_test(any_time_comes_back_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
