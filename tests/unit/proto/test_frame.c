/* test_frame.c - the frame head, what rides which lane, what costs credit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proto/frame.h"
#include "proto/limits.h"

static enum mr_rc read_head(unsigned kind, unsigned lane, unsigned reserved_1, unsigned reserved_2)
{
    const uint8_t frame[FRAME_HEAD_BYTES] = {(uint8_t)kind, (uint8_t)lane, (uint8_t)reserved_1, (uint8_t)reserved_2};
    struct frame_head head;
    const uint8_t *payload;
    size_t len;

    return frame_read(frame, sizeof frame, &head, &payload, &len);
}

static void a_head_is_twelve_little_endian_bytes(void **state)
{
    (void)state;
    static const uint8_t expected[FRAME_HEAD_BYTES] = {13, 2, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1};
    uint8_t out[FRAME_HEAD_BYTES];

    frame_write_head(out, &(struct frame_head){FRAME_BATCHES, LANE_LIVE, UINT64_C(0x0102030405060708)});
    assert_memory_equal(out, expected, sizeof expected);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    uint8_t frame[FRAME_HEAD_BYTES + 5] = {0};
    struct frame_head head;
    const uint8_t *payload;
    size_t len;

    frame_write_head(frame, &(struct frame_head){FRAME_LOSSES, LANE_CONTROL, UINT64_MAX});
    assert_int_equal(frame_read(frame, sizeof frame, &head, &payload, &len), MR_OK);
    assert_int_equal(head.kind, FRAME_LOSSES);
    assert_int_equal(head.lane, LANE_CONTROL);
    assert_true(head.session == UINT64_MAX);
    assert_ptr_equal(payload, frame + FRAME_HEAD_BYTES);
    assert_int_equal(len, 5);
}

static void an_empty_payload_is_fine_and_a_shorter_frame_is_not(void **state)
{
    (void)state;
    uint8_t frame[FRAME_HEAD_BYTES];
    struct frame_head head;
    const uint8_t *payload;
    size_t len = 9;

    frame_write_head(frame, &(struct frame_head){FRAME_PING, LANE_CONTROL, 1});
    assert_int_equal(frame_read(frame, sizeof frame, &head, &payload, &len), MR_OK);
    assert_int_equal(len, 0);
    for (size_t n = 0; n < sizeof frame; n++)
        assert_int_equal(frame_read(frame, n, &head, &payload, &len), MR_INVALID);
}

static void unknown_kinds_and_lanes_and_reserved_bytes_are_refused(void **state)
{
    (void)state;
    assert_int_equal(read_head(FRAME_HELLO, LANE_CONTROL, 0, 0), MR_OK);
    assert_int_equal(read_head(0, LANE_CONTROL, 0, 0), MR_INVALID);
    assert_int_equal(read_head(FRAME_KIND_END - 1, LANE_BULK, 0, 0), MR_OK);
    for (unsigned kind = FRAME_KIND_END; kind < 256; kind++)
        assert_int_equal(read_head(kind, LANE_CONTROL, 0, 0), MR_INVALID);
    for (unsigned lane = LANE_COUNT; lane < 256; lane++)
        assert_int_equal(read_head(FRAME_BATCHES, lane, 0, 0), MR_INVALID);
    assert_int_equal(read_head(FRAME_HELLO, LANE_CONTROL, 1, 0), MR_INVALID);
    assert_int_equal(read_head(FRAME_HELLO, LANE_CONTROL, 0, 1), MR_INVALID);
}

static void every_kind_rides_its_own_lanes_only(void **state)
{
    (void)state;
    for (unsigned kind = 1; kind < FRAME_KIND_END; kind++) {
        for (unsigned lane = 0; lane < LANE_COUNT; lane++) {
            bool rides = lane == LANE_CONTROL;

            if (kind == FRAME_BATCHES)
                rides = lane != LANE_CONTROL;
            else if (kind == FRAME_LOSSES)
                rides = lane == LANE_CONTROL || lane == LANE_LIVE;
            else if (kind == FRAME_SNAPSHOT_END)
                rides = lane == LANE_LIVE;
            else if (kind == FRAME_CHUNK)
                rides = lane == LANE_BULK;
            assert_int_equal(read_head(kind, lane, 0, 0), rides ? MR_OK : MR_INVALID);
        }
    }
}

static void every_kind_and_lane_has_a_name(void **state)
{
    (void)state;
    for (unsigned kind = 1; kind < FRAME_KIND_END; kind++)
        assert_string_not_equal(frame_kind_name((enum frame_kind)kind), "unknown");
    for (unsigned lane = 0; lane < LANE_COUNT; lane++)
        assert_string_not_equal(lane_name((enum lane)lane), "unknown");
    assert_string_equal(frame_kind_name(FRAME_HELLO), "HELLO");
    assert_string_equal(lane_name(LANE_CONTROL), "control");
    assert_string_equal(frame_kind_name((enum frame_kind)0), "unknown");
    assert_string_equal(frame_kind_name(FRAME_KIND_END), "unknown");
    assert_string_equal(lane_name(LANE_COUNT), "unknown");
}

static void a_short_frame_costs_the_minimum_and_the_session_itself_nothing(void **state)
{
    (void)state;
    assert_int_equal(frame_cost(FRAME_BATCHES, 0), CREDIT_FRAME_MIN_BYTES);
    assert_int_equal(frame_cost(FRAME_BATCHES, CREDIT_FRAME_MIN_BYTES), CREDIT_FRAME_MIN_BYTES);
    assert_int_equal(frame_cost(FRAME_BATCHES, CREDIT_FRAME_MIN_BYTES + 1), CREDIT_FRAME_MIN_BYTES + 1);
    assert_int_equal(frame_cost(FRAME_KIND_END, 2000), 2000);

    static const enum frame_kind costs_nothing[] = {FRAME_HELLO, FRAME_WELCOME, FRAME_BYE,
                                                    FRAME_PING,  FRAME_PONG,    FRAME_CREDIT};
    for (size_t i = 0; i < sizeof costs_nothing / sizeof *costs_nothing; i++)
        assert_int_equal(frame_cost(costs_nothing[i], 100000), 0);
    assert_int_equal(frame_cost(FRAME_STATE, 10), CREDIT_FRAME_MIN_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_twelve_little_endian_bytes),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(an_empty_payload_is_fine_and_a_shorter_frame_is_not),
        cmocka_unit_test(unknown_kinds_and_lanes_and_reserved_bytes_are_refused),
        cmocka_unit_test(every_kind_rides_its_own_lanes_only),
        cmocka_unit_test(every_kind_and_lane_has_a_name),
        cmocka_unit_test(a_short_frame_costs_the_minimum_and_the_session_itself_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
