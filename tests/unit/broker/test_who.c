/* test_who.c - $sys/who and the broker's own values, asked by an agent over a session without a network. */
#include "base/buf.h"
#include "base/mem.h"
#include "broker/values.h"
#include "broker/who.h"
#include "proto/value.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 50, WHO = 1, INBOX = 2, HERE = 1, APP = 2, DEVICE = 3, CALL = 7 };

static const char *const peers[] = {"mr2", "mr3"};
enum { N_PEERS = sizeof peers / sizeof *peers };

/* A broker's hub, and the session of the agent "here" with it. */
struct world {
    struct rights *rights;
    struct hub *hub;
    struct who who;
    struct session *agent;
    uint32_t port;
    bool is_up;
    json_t *answer;
};

static void on_port(void *user, uint32_t port)
{
    (void)user;
    (void)port;
}

static void on_over(void *user, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    (void)user;
    (void)port;
    (void)retry_ms;
    fail_msg("the session ended: %d %s", (int)rc, reason);
}

static void on_notice(void *user, enum hub_notice notice, const char *text)
{
    (void)user;
    (void)notice;
    (void)text;
}

static const struct hub_events hub_events = {.on_output = on_port, .on_over = on_over, .on_notice = on_notice};

static void on_welcome(void *user, const struct session_welcome *welcome)
{
    struct world *w = user;
    assert_string_equal(welcome->path, "demo/here");
    w->is_up = true;
}

static void on_end(void *user, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    on_over(user, 0, rc, reason, retry_ms);
}

static void on_batch(void *user, enum lane lane, struct batch_reader *batch)
{
    struct world *w = user;
    struct record record;
    struct body body;
    struct buf scratch;
    (void)lane;
    buf_init(&scratch, VALUE_MAX_BYTES);
    while (batch_next(batch, &record) == MR_OK) {
        if (record.call.id != CALL)
            continue;
        assert_int_equal(record.call.rc, MR_OK);
        assert_int_equal(body_read(record.body, record.body_len, &body, &scratch), MR_OK);
        w->answer = json_loadb(body.value.as.ptr, body.value.len, 0, NULL);
    }
    buf_fini(&scratch);
}

static const struct session_events agent_events = {.on_welcome = on_welcome, .on_end = on_end, .on_batch = on_batch};

/* Moves frames both ways until neither side has any. */
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

static void say_hello(struct world *w)
{
    const struct port_peer peer = {.kind = PORT_AGENT, .identity = "here", .path = "demo/here", .address = "10.0.0.7"};
    const struct session_conf conf = {
        .role = SESSION_CLIENT,
        .hello = {.kind = PEER_KIND_AGENT, .name = "here", .nonce = 1, .birth = 0x1100c0ffee, .link = 3, .next_seq = 1},
        .max_queued_bytes = SESSION_OUTBOUND_BYTES,
        .rand = rand_system(),
        .events = &agent_events,
        .user = w,
    };
    struct err err = {{0}};
    assert_int_equal(hub_accept(w->hub, &peer, &w->port, &err), MR_OK);
    assert_int_equal(session_new(&w->agent, &conf, clock_mono_ns(clock_system()), &err), MR_OK);
    settle(w);
    assert_true(w->is_up);
}

static void announce(struct world *w)
{
    static const struct session_publisher who[] = {{.id = HERE, .identity = "here", .part = ""},
                                                   {.id = APP, .identity = "here", .part = "press-app"},
                                                   {.id = DEVICE, .identity = "here", .part = "line3/plc1"}};
    assert_int_equal(session_name_topic(w->agent, WHO, "$sys/who"), MR_OK);
    assert_int_equal(session_name_topic(w->agent, INBOX, "$inbox/here/1"), MR_OK);
    for (size_t i = 0; i < sizeof who / sizeof who[0]; i++)
        assert_int_equal(session_name_publisher(w->agent, &who[i]), MR_OK);
    for (uint32_t id = APP; id <= DEVICE; id++) {
        const struct session_birth birth = {.publisher = id, .link = 3, .birth = 0x1100c0ffee, .since_us = 1};
        assert_int_equal(session_birth(w->agent, &birth), MR_OK);
    }
    const struct session_death death = {
        .publisher = DEVICE, .link = 3, .birth = 0x1100c0ffee, .status = 0x80310000, .reason = "no answer"};
    assert_int_equal(session_death(w->agent, &death), MR_OK);
    settle(w);
}

