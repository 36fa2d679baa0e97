/* world.c - the pipes, the clock and the apps of world.h. */
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

enum { QUEUE_BYTES = 256 * 1024, PUMP_ROUNDS = 10000 };

static const int64_t ns_per_ms = 1000000;

/* -- clock -- */
static int64_t mono_ns(void *user)
{
    return ((struct world *)user)->now_ns;
}

static int64_t real_us(void *user)
{
    const struct world *w = user;
    return w->utc_us + w->now_ns / 1000;
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
                                  .max_queued_bytes = QUEUE_BYTES,
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

/* Did it go well? It must, unless the test lets allocations fail. */
static bool expect(const struct world *w, enum mr_rc rc)
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
    u->is_up = expect(w, hub_accept(w->broker.hub, &peer, &u->at_broker, &err));
    if (u->is_up && !expect(w, hub_connect(w->agents[agent].hub, "mr1", &u->at_agent, &err))) {
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

/* -- what apps are told -- */
static void say(struct app *app, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct app *app, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    (void)expect(app->world, buf_append(&app->log, line, (size_t)n));
    (void)expect(app->world, buf_append_u8(&app->log, '\n'));
}

static void on_welcome(void *user, const struct session_welcome *welcome)
{
    struct app *app = user;
    app->inbox = welcome->inbox;
}

static void on_end(void *user, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    (void)rc;
    (void)retry_ms;
    say(user, "over: %s", reason);
}

static void on_state(void *user, const struct session_state *state)
{
    say(user, state->cluster_up ? "with broker" : "isolated");
}

static void on_topic(void *user, const struct session_topic *topic)
{
    struct app *app = user;
    assert_true(topic->id < sizeof app->topics / sizeof app->topics[0]);
    snprintf(app->topics[topic->id], sizeof app->topics[0], "%s", topic->text);
}

static void on_publisher(void *user, const struct session_publisher *publisher)
{
    struct app *app = user;
    assert_true(publisher->id < sizeof app->publishers / sizeof app->publishers[0]);
    snprintf(app->publishers[publisher->id], sizeof app->publishers[0], "%s%s%s", publisher->identity,
             *publisher->part ? "/" : "", publisher->part);
}

static void on_opened(void *user, const struct session_opened *opened)
{
    struct app *app = user;
    app->opened[opened->cookie] = opened->id;
    app->open_rc[opened->cookie] = opened->rc;
    if (opened->rc)
        say(app, "not opened %u: %s", opened->cookie, opened->reason);
}

static void on_birth(void *user, const struct session_birth *birth)
{
    struct app *app = user;
    if (birth->n_tags == 0)
        say(app, "%s born", app->publishers[birth->publisher]);
    for (size_t i = 0; i < birth->n_tags; i++)
        say(app, "%s has %s in '%s'", app->publishers[birth->publisher], app->topics[birth->tags[i].topic],
            birth->tags[i].unit);
}

static void on_death(void *user, const struct session_death *death)
{
    struct app *app = user;
    say(app, "%s dead: %s", app->publishers[death->publisher], death->reason);
}

static void on_refused(void *user, const struct session_refusal *refusal)
{
    say(user, "refused %u: %s", refusal->id, refusal->reason);
}

static void on_acked(void *user, uint64_t version, bool partial)
{
    say(user, "acked %u%s", (unsigned)version, partial ? " partial" : "");
}

static void on_snapshot_end(void *user, uint32_t interest)
{
    say(user, "snapshot end %u", interest);
}

static void on_loss(void *user, enum lane lane, const struct session_loss *loss)
{
    struct app *app = user;
    (void)lane;
    if (!loss->publisher)
        say(app, "loss via %s = ?", loss->via);
    else if (loss->count)
        say(app, "loss %s %u..%u = %u", app->publishers[loss->publisher], (unsigned)loss->first, (unsigned)loss->last,
            (unsigned)loss->count);
    else
        say(app, "loss %s = ?", app->publishers[loss->publisher]);
}

static void on_error(void *user, enum mr_rc rc, const char *reason, uint32_t topic, uint32_t retry_ms)
{
    (void)rc;
    (void)topic;
    (void)retry_ms;
    say(user, "error: %s", reason);
}

static void say_record(struct app *app, const struct batch_head *head, const struct record *r)
{
    struct body body;
    struct buf scratch;
    char text[64] = "none";
    buf_init(&scratch, VALUE_MAX_BYTES);
    assert_int_equal(body_read(r->body, r->body_len, &body, &scratch), MR_OK);
    if (body.has_value && body.value.type == MR_F64)
        snprintf(text, sizeof text, "%g", body.value.as.f64);
    else if (body.has_value)
        snprintf(text, sizeof text, "'%.*s'", (int)body.value.len, (const char *)body.value.as.ptr);
    if (r->call.id && r->call.reply_topic) {
        say(app, "request for %s %s", app->topics[r->topic], text);
        app->request_id = r->call.id;
        app->request_reply = r->call.reply_topic;
    } else if (r->call.id)
        say(app, "answer %u rc %u %s", (unsigned)r->call.id, r->call.rc, text);
    else
        say(app, "%s=%s by %s%s%s%s%s", app->topics[r->topic], text, app->publishers[head->publisher],
            r->flags & MR_FROM_SNAPSHOT ? " snapshot" : "", r->flags & MR_STALE ? " stale" : "",
            r->flags & MR_CLEAR ? " clear" : "", r->flags & MR_FUTURE ? " future" : "");
    buf_fini(&scratch);
}

static void on_batch(void *user, enum lane lane, struct batch_reader *batch)
{
    struct record record;
    (void)lane;
    while (batch_next(batch, &record) == MR_OK)
        say_record(user, &batch->head, &record);
}

static const struct session_events app_events = {.on_welcome = on_welcome,
                                                 .on_end = on_end,
                                                 .on_state = on_state,
                                                 .on_topic = on_topic,
                                                 .on_publisher = on_publisher,
                                                 .on_opened = on_opened,
                                                 .on_birth = on_birth,
                                                 .on_death = on_death,
                                                 .on_interest_refused = on_refused,
                                                 .on_interest_acked = on_acked,
                                                 .on_snapshot_end = on_snapshot_end,
                                                 .on_loss = on_loss,
                                                 .on_batch = on_batch,
                                                 .on_error = on_error};

const char *app_told(struct app *app)
{
    static char text[2 * 1024 * 1024];
    size_t n = app->log.len < sizeof text ? app->log.len : sizeof text - 1;
    if (n)
        memcpy(text, app->log.data, n);
    text[n] = '\0';
    buf_clear(&app->log);
    return text;
}

/* -- apps -- */
static void connect_app(struct app *app, const struct session_hello *hello, const struct port_peer *peer)
{
    struct err err = {{0}};
    struct world *w = app->world;
    buf_init(&app->log, 2 * 1024 * 1024);
    const struct session_conf conf = {.role = SESSION_CLIENT,
                                      .hello = *hello,
                                      .max_queued_bytes = QUEUE_BYTES,
                                      .rand = &w->rand.source,
                                      .events = &app_events,
                                      .user = app};
    if (expect(w, session_new(&app->session, &conf, w->now_ns, &err)) &&
        !expect(w, hub_accept(app->agent->hub, peer, &app->port, &err)))
        app->port = 0;
    world_pump(w);
}

static void renew(struct world *w, struct app *app, struct station *at)
{
    session_free(app->session);
    buf_fini(&app->log);
    *app = (struct app){.world = w, .agent = at};
}

static void open_app(struct world *w, struct app *app, unsigned agent, const char *name, const char *path)
{
    char identity[16];
    snprintf(identity, sizeof identity, "m%u", agent + 1);
    renew(w, app, &w->agents[agent]);
    connect_app(app, &(struct session_hello){.kind = PEER_KIND_APP, .name = name, .nonce = 5},
                &(struct port_peer){.kind = PORT_APP, .identity = identity, .path = path, .address = name});
}

void app_open(struct world *w, struct app *app, unsigned agent, const char *name)
{
    char path[32];
    snprintf(path, sizeof path, "demo/m%u", agent + 1);
    open_app(w, app, agent, name, path);
}

void app_open_without_path(struct world *w, struct app *app, unsigned agent, const char *name)
{
    open_app(w, app, agent, name, "");
}

void peer_open(struct world *w, struct app *peer, const char *identity, uint64_t birth, uint32_t link)
{
    peer_open_as(w, peer, identity, identity, birth, link);
}

void peer_open_as(struct world *w, struct app *peer, const char *identity, const char *name, uint64_t birth,
                  uint32_t link)
{
    renew(w, peer, &w->broker);
    connect_app(
        peer,
        &(struct session_hello){
            .kind = PEER_KIND_AGENT, .name = name, .nonce = 5, .birth = birth, .link = link, .next_seq = 1},
        &(struct port_peer){.kind = PORT_AGENT, .identity = identity, .path = "demo/peer", .address = identity});
}

void app_close(struct app *app, bool clean)
{
    struct world *w = app->world;
    if (clean && app->session) {
        session_bye(app->session, MR_OK, "closed", 0);
        world_pump(w);
    }
    if (app->port)
        hub_close(app->agent->hub, app->port);
    app->port = 0;
    session_free(app->session);
    app->session = NULL;
    world_pump(w);
}

static void add_interest(struct app *app, uint32_t id, const char *filter, enum interest_kind kind)
{
    const struct session_interest entry = {.id = id, .filter = filter, .kind = kind, .group = ""};
    if (!app->session)
        return;
    (void)expect(app->world, session_interest_add(app->session, &entry));
    world_pump(app->world);
}

void app_subscribe(struct app *app, uint32_t id, const char *filter)
{
    add_interest(app, id, filter, INTEREST_SUBSCRIBE);
}

void app_serve(struct app *app, uint32_t id, const char *filter)
{
    add_interest(app, id, filter, INTEREST_SERVE);
}

void app_open_topic(struct app *app, uint32_t cookie, const char *topic, const char *unit)
{
    const struct session_tag tag = {.type = MR_F64, .unit = unit ? unit : "", .description = "", .low = 0, .high = 100};
    const struct session_open open = {.cookie = cookie, .topic = topic, .tag = unit ? &tag : NULL};
    if (!app->session)
        return;
    (void)expect(app->world, session_open_topic(app->session, &open));
    world_pump(app->world);
    if (app->opened[cookie])
        snprintf(app->topics[app->opened[cookie]], sizeof app->topics[0], "%s",
                 names_topic_text(hub_names(app->agent->hub), app->opened[cookie]));
}

static void put(struct app *app, enum lane lane, struct record *record, const struct mr_value *value)
{
    uint8_t body[256];
    const struct batch_head head = {.base_us = real_us(app->world), .broker_us = MR_NO_TIME};
    record->body = body;
    record->body_len = (uint32_t)body_write(body, 0, value);
    if (app->session && record->topic)
        (void)expect(app->world, session_put(app->session, lane, &head, record));
}

void app_write(struct app *app, uint32_t cookie, double value, uint32_t flags)
{
    static uint64_t seq; /* an app's own numbers mean nothing to its agent, they only must rise */
    const struct mr_value v = mr_f64(value);
    struct record record = {
        .topic = app->opened[cookie], .flags = flags, .seq = ++seq, .source_us = real_us(app->world)};
    put(app, LANE_LIVE, &record, &v);
}

static struct mr_value text_value(const char *text)
{
    return (struct mr_value){.type = MR_BYTES, .len = (uint32_t)strlen(text), .as.ptr = text};
}

void app_request(struct app *app, uint32_t cookie, uint64_t id, const char *text)
{
    const struct mr_value v = text_value(text);
    struct record record = {.topic = app->opened[cookie],
                            .source_us = MR_NO_TIME,
                            .call = {.id = id, .reply_topic = app->inbox, .wait_ms = 1000}};
    put(app, LANE_COMMAND, &record, &v);
    world_pump(app->world);
}

void app_answer(struct app *app, const char *text)
{
    const struct mr_value v = text_value(text);
    struct record record = {
        .topic = app->request_reply, .source_us = MR_NO_TIME, .call = {.id = app->request_id, .reason = ""}};
    put(app, LANE_COMMAND, &record, &v);
    world_pump(app->world);
}
