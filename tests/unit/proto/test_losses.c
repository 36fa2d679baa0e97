/* test_losses.c - what a live lane dropped: joined per source, bounded, told once, snapshot ends kept. */
#include "proto/losses.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static struct session_loss loss_of(uint32_t publisher, uint64_t first, uint64_t last, uint64_t count)
{
    return (struct session_loss){
        .publisher = publisher, .birth = 5, .link = 1, .first = first, .last = last, .count = count, .cause = MR_LINK};
}

static void note(struct losses *l, uint32_t publisher, uint64_t first, uint64_t last, uint64_t count)
{
    struct session_loss loss = loss_of(publisher, first, last, count);

    losses_note(l, &loss);
}

static struct blob *frame_of(enum frame_kind kind, const struct buf *payload)
{
    struct blob *frame = blob_new(FRAME_HEAD_BYTES + payload->len);

    assert_non_null(frame);
    frame_write_head(frame->data, &(struct frame_head){kind, LANE_LIVE, 1});
    memcpy(frame->data + FRAME_HEAD_BYTES, payload->data, payload->len);
    return frame;
}

static uint64_t note_frame(struct losses *l, struct blob *frame)
{
    uint64_t records = 99;

    assert_int_equal(losses_note_frame(l, frame, &records), MR_OK);
    blob_unref(frame);
    return records;
}

static void losses_of_one_source_are_joined(void **state)
{
    (void)state;
    struct losses l = {.table = NULL};
    note(&l, 1, 5, 9, 3);
    note(&l, 2, 1, 1, 1);
    note(&l, 1, 2, 4, 2);
    assert_int_equal(l.count, 2);
    assert_int_equal(l.table[0].first, 2);
    assert_int_equal(l.table[0].last, 9);
    assert_int_equal(l.table[0].count, 5);
    note(&l, 1, 20, 30, 0); /* unknown stays unknown */
    note(&l, 1, 31, 31, 1);
    assert_int_equal(l.table[0].count, 0);
    struct session_loss other = loss_of(1, 1, 1, 1);
    other.cause = MR_BROKER;
    losses_note(&l, &other);
    other.link = 2;
    losses_note(&l, &other);
    other.birth = 6;
    losses_note(&l, &other);
    assert_int_equal(l.count, 5);
    losses_fini(&l);
}

static void more_sources_than_fit_become_anybodys(void **state)
{
    (void)state;
    struct losses l = {.table = NULL};
    for (uint32_t publisher = 1; publisher <= LOSSES_MAX; publisher++)
        note(&l, publisher, 1, 1, 1);
    assert_false(l.is_overfull);
    note(&l, LOSSES_MAX + 1, 1, 1, 1);
    assert_true(l.is_overfull);
    note(&l, 1, 2, 2, 1); /* one that is there still joins */
    assert_int_equal(l.table[0].count, 2);
    losses_fini(&l);
}

static void without_memory_a_loss_is_anybodys(void **state)
{
    (void)state;
    struct losses l = {.table = NULL};
    mem_fail_at(1);
    note(&l, 1, 1, 1, 1);
    mem_fail_off();
    assert_true(l.is_overfull && !losses_is_empty(&l) && !losses_is_told(&l));
    losses_fini(&l);
    assert_true(losses_is_empty(&l));
}

static void what_is_written_is_forgotten_and_what_is_not_is_not(void **state)
{
    (void)state;
    struct losses l = {.table = NULL};
    struct buf out;
    struct arena arena;
    struct control_losses said;
    note(&l, 7, 1, 3, 2);
    note(&l, 0, 0, 0, 0); /* anybody's */
    buf_init(&out, 10);
    assert_int_equal(losses_write(&l, &out), MR_TOO_BIG);
    assert_int_equal(out.len, 0);
    assert_false(losses_is_told(&l));
    buf_fini(&out);
    buf_init(&out, 1000);
    assert_int_equal(losses_write(&l, &out), MR_OK);
    assert_true(losses_is_empty(&l));
    arena_init(&arena, 0);
    assert_int_equal(control_read_losses(&arena, out.data, out.len, &said, NULL), MR_OK);
    assert_int_equal(said.n_losses, 2);
    assert_int_equal(said.losses[0].publisher, 7);
    assert_int_equal(said.losses[1].publisher, 0);
    assert_string_equal(said.losses[1].via, "this session");
    /* dropped once more, it is noted again */
    assert_int_equal(note_frame(&l, frame_of(FRAME_LOSSES, &out)), 0);
    assert_int_equal(l.count, 1);
    assert_true(l.is_overfull);
    arena_fini(&arena);
    buf_fini(&out);
    losses_fini(&l);
}

