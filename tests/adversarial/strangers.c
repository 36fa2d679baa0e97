/* strangers.c - what can be done without a key that the broker knows: silence, garbage, other protocols, broken handshakes. */
#include "attack.h"
#include <string.h>

enum {
    CUT_MS = 4500, /* the handshake's 3 s, and room for a busy machine */
    GARBAGE_MAX_BYTES = 3000,
    FILL_BYTES = 190 * 1024, /* of a frame that is just not too long: all of it but the last byte */
    BROKEN_BOX = 130         /* a byte within the box of HELLO */
};

/* -- silence ------------------------------------------------------------------------------------------------------- */
static bool begin_idle(struct attack *a, struct link *link)
{
    return attack_open(a, link, LINK_CONNECTED, NULL);
}

static void idle(struct attack *a)
{
    attack_hold(a, begin_idle, NULL);
}

static bool begin_greeting(struct attack *a, struct link *link)
{
    return attack_open(a, link, LINK_GREETED, NULL);
}

static void greeting_only(struct attack *a)
{
    attack_hold(a, begin_greeting, NULL);
}

static bool begin_hello(struct attack *a, struct link *link)
{
    return attack_open(a, link, LINK_HELLO_SENT, NULL);
}

static void hello_only(struct attack *a)
{
    attack_hold(a, begin_hello, NULL);
}

/* The next byte of the greeting: it would be complete after 64 looks, 1.3 s and more. */
static bool dribble_on(struct attack *a, struct link *link)
{
    uint8_t greeting[WIRE_GREETING_BYTES];
    wire_write_greeting(greeting, "CURVE");
    if (link->wire.sent >= sizeof greeting)
        return true;
    return wire_send(&link->wire, greeting + link->wire.sent, 1, attack_after_ns(0)) || attack_is_over(a);
}

static void dribble(struct attack *a)
{
    attack_hold(a, begin_idle, dribble_on);
}

/* -- bytes that are no ZMTP of ours -------------------------------------------------------------------------------- */
/* Sends them on a new connection; the broker must hang up. */
static void blurt(struct attack *a, const void *data, size_t len)
{
    struct link link;
    if (attack_open(a, &link, LINK_CONNECTED, NULL) && wire_send(&link.wire, data, len, attack_after_ns(CUT_MS)))
        attack_expect_cut(a, &link, CUT_MS);
    attack_close(a, &link);
}

static void try_garbage(struct attack *a)
{
    uint8_t bytes[GARBAGE_MAX_BYTES];
    size_t len = 1 + attack_random(a) % sizeof bytes;
    attack_random_bytes(a, bytes, len);
    blurt(a, bytes, len < 64 ? 64 : len); /* shorter ones are silence: idle has them */
}

static void garbage(struct attack *a)
{
    attack_repeat(a, try_garbage);
}

static void try_greeted_garbage(struct attack *a)
{
    uint8_t bytes[WIRE_GREETING_BYTES + GARBAGE_MAX_BYTES];
    size_t len = WIRE_GREETING_BYTES + 300 + attack_random(a) % (GARBAGE_MAX_BYTES - 300);
    wire_write_greeting(bytes, "CURVE");
    attack_random_bytes(a, bytes + WIRE_GREETING_BYTES, len - WIRE_GREETING_BYTES);
    bytes[WIRE_GREETING_BYTES] &= (uint8_t)~WIRE_LONG; /* a frame that ends within what is sent */
    blurt(a, bytes, len);
}

static void greeted_garbage(struct attack *a)
{
    attack_repeat(a, try_greeted_garbage);
}

static void try_zmtp1(struct attack *a)
{
    static const uint8_t bytes[] = {1, 0, 3, 0, 'h', 'i', 3, 0, 'h', 'o'};
    blurt(a, bytes, sizeof bytes);
}

static void zmtp1(struct attack *a)
{
    attack_repeat(a, try_zmtp1);
}

/* Revision 1 behind the signature, a DEALER without identity, then messages. */
static void try_zmtp2(struct attack *a)
{
    static const uint8_t bytes[] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 5, 0, 0, 0, 2, 'h', 'i', 0, 2, 'h', 'o'};
    blurt(a, bytes, sizeof bytes);
}

static void zmtp2(struct attack *a)
{
    attack_repeat(a, try_zmtp2);
}

static void try_mechanism(struct attack *a, const char *mechanism, const char *command, size_t len)
{
    uint8_t bytes[WIRE_GREETING_BYTES + 64];
    wire_write_greeting(bytes, mechanism);
    memcpy(bytes + WIRE_GREETING_BYTES, command, len);
    blurt(a, bytes, WIRE_GREETING_BYTES + len);
}

