/* test_header.c - the public header as a contract: numbers that programs and wire depend on, and its inline helpers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <millrace/millrace.h>

#include "header_layout.h"

/* A number of this header as a program was compiled with it. */
struct pin {
    const char *name;
    uint32_t is, must_be;
};
#define PIN(name, must_be)                                                                                             \
    {                                                                                                                  \
#name, (uint32_t)name, must_be                                                                                 \
    }

static void check_pins(const struct pin *pins, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (pins[i].is != pins[i].must_be)
            fail_msg("%s is %u and must stay %u", pins[i].name, (unsigned)pins[i].is, (unsigned)pins[i].must_be);
}
#define CHECK_PINS(pins) check_pins(pins, sizeof(pins) / sizeof((pins)[0]))

static void result_codes_keep_their_numbers(void **state)
{
    (void)state;
    static const struct pin pins[] = {
        PIN(MR_OK, 0),           PIN(MR_WOULD_BLOCK, 1), PIN(MR_TIMEOUT, 2),    PIN(MR_ISOLATED, 3),
        PIN(MR_NO_RESPONDER, 4), PIN(MR_INVALID, 20),    PIN(MR_DENIED, 21),    PIN(MR_TOO_BIG, 22),
        PIN(MR_NOT_FOUND, 23),   PIN(MR_MISUSE, 24),     PIN(MR_NO_MEMORY, 25), PIN(MR_UNKNOWN, 40),
        PIN(MR_FENCED, 60),      PIN(MR_CLOSED, 61),
    };
    CHECK_PINS(pins);
}

static void levels_kinds_and_causes_keep_their_numbers(void **state)
{
    (void)state;
    static const struct pin pins[] = {
        PIN(MR_NO_ACK, 0),      PIN(MR_ACCEPTED, 1),     PIN(MR_SPOOLED, 2), PIN(MR_COMMITTED, 3),  PIN(MR_DATA, 0),
        PIN(MR_LOSS, 1),        PIN(MR_SNAPSHOT_END, 2), PIN(MR_BIRTH, 3),   PIN(MR_DEATH, 4),      PIN(MR_ENDED, 5),
        PIN(MR_SLOW_READER, 1), PIN(MR_LINK, 2),         PIN(MR_BROKER, 3),  PIN(MR_SPOOL_FULL, 4), PIN(MR_EXPIRED, 5),
        PIN(MR_TRIMMED, 6),     PIN(MR_CORRUPT, 7),      PIN(MR_RIGHTS, 8),
    };
    CHECK_PINS(pins);
}

static void flags_keep_their_bits(void **state)
{
    (void)state;
    static const struct pin pins[] = {
        PIN(MR_KEEP, 1),   PIN(MR_CLEAR, 2),   PIN(MR_BACKFILL, 4), PIN(MR_FROM_SNAPSHOT, 8),
        PIN(MR_STALE, 16), PIN(MR_FORCED, 32), PIN(MR_FUTURE, 64),
    };
    CHECK_PINS(pins);
}

static void outcomes_policies_and_starts_keep_their_numbers(void **state)
{
    (void)state;
    static const struct pin pins[] = {
        PIN(MR_DONE, 1),
        PIN(MR_REFUSED, 2),
        PIN(MR_LATE, 3),
        PIN(MR_NOT_DELIVERED, 4),
        PIN(MR_OUTCOME_UNKNOWN, 5),
        PIN(MR_DROP_OLDEST, 0),
        PIN(MR_NEWEST_PER_TOPIC, 1),
        PIN(MR_CUT_OFF, 2),
        PIN(MR_NEXT, 0),
        PIN(MR_FIRST, 1),
        PIN(MR_LAST, 2),
        PIN(MR_OFFSET, 3),
        PIN(MR_TIME, 4),
    };
    CHECK_PINS(pins);
}

static void value_types_are_the_numbers_of_sparkplug_b(void **state)
{
    (void)state;
    static const struct pin pins[] = {
        PIN(MR_NO_VALUE, 0), PIN(MR_I64, 4),     PIN(MR_U64, 8),    PIN(MR_F32, 9),        PIN(MR_F64, 10),
        PIN(MR_BOOL, 11),    PIN(MR_STRING, 12), PIN(MR_BYTES, 17), PIN(MR_F32_ARRAY, 30), PIN(MR_F64_ARRAY, 31),
    };
    CHECK_PINS(pins);
}

