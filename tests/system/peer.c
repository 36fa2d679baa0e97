/* peer.c - what the system tests need from C: makes keys, and connects like an agent that means no good.
 *
 *   peer key KIND NAME FILE            makes FILE (a key of kind agent, broker or person); prints its public key
 *   peer knock ADDRESS SERVER FILE     connects with the key of FILE; prints admitted, or how it was refused
 *   peer oversize ADDRESS SERVER FILE  sends one message above the limit; prints what became of the connection
 *   peer nonsense ADDRESS SERVER FILE  sends a frame that is no HELLO; prints what the broker answered
 *   peer BYTES ADDRESS SERVER FILE     the same with so many of them
 *   peer crowd ADDRESS SERVER FILE     the same on many connections at once
 * SERVER: the pinned public key, Z85. Exit: 0 it came to an end, 1 wrong use or no end in time. */
#include "base/err.h"
#include "base/io/keys.h"
#include "base/io/loop.h"
#include "base/io/zsock.h"
#include "base/mem.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_MS = 10000, OVERSIZE_BYTES = 300 * 1024, NONSENSE_BYTES = 100, MAX_BYTES = 2 * 1024 * 1024, CROWD = 16 };

struct peer {
    struct loop *loop;
    struct zclient *clients[CROWD];
    unsigned n, n_connected, n_closed;
    const char *mode;
    bool is_done;
};

static int complain(const char *words)
{
    fprintf(stderr, "peer: %s\n", words);
    return 1;
}

static size_t length_of(const char *mode)
{
    size_t len = strtoul(mode, NULL, 10);
    return strcmp(mode, "oversize") == 0 ? OVERSIZE_BYTES : len > 0 && len <= MAX_BYTES ? len : NONSENSE_BYTES;
}

/* Once all are connected. */
static void on_connected(void *user)
{
    struct peer *peer = user;
    static char bytes[MAX_BYTES];
    printf("admitted\n");
    if (strcmp(peer->mode, "knock") == 0)
        peer->is_done = true;
    else if (++peer->n_connected == peer->n)
        for (unsigned i = 0; i < peer->n; i++)
            if (zclient_send(peer->clients[i], bytes, length_of(peer->mode)) != MR_OK)
                printf("not sent\n");
}

/* What can be read of it: a BYE has its reason in it. */
static void on_message(void *user, const uint8_t *data, size_t len)
{
    (void)user;
    printf("answer kind=%d bytes=%zu ", len > 0 ? data[0] : 0, len);
    for (size_t i = 0; i < len; i++)
        if (data[i] >= ' ' && data[i] < 0x7f)
            putchar(data[i]);
    putchar('\n');
}

static void on_closed(void *user, enum zclient_end why, const char *words)
{
    static const char *const names[] = {
        [ZCLIENT_UNREACHABLE] = "unreachable",
        [ZCLIENT_REFUSED] = "refused",
        [ZCLIENT_NOT_TRUSTED] = "not trusted",
        [ZCLIENT_LOST] = "closed",
    };
    struct peer *peer = user;
    printf("%s: %s\n", names[why], words);
    peer->is_done = ++peer->n_closed == peer->n;
}

static const struct zclient_callbacks callbacks = {
    .on_connected = on_connected, .on_message = on_message, .on_closed = on_closed};

static void on_late(void *user)
{
    struct peer *peer = user;
    printf("late\n");
    peer->is_done = true;
}

static enum mr_rc talk(struct peer *peer, struct zctx *ctx, char **argv, const struct key_pair *keys, struct err *err)
{
    struct zsock_address address;
    uint8_t server_key[KEYS_BYTES];
    struct loop_timer *timer = NULL;
    enum mr_rc rc = zsock_address_parse(argv[2], 0, &address, err);
    if (!rc)
        rc = keys_z85_decode(argv[3], server_key);
    if (rc)
        return rc;
    const struct zclient_options options = {.address = &address,
                                            .public_key = keys_public(keys),
                                            .secret_key = keys_secret(keys),
                                            .server_key = server_key,
                                            .max_message_bytes = MAX_BYTES,
                                            .receive_frames = 100,
                                            .send_frames = 100};
    for (unsigned i = 0; i < peer->n && !rc; i++)
        rc = zclient_new(peer->loop, ctx, &options, &callbacks, peer, &peer->clients[i], err);
    if (!rc)
        rc = loop_timer_new(peer->loop, on_late, peer, &timer);
    if (rc)
        return rc;
    loop_timer_start(timer, loop_now_ns(peer->loop) + LIMIT_MS * INT64_C(1000000));
    while (!peer->is_done)
        loop_turn(peer->loop, -1);
    loop_timer_free(timer);
    for (unsigned i = 0; i < peer->n; i++)
        zclient_free(peer->clients[i]);
    return MR_OK;
}

static int connect_as(char **argv)
{
    struct peer peer = {.mode = argv[1], .n = strcmp(argv[1], "crowd") == 0 ? CROWD : 1};
    struct key_pair *keys = NULL;
    struct zctx *ctx = NULL;
    struct err err = {"out of memory"};
    enum mr_rc rc = keys_load(argv[4], &keys, &err);
    if (!rc)
        rc = loop_new(&peer.loop);
    if (!rc)
        rc = zctx_new(-1, &ctx, &err);
    if (!rc)
        rc = talk(&peer, ctx, argv, keys, &err);
    if (peer.loop)
        loop_turn(peer.loop, 0);
    zctx_free(ctx);
    loop_free(peer.loop);
    keys_free(keys);
    return rc ? complain(err.text) : 0;
}

static int make_key(char **argv)
{
    char text[KEYS_Z85_SIZE];
    struct key_pair *keys = NULL;
    struct err err = {{0}};
    enum key_kind kind = strcmp(argv[2], "agent") == 0    ? KEYS_AGENT
                         : strcmp(argv[2], "broker") == 0 ? KEYS_BROKER
                                                          : KEYS_PERSON;
    enum mr_rc rc = keys_new(kind, argv[3], 0, &keys, &err);
    if (!rc)
        rc = keys_save(keys, argv[4], &err);
    if (!rc) {
        keys_z85_encode(keys_public(keys), text);
        printf("%s\n", text);
    }
    keys_free(keys);
    return rc ? complain(err.text) : 0;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return complain(
            "usage: peer key KIND NAME FILE | peer knock|oversize|nonsense|BYTES|crowd ADDRESS SERVER FILE");
    if (keys_init() != MR_OK)
        return complain("no random bytes");
    return strcmp(argv[1], "key") == 0 ? make_key(argv) : connect_as(argv);
}
