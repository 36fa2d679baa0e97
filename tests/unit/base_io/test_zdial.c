/* test_zdial.c - dialling again and again: how long it waits, what is sent, and how a connection is left. */
#include "base/blob.h"
#include "base/io/loop.h"
#include "base/io/zdial.h"
#include "base/mem.h"
#include "tests/unit/base_io/zworld.h"
#include <stdio.h>
#include <string.h>

enum { ATTEMPTS_MAX = 16, FRAME_BYTES = 8 };

static const int64_t ns_per_ms = 1000000;

/* A dialler, its owner, and what the owner saw. */
struct owner {
    struct zworld *world;
    struct zdial *dial;
    struct zsock_address address;
    const uint8_t *server_key;
    bool is_open, is_closed, is_left;
    bool is_patient; /* dials again when it ends */
    unsigned messages, writable, attempts, to_send;
    int64_t at_ns[ATTEMPTS_MAX];
    enum zclient_end why;
    char words[512];
};

static struct zdial_target target(void *user)
{
    struct owner *o = user;
    if (o->attempts < ATTEMPTS_MAX)
        o->at_ns[o->attempts] = loop_now_ns(o->world->loop);
    o->attempts++;
    return (struct zdial_target){.address = &o->address, .server_key = o->server_key};
}

static void on_connected(void *user)
{
    struct owner *o = user;
    o->is_open = true;
}

static void on_message(void *user, const uint8_t *data, size_t len)
{
    struct owner *o = user;
    (void)data;
    assert_int_equal(len, FRAME_BYTES);
    o->messages++;
}

static void on_writable(void *user)
{
    struct owner *o = user;
    o->writable++;
    zdial_send(o->dial);
}

static struct blob *take(void *user)
{
    struct owner *o = user;
    if (o->to_send == 0)
        return NULL;
    o->to_send--;
    struct blob *frame = blob_new(FRAME_BYTES);
    if (frame)
        memset(frame->data, 'x', FRAME_BYTES);
    return frame;
}

static void on_closed(void *user, enum zclient_end why, const char *words)
{
    struct owner *o = user;
    assert_int_equal(zdial_state(o->dial), ZDIAL_IDLE);
    o->is_open = false;
    o->is_closed = true;
    o->why = why;
    snprintf(o->words, sizeof o->words, "%s", words);
    if (o->is_patient)
        zdial_again(o->dial, 0);
}

static void on_left(void *user)
{
    struct owner *o = user;
    assert_int_equal(zdial_state(o->dial), ZDIAL_IDLE);
    o->is_left = true;
}

static const struct zdial_callbacks callbacks = {.target = target,
                                                 .on_connected = on_connected,
                                                 .on_message = on_message,
                                                 .on_writable = on_writable,
                                                 .take = take,
                                                 .on_closed = on_closed,
                                                 .on_left = on_left};

static struct zdial_options options_of(const struct zworld *world, const struct key_pair *keys)
{
    return (struct zdial_options){.loop = world->loop,
                                  .zctx = world->ctx,
                                  .rand = rand_system(),
                                  .public_key = keys_public(keys),
                                  .secret_key = keys_secret(keys),
                                  .max_message_bytes = ZWORLD_MAX_MESSAGE,
                                  .high_water_frames = 10,
                                  .rank = 2,
                                  .patience = {.start_ms = 20,
                                               .most_ms = 80,
                                               .quick_ms = 60000,
                                               .quick_most_ms = 40,
                                               .refused_least_ms = 1500,
                                               .refused_most_ms = 1600}};
}

/* Towards the world's listener, if there is one. */
static void make(struct owner *o, struct zworld *world, const struct key_pair *keys)
{
    const struct zdial_options options = options_of(world, keys);
    *o = (struct owner){.world = world, .server_key = keys_public(world->server_keys)};
    const char *address = world->server ? zserver_address(world->server) : "127.0.0.1:1";
    assert_int_equal(zsock_address_parse(address, 0, &o->address, NULL), MR_OK);
    assert_int_equal(zdial_new(&o->dial, &options, &callbacks, o), MR_OK);
}

