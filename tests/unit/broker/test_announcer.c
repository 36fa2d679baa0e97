/* test_announcer.c - what an operator should see reaches whoever subscribes to $sys/events, so many a second at most. */
#include "base/buf.h"
#include "broker/announcer.h"
#include "proto/value.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 50 };

/* A broker's hub and the session of an agent that subscribes to all events. */
struct world {
    struct rights *rights;
    struct hub *hub;
    struct announcer announcer;
    struct session *agent;
    uint32_t port;
    unsigned n_events;
    json_t *last;
};

static void on_output(void *user, uint32_t port)
{
    (void)user;
    (void)port;
}

static void on_notice(void *user, enum hub_notice notice, const char *text)
{
    struct world *w = user;
    announcer_note(&w->announcer, notice, text);
}

static const struct hub_events hub_events = {.on_output = on_output, .on_notice = on_notice};

static void on_welcome(void *user, const struct session_welcome *welcome)
{
    struct world *w = user;
    const struct session_interest all = {.id = 1, .filter = "$sys/events/#", .group = ""};
    assert_string_equal(welcome->server, "mr1");
    assert_int_equal(session_interest_add(w->agent, &all), MR_OK);
}

static void on_batch(void *user, enum lane lane, struct batch_reader *batch)
{
    struct world *w = user;
    struct record record;
    struct body body;
    struct buf scratch;
    (void)lane;
    buf_init(&scratch, VALUE_MAX_BYTES);
    for (; batch_next(batch, &record) == MR_OK; w->n_events++) {
        assert_int_equal(body_read(record.body, record.body_len, &body, &scratch), MR_OK);
        json_decref(w->last);
        w->last = json_loadb(body.value.as.ptr, body.value.len, 0, NULL);
        assert_non_null(w->last);
    }
    buf_fini(&scratch);
}

static void on_end(void *user, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    (void)user;
    (void)retry_ms;
    fail_msg("the session ended: %d %s", (int)rc, reason);
}

static const struct session_events agent_events = {.on_welcome = on_welcome, .on_end = on_end, .on_batch = on_batch};

static void settle(struct world *w)
{
    int64_t now_ns = clock_mono_ns(clock_system());
    for (int round = 0; round < ROUNDS; round++) {
        session_flush(w->agent);
        for (struct blob *frame; (frame = session_take(w->agent, now_ns)); blob_unref(frame))
            assert_int_equal(hub_input(w->hub, w->port, frame->data, frame->len), MR_OK);
        hub_turn_end(w->hub);
        for (struct blob *frame; (frame = hub_take(w->hub, w->port)); blob_unref(frame))
            assert_int_equal(session_input(w->agent, frame->data, frame->len, now_ns), MR_OK);
    }
}

static void connect_agent(struct world *w)
{
    struct err err;
    const struct port_peer peer = {.kind = PORT_AGENT, .identity = "here", .path = "demo/here", .address = "10.0.0.7"};
    const struct session_conf conf = {
        .role = SESSION_CLIENT,
        .hello = {.kind = PEER_KIND_AGENT, .name = "here", .nonce = 1, .birth = 9, .link = 1},
        .rand = rand_system(),
        .events = &agent_events,
        .user = w};
    assert_int_equal(hub_accept(w->hub, &peer, &w->port, &err), MR_OK);
    assert_int_equal(session_new(&w->agent, &conf, clock_mono_ns(clock_system()), &err), MR_OK);
    settle(w);
}

static int open_world(void **state)
{
    static struct world world;
    struct err err = {{0}};
    world = (struct world){.hub = NULL};
    assert_int_equal(rights_new_open(&world.rights, &err), MR_OK);
    const struct hub_conf conf = {.kind = HUB_BROKER,
                                  .name = "mr1",
                                  .identity = "mr1",
                                  .path = "$broker/mr1",
                                  .birth = 1,
                                  .max_ports = 4,
                                  .max_filters = 16,
                                  .max_filters_per_port = 16,
                                  .max_topics = 64,
                                  .max_slots = 64,
                                  .max_queued_bytes = SESSION_OUTBOUND_BYTES,
                                  .clock = clock_system(),
                                  .rand = rand_system(),
                                  .rights = world.rights,
                                  .events = &hub_events,
                                  .user = &world};
    assert_int_equal(hub_new(&world.hub, &conf, &err), MR_OK);
    assert_int_equal(announcer_open(&world.announcer, world.hub, "mr1", clock_system(), &err), MR_OK);
    connect_agent(&world);
    *state = &world;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    session_free(w->agent);
    hub_free(w->hub);
    rights_free(w->rights);
    json_decref(w->last);
    return 0;
}

