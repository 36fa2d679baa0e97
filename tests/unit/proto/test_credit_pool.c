/* test_credit_pool.c - what windows grow by together: at the bound, above, with none; who gives way; sums that hold. */
#include "proto/credit_pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rand.h"
#include "proto/lanes.h"
#include "proto/limits.h"

static const int64_t MS = 1000000;

static void a_window_gets_all_it_wants_up_to_the_last_byte_and_nothing_above(void **state)
{
    (void)state;
    struct credit_pool p;
    credit_pool_init(&p, 1000);
    assert_int_equal(credit_pool_settle(&p, 0, 999, 0), 999);
    assert_int_equal(credit_pool_settle(&p, 999, 1000, 0), 1000); /* at */
    assert_int_equal(p.used_bytes, 1000);
    assert_int_equal(credit_pool_settle(&p, 1000, 1001, 0), 1000); /* above */
    assert_int_equal(credit_pool_settle(&p, 0, 1, 0), 0);
    assert_int_equal(p.used_bytes, 1000);
    assert_int_equal(p.n_grown, 1);
}

static void a_pool_of_zero_bytes_lets_nothing_grow(void **state)
{
    (void)state;
    struct credit_pool p;
    credit_pool_init(&p, 0);
    assert_int_equal(credit_pool_settle(&p, 0, 1, 0), 0);
    assert_int_equal(credit_pool_settle(&p, 0, UINT32_MAX, MS), 0);
    assert_int_equal(p.used_bytes, 0);
    assert_int_equal(p.n_grown, 0);
}

static void without_a_pool_a_window_gets_what_it_wants(void **state)
{
    (void)state;
    assert_int_equal(credit_pool_settle(NULL, 0, CREDIT_MAX_BYTES, 0), CREDIT_MAX_BYTES);
}

static void what_is_given_back_is_there_for_others(void **state)
{
    (void)state;
    struct credit_pool p;
    credit_pool_init(&p, 1000);
    assert_int_equal(credit_pool_settle(&p, 0, 1000, 0), 1000);
    assert_int_equal(credit_pool_settle(&p, 1000, 0, 0), 0);
    assert_int_equal(p.used_bytes, 0);
    assert_int_equal(p.n_grown, 0);
    assert_int_equal(credit_pool_settle(&p, 0, 1000, 0), 1000);
}

static void nobody_loses_anything_while_nobody_misses_any(void **state)
{
    (void)state;
    struct credit_pool p;
    credit_pool_init(&p, 1000);
    assert_int_equal(credit_pool_settle(&p, 0, 900, 0), 900);
    assert_int_equal(credit_pool_settle(&p, 0, 100, 0), 100);
    assert_int_equal(credit_pool_settle(&p, 900, 900, 0), 900);
    assert_int_equal(credit_pool_settle(&p, 900, 1800, 0), 900); /* above its share: nobody gives way for that */
    assert_int_equal(credit_pool_settle(&p, 900, 900, 0), 900);
}

static void who_is_above_the_fair_share_gives_way_by_halves_to_who_is_below(void **state)
{
    (void)state;
    struct credit_pool p;
    credit_pool_init(&p, 1200);
    assert_int_equal(credit_pool_settle(&p, 0, 1200, 0), 1200);
    assert_int_equal(credit_pool_settle(&p, 0, 200, 0), 0); /* now it is short */
    assert_int_equal(credit_pool_settle(&p, 1200, 1200, MS), 600);
    assert_int_equal(credit_pool_settle(&p, 0, 200, 2 * MS), 200);
    assert_int_equal(credit_pool_settle(&p, 600, 1200, 3 * MS), 400); /* of three: itself, the other, who comes next */
    assert_int_equal(credit_pool_settle(&p, 200, 400, 4 * MS), 400);
    assert_int_equal(p.used_bytes, 800);
}

static void after_a_while_in_which_nobody_missed_any_all_may_grow_again(void **state)
{
    (void)state;
    struct credit_pool p;
    credit_pool_init(&p, 1000);
    assert_int_equal(credit_pool_settle(&p, 0, 1000, 0), 1000);
    assert_int_equal(credit_pool_settle(&p, 0, 1, 0), 0);
    assert_int_equal(credit_pool_settle(&p, 1000, 1000, CREDIT_SHORT_MS * MS - 1), 500);
    assert_int_equal(credit_pool_settle(&p, 500, 1000, CREDIT_SHORT_MS * MS), 1000);
}

