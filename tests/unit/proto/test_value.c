/* test_value.c - checking, comparing, showing and reading values: each type, each limit, any locale. */
#include "proto/value.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rand.h"
#include "proto/limits.h"

static struct mr_value of_bytes(uint32_t type, const void *data, size_t len)
{
    return (struct mr_value){.type = type, .len = (uint32_t)len, .as.ptr = data};
}

static struct mr_value of_text(uint32_t type, const char *text)
{
    return of_bytes(type, text, strlen(text));
}

static void expect_text(struct mr_value v, const char *expected)
{
    char text[512];
    assert_int_equal(value_text(&v, text, sizeof text), strlen(expected));
    assert_string_equal(text, expected);
}

static enum mr_rc parse(const char *text, uint32_t type, struct mr_value *ret)
{
    struct err err = {{0}};
    enum mr_rc rc = value_parse(text, strlen(text), type, ret, &err);
    assert_int_equal(rc == MR_OK, err.text[0] == '\0');
    return rc;
}

static struct mr_value parsed(const char *text, uint32_t type)
{
    struct mr_value v;
    assert_int_equal(parse(text, type, &v), MR_OK);
    return v;
}

static void types_have_the_names_of_sparkplug(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t type;
    } cases[] = {{"Unknown", 0},
                 {"Int8", 1},
                 {"Int64", MR_I64},
                 {"UInt64", MR_U64},
                 {"Float", MR_F32},
                 {"Double", MR_F64},
                 {"Boolean", MR_BOOL},
                 {"String", MR_STRING},
                 {"DateTime", 13},
                 {"Text", 14},
                 {"UUID", 15},
                 {"DataSet", 16},
                 {"Bytes", MR_BYTES},
                 {"File", 18},
                 {"Template", 19},
                 {"PropertySetList", 21},
                 {"Int8Array", 22},
                 {"UInt64Array", 29},
                 {"FloatArray", MR_F32_ARRAY},
                 {"DoubleArray", MR_F64_ARRAY},
                 {"BooleanArray", 32},
                 {"StringArray", 33},
                 {"DateTimeArray", 34}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(value_type_name(cases[i].type), cases[i].name);
    assert_null(value_type_name(35));
    assert_null(value_type_name(UINT32_MAX));
}

static void every_type_name_reads_back(void **state)
{
    (void)state;
    uint32_t type;
    for (uint32_t i = 0; i <= 34; i++) {
        assert_int_equal(value_type_by_name(value_type_name(i), &type), MR_OK);
        assert_int_equal(type, i);
    }
    assert_int_equal(value_type_by_name("double", &type), MR_OK);
    assert_int_equal(type, MR_F64);
    assert_int_equal(value_type_by_name("f32", &type), MR_OK);
    assert_int_equal(type, MR_F32);
    assert_int_equal(value_type_by_name("bool", &type), MR_OK);
    assert_int_equal(type, MR_BOOL);
    type = 7;
    assert_int_equal(value_type_by_name("f16", &type), MR_NOT_FOUND);
    assert_int_equal(value_type_by_name("", &type), MR_NOT_FOUND);
    assert_int_equal(type, 7);
}

static void ten_types_are_carried_and_four_have_bytes(void **state)
{
    (void)state;
    unsigned carried = 0;
    unsigned with_bytes = 0;
    for (uint32_t type = 0; type < 100; type++) {
        carried += value_type_carried(type);
        with_bytes += value_has_bytes(type);
    }
    assert_int_equal(carried, 10); /* nine and none */
    assert_int_equal(with_bytes, 4);
}

