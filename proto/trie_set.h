/* trie_set.h - private to the trie: the subscribers of one filter, counted, ascending. One needs no memory of its own,
 * because most filters have one subscriber and the walk then misses one cache line less. */
#ifndef PROTO_TRIE_SET_H
#define PROTO_TRIE_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/trie_memory.h"

struct trie_member {
    uint32_t subscriber;
    uint32_t count; /* added this many times more than removed; >= 1 */
};

/* All zeros is the empty set. */
struct trie_set {
    uint32_t n;
    uint32_t cap; /* of many; 0: the only member, if any, is in one */
    union {
        struct trie_member one;
        struct trie_member *many;
    } as;
};

const struct trie_member *trie_set_members(const struct trie_set *set); /* n of them */

/* Is the subscriber in it? */
bool trie_set_has(const struct trie_set *set, uint32_t subscriber);

/* MR_TOO_BIG: the memory's bound, or counted 2^32 - 1 times. MR_NO_MEMORY. The set is then unchanged. */
MUST enum mr_rc trie_set_add(struct trie_set *set, uint32_t subscriber, struct trie_memory *memory);

/* Counts down and removes at 0. MR_NOT_FOUND. */
MUST enum mr_rc trie_set_remove(struct trie_set *set, uint32_t subscriber);

void trie_set_fini(struct trie_set *set, struct trie_memory *memory);

#endif
