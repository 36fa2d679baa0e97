/* test_json_line.c - objects on a line, read back by a library of other people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "cli/json_line.h"
#include "tests/unit/cli/captured.h"

/* {"v": value} as text. */
static void expect(const struct mr_value *value, const char *expected)
{
    struct captured c;
    captured_begin(&c);
    struct json_line line = json_begin(c.out);
    json_value(&line, "v", value);
    json_end(&line);
    const char *text = captured_end(&c);
    json_t *read = json_loads(text, 0, NULL);
    assert_non_null(read);
    json_decref(read);
    assert_string_equal(text, expected);
    captured_free(&c);
}

static struct mr_value bytes(uint32_t type, const void *data, size_t len)
{
    return (struct mr_value){.type = type, .len = (uint32_t)len, .as.ptr = data};
}

static void numbers_are_numbers_that_read_back_the_same(void **state)
{
    (void)state;
    expect(&(struct mr_value){.type = MR_F64, .as.f64 = 48.2}, "{\"v\": 48.2}\n");
    expect(&(struct mr_value){.type = MR_F64, .as.f64 = 1e300}, "{\"v\": 1e+300}\n");
    expect(&(struct mr_value){.type = MR_F32, .as.f32 = 0.1F}, "{\"v\": 0.1}\n");
    expect(&(struct mr_value){.type = MR_I64, .as.i64 = INT64_MIN}, "{\"v\": -9223372036854775808}\n");
    expect(&(struct mr_value){.type = MR_BOOL, .as.b = true}, "{\"v\": true}\n");
    expect(&(struct mr_value){.type = MR_NO_VALUE}, "{\"v\": null}\n");
}

static void what_json_has_no_number_for_is_text(void **state)
{
    (void)state;
    expect(&(struct mr_value){.type = MR_F64, .as.f64 = (double)NAN}, "{\"v\": \"nan\"}\n");
    expect(&(struct mr_value){.type = MR_F32, .as.f32 = -INFINITY}, "{\"v\": \"-inf\"}\n");
}

static void texts_are_escaped(void **state)
{
    static const char odd[] = "a\"b\\c\n\001\177\xc2\x85\xff油";
    struct mr_value v = bytes(MR_STRING, odd, sizeof odd - 1);
    (void)state;
    expect(&v, "{\"v\": \"a\\\"b\\\\c\\n\\u0001\\u007f\\u0085\\ufffd油\"}\n");
    v = bytes(MR_STRING, NULL, 0);
    expect(&v, "{\"v\": \"\"}\n");
}

static void bytes_are_text_if_they_can_be(void **state)
{
    struct mr_value v = bytes(MR_BYTES, "hello", 5);
    (void)state;
    expect(&v, "{\"v\": \"hello\"}\n");
    v = bytes(MR_BYTES, "\xff\x00\x10", 3);
    expect(&v, "{\"v\": \"0xff0010\"}\n");
    v = bytes(MR_BYTES, NULL, 0);
    expect(&v, "{\"v\": \"\"}\n");
    v = bytes(99, "later", 5); /* a type of a later version */
    expect(&v, "{\"v\": \"later\"}\n");
}

static void arrays_are_arrays(void **state)
{
    static const double f64[] = {1, 2.5, -3};
    static const float f32[] = {0.5F};
    struct mr_value v = bytes(MR_F64_ARRAY, f64, sizeof f64);
    (void)state;
    expect(&v, "{\"v\": [1, 2.5, -3]}\n");
    v = bytes(MR_F32_ARRAY, f32, sizeof f32);
    expect(&v, "{\"v\": [0.5]}\n");
    v = bytes(MR_F32_ARRAY, NULL, 0);
    expect(&v, "{\"v\": []}\n");
}

static void keys_follow_each_other(void **state)
{
    struct captured c;
    (void)state;
    captured_begin(&c);
    struct json_line line = json_begin(c.out);
    json_text(&line, "a", "x");
    json_text(&line, "b", NULL);
    json_u64(&line, "c", UINT64_MAX);
    json_bool(&line, "d", false);
    json_time(&line, "e", 0);
    json_time(&line, "f", MR_NO_TIME);
    json_end(&line);
    assert_string_equal(captured_end(&c), "{\"a\": \"x\", \"b\": null, \"c\": 18446744073709551615, \"d\": false, "
                                          "\"e\": \"1970-01-01T00:00:00.000000Z\", \"f\": null}\n");
    captured_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_numbers_that_read_back_the_same),
        cmocka_unit_test(what_json_has_no_number_for_is_text),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(bytes_are_text_if_they_can_be),
        cmocka_unit_test(arrays_are_arrays),
        cmocka_unit_test(keys_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
