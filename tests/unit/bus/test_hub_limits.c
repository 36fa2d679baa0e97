/* test_hub_limits.c - limits of a whole hub: at them all goes on, above them somebody is told why, a hub for nothing is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "bus/lastval.h"
#include "bus/route.h"
#include "proto/limits.h"
#include "world.h"

enum { POOL = 100000, CHUNK = 800, CHUNKS = 60, REST_MS = 12000, APP_FILTERS = 8 };

static struct world world;

static int open_world(void **state)
{
    world_open(&world, 3);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    world_close(*state);
    return mem_outstanding() > 0;
}

/* -- credit -- */
static uint64_t grown(const struct world *w)
{
    struct hub_stats stats;
    hub_get_stats(w->brokers[0].hub, &stats);
    return stats.credit_bytes;
}

/* A broker with such a pool; the apps of two machines write as fast as they can, one of the third reads. */
static uint64_t most_grown(struct world *w, size_t max_credit_bytes)
{
    struct app *reader = &w->apps[2];
    uint64_t most = 0;
    w->max_credit_bytes = max_credit_bytes;
    world_restart_broker(w);
    for (unsigned i = 0; i < 3; i++) {
        world_connect(w, i);
        app_open(w, &w->apps[i], i, "a");
        app_open_topic(&w->apps[i], 1, "./x", NULL);
    }
    app_subscribe(reader, 1, "demo/#");
    world_pump(w);
    app_told(reader);
    for (int i = 0; i < CHUNKS; i++) {
        for (int k = 0; k < CHUNK; k++)
            app_write(&w->apps[i % 2], 1, i * CHUNK + k, 0);
        world_pump(w);
        assert_null(strstr(app_told(reader), "loss"));
        if (grown(w) > most)
            most = grown(w);
    }
    return most;
}

/* promise: bounded-memory */
static void windows_of_all_machines_grow_within_the_pool_and_shrink_when_they_rest(void **state)
{
    struct world *w = *state;
    assert_in_range(most_grown(w, POOL), POOL / 2, POOL);
    world_pass(w, REST_MS);
    assert_int_equal(grown(w), 0);
}

static void a_machine_that_goes_gives_its_credit_back(void **state)
{
    struct world *w = *state;
    assert_true(most_grown(w, POOL) > 0);
    for (unsigned i = 0; i < 3; i++)
        world_cut(w, i);
    assert_int_equal(grown(w), 0);
}

static void without_a_word_on_it_the_pool_is_large(void **state)
{
    struct world *w = *state;
    assert_in_range(most_grown(w, 0), POOL + 1, CREDIT_POOL_BYTES);
}

static void with_a_pool_of_a_byte_all_works_on_what_every_session_has(void **state)
{
    struct world *w = *state;
    assert_in_range(most_grown(w, 1), 0, 1);
}

/* -- filters -- */
static void an_app_has_as_many_filters_as_it_may_and_is_told_of_one_more(void **state)
{
    struct world *w = *state;
    struct app *a = &w->apps[0];
    app_open(w, a, 0, "a");
    for (uint32_t id = 1; id <= APP_FILTERS; id++)
        app_subscribe(a, id, "demo/#");
    assert_null(strstr(app_told(a), "refused"));
    app_subscribe(a, APP_FILTERS + 1, "demo/#");
    assert_non_null(strstr(app_told(a), "has 8 filters already, which is the limit"));
    app_subscribe(a, 1, "demo/other"); /* it lives on, and may change its mind */
    assert_true(session_is_up(a->session));
}

/* promise: bounded-memory */
static void a_broker_takes_a_million_filters_and_no_more(void **state)
{
    (void)state;
    const struct names_limits few = {10, 10};
    char filter[32];
    struct names *names;
    struct route *route;
    assert_int_equal(names_new(&names, &few, 1), MR_OK);
    assert_int_equal(route_new(&route, names, FILTERS_PER_BROKER, 1), MR_OK);
    for (uint32_t i = 1; i <= FILTERS_PER_BROKER; i++) {
        snprintf(filter, sizeof filter, "site/%u/%u/#", i % 1000, i);
        assert_int_equal(route_add(route, 1 + i % 300, i, filter, INTEREST_SUBSCRIBE), MR_OK);
    }
    assert_int_equal(route_filter_count(route), FILTERS_PER_BROKER);
    assert_int_equal(route_add(route, 1, FILTERS_PER_BROKER + 1, "one/more", INTEREST_SUBSCRIBE), MR_TOO_BIG);
    route_remove(route, 1 + 7 % 300, 7);
    assert_int_equal(route_add(route, 1, FILTERS_PER_BROKER + 1, "one/more", INTEREST_SUBSCRIBE), MR_OK);
    route_free(route);
    names_free(names);
}

