/* wire_bytes.h - puts protobuf fields together by hand, valid or not, for tests of the decoders. */
#ifndef TESTS_SUPPORT_WIRE_BYTES_H
#define TESTS_SUPPORT_WIRE_BYTES_H
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Start it as {.len = 0}. */
struct wire_bytes {
    size_t len;
    uint8_t data[70000];
};

static inline void wb_raw(struct wire_bytes *w, const void *data, size_t len)
{
    assert(len <= sizeof w->data - w->len);
    if (len)
        memcpy(w->data + w->len, data, len);
    w->len += len;
}

static inline void wb_byte(struct wire_bytes *w, unsigned byte)
{
    uint8_t b = (uint8_t)byte;

    wb_raw(w, &b, 1);
}

static inline void wb_number(struct wire_bytes *w, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        wb_byte(w, (unsigned)(value & 0x7F) | 0x80);
    wb_byte(w, (unsigned)value);
}

static inline void wb_varint(struct wire_bytes *w, uint32_t field, uint64_t value)
{
    wb_number(w, (uint64_t)field << 3);
    wb_number(w, value);
}

static inline void wb_sint(struct wire_bytes *w, uint32_t field, int64_t value)
{
    wb_varint(w, field, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static inline void wb_fixed64(struct wire_bytes *w, uint32_t field, const void *value)
{
    wb_number(w, (uint64_t)field << 3 | 1);
    wb_raw(w, value, 8);
}

static inline void wb_fixed32(struct wire_bytes *w, uint32_t field, const void *value)
{
    wb_number(w, (uint64_t)field << 3 | 5);
    wb_raw(w, value, 4);
}

static inline void wb_bytes(struct wire_bytes *w, uint32_t field, const void *data, size_t len)
{
    wb_number(w, (uint64_t)field << 3 | 2);
    wb_number(w, len);
    wb_raw(w, data, len);
}

static inline void wb_text(struct wire_bytes *w, uint32_t field, const char *text)
{
    wb_bytes(w, field, text, strlen(text));
}

static inline void wb_message(struct wire_bytes *w, uint32_t field, const struct wire_bytes *message)
{
    wb_bytes(w, field, message->data, message->len);
}

#endif
