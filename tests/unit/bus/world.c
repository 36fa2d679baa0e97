/* world.c - the hubs, the pipes and the clock of world.h. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/blob.h"
#include "proto/limits.h"

enum { PUMP_ROUNDS = 10000 };

static const int64_t ns_per_ms = 1000000;

/* -- clock -- */
static int64_t mono_ns(void *user)
{
    return ((struct world *)user)->now_ns;
}

int64_t world_utc_us(const struct world *w)
{
    return w->utc_us + w->now_ns / 1000;
}

static int64_t real_us(void *user)
{
    return world_utc_us(user);
}

/* -- stations -- */
static void on_output(void *user, uint32_t port)
{
    (void)user;
    (void)port; /* world_pump asks every port */
}

static void on_over(void *user, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct station *s = user;
    (void)rc;
    (void)reason;
    (void)retry_ms;
    assert_true(s->n_over < sizeof s->over / sizeof *s->over);
    s->over[s->n_over++] = port;
}

static void on_uplink(void *user, const struct session_welcome *welcome)
{
    (void)user;
    assert_string_not_equal(welcome->server, "");
}

static void on_birth_floor(void *user, uint64_t floor)
{
    ((struct station *)user)->birth_floor = floor;
}

static void on_notice(void *user, enum hub_notice notice, const char *text)
{
    struct station *s = user;
    size_t len = strlen(s->notices);
    snprintf(s->notices + len, sizeof s->notices - len, "%d %s\n", (int)notice, text);
}

static const struct hub_events station_events = {.on_output = on_output,
                                                 .on_over = on_over,
                                                 .on_uplink = on_uplink,
                                                 .on_birth_floor = on_birth_floor,
                                                 .on_notice = on_notice};

static void open_station(struct world *w, struct station *s, enum hub_kind kind, const char *name, uint64_t birth)
{
    char path[32] = "";
    struct err err = {{0}};
    if (kind == HUB_AGENT)
        snprintf(path, sizeof path, "demo/%s", name);
    *s = (struct station){.world = w};
    const struct hub_conf conf = {.kind = kind,
                                  .name = name,
                                  .identity = name,
                                  .path = path,
                                  .birth = birth,
                                  .max_ports = 8,
                                  .max_filters = w->max_filters,
                                  .max_filters_per_port = 8,
                                  .max_topics = w->max_topics,
                                  .max_slots = w->max_slots,
                                  .max_queued_bytes = WORLD_QUEUE_BYTES,
                                  .clock = &w->clock,
                                  .rand = &w->rand.source,
                                  .rights = w->rights,
                                  .events = &station_events,
                                  .user = s};
    assert_int_equal(hub_new(&s->hub, &conf, &err), MR_OK);
}

static void open_hubs(struct world *w, unsigned n_agents)
{
    char name[16];
    open_station(w, &w->broker, HUB_BROKER, "mr1", 1);
    for (unsigned i = 0; i < n_agents; i++) {
        snprintf(name, sizeof name, "m%u", i + 1);
        open_station(w, &w->agents[i], HUB_AGENT, name, 1000);
    }
}

static void prepare(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->max_topics = 400;
    w->max_slots = 200;
    w->max_filters = 64;
    w->now_ns = 1000 * ns_per_ms;
    w->utc_us = INT64_C(1700000000000000);
    w->clock = (struct clock){mono_ns, mono_ns, real_us, w};
    rand_seeded_init(&w->rand, 1);
}

void world_open(struct world *w, unsigned n_agents)
{
    prepare(w);
    assert_int_equal(rights_new_open(&w->rights, NULL), MR_OK);
    open_hubs(w, n_agents);
}

void world_open_with(struct world *w, unsigned n_agents, const struct rights_rule *rules, size_t n_rules)
{
    prepare(w);
    assert_int_equal(rights_new(&w->rights, "test", rules, n_rules, NULL), MR_OK);
    open_hubs(w, n_agents);
}

void world_close(struct world *w)
{
    for (unsigned i = 0; i < WORLD_APPS; i++) {
        session_free(w->apps[i].session);
        buf_fini(&w->apps[i].log);
    }
    for (unsigned i = 0; i < WORLD_AGENTS; i++)
        hub_free(w->agents[i].hub);
    hub_free(w->broker.hub);
    rights_free(w->rights);
}

/* -- pipes -- */
static bool move_up(struct world *w, struct uplink *u, struct station *agent)
{
    bool moved = false;
    for (struct blob *f; u->is_up && (f = hub_take(agent->hub, u->at_agent)); moved = true) {
        (void)!hub_input(w->broker.hub, u->at_broker, f->data, f->len);
        blob_unref(f);
    }
    for (struct blob *f; u->is_up && (f = hub_take(w->broker.hub, u->at_broker)); moved = true) {
        (void)!hub_input(agent->hub, u->at_agent, f->data, f->len);
        blob_unref(f);
    }
    return moved;
}

static bool move_app(struct app *app)
{
    bool moved = false;
    if (!app->session)
        return false;
    for (struct blob *f; app->port && (f = session_take(app->session, app->world->now_ns)); moved = true) {
        (void)!hub_input(app->agent->hub, app->port, f->data, f->len);
        blob_unref(f);
    }
    for (struct blob *f; app->port && !app->is_deaf && (f = hub_take(app->agent->hub, app->port)); moved = true) {
        (void)!session_input(app->session, f->data, f->len, app->world->now_ns);
        blob_unref(f);
    }
    return moved;
}

