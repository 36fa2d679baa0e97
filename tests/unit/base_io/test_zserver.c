/* test_zserver.c - who gets into the listener, what a peer may do, and what happens to one that does more. */
#include "base/blob.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/io/loop.h"
#include "base/io/zap.h"
#include "base/mem.h"
#include "tests/unit/base_io/zworld.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#define WINDOWED_MESSAGES 10000U
#define BURST_MESSAGES 900U /* above what one turn drains, below half the high-water mark */

static struct zserver_stats stats_of(const struct zworld *world)
{
    struct zserver_stats stats;
    zserver_get_stats(world->server, &stats);
    return stats;
}

static bool turn_until_received(struct zworld *world, unsigned messages)
{
    return support_turn_until_count(world->loop, &world->messages, messages, DEADLINE_MS);
}

/* -- who gets in ----------------------------------------------------------------------------------------------------- */
static void a_known_key_is_admitted_and_named_on_every_message(void **state)
{
    struct zworld *world = *state;
    struct zpeer press = {0}, lathe = {0};
    zworld_listen(world);
    assert_true(zpeer_try(&press, world, world->known_keys));
    assert_true(zpeer_try(&lathe, world, world->other_known_keys));
    for (unsigned i = 0; i < 20;
         i++) { /* the first message of a connection is the one libzmq is apt to leave unnamed */
        struct zpeer *peer = i % 2 ? &lathe : &press;
        assert_int_equal(zclient_send(peer->client, "hello", 5), MR_OK);
        assert_true(turn_until_received(world, i + 1));
        assert_string_equal(world->last_user_id, i % 2 ? "agent/lathe-01" : "agent/press-07");
        assert_string_equal(world->last_data, "hello");
        assert_true(world->last.fd >= 0);
    }
    assert_true(support_turn_until_count(world->loop, &lathe.messages, 10, DEADLINE_MS));
    assert_string_equal(lathe.last_data, "hello");
    assert_int_equal(stats_of(world).dropped_nameless, 0);
    zclient_free(press.client);
    zclient_free(lathe.client);
}

static void an_empty_message_arrives_as_one(void **state)
{
    struct zworld *world = *state;
    struct zpeer peer = {0};
    zworld_listen(world);
    assert_true(zpeer_try(&peer, world, world->known_keys));
    assert_int_equal(zclient_send(peer.client, NULL, 0), MR_OK);
    assert_true(turn_until_received(world, 1));
    assert_int_equal(world->last.len, 0);
    zclient_free(peer.client);
}

/* promise: closed */
static void a_peer_without_curve_is_never_heard(void **state)
{
    struct zworld *world = *state;
    zworld_listen(world);
    void *dealer = zworld_raw_dealer(world, NULL, NULL);
    assert_int_equal(zmq_send(dealer, "hello", 5, ZMQ_DONTWAIT), 5);
    support_turn_for(world->loop, QUIET_MS);
    assert_int_equal(world->messages, 0);
    assert_int_equal(stats_of(world).dropped_nameless, 0);
    assert_int_equal(zmq_close(dealer), 0);
}

static int connect_tcp(const struct zworld *world)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(zserver_port(world->server))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void note_end(void *user, unsigned ready)
{
    char bytes[256];
    int *fd = user;
    (void)ready;
    if (recv(*fd, bytes, sizeof bytes, MSG_DONTWAIT) <= 0)
        *fd = -1;
}

/* Waits until the listener hangs up on fd. */
static void expect_hang_up(struct zworld *world, int fd)
{
    struct loop_fd *watch;
    int seen = fd;
    int64_t deadline = clock_mono_ns(clock_system()) + DEADLINE_MS * INT64_C(1000000);
    assert_int_equal(loop_fd_new(world->loop, fd, LOOP_READ, note_end, &seen, &watch), MR_OK);
    while (seen >= 0 && clock_mono_ns(clock_system()) < deadline) {
        loop_turn(world->loop, 10);
    }
    assert_int_equal(seen, -1);
    loop_fd_free(watch);
}

