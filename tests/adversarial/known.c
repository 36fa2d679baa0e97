/* known.c - with a key the broker knows, ZeroMQ abused: parts, replays, broken boxes, own identities, odd commands. */
#include "attack.h"
#include "member.h"
#include "proto/limits.h"
#include <string.h>

enum {
    CUT_MS = 2500,
    PART_BYTES = 100 * 1024,
    PARTS_MAX = 20000, /* 2 GiB: nobody may be let so far */
    SMALL_PARTS_MAX = 20 * 1000 * 1000
};

/* -- parts --------------------------------------------------------------------------------------------------------- */
/* A message of parts that never ends, on a link that is ready: until the broker hangs up. */
static void send_parts(struct attack *a, struct link *link, size_t part_bytes, unsigned parts_max)
{
    static const uint8_t zeros[PART_BYTES];
    unsigned n = 0;
    while (n < parts_max && !attack_is_over(a) &&
           link_send(link, CURVE_MORE, zeros, part_bytes, attack_deadline_ns(a, CUT_MS)))
        n++;
    if (attack_is_over(a)) /* it may not have come far enough */
        a->tally.cut += link->wire.is_cut;
    else
        attack_expect_cut(a, link, CUT_MS);
}

static void unfinished_parts(struct attack *a, size_t part_bytes, unsigned parts_max)
{
    while (!attack_is_over(a)) {
        struct link link;
        if (attack_open(a, &link, LINK_READY, NULL))
            send_parts(a, &link, part_bytes, parts_max);
        attack_close(a, &link);
    }
}

static void unfinished_multipart(struct attack *a)
{
    unfinished_parts(a, PART_BYTES, PARTS_MAX);
}

static void tiny_parts(struct attack *a)
{
    unfinished_parts(a, 1, SMALL_PARTS_MAX);
}

static void empty_parts(struct attack *a)
{
    unfinished_parts(a, 0, SMALL_PARTS_MAX);
}

/* The same within a session that is up: its queue is known to the broker already. */
static void parts_in_session(struct attack *a)
{
    while (!attack_is_over(a)) {
        struct member m;
        if (!member_open(a, &m))
            continue;
        send_parts(a, &m.link, PART_BYTES, PARTS_MAX);
        member_close(a, &m);
    }
}

static void try_multipart(struct attack *a)
{
    struct link link;
    if (attack_open(a, &link, LINK_READY, NULL)) {
        bool is_sent = link_send(&link, CURVE_MORE, "a", 1, attack_after_ns(CUT_MS)) &&
                       link_send(&link, 0, "b", 1, attack_after_ns(CUT_MS));
        if (is_sent)
            attack_expect_cut(a, &link, CUT_MS);
    }
    attack_close(a, &link);
}

static void multipart(struct attack *a)
{
    attack_repeat(a, try_multipart);
}

/* -- sealed messages that are wrong -------------------------------------------------------------------------------- */
/* Each in a session that is up, so that there is somebody to name. */
static void spoil(struct attack *a, void (*deed)(struct attack *a, struct member *m))
{
    struct member m;
    while (member_open_soon(a, &m)) {
        deed(a, &m);
        attack_expect_cut(a, &m.link, CUT_MS);
        member_close(a, &m);
    }
}

static void send_twice(struct attack *a, struct member *m)
{
    uint8_t *sealed;
    size_t len;
    (void)a;
    if (!link_seal(&m->link, CURVE_COMMAND, "\4PING\0\0", 7, &sealed, &len))
        return;
    for (int i = 0; i < 2; i++)
        (void)!wire_send_frame(&m->link.wire, 0, sealed, len, attack_after_ns(CUT_MS));
}

static void replay(struct attack *a)
{
    spoil(a, send_twice);
}

static void send_broken(struct attack *a, struct member *m)
{
    uint8_t *sealed;
    size_t len;
    if (!link_seal(&m->link, 0, "broken", 6, &sealed, &len))
        return;
    sealed[16 + attack_random(a) % (len - 16)] ^= 1; /* behind the name and the nonce */
    (void)!wire_send_frame(&m->link.wire, 0, sealed, len, attack_after_ns(CUT_MS));
}

static void broken_box(struct attack *a)
{
    spoil(a, send_broken);
}

static void send_unsealed(struct attack *a, struct member *m)
{
    (void)a;
    (void)!wire_send_frame(&m->link.wire, 0, "plain", 5, attack_after_ns(CUT_MS));
}

static void unsealed(struct attack *a)
{
    spoil(a, send_unsealed);
}

/* One byte above what ZeroMQ is told to take. */
static void send_oversize(struct attack *a, struct member *m)
{
    static const uint8_t zeros[MESH_MAXMSGSIZE_BYTES + 1];
    (void)a;
    (void)!link_send(&m->link, 0, zeros, AGENT_MAXMSGSIZE_BYTES + 1, attack_after_ns(CUT_MS));
}