static void try_null(struct attack *a)
{
    static const char ready[] = "\4\x1c\5READY\13Socket-Type\0\0\0\6DEALER\0\2hi";
    try_mechanism(a, "NULL", ready, sizeof ready - 1);
}

static void null(struct attack *a)
{
    attack_repeat(a, try_null);
}

static void try_plain(struct attack *a)
{
    static const char hello[] = "\4\20\5HELLO\5admin\3"
                                "123";
    try_mechanism(a, "PLAIN", hello, sizeof hello - 1);
}

static void plain(struct attack *a)
{
    attack_repeat(a, try_plain);
}

/* -- lengths ------------------------------------------------------------------------------------------------------- */
/* Says how long a command will be, in turn far too long, the largest number there is, and one with its sign set. */
static void try_oversize(struct attack *a)
{
    static const uint64_t lengths[] = {UINT64_C(1) << 40, INT64_MAX, UINT64_MAX, UINT64_C(1) << 31};
    struct link link;
    uint8_t head[WIRE_HEAD_MAX_BYTES];
    size_t len = wire_write_head(head, WIRE_COMMAND, lengths[a->tally.attempts % 4]);
    if (attack_open(a, &link, LINK_GREETED, NULL) && wire_send(&link.wire, head, len, attack_after_ns(CUT_MS)))
        attack_expect_cut(a, &link, CUT_MS);
    attack_close(a, &link);
}

static void oversize(struct attack *a)
{
    attack_repeat(a, try_oversize);
}

/* As much as one connection can make the broker keep for it before it has proved anything. */
static bool begin_fill(struct attack *a, struct link *link)
{
    static const uint8_t zeros[FILL_BYTES - 1];
    uint8_t head[WIRE_HEAD_MAX_BYTES];
    size_t len = wire_write_head(head, WIRE_COMMAND, FILL_BYTES);
    return attack_open(a, link, LINK_GREETED, NULL) && wire_send(&link->wire, head, len, attack_after_ns(CUT_MS)) &&
           wire_send(&link->wire, zeros, sizeof zeros, attack_after_ns(CUT_MS));
}

static void fill(struct attack *a)
{
    attack_hold(a, begin_fill, NULL);
}

/* -- handshakes ---------------------------------------------------------------------------------------------------- */
static void try_bad_hello(struct attack *a)
{
    struct link link;
    uint8_t hello[CURVE_HELLO_BYTES];
    if (attack_open(a, &link, LINK_GREETED, NULL)) {
        curve_write_hello(&link.curve, hello);
        hello[BROKEN_BOX] ^= 1;
        if (wire_send_frame(&link.wire, WIRE_COMMAND, hello, sizeof hello, attack_after_ns(CUT_MS)))
            attack_expect_cut(a, &link, CUT_MS);
    }
    attack_close(a, &link);
}

static void bad_hello(struct attack *a)
{
    attack_repeat(a, try_bad_hello);
}

static void try_foreign_hello(struct attack *a)
{
    struct link link;
    uint8_t hello[CURVE_HELLO_BYTES], secret[CURVE_KEY_BYTES];
    if (attack_open(a, &link, LINK_GREETED, NULL)) {
        curve_draw_pair(link.curve.keys.server, secret);
        curve_write_hello(&link.curve, hello);
        if (wire_send_frame(&link.wire, WIRE_COMMAND, hello, sizeof hello, attack_after_ns(CUT_MS)))
            attack_expect_cut(a, &link, CUT_MS);
    }
    attack_close(a, &link);
}

static void foreign_hello(struct attack *a)
{
    attack_repeat(a, try_foreign_hello);
}

static void try_hello_close(struct attack *a)
{
    struct link link;
    (void)!attack_open(a, &link, LINK_HELLO_SENT, NULL);
    attack_close(a, &link);
}

static void hello_close(struct attack *a)
{
    attack_repeat(a, try_hello_close);
}

/* Waits for the answer to an INITIATE and counts it. */
static void await_verdict(struct attack *a, struct link *link)
{
    enum link_result result = link_go_on(link, LINK_READY, NULL, attack_after_ns(CUT_MS));
    a->tally.admitted += result == LINK_OK;
    a->tally.refused += result == LINK_REFUSED;
    a->tally.cut += result == LINK_CUT;
    a->tally.survived += result == LINK_LATE || result == LINK_STRANGE;
}

static void try_bad_initiate(struct attack *a)
{
    struct link link;
    uint8_t body[CURVE_INITIATE_MAX_BYTES];
    if (attack_open(a, &link, LINK_WELCOMED, NULL)) {
        size_t len = curve_write_initiate(&link.curve, NULL, 0, body);
        body[len - 1 - attack_random(a) % 100] ^= 1;
        if (wire_send_frame(&link.wire, WIRE_COMMAND, body, len, attack_after_ns(CUT_MS)))
            await_verdict(a, &link);
    }
    attack_close(a, &link);
}

