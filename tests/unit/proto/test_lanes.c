/* test_lanes.c - queues and credit: order, bounds at their edges, windows that grow, what may be in flight, two sides. */
#include "proto/lanes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"

static const int64_t MS = 1000000;

static struct blob *frame_of(size_t len, uint8_t mark)
{
    struct blob *frame = blob_new(len);

    assert_non_null(frame);
    frame->data[0] = FRAME_BATCHES;
    frame->data[1] = mark;
    return frame;
}

static enum mr_rc push(struct lanes *l, enum lane lane, size_t len, uint8_t mark)
{
    struct blob *frame = frame_of(len, mark);
    enum mr_rc rc = lanes_push(l, lane, frame);

    if (rc != MR_OK)
        blob_unref(frame);
    return rc;
}

/* The mark of the next frame, -1 for none. */
static int take(struct lanes *l)
{
    enum lane lane;
    struct blob *frame = lanes_take(l, &lane);
    int mark = frame ? frame->data[1] : -1;

    blob_unref(frame);
    return mark;
}

static void grant_all(struct lanes *l, uint64_t bytes)
{
    for (int lane = 0; lane < LANE_COUNT; lane++)
        lanes_granted(l, (enum lane)lane, bytes);
}

static size_t weight(size_t len)
{
    return blob_size(len) + sizeof(void *);
}

static void lanes_go_in_strict_priority_and_each_in_order(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, 1 << 20);
    grant_all(&l, 1 << 20);
    for (int lane = LANE_COUNT - 1; lane >= 0; lane--)
        for (uint8_t i = 0; i < 20; i++) /* more than a queue begins with */
            assert_int_equal(push(&l, (enum lane)lane, 20, (uint8_t)(lane * 20 + i)), MR_OK);
    for (int mark = 0; mark < 60; mark++)
        assert_int_equal(take(&l), mark);
    lanes_fini(&l);
}

static void without_credit_nothing_goes(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, 1 << 20);
    assert_int_equal(lanes_state(&l, LANE_LIVE), LANE_EMPTY);
    assert_int_equal(push(&l, LANE_LIVE, 3000, 1), MR_OK);
    assert_int_equal(push(&l, LANE_LIVE, 10, 2), MR_OK);
    assert_int_equal(lanes_state(&l, LANE_LIVE), LANE_WAITING);
    assert_false(lanes_can_take(&l));
    assert_int_equal(take(&l), -1);
    lanes_granted(&l, LANE_LIVE, 1); /* one byte lets one frame begin */
    assert_int_equal(lanes_state(&l, LANE_LIVE), LANE_READY);
    assert_int_equal(take(&l), 1);
    lanes_granted(&l, LANE_LIVE, 3000);
    assert_int_equal(take(&l), -1); /* used up */
    lanes_granted(&l, LANE_LIVE, 3001);
    lanes_granted(&l, LANE_LIVE, 5); /* a lower grant takes nothing back */
    assert_int_equal(take(&l), 2);
    assert_int_equal(l.queue[LANE_LIVE].sent, 3000 + 1024); /* a short frame costs 1 KiB */
    lanes_fini(&l);
}

static void nothing_overtakes_a_control_frame_that_waits(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, 1 << 20);
    grant_all(&l, 1 << 20);
    l.queue[LANE_CONTROL].granted = 0;
    assert_int_equal(push(&l, LANE_LIVE, 10, 1), MR_OK);
    assert_true(lanes_live_is_next(&l));
    assert_int_equal(push(&l, LANE_CONTROL, 10, 2), MR_OK);
    assert_false(lanes_can_take(&l));
    assert_false(lanes_live_is_next(&l));
    lanes_granted(&l, LANE_CONTROL, 1);
    assert_int_equal(take(&l), 2);
    assert_int_equal(take(&l), 1);
    l.queue[LANE_COMMAND].granted = 0; /* a command that waits holds nobody up */
    assert_int_equal(push(&l, LANE_COMMAND, 10, 3), MR_OK);
    assert_int_equal(push(&l, LANE_LIVE, 10, 4), MR_OK);
    assert_int_equal(take(&l), 4);
    lanes_granted(&l, LANE_COMMAND, 1);
    assert_false(lanes_live_is_next(&l));
    lanes_fini(&l);
}

