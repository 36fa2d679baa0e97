/* test_large.c - values above 64 KiB: published behind everything else, received whole or told as lost, within the handle's memory. */
#include "tests/unit/sdk/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/session_transfer.h"

enum { LONG = 200000 };

static uint8_t data[TRANSFER_MAX_BYTES];

struct told {
    unsigned n;
    enum mr_rc rc;
};

static void on_ack(void *user, enum mr_rc rc, enum mr_level reached, uint64_t offset)
{
    struct told *told = user;
    (void)reached;
    (void)offset;
    told->n++;
    told->rc = rc;
}

static struct mr_pub pub_of(uint32_t type, uint32_t len, struct told *told)
{
    for (uint32_t i = 0; i < len; i++)
        data[i] = wire_byte(i);
    return (struct mr_pub){.size = sizeof(struct mr_pub),
                           .topic = "a/large",
                           .value = {.type = type, .len = len, .as.ptr = data},
                           .on_ack = told ? on_ack : NULL,
                           .user = told};
}

static enum mr_rc publish(struct world *w, uint32_t len, struct told *told)
{
    const struct mr_pub pub = pub_of(MR_BYTES, len, told);
    return mr_publish_opt(w->bus, &pub);
}

static struct mr_stats stats_of(struct world *w)
{
    struct mr_stats stats = {.size = sizeof stats};
    mr_get_stats(w->bus, &stats);
    return stats;
}

/* -- out -- */
static void a_long_value_is_handed_over_whole_and_then_acknowledged(void **unused)
{
    struct world *w = world_new(NULL);
    struct told told = {0};
    (void)unused;
    assert_int_equal(publish(w, LONG, &told), MR_OK);
    world_pass(w, 500);
    assert_true(w->agent.large.begun == 1 && w->agent.large.whole == 1 && !w->agent.large.is_damaged);
    assert_int_equal(w->agent.large.type, MR_BYTES);
    assert_true(told.n == 1 && told.rc == MR_OK);
    assert_int_equal(stats_of(w).queued_bytes, 0);
    world_free(w);
}

static void a_value_of_64_kib_is_a_record_and_one_byte_more_a_transfer(void **unused)
{
    struct world *w = world_new(NULL);
    (void)unused;
    assert_int_equal(publish(w, VALUE_MAX_BYTES, NULL), MR_OK);
    world_settle(w);
    assert_true(w->agent.n_records == 1 && w->agent.large.begun == 0);
    assert_int_equal(publish(w, VALUE_MAX_BYTES + 1, NULL), MR_OK);
    world_pass(w, 500);
    assert_true(w->agent.n_records == 1 && w->agent.large.whole == 1);
    world_free(w);
}

static void the_longest_value_goes_and_one_byte_more_does_not(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_pub pub = pub_of(MR_BYTES, TRANSFER_MAX_BYTES, NULL);
    (void)unused;
    assert_int_equal(mr_publish_opt(w->bus, &pub), MR_OK);
    world_pass(w, 2000);
    assert_true(w->agent.large.whole == 1 && !w->agent.large.is_damaged);
    pub.value.len++;
    assert_int_equal(mr_publish_opt(w->bus, &pub), MR_TOO_BIG);
    world_free(w);
}

static void records_and_their_acknowledgements_do_not_wait_for_it(void **unused)
{
    struct world *w = world_new(NULL);
    struct told told = {0}, small = {0};
    (void)unused;
    w->agent.large.keeps_chunks = true; /* the agent's own way on is slow */
    world_settle(w);
    assert_int_equal(publish(w, LONG, &told), MR_OK);
    world_pass(w, 100);
    assert_int_equal(publish(w, 10, &small), MR_OK);
    world_pass(w, 100);
    assert_true(w->agent.n_records == 1 && small.n == 1 && told.n == 0);
    assert_int_equal(mr_flush(w->bus, MR_ACCEPTED, 0), MR_WOULD_BLOCK);
    w->agent.large.keeps_chunks = false;
    session_chunk_done(w->agent.session, w->agent.large.kept);
    world_pass(w, 500);
    assert_true(told.n == 1 && told.rc == MR_OK && w->agent.large.whole == 1);
    assert_int_equal(mr_flush(w->bus, MR_ACCEPTED, 100), MR_OK);
    world_free(w);
}