static void oversize_message(struct attack *a)
{
    spoil(a, send_oversize);
}

/* -- what INITIATE and commands say -------------------------------------------------------------------------------- */
/* A session under metadata that must not get one. */
static void try_session_as(struct attack *a, struct member *m, const struct link_metadata *said)
{
    bool is_open = member_open_saying(a, m, said);
    a->tally.survived += is_open;
    a->tally.cut += !is_open;
    if (is_open)
        member_close(a, m);
}

/* In turn an id of its own, and one that looks as if libzmq had given it. Nobody must get a session by either. */
static void try_chosen_id(struct attack *a)
{
    static const uint8_t like_zmq[] = {0, 0xde, 0xad, 0xbe, 0xef};
    struct member m;
    struct link_metadata said = {.len = 0};
    link_metadata_add(&said, "Socket-Type", "DEALER", 6);
    if (a->tally.attempts % 2)
        link_metadata_add(&said, "Identity", a->victim, strlen(a->victim));
    else
        link_metadata_add(&said, "Identity", like_zmq, sizeof like_zmq);
    try_session_as(a, &m, &said);
}

static void chosen_id(struct attack *a)
{
    attack_repeat(a, try_chosen_id);
}

/* Says in INITIATE and in HELLO that it is somebody else: only the key counts. */
static void try_forged_user(struct attack *a)
{
    struct link_metadata said = {.len = 0};
    struct member m;
    const char *own_name = a->name;
    link_metadata_add(&said, "Socket-Type", "DEALER", 6);
    link_metadata_add(&said, "User-Id", a->victim, strlen(a->victim));
    link_metadata_add(&said, "Peer-Address", "10.0.0.1", 8);
    a->name = a->victim;
    try_session_as(a, &m, &said);
    a->name = own_name;
}

static void forged_user(struct attack *a)
{
    attack_repeat(a, try_forged_user);
}

/* Commands a DEALER has no reason to send, within a session that goes on. None must do harm; some may end it. */
static void odd_commands(struct attack *a)
{
    static const struct {
        const char *text;
        size_t len;
    } commands[] = {{"", 0},
                    {"\0", 1},
                    {"\4PING", 5},
                    {"\4PING\0\1", 7},
                    {"\4PING\377\377aaaaaaaaaaaaaaaa", 23},
                    {"\4PONG", 5},
                    {"\11SUBSCRIBEdemo", 14},
                    {"\6CANCELdemo", 11},
                    {"\5ERROR\3no!", 10},
                    {"\5READY\13Socket-Type\0\0\0\6ROUTER", 28},
                    {"\7UNKNOWNthing", 13},
                    {"\377", 1}};
    static const uint8_t long_ping[64 * 1024] = "\4PING";
    while (!attack_is_over(a)) {
        struct member m;
        if (!member_open(a, &m))
            continue;
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
            (void)!link_send(&m.link, CURVE_COMMAND, commands[i].text, commands[i].len, attack_after_ns(CUT_MS));
            (void)!link_send(&m.link, CURVE_COMMAND, long_ping, attack_random(a) % sizeof long_ping,
                             attack_after_ns(CUT_MS));
            member_serve(a, &m, 1);
        }
        a->tally.cut += m.is_over;
        member_close(a, &m);
    }
}

/* -- silence ------------------------------------------------------------------------------------------------------- */
static bool begin_mute(struct attack *a, struct link *link)
{
    return attack_open(a, link, LINK_READY, NULL);
}

static void mute(struct attack *a)
{
    attack_hold(a, begin_mute, NULL);
}

static const struct attack_mode modes[] = {
    {"unfinished-multipart", "parts of 100 KiB without end", ATTACK_NAMED, unfinished_multipart},
    {"tiny-parts", "parts of one byte without end", ATTACK_NAMED, tiny_parts},
    {"empty-parts", "empty parts without end", ATTACK_NAMED, empty_parts},
    {"parts-in-session", "parts of 100 KiB without end, in a session", ATTACK_NAMED, parts_in_session},
    {"multipart", "a message of two parts", ATTACK_NAMED, multipart},
    {"replay", "the same sealed frame twice", ATTACK_NAMED, replay},
    {"broken-box", "a sealed frame with a bit turned over", ATTACK_NAMED, broken_box},
    {"unsealed", "a frame that is not sealed", ATTACK_NAMED, unsealed},
    {"oversize-message", "a message above the limit", ATTACK_NAMED, oversize_message},
    {"chosen-id", "chooses its routing id", ATTACK_NAMED, chosen_id},
    {"forged-user", "says that it is somebody else", ATTACK_NAMED, forged_user},
    {"odd-commands", "ZMTP commands of all sizes and kinds", ATTACK_BOUNDED, odd_commands},
    {"mute", "proves its key and says nothing", ATTACK_BOUNDED, mute},
};
const struct attack_modes attack_known = {"known", modes, sizeof modes / sizeof *modes};