static void live_fills_all_and_then_gives_way_to_itself(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, 4 * weight(100));
    for (uint8_t i = 0; i < 4; i++)
        assert_int_equal(push(&l, LANE_LIVE, 100, i), MR_OK);
    assert_int_equal(lanes_room(&l, LANE_LIVE), 0);
    assert_int_equal(push(&l, LANE_LIVE, 100, 4), MR_WOULD_BLOCK);
    struct blob *oldest = lanes_drop(&l);
    assert_int_equal(oldest->data[1], 0);
    blob_unref(oldest);
    assert_int_equal(lanes_room(&l, LANE_LIVE), weight(100));
    assert_int_equal(push(&l, LANE_LIVE, 100, 4), MR_OK);
    assert_int_equal(push(&l, LANE_STREAM, 10, 5), MR_TOO_BIG); /* never at the cost of live */
    assert_int_equal(push(&l, LANE_CONTROL, 100, 6), MR_WOULD_BLOCK);
    lanes_fini(&l);
    assert_null(lanes_drop(&l));
}

static void a_frame_larger_than_everything_is_too_big(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, weight(100));
    assert_int_equal(push(&l, LANE_LIVE, 101, 1), MR_TOO_BIG);
    assert_int_equal(push(&l, LANE_LIVE, 100, 1), MR_OK);
    assert_int_equal(push(&l, LANE_LIVE, 101, 1), MR_WOULD_BLOCK); /* after dropping it is too big */
    lanes_fini(&l);
    lanes_init(&l, 0);
    assert_int_equal(push(&l, LANE_CONTROL, 12, 1), MR_TOO_BIG);
}

static void other_lanes_have_a_share(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, LANES_SHARE * 2 * weight(100));
    assert_int_equal(lanes_room(&l, LANE_COMMAND), 2 * weight(100));
    assert_int_equal(push(&l, LANE_COMMAND, 100, 1), MR_OK);
    assert_int_equal(push(&l, LANE_COMMAND, 101, 2), MR_TOO_BIG);
    assert_int_equal(push(&l, LANE_COMMAND, 100, 2), MR_OK);
    assert_int_equal(push(&l, LANE_COMMAND, 100, 3), MR_TOO_BIG);
    assert_int_equal(lanes_room(&l, LANE_CONTROL), (LANES_SHARE * 2 - 2) * weight(100));
    lanes_fini(&l);
}

static void command_and_control_displace_live(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, 16 * weight(100));
    for (uint8_t i = 0; i < 16; i++)
        assert_int_equal(push(&l, LANE_LIVE, 100, i), MR_OK);
    assert_int_equal(lanes_room(&l, LANE_COMMAND), 2 * weight(100));
    assert_int_equal(lanes_room(&l, LANE_CONTROL), 16 * weight(100));
    assert_int_equal(push(&l, LANE_COMMAND, 100, 99), MR_WOULD_BLOCK);
    blob_unref(lanes_drop(&l));
    assert_int_equal(push(&l, LANE_COMMAND, 100, 99), MR_OK);
    lanes_fini(&l);
}

static void what_is_put_in_front_goes_first(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, weight(10));
    grant_all(&l, 1 << 20);
    assert_int_equal(push(&l, LANE_LIVE, 10, 1), MR_OK);
    for (uint8_t i = 2; i < 12; i++) /* above the bound, and through a growing queue */
        assert_int_equal(lanes_push_front(&l, LANE_LIVE, frame_of(10, i)), MR_OK);
    for (int i = 11; i >= 1; i--)
        assert_int_equal(take(&l), i);
    assert_int_equal(l.bytes, 0);
    lanes_fini(&l);
}