static void without_room_it_is_refused_at_once(void **unused)
{
    const struct mr_options opt = {.size = sizeof opt, .max_bytes = 2 << 20};
    struct world *w = world_new(&opt);
    (void)unused;
    w->agent.large.keeps_chunks = true;
    world_settle(w);
    assert_int_equal(publish(w, 1 << 20, NULL), MR_OK);
    assert_int_equal(publish(w, 1 << 20, NULL), MR_WOULD_BLOCK);
    world_free(w);
}

static void what_the_handle_can_never_hold_is_too_big_and_the_reason_says_what_it_takes(void **unused)
{
    enum { TOO_LONG = 3 << 19 }; /* three quarters of max_bytes, and then what belongs to it */
    const struct mr_options opt = {.size = sizeof opt, .max_bytes = 2 << 20};
    struct world *w = world_new(&opt);
    (void)unused;
    assert_int_equal(publish(w, TOO_LONG, NULL), MR_TOO_BIG);
    assert_non_null(strstr(mr_reason(w->bus), "mr_options.max_bytes of "));
    const struct mr_options larger = {.size = sizeof larger,
                                      .max_bytes = strtoul(strpbrk(mr_reason(w->bus), "0123456789"), NULL, 10)};
    assert_in_range(larger.max_bytes, 2 << 20, (2 << 20) + 1024);
    world_free(w);
    w = world_new(&larger);
    assert_int_equal(publish(w, TOO_LONG, NULL), MR_OK);
    world_pass(w, 500);
    assert_int_equal(w->agent.large.whole, 1);
    world_free(w);
}

static void a_connection_that_breaks_in_the_middle_begins_it_again(void **unused)
{
    struct world *w = world_new(NULL);
    struct told told = {0};
    (void)unused;
    w->agent.large.keeps_chunks = true;
    assert_int_equal(publish(w, LONG, &told), MR_OK);
    world_pass(w, 200);
    assert_true(w->agent.large.begun == 1 && w->agent.large.whole == 0);
    w->agent.large.keeps_chunks = false;
    world_cut(w);
    world_pass(w, 5000);
    assert_true(w->agent.large.begun == 2 && w->agent.large.whole == 1 && !w->agent.large.is_damaged);
    assert_true(told.n == 1 && told.rc == MR_OK);
    world_free(w);
}

static void who_waits_no_longer_takes_it_back(void **unused)
{
    struct world *w = world_new(NULL);
    const struct mr_pub pub = pub_of(MR_BYTES, LONG, NULL);
    (void)unused;
    w->agent.large.keeps_chunks = true;
    world_settle(w);
    assert_int_equal(mr_publish_wait(w->bus, &pub, 200, NULL), MR_TIMEOUT);
    world_pass(w, 100);
    assert_true(w->agent.large.begun == 1 && w->agent.large.ended == 1 && w->agent.large.whole == 0);
    assert_in_range(stats_of(w).queued_bytes, 0, 3 * CHUNK_FRAME_MAX_BYTES); /* what the session had already */
    world_free(w);
}

static void what_waits_longer_than_its_expiry_is_dropped(void **unused)
{
    struct world *w = world_new(NULL);
    struct told told = {0};
    struct mr_pub pub = pub_of(MR_BYTES, LONG, &told);
    (void)unused;
    w->is_listening = false;
    pub.expiry_ms = 50;
    assert_int_equal(mr_publish_opt(w->bus, &pub), MR_OK);
    world_pass(w, 200);
    assert_true(told.n == 1 && told.rc == MR_TIMEOUT);
    world_free(w);
}

