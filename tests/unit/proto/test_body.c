/* test_body.c - bodies: every type there and back, every limit, held against protobuf-c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/mem.h"
#include "tests/support/reference_batch.h"
#include "tests/support/wire_bytes.h"

enum { ROOM = VALUE_MAX_BYTES + 64 };

static uint8_t bytes[ROOM];
static struct buf scratch;

static int start(void **state)
{
    (void)state;
    buf_init(&scratch, VALUE_MAX_BYTES);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    buf_fini(&scratch);
    return 0;
}

/* Writes the value, has protobuf-c and our reader read it, and returns what ours says; bytes are borrowed until the next. */
static struct body there_and_back(uint32_t status, const struct mr_value *v)
{
    size_t size = body_size(status, v);
    struct body body;

    assert_true(size <= sizeof bytes);
    assert_int_equal(body_write(bytes, status, v), size);
    assert_int_equal(body_check(bytes, size), MR_OK);
    assert_int_equal(body_read(bytes, size, &body, &scratch), MR_OK);
    assert_int_equal(body.status, status);
    assert_int_equal(body.has_value, v != NULL);

    Millrace__V1__Body *theirs = millrace__v1__body__unpack(NULL, size, bytes);
    assert_non_null(theirs);
    assert_null(reference_body(&body, theirs));
    millrace__v1__body__free_unpacked(theirs, NULL);
    return body;
}

/* Our verdict on these bytes; check and read must agree. */
static enum mr_rc verdict(const struct wire_bytes *w)
{
    struct body body;
    enum mr_rc rc = body_read(w->data, w->len, &body, &scratch);

    assert_int_equal(body_check(w->data, w->len), rc);
    return rc;
}

static void good_without_a_value_is_no_bytes(void **state)
{
    (void)state;
    assert_int_equal(body_size(0, NULL), 0);
    assert_int_equal(body_size(0x80000000, NULL), 6);
    there_and_back(0, NULL);
    there_and_back(0x80000000, NULL);
    there_and_back(UINT32_MAX, NULL);

    struct mr_value none = {0}; /* a value of no type is none */
    assert_int_equal(body_size(5, &none), 2);
    assert_int_equal(body_write(bytes, 5, &none), 2);
}

static void numbers_come_back_at_their_ends(void **state)
{
    (void)state;
    static const int64_t i64[] = {0, 1, -1, 63, 64, -64, -65, INT64_MAX, INT64_MIN};
    static const uint64_t u64[] = {0, 1, 127, 128, UINT64_MAX};

    for (size_t i = 0; i < sizeof i64 / sizeof *i64; i++) {
        struct mr_value v = mr_i64(i64[i]);

        assert_true(there_and_back(0, &v).value.as.i64 == i64[i]);
    }
    for (size_t i = 0; i < sizeof u64 / sizeof *u64; i++) {
        struct mr_value v = {.type = MR_U64, .as.u64 = u64[i]};

        assert_true(there_and_back(3, &v).value.as.u64 == u64[i]);
    }
    for (int i = 0; i < 2; i++) {
        struct mr_value v = {.type = MR_BOOL, .as.b = i == 1};

        assert_int_equal(there_and_back(0, &v).value.as.b, i);
    }
}

static void floats_come_back_bit_by_bit(void **state)
{
    (void)state;
    static const double values[] = {0.0, -0.0, 48.2, 5e-324, -1.7e308, INFINITY, -INFINITY, NAN};

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct mr_value v = mr_f64(values[i]), w = {.type = MR_F32, .as.f32 = (float)values[i]};
        struct body body = there_and_back(0, &v);

        assert_memory_equal(&body.value.as.f64, &v.as.f64, sizeof v.as.f64);
        body = there_and_back(0, &w);
        assert_memory_equal(&body.value.as.f32, &w.as.f32, sizeof w.as.f32);
    }
}

static void strings_and_bytes_are_borrowed(void **state)
{
    (void)state;
    struct mr_value text = {.type = MR_STRING, .len = 6, .as.ptr = "läuft"};
    struct mr_value raw = {.type = MR_BYTES, .len = 3, .as.ptr = "a\0\xff"};
    struct mr_value empty = {.type = MR_STRING, .len = 0, .as.ptr = ""};
    struct body body = there_and_back(0, &text);

    assert_in_range((uintptr_t)body.value.as.ptr, (uintptr_t)bytes, (uintptr_t)bytes + sizeof bytes);
    assert_memory_equal(body.value.as.ptr, "läuft", 6);
    assert_int_equal(there_and_back(0, &raw).value.type, MR_BYTES);
    body = there_and_back(0, &empty);
    assert_int_equal(body.value.type, MR_STRING);
    assert_non_null(body.value.as.ptr);
}

