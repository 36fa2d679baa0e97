/* incoming.c - values above VALUE_MAX_BYTES on their way in: put together within the handle's memory, given whole or told
 * as lost. */
#include <string.h>

#include "proto/session_transfer.h"
#include "proto/value.h"
#include "sdk/bus_private.h"

enum { ALIGN_SPARE = 15 };

static void free_incoming(struct mr_bus *b, struct incoming *in)
{
    if (in->bytes)
        budget_give(&b->budget, in->charged);
    blob_unref(in->bytes);
    list_remove(&in->in_bus);
    budget_free(&b->budget, in, sizeof *in);
}

static bool is_wanted(const struct heard *h, const struct transfer *said)
{
    for (uint32_t i = 0; i < h->n_subs; i++)
        if (receive_is_meant(h->subs[i], &said->head, &said->record))
            return true;
    return false;
}

/* Room for all of it at once: what cannot be had later would be lost then. */
static struct incoming *new_incoming(struct mr_bus *b, const struct transfer *said, struct peer *publisher)
{
    size_t charged = blob_size(said->total + ALIGN_SPARE);
    struct incoming *in = budget_alloc(&b->budget, sizeof *in);
    if (!in)
        return NULL;
    *in = (struct incoming){.id = said->id,
                            .total = said->total,
                            .status = said->value.status,
                            .head = said->head,
                            .record = said->record,
                            .value = said->value.value,
                            .publisher = publisher};
    list_init(&in->in_bus);
    in->record.body = NULL;
    if (budget_take(&b->budget, charged)) {
        in->charged = charged;
        in->bytes = blob_new(said->total + ALIGN_SPARE);
        if (in->bytes)
            return in;
        budget_give(&b->budget, charged);
    }
    free_incoming(b, in);
    return NULL;
}

static void begin(struct mr_bus *b, const struct transfer *said)
{
    struct peer *publisher = map64_get(&b->peer_by_id, said->head.publisher);
    if (!publisher) {
        agent_must(b, MR_INVALID);
        return;
    }
    struct heard *h = receive_topic(b, said->record.topic);
    if (!h || !is_wanted(h, said))
        return;
    struct incoming *in = new_incoming(b, said, publisher);
    if (in) {
        list_push_back(&b->incoming, &in->in_bus);
        return;
    }
    for (uint32_t i = 0; i < h->n_subs; i++)
        if (receive_is_meant(h->subs[i], &said->head, &said->record))
            sub_note_dropped(h->subs[i], publisher->text, 1);
}

static struct incoming *find(const struct mr_bus *b, uint32_t id)
{
    for (struct list *at = b->incoming.next; at != &b->incoming; at = at->next) {
        struct incoming *in = container_of(at, struct incoming, in_bus);
        if (in->id == id)
            return in;
    }
    return NULL;
}

static void tell_lost(struct mr_bus *b, const struct incoming *in, enum mr_cause cause)
{
    struct heard *h = receive_topic(b, in->record.topic);
    for (uint32_t i = 0; h && i < h->n_subs; i++)
        if (receive_is_meant(h->subs[i], &in->head, &in->record))
            sub_tell_loss(h->subs[i], in->publisher, "", 1, cause);
}

void incoming_on_transfer(void *user, const struct transfer *said)
{
    struct mr_bus *b = user;
    if (said->total) {
        begin(b, said);
        return;
    }
    struct incoming *in = find(b, said->id);
    if (!in)
        return;
    tell_lost(b, in, said->cause);
    free_incoming(b, in);
}

/* -- complete -- */
static struct message *new_message(struct mr_bus *b, struct incoming *in, const struct heard *h)
{
    const struct message view = {.msg = {.kind = MR_DATA,
                                         .flags = in->record.flags,
                                         .status = in->status,
                                         .topic = text_of(h->text),
                                         .publisher = text_of(in->publisher->text),
                                         .value = in->value,
                                         .source_us = in->record.source_us,
                                         .agent_us = in->head.agent_us,
                                         .broker_us = in->head.broker_us,
                                         .birth = in->head.birth,
                                         .seq = in->record.seq},
                                 .bus = b,
                                 .topic = h->text,
                                 .publisher = in->publisher->text,
                                 .def = heard_def_of(h, in->publisher)};
    struct message *m = message_adopt(&view, in->bytes, in->charged, &b->budget);
    if (m)
        in->bytes = NULL;
    return m;
}

static void give(struct mr_bus *b, struct incoming *in)
{
    struct err err;
    in->value.len = in->total;
    in->value.as.ptr = blob_object(in->bytes);
    if (value_check_large(&in->value, &err)) {
        tell_lost(b, in, MR_CORRUPT);
        return;
    }
    struct heard *h = receive_topic(b, in->record.topic);
    struct message *m = h ? new_message(b, in, h) : NULL;
    if (h && !m)
        tell_lost(b, in, MR_SLOW_READER);
    for (uint32_t i = 0; m && i < h->n_subs; i++)
        if (receive_is_meant(h->subs[i], &in->head, &in->record))
            sub_deliver(h->subs[i], m, h->key);
    if (m)
        message_unref(m, &b->budget);
}

void incoming_on_chunk(void *user, const struct chunk *chunk)
{
    struct mr_bus *b = user;
    struct incoming *in = find(b, chunk->transfer);
    session_chunk_done(b->agent.session, chunk->cost);
    if (!in)
        return;
    memcpy((uint8_t *)blob_object(in->bytes) + chunk->offset, chunk->data, chunk->len);
    if (chunk->offset + chunk->len < in->total)
        return;
    list_remove(&in->in_bus);
    give(b, in);
    free_incoming(b, in);
}

void incoming_end(struct mr_bus *b)
{
    for (struct list *first; (first = list_first(&b->incoming));)
        free_incoming(b, container_of(first, struct incoming, in_bus));
}
