/* test_replay_time.c - points in time as recordings write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/text_time.h"
#include "cli/replay_time.h"

/* A text read in a form and a zone, as RFC 3339; "refused" if it is no time. */
static const char *read_as(const char *format, const char *zone, const char *text)
{
    static char out[TEXT_TIME_SIZE];
    struct replay_time time;
    struct err err;
    int64_t us;
    assert_int_equal(replay_time_init(&time, format, zone, &err), MR_OK);
    if (replay_time_read(&time, text, &us))
        return "refused";
    text_format_time(out, us);
    return out;
}

static void iso_has_an_offset_or_takes_the_zone(void **state)
{
    (void)state;
    assert_string_equal(read_as(NULL, NULL, "2026-03-01T12:00:00.5Z"), "2026-03-01T12:00:00.500000Z");
    assert_string_equal(read_as("iso", "+09:00", "2026-03-01 12:00:00"), "2026-03-01T03:00:00.000000Z");
    assert_string_equal(read_as("iso", "Asia/Seoul", "2026-03-01T12:00:00.123456789"), "2026-03-01T03:00:00.123456Z");
    assert_string_equal(read_as("iso", "Asia/Seoul", "2026-03-01T12:00:00+01:00"), "2026-03-01T11:00:00.000000Z");
    assert_string_equal(read_as("iso", "UTC", "2026-02-30T12:00:00Z"), "refused");
    assert_string_equal(read_as("iso", "-03:30", "1969-12-31T23:59:59.5"), "1970-01-01T03:29:59.500000Z");
    assert_string_equal(read_as("iso", "UTC", ""), "refused");
}

static void epochs_are_exact(void **state)
{
    (void)state;
    assert_string_equal(read_as("s", NULL, "1.000001"), "1970-01-01T00:00:01.000001Z");
    assert_string_equal(read_as("s", NULL, "1700000000"), "2023-11-14T22:13:20.000000Z");
    assert_string_equal(read_as("ms", NULL, "1700000000123.4567"), "2023-11-14T22:13:20.123456Z");
    assert_string_equal(read_as("us", NULL, "1700000000123456"), "2023-11-14T22:13:20.123456Z");
    assert_string_equal(read_as("s", NULL, "-1.5"), "1969-12-31T23:59:58.500000Z");
    assert_string_equal(read_as("s", NULL, "0"), "1970-01-01T00:00:00.000000Z");
    assert_string_equal(read_as("s", NULL, "253402300799"), "9999-12-31T23:59:59.000000Z");
}

static void what_is_no_number_since_1970_is_refused(void **state)
{
    static const char *const wrong[] = {"", "-", "1e9", "1.", ".5", " 1", "1 ", "253402300801", "99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_string_equal(read_as("s", NULL, wrong[i]), "refused");
}

static void formats_are_those_of_strptime_with_fractions(void **state)
{
    (void)state;
    assert_string_equal(read_as("%d/%m/%Y %H:%M", NULL, "31/12/2018 00:15"), "2018-12-31T00:15:00.000000Z");
    assert_string_equal(read_as("%Y%m%d-%H%M%S.%f", NULL, "20260301-120000.25"), "2026-03-01T12:00:00.250000Z");
    assert_string_equal(read_as("%H:%M:%S,%f %d.%m.%Y", NULL, "12:00:00,1234567 01.03.2026"),
                        "2026-03-01T12:00:00.123456Z");
    assert_string_equal(read_as("%d/%m/%Y %H:%M", "Asia/Seoul", "01/01/2018 00:15"), "2017-12-31T15:15:00.000000Z");
    assert_string_equal(read_as("%Y-%m-%d %H:%M:%S %z", "Asia/Seoul", "2026-03-01 12:00:00 +0100"),
                        "2026-03-01T11:00:00.000000Z");
}

static void times_that_do_not_exist_or_go_on_are_refused(void **state)
{
    (void)state;
    assert_string_equal(read_as("%d/%m/%Y", NULL, "31/02/2018"), "refused");
    assert_string_equal(read_as("%d/%m/%Y", NULL, "29/02/2020"), "2020-02-29T00:00:00.000000Z");
    assert_string_equal(read_as("%d/%m/%Y", NULL, "32/01/2018"), "refused");
    assert_string_equal(read_as("%d/%m/%Y", NULL, "01/01/2018 12:00"), "refused");
    assert_string_equal(read_as("%d/%m/%Y", NULL, "x"), "refused");
    assert_string_equal(read_as("%S.%f", NULL, "12."), "refused");
}

static void clocks_set_forward_leave_a_gap_and_set_back_the_first_counts(void **state)
{
    (void)state;
    assert_string_equal(read_as("%Y-%m-%d %H:%M", "Europe/Paris", "2026-03-29 02:30"), "refused");
    assert_string_equal(read_as("%Y-%m-%d %H:%M", "Europe/Paris", "2026-03-29 03:00"), "2026-03-29T01:00:00.000000Z");
    assert_string_equal(read_as("%Y-%m-%d %H:%M", "Europe/Paris", "2026-10-25 02:30"), "2026-10-25T00:30:00.000000Z");
    assert_string_equal(read_as("%Y-%m-%d %H:%M", "Europe/Paris", "2026-10-25 03:00"), "2026-10-25T02:00:00.000000Z");
    assert_string_equal(read_as("%Y-%m-%d %H:%M", "Europe/Paris", "2026-07-01 12:00"), "2026-07-01T10:00:00.000000Z");
}

static void forms_and_zones_that_are_none_are_refused(void **state)
{
    static const char *const zones[] = {"Asia/Soul", "+15:00", "+09", "/etc/passwd", "../zoneinfo/UTC", "+09:60", "9"};
    struct replay_time time;
    struct err err;
    (void)state;
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        assert_int_equal(replay_time_init(&time, NULL, zones[i], &err), MR_INVALID);
    assert_non_null(strstr(err.text, "'9' is no time zone"));
    assert_int_equal(replay_time_init(&time, "minutes", NULL, &err), MR_INVALID);
    assert_int_equal(replay_time_init(&time, "", NULL, &err), MR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iso_has_an_offset_or_takes_the_zone),
        cmocka_unit_test(epochs_are_exact),
        cmocka_unit_test(what_is_no_number_since_1970_is_refused),
        cmocka_unit_test(formats_are_those_of_strptime_with_fractions),
        cmocka_unit_test(times_that_do_not_exist_or_go_on_are_refused),
        cmocka_unit_test(clocks_set_forward_leave_a_gap_and_set_back_the_first_counts),
        cmocka_unit_test(forms_and_zones_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
