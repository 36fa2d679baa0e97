/* arena.c - chunks of growing size in a list; each allocation moves a pointer through the newest. */
#include "proto/arena.h"

#include "base/mem.h"

enum { ALIGNMENT = 16, CHUNK_MAX_BYTES = 64 * 1024 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* this head included */
};

enum { CHUNK_HEAD_BYTES = (sizeof(struct arena_chunk) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT };

static void use_chunk(struct arena *a, struct arena_chunk *chunk)
{
    a->chunks = chunk;
    a->at = (uint8_t *)chunk + CHUNK_HEAD_BYTES;
    a->end = (uint8_t *)chunk + chunk->size;
}

void arena_init(struct arena *a, size_t budget)
{
    *a = (struct arena){.budget = budget};
}

/* Frees the chunks from `chunk` on. */
static void free_chunks(struct arena_chunk *chunk)
{
    while (chunk) {
        struct arena_chunk *next = chunk->next;

        mem_free(chunk);
        chunk = next;
    }
}

void arena_fini(struct arena *a)
{
    free_chunks(a->chunks);
    arena_init(a, a->budget);
}

void arena_reset(struct arena *a, size_t budget)
{
    struct arena_chunk *first = a->chunks;

    while (first && first->next) {
        struct arena_chunk *next = first->next;

        mem_free(first);
        first = next;
    }
    if (first && (first->size > ARENA_CHUNK_BYTES || first->size > budget)) {
        mem_free(first);
        first = NULL;
    }
    arena_init(a, budget);
    if (first) {
        a->taken = first->size;
        use_chunk(a, first);
    }
}

/* A new newest chunk with room for `size` bytes. Chunks double, so that their number stays small. */
static enum mr_rc add_chunk(struct arena *a, size_t size)
{
    size_t left = a->budget - a->taken;
    size_t want = a->taken < ARENA_CHUNK_BYTES ? ARENA_CHUNK_BYTES : a->taken;

    if (left < CHUNK_HEAD_BYTES || size > left - CHUNK_HEAD_BYTES)
        return MR_NO_MEMORY;
    if (want > CHUNK_MAX_BYTES)
        want = CHUNK_MAX_BYTES;
    if (want < size + CHUNK_HEAD_BYTES)
        want = size + CHUNK_HEAD_BYTES;
    if (want > left)
        want = left;

    struct arena_chunk *chunk = mem_alloc(want);
    if (!chunk)
        return MR_NO_MEMORY;
    *chunk = (struct arena_chunk){.next = a->chunks, .size = want};
    a->taken += want;
    use_chunk(a, chunk);
    return MR_OK;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t rounded = size ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;

    if (size > a->budget || (rounded > (size_t)(a->end - a->at) && add_chunk(a, rounded))) {
        a->refused = true;
        return NULL;
    }

    void *ret = a->at;
    a->at += rounded;
    return ret;
}

static void *view_alloc(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void view_free(void *arena, void *ptr)
{
    (void)arena;
    (void)ptr;
}

ProtobufCAllocator arena_allocator(struct arena *a)
{
    return (ProtobufCAllocator){.alloc = view_alloc, .free = view_free, .allocator_data = a};
}

size_t arena_frame_budget(size_t len)
{
    if (len > ARENA_BUDGET_MAX_BYTES / ARENA_BUDGET_FACTOR)
        return ARENA_BUDGET_MAX_BYTES;
    if (len * ARENA_BUDGET_FACTOR < ARENA_BUDGET_MIN_BYTES)
        return ARENA_BUDGET_MIN_BYTES;
    return len * ARENA_BUDGET_FACTOR;
}
