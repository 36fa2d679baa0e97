/* client_bare.c - a program that speaks the protocol itself: one client session, no library between. */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "payload.h"
#include "peek.h"
#include "proto/topic.h"
#include "sdk/link.h"

enum { IDS = 4096, PUBLISHERS = 512, CALLS = 4096, RECEIVES_PER_TURN = 16, ROOM_SPARE = 2048, ENTRY_SERVICE = 100 };

/* How far a slot has been seen. */
struct seen_slot {
    uint32_t topic;
    int machine;
    uint64_t birth, seq;
    bool is_stale, is_cleared;
};

struct bare_sub {
    bool is_wanted, is_in_force, is_gap_open;
    uint32_t entry; /* never that of an earlier one, whose snapshot may still be under way */
    char filter[64];
    struct seen_slot *slots;
    size_t n, cap;
};

enum call_state { CALL_OPEN, CALL_ANSWERED, CALL_OVER };

struct bare_request {
    uint64_t id;
    int64_t deadline_ns;
    enum call_state state;
};

struct bare_call {
    uint64_t id;
    uint32_t reply_topic, session;
};

struct bare {
    struct client client;
    struct client_conf conf;
    struct link link;
    struct session *session; /* NULL: the agent is away */
    bool is_up;
    uint32_t n_sessions, n_entries, inbox;
    int64_t retry_ns;
    uint64_t seq;
    struct bare_sub subs[CLIENT_SUBS];
    char service[64];
    uint32_t id_of[IDS];    /* by topic: 0 = not opened, UINT32_MAX = asked for */
    uint32_t topic_of[IDS]; /* by the agent's id: topic + 1 */
    char publishers[PUBLISHERS][24];
    struct bare_request *requests;
    size_t n_requests, cap_requests;
    struct bare_call calls[CALLS];
    uint32_t n_calls;
};

static int64_t now_ns(const struct bare *b)
{
    return clock_mono_ns(&b->conf.machine->clock);
}

static const char *topic_text(const struct bare *b, uint32_t id)
{
    return id < IDS && b->topic_of[id] ? b->conf.history->topics[b->topic_of[id] - 1] : "";
}

static void problem(struct bare *b, const char *what, enum mr_rc rc)
{
    if (rc && rc != MR_CLOSED)
        history_problem(b->conf.history, "%s: %s: %s", b->conf.name, what, rc_text(rc));
}

static void tell(struct bare *b, unsigned sub, const struct told *told)
{
    b->conf.events->on_told(b->conf.user, sub, told);
}

/* -- interest -- */
static void add_interest(struct bare *b, uint32_t id, const char *filter, enum interest_kind kind)
{
    const struct session_interest entry = {.id = id, .filter = filter, .kind = kind, .group = ""};
    if (b->is_up)
        problem(b, "interest", session_interest_add(b->session, &entry));
}

static enum mr_rc subscribe(struct client *c, unsigned sub, const char *filter)
{
    struct bare *b = (struct bare *)c;
    struct bare_sub *s = &b->subs[sub];
    *s = (struct bare_sub){.is_wanted = true, .entry = ENTRY_SERVICE + ++b->n_entries};
    snprintf(s->filter, sizeof s->filter, "%s", filter);
    add_interest(b, s->entry, filter, INTEREST_SUBSCRIBE);
    process_wake(b->conf.process);
    return MR_OK;
}

static void unsubscribe(struct client *c, unsigned sub)
{
    struct bare *b = (struct bare *)c;
    if (b->is_up)
        problem(b, "no interest", session_interest_remove(b->session, b->subs[sub].entry));
    free(b->subs[sub].slots);
    b->subs[sub] = (struct bare_sub){.is_wanted = false};
    process_wake(b->conf.process);
}

static enum mr_rc serve(struct client *c, const char *filter)
{
    struct bare *b = (struct bare *)c;
    snprintf(b->service, sizeof b->service, "%s", filter);
    add_interest(b, ENTRY_SERVICE, filter, INTEREST_SERVE);
    process_wake(b->conf.process);
    return MR_OK;
}

