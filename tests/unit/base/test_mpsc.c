/* test_mpsc.c - the real-time queue: limits, wrapping, and writers from many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "base/mem.h"
#include "base/mpsc.h"
#include "base/rand.h"

static struct mpsc *make(size_t slot_size, uint32_t slots)
{
    struct mpsc *queue;
    assert_int_equal(mpsc_new(&queue, slot_size, slots), MR_OK);
    return queue;
}

static void sizes_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t slot_size;
        uint32_t slots;
    } bad[] = {{0, 4}, {4, 4}, {12, 4}, {65544, 4}, {8, 0}, {8, 1}, {8, 3}, {8, 131072}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct mpsc *queue = NULL;
        assert_int_equal(mpsc_new(&queue, bad[i].slot_size, bad[i].slots), MR_INVALID);
        assert_null(queue);
    }
    mpsc_free(make(8, 2));
    mpsc_free(make(65536, 2));
    mpsc_free(make(8, 65536));
    mpsc_free(NULL);
}

static void every_failed_allocation_leaves_nothing(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    struct mpsc *queue = NULL;
    for (unsigned n = 1; !queue; n++) {
        mem_fail_at(n);
        enum mr_rc rc = mpsc_new(&queue, 8, 4);
        assert_int_equal(rc, mem_fail_off() ? MR_NO_MEMORY : MR_OK);
        assert_true(queue || mem_outstanding() == before);
    }
    mpsc_free(queue);
    assert_int_equal(mem_outstanding(), before);
}

static void head_and_body_come_out_as_one_record(void **state)
{
    (void)state;
    struct mpsc *queue = make(8, 8);
    char out[32];
    size_t len = 99;
    assert_true(mpsc_is_empty(queue));
    assert_int_equal(mpsc_take(queue, out, sizeof out, &len), MR_WOULD_BLOCK);
    assert_int_equal(mpsc_push(queue, "head", 4, "and body", 8), MR_OK);
    assert_int_equal(mpsc_push(queue, NULL, 0, NULL, 0), MR_OK);
    assert_int_equal(mpsc_push(queue, NULL, 0, "x", 1), MR_OK);
    assert_false(mpsc_is_empty(queue));
    assert_int_equal(mpsc_take(queue, out, sizeof out, &len), MR_OK);
    assert_int_equal(len, 12);
    assert_memory_equal(out, "headand body", 12);
    assert_int_equal(mpsc_take(queue, out, sizeof out, &len), MR_OK);
    assert_int_equal(len, 0);
    assert_int_equal(mpsc_take(queue, out, sizeof out, &len), MR_OK);
    assert_int_equal(len, 1);
    assert_true(mpsc_is_empty(queue));
    mpsc_free(queue);
}

static void a_record_may_fill_half_of_the_slots_and_no_more(void **state)
{
    (void)state;
    struct mpsc *queue = make(8, 8);
    char in[40] = {0};
    char out[40];
    size_t len;
    assert_int_equal(mpsc_max_record(queue), 32);
    assert_int_equal(mpsc_push(queue, in, 33, NULL, 0), MR_TOO_BIG);
    assert_int_equal(mpsc_push(queue, in, 20, in, 13), MR_TOO_BIG);
    assert_int_equal(mpsc_push(queue, in, 1, in, SIZE_MAX), MR_TOO_BIG);
    assert_int_equal(mpsc_push(queue, in, 20, in, 12), MR_OK);
    assert_int_equal(mpsc_push(queue, in, 32, NULL, 0), MR_OK);
    assert_int_equal(mpsc_push(queue, in, 1, NULL, 0), MR_WOULD_BLOCK);
    assert_int_equal(mpsc_take(queue, out, 31, &len), MR_TOO_BIG);
    assert_int_equal(len, 32);
    assert_int_equal(mpsc_take(queue, out, 32, &len), MR_OK);
    assert_int_equal(mpsc_push(queue, in, 1, NULL, 0), MR_OK);
    mpsc_free(queue);
}

/* Random sizes through a small queue: every record meets the end of the ring of bytes in every way. */
static void records_are_whole_wherever_they_wrap(void **state)
{
    (void)state;
    struct rand_seeded rand;
    rand_seeded_init(&rand, 7);
    struct mpsc *queue = make(16, 8);
    uint8_t next_in = 0;
    uint8_t next_out = 0;
    for (int step = 0; step < 50000; step++) {
        uint8_t record[64];
        size_t len = rand_below(&rand.source, 65);
        size_t head_len = rand_below(&rand.source, len + 1);
        memset(record, next_in, sizeof record);
        if (mpsc_push(queue, record, head_len, record + head_len, len - head_len) == MR_OK)
            next_in++;
        if (rand_below(&rand.source, 2) && mpsc_take(queue, record, sizeof record, &len) == MR_OK) {
            for (size_t i = 0; i < len; i++)
                assert_int_equal(record[i], next_out);
            next_out++;
        }
    }
    mpsc_free(queue);
}