static void flush(struct world *w, int64_t at_ns)
{
    announcer_flush(&w->announcer, at_ns);
    settle(w);
}

static void an_event_reaches_its_subscriber(void **state)
{
    struct world *w = *state;
    announcer_note(&w->announcer, HUB_NOTICE_DUPLICATE, "10.0.0.8: 'press-07' came \"twice\"");
    flush(w, INT64_C(5000000000));
    assert_int_equal(w->n_events, 1);
    assert_string_equal(json_string_value(json_object_get(w->last, "event")), "duplicate");
    assert_string_equal(json_string_value(json_object_get(w->last, "broker")), "mr1");
    assert_string_equal(json_string_value(json_object_get(w->last, "what")), "10.0.0.8: 'press-07' came \"twice\"");
    assert_int_equal(strlen(json_string_value(json_object_get(w->last, "time"))), 27);
}

static void a_text_too_long_or_of_other_bytes_is_told_as_far_as_it_goes(void **state)
{
    struct world *w = *state;
    char text[2 * ANNOUNCER_TEXT_SIZE];
    memset(text, 'a', sizeof text);
    snprintf(text + ANNOUNCER_TEXT_SIZE - 2, 8, "\xC3\xBC and"); /* an umlaut where it ends */
    announcer_note(&w->announcer, HUB_NOTICE_DUPLICATE, text);
    flush(w, INT64_C(5000000000));
    assert_int_equal(w->n_events, 1);
    assert_int_equal(json_string_length(json_object_get(w->last, "what")), ANNOUNCER_TEXT_SIZE - 2);
    announcer_note(&w->announcer, HUB_NOTICE_DUPLICATE, "'press\xFF'");
    flush(w, INT64_C(5000000000));
    assert_string_equal(json_string_value(json_object_get(w->last, "what")), "'press\\xFF'");
}

static void what_is_for_the_log_only_is_not_published(void **state)
{
    struct world *w = *state;
    announcer_note(&w->announcer, HUB_NOTICE_PORT_UP, "x");
    announcer_note(&w->announcer, HUB_NOTICE_DENIED, "x");
    flush(w, INT64_C(5000000000));
    assert_int_equal(w->n_events, 0);
}

static void what_finds_no_room_is_counted(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < ANNOUNCER_WAITING + 3; i++)
        announcer_note(&w->announcer, HUB_NOTICE_CONFLICT, "x");
    flush(w, INT64_C(5000000000));
    assert_int_equal(w->n_events, ANNOUNCER_WAITING);
    announcer_note(&w->announcer, HUB_NOTICE_CONFLICT, "y");
    flush(w, INT64_C(5000000001));
    assert_int_equal(w->n_events, ANNOUNCER_WAITING + 1);
    assert_int_equal(json_integer_value(json_object_get(w->last, "left_out")), 0); /* the first of them told it */
}

static void so_many_a_second_and_the_rest_later(void **state)
{
    struct world *w = *state;
    const int64_t start = INT64_C(5000000000), second = INT64_C(1000000000);
    for (int i = 0; i < ANNOUNCER_PER_SECOND + 2; i++) {
        announcer_note(&w->announcer, HUB_NOTICE_FLAPPING, "x");
        flush(w, start);
    }
    assert_int_equal(w->n_events, ANNOUNCER_PER_SECOND);
    flush(w, start + second - 1);
    assert_int_equal(w->n_events, ANNOUNCER_PER_SECOND);
    flush(w, start + second);
    assert_int_equal(w->n_events, ANNOUNCER_PER_SECOND + 2);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(an_event_reaches_its_subscriber),
        IN_WORLD(a_text_too_long_or_of_other_bytes_is_told_as_far_as_it_goes),
        IN_WORLD(what_is_for_the_log_only_is_not_published),
        IN_WORLD(what_finds_no_room_is_counted),
        IN_WORLD(so_many_a_second_and_the_rest_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
