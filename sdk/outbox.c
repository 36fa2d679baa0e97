/* outbox.c - what waits to be sent, in the order it was said; gathered at this first hop; and how far the agent has come.
 *
 * A record goes straight into the session's open frame when nothing waits before it. Else it waits here: until the agent
 * is there, until its topic has an id, until the session has room.
 *
 * Accepted. The agent deals with a connection's frames one after the other, and answers OPEN in its turn. So an OPEN that
 * is handed to the session only when every record before it has left the session follows them in the byte stream, and
 * its OPENED says that the agent has taken them all. A refusal is told on the same lane before it. */
#include <string.h>

#include "base/mem.h"
#include "proto/session_transfer.h"
#include "sdk/bus_private.h"

enum {
    AHEAD_BYTES = 64 * 1024, /* handed to the session at a time: what an end of the connection may lose unsent */
    QUEUE_SHARE_NUM = 3,     /* of max_bytes: so much may wait here */
    QUEUE_SHARE_DEN = 4
};

/* Any topic does: OPENED comes in any case. */
static const char mark_topic[] = "$sync";

void outbox_init(struct mr_bus *b)
{
    struct outbox *o = &b->outbox;
    list_init(&o->queue);
    list_init(&o->unacked);
    list_init(&o->large);
    o->max_bytes = b->settings.max_bytes / QUEUE_SHARE_DEN * QUEUE_SHARE_NUM;
    o->next_expiry_ns = o->flush_at_ns = INT64_MAX;
    o->last_put_ns = INT64_MIN / 2;
    buf_init(&o->scratch, AGENT_FRAME_MAX_BYTES);
}

/* -- items -- */
static void free_item(struct mr_bus *b, struct outgoing *item)
{
    struct outbox *o = &b->outbox;
    if (list_is_linked(&item->node))
        o->bytes -= item->size;
    list_remove(&item->node);
    if (item->topic)
        topic_release(item->topic);
    budget_free(&b->budget, item, item->size);
}

void outbox_fini(struct mr_bus *b)
{
    struct outbox *o = &b->outbox;
    struct list *at, *after;
    LIST_EACH(at, after, &o->queue)
    {
        struct outgoing *item = container_of(at, struct outgoing, node);
        ack_free(b, item->ack);
        free_item(b, item);
    }
    large_fini(b);
    LIST_EACH(at, after, &o->unacked)
    ack_free(b, container_of(at, struct ack, ready.node));
    LIST_EACH(at, after, &b->ready)
    {
        struct ready *ready = container_of(at, struct ready, node);
        list_remove(&ready->node);
        ready->run(b, ready, false);
    }
    buf_fini(&o->scratch);
}

bool outbox_has_room(const struct mr_bus *b, size_t bytes)
{
    const struct outbox *o = &b->outbox;
    return bytes <= o->max_bytes && o->bytes <= o->max_bytes - bytes;
}

enum mr_rc outbox_no_room(const struct mr_bus *b, size_t bytes)
{
    if (bytes <= b->outbox.max_bytes)
        return agent_no_room(b);
    size_t need = (bytes + QUEUE_SHARE_NUM - 1) / QUEUE_SHARE_NUM * QUEUE_SHARE_DEN;
    return reason_set(MR_TOO_BIG, "it takes mr_options.max_bytes of %zu or more to send this; this handle has %zu",
                      need, b->settings.max_bytes);
}

/* Not queued yet. As outbox_no_room(). */
static enum mr_rc new_item(struct mr_bus *b, size_t body_len, struct outgoing **ret)
{
    size_t size = sizeof(struct outgoing) + body_len;
    if (!outbox_has_room(b, size) || !budget_take(&b->budget, size)) {
        enum mr_rc why = outbox_no_room(b, size);
        return why ? why : MR_WOULD_BLOCK; /* it is never MR_OK, which the analyser cannot see */
    }
    struct outgoing *item = mem_calloc(1, size);
    if (!item) {
        budget_give(&b->budget, size);
        return reason_plain(MR_NO_MEMORY);
    }
    list_init(&item->node);
    item->size = size;
    item->body_len = (uint32_t)body_len;
    item->expires_ns = INT64_MAX;
    *ret = item;
    return MR_OK;
}