static void status_codes_are_the_numbers_of_opc_ua(void **state)
{
    (void)state;
    static const struct pin pins[] = {
        PIN(MR_STATUS_GOOD, 0),
        PIN(MR_STATUS_GOOD_CLAMPED, 0x00300000),
        PIN(MR_STATUS_GOOD_LOCAL_OVERRIDE, 0x00960000),
        PIN(MR_STATUS_UNCERTAIN, 0x40000000),
        PIN(MR_STATUS_UNCERTAIN_NO_COMMUNICATION_LAST_USABLE_VALUE, 0x408F0000),
        PIN(MR_STATUS_UNCERTAIN_LAST_USABLE_VALUE, 0x40900000),
        PIN(MR_STATUS_UNCERTAIN_SUBSTITUTE_VALUE, 0x40910000),
        PIN(MR_STATUS_UNCERTAIN_INITIAL_VALUE, 0x40920000),
        PIN(MR_STATUS_UNCERTAIN_SENSOR_NOT_ACCURATE, 0x40930000),
        PIN(MR_STATUS_UNCERTAIN_ENGINEERING_UNITS_EXCEEDED, 0x40940000),
        PIN(MR_STATUS_UNCERTAIN_SUB_NORMAL, 0x40950000),
        PIN(MR_STATUS_BAD, 0x80000000),
        PIN(MR_STATUS_BAD_NO_COMMUNICATION, 0x80310000),
        PIN(MR_STATUS_BAD_WAITING_FOR_INITIAL_DATA, 0x80320000),
        PIN(MR_STATUS_BAD_OUT_OF_RANGE, 0x803C0000),
        PIN(MR_STATUS_BAD_CONFIGURATION_ERROR, 0x80890000),
        PIN(MR_STATUS_BAD_NOT_CONNECTED, 0x808A0000),
        PIN(MR_STATUS_BAD_DEVICE_FAILURE, 0x808B0000),
        PIN(MR_STATUS_BAD_SENSOR_FAILURE, 0x808C0000),
        PIN(MR_STATUS_BAD_OUT_OF_SERVICE, 0x808D0000),
        PIN(MR_STATUS_BAD_DATA_LOST, 0x809D0000),
    };
    CHECK_PINS(pins);
}

static void the_severity_mask_splits_good_uncertain_and_bad(void **state)
{
    (void)state;
    assert_int_equal(MR_STATUS_GOOD_LOCAL_OVERRIDE & MR_STATUS_SEVERITY, MR_STATUS_GOOD);
    assert_int_equal(MR_STATUS_UNCERTAIN_SUB_NORMAL & MR_STATUS_SEVERITY, MR_STATUS_UNCERTAIN);
    assert_int_equal(MR_STATUS_BAD_DATA_LOST & MR_STATUS_SEVERITY, MR_STATUS_BAD);
}

static void no_time_is_no_time_a_clock_can_show(void **state)
{
    (void)state;
    assert_true(MR_NO_TIME == INT64_MIN);
}

static void mr_f64_makes_a_double(void **state)
{
    (void)state;
    struct mr_value v = mr_f64(48.25);
    assert_int_equal(v.type, MR_F64);
    assert_int_equal(v.len, 0);
    assert_true(v.rate_hz >= 0 && v.rate_hz <= 0);
    assert_memory_equal(&v.as.f64, &(double){48.25}, sizeof(double));
}

static void mr_i64_makes_a_whole_number_of_the_full_range(void **state)
{
    (void)state;
    static const int64_t numbers[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct mr_value v = mr_i64(numbers[i]);
        assert_int_equal(v.type, MR_I64);
        assert_int_equal(v.len, 0);
        assert_true(v.as.i64 == numbers[i]);
    }
}

static void a_value_of_zeros_is_no_value(void **state)
{
    (void)state;
    struct mr_value v = {0, 0, 0, {0}};
    assert_int_equal(v.type, MR_NO_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(result_codes_keep_their_numbers),
        cmocka_unit_test(levels_kinds_and_causes_keep_their_numbers),
        cmocka_unit_test(flags_keep_their_bits),
        cmocka_unit_test(outcomes_policies_and_starts_keep_their_numbers),
        cmocka_unit_test(value_types_are_the_numbers_of_sparkplug_b),
        cmocka_unit_test(status_codes_are_the_numbers_of_opc_ua),
        cmocka_unit_test(the_severity_mask_splits_good_uncertain_and_bad),
        cmocka_unit_test(no_time_is_no_time_a_clock_can_show),
        cmocka_unit_test(mr_f64_makes_a_double),
        cmocka_unit_test(mr_i64_makes_a_whole_number_of_the_full_range),
        cmocka_unit_test(a_value_of_zeros_is_no_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
