/* test_pull.c - the consumer's side of a cursor: credit, leases, acks of both modes, seeks, and clients against a leader. */
#include "proto/pull.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"

static struct pull_actions go(struct pull *p, struct pull_event event)
{
    struct pull_actions todo;

    assert_int_equal(pull_step(p, &event, &todo), MR_OK);
    return todo;
}

static enum mr_rc rc_of(struct pull *p, struct pull_event event)
{
    struct pull_actions todo;

    return pull_step(p, &event, &todo);
}

static struct pull_event on(enum pull_event_kind kind, uint64_t offset)
{
    return (struct pull_event){.kind = kind, .offset = offset, .generation = 1, .bytes = 10, .reason = "why"};
}

static struct pull_event want(uint64_t records, uint64_t bytes)
{
    return (struct pull_event){.kind = PULL_WANT, .records = records, .bytes = bytes};
}

/* Open under generation 1, with credit for 100 records. */
static struct pull pulling(bool exclusive)
{
    struct pull p;

    pull_init(&p, exclusive, 50);
    go(&p, on(PULL_OPEN, 0));
    assert_true(go(&p, want(100, 10000)).fetch);
    return p;
}

static void deliver(struct pull *p, uint64_t first, uint64_t last)
{
    for (uint64_t offset = first; offset <= last; offset++)
        assert_true(go(p, on(PULL_DELIVERED, offset)).deliver);
}

static void events_out_of_their_state_are_misuse(void **state)
{
    (void)state;
    static const bool allowed[PULL_STATES][PULL_EVENTS] = {
        [PULL_OFF] = {[PULL_OPEN] = true},
        [PULL_PULLING] = {false, true, true, true, true, true, true, true, false},
        [PULL_SEEKING] = {false, true, true, true, true, true, true, false, true},
    };
    for (int in = 0; in < PULL_STATES; in++) {
        for (int kind = 0; kind < PULL_EVENTS; kind++) {
            struct pull p = pulling(true);
            if (in == PULL_SEEKING)
                go(&p, on(PULL_SEEK, 0));
            else if (in == PULL_OFF)
                go(&p, on(PULL_CLOSE, 0));
            assert_int_equal(p.state, in);
            enum mr_rc rc = rc_of(&p, on((enum pull_event_kind)kind, 5));
            assert_int_equal(rc == MR_MISUSE, !allowed[in][kind]);
            pull_fini(&p);
        }
    }
}

static void credit_is_cumulative_and_told_in_steps(void **state)
{
    (void)state;
    struct pull p = pulling(false);
    assert_int_equal(p.told_records, 100);
    assert_false(go(&p, want(1, 1)).fetch); /* nothing used yet */
    deliver(&p, 0, 39);
    assert_true(go(&p, want(60, 1)).fetch);
    assert_int_equal(p.told_records, 161);
    pull_fini(&p);
}

static void more_than_the_credit_is_the_peers_fault(void **state)
{
    (void)state;
    struct pull p;
    pull_init(&p, false, 50);
    go(&p, on(PULL_OPEN, 0));
    assert_int_equal(rc_of(&p, on(PULL_DELIVERED, 0)), MR_INVALID);
    go(&p, want(2, 15));
    deliver(&p, 0, 1); /* the second began within the bytes */
    assert_int_equal(rc_of(&p, on(PULL_DELIVERED, 2)), MR_INVALID);
    go(&p, want(1, 5));
    assert_int_equal(rc_of(&p, on(PULL_DELIVERED, 2)), MR_INVALID); /* no bytes */
    pull_fini(&p);
}

static void leases_are_bounded(void **state)
{
    (void)state;
    struct pull p = pulling(false);
    deliver(&p, 0, 49);
    assert_int_equal(rc_of(&p, on(PULL_DELIVERED, 50)), MR_TOO_BIG);
    go(&p, on(PULL_ACK_THIS, 7));
    deliver(&p, 50, 50);
    pull_fini(&p);
}

static void exclusive_acks_cover_all_before_but_requeued_records(void **state)
{
    (void)state;
    struct pull p = pulling(true);
    struct pull_event requeued = on(PULL_DELIVERED, 3);
    requeued.requeued = true;
    deliver(&p, 5, 9);
    assert_true(go(&p, requeued).perhaps);
    struct pull_actions todo = go(&p, on(PULL_ACK_THIS, 7));
    assert_true(todo.ack);
    assert_int_equal(todo.ack_kind, PULL_ACK);
    assert_int_equal(todo.first, 5);
    assert_int_equal(todo.last, 7);
    assert_int_equal(p.count, 3); /* 3, 8, 9 */
    todo = go(&p, on(PULL_ACK_THIS, 3));
    assert_int_equal(todo.first, 3);
    assert_int_equal(todo.last, 3);
    assert_int_equal(rc_of(&p, on(PULL_ACK_THIS, 7)), MR_FENCED);
    pull_fini(&p);
}

