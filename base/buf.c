/* buf.c - the growable byte buffer. */
#include "base/buf.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_CAP 64

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_fini(struct buf *buf)
{
    if (buf->data)
        mem_free(buf->data - buf->gap);
    buf_init(buf, buf->max);
}

void buf_clear(struct buf *buf)
{
    buf_consume(buf, buf->len);
}

/* Moves the content to the start of its memory. */
static void close_gap(struct buf *buf)
{
    if (!buf->data || buf->gap == 0)
        return;
    uint8_t *start = buf->data - buf->gap;
    memmove(start, buf->data, buf->len);
    buf->data = start;
    buf->gap = 0;
}

/* At least need, normally twice what there is, never more than max. */
static size_t next_cap(const struct buf *buf, size_t need)
{
    size_t cap = buf->cap > buf->max / 2 ? buf->max : buf->cap * 2;
    if (cap < FIRST_CAP)
        cap = FIRST_CAP < buf->max ? FIRST_CAP : buf->max;
    return cap < need ? need : cap;
}

enum mr_rc buf_reserve(struct buf *buf, size_t extra)
{
    if (extra > buf->max - buf->len)
        return MR_TOO_BIG;
    size_t need = buf->len + extra;
    if (need <= buf->cap - buf->gap)
        return MR_OK;
    /* Moving pays while it moves less than it wins back; else grow, or behind a slow reader each append moves all. */
    bool pays = buf->gap >= buf->len || buf->cap >= buf->max;
    close_gap(buf);
    if (need <= buf->cap && pays)
        return MR_OK;
    size_t cap = next_cap(buf, need);
    uint8_t *data = mem_resize(buf->data, cap);
    if (!data)
        return need <= buf->cap ? MR_OK : MR_NO_MEMORY;
    buf->data = data;
    buf->cap = cap;
    return MR_OK;
}

void buf_advance(struct buf *buf, size_t n)
{
    assert(n <= buf->cap - buf->gap - buf->len);
    buf->len += n;
}

enum mr_rc buf_append(struct buf *buf, const void *data, size_t n)
{
    if (n == 0)
        return MR_OK;
    enum mr_rc rc = buf_reserve(buf, n);
    if (rc)
        return rc;
    memcpy(buf->data + buf->len, data, n);
    buf->len += n;
    return MR_OK;
}

/* The lowest n bytes of value, lowest first. */
static enum mr_rc append_le(struct buf *buf, uint64_t value, size_t n)
{
    uint8_t bytes[sizeof value];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    return buf_append(buf, bytes, n);
}

enum mr_rc buf_append_u8(struct buf *buf, uint8_t value)
{
    return append_le(buf, value, sizeof value);
}

enum mr_rc buf_append_u16le(struct buf *buf, uint16_t value)
{
    return append_le(buf, value, sizeof value);
}

enum mr_rc buf_append_u32le(struct buf *buf, uint32_t value)
{
    return append_le(buf, value, sizeof value);
}

enum mr_rc buf_append_u64le(struct buf *buf, uint64_t value)
{
    return append_le(buf, value, sizeof value);
}

void buf_consume(struct buf *buf, size_t n)
{
    assert(n <= buf->len);
    buf->len -= n;
    if (buf->data) {
        buf->data += n;
        buf->gap += n;
    }
    if (buf->len == 0)
        close_gap(buf);
}

uint8_t *buf_take(struct buf *buf, size_t *ret_len)
{
    close_gap(buf);
    uint8_t *data = buf->data;
    *ret_len = buf->len;
    buf_init(buf, buf->max);
    return data;
}