static void frames_go_out_as_there_is_room_and_come_in(void **state)
{
    struct zworld *world = *state;
    struct owner o;
    zworld_listen(world);
    make(&o, world, world->known_keys);
    assert_int_equal(zdial_state(o.dial), ZDIAL_IDLE);
    zdial_now(o.dial);
    assert_int_equal(zdial_state(o.dial), ZDIAL_WAITING);
    o.to_send = 500;
    zdial_send(o.dial);
    assert_int_equal(o.to_send, 500); /* nothing is taken while it is not open */
    assert_true(support_turn_until(world->loop, &o.is_open, DEADLINE_MS));
    zdial_send(o.dial);
    assert_true(support_turn_until_count(world->loop, &o.messages, 500, DEADLINE_MS));
    assert_true(o.writable > 0); /* 10 frames fit at a time */
    zdial_free(o.dial);
}

static void what_is_left_hears_nothing_more_and_tells_when_it_is_gone(void **state)
{
    struct zworld *world = *state;
    struct owner o;
    zworld_listen(world);
    make(&o, world, world->known_keys);
    zdial_now(o.dial);
    assert_true(support_turn_until(world->loop, &o.is_open, DEADLINE_MS));
    o.to_send = 1;
    zdial_send(o.dial);
    zdial_leave(o.dial, 50);
    assert_int_equal(zdial_state(o.dial), ZDIAL_LEAVING);
    assert_true(support_turn_until(world->loop, &o.is_left, DEADLINE_MS));
    assert_int_equal(world->messages, 1); /* what was sent before went out */
    assert_int_equal(o.messages, 0);
    assert_false(o.is_closed);
    zdial_free(o.dial);
}

static void a_listener_that_goes_away_while_we_leave_is_a_leave(void **state)
{
    struct zworld *world = *state;
    struct owner o;
    zworld_listen(world);
    make(&o, world, world->known_keys);
    zdial_now(o.dial);
    assert_true(support_turn_until(world->loop, &o.is_open, DEADLINE_MS));
    zdial_leave(o.dial, DEADLINE_MS);
    zserver_free(world->server);
    world->server = NULL;
    assert_true(support_turn_until(world->loop, &o.is_left, DEADLINE_MS));
    assert_false(o.is_closed);
    zdial_free(o.dial);
}

static void an_end_says_why(void **state)
{
    struct zworld *world = *state;
    struct owner refused, lost, other;
    zworld_listen(world);
    make(&refused, world, world->unknown_keys);
    zdial_now(refused.dial);
    assert_true(support_turn_until(world->loop, &refused.is_closed, DEADLINE_MS));
    assert_int_equal(refused.why, ZCLIENT_REFUSED);
    for (int i = 0; i < 100; i++) {
        uint32_t ms = zdial_refused_ms(refused.dial);
        assert_true(ms >= 1500 && ms <= 1600);
    }
    make(&other, world, world->known_keys);
    other.server_key = keys_public(world->unknown_keys);
    zdial_now(other.dial);
    assert_true(support_turn_until(world->loop, &other.is_closed, DEADLINE_MS));
    assert_int_equal(other.why, ZCLIENT_NOT_TRUSTED);
    make(&lost, world, world->known_keys);
    zdial_now(lost.dial);
    assert_true(support_turn_until(world->loop, &lost.is_open, DEADLINE_MS));
    zserver_free(world->server);
    world->server = NULL;
    assert_true(support_turn_until(world->loop, &lost.is_closed, DEADLINE_MS));
    assert_int_equal(lost.why, ZCLIENT_LOST);
    zdial_free(refused.dial);
    zdial_free(other.dial);
    zdial_free(lost.dial);
}

