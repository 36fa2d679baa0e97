/* test_alarms.c - the earliest is always first, whatever was set, changed and taken out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "bus/alarms.h"

enum { PORTS = 60, ROUNDS = 20000 };

static void alarms_come_in_the_order_of_their_times(void **state)
{
    (void)state;
    struct alarms a;
    uint32_t port = 0;
    assert_int_equal(alarms_init(&a, 3), MR_OK);
    assert_true(alarms_first(&a, &port) == INT64_MAX);
    alarms_set(&a, 1, 30);
    alarms_set(&a, 2, 10);
    alarms_set(&a, 3, 20);
    assert_int_equal(alarms_first(&a, &port), 10);
    assert_int_equal(port, 2);
    alarms_set(&a, 2, 40);
    assert_int_equal(alarms_first(&a, &port), 20);
    alarms_set(&a, 3, INT64_MAX);
    alarms_set(&a, 3, INT64_MAX); /* none is none */
    assert_int_equal(alarms_first(&a, &port), 30);
    assert_int_equal(port, 1);
    alarms_fini(&a);
}

/* Beside an array that is searched through; the seed is printed when it fails. */
static void a_long_random_history_agrees_with_a_plain_search(void **state)
{
    (void)state;
    static const uint64_t seed = 7;
    struct rand_seeded rand;
    struct alarms a;
    int64_t at[PORTS + 1];
    rand_seeded_init(&rand, seed);
    assert_int_equal(alarms_init(&a, PORTS), MR_OK);
    for (uint32_t i = 0; i <= PORTS; i++)
        at[i] = INT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t port = 1 + (uint32_t)(rand_u64(&rand.source) % PORTS), first = 0;
        uint64_t what = rand_u64(&rand.source);
        at[port] = what % 4 == 0 ? INT64_MAX : (int64_t)(what % 1000);
        alarms_set(&a, port, at[port]);
        int64_t least = INT64_MAX;
        for (uint32_t i = 1; i <= PORTS; i++)
            least = at[i] < least ? at[i] : least;
        if (alarms_first(&a, &first) != least || (least < INT64_MAX && at[first] != least))
            fail_msg("seed %u, round %d", (unsigned)seed, round);
    }
    alarms_fini(&a);
}

static void no_memory_is_a_result(void **state)
{
    (void)state;
    struct alarms a = {0};
    size_t before = mem_outstanding();
    for (unsigned at = 1; at <= 2; at++) {
        mem_fail_at(at);
        assert_int_equal(alarms_init(&a, PORTS), MR_NO_MEMORY);
        assert_true(mem_fail_off());
        assert_int_equal(mem_outstanding(), before);
    }
    alarms_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alarms_come_in_the_order_of_their_times),
        cmocka_unit_test(a_long_random_history_agrees_with_a_plain_search),
        cmocka_unit_test(no_memory_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