static void shared_acks_cover_one(void **state)
{
    (void)state;
    struct pull p = pulling(false);
    deliver(&p, 5, 9);
    struct pull_actions todo = go(&p, on(PULL_ACK_THIS, 7));
    assert_int_equal(todo.first, 7);
    assert_int_equal(p.count, 4);
    assert_false(go(&p, on(PULL_NAK_THIS, 8)).leases_ended);
    assert_int_equal(p.count, 3);
    pull_fini(&p);
}

static void an_exclusive_nak_ends_every_later_lease(void **state)
{
    (void)state;
    struct pull p = pulling(true);
    deliver(&p, 5, 9);
    struct pull_event nak = on(PULL_NAK_THIS, 7);
    nak.delay_ms = 250;
    struct pull_actions todo = go(&p, nak);
    assert_true(todo.ack && todo.leases_ended);
    assert_int_equal(todo.ack_kind, PULL_NAK);
    assert_int_equal(todo.delay_ms, 250);
    assert_string_equal(todo.reason, "why");
    assert_int_equal(p.count, 2);
    assert_int_equal(rc_of(&p, on(PULL_ACK_THIS, 8)), MR_FENCED);
    todo = go(&p, on(PULL_DELIVERED, 10)); /* was on its way */
    assert_false(todo.deliver);
    struct pull_event again = on(PULL_DELIVERED, 7);
    again.generation = 2;
    todo = go(&p, again);
    assert_true(todo.deliver && todo.perhaps);
    pull_fini(&p);
}

static void an_extension_needs_its_lease(void **state)
{
    (void)state;
    struct pull p = pulling(true);
    assert_int_equal(rc_of(&p, on(PULL_EXTEND_THIS, 1)), MR_FENCED);
    deliver(&p, 1, 1);
    struct pull_actions todo = go(&p, on(PULL_EXTEND_THIS, 1));
    assert_int_equal(todo.ack_kind, PULL_EXTEND);
    assert_int_equal(p.count, 1);
    pull_fini(&p);
}

static void exclusive_deliveries_are_in_order_shared_ones_once(void **state)
{
    (void)state;
    struct pull p = pulling(true);
    deliver(&p, 5, 6);
    assert_int_equal(rc_of(&p, on(PULL_DELIVERED, 6)), MR_INVALID);
    assert_int_equal(rc_of(&p, on(PULL_DELIVERED, 4)), MR_INVALID);
    assert_int_equal(rc_of(&p, on(PULL_DELIVERED, UINT64_MAX)), MR_INVALID);
    pull_fini(&p);
    p = pulling(false);
    deliver(&p, 5, 6);
    deliver(&p, 4, 4);
    assert_int_equal(rc_of(&p, on(PULL_DELIVERED, 5)), MR_INVALID);
    pull_fini(&p);
}

static void a_higher_generation_ends_the_leases_of_the_lower(void **state)
{
    (void)state;
    struct pull p = pulling(true);
    struct pull_event newer = on(PULL_DELIVERED, 5);
    deliver(&p, 5, 7);
    newer.generation = 2;
    struct pull_actions todo = go(&p, newer);
    assert_true(todo.leases_ended && todo.deliver && todo.perhaps);
    assert_int_equal(todo.first, 5);
    assert_int_equal(p.count, 1);
    assert_int_equal(rc_of(&p, on(PULL_DELIVERED, 8)), MR_INVALID); /* the older one again */
    assert_int_equal(go(&p, on(PULL_ACK_THIS, 5)).generation, 2);
    pull_fini(&p);
}

static void a_seek_ends_every_lease_and_waits(void **state)
{
    (void)state;
    struct pull p = pulling(true);
    struct pull_event sought = on(PULL_SOUGHT, 0);
    deliver(&p, 5, 7);
    struct pull_actions todo = go(&p, on(PULL_SEEK, 0));
    assert_true(todo.leases_ended);
    assert_int_equal(rc_of(&p, on(PULL_ACK_THIS, 5)), MR_FENCED);
    assert_false(go(&p, on(PULL_DELIVERED, 8)).deliver);
    assert_int_equal(p.used_records, 4);
    assert_int_equal(rc_of(&p, sought), MR_INVALID); /* not a new generation */
    sought.generation = 2;
    go(&p, sought);
    struct pull_event first = on(PULL_DELIVERED, 0);
    first.generation = 2;
    todo = go(&p, first);
    assert_true(todo.deliver && !todo.perhaps);
    pull_fini(&p);
}

