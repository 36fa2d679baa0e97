/* test_hub_hostile.c - a peer with a good key and bad manners: it may harm its own session, and nobody else's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "world.h"

enum { GOOD = 0, BAD = 1 };

static struct world world;

/* Two agents told by hand: one follows everything, the other misbehaves. */
static int open_world(void **state)
{
    world_open(&world, 0);
    peer_open(&world, &world.apps[GOOD], "good", 10, 1);
    peer_open(&world, &world.apps[BAD], "bad", 10, 1);
    app_subscribe(&world.apps[GOOD], 1, "#");
    app_told(&world.apps[GOOD]);
    *state = &world;
    return 0;
}

static void name(struct app *peer, uint32_t topic, const char *text)
{
    const struct session_publisher self = {.id = 1, .identity = "bad", .part = ""};
    assert_int_equal(session_name_publisher(peer->session, &self), MR_OK);
    assert_int_equal(session_name_topic(peer->session, topic, text), MR_OK);
}

static void put(struct app *peer, const struct batch_head *head, const struct record *record)
{
    assert_int_equal(session_put(peer->session, LANE_LIVE, head, record), MR_OK);
    world_pump(peer->world);
}

static const struct batch_head good_head = {
    .birth = 10, .link = 1, .publisher = 1, .base_us = 1700000000000000, .broker_us = MR_NO_TIME};

static void an_id_too_high_for_an_array_ends_the_session(void **state)
{
    struct world *w = *state;
    struct app *bad = &w->apps[BAD];
    name(bad, NAME_ID_MAX + 1, "demo/x");
    world_pump(w);
    assert_non_null(strstr(app_told(bad), "over: protocol broken: topic id 4194305 is above the limit"));
}

static void a_publishers_id_too_high_ends_the_session(void **state)
{
    struct world *w = *state;
    struct app *bad = &w->apps[BAD];
    const struct session_publisher far = {.id = UINT32_MAX, .identity = "bad", .part = "x"};
    assert_int_equal(session_name_publisher(bad->session, &far), MR_OK);
    world_pump(w);
    assert_non_null(strstr(app_told(bad), "over: protocol broken: publisher id 4294967295 is above the limit"));
}

static void nobody_speaks_for_another_machine(void **state)
{
    struct world *w = *state;
    struct app *bad = &w->apps[BAD];
    const struct session_publisher other = {.id = 1, .identity = "good", .part = ""};
    assert_int_equal(session_name_publisher(bad->session, &other), MR_OK);
    world_pump(w);
    assert_non_null(strstr(app_told(bad), "over: denied: 'bad' may not speak for 'good'"));
}

/* The time of acceptance cannot be told relative to such a base: no subscriber must pay for that. */
static void a_base_time_out_of_this_world_ends_its_own_session_only(void **state)
{
    struct world *w = *state;
    struct app *good = &w->apps[GOOD], *bad = &w->apps[BAD];
    struct batch_head head = good_head;
    head.base_us = head.agent_us = INT64_MIN + 5;
    name(bad, 1, "demo/x");
    put(bad, &head, &(struct record){.topic = 1, .seq = 1, .source_us = MR_NO_TIME});
    assert_non_null(strstr(app_told(bad), "over: protocol broken: records with a base time out of range"));
    assert_true(session_is_up(good->session));
}

/* A value is at most 64 KiB, but a body may hold fields that this version skips. */
static void a_body_that_fits_in_no_frame_of_ours_ends_its_own_session_only(void **state)
{
    struct world *w = *state;
    struct app *good = &w->apps[GOOD], *bad = &w->apps[BAD];
    static uint8_t body[AGENT_FRAME_MAX_BYTES - 300];
    memset(body, 0, sizeof body);
    const uint32_t inner = sizeof body - 5; /* field 1000, bytes */
    memcpy(body, (uint8_t[]){0xc2, 0x3e, (inner & 0x7f) | 0x80, (inner >> 7 & 0x7f) | 0x80, (uint8_t)(inner >> 14)}, 5);
    name(bad, 1, "demo/x");
    put(bad, &good_head,
        &(struct record){.topic = 1, .seq = 1, .source_us = MR_NO_TIME, .body = body, .body_len = sizeof body});
    assert_non_null(strstr(app_told(bad), "over: protocol broken: a record whose body is too long, topic id 1"));
    assert_true(session_is_up(good->session));
}