static void records_are_counted_but_only_live_ones_are_a_gap(void **state)
{
    (void)state;
    struct losses l = {.table = NULL};
    uint8_t memory[1024];
    struct batch_writer w;
    struct batch_head head = {.publisher = 3, .birth = 5, .link = 1, .broker_us = MR_NO_TIME};
    struct record record = {.topic = 1, .source_us = MR_NO_TIME};
    size_t len;
    batch_writer_init(&w, memory, sizeof memory);
    for (record.seq = 10; record.seq <= 16; record.seq += 3)
        assert_int_equal(batch_write(&w, &head, &record), MR_OK);
    record.call.id = 9;
    assert_int_equal(batch_write(&w, &head, &record), MR_OK);
    record.call.id = 0;
    head.interest = 4;
    assert_int_equal(batch_write(&w, &head, &record), MR_OK);
    batch_writer_close(&w, &len);
    frame_write_head(memory, &(struct frame_head){FRAME_BATCHES, LANE_LIVE, 1});
    struct blob *frame = blob_copy(memory, len);
    assert_non_null(frame);
    assert_int_equal(note_frame(&l, frame), 5);
    assert_int_equal(l.count, 1);
    assert_int_equal(l.table[0].first, 10);
    assert_int_equal(l.table[0].last, 16);
    assert_int_equal(l.table[0].count, 3);
    assert_int_equal(l.table[0].cause, MR_SLOW_READER);
    losses_fini(&l);
}

static struct blob *end_frame(uint32_t interest)
{
    struct buf payload;

    buf_init(&payload, 64);
    assert_int_equal(control_write_snapshot_end(&payload, interest), MR_OK);
    struct blob *frame = frame_of(FRAME_SNAPSHOT_END, &payload);
    buf_fini(&payload);
    return frame;
}

static void snapshot_ends_are_kept_in_order_and_once(void **state)
{
    (void)state;
    struct losses l = {.table = NULL};
    for (uint32_t i = 1; i <= 20; i++)
        note_frame(&l, end_frame(i));
    note_frame(&l, end_frame(3));
    assert_true(losses_is_told(&l) && !losses_is_empty(&l));
    for (uint32_t i = 1; i <= 20; i++)
        assert_int_equal(losses_take_end(&l), i);
    assert_int_equal(losses_take_end(&l), 0);
    losses_trim(&l);
    assert_null(l.ends);
}

static void an_end_that_cannot_be_kept_is_a_failure(void **state)
{
    (void)state;
    struct losses l = {.table = NULL};
    struct blob *frame = end_frame(1);
    uint64_t records;
    unsigned failures = 0;
    for (unsigned n = 1;; n++) {
        mem_fail_at(n);
        enum mr_rc rc = losses_note_frame(&l, frame, &records);
        if (!mem_fail_off()) {
            assert_int_equal(rc, MR_OK);
            break;
        }
        assert_int_equal(rc, MR_NO_MEMORY);
        failures++;
    }
    assert_true(failures >= 2);
    blob_unref(frame);
    for (uint32_t i = 2; i <= LOSSES_ENDS_MAX; i++)
        note_frame(&l, end_frame(i));
    frame = end_frame(LOSSES_ENDS_MAX + 1);
    assert_int_equal(losses_note_frame(&l, frame, &records), MR_NO_MEMORY);
    blob_unref(frame);
    losses_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_of_one_source_are_joined),
        cmocka_unit_test(more_sources_than_fit_become_anybodys),
        cmocka_unit_test(without_memory_a_loss_is_anybodys),
        cmocka_unit_test(what_is_written_is_forgotten_and_what_is_not_is_not),
        cmocka_unit_test(records_are_counted_but_only_live_ones_are_a_gap),
        cmocka_unit_test(snapshot_ends_are_kept_in_order_and_once),
        cmocka_unit_test(an_end_that_cannot_be_kept_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
