/* zmonitor.c - the events of one socket, drained by the loop. */
#include "base/io/zmonitor.h"
#include "base/err.h"
#include "base/io/loop.h"
#include "base/mem.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct zmonitor {
    struct zmonitor_options options;
    void *pair; /* NULL: freed, waiting to be reaped */
    struct loop_source *source;
    struct loop_hook reap;
};

/* An event is two frames: number (16 bit) and value (32 bit), then the address. False: there is none. */
static bool receive(struct zmonitor *m)
{
    struct {
        uint16_t event;
        int32_t value;
    } said = {0};
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    bool is_received = zmq_msg_recv(&frame, m->pair, ZMQ_DONTWAIT) >= 0;
    if (is_received) {
        const char *bytes = zmq_msg_data(&frame);
        if (zmq_msg_size(&frame) >= sizeof said.event + sizeof said.value) {
            memcpy(&said.event, bytes, sizeof said.event);
            memcpy(&said.value, bytes + sizeof said.event, sizeof said.value);
        }
        if (zmq_msg_more(&frame))
            zsock_skip_parts(m->pair);
    }
    zmq_msg_close(&frame);
    if (said.event & m->options.events)
        m->options.fn(m->options.user, said.event, said.value);
    return is_received;
}

void zmonitor_drain(struct zmonitor *monitor)
{
    for (unsigned n = 0; n < LOOP_DRAIN_MESSAGES && monitor->pair; n++)
        if (!receive(monitor))
            break;
}

static void drain(void *user)
{
    zmonitor_drain(user);
}

static bool is_ready(void *user)
{
    const struct zmonitor *m = user;
    return zsock_events(m->pair) & ZMQ_POLLIN;
}

static const struct loop_source_ops source_ops = {.is_ready = is_ready, .drain = drain};

static enum mr_rc open_pair(struct zmonitor *m, struct err *err)
{
    char name[64];
    struct zctx *ctx = m->options.ctx;
    const struct zsock_option list[] = {{.name = ZMQ_RCVHWM, .number = 0}, {.name = ZMQ_LINGER, .number = 0}};
    snprintf(name, sizeof name, "inproc://zmonitor-%u", ctx->next_monitor++);
    enum mr_rc rc = zsock_open(ctx, ZMQ_PAIR, list, sizeof list / sizeof list[0], &m->pair, err);
    if (rc != MR_OK)
        return rc;
    if (zmq_socket_monitor(m->options.socket, name, m->options.events) != 0 || zmq_connect(m->pair, name) != 0) {
        err_set(err, "no monitor for a socket: %s", zmq_strerror(errno));
        return MR_NO_MEMORY;
    }
    rc = loop_source_new(m->options.loop, zsock_wake_fd(m->pair), m->options.rank, &source_ops, m, &m->source);
    if (rc != MR_OK)
        err_set(err, "out of memory for a monitor");
    return rc;
}

static void let_go(struct zmonitor *m)
{
    loop_source_free(m->source);
    zmq_socket_monitor(m->options.socket, NULL, 0); /* first: see zmonitor.h */
    zsock_close(m->pair);
    m->pair = NULL;
}

enum mr_rc zmonitor_new(const struct zmonitor_options *options, struct zmonitor **ret, struct err *err)
{
    struct zmonitor *m = mem_alloc(sizeof *m);
    if (!m) {
        err_set(err, "out of memory for a monitor");
        return MR_NO_MEMORY;
    }
    *m = (struct zmonitor){.options = *options};
    enum mr_rc rc = open_pair(m, err);
    if (rc != MR_OK) {
        let_go(m);
        mem_free(m);
        return rc;
    }
    *ret = m;
    return MR_OK;
}

void zmonitor_free(struct zmonitor *monitor)
{
    if (!monitor || !monitor->pair)
        return;
    let_go(monitor);
    loop_defer(monitor->options.loop, &monitor->reap, mem_free, monitor);
}
