/* test_producer.c - the agent's side of exactly once: each decision of an answer, each state, each late or refused event. */
#include "proto/producer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const int64_t MS = 1000000;

enum { OWN_NONCE = 11, OTHER_NONCE = 12 };

/* Incarnation 5, the newest, next number 10, records left; floor 4 with chain 44. */
static struct producer_conf conf_of(void)
{
    return (struct producer_conf){.birth = 3,
                                  .nonce = OWN_NONCE,
                                  .front = {.ordinal = 5, .next_seq = 10, .newest = true, .left = true},
                                  .floor_ordinal = 5,
                                  .floor_seq = 4,
                                  .floor_chain = 44};
}

static struct producer_actions go(struct producer *p, struct producer_event event)
{
    struct producer_actions todo;

    assert_int_equal(producer_step(p, &event, 0, &todo), MR_OK);
    return todo;
}

static enum mr_rc refused(struct producer *p, struct producer_event event)
{
    struct producer_actions todo;
    enum producer_state before = p->state;
    enum mr_rc rc = producer_step(p, &event, 0, &todo);

    assert_int_equal(p->state, before);
    return rc;
}

static struct producer_event event_of(enum producer_event_kind kind)
{
    return (struct producer_event){.kind = kind};
}

static struct producer_event opened(enum producer_verdict verdict, uint64_t last, uint64_t chain)
{
    return (struct producer_event){.kind = PRODUCER_OPENED,
                                   .answer = {.verdict = verdict, .epoch = 7, .last_seq = last, .chain = chain}};
}

static struct producer opening(const struct producer_conf *conf)
{
    struct producer p;

    producer_init(&p, conf);
    struct producer_actions todo = go(&p, event_of(PRODUCER_LINK_UP));
    assert_true(todo.send_open);
    assert_int_equal(p.open, 1);
    return p;
}

static struct producer granted(void)
{
    struct producer_conf conf = conf_of();
    struct producer p = opening(&conf);
    struct producer_actions todo = go(&p, opened(PRODUCER_OK, 4, 44));

    assert_true(todo.may_send && todo.free_to);
    assert_int_equal(todo.seq, 4);
    assert_int_equal(todo.epoch, 7);
    return p;
}

/* -- the answer to an open -- */

static void the_floor_itself_is_compared_with_its_chain(void **state)
{
    (void)state;
    struct producer_conf conf = conf_of();
    struct producer p = opening(&conf);
    struct producer_actions todo = go(&p, opened(PRODUCER_OK, 4, 45));
    assert_true(todo.renew && todo.alarm && todo.stop);
    assert_int_equal(todo.ordinal, 5);
    assert_int_equal(p.state, PRODUCER_RENEWING);
    assert_int_equal(granted().state, PRODUCER_GRANTED);
}

static void the_spool_is_asked_for_its_chain_at_last(void **state)
{
    (void)state;
    struct producer_conf conf = conf_of();
    for (int known = 0; known < 2; known++) {
        for (int equal = 0; equal < 2; equal++) {
            struct producer p = opening(&conf);
            struct producer_actions todo = go(&p, opened(PRODUCER_OK, 9, 99));
            assert_true(todo.ask_chain);
            assert_int_equal(todo.seq, 9);
            assert_int_equal(p.state, PRODUCER_CHECKING);
            struct producer_event chain = event_of(PRODUCER_CHAIN);
            chain.known = known;
            chain.chain = equal ? 99 : 98;
            todo = go(&p, chain);
            assert_int_equal(todo.may_send, !known || equal);
            assert_int_equal(todo.renew, known && !equal);
            if (todo.may_send)
                assert_int_equal(p.floor_seq, 9); /* adopted */
        }
    }
}

static void a_last_below_the_floor_is_a_rollback(void **state)
{
    (void)state;
    struct producer_conf conf = conf_of();
    struct producer p = opening(&conf);
    assert_true(go(&p, opened(PRODUCER_OK, 3, 33)).alarm);
    conf.floor_ordinal = 4; /* a floor of another incarnation says nothing of this one */
    p = opening(&conf);
    assert_true(go(&p, opened(PRODUCER_OK, 0, 0)).may_send);
}

