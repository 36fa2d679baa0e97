/* test_zclient.c - how an attempt to connect ends, in codes and words, and what a connection does until then. */
#include "base/err.h"
#include "base/io/loop.h"
#include "base/mem.h"
#include "tests/unit/base_io/zworld.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void expect_closed(struct zworld *world, struct zpeer *peer, enum zclient_end why, const char *words)
{
    assert_true(support_turn_until(world->loop, &peer->is_closed, DEADLINE_MS));
    assert_int_equal(peer->why, why);
    if (!strstr(peer->words, words))
        fail_msg("'%s' does not say '%s'", peer->words, words);
    assert_int_equal(zclient_send(peer->client, "late", 4), MR_CLOSED);
    zclient_free(peer->client);
}

/* -- ends ------------------------------------------------------------------------------------------------------------ */
/* promise: closed */
static void a_key_that_is_not_known_is_refused_and_named(void **state)
{
    struct zworld *world = *state;
    struct zpeer peer = {0};
    char fingerprint[KEYS_FINGERPRINT_SIZE];
    zworld_listen(world);
    assert_false(zpeer_try(&peer, world, world->unknown_keys));
    keys_fingerprint(keys_public(world->unknown_keys), fingerprint);
    assert_non_null(strstr(peer.words, fingerprint));
    expect_closed(world, &peer, ZCLIENT_REFUSED, "does not admit our key");
    assert_int_equal(world->messages, 0);
}

/* promise: closed */
static void a_listener_with_another_key_than_the_pinned_one_is_not_trusted(void **state)
{
    struct zworld *world = *state;
    struct zpeer peer = {0};
    struct zsock_address address;
    zworld_listen(world);
    struct zclient_options options = zworld_client_options(world, &address);
    options.server_key = keys_public(world->unknown_keys);
    zpeer_connect(&peer, world, &options);
    expect_closed(world, &peer, ZCLIENT_NOT_TRUSTED, "key");
    assert_false(peer.is_connected);
}

static void a_port_where_nobody_listens_is_unreachable(void **state)
{
    struct zworld *world = *state;
    struct zpeer peer = {0};
    struct zsock_address address;
    zworld_listen(world);
    struct zclient_options options = zworld_client_options(world, &address);
    address.port = 1;
    zpeer_connect(&peer, world, &options);
    expect_closed(world, &peer, ZCLIENT_UNREACHABLE, "tcp://127.0.0.1:1: nobody accepts the connection");
}

static void a_name_that_does_not_resolve_is_unreachable_in_time(void **state)
{
    struct zworld *world = *state;
    struct zpeer peer = {0};
    struct zsock_address address;
    zworld_listen(world);
    struct zclient_options options = zworld_client_options(world, &address);
    assert_int_equal(zsock_address_parse("no-such-host.invalid:7420", 0, &address, NULL), MR_OK);
    options.connect_ms = 100;
    zpeer_connect(&peer, world, &options);
    expect_closed(world, &peer, ZCLIENT_UNREACHABLE, "no connection within 100 ms");
}

/* A TCP listener whose backlog accepts connections that nobody answers. */
static int listen_deaf(struct zsock_address *address)
{
    struct sockaddr_in local = {.sin_family = AF_INET};
    socklen_t len = sizeof local;
    local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&local, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&local, &len), 0);
    address->port = ntohs(local.sin_port);
    return fd;
}

static void a_listener_that_does_not_answer_is_given_up_in_time(void **state)
{
    struct zworld *world = *state;
    struct zpeer peer = {0};
    struct zsock_address address;
    zworld_listen(world);
    struct zclient_options options = zworld_client_options(world, &address);
    int fd = listen_deaf(&address);
    options.connect_ms = 100;
    zpeer_connect(&peer, world, &options);
    assert_true(support_turn_until(world->loop, &peer.is_closed, DEADLINE_MS));
    assert_false(peer.is_connected);
    assert_true(peer.why == ZCLIENT_UNREACHABLE || peer.why == ZCLIENT_NOT_TRUSTED); /* whose limit is first */
    zclient_free(peer.client);
    close(fd);
}

static void a_listener_that_is_no_millrace_is_not_trusted(void **state)
{
    static const char greeting[] =
        "220 mail.example ESMTP, and more than sixty-four bytes of it, so that it is read whole\r\n";
    struct zworld *world = *state;
    struct zpeer peer = {0};
    struct zsock_address address;
    zworld_listen(world);
    struct zclient_options options = zworld_client_options(world, &address);
    int fd = listen_deaf(&address);
    zpeer_connect(&peer, world, &options);
    int accepted = accept(fd, NULL, NULL);
    assert_true(accepted >= 0);
    assert_true(send(accepted, greeting, sizeof greeting, MSG_NOSIGNAL) > 0);
    expect_closed(world, &peer, ZCLIENT_NOT_TRUSTED, "not a Millrace broker");
    close(accepted);
    close(fd);
}

static void the_end_of_the_listener_is_told_as_a_loss(void **state)
{
    struct zworld *world = *state;
    struct zpeer peer = {0};
    zworld_listen(world);
    assert_true(zpeer_try(&peer, world, world->known_keys));
    zserver_free(world->server);
    world->server = NULL;
    expect_closed(world, &peer, ZCLIENT_LOST, "the connection was lost");
}

