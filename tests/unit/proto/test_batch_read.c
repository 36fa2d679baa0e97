/* test_batch_read.c - what the batch reader takes and what it refuses, byte by byte; held against protobuf-c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/reference_batch.h"
#include "tests/support/wire_bytes.h"

static const uint64_t birth = UINT64_C(0x1122334455667788);

/* The payload that holds one batch of these bytes. */
static const struct wire_bytes *in_a_frame(const struct wire_bytes *batch)
{
    static struct wire_bytes frame;

    frame.len = 0;
    wb_message(&frame, 1, batch);
    return &frame;
}

/* Both readers' verdict on a batch: ours, and that protobuf-c agrees where ours accepts. */
static bool accepts(const struct wire_bytes *batch)
{
    const struct wire_bytes *frame = in_a_frame(batch);

    if (!reference_accepts(frame->data, frame->len))
        return false;
    assert_null(reference_compare(frame->data, frame->len));
    return true;
}

/* A batch of one record with these bytes. */
static bool accepts_record(const struct wire_bytes *record)
{
    static struct wire_bytes batch;

    batch.len = 0;
    wb_message(&batch, 15, record);
    return accepts(&batch);
}

static void put_plain_record(struct wire_bytes *batch)
{
    wb_raw(batch, (const uint8_t[]){0x7a, 2, 8, 1}, 4);
}

/* The first record of a batch that the reader accepts. */
static struct record first_record(const struct wire_bytes *batch, struct batch_head *ret_head)
{
    const struct wire_bytes *frame = in_a_frame(batch);
    struct batches_reader frames;
    struct batch_reader reader;
    struct record record;

    batches_read_init(&frames, frame->data, frame->len);
    assert_int_equal(batches_next(&frames, &reader), MR_OK);
    assert_int_equal(batch_next(&reader, &record), MR_OK);
    *ret_head = reader.head;
    return record;
}

static void every_field_of_a_head_is_read(void **state)
{
    (void)state;
    static struct wire_bytes b;
    struct batch_head head;

    b.len = 0;
    wb_fixed64(&b, 1, &birth);
    wb_varint(&b, 2, 3);
    wb_varint(&b, 3, 1000);
    wb_varint(&b, 4, 7);
    wb_sint(&b, 5, 1700000000000000);
    wb_sint(&b, 6, -250);
    wb_sint(&b, 7, 900);
    wb_varint(&b, 8, CLOCK_UNSYNCED);
    wb_varint(&b, 9, 12);
    put_plain_record(&b);
    struct record record = first_record(&b, &head);
    assert_true(accepts(&b));
    assert_true(head.birth == birth);
    assert_int_equal(head.link, 3);
    assert_int_equal(head.first_seq, 1000);
    assert_int_equal(head.publisher, 7);
    assert_true(head.base_us == 1700000000000000);
    assert_true(head.agent_us == 1700000000000000 - 250);
    assert_true(head.broker_us == 1700000000000000 + 900);
    assert_int_equal(head.clock, CLOCK_UNSYNCED);
    assert_int_equal(head.interest, 12);
    assert_int_equal(record.seq, 1000);
}

static void absent_fields_read_as_their_defaults(void **state)
{
    (void)state;
    static struct wire_bytes b;
    struct batch_head head;

    b.len = 0;
    put_plain_record(&b);
    struct record record = first_record(&b, &head);
    assert_int_equal(head.birth, 0);
    assert_int_equal(head.agent_us, 0);
    assert_true(head.broker_us == MR_NO_TIME);
    assert_int_equal(head.clock, CLOCK_UNKNOWN);
    assert_int_equal(record.topic, 1);
    assert_int_equal(record.seq, 0);
    assert_int_equal(record.flags, 0);
    assert_true(record.source_us == MR_NO_TIME);
    assert_int_equal(record.body_len, 0);
    assert_non_null(record.body);
    assert_int_equal(record.call.id, 0);
}

