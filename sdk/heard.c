/* heard.c - topics and publishers the agent told us of, the tags they speak for, and the last values they sent. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "proto/topic.h"
#include "sdk/bus_private.h"

enum {
    ALIGN_SPARE = 15,
    MAPS_BYTES = 96 /* of a name in the two tables that find it */
};

void heard_init(struct mr_bus *b, const struct hash_key *seed)
{
    map_init(&b->heard, MAP_MAX_ENTRIES, seed);
    map_init(&b->peers, MAP_MAX_ENTRIES, seed);
    map64_init(&b->heard_by_id, MAP_MAX_ENTRIES, seed);
    map64_init(&b->peer_by_id, MAP_MAX_ENTRIES, seed);
    buf_init(&b->body_scratch, AGENT_FRAME_MAX_BYTES);
}

/* -- freeing -- */
static void free_seen(struct mr_bus *b, struct seen **at)
{
    struct seen *seen = *at;
    *at = seen->next;
    budget_free(&b->budget, seen, sizeof *seen);
}

static void set_body(struct mr_bus *b, struct slot *slot, struct blob *body)
{
    if (slot->body)
        budget_give(&b->budget, blob_size(slot->body->len));
    blob_unref(slot->body);
    slot->body = body;
}

static void free_slot(struct mr_bus *b, struct slot **at)
{
    struct slot *slot = *at;
    *at = slot->next;
    while (slot->seen)
        free_seen(b, &slot->seen);
    set_body(b, slot, NULL);
    budget_free(&b->budget, slot, sizeof *slot);
}

static void free_def(struct mr_bus *b, struct heard_def **at)
{
    struct heard_def *def = *at;
    *at = def->next;
    budget_give(&b->budget, blob_size(def->def->len));
    blob_unref(def->def);
    budget_free(&b->budget, def, sizeof *def);
}

static void free_heard(struct mr_bus *b, struct heard *h)
{
    while (h->slots)
        free_slot(b, &h->slots);
    while (h->defs)
        free_def(b, &h->defs);
    budget_free(&b->budget, h->subs, h->cap_subs * sizeof *h->subs);
    blob_unref(h->text);
    budget_free(&b->budget, h, h->size);
}

static void free_peer(struct mr_bus *b, struct peer *peer)
{
    blob_unref(peer->text);
    budget_free(&b->budget, peer, peer->size);
}

void heard_fini(struct mr_bus *b)
{
    uint32_t cursor = 0;
    for (struct heard *h; (h = map_next(&b->heard, &cursor));)
        free_heard(b, h);
    cursor = 0;
    for (struct peer *peer; (peer = map_next(&b->peers, &cursor));)
        free_peer(b, peer);
    map_fini(&b->heard);
    map_fini(&b->peers);
    map64_fini(&b->heard_by_id);
    map64_fini(&b->peer_by_id);
    buf_fini(&b->body_scratch);
}

/* Ids are over. Topics of which nothing is held are forgotten. */
void heard_end(struct mr_bus *b)
{
    uint32_t cursor = 0;
    b->is_forgetful = false;
    map64_fini(&b->heard_by_id);
    map64_fini(&b->peer_by_id);
    for (struct heard *h; (h = map_next(&b->heard, &cursor));) {
        if (h->slots)
            continue;
        map_remove(&b->heard, h->text->data, h->text->len - 1);
        free_heard(b, h);
    }
}

/* -- names -- */

/* The struct is charged together with its text. */
static void *new_named(struct mr_bus *b, size_t size, const char *text, size_t len, struct blob **ret_text)
{
    void *object = budget_alloc(&b->budget, size);
    if (!object)
        return NULL;
    *ret_text = text_new(text, len);
    if (*ret_text)
        return object;
    budget_free(&b->budget, object, size);
    return NULL;
}

static struct heard *new_heard(struct mr_bus *b, const char *text, size_t len)
{
    struct blob *name;
    size_t size = sizeof(struct heard) + blob_size(len + 1) + MAPS_BYTES;
    struct heard *h = new_named(b, size, text, len, &name);
    if (!h)
        return NULL;
    h->text = name;
    h->size = size;
    h->key = ++b->next_key;
    if (map_put(&b->heard, name->data, len, h, NULL) == MR_OK)
        return h;
    free_heard(b, h);
    return NULL;
}

