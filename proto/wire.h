/* wire.h - the primitives of the protobuf wire format, in place and bounds-checked; private to the codecs of batches, bodies and
 * saved tables.
 *
 * Reading is strict where protobuf is lenient: known fields stand in ascending order, each at most once. A known field is
 * asked for by its whole tag byte (number and wire type), so whatever stands elsewhere, twice or with another wire type is
 * met by wire_skip_unknown(), which refuses every number up to the last known one. All functions return false on bytes
 * that are not valid; the cursor's position means nothing then. */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "arrays are borrowed from the wire as they are: this code expects a little-endian machine"
#endif

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* The tag byte of a field; numbers up to 15 only. */
#define WIRE_TAG(number, type) ((uint8_t)((number) << 3 | (type)))

enum {
    WIRE_VARINT_MAX_BYTES = 10,
    WIRE_LENGTH_MAX_BYTES = 5, /* as protobuf-c reads lengths and tags */
    WIRE_PADDED_BYTES = 3,     /* of a length that is filled in later */
    WIRE_PADDED_MAX = (1 << 21) - 1,
    WIRE_NUMBER_MAX = (1 << 29) - 1 /* of a field */
};

struct wire {
    const uint8_t *at, *end;
};

/* -- reading -- */

/* A varint of two bytes and more. */
bool wire_varint_long(struct wire *w, uint64_t *ret);

static inline bool wire_varint(struct wire *w, uint64_t *ret)
{
    if (w->at < w->end && *w->at < 0x80) {
        *ret = *w->at++;
        return true;
    }
    return wire_varint_long(w, ret);
}

static inline bool wire_left(const struct wire *w)
{
    return w->at < w->end;
}

/* Is the next field this one? Takes its tag byte if so. */
static inline bool wire_take_tag(struct wire *w, uint8_t tag)
{
    if (w->at >= w->end || *w->at != tag)
        return false;
    w->at++;
    return true;
}

static inline bool wire_u32(struct wire *w, uint32_t *ret)
{
    uint64_t value;

    if (!wire_varint(w, &value) || value > UINT32_MAX)
        return false;
    *ret = (uint32_t)value;
    return true;
}

static inline bool wire_sint64(struct wire *w, int64_t *ret)
{
    uint64_t value;

    if (!wire_varint(w, &value))
        return false;
    *ret = (int64_t)(value >> 1 ^ (0 - (value & 1)));
    return true;
}

/* `len` bytes as they stand: fixed fields. */
static inline bool wire_raw(struct wire *w, void *ret, size_t len)
{
    if ((size_t)(w->end - w->at) < len)
        return false;
    memcpy(ret, w->at, len);
    w->at += len;
    return true;
}

/* A length and its bytes, which *ret then spans. */
static inline bool wire_bytes(struct wire *w, struct wire *ret)
{
    const uint8_t *start = w->at;
    uint64_t len;

    if (!wire_varint(w, &len) || len > (size_t)(w->end - w->at) || w->at - start > WIRE_LENGTH_MAX_BYTES)
        return false;
    *ret = (struct wire){w->at, w->at + len};
    w->at += len;
    return true;
}

/* An uint32 field with this tag; absent leaves *ret alone. */
static inline bool wire_opt_u32(struct wire *w, uint8_t tag, uint32_t *ret)
{
    return !wire_take_tag(w, tag) || wire_u32(w, ret);
}

/* Skips fields numbered above `above`, in ascending order, until the end or a number of at least `below`. */
bool wire_skip_unknown(struct wire *w, uint32_t above, uint32_t below);

/* -- writing: the caller has made sure of the room; all return the byte behind -- */

/* 1..10 */
static inline size_t wire_varint_size(uint64_t value)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);

    return (bits * 9 + 64) / 64;
}

static inline uint8_t *wire_put_varint(uint8_t *out, uint64_t value)
{
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out++ = (uint8_t)value;
    return out;
}

/* Exactly WIRE_PADDED_BYTES; value <= WIRE_PADDED_MAX. */
static inline void wire_put_padded(uint8_t *out, size_t value)
{
    out[0] = (uint8_t)(value | 0x80);
    out[1] = (uint8_t)(value >> 7 | 0x80);
    out[2] = (uint8_t)(value >> 14);
}

static inline uint8_t *wire_put_raw(uint8_t *out, const void *data, size_t len)
{
    memcpy(out, data, len);
    return out + len;
}

/* A varint field; 0 is the default and costs nothing. */
static inline uint8_t *wire_put_field(uint8_t *out, uint8_t tag, uint64_t value)
{
    if (!value)
        return out;
    *out++ = tag;
    return wire_put_varint(out, value);
}

static inline size_t wire_field_size(uint64_t value)
{
    return value ? 1 + wire_varint_size(value) : 0;
}

static inline uint64_t wire_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (0 - ((uint64_t)value >> 63));
}

#endif
