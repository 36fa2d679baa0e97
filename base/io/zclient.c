/* zclient.c - one encrypted connection out: a DEALER for one attempt, watched by its monitor. */
#include "base/blob.h"
#include "base/err.h"
#include "base/io/keys.h"
#include "base/io/loop.h"
#include "base/io/zmonitor.h"
#include "base/io/zsock.h"
#include "base/io/zsock_internal.h"
#include "base/mem.h"
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_CONNECT_MS 5000
#define NS_PER_MS INT64_C(1000000)

/*   CONNECTING ──handshake──▶ OPEN
 *       │                      │
 *       └──────▶ ENDED ◀───────┘   on_closed, then only zclient_free()
 *   any ──zclient_free()──▶ FREED   reaped when the turn ends */
enum state { CONNECTING, OPEN, ENDED, FREED };

struct zclient {
    struct loop *loop;
    enum state state;
    bool has_tcp;        /* the TCP connection stands: tells a deaf peer from none */
    bool is_room_wanted; /* a send was refused: on_writable is owed */
    void *socket;
    struct zmonitor *monitor;
    struct loop_source *socket_source;
    struct loop_timer *deadline;
    const struct zclient_callbacks *callbacks;
    void *user;
    size_t max_message_bytes;
    int connect_ms;
    char address[ZSOCK_ADDRESS_SIZE];
    char fingerprint[KEYS_FINGERPRINT_SIZE]; /* of our own key, for words */
    struct zclient_stats stats;
    struct loop_hook reap;
};