static void text_that_is_not_utf8_or_has_a_nul_is_refused(void **state)
{
    (void)state;
    static struct wire_bytes w;

    w.len = 0;
    wb_bytes(&w, 8, "\xc3", 1);
    assert_int_equal(verdict(&w), MR_INVALID);
    w.len = 0;
    wb_bytes(&w, 8, "a\0b", 3);
    assert_int_equal(verdict(&w), MR_INVALID);
    w.len = 0;
    wb_bytes(&w, 2, "a\0\xc3", 3);
    assert_int_equal(verdict(&w), MR_OK);
}

static void the_largest_value_passes_and_one_byte_more_does_not(void **state)
{
    (void)state;
    static const uint32_t types[] = {MR_BYTES, MR_STRING, MR_F32_ARRAY, MR_F64_ARRAY};
    static uint8_t large[VALUE_MAX_BYTES + 8];
    static struct wire_bytes w;

    memset(large, 'x', sizeof large);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct mr_value v = {.type = types[i], .len = VALUE_MAX_BYTES, .as.ptr = large};

        assert_int_equal(there_and_back(0, &v).value.len, VALUE_MAX_BYTES);
        v.len++;
        assert_int_equal(body_size(0, &v), 0);
        assert_int_equal(body_size(1, &v), 0);
        assert_int_equal(body_write(bytes, 1, &v), 0);
        v.len = UINT32_MAX;
        assert_int_equal(body_size(0, &v), 0);
    }
    for (uint32_t field = 2; field <= 8; field += 6) {
        w.len = 0;
        wb_bytes(&w, field, large, VALUE_MAX_BYTES + 1);
        assert_int_equal(verdict(&w), MR_TOO_BIG);
    }
    static struct wire_bytes array;
    array.len = w.len = 0;
    wb_bytes(&array, 2, large, VALUE_MAX_BYTES + 4);
    wb_message(&w, 9, &array);
    assert_int_equal(verdict(&w), MR_TOO_BIG);
}

static void types_that_no_value_carries_have_no_size(void **state)
{
    (void)state;
    for (uint32_t type = 1; type < 50; type++) {
        struct mr_value v = {.type = type, .as.ptr = ""};
        bool carried = type == MR_I64 || (type >= MR_U64 && type <= MR_STRING) || type == MR_BYTES ||
                       type == MR_F32_ARRAY || type == MR_F64_ARRAY;

        if (type == MR_I64 || (type >= MR_U64 && type <= MR_BOOL))
            v.as.u64 = 0;
        assert_int_equal(body_size(7, &v) != 0, carried);
    }
}

static void arrays_come_back_wherever_they_stand(void **state)
{
    (void)state;
    static const double f64[] = {1, NAN, -INFINITY};
    static const float f32[] = {1, 2.5F, -3};
    struct mr_value doubles = {.type = MR_F64_ARRAY, .len = sizeof f64, .rate_hz = 25600, .as.ptr = f64};
    struct mr_value floats = {.type = MR_F32_ARRAY, .len = sizeof f32, .as.ptr = f32};
    const struct mr_value *values[] = {&doubles, &floats};

    for (int i = 0; i < 2; i++) {
        size_t size = body_size(0, values[i]);

        for (size_t shift = 0; shift < 16; shift++) {
            struct body body;

            body_write(bytes + shift, 0, values[i]);
            assert_int_equal(body_read(bytes + shift, size, &body, &scratch), MR_OK);
            assert_int_equal(body.value.type, values[i]->type);
            assert_true(body.value.rate_hz == values[i]->rate_hz);
            assert_int_equal((uintptr_t)body.value.as.ptr % (i ? sizeof(float) : sizeof(double)), 0);
            assert_int_equal(body.value.len, values[i]->len);
            assert_memory_equal(body.value.as.ptr, values[i]->as.ptr, body.value.len);
        }
        there_and_back(5, values[i]);
    }
}

static void an_empty_array_keeps_its_type(void **state)
{
    (void)state;
    struct mr_value doubles = {.type = MR_F64_ARRAY, .as.ptr = ""}, floats = {.type = MR_F32_ARRAY, .as.ptr = ""};

    assert_int_equal(there_and_back(0, &doubles).value.type, MR_F64_ARRAY);
    assert_int_equal(there_and_back(0, &floats).value.type, MR_F32_ARRAY);
}

static void no_memory_for_a_misaligned_array_is_a_result(void **state)
{
    (void)state;
    static const double f64[] = {1, 2};
    struct mr_value v = {.type = MR_F64_ARRAY, .len = sizeof f64, .as.ptr = f64};
    struct buf fresh;
    struct body body = {.status = 99};
    unsigned failed = 0;

    for (size_t shift = 0; shift < 8; shift++) {
        body_write(bytes + shift, 0, &v);
        buf_init(&fresh, VALUE_MAX_BYTES);
        mem_fail_at(1);
        enum mr_rc rc = body_read(bytes + shift, body_size(0, &v), &body, &fresh);
        if (mem_fail_off()) {
            assert_int_equal(rc, MR_NO_MEMORY);
            assert_int_equal(body.status, failed ? body.status : 99);
            failed++;
        } else {
            assert_int_equal(rc, MR_OK);
        }
        buf_fini(&fresh);
    }
    assert_int_equal(failed, 7);
}

