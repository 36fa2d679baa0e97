/* ring.c - the bounded queue: slots linked by number, in order of arrival and in order of being superseded. */
#include "base/ring.h"

#include "base/mem.h"

#define NIL UINT32_MAX
#define FIRST_CAP 16

/* A queued slot is in the chain ARRIVED and, once a newer item of its key is queued, in STALE too. */
enum chain_id { ARRIVED, STALE, CHAINS };

struct link {
    uint32_t prev, next;
};

struct slot {
    struct ring_item item;
    struct link links[CHAINS]; /* a free slot uses only links[ARRIVED].next */
    uint32_t same_bucket;      /* the next slot of its bucket; only while it is the newest of its key */
    bool is_stale;
};

struct chain {
    uint32_t first, last;
};

struct ring {
    struct ring_options options;
    struct slot *slots;
    uint32_t *buckets; /* the newest item of each key, MR_NEWEST_PER_TOPIC only; cap is a power of two there */
    uint32_t cap;      /* slots */
    uint32_t frames;
    size_t bytes;
    uint32_t free; /* first free slot, NIL if none */
    struct chain chains[CHAINS];
    bool is_cut;
};

static void chain_append(struct ring *ring, enum chain_id id, uint32_t at)
{
    struct chain *chain = &ring->chains[id];
    ring->slots[at].links[id] = (struct link){.prev = chain->last, .next = NIL};
    if (chain->last == NIL)
        chain->first = at;
    else
        ring->slots[chain->last].links[id].next = at;
    chain->last = at;
}

static void chain_remove(struct ring *ring, enum chain_id id, uint32_t at)
{
    struct chain *chain = &ring->chains[id];
    const struct link link = ring->slots[at].links[id];
    if (link.prev == NIL)
        chain->first = link.next;
    else
        ring->slots[link.prev].links[id].next = link.next;
    if (link.next == NIL)
        chain->last = link.prev;
    else
        ring->slots[link.next].links[id].prev = link.prev;
}

/* Keys are numbers given by ourselves: spreading them is enough, no secret is needed. */
static uint32_t *bucket_of(const struct ring *ring, uint64_t key)
{
    uint64_t spread = key * UINT64_C(0x9e3779b97f4a7c15);
    return &ring->buckets[(uint32_t)(spread >> 32) & (ring->cap - 1)];
}

static void index_add(struct ring *ring, uint32_t at)
{
    uint32_t *bucket = bucket_of(ring, ring->slots[at].item.key);
    ring->slots[at].same_bucket = *bucket;
    *bucket = at;
}

/* The link that leads to the newest slot of key, or to NIL. */
static uint32_t *index_find(const struct ring *ring, uint64_t key)
{
    uint32_t *at = bucket_of(ring, key);
    while (*at != NIL && ring->slots[*at].item.key != key)
        at = &ring->slots[*at].same_bucket;
    return at;
}

/* Takes a key's newest slot out of the index; NIL if the key is not queued. */
static uint32_t index_take(struct ring *ring, uint64_t key)
{
    uint32_t *link = index_find(ring, key);
    uint32_t at = *link;
    if (at != NIL)
        *link = ring->slots[at].same_bucket;
    return at;
}

/* Fills new buckets, as many as there are slots. */
static void reindex(struct ring *ring)
{
    for (uint32_t i = 0; i < ring->cap; i++)
        ring->buckets[i] = NIL;
    for (uint32_t at = ring->chains[ARRIVED].first; at != NIL; at = ring->slots[at].links[ARRIVED].next)
        if (!ring->slots[at].is_stale)
            index_add(ring, at);
}

static bool is_keyed(const struct ring *ring)
{
    return ring->options.policy == MR_NEWEST_PER_TOPIC;
}

/* Changes nothing when it fails. */
static enum mr_rc grow_to(struct ring *ring, uint32_t cap)
{
    uint32_t *buckets = NULL;
    if (is_keyed(ring) && !(buckets = mem_calloc(cap, sizeof *buckets)))
        return MR_NO_MEMORY;
    struct slot *slots = mem_resize_array(ring->slots, cap, sizeof *slots);
    if (!slots) {
        mem_free(buckets);
        return MR_NO_MEMORY;
    }
    for (uint32_t i = cap; i-- > ring->cap;) {
        slots[i].links[ARRIVED].next = ring->free;
        ring->free = i;
    }
    ring->slots = slots;
    ring->cap = cap;
    if (is_keyed(ring)) {
        mem_free(ring->buckets);
        ring->buckets = buckets;
        reindex(ring);
    }
    return MR_OK;
}

/* One step of storage, if the limit leaves one; without memory for it the ring stays as it is. */
static void try_grow(struct ring *ring)
{
    if (ring->cap >= ring->options.max_frames)
        return;
    enum mr_rc rc = grow_to(ring, ring->cap * 2);
    (void)rc;
}