static void a_value_of_each_type_passes_the_check(void **state)
{
    (void)state;
    static const double numbers[2] = {1, 2};
    struct mr_value waveform = of_bytes(MR_F64_ARRAY, numbers, sizeof numbers);
    waveform.rate_hz = 25600;
    const struct mr_value fine[] = {
        {0},
        mr_i64(-1),
        mr_f64((double)NAN),
        {.type = MR_U64},
        {.type = MR_F32},
        {.type = MR_BOOL},
        of_text(MR_STRING, "°C"),
        of_text(MR_STRING, ""),
        {.type = MR_STRING},
        of_bytes(MR_BYTES, "\0\xff", 2),
        {.type = MR_F32_ARRAY},
        waveform,
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        assert_int_equal(value_check(&fine[i], NULL), MR_OK);
}

static void what_no_record_may_carry_is_refused_with_a_reason(void **state)
{
    (void)state;
    static const float numbers[2] = {1, 2};
    struct mr_value tagged = mr_f64(1);
    tagged.rate_hz = 1;
    struct mr_value negative = of_bytes(MR_F32_ARRAY, numbers, sizeof numbers);
    negative.rate_hz = -1;
    struct mr_value endless = negative;
    endless.rate_hz = HUGE_VAL;
    const struct mr_value wrong[] = {
        {.type = 1},
        {.type = 35},
        tagged,
        negative,
        endless,
        of_bytes(MR_F32_ARRAY, numbers, 7),
        of_bytes(MR_F64_ARRAY, numbers, 4),
        of_bytes(MR_BYTES, NULL, 1),
        of_text(MR_STRING, "\xff"),
        of_bytes(MR_STRING, "a\0b", 3),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct err err = {{0}};
        assert_int_equal(value_check(&wrong[i], &err), MR_INVALID);
        assert_true(err.text[0] != '\0');
    }
}

static void the_largest_value_passes_and_one_byte_more_does_not(void **state)
{
    (void)state;
    char *data = calloc(1, VALUE_MAX_BYTES + 1);
    assert_non_null(data);
    struct mr_value v = of_bytes(MR_BYTES, data, VALUE_MAX_BYTES);
    assert_int_equal(value_check(&v, NULL), MR_OK);
    v.len++;
    assert_int_equal(value_check(&v, NULL), MR_TOO_BIG);
    memset(data, 'x', VALUE_MAX_BYTES + 1);
    assert_int_equal(value_parse(data, VALUE_MAX_BYTES, VALUE_AUTO, &v, NULL), MR_OK);
    assert_int_equal(v.len, VALUE_MAX_BYTES);
    assert_int_equal(value_parse(data, VALUE_MAX_BYTES + 1, VALUE_AUTO, &v, NULL), MR_TOO_BIG);
    assert_int_equal(value_parse(data, VALUE_MAX_BYTES + 1, MR_BYTES, &v, NULL), MR_TOO_BIG);
    free(data);
}

static void values_are_equal_when_nothing_changed(void **state)
{
    (void)state;
    static const double one[1] = {1};
    static const double same[1] = {1};
    static const double other[1] = {2};
    struct mr_value fast = of_bytes(MR_F64_ARRAY, one, sizeof one);
    fast.rate_hz = 100;
    const struct mr_value all[] = {
        {0},
        mr_i64(1),
        mr_i64(2),
        {.type = MR_U64, .as.u64 = 1},
        {.type = MR_F32, .as.f32 = 1},
        {.type = MR_F32, .as.f32 = -0.0F},
        mr_f64(1),
        mr_f64(0.0),
        mr_f64(-0.0),
        mr_f64((double)NAN),
        {.type = MR_BOOL, .as.b = false},
        {.type = MR_BOOL, .as.b = true},
        of_text(MR_STRING, "a"),
        of_text(MR_STRING, "ab"),
        of_text(MR_BYTES, "a"),
        {.type = MR_BYTES},
        of_bytes(MR_F64_ARRAY, one, sizeof one),
        of_bytes(MR_F64_ARRAY, other, sizeof other),
        fast,
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        for (size_t j = 0; j < sizeof all / sizeof all[0]; j++)
            assert_int_equal(value_equal(&all[i], &all[j]), i == j);
    }
    struct mr_value a = of_bytes(MR_F64_ARRAY, one, sizeof one);
    struct mr_value b = of_bytes(MR_F64_ARRAY, same, sizeof same);
    assert_true(value_equal(&a, &b));
    struct mr_value nan_plus = mr_f64(copysign((double)NAN, 1));
    struct mr_value nan_minus = mr_f64(copysign((double)NAN, -1));
    assert_true(value_equal(&nan_plus, &nan_minus));
}

static void numbers_are_shown_with_as_few_digits_as_read_back(void **state)
{
    (void)state;
    expect_text(mr_f64(48.2), "48.2");
    expect_text(mr_f64(12), "12");
    expect_text(mr_f64(0.1 + 0.2), "0.30000000000000004");
    expect_text(mr_f64(1e300), "1e+300");
    expect_text(mr_f64(-0.0), "-0");
    expect_text(mr_f64((double)NAN), "nan");
    expect_text(mr_f64(copysign((double)NAN, -1)), "nan");
    expect_text(mr_f64(HUGE_VAL), "inf");
    expect_text(mr_f64(-HUGE_VAL), "-inf");
    expect_text((struct mr_value){.type = MR_F32, .as.f32 = 48.2F}, "48.2");
    expect_text((struct mr_value){.type = MR_F32, .as.f32 = 16777217.0F}, "16777216");
    expect_text(mr_i64(INT64_MIN), "-9223372036854775808");
    expect_text((struct mr_value){.type = MR_U64, .as.u64 = UINT64_MAX}, "18446744073709551615");
    expect_text((struct mr_value){.type = MR_BOOL, .as.b = true}, "true");
    expect_text((struct mr_value){.type = MR_BOOL}, "false");
    expect_text((struct mr_value){0}, "-");
    expect_text((struct mr_value){.type = 99}, "-");
}

static void strings_are_shown_safe_for_a_terminal(void **state)
{
    (void)state;
    expect_text(of_text(MR_STRING, "press 7: 油"), "press 7: 油");
    expect_text(of_text(MR_STRING, "a\nb"), "a\\nb");
    expect_text(of_text(MR_STRING, "\x1b[2J"), "\\u{1B}[2J");
    expect_text(of_text(MR_STRING, "a\xff"), "a\\xFF");
    expect_text(of_text(MR_STRING, ""), "");
    expect_text((struct mr_value){.type = MR_STRING}, "");
}

static void bytes_are_shown_as_text_or_as_hex_with_their_number(void **state)
{
    (void)state;
    static const char zeros[VALUE_TEXT_HEX_BYTES + 1];
    expect_text(of_text(MR_BYTES, "hello"), "hello");
    expect_text(of_bytes(MR_BYTES, "", 0), "");
    expect_text(of_bytes(MR_BYTES, "\0\xff\x10", 3), "0x00ff10 (3 bytes)");
    expect_text(of_bytes(MR_BYTES, "\x01", 1), "0x01 (1 byte)");
    expect_text(of_bytes(MR_BYTES, zeros, VALUE_TEXT_HEX_BYTES),
                "0x0000000000000000000000000000000000000000000000000000000000000000 (32 bytes)");
    expect_text(of_bytes(MR_BYTES, zeros, VALUE_TEXT_HEX_BYTES + 1),
                "0x0000000000000000000000000000000000000000000000000000000000000000… (33 bytes)");
}

static void arrays_are_shown_shortened_with_their_rate(void **state)
{
    (void)state;
    static const double f64[10] = {1, 2.5, 3, 4, 5, 6, 7, 8, 9, 10};
    static const float f32[2] = {0.1F, (float)NAN};
    expect_text(of_bytes(MR_F64_ARRAY, f64, 0), "[]");
    expect_text(of_bytes(MR_F64_ARRAY, f64, 8 * sizeof f64[0]), "[1, 2.5, 3, 4, 5, 6, 7, 8]");
    struct mr_value waveform = of_bytes(MR_F64_ARRAY, f64, sizeof f64);
    waveform.rate_hz = 25600;
    expect_text(waveform, "[1, 2.5, 3, 4, 5, 6, 7, 8, … 2 more at 25600 Hz]");
    expect_text(of_bytes(MR_F32_ARRAY, f32, sizeof f32), "[0.1, nan]");
}

static void an_array_that_is_not_aligned_is_shown_all_the_same(void **state)
{
    (void)state;
    static const double number = 2.5;
    char room[1 + sizeof number];
    memcpy(room + 1, &number, sizeof number);
    expect_text(of_bytes(MR_F64_ARRAY, room + 1, sizeof number), "[2.5]");
}

static void text_is_cut_between_characters_and_counted_whole(void **state)
{
    (void)state;
    struct mr_value v = of_text(MR_STRING, "a°C");
    char text[8];
    assert_int_equal(value_text(&v, NULL, 0), 4);
    assert_int_equal(value_text(&v, text, 1), 4);
    assert_string_equal(text, "");
    assert_int_equal(value_text(&v, text, 3), 4);
    assert_string_equal(text, "a"); /* '°' has two bytes: no half of it, and nothing behind it */
    assert_int_equal(value_text(&v, text, 4), 4);
    assert_string_equal(text, "a°");
    assert_int_equal(value_text(&v, text, 5), 4);
    assert_string_equal(text, "a°C");
}

static void text_decides_its_own_type(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t type;
    } cases[] = {
        {"0", MR_I64},
        {"-0", MR_I64},
        {"42", MR_I64},
        {"-9223372036854775808", MR_I64},
        {"9223372036854775807", MR_I64},
        {"9223372036854775808", MR_U64},
        {"18446744073709551615", MR_U64},
        {"18446744073709551616", MR_F64},
        {"-9223372036854775809", MR_F64},
        {"48.2", MR_F64},
        {"-1e3", MR_F64},
        {"1E-3", MR_F64},
        {"2.5e+3", MR_F64},
        {"true", MR_BOOL},
        {"false", MR_BOOL},
        {"", MR_STRING},
        {"-", MR_STRING},
        {"+1", MR_STRING},
        {"007", MR_STRING}, /* a part number keeps its zeros */
        {"-01", MR_STRING},
        {"1.", MR_STRING},
        {".5", MR_STRING},
        {"1e", MR_STRING},
        {"1e+", MR_STRING},
        {"1.5.2", MR_STRING},
        {"1,5", MR_STRING},
        {"0x10", MR_STRING},
        {"nan", MR_STRING},
        {"inf", MR_STRING},
        {"1e999", MR_STRING},
        {"True", MR_STRING},
        {" 1", MR_STRING},
        {"1 ", MR_STRING},
        {"1 bar", MR_STRING},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mr_value v = parsed(cases[i].text, VALUE_AUTO);
        if (v.type != cases[i].type)
            fail_msg("'%s' became type %u", cases[i].text, v.type);
    }
    assert_int_equal(parsed("-42", VALUE_AUTO).as.i64, -42);
    assert_true(parsed("48.2", VALUE_AUTO).as.f64 == 48.2);
    assert_true(parsed("true", VALUE_AUTO).as.b);
}

