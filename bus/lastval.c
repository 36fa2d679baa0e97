/* lastval.c - slots by topic id; each topic owns a short array of slots, each slot a body buffer it writes over. */
#include "bus/lastval.h"

#include <string.h>

#include "base/list.h"
#include "base/mem.h"

enum { TABLE_START = 64 };

/* What one identity has here. */
struct owned {
    struct list slots;
    uint32_t n;
    size_t bytes;
};

/* What stands behind a struct slot: the buffer its body points into. */
struct kept {
    struct slot slot;
    uint8_t *buffer;
    uint32_t cap;
    struct owned *owned;
    struct list in_owned, in_tombstones;
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
    struct owned **owned; /* by owner's publisher id; NULL: none yet */
    uint32_t owned_cap;
    struct list tombstones; /* in the order they came: a restored one behind younger ones is forgotten with them */
    uint32_t count;         /* slots, tombstones included */
    size_t bytes;
};

enum mr_rc lastval_new(struct lastval **ret, const struct lastval_limits *limits, const struct names *names)
{
    struct lastval *l = mem_calloc(1, sizeof *l);
    if (!l)
        return MR_NO_MEMORY;
    l->limits = *limits;
    l->names = names;
    list_init(&l->tombstones);
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
    for (uint32_t i = 0; i < l->owned_cap; i++)
        mem_free(l->owned[i]);
    mem_free(l->owned);
    mem_free(l->topics);
    mem_free(l);
}

/* Makes a table that is indexed by id reach it. */
static enum mr_rc reach(void **table, uint32_t *cap, size_t size, uint32_t id)
{
    if (id < *cap)
        return MR_OK;
    uint32_t wanted = *cap ? *cap : TABLE_START;
    while (wanted <= id)
        wanted *= 2;
    char *grown = mem_resize_array(*table, wanted, size);
    if (!grown)
        return MR_NO_MEMORY;
    memset(grown + *cap * size, 0, (wanted - *cap) * size);
    *table = grown;
    *cap = wanted;
    return MR_OK;
}

static enum mr_rc owned_by(struct lastval *l, uint32_t owner, struct owned **ret)
{
    void *table = l->owned;
    enum mr_rc rc = reach(&table, &l->owned_cap, sizeof *l->owned, owner);
    l->owned = table;
    if (rc)
        return rc;
    if (!l->owned[owner]) {
        struct owned *o = mem_calloc(1, sizeof *o);
        if (!o)
            return MR_NO_MEMORY;
        list_init(&o->slots);
        l->owned[owner] = o;
    }
    *ret = l->owned[owner];
    return MR_OK;
}

