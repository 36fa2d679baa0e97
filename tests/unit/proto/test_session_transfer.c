/* test_session_transfer.c - long values between two sessions: told first, then brought behind everything else, credit given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proto/session_transfer.h"
#include "session_pair.h"

enum { TOTAL = 80000 };

static uint8_t data[TOTAL];
static const uint8_t body_of_bytes[] = {0x12, 0};

static enum mr_rc begin(struct pair *p, uint32_t *ret_id)
{
    const struct transfer t = {
        .total = TOTAL,
        .head = {.publisher = 1, .broker_us = MR_NO_TIME},
        .record = {
            .topic = 1, .seq = 4, .source_us = MR_NO_TIME, .body = body_of_bytes, .body_len = sizeof body_of_bytes}};
    return session_begin_transfer(p->client.session, &t, ret_id);
}

/* Puts chunks until they are refused or all are put. */
static enum mr_rc put(struct pair *p, uint32_t id, uint32_t *at)
{
    enum mr_rc rc = MR_OK;
    while (rc == MR_OK && *at < TOTAL) {
        const struct chunk c = {.transfer = id, .offset = *at, .data = data + *at, .len = chunk_len(TOTAL, *at)};
        rc = session_put_chunk(p->client.session, &c);
        *at += rc == MR_OK ? c.len : 0;
    }
    return rc;
}

static void a_value_comes_in_parts_and_whole(void **state)
{
    (void)state;
    struct pair p;
    uint32_t id, at = 0;
    pair_up(&p, NULL);
    assert_int_equal(begin(&p, &id), MR_OK);
    for (int turn = 0; turn < 100 && at < TOTAL; turn++) {
        (void)!put(&p, id, &at);
        pair_run(&p, 10);
    }
    assert_int_equal(at, TOTAL);
    assert_true(pair_logged(&p.server, "transfer 1 of 1 seq 4 has 80000"));
    assert_true(pair_logged(&p.server, "chunk of 1 at 0 has 3584"));
    assert_string_equal(pair_last(&p.server), "chunk of 1 at 78848 has 1152");
    pair_stop(&p);
}

static void the_bulk_lane_takes_two_chunks_and_refuses_more(void **state)
{
    (void)state;
    struct pair p;
    uint32_t id, at = 0;
    pair_up(&p, NULL);
    assert_int_equal(begin(&p, &id), MR_OK);
    assert_int_equal(put(&p, id, &at), MR_WOULD_BLOCK);
    assert_int_equal(at, SESSION_CHUNKS_AHEAD * TRANSFER_CHUNK_BYTES);
    assert_true(session_queued_on(p.client.session, LANE_BULK) >= at);
    assert_true(session_queued_bytes(p.client.session) >= session_queued_on(p.client.session, LANE_BULK));
    pair_stop(&p);
}

static void live_records_and_the_word_overtake_chunks(void **state)
{
    (void)state;
    struct pair p;
    uint32_t id, at = 0;
    pair_up(&p, NULL);
    assert_int_equal(begin(&p, &id), MR_OK);
    (void)!put(&p, id, &at);
    assert_int_equal(pair_put(&p.client, LANE_LIVE, 1, 5, 0), MR_OK);
    session_flush(p.client.session);
    pair_settle(&p);
    assert_string_equal(p.server.log[0], "transfer 1 of 1 seq 4 has 80000");
    assert_string_equal(p.server.log[1], "record on live of 1 seq 5");
    assert_string_equal(p.server.log[2], "chunk of 1 at 0 has 3584");
    pair_stop(&p);
}

static void an_end_overtakes_what_is_queued_which_then_means_nothing(void **state)
{
    (void)state;
    struct pair p;
    uint32_t id, at = 0;
    pair_up(&p, NULL);
    assert_int_equal(begin(&p, &id), MR_OK);
    (void)!put(&p, id, &at);
    assert_int_equal(session_end_transfer(p.client.session, id, MR_EXPIRED), MR_OK);
    pair_settle(&p);
    assert_string_equal(pair_last(&p.server), "transfer 1 ends: 5");
    assert_int_equal(begin(&p, &id), MR_OK);
    assert_int_equal(id, 2);
    pair_settle(&p);
    assert_true(session_is_up(p.server.session));
    pair_stop(&p);
}

