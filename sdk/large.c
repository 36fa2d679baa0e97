/* large.c - values above VALUE_MAX_BYTES on their way out: one transfer after the other, on the lane behind all others.
 *
 *     WAITING ──first in line, id known──▶ BEGUN ──all chunks handed on, and out of the session──▶ gone, counted like a record
 *        ▲                                  │
 *        └──the session ended before────────┘  nobody got it: all or nothing */
#include <string.h>

#include "base/mem.h"
#include "proto/session_transfer.h"
#include "sdk/bus_private.h"

static void free_large(struct mr_bus *b, struct large *item)
{
    b->outbox.bytes -= item->size;
    list_remove(&item->node);
    topic_release(item->topic);
    budget_free(&b->budget, item, item->size);
}

static struct large *first_of(const struct mr_bus *b)
{
    const struct list *first = list_first(&b->outbox.large);
    return first ? container_of(first, struct large, node) : NULL;
}

enum mr_rc large_put(struct mr_bus *b, const struct out_record *r)
{
    struct outbox *o = &b->outbox;
    size_t size = sizeof(struct large) + r->value->len;
    if (!outbox_has_room(b, size) || !budget_take(&b->budget, size))
        return outbox_no_room(b, size);
    struct large *item = mem_alloc(size);
    if (!item) {
        budget_give(&b->budget, size);
        return reason_plain(MR_NO_MEMORY);
    }
    *item = (struct large){.topic = r->topic,
                           .ack = r->ack,
                           .flags = r->flags,
                           .status = r->status,
                           .type = r->value->type,
                           .rate_hz = r->value->rate_hz,
                           .source_us = r->source_us,
                           .expires_ns = r->expiry_ms ? bus_now_ns(b) + r->expiry_ms * NS_PER_MS : INT64_MAX,
                           .len = r->value->len,
                           .size = size};
    memcpy(item->bytes, r->value->as.ptr, item->len);
    list_init(&item->node);
    list_push_back(&o->large, &item->node);
    o->bytes += size;
    if (item->expires_ns < o->next_expiry_ns)
        o->next_expiry_ns = item->expires_ns;
    outbox_let_out(b);
    return MR_OK;
}

/* -- into the session -- */
static void give_up(struct mr_bus *b, struct large *item, enum mr_rc rc)
{
    b->stats.refused++;
    ack_resolve(b, item->ack, rc);
    free_large(b, item);
}

/* True: something was done. */
static bool begin(struct mr_bus *b, struct large *item)
{
    uint8_t body[TRANSFER_BODY_MAX_BYTES];
    const struct mr_value empty = {.type = item->type, .rate_hz = item->rate_hz, .as.ptr = ""};
    int64_t now_us = clock_real_us(&b->clock);
    if (!item->topic->id)
        return false;
    const struct transfer t = {
        .total = item->len,
        .head = {.base_us = now_us, .agent_us = now_us, .broker_us = MR_NO_TIME},
        .record = {.topic = item->topic->id,
                   .flags = item->flags,
                   .source_us = item->source_us,
                   .body = body,
                   .body_len = (uint32_t)body_write(body, item->status, &empty)},
    };
    enum mr_rc rc = session_begin_transfer(b->agent.session, &t, &item->id);
    if (rc == MR_INVALID) /* the agent's version knows no transfers */
        give_up(b, item, session_has_transfers(b->agent.session) ? MR_INVALID : MR_TOO_BIG);
    return rc == MR_OK || rc == MR_INVALID;
}

static bool put_chunks(struct mr_bus *b, struct large *item)
{
    bool is_any = false;
    while (item->put < item->len) {
        const struct chunk chunk = {.transfer = item->id,
                                    .offset = item->put,
                                    .data = item->bytes + item->put,
                                    .len = chunk_len(item->len, item->put)};
        if (session_put_chunk(b->agent.session, &chunk))
            break;
        item->put += chunk.len;
        is_any = true;
    }
    return is_any;
}

bool large_is_out(const struct mr_bus *b)
{
    const struct large *item = first_of(b);
    return item && item->id && item->put == item->len && session_queued_on(b->agent.session, LANE_BULK) == 0;
}

bool large_pump(struct mr_bus *b, int64_t now_ns)
{
    struct large *item = first_of(b);
    if (!item)
        return false;
    if (!item->id)
        return begin(b, item);
    if (!large_is_out(b))
        return put_chunks(b, item);
    outbox_note_put(b, item->ack, now_ns);
    free_large(b, item);
    return true;
}

/* -- fates -- */
void large_expire(struct mr_bus *b, int64_t now_ns)
{
    struct outbox *o = &b->outbox;
    struct list *at, *after;
    LIST_EACH(at, after, &o->large)
    {
        struct large *item = container_of(at, struct large, node);
        if (item->id)
            continue;
        if (item->expires_ns <= now_ns) {
            ack_resolve(b, item->ack, MR_TIMEOUT);
            free_large(b, item);
        } else if (item->expires_ns < o->next_expiry_ns) {
            o->next_expiry_ns = item->expires_ns;
        }
    }
}

/* Its receivers hear that the rest does not come. */
static void take_back(struct mr_bus *b, const struct large *item, enum mr_cause cause)
{
    if (!item->id || !agent_is_up(b) || b->agent.is_over)
        return;
    agent_must(b, session_end_transfer(b->agent.session, item->id, cause));
    outbox_flush_soon(b);
}

void large_refuse(struct mr_bus *b, const struct topic *t, enum mr_rc rc)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->outbox.large)
    {
        struct large *item = container_of(at, struct large, node);
        if (item->topic != t)
            continue;
        take_back(b, item, MR_RIGHTS);
        give_up(b, item, rc);
    }
}

bool large_withdraw(struct mr_bus *b, const struct ack *ack)
{
    struct list *at, *after;
    LIST_EACH(at, after, &b->outbox.large)
    {
        struct large *item = container_of(at, struct large, node);
        if (item->ack != ack)
            continue;
        if (item->put == item->len)
            return false; /* perhaps it is there */
        take_back(b, item, MR_EXPIRED);
        ack_free(b, item->ack);
        free_large(b, item);
        return true;
    }
    return false;
}

void large_end(struct mr_bus *b)
{
    struct large *item = first_of(b);
    if (!item || !item->id)
        return;
    if (item->put == item->len) {
        b->outbox.is_unsure = true;
        ack_resolve(b, item->ack, MR_UNKNOWN);
        free_large(b, item);
        return;
    }
    item->id = 0;
    item->put = 0;
}

void large_fini(struct mr_bus *b)
{
    for (struct large *item; (item = first_of(b));) {
        ack_free(b, item->ack);
        free_large(b, item);
    }
}
