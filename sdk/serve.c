/* serve.c - what this program is asked: requests go to one service each, and are answered once. */
#include <string.h>

#include "base/mem.h"
#include "sdk/bus_private.h"

enum { WAIT_DEFAULT_MS = 5000, GENERATION_SHIFT = 40 };

/* -- the table of what waits for a reply -- */
static void forget(struct mr_bus *b, struct call_in *c)
{
    map64_remove(&b->calls, c->number);
    budget_free(&b->budget, c, sizeof *c);
}

/* Its number tells the session it came with. */
static struct call_in *remember(struct mr_bus *b, const struct record *record, int64_t deadline_ns)
{
    struct call_in *c = budget_alloc(&b->budget, sizeof *c);
    if (!c)
        return NULL;
    *c = (struct call_in){.number = (uint64_t)b->agent.generation << GENERATION_SHIFT | ++b->next_call,
                          .id = record->call.id,
                          .reply_topic = record->call.reply_topic,
                          .deadline_ns = deadline_ns};
    if (map64_put(&b->calls, c->number, c, NULL)) {
        budget_free(&b->budget, c, sizeof *c);
        return NULL;
    }
    if (deadline_ns < b->next_call_expiry_ns)
        b->next_call_expiry_ns = deadline_ns;
    return c;
}

static enum mr_rc send_answer(struct mr_bus *b, uint64_t id, uint32_t reply_topic, enum mr_rc rc, const char *reason,
                              const struct buf *body)
{
    int64_t now_us = clock_real_us(&b->clock);
    const struct batch_head head = {.base_us = now_us, .agent_us = now_us, .broker_us = MR_NO_TIME};
    const struct record record = {
        .topic = reply_topic,
        .source_us = MR_NO_TIME,
        .body = body ? body->data : NULL,
        .body_len = body ? (uint32_t)body->len : 0,
        .call = {.id = id, .rc = rc, .reason = reason, .reason_len = (uint32_t)strlen(reason)}};
    if (!agent_is_up(b) || b->agent.is_over)
        return MR_CLOSED;
    outbox_flush_soon(b);
    return session_put(b->agent.session, LANE_COMMAND, &head, &record);
}

static void refuse(struct mr_bus *b, uint64_t id, uint32_t reply_topic, const char *reason)
{
    /* No room: the requester's own wait ends it. */
    (void)!send_answer(b, id, reply_topic, MR_NO_RESPONDER, reason, NULL);
}

void serve_dropped(struct mr_bus *b, uint64_t call)
{
    struct call_in *c = map64_get(&b->calls, call);
    if (!c)
        return;
    refuse(b, c->id, c->reply_topic, "the responder has more requests than it can keep");
    forget(b, c);
}

static void forget_all(struct mr_bus *b, int64_t until_ns)
{
    uint32_t cursor = 0;
    b->next_call_expiry_ns = INT64_MAX;
    for (struct call_in *c; (c = map64_next(&b->calls, &cursor, NULL));) {
        if (c->deadline_ns <= until_ns)
            forget(b, c);
        else if (c->deadline_ns < b->next_call_expiry_ns)
            b->next_call_expiry_ns = c->deadline_ns;
    }
}

void serve_end(struct mr_bus *b)
{
    forget_all(b, INT64_MAX);
}

void serve_expire(struct mr_bus *b, int64_t now_ns)
{
    if (now_ns >= b->next_call_expiry_ns)
        forget_all(b, now_ns);
}

void serve_free(struct mr_bus *b)
{
    forget_all(b, INT64_MAX);
}

/* -- requests come -- */
static struct mr_sub *service_for(const struct heard *h)
{
    for (uint32_t i = 0; i < h->n_subs; i++)
        if (h->subs[i]->kind == INTEREST_SERVE && sub_is_live(h->subs[i]))
            return h->subs[i];
    return NULL;
}

void serve_on_request(struct mr_bus *b, const struct batch_head *head, const struct record *record, struct heard *topic,
                      const struct peer *publisher)
{
    struct message view;
    struct mr_sub *s = service_for(topic);
    uint32_t wait_ms = record->call.wait_ms ? record->call.wait_ms : WAIT_DEFAULT_MS;
    int64_t deadline = bus_now_ns(b) + wait_ms * NS_PER_MS;
    bool is_fine = s && receive_view(b, head, record, topic->text, publisher, &view);
    struct call_in *c = is_fine ? remember(b, record, deadline) : NULL;
    if (!c) {
        refuse(b, record->call.id, record->call.reply_topic,
               s ? "the responder is out of memory" : "nobody serves this topic");
        return;
    }
    view.call = c->number;
    view.msg.deadline_mono_ns = deadline;
    sub_deliver(s, &view, 0);
}

/* -- and are answered -- */
static enum mr_rc why_not(const struct mr_bus *b, const struct message *m)
{
    if (m->call >> GENERATION_SHIFT != b->agent.generation || !agent_is_up(b))
        return reason_set(MR_ISOLATED, "the agent the request came from is gone, and the way back with it");
    if (bus_now_ns(b) >= m->msg.deadline_mono_ns)
        return reason_set(MR_TIMEOUT, "nobody waits for this answer any more");
    return reason_set(MR_MISUSE, "the request has been answered");
}

static enum mr_rc reply(struct mr_bus *b, struct call_in *c, const void *data, size_t len)
{
    const struct mr_value v = {.type = MR_BYTES, .len = (uint32_t)len, .as.ptr = data ? data : ""};
    struct buf *scratch = &b->outbox.scratch;
    size_t size = body_size(MR_STATUS_GOOD, &v);
    buf_clear(scratch);
    if (buf_reserve(scratch, size))
        return reason_plain(MR_NO_MEMORY);
    buf_advance(scratch, body_write(scratch->data, MR_STATUS_GOOD, &v));
    enum mr_rc rc = send_answer(b, c->id, c->reply_topic, MR_OK, "", scratch);
    if (rc == MR_CLOSED)
        return reason_set(MR_ISOLATED, "the agent the request came from is gone, and the way back with it");
    if (rc)
        return reason_set(rc == MR_NO_MEMORY ? rc : MR_WOULD_BLOCK, "there is no room for the answer now");
    forget(b, c);
    b->stats.sent++;
    return MR_OK;
}

enum mr_rc mr_reply(const struct mr_msg *request, const void *data, size_t len)
{
    const struct message *m = request ? message_of(request) : NULL;
    if (!m || !m->call)
        return reason_set(MR_INVALID, "this message is not a request");
    if (!data && len)
        return reason_set(MR_INVALID, "data must not be NULL unless len is 0");
    if (len > VALUE_MAX_BYTES)
        return reason_set(MR_TOO_BIG, "an answer may have %d bytes, not %zu", VALUE_MAX_BYTES, len);
    struct mr_bus *b = m->bus;
    enum mr_rc rc = bus_enter(b);
    if (rc)
        return rc;
    serve_expire(b, bus_now_ns(b));
    struct call_in *c = map64_get(&b->calls, m->call);
    rc = c ? reply(b, c, data, len) : why_not(b, m);
    if (!b->in_dispatch) {
        outbox_pump(b, bus_now_ns(b));
        bus_arm(b);
    }
    return rc;
}
