/* client_sdk.c - a program on libmillrace: the public calls only, but for the door that takes transport, clock and dice. */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "payload.h"
#include "sdk/bus.h"
#include "sdk/bus_private.h"

enum { BUS_BYTES = 4 * 1024 * 1024, RING_BYTES = 64 * 1024, CALLS = 64, TAGS = 4 };

struct sdk_client;

struct sdk_sub {
    struct sdk_client *client;
    struct mr_sub *sub; /* NULL: none */
    bool is_gap_open;   /* a loss was told because the agent was gone */
};

struct sdk_request {
    struct sdk_client *client;
    uint64_t id;
    bool is_over;
};

struct sdk_client {
    struct client client;
    struct client_conf conf;
    struct mr_bus *bus;
    struct sdk_sub subs[CLIENT_SUBS];
    struct mr_sub *service;
    const struct mr_msg *calls[CALLS];
    uint32_t n_calls;
    struct sdk_request **requests;
    size_t n_requests, cap_requests;
    struct {
        char topic[64];
        struct mr_tag *tag;
    } tags[TAGS];
    uint64_t lost;
    int64_t poll_ns;
};

static bool is_agent_up(const struct sdk_client *c)
{
    struct mr_state state = {.size = sizeof state};
    mr_get_state(c->bus, &state);
    return state.agent_up;
}

/* -- what it is given -- */
/* The handle's own losses open and close a span around the agent's absence. */
static enum item_kind kind_of_loss(struct sdk_sub *s, const struct mr_msg *msg)
{
    if (msg->publisher || msg->cause != MR_LINK || strstr(msg->text, "by way of"))
        return ITEM_LOSS;
    if (!is_agent_up(s->client)) {
        s->is_gap_open = true;
        return ITEM_SPAN_OPENS;
    }
    bool closes = s->is_gap_open;
    s->is_gap_open = false;
    return closes ? ITEM_SPAN_CLOSES : ITEM_LOSS;
}

static void on_message(void *user, const struct mr_msg *msg)
{
    struct sdk_sub *s = user;
    struct sdk_client *c = s->client;
    struct told told = {.topic = msg->topic,
                        .publisher = msg->publisher,
                        .flags = msg->flags,
                        .birth = msg->birth,
                        .seq = msg->seq,
                        .count = msg->count,
                        .cause = msg->cause,
                        .data = msg->value.type == MR_BYTES ? msg->value.as.ptr : NULL,
                        .len = msg->value.type == MR_BYTES ? msg->value.len : 0};
    switch (msg->kind) {
    case MR_DATA:
        told.kind = ITEM_DATA;
        break;
    case MR_LOSS:
        told.kind = kind_of_loss(s, msg);
        break;
    case MR_SNAPSHOT_END:
        told.kind = ITEM_SNAPSHOT_END;
        break;
    case MR_ENDED:
        history_problem(c->conf.history, "%s: '%s' ended: %s", c->conf.name, msg->topic, msg->text);
        return;
    default:
        return;
    }
    c->conf.events->on_told(c->conf.user, (unsigned)(s - c->subs), &told);
}

static void on_call(void *user, const struct mr_msg *msg)
{
    struct sdk_client *c = user;
    uint32_t call = c->n_calls++ % CALLS;
    mr_unref(c->calls[call]);
    c->calls[call] = mr_ref(msg);
    if (c->calls[call])
        c->conf.events->on_request(c->conf.user, call, msg->value.as.ptr, msg->value.len);
}

static void on_reply(void *user, enum mr_rc rc, const struct mr_msg *reply)
{
    struct sdk_request *r = user;
    r->is_over = true;
    r->client->conf.events->on_outcome(r->client->conf.user, r->id, rc, reply ? reply->value.as.ptr : NULL,
                                       reply ? reply->value.len : 0);
}

/* -- calls -- */
static void wake(struct sdk_client *c)
{
    process_wake(c->conf.process);
}

/* The tag of a topic that is written as one, NULL: it is published raw. */
static struct mr_tag *tag_of(struct sdk_client *c, const struct client_record *r)
{
    size_t len = strlen(r->topic);
    const struct mr_tag_def def = {.size = sizeof def, .topic = r->topic, .type = MR_BYTES};
    if (r->flags != MR_KEEP || r->topic[len - 1] != '0')
        return NULL;
    for (int i = 0; i < TAGS; i++) {
        if (c->tags[i].tag && strcmp(c->tags[i].topic, r->topic) == 0)
            return c->tags[i].tag;
        if (c->tags[i].tag)
            continue;
        snprintf(c->tags[i].topic, sizeof c->tags[i].topic, "%s", r->topic);
        return mr_tag_open(c->bus, NULL, &def, &c->tags[i].tag) == MR_OK ? c->tags[i].tag : NULL;
    }
    return NULL;
}

static enum mr_rc publish(struct client *client, const struct client_record *r)
{
    struct sdk_client *c = (struct sdk_client *)client;
    struct mr_value value = {.type = MR_NO_VALUE};
    if (r->data)
        value = (struct mr_value){.type = MR_BYTES, .len = (uint32_t)r->len, .as.ptr = r->data};
    const struct mr_pub pub = {
        .size = sizeof pub, .topic = r->topic, .value = value, .flags = r->flags, .source_us = MR_NO_TIME};
    struct mr_tag *tag = tag_of(c, r);
    wake(c);
    return tag ? mr_tag_write(tag, &value, MR_STATUS_GOOD, MR_NO_TIME) : mr_publish_opt(c->bus, &pub);
}