static void failed_allocations_change_nothing(void **state)
{
    (void)state;
    struct lanes l;
    struct blob *frame = frame_of(10, 1);
    lanes_init(&l, 1 << 20);
    mem_fail_at(1);
    assert_int_equal(lanes_push(&l, LANE_LIVE, frame), MR_NO_MEMORY);
    mem_fail_at(1);
    assert_int_equal(lanes_push_front(&l, LANE_LIVE, frame), MR_NO_MEMORY);
    mem_fail_off();
    assert_int_equal(l.bytes, 0);
    assert_int_equal(lanes_push(&l, LANE_LIVE, frame), MR_OK);
    lanes_trim(&l);
    assert_non_null(l.queue[LANE_LIVE].frames);
    lanes_fini(&l);
}

static void memory_of_empty_queues_is_given_back(void **state)
{
    (void)state;
    struct lanes l;
    size_t before = mem_outstanding();
    lanes_init(&l, 1 << 20);
    grant_all(&l, 1 << 20);
    assert_int_equal(push(&l, LANE_LIVE, 10, 1), MR_OK);
    assert_int_equal(take(&l), 1);
    lanes_trim(&l);
    assert_int_equal(mem_outstanding(), before);
    assert_int_equal(push(&l, LANE_LIVE, 10, 1), MR_OK);
    lanes_fini(&l);
    assert_int_equal(mem_outstanding(), before);
}

/* -- in flight below live -- */

static void little_is_in_flight_below_live_until_a_mark_is_answered(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, 1 << 20);
    grant_all(&l, 1 << 20);
    for (uint8_t i = 0; i < 100; i++)
        assert_int_equal(push(&l, LANE_BULK, 1024, i), MR_OK);
    assert_false(lanes_wants_mark(&l));
    int sent = 0;
    while (take(&l) >= 0)
        sent++;
    assert_int_equal(sent, 8); /* 8 KiB */
    assert_true(lanes_wants_mark(&l));
    lanes_marked(&l, 1, 500 * MS);
    assert_false(lanes_wants_mark(&l));
    lanes_reached(&l, 9, 0, 1000 * MS); /* no such mark */
    assert_false(lanes_can_take(&l));
    lanes_reached(&l, 1, 0, 1000 * MS);
    assert_true(lanes_can_take(&l));
    assert_int_equal(push(&l, LANE_LIVE, 1024, 200), MR_OK);
    assert_int_equal(take(&l), 200);
    lanes_fini(&l);
}

static void the_bound_follows_rate_and_round_trip(void **state)
{
    (void)state;
    struct lanes l;
    int64_t now = 1000 * MS;
    uint64_t number = 0;
    lanes_init(&l, 1 << 24);
    grant_all(&l, UINT64_MAX);
    /* 1 MB/s with 30 ms: 1000 bytes arrive each ms */
    for (int i = 0; i < 200; i++) {
        assert_int_equal(push(&l, LANE_LIVE, 10000, 1), MR_OK);
        assert_int_equal(take(&l), 1);
        lanes_marked(&l, ++number, now);
        now += 10 * MS;
        lanes_reached(&l, number, 30 * MS, now);
    }
    assert_in_range(l.rate, 990000, 1010000);
    assert_in_range(l.below_max, 34000, 36000); /* 1 MB/s x 35 ms */
    /* so little that nothing waits for the bound: it says nothing about the link */
    for (int i = 0; i < 200; i++) {
        assert_int_equal(push(&l, LANE_LIVE, 1024, 1), MR_OK);
        assert_int_equal(take(&l), 1);
        lanes_marked(&l, ++number, now);
        now += 100 * MS;
        lanes_reached(&l, number, 30 * MS, now);
    }
    assert_in_range(l.below_max, 34000, 36000);
    /* a link a hundred times slower, and bulk that waits for it: the bound comes down, not below its least */
    for (int i = 0; i < 200; i++) {
        while (l.queue[LANE_BULK].count < 64)
            assert_int_equal(push(&l, LANE_BULK, 1024, 1), MR_OK);
        while (take(&l) >= 0)
            continue;
        lanes_marked(&l, ++number, now);
        now += 100 * MS;
        lanes_reached(&l, number, 30 * MS, now);
    }
    assert_int_equal(l.below_max, BELOW_LIVE_MIN_BYTES);
    lanes_fini(&l);
}

