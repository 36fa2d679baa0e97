/* test_batch_write.c - gathering records into frames: limits, full frames, and round trips of random records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rand.h"
#include "tests/support/reference_batch.h"

enum { FRAME = 4096 };

static const struct batch_head plain_head = {.birth = 7, .link = 1, .publisher = 3, .broker_us = MR_NO_TIME};

static struct record plain_record(uint64_t seq)
{
    return (struct record){.topic = 1, .seq = seq, .source_us = MR_NO_TIME};
}

/* Closes the frame and checks that both readers accept it; returns the number of batches in it. */
static unsigned count_batches(struct batch_writer *w)
{
    struct batches_reader frames;
    struct batch_reader batch;
    unsigned n = 0;
    size_t len;

    batch_writer_close(w, &len);
    assert_true(reference_accepts(w->data + FRAME_HEAD_BYTES, len - FRAME_HEAD_BYTES));
    assert_null(reference_compare(w->data + FRAME_HEAD_BYTES, len - FRAME_HEAD_BYTES));
    batches_read_init(&frames, w->data + FRAME_HEAD_BYTES, len - FRAME_HEAD_BYTES);
    while (batches_next(&frames, &batch) == MR_OK)
        n++;
    return n;
}

static enum mr_rc write_one(struct batch_writer *w, uint8_t *frame, const struct batch_head *head,
                            const struct record *record)
{
    batch_writer_init(w, frame, FRAME);
    return batch_write(w, head, record);
}

static void a_new_writer_is_empty_and_leaves_room_for_the_frame_head(void **state)
{
    (void)state;
    uint8_t frame[FRAME];
    struct batch_writer w;
    struct record record = plain_record(1);
    size_t len;

    batch_writer_init(&w, frame, sizeof frame);
    assert_true(batch_writer_is_empty(&w));
    batch_writer_close(&w, &len);
    assert_int_equal(len, FRAME_HEAD_BYTES);
    assert_int_equal(batch_write(&w, &plain_head, &record), MR_OK);
    assert_false(batch_writer_is_empty(&w));
    assert_int_equal(count_batches(&w), 1);
}

static void records_under_one_head_share_a_batch_while_numbers_rise(void **state)
{
    (void)state;
    static const uint64_t seqs[] = {5, 6, 100, 100 + (uint64_t)UINT32_MAX};
    uint8_t frame[FRAME];
    struct batch_writer w;

    batch_writer_init(&w, frame, sizeof frame);
    for (size_t i = 0; i < sizeof seqs / sizeof *seqs; i++) {
        struct record record = plain_record(seqs[i]);

        assert_int_equal(batch_write(&w, &plain_head, &record), MR_OK);
    }
    assert_int_equal(count_batches(&w), 1);
}

static void a_number_that_falls_or_leaps_begins_another_batch(void **state)
{
    (void)state;
    uint8_t frame[FRAME];
    struct batch_writer w;
    struct record first = plain_record(10), same = plain_record(10), leap = plain_record(12 + (uint64_t)UINT32_MAX);

    assert_int_equal(write_one(&w, frame, &plain_head, &first), MR_OK);
    assert_int_equal(batch_write(&w, &plain_head, &same), MR_OK);
    assert_int_equal(count_batches(&w), 2);

    assert_int_equal(write_one(&w, frame, &plain_head, &first), MR_OK);
    assert_int_equal(batch_write(&w, &plain_head, &leap), MR_OK);
    assert_int_equal(count_batches(&w), 2);
}

static void any_change_of_the_head_begins_another_batch(void **state)
{
    (void)state;
    uint8_t frame[FRAME];
    struct batch_writer w;
    struct batch_head heads[9];

    for (int i = 0; i < 9; i++)
        heads[i] = plain_head;
    heads[1].birth++;
    heads[2].link++;
    heads[3].publisher++;
    heads[4].base_us++;
    heads[5].agent_us++;
    heads[6].broker_us = 5;
    heads[7].clock++;
    heads[8].interest++;
    batch_writer_init(&w, frame, sizeof frame);
    for (unsigned i = 0; i < 9; i++) {
        struct record record = plain_record(i);

        assert_int_equal(batch_write(&w, &heads[i], &record), MR_OK);
    }
    assert_int_equal(count_batches(&w), 9);

    struct record next = plain_record(9); /* first_seq is ignored: numbers come from the records */
    heads[8].first_seq = 1234;
    assert_int_equal(batch_write(&w, &heads[8], &next), MR_OK);
}