static void append(struct mr_bus *b, struct outgoing *item)
{
    struct outbox *o = &b->outbox;
    list_push_back(&o->queue, &item->node);
    o->bytes += item->size;
    if (item->expires_ns < o->next_expiry_ns)
        o->next_expiry_ns = item->expires_ns;
}

static enum mr_rc new_record(struct mr_bus *b, const struct out_record *r, struct outgoing **ret)
{
    struct outgoing *item;
    enum mr_rc rc = new_item(b, body_size(r->status, r->value), &item);
    if (rc)
        return rc;
    item->kind = OUT_RECORD;
    item->device = r->device;
    item->flags = r->flags;
    item->source_us = r->source_us;
    if (r->expiry_ms)
        item->expires_ns = bus_now_ns(b) + r->expiry_ms * NS_PER_MS;
    body_write(item->body, r->status, r->value);
    *ret = item;
    return MR_OK;
}

/* -- into the session -- */
/* Long values are on their own lane, behind all others. */
static size_t ahead(const struct mr_bus *b)
{
    return session_queued_bytes(b->agent.session) - session_queued_on(b->agent.session, LANE_BULK);
}

static bool is_drained(const struct mr_bus *b)
{
    return ahead(b) == 0;
}

/* Records must not overtake a mark that waits for the session to be empty. */
static bool may_put(const struct mr_bus *b)
{
    const struct outbox *o = &b->outbox;
    return agent_is_up(b) && !b->agent.is_over && !(o->is_mark_wanted && !o->is_mark_open && o->put > o->marked) &&
           ahead(b) < AHEAD_BYTES;
}

void outbox_note_put(struct mr_bus *b, struct ack *ack, int64_t now_ns)
{
    struct outbox *o = &b->outbox;
    int64_t gap_ns = now_ns - o->last_put_ns;
    int64_t flush_at = gap_ns > GATHER_IDLE_US * NS_PER_US ? now_ns : now_ns + GATHER_MAX_US * NS_PER_US;
    o->last_put_ns = now_ns;
    o->is_gathering = true;
    if (flush_at < o->flush_at_ns)
        o->flush_at_ns = flush_at;
    o->put++;
    b->stats.sent++;
    if (!ack)
        return;
    ack->number = o->put;
    list_push_back(&o->unacked, &ack->ready.node);
    o->is_mark_wanted = true;
}

static enum mr_rc put(struct mr_bus *b, const struct mr_device *device, const struct record *record)
{
    int64_t now_us = b->outbox.is_gathering ? b->outbox.base_us : clock_real_us(&b->clock);
    const struct batch_head head = {
        .base_us = now_us, .agent_us = now_us, .broker_us = MR_NO_TIME, .publisher = device ? device->id : 0};
    b->outbox.base_us = now_us; /* records of one frame share it, and so their batch */
    return session_put(b->agent.session, LANE_LIVE, &head, record);
}

/* No queue, no allocation: the usual way. MR_WOULD_BLOCK: not this way now. */
static enum mr_rc put_directly(struct mr_bus *b, const struct out_record *r, int64_t now_ns)
{
    struct outbox *o = &b->outbox;
    size_t size = body_size(r->status, r->value);
    buf_clear(&o->scratch);
    if (buf_reserve(&o->scratch, size + 1))
        return MR_WOULD_BLOCK;
    const struct record record = {.topic = r->topic->id,
                                  .flags = r->flags,
                                  .seq = o->put + 1,
                                  .source_us = r->source_us,
                                  .body = o->scratch.data,
                                  .body_len = (uint32_t)body_write(o->scratch.data, r->status, r->value)};
    if (put(b, r->device, &record))
        return MR_WOULD_BLOCK;
    topic_release(r->topic);
    outbox_note_put(b, r->ack, now_ns);
    return MR_OK;
}