static void a_chunk_that_breaks_the_rules_ends_the_session(void **state)
{
    (void)state;
    struct pair p;
    uint8_t frame[CHUNK_FRAME_MAX_BYTES];
    pair_up(&p, NULL);
    const struct chunk never_begun = {.transfer = 1, .data = data, .len = 1};
    size_t len = chunk_write(frame, &never_begun);
    assert_int_equal(pair_feed(&p.server, FRAME_CHUNK, LANE_BULK, pair_session_id(&p), frame + FRAME_HEAD_BYTES,
                               len - FRAME_HEAD_BYTES),
                     MR_INVALID);
    assert_true(p.server.ended);
    pair_stop(&p);
    pair_up(&p, NULL);
    assert_int_equal(pair_feed(&p.server, FRAME_TRANSFER, LANE_CONTROL, pair_session_id(&p), "x", 1), MR_INVALID);
    pair_stop(&p);
}

/* The other side of version 1 would not know what comes. */
static void an_earlier_version_is_sent_none(void **state)
{
    (void)state;
    struct pair p;
    uint32_t id;
    pair_start(&p, NULL);
    assert_false(session_has_transfers(p.client.session));
    assert_int_equal(begin(&p, &id), MR_CLOSED);
    pair_settle(&p);
    assert_true(session_has_transfers(p.client.session));
    pair_stop(&p);
}

static void unused_credit_is_not_given_back_until_the_owner_says_so(void **state)
{
    (void)state;
    struct pair p;
    uint32_t id, at = 0;
    pair_up(&p, NULL);
    p.server.keeps_chunks = true;
    assert_int_equal(begin(&p, &id), MR_OK);
    for (int turn = 0; turn < 50; turn++) {
        (void)!put(&p, id, &at);
        pair_run(&p, 10);
    }
    assert_true(at < TOTAL);
    assert_in_range(p.server.kept, CREDIT_START_BYTES, CREDIT_START_BYTES + CHUNK_FRAME_MAX_BYTES);
    session_chunk_done(p.server.session, p.server.kept);
    p.server.keeps_chunks = false;
    for (int turn = 0; turn < 50; turn++) {
        (void)!put(&p, id, &at);
        pair_run(&p, 10);
    }
    assert_int_equal(at, TOTAL);
    pair_stop(&p);
}

static void every_failed_allocation_is_a_result(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    bool has_failed = true;
    for (unsigned n = 1; has_failed; n++) {
        struct pair p;
        uint32_t id, at = 0;
        pair_up(&p, NULL);
        mem_fail_at(n);
        enum mr_rc rc = begin(&p, &id);
        if (rc == MR_OK)
            rc = put(&p, id, &at);
        has_failed = mem_fail_off();
        if (!has_failed)
            assert_int_equal(rc, MR_WOULD_BLOCK);
        else /* the session ends when what it has to say first cannot be said */
            assert_true(rc == MR_NO_MEMORY || (rc == MR_CLOSED && session_is_over(p.client.session)));
        pair_stop(&p);
    }
    assert_int_equal(mem_outstanding(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_comes_in_parts_and_whole),
        cmocka_unit_test(the_bulk_lane_takes_two_chunks_and_refuses_more),
        cmocka_unit_test(live_records_and_the_word_overtake_chunks),
        cmocka_unit_test(an_end_overtakes_what_is_queued_which_then_means_nothing),
        cmocka_unit_test(a_chunk_that_breaks_the_rules_ends_the_session),
        cmocka_unit_test(an_earlier_version_is_sent_none),
        cmocka_unit_test(unused_credit_is_not_given_back_until_the_owner_says_so),
        cmocka_unit_test(every_failed_allocation_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