#define EVENTS                                                                                                         \
    (ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |                 \
     ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

/* -- the end --------------------------------------------------------------------------------------------------------- */
static void let_go(struct zclient *client)
{
    loop_timer_free(client->deadline);
    loop_source_free(client->socket_source);
    zmonitor_free(client->monitor);
    zsock_close(client->socket);
    client->deadline = NULL;
    client->socket_source = NULL;
    client->monitor = NULL;
    client->socket = NULL;
}

static void end(struct zclient *client, enum zclient_end why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void end(struct zclient *client, enum zclient_end why, const char *format, ...)
{
    char words[256];
    struct err err;
    va_list args;
    if (client->state >= ENDED)
        return;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    err_set(&err, "%s: %s", client->address, words);
    client->state = ENDED;
    let_go(client);
    client->callbacks->on_closed(client->user, why, err.text);
}

void zclient_free(struct zclient *client)
{
    if (!client || client->state == FREED)
        return;
    let_go(client);
    client->state = FREED;
    loop_defer(client->loop, &client->reap, mem_free, client);
}

static void on_deadline(void *user)
{
    struct zclient *client = user;
    end(client, ZCLIENT_UNREACHABLE,
        client->has_tcp ? "the connection is accepted, but nothing answered within %d ms"
                        : "no connection within %d ms: check the name, the network and the port",
        client->connect_ms);
}

/* -- monitor --------------------------------------------------------------------------------------------------------- */
static void on_handshake(struct zclient *client)
{
    if (client->state != CONNECTING)
        return;
    client->state = OPEN;
    loop_timer_stop(client->deadline);
    client->callbacks->on_connected(client->user);
}

static void on_disconnected(struct zclient *client)
{
    if (client->state == OPEN)
        end(client, ZCLIENT_LOST, "the connection was lost");
    else
        end(client, ZCLIENT_NOT_TRUSTED,
            "it hung up during the handshake: not a Millrace broker, or not the one whose key "
            "is pinned");
}

static void on_event(void *user, unsigned event, int32_t value)
{
    struct zclient *client = user;
    (void)value;
    switch (event) {
    case ZMQ_EVENT_CONNECTED:
        client->has_tcp = true;
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        on_handshake(client);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        end(client, ZCLIENT_REFUSED, "it does not admit our key %s: enrol this identity, or ask whether it was revoked",
            client->fingerprint);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        end(client, ZCLIENT_NOT_TRUSTED, "it does not hold the key that is pinned for it, or is not a Millrace broker");
        break;
    case ZMQ_EVENT_CLOSED:
        end(client, ZCLIENT_UNREACHABLE, "nobody accepts the connection: check the address, and whether it runs");
        break;
    default: /* DISCONNECTED, and the failed handshake without detail, which is one */
        on_disconnected(client);
        break;
    }
}

/* -- messages -------------------------------------------------------------------------------------------------------- */
/* A message of several parts is nothing a Millrace peer sends: its parts are dropped. False: there is none. */
static bool receive(struct zclient *client, size_t *bytes)
{
    zmq_msg_t body;
    zmq_msg_init(&body);
    bool is_received = zmq_msg_recv(&body, client->socket, ZMQ_DONTWAIT) >= 0;
    if (is_received && zmq_msg_more(&body)) {
        zsock_skip_parts(client->socket);
    } else if (is_received) {
        size_t len = zmq_msg_size(&body);
        *bytes += len;
        client->stats.received++;
        client->stats.received_bytes += len;
        client->callbacks->on_message(client->user, zmq_msg_data(&body), len);
    }
    zmq_msg_close(&body);
    return is_received;
}

static bool has_room(const struct zclient *client)
{
    return client->is_room_wanted && zsock_events(client->socket) & ZMQ_POLLOUT;
}

static void drain_socket(void *user)
{
    struct zclient *client = user;
    size_t bytes = 0;
    if (client->state == CONNECTING)
        zmonitor_drain(client->monitor); /* what has come by now came behind the handshake: tell that first */
    for (unsigned n = 0; n < LOOP_DRAIN_MESSAGES && bytes < LOOP_DRAIN_BYTES && client->state == OPEN; n++)
        if (!receive(client, &bytes))
            break;
    if (client->state == OPEN && has_room(client)) {
        client->is_room_wanted = false;
        if (client->callbacks->on_writable)
            client->callbacks->on_writable(client->user);
    }
}

static bool is_socket_ready(void *user)
{
    const struct zclient *client = user;
    return zsock_events(client->socket) & ZMQ_POLLIN || (client->state == OPEN && has_room(client));
}

static const struct loop_source_ops socket_ops = {.is_ready = is_socket_ready, .drain = drain_socket};

static enum mr_rc check_send(struct zclient *client, size_t len)
{
    if (len > client->max_message_bytes)
        return MR_TOO_BIG;
    if (client->state >= ENDED)
        return MR_CLOSED;
    if (client->state == OPEN)
        return MR_OK;
    client->is_room_wanted = true;
    return MR_WOULD_BLOCK;
}

/* Sends body and closes it either way. */
static enum mr_rc send_message(struct zclient *client, zmq_msg_t *body)
{
    size_t len = zmq_msg_size(body);
    if (zmq_msg_send(body, client->socket, ZMQ_DONTWAIT) >= 0) {
        client->stats.sent++;
        client->stats.sent_bytes += len;
        return MR_OK;
    }
    bool is_full = errno == EAGAIN;
    zmq_msg_close(body);
    client->is_room_wanted = client->is_room_wanted || is_full;
    return is_full ? MR_WOULD_BLOCK : MR_CLOSED;
}

enum mr_rc zclient_send(struct zclient *client, const void *data, size_t len)
{
    zmq_msg_t body;
    enum mr_rc rc = check_send(client, len);
    if (rc == MR_OK)
        rc = zsock_copy(&body, data, len);
    return rc == MR_OK ? send_message(client, &body) : rc;
}

enum mr_rc zclient_send_blob(struct zclient *client, struct blob *blob)
{
    zmq_msg_t body;
    enum mr_rc rc = check_send(client, blob->len);
    if (rc == MR_OK)
        rc = zsock_wrap(&body, blob);
    return rc == MR_OK ? send_message(client, &body) : rc;
}

void zclient_get_stats(const struct zclient *client, struct zclient_stats *ret)
{
    *ret = client->stats;
}

/* -- connecting ------------------------------------------------------------------------------------------------------ */
static enum mr_rc open_dealer(struct zclient *client, struct zctx *ctx, const struct zclient_options *options,
                              struct err *err)
{
    const struct zsock_address *address = options->address;
    int64_t max_bytes = (int64_t)(options->max_message_bytes + ZSOCK_CURVE_OVERHEAD);
    bool is_ipv6 = address->is_ipv6 || (!address->is_number && options->is_ipv6_wanted);
    const struct zsock_option list[] = {
        {.name = ZMQ_CURVE_SERVERKEY, .bytes = options->server_key, .len = ZSOCK_KEY_BYTES},
        {.name = ZMQ_CURVE_PUBLICKEY, .bytes = options->public_key, .len = ZSOCK_KEY_BYTES},
        {.name = ZMQ_CURVE_SECRETKEY, .bytes = options->secret_key, .len = ZSOCK_KEY_BYTES},
        {.name = ZMQ_RECONNECT_IVL, .number = -1},
        {.name = ZMQ_CONNECT_TIMEOUT, .number = client->connect_ms},
        {.name = ZMQ_HANDSHAKE_IVL, .number = client->connect_ms},
        {.name = ZMQ_MAXMSGSIZE, .bytes = &max_bytes, .len = sizeof max_bytes},
        {.name = ZMQ_RCVHWM, .number = options->receive_frames},
        {.name = ZMQ_SNDHWM, .number = options->send_frames},
        {.name = ZMQ_IPV6, .number = is_ipv6},
        {.name = ZMQ_LINGER, .number = 0},
    };
    return zsock_open(ctx, ZMQ_DEALER, list, sizeof list / sizeof list[0], &client->socket, err);
}

static enum mr_rc open_monitor(struct zclient *client, struct zctx *ctx, int rank, struct err *err)
{
    const struct zmonitor_options options = {.loop = client->loop,
                                             .ctx = ctx,
                                             .socket = client->socket,
                                             .events = EVENTS,
                                             .rank = rank,
                                             .fn = on_event,
                                             .user = client};
    return zmonitor_new(&options, &client->monitor, err);
}

static enum mr_rc watch(struct zclient *client, int rank)
{
    enum mr_rc rc =
        loop_source_new(client->loop, zsock_wake_fd(client->socket), rank, &socket_ops, client, &client->socket_source);
    if (rc == MR_OK)
        rc = loop_timer_new(client->loop, on_deadline, client, &client->deadline);
    return rc;
}

static enum mr_rc begin(struct zclient *client, struct zctx *ctx, const struct zclient_options *options,
                        struct err *err)
{
    enum mr_rc rc = open_dealer(client, ctx, options, err);
    if (rc == MR_OK)
        rc = open_monitor(client, ctx, options->rank, err);
    if (rc != MR_OK)
        return rc;
    rc = watch(client, options->rank);
    if (rc != MR_OK) {
        err_set(err, "out of memory for a connection to %s", client->address);
        return rc;
    }
    if (zmq_connect(client->socket, client->address) != 0) {
        err_set(err, "cannot connect to %s: %s", client->address, zmq_strerror(errno));
        return MR_INVALID;
    }
    loop_timer_start(client->deadline, loop_now_ns(client->loop) + client->connect_ms * NS_PER_MS);
    return MR_OK;
}

enum mr_rc zclient_new(struct loop *loop, struct zctx *ctx, const struct zclient_options *options,
                       const struct zclient_callbacks *callbacks, void *user, struct zclient **ret, struct err *err)
{
    if (options->address->port == 0 || options->receive_frames < 1 || options->send_frames < 1 ||
        options->max_message_bytes < 1 || options->max_message_bytes > INT_MAX) {
        err_set(err, "a connection needs a port, high-water marks and a message limit");
        return MR_INVALID;
    }
    struct zclient *client = mem_calloc(1, sizeof *client);
    if (!client) {
        err_set(err, "out of memory for a connection");
        return MR_NO_MEMORY;
    }
    *client = (struct zclient){.loop = loop,
                               .callbacks = callbacks,
                               .user = user,
                               .max_message_bytes = options->max_message_bytes,
                               .connect_ms = options->connect_ms ? options->connect_ms : DEFAULT_CONNECT_MS};
    zsock_address_print(options->address, client->address);
    keys_fingerprint(options->public_key, client->fingerprint);
    enum mr_rc rc = begin(client, ctx, options, err);
    if (rc != MR_OK) {
        let_go(client);
        mem_free(client);
        return rc;
    }
    *ret = client;
    return MR_OK;
}