static bool is_direct(const struct mr_bus *b, const struct out_record *r)
{
    return list_is_empty(&b->outbox.queue) && r->topic->id && may_put(b);
}

/* Between dispatches what is due leaves at once, and the timer sees to the rest. Not while the socket is full: trying it at
 * each call would cost a system call per record. */
static bool lets_out(const struct mr_bus *b)
{
    return agent_is_up(b) && !b->in_dispatch && !b->in_callback && !b->agent.is_blocked;
}

void outbox_let_out(struct mr_bus *b)
{
    if (!lets_out(b))
        return;
    outbox_pump(b, bus_now_ns(b));
    bus_arm(b);
}

static void let_out(struct mr_bus *b, int64_t now_ns)
{
    if (!lets_out(b))
        return;
    if (b->outbox.flush_at_ns <= now_ns || session_has_output(b->agent.session))
        outbox_pump(b, now_ns);
    bus_arm(b);
}

static enum mr_rc queue_row(struct mr_bus *b, const struct out_record *records, size_t n, size_t bytes)
{
    struct list row, *at, *after;
    enum mr_rc rc = MR_OK;
    size_t i;
    list_init(&row);
    bytes += n * sizeof(struct outgoing);
    if (!outbox_has_room(b, bytes))
        return outbox_no_room(b, bytes);
    for (i = 0; i < n && !rc; i++) {
        struct outgoing *item;
        rc = new_record(b, &records[i], &item);
        if (!rc)
            list_push_back(&row, &item->node);
    }
    i = 0;
    LIST_EACH(at, after, &row)
    {
        struct outgoing *item = container_of(at, struct outgoing, node);
        list_remove(&item->node);
        if (rc) {
            budget_free(&b->budget, item, item->size);
            continue;
        }
        item->topic = records[i].topic;
        item->ack = records[i++].ack;
        append(b, item);
    }
    if (!rc)
        outbox_let_out(b);
    return rc;
}

enum mr_rc outbox_put(struct mr_bus *b, const struct out_record *r)
{
    if (is_direct(b, r)) {
        int64_t now = bus_now_ns(b);
        if (put_directly(b, r, now) == MR_OK) {
            let_out(b, now);
            return MR_OK;
        }
    }
    return queue_row(b, r, 1, body_size(r->status, r->value));
}

/* It goes into one frame, whose memory is there before the first of it is said. */
static bool is_row_direct(struct mr_bus *b, const struct out_record *records, size_t n, size_t bytes)
{
    if (!is_direct(b, records))
        return false;
    for (size_t i = 1; i < n; i++)
        if (!records[i].topic->id || records[i].device != records->device)
            return false;
    return buf_reserve(&b->outbox.scratch, bytes + 1) == MR_OK &&
           session_reserve(b->agent.session, LANE_LIVE, n, bytes) == MR_OK;
}

static enum mr_rc put_row_directly(struct mr_bus *b, const struct out_record *records, size_t n)
{
    int64_t now = bus_now_ns(b);
    enum mr_rc rc = MR_OK;
    for (size_t i = 0; i < n && !rc; i++)
        rc = put_directly(b, &records[i], now);
    if (!rc)
        let_out(b, now);
    return rc;
}

enum mr_rc outbox_put_row(struct mr_bus *b, const struct out_record *records, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += body_size(records[i].status, records[i].value);
    return is_row_direct(b, records, n, bytes) ? put_row_directly(b, records, n) : queue_row(b, records, n, bytes);
}

enum mr_rc outbox_put_life(struct mr_bus *b, enum outgoing_kind kind, struct mr_device *device, uint32_t status,
                           const char *why)
{
    struct outgoing *item;
    size_t size = strlen(why) + 1;
    enum mr_rc rc = new_item(b, size, &item);
    if (rc)
        return rc;
    item->kind = kind;
    item->device = device;
    item->status = status;
    memcpy(item->body, why, size);
    append(b, item);
    return MR_OK;
}

