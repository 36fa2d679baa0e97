/* socket_agent.c - see socket_agent.h. */
#include "tests/unit/sdk/socket_agent.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/sdk/wire_agent.h"

enum { TICK_MS = 20, READ_BYTES = 65536 };

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unlink(path);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) || listen(fd, 4))
        abort();
    return fd;
}

static bool receive(struct wire_agent *wire, int fd)
{
    static uint8_t data[READ_BYTES];
    ssize_t n = recv(fd, data, sizeof data, MSG_DONTWAIT);
    if (n > 0)
        return wire_input(wire, data, (size_t)n, clock_mono_ns(clock_system()));
    return n < 0;
}

static bool send_all(struct wire_agent *wire, int fd)
{
    wire_output(wire, clock_mono_ns(clock_system()));
    while (wire->out.len) {
        ssize_t n = send(fd, wire->out.data, wire->out.len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        buf_consume(&wire->out, (size_t)n);
    }
    return true;
}

/* One connection to its end. False: the thread shall stop. */
static bool serve(struct socket_agent *a, struct wire_agent *wire, int fd)
{
    struct pollfd polled[2] = {{.fd = a->stop, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    uint64_t before = wire->n_records;
    wire_begin(wire, clock_mono_ns(clock_system()));
    (void)__atomic_add_fetch(&a->sessions, 1, __ATOMIC_RELAXED);
    for (;;) {
        poll(polled, 2, TICK_MS);
        if (polled[0].revents)
            return false;
        bool is_fine = !polled[1].revents || receive(wire, fd);
        (void)__atomic_add_fetch(&a->records, wire->n_records - before, __ATOMIC_RELEASE);
        before = wire->n_records;
        if (!is_fine || !send_all(wire, fd))
            return true;
    }
}

static void *run(void *user)
{
    struct socket_agent *a = user;
    struct wire_agent *wire = malloc(sizeof *wire);
    int listener = listen_at(a->path);
    struct pollfd polled[2] = {{.fd = a->stop, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
    bool goes_on = true;
    wire_init(wire);
    while (goes_on && poll(polled, 2, -1) > 0 && !polled[0].revents) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        goes_on = serve(a, wire, fd);
        close(fd);
    }
    wire_fini(wire);
    free(wire);
    close(listener);
    unlink(a->path);
    return NULL;
}

void socket_agent_init(struct socket_agent *a)
{
    char folder[] = "/tmp/millrace-sdk-XXXXXX";
    *a = (struct socket_agent){.stop = -1};
    if (!mkdtemp(folder))
        abort();
    snprintf(a->path, sizeof a->path, "%s/agent.sock", folder);
}

void socket_agent_start(struct socket_agent *a)
{
    a->stop = eventfd(0, EFD_CLOEXEC);
    if (a->stop < 0 || pthread_create(&a->thread, NULL, run, a))
        abort();
    a->has_thread = true;
}

void socket_agent_stop(struct socket_agent *a)
{
    const uint64_t one = 1;
    if (!a->has_thread)
        return;
    if (write(a->stop, &one, sizeof one) != sizeof one)
        abort();
    pthread_join(a->thread, NULL);
    close(a->stop);
    a->has_thread = false;
}

void socket_agent_fini(struct socket_agent *a)
{
    socket_agent_stop(a);
    *strrchr(a->path, '/') = '\0';
    rmdir(a->path);
}

uint64_t socket_agent_records(const struct socket_agent *a)
{
    return __atomic_load_n(&a->records, __ATOMIC_ACQUIRE);
}

uint64_t socket_agent_sessions(const struct socket_agent *a)
{
    return __atomic_load_n(&a->sessions, __ATOMIC_ACQUIRE);
}
