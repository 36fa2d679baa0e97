/* zworld.h - one loop with context, ZAP handler, keys and, on demand, a listener and clients, for the tests of zsock. */
#ifndef TESTS_UNIT_BASE_IO_ZWORLD_H
#define TESTS_UNIT_BASE_IO_ZWORLD_H
#include "base/io/keys.h"
#include "base/io/zsock.h"
#include "tests/unit/base_io/support.h"

#define ZWORLD_MAX_MESSAGE 4096U

struct zap;

struct zworld {
    struct loop *loop;
    struct zctx *ctx;
    struct zap *zap;
    struct zserver *server;
    struct key_pair *server_keys, *known_keys, *other_known_keys, *unknown_keys;
    /* What the listener saw: every message is answered with itself unless is_mute. */
    unsigned messages;
    struct zmessage last; /* its data is gone */
    char last_user_id[64], last_data[64];
    unsigned refused_sends;
    bool is_mute;
};

/* Fixtures of cmocka; *state is the world. The teardown also checks that nothing was leaked. */
int zworld_setup(void **state);
int zworld_teardown(void **state);

/* Listens on 127.0.0.1, a port of the system's choice; the options may be changed before. */
struct zserver_options zworld_server_options(const struct zworld *world);
void zworld_listen(struct zworld *world);

/* Where the listener listens, for zmq_connect(); static. */
const char *zworld_endpoint(const struct zworld *world);

/* A client and what it saw. */
struct zpeer {
    struct zclient *client;
    struct loop *loop;
    bool is_connected, is_closed;
    unsigned messages, writable;
    enum zclient_end why;
    char words[512], last_data[64];
    unsigned window_left; /* this many more messages are sent, one for each received */
    bool is_freeing;      /* in the first callback that comes */
};

/* Options for the listener of the world and the known keys. address is filled and must outlive the options. */
struct zclient_options zworld_client_options(const struct zworld *world, struct zsock_address *address);
void zpeer_connect(struct zpeer *peer, struct zworld *world, const struct zclient_options *options);

/* Connects with this pair to the world's listener and waits for the outcome. True: connected. */
bool zpeer_try(struct zpeer *peer, struct zworld *world, const struct key_pair *keys);

/* A plain libzmq DEALER with the known keys, for what a zclient would never do; NULL keys: without CURVE. */
void *zworld_raw_dealer(struct zworld *world, const struct key_pair *keys, const char *routing_id);

/* The same with a routing id of any bytes; len 0: it chooses none. */
void *zworld_raw_dealer_named(struct zworld *world, const struct key_pair *keys, const void *routing_id, size_t len);
#endif
