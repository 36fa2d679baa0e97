/* hash.c - SipHash-1-3 (Aumasson and Bernstein, 2012), one round per word and three at the end. */
#include "base/hash.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

/* n <= 8 bytes, little-endian. */
static uint64_t load_le(const uint8_t *bytes, size_t n)
{
    uint64_t word = 0;
    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t hash_bytes(const struct hash_key *key, const void *data, size_t len)
{
    struct sip s = {.v0 = key->k0 ^ UINT64_C(0x736f6d6570736575),
                    .v1 = key->k1 ^ UINT64_C(0x646f72616e646f6d),
                    .v2 = key->k0 ^ UINT64_C(0x6c7967656e657261),
                    .v3 = key->k1 ^ UINT64_C(0x7465646279746573)};
    const uint8_t *bytes = data;
    size_t left = len;
    for (; left >= 8; left -= 8, bytes += 8)
        sip_word(&s, load_le(bytes, 8));
    sip_word(&s, load_le(bytes, left) | (uint64_t)len << 56);
    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