static void a_refused_topic_refuses_it(void **unused)
{
    struct world *w = world_new(NULL);
    struct told told = {0};
    struct mr_pub pub = pub_of(MR_BYTES, LONG, &told);
    (void)unused;
    pub.topic = "denied/x";
    assert_int_equal(mr_publish_opt(w->bus, &pub), MR_OK);
    world_pass(w, 200);
    assert_true(told.n == 1 && told.rc == MR_DENIED);
    assert_int_equal(w->agent.large.whole, 0);
    world_free(w);
}

static void real_time_calls_never_take_one(void **unused)
{
    const struct mr_options opt = {.size = sizeof opt, .rt_poll_us = 1000};
    struct world *w = world_new(&opt);
    (void)unused;
    assert_int_equal(publish(w, LONG, NULL), MR_TOO_BIG);
    assert_non_null(strstr(mr_reason(w->bus), "rt_poll_us"));
    world_free(w);
}

static void every_failed_allocation_of_a_publish_is_a_result(void **unused)
{
    (void)unused;
    bool has_failed = true;
    for (unsigned n = 1; has_failed; n++) {
        struct world *w = world_new(NULL);
        w->is_listening = false;
        const struct mr_pub pub = pub_of(MR_BYTES, LONG, NULL);
        mem_fail_at(n);
        enum mr_rc rc = mr_publish_opt(w->bus, &pub);
        has_failed = mem_fail_off();
        assert_int_equal(rc, has_failed ? MR_NO_MEMORY : MR_OK);
        w->is_listening = true;
        world_pass(w, 3000);
        assert_int_equal(w->agent.large.whole, has_failed ? 0 : 1);
        world_free(w);
    }
}

/* -- in -- */
struct got {
    unsigned n, losses;
    enum mr_cause cause;
    struct mr_value value;
    bool is_damaged;
    const struct mr_msg *kept;
};

static void on_message(void *user, const struct mr_msg *msg)
{
    struct got *got = user;
    if (msg->kind == MR_LOSS) {
        got->losses += (unsigned)msg->count;
        got->cause = msg->cause;
    }
    if (msg->kind != MR_DATA)
        return;
    got->n++;
    got->value = msg->value;
    for (uint32_t i = 0; i < msg->value.len; i++)
        got->is_damaged |= ((const uint8_t *)msg->value.as.ptr)[i] != wire_byte(i);
    mr_unref(got->kept);
    got->kept = mr_ref(msg);
}

static void subscribe(struct world *w, struct got *got)
{
    assert_int_equal(mr_subscribe(w->bus, "a/#", NULL, on_message, got, NULL), MR_OK);
    world_settle(w);
    wire_publishers(&w->agent);
}

/* All of it comes, as far as it is taken. */
static void give(struct world *w, uint32_t id, uint32_t total)
{
    uint32_t at = 0;
    for (int turn = 0; turn < 5000 && at < total; turn++) {
        wire_give_large(&w->agent, id, total, &at);
        world_settle(w);
    }
    world_pass(w, 50);
}

static void a_long_value_comes_as_one_message(void **unused)
{
    struct world *w = world_new(NULL);
    struct got got = {0};
    (void)unused;
    subscribe(w, &got);
    give(w, wire_begin_large(&w->agent, "a/x", MR_BYTES, LONG), LONG);
    assert_true(got.n == 1 && got.value.type == MR_BYTES && got.value.len == LONG && !got.is_damaged);
    assert_non_null(got.kept);
    give(w, wire_begin_large(&w->agent, "a/x", MR_BYTES, TRANSFER_MAX_BYTES), TRANSFER_MAX_BYTES);
    assert_true(got.n == 2 && got.value.len == TRANSFER_MAX_BYTES && !got.is_damaged && got.losses == 0);
    mr_unref(got.kept);
    world_free(w);
}

