/* hub_call.c - a request goes to one responder, its answer back the same way; who is gone answers NO_RESPONDER at once. */
#include <string.h>

#include "bus/hub_private.h"

enum { WAIT_DEFAULT_MS = 5000, WAIT_SPARE_MS = 1000 };

static const int64_t ns_per_ms = 1000000;

/* An answer made here, to the port that asked. */
static void answer(struct port *to, uint64_t id, uint32_t reply_topic, enum mr_rc rc, const char *reason,
                   const uint8_t *body, uint32_t body_len)
{
    struct hub *h = to->hub;
    const struct batch_head head = {.birth = h->birth,
                                    .base_us = hub_now_us(h),
                                    .agent_us = hub_now_us(h),
                                    .broker_us = MR_NO_TIME,
                                    .publisher = h->self};
    const struct record record = {
        .topic = reply_topic,
        .source_us = MR_NO_TIME,
        .body = body,
        .body_len = body_len,
        .call = {.id = id, .rc = rc, .reason = rc ? reason : "", .reason_len = rc ? (uint32_t)strlen(reason) : 0}};
    enum mr_rc put = hub_try_put(to, LANE_COMMAND, &head, &record);
    if (put && put != MR_WOULD_BLOCK) /* full: the requester's own wait ends it */
        hub_must(to, put);
}

static void refuse(struct port *from, const struct record *request, enum mr_rc rc, const char *reason)
{
    answer(from, request->call.id, request->call.reply_topic, rc, reason, NULL, 0);
}

/* Served by this process itself: the answer is the text fn wrote. */
static void serve_own(struct port *from, const struct own_service *service, const struct record *request)
{
    struct hub *h = from->hub;
    struct body body;
    struct buf scratch, text;
    buf_init(&scratch, VALUE_MAX_BYTES);
    buf_init(&text, VALUE_MAX_BYTES - 64);
    enum mr_rc rc = body_read(request->body, request->body_len, &body, &scratch);
    bool is_text = !rc && body.has_value && (body.value.type == MR_BYTES || body.value.type == MR_STRING);
    if (!rc)
        rc = service->fn(service->user, names_topic_text(h->names, service->topic), is_text ? body.value.as.ptr : "",
                         is_text ? body.value.len : 0, &text);
    const struct mr_value value = {.type = MR_BYTES, .len = (uint32_t)text.len, .as.ptr = text.data};
    buf_clear(&h->scratch);
    size_t size = rc ? 0 : body_size(0, &value);
    if (!rc)
        rc = buf_reserve(&h->scratch, size);
    if (!rc)
        body_write(h->scratch.data, 0, &value);
    answer(from, request->call.id, request->call.reply_topic, rc, rc_text(rc), h->scratch.data, (uint32_t)size);
    buf_fini(&text);
    buf_fini(&scratch);
}

static const struct own_service *find_own(const struct hub *h, uint32_t topic)
{
    for (const struct own_service *s = h->services; s; s = s->next)
        if (s->topic == topic)
            return s;
    return NULL;
}

/* A responder on this machine (or at this broker), else, for our own apps, whoever the broker knows. */
static struct port *find_responder(struct port *from, uint32_t topic)
{
    struct hub *h = from->hub;
    uint32_t number = route_responder(h->route, topic, from->kind == PORT_APP ? 0 : from->number, NULL, NULL);
    if (number)
        return h->ports[number];
    return from->kind == PORT_APP && hub_has_uplink(h) ? h->uplink : NULL;
}

static enum mr_rc hand_over(struct port *from, struct port *to, const struct batch_head *head,
                            const struct record *record)
{
    struct hub *h = from->hub;
    uint32_t wait_ms = record->call.wait_ms ? record->call.wait_ms : WAIT_DEFAULT_MS;
    const struct call call = {.id = record->call.id,
                              .reply_topic = record->call.reply_topic,
                              .topic = record->topic,
                              .from = from->number,
                              .to = to->number,
                              .until_ns = hub_now_ns(h) + ((int64_t)wait_ms + WAIT_SPARE_MS) * ns_per_ms};
    struct call taken;
    enum mr_rc rc = calls_add(h->calls, &call);
    if (rc)
        return rc;
    hub_tell_topic(to, record->call.reply_topic);
    rc = hub_try_put(to, LANE_COMMAND, head, record);
    return rc && calls_take(h->calls, to->number, call.id, call.reply_topic, &taken) == MR_OK ? rc : MR_OK;
}

void hub_on_request(struct port *from, struct batch_head *head, struct record *record)
{
    struct hub *h = from->hub;
    uint64_t may = hub_may(from, record->topic);
    if (!(may & MAY_REQUEST)) {
        h->refused++;
        refuse(from, record, MR_DENIED, "the rights of this identity do not allow requests there");
        return;
    }
    if (from->kind == PORT_APP && record->call.reply_topic != from->inbox) {
        refuse(from, record, MR_DENIED, "answers go to the inbox of the app that asks, nowhere else");
        return;
    }
    const struct own_service *own = find_own(h, record->topic);
    if (own) {
        serve_own(from, own, record);
        return;
    }
    struct port *to = find_responder(from, record->topic);
    if (!to) {
        refuse(from, record, MR_NO_RESPONDER, "nobody serves this topic");
        return;
    }
    enum mr_rc rc = hand_over(from, to, head, record);
    if (rc)
        refuse(from, record, rc == MR_CLOSED ? MR_NO_RESPONDER : rc, "the responder cannot take the request now");
}

void hub_on_answer(struct port *from, struct batch_head *head, struct record *record)
{
    struct hub *h = from->hub;
    struct call call;
    /* Not open: expired, answered already, or never asked. Nobody waits for it. */
    if (calls_take(h->calls, from->number, record->call.id, record->topic, &call))
        return;
    struct port *to = h->ports[call.from];
    if (!to)
        return;
    enum mr_rc rc = hub_try_put(to, LANE_COMMAND, head, record);
    if (rc && rc != MR_WOULD_BLOCK)
        hub_must(to, rc);
}

void hub_port_calls_end(struct port *p)
{
    struct hub *h = p->hub;
    struct call call;
    calls_drop_from(h->calls, p->number);
    while (calls_take_any_to(h->calls, p->number, &call) == MR_OK) {
        struct port *to = h->ports[call.from];
        if (!to)
            continue;
        if (p->kind == PORT_UPLINK)
            answer(to, call.id, call.reply_topic, MR_ISOLATED, "the broker went away before the answer came", NULL, 0);
        else
            answer(to, call.id, call.reply_topic, MR_NO_RESPONDER, "the responder ended before it answered", NULL, 0);
    }
}