static void on_refused(void *user, const struct session_refusal *refusal)
{
    struct bare *b = user;
    history_problem(b->conf.history, "%s: interest %u refused: %s", b->conf.name, refusal->id, refusal->reason);
}

/* Comes in band, where the entry is in force for sure: the acknowledgement may overtake records from before. */
static void on_snapshot_end(void *user, uint32_t interest)
{
    struct bare *b = user;
    unsigned i = 0;
    while (i < CLIENT_SUBS && (!b->subs[i].is_wanted || b->subs[i].entry != interest))
        i++;
    if (i == CLIENT_SUBS)
        return;
    if (b->subs[i].is_gap_open)
        tell(b, i, &(struct told){.kind = ITEM_SPAN_CLOSES, .cause = MR_LINK});
    b->subs[i].is_gap_open = false;
    b->subs[i].is_in_force = true;
    tell(b, i, &(struct told){.kind = ITEM_SNAPSHOT_END});
}

/* -- names -- */
static void on_welcome(void *user, const struct session_welcome *welcome)
{
    struct bare *b = user;
    b->is_up = true;
    b->inbox = welcome->inbox;
    for (unsigned i = 0; i < CLIENT_SUBS; i++)
        if (b->subs[i].is_wanted)
            add_interest(b, b->subs[i].entry, b->subs[i].filter, INTEREST_SUBSCRIBE);
    if (*b->service)
        add_interest(b, ENTRY_SERVICE, b->service, INTEREST_SERVE);
}

static void learn_topic(struct bare *b, uint32_t id, const char *text)
{
    if (id >= IDS)
        history_problem(b->conf.history, "%s: topic id %u is higher than expected", b->conf.name, id);
    else
        b->topic_of[id] = history_topic(b->conf.history, text) + 1;
}

static void on_topic(void *user, const struct session_topic *topic)
{
    learn_topic(user, topic->id, topic->text);
}

static void on_publisher(void *user, const struct session_publisher *p)
{
    struct bare *b = user;
    if (p->id < PUBLISHERS)
        snprintf(b->publishers[p->id], sizeof b->publishers[0], "%s%s%s", p->identity, *p->part ? "/" : "", p->part);
    else
        history_problem(b->conf.history, "%s: publisher id %u is higher than expected", b->conf.name, p->id);
}

static void on_opened(void *user, const struct session_opened *opened)
{
    struct bare *b = user;
    if (opened->rc)
        history_problem(b->conf.history, "%s: '%s' refused: %s", b->conf.name, opened->text, opened->reason);
    b->id_of[opened->cookie] = opened->id;
    learn_topic(b, opened->id, opened->text);
}

/* The agent's id of a topic; MR_WOULD_BLOCK: it has been asked for. */
static enum mr_rc id_of(struct bare *b, const char *text, uint32_t *ret)
{
    uint32_t topic = history_topic(b->conf.history, text);
    if (!b->is_up)
        return MR_ISOLATED;
    *ret = b->id_of[topic];
    if (*ret && *ret != UINT32_MAX)
        return MR_OK;
    if (*ret == 0)
        problem(b, "open", session_open_topic(b->session, &(struct session_open){.cookie = topic, .topic = text}));
    b->id_of[topic] = UINT32_MAX;
    process_wake(b->conf.process);
    return MR_WOULD_BLOCK;
}

/* -- records out -- */
static enum mr_rc put(struct bare *b, enum lane lane, struct record *record, const void *data, size_t len)
{
    uint8_t body[PAYLOAD_MOST + 64];
    const struct mr_value v = {.type = MR_BYTES, .len = (uint32_t)len, .as.ptr = data};
    const struct batch_head head = {.base_us = clock_real_us(&b->conf.machine->clock), .broker_us = MR_NO_TIME};
    if (session_room(b->session, lane) < len + ROOM_SPARE)
        return MR_WOULD_BLOCK;
    record->source_us = head.base_us;
    record->body = body;
    record->body_len = (uint32_t)body_write(body, 0, data ? &v : NULL);
    enum mr_rc rc = session_put(b->session, lane, &head, record);
    process_wake(b->conf.process);
    return rc;
}

