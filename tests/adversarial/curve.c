/* curve.c - boxes of libsodium put together as CurveZMQ has them. */
#include "curve.h"
#include <sodium.h>
#include <string.h>

enum { SHORT_NONCE = 8, LONG_NONCE = 16, MAC = crypto_box_MACBYTES, WELCOME_BYTES = 168, VOUCH_BYTES = 80 };

static void write_u64(uint8_t out[SHORT_NONCE], uint64_t value)
{
    for (unsigned i = 0; i < SHORT_NONCE; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* A nonce is a text and then the 8 or 16 bytes that travel. */
static void fill_nonce(uint8_t nonce[crypto_box_NONCEBYTES], const char *text, const uint8_t *travelling)
{
    size_t len = strlen(text);
    memcpy(nonce, text, len);
    memcpy(nonce + len, travelling, crypto_box_NONCEBYTES - len);
}

/* Writes the next short nonce behind at, and the whole one. */
static void take_nonce(struct curve *c, const char *text, uint8_t *at, uint8_t nonce[crypto_box_NONCEBYTES])
{
    write_u64(at, c->next_nonce++);
    fill_nonce(nonce, text, at);
}

void curve_draw_pair(uint8_t ret_public[CURVE_KEY_BYTES], uint8_t ret_secret[CURVE_KEY_BYTES])
{
    crypto_box_keypair(ret_public, ret_secret);
}

void curve_begin(struct curve *c, const struct curve_keys *keys)
{
    *c = (struct curve){.keys = *keys, .next_nonce = 1};
    crypto_box_keypair(c->short_public, c->short_secret);
}

/* -- handshake ----------------------------------------------------------------------------------------------------- */
void curve_write_hello(struct curve *c, uint8_t out[CURVE_HELLO_BYTES])
{
    static const char name[] = "\5HELLO\1\0";
    static const uint8_t zeros[64];
    uint8_t nonce[crypto_box_NONCEBYTES];
    memset(out, 0, CURVE_HELLO_BYTES);
    memcpy(out, name, 8);
    memcpy(out + 80, c->short_public, CURVE_KEY_BYTES);
    take_nonce(c, "CurveZMQHELLO---", out + 112, nonce);
    if (crypto_box_easy(out + 120, zeros, sizeof zeros, nonce, c->keys.server, c->short_secret) != 0)
        memset(out + 120, 0, MAC + sizeof zeros); /* a server key that is none: the box is as wrong as it */
}

bool curve_read_welcome(struct curve *c, const uint8_t *body, size_t len)
{
    uint8_t plain[CURVE_KEY_BYTES + CURVE_COOKIE_BYTES], nonce[crypto_box_NONCEBYTES];
    if (len != WELCOME_BYTES || memcmp(body, "\7WELCOME", 8) != 0)
        return false;
    fill_nonce(nonce, "WELCOME-", body + 8);
    if (crypto_box_open_easy(plain, body + 8 + LONG_NONCE, sizeof plain + MAC, nonce, c->keys.server,
                             c->short_secret) != 0)
        return false;
    memcpy(c->server_short, plain, CURVE_KEY_BYTES);
    memcpy(c->cookie, plain + CURVE_KEY_BYTES, CURVE_COOKIE_BYTES);
    return crypto_box_beforenm(c->shared, c->server_short, c->short_secret) == 0;
}

/* Proves the long-term key: both short keys' link, sealed with it. */
static void write_vouch(const struct curve *c, uint8_t out[LONG_NONCE + VOUCH_BYTES])
{
    uint8_t plain[2 * CURVE_KEY_BYTES], nonce[crypto_box_NONCEBYTES];
    memcpy(plain, c->short_public, CURVE_KEY_BYTES);
    memcpy(plain + CURVE_KEY_BYTES, c->keys.server, CURVE_KEY_BYTES);
    randombytes_buf(out, LONG_NONCE);
    fill_nonce(nonce, "VOUCH---", out);
    if (crypto_box_easy(out + LONG_NONCE, plain, sizeof plain, nonce, c->server_short, c->keys.own_secret) != 0)
        memset(out + LONG_NONCE, 0, VOUCH_BYTES);
}

size_t curve_write_initiate(struct curve *c, const uint8_t *metadata, size_t len, uint8_t out[CURVE_INITIATE_MAX_BYTES])
{
    uint8_t plain[CURVE_KEY_BYTES + LONG_NONCE + VOUCH_BYTES + CURVE_METADATA_MAX_BYTES];
    uint8_t nonce[crypto_box_NONCEBYTES];
    const size_t head = 9 + CURVE_COOKIE_BYTES, fixed = CURVE_KEY_BYTES + LONG_NONCE + VOUCH_BYTES;
    memcpy(plain, c->keys.own_public, CURVE_KEY_BYTES);
    write_vouch(c, plain + CURVE_KEY_BYTES);
    if (len > 0)
        memcpy(plain + fixed, metadata, len);
    memcpy(out, "\10INITIATE", 9);
    memcpy(out + 9, c->cookie, CURVE_COOKIE_BYTES);
    take_nonce(c, "CurveZMQINITIATE", out + head, nonce);
    crypto_box_easy_afternm(out + head + SHORT_NONCE, plain, fixed + len, nonce, c->shared);
    return head + SHORT_NONCE + MAC + fixed + len;
}

size_t curve_write_property(uint8_t *out, const char *name, const void *value, size_t len)
{
    size_t name_len = strlen(name);
    out[0] = (uint8_t)name_len;
    memcpy(out + 1, name, name_len);
    for (unsigned i = 0; i < 4; i++)
        out[1 + name_len + i] = (uint8_t)(len >> (24 - 8 * i));
    if (len > 0)
        memcpy(out + 5 + name_len, value, len);
    return 5 + name_len + len;
}

bool curve_is_ready(const struct curve *c, const uint8_t *body, size_t len)
{
    uint8_t plain[CURVE_METADATA_MAX_BYTES], nonce[crypto_box_NONCEBYTES];
    const size_t head = 6 + SHORT_NONCE;
    if (len < head + MAC || len > head + MAC + sizeof plain || memcmp(body, "\5READY", 6) != 0)
        return false;
    fill_nonce(nonce, "CurveZMQREADY---", body + 6);
    return crypto_box_open_easy_afternm(plain, body + head, len - head, nonce, c->shared) == 0;
}

/* -- messages ------------------------------------------------------------------------------------------------------ */
void curve_seal(struct curve *c, uint8_t flags, const void *data, size_t len, uint8_t *out)
{
    uint8_t nonce[crypto_box_NONCEBYTES];
    uint8_t *plain = out + 8 + SHORT_NONCE + MAC;
    memcpy(out, "\7MESSAGE", 8);
    take_nonce(c, "CurveZMQMESSAGEC", out + 8, nonce);
    plain[0] = flags;
    if (len > 0)
        memcpy(plain + 1, data, len);
    crypto_box_easy_afternm(out + 8 + SHORT_NONCE, plain, len + 1, nonce, c->shared);
}

bool curve_open(const struct curve *c, const uint8_t *body, size_t len, uint8_t *out, uint8_t *ret_flags,
                const uint8_t **ret_data, size_t *ret_len)
{
    uint8_t nonce[crypto_box_NONCEBYTES];
    if (len < CURVE_OVERHEAD_BYTES || memcmp(body, "\7MESSAGE", 8) != 0)
        return false;
    fill_nonce(nonce, "CurveZMQMESSAGES", body + 8);
    if (crypto_box_open_easy_afternm(out, body + 8 + SHORT_NONCE, len - 8 - SHORT_NONCE, nonce, c->shared) != 0)
        return false;
    *ret_flags = out[0];
    *ret_data = out + 1;
    *ret_len = len - CURVE_OVERHEAD_BYTES;
    return true;
}