static unsigned count(const char *text, const char *word)
{
    unsigned n = 0;
    while ((text = strstr(text, word))) {
        text += strlen(word);
        n++;
    }
    return n;
}

static void name_topics(struct app *peer, uint32_t from, uint32_t to)
{
    char text[32];
    for (uint32_t id = from; id <= to; id++) {
        snprintf(text, sizeof text, "demo/%u", id);
        assert_int_equal(session_name_topic(peer->session, id, text), MR_OK);
        if (id % 1000 == 0)
            world_pump(peer->world);
    }
    world_pump(peer->world);
}

static void put_value(struct app *peer, uint32_t topic, uint64_t seq)
{
    put(peer, &good_head, &(struct record){.topic = topic, .seq = seq, .source_us = MR_NO_TIME});
}

/* promise: bounded-memory */
static void a_full_table_of_topics_refuses_in_words_and_the_session_lives_on(void **state)
{
    struct world *w = *state;
    struct app *good = &w->apps[GOOD], *bad = &w->apps[BAD];
    name(bad, 1, "demo/1");
    name_topics(bad, 2, 500);
    const char *told = app_told(bad);
    assert_non_null(strstr(told, "error: 'demo/401' cannot be taken: the table of topics is full"));
    assert_int_equal(count(told, "error:"), 1);
    put_value(bad, 450, 1);
    put_value(bad, 399, 2);
    assert_string_equal(app_told(good), "bad born\ndemo/399=none by bad\n");
    assert_true(session_is_up(bad->session));
}

/* promise: bounded-memory */
static void one_machine_takes_no_more_than_its_share_of_topics_over_all_its_sessions(void **state)
{
    struct world *w = *state;
    struct app *good = &w->apps[GOOD], *bad = &w->apps[BAD];
    w->max_topics = TOPICS_PER_PEER + 100;
    world_restart_broker(w);
    peer_open(w, bad, "bad", 10, 1);
    name_topics(bad, 1, TOPICS_PER_PEER);
    assert_string_equal(app_told(bad), "");
    peer_open(w, bad, "bad", 10, 2);
    name_topics(bad, 1, 1);
    assert_string_equal(app_told(bad), "");
    name_topics(bad, TOPICS_PER_PEER + 1, TOPICS_PER_PEER + 2);
    assert_string_equal(app_told(bad),
                        "error: 'demo/100001' is refused: 'bad' has 100000 topics already, which is the limit\n");
    peer_open(w, good, "good", 10, 1);
    name_topics(good, TOPICS_PER_PEER + 3, TOPICS_PER_PEER + 3);
    assert_string_equal(app_told(good), "");
}

static void a_machine_with_too_many_parts_is_told_so_and_goes_on(void **state)
{
    struct world *w = *state;
    struct app *good = &w->apps[GOOD], *bad = &w->apps[BAD];
    name(bad, 1, "demo/x");
    for (uint32_t i = 2; i <= PUBLISHERS_PER_PEER + 3; i++) {
        char part[16];
        snprintf(part, sizeof part, "p%u", i);
        const struct session_publisher one = {.id = i, .identity = "bad", .part = part};
        assert_int_equal(session_name_publisher(bad->session, &one), MR_OK);
    }
    world_pump(w);
    assert_non_null(strstr(app_told(bad), "error: 'bad/p4098' is refused: this machine has 4096 names of apps and"));
    struct batch_head head = good_head;
    head.publisher = PUBLISHERS_PER_PEER + 3;
    put(bad, &head, &(struct record){.topic = 1, .seq = 1, .source_us = MR_NO_TIME});
    const struct session_birth birth = {.publisher = PUBLISHERS_PER_PEER + 3, .birth = 10, .link = 1};
    assert_int_equal(session_birth(bad->session, &birth), MR_OK);
    const struct session_loss loss = {.publisher = PUBLISHERS_PER_PEER + 3, .count = 1, .cause = MR_LINK};
    assert_int_equal(session_loss(bad->session, LANE_LIVE, &loss), MR_OK);
    put_value(bad, 1, 2);
    assert_string_equal(app_told(good), "bad born\ndemo/x=none by bad\n");
}

