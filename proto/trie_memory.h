/* trie_memory.h - private to the trie: its allocations, counted against one bound. */
#ifndef PROTO_TRIE_MEMORY_H
#define PROTO_TRIE_MEMORY_H

#include <stddef.h>

#include "base/rc.h"

struct trie_memory {
    size_t used_bytes;
    size_t max_bytes;
};

/* Zeroed. MR_TOO_BIG: the bound. MR_NO_MEMORY. Freed with trie_memory_free and the same size. */
MUST enum mr_rc trie_memory_alloc(struct trie_memory *memory, size_t size, void **ret);

void trie_memory_free(struct trie_memory *memory, void *block, size_t size); /* block may be NULL with size 0 */

#endif