/* Ten answers at once, as a busy peer gives them: what arrived took as long as it took to send. */
static void answers_that_bunch_up_make_no_higher_rate(void **state)
{
    (void)state;
    struct lanes l;
    int64_t now = 1000 * MS;
    uint64_t number = 0;
    lanes_init(&l, 1 << 24);
    grant_all(&l, UINT64_MAX);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < LANES_MARKS; i++) {
            assert_int_equal(push(&l, LANE_LIVE, 10000, 1), MR_OK);
            assert_int_equal(take(&l), 1);
            lanes_marked(&l, ++number, now);
            now += 10 * MS;
        }
        for (int i = LANES_MARKS - 1; i >= 0; i--)
            lanes_reached(&l, number - (uint64_t)i, 30 * MS, now + LANES_MARKS - i);
    }
    assert_in_range(l.rate, 500000, 1010000);
    lanes_fini(&l);
}

/* A small frame costs its lane a KiB of credit, and the link its own length. */
static void credit_is_not_taken_for_bytes_in_flight(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, 1 << 20);
    grant_all(&l, 1 << 20);
    for (uint8_t i = 0; i < 20; i++)
        assert_int_equal(push(&l, LANE_BULK, 100, i), MR_OK);
    for (int i = 0; i < 20; i++)
        assert_true(take(&l) >= 0);
    assert_int_equal(l.sent_below, 20 * 100);
    assert_int_equal(l.queue[LANE_BULK].sent, 20 * CREDIT_FRAME_MIN_BYTES);
    lanes_fini(&l);
}

static void marks_are_bounded(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, 1 << 20);
    for (uint64_t i = 1; i <= LANES_MARKS + 3; i++)
        lanes_marked(&l, i, 0);
    lanes_reached(&l, LANES_MARKS, 0, MS); /* all up to it are free again */
    for (int i = 0; i < LANES_MARKS; i++)
        assert_int_equal(l.marks[i].number, 0);
}

/* -- receiving -- */

static void a_peer_may_use_what_it_was_granted_and_one_frame_more_at_most(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, 1 << 20);
    assert_int_equal(lanes_received(&l, LANE_LIVE, 1), MR_INVALID); /* nothing granted yet */
    lanes_open_windows(&l, 0);
    assert_int_equal(lanes_grant(&l, LANE_LIVE), CREDIT_START_BYTES);
    assert_int_equal(lanes_grant(&l, LANE_CONTROL), LANES_CONTROL_WINDOW_BYTES);
    assert_int_equal(lanes_received(&l, LANE_LIVE, CREDIT_START_BYTES - 1), MR_OK);
    assert_int_equal(lanes_received(&l, LANE_LIVE, 100000), MR_OK); /* begun while a byte was left */
    assert_int_equal(lanes_received(&l, LANE_LIVE, 1), MR_INVALID);
}

static void credit_comes_back_in_steps_of_half_a_window(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, 1 << 20);
    lanes_open_windows(&l, 0);
    int64_t late = 2 * LANES_GROW_MS * MS;
    assert_false(lanes_consumed(&l, LANE_LIVE, CREDIT_START_BYTES / 2 - 1, late));
    assert_true(lanes_consumed(&l, LANE_LIVE, 1, late));
    assert_int_equal(lanes_grant(&l, LANE_LIVE), CREDIT_START_BYTES + CREDIT_START_BYTES / 2);
}

