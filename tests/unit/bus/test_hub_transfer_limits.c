/* test_hub_transfer_limits.c - how long transfers may hold others up, and how many a sender may begin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "proto/limits.h"
#include "proto/session_transfer.h"
#include "world.h"

enum {
    SIZE = 1000000,
    CREDIT_STEP = CREDIT_START_BYTES / 2, /* an app gives credit back in such steps */
    STALL_S = TRANSFER_STALL_MS / 1000
};

static struct world world;

/* Machine m1 with two writers of ./x and ./y, machine m2 with two readers. */
static struct world *open_world(void)
{
    struct world *w = &world;
    world_open(w, 2);
    for (unsigned i = 0; i < 2; i++) {
        world_connect(w, i);
        app_open(w, &w->apps[i], 0, i ? "b" : "a");
        app_open_topic(&w->apps[i], 1, i ? "./y" : "./x", NULL);
        app_open(w, &w->apps[2 + i], 1, i ? "d" : "c");
        app_subscribe(&w->apps[2 + i], 1, "demo/m1/x");
    }
    world_pass(w, 100);
    app_told(&w->apps[2]);
    app_told(&w->apps[3]);
    return w;
}

/* Links and windows that have seen a long value before. */
static struct world *open_used_world(void)
{
    struct world *w = open_world();
    app_send(&w->apps[0], 1, SIZE);
    for (int i = 0; i < 50; i++) {
        world_pass(w, 10);
        app_go_on(&w->apps[0]);
    }
    app_told(&w->apps[2]);
    app_told(&w->apps[3]);
    return w;
}

static bool is_told(struct app *app, const char *line)
{
    return strstr(app_told(app), line) != NULL;
}

/* The reader gives back so much every so many ms; returns after how many seconds the line was told to it, 0: not within them. */
static unsigned take_slowly(struct world *w, struct app *reader, uint32_t bytes, int64_t every_ms, unsigned seconds,
                            const char *line)
{
    for (int64_t ms = 0; ms < seconds * INT64_C(1000); ms += every_ms) {
        uint32_t now = reader->kept < bytes ? reader->kept : bytes;
        world_pass(w, every_ms);
        app_go_on(&w->apps[0]);
        reader->kept -= now;
        session_chunk_done(reader->session, now);
        world_pump(w);
        if (is_told(reader, line))
            return (unsigned)(ms / 1000) + 1;
    }
    return 0;
}

/* -- takers -- */
/* promise: live-slow */
static void who_takes_less_than_the_least_rate_is_given_up_though_it_moves(void **state)
{
    (void)state;
    struct world *w = open_world();
    struct app *reader = &w->apps[1]; /* at the writer's agent */
    app_subscribe(reader, 1, "demo/m1/x");
    reader->keeps_chunks = true;
    app_send(&w->apps[0], 1, SIZE);
    assert_true(CREDIT_STEP * 1000 / 4900 < TRANSFER_LEAST_BYTES_S);
    unsigned after = take_slowly(w, reader, CREDIT_STEP, 4900, 120, "lost demo/m1/x of 1000000 bytes by m1/a: 1\n");
    assert_in_range(after, STALL_S, 60);
    world_close(w);
}

/* 64 kbit/s, of which half goes to other things. */
static void who_has_a_thin_link_has_the_time_it_needs(void **state)
{
    (void)state;
    struct world *w = open_used_world();
    w->apps[2].keeps_chunks = true;
    app_send(&w->apps[0], 1, SIZE);
    unsigned after = take_slowly(w, &w->apps[2], 2150, 500, 400, "whole demo/m1/x of 1000000 bytes by m1/a\n");
    assert_in_range(after, 120, 240);
    world_close(w);
}

/* promise: live-slow */
static void a_slow_reader_costs_another_one_of_its_machine_nothing(void **state)
{
    (void)state;
    static const uint32_t rates[] = {0, 300, 1000, 3000, 5000};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        struct world *w = open_used_world();
        w->apps[2].keeps_chunks = true;
        app_send(&w->apps[0], 1, SIZE);
        (void)take_slowly(w, &w->apps[2], rates[i], 1000, 200, "never told");
        assert_true(is_told(&w->apps[3], "whole demo/m1/x of 1000000 bytes by m1/a\n"));
        world_close(w);
    }
}

/* -- senders -- */
static struct transfer transfer_of(const struct app *app, uint32_t total)
{
    static const uint8_t body[] = {0x12, 0}; /* bytes, none of them */
    return (struct transfer){
        .total = total,
        .head = {.base_us = world_utc_us(app->world), .broker_us = MR_NO_TIME},
        .record = {.topic = app->opened[1], .source_us = MR_NO_TIME, .body = body, .body_len = sizeof body}};
}

