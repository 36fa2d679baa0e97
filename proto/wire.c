/* wire.c - the seldom taken ways of wire.h: long varints, fields of newer versions. */
#include "proto/wire.h"

bool wire_varint_long(struct wire *w, uint64_t *ret)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < WIRE_VARINT_MAX_BYTES && w->at < w->end; i++) {
        uint8_t byte = *w->at++;

        if (i == WIRE_VARINT_MAX_BYTES - 1 && byte > 1)
            return false; /* more than 64 bits */
        value |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static bool skip_raw(struct wire *w, size_t len)
{
    if ((size_t)(w->end - w->at) < len)
        return false;
    w->at += len;
    return true;
}

static bool skip_value(struct wire *w, unsigned type)
{
    uint64_t number;
    struct wire bytes;

    switch (type) {
    case WIRE_VARINT:
        return wire_varint(w, &number);
    case WIRE_FIXED64:
        return skip_raw(w, 8);
    case WIRE_BYTES:
        return wire_bytes(w, &bytes);
    case WIRE_FIXED32:
        return skip_raw(w, 4);
    default:
        return false;
    }
}

bool wire_skip_unknown(struct wire *w, uint32_t above, uint32_t below)
{
    uint32_t least = above + 1;

    while (wire_left(w)) {
        const uint8_t *start = w->at;
        uint32_t tag;

        if (!wire_u32(w, &tag) || (size_t)(w->at - start) != wire_varint_size(tag))
            return false; /* a padded tag could pass for another field */
        if (tag >> 3 < least)
            return false;
        if (tag >> 3 >= below) {
            w->at = start;
            return true;
        }
        least = tag >> 3;
        if (!skip_value(w, tag & 7))
            return false;
    }
    return true;
}