static void a_machine_with_too_many_tags_is_told_so_and_goes_on(void **state)
{
    struct world *w = *state;
    struct app *bad = &w->apps[BAD];
    w->max_slots = 100;
    world_restart_broker(w);
    peer_open(w, bad, "bad", 10, 1);
    name(bad, 1, "demo/1");
    name_topics(bad, 2, 300);
    for (uint32_t id = 1; id <= 300; id++) {
        const struct session_tag tag = {.topic = id, .type = MR_F64, .unit = "", .description = ""};
        const struct session_birth birth = {.publisher = 1, .birth = 10, .link = 1, .tags = &tag, .n_tags = 1};
        assert_int_equal(session_birth(bad->session, &birth), MR_OK);
    }
    world_pump(w);
    const char *told = app_told(bad);
    assert_int_equal(count(told, "error: the tag 'demo/201' cannot be kept: the table of tags is full"), 1);
    assert_int_equal(count(told, "error:"), 1);
    assert_true(session_is_up(bad->session));
}

static void a_value_for_which_there_is_no_slot_is_passed_on_and_refused_in_words_once(void **state)
{
    struct world *w = *state;
    struct app *good = &w->apps[GOOD], *bad = &w->apps[BAD];
    w->max_slots = 1;
    world_restart_broker(w);
    peer_open(w, good, "good", 10, 1);
    app_subscribe(good, 1, "#");
    peer_open(w, bad, "bad", 10, 1);
    name(bad, 1, "demo/1");
    name_topics(bad, 2, 2);
    for (uint64_t seq = 1; seq <= 4; seq++)
        put(bad, &good_head,
            &(struct record){.topic = seq % 2 + 1, .seq = seq, .flags = MR_KEEP, .source_us = MR_NO_TIME});
    assert_string_equal(app_told(bad), "error: no last value of 'demo/1' by 'bad' is kept: too many identities write "
                                       "it, or it has its share, or the table is full\n");
    assert_int_equal(count(app_told(good), "demo/1=none by bad"), 2);
    assert_int_equal(count(w->brokers[0].notices, "no last value"), 1);
}

static void what_was_not_announced_ends_the_session_in_words(void **state)
{
    struct world *w = *state;
    struct app *bad = &w->apps[BAD];
    static const uint8_t no_body[] = {0xff};
    struct batch_head later = good_head, stranger = good_head;
    later.link = 2;
    stranger.publisher = 9;
    const struct {
        const struct batch_head *head;
        struct record record;
        const char *words;
    } sins[] = {
        {&stranger, {.topic = 1, .seq = 1}, "records of a publisher that was not announced: 9"},
        {&later, {.topic = 1, .seq = 1}, "records of a birth or link that is still to come: link 2"},
        {&good_head, {.topic = 2, .seq = 1}, "a record of a topic id that was not announced: 2"},
        {&good_head,
         {.topic = 1, .seq = 1, .body = no_body, .body_len = sizeof no_body},
         "a record whose body cannot be read, topic id 1"},
        {&good_head,
         {.topic = 1, .call = {.id = 1, .reply_topic = 5}},
         "a request whose reply topic was not announced"},
    };
    for (size_t i = 0; i < sizeof sins / sizeof *sins; i++) {
        struct record record = sins[i].record;
        record.source_us = MR_NO_TIME;
        peer_open(w, bad, "bad", 20 + i, 1);
        later.birth = 20 + i;
        name(bad, 1, "demo/x");
        put(bad, sins[i].head, &record);
        const char *told = app_told(bad);
        assert_non_null(strstr(told, "over: protocol broken: "));
        assert_non_null(strstr(told, sins[i].words));
    }
}

