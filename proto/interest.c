/* interest.c - see interest.h: the client's table of entries, and the server's set of ids. */
#include "proto/interest.h"

#include <string.h>

#include "base/mem.h"

enum { FIRST_CAP = 8 };

struct interest_item {
    struct list change;            /* in changed, while it was not sent */
    struct session_interest entry; /* its texts are behind the item */
    uint64_t version;              /* of its last change */
    bool was_sent;                 /* the server knows the id */
    bool is_removal;
    char text[];
};

/* -- client -- */

void interest_client_init(struct interest_client *c, uint32_t max_entries, uint32_t part_bytes)
{
    *c = (struct interest_client){.max_entries = max_entries, .part_bytes = part_bytes};
    list_init(&c->changed);
}

void interest_client_fini(struct interest_client *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        mem_free(c->items[i]);
    mem_free(c->items);
    interest_client_init(c, c->max_entries, c->part_bytes);
}

uint32_t interest_weight(const struct session_interest *entry)
{
    size_t group = entry->group ? strlen(entry->group) : 0;

    return INTEREST_ENTRY_BYTES + (uint32_t)(strlen(entry->filter) + group);
}

/* Where id stands, or would. */
static uint32_t place_of(const struct interest_client *c, uint32_t id)
{
    uint32_t low = 0, high = c->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (c->items[middle]->entry.id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct interest_item *item_at(const struct interest_client *c, uint32_t place, uint32_t id)
{
    return place < c->count && c->items[place]->entry.id == id ? c->items[place] : NULL;
}

static struct interest_item *item_new(const struct session_interest *entry)
{
    size_t filter = strlen(entry->filter) + 1;
    const char *group = entry->group ? entry->group : "";
    size_t group_size = strlen(group) + 1;
    struct interest_item *item = mem_alloc(sizeof *item + filter + group_size);

    if (!item)
        return NULL;
    *item = (struct interest_item){.entry = *entry};
    item->entry.filter = memcpy(item->text, entry->filter, filter);
    item->entry.group = memcpy(item->text + filter, group, group_size);
    list_init(&item->change);
    return item;
}

static void note_change(struct interest_client *c, struct interest_item *item)
{
    item->version = ++c->version;
    list_remove(&item->change);
    list_push_back(&c->changed, &item->change);
}

static enum mr_rc make_place(struct interest_client *c, uint32_t place)
{
    if (c->count == c->cap) {
        uint32_t cap = c->cap ? c->cap * 2 : FIRST_CAP;
        struct interest_item **items = mem_resize(c->items, cap * sizeof(*items));
        if (!items)
            return MR_NO_MEMORY;
        c->items = items;
        c->cap = cap;
    }
    memmove(&c->items[place + 1], &c->items[place], (c->count - place) * sizeof *c->items);
    c->count++;
    return MR_OK;
}

/* Takes the item out of everything and frees it. */
static void forget(struct interest_client *c, uint32_t place)
{
    struct interest_item *item = c->items[place];

    c->count--;
    memmove(&c->items[place], &c->items[place + 1], (c->count - place) * sizeof *c->items);
    c->removals -= item->is_removal;
    list_remove(&item->change);
    mem_free(item);
}

/* Puts item in the place of old, which the server may know; old is freed. */
static void replace(struct interest_client *c, uint32_t place, struct interest_item *item)
{
    struct interest_item *old = c->items[place];

    item->was_sent = old->was_sent;
    c->removals -= old->is_removal;
    list_remove(&old->change);
    mem_free(old);
    c->items[place] = item;
}

enum mr_rc interest_client_add(struct interest_client *c, const struct session_interest *entry)
{
    if (entry->id == 0 || !entry->filter || !entry->filter[0] || interest_weight(entry) > c->part_bytes)
        return MR_INVALID;
    uint32_t place = place_of(c, entry->id);
    const struct interest_item *old = item_at(c, place, entry->id);
    bool is_new = !old || old->is_removal;
    if (is_new && (c->count - c->removals >= c->max_entries || c->count >= 2 * c->max_entries))
        return MR_TOO_BIG;

    struct interest_item *item = item_new(entry);
    if (!item)
        return MR_NO_MEMORY;
    if (old) {
        replace(c, place, item);
    } else if (make_place(c, place) != MR_OK) {
        mem_free(item);
        return MR_NO_MEMORY;
    } else {
        c->items[place] = item;
    }
    note_change(c, item);
    return MR_OK;
}

enum mr_rc interest_client_remove(struct interest_client *c, uint32_t id)
{
    uint32_t place = place_of(c, id);
    struct interest_item *item = item_at(c, place, id);

    if (!item || item->is_removal)
        return MR_NOT_FOUND;
    if (item->was_sent) {
        item->is_removal = true;
        c->removals++;
        note_change(c, item);
    } else {
        c->version++;
        forget(c, place);
    }
    return MR_OK;
}

bool interest_client_has_part(const struct interest_client *c)
{
    return c->in_burst || (c->state == INTEREST_QUIET && c->sent < c->version);
}

static uint32_t item_weight(const struct interest_item *item)
{
    return item->is_removal ? INTEREST_ENTRY_BYTES : interest_weight(&item->entry);
}

/* How many of the oldest `most` changes fit in max bytes; *ret_version is that of the last of them. */
static uint32_t count_fitting(const struct interest_client *c, uint32_t most, uint32_t max, uint64_t *ret_version)
{
    uint32_t n = 0, bytes = 0;

    for (const struct list *at = c->changed.next; at != &c->changed && n < most; at = at->next, n++) {
        const struct interest_item *item = container_of(at, const struct interest_item, change);
        bytes += item_weight(item);
        if (n && bytes > max)
            break;
        *ret_version = item->version;
    }
    return n;
}

static void begin_burst(struct interest_client *c, struct interest_part *part)
{
    uint64_t version = c->version;

    c->burst_left = count_fitting(c, UINT32_MAX, INTEREST_BURST_BYTES, &version);
    if (c->burst_left == 0 || version == container_of(c->changed.prev, struct interest_item, change)->version)
        version = c->version; /* all of it, changes that undid themselves included */
    part->snapshot = c->sent == 0;
    c->sent = version;
    c->state = INTEREST_WAITING;
}

enum mr_rc interest_client_part(struct interest_client *c, struct interest_part *ret)
{
    if (!interest_client_has_part(c))
        return MR_WOULD_BLOCK;
    struct interest_part part = {.snapshot = false};
    if (!c->in_burst)
        begin_burst(c, &part);

    uint64_t last;
    c->part_left = count_fitting(c, c->burst_left, c->part_bytes, &last);
    c->burst_left -= c->part_left;
    c->in_burst = c->burst_left > 0;
    part.version = c->sent;
    part.more = c->in_burst;
    *ret = part;
    return MR_OK;
}

bool interest_client_next(struct interest_client *c, struct session_interest *ret)
{
    struct list *first = c->part_left ? list_first(&c->changed) : NULL;
    if (!first)
        return false;
    struct interest_item *item = container_of(first, struct interest_item, change);
    c->part_left--;
    list_remove(&item->change);
    item->was_sent = true;
    if (item->is_removal) {
        *ret = (struct session_interest){.id = item->entry.id};
        forget(c, place_of(c, item->entry.id));
    } else {
        *ret = item->entry;
    }
    return true;
}

enum mr_rc interest_client_acked(struct interest_client *c, uint64_t version, bool partial, bool *ret_news)
{
    if (version > c->sent || version < c->acked)
        return MR_INVALID;
    *ret_news = version > c->acked || partial != c->partial;
    c->acked = version;
    c->partial = partial;
    if (version == c->sent && !c->in_burst)
        c->state = INTEREST_QUIET;
    return MR_OK;
}

bool interest_client_refused(struct interest_client *c, uint32_t id)
{
    uint32_t place = place_of(c, id);
    const struct interest_item *item = item_at(c, place, id);

    if (!item)
        return false;
    bool was_changed = list_is_linked(&item->change) && !item->is_removal;
    if (!was_changed)
        forget(c, place);
    return !was_changed;
}

/* -- server -- */

void interest_server_init(struct interest_server *s, uint32_t max_entries)
{
    *s = (struct interest_server){.max_entries = max_entries};
}

void interest_server_fini(struct interest_server *s)
{
    mem_free(s->ids);
    interest_server_init(s, s->max_entries);
}

enum mr_rc interest_server_part(struct interest_server *s, const struct interest_part *part, bool *ret_forget)
{
    bool fits = false;

    switch (s->state) {
    case INTEREST_IDLE:
        fits = part->version > s->version && (part->snapshot || s->version != 0);
        break;
    case INTEREST_GATHERING:
        fits = part->version == s->version && !part->snapshot;
        break;
    case INTEREST_APPLIED: /* one burst at a time */
    case INTEREST_SERVER_STATES:
        break;
    }
    if (!fits)
        return MR_INVALID;
    s->version = part->version;
    s->state = INTEREST_GATHERING;
    *ret_forget = part->snapshot;
    return MR_OK;
}

static uint32_t id_place(const struct interest_server *s, uint32_t id)
{
    uint32_t low = 0, high = s->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum mr_rc insert_id(struct interest_server *s, uint32_t place, uint32_t id)
{
    if (s->count == s->cap) {
        uint32_t cap = s->cap ? s->cap * 2 : FIRST_CAP;
        uint32_t *ids = mem_resize(s->ids, cap * sizeof *ids);
        if (!ids)
            return MR_NO_MEMORY;
        s->ids = ids;
        s->cap = cap;
    }
    memmove(&s->ids[place + 1], &s->ids[place], (s->count - place) * sizeof *s->ids);
    s->ids[place] = id;
    s->count++;
    return MR_OK;
}

enum mr_rc interest_server_add(struct interest_server *s, uint32_t id, enum interest_verdict *ret)
{
    uint32_t place = id_place(s, id);

    if (place < s->count && s->ids[place] == id) {
        *ret = INTEREST_REPLACE;
        return MR_OK;
    }
    if (s->count >= s->max_entries) {
        *ret = INTEREST_REFUSE;
        return MR_OK;
    }
    enum mr_rc rc = insert_id(s, place, id);
    if (rc == MR_OK)
        *ret = INTEREST_TAKE;
    return rc;
}

enum interest_verdict interest_server_drop(struct interest_server *s, uint32_t id)
{
    uint32_t place = id_place(s, id);

    if (place == s->count || s->ids[place] != id)
        return INTEREST_SKIP;
    s->count--;
    memmove(&s->ids[place], &s->ids[place + 1], (s->count - place) * sizeof *s->ids);
    return INTEREST_TAKE;
}

uint32_t interest_server_first(const struct interest_server *s)
{
    return s->count ? s->ids[s->count - 1] : 0;
}

bool interest_server_end(struct interest_server *s, const struct interest_part *part)
{
    if (!part->more)
        s->state = INTEREST_APPLIED;
    return !part->more;
}

enum mr_rc interest_server_ack(struct interest_server *s, uint64_t version, bool partial)
{
    bool is_new = s->state == INTEREST_APPLIED && version == s->version;
    bool is_again = version == s->acked && version != 0;

    if (!is_new && !is_again)
        return MR_INVALID;
    if (is_new)
        s->state = INTEREST_IDLE;
    s->acked = version;
    s->partial = partial;
    return MR_OK;
}
