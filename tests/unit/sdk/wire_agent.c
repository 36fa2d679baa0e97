/* wire_agent.c - see wire_agent.h. */
#include "tests/unit/sdk/wire_agent.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "proto/session_transfer.h"

enum { INBOX = 1 };

static void must(enum mr_rc rc)
{
    assert(rc == MR_OK);
    (void)rc;
}

static uint32_t topic_id(struct wire_agent *a, const char *text)
{
    for (uint32_t i = 0; i < a->n_topics; i++)
        if (strcmp(a->topics[i].text, text) == 0)
            return i + 1;
    assert(a->n_topics < WIRE_TOPICS);
    snprintf(a->topics[a->n_topics].text, WIRE_TEXT, "%s", text);
    return ++a->n_topics;
}

static void expand(const struct wire_agent *a, const char *text, char ret[WIRE_TEXT])
{
    if (strncmp(text, "./", 2) == 0)
        snprintf(ret, WIRE_TEXT, "%s/%s", a->path, text + 2);
    else
        snprintf(ret, WIRE_TEXT, "%s", text);
}

static void on_hello(void *user, const struct session_hello *hello)
{
    struct wire_agent *a = user;
    a->hellos++;
    snprintf(a->app, sizeof a->app, "%s", hello->name);
    if (a->hello_rc) {
        session_bye(a->session, a->hello_rc, "not you", 0);
        a->is_over = true;
        return;
    }
    const struct session_welcome welcome = {.session = rand_u64(&a->rand.source) | 1,
                                            .identity = "here",
                                            .path = a->path,
                                            .server = "agent",
                                            .nonce = a->nonce,
                                            .inbox = INBOX,
                                            .state = {.cluster_up = !a->is_isolated,
                                                      .isolated_since_us = a->is_isolated ? 1000 : 0,
                                                      .broker = a->is_isolated ? "" : "mr1"}};
    must(session_welcome(a->session, &welcome, a->now_ns));
    must(session_name_topic(a->session, INBOX, "$inbox/here/1"));
}

static void on_end(void *user, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct wire_agent *a = user;
    (void)reason;
    (void)retry_ms;
    a->end_rc = rc;
    a->is_over = true;
}

static void on_open(void *user, const struct session_open *open)
{
    struct wire_agent *a = user;
    char text[WIRE_TEXT];
    a->opens++;
    a->marks += open->cookie == 0;
    if (open->tag) {
        a->last_def = *open->tag;
        snprintf(a->last_unit, sizeof a->last_unit, "%s", open->tag->unit);
    }
    if (a->is_mute)
        return;
    expand(a, open->topic, text);
    bool is_denied = strncmp(text, "denied", 6) == 0;
    const struct session_opened opened = {.cookie = open->cookie,
                                          .id = open->cookie ? topic_id(a, text) : 0,
                                          .rc = is_denied ? MR_DENIED : MR_OK,
                                          .reason = is_denied ? "denied: ask somebody" : "",
                                          .text = text};
    must(session_opened(a->session, &opened));
}

static void on_publisher(void *user, const struct session_publisher *publisher)
{
    struct wire_agent *a = user;
    assert(a->n_devices < 16);
    a->named[a->n_devices] = publisher->id;
    snprintf(a->device[a->n_devices++], WIRE_TEXT, "%s", publisher->part);
}

static void on_birth(void *user, const struct session_birth *birth)
{
    struct wire_agent *a = user;
    (void)birth;
    a->births++;
}

static void on_death(void *user, const struct session_death *death)
{
    struct wire_agent *a = user;
    (void)death;
    a->deaths++;
    a->records_at_death = a->n_records;
}

static void forget_entry(struct wire_agent *a, uint32_t id)
{
    for (uint32_t i = 0; i < a->n_entries; i++)
        if (a->entries[i].id == id)
            a->entries[i--] = a->entries[--a->n_entries];
}

static void on_interest(void *user, const struct session_interest *interest)
{
    struct wire_agent *a = user;
    forget_entry(a, interest->id);
    if (!interest->filter)
        return;
    if (strncmp(interest->filter, "denied", 6) == 0) {
        must(session_interest_refuse(
            a->session, &(struct session_refusal){.id = interest->id, .rc = MR_DENIED, .reason = "not for you"}));
        return;
    }
    assert(a->n_entries < WIRE_ENTRIES);
    struct wire_entry *e = &a->entries[a->n_entries++];
    *e = (struct wire_entry){.id = interest->id,
                             .kind = interest->kind,
                             .no_snapshot = interest->no_snapshot,
                             .snapshot_only = interest->snapshot_only};
    expand(a, interest->filter, e->filter);
}

static void on_interest_version(void *user, uint64_t version)
{
    struct wire_agent *a = user;
    if (a->on_version)
        a->on_version(a);
    if (!a->is_mute)
        must(session_interest_ack(a->session, version, a->is_isolated));
}

