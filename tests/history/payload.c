/* payload.c - what a history writer puts into a message */
#include "payload.h"

#include <string.h>

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

static uint64_t hash_of(const struct payload *p, size_t len)
{
    uint64_t hash = mix((uint64_t)p->writer << 32 | p->life);
    hash = mix(hash ^ p->number);
    hash = mix(hash ^ (uint64_t)p->sent_ns);
    hash = mix(hash ^ (uint64_t)p->source_us);
    return mix(hash ^ p->topic ^ (uint64_t)len << 40);
}

/* The bytes after the head follow from its hash: one that differs was damaged. */
static uint8_t filling(uint64_t hash, size_t i)
{
    return (uint8_t)((hash >> (i & 7) * 8) + i);
}

uint64_t payload_topic(const char *topic)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *topic; topic++)
        hash = (hash ^ (uint8_t)*topic) * UINT64_C(0x100000001b3);
    return hash;
}

void payload_write(uint8_t *out, size_t len, const struct payload *p)
{
    uint64_t hash = hash_of(p, len);
    memcpy(out, p, sizeof *p);
    memcpy(out + sizeof *p, &hash, sizeof hash);
    for (size_t i = PAYLOAD_LEAST; i < len; i++)
        out[i] = filling(hash, i);
}

bool payload_read(const void *data, size_t len, struct payload *ret)
{
    const uint8_t *bytes = data;
    struct payload p;
    uint64_t hash = 0;
    _Static_assert(sizeof p + sizeof hash == PAYLOAD_LEAST, "no holes");
    if (len < PAYLOAD_LEAST)
        return false;
    memcpy(&p, bytes, sizeof p);
    memcpy(&hash, bytes + sizeof p, sizeof hash);
    if (hash != hash_of(&p, len))
        return false;
    for (size_t i = PAYLOAD_LEAST; i < len; i++)
        if (bytes[i] != filling(hash, i))
            return false;
    *ret = p;
    return true;
}