/* An array of these lists. */
static enum mr_rc array_verdict(const double *rate_hz, size_t f32_bytes, size_t f64_bytes, bool f32, bool f64)
{
    static const uint8_t zeros[64];
    static struct wire_bytes w, array;

    w.len = array.len = 0;
    if (rate_hz)
        wb_fixed64(&array, 1, rate_hz);
    if (f32)
        wb_bytes(&array, 2, zeros, f32_bytes);
    if (f64)
        wb_bytes(&array, 3, zeros, f64_bytes);
    wb_message(&w, 9, &array);
    return verdict(&w);
}

static void an_array_has_one_list_of_whole_elements_and_a_decent_rate(void **state)
{
    (void)state;
    static const double bad_rates[] = {-1, NAN, INFINITY, -INFINITY};
    const double rate_hz = 1e300;

    assert_int_equal(array_verdict(&rate_hz, 8, 0, true, false), MR_OK);
    assert_int_equal(array_verdict(NULL, 0, 16, false, true), MR_OK);
    assert_int_equal(array_verdict(NULL, 0, 0, false, false), MR_INVALID);
    assert_int_equal(array_verdict(NULL, 4, 8, true, true), MR_INVALID);
    assert_int_equal(array_verdict(NULL, 7, 0, true, false), MR_INVALID);
    assert_int_equal(array_verdict(NULL, 0, 12, false, true), MR_INVALID);
    for (size_t i = 0; i < sizeof bad_rates / sizeof *bad_rates; i++)
        assert_int_equal(array_verdict(&bad_rates[i], 8, 0, true, false), MR_INVALID);
}

static void bytes_that_are_no_body_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len;
    } bad[] = {
        {"\x08", 1},                     /* a status that is not there */
        {"\x08\xff\xff\xff\xff\x1f", 6}, /* a status of 33 bits */
        {"\x19\0\0\0\0\0\0\0", 8},       /* a double one byte short */
        {"\x25\0\0\0", 4},               /* a float one byte short */
        {"\x28", 1},                     /* no number */
        {"\x28\x80", 2},                 /* half a number */
        {"\x38\x02", 2},                 /* a third truth value */
        {"\x38", 1},
        {"\x42\x02x", 3},            /* text longer than what is left */
        {"\x4a\x01", 2},             /* so is an array */
        {"\x4a\x01\x12", 3},         /* a list without its length */
        {"\x4a\x02\x09\0", 4},       /* half a rate */
        {"\x4a\x04\x12\0\x08\0", 6}, /* an old field after the list */
        {"\x28\0\x28\0", 4},         /* two values */
        {"\x28\0\x08\x01", 4},       /* status after the value */
        {"\x08\x01\x08\x01", 4},     /* status twice */
        {"\x20\0", 2},               /* a float with the wire type of a number */
        {"\x03", 1},                 /* a group */
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        static struct wire_bytes w;

        w.len = 0;
        wb_raw(&w, bad[i].data, bad[i].len);
        assert_int_equal(verdict(&w), MR_INVALID);
    }
}

static void a_value_of_a_newer_type_reads_as_none(void **state)
{
    (void)state;
    static struct wire_bytes w;
    struct body body;

    w.len = 0;
    wb_varint(&w, 1, 7);
    wb_text(&w, 10, "row");
    assert_int_equal(body_read(w.data, w.len, &body, &scratch), MR_OK);
    assert_int_equal(body.status, 7);
    assert_false(body.has_value);
    assert_int_equal(body_read(NULL, 0, &body, &scratch), MR_OK);
    assert_false(body.has_value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_without_a_value_is_no_bytes),
        cmocka_unit_test(numbers_come_back_at_their_ends),
        cmocka_unit_test(floats_come_back_bit_by_bit),
        cmocka_unit_test(strings_and_bytes_are_borrowed),
        cmocka_unit_test(text_that_is_not_utf8_or_has_a_nul_is_refused),
        cmocka_unit_test(the_largest_value_passes_and_one_byte_more_does_not),
        cmocka_unit_test(types_that_no_value_carries_have_no_size),
        cmocka_unit_test(arrays_come_back_wherever_they_stand),
        cmocka_unit_test(an_empty_array_keeps_its_type),
        cmocka_unit_test(no_memory_for_a_misaligned_array_is_a_result),
        cmocka_unit_test(an_array_has_one_list_of_whole_elements_and_a_decent_rate),
        cmocka_unit_test(bytes_that_are_no_body_are_refused),
        cmocka_unit_test(a_value_of_a_newer_type_reads_as_none),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