static enum mr_rc publish(struct client *c, const struct client_record *r)
{
    struct bare *b = (struct bare *)c;
    struct record record = {.flags = r->flags, .seq = ++b->seq};
    enum mr_rc rc = id_of(b, r->topic, &record.topic);
    return rc ? rc : put(b, LANE_LIVE, &record, r->data, r->len);
}

static enum mr_rc request(struct client *c, uint64_t id, const struct client_record *r, int wait_ms)
{
    struct bare *b = (struct bare *)c;
    struct record record = {.call = {.id = id, .reply_topic = b->inbox, .wait_ms = (uint32_t)wait_ms}};
    enum mr_rc rc = id_of(b, r->topic, &record.topic);
    if (!rc)
        rc = put(b, LANE_COMMAND, &record, r->data, r->len);
    if (rc)
        return rc;
    b->requests = sim_grow(b->requests, b->n_requests, &b->cap_requests, sizeof *b->requests);
    b->requests[b->n_requests++] =
        (struct bare_request){.id = id, .deadline_ns = now_ns(b) + wait_ms * SIM_MS, .state = CALL_OPEN};
    process_at(b->conf.process, b->conf.process->sim->now_ns + wait_ms * SIM_MS);
    return MR_OK;
}

static enum mr_rc answer(struct client *c, uint64_t call, const void *data, size_t len)
{
    struct bare *b = (struct bare *)c;
    const struct bare_call *to = &b->calls[call];
    struct record record = {.topic = to->reply_topic, .call = {.id = to->id, .reason = ""}};
    if (!b->is_up || to->session != b->n_sessions)
        return MR_ISOLATED;
    return put(b, LANE_COMMAND, &record, data, len);
}

/* -- records in -- */
static struct seen_slot *slot_of(struct bare_sub *s, uint32_t topic, int machine)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->slots[i].topic == topic && s->slots[i].machine == machine)
            return &s->slots[i];
    s->slots = sim_grow(s->slots, s->n, &s->cap, sizeof *s->slots);
    s->slots[s->n] = (struct seen_slot){.topic = topic, .machine = machine};
    return &s->slots[s->n++];
}

/* A record of a snapshot is news when it is of a higher version, or when the same became stale or fresh, or was removed by
 * another. */
static bool is_news(struct seen_slot *slot, struct told *told)
{
    bool is_above = told->birth != slot->birth ? told->birth > slot->birth : told->seq > slot->seq;
    bool is_same = told->birth == slot->birth && told->seq == slot->seq;
    bool is_stale = told->flags & MR_STALE, is_cleared = told->flags & MR_CLEAR;
    bool is_change = is_same && (is_cleared ? !slot->is_cleared : !slot->is_cleared && is_stale != slot->is_stale);
    bool is_removed = is_same && slot->is_cleared; /* its removal came on another way, and earlier */
    if (!is_above && !is_change && (is_removed || told->flags & MR_FROM_SNAPSHOT))
        return false;
    if (is_change) /* by way of the live records of another broker perhaps: it is no new value */
        told->flags |= MR_FROM_SNAPSHOT;
    if (is_above || is_same)
        *slot = (struct seen_slot){slot->topic, slot->machine, told->birth, told->seq, is_stale, is_cleared};
    return true;
}

static void deliver(struct bare *b, unsigned i, const struct told *said)
{
    struct bare_sub *s = &b->subs[i];
    struct told mine = *said, *told = &mine;
    bool is_kept = told->flags & (MR_KEEP | MR_CLEAR | MR_FROM_SNAPSHOT) && !(told->flags & MR_BACKFILL);
    if (!s->is_wanted || !filter_match(s->filter, strlen(s->filter), told->topic, strlen(told->topic)))
        return;
    if (told->flags & MR_BACKFILL)
        return;
    if (is_kept &&
        !is_news(slot_of(s, history_topic(b->conf.history, told->topic), peek_machine(told->publisher)), told))
        return;
    tell(b, i, told);
}

