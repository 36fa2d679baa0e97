/* map.h - a bounded hash map from byte strings, or from 64-bit numbers, to pointers.
 *
 * Keyed by SipHash, so that peers cannot choose colliding keys. Walks go in the order of insertion, whatever the hash
 * key, so that a simulation replays exactly. Memory is allocated by map_put() only. One thread. */
#ifndef BASE_MAP_H
#define BASE_MAP_H
#include "base/hash.h"
#include "base/rc.h"

#define MAP_MAX_ENTRIES 0x0fffffffU

struct map_entry; /* private to map.c */

/* Embedded; only the functions below look inside. */
struct map {
    struct hash_key seed;
    struct map_entry *entries; /* in the order of insertion; removed ones stay as holes until the next rebuild */
    uint32_t *index;           /* open addressing: number of the entry + 1, 0 = free */
    uint32_t used, cap;        /* entries in use, holes included; entries allocated */
    uint32_t count, max;       /* live entries; their limit */
    uint32_t index_mask;
};

/* At most max entries, 0..MAP_MAX_ENTRIES. Allocates nothing. *seed is copied. */
void map_init(struct map *map, uint32_t max, const struct hash_key *seed);

/* Frees the table; keys and values are the owner's. map is as after map_init(). */
void map_fini(struct map *map);

/* Live entries. */
uint32_t map_count(const struct map *map);

/* The key is borrowed until the entry is removed or replaced: let it live in the value. value must not be NULL.
 * A key that is there gets the new key and value, and *ret_old (may be NULL) the value it had; a new key gives NULL.
 * MR_TOO_BIG: max entries are in it. MR_NO_MEMORY. */
MUST enum mr_rc map_put(struct map *map, const void *key, size_t len, void *value, void **ret_old);

/* The value, or NULL. */
void *map_get(const struct map *map, const void *key, size_t len);

/* Removes the key and returns the value it had, or NULL. */
void *map_remove(struct map *map, const void *key, size_t len);

/* Walk: start with *cursor = 0; returns each value once, then NULL. Entries may be removed during a walk, the current
 * one included; what is put during a walk ends it undefined. */
void *map_next(const struct map *map, uint32_t *cursor);

/* The same map with numbers as keys. */
struct map64 {
    struct map map;
};

void map64_init(struct map64 *map, uint32_t max, const struct hash_key *seed);
void map64_fini(struct map64 *map);
uint32_t map64_count(const struct map64 *map);
MUST enum mr_rc map64_put(struct map64 *map, uint64_t key, void *value, void **ret_old);
void *map64_get(const struct map64 *map, uint64_t key);
void *map64_remove(struct map64 *map, uint64_t key);

/* As map_next(); *ret_key (may be NULL) is the key of the value returned. */
void *map64_next(const struct map64 *map, uint32_t *cursor, uint64_t *ret_key);

#endif