static enum mr_rc subscribe(struct client *client, unsigned sub, const char *filter)
{
    struct sdk_client *c = (struct sdk_client *)client;
    struct sdk_sub *s = &c->subs[sub];
    const struct mr_sub_opt opt = {.size = sizeof opt, .max_bytes = sub == CLIENT_POLLED ? RING_BYTES : 0};
    *s = (struct sdk_sub){.client = c};
    wake(c);
    return mr_subscribe(c->bus, filter, &opt, sub == CLIENT_POLLED ? NULL : on_message, s, &s->sub);
}

static void unsubscribe(struct client *client, unsigned sub)
{
    struct sdk_client *c = (struct sdk_client *)client;
    mr_unsubscribe(c->subs[sub].sub);
    c->subs[sub].sub = NULL;
    wake(c);
}

static enum mr_rc serve(struct client *client, const char *filter)
{
    struct sdk_client *c = (struct sdk_client *)client;
    wake(c);
    return mr_serve(c->bus, filter, NULL, on_call, c, &c->service);
}

static enum mr_rc request(struct client *client, uint64_t id, const struct client_record *r, int wait_ms)
{
    struct sdk_client *c = (struct sdk_client *)client;
    struct sdk_request *q = sim_alloc(1, sizeof *q);
    *q = (struct sdk_request){.client = c, .id = id};
    c->requests = sim_grow(c->requests, c->n_requests, &c->cap_requests, sizeof *c->requests);
    c->requests[c->n_requests++] = q;
    wake(c);
    return mr_request(c->bus, r->topic, r->data, r->len, wait_ms, on_reply, q);
}

static enum mr_rc answer(struct client *client, uint64_t call, const void *data, size_t len)
{
    struct sdk_client *c = (struct sdk_client *)client;
    if (!c->calls[call])
        return MR_NOT_FOUND;
    enum mr_rc rc = mr_reply(c->calls[call], data, len);
    mr_unref(c->calls[call]);
    c->calls[call] = NULL;
    wake(c);
    return rc;
}

/* -- turns -- */
/* The subscription that is read now and then only. */
static void poll_now_and_then(struct sdk_client *c)
{
    struct sim *sim = c->conf.process->sim;
    const struct mr_msg *msg;
    struct sdk_sub *s = &c->subs[CLIENT_POLLED];
    if (c->poll_ns > sim->now_ns)
        return;
    while (s->sub && mr_next(s->sub, 0, &msg) == MR_OK)
        on_message(s, msg);
    c->poll_ns = sim->now_ns + sim_between(sim, 0, SIM_S);
}

static void look_at_memory(struct sdk_client *c)
{
    struct mr_stats stats = {.size = sizeof stats};
    mr_get_stats(c->bus, &stats);
    if (stats.lost != c->lost && c->conf.events->on_dropped)
        c->conf.events->on_dropped(c->conf.user);
    c->lost = stats.lost;
    if (budget_used(&c->bus->budget) > BUS_BYTES || stats.queued_bytes > stats.queued_max)
        history_problem(c->conf.history, "%s: the handle uses more memory than it may", c->conf.name);
}

static void take_turn(struct client *client)
{
    struct sdk_client *c = (struct sdk_client *)client;
    struct sim *sim = c->conf.process->sim;
    enum mr_rc rc = mr_dispatch(c->bus, 0);
    if (rc)
        history_problem(c->conf.history, "%s: dispatch: %s", c->conf.name, mr_reason(c->bus));
    look_at_memory(c);
    poll_now_and_then(c);
    int64_t next = bus_deadline(c->bus);
    if (next != INT64_MAX)
        next -= c->conf.machine->mono_base_ns;
    process_at(c->conf.process, next > sim->now_ns + SIM_US ? next : sim->now_ns + SIM_US);
    if (c->subs[CLIENT_POLLED].sub)
        process_at(c->conf.process, c->poll_ns);
}

static struct client *open_client(const struct client_conf *conf)
{
    struct sdk_client *c = sim_alloc(1, sizeof *c);
    const struct mr_options opt = {
        .size = sizeof opt, .app = conf->name, .socket = "simulated", .max_bytes = BUS_BYTES};
    c->client.kind = &client_sdk;
    c->conf = *conf;
    if (bus_open_with(&c->bus, &opt, conf->transport, &conf->machine->clock, conf->rand)) {
        fprintf(stderr, "mrsim: cannot open a handle: %s\n", mr_reason(NULL));
        exit(2);
    }
    process_wake(conf->process);
    return &c->client;
}

static void close_client(struct client *client, bool is_clean)
{
    struct sdk_client *c = (struct sdk_client *)client;
    for (int i = 0; i < CALLS; i++)
        mr_unref(c->calls[i]);
    if (is_clean)
        mr_close(c->bus, 0);
    else
        bus_free(c->bus); /* as the kernel would: no goodbye */
    for (size_t i = 0; i < c->n_requests; i++)
        free(c->requests[i]);
    free(c->requests);
    free(c);
}

static bool is_up(const struct client *client)
{
    return is_agent_up((const struct sdk_client *)client);
}

const struct client_kind client_sdk = {.name = "libmillrace",
                                       .open = open_client,
                                       .close = close_client,
                                       .turn = take_turn,
                                       .is_up = is_up,
                                       .publish = publish,
                                       .subscribe = subscribe,
                                       .unsubscribe = unsubscribe,
                                       .serve = serve,
                                       .request = request,
                                       .answer = answer};