static void an_array_is_aligned_for_its_elements(void **unused)
{
    struct world *w = world_new(NULL);
    struct got got = {0};
    (void)unused;
    subscribe(w, &got);
    give(w, wire_begin_large(&w->agent, "a/x", MR_F64_ARRAY, LONG), LONG);
    assert_true(got.n == 1 && got.value.type == MR_F64_ARRAY);
    assert_int_equal((uintptr_t)got.value.as.ptr % sizeof(double), 0);
    mr_unref(got.kept);
    world_free(w);
}

static void two_at_a_time_are_kept_apart(void **unused)
{
    struct world *w = world_new(NULL);
    struct got got = {0};
    uint32_t at[2] = {0, 0};
    (void)unused;
    subscribe(w, &got);
    const uint32_t id[2] = {wire_begin_large(&w->agent, "a/x", MR_BYTES, LONG),
                            wire_begin_large(&w->agent, "a/y", MR_STRING, LONG)};
    for (int turn = 0; turn < 500; turn++) {
        wire_give_large(&w->agent, id[turn % 2], LONG, &at[turn % 2]);
        world_settle(w);
    }
    assert_true(got.n == 2 && !got.is_damaged && got.losses == 0);
    mr_unref(got.kept);
    world_free(w);
}

static void one_whose_rest_does_not_come_is_told_as_lost(void **unused)
{
    struct world *w = world_new(NULL);
    struct got got = {0};
    uint32_t at = 0;
    (void)unused;
    subscribe(w, &got);
    uint32_t id = wire_begin_large(&w->agent, "a/x", MR_BYTES, LONG);
    wire_give_large(&w->agent, id, LONG, &at);
    world_settle(w);
    assert_int_equal(session_end_transfer(w->agent.session, id, MR_LINK), MR_OK);
    world_settle(w);
    assert_true(got.n == 0 && got.losses == 1 && got.cause == MR_LINK);
    world_free(w);
}

/* promise: bounded-memory, live-loss */
static void one_for_which_there_is_no_memory_is_told_as_lost(void **unused)
{
    const struct mr_options opt = {.size = sizeof opt, .max_bytes = 1 << 20};
    struct world *w = world_new(&opt);
    struct got got = {0};
    (void)unused;
    subscribe(w, &got);
    size_t before = mem_outstanding();
    uint32_t id = wire_begin_large(&w->agent, "a/x", MR_BYTES, 2 << 20);
    world_settle(w);
    assert_true(mem_outstanding() < before + (64 << 10));
    give(w, id, 2 << 20);
    assert_true(got.n == 0 && got.losses == 1 && got.cause == MR_SLOW_READER);
    give(w, wire_begin_large(&w->agent, "a/x", MR_BYTES, LONG), LONG);
    assert_int_equal(got.n, 1);
    mr_unref(got.kept);
    world_free(w);
}

static void a_text_that_is_none_is_told_as_lost(void **unused)
{
    struct world *w = world_new(NULL);
    struct got got = {0};
    uint8_t part[TRANSFER_CHUNK_BYTES];
    (void)unused;
    subscribe(w, &got);
    memset(part, 0xff, sizeof part);
    uint32_t id = wire_begin_large(&w->agent, "a/x", MR_STRING, LONG);
    for (uint32_t at = 0; at < LONG; at += sizeof part) {
        const struct chunk c = {.transfer = id, .offset = at, .data = part, .len = chunk_len(LONG, at)};
        assert_int_equal(session_put_chunk(w->agent.session, &c), MR_OK);
        world_settle(w);
    }
    assert_true(got.n == 0 && got.losses == 1 && got.cause == MR_CORRUPT);
    world_free(w);
}