/* -- out of the queue -- */
static bool send_record(struct mr_bus *b, struct outgoing *item, int64_t now_ns)
{
    if (!item->topic->id)
        return false;
    const struct record record = {.topic = item->topic->id,
                                  .flags = item->flags,
                                  .seq = b->outbox.put + 1,
                                  .source_us = item->source_us,
                                  .body = item->body,
                                  .body_len = item->body_len};
    enum mr_rc rc = put(b, item->device, &record);
    if (rc == MR_OK)
        outbox_note_put(b, item->ack, now_ns);
    else if (rc == MR_TOO_BIG)
        ack_resolve(b, item->ack, MR_TOO_BIG);
    else
        return false;
    return true;
}

/* Control frames overtake records: these wait until all before them have left the session. */
static bool send_life(struct mr_bus *b, const struct outgoing *item)
{
    if (!is_drained(b)) {
        outbox_flush_soon(b);
        return false;
    }
    if (item->kind == OUT_BIRTH) {
        agent_must(b, session_birth(b->agent.session, &(struct session_birth){.publisher = item->device->id}));
    } else {
        const struct session_death death = {
            .publisher = item->device->id, .status = item->status, .reason = (const char *)item->body};
        agent_must(b, session_death(b->agent.session, &death));
    }
    outbox_flush_soon(b);
    return true;
}

/* True: it stopped because enough is ahead, not because something else is missing. */
static bool send_queue(struct mr_bus *b, int64_t now_ns)
{
    struct list *first;
    while ((first = list_first(&b->outbox.queue)) && may_put(b)) {
        struct outgoing *item = container_of(first, struct outgoing, node);
        if (!(item->kind == OUT_RECORD ? send_record(b, item, now_ns) : send_life(b, item)))
            return false;
        free_item(b, item);
    }
    return first;
}

static void flush_if_due(struct mr_bus *b, int64_t now_ns)
{
    struct outbox *o = &b->outbox;
    if (o->flush_at_ns > now_ns && !(o->is_mark_wanted && !o->is_mark_open))
        return;
    session_flush(b->agent.session);
    o->is_gathering = false;
    o->flush_at_ns = INT64_MAX;
}

/* Asks how far the agent has come, once all so far has left the session. */
static bool send_mark(struct mr_bus *b)
{
    struct outbox *o = &b->outbox;
    if (!o->is_mark_wanted || o->is_mark_open)
        return false;
    o->is_mark_wanted = false;
    if (o->put == o->marked)
        return false;
    const struct session_open open = {.cookie = OUTBOX_MARK_COOKIE, .topic = mark_topic};
    o->is_mark_open = true;
    o->marked = o->put;
    agent_must(b, session_open_topic(b->agent.session, &open));
    outbox_flush_soon(b);
    return true;
}

static bool waits_for_empty_session(const struct mr_bus *b)
{
    const struct list *first = list_first(&b->outbox.queue);
    return first && container_of(first, const struct outgoing, node)->kind != OUT_RECORD;
}

void outbox_pump(struct mr_bus *b, int64_t now_ns)
{
    bool again = true;
    while (again && agent_is_up(b) && !b->agent.is_over) {
        bool is_full = send_queue(b, now_ns);
        flush_if_due(b, now_ns);
        bool has_more = large_pump(b, now_ns);
        agent_send(b, now_ns);
        has_more = has_more || (is_full && !b->agent.is_blocked && may_put(b));
        again = !b->agent.is_over &&
                ((is_drained(b) && (send_mark(b) || waits_for_empty_session(b))) || has_more || large_is_out(b));
    }
}

void outbox_flush_soon(struct mr_bus *b)
{
    b->outbox.flush_at_ns = 0;
}