static void a_last_beyond_next_is_a_rollback_only_of_the_newest(void **state)
{
    (void)state;
    struct producer_conf conf = conf_of();
    struct producer p = opening(&conf);
    assert_true(go(&p, opened(PRODUCER_OK, 10, 1)).alarm);
    conf.front.newest = false; /* an older start's records, which were in memory only, are committed */
    p = opening(&conf);
    struct producer_actions todo = go(&p, opened(PRODUCER_OK, 10, 1));
    assert_true(todo.may_send && !todo.alarm);
    assert_int_equal(p.floor_seq, 10);
}

static void sealed_means_a_new_incarnation_and_an_alarm_if_anything_is_left(void **state)
{
    (void)state;
    struct producer_conf conf = conf_of();
    for (int newest = 0; newest < 2; newest++) {
        for (int left = 0; left < 2; left++) {
            conf.front.newest = newest;
            conf.front.left = left;
            struct producer p = opening(&conf);
            struct producer_actions todo = go(&p, opened(PRODUCER_SEALED, 0, 0));
            assert_true(todo.renew);
            assert_int_equal(todo.alarm, newest || left);
        }
    }
}

static void a_refused_birth_is_gone_above(void **state)
{
    (void)state;
    struct producer_conf conf = conf_of();
    struct producer p = opening(&conf);
    struct producer_event event = opened(PRODUCER_REFUSED, 0, 0);
    event.answer.birth = 8;
    struct producer_actions todo = go(&p, event);
    assert_true(todo.renew && todo.alarm);
    assert_int_equal(todo.birth, 8);
    struct producer_event renewed = event_of(PRODUCER_RENEWED);
    renewed.front = (struct producer_incarnation){.ordinal = 5, .next_seq = 1, .newest = true};
    assert_int_equal(refused(&p, renewed), MR_MISUSE); /* not above */
    renewed.front.ordinal = 6;
    renewed.birth = 2;
    assert_int_equal(refused(&p, renewed), MR_MISUSE); /* back in births */
    renewed.birth = 9;
    todo = go(&p, renewed);
    assert_true(todo.send_open);
    assert_int_equal(p.birth, 9);
    assert_int_equal(p.open, 2);
    assert_int_equal(p.floor_seq, 0);
}

static void only_another_holder_fences(void **state)
{
    (void)state;
    struct producer p = granted();
    struct producer_event event = opened(PRODUCER_TAKEN, 0, 0);
    event.answer.holder_nonce = OWN_NONCE;
    struct producer_actions todo = go(&p, event);
    assert_true(todo.stop && todo.send_open && !todo.stay_down);
    event.answer.holder_nonce = OTHER_NONCE;
    todo = go(&p, event);
    assert_true(todo.stay_down);
    assert_int_equal(todo.nonce, OTHER_NONCE);
    assert_int_equal(p.state, PRODUCER_FENCED);
    assert_false(go(&p, event_of(PRODUCER_LINK_DOWN)).send_open);
    assert_false(go(&p, event_of(PRODUCER_LINK_UP)).send_open); /* for good */
    struct producer_conf conf = conf_of();
    conf.fenced = true; /* over a restart too */
    producer_init(&p, &conf);
    assert_false(go(&p, event_of(PRODUCER_LINK_UP)).send_open);
}

static void retry_waits_as_long_as_it_was_told(void **state)
{
    (void)state;
    struct producer_actions todo;
    struct producer_event tick = event_of(PRODUCER_TICK), event = opened(PRODUCER_RETRY, 0, 0);
    for (uint32_t ms = 0; ms <= 300; ms += 300) {
        struct producer p = granted();
        event.answer.retry_ms = ms;
        int64_t due = (ms ? ms : PRODUCER_RETRY_MS) * MS;
        assert_true(go(&p, event).stop);
        assert_int_equal(producer_deadline(&p), due);
        assert_int_equal(producer_step(&p, &tick, due - 1, &todo), MR_OK);
        assert_false(todo.send_open);
        assert_int_equal(producer_step(&p, &tick, due, &todo), MR_OK);
        assert_true(todo.send_open);
    }
}

static void a_deleted_stream_ends_the_producer(void **state)
{
    (void)state;
    struct producer p = granted();
    struct producer_actions todo = go(&p, opened(PRODUCER_DELETED, 0, 0));
    assert_true(todo.quarantine && todo.stop);
    assert_int_equal(p.state, PRODUCER_GONE);
}

