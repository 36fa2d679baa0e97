/* blob.h - a counted, immutable payload: one copy in, none between. */
#ifndef BASE_BLOB_H
#define BASE_BLOB_H
#include "base/rc.h"

struct pool;

/* Its maker, still its only holder, fills data and may lower len; from the first blob_ref() or hand-over on nobody
 * writes any more, and any thread may read, take and drop references. */
struct blob {
    struct pool *pool; /* where its memory goes back to; NULL: the allocator */
    size_t len;        /* bytes at data */
    uint32_t refs;
    uint8_t data[];
};

/* All three return a blob with one reference, which the caller owns, or NULL. */

/* len bytes, not set. NULL: out of memory. */
MUST struct blob *blob_new(size_t len);

/* A copy of len bytes; data may be NULL when len is 0. NULL: out of memory. */
MUST struct blob *blob_copy(const void *data, size_t len);

/* len bytes, not set, in a block of the pool. NULL: the pool is exhausted, out of memory, or len does not fit a block.
 * The pool's block size is blob_size() of the largest payload. */
MUST struct blob *blob_from_pool(struct pool *pool, size_t len);

/* Bytes a blob of len bytes occupies. */
size_t blob_size(size_t len);

/* Takes a reference and returns blob. */
struct blob *blob_ref(struct blob *blob);

/* Drops a reference; the last one frees. blob may be NULL. */
void blob_unref(struct blob *blob);

#endif