static void a_batch_takes_the_most_records_allowed_then_another_begins(void **state)
{
    (void)state;
    static uint8_t frame[64 * 1024];
    struct batch_writer w;

    batch_writer_init(&w, frame, sizeof frame);
    for (uint64_t seq = 1; seq <= BATCH_MAX_RECORDS; seq++) {
        struct record record = plain_record(seq);

        assert_int_equal(batch_write(&w, &plain_head, &record), MR_OK);
    }
    struct record one_more = plain_record(BATCH_MAX_RECORDS + 1);
    assert_int_equal(batch_write(&w, &plain_head, &one_more), MR_OK);
    assert_int_equal(count_batches(&w), 2);
}

static void a_full_frame_takes_nothing_and_changes_nothing(void **state)
{
    (void)state;
    uint8_t frame[FRAME], before[FRAME];
    struct batch_writer w;
    struct record record = plain_record(0);
    struct batch_head other = plain_head;
    uint8_t body[40] = {0};
    enum mr_rc rc;

    other.link++;
    memset(frame, 0x55, sizeof frame);
    batch_writer_init(&w, frame, sizeof frame);
    record.body = body;
    record.body_len = sizeof body;
    do {
        record.seq++;
        memcpy(before, frame, sizeof frame);
        rc = batch_write(&w, &plain_head, &record);
    } while (!rc);
    assert_int_equal(rc, MR_WOULD_BLOCK);
    assert_memory_equal(frame, before, sizeof frame);
    assert_int_equal(batch_write(&w, &other, &record), MR_WOULD_BLOCK); /* the same where a batch would begin */
    assert_memory_equal(frame, before, sizeof frame);
    assert_true(w.len + 50 > sizeof frame);
    assert_int_equal(w.records, record.seq - 1);

    size_t len;
    batch_writer_close(&w, &len);
    memset(body, 0, sizeof body);
    assert_int_equal(write_one(&w, frame, &plain_head, &record), MR_OK);
}

static void what_fits_no_frame_is_too_big_and_one_byte_less_fits(void **state)
{
    (void)state;
    static uint8_t frame[FRAME], body[FRAME];
    struct batch_writer w;
    struct record record = plain_record(1);
    enum mr_rc rc = MR_TOO_BIG;
    uint32_t len = sizeof body;

    record.body = body;
    for (; rc; len--) {
        record.body_len = len;
        batch_writer_init(&w, frame, sizeof frame);
        rc = batch_write(&w, &plain_head, &record);
        assert_int_equal(rc, rc ? MR_TOO_BIG : MR_OK);
    }
    assert_int_equal(w.len, sizeof frame); /* not a byte is left */

    struct record small = plain_record(1);
    assert_int_equal(write_one(&w, frame, &plain_head, &small), MR_OK);
    record.seq = 2;
    assert_int_equal(batch_write(&w, &plain_head, &record), MR_WOULD_BLOCK);
    record.body_len += 1;
    assert_int_equal(batch_write(&w, &plain_head, &record), MR_TOO_BIG);
    record.body_len = UINT32_MAX;
    assert_int_equal(batch_write(&w, &plain_head, &record), MR_TOO_BIG);
}

static void a_writer_uses_no_more_than_a_padded_length_can_tell(void **state)
{
    (void)state;
    static uint8_t frame[3 * 1024 * 1024], body[60000];
    struct batch_writer w;
    struct record record = plain_record(0);
    size_t len;

    record.body = body;
    record.body_len = sizeof body;
    batch_writer_init(&w, frame, sizeof frame);
    do
        record.seq++;
    while (batch_write(&w, &plain_head, &record) == MR_OK);
    batch_writer_close(&w, &len);
    assert_in_range(len, 2 * 1024 * 1024 - 60100, 2 * 1024 * 1024);
}

static void a_frame_without_room_for_anything_refuses_all(void **state)
{
    (void)state;
    uint8_t frame[FRAME];
    struct record record = plain_record(1);

    for (size_t max = 0; max < FRAME_HEAD_BYTES + 20; max++) {
        struct batch_writer w;

        batch_writer_init(&w, frame, max);
        assert_int_equal(batch_write(&w, &plain_head, &record), MR_TOO_BIG);
    }
}