enum mr_rc heard_topic(struct mr_bus *b, const struct session_topic *topic)
{
    size_t len = strlen(topic->text);
    struct heard *h = map_get(&b->heard, topic->text, len);
    if (!h)
        h = new_heard(b, topic->text, len);
    return h ? map64_put(&b->heard_by_id, topic->id, h, NULL) : MR_NO_MEMORY;
}

static struct peer *peer_of(struct mr_bus *b, const char *text, size_t len, struct peer *owner)
{
    struct blob *name;
    struct peer *peer = map_get(&b->peers, text, len);
    if (peer)
        return peer;
    size_t size = sizeof *peer + blob_size(len + 1) + MAPS_BYTES;
    peer = new_named(b, size, text, len, &name);
    if (!peer)
        return NULL;
    peer->text = name;
    peer->size = size;
    peer->owner = owner ? owner : peer;
    if (map_put(&b->peers, name->data, len, peer, NULL) == MR_OK)
        return peer;
    free_peer(b, peer);
    return NULL;
}

enum mr_rc heard_publisher(struct mr_bus *b, const struct session_publisher *publisher)
{
    char text[2 * TOPIC_MAX_BYTES + 2];
    struct peer *peer = peer_of(b, publisher->identity, strlen(publisher->identity), NULL);
    if (peer && *publisher->part) {
        int n = snprintf(text, sizeof text, "%s/%s", publisher->identity, publisher->part);
        if (n < 0 || (size_t)n >= sizeof text)
            return MR_TOO_BIG;
        peer = peer_of(b, text, (size_t)n, peer);
    }
    return peer ? map64_put(&b->peer_by_id, publisher->id, peer, NULL) : MR_NO_MEMORY;
}

/* -- tags -- */
static char *put_text(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);
    *at += size;
    return copy;
}

static struct blob *new_def(const struct session_tag *tag, const char *topic)
{
    size_t size = sizeof(struct mr_tag_def) + strlen(tag->unit) + strlen(tag->description) + strlen(topic) + 3;
    struct blob *blob = blob_new(size + ALIGN_SPARE);
    if (!blob)
        return NULL;
    struct mr_tag_def *def = blob_object(blob);
    char *at = (char *)(def + 1);
    *def = (struct mr_tag_def){.size = sizeof *def,
                               .type = tag->type,
                               .stale_ms = tag->stale_ms,
                               .low = isnan(tag->low) ? 0 : tag->low,
                               .high = isnan(tag->high) ? 0 : tag->high,
                               .deadband = tag->deadband};
    def->topic = put_text(&at, topic);
    def->unit = put_text(&at, tag->unit);
    def->description = put_text(&at, tag->description);
    return blob;
}

static struct heard_def *find_def(const struct heard *h, const struct peer *publisher)
{
    struct heard_def *def = h->defs;
    while (def && def->publisher != publisher)
        def = def->next;
    return def;
}

struct blob *heard_def_of(const struct heard *h, const struct peer *publisher)
{
    const struct heard_def *def = find_def(h, publisher);
    return def ? def->def : NULL;
}

enum mr_rc heard_tag(struct mr_bus *b, struct peer *publisher, const struct session_tag *tag)
{
    struct heard *h = map64_get(&b->heard_by_id, tag->topic);
    if (!h)
        return MR_OK; /* of a topic that is not told: nobody will ask */
    struct blob *blob = new_def(tag, text_of(h->text));
    if (!blob || !budget_take(&b->budget, blob_size(blob->len))) {
        blob_unref(blob);
        return MR_NO_MEMORY;
    }
    struct heard_def *def = find_def(h, publisher);
    if (!def) {
        def = budget_alloc(&b->budget, sizeof *def);
        if (!def) {
            budget_give(&b->budget, blob_size(blob->len));
            blob_unref(blob);
            return MR_NO_MEMORY;
        }
        *def = (struct heard_def){.next = h->defs, .publisher = publisher};
        h->defs = def;
    } else {
        budget_give(&b->budget, blob_size(def->def->len));
        blob_unref(def->def);
    }
    def->def = blob;
    return MR_OK;
}

