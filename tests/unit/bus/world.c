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

static void on_peer(void *user, uint32_t port)
{
    const struct station *s = user;
    struct port_stats stats;
    assert_true(hub_get_port(s->hub, port, &stats) && stats.kind == PORT_MESH_OUT);
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
                                                 .on_peer = on_peer,
                                                 .on_birth_floor = on_birth_floor,
                                                 .on_notice = on_notice};

static const char *const broker_names[WORLD_BROKERS] = {"mr1", "mr2", "mr3"};

static void open_station(struct world *w, struct station *s, enum hub_kind kind, const char *name, uint64_t birth)
{
    char path[32] = "";
    struct err err = {{0}};
    if (kind == HUB_AGENT)
        snprintf(path, sizeof path, "demo/%s", name);
    *s = (struct station){.world = w};
    const char *peers[WORLD_BROKERS];
    size_t n_peers = 0;
    for (unsigned i = 0; kind == HUB_BROKER && i < w->n_brokers; i++)
        if (strcmp(broker_names[i], name) != 0)
            peers[n_peers++] = broker_names[i];
    const struct hub_conf conf = {.kind = kind,
                                  .name = name,
                                  .identity = name,
                                  .path = path,
                                  .birth = birth,
                                  .peers = peers,
                                  .n_peers = n_peers,
                                  .max_ports = 8,
                                  .max_filters = w->max_filters,
                                  .max_filters_per_port = 8,
                                  .max_topics = w->max_topics,
                                  .max_slots = w->max_slots,
                                  .max_queued_bytes = WORLD_QUEUE_BYTES,
                                  .max_credit_bytes = w->max_credit_bytes,
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
    for (unsigned i = 0; i < w->n_brokers; i++)
        open_station(w, &w->brokers[i], HUB_BROKER, broker_names[i], 1);
    for (unsigned i = 0; i < n_agents; i++) {
        snprintf(name, sizeof name, "m%u", i + 1);
        open_station(w, &w->agents[i], HUB_AGENT, name, 1000);
    }
}

static void prepare(struct world *w)
{
    memset(w, 0, sizeof *w);
    w->n_brokers = 1;
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

void world_open_brokers(struct world *w, unsigned n_agents, unsigned n_brokers)
{
    prepare(w);
    w->n_brokers = n_brokers;
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
    for (unsigned i = 0; i < w->n_brokers; i++)
        hub_free(w->brokers[i].hub);
    rights_free(w->rights);
}

int world_setup_pair(void **state)
{
    static struct world world;
    struct world *w = &world;
    world_open(w, 2);
    world_connect(w, 0);
    world_connect(w, 1);
    app_open(w, &w->apps[0], 0, "a");
    app_open(w, &w->apps[1], 1, "b");
    app_told(&w->apps[0]);
    app_told(&w->apps[1]);
    *state = w;
    return 0;
}

int world_teardown(void **state)
{
    world_close(*state);
    return 0;
}

/* -- pipes -- */
/* Every station in turn; NULL at the end. */
static struct station *station_at(struct world *w, unsigned i)
{
    if (i < w->n_brokers)
        return &w->brokers[i];
    i -= w->n_brokers;
    return i < WORLD_AGENTS && w->agents[i].hub ? &w->agents[i] : NULL;
}

static struct uplink *link_at(struct world *w, unsigned i)
{
    if (i < WORLD_AGENTS)
        return &w->uplinks[i];
    i -= WORLD_AGENTS;
    return i < WORLD_BROKERS * WORLD_BROKERS ? &w->mesh[i / WORLD_BROKERS][i % WORLD_BROKERS] : NULL;
}

static bool move_link(struct uplink *u)
{
    bool moved = false;
    for (struct blob *f; u->is_up && (f = hub_take(u->client->hub, u->at_client)); moved = true) {
        (void)!hub_input(u->server->hub, u->at_server, f->data, f->len);
        blob_unref(f);
    }
    for (struct blob *f; u->is_up && (f = hub_take(u->server->hub, u->at_server)); moved = true) {
        (void)!hub_input(u->client->hub, u->at_client, f->data, f->len);
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

static void lose_link_port(struct world *w, const struct station *s, uint32_t port)
{
    struct uplink *u;
    for (unsigned i = 0; (u = link_at(w, i)); i++) {
        if (!u->is_up || !((u->server == s && u->at_server == port) || (u->client == s && u->at_client == port)))
            continue;
        u->is_up = false;
        if (u->server == s)
            hub_close(u->client->hub, u->at_client);
        else
            hub_close(u->server->hub, u->at_server);
    }
}

/* Sessions that ended: their last words were taken by the pump, now their connections close. */
static bool close_over(struct world *w, struct station *s)
{
    bool any = s->n_over;
    while (s->n_over) {
        uint32_t port = s->over[--s->n_over];
        lose_link_port(w, s, port);
        lose_app_port(w, s, port);
        hub_close(s->hub, port);
    }
    return any;
}

static bool pump_once(struct world *w)
{
    bool moved = false;
    struct station *s;
    struct uplink *u;
    for (unsigned i = 0; (s = station_at(w, i)); i++)
        hub_turn_end(s->hub);
    for (unsigned i = 0; (u = link_at(w, i)); i++)
        moved = (u->is_up && move_link(u)) || moved;
    for (unsigned i = 0; i < WORLD_APPS; i++) {
        if (w->apps[i].session)
            session_flush(w->apps[i].session);
        moved = move_app(&w->apps[i]) || moved;
    }
    for (unsigned i = 0; (s = station_at(w, i)); i++)
        moved = close_over(w, s) || moved;
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
    struct station *s;
    for (unsigned i = 0; (s = station_at(w, i)); i++)
        hub_tick(s->hub);
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

/* -- links -- */
static void join(struct world *w, struct uplink *u, const struct port_peer *peer, const char *server)
{
    struct err err = {{0}};
    u->is_up = world_expect(w, hub_accept(u->server->hub, peer, &u->at_server, &err));
    if (u->is_up && !world_expect(w, hub_connect(u->client->hub, server, &u->at_client, &err))) {
        u->is_up = false;
        hub_close(u->server->hub, u->at_server);
    }
    world_pump(w);
}

static void cut(struct uplink *u)
{
    if (!u->is_up)
        return;
    u->is_up = false;
    hub_close(u->client->hub, u->at_client);
    hub_close(u->server->hub, u->at_server);
}

void world_connect_to(struct world *w, unsigned agent, unsigned broker)
{
    struct uplink *u = &w->uplinks[agent];
    char name[16], path[32];
    snprintf(name, sizeof name, "m%u", agent + 1);
    snprintf(path, sizeof path, "demo/%s", name);
    const struct port_peer peer = {.kind = PORT_AGENT, .identity = name, .path = path, .address = name};
    u->client = &w->agents[agent];
    u->server = &w->brokers[broker];
    join(w, u, &peer, broker_names[broker]);
}

void world_connect(struct world *w, unsigned agent)
{
    world_connect_to(w, agent, 0);
}

void world_join(struct world *w, unsigned client, unsigned server)
{
    struct uplink *u = &w->mesh[client][server];
    const char *name = broker_names[client];
    const struct port_peer peer = {.kind = PORT_MESH_IN, .identity = name, .path = "$broker", .address = name};
    u->client = &w->brokers[client];
    u->server = &w->brokers[server];
    join(w, u, &peer, broker_names[server]);
}

void world_unjoin(struct world *w, unsigned client, unsigned server)
{
    cut(&w->mesh[client][server]);
    world_pump(w);
}

void world_join_all(struct world *w)
{
    for (unsigned i = 0; i < w->n_brokers; i++)
        for (unsigned j = 0; j < w->n_brokers; j++)
            if (i != j)
                world_join(w, i, j);
}

void world_cut(struct world *w, unsigned agent)
{
    cut(&w->uplinks[agent]);
}

void world_restart(struct world *w, unsigned broker)
{
    static uint64_t birth = 1;
    struct uplink *u;
    for (unsigned i = 0; (u = link_at(w, i)); i++)
        if (u->client == &w->brokers[broker] || u->server == &w->brokers[broker])
            cut(u);
    hub_free(w->brokers[broker].hub);
    open_station(w, &w->brokers[broker], HUB_BROKER, broker_names[broker], ++birth);
}

void world_restart_broker(struct world *w)
{
    world_restart(w, 0);
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
        hub_close(w->uplinks[agent].server->hub, w->uplinks[agent].at_server);
    }
    hub_free(s->hub);
    snprintf(name, sizeof name, "m%u", agent + 1);
    open_station(w, s, HUB_AGENT, name, birth);
}
