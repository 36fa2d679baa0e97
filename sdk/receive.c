/* receive.c - what comes from the agent, given to the subscriptions that want it, each slot's versions only forward. */
#include <string.h>

#include "sdk/bus_private.h"

/* -- names and lives -- */
void receive_on_topic(void *user, const struct session_topic *topic)
{
    struct mr_bus *b = user;
    if (heard_topic(b, topic))
        b->is_forgetful = true;
}

void receive_on_publisher(void *user, const struct session_publisher *publisher)
{
    agent_must(user, heard_publisher(user, publisher));
}

static void tell_life_of_slot(struct slot *slot, const struct message *view, uint64_t mark)
{
    for (struct seen *seen = slot->seen; seen; seen = seen->next) {
        struct mr_sub *s = seen->sub;
        if (s->life_mark == mark || !sub_is_live(s))
            continue;
        s->life_mark = mark;
        sub_deliver(s, view, 0);
    }
}

/* Those hear of it that hold a value of this publisher. */
static void tell_life(struct mr_bus *b, const struct peer *peer, const struct message *view)
{
    uint64_t mark = ++b->next_life;
    uint32_t cursor = 0;
    for (struct heard *h; (h = map_next(&b->heard, &cursor));)
        for (struct slot *slot = h->slots; slot; slot = slot->next)
            if (slot->publisher == peer || slot->owner == peer)
                tell_life_of_slot(slot, view, mark);
}

static bool is_later(const struct peer *peer, uint64_t birth, uint32_t link)
{
    return birth != peer->birth ? birth > peer->birth : link > peer->link;
}

/* A birth with tags only defines them: the life is told by itself. */
void receive_on_birth(void *user, const struct session_birth *birth)
{
    struct mr_bus *b = user;
    struct peer *peer = map64_get(&b->peer_by_id, birth->publisher);
    if (!peer)
        return;
    for (size_t i = 0; i < birth->n_tags; i++)
        (void)!heard_tag(b, peer, &birth->tags[i]); /* without memory messages come without a definition */
    if (birth->n_tags)
        return;
    bool is_news = peer->is_known && (!peer->is_alive || is_later(peer, birth->birth, birth->link));
    peer->is_known = peer->is_alive = true;
    peer->birth = birth->birth;
    peer->link = birth->link;
    if (!is_news)
        return;
    const struct message view = {.msg = {.kind = MR_BIRTH,
                                         .publisher = text_of(peer->text),
                                         .birth = birth->birth,
                                         .source_us = MR_NO_TIME,
                                         .agent_us = birth->since_us,
                                         .broker_us = MR_NO_TIME},
                                 .bus = b,
                                 .publisher = peer->text};
    tell_life(b, peer, &view);
}

void receive_on_death(void *user, const struct session_death *death)
{
    struct mr_bus *b = user;
    struct peer *peer = map64_get(&b->peer_by_id, death->publisher);
    if (!peer)
        return;
    bool is_news = peer->is_known && peer->is_alive;
    peer->is_known = true;
    peer->is_alive = false;
    peer->birth = death->birth;
    peer->link = death->link;
    peer->death_status = death->status;
    if (!is_news)
        return;
    const struct message view = {.msg = {.kind = MR_DEATH,
                                         .status = death->status,
                                         .publisher = text_of(peer->text),
                                         .birth = death->birth,
                                         .source_us = MR_NO_TIME,
                                         .agent_us = MR_NO_TIME,
                                         .broker_us = MR_NO_TIME,
                                         .text = *death->reason ? death->reason : "it ended"},
                                 .bus = b,
                                 .publisher = peer->text};
    tell_life(b, peer, &view);
}

void receive_on_loss(void *user, enum lane lane, const struct session_loss *loss)
{
    struct mr_bus *b = user;
    struct list *at, *after;
    (void)lane;
    const struct peer *peer = loss->publisher ? map64_get(&b->peer_by_id, loss->publisher) : NULL;
    LIST_EACH(at, after, &b->subs)
    {
        struct mr_sub *s = container_of(at, struct mr_sub, in_bus);
        if (s->was_in_force && sub_is_live(s))
            sub_tell_loss(s, peer, peer ? "" : loss->via, loss->count, loss->cause);
    }
}

/* -- records -- */

