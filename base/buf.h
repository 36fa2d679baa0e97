/* buf.h - a growable byte buffer with a hard maximum. */
#ifndef BASE_BUF_H
#define BASE_BUF_H
#include "base/rc.h"

/* Read data and len freely; change them only through the functions below. One thread. */
struct buf {
    uint8_t *data; /* the first byte not yet consumed; NULL while nothing was ever appended */
    size_t len;    /* bytes at data */
    size_t cap;    /* bytes allocated, the gap included */
    size_t max;    /* len never exceeds this */
    size_t gap;    /* consumed bytes still in front of data */
};

/* Allocates nothing. max in bytes; 0 makes every append of a byte fail with MR_TOO_BIG. */
void buf_init(struct buf *buf, size_t max);

/* Frees the memory; buf is as after buf_init() with the same max. */
void buf_fini(struct buf *buf);

/* Forgets the content and keeps the memory. */
void buf_clear(struct buf *buf);

/* Room for extra more bytes at data + len without a further allocation.
 * MR_TOO_BIG: len + extra exceeds max. MR_NO_MEMORY. The content is untouched in both cases. */
MUST enum mr_rc buf_reserve(struct buf *buf, size_t extra);

/* Counts bytes that the caller wrote at data + len itself, after buf_reserve() made room for them. */
void buf_advance(struct buf *buf, size_t n);

/* Copies n bytes to the end; data may be NULL when n is 0. Results as buf_reserve(). */
MUST enum mr_rc buf_append(struct buf *buf, const void *data, size_t n);
MUST enum mr_rc buf_append_u8(struct buf *buf, uint8_t value);
MUST enum mr_rc buf_append_u16le(struct buf *buf, uint16_t value);
MUST enum mr_rc buf_append_u32le(struct buf *buf, uint32_t value);
MUST enum mr_rc buf_append_u64le(struct buf *buf, uint64_t value);

/* Drops n bytes from the front, n <= len. Moves no byte: room is won back by the next buf_reserve(). */
void buf_consume(struct buf *buf, size_t n);

/* Hands the content over: the caller owns the block and frees it with mem_free(); buf is empty.
 * NULL with *ret_len 0 when nothing was ever appended. */
uint8_t *buf_take(struct buf *buf, size_t *ret_len);

#endif