static void take_data(struct bare *b, const struct batch_head *head, const struct record *r, const struct body *body)
{
    struct told told = {.kind = ITEM_DATA,
                        .topic = topic_text(b, r->topic),
                        .publisher = head->publisher < PUBLISHERS ? b->publishers[head->publisher] : "",
                        .flags = r->flags,
                        .birth = head->birth,
                        .seq = r->seq,
                        .data = body->has_value ? body->value.as.ptr : NULL,
                        .len = body->has_value ? body->value.len : 0};
    if (!*told.topic || !*told.publisher)
        history_problem(b->conf.history, "%s: a record of a topic or publisher that was not announced", b->conf.name);
    for (unsigned i = 0; i < CLIENT_SUBS; i++)
        if (head->interest == 0 || head->interest == b->subs[i].entry)
            deliver(b, i, &told);
}

static void take_request(struct bare *b, const struct record *r, const struct body *body)
{
    uint32_t call = b->n_calls++ % CALLS;
    b->calls[call] = (struct bare_call){.id = r->call.id, .reply_topic = r->call.reply_topic, .session = b->n_sessions};
    b->conf.events->on_request(b->conf.user, call, body->value.as.ptr, body->value.len);
}

static void take_answer(struct bare *b, const struct record *r, const struct body *body)
{
    for (size_t i = b->n_requests; i-- > 0;) {
        struct bare_request *q = &b->requests[i];
        if (q->id != r->call.id || q->state == CALL_OVER)
            continue;
        q->state = CALL_ANSWERED;
        b->conf.events->on_outcome(b->conf.user, q->id, (enum mr_rc)r->call.rc,
                                   body->has_value ? body->value.as.ptr : NULL, body->has_value ? body->value.len : 0);
        return;
    }
}

static void on_batch(void *user, enum lane lane, struct batch_reader *batch)
{
    struct bare *b = user;
    struct record record;
    struct body body;
    struct buf scratch;
    (void)lane;
    buf_init(&scratch, VALUE_MAX_BYTES);
    while (batch_next(batch, &record) == MR_OK) {
        body = (struct body){.has_value = false};
        if (record.body_len && body_read(record.body, record.body_len, &body, &scratch))
            history_problem(b->conf.history, "%s: a body that cannot be read", b->conf.name);
        else if (!record.call.id)
            take_data(b, &batch->head, &record, &body);
        else if (record.call.reply_topic)
            take_request(b, &record, &body);
        else
            take_answer(b, &record, &body);
    }
    buf_fini(&scratch);
}

static void on_loss(void *user, enum lane lane, const struct session_loss *loss)
{
    struct bare *b = user;
    const struct told told = {.kind = ITEM_LOSS,
                              .publisher = loss->publisher ? b->publishers[loss->publisher % PUBLISHERS] : NULL,
                              .count = loss->count,
                              .cause = loss->cause};
    (void)lane;
    for (unsigned i = 0; i < CLIENT_SUBS; i++)
        if (b->subs[i].is_wanted)
            tell(b, i, &told);
}

/* -- life -- */
static void on_end(void *user, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct bare *b = user;
    (void)retry_ms;
    sim_trace(b->conf.process->sim, "%s: session over: %d %s", b->conf.name, (int)rc, reason);
}

static const struct session_events events = {.on_welcome = on_welcome,
                                             .on_end = on_end,
                                             .on_topic = on_topic,
                                             .on_publisher = on_publisher,
                                             .on_opened = on_opened,
                                             .on_interest_refused = on_refused,
                                             .on_snapshot_end = on_snapshot_end,
                                             .on_loss = on_loss,
                                             .on_batch = on_batch};