static void what_the_reader_would_refuse_is_not_written(void **state)
{
    (void)state;
    uint8_t frame[FRAME];
    char reason[513];
    struct batch_writer w;
    struct record record = plain_record(1);
    struct batch_head head = plain_head;

    record.topic = 0;
    assert_int_equal(write_one(&w, frame, &head, &record), MR_INVALID);
    record = plain_record(UINT64_MAX);
    assert_int_equal(write_one(&w, frame, &head, &record), MR_INVALID);
    record = plain_record(1);
    record.source_us = INT64_MAX;
    head.base_us = -1;
    assert_int_equal(write_one(&w, frame, &head, &record), MR_INVALID);
    record.source_us = 0;
    head.agent_us = INT64_MAX;
    assert_int_equal(write_one(&w, frame, &head, &record), MR_INVALID);
    head = plain_head;
    head.base_us = 2;
    head.broker_us = INT64_MIN + 1;
    assert_int_equal(write_one(&w, frame, &head, &record), MR_INVALID);
    head = plain_head;
    head.clock = CLOCK_UNSYNCED + 1;
    assert_int_equal(write_one(&w, frame, &head, &record), MR_INVALID);

    memset(reason, 'x', sizeof reason);
    record.call = (struct record_call){.id = 1, .reason = reason, .reason_len = 513};
    assert_int_equal(write_one(&w, frame, &plain_head, &record), MR_INVALID);
    record.call.reason_len = 512;
    assert_int_equal(write_one(&w, frame, &plain_head, &record), MR_OK);
    reason[3] = '\0';
    assert_int_equal(write_one(&w, frame, &plain_head, &record), MR_INVALID);
    reason[3] = '\xff';
    assert_int_equal(write_one(&w, frame, &plain_head, &record), MR_INVALID);
    record.call = (struct record_call){.id = 1, .rc = 256};
    assert_int_equal(write_one(&w, frame, &plain_head, &record), MR_INVALID);
    assert_true(batch_writer_is_empty(&w));
}

static void the_number_of_a_call_is_ignored(void **state)
{
    (void)state;
    uint8_t frame[FRAME];
    struct batch_writer w;
    struct record record = plain_record(7), call = plain_record(UINT64_MAX), next = plain_record(8);

    call.call.id = 5;
    assert_int_equal(write_one(&w, frame, &plain_head, &call), MR_OK);
    assert_int_equal(batch_write(&w, &plain_head, &record), MR_OK);
    assert_int_equal(batch_write(&w, &plain_head, &call), MR_OK);
    assert_int_equal(batch_write(&w, &plain_head, &next), MR_OK);
    assert_int_equal(count_batches(&w), 1);
}

/* -- random records round trip -- */

enum { SENT_MAX = 3000 };
struct sent {
    struct batch_head head;
    struct record record;
};

static bool chance(const struct rand_source *r, unsigned one_in)
{
    return rand_below(r, one_in) == 0;
}

/* Numbers of all lengths. */
static uint64_t any_u64(const struct rand_source *r)
{
    return rand_u64(r) >> rand_below(r, 64);
}

static uint32_t any_u32(const struct rand_source *r)
{
    return (uint32_t)(any_u64(r) >> 32);
}

static int64_t any_time(const struct rand_source *r)
{
    return (int64_t)(rand_u64(r) >> (2 + rand_below(r, 60))) * (chance(r, 2) ? 1 : -1);
}

static struct batch_head any_head(const struct rand_source *r)
{
    return (struct batch_head){
        .birth = any_u64(r),
        .base_us = any_time(r),
        .agent_us = any_time(r),
        .broker_us = chance(r, 2) ? any_time(r) : MR_NO_TIME,
        .link = any_u32(r),
        .publisher = any_u32(r),
        .interest = chance(r, 3) ? any_u32(r) : 0,
        .clock = (uint8_t)rand_below(r, 3),
    };
}

static struct record any_record(const struct rand_source *r, uint64_t *seq)
{
    static uint8_t body[600];
    static bool filled;

    if (!filled)
        r->fill(r->user, body, sizeof body);
    filled = true;
    *seq += 1 + (chance(r, 4) ? rand_below(r, 10000) : 0);

    struct record record = {
        .topic = any_u32(r) | 1,
        .flags = chance(r, 2) ? any_u32(r) : 0,
        .seq = *seq,
        .source_us = chance(r, 3) ? MR_NO_TIME : any_time(r),
        .body = body,
        .body_len = (uint32_t)rand_below(r, chance(r, 10) ? sizeof body : 30),
    };
    if (chance(r, 5))
        record.call = (struct record_call){rand_u64(r) | 1, any_u32(r),
                                           any_u32(r),      (uint32_t)rand_below(r, 256),
                                           "because",       (uint32_t)rand_below(r, 8)};
    return record;
}

