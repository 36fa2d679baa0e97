/* zserver.c - the encrypted listener: a ROUTER that only speaks with peers ZAP has named. */
#include "base/err.h"
#include "base/io/loop.h"
#include "base/io/tcpfd.h"
#include "base/io/zmonitor.h"
#include "base/io/zsock.h"
#include "base/io/zsock_internal.h"
#include "base/mem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Debian's zmq.h hides it behind ZMQ_BUILD_DRAFT_API, the release library obeys it. Without it an empty domain or a missing
 * handler admits every key. */
#define OPTION_ZAP_ENFORCE_DOMAIN 93

#define DEFAULT_HANDSHAKE_MS 3000
#define DEFAULT_BACKLOG 512
#define MONITOR_RANK 1
#define ROUTING_ID_BYTES 5U    /* libzmq's own ids: a zero byte, then 32 bits, big-endian, counted from a random one */
#define NOT_COUNTED_MAX 65536U /* connections that libzmq has told of and we have not read of yet */

struct zserver {
    struct loop *loop;
    void *socket;     /* NULL: freed, waiting to be reaped */
    int listening_fd; /* libzmq's since the bind */
    struct loop_source *source;
    struct zmonitor *monitor;
    const struct zserver_watch *watch; /* NULL: nobody */
    void *watch_user;
    zserver_fn *fn;
    void *user;
    size_t max_message_bytes;
    uint16_t port;
    char address[INET6_ADDRSTRLEN + 10]; /* "[host]:65535" */
    uint32_t first_id;                   /* of the routing ids that libzmq gives, one for each connection at most */
    uint64_t accepted;                   /* connections so far */
    struct zserver_stats stats;
    struct loop_hook reap;
};

/* -- receiving ------------------------------------------------------------------------------------------------------- */
static const char *property(zmq_msg_t *message, const char *name)
{
    const char *value = zmq_msg_gets(message, name);
    return value ? value : "";
}

static bool read_routing_id(zmq_msg_t *frame, uint32_t *ret_peer)
{
    const uint8_t *id = zmq_msg_data(frame);
    if (zmq_msg_size(frame) != ROUTING_ID_BYTES || id[0] != 0)
        return false;
    memcpy(ret_peer, id + 1, sizeof *ret_peer);
    return true;
}

/* Whether libzmq gave this id. A peer may choose one of the same form, which no property tells (libzmq ends the text at its
 * zero byte), but it cannot know where the counting began. One that libzmq comes to later would abort the process. */
static bool is_given(const struct zserver *server, uint32_t peer)
{
    uint32_t above = ntohl(peer) - server->first_id;
    return above <= server->accepted + NOT_COUNTED_MAX;
}

static void cut(struct zserver *server, const struct zmessage *message, uint64_t *count, const char *words)
{
    (*count)++;
    zserver_shutdown_peer(server, message->fd);
    if (server->watch)
        server->watch->on_broken(server->watch_user, message, words);
}

/* Delivers a message, or drops it and cuts the peer that broke a rule. Properties are read from the body: the first frame
 * of a connection loses them inside libzmq. */
static void judge(struct zserver *server, zmq_msg_t *routing_id, zmq_msg_t *body)
{
    struct zmessage message = {
        .fd = zmq_msg_get(body, ZMQ_SRCFD),
        .user_id = property(body, "User-Id"),
        .address = property(body, "Peer-Address"),
        .data = zmq_msg_data(body),
        .len = zmq_msg_size(body),
    };
    if (zmq_msg_more(body)) {
        zsock_skip_parts(server->socket);
        cut(server, &message, &server->stats.shut_multipart, "it sends a message of several parts");
    } else if (message.user_id[0] == '\0') {
        server->stats.dropped_nameless++;
    } else if (property(body, "Identity")[0] != '\0' || !read_routing_id(routing_id, &message.peer) ||
               !is_given(server, message.peer)) {
        cut(server, &message, &server->stats.shut_identity, "it chooses its own routing id");
    } else {
        server->stats.received++;
        server->stats.received_bytes += message.len;
        server->fn(server->user, &message);
    }
}

