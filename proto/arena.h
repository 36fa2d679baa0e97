/* arena.h - memory for decoding one frame: handed out by moving a pointer, given back all at once, never above a budget.
 *
 * protobuf-c turns 1 MiB of empty submessages into 80 MB (docs/security.md): everything it decodes for us comes from an
 * arena, and a frame that would need more than its budget is refused. */
#ifndef PROTO_ARENA_H
#define PROTO_ARENA_H
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

enum {
    ARENA_CHUNK_BYTES = 4 * 1024, /* the first chunk; kept by arena_reset(), so that small frames allocate nothing */
    ARENA_BUDGET_FACTOR = 48, /* of a frame's length: the densest frame we write takes 36 (test_control.c measures) */
    ARENA_BUDGET_MIN_BYTES = 64 * 1024,
    ARENA_BUDGET_MAX_BYTES = 2 * 1024 * 1024
};

struct arena_chunk;

/* One thread. The fields are private, but for `refused`. */
struct arena {
    struct arena_chunk *chunks; /* newest first */
    uint8_t *at, *end;          /* what is left of the newest */
    size_t taken;               /* bytes of all chunks, counted against the budget */
    size_t budget;
    bool refused; /* an allocation failed since the last reset; read freely */
};

/* Allocates nothing. budget in bytes; 0 makes every allocation fail. */
void arena_init(struct arena *a, size_t budget);

/* Frees everything; a is as after arena_init() with the same budget. */
void arena_fini(struct arena *a);

/* Forgets all that was handed out and sets a new budget; at most ARENA_CHUNK_BYTES stay allocated. */
void arena_reset(struct arena *a, size_t budget);

/* size bytes, not set, aligned for any type; valid until arena_reset() or arena_fini(). NULL: the budget is spent or
 * there is no memory; what was handed out before stays valid. Size 0 gives a pointer too. */
MUST void *arena_alloc(struct arena *a, size_t size);

/* The arena as protobuf-c wants it: borrowed, valid as long as a; its free does nothing. Use it with unpack only: what
 * was unpacked is never freed one by one. */
ProtobufCAllocator arena_allocator(struct arena *a);

/* Budget for decoding a control frame of len bytes: ARENA_BUDGET_FACTOR times len within the two bounds. */
size_t arena_frame_budget(size_t len);

#endif
