/* map.c - entries in the order of insertion, and an open-addressing index of their numbers. */
#include "base/map.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_CAP 8
#define LEN_NUMBER SIZE_MAX /* the length of a key that is a number: no byte string has it */

union map_key {
    const void *bytes;
    uint64_t number;
};

struct map_entry {
    uint64_t hash;
    union map_key key;
    size_t len;
    void *value; /* NULL: a hole */
};

/* What a look-up compares with. */
struct wanted {
    uint64_t hash;
    union map_key key;
    size_t len;
};

static struct wanted want_bytes(const struct map *map, const void *key, size_t len)
{
    assert(len != LEN_NUMBER);
    return (struct wanted){.hash = hash_bytes(&map->seed, key, len), .key.bytes = key, .len = len};
}

static struct wanted want_number(const struct map *map, uint64_t key)
{
    return (struct wanted){.hash = hash_bytes(&map->seed, &key, sizeof key), .key.number = key, .len = LEN_NUMBER};
}

static bool matches(const struct map_entry *entry, const struct wanted *wanted)
{
    if (entry->hash != wanted->hash || entry->len != wanted->len)
        return false;
    if (entry->len == LEN_NUMBER)
        return entry->key.number == wanted->key.number;
    return entry->len == 0 || memcmp(entry->key.bytes, wanted->key.bytes, entry->len) == 0;
}

void map_init(struct map *map, uint32_t max, const struct hash_key *seed)
{
    assert(max <= MAP_MAX_ENTRIES);
    *map = (struct map){.seed = *seed, .max = max};
}

void map_fini(struct map *map)
{
    const struct hash_key seed = map->seed;
    mem_free(map->entries);
    mem_free(map->index);
    map_init(map, map->max, &seed);
}

uint32_t map_count(const struct map *map)
{
    return map->count;
}

/* The place in the index where wanted is, or the free place where it would go. The index is never full. */
static uint32_t find(const struct map *map, const struct wanted *wanted)
{
    uint32_t at = (uint32_t)wanted->hash & map->index_mask;
    while (map->index[at] && !matches(&map->entries[map->index[at] - 1], wanted))
        at = (at + 1) & map->index_mask;
    return at;
}

static struct map_entry *lookup(const struct map *map, const struct wanted *wanted)
{
    if (map->count == 0)
        return NULL;
    uint32_t number = map->index[find(map, wanted)];
    return number ? &map->entries[number - 1] : NULL;
}

static void index_add(struct map *map, uint32_t number)
{
    uint32_t at = (uint32_t)map->entries[number].hash & map->index_mask;
    while (map->index[at])
        at = (at + 1) & map->index_mask;
    map->index[at] = number + 1;
}

/* Closes the holes among the entries and indexes them anew. */
static void rebuild(struct map *map)
{
    assert(map->index && map->entries);
    uint32_t live = 0;
    memset(map->index, 0, ((size_t)map->index_mask + 1) * sizeof map->index[0]);
    for (uint32_t i = 0; i < map->used; i++) {
        if (!map->entries[i].value)
            continue;
        map->entries[live] = map->entries[i];
        index_add(map, live++);
    }
    map->used = live;
}

/* Twice the entries, and an index at most half full. */
static enum mr_rc grow(struct map *map)
{
    uint32_t cap = map->cap ? map->cap * 2 : FIRST_CAP;
    uint32_t *index = mem_calloc((size_t)cap * 2, sizeof *index);
    if (!index)
        return MR_NO_MEMORY;
    struct map_entry *entries = mem_resize_array(map->entries, cap, sizeof *entries);
    if (!entries) {
        mem_free(index);
        return MR_NO_MEMORY;
    }
    mem_free(map->index);
    map->entries = entries;
    map->cap = cap;
    map->index = index;
    map->index_mask = cap * 2 - 1;
    rebuild(map);
    return MR_OK;
}

/* Room for one entry more. Doubling only when more than half are live keeps cap below 4 * max, and a rebuild is paid
 * for by the removals of half of cap. */
