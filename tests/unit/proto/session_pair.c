/* session_pair.c - see session_pair.h. */
#include "session_pair.h"
#include "proto/session_transfer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const int64_t MS = 1000000;

static void FORMAT_CHECKED(2, 3) note(struct pair_side *side, const char *format, ...)
{
    va_list args;

    if (side->lines == PAIR_LOG_LINES)
        return;
    va_start(args, format);
    vsnprintf(side->log[side->lines++], PAIR_LOG_TEXT, format, args);
    va_end(args);
}

static void on_hello(void *user, const struct session_hello *hello)
{
    struct pair_side *side = user;

    note(side, "hello %s kind %d link %u", hello->name, hello->kind, hello->link);
    if (!side->pair->welcome.identity)
        return;
    enum mr_rc rc = session_welcome(side->session, &side->pair->welcome, side->pair->now_ns);
    if (rc != MR_OK)
        session_bye(side->session, rc, "cannot welcome", 0);
}

static void on_welcome(void *user, const struct session_welcome *welcome)
{
    note(user, "welcome %s path %s from %s", welcome->identity, welcome->path, welcome->server);
}

static void on_end(void *user, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct pair_side *side = user;

    assert_false(side->ended);
    assert_true(session_is_over(side->session));
    side->ended = true;
    side->end_rc = rc;
    side->end_retry_ms = retry_ms;
    note(side, "end %d: %s", rc, reason);
}

static void on_state(void *user, const struct session_state *state)
{
    note(user, "state up %d broker %s", state->cluster_up, state->broker);
}

static void on_topic(void *user, const struct session_topic *topic)
{
    note(user, "topic %u %s", topic->id, topic->text);
}

static void on_publisher(void *user, const struct session_publisher *publisher)
{
    note(user, "publisher %u %s/%s", publisher->id, publisher->identity, publisher->part);
}

static void on_open(void *user, const struct session_open *open)
{
    note(user, "open %u %s", open->cookie, open->topic);
}

static void on_opened(void *user, const struct session_opened *opened)
{
    note(user, "opened %u as %u", opened->cookie, opened->id);
}

static void on_birth(void *user, const struct session_birth *birth)
{
    note(user, "birth of %u tags %zu", birth->publisher, birth->n_tags);
}

static void on_death(void *user, const struct session_death *death)
{
    note(user, "death of %u: %s", death->publisher, death->reason);
}

static void on_interest(void *user, const struct session_interest *entry)
{
    note(user, "interest %u %s", entry->id, entry->filter ? entry->filter : "gone");
}

static void on_interest_version(void *user, uint64_t version)
{
    struct pair_side *side = user;

    side->last_version = version;
    note(side, "version %llu", (unsigned long long)version);
}

static void on_interest_refused(void *user, const struct session_refusal *refusal)
{
    note(user, "refused %u: %s", refusal->id, refusal->reason);
}

static void on_interest_acked(void *user, uint64_t version, bool partial)
{
    struct pair_side *side = user;

    side->acked = version;
    note(side, "acked %llu%s", (unsigned long long)version, partial ? " partial" : "");
}

static void on_snapshot_end(void *user, uint32_t interest)
{
    note(user, "snapshot end %u", interest);
}

static void on_loss(void *user, enum lane lane, const struct session_loss *loss)
{
    note(user, "loss on %s of %u %llu..%llu count %llu via %s", lane_name(lane), loss->publisher,
         (unsigned long long)loss->first, (unsigned long long)loss->last, (unsigned long long)loss->count, loss->via);
}

static void on_batch(void *user, enum lane lane, struct batch_reader *batch)
{
    struct record record;

    while (batch_next(batch, &record) == MR_OK)
        note(user, "record on %s of %u seq %llu", lane_name(lane), batch->head.publisher,
             (unsigned long long)record.seq);
}

static void on_transfer(void *user, const struct transfer *t)
{
    if (t->total)
        note(user, "transfer %u of %u seq %llu has %u", t->id, t->head.publisher, (unsigned long long)t->record.seq,
             t->total);
    else
        note(user, "transfer %u ends: %d", t->id, t->cause);
}

static void on_chunk(void *user, const struct chunk *chunk)
{
    struct pair_side *side = user;

    note(side, "chunk of %u at %u has %u", chunk->transfer, chunk->offset, chunk->len);
    if (side->keeps_chunks)
        side->kept += chunk->cost;
    else
        session_chunk_done(side->session, chunk->cost);
}

static void on_error(void *user, enum mr_rc rc, const char *reason, uint32_t topic, uint32_t retry_ms)
{
    note(user, "error %d topic %u retry %u: %s", rc, topic, retry_ms, reason);
}

static void on_clock(void *user, int64_t offset_us, int64_t error_us, uint8_t clock)
{
    struct pair_side *side = user;

    side->offset_us = offset_us;
    side->error_us = error_us;
    side->clocks++;
    assert_int_not_equal(clock, 9);
}

static void on_dropped(void *user, enum lane lane, uint64_t records)
{
    note(user, "dropped on %s %llu", lane_name(lane), (unsigned long long)records);
}