static void garbage_and_silence_are_dropped_and_harm_nobody(void **state)
{
    static const char garbage[] = "GET / HTTP/1.1\r\nHost: plant\r\n\r\n 0123456789 0123456789 0123456789 0123456789 ";
    struct zworld *world = *state;
    struct zpeer peer = {0};
    zworld_listen(world);
    int loud = connect_tcp(world), silent = connect_tcp(world);
    assert_true(send(loud, garbage, sizeof garbage, MSG_NOSIGNAL) > 0);
    assert_true(zpeer_try(&peer, world, world->known_keys));
    expect_hang_up(world, loud);
    expect_hang_up(world, silent); /* after the handshake limit */
    assert_int_equal(zclient_send(peer.client, "hello", 5), MR_OK);
    assert_true(turn_until_received(world, 1));
    assert_int_equal(world->messages, 1);
    zclient_free(peer.client);
    close(loud);
    close(silent);
}

/* promise: closed */
static void without_a_handler_or_a_domain_nothing_listens(void **state)
{
    struct zworld *world = *state;
    struct zserver_options options = zworld_server_options(world);
    struct zserver *server = NULL;
    struct err err = {{0}};
    options.domain = "";
    assert_int_equal(zserver_new(world->loop, world->ctx, &options, NULL, NULL, &server, &err), MR_INVALID);
    zap_free(world->zap);
    world->zap = NULL;
    options.domain = "agents";
    assert_int_equal(zserver_new(world->loop, world->ctx, &options, NULL, NULL, &server, &err), MR_MISUSE);
    assert_string_equal(err.text, "no ZAP handler runs: a listener would admit every key");
    assert_null(server);
}

/* -- what a peer may do ---------------------------------------------------------------------------------------------- */
static void shutting_a_peer_ends_its_connection_and_no_other(void **state)
{
    struct zworld *world = *state;
    struct zpeer press = {0}, lathe = {0};
    zworld_listen(world);
    assert_true(zpeer_try(&press, world, world->known_keys));
    assert_true(zpeer_try(&lathe, world, world->other_known_keys));
    assert_int_equal(zclient_send(press.client, "hello", 5), MR_OK);
    assert_true(turn_until_received(world, 1));
    uint32_t gone = world->last.peer;
    zserver_shutdown_peer(world->server, world->last.fd);
    assert_true(support_turn_until(world->loop, &press.is_closed, DEADLINE_MS));
    assert_int_equal(press.why, ZCLIENT_LOST);
    assert_int_equal(zclient_send(press.client, "hello", 5), MR_CLOSED);
    support_turn_for(world->loop, QUIET_MS);
    assert_int_equal(zserver_send(world->server, gone, "late", 4), MR_CLOSED);
    assert_int_equal(zclient_send(lathe.client, "hello", 5), MR_OK);
    assert_true(turn_until_received(world, 2));
    zserver_shutdown_peer(world->server, -1); /* a message without a descriptor: nothing happens */
    zclient_free(press.client);
    zclient_free(lathe.client);
}

static void a_message_of_the_limit_passes_and_a_larger_one_closes_its_sender(void **state)
{
    struct zworld *world = *state;
    struct zpeer peer = {0};
    struct zsock_address address;
    char bytes[ZWORLD_MAX_MESSAGE + 1] = {0};
    zworld_listen(world);
    struct zclient_options options = zworld_client_options(world, &address);
    options.max_message_bytes = sizeof bytes; /* more than the listener takes */
    zpeer_connect(&peer, world, &options);
    assert_true(support_turn_until(world->loop, &peer.is_connected, DEADLINE_MS));
    assert_int_equal(zclient_send(peer.client, bytes, ZWORLD_MAX_MESSAGE), MR_OK);
    assert_true(turn_until_received(world, 1));
    assert_int_equal(world->last.len, ZWORLD_MAX_MESSAGE);
    assert_int_equal(zserver_send(world->server, world->last.peer, bytes, sizeof bytes), MR_TOO_BIG);
    assert_int_equal(zclient_send(peer.client, bytes, sizeof bytes), MR_OK);
    assert_true(support_turn_until(world->loop, &peer.is_closed, DEADLINE_MS));
    assert_int_equal(world->messages, 1);
    zclient_free(peer.client);
}