static void failed_allocations_change_nothing(void **state)
{
    (void)state;
    struct pull p = pulling(true);
    mem_fail_at(1);
    assert_int_equal(rc_of(&p, on(PULL_DELIVERED, 0)), MR_NO_MEMORY);
    mem_fail_off();
    assert_int_equal(p.used_records, 0);
    deliver(&p, 0, 15);
    mem_fail_at(1);
    assert_int_equal(rc_of(&p, on(PULL_DELIVERED, 16)), MR_NO_MEMORY);
    mem_fail_off();
    assert_int_equal(p.count, 16);
    deliver(&p, 16, 20);
    pull_fini(&p);
}

/* -- a client against a leader that may change -- */

enum { RECORDS = 300 };

struct leader {
    uint64_t cursor; /* all below is acked */
    uint64_t next;   /* to be delivered */
    uint64_t generation;
    uint64_t records, bytes; /* credit it knows, less what it used */
};

/* An ack counts only under the generation of its leases. */
static void take_ack(struct leader *l, const struct pull_actions *todo)
{
    if (todo->generation != l->generation)
        return;
    if (todo->ack_kind == PULL_ACK && todo->last >= l->cursor && todo->last < l->next) {
        l->cursor = todo->last + 1;
    } else if (todo->ack_kind == PULL_NAK && todo->first >= l->cursor) {
        l->next = l->cursor;
        l->generation++;
    }
}

static void every_record_is_done_and_acks_never_pass_what_was_delivered(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct rand_seeded rand;
        struct pull p;
        struct leader l = {.generation = 1};
        bool done[RECORDS] = {false};
        uint64_t in_hand = UINT64_MAX;
        rand_seeded_init(&rand, seed);
        pull_init(&p, true, 20);
        go(&p, on(PULL_OPEN, 0));
        for (int i = 0; i < 20000 && l.cursor < RECORDS; i++) {
            switch (rand_below(&rand.source, 8)) {
            case 0:
                if (p.count < 10 && go(&p, want(5, 50)).fetch) {
                    l.records = p.told_records;
                    l.bytes = p.told_bytes;
                }
                break;
            case 1:
            case 2:
            case 3:
                if (l.next < RECORDS && p.used_records < l.records && p.used_bytes < l.bytes && p.count < 20) {
                    struct pull_event event = on(PULL_DELIVERED, l.next++);
                    event.generation = l.generation;
                    struct pull_actions todo = go(&p, event);
                    if (todo.deliver)
                        in_hand = event.offset;
                }
                break;
            case 4:
            case 5:
            case 6:
                if (in_hand != UINT64_MAX) {
                    struct pull_event event = on(rand_below(&rand.source, 6) ? PULL_ACK_THIS : PULL_NAK_THIS, in_hand);
                    struct pull_actions todo;
                    enum mr_rc rc = pull_step(&p, &event, &todo);
                    assert_true(rc == MR_OK || rc == MR_FENCED);
                    if (rc == MR_OK) {
                        take_ack(&l, &todo);
                        done[in_hand] |= event.kind == PULL_ACK_THIS;
                    }
                    in_hand = UINT64_MAX;
                }
                break;
            default: /* another leader: deliveries are forgotten */
                if (rand_below(&rand.source, 10) == 0) {
                    l.generation++;
                    l.next = l.cursor;
                }
            }
            assert_true(l.cursor <= p.delivered_to);
        }
        if (l.cursor != RECORDS || !done[RECORDS - 1])
            fail_msg("seed %llu: stuck at %llu", (unsigned long long)seed, (unsigned long long)l.cursor);
        pull_fini(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_out_of_their_state_are_misuse),
        cmocka_unit_test(credit_is_cumulative_and_told_in_steps),
        cmocka_unit_test(more_than_the_credit_is_the_peers_fault),
        cmocka_unit_test(leases_are_bounded),
        cmocka_unit_test(exclusive_acks_cover_all_before_but_requeued_records),
        cmocka_unit_test(shared_acks_cover_one),
        cmocka_unit_test(an_exclusive_nak_ends_every_later_lease),
        cmocka_unit_test(an_extension_needs_its_lease),
        cmocka_unit_test(exclusive_deliveries_are_in_order_shared_ones_once),
        cmocka_unit_test(a_higher_generation_ends_the_leases_of_the_lower),
        cmocka_unit_test(a_seek_ends_every_lease_and_waits),
        cmocka_unit_test(failed_allocations_change_nothing),
        cmocka_unit_test(every_record_is_done_and_acks_never_pass_what_was_delivered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
