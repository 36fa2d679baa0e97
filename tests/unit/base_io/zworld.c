/* zworld.c - the surroundings of the zsock tests. */
#include "tests/unit/base_io/zworld.h"
#include "base/err.h"
#include "base/io/loop.h"
#include "base/io/zap.h"
#include "base/io/zsock_internal.h"
#include "base/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HIGH_WATER 2000 /* twice what any test has in flight: libzmq gives room back in steps of half of it */

/* -- world ----------------------------------------------------------------------------------------------------------- */
static bool lookup(void *user, const struct zap_request *request, char ret_user_id[ZAP_USER_ID_SIZE])
{
    const struct zworld *world = user;
    const struct key_pair *known[] = {world->known_keys, world->other_known_keys};
    assert_string_equal(request->domain, "agents");
    assert_string_equal(request->address, "127.0.0.1");
    for (size_t i = 0; i < 2; i++)
        if (keys_equal(request->key, keys_public(known[i]))) {
            snprintf(ret_user_id, ZAP_USER_ID_SIZE, "agent/%s", keys_name(known[i]));
            return true;
        }
    return false;
}

static void make_keys(const char *name, struct key_pair **ret)
{
    assert_int_equal(keys_new(KEYS_AGENT, name, 0, ret, NULL), MR_OK);
}

int zworld_setup(void **state)
{
    struct zworld *world = calloc(1, sizeof *world);
    struct err err = {{0}};
    assert_non_null(world);
    assert_int_equal(keys_init(), MR_OK);
    make_keys("broker", &world->server_keys);
    make_keys("press-07", &world->known_keys);
    make_keys("lathe-01", &world->other_known_keys);
    make_keys("stranger", &world->unknown_keys);
    assert_int_equal(loop_new(&world->loop), MR_OK);
    assert_int_equal(zctx_new(-1, &world->ctx, &err), MR_OK);
    assert_int_equal(zap_new(world->loop, world->ctx, lookup, world, &world->zap, &err), MR_OK);
    *state = world;
    return 0;
}

int zworld_teardown(void **state)
{
    struct zworld *world = *state;
    zserver_free(world->server);
    zap_free(world->zap);
    zctx_free(world->ctx);
    loop_free(world->loop);
    keys_free(world->server_keys);
    keys_free(world->known_keys);
    keys_free(world->other_known_keys);
    keys_free(world->unknown_keys);
    free(world);
    assert_int_equal(mem_outstanding(), 0);
    return 0;
}

/* -- listener -------------------------------------------------------------------------------------------------------- */
static void on_server_message(void *user, const struct zmessage *message)
{
    struct zworld *world = user;
    world->messages++;
    world->last = *message;
    snprintf(world->last_user_id, sizeof world->last_user_id, "%s", message->user_id);
    snprintf(world->last_data, sizeof world->last_data, "%.*s", (int)message->len, (const char *)message->data);
    if (!world->is_mute && zserver_send(world->server, message->peer, message->data, message->len) != MR_OK)
        world->refused_sends++;
}

struct zserver_options zworld_server_options(const struct zworld *world)
{
    return (struct zserver_options){
        .address = "127.0.0.1:0",
        .domain = "agents",
        .public_key = keys_public(world->server_keys),
        .secret_key = keys_secret(world->server_keys),
        .max_message_bytes = ZWORLD_MAX_MESSAGE,
        .receive_frames = HIGH_WATER,
        .send_frames = HIGH_WATER,
        .handshake_ms = 500,
        .rank = 3,
    };
}

void zworld_listen(struct zworld *world)
{
    struct zserver_options options = zworld_server_options(world);
    struct err err = {{0}};
    assert_int_equal(zserver_new(world->loop, world->ctx, &options, on_server_message, world, &world->server, &err),
                     MR_OK);
}

const char *zworld_endpoint(const struct zworld *world)
{
    static char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "tcp://%s", zserver_address(world->server));
    return endpoint;
}

/* -- clients --------------------------------------------------------------------------------------------------------- */
static bool leave_if_asked(struct zpeer *peer)
{
    if (!peer->is_freeing)
        return false;
    zclient_free(peer->client);
    peer->client = NULL;
    return true;
}

