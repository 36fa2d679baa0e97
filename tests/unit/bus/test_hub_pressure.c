/* test_hub_pressure.c - a queue that fills up slows those who feed it for a moment, nobody else, and not for longer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/bus/world.h"

enum {
    CHUNK = 800,     /* records: about half a window, so that one chunk brings one grant */
    CALM_CHUNKS = 8, /* below half of the queue of the one who is deaf */
    MORE_CHUNKS = 8, /* beyond it, and beyond what is in flight then */
    SLOWLY_MS = 110, /* between chunks: windows that are used slowly do not grow */
    PRESSURE_MS = 250
};

struct scene {
    struct world world;
    struct app *writer, *reader, *other;
    int written;
};

static int open_scene(void **state)
{
    static struct scene scene;
    memset(&scene, 0, sizeof scene);
    struct world *w = &scene.world;
    world_open(w, 1);
    scene.writer = &w->apps[0];
    scene.reader = &w->apps[1];
    scene.other = &w->apps[2];
    app_open(w, scene.writer, 0, "writer");
    app_open(w, scene.reader, 0, "reader");
    app_open(w, scene.other, 0, "other");
    app_subscribe(scene.reader, 1, "demo/m1/x");
    app_open_topic(scene.writer, 1, "./x", NULL);
    app_open_topic(scene.other, 1, "./elsewhere", NULL);
    world_pump(w);
    app_told(scene.reader);
    *state = &scene;
    return 0;
}

static int close_scene(void **state)
{
    struct scene *s = *state;
    world_close(&s->world);
    return 0;
}

static void write_chunks(struct scene *s, int chunks, int64_t pause_ms)
{
    for (int i = 0; i < chunks; i++) {
        for (int k = 0; k < CHUNK; k++)
            app_write(s->writer, 1, ++s->written, 0);
        world_pump(&s->world);
        if (pause_ms)
            world_pass(&s->world, pause_ms);
    }
}

static bool is_held(const struct app *app)
{
    return session_queued_bytes(app->session) > 0;
}

/* The reader stops, and the writer writes on until it is held. */
static void press(struct scene *s)
{
    s->reader->is_deaf = true;
    write_chunks(s, CALM_CHUNKS, SLOWLY_MS);
    assert_false(is_held(s->writer));
    write_chunks(s, MORE_CHUNKS, 0);
    assert_true(is_held(s->writer));
}

static int received(struct scene *s)
{
    int n = 0;
    for (char *line = strtok((char *)(uintptr_t)app_told(s->reader), "\n"); line; line = strtok(NULL, "\n")) {
        int value;
        assert_null(strstr(line, "loss"));
        if (sscanf(line, "demo/m1/x=%d", &value) == 1)
            assert_int_equal(value, ++n);
    }
    return n;
}

/* promise: live-no-false */
static void who_stops_for_a_moment_loses_nothing(void **state)
{
    struct scene *s = *state;
    press(s);
    world_pass(&s->world, PRESSURE_MS - 50);
    assert_true(is_held(s->writer));
    s->reader->is_deaf = false;
    world_pass(&s->world, 10);
    assert_false(is_held(s->writer));
    assert_int_equal(received(s), s->written);
}

/* promise: live-slow */
static void who_does_not_catch_up_slows_the_writer_no_longer(void **state)
{
    struct scene *s = *state;
    press(s);
    world_pass(&s->world, PRESSURE_MS);
    assert_false(is_held(s->writer));
    write_chunks(s, CALM_CHUNKS + MORE_CHUNKS, 0);
    assert_false(is_held(s->writer));
}

static void who_was_slow_may_press_again_once_it_has_caught_up(void **state)
{
    struct scene *s = *state;
    press(s);
    world_pass(&s->world, PRESSURE_MS);
    s->reader->is_deaf = false;
    world_pass(&s->world, 10);
    press(s);
}

static void who_ends_while_it_presses_lets_go(void **state)
{
    struct scene *s = *state;
    press(s);
    app_close(s->reader, false);
    world_pass(&s->world, 10);
    assert_false(is_held(s->writer));
}

static void who_is_held_may_end(void **state)
{
    struct scene *s = *state;
    press(s);
    app_close(s->writer, false);
    world_pass(&s->world, PRESSURE_MS);
    s->reader->is_deaf = false;
    world_pass(&s->world, 10);
    assert_true(received(s) > 0);
}

static void who_feeds_another_queue_is_not_held(void **state)
{
    struct scene *s = *state;
    press(s);
    for (int k = 0; k < CHUNK * MORE_CHUNKS; k++) {
        app_write(s->other, 1, k, 0);
        if (k % CHUNK == 0)
            world_pump(&s->world);
    }
    world_pump(&s->world);
    assert_false(is_held(s->other));
    assert_true(is_held(s->writer));
}

/* By the hub's owner, whatever the queues say: a rate is no matter of theirs. */
static void who_is_held_from_outside_waits_until_it_is_let_go(void **state)
{
    struct scene *s = *state;
    uint32_t port = s->writer->port;
    hub_hold(s->writer->agent->hub, port, true);
    write_chunks(s, CALM_CHUNKS, 0);
    assert_true(is_held(s->writer));
    world_pass(&s->world, PRESSURE_MS);
    assert_true(is_held(s->writer));
    hub_hold(s->writer->agent->hub, port, true); /* twice is once */
    hub_hold(s->writer->agent->hub, port, false);
    world_pass(&s->world, 10);
    assert_false(is_held(s->writer));
    assert_int_equal(received(s), s->written);
    hub_hold(s->writer->agent->hub, UINT32_MAX, true); /* no such port */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_scene, close_scene)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_stops_for_a_moment_loses_nothing),
        TEST(who_does_not_catch_up_slows_the_writer_no_longer),
        TEST(who_was_slow_may_press_again_once_it_has_caught_up),
        TEST(who_ends_while_it_presses_lets_go),
        TEST(who_is_held_may_end),
        TEST(who_is_held_from_outside_waits_until_it_is_let_go),
        TEST(who_feeds_another_queue_is_not_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
