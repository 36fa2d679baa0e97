/* hub_call.c - a request goes to one responder, its answer back the same way; who is gone answers NO_RESPONDER at once. */
#include <stdio.h>
#include <string.h>

#include "bus/hub_private.h"

enum { WAIT_SPARE_MS = 1000 }; /* an answer may be under way when its requester gives up */

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

/* Is the port there to answer, and may it serve this topic? A filter may cover more than rights allow. */
struct choice {
    struct hub *h;
    const char *topic;
    bool is_peer; /* another broker, which knows somebody */
};

static bool can_serve(void *user, uint32_t port)
{
    const struct choice *choice = user;
    const struct port *p = choice->h->ports[port];
    if (!p || p->is_over || (p->kind == PORT_MESH_IN) != choice->is_peer)
        return false;
    const struct rights_subject who = hub_subject(p);
    return choice->is_peer || rights_check(choice->h->rights, &who, RIGHT_SERVE, choice->topic, NULL) == MR_OK;
}

static struct port *choose(const struct port *from, uint32_t topic, bool is_peer)
{
    struct hub *h = from->hub;
    struct choice choice = {h, names_topic_text(h->names, topic), is_peer};
    uint32_t number = route_responder(h->route, topic, from->kind == PORT_APP ? 0 : from->number, can_serve, &choice);
    return number && can_serve(&choice, number) ? h->ports[number] : NULL;
}

/* A responder on this machine (or at this broker), else whoever the broker, or a peer of ours, knows. What came from a peer is for
 * our own agents. */
static struct port *find_responder(const struct port *from, uint32_t topic)
{
    struct port *to = choose(from, topic, false);
    if (!to && from->kind == PORT_AGENT)
        to = choose(from, topic, true);
    if (!to && from->kind == PORT_APP)
        to = hub_uplink(from->hub);
    return to;
}

/* Every hop gives a request a number of its own: those that requesters choose may come again while an older answer is on its way. */
static enum mr_rc hand_over(const struct port *from, struct port *to, const struct batch_head *head,
                            struct record *record)
{
    struct hub *h = from->hub;
    const struct call call = {.id = ++h->next_call ? h->next_call : ++h->next_call,
                              .asked_id = record->call.id,
                              .reply_topic = record->call.reply_topic,
                              .topic = record->topic,
                              .from = from->number,
                              .to = to->number,
                              .until_ns = hub_now_ns(h) + ((int64_t)record->call.wait_ms + WAIT_SPARE_MS) * ns_per_ms};
    struct call taken;
    enum mr_rc rc = calls_add(h->calls, &call);
    if (rc)
        return rc;
    record->call.id = call.id;
    hub_tell_topic(to, call.reply_topic);
    rc = hub_try_put(to, LANE_COMMAND, head, record);
    record->call.id = call.asked_id;
    return rc && calls_take(h->calls, to->number, call.id, call.reply_topic, &taken) == MR_OK ? rc : MR_OK;
}

/* An app is answered in its inbox, an agent in those of its apps, and nobody in anybody else's. */
static bool is_own_inbox(const struct port *from, uint32_t reply_topic)
{
    char inboxes[TOPIC_MAX_BYTES + 1];
    if (hub_is_trusted(from))
        return true;
    if (from->kind == PORT_APP)
        return reply_topic == from->inbox;
    int len = snprintf(inboxes, sizeof inboxes, "$inbox/%s/", from->identity);
    return strncmp(names_topic_text(from->hub->names, reply_topic), inboxes, (size_t)len) == 0;
}

static void limit_wait(struct record_call *call)
{
    if (call->wait_ms == 0)
        call->wait_ms = REQUEST_WAIT_DEFAULT_MS;
    if (call->wait_ms > REQUEST_WAIT_MAX_MS)
        call->wait_ms = REQUEST_WAIT_MAX_MS;
}

void hub_on_request(struct port *from, struct batch_head *head, struct record *record)
{
    struct hub *h = from->hub;
    if (!is_own_inbox(from, record->call.reply_topic)) {
        hub_break(from, "a request that wants its answer in an inbox that is not the requester's");
        return;
    }
    if (!(hub_may(from, record->topic) & MAY_REQUEST)) {
        h->refused++;
        refuse(from, record, MR_DENIED, "the rights of this identity do not allow requests there");
        return;
    }
    limit_wait(&record->call);
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
        refuse(from, record, rc == MR_CLOSED ? MR_NO_RESPONDER : rc,
               rc == MR_WOULD_BLOCK ? "too many requests are open" : "the responder cannot take the request now");
}

void hub_on_answer(struct port *from, struct batch_head *head, struct record *record)
{
    struct hub *h = from->hub;
    struct call call;
    /* Not open: expired, answered already, or never asked. Nobody waits for it. */
    if (calls_take(h->calls, from->number, record->call.id, record->topic, &call))
        return;
    struct port *to = h->ports[call.from]; /* a requester that left took its open calls along */
    record->call.id = call.asked_id;
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
        if (p->kind == PORT_UPLINK)
            answer(to, call.asked_id, call.reply_topic, MR_ISOLATED, "the broker went away before the answer came",
                   NULL, 0);
        else
            answer(to, call.asked_id, call.reply_topic, MR_NO_RESPONDER, "the responder ended before it answered", NULL,
                   0);
    }
}