static void bad_initiate(struct attack *a)
{
    attack_repeat(a, try_bad_initiate);
}

static void try_foreign_cookie(struct attack *a)
{
    struct link first = {.wire.fd = -1}, second = {.wire.fd = -1};
    if (attack_open(a, &first, LINK_WELCOMED, NULL) && attack_open(a, &second, LINK_WELCOMED, NULL)) {
        memcpy(second.curve.cookie, first.curve.cookie, CURVE_COOKIE_BYTES);
        if (link_go_on(&second, LINK_INITIATED, NULL, attack_after_ns(CUT_MS)) == LINK_OK)
            await_verdict(a, &second);
    }
    attack_close(a, &first);
    attack_close(a, &second);
}

static void foreign_cookie(struct attack *a)
{
    attack_repeat(a, try_foreign_cookie);
}

/* A key drawn for the purpose, in an otherwise perfect handshake. */
static void try_unknown_key(struct attack *a)
{
    struct link link;
    if (attack_open(a, &link, LINK_WELCOMED, NULL)) {
        curve_draw_pair(link.curve.keys.own_public, link.curve.keys.own_secret);
        if (link_go_on(&link, LINK_INITIATED, NULL, attack_after_ns(CUT_MS)) == LINK_OK)
            await_verdict(a, &link);
    }
    attack_close(a, &link);
}

static void unknown_key(struct attack *a)
{
    attack_repeat(a, try_unknown_key);
}

/* A known public key, without the secret that belongs to it. */
static void try_stolen_name(struct attack *a)
{
    struct link link;
    uint8_t ignored[CURVE_KEY_BYTES];
    if (attack_open(a, &link, LINK_WELCOMED, NULL)) {
        curve_draw_pair(ignored, link.curve.keys.own_secret);
        if (link_go_on(&link, LINK_INITIATED, NULL, attack_after_ns(CUT_MS)) == LINK_OK)
            await_verdict(a, &link);
    }
    attack_close(a, &link);
}

static void stolen_name(struct attack *a)
{
    attack_repeat(a, try_stolen_name);
}

/* A message where INITIATE belongs, sealed as if all were done. */
static void try_early_message(struct attack *a)
{
    struct link link;
    if (attack_open(a, &link, LINK_WELCOMED, NULL) && link_send(&link, 0, "early", 5, attack_after_ns(CUT_MS)))
        attack_expect_cut(a, &link, CUT_MS);
    attack_close(a, &link);
}

static void early_message(struct attack *a)
{
    attack_repeat(a, try_early_message);
}

static const struct attack_mode modes[] = {
    {"idle", "connects and says nothing", ATTACK_REFUSED, idle},
    {"greeting-only", "greets and says no more", ATTACK_REFUSED, greeting_only},
    {"hello-only", "says HELLO and no more", ATTACK_REFUSED, hello_only},
    {"dribble", "greets byte by byte", ATTACK_REFUSED, dribble},
    {"garbage", "random bytes", ATTACK_REFUSED, garbage},
    {"greeted-garbage", "a good greeting, then random bytes", ATTACK_REFUSED, greeted_garbage},
    {"zmtp1", "speaks ZMTP 1", ATTACK_REFUSED, zmtp1},
    {"zmtp2", "speaks ZMTP 2", ATTACK_REFUSED, zmtp2},
    {"null", "wants no encryption", ATTACK_REFUSED, null},
    {"plain", "wants a password in the clear", ATTACK_REFUSED, plain},
    {"oversize", "announces a command of up to 2^64 bytes", ATTACK_REFUSED, oversize},
    {"fill", "sends all of a long command but its last byte", ATTACK_REFUSED, fill},
    {"bad-hello", "HELLO with a broken box", ATTACK_REFUSED, bad_hello},
    {"foreign-hello", "HELLO for another server's key", ATTACK_REFUSED, foreign_hello},
    {"hello-close", "a good HELLO, then resets", ATTACK_REFUSED, hello_close},
    {"bad-initiate", "INITIATE with a broken box", ATTACK_REFUSED, bad_initiate},
    {"foreign-cookie", "INITIATE with another connection's cookie", ATTACK_REFUSED, foreign_cookie},
    {"unknown-key", "a perfect handshake with a key nobody knows", ATTACK_REFUSED, unknown_key},
    {"stolen-name", "a known public key with a wrong secret", ATTACK_REFUSED, stolen_name},
    {"early-message", "a message where INITIATE belongs", ATTACK_REFUSED, early_message},
};
const struct attack_modes attack_strangers = {"strangers", modes, sizeof modes / sizeof *modes};