static void a_type_given_is_obeyed(void **state)
{
    (void)state;
    assert_int_equal(parsed("+007", MR_I64).as.i64, 7);
    assert_int_equal(parsed("-9223372036854775808", MR_I64).as.i64, INT64_MIN);
    assert_true(parsed("18446744073709551615", MR_U64).as.u64 == UINT64_MAX);
    assert_int_equal(parsed("-0", MR_U64).as.u64, 0);
    assert_true(parsed("1", MR_F64).as.f64 == 1);
    assert_true(parsed("0.1", MR_F32).as.f32 == 0.1F);
    assert_true(isnan(parsed("nan", MR_F64).as.f64));
    assert_true(isinf(parsed("inf", MR_F32).as.f32));
    assert_true(parsed("-inf", MR_F64).as.f64 < 0);
    assert_false(parsed("false", MR_BOOL).as.b);
    struct mr_value v = parsed("42", MR_STRING);
    assert_int_equal(v.type, MR_STRING);
    assert_memory_equal(v.as.ptr, "42", 2);
    assert_int_equal(parsed("42", MR_BYTES).type, MR_BYTES);
}

static void what_does_not_fit_the_type_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t type;
    } cases[] = {
        {"", MR_I64},
        {"x", MR_I64},
        {"1.5", MR_I64},
        {"1e3", MR_I64},
        {"9223372036854775808", MR_I64},
        {"-9223372036854775809", MR_I64},
        {"99999999999999999999999", MR_I64},
        {"-1", MR_U64},
        {"18446744073709551616", MR_U64},
        {"", MR_F64},
        {"1e999", MR_F64},
        {"NaN", MR_F64},
        {"0x1p3", MR_F64},
        {"1e39", MR_F32},
        {"one", MR_F32},
        {"1", MR_BOOL},
        {"", MR_BOOL},
        {"\xff", MR_STRING},
        {"\xff", VALUE_AUTO},
        {"1", MR_F64_ARRAY},
        {"1", VALUE_NONE},
        {"1", 13},
        {"1", 99},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct mr_value v = {.type = 77};
        if (parse(cases[i].text, cases[i].type, &v) != MR_INVALID)
            fail_msg("'%s' passed as type %u", cases[i].text, cases[i].type);
        assert_int_equal(v.type, 77);
    }
}