enum { WRITERS = 4, RECORDS = 5000 };

struct writer {
    struct mpsc *queue;
    uint32_t number;
};

struct record {
    uint32_t writer, seq;
    uint8_t filler[40];
};

/* Full is no loss here: the writer tries again. */
static void *write_records(void *arg)
{
    const struct writer *writer = arg;
    for (uint32_t seq = 0; seq < RECORDS; seq++) {
        struct record record = {.writer = writer->number, .seq = seq};
        size_t filler = seq % sizeof record.filler;
        memset(record.filler, (int)(seq & 0xff), filler);
        while (mpsc_push(writer->queue, &record, offsetof(struct record, filler), record.filler, filler))
            sched_yield();
    }
    return NULL;
}

static void check_record(const struct record *record, size_t len, uint32_t next_seq[WRITERS])
{
    assert_true(record->writer < WRITERS);
    assert_int_equal(record->seq, next_seq[record->writer]++);
    size_t filler = record->seq % sizeof record->filler;
    assert_int_equal(len, offsetof(struct record, filler) + filler);
    for (size_t i = 0; i < filler; i++)
        assert_int_equal(record->filler[i], record->seq & 0xff);
}

static void each_writer_keeps_its_order_and_nothing_is_lost_or_torn(void **state)
{
    (void)state;
    struct mpsc *queue = make(16, 16);
    struct writer writers[WRITERS];
    pthread_t threads[WRITERS];
    uint32_t next_seq[WRITERS] = {0};
    for (uint32_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.queue = queue, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, write_records, &writers[i]), 0);
    }
    for (int taken = 0; taken < WRITERS * RECORDS;) {
        struct record record;
        size_t len;
        if (mpsc_take(queue, &record, sizeof record, &len)) {
            sched_yield();
            continue;
        }
        check_record(&record, len, next_seq);
        taken++;
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    assert_true(mpsc_is_empty(queue));
    mpsc_free(queue);
}

static void a_record_may_be_put_together_from_pieces(void **state)
{
    (void)state;
    struct mpsc *queue = make(8, 8);
    struct mpsc_claim claim;
    char out[32];
    size_t len;
    assert_int_equal(mpsc_claim(queue, 33, &claim), MR_TOO_BIG);
    for (int round = 0; round < 5; round++) { /* wraps */
        assert_int_equal(mpsc_claim(queue, 26, &claim), MR_OK);
        mpsc_fill(queue, &claim, "abcdefghijklm", 13);
        mpsc_fill(queue, &claim, NULL, 0);
        assert_int_equal(mpsc_take(queue, out, sizeof out, &len), MR_WOULD_BLOCK); /* not finished */
        mpsc_fill(queue, &claim, "nopqrstuvwxyz", 13);
        mpsc_finish(queue, &claim);
        assert_int_equal(mpsc_take(queue, out, sizeof out, &len), MR_OK);
        assert_int_equal(len, 26);
        assert_memory_equal(out, "abcdefghijklmnopqrstuvwxyz", 26);
    }
    assert_int_equal(mpsc_claim(queue, 32, &claim), MR_OK);
    struct mpsc_claim second;
    assert_int_equal(mpsc_claim(queue, 32, &second), MR_OK);
    assert_int_equal(mpsc_claim(queue, 1, &second), MR_WOULD_BLOCK);
    mpsc_free(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_out_of_range_are_refused),
        cmocka_unit_test(every_failed_allocation_leaves_nothing),
        cmocka_unit_test(head_and_body_come_out_as_one_record),
        cmocka_unit_test(a_record_may_fill_half_of_the_slots_and_no_more),
        cmocka_unit_test(a_record_may_be_put_together_from_pieces),
        cmocka_unit_test(records_are_whole_wherever_they_wrap),
        cmocka_unit_test(each_writer_keeps_its_order_and_nothing_is_lost_or_torn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
