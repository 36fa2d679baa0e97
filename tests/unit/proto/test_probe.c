/* test_probe.c - liveness, round trip and clocks: intervals at their edges, hostile answers, two probes over a link. */
#include "proto/probe.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/rand.h"

static const int64_t MS = 1000000;

static struct probe_actions go(struct probe *p, struct probe_event event, int64_t now_ns)
{
    struct probe_actions todo;

    assert_int_equal(probe_step(p, &event, now_ns, &todo), MR_OK);
    return todo;
}

static struct probe_actions at(struct probe *p, enum probe_event_kind kind, int64_t ms)
{
    return go(p, (struct probe_event){.kind = kind}, ms * MS);
}

/* Started at 1 s, ping 1 is out. */
static struct probe started(void)
{
    struct probe p;

    probe_init(&p, 1000, 3000);
    assert_int_equal(probe_deadline(&p), INT64_MAX);
    struct probe_actions todo = at(&p, PROBE_START, 1000);
    assert_true(todo.say_ping);
    assert_int_equal(todo.number, 1);
    return p;
}

static struct probe_event pong(uint64_t number, int64_t sent_ms)
{
    return (struct probe_event){.kind = PROBE_PONGED, .number = number, .sent_ns = (uint64_t)(sent_ms * MS)};
}

static void nothing_happens_before_the_start_or_after_the_end(void **state)
{
    (void)state;
    struct probe p;
    probe_init(&p, 1000, 3000);
    for (int kind = PROBE_SENT; kind < PROBE_EVENTS; kind++) {
        struct probe_actions todo = at(&p, (enum probe_event_kind)kind, 99999);
        assert_false(todo.say_ping || todo.say_pong || todo.dead || todo.reached);
    }
    p = started();
    assert_true(at(&p, PROBE_TICK, 4000).dead);
    assert_int_equal(p.state, PROBE_DEAD);
    assert_false(at(&p, PROBE_TICK, 9000).dead);
    assert_int_equal(probe_deadline(&p), INT64_MAX);
}

static void it_starts_once(void **state)
{
    (void)state;
    struct probe p = started();
    struct probe_actions todo;
    assert_int_equal(probe_step(&p, &(struct probe_event){.kind = PROBE_START}, 0, &todo), MR_MISUSE);
}

static void a_ping_goes_out_when_nothing_else_did_for_the_interval(void **state)
{
    (void)state;
    struct probe p = started();
    at(&p, PROBE_HEARD, 1500);
    assert_int_equal(probe_deadline(&p), 2000 * MS);
    assert_false(at(&p, PROBE_TICK, 1999).say_ping);
    assert_true(at(&p, PROBE_TICK, 2000).say_ping);
    at(&p, PROBE_HEARD, 2500);
    at(&p, PROBE_SENT, 2500);
    assert_false(at(&p, PROBE_TICK, 3499).say_ping);
    assert_true(at(&p, PROBE_TICK, 3500).say_ping);
}

static void a_busy_link_is_measured_all_the_same(void **state)
{
    (void)state;
    struct probe p = started();
    unsigned pings = 0;
    for (int64_t ms = 1000; ms <= 31000; ms += 100) {
        at(&p, PROBE_SENT, ms);
        at(&p, PROBE_HEARD, ms);
        pings += at(&p, PROBE_TICK, ms).say_ping;
    }
    assert_int_equal(pings, 3); /* at 11, 21 and 31 s */
}

static void silence_is_death_exactly_at_its_limit(void **state)
{
    (void)state;
    struct probe p = started();
    at(&p, PROBE_HEARD, 2000);
    assert_false(at(&p, PROBE_TICK, 4999).dead);
    at(&p, PROBE_SENT, 4999);
    assert_int_equal(probe_deadline(&p), 5000 * MS);
    assert_true(at(&p, PROBE_TICK, 5000).dead);
}

static void an_answer_gives_the_round_trip(void **state)
{
    (void)state;
    struct probe p = started();
    assert_int_equal(probe_least_rtt(&p, 1000 * MS), 0);
    struct probe_actions todo = go(&p, pong(1, 1000), 1040 * MS);
    assert_true(todo.reached);
    assert_int_equal(todo.rtt_ns, 40 * MS);
    assert_int_equal(probe_least_rtt(&p, 1040 * MS), 40 * MS);
    assert_false(go(&p, pong(1, 1000), 1050 * MS).reached); /* again: not used */
    assert_true(at(&p, PROBE_PING, 2000).say_ping);
    go(&p, pong(2, 2000), 2090 * MS);
    assert_int_equal(probe_least_rtt(&p, 2090 * MS), 40 * MS);
    assert_int_equal(probe_least_rtt(&p, 59999 * MS), 40 * MS);
    assert_int_equal(probe_least_rtt(&p, 60000 * MS), 0); /* older than a minute */
}

static void a_least_round_trip_is_forgotten_after_a_minute(void **state)
{
    (void)state;
    struct probe p = started();
    go(&p, pong(1, 1000), 1010 * MS);
    at(&p, PROBE_PING, 61000);
    go(&p, pong(2, 61000), 61080 * MS);
    assert_int_equal(probe_least_rtt(&p, 61080 * MS), 80 * MS);
}

