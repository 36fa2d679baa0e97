/* test_text_units.c - sizes and durations as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/rand.h"
#include "base/text_units.h"

static void sizes_are_read_in_every_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"0", 0},
                {"17", 17},
                {"17 B", 17},
                {"64 KiB", 65536},
                {"64KiB", 65536},
                {"3 MiB", 3145728},
                {"4 GiB", UINT64_C(4294967296)},
                {"1 TiB", UINT64_C(1099511627776)},
                {"5 kB", 5000},
                {"5 MB", 5000000},
                {"5 GB", UINT64_C(5000000000)},
                {"5 TB", UINT64_C(5000000000000)},
                {"007 B", 7},
                {"18446744073709551615", UINT64_MAX},
                {"18014398509481983 KiB", UINT64_MAX - 1023}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        uint64_t bytes = 1;
        assert_int_equal(text_parse_size(good[i].text, &bytes), MR_OK);
        assert_true(bytes == good[i].bytes);
    }
}

static void other_forms_of_sizes_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",       " ",      "B",  "-1",     "+1",   "1.5 GiB", "4 gib", "4  GiB",
                                      " 4 GiB", "4 GiB ", "4 ", "4 GiBB", "0x10", "4 s",     "4,0",   "GiB 4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t bytes = 77;
        assert_int_equal(text_parse_size(bad[i], &bytes), MR_INVALID);
        assert_int_equal(bytes, 77);
    }
    uint64_t bytes = 77;
    assert_int_equal(text_parse_size("18446744073709551616", &bytes), MR_TOO_BIG);
    assert_int_equal(text_parse_size("18014398509481984 KiB", &bytes), MR_TOO_BIG);
    assert_int_equal(text_parse_size("99999999999999999999999999 TB", &bytes), MR_TOO_BIG);
    assert_int_equal(text_parse_size("99999999999999999999999999 X", &bytes), MR_INVALID);
    assert_int_equal(bytes, 77);
}

static void durations_are_read_in_every_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {{"0", 0},
                {"0 s", 0},
                {"5 ns", 5},
                {"5 us", 5000},
                {"5 \xc2\xb5s", 5000},
                {"5 \xce\xbcs", 5000},
                {"250 ms", 250000000},
                {"3s", INT64_C(3000000000)},
                {"2 min", INT64_C(120000000000)},
                {"1 h", INT64_C(3600000000000)},
                {"7 d", INT64_C(604800000000000)},
                {"9223372036854775807 ns", INT64_MAX}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t ns = 1;
        assert_int_equal(text_parse_duration(good[i].text, &ns), MR_OK);
        assert_true(ns == good[i].ns);
    }
}

static void other_forms_of_durations_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "5", "00", "s", "-1 s", "1.5 s", "5 m", "5 S", "5 sec", "5 GiB", "0 "};
    int64_t ns = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(text_parse_duration(bad[i], &ns), MR_INVALID);
    assert_int_equal(text_parse_duration("9223372036854775808 ns", &ns), MR_TOO_BIG);
    assert_int_equal(text_parse_duration("106752 d", &ns), MR_TOO_BIG);
    assert_int_equal(ns, 77);
}

static void exact_texts_come_back_as_they_were(void **state)
{
    (void)state;
    char out[TEXT_UNITS_SIZE];
    text_format_size(out, UINT64_C(4) << 30);
    assert_string_equal(out, "4 GiB");
    text_format_size(out, 1536 * 1024);
    assert_string_equal(out, "1536 KiB");
    text_format_size(out, 0);
    assert_string_equal(out, "0 B");
    text_format_duration(out, INT64_C(604800000000000));
    assert_string_equal(out, "7 d");
    text_format_duration(out, 250000000);
    assert_string_equal(out, "250 ms");
    text_format_duration(out, 0);
    assert_string_equal(out, "0 s");
    struct rand_seeded rand;
    rand_seeded_init(&rand, 3);
    for (int i = 0; i < 20000; i++) {
        uint64_t number = rand_u64(&rand.source) >> rand_below(&rand.source, 64);
        uint64_t bytes;
        int64_t ns;
        text_format_size(out, number);
        assert_int_equal(text_parse_size(out, &bytes), MR_OK);
        assert_true(bytes == number);
        text_format_duration(out, (int64_t)(number >> 1));
        assert_int_equal(text_parse_duration(out, &ns), MR_OK);
        assert_true(ns == (int64_t)(number >> 1));
    }
}

static void short_texts_are_for_people(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {{0, "0 B"},
                 {1, "1 B"},
                 {1023, "1023 B"},
                 {1024, "1 KiB"},
                 {1536, "1.5 KiB"},
                 {1048575, "1023.9 KiB"},
                 {UINT64_MAX, "16777215.9 TiB"}};
    static const struct {
        int64_t ns;
        const char *text;
    } durations[] = {{0, "0 s"},
                     {999, "999 ns"},
                     {1500, "1.5 \xc2\xb5s"},
                     {99999999, "99.9 ms"},
                     {100000000, "0.1 s"},
                     {800000000, "0.8 s"},
                     {-800000000, "-0.8 s"},
                     {INT64_C(59999999999), "59.9 s"},
                     {INT64_C(60000000000), "1 min"},
                     {INT64_C(11520000000000), "3.2 h"},
                     {INT64_C(129600000000000), "1.5 d"},
                     {INT64_MIN, "-106751.9 d"}};
    char out[TEXT_UNITS_SIZE];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        text_show_size(out, sizes[i].bytes);
        assert_string_equal(out, sizes[i].text);
    }
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        text_show_duration(out, durations[i].ns);
        assert_string_equal(out, durations[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_read_in_every_unit),       cmocka_unit_test(other_forms_of_sizes_are_refused),
        cmocka_unit_test(durations_are_read_in_every_unit),   cmocka_unit_test(other_forms_of_durations_are_refused),
        cmocka_unit_test(exact_texts_come_back_as_they_were), cmocka_unit_test(short_texts_are_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
