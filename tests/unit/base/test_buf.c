/* test_buf.c - the byte buffer: limits, order of bytes, gaps, hand-over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"

static void an_empty_buffer_owns_nothing(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    struct buf buf;
    buf_init(&buf, 10);
    assert_null(buf.data);
    assert_int_equal(buf_append(&buf, NULL, 0), MR_OK);
    buf_consume(&buf, 0);
    size_t len = 1;
    assert_null(buf_take(&buf, &len));
    assert_int_equal(len, 0);
    assert_int_equal(mem_outstanding(), before);
    buf_fini(&buf);
}

static void numbers_are_little_endian(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    assert_int_equal(buf_append_u8(&buf, 0x01), MR_OK);
    assert_int_equal(buf_append_u16le(&buf, 0x0302), MR_OK);
    assert_int_equal(buf_append_u32le(&buf, 0x07060504), MR_OK);
    assert_int_equal(buf_append_u64le(&buf, UINT64_C(0x0f0e0d0c0b0a0908)), MR_OK);
    assert_int_equal(buf.len, 15);
    for (size_t i = 0; i < 15; i++)
        assert_int_equal(buf.data[i], i + 1);
    buf_fini(&buf);
}

static void the_maximum_is_reached_but_not_passed(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    char bytes[101] = {0};
    assert_int_equal(buf_append(&buf, bytes, 101), MR_TOO_BIG);
    assert_int_equal(buf_append(&buf, bytes, 100), MR_OK);
    assert_int_equal(buf_append_u8(&buf, 1), MR_TOO_BIG);
    assert_int_equal(buf_reserve(&buf, SIZE_MAX), MR_TOO_BIG);
    assert_int_equal(buf.len, 100);
    buf_consume(&buf, 1);
    assert_int_equal(buf_append_u8(&buf, 1), MR_OK);
    assert_true(buf.cap <= 100);
    buf_fini(&buf);
    buf_init(&buf, 0);
    assert_int_equal(buf_append_u8(&buf, 1), MR_TOO_BIG);
}

static void a_failed_allocation_leaves_the_content(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    assert_int_equal(buf_append(&buf, "abc", 3), MR_OK);
    buf_consume(&buf, 1);
    char bytes[200] = {0};
    mem_fail_at(1);
    assert_int_equal(buf_append(&buf, bytes, sizeof bytes), MR_NO_MEMORY);
    assert_true(mem_fail_off());
    assert_int_equal(buf.len, 2);
    assert_memory_equal(buf.data, "bc", 2);
    buf_fini(&buf);
}

static void without_memory_the_gap_is_still_won_back(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    char bytes[64] = {0};
    assert_int_equal(buf_append(&buf, bytes, 64), MR_OK);
    assert_int_equal(buf.cap, 64);
    buf_consume(&buf, 8); /* a small gap before much content: growing would be preferred */
    mem_fail_at(1);
    assert_int_equal(buf_append(&buf, bytes, 8), MR_OK);
    assert_true(mem_fail_off());
    assert_int_equal(buf.cap, 64);
    buf_fini(&buf);
}

static void reserved_room_can_be_written_directly(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    assert_int_equal(buf_reserve(&buf, 3), MR_OK);
    memcpy(buf.data + buf.len, "xyz", 3);
    buf_advance(&buf, 3);
    size_t len;
    uint8_t *data = buf_take(&buf, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(data, "xyz", 3);
    assert_null(buf.data);
    mem_free(data);
}

static void clear_keeps_the_memory_for_the_next_round(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    assert_int_equal(buf_append(&buf, "abc", 3), MR_OK);
    size_t before = mem_outstanding();
    buf_clear(&buf);
    mem_fail_at(1);
    assert_int_equal(buf_append(&buf, "def", 3), MR_OK);
    assert_false(mem_fail_off());
    assert_int_equal(mem_outstanding(), before);
    buf_fini(&buf);
}

/* Bytes leave in the order they came, whatever the mix of appends and consumes. */
static void bytes_come_out_in_order(void **state)
{
    (void)state;
    const uint64_t seed = 20260301;
    struct rand_seeded rand;
    rand_seeded_init(&rand, seed);
    struct buf buf;
    buf_init(&buf, 300);
    uint8_t in = 0;
    uint8_t out = 0;
    for (int step = 0; step < 20000; step++) {
        uint64_t n = rand_below(&rand.source, 40);
        for (uint64_t i = 0; i < n && buf_append_u8(&buf, in) == MR_OK; i++)
            in++;
        n = rand_below(&rand.source, buf.len + 1);
        for (uint64_t i = 0; i < n; i++, out++)
            if (buf.data[i] != out)
                fail_msg("seed %ju step %d", (uintmax_t)seed, step);
        buf_consume(&buf, n);
        assert_true(buf.cap <= 300);
    }
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_owns_nothing),
        cmocka_unit_test(numbers_are_little_endian),
        cmocka_unit_test(the_maximum_is_reached_but_not_passed),
        cmocka_unit_test(a_failed_allocation_leaves_the_content),
        cmocka_unit_test(without_memory_the_gap_is_still_won_back),
        cmocka_unit_test(reserved_room_can_be_written_directly),
        cmocka_unit_test(clear_keeps_the_memory_for_the_next_round),
        cmocka_unit_test(bytes_come_out_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