/* Turns until the counter of the listener's statistics has reached wanted. */
static void expect_counted(struct zworld *world, size_t offset, uint64_t wanted)
{
    struct zserver_stats stats;
    uint64_t counted = 0;
    for (int n = 0; n < DEADLINE_MS / 10 && counted < wanted; n++) {
        support_turn_for(world->loop, 10);
        stats = stats_of(world);
        memcpy(&counted, (const char *)&stats + offset, sizeof counted);
    }
    assert_int_equal(counted, wanted);
}

/* Turns until libzmq has told the raw socket that its connection ended: then it has nobody to send to. */
static void expect_gone(struct zworld *world, void *dealer)
{
    bool is_gone = false;
    for (int n = 0; n < DEADLINE_MS / 10 && !is_gone; n++) {
        int events = 0;
        size_t len = sizeof events;
        support_turn_for(world->loop, 10);
        assert_int_equal(zmq_getsockopt(dealer, ZMQ_EVENTS, &events, &len), 0);
        is_gone = !(events & ZMQ_POLLOUT);
    }
    assert_true(is_gone);
}

static void a_message_of_several_parts_costs_the_connection(void **state)
{
    struct zworld *world = *state;
    zworld_listen(world);
    void *dealer = zworld_raw_dealer(world, world->known_keys, NULL);
    assert_int_equal(zmq_send(dealer, "one", 3, ZMQ_SNDMORE), 3);
    assert_int_equal(zmq_send(dealer, "two", 3, ZMQ_SNDMORE), 3);
    assert_int_equal(zmq_send(dealer, "three", 5, 0), 5);
    expect_counted(world, offsetof(struct zserver_stats, shut_multipart), 1);
    expect_gone(world, dealer);
    assert_int_equal(world->messages, 0);
    assert_int_equal(zmq_close(dealer), 0);
}

static void a_peer_that_chooses_its_routing_id_is_cut(void **state)
{
    /* The last two look as if libzmq had given them. */
    static const struct {
        const char *bytes;
        size_t len;
    } ids[] = {{"agent-0", 7}, {"\x01xyzw", 5}, {"\0\xde\xad\xbe\xef", 5}, {"\0\x11\x22\x33\x44", 5}};
    struct zworld *world = *state;
    zworld_listen(world);
    for (unsigned i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        void *dealer = zworld_raw_dealer_named(world, world->known_keys, ids[i].bytes, ids[i].len);
        assert_int_equal(zmq_send(dealer, "hello", 5, 0), 5);
        expect_counted(world, offsetof(struct zserver_stats, shut_identity), i + 1);
        expect_gone(world, dealer);
        assert_int_equal(zmq_close(dealer), 0);
    }
    assert_int_equal(world->messages, 0);
}

/* -- sending --------------------------------------------------------------------------------------------------------- */
static void a_blob_is_sent_without_a_copy_and_let_go(void **state)
{
    struct zworld *world = *state;
    struct zpeer peer = {0};
    zworld_listen(world);
    world->is_mute = true;
    assert_true(zpeer_try(&peer, world, world->known_keys));
    struct blob *blob = blob_copy("payload", 7), *large = blob_new(ZWORLD_MAX_MESSAGE + 1);
    assert_non_null(blob);
    assert_non_null(large);
    assert_int_equal(zclient_send_blob(peer.client, blob), MR_OK);
    assert_true(turn_until_received(world, 1));
    assert_string_equal(world->last_data, "payload");
    assert_int_equal(zserver_send_blob(world->server, world->last.peer, blob), MR_OK);
    assert_true(support_turn_until_count(world->loop, &peer.messages, 1, DEADLINE_MS));
    assert_string_equal(peer.last_data, "payload");
    assert_int_equal(zserver_send_blob(world->server, world->last.peer, large), MR_TOO_BIG);
    assert_int_equal(zserver_send_blob(world->server, world->last.peer + 1, blob), MR_CLOSED);
    assert_int_equal(zclient_send_blob(peer.client, large), MR_TOO_BIG);
    blob_unref(large);
    blob_unref(blob);
    zclient_free(peer.client);
}