static void a_number_with_too_many_digits_for_the_room_is_no_number(void **state)
{
    (void)state;
    char digits[600];
    memset(digits, '1', sizeof digits);
    digits[1] = '.';
    struct mr_value v;
    assert_int_equal(value_parse(digits, sizeof digits, MR_F64, &v, NULL), MR_INVALID);
    assert_int_equal(value_parse(digits, sizeof digits, VALUE_AUTO, &v, NULL), MR_OK);
    assert_int_equal(v.type, MR_STRING);
    assert_int_equal(value_parse(digits, 400, VALUE_AUTO, &v, NULL), MR_OK);
    assert_int_equal(v.type, MR_F64);
}

static void check_f64_round_trip(double x, uint64_t seed)
{
    char text[64];
    struct mr_value v = mr_f64(x);
    struct mr_value back;
    int len = value_text(&v, text, sizeof text);
    assert_in_range(len, 1, sizeof text - 1);
    assert_int_equal(value_parse(text, (size_t)len, MR_F64, &back, NULL), MR_OK);
    if (!value_equal(&v, &back))
        fail_msg("seed %llu: %a became %s", (unsigned long long)seed, x, text);
}

static void check_f32_round_trip(float x, uint64_t seed)
{
    char text[64];
    struct mr_value v = {.type = MR_F32, .as.f32 = x};
    struct mr_value back;
    int len = value_text(&v, text, sizeof text);
    assert_in_range(len, 1, sizeof text - 1);
    assert_int_equal(value_parse(text, (size_t)len, MR_F32, &back, NULL), MR_OK);
    if (!value_equal(&v, &back))
        fail_msg("seed %llu: %a became %s", (unsigned long long)seed, (double)x, text);
}

