/* request.c - what this program asks: sent once, answered once, or ended by its own time. */
#include <string.h>

#include "base/mem.h"
#include "sdk/bus_private.h"

static void free_request(struct mr_bus *b, struct request *r)
{
    list_remove(&r->in_open);
    list_remove(&r->in_unsent);
    list_remove(&r->ready.node);
    if (r->reply)
        message_unref(r->reply, &b->budget);
    blob_unref(r->reason);
    topic_release(r->topic);
    budget_free(&b->budget, r, r->size);
}

static void tell(struct mr_bus *b, struct ready *ready, bool is_told)
{
    struct request *r = container_of(ready, struct request, ready);
    if (is_told) {
        if (r->rc)
            (void)reason_set(r->rc, "%s", r->reason ? text_of(r->reason) : rc_text(r->rc));
        bus_begin_callback(b);
        r->fn(r->user, r->rc, r->reply ? &r->reply->msg : NULL);
        bus_end_callback(b);
    }
    free_request(b, r);
}

static void complete(struct mr_bus *b, struct request *r, enum mr_rc rc, const char *reason, size_t reason_len)
{
    list_remove(&r->in_open);
    list_remove(&r->in_unsent);
    map64_remove(&b->request_by_id, r->id);
    r->rc = rc;
    r->reason = rc && reason_len ? text_new(reason, reason_len) : NULL; /* without memory the code speaks for itself */
    r->is_done = true;
    if (r->fn)
        list_push_back(&b->ready, &r->ready.node);
}

static void complete_text(struct mr_bus *b, struct request *r, enum mr_rc rc, const char *reason)
{
    complete(b, r, rc, reason, strlen(reason));
}

/* -- asking -- */
static void insert_by_deadline(struct mr_bus *b, struct request *r)
{
    struct list *before = b->requests.prev;
    while (before != &b->requests && container_of(before, struct request, in_open)->deadline_ns > r->deadline_ns)
        before = before->prev;
    list_insert_before(before->next, &r->in_open);
}

static uint64_t draw_id(struct mr_bus *b)
{
    uint64_t id;
    do
        id = rand_u64(b->rand);
    while (id == 0 || map64_get(&b->request_by_id, id));
    return id;
}

static enum mr_rc new_request(struct mr_bus *b, struct topic *topic, const struct mr_value *v, struct request **ret)
{
    size_t body_len = body_size(MR_STATUS_GOOD, v);
    size_t size = sizeof(struct request) + body_len;
    if (!budget_take(&b->budget, size))
        return agent_no_room(b);
    struct request *r = mem_calloc(1, size);
    if (!r) {
        budget_give(&b->budget, size);
        return reason_plain(MR_NO_MEMORY);
    }
    r->size = size;
    r->topic = topic;
    r->body_len = body_write(r->body, MR_STATUS_GOOD, v);
    r->ready.run = tell;
    r->id = draw_id(b);
    list_init(&r->ready.node);
    list_init(&r->in_open);
    list_init(&r->in_unsent);
    if (map64_put(&b->request_by_id, r->id, r, NULL)) {
        budget_free(&b->budget, r, size);
        return reason_plain(MR_NO_MEMORY);
    }
    *ret = r;
    return MR_OK;
}

static enum mr_rc check(const char *topic, const void *data, size_t len, int wait_ms)
{
    if (wait_ms < 1 || wait_ms > REQUEST_WAIT_MAX_MS)
        return reason_set(MR_INVALID, "wait_ms of a request is 1 to %d, not %d", REQUEST_WAIT_MAX_MS, wait_ms);
    if (!data && len)
        return reason_set(MR_INVALID, "data must not be NULL unless len is 0");
    if (len > VALUE_MAX_BYTES)
        return reason_set(MR_TOO_BIG, "a request may have %d bytes, not %zu", VALUE_MAX_BYTES, len);
    return topic_check_text(topic, false);
}

static enum mr_rc ask(struct mr_bus *b, const char *topic, const void *data, size_t len, int wait_ms,
                      struct request **ret)
{
    const struct mr_value v = {.type = MR_BYTES, .len = (uint32_t)len, .as.ptr = data ? data : ""};
    struct topic *t;
    enum mr_rc rc = check(topic, data, len, wait_ms);
    if (!rc)
        rc = topic_use(b, topic, &t);
    if (rc)
        return rc;
    rc = new_request(b, t, &v, ret);
    if (rc) {
        topic_release(t);
        return rc;
    }
    (*ret)->deadline_ns = bus_until(b, wait_ms);
    insert_by_deadline(b, *ret);
    list_push_back(&b->unsent_requests, &(*ret)->in_unsent);
    return MR_OK;
}

enum mr_rc mr_request(struct mr_bus *b, const char *topic, const void *data, size_t len, int wait_ms,
                      void (*fn)(void *user, enum mr_rc rc, const struct mr_msg *reply), void *user)
{
    struct request *r;
    enum mr_rc rc = bus_enter(b);
    if (!rc && !fn)
        rc = reason_set(MR_INVALID, "fn must not be NULL");
    if (!rc)
        rc = ask(b, topic, data, len, wait_ms, &r);
    if (rc)
        return rc;
    r->fn = fn;
    r->user = user;
    if (!b->in_dispatch) {
        int64_t now = bus_now_ns(b);
        requests_pump(b, now);
        outbox_pump(b, now);
        bus_arm(b);
    }
    return MR_OK;
}