/* promise: live-slow */
static void a_peer_that_does_not_read_is_refused_more_and_others_are_not(void **state)
{
    struct zworld *world = *state;
    struct zpeer peer = {0};
    char bytes[ZWORLD_MAX_MESSAGE] = {0};
    enum mr_rc rc = MR_OK;
    zworld_listen(world);
    world->is_mute = true;
    void *deaf = zworld_raw_dealer(world, world->known_keys, NULL); /* nobody reads from it */
    assert_int_equal(zmq_send(deaf, "hello", 5, 0), 5);
    assert_true(turn_until_received(world, 1));
    uint32_t deaf_peer = world->last.peer;
    for (unsigned n = 0; n < 100000 && rc == MR_OK; n++)
        rc = zserver_send(world->server, deaf_peer, bytes, sizeof bytes);
    assert_int_equal(rc, MR_WOULD_BLOCK);
    world->is_mute = false;
    assert_true(zpeer_try(&peer, world, world->other_known_keys));
    assert_int_equal(zclient_send(peer.client, "hello", 5), MR_OK);
    assert_true(support_turn_until_count(world->loop, &peer.messages, 1, DEADLINE_MS));
    zclient_free(peer.client);
    assert_int_equal(zmq_close(deaf), 0);
}

static void set_true(void *user)
{
    *(bool *)user = true;
}

/* What a turn's budget left behind comes without a further wake-up: libzmq's descriptor tells of an edge, not of a level, so
 * only a loop that asks before it waits goes on. It waits without limit here, so that nothing else can wake it in time. */
static void more_than_one_turn_drains_arrives_without_a_further_wake_up(void **state)
{
    struct zworld *world = *state;
    struct loop_timer *limit;
    bool is_late = false;
    zworld_listen(world);
    world->is_mute = true;
    assert_int_equal(loop_timer_new(world->loop, set_true, &is_late, &limit), MR_OK);
    loop_timer_start(limit, loop_now_ns(world->loop) + INT64_C(30000000000));
    void *dealer = zworld_raw_dealer(world, world->known_keys, NULL);
    for (unsigned sent = 0; sent < 20 * BURST_MESSAGES && !is_late;) {
        for (unsigned n = 0; n < BURST_MESSAGES; n++, sent++)
            assert_int_equal(zmq_send(dealer, "hello", 5, 0), 5);
        while (world->messages < sent && !is_late)
            loop_turn(world->loop, -1);
    }
    assert_false(is_late);
    assert_int_equal(zmq_close(dealer), 0);
    loop_timer_free(limit);
}

static bool is_answered(const struct zpeer *peers, const unsigned *windows)
{
    bool is_done = true;
    for (unsigned i = 0; i < 3; i++)
        is_done = is_done && peers[i].messages == WINDOWED_MESSAGES + windows[i];
    return is_done;
}

static void three_windowed_clients_never_stall(void **state)
{
    static const unsigned windows[] = {300, 500, 700}; /* each above what one turn drains */
    struct zworld *world = *state;
    struct zpeer peers[3] = {{0}};
    struct loop_timer *limit;
    bool is_late = false;
    zworld_listen(world);
    assert_int_equal(loop_timer_new(world->loop, set_true, &is_late, &limit), MR_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(zpeer_try(&peers[i], world, world->known_keys));
        peers[i].window_left = WINDOWED_MESSAGES;
        for (unsigned n = 0; n < windows[i]; n++)
            assert_int_equal(zclient_send(peers[i].client, "first", 5), MR_OK);
    }
    loop_timer_start(limit, loop_now_ns(world->loop) + INT64_C(60000000000));
    while (!is_answered(peers, windows) && !is_late)
        loop_turn(world->loop, -1);
    assert_false(is_late);
    assert_int_equal(world->refused_sends, 0);
    assert_int_equal(stats_of(world).received, 3 * WINDOWED_MESSAGES + 300 + 500 + 700);
    assert_int_equal(stats_of(world).sent, stats_of(world).received);
    for (unsigned i = 0; i < 3; i++)
        zclient_free(peers[i].client);
    loop_timer_free(limit);
}

/* -- listening ------------------------------------------------------------------------------------------------------- */
static void expect_refused(struct zworld *world, const char *address, enum mr_rc rc, const char *words)
{
    struct zserver_options options = zworld_server_options(world);
    struct zserver *server = NULL;
    struct err err = {{0}};
    options.address = address;
    assert_int_equal(zserver_new(world->loop, world->ctx, &options, NULL, NULL, &server, &err), rc);
    assert_null(server);
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
}

