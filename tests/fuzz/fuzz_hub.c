/* fuzz_hub.c - a peer that passed the handshake and then says anything: the hub must end its session or live with it.
 *
 * Input: u8 which peer (an app at an agent, an agent at a broker, a broker that is its client, one whose client it is), then messages
 * of u8 kind, u8 lane, u16 length and payload, which get a head with the true session id. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/clock.h"
#include "base/rand.h"
#include "bus/hub.h"
#include "proto/frame.h"
#include "proto/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum peer { PEER_AGENT, PEER_APP, PEER_READER, PEER_SOURCE, PEERS };

struct bench {
    enum peer peer;
    int64_t now_ns;
    struct clock clock;
    struct rand_seeded rand;
    struct rights *rights;
    struct hub *hub;
    struct session *client;
    uint32_t port, watcher; /* the peer under test, and one that follows everything */
    uint64_t session;
};

static int64_t mono_ns(void *user)
{
    return ((struct bench *)user)->now_ns;
}

static int64_t real_us(void *user)
{
    return 1700000000000000 + mono_ns(user) / 1000;
}

static void on_output(void *user, uint32_t port)
{
    (void)user;
    (void)port;
}

static void on_over(void *user, uint32_t port, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    (void)user;
    (void)port;
    (void)rc;
    (void)reason;
    (void)retry_ms;
}

static void on_uplink(void *user, const struct session_welcome *welcome)
{
    (void)user;
    (void)welcome;
}

static void on_peer(void *user, uint32_t port)
{
    (void)user;
    (void)port;
}

static void on_birth_floor(void *user, uint64_t floor)
{
    (void)user;
    (void)floor;
}

static void on_notice(void *user, enum hub_notice notice, const char *text)
{
    (void)user;
    (void)notice;
    if (!*text)
        abort();
}

static const struct hub_events hub_events = {.on_output = on_output,
                                             .on_over = on_over,
                                             .on_uplink = on_uplink,
                                             .on_peer = on_peer,
                                             .on_birth_floor = on_birth_floor,
                                             .on_notice = on_notice};
static const struct session_events client_events = {0};

static void must(enum mr_rc rc)
{
    if (rc)
        abort();
}

static void on_hello(void *user, const struct session_hello *hello)
{
    struct bench *b = user;
    const struct session_welcome welcome = {
        .session = 77, .identity = hello->name, .path = "", .server = "mr2", .nonce = 3, .state = {.broker = ""}};
    must(session_welcome(b->client, &welcome, b->now_ns));
}

static const struct session_events server_events = {.on_hello = on_hello};

static struct session *new_session(struct bench *b, enum peer_kind kind, const char *name, enum session_role role)
{
    struct err err;
    struct session *s;
    const struct session_conf conf = {
        .role = role,
        .hello = {.kind = kind, .name = name, .nonce = 1, .birth = 10, .link = 1, .next_seq = 1},
        .max_queued_bytes = 65536,
        .rand = &b->rand.source,
        .events = role == SESSION_SERVER ? &server_events : &client_events,
        .user = b};
    must(session_new(&s, &conf, b->now_ns, &err));
    return s;
}

/* Moves frames both ways until the handshake is done. */
static void exchange(struct bench *b, struct session *client, uint32_t port)
{
    for (int i = 0; i < 8; i++) {
        for (struct blob *f; (f = session_take(client, b->now_ns)); blob_unref(f)) {
            struct frame_head head;
            const uint8_t *payload;
            size_t len;
            must(frame_read(f->data, f->len, &head, &payload, &len));
            b->session = head.session ? head.session : b->session;
            must(hub_input(b->hub, port, f->data, f->len));
        }
        hub_turn_end(b->hub);
        for (struct blob *f; (f = hub_take(b->hub, port)); blob_unref(f))
            must(session_input(client, f->data, f->len, b->now_ns));
        session_flush(client);
    }
}

/* Who follows everything: on a broker an agent, on an agent an app. */
static void open_watcher(struct bench *b)
{
    struct err err;
    bool is_app = b->peer == PEER_APP;
    const struct port_peer watcher = {.kind = is_app ? PORT_APP : PORT_AGENT,
                                      .identity = is_app ? "x" : "m2",
                                      .path = "demo/x",
                                      .address = "watcher"};
    must(hub_accept(b->hub, &watcher, &b->watcher, &err));
    struct session *other =
        new_session(b, is_app ? PEER_KIND_APP : PEER_KIND_AGENT, is_app ? "watcher" : "m2", SESSION_CLIENT);
    const struct session_interest all = {.id = 1, .filter = "#", .kind = INTEREST_SUBSCRIBE, .group = ""};
    exchange(b, other, b->watcher);
    must(session_interest_add(other, &all));
    exchange(b, other, b->watcher);
    session_free(other);
}