enum mr_rc mr_request_wait(struct mr_bus *b, const char *topic, const void *data, size_t len, int wait_ms,
                           const struct mr_msg **ret)
{
    struct request *r;
    enum mr_rc rc = bus_enter_waiting(b, wait_ms);
    if (!rc && !ret)
        rc = reason_set(MR_INVALID, "ret must not be NULL");
    if (!rc)
        rc = ask(b, topic, data, len, wait_ms, &r);
    if (rc)
        return rc;
    bus_turn(b);
    while (!r->is_done && bus_wait(b, INT64_MAX)) /* ends by its own deadline */
        ;
    rc = r->rc;
    if (rc) {
        (void)reason_set(rc, "%s", r->reason ? text_of(r->reason) : rc_text(rc));
    } else {
        *ret = &r->reply->msg;
        r->reply = NULL;
    }
    free_request(b, r);
    bus_arm(b);
    return rc;
}

/* -- sending -- */
static enum mr_rc send(struct mr_bus *b, const struct request *r, int64_t now_ns)
{
    int64_t now_us = clock_real_us(&b->clock);
    int64_t left_ms = (r->deadline_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    const struct batch_head head = {.base_us = now_us, .agent_us = now_us, .broker_us = MR_NO_TIME};
    const struct record record = {
        .topic = r->topic->id,
        .source_us = MR_NO_TIME,
        .body = r->body,
        .body_len = (uint32_t)r->body_len,
        .call = {
            .id = r->id, .reply_topic = b->agent.inbox, .wait_ms = left_ms > 0 ? (uint32_t)left_ms : 1, .reason = ""}};
    return session_put(b->agent.session, LANE_COMMAND, &head, &record);
}

void requests_pump(struct mr_bus *b, int64_t now_ns)
{
    struct list *at, *after;
    if (!agent_is_up(b) || b->agent.is_over)
        return;
    LIST_EACH(at, after, &b->unsent_requests)
    {
        struct request *r = container_of(at, struct request, in_unsent);
        if (!r->topic->id)
            continue;
        if (send(b, r, now_ns))
            return;
        r->is_sent = true;
        b->stats.sent++;
        list_remove(&r->in_unsent);
        outbox_flush_soon(b);
    }
}

/* -- ends -- */
void request_topic_refused(struct mr_bus *b, struct topic *t, enum mr_rc rc, const char *reason)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->unsent_requests)
    {
        struct request *r = container_of(at, struct request, in_unsent);
        if (r->topic == t)
            complete_text(b, r, rc, reason);
    }
}

void requests_expire(struct mr_bus *b, int64_t now_ns)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->requests)
    {
        struct request *r = container_of(at, struct request, in_open);
        if (r->deadline_ns > now_ns)
            return;
        if (r->is_sent)
            complete_text(b, r, MR_TIMEOUT, "no answer came in time; perhaps it was done");
        else if (agent_is_up(b))
            complete_text(b, r, MR_TIMEOUT, "the agent did not take it in time; it was not sent");
        else
            complete_text(b, r, MR_ISOLATED, b->agent.why.text);
    }
}

void requests_end(struct mr_bus *b)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->requests)
    {
        struct request *r = container_of(at, struct request, in_open);
        if (r->is_sent)
            complete_text(b, r, MR_UNKNOWN, "the agent went away with the request; perhaps it was done");
    }
}

int64_t requests_deadline(const struct mr_bus *b)
{
    const struct list *first = list_first(&b->requests);
    return first ? container_of(first, const struct request, in_open)->deadline_ns : INT64_MAX;
}

void requests_free(struct mr_bus *b)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->requests)
    {
        struct request *r = container_of(at, struct request, in_open);
        map64_remove(&b->request_by_id, r->id);
        free_request(b, r);
    }
}

/* -- answers -- */

/* What may be told of a request that was handed over. ISOLATED from there: it went on, and the way back was lost. */
static enum mr_rc outcome_of(uint32_t rc)
{
    switch (rc) {
    case MR_OK:
    case MR_NO_RESPONDER:
    case MR_TIMEOUT:
    case MR_DENIED:
    case MR_TOO_BIG:
        return (enum mr_rc)rc;
    case MR_WOULD_BLOCK:
    case MR_NO_MEMORY:
    case MR_INVALID:
        return MR_NO_RESPONDER;
    default:
        return MR_UNKNOWN;
    }
}

void request_on_answer(struct mr_bus *b, const struct batch_head *head, const struct record *record,
                       const struct peer *publisher)
{
    struct message view;
    struct request *r = map64_get(&b->request_by_id, record->call.id);
    if (!r || !r->is_sent) /* it ended before */
        return;
    enum mr_rc rc = outcome_of(record->call.rc);
    if (rc) {
        complete(b, r, rc, record->call.reason, record->call.reason_len);
        return;
    }
    struct blob *topic = text_new(r->topic->text, r->topic->len);
    if (topic && receive_view(b, head, record, topic, publisher, &view))
        r->reply = message_keep(&view, &b->budget);
    blob_unref(topic);
    b->stats.received++;
    if (r->reply)
        complete(b, r, MR_OK, NULL, 0);
    else
        complete_text(b, r, MR_TOO_BIG, "the answer does not fit into mr_options.max_bytes");
}