static void answers_to_nothing_are_refused(void **state)
{
    (void)state;
    struct probe p = started();
    struct probe_actions todo;
    const struct probe_event wrong[] = {pong(0, 1000), pong(2, 1000), pong(1, 999)};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(probe_step(&p, &wrong[i], 1010 * MS, &todo), MR_INVALID);
    for (int i = 0; i < PROBE_OPEN_PINGS; i++)
        at(&p, PROBE_PING, 2000);
    assert_false(go(&p, pong(1, 1000), 2000 * MS).reached); /* too old to be remembered */
}

static void clocks_are_compared_from_four_times(void **state)
{
    (void)state;
    struct probe p;
    probe_init(&p, 1000, 3000);
    go(&p, (struct probe_event){.kind = PROBE_START, .our_us = 5000000}, 1000 * MS);
    struct probe_event answer = pong(1, 1000);
    answer.our_us = 5000000 + 100000; /* 100 ms later */
    answer.received_us = 9000000 + 40000;
    answer.real_us = 9000000 + 60000; /* held 20 ms */
    struct probe_actions todo = go(&p, answer, 1100 * MS);
    assert_true(todo.clock);
    assert_int_equal(todo.offset_us, 4000000);
    assert_int_equal(todo.error_us, 40000);
}

static void clocks_without_sense_are_not_compared(void **state)
{
    (void)state;
    static const int64_t wrong[][4] = {
        {0, 100, 100, 100},         {100, 0, 100, 100},         {100, 100, 0, 100},         {100, 100, 100, 0},
        {100, INT64_MAX, 100, 100}, {100, 100, INT64_MIN, 100}, {100, 200000, 100000, 100}, {100, 100, 900000, 100},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct probe p;
        probe_init(&p, 1000, 3000);
        go(&p, (struct probe_event){.kind = PROBE_START, .our_us = wrong[i][0]}, 1000 * MS);
        struct probe_event answer = pong(1, 1000);
        answer.received_us = wrong[i][1];
        answer.real_us = wrong[i][2];
        answer.our_us = wrong[i][3];
        struct probe_actions todo = go(&p, answer, 1100 * MS);
        assert_true(todo.reached);
        assert_false(todo.clock);
    }
}

static void intervals_may_change(void **state)
{
    (void)state;
    struct probe p = started();
    probe_set_intervals(&p, 50, 200);
    assert_int_equal(probe_deadline(&p), 1050 * MS);
    assert_true(at(&p, PROBE_TICK, 1200).dead);
}

/* Two probes over a link with delay: alive while it carries, both dead within 3 s + one tick after the cut. */
static void two_probes_live_until_the_cut(void **state)
{
    (void)state;
    enum { WIRE = 64 };
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct rand_seeded rand;
        struct probe side[2];
        struct {
            struct probe_event event;
            int64_t due;
        } wire[2][WIRE];
        unsigned first[2] = {0}, count[2] = {0};
        rand_seeded_init(&rand, seed);
        int64_t delay = (int64_t)rand_below(&rand.source, 900), cut = 20000 + (int64_t)rand_below(&rand.source, 20000);
        for (int i = 0; i < 2; i++)
            probe_init(&side[i], 1000, 3000);
        for (int64_t ms = 1000; ms < cut + 5000; ms += 10) {
            for (int i = 0; i < 2; i++) {
                struct probe_actions todo[2] = {at(&side[i], ms == 1000 ? PROBE_START : PROBE_TICK, ms), {0}};
                if (count[i] && wire[i][first[i]].due <= ms && ms < cut) {
                    at(&side[i], PROBE_HEARD, ms);
                    todo[1] = go(&side[i], wire[i][first[i]].event, ms * MS);
                    if (todo[1].reached)
                        assert_true(todo[1].rtt_ns >= 2 * delay * MS && todo[1].rtt_ns <= (2 * delay + 50) * MS);
                    struct probe_event in = wire[i][first[i]].event;
                    first[i] = (first[i] + 1) % WIRE;
                    count[i]--;
                    if (todo[1].say_pong) {
                        in.kind = PROBE_PONGED;
                        at(&side[i], PROBE_SENT, ms);
                        unsigned end = (first[1 - i] + count[1 - i]++) % WIRE;
                        wire[1 - i][end].event = in;
                        wire[1 - i][end].due = ms + delay;
                    }
                }
                if (todo[0].say_ping) {
                    unsigned end = (first[1 - i] + count[1 - i]++) % WIRE;
                    wire[1 - i][end].event = (struct probe_event){
                        .kind = PROBE_PINGED, .number = todo[0].number, .sent_ns = todo[0].sent_ns};
                    wire[1 - i][end].due = ms + delay;
                }
                if (ms < cut)
                    assert_int_equal(side[i].state, PROBE_WATCHING);
            }
        }
        assert_int_equal(side[0].state, PROBE_DEAD);
        assert_int_equal(side[1].state, PROBE_DEAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_happens_before_the_start_or_after_the_end),
        cmocka_unit_test(it_starts_once),
        cmocka_unit_test(a_ping_goes_out_when_nothing_else_did_for_the_interval),
        cmocka_unit_test(a_busy_link_is_measured_all_the_same),
        cmocka_unit_test(silence_is_death_exactly_at_its_limit),
        cmocka_unit_test(an_answer_gives_the_round_trip),
        cmocka_unit_test(a_least_round_trip_is_forgotten_after_a_minute),
        cmocka_unit_test(answers_to_nothing_are_refused),
        cmocka_unit_test(clocks_are_compared_from_four_times),
        cmocka_unit_test(clocks_without_sense_are_not_compared),
        cmocka_unit_test(intervals_may_change),
        cmocka_unit_test(two_probes_live_until_the_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
