/* world_apps.c - the apps of world.h: what they say, and what they were told as lines of text. */
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
#include "proto/session_transfer.h"

/* -- what apps are told -- */
static void say(struct app *app, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct app *app, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    (void)world_expect(app->world, buf_append(&app->log, line, (size_t)n));
    (void)world_expect(app->world, buf_append_u8(&app->log, '\n'));
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

/* -- long values -- */
static struct coming *find_coming(struct app *app, uint32_t id)
{
    for (size_t i = 0; i < sizeof app->coming / sizeof app->coming[0]; i++)
        if (app->coming[i].id == id)
            return &app->coming[i];
    return NULL;
}

static void on_transfer(void *user, const struct transfer *t)
{
    struct app *app = user;
    struct coming *c = find_coming(app, t->total ? 0 : t->id);
    assert_non_null(c);
    if (!t->total) {
        say(app, "lost %s: %d", c->what, t->cause);
        *c = (struct coming){.id = 0};
        return;
    }
    *c = (struct coming){.id = t->id, .total = t->total};
    snprintf(c->what, sizeof c->what, "%s of %u bytes by %s", app->topics[t->record.topic], t->total,
             app->publishers[t->head.publisher]);
}

static void on_chunk(void *user, const struct chunk *chunk)
{
    struct app *app = user;
    struct coming *c = find_coming(app, chunk->transfer);
    assert_non_null(c);
    for (uint32_t i = 0; i < chunk->len; i += 512)
        assert_int_equal(chunk->data[i], (uint8_t)((chunk->offset + i) >> 9));
    c->at += chunk->len;
    if (app->keeps_chunks)
        app->kept += chunk->cost;
    else
        session_chunk_done(app->session, chunk->cost);
    if (c->at < c->total)
        return;
    say(app, "whole %s", c->what);
    *c = (struct coming){.id = 0};
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
                                                 .on_transfer = on_transfer,
                                                 .on_chunk = on_chunk,
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

bool tells(const char *told, const char *what)
{
    if (strstr(told, what))
        return true;
    fprintf(stderr, "not told '%s' in:\n%s", what, told);
    return false;
}

/* -- apps -- */
static void connect_app(struct app *app, const struct session_hello *hello, const struct port_peer *peer)
{
    struct err err = {{0}};
    struct world *w = app->world;
    buf_init(&app->log, 2 * 1024 * 1024);
    const struct session_conf conf = {.role = SESSION_CLIENT,
                                      .hello = *hello,
                                      .max_queued_bytes = WORLD_QUEUE_BYTES,
                                      .rand = &w->rand.source,
                                      .events = &app_events,
                                      .user = app};
    if (world_expect(w, session_new(&app->session, &conf, w->now_ns, &err)) &&
        !world_expect(w, hub_accept(app->agent->hub, peer, &app->port, &err)))
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
    renew(w, peer, &w->brokers[0]);
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
    (void)world_expect(app->world, session_interest_add(app->session, &entry));
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

static void open_tag(struct app *app, uint32_t cookie, const char *topic, const struct session_tag *tag)
{
    const struct session_open open = {.cookie = cookie, .topic = topic, .tag = tag};
    if (!app->session)
        return;
    (void)world_expect(app->world, session_open_topic(app->session, &open));
    world_pump(app->world);
    if (app->opened[cookie])
        snprintf(app->topics[app->opened[cookie]], sizeof app->topics[0], "%s",
                 names_topic_text(hub_names(app->agent->hub), app->opened[cookie]));
}

void app_open_topic(struct app *app, uint32_t cookie, const char *topic, const char *unit)
{
    const struct session_tag tag = {.type = MR_F64, .unit = unit ? unit : "", .description = "", .low = 0, .high = 100};
    open_tag(app, cookie, topic, unit ? &tag : NULL);
}

void app_open_promise(struct app *app, uint32_t cookie, const char *topic, uint32_t stale_ms)
{
    const struct session_tag tag = {
        .type = MR_F64, .unit = "", .description = "", .low = 0, .high = 100, .stale_ms = stale_ms};
    open_tag(app, cookie, topic, &tag);
}

static void put(struct app *app, enum lane lane, struct record *record, const struct mr_value *value)
{
    uint8_t body[256];
    const struct batch_head head = {.base_us = world_utc_us(app->world), .broker_us = MR_NO_TIME};
    record->body = body;
    record->body_len = (uint32_t)body_write(body, 0, value);
    if (app->session && record->topic)
        (void)world_expect(app->world, session_put(app->session, lane, &head, record));
}

void app_write(struct app *app, uint32_t cookie, double value, uint32_t flags)
{
    static uint64_t seq; /* an app's own numbers mean nothing to its agent, they only must rise */
    const struct mr_value v = mr_f64(value);
    struct record record = {
        .topic = app->opened[cookie], .flags = flags, .seq = ++seq, .source_us = world_utc_us(app->world)};
    put(app, LANE_LIVE, &record, &v);
}

void app_go_on(struct app *app)
{
    struct sending *s = &app->sending;
    uint8_t data[TRANSFER_CHUNK_BYTES];
    enum mr_rc rc = MR_OK;
    while (app->session && s->id && s->at < s->total && !rc) {
        const struct chunk c = {.transfer = s->id, .offset = s->at, .data = data, .len = chunk_len(s->total, s->at)};
        for (uint32_t i = 0; i < c.len; i++)
            data[i] = (uint8_t)((c.offset + i) >> 9);
        rc = session_put_chunk(app->session, &c);
        if (rc) {
            world_pump(app->world);
            rc = app->session ? session_put_chunk(app->session, &c) : MR_CLOSED;
        }
        s->at += rc ? 0 : c.len;
    }
    world_pump(app->world);
}

void app_send(struct app *app, uint32_t cookie, uint32_t total)
{
    static const uint8_t body[] = {0x12, 0}; /* bytes, none of them */
    const struct transfer t = {
        .total = total,
        .head = {.base_us = world_utc_us(app->world), .broker_us = MR_NO_TIME},
        .record = {.topic = app->opened[cookie], .source_us = MR_NO_TIME, .body = body, .body_len = sizeof body}};
    app->sending = (struct sending){.total = total};
    if (!app->session || !t.record.topic)
        return;
    if (world_expect(app->world, session_begin_transfer(app->session, &t, &app->sending.id)))
        app_go_on(app);
}

void app_break_off(struct app *app)
{
    (void)world_expect(app->world, session_end_transfer(app->session, app->sending.id, MR_EXPIRED));
    world_pump(app->world);
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
