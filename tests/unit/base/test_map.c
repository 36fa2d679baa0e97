/* test_map.c - the hash map: order, removal, bound, failures, and a plain array to compare with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"

static const struct hash_key seed = {1, 2};

static void what_was_put_is_found_by_its_bytes(void **state)
{
    (void)state;
    struct map map;
    map_init(&map, 10, &seed);
    int a, b;
    void *old = &old;
    assert_null(map_get(&map, "x", 1));
    assert_null(map_remove(&map, "x", 1));
    assert_int_equal(map_put(&map, "x", 1, &a, &old), MR_OK);
    assert_null(old);
    assert_int_equal(map_put(&map, "x\0y", 3, &b, NULL), MR_OK);
    assert_int_equal(map_put(&map, NULL, 0, &b, NULL), MR_OK);
    assert_ptr_equal(map_get(&map, "xyz", 1), &a);
    assert_ptr_equal(map_get(&map, "x\0y", 3), &b);
    assert_ptr_equal(map_get(&map, "", 0), &b);
    assert_null(map_get(&map, "x\0z", 3));
    assert_int_equal(map_count(&map), 3);
    map_fini(&map);
    assert_int_equal(map_count(&map), 0);
    assert_null(map_get(&map, "x", 1));
}

static void putting_again_replaces_key_and_value(void **state)
{
    (void)state;
    struct map map;
    map_init(&map, 1, &seed);
    char first[] = "key";
    char second[] = "key";
    void *old;
    assert_int_equal(map_put(&map, first, 3, first, NULL), MR_OK);
    assert_int_equal(map_put(&map, second, 3, second, &old), MR_OK);
    assert_ptr_equal(old, first);
    first[0] = 'x'; /* no longer borrowed */
    assert_ptr_equal(map_get(&map, "key", 3), second);
    assert_int_equal(map_count(&map), 1);
    map_fini(&map);
}

static void the_bound_is_reached_but_not_passed(void **state)
{
    (void)state;
    struct map64 map;
    int value;
    map64_init(&map, 0, &seed);
    assert_int_equal(map64_put(&map, 1, &value, NULL), MR_TOO_BIG);
    map64_fini(&map);
    map64_init(&map, 20, &seed);
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(map64_put(&map, i, &value, NULL), MR_OK);
    assert_int_equal(map64_put(&map, 20, &value, NULL), MR_TOO_BIG);
    assert_int_equal(map64_put(&map, 19, &map, NULL), MR_OK);
    assert_ptr_equal(map64_remove(&map, 19), &map);
    assert_int_equal(map64_put(&map, 20, &value, NULL), MR_OK);
    map64_fini(&map);
}

static void every_failed_allocation_leaves_the_map_as_it_was(void **state)
{
    (void)state;
    size_t before = mem_outstanding();
    struct map64 map;
    map64_init(&map, 1000, &seed);
    int value;
    for (uint64_t key = 0; key < 100; key++) {
        bool is_in = false;
        for (unsigned n = 1; !is_in; n++) {
            mem_fail_at(n);
            enum mr_rc rc = map64_put(&map, key, &value, NULL);
            assert_int_equal(rc, mem_fail_off() ? MR_NO_MEMORY : MR_OK);
            is_in = rc == MR_OK;
            assert_int_equal(map64_count(&map), key + is_in);
            assert_true(key == 0 || map64_get(&map, key - 1) == &value);
        }
    }
    map64_fini(&map);
    assert_int_equal(mem_outstanding(), before);
}

static void a_walk_goes_in_the_order_of_insertion_under_any_key(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 10; k++) {
        struct map64 map;
        map64_init(&map, 100, &(struct hash_key){k, k * 77});
        static int values[50];
        for (uint64_t i = 0; i < 50; i++)
            assert_int_equal(map64_put(&map, i * 1000, &values[i], NULL), MR_OK);
        uint32_t cursor = 0;
        for (uint64_t i = 0; i < 50; i++) {
            uint64_t key;
            assert_ptr_equal(map64_next(&map, &cursor, &key), &values[i]);
            assert_int_equal(key, i * 1000);
        }
        assert_null(map64_next(&map, &cursor, NULL));
        map64_fini(&map);
    }
}

static void the_current_entry_may_be_removed_during_a_walk(void **state)
{
    (void)state;
    struct map map;
    map_init(&map, 100, &seed);
    static char keys[60][12];
    for (int i = 0; i < 60; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "%d", i);
        assert_int_equal(map_put(&map, keys[i], strlen(keys[i]), keys[i], NULL), MR_OK);
    }
    uint32_t cursor = 0;
    int n = 0;
    for (char *key; (key = map_next(&map, &cursor)) != NULL; n++) {
        if (n % 3)
            assert_ptr_equal(map_remove(&map, key, strlen(key)), key);
    }
    assert_int_equal(n, 60);
    assert_int_equal(map_count(&map), 20);
    for (int i = 0; i < 60; i++)
        assert_ptr_equal(map_get(&map, keys[i], strlen(keys[i])), i % 3 ? NULL : keys[i]);
    map_fini(&map);
}

static void coming_and_going_needs_no_more_memory(void **state)
{
    (void)state;
    struct map64 map;
    map64_init(&map, 8, &seed);
    int value;
    for (uint64_t i = 0; i < 100000; i++) {
        if (i == 100)
            mem_fail_at(1);
        assert_int_equal(map64_put(&map, i, &value, NULL), MR_OK);
        if (i >= 7)
            assert_ptr_equal(map64_remove(&map, i - 7), &value);
    }
    assert_false(mem_fail_off());
    map64_fini(&map);
}

/* A small bound and much coming and going: holes, rebuilds and long runs in the index. */
static void random_traffic_does_what_an_array_does(void **state)
{
    (void)state;
    enum { KEYS = 64, MAX = 40 };
    for (uint64_t s = 1; s <= 50; s++) {
        struct rand_seeded rand;
        rand_seeded_init(&rand, s);
        struct map64 map;
        map64_init(&map, MAX, &(struct hash_key){s, s});
        static int values[KEYS];
        bool is_in[KEYS] = {false};
        uint32_t count = 0;
        for (int step = 0; step < 3000; step++) {
            uint64_t key = rand_below(&rand.source, KEYS);
            if (rand_below(&rand.source, 2)) {
                bool fits = is_in[key] || count < MAX;
                assert_int_equal(map64_put(&map, key, &values[key], NULL), fits ? MR_OK : MR_TOO_BIG);
                count += fits && !is_in[key];
                is_in[key] = fits;
            } else {
                assert_ptr_equal(map64_remove(&map, key), is_in[key] ? &values[key] : NULL);
                count -= is_in[key];
                is_in[key] = false;
            }
            key = rand_below(&rand.source, KEYS);
            if (map64_get(&map, key) != (is_in[key] ? &values[key] : NULL) || map64_count(&map) != count)
                fail_msg("seed %ju step %d", (uintmax_t)s, step);
        }
        map64_fini(&map);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_by_its_bytes),
        cmocka_unit_test(putting_again_replaces_key_and_value),
        cmocka_unit_test(the_bound_is_reached_but_not_passed),
        cmocka_unit_test(every_failed_allocation_leaves_the_map_as_it_was),
        cmocka_unit_test(a_walk_goes_in_the_order_of_insertion_under_any_key),
        cmocka_unit_test(the_current_entry_may_be_removed_during_a_walk),
        cmocka_unit_test(coming_and_going_needs_no_more_memory),
        cmocka_unit_test(random_traffic_does_what_an_array_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