static void a_record_is_read_with_its_call_and_body(void **state)
{
    (void)state;
    static struct wire_bytes b, r, call;
    const uint64_t id = 77;
    struct batch_head head;

    b.len = r.len = call.len = 0;
    wb_fixed64(&call, 1, &id);
    wb_varint(&call, 2, 12);
    wb_varint(&call, 3, 5000);
    wb_varint(&call, 4, MR_DENIED);
    wb_text(&call, 5, "zu spät");
    wb_varint(&r, 1, UINT32_MAX);
    wb_sint(&r, 3, -5);
    wb_varint(&r, 4, MR_KEEP | MR_FORCED);
    wb_message(&r, 5, &call);
    wb_bytes(&r, 6, "\x38\x01", 2);
    wb_sint(&b, 5, 100);
    wb_message(&b, 15, &r);
    assert_true(accepts(&b));

    struct record record = first_record(&b, &head);
    assert_int_equal(record.topic, UINT32_MAX);
    assert_int_equal(record.source_us, 95);
    assert_int_equal(record.flags, MR_KEEP | MR_FORCED);
    assert_int_equal(record.call.id, 77);
    assert_int_equal(record.call.reply_topic, 12);
    assert_int_equal(record.call.wait_ms, 5000);
    assert_int_equal(record.call.rc, MR_DENIED);
    assert_int_equal(record.call.reason_len, 8);
    assert_memory_equal(record.call.reason, "zu spät", 8);
    assert_int_equal(record.body_len, 2);
    assert_memory_equal(record.body, "\x38\x01", 2);
}

static void skips_count_and_calls_carry_no_live_number(void **state)
{
    (void)state;
    static const uint8_t call[] = {9 + 0, 1, 0, 0, 0, 0, 0, 0, 0}; /* id 1 */
    static struct wire_bytes b, r;
    struct batches_reader frames;
    struct batch_reader reader;
    struct record record;

    b.len = 0;
    wb_varint(&b, 3, 10);
    put_plain_record(&b);
    r.len = 0;
    wb_varint(&r, 1, 1);
    wb_bytes(&r, 5, call, sizeof call);
    wb_message(&b, 15, &r);
    r.len = 0;
    wb_varint(&r, 1, 1);
    wb_varint(&r, 2, 5);
    wb_message(&b, 15, &r);
    assert_true(accepts(&b));

    const struct wire_bytes *frame = in_a_frame(&b);
    batches_read_init(&frames, frame->data, frame->len);
    assert_int_equal(batches_next(&frames, &reader), MR_OK);
    assert_int_equal(batch_next(&reader, &record), MR_OK);
    assert_int_equal(record.seq, 10);
    assert_int_equal(batch_next(&reader, &record), MR_OK);
    assert_int_equal(record.seq, 0);
    assert_int_equal(batch_next(&reader, &record), MR_OK);
    assert_int_equal(record.seq, 16);
    assert_int_equal(batch_next(&reader, &record), MR_NOT_FOUND);
    assert_int_equal(batch_next(&reader, &record), MR_NOT_FOUND);
    assert_int_equal(batches_next(&frames, &reader), MR_NOT_FOUND);

    r.len = 0; /* a call that skips */
    wb_varint(&r, 1, 1);
    wb_varint(&r, 2, 1);
    wb_bytes(&r, 5, call, sizeof call);
    assert_false(accepts_record(&r));
}

static void an_empty_frame_is_a_clean_end_and_an_empty_batch_is_refused(void **state)
{
    (void)state;
    static struct wire_bytes b;

    assert_true(reference_accepts((const uint8_t *)"", 0));
    b.len = 0;
    assert_false(accepts(&b));
    wb_varint(&b, 2, 3);
    assert_false(accepts(&b));
    put_plain_record(&b);
    assert_true(accepts(&b));
}

static void the_last_record_allowed_is_read_and_one_more_is_refused(void **state)
{
    (void)state;
    static struct wire_bytes b;

    b.len = 0;
    for (int i = 0; i < BATCH_MAX_RECORDS; i++)
        put_plain_record(&b);
    assert_true(accepts(&b));
    put_plain_record(&b);
    assert_false(accepts(&b));
}