static void keep_value(struct wire_record *kept, const struct body *body)
{
    kept->status = body->status;
    if (!body->has_value)
        return;
    if (body->value.type == MR_F64)
        kept->f64 = body->value.as.f64;
    else if (body->value.type == MR_BYTES || body->value.type == MR_STRING)
        snprintf(kept->text, sizeof kept->text, "%.*s", (int)body->value.len, (const char *)body->value.as.ptr);
}

static void on_batch(void *user, enum lane lane, struct batch_reader *batch)
{
    struct wire_agent *a = user;
    struct record record;
    struct buf scratch;
    buf_init(&scratch, AGENT_FRAME_MAX_BYTES);
    (void)lane;
    while (batch_next(batch, &record) == MR_OK) {
        struct body body;
        must(body_read(record.body, record.body_len, &body, &scratch));
        struct wire_record *kept = &a->records[a->n_records++ % WIRE_RECORDS];
        *kept = (struct wire_record){.topic = record.topic,
                                     .flags = record.flags,
                                     .publisher = batch->head.publisher,
                                     .source_us = record.source_us,
                                     .call_id = record.call.id,
                                     .call_rc = record.call.rc,
                                     .wait_ms = record.call.wait_ms};
        keep_value(kept, &body);
        if (record.call.id && a->on_call)
            a->on_call(a, kept);
    }
    buf_fini(&scratch);
}

static void on_transfer(void *user, const struct transfer *t)
{
    struct wire_large *l = &((struct wire_agent *)user)->large;
    l->begun += t->total != 0;
    l->ended += t->total == 0;
    l->total = t->total;
    l->type = t->value.value.type;
    l->at = 0;
}

static void on_chunk(void *user, const struct chunk *chunk)
{
    struct wire_agent *a = user;
    struct wire_large *l = &a->large;
    for (uint32_t i = 0; i < chunk->len; i++)
        l->is_damaged |= chunk->data[i] != wire_byte(chunk->offset + i);
    l->is_damaged |= chunk->offset != l->at;
    l->at += chunk->len;
    l->whole += l->at == l->total;
    if (l->keeps_chunks)
        l->kept += chunk->cost;
    else
        session_chunk_done(a->session, chunk->cost);
}

static const struct session_events events = {.on_hello = on_hello,
                                             .on_end = on_end,
                                             .on_open = on_open,
                                             .on_publisher = on_publisher,
                                             .on_birth = on_birth,
                                             .on_death = on_death,
                                             .on_interest = on_interest,
                                             .on_interest_version = on_interest_version,
                                             .on_batch = on_batch,
                                             .on_transfer = on_transfer,
                                             .on_chunk = on_chunk};

void wire_init(struct wire_agent *a)
{
    memset(a, 0, sizeof *a);
    a->path = "plant/here";
    a->nonce = 1;
    rand_seeded_init(&a->rand, 7);
    framing_init(&a->in, AGENT_FRAME_MAX_BYTES);
    buf_init(&a->out, (size_t)64 * 1024 * 1024);
    (void)topic_id(a, "$inbox/here/1");
}

void wire_end(struct wire_agent *a)
{
    session_free(a->session);
    a->session = NULL;
    framing_fini(&a->in);
    buf_fini(&a->out);
}

void wire_fini(struct wire_agent *a)
{
    wire_end(a);
}

void wire_begin(struct wire_agent *a, int64_t now_ns)
{
    const struct session_conf conf = {.role = SESSION_SERVER, .rand = &a->rand.source, .events = &events, .user = a};
    struct err err;
    wire_end(a);
    a->n_entries = a->n_devices = 0;
    a->is_over = false;
    must(session_new(&a->session, &conf, now_ns, &err));
}

bool wire_input(struct wire_agent *a, const uint8_t *data, size_t len, int64_t now_ns)
{
    a->now_ns = now_ns;
    while (len && !a->is_over) {
        uint8_t *space;
        const uint8_t *frame;
        size_t n, frame_len;
        must(framing_space(&a->in, &space, &n));
        n = n < len ? n : len;
        memcpy(space, data, n);
        framing_fed(&a->in, n);
        data += n;
        len -= n;
        while (!a->is_over && framing_next(&a->in, &frame, &frame_len) == MR_OK)
            (void)!session_input(a->session, frame, frame_len, now_ns);
    }
    return !a->is_over;
}

void wire_output(struct wire_agent *a, int64_t now_ns)
{
    uint8_t prefix[FRAMING_PREFIX_BYTES];
    struct blob *frame;
    if (session_deadline(a->session) <= now_ns)
        session_tick(a->session, now_ns);
    session_flush(a->session);
    while ((frame = session_take(a->session, now_ns))) {
        framing_put_prefix(prefix, frame->len);
        must(buf_append(&a->out, prefix, sizeof prefix));
        must(buf_append(&a->out, frame->data, frame->len));
        blob_unref(frame);
    }
}