/* -- windows of sessions -- */
enum { N = 40 };

static struct lanes *new_sessions(struct credit_pool *pool, size_t max_bytes)
{
    static struct lanes all[N];
    credit_pool_init(pool, max_bytes);
    for (int i = 0; i < N; i++) {
        lanes_init(&all[i], 1 << 20);
        lanes_set_pool(&all[i], pool);
        lanes_open_windows(&all[i], 0);
    }
    return all;
}

static void free_sessions(struct lanes *all, const struct credit_pool *pool)
{
    for (int i = 0; i < N; i++)
        lanes_fini(&all[i]);
    assert_int_equal(pool->used_bytes, 0);
    assert_int_equal(pool->n_grown, 0);
}

/* A whole window comes and is dealt with at once: as fast as can be. */
static void use(struct lanes *l, int64_t now_ns)
{
    uint64_t before = lanes_grant(l, LANE_LIVE);
    uint64_t left = before - l->window[LANE_LIVE].received;
    assert_int_equal(lanes_received(l, LANE_LIVE, left), MR_OK);
    assert_true(lanes_consumed(l, LANE_LIVE, left, now_ns));
    assert_true(lanes_grant(l, LANE_LIVE) >= before + CREDIT_START_BYTES); /* always at least the start */
}

static void check_sum(const struct lanes *all, const struct credit_pool *pool)
{
    size_t grown = 0;
    for (int i = 0; i < N; i++)
        grown += all[i].window[LANE_LIVE].bytes - CREDIT_START_BYTES;
    assert_int_equal(grown, pool->used_bytes);
    assert_true(grown <= pool->max_bytes);
}

static void windows_of_all_sessions_grow_within_the_pool(void **state)
{
    (void)state;
    struct credit_pool pool;
    struct lanes *all = new_sessions(&pool, (CREDIT_MAX_BYTES - CREDIT_START_BYTES) * N);
    for (int64_t now = 0; now < 20; now++)
        for (int i = 0; i < N; i++)
            use(&all[i], now * MS);
    for (int i = 0; i < N; i++)
        assert_int_equal(all[i].window[LANE_LIVE].bytes, CREDIT_MAX_BYTES); /* at: all have all */
    check_sum(all, &pool);
    free_sessions(all, &pool);
}

static void who_comes_late_gets_as_much_as_who_was_first(void **state)
{
    (void)state;
    struct credit_pool pool;
    size_t max = 8 * (size_t)CREDIT_MAX_BYTES, fair = max / (N + 1);
    struct lanes *all = new_sessions(&pool, max);
    for (int64_t now = 0; now < 200; now++)
        for (int i = 0; i < (now < 20 ? N / 4 : N); i++) {
            use(&all[i], now * MS);
            check_sum(all, &pool);
        }
    for (int i = 0; i < N; i++)
        assert_in_range(all[i].window[LANE_LIVE].bytes, CREDIT_START_BYTES + fair / 2, CREDIT_START_BYTES + 2 * fair);
    free_sessions(all, &pool);
}

static void without_a_pool_byte_every_session_keeps_its_start(void **state)
{
    (void)state;
    struct credit_pool pool;
    struct lanes *all = new_sessions(&pool, 0);
    for (int64_t now = 0; now < 20; now++)
        for (int i = 0; i < N; i++)
            use(&all[i], now * MS);
    for (int i = 0; i < N; i++)
        assert_int_equal(all[i].window[LANE_LIVE].bytes, CREDIT_START_BYTES);
    free_sessions(all, &pool);
}

/* The way of a record does not lead past the pool: it is asked when credit is granted, however many frames that took. */
static void frames_that_bring_no_grant_do_not_touch_the_pool(void **state)
{
    (void)state;
    struct credit_pool pool;
    struct lanes *all = new_sessions(&pool, CREDIT_POOL_BYTES);
    struct lanes *l = &all[0];
    unsigned asked = 0, granted = 0;
    for (uint32_t bytes = 0; bytes < 4 * CREDIT_MAX_BYTES; bytes += CREDIT_FRAME_MIN_BYTES) {
        size_t before = pool.used_bytes;
        assert_int_equal(lanes_received(l, LANE_LIVE, CREDIT_FRAME_MIN_BYTES), MR_OK);
        granted += lanes_consumed(l, LANE_LIVE, CREDIT_FRAME_MIN_BYTES, MS);
        asked += pool.used_bytes != before;
    }
    assert_in_range(granted, 1, 15); /* 4 MiB in 4096 frames, and a window that doubles each time */
    assert_in_range(asked, 1, granted);
    free_sessions(all, &pool);
}