static void topic_zero_and_an_absent_topic_are_refused(void **state)
{
    (void)state;
    static struct wire_bytes r;

    r.len = 0;
    assert_false(accepts_record(&r));
    wb_varint(&r, 1, 0);
    assert_false(accepts_record(&r));
    r.len = 0;
    wb_varint(&r, 1, UINT64_C(1) << 32);
    assert_false(accepts_record(&r));
    r.len = 0;
    wb_varint(&r, 1, UINT32_MAX);
    assert_true(accepts_record(&r));
}

static void fields_out_of_order_or_twice_are_refused(void **state)
{
    (void)state;
    static struct wire_bytes r, b;

    for (uint32_t first = 1; first <= 4; first++) {
        for (uint32_t second = 1; second <= 4; second++) {
            r.len = b.len = 0;
            if (first > 1)
                wb_varint(&r, 1, 1);
            wb_varint(&r, first, 2);
            wb_varint(&r, second, 2);
            assert_int_equal(accepts_record(&r), second > first);

            wb_varint(&b, first + 1, 1); /* link, first_seq, publisher, base */
            wb_varint(&b, second + 1, 1);
            put_plain_record(&b);
            assert_int_equal(accepts(&b), second > first);
        }
    }
    b.len = 0;
    put_plain_record(&b);
    wb_varint(&b, 2, 1);
    assert_false(accepts(&b));
}

static void a_known_field_with_another_wire_type_is_refused(void **state)
{
    (void)state;
    static struct wire_bytes r;

    r.len = 0;
    wb_fixed64(&r, 1, &birth);
    assert_false(accepts_record(&r));
    r.len = 0;
    wb_varint(&r, 1, 1);
    wb_bytes(&r, 2, "x", 1);
    assert_false(accepts_record(&r));
    r.len = 0;
    wb_varint(&r, 1, 1);
    wb_varint(&r, 6, 1);
    assert_false(accepts_record(&r));
}

static void fields_of_newer_versions_are_skipped(void **state)
{
    (void)state;
    static struct wire_bytes b, r, frame;

    r.len = b.len = frame.len = 0;
    wb_varint(&r, 1, 1);
    wb_varint(&r, 7, 1);
    wb_fixed64(&r, 8, &birth);
    wb_fixed32(&r, 8, &birth);
    wb_text(&r, 900, "new");
    wb_varint(&b, 9, 4);
    wb_varint(&b, 10, 4); /* of the head */
    wb_text(&b, 14, "new");
    wb_message(&b, 15, &r);
    wb_message(&b, 15, &r);
    wb_text(&b, 16, "new");
    assert_true(accepts(&b));

    wb_message(&frame, 1, &b);
    wb_message(&frame, 1, &b);
    wb_text(&frame, 2, "new");
    wb_varint(&frame, 536870911, 1); /* the highest number there is */
    assert_true(reference_accepts(frame.data, frame.len));
    assert_null(reference_compare(frame.data, frame.len));
    wb_message(&frame, 1, &b);
    assert_false(reference_accepts(frame.data, frame.len));
}

static void unknown_fields_must_be_well_formed_too(void **state)
{
    (void)state;
    static const uint8_t bad[][4] = {
        {7 << 3 | 3, 0},    /* group */
        {7 << 3 | 4, 0},    /* end of group */
        {7 << 3 | 6, 0},    /* no wire type */
        {7 << 3 | 7, 0},    /* no wire type */
        {7 << 3 | 2, 3},    /* longer than what is left */
        {7 << 3 | 1, 0, 0}, /* 64 bits that are not there */
        {7 << 3 | 5, 0, 0}, /* 32 bits that are not there */
        {0x88, 0, 1},       /* field 1 with a padded tag */
        {0, 0},             /* field 0 */
    };
    static struct wire_bytes r;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        r.len = 0;
        wb_varint(&r, 1, 1);
        wb_raw(&r, bad[i], 3);
        assert_false(accepts_record(&r));
    }
}