static void what_is_begun_and_not_gone_on_with_ends_and_is_told(void **state)
{
    (void)state;
    struct world *w = open_world();
    const struct transfer t = transfer_of(&w->apps[0], SIZE);
    uint32_t id;
    assert_int_equal(session_begin_transfer(w->apps[0].session, &t, &id), MR_OK);
    world_pass(w, TRANSFER_STALL_MS - 100);
    assert_false(is_told(&w->apps[2], "lost"));
    world_pass(w, 300);
    assert_true(is_told(&w->apps[2], "lost demo/m1/x of 1000000 bytes by m1/a: 5\n"));
    assert_true(session_is_up(w->apps[0].session));
    app_send(&w->apps[0], 1, SIZE); /* it may begin another */
    for (int i = 0; i < 50; i++) {
        world_pass(w, 10);
        app_go_on(&w->apps[0]);
    }
    assert_true(is_told(&w->apps[2], "whole demo/m1/x"));
    world_close(w);
}

static void who_waits_for_a_slow_reader_is_not_taken_for_idle(void **state)
{
    (void)state;
    struct world *w = open_world();
    const struct transfer t = transfer_of(&w->apps[0], SIZE);
    uint32_t other;
    w->apps[2].keeps_chunks = true;
    app_send(&w->apps[0], 1, SIZE);
    assert_int_equal(session_begin_transfer(w->apps[0].session, &t, &other), MR_OK);
    assert_int_equal(take_slowly(w, &w->apps[2], 2500, 500, 3 * STALL_S, "lost"), 0);
    assert_false(is_told(&w->apps[3], "lost"));
    world_close(w);
}

/* -- shares -- */
enum { TOPIC = 1, PARTS = 1 + TRANSFERS_PER_PEER / (TRANSFERS_PER_PUBLISHER - SESSION_CHUNKS_AHEAD) };

/* A machine's session with the topic "demo/x", and with so many programs on it. */
static void open_sender(struct world *w, struct app *peer, const char *identity, uint32_t n_parts)
{
    const struct session_publisher self = {.id = 1, .identity = identity, .part = ""};
    peer_open(w, peer, identity, 10, 1);
    assert_int_equal(session_name_publisher(peer->session, &self), MR_OK);
    assert_int_equal(session_name_topic(peer->session, TOPIC, "demo/x"), MR_OK);
    for (uint32_t i = 0; i < n_parts; i++) {
        char part[16];
        snprintf(part, sizeof part, "p%u", i);
        const struct session_publisher one = {.id = 2 + i, .identity = identity, .part = part};
        assert_int_equal(session_name_publisher(peer->session, &one), MR_OK);
    }
    world_pump(w);
}

/* Each of them begins as many as a publisher may have on their way. */
static void begin_many(struct world *w, struct app *peer, uint32_t n_parts)
{
    struct transfer t = transfer_of(peer, SIZE);
    uint32_t id;
    t.head.birth = 10;
    t.head.link = 1;
    t.record.topic = TOPIC;
    for (uint32_t i = 0; i < n_parts; i++)
        for (int k = 0; k < TRANSFERS_PER_PUBLISHER - SESSION_CHUNKS_AHEAD; k++) {
            t.head.publisher = 2 + i;
            t.record.seq++;
            assert_int_equal(session_begin_transfer(peer->session, &t, &id), MR_OK);
            world_pump(w);
        }
}

static unsigned count_coming(const struct app *app)
{
    unsigned n = 0;
    for (size_t i = 0; i < sizeof app->coming / sizeof app->coming[0]; i++)
        n += app->coming[i].id != 0;
    return n;
}

static void one_machine_takes_no_more_than_its_share_of_a_readers_list(void **state)
{
    (void)state;
    struct world *w = &world;
    struct app *bad = &w->apps[0], *good = &w->apps[1], *reader = &w->apps[2];
    world_open(w, 0);
    open_sender(w, bad, "bad", PARTS);
    open_sender(w, good, "good", 1);
    peer_open(w, reader, "reader", 10, 1);
    app_subscribe(reader, 1, "demo/x");
    world_pass(w, 1100);
    begin_many(w, bad, PARTS);
    assert_int_equal(count_coming(reader), TRANSFERS_PER_PEER);
    assert_true(is_told(reader, "loss bad/p18")); /* the last one's last */
    begin_many(w, good, 1);
    assert_int_equal(count_coming(reader), TRANSFERS_PER_PEER + TRANSFERS_PER_PUBLISHER - SESSION_CHUNKS_AHEAD);
    world_pass(w, 2 * TRANSFER_STALL_MS + 500); /* it sends nothing: what it took is free again */
    assert_int_equal(count_coming(reader), 0);
    world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_takes_less_than_the_least_rate_is_given_up_though_it_moves),
        cmocka_unit_test(who_has_a_thin_link_has_the_time_it_needs),
        cmocka_unit_test(a_slow_reader_costs_another_one_of_its_machine_nothing),
        cmocka_unit_test(what_is_begun_and_not_gone_on_with_ends_and_is_told),
        cmocka_unit_test(who_waits_for_a_slow_reader_is_not_taken_for_idle),
        cmocka_unit_test(one_machine_takes_no_more_than_its_share_of_a_readers_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