/* Takes a slot's item out of the ring; its reference is the caller's. */
static struct ring_item take_out(struct ring *ring, uint32_t at)
{
    struct slot *slot = &ring->slots[at];
    chain_remove(ring, ARRIVED, at);
    if (slot->is_stale)
        chain_remove(ring, STALE, at);
    else if (is_keyed(ring))
        (void)index_take(ring, slot->item.key);
    slot->links[ARRIVED].next = ring->free;
    ring->free = at;
    ring->frames--;
    ring->bytes -= slot->item.frame->len;
    return slot->item;
}

static void drop(struct ring *ring, uint32_t at)
{
    struct ring_item item = take_out(ring, at);
    if (ring->options.on_drop)
        ring->options.on_drop(ring->options.user, &item);
    blob_unref(item.frame);
}

/* What the policy gives up first. The ring is not empty. */
static uint32_t victim(const struct ring *ring)
{
    uint32_t stale = ring->chains[STALE].first;
    return stale == NIL ? ring->chains[ARRIVED].first : stale;
}

/* max_frames holds whatever the storage, which grows by powers of two. */
static bool has_room(const struct ring *ring, size_t len)
{
    return ring->free != NIL && ring->frames < ring->options.max_frames && len <= ring->options.max_bytes - ring->bytes;
}

/* The newest item queued of this key, if there is one, is superseded from now on. */
static void supersede(struct ring *ring, uint64_t key)
{
    uint32_t at = index_take(ring, key);
    if (at == NIL)
        return;
    ring->slots[at].is_stale = true;
    chain_append(ring, STALE, at);
}

static void append(struct ring *ring, const struct ring_item *item)
{
    uint32_t at = ring->free;
    struct slot *slot = &ring->slots[at];
    ring->free = slot->links[ARRIVED].next;
    slot->item = *item;
    slot->is_stale = false;
    (void)blob_ref(item->frame);
    chain_append(ring, ARRIVED, at);
    if (is_keyed(ring))
        index_add(ring, at);
    ring->frames++;
    ring->bytes += item->frame->len;
}

static bool are_valid(const struct ring_options *options)
{
    return options->max_frames >= 1 && options->max_frames <= RING_MAX_FRAMES && options->max_bytes >= 1 &&
           (options->policy == MR_DROP_OLDEST || options->policy == MR_NEWEST_PER_TOPIC ||
            options->policy == MR_CUT_OFF);
}

enum mr_rc ring_new(struct ring **ret, const struct ring_options *options)
{
    if (!are_valid(options))
        return MR_INVALID;
    struct ring *ring = mem_alloc(sizeof *ring);
    if (!ring)
        return MR_NO_MEMORY;
    *ring = (struct ring){.options = *options, .free = NIL, .chains = {{NIL, NIL}, {NIL, NIL}}};
    enum mr_rc rc = grow_to(ring, FIRST_CAP);
    if (rc) {
        mem_free(ring);
        return rc;
    }
    *ret = ring;
    return MR_OK;
}

void ring_free(struct ring *ring)
{
    if (!ring)
        return;
    while (ring->frames)
        blob_unref(take_out(ring, ring->chains[ARRIVED].first).frame);
    mem_free(ring->slots);
    mem_free(ring->buckets);
    mem_free(ring);
}

/* MR_CUT_OFF gives up nothing, so what does not fit ends the ring. */
static enum ring_push push_or_cut(struct ring *ring, const struct ring_item *item)
{
    if (ring->is_cut || !has_room(ring, item->frame->len)) {
        ring->is_cut = true;
        return RING_IS_CUT;
    }
    append(ring, item);
    return RING_QUEUED;
}

enum ring_push ring_push(struct ring *ring, const struct ring_item *item)
{
    if (ring->free == NIL)
        try_grow(ring);
    if (ring->options.policy == MR_CUT_OFF)
        return push_or_cut(ring, item);
    if (item->frame->len > ring->options.max_bytes)
        return RING_REFUSED;
    if (is_keyed(ring))
        supersede(ring, item->key);
    enum ring_push result = RING_QUEUED;
    while (!has_room(ring, item->frame->len)) {
        drop(ring, victim(ring));
        result = RING_DROPPED;
    }
    append(ring, item);
    return result;
}

bool ring_take(struct ring *ring, struct ring_item *ret)
{
    if (ring->frames == 0)
        return false;
    *ret = take_out(ring, ring->chains[ARRIVED].first);
    return true;
}

const struct ring_item *ring_peek(const struct ring *ring)
{
    return ring->frames ? &ring->slots[ring->chains[ARRIVED].first].item : NULL;
}

void ring_clear(struct ring *ring)
{
    while (ring->frames)
        drop(ring, ring->chains[ARRIVED].first);
    ring->is_cut = false;
}

uint32_t ring_frames(const struct ring *ring)
{
    return ring->frames;
}

size_t ring_bytes(const struct ring *ring)
{
    return ring->bytes;
}
