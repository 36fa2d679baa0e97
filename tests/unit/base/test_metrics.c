/* test_metrics.c - the metric registry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/metrics.h"

enum { FRAMES, DEPTH, ROWS };

static const struct metric_def table[ROWS] = {
    [FRAMES] = {"frames_total", "", "frames sent", METRIC_COUNTER},
    [DEPTH] = {"depth_bytes", "bytes", "bytes queued", METRIC_GAUGE},
};

struct walk {
    struct metric_view views[8];
    size_t n;
};

static void note(void *user, const struct metric_view *view)
{
    struct walk *walk = user;
    assert_true(walk->n < 8);
    walk->views[walk->n++] = *view;
}

static void a_walk_shows_every_group_in_order(void **state)
{
    (void)state;
    struct metrics metrics;
    struct metrics_group first, second;
    struct metric a[ROWS] = {{0}}, b[ROWS] = {{0}};
    metrics_init(&metrics);
    metrics_add_group(&metrics, &first, table, ROWS, a, "");
    metrics_add_group(&metrics, &second, table, ROWS, b, "link=\"2\"");
    metric_add(&a[FRAMES], 3);
    metric_add(&a[FRAMES], 4);
    metric_set(&b[DEPTH], -9);
    struct walk walk = {.n = 0};
    metrics_each(&metrics, note, &walk);
    assert_int_equal(walk.n, 4);
    assert_int_equal(walk.views[0].value, 7);
    assert_ptr_equal(walk.views[0].def, &table[FRAMES]);
    assert_string_equal(walk.views[0].labels, "");
    assert_int_equal(walk.views[3].value, -9);
    assert_string_equal(walk.views[3].labels, "link=\"2\"");
}

static void a_removed_group_is_not_shown(void **state)
{
    (void)state;
    struct metrics metrics;
    struct metrics_group group, never = {.n = 0};
    struct metric cells[ROWS] = {{0}};
    metrics_init(&metrics);
    metrics_add_group(&metrics, &group, table, ROWS, cells, "");
    metrics_remove_group(&group);
    metrics_remove_group(&group);
    metrics_remove_group(&never);
    struct walk walk = {.n = 0};
    metrics_each(&metrics, note, &walk);
    assert_int_equal(walk.n, 0);
}

static void *count(void *arg)
{
    for (int i = 0; i < 10000; i++)
        metric_add(arg, 1);
    return NULL;
}

static void threads_lose_no_count(void **state)
{
    (void)state;
    struct metric metric = {0};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count, &metric), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(metric_get(&metric), 40000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_shows_every_group_in_order),
        cmocka_unit_test(a_removed_group_is_not_shown),
        cmocka_unit_test(threads_lose_no_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