static enum mr_rc make_room(struct map *map)
{
    if (map->used < map->cap)
        return MR_OK;
    if (map->cap == 0 || map->count > map->cap / 2)
        return grow(map);
    rebuild(map);
    return MR_OK;
}

static enum mr_rc put(struct map *map, const struct wanted *wanted, void *value, void **ret_old)
{
    assert(value);
    struct map_entry *entry = lookup(map, wanted);
    void *old = entry ? entry->value : NULL;
    if (!entry) {
        if (map->count >= map->max)
            return MR_TOO_BIG;
        enum mr_rc rc = make_room(map);
        if (rc)
            return rc;
        assert(map->entries);
        entry = &map->entries[map->used];
        entry->hash = wanted->hash;
        index_add(map, map->used++);
        map->count++;
    }
    entry->key = wanted->key;
    entry->len = wanted->len;
    entry->value = value;
    if (ret_old)
        *ret_old = old;
    return MR_OK;
}

/* Frees a place of the index, moving up what was pushed beyond it, so that no search ends too early. */
static void index_remove(struct map *map, uint32_t hole)
{
    for (uint32_t at = (hole + 1) & map->index_mask; map->index[at]; at = (at + 1) & map->index_mask) {
        uint32_t home = (uint32_t)map->entries[map->index[at] - 1].hash & map->index_mask;
        if (((at - home) & map->index_mask) < ((at - hole) & map->index_mask))
            continue; /* its home lies behind the hole */
        map->index[hole] = map->index[at];
        hole = at;
    }
    map->index[hole] = 0;
}

static void *take_out(struct map *map, const struct wanted *wanted)
{
    if (map->count == 0)
        return NULL;
    uint32_t at = find(map, wanted);
    if (!map->index[at])
        return NULL;
    struct map_entry *entry = &map->entries[map->index[at] - 1];
    void *value = entry->value;
    index_remove(map, at);
    entry->value = NULL;
    map->count--;
    return value;
}

static const struct map_entry *next_entry(const struct map *map, uint32_t *cursor)
{
    while (*cursor < map->used) {
        const struct map_entry *entry = &map->entries[(*cursor)++];
        if (entry->value)
            return entry;
    }
    return NULL;
}

enum mr_rc map_put(struct map *map, const void *key, size_t len, void *value, void **ret_old)
{
    const struct wanted wanted = want_bytes(map, key, len);
    return put(map, &wanted, value, ret_old);
}

void *map_get(const struct map *map, const void *key, size_t len)
{
    const struct wanted wanted = want_bytes(map, key, len);
    const struct map_entry *entry = lookup(map, &wanted);
    return entry ? entry->value : NULL;
}

void *map_remove(struct map *map, const void *key, size_t len)
{
    const struct wanted wanted = want_bytes(map, key, len);
    return take_out(map, &wanted);
}

void *map_next(const struct map *map, uint32_t *cursor)
{
    const struct map_entry *entry = next_entry(map, cursor);
    return entry ? entry->value : NULL;
}

void map64_init(struct map64 *map, uint32_t max, const struct hash_key *seed)
{
    map_init(&map->map, max, seed);
}

void map64_fini(struct map64 *map)
{
    map_fini(&map->map);
}

uint32_t map64_count(const struct map64 *map)
{
    return map->map.count;
}

enum mr_rc map64_put(struct map64 *map, uint64_t key, void *value, void **ret_old)
{
    const struct wanted wanted = want_number(&map->map, key);
    return put(&map->map, &wanted, value, ret_old);
}

void *map64_get(const struct map64 *map, uint64_t key)
{
    const struct wanted wanted = want_number(&map->map, key);
    const struct map_entry *entry = lookup(&map->map, &wanted);
    return entry ? entry->value : NULL;
}

void *map64_remove(struct map64 *map, uint64_t key)
{
    const struct wanted wanted = want_number(&map->map, key);
    return take_out(&map->map, &wanted);
}

void *map64_next(const struct map64 *map, uint32_t *cursor, uint64_t *ret_key)
{
    const struct map_entry *entry = next_entry(&map->map, cursor);
    if (!entry)
        return NULL;
    if (ret_key)
        *ret_key = entry->key.number;
    return entry->value;
}