static void an_unknown_verdict_is_the_peers_fault(void **state)
{
    (void)state;
    struct producer p = granted();
    assert_int_equal(refused(&p, opened((enum producer_verdict)0, 0, 0)), MR_INVALID);
    assert_int_equal(refused(&p, opened((enum producer_verdict)7, 0, 0)), MR_INVALID);
}

static void an_open_without_an_answer_is_sent_again(void **state)
{
    (void)state;
    struct producer_conf conf = conf_of();
    struct producer p = opening(&conf);
    struct producer_actions todo;
    struct producer_event tick = event_of(PRODUCER_TICK);
    assert_int_equal(producer_step(&p, &tick, PRODUCER_ANSWER_MS * MS - 1, &todo), MR_OK);
    assert_false(todo.send_open);
    assert_int_equal(producer_step(&p, &tick, PRODUCER_ANSWER_MS * MS, &todo), MR_OK);
    assert_true(todo.send_open);
    assert_int_equal(p.open, 2);
    assert_true(go(&p, opened(PRODUCER_OK, 4, 44)).may_send);
    assert_false(go(&p, opened(PRODUCER_OK, 4, 44)).may_send); /* the first open's answer, late */
}

/* -- acks, numbers, incarnations -- */

static struct producer_event to(enum producer_event_kind kind, uint64_t seq, uint64_t chain)
{
    return (struct producer_event){.kind = kind, .epoch = 7, .seq = seq, .chain = chain};
}

static void acks_are_cumulative_and_only_of_what_was_sent(void **state)
{
    (void)state;
    struct producer p = granted();
    assert_int_equal(refused(&p, to(PRODUCER_ACKED, 5, 55)), MR_INVALID); /* nothing sent yet */
    assert_int_equal(refused(&p, to(PRODUCER_SENT, 4, 0)), MR_MISUSE);
    assert_int_equal(refused(&p, to(PRODUCER_SENT, 10, 0)), MR_MISUSE); /* has no such number */
    go(&p, to(PRODUCER_SENT, 9, 0));
    struct producer_event older = to(PRODUCER_ACKED, 8, 88);
    older.epoch = 6;
    assert_false(go(&p, older).free_to);
    struct producer_actions todo = go(&p, to(PRODUCER_ACKED, 8, 88));
    assert_true(todo.free_to);
    assert_int_equal(todo.seq, 8);
    assert_int_equal(todo.chain, 88);
    assert_false(go(&p, to(PRODUCER_ACKED, 8, 88)).free_to);
    assert_false(go(&p, to(PRODUCER_ACKED, 5, 55)).free_to);
    assert_int_equal(refused(&p, to(PRODUCER_ACKED, 10, 1)), MR_INVALID);
}

static void new_numbers_come_only_under_the_newest(void **state)
{
    (void)state;
    struct producer p = granted();
    struct producer_event numbered = event_of(PRODUCER_NUMBERED);
    numbered.front.next_seq = 9;
    assert_int_equal(refused(&p, numbered), MR_MISUSE);
    numbered.front.next_seq = 12;
    go(&p, numbered);
    go(&p, to(PRODUCER_SENT, 11, 0));
    struct producer_conf conf = conf_of();
    conf.front.newest = false;
    p = opening(&conf);
    assert_int_equal(refused(&p, numbered), MR_MISUSE);
}

static void the_floor_is_durable_before_the_next_incarnation_is_opened(void **state)
{
    (void)state;
    struct producer_conf conf = conf_of();
    conf.front.newest = false;
    struct producer p = opening(&conf);
    go(&p, opened(PRODUCER_OK, 4, 44));
    go(&p, to(PRODUCER_SENT, 9, 0));
    go(&p, to(PRODUCER_ACKED, 9, 99));
    struct producer_event drained = event_of(PRODUCER_DRAINED);
    drained.front = (struct producer_incarnation){.ordinal = 5, .next_seq = 1, .newest = true};
    assert_int_equal(refused(&p, drained), MR_MISUSE);
    drained.front.ordinal = 6;
    struct producer_actions todo = go(&p, drained);
    assert_true(todo.stop && todo.persist_floor && !todo.send_open);
    assert_int_equal(todo.seq, 9);
    assert_int_equal(p.state, PRODUCER_SETTLING);
    assert_false(go(&p, to(PRODUCER_FLOOR_DURABLE, 8, 0)).send_open);
    assert_true(go(&p, to(PRODUCER_FLOOR_DURABLE, 9, 0)).send_open);
    assert_int_equal(refused(&p, drained), MR_MISUSE); /* the newest does not drain away */
}

