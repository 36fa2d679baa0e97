/* lastval.c - slots by topic id; each topic owns a short array of slots, each slot a body buffer it writes over. */
#include "bus/lastval.h"

#include <string.h>

#include "base/mem.h"

enum { TOPICS_START = 64 };

/* What stands behind a struct slot: the buffer its body points into. */
struct kept {
    struct slot slot;
    uint8_t *buffer;
    uint32_t cap;
};

struct topic_slots {
    struct kept **at; /* max_slots_per_topic pointers, the first n used, in order of arrival */
    uint32_t n;
};

struct lastval {
    const struct names *names;
    struct lastval_limits limits;
    struct topic_slots *topics; /* by topic id */
    uint32_t topics_cap;
    uint32_t count; /* slots, tombstones included */
};

enum mr_rc lastval_new(struct lastval **ret, const struct lastval_limits *limits, const struct names *names)
{
    struct lastval *l = mem_calloc(1, sizeof *l);
    if (!l)
        return MR_NO_MEMORY;
    l->limits = *limits;
    l->names = names;
    *ret = l;
    return MR_OK;
}

static void free_kept(struct kept *k)
{
    mem_free(k->buffer);
    mem_free(k);
}

void lastval_free(struct lastval *l)
{
    if (!l)
        return;
    for (uint32_t t = 0; t < l->topics_cap; t++) {
        for (uint32_t i = 0; i < l->topics[t].n; i++)
            free_kept(l->topics[t].at[i]);
        mem_free(l->topics[t].at);
    }
    mem_free(l->topics);
    mem_free(l);
}

static enum mr_rc slots_of(struct lastval *l, uint32_t topic, struct topic_slots **ret)
{
    if (topic >= l->topics_cap) {
        uint32_t cap = l->topics_cap ? l->topics_cap : TOPICS_START;
        while (cap <= topic)
            cap *= 2;
        struct topic_slots *topics = mem_resize(l->topics, cap * sizeof *topics);
        if (!topics)
            return MR_NO_MEMORY;
        memset(topics + l->topics_cap, 0, (cap - l->topics_cap) * sizeof *topics);
        l->topics = topics;
        l->topics_cap = cap;
    }
    struct topic_slots *t = &l->topics[topic];
    if (!t->at)
        t->at = mem_calloc(l->limits.max_slots_per_topic, sizeof(struct kept *));
    if (!t->at)
        return MR_NO_MEMORY;
    *ret = t;
    return MR_OK;
}

static void remove_at(struct lastval *l, struct topic_slots *t, uint32_t i)
{
    free_kept(t->at[i]);
    memmove(t->at + i, t->at + i + 1, (t->n - i - 1) * sizeof *t->at);
    t->n--;
    l->count--;
}

/* The topic's slot of this owner, or a new empty one; NULL where there is no room. */
static enum mr_rc slot_for(struct lastval *l, struct topic_slots *t, uint32_t owner, struct kept **ret,
                           bool *ret_is_new)
{
    uint32_t tombstone = t->n;
    for (uint32_t i = 0; i < t->n; i++) {
        if (t->at[i]->slot.owner == owner) {
            *ret = t->at[i];
            *ret_is_new = false;
            return MR_OK;
        }
        if (t->at[i]->slot.cleared && tombstone == t->n)
            tombstone = i;
    }
    if (t->n == l->limits.max_slots_per_topic && tombstone < t->n)
        remove_at(l, t, tombstone);
    *ret = NULL;
    *ret_is_new = true;
    if (t->n == l->limits.max_slots_per_topic || l->count >= l->limits.max_slots)
        return MR_OK;
    *ret = mem_calloc(1, sizeof **ret);
    return *ret ? MR_OK : MR_NO_MEMORY;
}

static bool is_above(const struct slot *slot, const struct batch_head *head, const struct record *record)
{
    return head->birth != slot->head.birth ? head->birth > slot->head.birth : record->seq > slot->seq;
}

static enum mr_rc write_slot(struct kept *k, const struct batch_head *head, uint32_t owner, const struct record *record,
                             int64_t now_ns)
{
    bool cleared = record->flags & MR_CLEAR;
    uint32_t len = cleared ? 0 : record->body_len;
    if (len > k->cap) {
        uint8_t *buffer = mem_resize(k->buffer, len);
        if (!buffer)
            return MR_NO_MEMORY;
        k->buffer = buffer;
        k->cap = len;
    }
    if (len)
        memcpy(k->buffer, record->body, len);
    k->slot = (struct slot){.topic = record->topic,
                            .owner = owner,
                            .publisher = head->publisher,
                            .head = *head,
                            .seq = record->seq,
                            .flags = record->flags & ~(uint32_t)(MR_FROM_SNAPSHOT | MR_STALE),
                            .source_us = record->source_us,
                            .changed_ns = now_ns,
                            .cleared = cleared,
                            .body = k->buffer,
                            .body_len = len};
    return MR_OK;
}