static void lose_agent(struct bare *b)
{
    session_free(b->session);
    b->session = NULL;
    b->is_up = false;
    link_close(&b->link);
    memset(b->id_of, 0, sizeof b->id_of);
    memset(b->topic_of, 0, sizeof b->topic_of);
    for (unsigned i = 0; i < CLIENT_SUBS; i++) {
        if (b->subs[i].is_in_force)
            tell(b, i, &(struct told){.kind = ITEM_SPAN_OPENS, .cause = MR_LINK});
        b->subs[i].is_gap_open |= b->subs[i].is_in_force;
        b->subs[i].is_in_force = false;
    }
    for (size_t i = 0; i < b->n_requests; i++) {
        if (b->requests[i].state != CALL_OPEN)
            continue;
        b->requests[i].state = CALL_OVER;
        b->conf.events->on_outcome(b->conf.user, b->requests[i].id, MR_UNKNOWN, NULL, 0);
    }
    b->retry_ns = b->conf.process->sim->now_ns + (int64_t)rand_below(b->conf.rand, 300 * SIM_MS);
}

static void find_agent(struct bare *b)
{
    struct err err = {{0}};
    const struct session_conf conf = {.role = SESSION_CLIENT,
                                      .hello = {.kind = PEER_KIND_APP, .name = b->conf.name, .nonce = 5},
                                      .max_queued_bytes = STATION_QUEUE_BYTES,
                                      .rand = b->conf.rand,
                                      .events = &events,
                                      .user = b};
    link_init(&b->link, b->conf.transport);
    if (link_open(&b->link, "", &err)) {
        b->retry_ns = b->conf.process->sim->now_ns + (int64_t)rand_below(b->conf.rand, 300 * SIM_MS);
        return;
    }
    b->n_sessions++;
    problem(b, "session", session_new(&b->session, &conf, now_ns(b), &err));
}

static void expire(struct bare *b)
{
    for (size_t i = 0; i < b->n_requests; i++) {
        if (b->requests[i].state != CALL_OPEN || b->requests[i].deadline_ns > now_ns(b))
            continue;
        b->requests[i].state = CALL_OVER;
        b->conf.events->on_outcome(b->conf.user, b->requests[i].id, MR_TIMEOUT, NULL, 0);
    }
}

static void move(struct bare *b)
{
    enum mr_rc rc = MR_OK;
    for (int i = 0; i < RECEIVES_PER_TURN && !rc; i++)
        rc = link_receive(&b->link, b->session, now_ns(b));
    if (!rc)
        process_at(b->conf.process, b->conf.process->sim->now_ns + SIM_US);
    if (session_deadline(b->session) <= now_ns(b))
        session_tick(b->session, now_ns(b));
    session_flush(b->session);
    enum mr_rc sent = link_send(&b->link, b->session, now_ns(b));
    if ((rc && rc != MR_WOULD_BLOCK) || (sent && sent != MR_WOULD_BLOCK) || session_is_over(b->session))
        lose_agent(b);
}

static void take_turn(struct client *c)
{
    struct bare *b = (struct bare *)c;
    struct sim *sim = b->conf.process->sim;
    expire(b);
    if (!b->session && b->retry_ns <= sim->now_ns)
        find_agent(b);
    if (b->session)
        move(b);
    if (!b->session)
        process_at(b->conf.process, b->retry_ns);
    else if (session_deadline(b->session) != INT64_MAX)
        process_at(b->conf.process, session_deadline(b->session) - b->conf.machine->mono_base_ns);
}

static struct client *open_client(const struct client_conf *conf)
{
    struct bare *b = sim_alloc(1, sizeof *b);
    b->client.kind = &client_bare;
    b->conf = *conf;
    process_wake(conf->process);
    return &b->client;
}

static void close_client(struct client *c, bool is_clean)
{
    struct bare *b = (struct bare *)c;
    if (b->session && is_clean) {
        session_bye(b->session, MR_OK, "closed", 0);
        (void)!link_send(&b->link, b->session, now_ns(b));
    }
    session_free(b->session);
    if (b->session)
        link_close(&b->link);
    for (unsigned i = 0; i < CLIENT_SUBS; i++)
        free(b->subs[i].slots);
    free(b->requests);
    free(b);
}

static bool is_up(const struct client *c)
{
    const struct bare *b = (const struct bare *)c;
    return b->is_up && session_is_up(b->session);
}

const struct client_kind client_bare = {.name = "bare",
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
