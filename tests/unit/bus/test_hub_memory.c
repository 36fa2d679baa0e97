/* test_hub_memory.c - every allocation of a whole day of a small plant fails once: a session may end because of it, but nothing is
 * leaked, nothing crashes, and once there is memory again all goes on as if nothing had been. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "world.h"

static struct world world;

static void cut(struct world *w, unsigned agent)
{
    if (w->uplinks[agent].is_up)
        world_cut(w, agent);
}

/* Apps on two machines publish, follow, ask and answer; links and apps come and go. */
static void live(struct world *w)
{
    struct app *a = &w->apps[0], *b = &w->apps[1];
    app_open(w, a, 0, "a");
    app_subscribe(a, 1, "demo/#");
    world_connect(w, 0);
    world_connect(w, 1);
    app_open(w, b, 1, "b");
    app_open_topic(b, 1, "./x", "bar");
    app_open_topic(b, 2, "./raw", NULL);
    app_serve(b, 1, "./echo");
    for (int i = 0; i < 3; i++) {
        app_write(b, 1, i, MR_KEEP);
        app_write(b, 2, i, 0);
    }
    world_pump(w);
    app_open_topic(a, 3, "demo/m2/echo", NULL);
    app_request(a, 3, 1, "hello");
    app_answer(b, "olleh");
    app_request(a, 3, 2, "and again");
    cut(w, 1);
    app_write(b, 1, 4, MR_KEEP);
    app_write(b, 2, 5, MR_CLEAR);
    world_pump(w);
    world_connect(w, 1);
    app_subscribe(a, 2, "demo/m2/x");
    app_close(b, false);
    world_pass(w, 50);
}

/* The same on two brokers; their links come and go, and an agent moves. */
static void live_in_a_mesh(struct world *w)
{
    struct app *a = &w->apps[0], *b = &w->apps[1];
    world_join_all(w);
    app_open(w, a, 0, "a");
    app_subscribe(a, 1, "demo/#");
    world_connect_to(w, 0, 0);
    world_connect_to(w, 1, 1);
    app_open(w, b, 1, "b");
    app_open_topic(b, 1, "./x", "bar");
    app_open_topic(b, 2, "./raw", NULL);
    app_open_topic(a, 2, "demo/shared", NULL);
    app_open_topic(b, 3, "demo/shared", NULL);
    app_serve(b, 1, "./echo");
    app_write(b, 1, 1, MR_KEEP);
    app_write(b, 2, 2, 0);
    app_write(b, 3, 3, MR_KEEP);
    world_pump(w);
    app_write(a, 2, 0, MR_CLEAR);
    app_open_topic(a, 3, "demo/m2/echo", NULL);
    app_request(a, 3, 1, "hello");
    app_answer(b, "olleh");
    world_unjoin(w, 0, 1);
    app_write(b, 1, 4, MR_KEEP);
    world_pump(w);
    world_join(w, 0, 1);
    cut(w, 1);
    world_connect_to(w, 1, 0);
    app_close(b, false);
    world_pass(w, 50);
}

static void join_anew(struct world *w)
{
    for (unsigned i = 0; i < w->n_brokers; i++)
        for (unsigned j = 0; j < w->n_brokers; j++)
            world_unjoin(w, i, j);
    world_join_all(w);
}

/* What a plant does that never lacked anything. */
static bool is_well(struct world *w)
{
    struct app *a = &w->apps[2], *b = &w->apps[3];
    w->may_fail = false;
    join_anew(w);
    for (unsigned i = 0; i < 2; i++) {
        cut(w, i);
        world_connect_to(w, i, i % w->n_brokers);
    }
    app_open(w, a, 0, "c");
    app_open(w, b, 1, "d");
    app_subscribe(a, 1, "demo/#");
    app_open_topic(b, 1, "./y", "bar");
    app_write(b, 1, 7, MR_KEEP);
    world_pass(w, 100);
    return strstr(app_told(a), "demo/m2/y=7 by m2/d\n");
}

static void survive(unsigned n_brokers, void (*what)(struct world *w))
{
    size_t before = mem_outstanding();
    unsigned at = 1;
    for (bool has_failed = true; has_failed; at++) {
        world_open_brokers(&world, 2, n_brokers);
        world.may_fail = true;
        mem_fail_at(at);
        what(&world);
        has_failed = mem_fail_off();
        if (!is_well(&world))
            fail_msg("all is not well after allocation %u failed", at);
        world_close(&world);
        if (mem_outstanding() != before)
            fail_msg("allocation %u failed, and %zu blocks were leaked", at, mem_outstanding() - before);
    }
    assert_true(at > 100);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    survive(1, live);
}

static void every_failed_allocation_is_survived_in_a_mesh(void **state)
{
    (void)state;
    survive(2, live_in_a_mesh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_failed_allocation_is_survived),
                                       cmocka_unit_test(every_failed_allocation_is_survived_in_a_mesh)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