static void a_copy_of_a_machine_is_told_what_it_is(void **state)
{
    struct world *w = *state;
    struct app *copy = &w->apps[2];
    peer_open(w, copy, "bad", 10, 1);
    assert_non_null(strstr(app_told(copy), "over: the same birth and link number came before: is this machine a copy"));
    assert_non_null(strstr(w->brokers[0].notices, "'bad' came twice with one link number"));
    assert_true(session_is_up(w->apps[BAD].session));
}

static void a_key_that_belongs_to_another_name_is_refused_in_words(void **state)
{
    struct world *w = *state;
    struct app *other = &w->apps[2];
    peer_open_as(w, other, "third", "someone", 10, 1);
    assert_non_null(strstr(app_told(other), "over: this key belongs to 'third', not to 'someone': mend 'name'"));
}

/* promise: bounded-memory */
static void more_connections_than_ports_are_refused_in_words(void **state)
{
    struct world *w = *state;
    const struct port_peer peer = {.kind = PORT_AGENT, .identity = "x", .path = "x", .address = "x"};
    struct err err = {{0}};
    uint32_t port, first = 0;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(hub_accept(w->brokers[0].hub, &peer, &port, &err), MR_OK);
        first = first ? first : port;
    }
    assert_int_equal(hub_accept(w->brokers[0].hub, &peer, &port, &err), MR_TOO_BIG);
    assert_string_equal(err.text, "mr1: 8 sessions are open already, which is the limit");
    hub_close(w->brokers[0].hub, first);
    hub_close(w->brokers[0].hub, first); /* again is harmless */
    assert_int_equal(hub_accept(w->brokers[0].hub, &peer, &port, &err), MR_OK);
    assert_int_equal(port, first);
}

/* The port of a machine is found by its identity, however many others there are, and whichever of its own have gone. */
static void the_newest_of_many_sessions_of_a_machine_takes_the_place_of_the_others(void **state)
{
    struct world *w = *state;
    struct app *good = &w->apps[GOOD], *bad = &w->apps[BAD], *second = &w->apps[2], *third = &w->apps[3];
    peer_open(w, second, "bad", 10, 2);
    assert_int_equal(bad->port, 0);
    peer_open(w, third, "bad", 10, 3);
    assert_int_equal(second->port, 0);
    app_close(second, false);
    peer_open(w, second, "bad", 10, 4);
    assert_int_equal(third->port, 0);
    assert_int_not_equal(good->port, 0);
    assert_int_not_equal(second->port, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_id_too_high_for_an_array_ends_the_session),
        TEST(a_publishers_id_too_high_ends_the_session),
        TEST(nobody_speaks_for_another_machine),
        TEST(a_base_time_out_of_this_world_ends_its_own_session_only),
        TEST(a_body_that_fits_in_no_frame_of_ours_ends_its_own_session_only),
        TEST(a_full_table_of_topics_refuses_in_words_and_the_session_lives_on),
        TEST(one_machine_takes_no_more_than_its_share_of_topics_over_all_its_sessions),
        TEST(a_machine_with_too_many_parts_is_told_so_and_goes_on),
        TEST(a_machine_with_too_many_tags_is_told_so_and_goes_on),
        TEST(a_value_for_which_there_is_no_slot_is_passed_on_and_refused_in_words_once),
        TEST(what_was_not_announced_ends_the_session_in_words),
        TEST(a_copy_of_a_machine_is_told_what_it_is),
        TEST(a_key_that_belongs_to_another_name_is_refused_in_words),
        TEST(more_connections_than_ports_are_refused_in_words),
        TEST(the_newest_of_many_sessions_of_a_machine_takes_the_place_of_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
