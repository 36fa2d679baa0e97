/* test_chunk.c - TRANSFER and CHUNK payloads: what is written is read, by protobuf-c too; every limit; and who may send what next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proto/batch.pb-c.h"
#include "proto/chunk.h"
#include "proto/transfers.h"

enum { BODY_SIZE = 64 };

/* The word of a value of this type and length; its body is in `body`. */
static struct transfer transfer_of(uint8_t body[BODY_SIZE], uint32_t id, uint32_t type, uint32_t total)
{
    const struct mr_value empty = {.type = type, .rate_hz = type == MR_F32_ARRAY ? 25600 : 0, .as.ptr = ""};
    struct transfer t = {.id = id,
                         .total = total,
                         .head = {.birth = 7, .link = 2, .publisher = 3, .base_us = 1000, .agent_us = 1500, .clock = 1},
                         .record = {.topic = 9, .seq = 41, .source_us = 900, .flags = MR_FORCED, .body = body}};
    t.head.broker_us = 2000;
    t.record.body_len = (uint32_t)body_write(body, 0x40000000, &empty);
    return t;
}

static struct transfer bytes_of(uint8_t body[BODY_SIZE], uint32_t id, uint32_t total)
{
    return transfer_of(body, id, MR_BYTES, total);
}

/* Written and read again. */
static enum mr_rc around(const struct transfer *t, struct transfer *ret)
{
    static uint8_t frame[TRANSFER_FRAME_MAX_BYTES];
    size_t len;
    enum mr_rc rc = transfer_write(frame, t, &len);
    return rc ? rc : transfer_read(frame + FRAME_HEAD_BYTES, len - FRAME_HEAD_BYTES, ret);
}

/* -- what is coming -- */
static void what_is_said_of_a_transfer_is_read(void **state)
{
    (void)state;
    uint8_t body[BODY_SIZE];
    struct transfer t = transfer_of(body, 5, MR_F32_ARRAY, 80000), got;
    assert_int_equal(around(&t, &got), MR_OK);
    assert_int_equal(got.id, 5);
    assert_int_equal(got.total, 80000);
    assert_int_equal(got.cause, 0);
    assert_true(got.head.birth == 7 && got.head.link == 2 && got.head.publisher == 3 && got.head.broker_us == 2000);
    assert_true(got.record.topic == 9 && got.record.seq == 41 && got.record.source_us == 900);
    assert_int_equal(got.record.flags, MR_FORCED);
    assert_int_equal(got.value.status, 0x40000000);
    assert_int_equal(got.value.value.type, MR_F32_ARRAY);
    assert_true(got.value.value.rate_hz > 25599 && got.value.value.rate_hz < 25601);
    assert_int_equal(got.value.value.len, 0);
}

static void what_is_said_is_what_the_contract_says(void **state)
{
    (void)state;
    uint8_t body[BODY_SIZE], frame[TRANSFER_FRAME_MAX_BYTES], part[CHUNK_FRAME_MAX_BYTES], data[100] = {1, 2, 3};
    const struct transfer t = bytes_of(body, 5, 70000);
    size_t len;
    assert_int_equal(transfer_write(frame, &t, &len), MR_OK);
    Millrace__V1__Transfer *said =
        millrace__v1__transfer__unpack(NULL, len - FRAME_HEAD_BYTES, frame + FRAME_HEAD_BYTES);
    assert_non_null(said);
    assert_true(said->id == 5 && said->total == 70000 && said->cause == 0 && said->batch->n_record == 1);
    assert_int_equal(said->batch->record[0]->topic, 9);
    assert_true(said->batch->first_seq == 41);
    millrace__v1__transfer__free_unpacked(said, NULL);

    const struct chunk c = {.transfer = 5, .offset = TRANSFER_CHUNK_BYTES, .data = data, .len = sizeof data};
    len = chunk_write(part, &c);
    Millrace__V1__Chunk *chunk = millrace__v1__chunk__unpack(NULL, len - FRAME_HEAD_BYTES, part + FRAME_HEAD_BYTES);
    assert_non_null(chunk);
    assert_true(chunk->transfer == 5 && chunk->offset == TRANSFER_CHUNK_BYTES && chunk->data.len == sizeof data);
    assert_memory_equal(chunk->data.data, data, sizeof data);
    millrace__v1__chunk__free_unpacked(chunk, NULL);
}