static void on_connected(void *user)
{
    struct zpeer *peer = user;
    assert_false(peer->is_connected);
    peer->is_connected = true;
    (void)leave_if_asked(peer);
}

static void on_message(void *user, const uint8_t *data, size_t len)
{
    struct zpeer *peer = user;
    assert_true(peer->is_connected);
    peer->messages++;
    snprintf(peer->last_data, sizeof peer->last_data, "%.*s", (int)len, (const char *)data);
    if (leave_if_asked(peer) || peer->window_left == 0)
        return;
    peer->window_left--;
    assert_int_equal(zclient_send(peer->client, "again", 5), MR_OK);
}

static void on_writable(void *user)
{
    struct zpeer *peer = user;
    peer->writable++;
}

static void on_closed(void *user, enum zclient_end why, const char *words)
{
    struct zpeer *peer = user;
    assert_false(peer->is_closed);
    peer->is_closed = true;
    peer->why = why;
    snprintf(peer->words, sizeof peer->words, "%s", words);
    (void)leave_if_asked(peer);
}

static const struct zclient_callbacks callbacks = {
    .on_connected = on_connected, .on_message = on_message, .on_writable = on_writable, .on_closed = on_closed};

struct zclient_options zworld_client_options(const struct zworld *world, struct zsock_address *address)
{
    struct err err = {{0}};
    assert_int_equal(zsock_address_parse(zserver_address(world->server), 0, address, &err), MR_OK);
    return (struct zclient_options){
        .address = address,
        .public_key = keys_public(world->known_keys),
        .secret_key = keys_secret(world->known_keys),
        .server_key = keys_public(world->server_keys),
        .max_message_bytes = ZWORLD_MAX_MESSAGE,
        .receive_frames = HIGH_WATER,
        .send_frames = HIGH_WATER,
        .rank = 3,
    };
}

void zpeer_connect(struct zpeer *peer, struct zworld *world, const struct zclient_options *options)
{
    struct err err = {{0}};
    peer->loop = world->loop;
    assert_int_equal(zclient_new(world->loop, world->ctx, options, &callbacks, peer, &peer->client, &err), MR_OK);
}

bool zpeer_try(struct zpeer *peer, struct zworld *world, const struct key_pair *keys)
{
    struct zsock_address address;
    struct zclient_options options = zworld_client_options(world, &address);
    options.public_key = keys_public(keys);
    options.secret_key = keys_secret(keys);
    zpeer_connect(peer, world, &options);
    for (int turns = 0; turns < DEADLINE_MS / 10 && !peer->is_connected && !peer->is_closed; turns++)
        support_turn_for(world->loop, 10);
    assert_true(peer->is_connected || peer->is_closed);
    return peer->is_connected;
}

void *zworld_raw_dealer(struct zworld *world, const struct key_pair *keys, const char *routing_id)
{
    return zworld_raw_dealer_named(world, keys, routing_id, routing_id ? strlen(routing_id) : 0);
}

void *zworld_raw_dealer_named(struct zworld *world, const struct key_pair *keys, const void *routing_id, size_t len)
{
    void *dealer = zmq_socket(world->ctx->zmq, ZMQ_DEALER);
    int zero = 0, never = -1;
    assert_non_null(dealer);
    assert_int_equal(zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof zero), 0);
    assert_int_equal(zmq_setsockopt(dealer, ZMQ_RECONNECT_IVL, &never, sizeof never), 0);
    if (len > 0 && zmq_setsockopt(dealer, ZMQ_ROUTING_ID, routing_id, len) != 0)
        fail_msg("libzmq does not take this routing id");
    if (keys) {
        const uint8_t *server_key = keys_public(world->server_keys);
        assert_int_equal(zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, server_key, KEYS_BYTES), 0);
        assert_int_equal(zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, keys_public(keys), KEYS_BYTES), 0);
        assert_int_equal(zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, keys_secret(keys), KEYS_BYTES), 0);
    }
    assert_int_equal(zmq_connect(dealer, zworld_endpoint(world)), 0);
    return dealer;
}
