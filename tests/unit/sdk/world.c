/* world.c - see world.h. */
#include "tests/unit/sdk/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETTLE_MOST = 1000, PIPE_BYTES = 256 * 1024, STEP_MS = 10 };

struct connection {
    struct world *world;
    struct buf to_agent;
    bool is_cut;
};

static enum mr_rc mem_connect(void *user, const char *address, struct connection **ret, struct err *err)
{
    struct world *w = user;
    w->connects++;
    if (!w->is_listening) {
        err_set(err, "no agent answers at %s", address);
        return MR_ISOLATED;
    }
    struct connection *c = calloc(1, sizeof *c);
    c->world = w;
    buf_init(&c->to_agent, PIPE_BYTES);
    w->connection = c;
    wire_begin(&w->agent, w->now_ns);
    *ret = c;
    return MR_OK;
}

static enum mr_rc mem_send(struct connection *c, const void *data, size_t len, size_t *ret_n)
{
    size_t room = PIPE_BYTES - c->to_agent.len;
    if (c->is_cut)
        return MR_CLOSED;
    if (room == 0)
        return MR_WOULD_BLOCK;
    *ret_n = len < room ? len : room;
    assert_int_equal(buf_append(&c->to_agent, data, *ret_n), MR_OK);
    return MR_OK;
}

static enum mr_rc mem_receive(struct connection *c, void *data, size_t size, size_t *ret_n)
{
    struct buf *from = &c->world->agent.out;
    if (from->len == 0)
        return c->is_cut || c->world->agent.is_over ? MR_CLOSED : MR_WOULD_BLOCK;
    *ret_n = from->len < size ? from->len : size;
    memcpy(data, from->data, *ret_n);
    buf_consume(from, *ret_n);
    return MR_OK;
}

static void mem_close(struct connection *c)
{
    struct world *w = c->world;
    if (w->connection == c) {
        w->connection = NULL;
        wire_end(&w->agent);
    }
    buf_fini(&c->to_agent);
    free(c);
}

static void mem_wait(void *user, int64_t until_ns)
{
    struct world *w = user;
    world_pump_agent(w);
    if (w->connection && w->agent.out.len)
        return;
    assert_true(until_ns != INT64_MAX); /* would wait for ever */
    if (until_ns > w->now_ns)
        w->now_ns = until_ns;
}

static int64_t mono_ns(void *user)
{
    return ((struct world *)user)->now_ns;
}

static int64_t real_us(void *user)
{
    return INT64_C(1700000000000000) + mono_ns(user) / 1000;
}

struct world *world_new(const struct mr_options *opt)
{
    struct world *w = calloc(1, sizeof *w);
    w->now_ns = 1000000000;
    w->clock = (struct clock){.mono_ns = mono_ns, .boot_ns = mono_ns, .real_us = real_us, .user = w};
    w->transport = (struct transport){.connect = mem_connect,
                                      .send = mem_send,
                                      .receive = mem_receive,
                                      .close = mem_close,
                                      .wait = mem_wait,
                                      .user = w};
    w->is_listening = true;
    rand_seeded_init(&w->rand, 42);
    wire_init(&w->agent);
    if (bus_open_with(&w->bus, opt, &w->transport, &w->clock, &w->rand.source))
        w->bus = NULL;
    return w;
}

void world_free(struct world *w)
{
    mr_close(w->bus, 0);
    wire_fini(&w->agent);
    free(w);
}

void world_pump_agent(struct world *w)
{
    struct connection *c = w->connection;
    if (!c || c->is_cut)
        return;
    if (!w->is_deaf) {
        size_t len = c->to_agent.len;
        if (len) {
            wire_input(&w->agent, c->to_agent.data, len, w->now_ns);
            buf_consume(&c->to_agent, len);
        }
    }
    wire_output(&w->agent, w->now_ns);
}

static bool is_quiet(const struct world *w)
{
    const struct connection *c = w->connection;
    return bus_deadline(w->bus) > w->now_ns && (!c || (w->agent.out.len == 0 && (w->is_deaf || c->to_agent.len == 0)));
}

void world_settle(struct world *w)
{
    for (int i = 0; i < SETTLE_MOST; i++) {
        world_pump_agent(w);
        if (mr_dispatch(w->bus, 0))
            return;
        world_pump_agent(w);
        if (is_quiet(w))
            return;
    }
    fail_msg("never quiet");
}

void world_pass(struct world *w, int64_t ms)
{
    for (; ms > 0; ms -= STEP_MS) {
        w->now_ns += (ms < STEP_MS ? ms : STEP_MS) * 1000000;
        world_settle(w);
    }
}

void world_cut(struct world *w)
{
    if (w->connection)
        w->connection->is_cut = true;
}

/* -- what callbacks saw -- */
static void put(struct seen_log *log, const char *format, ...)
{
    size_t len = strlen(log->text);
    va_list args;
    va_start(args, format);
    vsnprintf(log->text + len, sizeof log->text - len, format, args);
    va_end(args);
    log->n++;
}

static void log_data(struct seen_log *log, const struct mr_msg *msg)
{
    char value[64];
    mr_value_text(&msg->value, value, sizeof value);
    put(log, "%s=%s%s%s%s\n", msg->topic, value, msg->flags & MR_FROM_SNAPSHOT ? " snapshot" : "",
        msg->flags & MR_STALE ? " stale" : "", msg->flags & MR_CLEAR ? " clear" : "");
}

void log_message(void *user, const struct mr_msg *msg)
{
    struct seen_log *log = user;
    switch (msg->kind) {
    case MR_DATA:
        log_data(log, msg);
        break;
    case MR_LOSS:
        put(log, "LOSS %d of %s, cause %d\n", (int)msg->count, msg->publisher ? msg->publisher : "anyone", msg->cause);
        break;
    case MR_SNAPSHOT_END:
        put(log, "END %s\n", msg->topic);
        break;
    case MR_BIRTH:
        put(log, "BIRTH %s\n", msg->publisher);
        break;
    case MR_DEATH:
        put(log, "DEATH %s %s\n", msg->publisher, msg->text);
        break;
    default:
        put(log, "ENDED %d %s\n", msg->cause, msg->text);
        break;
    }
}

void log_clear(struct seen_log *log)
{
    *log = (struct seen_log){.n = 0};
}