static void an_end_has_an_id_and_a_cause(void **state)
{
    (void)state;
    struct transfer got;
    assert_int_equal(around(&(struct transfer){.id = 5, .cause = MR_LINK}, &got), MR_OK);
    assert_true(got.id == 5 && got.total == 0 && got.cause == MR_LINK);
    assert_int_equal(around(&(struct transfer){.id = 5}, &got), MR_INVALID);
    assert_int_equal(around(&(struct transfer){.cause = MR_LINK}, &got), MR_INVALID);
    assert_int_equal(around(&(struct transfer){.id = 5, .cause = (enum mr_cause)256}, &got), MR_INVALID);
}

static void lengths_are_between_an_inline_value_and_sixteen_mebibytes(void **state)
{
    (void)state;
    uint8_t body[BODY_SIZE];
    struct transfer t = bytes_of(body, 1, VALUE_MAX_BYTES + 1), got;
    assert_int_equal(around(&t, &got), MR_OK);
    t.total = VALUE_MAX_BYTES;
    assert_int_equal(around(&t, &got), MR_INVALID);
    t.total = TRANSFER_MAX_BYTES;
    assert_int_equal(around(&t, &got), MR_OK);
    t.total = TRANSFER_MAX_BYTES + 1;
    assert_int_equal(around(&t, &got), MR_INVALID);
}

static void arrays_are_whole_elements(void **state)
{
    (void)state;
    uint8_t body[BODY_SIZE];
    struct transfer f32 = transfer_of(body, 1, MR_F32_ARRAY, 80004), got;
    assert_int_equal(around(&f32, &got), MR_OK);
    f32.total = 80002;
    assert_int_equal(around(&f32, &got), MR_INVALID);
    struct transfer f64 = transfer_of(body, 1, MR_F64_ARRAY, 80008);
    assert_int_equal(around(&f64, &got), MR_OK);
    f64.total = 80004;
    assert_int_equal(around(&f64, &got), MR_INVALID);
}

static void what_no_transfer_may_say_is_refused(void **state)
{
    (void)state;
    uint8_t body[BODY_SIZE], number[BODY_SIZE];
    const struct mr_value one = mr_f64(1);
    const struct mr_value text = {.type = MR_STRING, .len = 2, .as.ptr = "hi"};
    struct transfer good = bytes_of(body, 1, 70000), t = good, got;
    t.id = 0;
    assert_int_equal(around(&t, &got), MR_INVALID);
    t = good;
    t.record.call.id = 1;
    assert_int_equal(around(&t, &got), MR_INVALID);
    t = good;
    t.head.interest = 1; /* a last value: never kept */
    assert_int_equal(around(&t, &got), MR_INVALID);
    static const uint32_t never[] = {MR_KEEP, MR_CLEAR, MR_FROM_SNAPSHOT, MR_STALE};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        t = good;
        t.record.flags = never[i];
        assert_int_equal(around(&t, &got), MR_INVALID);
    }
    const struct mr_value *const wrong[] = {NULL, &one, &text};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        t = good;
        t.record.body = number;
        t.record.body_len = (uint32_t)body_write(number, 1, wrong[i]);
        assert_int_equal(around(&t, &got), MR_INVALID);
    }
}