/* A stale value deserves what its dead publisher left behind, if that is worse than what it says itself. */
static uint32_t status_shown(uint32_t status, uint32_t flags, const struct peer *publisher)
{
    const struct peer *dead = !publisher->is_alive ? publisher : publisher->owner;
    bool is_dead = dead->is_known && !dead->is_alive;
    if (flags & MR_STALE && is_dead && (dead->death_status & MR_STATUS_SEVERITY) > (status & MR_STATUS_SEVERITY))
        return dead->death_status;
    return status;
}

bool receive_view(struct mr_bus *b, const struct batch_head *head, const struct record *record, struct blob *topic,
                  const struct peer *publisher, struct message *ret)
{
    struct body body;
    buf_clear(&b->body_scratch);
    if (body_read(record->body, record->body_len, &body, &b->body_scratch))
        return false;
    *ret = (struct message){.msg = {.kind = MR_DATA,
                                    .flags = record->flags,
                                    .status = status_shown(body.status, record->flags, publisher),
                                    .topic = text_of(topic),
                                    .publisher = text_of(publisher->text),
                                    .source_us = record->source_us,
                                    .agent_us = head->agent_us,
                                    .broker_us = head->broker_us,
                                    .birth = head->birth,
                                    .seq = record->seq},
                            .bus = b,
                            .topic = topic,
                            .publisher = publisher->text};
    if (body.has_value)
        ret->msg.value = body.value;
    return true;
}

static bool is_kept(const struct record *record)
{
    return record->flags & (MR_KEEP | MR_CLEAR | MR_FROM_SNAPSHOT) && !(record->flags & MR_BACKFILL);
}

static bool is_stale(const struct record *record)
{
    return record->flags & MR_STALE && !(record->flags & MR_CLEAR);
}

static int compare(uint64_t birth, uint64_t seq, const struct batch_head *head, const struct record *record)
{
    if (birth != head->birth)
        return birth < head->birth ? -1 : 1;
    return seq < record->seq ? -1 : seq > record->seq;
}

static bool is_cleared(const struct record *record)
{
    return record->flags & MR_CLEAR;
}

/* Higher versions are news, and the same one when its staleness changed, or when somebody else removed it: then nothing more is. */
static bool is_above_seen(const struct seen *seen, const struct batch_head *head, const struct record *record)
{
    int order = compare(seen->birth, seen->seq, head, record);
    if (order != 0)
        return order < 0;
    return !seen->is_cleared && (is_cleared(record) || seen->is_stale != is_stale(record));
}

/* Is this news to the subscription? */
static bool is_news(struct mr_sub *s, struct slot *slot, const struct batch_head *head, const struct record *record,
                    const struct peer *publisher)
{
    struct seen *seen = slot ? heard_find_seen(slot, s) : NULL;
    bool is_snapshot = record->flags & MR_FROM_SNAPSHOT;
    if (!seen && is_snapshot && (record->flags & MR_CLEAR || s->no_snapshot))
        return false; /* the removal, or the change of staleness, of what it never saw */
    if (!seen) {
        seen = slot ? heard_new_seen(s->bus, slot, s) : NULL;
        if (!seen && is_snapshot) { /* it could be older than what was given */
            sub_note_dropped(s, publisher->text, 1);
            return false;
        }
    } else if (!is_above_seen(seen, head, record)) {
        return false;
    }
    if (seen) {
        seen->birth = head->birth;
        seen->seq = record->seq;
        seen->is_stale = is_stale(record);
        seen->is_cleared = is_cleared(record);
    }
    return true;
}

/* Whose entry a record answers; and what a subscription did not ask for. */
bool receive_is_meant(const struct mr_sub *s, const struct batch_head *head, const struct record *record)
{
    if (!sub_is_live(s) || s->kind != INTEREST_SUBSCRIBE)
        return false;
    if (head->interest)
        return head->interest == s->entry;
    return !s->snapshot_only && (!(record->flags & MR_BACKFILL) || s->with_backfill);
}

static bool is_wanted(const struct heard *h, const struct batch_head *head, const struct record *record)
{
    for (uint32_t i = 0; i < h->n_subs; i++)
        if (receive_is_meant(h->subs[i], head, record))
            return true;
    return false;
}

static struct slot *keep(struct mr_bus *b, struct heard *h, const struct batch_head *head, const struct record *record,
                         struct peer *publisher)
{
    struct slot *slot = heard_slot(b, h, publisher->owner);
    int order = slot ? compare(slot->head.birth, slot->seq, head, record) : 1;
    if (order < 0 || (order == 0 && (is_cleared(record) || !(slot->flags & MR_CLEAR))))
        (void)heard_keep(b, slot, head, record, publisher); /* else the older one is given when the agent goes */
    return slot;
}

