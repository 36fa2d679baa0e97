/* curve.h - the client's side of CurveZMQ (ZeroMQ RFC 26), each message by itself, to be sent, altered or left out.
 *
 *   HELLO ─▶          ◀─ WELCOME          INITIATE ─▶          ◀─ READY (or ERROR)          MESSAGE ◀─▶ */
#ifndef ADVERSARIAL_CURVE_H
#define ADVERSARIAL_CURVE_H
#include "base/rc.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CURVE_KEY_BYTES = 32,
    CURVE_HELLO_BYTES = 200,
    CURVE_COOKIE_BYTES = 96,
    CURVE_METADATA_MAX_BYTES = 1024,
    CURVE_INITIATE_MAX_BYTES = 257 + CURVE_METADATA_MAX_BYTES,
    CURVE_OVERHEAD_BYTES = 33, /* a sealed message is so much longer */
    CURVE_MORE = 1,            /* flags inside a sealed message */
    CURVE_COMMAND = 2
};

/* A client's long-term pair and the server's key that it pins. */
struct curve_keys {
    uint8_t server[CURVE_KEY_BYTES], own_public[CURVE_KEY_BYTES], own_secret[CURVE_KEY_BYTES];
};

/* One connection. Fields may be set between the steps to lie about them. */
struct curve {
    struct curve_keys keys;
    uint8_t short_public[CURVE_KEY_BYTES], short_secret[CURVE_KEY_BYTES];
    uint8_t server_short[CURVE_KEY_BYTES];
    uint8_t cookie[CURVE_COOKIE_BYTES];
    uint8_t shared[CURVE_KEY_BYTES]; /* of both short pairs, from WELCOME on */
    uint64_t next_nonce;             /* of what is sent */
};

/* A pair that nobody knows. */
void curve_draw_pair(uint8_t ret_public[CURVE_KEY_BYTES], uint8_t ret_secret[CURVE_KEY_BYTES]);

/* Draws the short pair of a new connection. */
void curve_begin(struct curve *c, const struct curve_keys *keys);

void curve_write_hello(struct curve *c, uint8_t out[CURVE_HELLO_BYTES]);

/* False: it is no WELCOME for us. */
MUST bool curve_read_welcome(struct curve *c, const uint8_t *body, size_t len);

/* metadata: at most CURVE_METADATA_MAX_BYTES, as curve_write_property() makes it. Returns the length. */
size_t curve_write_initiate(struct curve *c, const uint8_t *metadata, size_t len,
                            uint8_t out[CURVE_INITIATE_MAX_BYTES]);

/* Writes one property; returns its bytes. */
size_t curve_write_property(uint8_t *out, const char *name, const void *value, size_t len);

/* Whether it is the READY of our server. */
MUST bool curve_is_ready(const struct curve *c, const uint8_t *body, size_t len);

/* Seals a message into out, len + CURVE_OVERHEAD_BYTES long. */
void curve_seal(struct curve *c, uint8_t flags, const void *data, size_t len, uint8_t *out);

/* Opens one of the server's; out has room for len bytes. *ret_data points into out. */
MUST bool curve_open(const struct curve *c, const uint8_t *body, size_t len, uint8_t *out, uint8_t *ret_flags,
                     const uint8_t **ret_data, size_t *ret_len);
#endif
