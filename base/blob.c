/* blob.c - the counted payload. */
#include "base/blob.h"

#include <string.h>

#include "base/mem.h"
#include "base/pool.h"

size_t blob_size(size_t len)
{
    return offsetof(struct blob, data) + len;
}

static bool fits_size_t(size_t len)
{
    return len <= SIZE_MAX - offsetof(struct blob, data);
}

/* memory may be NULL. */
static struct blob *make(void *memory, struct pool *pool, size_t len)
{
    struct blob *blob = memory;
    if (blob) {
        blob->pool = pool;
        blob->len = len;
        __atomic_store_n(&blob->refs, 1, __ATOMIC_RELAXED);
    }
    return blob;
}

struct blob *blob_new(size_t len)
{
    return fits_size_t(len) ? make(mem_alloc(blob_size(len)), NULL, len) : NULL;
}

struct blob *blob_copy(const void *data, size_t len)
{
    struct blob *blob = blob_new(len);
    if (blob && len)
        memcpy(blob->data, data, len);
    return blob;
}

struct blob *blob_from_pool(struct pool *pool, size_t len)
{
    if (!fits_size_t(len) || blob_size(len) > pool_block_size(pool))
        return NULL;
    return make(pool_take(pool), pool, len);
}

struct blob *blob_ref(struct blob *blob)
{
    /* Release: the thread that drops this reference sees what its maker wrote, whatever queue it went through. */
    (void)__atomic_add_fetch(&blob->refs, 1, __ATOMIC_RELEASE);
    return blob;
}

void blob_unref(struct blob *blob)
{
    /* Release: what this holder read was read before the memory goes. Acquire: the last one sees that of all others. */
    if (!blob || __atomic_sub_fetch(&blob->refs, 1, __ATOMIC_ACQ_REL))
        return;
    if (blob->pool)
        pool_give(blob->pool, blob);
    else
        mem_free(blob);
}