static void a_window_grows_to_its_limit_and_shrinks_to_a_lower_one(void **state)
{
    struct lanes l;
    (void)state;
    lanes_init(&l, 1 << 20);
    lanes_open_windows(&l, 0);
    lanes_limit(&l, LANE_LIVE, CREDIT_START_BYTES + 1000);
    assert_true(lanes_consumed(&l, LANE_LIVE, CREDIT_START_BYTES, 0));
    assert_int_equal(l.window[LANE_LIVE].bytes, CREDIT_START_BYTES + 1000);
    lanes_limit(&l, LANE_LIVE, CREDIT_START_BYTES);
    assert_int_equal(l.window[LANE_LIVE].bytes, CREDIT_START_BYTES);
    assert_int_equal(lanes_grant(&l, LANE_LIVE), 2 * CREDIT_START_BYTES + 1000); /* what was granted stays */
    lanes_fini(&l);
}

static void a_lane_that_is_held_gets_its_credit_when_it_is_let_go(void **state)
{
    struct lanes l;
    (void)state;
    lanes_init(&l, 1 << 20);
    lanes_open_windows(&l, 0);
    int64_t late = LANES_GROW_MS * MS;
    assert_false(lanes_hold(&l, LANE_LIVE, true, late));
    assert_false(lanes_consumed(&l, LANE_LIVE, CREDIT_START_BYTES, late));
    assert_int_equal(lanes_grant(&l, LANE_LIVE), CREDIT_START_BYTES);
    assert_true(lanes_hold(&l, LANE_LIVE, false, late));
    assert_int_equal(lanes_grant(&l, LANE_LIVE), 2 * CREDIT_START_BYTES);
    assert_false(lanes_hold(&l, LANE_LIVE, true, late));
    assert_false(lanes_hold(&l, LANE_LIVE, false, late)); /* nothing was consumed meanwhile */
    lanes_fini(&l);
}

static void a_window_used_fast_doubles_up_to_its_limit(void **state)
{
    (void)state;
    struct lanes l;
    lanes_init(&l, 1 << 20);
    lanes_open_windows(&l, 0);
    for (int i = 0; i < 20; i++) {
        assert_true(lanes_consumed(&l, LANE_LIVE, CREDIT_MAX_BYTES, i * MS));
        assert_true(lanes_consumed(&l, LANE_CONTROL, CREDIT_MAX_BYTES, i * MS));
    }
    assert_int_equal(l.window[LANE_LIVE].bytes, CREDIT_MAX_BYTES);
    assert_int_equal(l.window[LANE_CONTROL].bytes, LANES_CONTROL_WINDOW_BYTES);
    lanes_init(&l, 1 << 20);
    lanes_open_windows(&l, 0);
    assert_true(lanes_consumed(&l, LANE_LIVE, CREDIT_START_BYTES, LANES_GROW_MS * MS)); /* exactly: not fast */
    assert_int_equal(l.window[LANE_LIVE].bytes, CREDIT_START_BYTES);
}