/* -- what it says -- */
uint32_t wire_topic(struct wire_agent *a, const char *text)
{
    uint32_t id = topic_id(a, text);
    must(session_name_topic(a->session, id, text));
    return id;
}

const struct wire_entry *wire_entry(const struct wire_agent *a, const char *filter)
{
    for (uint32_t i = 0; i < a->n_entries; i++)
        if (strcmp(a->entries[i].filter, filter) == 0)
            return &a->entries[i];
    return NULL;
}

const struct wire_record *wire_last(const struct wire_agent *a)
{
    return a->n_records ? &a->records[(a->n_records - 1) % WIRE_RECORDS] : NULL;
}

void wire_publishers(struct wire_agent *a)
{
    static const struct session_publisher all[] = {{1, "other", ""}, {2, "third", ""}, {3, "other", "app"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        must(session_name_publisher(a->session, &all[i]));
        must(session_birth(a->session, &(struct session_birth){.publisher = all[i].id, .link = 1, .birth = 1}));
    }
}

void wire_give(struct wire_agent *a, const struct wire_value *v)
{
    uint8_t body[64];
    const struct mr_value value = mr_f64(v->f64);
    uint64_t seq = v->seq ? v->seq : ++a->next_seq;
    if (seq > a->next_seq)
        a->next_seq = seq;
    const struct batch_head head = {.birth = v->birth ? v->birth : 1,
                                    .link = 1,
                                    .base_us = 1000,
                                    .agent_us = 2000,
                                    .broker_us = v->broker_us ? v->broker_us : MR_NO_TIME,
                                    .publisher = v->publisher ? v->publisher : 1,
                                    .interest = v->interest};
    const struct record record = {.topic = wire_topic(a, v->topic),
                                  .flags = v->flags,
                                  .seq = seq,
                                  .source_us = 1500,
                                  .body = body,
                                  .body_len = (uint32_t)body_write(body, v->status, v->is_clear ? NULL : &value)};
    must(session_put(a->session, LANE_LIVE, &head, &record));
}

static void call(struct wire_agent *a, uint32_t topic, const struct record_call *c, const char *text)
{
    uint8_t body[512];
    const struct mr_value value = {.type = MR_BYTES, .len = (uint32_t)strlen(text), .as.ptr = text};
    const struct batch_head head = {.birth = 1, .link = 1, .base_us = 1, .broker_us = MR_NO_TIME, .publisher = 1};
    const struct record record = {.topic = topic,
                                  .source_us = MR_NO_TIME,
                                  .body = body,
                                  .body_len = (uint32_t)body_write(body, 0, &value),
                                  .call = *c};
    must(session_put(a->session, LANE_COMMAND, &head, &record));
}

void wire_request(struct wire_agent *a, const char *topic, const char *text, uint64_t id, uint32_t wait_ms)
{
    uint32_t reply = wire_topic(a, "$inbox/other/9");
    call(a, wire_topic(a, topic),
         &(struct record_call){.id = id, .reply_topic = reply, .wait_ms = wait_ms, .reason = ""}, text);
}

void wire_answer(struct wire_agent *a, uint64_t id, enum mr_rc rc, const char *text)
{
    const char *reason = rc ? "because" : "";
    call(a, INBOX, &(struct record_call){.id = id, .rc = rc, .reason = reason, .reason_len = (uint32_t)strlen(reason)},
         text);
}

uint32_t wire_begin_large(struct wire_agent *a, const char *topic, uint32_t type, uint32_t total)
{
    uint8_t body[TRANSFER_BODY_MAX_BYTES];
    const struct mr_value empty = {.type = type, .as.ptr = ""};
    const struct transfer t = {.total = total,
                               .head = {.birth = 1, .publisher = 1, .broker_us = MR_NO_TIME},
                               .record = {.topic = wire_topic(a, topic),
                                          .seq = ++a->next_seq,
                                          .source_us = MR_NO_TIME,
                                          .body = body,
                                          .body_len = (uint32_t)body_write(body, 0, &empty)}};
    uint32_t id;
    must(session_begin_transfer(a->session, &t, &id));
    return id;
}

void wire_give_large(struct wire_agent *a, uint32_t id, uint32_t total, uint32_t *at)
{
    uint8_t data[TRANSFER_CHUNK_BYTES];
    for (; *at < total; *at += TRANSFER_CHUNK_BYTES) {
        const struct chunk c = {.transfer = id, .offset = *at, .data = data, .len = chunk_len(total, *at)};
        for (uint32_t i = 0; i < c.len; i++)
            data[i] = wire_byte(c.offset + i);
        if (session_put_chunk(a->session, &c))
            return;
    }
}
