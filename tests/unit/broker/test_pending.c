/* test_pending.c - who has proved a key and said nothing yet. */
#include "broker/pending.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void who_has_not_spoken_is_named_by_address(void **state)
{
    static struct pending p;
    char names[256];
    (void)state;
    assert_int_equal(pending_names(&p, "10.0.0.7", 0, names, sizeof names), 0);
    assert_string_equal(names, "");
    pending_add(&p, "10.0.0.7", "press-07", 0);
    pending_add(&p, "10.0.0.7", "press-07", 0);
    pending_add(&p, "10.0.0.8", "press-08", 0);
    assert_int_equal(pending_names(&p, "10.0.0.7", 0, names, sizeof names), 1);
    assert_string_equal(names, "press-07");
    pending_add(&p, "10.0.0.7", "lathe-01", 0);
    assert_int_equal(pending_names(&p, "10.0.0.7", 0, names, sizeof names), 2);
    assert_string_equal(names, "press-07 or lathe-01");
    pending_take(&p, "10.0.0.7", "press-07");
    pending_take(&p, "10.0.0.7", "nobody");
    assert_int_equal(pending_names(&p, "10.0.0.7", 0, names, sizeof names), 2);
    pending_take(&p, "10.0.0.7", "press-07");
    assert_int_equal(pending_names(&p, "10.0.0.7", 0, names, sizeof names), 1);
    assert_string_equal(names, "lathe-01");
}

static void after_a_while_and_beyond_three_it_says_no_more(void **state)
{
    static struct pending p;
    const int64_t end_ns = PENDING_MS * INT64_C(1000000);
    char names[256], few[8];
    (void)state;
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "press-%d", i);
        pending_add(&p, "10.0.0.7", name, 0);
    }
    assert_int_equal(pending_names(&p, "10.0.0.7", end_ns, names, sizeof names), 3);
    assert_string_equal(names, "press-0 or press-1 or press-2");
    assert_int_equal(pending_names(&p, "10.0.0.7", 0, few, sizeof few),
                     2); /* the second is cut to nothing, and counts */
    assert_string_equal(few, "press-0");
    assert_int_equal(pending_names(&p, "10.0.0.7", end_ns + 1, names, sizeof names), 0);
}

static void beyond_its_places_the_oldest_is_forgotten(void **state)
{
    static struct pending p;
    char names[256];
    (void)state;
    for (int i = 0; i <= PENDING_MAX; i++) {
        char address[32];
        snprintf(address, sizeof address, "10.0.0.%d", i);
        pending_add(&p, address, "press", 1 + i);
    }
    assert_int_equal(pending_names(&p, "10.0.0.0", 100, names, sizeof names), 0);
    assert_int_equal(pending_names(&p, "10.0.0.1", 100, names, sizeof names), 1);
    assert_int_equal(pending_names(&p, "10.0.0.64", 100, names, sizeof names), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_not_spoken_is_named_by_address),
        cmocka_unit_test(after_a_while_and_beyond_three_it_says_no_more),
        cmocka_unit_test(beyond_its_places_the_oldest_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