/* A sender and a receiver over a link with delay: never a broken rule, everything arrives, in order per lane. */
static void two_sides_never_break_the_rule(void **state)
{
    (void)state;
    enum { WIRE = 4096, FRAMES = 3000 };
    static struct {
        int lane;
        uint32_t number;
        size_t cost;
        int64_t due;
    } wire[WIRE];
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rand_seeded rand;
        struct lanes a, b;
        unsigned first = 0, count = 0;
        uint32_t pushed[LANE_COUNT] = {0}, seen[LANE_COUNT] = {0};
        int64_t delay;
        rand_seeded_init(&rand, seed);
        delay = (int64_t)rand_below(&rand.source, 50) * MS;
        lanes_init(&a, 1 << 20);
        lanes_init(&b, 1 << 20);
        lanes_open_windows(&b, 0);
        for (int lane = 0; lane < LANE_COUNT; lane++)
            lanes_granted(&a, (enum lane)lane, lanes_grant(&b, (enum lane)lane));
        uint64_t mark = 0;
        for (int64_t now = MS, idle = 0; idle < 200; now += MS) {
            uint32_t total = 0;
            for (int lane = 0; lane < LANE_COUNT; lane++)
                total += pushed[lane];
            for (uint64_t n = rand_below(&rand.source, 8); n && total < FRAMES; n--) {
                enum lane lane = (enum lane)rand_below(&rand.source, LANE_COUNT);
                struct blob *frame = frame_of(16 + (size_t)rand_below(&rand.source, 5000), 0);
                for (int i = 0; i < 4; i++)
                    frame->data[2 + i] = (uint8_t)(pushed[lane] >> (8 * i));
                if (lanes_push(&a, lane, frame) == MR_OK)
                    pushed[lane]++;
                else
                    blob_unref(frame);
            }
            enum lane lane;
            struct blob *frame;
            while (count < WIRE && (frame = lanes_take(&a, &lane))) {
                unsigned at = (first + count++) % WIRE;
                wire[at].lane = lane;
                wire[at].cost = frame_cost(FRAME_BATCHES, frame->len);
                wire[at].number = (uint32_t)(frame->data[2] | frame->data[3] << 8 | frame->data[4] << 16);
                wire[at].due = now + delay;
                blob_unref(frame);
                if (lanes_wants_mark(&a))
                    lanes_marked(&a, ++mark, now);
            }
            idle = count || a.bytes || total < FRAMES ? 0 : idle + 1;
            for (; count && wire[first].due <= now; first = (first + 1) % WIRE, count--) {
                enum lane in = (enum lane)wire[first].lane;
                assert_int_equal(lanes_received(&b, in, wire[first].cost), MR_OK);
                assert_int_equal(wire[first].number, seen[in]);
                seen[in]++;
                if (lanes_consumed(&b, in, wire[first].cost, now))
                    lanes_granted(&a, in, lanes_grant(&b, in));
            }
            if (count == 0)
                lanes_reached(&a, mark, delay, now); /* all has arrived */
        }
        for (int lane = 0; lane < LANE_COUNT; lane++)
            assert_int_equal(seen[lane], pushed[lane]);
        lanes_fini(&a);
        lanes_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_go_in_strict_priority_and_each_in_order),
        cmocka_unit_test(without_credit_nothing_goes),
        cmocka_unit_test(nothing_overtakes_a_control_frame_that_waits),
        cmocka_unit_test(live_fills_all_and_then_gives_way_to_itself),
        cmocka_unit_test(a_frame_larger_than_everything_is_too_big),
        cmocka_unit_test(other_lanes_have_a_share),
        cmocka_unit_test(command_and_control_displace_live),
        cmocka_unit_test(what_is_put_in_front_goes_first),
        cmocka_unit_test(failed_allocations_change_nothing),
        cmocka_unit_test(memory_of_empty_queues_is_given_back),
        cmocka_unit_test(little_is_in_flight_below_live_until_a_mark_is_answered),
        cmocka_unit_test(the_bound_follows_rate_and_round_trip),
        cmocka_unit_test(answers_that_bunch_up_make_no_higher_rate),
        cmocka_unit_test(credit_is_not_taken_for_bytes_in_flight),
        cmocka_unit_test(marks_are_bounded),
        cmocka_unit_test(a_peer_may_use_what_it_was_granted_and_one_frame_more_at_most),
        cmocka_unit_test(credit_comes_back_in_steps_of_half_a_window),
        cmocka_unit_test(a_window_grows_to_its_limit_and_shrinks_to_a_lower_one),
        cmocka_unit_test(a_lane_that_is_held_gets_its_credit_when_it_is_let_go),
        cmocka_unit_test(a_window_used_fast_doubles_up_to_its_limit),
        cmocka_unit_test(two_sides_never_break_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