static enum mr_rc slots_of(struct lastval *l, uint32_t topic, struct topic_slots **ret)
{
    if (topic >= l->topics_cap) {
        void *table = l->topics;
        enum mr_rc rc = reach(&table, &l->topics_cap, sizeof *l->topics, topic);
        l->topics = table;
        if (rc)
            return rc;
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
    struct kept *k = t->at[i];
    l->bytes -= k->cap;
    k->owned->bytes -= k->cap;
    k->owned->n--;
    list_remove(&k->in_owned);
    list_remove(&k->in_tombstones);
    free_kept(k);
    memmove(t->at + i, t->at + i + 1, (t->n - i - 1) * sizeof *t->at);
    t->n--;
    l->count--;
}

static bool is_full(const struct lastval *l, const struct topic_slots *t, const struct owned *o)
{
    return t->n == l->limits.max_slots_per_topic || l->count >= l->limits.max_slots ||
           (l->limits.max_slots_per_owner && o->n >= l->limits.max_slots_per_owner);
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
    struct owned *o;
    enum mr_rc rc = owned_by(l, owner, &o);
    if (rc)
        return rc;
    if (t->n == l->limits.max_slots_per_topic && tombstone < t->n)
        remove_at(l, t, tombstone);
    *ret = NULL;
    *ret_is_new = true;
    if (is_full(l, t, o))
        return MR_OK;
    struct kept *k = mem_calloc(1, sizeof *k);
    if (!k)
        return MR_NO_MEMORY;
    k->owned = o;
    list_init(&k->in_owned);
    list_init(&k->in_tombstones);
    *ret = k;
    return MR_OK;
}

/* Of two with one version the tombstone is the newer, which somebody else may have made of the value. */
static bool is_above(const struct slot *slot, const struct batch_head *head, const struct record *record)
{
    if (head->birth != slot->head.birth)
        return head->birth > slot->head.birth;
    if (record->seq != slot->seq)
        return record->seq > slot->seq;
    return record->flags & MR_CLEAR && !slot->cleared;
}

/* The same version accepted by another broker later: all take the later time, so that all show the same. */
static void take_accept_time(struct slot *slot, const struct batch_head *head, const struct record *record)
{
    if (head->birth == slot->head.birth && record->seq == slot->seq && head->broker_us > slot->head.broker_us)
        slot->head.broker_us = head->broker_us;
}

/* Room for a body; MR_TOO_BIG: more bytes than the table, or its owner, may have. */
static enum mr_rc make_room(struct lastval *l, struct kept *k, uint32_t len)
{
    if (len <= k->cap)
        return MR_OK;
    size_t more = len - k->cap;
    if ((l->limits.max_bytes && l->bytes + more > l->limits.max_bytes) ||
        (l->limits.max_bytes_per_owner && k->owned->bytes + more > l->limits.max_bytes_per_owner))
        return MR_TOO_BIG;
    uint8_t *buffer = mem_resize(k->buffer, len);
    if (!buffer)
        return MR_NO_MEMORY;
    l->bytes += more;
    k->owned->bytes += more;
    k->buffer = buffer;
    k->cap = len;
    return MR_OK;
}

/* A tombstone holds no memory but its own, and waits in the line of those that will be forgotten. */
static void bury(struct lastval *l, struct kept *k)
{
    l->bytes -= k->cap;
    k->owned->bytes -= k->cap;
    mem_free(k->buffer);
    k->buffer = NULL;
    k->cap = 0;
    list_push_back(&l->tombstones, &k->in_tombstones);
}

static enum mr_rc write_slot(struct lastval *l, struct kept *k, const struct batch_head *head, uint32_t owner,
                             const struct record *record, int64_t now_ns)
{
    bool cleared = record->flags & MR_CLEAR;
    uint32_t len = cleared ? 0 : record->body_len;
    enum mr_rc rc = make_room(l, k, len);
    if (rc)
        return rc;
    if (len)
        memcpy(k->buffer, record->body, len);
    list_remove(&k->in_tombstones);
    if (cleared)
        bury(l, k);
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

static void add_slot(struct lastval *l, struct topic_slots *t, struct kept *k)
{
    t->at[t->n++] = k;
    l->count++;
    k->owned->n++;
    list_push_back(&k->owned->slots, &k->in_owned);
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
        if (k)
            take_accept_time(&k->slot, head, record);
        *ret = k ? LASTVAL_OLD : LASTVAL_REFUSED;
        return MR_OK;
    }
    rc = write_slot(l, k, head, owner, record, now_ns);
    if (rc) {
        if (is_new)
            free_kept(k);
        if (rc != MR_TOO_BIG)
            return rc;
        *ret = LASTVAL_REFUSED;
        return MR_OK;
    }
    *ret = LASTVAL_TAKEN;
    if (is_new) {
        add_slot(l, t, k);
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

const struct slot *lastval_next_of(const struct lastval *l, uint32_t owner, const struct slot *after)
{
    const struct owned *o = owner < l->owned_cap ? l->owned[owner] : NULL;
    if (!o)
        return NULL;
    const struct list *at = after ? container_of(after, const struct kept, slot)->in_owned.next : o->slots.next;
    return at == &o->slots ? NULL : &container_of(at, const struct kept, in_owned)->slot;
}

static void remove_kept(struct lastval *l, const struct kept *k)
{
    struct topic_slots *t = &l->topics[k->slot.topic];
    uint32_t i = 0;
    while (t->at[i] != k)
        i++;
    remove_at(l, t, i);
}

void lastval_purge_owner(struct lastval *l, uint32_t owner)
{
    struct owned *o = owner < l->owned_cap ? l->owned[owner] : NULL;
    for (struct list *at; o && (at = list_first(&o->slots));)
        remove_kept(l, container_of(at, struct kept, in_owned));
}

void lastval_purge_topic(struct lastval *l, uint32_t topic, uint32_t but_owner)
{
    struct topic_slots *t = topic < l->topics_cap ? &l->topics[topic] : NULL;
    for (uint32_t i = t ? t->n : 0; i-- > 0;)
        if (t->at[i]->slot.owner != but_owner)
            remove_at(l, t, i);
}

void lastval_expire(struct lastval *l, int64_t now_ns)
{
    for (struct list *at; (at = list_first(&l->tombstones));) {
        const struct kept *k = container_of(at, struct kept, in_tombstones);
        if (k->slot.changed_ns >= now_ns - l->limits.tombstone_ns)
            return;
        remove_kept(l, k);
    }
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