static void lose_app_port(struct world *w, const struct station *s, uint32_t port)
{
    for (unsigned i = 0; i < WORLD_APPS; i++)
        if (w->apps[i].agent == s && w->apps[i].port == port)
            w->apps[i].port = 0;
}

static void lose_uplink_port(struct world *w, const struct station *s, uint32_t port)
{
    for (unsigned i = 0; i < WORLD_AGENTS; i++) {
        struct uplink *u = &w->uplinks[i];
        if (!u->is_up || port != (s == &w->broker ? u->at_broker : u->at_agent) ||
            (s != &w->broker && s != &w->agents[i]))
            continue;
        u->is_up = false;
        if (s == &w->broker)
            hub_close(w->agents[i].hub, u->at_agent);
        else
            hub_close(w->broker.hub, u->at_broker);
    }
}

/* Sessions that ended: their last words were taken by the pump, now their connections close. */
static bool close_over(struct world *w, struct station *s)
{
    bool any = s->n_over;
    while (s->n_over) {
        uint32_t port = s->over[--s->n_over];
        lose_uplink_port(w, s, port);
        lose_app_port(w, s, port);
        hub_close(s->hub, port);
    }
    return any;
}

static bool pump_once(struct world *w)
{
    bool moved = false;
    hub_turn_end(w->broker.hub);
    for (unsigned i = 0; i < WORLD_AGENTS && w->agents[i].hub; i++) {
        hub_turn_end(w->agents[i].hub);
        moved = move_up(w, &w->uplinks[i], &w->agents[i]) || moved;
    }
    for (unsigned i = 0; i < WORLD_APPS; i++) {
        if (w->apps[i].session)
            session_flush(w->apps[i].session);
        moved = move_app(&w->apps[i]) || moved;
    }
    moved = close_over(w, &w->broker) || moved;
    for (unsigned i = 0; i < WORLD_AGENTS && w->agents[i].hub; i++)
        moved = close_over(w, &w->agents[i]) || moved;
    return moved;
}

void world_pump(struct world *w)
{
    int rounds = 0;
    while (pump_once(w))
        assert_true(++rounds < PUMP_ROUNDS);
}

static void tick(struct world *w)
{
    hub_tick(w->broker.hub);
    for (unsigned i = 0; i < WORLD_AGENTS && w->agents[i].hub; i++)
        hub_tick(w->agents[i].hub);
    for (unsigned i = 0; i < WORLD_APPS; i++)
        if (w->apps[i].session && session_deadline(w->apps[i].session) <= w->now_ns)
            session_tick(w->apps[i].session, w->now_ns);
}

void world_pass(struct world *w, int64_t ms)
{
    for (int64_t end = w->now_ns + ms * ns_per_ms; w->now_ns < end;) {
        w->now_ns += 10 * ns_per_ms;
        tick(w);
        world_pump(w);
    }
}

bool world_expect(const struct world *w, enum mr_rc rc)
{
    if (!w->may_fail)
        assert_int_equal(rc, MR_OK);
    return rc == MR_OK;
}

/* -- uplinks -- */
void world_connect(struct world *w, unsigned agent)
{
    struct uplink *u = &w->uplinks[agent];
    char name[16], path[32];
    struct err err = {{0}};
    snprintf(name, sizeof name, "m%u", agent + 1);
    snprintf(path, sizeof path, "demo/%s", name);
    const struct port_peer peer = {.kind = PORT_AGENT, .identity = name, .path = path, .address = name};
    u->is_up = world_expect(w, hub_accept(w->broker.hub, &peer, &u->at_broker, &err));
    if (u->is_up && !world_expect(w, hub_connect(w->agents[agent].hub, "mr1", &u->at_agent, &err))) {
        u->is_up = false;
        hub_close(w->broker.hub, u->at_broker);
    }
    world_pump(w);
}

void world_cut(struct world *w, unsigned agent)
{
    struct uplink *u = &w->uplinks[agent];
    u->is_up = false;
    hub_close(w->agents[agent].hub, u->at_agent);
    hub_close(w->broker.hub, u->at_broker);
}

void world_restart_broker(struct world *w)
{
    for (unsigned i = 0; i < WORLD_AGENTS; i++)
        if (w->uplinks[i].is_up)
            world_cut(w, i);
    hub_free(w->broker.hub);
    open_station(w, &w->broker, HUB_BROKER, "mr1", 2);
}

void world_new_agent(struct world *w, unsigned agent, uint64_t birth)
{
    struct station *s = &w->agents[agent];
    char name[16];
    for (unsigned i = 0; i < WORLD_APPS; i++)
        if (w->apps[i].agent == s)
            w->apps[i].port = 0;
    if (w->uplinks[agent].is_up) {
        w->uplinks[agent].is_up = false;
        hub_close(w->broker.hub, w->uplinks[agent].at_broker);
    }
    hub_free(s->hub);
    snprintf(name, sizeof name, "m%u", agent + 1);
    open_station(w, s, HUB_AGENT, name, birth);
}