/* -- last values -- */
struct slot *heard_slot(struct mr_bus *b, struct heard *h, struct peer *owner)
{
    struct slot *slot = h->slots;
    while (slot && slot->owner != owner)
        slot = slot->next;
    if (slot)
        return slot;
    slot = budget_alloc(&b->budget, sizeof *slot);
    if (!slot)
        return NULL;
    *slot = (struct slot){.next = h->slots, .owner = owner, .publisher = owner};
    h->slots = slot;
    return slot;
}

/* Without memory the slot keeps its old value, and says so by returning false. */
bool heard_keep(struct mr_bus *b, struct slot *slot, const struct batch_head *head, const struct record *record,
                struct peer *publisher)
{
    struct blob *body = NULL;
    if (budget_take(&b->budget, blob_size(record->body_len))) {
        body = blob_copy(record->body, record->body_len);
        if (!body)
            budget_give(&b->budget, blob_size(record->body_len));
    }
    if (!body)
        return false;
    set_body(b, slot, body);
    slot->publisher = publisher;
    slot->head = *head;
    slot->seq = record->seq;
    slot->flags = record->flags;
    slot->source_us = record->source_us;
    return true;
}

struct seen *heard_find_seen(const struct slot *slot, const struct mr_sub *sub)
{
    struct seen *seen = slot->seen;
    while (seen && seen->sub != sub)
        seen = seen->next;
    return seen;
}

struct seen *heard_new_seen(struct mr_bus *b, struct slot *slot, struct mr_sub *sub)
{
    struct seen *seen = budget_alloc(&b->budget, sizeof *seen);
    if (!seen)
        return NULL;
    *seen = (struct seen){.next = slot->seen, .sub = sub};
    slot->seen = seen;
    return seen;
}

static void forget_in_slot(struct mr_bus *b, struct slot *slot, const struct mr_sub *sub)
{
    for (struct seen **at = &slot->seen; *at;) {
        if ((*at)->sub == sub)
            free_seen(b, at);
        else
            at = &(*at)->next;
    }
}

void heard_forget_sub(struct mr_bus *b, const struct mr_sub *sub)
{
    uint32_t cursor = 0;
    for (struct heard *h; (h = map_next(&b->heard, &cursor));) {
        for (struct slot **at = &h->slots; *at;) {
            forget_in_slot(b, *at, sub);
            if ((*at)->seen)
                at = &(*at)->next;
            else
                free_slot(b, at);
        }
    }
}

/* -- who wants it -- */
static bool wants(const struct mr_sub *s, const struct heard *h)
{
    return sub_is_live(s) && s->full &&
           filter_match(s->full, s->full_len, (const char *)h->text->data, h->text->len - 1);
}

static enum mr_rc reserve_subs(struct mr_bus *b, struct heard *h, uint32_t n)
{
    if (n <= h->cap_subs)
        return MR_OK;
    struct mr_sub **subs = budget_alloc(&b->budget, n * sizeof(struct mr_sub *));
    if (!subs)
        return MR_NO_MEMORY;
    budget_free(&b->budget, h->subs, h->cap_subs * sizeof *h->subs);
    h->subs = subs;
    h->cap_subs = n;
    return MR_OK;
}

enum mr_rc heard_match(struct mr_bus *b, struct heard *h)
{
    struct list *at, *after;
    uint32_t n = 0;
    if (h->epoch == b->sub_epoch)
        return MR_OK;
    LIST_EACH(at, after, &b->subs)
    n += wants(container_of(at, struct mr_sub, in_bus), h);
    enum mr_rc rc = reserve_subs(b, h, n);
    if (rc)
        return rc;
    h->n_subs = 0;
    LIST_EACH(at, after, &b->subs)
    {
        struct mr_sub *s = container_of(at, struct mr_sub, in_bus);
        if (wants(s, h))
            h->subs[h->n_subs++] = s;
    }
    h->epoch = b->sub_epoch;
    return MR_OK;
}