static void a_session_that_ends_or_rests_gives_back_what_it_had(void **state)
{
    (void)state;
    struct credit_pool pool;
    size_t max = CREDIT_MAX_BYTES - CREDIT_START_BYTES;
    struct lanes *all = new_sessions(&pool, max);
    for (int64_t now = 0; now < 10; now++)
        use(&all[0], now * MS);
    assert_int_equal(pool.used_bytes, max);
    lanes_rest(&all[0], 9 * MS + LANES_REST_MS * MS - 1);
    assert_int_equal(pool.used_bytes, max);
    lanes_rest(&all[0], 9 * MS + LANES_REST_MS * MS);
    assert_int_equal(pool.used_bytes, 0);
    assert_int_equal(all[0].window[LANE_LIVE].bytes, CREDIT_START_BYTES);
    for (int64_t now = 0; now < 10; now++)
        use(&all[1], now * MS);
    assert_int_equal(pool.used_bytes, max);
    lanes_limit(&all[1], LANE_LIVE, CREDIT_START_BYTES + 1);
    assert_int_equal(pool.used_bytes, 1);
    lanes_fini(&all[1]);
    assert_int_equal(pool.used_bytes, 0);
    use(&all[0], 0); /* granted as it was, it may be used up once more */
    free_sessions(all, &pool);
}

static void whatever_windows_do_no_grant_is_taken_back_and_the_sum_holds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct rand_seeded rand;
        struct credit_pool pool;
        rand_seeded_init(&rand, seed);
        struct lanes *all = new_sessions(&pool, (size_t)rand_below(&rand.source, 4 * CREDIT_MAX_BYTES));
        int64_t now = 0;
        for (int step = 0; step < 4000; step++) {
            struct lanes *l = &all[rand_below(&rand.source, N)];
            uint64_t before = lanes_grant(l, LANE_LIVE), left = before - l->window[LANE_LIVE].received;
            size_t cost = left ? (size_t)rand_below(&rand.source, left) + 1 : 0;
            now += (int64_t)rand_below(&rand.source, 3 * (uint64_t)MS);
            if (rand_below(&rand.source, 100) == 0)
                now += (int64_t)rand_below(&rand.source, LANES_REST_MS) * MS;
            if (cost && lanes_received(l, LANE_LIVE, cost) == MR_OK)
                (void)lanes_consumed(l, LANE_LIVE, cost, now);
            if (rand_below(&rand.source, 50) == 0)
                lanes_rest(l, now);
            if (lanes_grant(l, LANE_LIVE) < before)
                fail_msg("seed %llu: a grant was taken back", (unsigned long long)seed);
            check_sum(all, &pool);
        }
        free_sessions(all, &pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_gets_all_it_wants_up_to_the_last_byte_and_nothing_above),
        cmocka_unit_test(a_pool_of_zero_bytes_lets_nothing_grow),
        cmocka_unit_test(without_a_pool_a_window_gets_what_it_wants),
        cmocka_unit_test(what_is_given_back_is_there_for_others),
        cmocka_unit_test(nobody_loses_anything_while_nobody_misses_any),
        cmocka_unit_test(who_is_above_the_fair_share_gives_way_by_halves_to_who_is_below),
        cmocka_unit_test(after_a_while_in_which_nobody_missed_any_all_may_grow_again),
        cmocka_unit_test(windows_of_all_sessions_grow_within_the_pool),
        cmocka_unit_test(who_comes_late_gets_as_much_as_who_was_first),
        cmocka_unit_test(without_a_pool_byte_every_session_keeps_its_start),
        cmocka_unit_test(frames_that_bring_no_grant_do_not_touch_the_pool),
        cmocka_unit_test(a_session_that_ends_or_rests_gives_back_what_it_had),
        cmocka_unit_test(whatever_windows_do_no_grant_is_taken_back_and_the_sum_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