static bool another_writes(const struct topic_slots *t, const struct kept *but)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (t->at[i] != but && !t->at[i]->slot.cleared)
            return true;
    return false;
}

enum mr_rc lastval_put(struct lastval *l, const struct batch_head *head, uint32_t owner, const struct record *record,
                       int64_t now_ns, enum lastval_result *ret)
{
    struct topic_slots *t;
    enum mr_rc rc = slots_of(l, record->topic, &t);
    if (rc)
        return rc;
    struct kept *k;
    bool is_new;
    rc = slot_for(l, t, owner, &k, &is_new);
    if (rc)
        return rc;
    if (!k || (!is_new && !is_above(&k->slot, head, record))) {
        *ret = k ? LASTVAL_OLD : LASTVAL_REFUSED;
        return MR_OK;
    }
    rc = write_slot(k, head, owner, record, now_ns);
    if (rc) {
        if (is_new)
            free_kept(k);
        return rc;
    }
    *ret = LASTVAL_TAKEN;
    if (is_new) {
        t->at[t->n++] = k;
        l->count++;
        if (another_writes(t, k))
            *ret = LASTVAL_ANOTHER;
    }
    return MR_OK;
}

size_t lastval_get(const struct lastval *l, uint32_t topic, const struct slot **ret, size_t max)
{
    if (topic >= l->topics_cap)
        return 0;
    const struct topic_slots *t = &l->topics[topic];
    size_t n = t->n < max ? t->n : max;
    for (size_t i = 0; i < n; i++)
        ret[i] = &t->at[i]->slot;
    return n;
}

const struct slot *lastval_walk(const struct lastval *l, uint64_t *cursor)
{
    uint64_t per_topic = l->limits.max_slots_per_topic;
    for (uint64_t topic = *cursor / per_topic, i = *cursor % per_topic; topic < l->topics_cap; topic++, i = 0) {
        if (i >= l->topics[topic].n)
            continue;
        *cursor = topic * per_topic + i + 1;
        return &l->topics[topic].at[i]->slot;
    }
    *cursor = (uint64_t)l->topics_cap * per_topic;
    return NULL;
}

/* Removes the slots of one topic that `is_gone` names. */
static void purge(struct lastval *l, uint32_t topic, bool (*is_gone)(const struct slot *slot, int64_t arg), int64_t arg)
{
    struct topic_slots *t = &l->topics[topic];
    for (uint32_t i = t->n; i-- > 0;)
        if (is_gone(&t->at[i]->slot, arg))
            remove_at(l, t, i);
}

static bool is_of_owner(const struct slot *slot, int64_t owner)
{
    return slot->owner == (uint32_t)owner;
}

static bool is_of_another(const struct slot *slot, int64_t owner)
{
    return slot->owner != (uint32_t)owner;
}

static bool is_old_tombstone(const struct slot *slot, int64_t changed_before_ns)
{
    return slot->cleared && slot->changed_ns < changed_before_ns;
}

void lastval_purge_owner(struct lastval *l, uint32_t owner)
{
    for (uint32_t topic = 0; topic < l->topics_cap; topic++)
        purge(l, topic, is_of_owner, owner);
}

void lastval_purge_topic(struct lastval *l, uint32_t topic, uint32_t but_owner)
{
    if (topic < l->topics_cap)
        purge(l, topic, is_of_another, but_owner);
}

void lastval_expire(struct lastval *l, int64_t now_ns)
{
    for (uint32_t topic = 0; topic < l->topics_cap; topic++)
        purge(l, topic, is_old_tombstone, now_ns - l->limits.tombstone_ns);
}

size_t lastval_count(const struct lastval *l)
{
    return l->count;
}

int lastval_compare(const struct lastval *l, const struct slot *a, bool a_lives, const struct slot *b, bool b_lives)
{
    if (a_lives != b_lives)
        return a_lives ? -1 : 1;
    if (a->head.broker_us != b->head.broker_us)
        return a->head.broker_us > b->head.broker_us ? -1 : 1;
    return strcmp(names_get_publisher(l->names, a->owner)->identity, names_get_publisher(l->names, b->owner)->identity);
}