static void what_waits_in_a_ring_counts_in_the_handles_memory_only(void **unused)
{
    struct world *w = world_new(NULL);
    struct mr_sub *sub;
    const struct mr_msg *msg;
    (void)unused;
    assert_int_equal(mr_subscribe(w->bus, "a/#", NULL, NULL, NULL, &sub), MR_OK);
    world_settle(w);
    wire_publishers(&w->agent);
    give(w, wire_begin_large(&w->agent, "a/x", MR_BYTES, 8 << 20), 8 << 20); /* the ring has 4 MiB */
    assert_int_equal(mr_next(sub, 0, &msg), MR_OK);
    while (msg->kind != MR_DATA)
        assert_int_equal(mr_next(sub, 0, &msg), MR_OK);
    assert_int_equal(msg->value.len, 8 << 20);
    world_free(w);
}

static void a_handle_closes_in_the_middle_of_both_ways(void **unused)
{
    size_t before = mem_outstanding();
    struct world *w = world_new(NULL);
    struct got got = {0};
    uint32_t at = 0;
    (void)unused;
    subscribe(w, &got);
    w->agent.large.keeps_chunks = true;
    assert_int_equal(publish(w, LONG, NULL), MR_OK);
    wire_give_large(&w->agent, wire_begin_large(&w->agent, "a/x", MR_BYTES, LONG), LONG, &at);
    world_settle(w);
    world_free(w);
    assert_int_equal(mem_outstanding(), before);
}

static void every_failed_allocation_of_a_reader_is_a_loss_at_most(void **unused)
{
    size_t before = mem_outstanding();
    bool has_failed = true;
    (void)unused;
    for (unsigned n = 1; has_failed && n < 200; n++) {
        struct world *w = world_new(NULL);
        struct got got = {0};
        subscribe(w, &got);
        uint32_t id = wire_begin_large(&w->agent, "a/x", MR_BYTES, 70000);
        world_pump_agent(w);
        mem_fail_at(n);
        (void)!mr_dispatch(w->bus, 0);
        has_failed = mem_fail_off();
        if (w->agent.session && session_is_up(w->agent.session))
            give(w, id, 70000);
        world_pass(w, 3000);
        assert_true(got.n <= 1);
        mr_unref(got.kept);
        world_free(w);
    }
    assert_int_equal(mem_outstanding(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_value_is_handed_over_whole_and_then_acknowledged),
        cmocka_unit_test(a_value_of_64_kib_is_a_record_and_one_byte_more_a_transfer),
        cmocka_unit_test(the_longest_value_goes_and_one_byte_more_does_not),
        cmocka_unit_test(records_and_their_acknowledgements_do_not_wait_for_it),
        cmocka_unit_test(without_room_it_is_refused_at_once),
        cmocka_unit_test(what_the_handle_can_never_hold_is_too_big_and_the_reason_says_what_it_takes),
        cmocka_unit_test(a_connection_that_breaks_in_the_middle_begins_it_again),
        cmocka_unit_test(who_waits_no_longer_takes_it_back),
        cmocka_unit_test(what_waits_longer_than_its_expiry_is_dropped),
        cmocka_unit_test(a_refused_topic_refuses_it),
        cmocka_unit_test(real_time_calls_never_take_one),
        cmocka_unit_test(every_failed_allocation_of_a_publish_is_a_result),
        cmocka_unit_test(a_long_value_comes_as_one_message),
        cmocka_unit_test(an_array_is_aligned_for_its_elements),
        cmocka_unit_test(two_at_a_time_are_kept_apart),
        cmocka_unit_test(one_whose_rest_does_not_come_is_told_as_lost),
        cmocka_unit_test(one_for_which_there_is_no_memory_is_told_as_lost),
        cmocka_unit_test(a_text_that_is_none_is_told_as_lost),
        cmocka_unit_test(what_waits_in_a_ring_counts_in_the_handles_memory_only),
        cmocka_unit_test(a_handle_closes_in_the_middle_of_both_ways),
        cmocka_unit_test(every_failed_allocation_of_a_reader_is_a_loss_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