/* The waits between attempts, where nobody listens, are at least these. */
static void expect_waits(struct owner *o, const int *least_ms, unsigned n)
{
    o->is_patient = true;
    zdial_again(o->dial, 0);
    int64_t before_ns = loop_now_ns(o->world->loop);
    assert_true(support_turn_until_count(o->world->loop, &o->attempts, n, DEADLINE_MS));
    for (unsigned i = 0; i < n; i++) {
        assert_true(o->at_ns[i] - before_ns >= least_ms[i] * ns_per_ms);
        before_ns = o->at_ns[i];
    }
}

static void waiting_doubles_up_to_the_most(void **state)
{
    static const int least_ms[] = {10, 20, 40, 40, 40};
    struct owner o;
    make(&o, *state, ((struct zworld *)*state)->known_keys);
    expect_waits(&o, least_ms, 5);
    assert_int_equal(o.why, ZCLIENT_UNREACHABLE);
    assert_non_null(strstr(o.words, "127.0.0.1:1"));
    zdial_free(o.dial);
}

static void after_a_success_waiting_stays_quick(void **state)
{
    static const int least_ms[] = {10, 20, 20, 20};
    struct zworld *world = *state;
    struct owner o;
    make(&o, world, world->known_keys);
    zdial_again(o.dial, 0);
    assert_true(support_turn_until(world->loop, &o.is_closed, DEADLINE_MS));
    zdial_succeeded(o.dial);
    o.attempts = 0;
    expect_waits(&o, least_ms, 4);
    int64_t begun_ns = o.at_ns[0];
    assert_true(o.at_ns[3] - begun_ns < 10 * 80 * ns_per_ms);
    zdial_free(o.dial);
}

static void not_before_a_time_is_not_before(void **state)
{
    struct zworld *world = *state;
    struct owner o;
    make(&o, world, world->known_keys);
    int64_t not_before_ns = loop_now_ns(world->loop) + 150 * ns_per_ms;
    zdial_again(o.dial, not_before_ns);
    assert_true(support_turn_until_count(world->loop, &o.attempts, 1, DEADLINE_MS));
    assert_true(o.at_ns[0] >= not_before_ns);
    zdial_close(o.dial);
    assert_int_equal(zdial_state(o.dial), ZDIAL_IDLE);
    support_turn_for(world->loop, QUIET_MS);
    assert_false(o.is_closed); /* closed by us: nothing is told */
    zdial_free(o.dial);
    zdial_free(NULL);
}

static void every_failed_allocation_is_a_result(void **state)
{
    struct zworld *world = *state;
    const struct zdial_options options = options_of(world, world->known_keys);
    struct zdial *dial = NULL;
    size_t before = mem_outstanding();
    unsigned n = 0;
    enum mr_rc rc;
    do {
        mem_fail_at(++n);
        rc = zdial_new(&dial, &options, &callbacks, NULL);
        if (rc)
            assert_int_equal(mem_outstanding(), before);
    } while (mem_fail_off());
    assert_int_equal(rc, MR_OK);
    zdial_free(dial);
}

static void a_failed_allocation_while_it_dials_is_one_more_attempt(void **state)
{
    struct zworld *world = *state;
    struct owner o;
    zworld_listen(world);
    make(&o, world, world->known_keys);
    o.is_patient = true;
    zdial_now(o.dial);
    mem_fail_at(1);
    assert_true(support_turn_until(world->loop, &o.is_closed, DEADLINE_MS));
    assert_true(mem_fail_off());
    assert_true(support_turn_until(world->loop, &o.is_open, DEADLINE_MS));
    zdial_free(o.dial);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, zworld_setup, zworld_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_go_out_as_there_is_room_and_come_in),
        TEST(what_is_left_hears_nothing_more_and_tells_when_it_is_gone),
        TEST(a_listener_that_goes_away_while_we_leave_is_a_leave),
        TEST(an_end_says_why),
        TEST(waiting_doubles_up_to_the_most),
        TEST(after_a_success_waiting_stays_quick),
        TEST(not_before_a_time_is_not_before),
        TEST(every_failed_allocation_is_a_result),
        TEST(a_failed_allocation_while_it_dials_is_one_more_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