static void open_peer(struct bench *b)
{
    static const struct {
        enum port_kind port;
        enum peer_kind kind;
        const char *identity, *name;
        struct session_interest interest;
    } rows[PEERS] = {
        [PEER_APP] =
            {PORT_APP, PEER_KIND_APP, "x", "app", {.id = 1, .filter = "demo/x/+", .kind = INTEREST_SERVE, .group = ""}},
        [PEER_AGENT] = {PORT_AGENT,
                        PEER_KIND_AGENT,
                        "m1",
                        "m1",
                        {.id = 1, .filter = "demo/x/+", .kind = INTEREST_SERVE, .group = ""}},
        [PEER_READER] = {PORT_MESH_IN,
                         PEER_KIND_BROKER,
                         "mr2",
                         "mr2",
                         {.id = 1, .filter = "#", .kind = INTEREST_KEPT, .group = ""}},
    };
    struct err err;
    if (b->peer == PEER_SOURCE) {
        b->client = new_session(b, PEER_KIND_BROKER, "mr2", SESSION_SERVER);
        must(hub_connect(b->hub, "mr2", &b->port, &err));
        exchange(b, b->client, b->port);
        return;
    }
    const struct port_peer peer = {
        .kind = rows[b->peer].port, .identity = rows[b->peer].identity, .path = "demo/x", .address = "peer"};
    must(hub_accept(b->hub, &peer, &b->port, &err));
    b->client = new_session(b, rows[b->peer].kind, rows[b->peer].name, SESSION_CLIENT);
    exchange(b, b->client, b->port);
    must(session_interest_add(b->client, &rows[b->peer].interest));
    exchange(b, b->client, b->port);
}

static void open_bench(struct bench *b)
{
    static const char *const peers[] = {"mr2"};
    struct err err;
    bool is_app = b->peer == PEER_APP;
    const struct hub_conf conf = {.kind = is_app ? HUB_AGENT : HUB_BROKER,
                                  .name = "x",
                                  .identity = "x",
                                  .path = is_app ? "demo/x" : "",
                                  .birth = 5,
                                  .peers = peers,
                                  .n_peers = is_app ? 0 : 1,
                                  .max_ports = 4,
                                  .max_filters = 32,
                                  .max_filters_per_port = 16,
                                  .max_topics = 64,
                                  .max_slots = 32,
                                  .max_queued_bytes = 65536,
                                  .clock = &b->clock,
                                  .rand = &b->rand.source,
                                  .rights = b->rights,
                                  .events = &hub_events,
                                  .user = b};
    must(hub_new(&b->hub, &conf, &err));
    open_watcher(b);
    open_peer(b);
}

static void drain(struct bench *b, uint32_t port)
{
    for (struct blob *f; (f = hub_take(b->hub, port)); blob_unref(f))
        if (f->len < FRAME_HEAD_BYTES)
            abort();
}

static void say(struct bench *b, const uint8_t *at, size_t len)
{
    uint8_t frame[FRAME_HEAD_BYTES + 65536];
    const struct frame_head head = {.kind = at[0] % FRAME_KIND_END, .lane = at[1] % LANE_COUNT, .session = b->session};
    frame_write_head(frame, &head);
    memcpy(frame + FRAME_HEAD_BYTES, at + 4, len);
    enum mr_rc rc = hub_input(b->hub, b->port, frame, FRAME_HEAD_BYTES + len);
    (void)rc; /* any result is fine, as long as there is one */
    hub_turn_end(b->hub);
    drain(b, b->watcher);
    drain(b, b->port);
    b->now_ns += 10000000;
    if (hub_deadline(b->hub) <= b->now_ns)
        hub_tick(b->hub);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rights *rights;
    struct bench b = {.now_ns = 1000000000};
    if (!rights)
        must(rights_new_open(&rights, NULL));
    b.rights = rights;
    b.clock = (struct clock){mono_ns, mono_ns, real_us, &b};
    rand_seeded_init(&b.rand, 1);
    b.peer = size ? data[0] % PEERS : PEER_APP;
    open_bench(&b);
    for (size_t at = 1; at + 4 <= size;) {
        size_t len = (size_t)(data[at + 2] | data[at + 3] << 8);
        len = len < size - at - 4 ? len : size - at - 4;
        say(&b, data + at, len);
        at += 4 + len;
    }
    session_free(b.client);
    hub_close(b.hub, b.port);
    hub_close(b.hub, b.watcher);
    hub_free(b.hub);
    return 0;
}