static void cut_bytes_are_refused(void **state)
{
    (void)state;
    uint8_t body[BODY_SIZE], frame[TRANSFER_FRAME_MAX_BYTES];
    const struct transfer t = bytes_of(body, 5, 70000);
    struct transfer got;
    size_t len;
    assert_int_equal(transfer_write(frame, &t, &len), MR_OK);
    for (size_t n = 0; n + FRAME_HEAD_BYTES < len; n++)
        assert_int_equal(transfer_read(frame + FRAME_HEAD_BYTES, n, &got), MR_INVALID);
}

/* -- its parts -- */
static enum mr_rc chunk_around(uint32_t id, uint32_t offset, uint32_t len, struct chunk *ret)
{
    static uint8_t frame[CHUNK_FRAME_MAX_BYTES + TRANSFER_CHUNK_BYTES], data[2 * TRANSFER_CHUNK_BYTES];
    const struct chunk c = {.transfer = id, .offset = offset, .data = data, .len = len};
    size_t size = chunk_write(frame, &c);
    return chunk_read(frame + FRAME_HEAD_BYTES, size - FRAME_HEAD_BYTES, ret);
}

static void a_chunk_is_read_at_and_below_its_limits_only(void **state)
{
    (void)state;
    struct chunk got;
    const uint32_t last = TRANSFER_MAX_BYTES / TRANSFER_CHUNK_BYTES * TRANSFER_CHUNK_BYTES;
    assert_int_equal(chunk_around(1, 0, TRANSFER_CHUNK_BYTES, &got), MR_OK);
    assert_true(got.transfer == 1 && got.offset == 0 && got.len == TRANSFER_CHUNK_BYTES);
    assert_int_equal(chunk_around(1, TRANSFER_CHUNK_BYTES, 1, &got), MR_OK);
    assert_int_equal(chunk_around(1, last, TRANSFER_MAX_BYTES - last, &got), MR_OK);
    assert_int_equal(chunk_around(1, last, TRANSFER_MAX_BYTES - last + 1, &got), MR_INVALID);
    assert_int_equal(chunk_around(1, last + TRANSFER_CHUNK_BYTES, 1, &got), MR_INVALID);
    assert_int_equal(chunk_around(0, 0, 1, &got), MR_INVALID);
    assert_int_equal(chunk_around(1, 0, 0, &got), MR_INVALID);
    assert_int_equal(chunk_around(1, 0, TRANSFER_CHUNK_BYTES + 1, &got), MR_INVALID);
    assert_int_equal(chunk_around(1, 1, 1, &got), MR_INVALID);
    assert_int_equal(chunk_read((const uint8_t *)"", 0, &got), MR_INVALID);
}

static void two_chunks_are_within_what_may_be_in_flight_on_the_slowest_link(void **state)
{
    (void)state;
    assert_true(2 * CHUNK_FRAME_MAX_BYTES <= BELOW_LIVE_MIN_BYTES);
    assert_int_equal(chunk_len(80000, 0), TRANSFER_CHUNK_BYTES);
    assert_int_equal(chunk_len(TRANSFER_CHUNK_BYTES + 1, TRANSFER_CHUNK_BYTES), 1);
}

/* -- who may send what next -- */
static enum mr_rc begin(struct transfers *t, uint32_t id, uint32_t publisher)
{
    const struct transfer begun = {.id = id, .total = 70000, .head.publisher = publisher};
    return transfers_begin(t, &begun);
}

static enum mr_rc take(struct transfers *t, uint32_t id, uint32_t offset, uint32_t len, bool *ret_is_open)
{
    const struct chunk c = {.transfer = id, .offset = offset, .len = len};
    return transfers_take(t, &c, ret_is_open);
}