/* -- last values -- */
static enum lastval_result keep(struct lastval *table, uint32_t topic, uint32_t owner)
{
    enum lastval_result result = LASTVAL_OLD;
    const struct batch_head head = {.birth = 1, .publisher = owner, .broker_us = 1};
    const struct record record = {
        .topic = topic, .flags = MR_KEEP, .seq = topic, .body = (const uint8_t *)"v", .body_len = 1};
    assert_int_equal(lastval_put(table, &head, owner, &record, 1, &result), MR_OK);
    return result;
}

/* promise: bounded-memory */
static void a_site_keeps_a_hundred_thousand_values_and_no_more(void **state)
{
    (void)state;
    const struct names_limits many = {10, 10};
    const struct lastval_limits limits = {.max_slots = SLOTS_PER_SITE,
                                          .max_slots_per_topic = SLOTS_PER_TOPIC,
                                          .max_slots_per_owner = SLOTS_PER_PEER,
                                          .max_bytes = SLOT_BYTES_PER_SITE,
                                          .max_bytes_per_owner = SLOT_BYTES_PER_PEER,
                                          .tombstone_ns = 1};
    enum { OWNERS = SLOTS_PER_SITE / SLOTS_PER_PEER };
    struct names *names;
    struct lastval *table;
    uint32_t owners[OWNERS + 1];
    assert_int_equal(names_new(&names, &many, 1), MR_OK);
    for (uint32_t i = 0; i <= OWNERS; i++) {
        char identity[8];
        snprintf(identity, sizeof identity, "m%u", i);
        assert_int_equal(names_publisher(names, identity, "", &owners[i]), MR_OK);
    }
    assert_int_equal(lastval_new(&table, &limits, names), MR_OK);
    uint32_t topic = 0;
    for (uint32_t i = 0; i < OWNERS; i++) {
        for (uint32_t k = 0; k < SLOTS_PER_PEER; k++)
            assert_int_equal(keep(table, ++topic, owners[i]), LASTVAL_TAKEN);
        assert_int_equal(keep(table, topic + 1, owners[i]), LASTVAL_REFUSED); /* its share is used up */
    }
    assert_int_equal(lastval_count(table), SLOTS_PER_SITE);
    assert_int_equal(keep(table, topic + 1, owners[OWNERS]), LASTVAL_REFUSED); /* the table is */
    lastval_free(table);
    names_free(names);
}

/* -- zero -- */
static void a_hub_with_room_for_nothing_is_refused_in_words(void **state)
{
    struct world *w = *state;
    static const struct hub_events none;
    const struct hub_conf whole = {.kind = HUB_BROKER,
                                   .name = "mr9",
                                   .identity = "mr9",
                                   .path = "$broker/mr9",
                                   .birth = 1,
                                   .max_ports = 1,
                                   .max_filters = 1,
                                   .max_filters_per_port = 1,
                                   .max_topics = 1,
                                   .max_slots = 1,
                                   .max_queued_bytes = WORLD_QUEUE_BYTES,
                                   .clock = &w->clock,
                                   .rand = &w->rand.source,
                                   .rights = w->rights,
                                   .events = &none};
    struct hub_conf confs[] = {whole, whole, whole, whole, whole, whole};
    struct hub *h = NULL;
    confs[1].max_ports = 0;
    confs[2].max_filters = 0;
    confs[3].max_filters_per_port = 0;
    confs[4].max_topics = 0;
    confs[5].max_slots = 0;
    for (size_t i = 0; i < sizeof confs / sizeof confs[0]; i++) {
        struct err err = {{0}};
        assert_int_equal(hub_new(&h, &confs[i], &err), i == 0 ? MR_OK : MR_INVALID);
        if (i == 0)
            hub_free(h);
        else
            assert_non_null(strstr(err.text, "mr9: a hub needs room for a port, a filter, a topic and a last value"));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(windows_of_all_machines_grow_within_the_pool_and_shrink_when_they_rest),
        TEST(a_machine_that_goes_gives_its_credit_back),
        TEST(without_a_word_on_it_the_pool_is_large),
        TEST(with_a_pool_of_a_byte_all_works_on_what_every_session_has),
        TEST(an_app_has_as_many_filters_as_it_may_and_is_told_of_one_more),
        TEST(a_broker_takes_a_million_filters_and_no_more),
        TEST(a_site_keeps_a_hundred_thousand_values_and_no_more),
        TEST(a_hub_with_room_for_nothing_is_refused_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
