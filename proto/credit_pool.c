/* credit_pool.c - see credit_pool.h. */
#include "proto/credit_pool.h"

static const int64_t NS_PER_MS = 1000000;

void credit_pool_init(struct credit_pool *p, size_t max_bytes)
{
    *p = (struct credit_pool){.max_bytes = max_bytes, .short_until_ns = INT64_MIN};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What it may have: all it wants while there is room; while it is short no more than its share, to which it comes down by
 * halves. */
static uint32_t allowed(struct credit_pool *p, uint32_t has, uint32_t wants, int64_t now_ns)
{
    size_t fair = p->max_bytes / ((size_t)p->n_grown + 1);
    size_t room = p->max_bytes - p->used_bytes;
    size_t gets = has + least(wants - has, room);

    if (gets < wants && gets < fair)
        p->short_until_ns = now_ns + CREDIT_SHORT_MS * NS_PER_MS;
    if (now_ns >= p->short_until_ns || gets <= fair)
        return (uint32_t)gets;
    size_t half = has - has / 2;
    if (has <= fair)
        return (uint32_t)fair;
    return (uint32_t)(half > fair ? half : fair);
}

uint32_t credit_pool_settle(struct credit_pool *p, uint32_t has, uint32_t wants, int64_t now_ns)
{
    if (!p)
        return wants;
    uint32_t gets = wants < has ? wants : allowed(p, has, wants, now_ns);
    p->used_bytes = p->used_bytes - has + gets;
    p->n_grown = p->n_grown - (has > 0) + (gets > 0);
    return gets;
}
