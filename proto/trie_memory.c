/* trie_memory.c - the trie's allocations, see trie_memory.h. */
#include "proto/trie_memory.h"

#include "base/mem.h"

enum mr_rc trie_memory_alloc(struct trie_memory *memory, size_t size, void **ret)
{
    if (size > memory->max_bytes - memory->used_bytes)
        return MR_TOO_BIG;
    void *block = mem_calloc(1, size);
    if (!block)
        return MR_NO_MEMORY;
    memory->used_bytes += size;
    *ret = block;
    return MR_OK;
}

void trie_memory_free(struct trie_memory *memory, void *block, size_t size)
{
    mem_free(block);
    memory->used_bytes -= size;
}