static void varints_of_ten_bytes_are_read_and_longer_ones_refused(void **state)
{
    (void)state;
    static const uint8_t most[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    static const uint8_t above[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2};
    static const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0};
    static struct wire_bytes b;

    b.len = 0;
    wb_byte(&b, 5 << 3); /* base: the most negative time but one, as zigzag has it, is the last odd number */
    wb_raw(&b, most, sizeof most);
    put_plain_record(&b);
    assert_false(accepts(&b)); /* INT64_MIN is MR_NO_TIME: agent time would be none */
    b.len = 0;
    wb_byte(&b, 3 << 3);
    wb_raw(&b, above, sizeof above);
    put_plain_record(&b);
    assert_false(accepts(&b));
    b.len = 0;
    wb_byte(&b, 2 << 3);
    wb_raw(&b, endless, sizeof endless);
    put_plain_record(&b);
    assert_false(accepts(&b));
    b.len = 0;
    wb_byte(&b, 2 << 3);
    wb_raw(&b, endless + 1, 10); /* ten bytes that mean 0 */
    put_plain_record(&b);
    assert_true(accepts(&b));
}

static void live_numbers_end_before_they_wrap(void **state)
{
    (void)state;
    static struct wire_bytes b, r;

    b.len = 0;
    wb_varint(&b, 3, UINT64_MAX - 1);
    put_plain_record(&b);
    assert_true(accepts(&b));
    put_plain_record(&b);
    assert_false(accepts(&b));

    b.len = r.len = 0;
    wb_varint(&r, 1, 1);
    wb_varint(&r, 2, 2);
    wb_varint(&b, 3, UINT64_MAX - 2);
    wb_message(&b, 15, &r);
    assert_false(accepts(&b));
}

static void times_end_before_they_wrap(void **state)
{
    (void)state;
    static const struct {
        int64_t base, difference;
        bool fine;
    } cases[] = {
        {INT64_MAX, 0, true},         {INT64_MAX, 1, false},      {INT64_MIN + 1, 0, true},
        {INT64_MIN + 1, -1, false},   {INT64_MIN + 1, -2, false}, {INT64_MAX, INT64_MIN + 2, true},
        {INT64_MAX, INT64_MIN, true}, {-1, INT64_MAX, true},      {1, INT64_MAX, false},
        {0, INT64_MIN, false},
    };
    static struct wire_bytes b, r;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (uint32_t field = 6; field <= 7; field++) {
            b.len = 0;
            wb_sint(&b, 5, cases[i].base);
            wb_sint(&b, field, cases[i].difference);
            put_plain_record(&b);
            assert_int_equal(accepts(&b), cases[i].fine);
        }
        b.len = r.len = 0;
        wb_varint(&r, 1, 1);
        wb_sint(&r, 3, cases[i].difference);
        wb_sint(&b, 5, cases[i].base);
        wb_message(&b, 15, &r);
        assert_int_equal(accepts(&b), cases[i].fine);
    }
}

static void a_clock_state_above_the_last_is_refused(void **state)
{
    (void)state;
    static struct wire_bytes b;

    for (uint32_t clock = 0; clock <= 3; clock++) {
        b.len = 0;
        wb_varint(&b, 8, clock);
        put_plain_record(&b);
        assert_int_equal(accepts(&b), clock <= CLOCK_UNSYNCED);
    }
}

/* One record with a call of this id, rc and reason. */
static bool accepts_call(uint64_t id, uint32_t rc, const char *reason, size_t len)
{
    static struct wire_bytes r, call;

    r.len = call.len = 0;
    wb_fixed64(&call, 1, &id);
    wb_varint(&call, 4, rc);
    wb_bytes(&call, 5, reason, len);
    wb_varint(&r, 1, 1);
    wb_message(&r, 5, &call);
    return accepts_record(&r);
}