static void a_floor_already_durable_holds_nobody_up(void **state)
{
    (void)state;
    struct producer_conf conf = conf_of();
    conf.front.newest = false;
    struct producer p;
    producer_init(&p, &conf);
    struct producer_event drained = event_of(PRODUCER_DRAINED);
    drained.front = (struct producer_incarnation){.ordinal = 6, .next_seq = 1, .newest = true};
    assert_false(go(&p, drained).send_open); /* no link */
    assert_true(go(&p, event_of(PRODUCER_LINK_UP)).send_open);
}

static void events_out_of_their_state_are_refused_or_late(void **state)
{
    (void)state;
    struct producer_conf conf = conf_of();
    struct producer p;
    producer_init(&p, &conf);
    assert_int_equal(refused(&p, event_of(PRODUCER_SENT)), MR_MISUSE);
    assert_int_equal(refused(&p, event_of(PRODUCER_RENEWED)), MR_MISUSE);
    static const enum producer_event_kind late[] = {PRODUCER_OPENED, PRODUCER_CHAIN, PRODUCER_ACKED, PRODUCER_TICK,
                                                    PRODUCER_FLOOR_DURABLE};
    for (size_t i = 0; i < sizeof late / sizeof late[0]; i++)
        assert_int_equal(refused(&p, event_of(late[i])), MR_OK);
    go(&p, event_of(PRODUCER_LINK_UP));
    assert_int_equal(refused(&p, event_of(PRODUCER_LINK_UP)), MR_MISUSE);
    go(&p, event_of(PRODUCER_LINK_DOWN));
    assert_int_equal(p.state, PRODUCER_IDLE);
    go(&p, event_of(PRODUCER_LINK_DOWN)); /* twice is once */
}

static void a_link_lost_while_renewing_opens_when_it_is_back(void **state)
{
    (void)state;
    struct producer_conf conf = conf_of();
    struct producer p = opening(&conf);
    go(&p, opened(PRODUCER_SEALED, 0, 0));
    go(&p, event_of(PRODUCER_LINK_DOWN));
    struct producer_event renewed = event_of(PRODUCER_RENEWED);
    renewed.front = (struct producer_incarnation){.ordinal = 6, .next_seq = 4, .newest = true, .left = true};
    assert_false(go(&p, renewed).send_open);
    assert_int_equal(p.state, PRODUCER_IDLE);
    assert_true(go(&p, event_of(PRODUCER_LINK_UP)).send_open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_floor_itself_is_compared_with_its_chain),
        cmocka_unit_test(the_spool_is_asked_for_its_chain_at_last),
        cmocka_unit_test(a_last_below_the_floor_is_a_rollback),
        cmocka_unit_test(a_last_beyond_next_is_a_rollback_only_of_the_newest),
        cmocka_unit_test(sealed_means_a_new_incarnation_and_an_alarm_if_anything_is_left),
        cmocka_unit_test(a_refused_birth_is_gone_above),
        cmocka_unit_test(only_another_holder_fences),
        cmocka_unit_test(retry_waits_as_long_as_it_was_told),
        cmocka_unit_test(a_deleted_stream_ends_the_producer),
        cmocka_unit_test(an_unknown_verdict_is_the_peers_fault),
        cmocka_unit_test(an_open_without_an_answer_is_sent_again),
        cmocka_unit_test(acks_are_cumulative_and_only_of_what_was_sent),
        cmocka_unit_test(new_numbers_come_only_under_the_newest),
        cmocka_unit_test(the_floor_is_durable_before_the_next_incarnation_is_opened),
        cmocka_unit_test(a_floor_already_durable_holds_nobody_up),
        cmocka_unit_test(events_out_of_their_state_are_refused_or_late),
        cmocka_unit_test(a_link_lost_while_renewing_opens_when_it_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