static void random_numbers_read_back(void **state)
{
    (void)state;
    const uint64_t seed = 42;
    struct rand_seeded random;
    rand_seeded_init(&random, seed);
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t bits = rand_u64(&random.source);
        double f64;
        float f32;
        memcpy(&f64, &bits, sizeof f64);
        memcpy(&f32, &bits, sizeof f32);
        check_f64_round_trip(f64, seed);
        check_f32_round_trip(f32, seed);
    }
}

/* Some locale of the machine whose decimal point is a comma; false where none is installed. */
static bool set_comma_locale(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "fr_FR.utf8", "de_DE", "fr_FR"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (setlocale(LC_NUMERIC, names[i]))
            return true;
    }
    return false;
}

static void the_locale_of_the_program_changes_nothing(void **state)
{
    (void)state;
    if (!set_comma_locale()) {
        print_message("no locale with a decimal comma is installed\n");
        skip();
    }
    expect_text(mr_f64(48.2), "48.2");
    expect_text((struct mr_value){.type = MR_F32, .as.f32 = 48.2F}, "48.2");
    assert_true(parsed("48.2", VALUE_AUTO).as.f64 == 48.2);
    assert_int_equal(parsed("48,2", VALUE_AUTO).type, MR_STRING);
    check_f64_round_trip(0.1 + 0.2, 0);
    setlocale(LC_NUMERIC, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_have_the_names_of_sparkplug),
        cmocka_unit_test(every_type_name_reads_back),
        cmocka_unit_test(ten_types_are_carried_and_four_have_bytes),
        cmocka_unit_test(a_value_of_each_type_passes_the_check),
        cmocka_unit_test(what_no_record_may_carry_is_refused_with_a_reason),
        cmocka_unit_test(the_largest_value_passes_and_one_byte_more_does_not),
        cmocka_unit_test(values_are_equal_when_nothing_changed),
        cmocka_unit_test(numbers_are_shown_with_as_few_digits_as_read_back),
        cmocka_unit_test(strings_are_shown_safe_for_a_terminal),
        cmocka_unit_test(bytes_are_shown_as_text_or_as_hex_with_their_number),
        cmocka_unit_test(arrays_are_shown_shortened_with_their_rate),
        cmocka_unit_test(an_array_that_is_not_aligned_is_shown_all_the_same),
        cmocka_unit_test(text_is_cut_between_characters_and_counted_whole),
        cmocka_unit_test(text_decides_its_own_type),
        cmocka_unit_test(a_type_given_is_obeyed),
        cmocka_unit_test(what_does_not_fit_the_type_is_refused),
        cmocka_unit_test(a_number_with_too_many_digits_for_the_room_is_no_number),
        cmocka_unit_test(random_numbers_read_back),
        cmocka_unit_test(the_locale_of_the_program_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
