/* end_zmq.c - an end on the plain libzmq broker of zmq_broker.c: a DEALER over TCP, no encryption, a frame per message. */
#include <zmq.h>

#include "tests/bench/ends/end.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct zmq_end {
    struct end *end;
    void *context, *socket;
};

enum { LOOK_MS = 10 }; /* a receive returns after so long, message or not */

static void must(int rc, const char *what)
{
    if (rc < 0)
        end_fail(what, zmq_strerror(errno));
}

static const char *version(void)
{
    static char text[32];
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    snprintf(text, sizeof text, "%d.%d.%d", major, minor, patch);
    return text;
}

/* Says who it is, and waits until the broker has heard it. */
static void greet(struct zmq_end *bus)
{
    char answer;
    must(zmq_send(bus->socket, bus->end->is_publisher ? "P" : "S", 1, 0), "greeting");
    must(zmq_recv(bus->socket, &answer, 1, 0), "answer");
}

static void *zmq_end_open(struct end *end)
{
    const int no_limit = 0, look_ms = LOOK_MS;
    struct zmq_end *bus = calloc(1, sizeof *bus);
    if (bus)
        bus->context = zmq_ctx_new();
    if (bus && bus->context)
        bus->socket = zmq_socket(bus->context, ZMQ_DEALER);
    if (!bus || !bus->socket)
        end_fail("open", zmq_strerror(errno));
    bus->end = end;
    must(zmq_setsockopt(bus->socket, ZMQ_SNDHWM, &no_limit, sizeof no_limit), "no limit"); /* the window is the limit */
    must(zmq_setsockopt(bus->socket, ZMQ_RCVHWM, &no_limit, sizeof no_limit), "no limit");
    must(zmq_setsockopt(bus->socket, ZMQ_LINGER, &no_limit, sizeof no_limit), "linger");
    must(zmq_connect(bus->socket, end->address), "connect");
    greet(bus);
    must(zmq_setsockopt(bus->socket, ZMQ_RCVTIMEO, &look_ms, sizeof look_ms), "timeout");
    return bus;
}

static bool publish(void *user, const void *bytes, size_t len)
{
    struct zmq_end *bus = user;
    must(zmq_send(bus->socket, bytes, len, 0), "publish");
    return true;
}

/* A publisher's library sends by itself; a subscriber is in zmq_msg_recv(), one call per message. */
static void zmq_end_wait(void *user, int fd, int64_t until_ns)
{
    struct zmq_end *bus = user;
    zmq_msg_t message;
    if (bus->end->is_publisher) {
        end_sleep(bus, fd, until_ns);
        return;
    }
    zmq_msg_init(&message);
    while (mono_ns() < until_ns && zmq_msg_recv(&message, bus->socket, 0) >= 0)
        end_take_bytes(bus->end, zmq_msg_data(&message), zmq_msg_size(&message));
    zmq_msg_close(&message);
}

static void zmq_end_close(void *user)
{
    struct zmq_end *bus = user;
    zmq_close(bus->socket);
    zmq_ctx_term(bus->context);
    free(bus);
}

int main(int argc, char **argv)
{
    static const struct driver driver = {
        .name = "libzmq",
        .version = version,
        .open = zmq_end_open,
        .publish = publish,
        .wait = zmq_end_wait,
        .close = zmq_end_close,
    };
    return end_main(argc, argv, &driver);
}