/* Receives one message; adds its bytes to *bytes. False: there is none. */
static bool receive(struct zserver *server, size_t *bytes)
{
    zmq_msg_t routing_id, body;
    zmq_msg_init(&routing_id);
    zmq_msg_init(&body);
    bool is_received = zmq_msg_recv(&routing_id, server->socket, ZMQ_DONTWAIT) >= 0;
    if (is_received && zmq_msg_more(&routing_id) && zmq_msg_recv(&body, server->socket, ZMQ_DONTWAIT) >= 0) {
        *bytes += zmq_msg_size(&body);
        judge(server, &routing_id, &body);
    }
    zmq_msg_close(&body);
    zmq_msg_close(&routing_id);
    return is_received;
}

static void drain(void *user)
{
    struct zserver *server = user;
    size_t bytes = 0;
    for (unsigned n = 0; n < LOOP_DRAIN_MESSAGES && bytes < LOOP_DRAIN_BYTES && server->socket; n++)
        if (!receive(server, &bytes))
            break;
}

static bool is_ready(void *user)
{
    const struct zserver *server = user;
    return zsock_events(server->socket) & ZMQ_POLLIN;
}

static const struct loop_source_ops source_ops = {.is_ready = is_ready, .drain = drain};

/* -- sending --------------------------------------------------------------------------------------------------------- */
static enum mr_rc send_routing_id(struct zserver *server, uint32_t peer)
{
    uint8_t id[ROUTING_ID_BYTES] = {0};
    memcpy(id + 1, &peer, sizeof peer);
    if (zmq_send(server->socket, id, sizeof id, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
        return MR_OK;
    if (errno == EAGAIN)
        return MR_WOULD_BLOCK;
    return errno == ENOMEM ? MR_NO_MEMORY : MR_CLOSED;
}

/* Sends body to peer and closes it either way. Once the routing id is taken the body is too. */
static enum mr_rc send_message(struct zserver *server, uint32_t peer, zmq_msg_t *body)
{
    size_t len = zmq_msg_size(body);
    enum mr_rc rc = send_routing_id(server, peer);
    if (rc == MR_OK && zmq_msg_send(body, server->socket, ZMQ_DONTWAIT) < 0)
        rc = MR_CLOSED;
    if (rc == MR_OK) {
        server->stats.sent++;
        server->stats.sent_bytes += len;
    } else {
        zmq_msg_close(body);
    }
    return rc;
}

enum mr_rc zserver_send(struct zserver *server, uint32_t peer, const void *data, size_t len)
{
    zmq_msg_t body;
    if (len > server->max_message_bytes)
        return MR_TOO_BIG;
    enum mr_rc rc = zsock_copy(&body, data, len);
    return rc == MR_OK ? send_message(server, peer, &body) : rc;
}

enum mr_rc zserver_send_blob(struct zserver *server, uint32_t peer, struct blob *blob)
{
    zmq_msg_t body;
    enum mr_rc rc = zsock_wrap(&body, blob);
    if (rc != MR_OK)
        return rc;
    if (zmq_msg_size(&body) > server->max_message_bytes) {
        zmq_msg_close(&body);
        return MR_TOO_BIG;
    }
    return send_message(server, peer, &body);
}

void zserver_shutdown_peer(struct zserver *server, int fd)
{
    (void)server;
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR); /* never close(): the descriptor is libzmq's */
}

/* -- connections ----------------------------------------------------------------------------------------------------- */
static void on_event(void *user, unsigned event, int32_t value)
{
    struct zserver *server = user;
    server->accepted += event == ZMQ_EVENT_ACCEPTED;
    if (!server->watch)
        return;
    if (event == ZMQ_EVENT_ACCEPTED)
        server->watch->on_accepted(server->watch_user, value);
    else
        server->watch->on_closed(server->watch_user, value);
}

/* Not asked for: what happens between accepting and closing, and failures to accept. Without descriptors libzmq makes half a
 * million of those in a second. */
static enum mr_rc watch_connections(struct zserver *server, struct zctx *ctx, struct err *err)
{
    const struct zmonitor_options options = {.loop = server->loop,
                                             .ctx = ctx,
                                             .socket = server->socket,
                                             .events = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED,
                                             .rank = MONITOR_RANK,
                                             .fn = on_event,
                                             .user = server};
    return zmonitor_new(&options, &server->monitor, err);
}

enum mr_rc zserver_hold(struct zserver *server, bool is_held)
{
    return tcpfd_hold(server->listening_fd, is_held);
}

/* -- listening ------------------------------------------------------------------------------------------------------- */
union endpoint {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static enum mr_rc parse_listen_address(const char *text, union endpoint *ret, socklen_t *ret_len, struct err *err)
{
    char all[ZSOCK_ADDRESS_SIZE];
    struct zsock_address address;
    if (text[0] == '*' && text[1] == ':') {
        snprintf(all, sizeof all, "0.0.0.0%s", text + 1);
        text = all;
    }
    enum mr_rc rc = zsock_address_parse(text, 0, &address, err);
    if (rc != MR_OK)
        return rc;
    if (!address.is_number) {
        err_set(err, "cannot listen on '%s': give an IP address of this machine, or '*:%u' for all", text,
                address.port);
        return MR_INVALID;
    }
    *ret = (union endpoint){.v6 = {0}};
    if (address.is_ipv6) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons(address.port);
        inet_pton(AF_INET6, address.host, &ret->v6.sin6_addr);
        *ret_len = sizeof ret->v6;
    } else {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(address.port);
        inet_pton(AF_INET, address.host, &ret->v4.sin_addr);
        *ret_len = sizeof ret->v4;
    }
    return MR_OK;
}

static enum mr_rc listen_failed(const char *address, struct err *err)
{
    const char *port = strrchr(address, ':');
    switch (errno) {
    case EADDRINUSE:
        err_set(err,
                "port in use: %s; see who has it with: ss -ltnp 'sport = %s', then stop that or choose another port",
                address, port ? port : "");
        return MR_INVALID;
    case EADDRNOTAVAIL:
        err_set(err, "cannot listen on %s: this machine has no such address; see: ip address", address);
        return MR_INVALID;
    case EACCES:
        err_set(err, "cannot listen on %s: ports below 1024 need a right of their own; choose a higher one", address);
        return MR_DENIED;
    default:
        err_set(err, "cannot listen on %s: %s", address, strerror(errno));
        return errno == ENOMEM ? MR_NO_MEMORY : MR_INVALID;
    }
}

/* The listening descriptor is our own, so that an error has words and connections can be governed on it later. */
static enum mr_rc listen_on(const char *address, int backlog, int *ret_fd, struct err *err)
{
    union endpoint endpoint;
    socklen_t len = 0;
    int on = 1;
    enum mr_rc rc = parse_listen_address(address, &endpoint, &len, err);
    if (rc != MR_OK)
        return rc;
    int fd = socket(endpoint.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return listen_failed(address, err);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 || bind(fd, &endpoint.any, len) != 0 ||
        listen(fd, backlog) != 0) {
        rc = listen_failed(address, err);
        close(fd);
        return rc;
    }
    *ret_fd = fd;
    return MR_OK;
}

/* Notes where fd really listens: the port may have been chosen by the system. */
static void note_address(struct zserver *server, int fd)
{
    union endpoint endpoint = {.v6 = {0}};
    socklen_t len = sizeof endpoint;
    char host[INET6_ADDRSTRLEN] = "";
    getsockname(fd, &endpoint.any, &len);
    bool is_ipv6 = endpoint.any.sa_family == AF_INET6;
    server->port = ntohs(is_ipv6 ? endpoint.v6.sin6_port : endpoint.v4.sin_port);
    inet_ntop(endpoint.any.sa_family, is_ipv6 ? (void *)&endpoint.v6.sin6_addr : (void *)&endpoint.v4.sin_addr, host,
              sizeof host);
    snprintf(server->address, sizeof server->address, is_ipv6 ? "[%s]:%u" : "%s:%u", host, (unsigned)server->port);
}

/* Reads back what keeps strangers out: a libzmq that ignores one of these must not serve. */
static enum mr_rc verify_closed(void *socket, const char *domain, struct err *err)
{
    char has_domain[256] = "";
    int mechanism = 0, is_enforced = 0, is_server = 0;
    size_t domain_size = sizeof has_domain, size = sizeof(int);
    if (zmq_getsockopt(socket, ZMQ_MECHANISM, &mechanism, &size) == 0 && mechanism == ZMQ_CURVE &&
        zmq_getsockopt(socket, ZMQ_CURVE_SERVER, &is_server, &size) == 0 && is_server == 1 &&
        zmq_getsockopt(socket, OPTION_ZAP_ENFORCE_DOMAIN, &is_enforced, &size) == 0 && is_enforced == 1 &&
        zmq_getsockopt(socket, ZMQ_ZAP_DOMAIN, has_domain, &domain_size) == 0 && strcmp(has_domain, domain) == 0)
        return MR_OK;
    err_set(err, "this libzmq does not enforce authentication (CURVE, ZAP domain): refusing to listen");
    return MR_INVALID;
}

static enum mr_rc open_router(struct zctx *ctx, const struct zserver_options *options, int fd, void **ret,
                              struct err *err)
{
    void *socket = NULL;
    int64_t max_bytes = (int64_t)(options->max_message_bytes + ZSOCK_CURVE_OVERHEAD);
    const struct zsock_option list[] = {
        {.name = ZMQ_ZAP_DOMAIN, .bytes = options->domain, .len = strlen(options->domain)},
        {.name = OPTION_ZAP_ENFORCE_DOMAIN, .number = 1},
        {.name = ZMQ_CURVE_SERVER, .number = 1},
        {.name = ZMQ_CURVE_PUBLICKEY, .bytes = options->public_key, .len = ZSOCK_KEY_BYTES},
        {.name = ZMQ_CURVE_SECRETKEY, .bytes = options->secret_key, .len = ZSOCK_KEY_BYTES},
        {.name = ZMQ_MAXMSGSIZE, .bytes = &max_bytes, .len = sizeof max_bytes},
        {.name = ZMQ_HANDSHAKE_IVL, .number = options->handshake_ms ? options->handshake_ms : DEFAULT_HANDSHAKE_MS},
        {.name = ZMQ_RCVHWM, .number = options->receive_frames},
        {.name = ZMQ_SNDHWM, .number = options->send_frames},
        {.name = ZMQ_ROUTER_MANDATORY, .number = 1},
        {.name = ZMQ_LINGER, .number = 0},
        {.name = ZMQ_USE_FD, .number = fd},
    };
    enum mr_rc rc = zsock_open(ctx, ZMQ_ROUTER, list, sizeof list / sizeof list[0], &socket, err);
    if (rc == MR_OK)
        rc = verify_closed(socket, options->domain, err);
    if (rc != MR_OK) {
        zsock_close(socket);
        return rc;
    }
    *ret = socket;
    return MR_OK;
}

/* Learns where libzmq's own routing ids begin, from a first peer inside the process. Nobody else connects to that address: it
 * is gone before anything turns the loop. */
static enum mr_rc learn_first_id(struct zserver *server, struct zctx *ctx, struct err *err)
{
    char name[64];
    void *peer = NULL;
    zmq_msg_t id;
    const struct zsock_option list[] = {{.name = ZMQ_LINGER, .number = 0}};
    enum mr_rc rc = zsock_open(ctx, ZMQ_DEALER, list, 1, &peer, err);
    if (rc != MR_OK)
        return rc;
    snprintf(name, sizeof name, "inproc://zserver-%u", ctx->next_monitor++);
    zmq_msg_init(&id);
    bool is_learnt = zmq_bind(server->socket, name) == 0 && zmq_connect(peer, name) == 0 &&
                     zmq_send(peer, "", 0, ZMQ_DONTWAIT) == 0 && zmq_msg_recv(&id, server->socket, ZMQ_DONTWAIT) >= 0 &&
                     read_routing_id(&id, &server->first_id);
    if (is_learnt)
        zsock_skip_parts(server->socket);
    server->first_id = ntohl(server->first_id);
    zmq_msg_close(&id);
    zmq_unbind(server->socket, name);
    zsock_close(peer);
    if (!is_learnt)
        err_set(err, "this libzmq does not number its peers as expected: refusing to listen");
    return is_learnt ? MR_OK : MR_INVALID;
}

/* Hands fd to libzmq, which closes it together with the socket once the bind succeeded. */
static enum mr_rc start_listening(struct zserver *server, struct zctx *ctx, const struct zserver_options *options,
                                  int fd, struct err *err)
{
    enum mr_rc rc = open_router(ctx, options, fd, &server->socket, err);
    if (rc == MR_OK)
        rc = learn_first_id(server, ctx, err);
    if (rc == MR_OK)
        rc = watch_connections(server, ctx, err);
    if (rc != MR_OK) {
        close(fd);
        return rc;
    }
    if (zmq_bind(server->socket, "tcp://127.0.0.1:0") != 0) { /* names nothing: fd is bound already */
        err_set(err, "cannot listen on %s: %s", server->address, zmq_strerror(errno));
        close(fd);
        return MR_INVALID;
    }
    rc = loop_source_new(server->loop, zsock_wake_fd(server->socket), options->rank, &source_ops, server,
                         &server->source);
    if (rc != MR_OK)
        err_set(err, "out of memory for a listener");
    return rc;
}

static enum mr_rc check_options(const struct zctx *ctx, const struct zserver_options *options, struct err *err)
{
    if (!ctx->has_zap) {
        err_set(err, "no ZAP handler runs: a listener would admit every key");
        return MR_MISUSE;
    }
    size_t domain_len = strlen(options->domain);
    if (domain_len == 0 || domain_len > 255 || options->receive_frames < 1 || options->send_frames < 1 ||
        options->max_message_bytes < 1 || options->max_message_bytes > INT_MAX) {
        err_set(err, "a listener needs a ZAP domain, high-water marks and a message limit");
        return MR_INVALID;
    }
    return MR_OK;
}

enum mr_rc zserver_new(struct loop *loop, struct zctx *ctx, const struct zserver_options *options, zserver_fn *fn,
                       void *user, struct zserver **ret, struct err *err)
{
    int fd = -1;
    enum mr_rc rc = check_options(ctx, options, err);
    if (rc != MR_OK)
        return rc;
    struct zserver *server = mem_calloc(1, sizeof *server);
    if (!server) {
        err_set(err, "out of memory for a listener");
        return MR_NO_MEMORY;
    }
    *server = (struct zserver){.loop = loop,
                               .watch = options->watch,
                               .watch_user = options->watch_user,
                               .fn = fn,
                               .user = user,
                               .max_message_bytes = options->max_message_bytes};
    rc = listen_on(options->address, options->backlog ? options->backlog : DEFAULT_BACKLOG, &fd, err);
    if (rc == MR_OK) {
        server->listening_fd = fd;
        note_address(server, fd);
        rc = start_listening(server, ctx, options, fd, err);
    }
    if (rc != MR_OK) {
        zmonitor_free(server->monitor);
        zsock_close(server->socket);
        mem_free(server);
        return rc;
    }
    *ret = server;
    return MR_OK;
}

void zserver_free(struct zserver *server)
{
    if (!server || !server->socket)
        return;
    loop_source_free(server->source);
    zmonitor_free(server->monitor);
    zsock_close(server->socket);
    server->socket = NULL; /* a drain going on sees it and ends */
    loop_defer(server->loop, &server->reap, mem_free, server);
}

uint16_t zserver_port(const struct zserver *server)
{
    return server->port;
}

const char *zserver_address(const struct zserver *server)
{
    return server->address;
}

void zserver_get_stats(const struct zserver *server, struct zserver_stats *ret)
{
    *ret = server->stats;
}