static void calls_need_an_id_and_a_decent_reason(void **state)
{
    (void)state;
    char reason[513];
    static struct wire_bytes r;

    memset(reason, 'x', sizeof reason);
    assert_true(accepts_call(1, 255, reason, 512));
    assert_false(accepts_call(1, 255, reason, 513));
    assert_true(accepts_call(1, 255, reason, 0));
    assert_false(accepts_call(1, 256, reason, 1));
    assert_false(accepts_call(0, 0, reason, 1));
    assert_false(accepts_call(1, 0, "a\0b", 3));
    assert_false(accepts_call(1, 0, "\xc3", 1));

    r.len = 0; /* an empty call */
    wb_varint(&r, 1, 1);
    wb_bytes(&r, 5, "", 0);
    assert_false(accepts_record(&r));
}

static void every_cut_of_a_good_frame_is_refused_or_a_clean_end(void **state)
{
    (void)state;
    static struct wire_bytes b, r;

    b.len = r.len = 0;
    wb_varint(&r, 1, 300);
    wb_sint(&r, 3, 100000);
    wb_bytes(&r, 6, "\x38\x01", 2);
    wb_fixed64(&b, 1, &birth);
    wb_varint(&b, 3, 100000);
    wb_message(&b, 15, &r);
    const struct wire_bytes *frame = in_a_frame(&b);
    for (size_t len = 1; len < frame->len; len++) {
        uint8_t *cut = malloc(len); /* exactly as long, so that a read behind it is seen */

        assert_non_null(cut);
        memcpy(cut, frame->data, len);
        assert_false(reference_accepts(cut, len));
        free(cut);
    }
    assert_true(reference_accepts(frame->data, frame->len));
}

static void a_refusal_stays_a_refusal_and_writes_nothing(void **state)
{
    (void)state;
    static const uint8_t frame[] = {0x0a, 4, 0x7a, 2, 8, 0}; /* topic 0 */
    struct batches_reader frames;
    struct batch_reader reader;
    struct record record = {.topic = 99};

    batches_read_init(&frames, frame, sizeof frame);
    assert_int_equal(batches_next(&frames, &reader), MR_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(batch_next(&reader, &record), MR_INVALID);
    assert_int_equal(record.topic, 99);

    batches_read_init(&frames, frame, sizeof frame - 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(batches_next(&frames, &reader), MR_INVALID);
}

static void a_length_longer_than_five_bytes_is_refused(void **state)
{
    (void)state;
    static const uint8_t five[] = {0x0a, 0x84, 0x80, 0x80, 0x80, 0, 0x7a, 2, 8, 1};
    static const uint8_t six[] = {0x0a, 0x84, 0x80, 0x80, 0x80, 0x80, 0, 0x7a, 2, 8, 1};

    (void)state;
    assert_true(reference_accepts(five, sizeof five));
    assert_null(reference_compare(five, sizeof five));
    assert_false(reference_accepts(six, sizeof six));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_of_a_head_is_read),
        cmocka_unit_test(absent_fields_read_as_their_defaults),
        cmocka_unit_test(a_record_is_read_with_its_call_and_body),
        cmocka_unit_test(skips_count_and_calls_carry_no_live_number),
        cmocka_unit_test(an_empty_frame_is_a_clean_end_and_an_empty_batch_is_refused),
        cmocka_unit_test(the_last_record_allowed_is_read_and_one_more_is_refused),
        cmocka_unit_test(topic_zero_and_an_absent_topic_are_refused),
        cmocka_unit_test(fields_out_of_order_or_twice_are_refused),
        cmocka_unit_test(a_known_field_with_another_wire_type_is_refused),
        cmocka_unit_test(fields_of_newer_versions_are_skipped),
        cmocka_unit_test(unknown_fields_must_be_well_formed_too),
        cmocka_unit_test(varints_of_ten_bytes_are_read_and_longer_ones_refused),
        cmocka_unit_test(live_numbers_end_before_they_wrap),
        cmocka_unit_test(times_end_before_they_wrap),
        cmocka_unit_test(a_clock_state_above_the_last_is_refused),
        cmocka_unit_test(calls_need_an_id_and_a_decent_reason),
        cmocka_unit_test(every_cut_of_a_good_frame_is_refused_or_a_clean_end),
        cmocka_unit_test(a_refusal_stays_a_refusal_and_writes_nothing),
        cmocka_unit_test(a_length_longer_than_five_bytes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