/* promise: plain-refusal */
static void an_address_that_cannot_be_listened_on_is_refused_with_the_remedy(void **state)
{
    struct zworld *world = *state;
    char used[64], words[128];
    zworld_listen(world);
    snprintf(used, sizeof used, "%s", zserver_address(world->server));
    snprintf(words, sizeof words, "port in use: %s; see who has it with: ss -ltnp 'sport = :%u'", used,
             (unsigned)zserver_port(world->server));
    expect_refused(world, used, MR_INVALID, words);
    expect_refused(world, "192.0.2.1:0", MR_INVALID, "this machine has no such address");
    expect_refused(world, "localhost:0", MR_INVALID, "give an IP address of this machine");
    expect_refused(world, "ipc:///tmp/x", MR_INVALID, "only tcp:// is spoken here");
    expect_refused(world, "127.0.0.1", MR_INVALID, "the port is missing");
}

static void all_addresses_and_ipv6_can_be_listened_on(void **state)
{
    static const char *const addresses[] = {"*:0", "[::1]:0"};
    struct zworld *world = *state;
    for (unsigned i = 0; i < 2; i++) {
        struct zserver_options options = zworld_server_options(world);
        struct zserver *server = NULL;
        struct err err = {{0}};
        options.address = addresses[i];
        enum mr_rc rc = zserver_new(world->loop, world->ctx, &options, NULL, NULL, &server, &err);
        if (rc != MR_OK && strstr(err.text, "[::1]")) /* a machine without IPv6 */
            continue;
        assert_int_equal(rc, MR_OK);
        assert_true(zserver_port(server) > 0);
        assert_int_equal(strncmp(zserver_address(server), i ? "[::1]:" : "0.0.0.0:", i ? 6 : 8), 0);
        zserver_free(server);
    }
}

static void options_out_of_range_are_refused(void **state)
{
    struct zworld *world = *state;
    struct zserver *server = NULL;
    for (int i = 0; i < 4; i++) {
        struct zserver_options options = zworld_server_options(world);
        options.receive_frames = i == 0 ? 0 : options.receive_frames;
        options.send_frames = i == 1 ? 0 : options.send_frames;
        options.max_message_bytes = i == 2 ? 0 : i == 3 ? SIZE_MAX : options.max_message_bytes;
        assert_int_equal(zserver_new(world->loop, world->ctx, &options, NULL, NULL, &server, NULL), MR_INVALID);
    }
}

static void every_failed_allocation_is_a_result(void **state)
{
    struct zworld *world = *state;
    struct zserver_options options = zworld_server_options(world);
    struct zserver *server = NULL;
    unsigned n = 1;
    enum mr_rc rc = MR_NO_MEMORY;
    for (; rc == MR_NO_MEMORY; n++) {
        mem_fail_at(n);
        rc = zserver_new(world->loop, world->ctx, &options, NULL, NULL, &server, NULL);
        (void)mem_fail_off();
    }
    assert_int_equal(rc, MR_OK);
    assert_true(n > 2);
    zserver_free(server);
    zserver_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, zworld_setup, zworld_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_known_key_is_admitted_and_named_on_every_message),
        TEST(an_empty_message_arrives_as_one),
        TEST(a_peer_without_curve_is_never_heard),
        TEST(garbage_and_silence_are_dropped_and_harm_nobody),
        TEST(without_a_handler_or_a_domain_nothing_listens),
        TEST(shutting_a_peer_ends_its_connection_and_no_other),
        TEST(a_message_of_the_limit_passes_and_a_larger_one_closes_its_sender),
        TEST(a_message_of_several_parts_costs_the_connection),
        TEST(a_peer_that_chooses_its_routing_id_is_cut),
        TEST(a_blob_is_sent_without_a_copy_and_let_go),
        TEST(a_peer_that_does_not_read_is_refused_more_and_others_are_not),
        TEST(more_than_one_turn_drains_arrives_without_a_further_wake_up),
        TEST(three_windowed_clients_never_stall),
        TEST(an_address_that_cannot_be_listened_on_is_refused_with_the_remedy),
        TEST(all_addresses_and_ipv6_can_be_listened_on),
        TEST(options_out_of_range_are_refused),
        TEST(every_failed_allocation_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