/* The version that was given before: it is told to have become fresh or stale, or to be removed, and is nothing new. */
static bool is_same_version(const struct mr_sub *s, const struct slot *slot, const struct batch_head *head,
                            const struct record *record)
{
    const struct seen *seen = slot ? heard_find_seen(slot, s) : NULL;
    return seen && compare(seen->birth, seen->seq, head, record) == 0;
}

static void give(struct mr_bus *b, struct heard *h, const struct batch_head *head, const struct record *record,
                 struct peer *publisher)
{
    struct message view;
    if (!receive_view(b, head, record, h->text, publisher, &view)) {
        agent_must(b, MR_INVALID);
        return;
    }
    view.def = heard_def_of(h, publisher);
    struct slot *slot = is_kept(record) ? keep(b, h, head, record, publisher) : NULL;
    for (uint32_t i = 0; i < h->n_subs; i++) {
        struct mr_sub *s = h->subs[i];
        bool is_again = slot && is_same_version(s, slot, head, record);
        if (!receive_is_meant(s, head, record) || (is_kept(record) && !is_news(s, slot, head, record, publisher)))
            continue;
        struct message mine = view;
        mine.msg.flags |= is_again ? MR_FROM_SNAPSHOT : 0U;
        sub_deliver(s, &mine, h->key);
    }
}

/* Of a topic there was no memory for: whoever might have wanted it hears of a gap. */
static void lose(struct mr_bus *b)
{
    struct list *at, *after;
    if (!b->is_forgetful) {
        agent_must(b, MR_INVALID); /* it was never announced */
        return;
    }
    LIST_EACH(at, after, &b->subs)
    {
        struct mr_sub *s = container_of(at, struct mr_sub, in_bus);
        if (sub_is_live(s) && s->kind == INTEREST_SUBSCRIBE)
            sub_note_dropped(s, NULL, 0);
    }
}

struct heard *receive_topic(struct mr_bus *b, uint32_t id)
{
    struct heard *h = map64_get(&b->heard_by_id, id);
    if (h && heard_match(b, h)) {
        b->is_forgetful = true;
        h = NULL;
    }
    if (!h)
        lose(b);
    return h;
}

static void take_record(struct mr_bus *b, const struct batch_head *head, const struct record *record,
                        struct peer *publisher)
{
    if (record->call.id && !record->call.reply_topic) {
        request_on_answer(b, head, record, publisher);
        return;
    }
    struct heard *h = receive_topic(b, record->topic);
    if (!h)
        return;
    if (record->call.id)
        serve_on_request(b, head, record, h, publisher);
    else if (is_wanted(h, head, record))
        give(b, h, head, record, publisher);
}

void receive_on_batch(void *user, enum lane lane, struct batch_reader *batch)
{
    struct mr_bus *b = user;
    struct record record;
    (void)lane;
    const struct batch_head head = batch->head;
    struct peer *publisher = map64_get(&b->peer_by_id, head.publisher);
    if (!publisher) {
        agent_must(b, MR_INVALID);
        return;
    }
    while (!b->agent.is_over && batch_next(batch, &record) == MR_OK)
        take_record(b, &head, &record, publisher);
}

/* -- the agent is gone -- */
static void give_stale(struct mr_bus *b, struct heard *h, struct slot *slot, struct seen *seen)
{
    struct message view;
    const struct record record = {.flags = slot->flags | MR_STALE | MR_FROM_SNAPSHOT,
                                  .seq = slot->seq,
                                  .source_us = slot->source_us,
                                  .body = slot->body->data,
                                  .body_len = (uint32_t)slot->body->len};
    seen->is_stale = true;
    if (!receive_view(b, &slot->head, &record, h->text, slot->publisher, &view))
        return;
    view.def = heard_def_of(h, slot->publisher);
    sub_deliver(seen->sub, &view, h->key);
}

void receive_end(struct mr_bus *b)
{
    uint32_t cursor = 0;
    for (struct heard *h; (h = map_next(&b->heard, &cursor));)
        for (struct slot *slot = h->slots; slot; slot = slot->next)
            for (struct seen *seen = slot->seen; seen; seen = seen->next)
                if (slot->body && !seen->is_stale && !(slot->flags & MR_CLEAR) && sub_is_live(seen->sub))
                    give_stale(b, h, slot, seen);
}