static void check_record(const struct record *got, const struct record *sent)
{
    assert_int_equal(got->topic, sent->topic);
    assert_int_equal(got->flags, sent->flags);
    assert_int_equal(got->seq, sent->call.id ? 0 : sent->seq);
    assert_true(got->source_us == sent->source_us);
    assert_int_equal(got->body_len, sent->body_len);
    if (sent->body_len)
        assert_memory_equal(got->body, sent->body, sent->body_len);
    assert_int_equal(got->call.id, sent->call.id);
    assert_int_equal(got->call.reply_topic, sent->call.reply_topic);
    assert_int_equal(got->call.wait_ms, sent->call.wait_ms);
    assert_int_equal(got->call.rc, sent->call.rc);
    assert_int_equal(got->call.reason_len, sent->call.reason_len);
}

static void check_head(const struct batch_head *got, const struct batch_head *sent)
{
    assert_int_equal(got->birth, sent->birth);
    assert_true(got->base_us == sent->base_us && got->agent_us == sent->agent_us && got->broker_us == sent->broker_us);
    assert_int_equal(got->link, sent->link);
    assert_int_equal(got->publisher, sent->publisher);
    assert_int_equal(got->interest, sent->interest);
    assert_int_equal(got->clock, sent->clock);
}

/* Reads the frame: exactly the n records sent. */
static void check_frame(struct batch_writer *w, const struct sent *sent, size_t n)
{
    struct batches_reader frames;
    struct batch_reader batch;
    struct record record;
    size_t len, i = 0;

    batch_writer_close(w, &len);
    batches_read_init(&frames, w->data + FRAME_HEAD_BYTES, len - FRAME_HEAD_BYTES);
    while (batches_next(&frames, &batch) == MR_OK) {
        enum mr_rc rc;

        while ((rc = batch_next(&batch, &record)) == MR_OK) {
            assert_true(i < n);
            check_head(&batch.head, &sent[i].head);
            check_record(&record, &sent[i++].record);
        }
        assert_int_equal(rc, MR_NOT_FOUND);
    }
    assert_int_equal(frames.at - w->data, len);
    assert_int_equal(i, n);
}

static unsigned seed; /* of the round at hand */

/* After a failure: what to put in place of 1 to see it again. */
static int tell_seed(void **state)
{
    (void)state;
    print_message("last seed: %u\n", seed);
    return 0;
}

static void random_records_come_back_as_they_were_sent(void **state)
{
    (void)state;
    static uint8_t frame[BATCH_MAX_BYTES];
    static struct sent sent[SENT_MAX];

    for (seed = 1; seed < 100; seed++) {
        struct rand_seeded seeded;
        struct batch_writer w;
        uint64_t seq = 0;
        size_t n = 0;
        enum mr_rc rc = MR_OK;

        rand_seeded_init(&seeded, seed);
        const struct rand_source *r = &seeded.source;
        struct batch_head head = any_head(r);
        batch_writer_init(&w, frame, sizeof frame);
        while (!rc && n < SENT_MAX) {
            if (chance(r, 20))
                head = any_head(r);
            if (chance(r, 50))
                seq = any_u64(r) >> 1;
            sent[n] = (struct sent){head, any_record(r, &seq)};
            rc = batch_write(&w, &head, &sent[n].record);
            n += !rc;
        }
        assert_true(rc == MR_OK || rc == MR_WOULD_BLOCK);
        check_frame(&w, sent, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_writer_is_empty_and_leaves_room_for_the_frame_head),
        cmocka_unit_test(records_under_one_head_share_a_batch_while_numbers_rise),
        cmocka_unit_test(a_number_that_falls_or_leaps_begins_another_batch),
        cmocka_unit_test(any_change_of_the_head_begins_another_batch),
        cmocka_unit_test(a_batch_takes_the_most_records_allowed_then_another_begins),
        cmocka_unit_test(a_full_frame_takes_nothing_and_changes_nothing),
        cmocka_unit_test(what_fits_no_frame_is_too_big_and_one_byte_less_fits),
        cmocka_unit_test(a_writer_uses_no_more_than_a_padded_length_can_tell),
        cmocka_unit_test(a_frame_without_room_for_anything_refuses_all),
        cmocka_unit_test(what_the_reader_would_refuse_is_not_written),
        cmocka_unit_test(the_number_of_a_call_is_ignored),
        cmocka_unit_test_teardown(random_records_come_back_as_they_were_sent, tell_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