/* -- fates -- */
void outbox_begin(struct mr_bus *b)
{
    b->outbox.is_mark_wanted = !list_is_empty(&b->outbox.unacked);
    outbox_flush_soon(b);
}

void outbox_end(struct mr_bus *b)
{
    struct outbox *o = &b->outbox;
    struct list *at, *after;
    LIST_EACH(at, after, &o->unacked)
    ack_resolve(b, container_of(at, struct ack, ready.node), MR_UNKNOWN);
    large_end(b);
    o->is_unsure = o->is_unsure || o->put > o->accepted;
    o->accepted = o->marked = o->put;
    o->is_mark_open = o->is_mark_wanted = o->is_gathering = false;
    o->flush_at_ns = INT64_MAX;
}

void outbox_on_marked(struct mr_bus *b)
{
    struct outbox *o = &b->outbox;
    struct list *at, *after;
    if (!o->is_mark_open)
        return;
    o->is_mark_open = false;
    o->accepted = o->marked;
    LIST_EACH(at, after, &o->unacked)
    {
        struct ack *ack = container_of(at, struct ack, ready.node);
        if (ack->number > o->accepted)
            break;
        ack_resolve(b, ack, MR_OK);
    }
}

void outbox_want_mark(struct mr_bus *b)
{
    b->outbox.is_mark_wanted = true;
}

bool outbox_is_accepted(const struct mr_bus *b)
{
    const struct outbox *o = &b->outbox;
    return (!b->rt || mpsc_is_empty(b->rt)) && list_is_empty(&o->queue) && list_is_empty(&o->large) &&
           o->accepted == o->put;
}

void outbox_expire(struct mr_bus *b, int64_t now_ns)
{
    struct outbox *o = &b->outbox;
    struct list *at, *after;
    if (now_ns < o->next_expiry_ns)
        return;
    o->next_expiry_ns = INT64_MAX;
    large_expire(b, now_ns);
    LIST_EACH(at, after, &o->queue)
    {
        struct outgoing *item = container_of(at, struct outgoing, node);
        if (item->expires_ns <= now_ns) {
            ack_resolve(b, item->ack, MR_TIMEOUT);
            free_item(b, item);
        } else if (item->expires_ns < o->next_expiry_ns) {
            o->next_expiry_ns = item->expires_ns;
        }
    }
}

void outbox_refuse(struct mr_bus *b, struct topic *t, enum mr_rc rc)
{
    struct outbox *o = &b->outbox;
    struct list *at, *after;
    large_refuse(b, t, rc);
    LIST_EACH(at, after, &o->queue)
    {
        struct outgoing *item = container_of(at, struct outgoing, node);
        if (item->topic != t)
            continue;
        b->stats.refused++;
        ack_resolve(b, item->ack, rc);
        free_item(b, item);
    }
    LIST_EACH(at, after, &o->unacked)
    {
        struct ack *ack = container_of(at, struct ack, ready.node);
        if (ack->topic != t)
            continue;
        b->stats.refused++;
        ack_resolve(b, ack, rc);
    }
}

bool outbox_withdraw(struct mr_bus *b, const struct ack *ack)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->outbox.queue)
    {
        struct outgoing *item = container_of(at, struct outgoing, node);
        if (item->ack != ack)
            continue;
        ack_free(b, item->ack);
        free_item(b, item);
        return true;
    }
    return large_withdraw(b, ack);
}

int64_t outbox_deadline(const struct mr_bus *b)
{
    const struct outbox *o = &b->outbox;
    int64_t flush_at = agent_is_up(b) ? o->flush_at_ns : INT64_MAX;
    return flush_at < o->next_expiry_ns ? flush_at : o->next_expiry_ns;
}

size_t outbox_queued(const struct mr_bus *b)
{
    size_t queued = b->outbox.bytes + link_unsent(&b->agent.link);
    return b->agent.session ? queued + session_queued_bytes(b->agent.session) : queued;
}
