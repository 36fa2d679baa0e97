/* zsock.c - the ZeroMQ context, addresses, and what all sockets share. */
#include "base/io/zsock.h"
#include "base/blob.h"
#include "base/err.h"
#include "base/io/zsock_internal.h"
#include "base/mem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* -- context --------------------------------------------------------------------------------------------------------- */
/* libzmq aborts the process when it may not run its thread on the CPU asked for, so ask before. */
static bool may_run_on(int cpu)
{
    cpu_set_t allowed;
    if (cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return false;
    return CPU_ISSET((size_t)cpu, &allowed);
}

enum mr_rc zctx_new(int io_cpu, struct zctx **ret, struct err *err)
{
    if (io_cpu >= 0 && !may_run_on(io_cpu)) {
        err_set(err, "CPU %d is not one this process may run on", io_cpu);
        return MR_INVALID;
    }
    if (!zmq_has("curve")) {
        err_set(err, "this libzmq was built without CURVE: install one with libsodium");
        return MR_INVALID;
    }
    struct zctx *ctx = mem_calloc(1, sizeof *ctx);
    void *zmq = zmq_ctx_new();
    if (!ctx || !zmq) {
        err_set(err, "out of memory for ZeroMQ");
        if (zmq)
            zmq_ctx_term(zmq);
        mem_free(ctx);
        return MR_NO_MEMORY;
    }
    ctx->zmq = zmq;
    zmq_ctx_set(zmq, ZMQ_IO_THREADS, 1);
    if (io_cpu >= 0)
        zmq_ctx_set(zmq, ZMQ_THREAD_AFFINITY_CPU_ADD, io_cpu);
    *ret = ctx;
    return MR_OK;
}

enum mr_rc zctx_set_max_sockets(struct zctx *ctx, unsigned max)
{
    bool is_taken = max <= INT_MAX && zmq_ctx_set(ctx->zmq, ZMQ_MAX_SOCKETS, (int)max) == 0;
    return is_taken ? MR_OK : MR_INVALID;
}

void zctx_free(struct zctx *ctx)
{
    if (!ctx)
        return;
    while (zmq_ctx_term(ctx->zmq) != 0 && errno == EINTR)
        ;
    mem_free(ctx);
}

/* -- addresses ------------------------------------------------------------------------------------------------------- */
static enum mr_rc bad_address(struct err *err, const char *text, const char *rule)
{
    err_set(err, "'%s' is not an address: %s", text, rule);
    return MR_INVALID;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* RFC 1123 with underscores: labels of 1 to 63, joined by single dots, no hyphen at either end of a label. */
static bool is_hostname(const char *host)
{
    size_t label = 0;
    char before = '.';
    for (const char *c = host; *c; before = *c++) {
        if (*c == '.' && (label == 0 || before == '-'))
            return false;
        if (*c != '.' && (!is_host_char(*c) || (label == 0 && *c == '-') || label == 63))
            return false;
        label = *c == '.' ? 0 : label + 1;
    }
    return label > 0 && before != '-';
}

/* Only digits and dots: it was meant to be IPv4 and must then be it. */
static bool looks_like_ipv4(const char *host)
{
    return strspn(host, "0123456789.") == strlen(host);
}

static enum mr_rc read_port(const char *text, const char *digits, uint16_t *ret, struct err *err)
{
    unsigned port = 0;
    size_t len = strlen(digits);
    for (const char *c = digits; len <= 5 && *c >= '0' && *c <= '9'; c++)
        port = port * 10 + (unsigned)(*c - '0');
    if (len == 0 || len > 5 || strspn(digits, "0123456789") != len || port > UINT16_MAX)
        return bad_address(err, text, "behind ':' goes a port from 0 to 65535");
    *ret = (uint16_t)port;
    return MR_OK;
}

/* Splits "[v6]:port" or "host:port"; *ret_port is NULL where the text has none. */
static enum mr_rc split(const char *text, const char *body, struct zsock_address *address, const char **ret_port,
                        struct err *err)
{
    const char *begin = body, *end;
    if (body[0] == '[') {
        begin = body + 1;
        end = strchr(begin, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return bad_address(err, text, "an IPv6 address is written [::1]:7420");
        *ret_port = end[1] == ':' ? end + 2 : NULL;
    } else {
        end = begin + strcspn(begin, ":");
        *ret_port = *end == ':' ? end + 1 : NULL;
    }
    size_t len = (size_t)(end - begin);
    if (len == 0 || len > ZSOCK_HOST_MAX)
        return bad_address(err, text, len ? "the host is too long" : "the host is missing");
    memcpy(address->host, begin, len);
    address->host[len] = '\0';
    address->is_ipv6 = body[0] == '[';
    return MR_OK;
}

static enum mr_rc check_host(const char *text, struct zsock_address *address, struct err *err)
{
    uint8_t number[sizeof(struct in6_addr)];
    if (address->is_ipv6) {
        address->is_number = true;
        if (inet_pton(AF_INET6, address->host, number) != 1)
            return bad_address(err, text, "what stands in [] is not IPv6");
    } else if (looks_like_ipv4(address->host)) {
        address->is_number = true;
        if (inet_pton(AF_INET, address->host, number) != 1)
            return bad_address(err, text, "four numbers from 0 to 255 make an IPv4 address");
    } else if (!is_hostname(address->host)) {
        return bad_address(err, text, "a host name has letters, digits and '-', in parts joined by '.'");
    }
    return MR_OK;
}

enum mr_rc zsock_address_parse(const char *text, uint16_t default_port, struct zsock_address *ret, struct err *err)
{
    static const char scheme[] = "tcp://";
    struct zsock_address address = {.port = default_port};
    const char *body = strncmp(text, scheme, sizeof scheme - 1) == 0 ? text + sizeof scheme - 1 : text;
    const char *port = NULL;
    if (strstr(body, "://"))
        return bad_address(err, text, "only tcp:// is spoken here");
    enum mr_rc rc = split(text, body, &address, &port, err);
    if (rc == MR_OK)
        rc = check_host(text, &address, err);
    if (rc == MR_OK && port)
        rc = read_port(text, port, &address.port, err);
    if (rc == MR_OK && !port && default_port == 0)
        rc = bad_address(err, text, "the port is missing");
    if (rc == MR_OK)
        *ret = address;
    return rc;
}

void zsock_address_print(const struct zsock_address *address, char ret_text[ZSOCK_ADDRESS_SIZE])
{
    snprintf(ret_text, ZSOCK_ADDRESS_SIZE, address->is_ipv6 ? "tcp://[%s]:%u" : "tcp://%s:%u", address->host,
             (unsigned)address->port);
}

/* -- sockets --------------------------------------------------------------------------------------------------------- */
static enum mr_rc set_options(void *socket, const struct zsock_option *options, size_t n_options, struct err *err)
{
    for (size_t i = 0; i < n_options; i++) {
        const struct zsock_option *option = &options[i];
        const void *value = option->bytes ? option->bytes : &option->number;
        size_t len = option->bytes ? option->len : sizeof option->number;
        if (zmq_setsockopt(socket, option->name, value, len) != 0) {
            err_set(err, "ZeroMQ refuses option %d: %s", option->name, zmq_strerror(errno));
            return errno == ENOMEM ? MR_NO_MEMORY : MR_INVALID;
        }
    }
    return MR_OK;
}

enum mr_rc zsock_open(struct zctx *ctx, int type, const struct zsock_option *options, size_t n_options, void **ret,
                      struct err *err)
{
    void *socket = zmq_socket(ctx->zmq, type);
    if (!socket) {
        err_set(err, "no ZeroMQ socket: %s", zmq_strerror(errno));
        return MR_NO_MEMORY;
    }
    enum mr_rc rc = set_options(socket, options, n_options, err);
    if (rc != MR_OK) {
        zsock_close(socket);
        return rc;
    }
    *ret = socket;
    return MR_OK;
}

void zsock_close(void *socket)
{
    if (socket)
        zmq_close(socket);
}

int zsock_wake_fd(void *socket)
{
    int fd = -1;
    size_t len = sizeof fd;
    return zmq_getsockopt(socket, ZMQ_FD, &fd, &len) == 0 ? fd : -1;
}

int zsock_events(void *socket)
{
    int events = 0;
    size_t len = sizeof events;
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &len) == 0 ? events : 0;
}

size_t zsock_skip_parts(void *socket)
{
    size_t parts = 0;
    for (int more = 1; more; parts++) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) < 0)
            break;
        more = zmq_msg_more(&part);
        zmq_msg_close(&part);
    }
    return parts;
}

static void drop_reference(void *data, void *blob)
{
    (void)data;
    blob_unref(blob);
}

enum mr_rc zsock_wrap(zmq_msg_t *ret, struct blob *blob)
{
    blob_ref(blob);
    if (zmq_msg_init_data(ret, blob->data, blob->len, drop_reference, blob) == 0)
        return MR_OK;
    blob_unref(blob);
    return MR_NO_MEMORY;
}

enum mr_rc zsock_copy(zmq_msg_t *ret, const void *data, size_t len)
{
    if (zmq_msg_init_size(ret, len) != 0)
        return MR_NO_MEMORY;
    if (len > 0)
        memcpy(zmq_msg_data(ret), data, len);
    return MR_OK;
}