/* -- until then ------------------------------------------------------------------------------------------------------ */
static void a_send_before_the_connection_stands_blocks_and_is_told_when_it_does(void **state)
{
    struct zworld *world = *state;
    struct zpeer peer = {0};
    struct zsock_address address;
    char large[ZWORLD_MAX_MESSAGE + 1] = {0};
    zworld_listen(world);
    struct zclient_options options = zworld_client_options(world, &address);
    zpeer_connect(&peer, world, &options);
    assert_int_equal(zclient_send(peer.client, "early", 5), MR_WOULD_BLOCK);
    assert_int_equal(zclient_send(peer.client, large, sizeof large), MR_TOO_BIG);
    assert_true(support_turn_until_count(world->loop, &peer.writable, 1, DEADLINE_MS));
    assert_true(peer.is_connected);
    assert_int_equal(zclient_send(peer.client, "early", 5), MR_OK);
    assert_true(support_turn_until_count(world->loop, &peer.messages, 1, DEADLINE_MS));
    assert_int_equal(peer.writable, 1);
    zclient_free(peer.client);
}

static void a_full_queue_blocks_and_is_told_when_it_has_room(void **state)
{
    struct zworld *world = *state;
    struct zpeer peer = {0};
    struct zsock_address address;
    struct zclient_stats stats;
    enum mr_rc rc = MR_OK;
    zworld_listen(world);
    struct zclient_options options = zworld_client_options(world, &address);
    options.send_frames = 8;
    zpeer_connect(&peer, world, &options);
    assert_true(support_turn_until(world->loop, &peer.is_connected, DEADLINE_MS));
    char bytes[ZWORLD_MAX_MESSAGE] = {0};
    unsigned sent = 0;
    for (; sent < 1000000 && rc == MR_OK; sent += rc == MR_OK)
        rc = zclient_send(peer.client, bytes, sizeof bytes); /* the loop does not turn: nobody reads */
    assert_int_equal(rc, MR_WOULD_BLOCK);
    assert_true(support_turn_until_count(world->loop, &peer.writable, 1, DEADLINE_MS));
    assert_true(support_turn_until_count(world->loop, &world->messages, sent, DEADLINE_MS));
    zclient_get_stats(peer.client, &stats);
    assert_int_equal(stats.sent, sent);
    assert_int_equal(stats.sent_bytes, (uint64_t)sent * sizeof bytes);
    zclient_free(peer.client);
}

static void a_client_may_be_freed_in_each_of_its_callbacks(void **state)
{
    struct zworld *world = *state;
    struct zpeer on_connect = {.is_freeing = true}, on_message = {0}, on_close = {.is_freeing = true};
    zworld_listen(world);
    assert_true(zpeer_try(&on_connect, world, world->known_keys));
    assert_null(on_connect.client);
    assert_true(zpeer_try(&on_message, world, world->known_keys));
    assert_int_equal(zclient_send(on_message.client, "hello", 5), MR_OK);
    on_message.is_freeing = true;
    assert_true(support_turn_until_count(world->loop, &on_message.messages, 1, DEADLINE_MS));
    assert_null(on_message.client);
    assert_false(zpeer_try(&on_close, world, world->unknown_keys));
    assert_null(on_close.client);
    support_turn_for(world->loop, 20);
}

static void a_hundred_connections_one_after_the_other_leave_nothing_behind(void **state)
{
    struct zworld *world = *state;
    zworld_listen(world);
    for (unsigned i = 0; i < 100; i++) {
        struct zpeer peer = {0};
        assert_true(zpeer_try(&peer, world, world->known_keys));
        zclient_free(peer.client);
    }
    loop_turn(world->loop, 0);
}

static void options_out_of_range_are_refused(void **state)
{
    struct zworld *world = *state;
    struct zsock_address address;
    struct zclient *client = NULL;
    struct zclient_callbacks callbacks = {0};
    zworld_listen(world);
    for (int i = 0; i < 5; i++) {
        struct zclient_options options = zworld_client_options(world, &address);
        options.receive_frames = i == 0 ? 0 : options.receive_frames;
        options.send_frames = i == 1 ? 0 : options.send_frames;
        options.max_message_bytes = i == 2 ? 0 : i == 3 ? SIZE_MAX : options.max_message_bytes;
        address.port = i == 4 ? 0 : address.port;
        assert_int_equal(zclient_new(world->loop, world->ctx, &options, &callbacks, NULL, &client, NULL), MR_INVALID);
    }
    assert_null(client);
}

static void every_failed_allocation_is_a_result(void **state)
{
    struct zworld *world = *state;
    struct zsock_address address;
    struct zclient *client = NULL;
    struct zclient_callbacks callbacks = {0};
    enum mr_rc rc = MR_NO_MEMORY;
    unsigned n = 1;
    zworld_listen(world);
    struct zclient_options options = zworld_client_options(world, &address);
    for (; rc == MR_NO_MEMORY; n++) {
        mem_fail_at(n);
        rc = zclient_new(world->loop, world->ctx, &options, &callbacks, NULL, &client, NULL);
        (void)mem_fail_off();
    }
    assert_int_equal(rc, MR_OK);
    assert_true(n > 4);
    zclient_free(client);
    zclient_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, zworld_setup, zworld_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_that_is_not_known_is_refused_and_named),
        TEST(a_listener_with_another_key_than_the_pinned_one_is_not_trusted),
        TEST(a_port_where_nobody_listens_is_unreachable),
        TEST(a_name_that_does_not_resolve_is_unreachable_in_time),
        TEST(a_listener_that_does_not_answer_is_given_up_in_time),
        TEST(a_listener_that_is_no_millrace_is_not_trusted),
        TEST(the_end_of_the_listener_is_told_as_a_loss),
        TEST(a_send_before_the_connection_stands_blocks_and_is_told_when_it_does),
        TEST(a_full_queue_blocks_and_is_told_when_it_has_room),
        TEST(a_client_may_be_freed_in_each_of_its_callbacks),
        TEST(a_hundred_connections_one_after_the_other_leave_nothing_behind),
        TEST(options_out_of_range_are_refused),
        TEST(every_failed_allocation_is_a_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