static void parts_come_in_order_and_of_full_length(void **state)
{
    (void)state;
    struct transfers t = {.open = NULL};
    bool is_open;
    assert_int_equal(begin(&t, 1, 3), MR_OK);
    assert_int_equal(take(&t, 1, TRANSFER_CHUNK_BYTES, TRANSFER_CHUNK_BYTES, &is_open), MR_INVALID);
    assert_int_equal(take(&t, 1, 0, TRANSFER_CHUNK_BYTES - 1, &is_open), MR_INVALID);
    uint32_t at = 0;
    for (; at < 70000; at += chunk_len(70000, at)) {
        assert_int_equal(t.n, 1);
        assert_int_equal(take(&t, 1, at, chunk_len(70000, at), &is_open), MR_OK);
        assert_true(is_open);
    }
    assert_int_equal(t.n, 0);
    assert_int_equal(take(&t, 1, 0, TRANSFER_CHUNK_BYTES, &is_open), MR_OK); /* over: it means nothing */
    assert_false(is_open);
    assert_int_equal(take(&t, 2, 0, TRANSFER_CHUNK_BYTES, &is_open), MR_INVALID);
    transfers_fini(&t);
}

static void ids_rise_and_an_end_ends(void **state)
{
    (void)state;
    struct transfers t = {.open = NULL};
    bool was_open;
    assert_int_equal(begin(&t, 5, 3), MR_OK);
    assert_int_equal(begin(&t, 5, 3), MR_INVALID);
    assert_int_equal(begin(&t, 4, 3), MR_INVALID);
    assert_int_equal(transfers_end(&t, 6, &was_open), MR_INVALID);
    assert_int_equal(transfers_end(&t, 5, &was_open), MR_OK);
    assert_true(was_open);
    assert_int_equal(transfers_end(&t, 5, &was_open), MR_OK);
    assert_false(was_open);
    transfers_fini(&t);
}

static void as_many_are_open_as_the_limits_say_and_no_more(void **state)
{
    (void)state;
    struct transfers t = {.open = NULL};
    bool was_open;
    uint32_t id = 0;
    for (uint32_t i = 0; i < TRANSFERS_PER_SESSION; i++)
        assert_int_equal(begin(&t, ++id, 1 + i / TRANSFERS_PER_PUBLISHER), MR_OK);
    assert_int_equal(begin(&t, id + 1, 5000), MR_INVALID);
    assert_int_equal(transfers_end(&t, 1, &was_open), MR_OK);
    assert_int_equal(begin(&t, id + 1, 2), MR_INVALID); /* that publisher has its share */
    assert_int_equal(begin(&t, id + 1, 1), MR_OK);
    transfers_fini(&t);
}

static void a_failed_allocation_begins_nothing(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    bool has_failed = true;
    for (unsigned n = 1; has_failed; n++) {
        struct transfers t = {.open = NULL};
        mem_fail_at(n);
        for (uint32_t id = 1; id <= 10; id++) {
            uint32_t open = t.n;
            enum mr_rc rc = begin(&t, id, id);
            assert_true(rc == MR_OK || (rc == MR_NO_MEMORY && t.n == open && t.last_id < id));
        }
        has_failed = mem_fail_off();
        transfers_fini(&t);
    }
    assert_int_equal(mem_outstanding(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_of_a_transfer_is_read),
        cmocka_unit_test(what_is_said_is_what_the_contract_says),
        cmocka_unit_test(an_end_has_an_id_and_a_cause),
        cmocka_unit_test(lengths_are_between_an_inline_value_and_sixteen_mebibytes),
        cmocka_unit_test(arrays_are_whole_elements),
        cmocka_unit_test(what_no_transfer_may_say_is_refused),
        cmocka_unit_test(cut_bytes_are_refused),
        cmocka_unit_test(a_chunk_is_read_at_and_below_its_limits_only),
        cmocka_unit_test(two_chunks_are_within_what_may_be_in_flight_on_the_slowest_link),
        cmocka_unit_test(parts_come_in_order_and_of_full_length),
        cmocka_unit_test(ids_rise_and_an_end_ends),
        cmocka_unit_test(as_many_are_open_as_the_limits_say_and_no_more),
        cmocka_unit_test(a_failed_allocation_begins_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
