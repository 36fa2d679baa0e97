/* hash.h - SipHash-1-3: a keyed hash for tables whose keys come from peers. Not for signatures. */
#ifndef BASE_HASH_H
#define BASE_HASH_H
#include <stddef.h>
#include <stdint.h>

/* Secret to the process: fill it from a struct rand_source (base/rand.h) and show it to nobody. */
struct hash_key {
    uint64_t k0, k1;
};

/* The same on every machine. data may be NULL when len is 0. */
uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len);

#endif