static const struct session_events events = {
    .on_hello = on_hello,
    .on_welcome = on_welcome,
    .on_end = on_end,
    .on_state = on_state,
    .on_topic = on_topic,
    .on_publisher = on_publisher,
    .on_open = on_open,
    .on_opened = on_opened,
    .on_birth = on_birth,
    .on_death = on_death,
    .on_interest = on_interest,
    .on_interest_version = on_interest_version,
    .on_interest_refused = on_interest_refused,
    .on_interest_acked = on_interest_acked,
    .on_snapshot_end = on_snapshot_end,
    .on_loss = on_loss,
    .on_batch = on_batch,
    .on_transfer = on_transfer,
    .on_chunk = on_chunk,
    .on_error = on_error,
    .on_clock = on_clock,
    .on_dropped = on_dropped,
};

void pair_start(struct pair *p, const struct session_conf *conf)
{
    struct session_conf mine = conf ? *conf : (struct session_conf){.role = SESSION_CLIENT};

    *p = (struct pair){.now_ns = 1000 * MS};
    rand_seeded_init(&p->rand, 1);
    p->welcome = (struct session_welcome){
        .session = 77, .identity = "press-07", .path = "acme/press-07", .server = "mr1", .state = {.broker = ""}};
    p->client.pair = p->server.pair = p;
    mine.events = &events;
    mine.rand = &p->rand.source;
    if (!mine.hello.name)
        mine.hello = (struct session_hello){.kind = PEER_KIND_AGENT, .name = "press-07", .link = 1};
    mine.role = SESSION_CLIENT;
    mine.user = &p->client;
    assert_int_equal(session_new(&p->client.session, &mine, p->now_ns, NULL), MR_OK);
    mine.role = SESSION_SERVER;
    mine.user = &p->server;
    assert_int_equal(session_new(&p->server.session, &mine, p->now_ns, NULL), MR_OK);
}

void pair_stop(struct pair *p)
{
    session_free(p->client.session);
    session_free(p->server.session);
}

static bool move(struct pair_side *from, struct pair_side *to)
{
    struct blob *frame = session_take(from->session, from->pair->now_ns);

    if (!frame)
        return false;
    (void)!session_input(to->session, frame->data, frame->len, to->pair->now_ns);
    blob_unref(frame);
    return true;
}

void pair_settle(struct pair *p)
{
    bool moved;

    do {
        moved = move(&p->client, &p->server);
        moved |= move(&p->server, &p->client);
    } while (moved);
}

void pair_tick(struct pair *p)
{
    if (session_deadline(p->client.session) <= p->now_ns)
        session_tick(p->client.session, p->now_ns);
    if (session_deadline(p->server.session) <= p->now_ns)
        session_tick(p->server.session, p->now_ns);
}

void pair_run(struct pair *p, int64_t ms)
{
    for (int64_t end = p->now_ns + ms * MS; p->now_ns < end;) {
        p->now_ns += 10 * MS;
        pair_tick(p);
        pair_settle(p);
    }
}

void pair_up(struct pair *p, const struct session_conf *conf)
{
    pair_start(p, conf);
    pair_settle(p);
    assert_true(session_is_up(p->client.session));
    assert_true(session_is_up(p->server.session));
    pair_forget(p);
}

void pair_forget(struct pair *p)
{
    p->client.lines = 0;
    p->server.lines = 0;
}

bool pair_logged(const struct pair_side *side, const char *line)
{
    for (unsigned i = 0; i < side->lines; i++)
        if (!strcmp(side->log[i], line))
            return true;
    return false;
}

const char *pair_last(const struct pair_side *side)
{
    return side->lines ? side->log[side->lines - 1] : "";
}

enum mr_rc pair_put(struct pair_side *side, enum lane lane, uint32_t publisher, uint64_t seq, size_t n)
{
    static uint8_t body[AGENT_FRAME_MAX_BYTES + 64];
    static const struct batch_head bare = {.broker_us = MR_NO_TIME, .birth = 5, .link = 1};
    struct batch_head head = bare;
    struct record record = {.topic = 1, .seq = seq, .source_us = MR_NO_TIME, .body = body, .body_len = (uint32_t)n};

    head.publisher = publisher;
    return session_put(side->session, lane, &head, &record);
}

enum mr_rc pair_feed(struct pair_side *side, unsigned kind, unsigned lane, uint64_t session, const void *payload,
                     size_t len)
{
    static uint8_t frame[AGENT_FRAME_MAX_BYTES + 64];
    struct frame_head head = {(enum frame_kind)kind, (enum lane)lane, session};

    assert_true(len + FRAME_HEAD_BYTES <= sizeof frame);
    frame_write_head(frame, &head);
    if (len)
        memcpy(frame + FRAME_HEAD_BYTES, payload, len);
    return session_input(side->session, frame, len + FRAME_HEAD_BYTES, side->pair->now_ns);
}

uint64_t pair_session_id(const struct pair *p)
{
    return p->welcome.session;
}
