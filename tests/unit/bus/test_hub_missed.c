/* test_hub_missed.c - a broker with room for a thousand sessions misses a hundred lives: some each turn, and none that came back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/blob.h"
#include "base/mem.h"
#include "base/rand.h"
#include "bus/hub.h"
#include "proto/limits.h"
#include "proto/session.h"

enum { PORTS = 1000, LIVES = 100, KEPT_INTEREST = 1, MOST_TICKS = 1000 };

/* The hub of broker mr1, and a session that plays its peer mr2. */
struct bed {
    int64_t now_ns;
    struct clock clock;
    struct rand_seeded rand;
    struct rights *rights;
    struct hub *hub;
    struct session *peer;
    uint32_t port; /* ours at mr2; 0: none */
};

static int64_t now_ns(void *user)
{
    return ((struct bed *)user)->now_ns;
}

static int64_t real_us(void *user)
{
    return INT64_C(1700000000000000) + now_ns(user) / 1000;
}

static void on_output(void *user, uint32_t port)
{
    (void)user;
    (void)port;
}

static void on_over(void *user, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    (void)user;
    (void)port;
    (void)rc;
    (void)retry_ms;
    fail_msg("a session ended: %s", reason);
}

static void on_notice(void *user, enum hub_notice notice, const char *text)
{
    (void)user;
    (void)notice;
    (void)text;
}

static const struct hub_events hub_events = {
    .on_output = on_output, .on_over = on_over, .on_peer = on_output, .on_notice = on_notice};

static void on_hello(void *user, const struct session_hello *hello)
{
    struct bed *b = user;
    const struct session_welcome said = {.session = 7,
                                         .identity = hello->name,
                                         .path = "$broker/mr1",
                                         .server = "mr2",
                                         .state = {.cluster_up = true, .broker = "mr2"}};
    assert_int_equal(session_welcome(b->peer, &said, b->now_ns), MR_OK);
}

static const struct session_events peer_events = {.on_hello = on_hello};

static void pump(struct bed *b)
{
    session_flush(b->peer);
    hub_turn_end(b->hub);
    for (struct blob *f; (f = hub_take(b->hub, b->port)); blob_unref(f))
        assert_int_equal(session_input(b->peer, f->data, f->len, b->now_ns), MR_OK);
    for (struct blob *f; (f = session_take(b->peer, b->now_ns)); blob_unref(f))
        assert_int_equal(hub_input(b->hub, b->port, f->data, f->len), MR_OK);
}

static void settle(struct bed *b)
{
    for (int i = 0; i < 10; i++)
        pump(b);
}

static void connect_peer(struct bed *b)
{
    const struct session_conf conf = {.role = SESSION_SERVER,
                                      .max_queued_bytes = SESSION_OUTBOUND_BYTES,
                                      .rand = &b->rand.source,
                                      .events = &peer_events,
                                      .user = b};
    assert_int_equal(session_new(&b->peer, &conf, b->now_ns, NULL), MR_OK);
    assert_int_equal(hub_connect(b->hub, "mr2", &b->port, NULL), MR_OK);
    settle(b);
}

static void lose_peer(struct bed *b)
{
    session_free(b->peer);
    b->peer = NULL;
    hub_close(b->hub, b->port);
    b->port = 0;
}

/* mr2 tells of machines from..to-1, alive with it. */
static void tell_lives(struct bed *b, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        char name[16];
        snprintf(name, sizeof name, "m%u", i);
        const struct session_publisher who = {.id = 1 + i, .identity = name, .part = ""};
        const struct session_birth birth = {.publisher = 1 + i, .birth = 5, .link = 1};
        assert_int_equal(session_name_publisher(b->peer, &who), MR_OK);
        assert_int_equal(session_birth(b->peer, &birth), MR_OK);
    }
    settle(b);
}

static void end_list(struct bed *b)
{
    assert_int_equal(session_snapshot_end(b->peer, KEPT_INTEREST), MR_OK);
    settle(b);
}

