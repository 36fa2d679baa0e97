/* trie_table.h - private to the trie: its nodes, and a hash table that finds the child of a node by its text. */
#ifndef PROTO_TRIE_TABLE_H
#define PROTO_TRIE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "proto/trie_memory.h"
#include "proto/trie_set.h"

/* What a find reads comes last, next to the text it compares. */
struct trie_node {
    uint64_t key;           /* hash of the texts from the top down to here */
    struct trie_node *plus; /* the children "+" and "#": in the table too, here for the walk */
    struct trie_node *hash;
    struct trie_node *only; /* the only literal child, where it is known: NULL says nothing */
    uint64_t literal_bits;  /* trie_text_bit of each literal child; bits of former ones may stay */
    uint32_t literals;      /* children that are no wildcard */
    uint32_t len;           /* of text, in bytes */
    struct trie_set set;    /* who subscribed to the filter that ends here */
    struct trie_node *parent;
    char text[]; /* one level; below the top of the filters without a wildcard: the whole filter */
};

struct trie_slot {
    uint64_t key;
    struct trie_node *node; /* NULL: free */
};

/* Open addressing, linear probing, at most three quarters full. */
struct trie_table {
    struct trie_slot *slots;
    size_t mask; /* number of slots - 1 */
    size_t used;
    struct hash_key seed;
};

/* MR_TOO_BIG, MR_NO_MEMORY. *seed is copied. */
MUST enum mr_rc trie_table_init(struct trie_table *table, const struct hash_key *seed, struct trie_memory *memory);

/* Frees the nodes in it too, with their sets. */
void trie_table_fini(struct trie_table *table, struct trie_memory *memory);

/* A node that stands above all others and is not in the table; which tells one top from another.
 * MR_TOO_BIG, MR_NO_MEMORY. */
MUST enum mr_rc trie_top_new(uint64_t which, struct trie_memory *memory, struct trie_node **ret);

void trie_node_free(struct trie_node *node, struct trie_memory *memory); /* NULL is fine; the node is in no table */

/* Hash of a text under the table's seed, for trie_child_key. */
uint64_t trie_text_hash(const struct trie_table *table, const char *text, size_t len);

/* One of 64 bits by the hash of a text. */
static inline uint64_t trie_text_bit(uint64_t text_hash)
{
    return UINT64_C(1) << (text_hash >> 58);
}

/* The key of a child from its parent's and its text's. */
uint64_t trie_child_key(const struct trie_table *table, const struct trie_node *parent, uint64_t text_hash);

/* NULL when there is no such child. */
struct trie_node *trie_table_find(const struct trie_table *table, uint64_t key, const struct trie_node *parent,
                                  const char *text, size_t len);

/* Asks the processor for the slot early: the miss passes while other work is done. */
void trie_table_prefetch(const struct trie_table *table, uint64_t key);

/* The child, made if it is not there and linked to its parent. MR_TOO_BIG, MR_NO_MEMORY: nothing has changed. */
MUST enum mr_rc trie_table_child(struct trie_table *table, struct trie_node *parent, const char *text, size_t len,
                                 struct trie_memory *memory, struct trie_node **ret);

/* Takes a node without children out of the table, unlinks it from its parent and frees it. */
void trie_table_remove(struct trie_table *table, struct trie_node *node, struct trie_memory *memory);

#endif