static int setup(void **state)
{
    struct world *w = mem_calloc(1, sizeof *w);
    struct err err = {{0}};
    assert_non_null(w);
    assert_int_equal(rights_new_open(&w->rights, &err), MR_OK);
    const struct hub_conf conf = {.kind = HUB_BROKER,
                                  .name = "mr1",
                                  .identity = "mr1",
                                  .path = "$broker/mr1",
                                  .birth = 5,
                                  .peers = peers,
                                  .n_peers = N_PEERS,
                                  .max_ports = 4,
                                  .max_filters = 100,
                                  .max_filters_per_port = 100,
                                  .max_topics = 100,
                                  .max_slots = 100,
                                  .max_queued_bytes = SESSION_OUTBOUND_BYTES,
                                  .clock = clock_system(),
                                  .rand = rand_system(),
                                  .rights = w->rights,
                                  .events = &hub_events,
                                  .user = w};
    assert_int_equal(hub_new(&w->hub, &conf, &err), MR_OK);
    w->who = (struct who){.hub = w->hub, .broker = "mr1", .peers = peers, .n_peers = N_PEERS, .clock = clock_system()};
    assert_int_equal(who_serve(&w->who), MR_OK);
    say_hello(w);
    announce(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    json_decref(w->answer);
    session_free(w->agent);
    hub_free(w->hub);
    rights_free(w->rights);
    mem_free(w);
    return mem_outstanding() > 0;
}

static const json_t *ask(struct world *w, const char *request)
{
    uint8_t bytes[256];
    const struct mr_value value = {.type = MR_BYTES, .len = (uint32_t)strlen(request), .as.ptr = request};
    const struct batch_head head = {.birth = 0x1100c0ffee, .link = 3, .publisher = HERE, .broker_us = MR_NO_TIME};
    const struct record record = {.topic = WHO,
                                  .source_us = MR_NO_TIME,
                                  .body = bytes,
                                  .body_len = (uint32_t)body_write(bytes, 0, &value),
                                  .call = {.id = CALL, .reply_topic = INBOX, .wait_ms = 1000}};
    json_decref(w->answer);
    w->answer = NULL;
    assert_int_equal(session_put(w->agent, LANE_COMMAND, &head, &record), MR_OK);
    settle(w);
    assert_non_null(w->answer);
    return w->answer;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void who_tells_machines_with_their_session_and_parts(void **state)
{
    const json_t *answer = ask(*state, "");
    assert_string_equal(text_of(answer, "broker"), "mr1");
    assert_int_equal(json_integer_value(json_object_get(answer, "next")), 0);
    const json_t *machines = json_object_get(answer, "machines");
    assert_int_equal(json_array_size(machines), 1);
    const json_t *here = json_array_get(machines, 0);
    assert_string_equal(text_of(here, "name"), "here");
    assert_true(json_is_true(json_object_get(here, "alive")));
    assert_string_equal(text_of(here, "birth"), "0000001100c0ffee");
    assert_int_equal(json_integer_value(json_object_get(here, "link")), 3);
    assert_string_equal(text_of(here, "broker"), "mr1");
    assert_string_equal(text_of(here, "address"), "10.0.0.7");
    assert_string_equal(text_of(json_object_get(here, "clock"), "state"), "unknown");
    const json_t *parts = json_object_get(here, "parts");
    assert_int_equal(json_array_size(parts), 2);
    assert_string_equal(text_of(json_array_get(parts, 0), "name"), "press-app");
    assert_string_equal(text_of(json_array_get(parts, 0), "kind"), "app");
    assert_string_equal(text_of(json_array_get(parts, 1), "kind"), "device");
    assert_true(json_is_false(json_object_get(json_array_get(parts, 1), "alive")));
    assert_string_equal(text_of(json_array_get(parts, 1), "why"), "no answer");
}

static void who_tells_the_brokers_and_which_peers_are_reached(void **state)
{
    const json_t *brokers = json_object_get(ask(*state, ""), "brokers");
    assert_int_equal(json_array_size(brokers), 3);
    const json_t *self = json_array_get(brokers, 0), *peer = json_array_get(brokers, 2);
    assert_string_equal(text_of(self, "name"), "mr1");
    assert_true(json_is_true(json_object_get(self, "alive")));
    assert_int_equal(json_integer_value(json_object_get(self, "peers")), 2);
    assert_int_equal(json_integer_value(json_object_get(self, "peers_up")), 0);
    assert_string_equal(text_of(peer, "name"), "mr3");
    assert_true(json_is_false(json_object_get(peer, "alive")));
    assert_string_equal(text_of(peer, "why"), "not reached yet");
    assert_null(json_object_get(peer, "since"));
    assert_null(json_object_get(peer, "peers"));
}

static void who_tells_the_brokers_on_its_first_page_only(void **state)
{
    assert_int_equal(json_array_size(json_object_get(ask(*state, "{\"from\": 1}"), "brokers")), 0);
}

static void who_goes_on_where_it_is_asked_to(void **state)
{
    assert_int_equal(json_array_size(json_object_get(ask(*state, "{\"from\": 100}"), "machines")), 0);
    assert_int_equal(json_array_size(json_object_get(ask(*state, "{\"from\": -1}"), "machines")), 1);
    assert_int_equal(json_array_size(json_object_get(ask(*state, "nonsense"), "machines")), 1);
}

static void the_broker_has_values_of_its_own(void **state)
{
    struct world *w = *state;
    struct values values = {.last_ns = 0};
    struct hub_stats stats;
    struct err err = {{0}};
    const struct zap_stats zap = {.admitted = 3, .refused = 2};
    const struct governor_stats connections = {.open = 5, .silent = 1};
    assert_int_equal(values_open(&values, w->hub, "mr1", 0, &err), MR_OK);
    values_write(&values, w->hub, &zap, &connections, INT64_C(10000000000));
    hub_get_stats(w->hub, &stats);
    assert_int_equal(stats.slots, VALUE_COUNT);
    assert_true(names_find_topic(hub_names(w->hub), "$sys/broker/mr1/sessions") > 0);
    assert_true(names_find_topic(hub_names(w->hub), "$sys/broker/mr1/keys/refused") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_tells_machines_with_their_session_and_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(who_tells_the_brokers_and_which_peers_are_reached, setup, teardown),
        cmocka_unit_test_setup_teardown(who_tells_the_brokers_on_its_first_page_only, setup, teardown),
        cmocka_unit_test_setup_teardown(who_goes_on_where_it_is_asked_to, setup, teardown),
        cmocka_unit_test_setup_teardown(the_broker_has_values_of_its_own, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