static struct bed *open_bed(void)
{
    static struct bed bed;
    static const char *const peers[] = {"mr2"};
    struct bed *b = &bed;
    *b = (struct bed){.now_ns = 1000000000};
    b->clock = (struct clock){now_ns, now_ns, real_us, b};
    rand_seeded_init(&b->rand, 1);
    assert_int_equal(rights_new_open(&b->rights, NULL), MR_OK);
    const struct hub_conf conf = {.kind = HUB_BROKER,
                                  .name = "mr1",
                                  .identity = "mr1",
                                  .path = "$broker/mr1",
                                  .birth = 1,
                                  .peers = peers,
                                  .n_peers = 1,
                                  .max_ports = PORTS,
                                  .max_filters = 10,
                                  .max_filters_per_port = 10,
                                  .max_topics = 10,
                                  .max_slots = 10,
                                  .max_queued_bytes = SESSION_OUTBOUND_BYTES,
                                  .clock = &b->clock,
                                  .rand = &b->rand.source,
                                  .rights = b->rights,
                                  .events = &hub_events,
                                  .user = b};
    assert_int_equal(hub_new(&b->hub, &conf, NULL), MR_OK);
    connect_peer(b);
    tell_lives(b, 0, LIVES);
    end_list(b);
    return b;
}

static void close_bed(struct bed *b)
{
    session_free(b->peer);
    hub_free(b->hub);
    rights_free(b->rights);
}

/* Without the broker itself. */
static uint32_t count_alive(const struct bed *b)
{
    uint32_t cursor = 0, n = 0;
    for (const struct life *life; (life = presence_walk(hub_presence(b->hub), &cursor));)
        n += life->alive;
    return n - 1;
}

static bool has_more_to_do(const struct bed *b)
{
    return hub_deadline(b->hub) <= b->now_ns;
}

/* Ticks while there is something to do at once; returns how often. */
static int tick_through(struct bed *b)
{
    int ticks = 0;
    while (has_more_to_do(b)) {
        hub_tick(b->hub);
        hub_turn_end(b->hub);
        assert_true(++ticks < MOST_TICKS);
    }
    return ticks;
}

static void pass_until_missed(struct bed *b)
{
    b->now_ns += PRESENCE_LOST_MS * INT64_C(1000000);
    hub_tick(b->hub);
}

static void the_lives_of_a_lost_peer_are_held_for_dead_some_each_turn(void **state)
{
    (void)state;
    struct bed *b = open_bed();
    lose_peer(b);
    pass_until_missed(b);
    assert_in_range(count_alive(b), LIVES / 2, LIVES - 1);
    assert_true(has_more_to_do(b));
    assert_in_range(tick_through(b), 3, LIVES);
    assert_int_equal(count_alive(b), 0);
    close_bed(b);
}

static void a_peer_that_comes_back_meanwhile_keeps_the_rest_alive(void **state)
{
    (void)state;
    struct bed *b = open_bed();
    lose_peer(b);
    pass_until_missed(b);
    uint32_t alive = count_alive(b);
    connect_peer(b);
    tick_through(b);
    assert_int_equal(count_alive(b), alive);
    tell_lives(b, 0, LIVES);
    assert_int_equal(count_alive(b), LIVES);
    close_bed(b);
}

static void who_is_not_in_the_new_list_dies_some_each_turn(void **state)
{
    (void)state;
    struct bed *b = open_bed();
    lose_peer(b);
    connect_peer(b);
    tell_lives(b, 0, 10);
    end_list(b);
    assert_in_range(count_alive(b), LIVES / 2, LIVES - 1);
    tick_through(b);
    assert_int_equal(count_alive(b), 10);
    close_bed(b);
}

/* The list was complete: its word stands. Whoever is born there meanwhile lives. */
static void a_peer_lost_behind_its_list_had_its_word(void **state)
{
    (void)state;
    struct bed *b = open_bed();
    lose_peer(b);
    connect_peer(b);
    tell_lives(b, 0, 10);
    end_list(b);
    tell_lives(b, LIVES, LIVES + 5);
    lose_peer(b);
    tick_through(b);
    assert_int_equal(count_alive(b), 15);
    pass_until_missed(b);
    tick_through(b);
    assert_int_equal(count_alive(b), 0);
    close_bed(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lives_of_a_lost_peer_are_held_for_dead_some_each_turn),
        cmocka_unit_test(a_peer_that_comes_back_meanwhile_keeps_the_rest_alive),
        cmocka_unit_test(who_is_not_in_the_new_list_dies_some_each_turn),
        cmocka_unit_test(a_peer_lost_behind_its_list_had_its_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
