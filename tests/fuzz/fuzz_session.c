/* fuzz_session.c - any frames into a server's and a client's session that are up: no crash, one end at most, bounded memory.
 *
 * Input: pieces "u16 length (little endian), u8 kind, u8 lane, payload". The head is written here, so that the payloads are
 * what is fuzzed; a length of 0xffff hands the rest over as it is, head and all. */
#include <string.h>

#include "proto/session.h"
#include "tests/support/fuzz_input.h"

enum { MAX_QUEUED = 64 * 1024, SESSION_ID = 7, RAW = 0xffff };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct end {
    struct session *session;
    unsigned ends;
};

static void on_end(void *user, enum mr_rc rc, const char *reason, uint32_t retry_ms)
{
    struct end *end = user;

    (void)rc;
    (void)retry_ms;
    end->ends++;
    fuzz_hold(end->ends == 1 && strlen(reason) < 1000 && session_is_over(end->session));
}

static void on_hello(void *user, const struct session_hello *hello)
{
    struct end *end = user;
    struct session_welcome welcome = {
        .session = SESSION_ID, .identity = "a", .path = "b", .server = "c", .state = {.broker = ""}};

    (void)hello;
    (void)!session_welcome(end->session, &welcome, 1);
}

static void on_interest(void *user, const struct session_interest *entry)
{
    struct end *end = user;
    struct session_refusal refusal = {entry->id, MR_DENIED, "no"};

    fuzz_hold(entry->id != 0);
    if (entry->filter && entry->filter[0] == '!')
        (void)!session_interest_refuse(end->session, &refusal);
}

static void on_interest_version(void *user, uint64_t version)
{
    struct end *end = user;

    (void)!session_interest_ack(end->session, version, false);
}

static void on_topic(void *user, const struct session_topic *topic)
{
    struct end *end = user;

    fuzz_hold(topic->id != 0);
    (void)!session_name_topic(end->session, topic->id, topic->text); /* calls from inside callbacks are allowed */
}

static void on_batch(void *user, enum lane lane, struct batch_reader *batch)
{
    struct end *end = user;
    struct batch_head head = batch->head;
    struct record record;

    while (batch_next(batch, &record) == MR_OK)
        (void)!session_put(end->session, lane, &head, &record);
}

static const struct session_events events = {
    .on_end = on_end,
    .on_hello = on_hello,
    .on_interest = on_interest,
    .on_interest_version = on_interest_version,
    .on_topic = on_topic,
    .on_batch = on_batch,
};

static struct session *make(enum session_role role, struct end *end)
{
    struct session_conf conf = {.role = role,
                                .hello = {.kind = PEER_KIND_AGENT, .name = "x"},
                                .max_queued_bytes = MAX_QUEUED,
                                .events = &events,
                                .user = end};

    if (session_new(&end->session, &conf, 0, NULL) != MR_OK)
        abort();
    return end->session;
}

static void bring_up(struct session *client, struct session *server)
{
    struct session *from = client, *to = server;

    for (int turn = 0; turn < 8; turn++) {
        struct blob *frame;
        while ((frame = session_take(from, 1))) {
            fuzz_hold(session_input(to, frame->data, frame->len, 1) == MR_OK);
            blob_unref(frame);
        }
        struct session *other = from;
        from = to;
        to = other;
    }
    fuzz_hold(session_is_up(client) && session_is_up(server));
}

/* Everything a peer would be sent; it must be frames of the right session. */
static void drain(struct session *s, int64_t now)
{
    struct frame_head head;
    const uint8_t *payload;
    size_t len;
    struct blob *frame;

    session_flush(s);
    fuzz_hold(session_queued_bytes(s) <= MAX_QUEUED);
    while ((frame = session_take(s, now))) {
        fuzz_hold(frame_read(frame->data, frame->len, &head, &payload, &len) == MR_OK && head.session == SESSION_ID);
        blob_unref(frame);
    }
}

static void feed(struct end *end, struct fuzz_input *in, int64_t now)
{
    static uint8_t frame[FRAME_HEAD_BYTES + UINT16_MAX];
    size_t len = fuzz_u8(in);

    len |= (size_t)fuzz_u8(in) << 8;
    if (len == RAW) {
        (void)!session_input(end->session, in->at, in->left, now);
        in->left = 0;
        return;
    }
    struct frame_head head = {(enum frame_kind)fuzz_u8(in), (enum lane)fuzz_u8(in), SESSION_ID};
    if (len > in->left)
        len = in->left;
    frame_write_head(frame, &head);
    if (len)
        memcpy(frame + FRAME_HEAD_BYTES, in->at, len);
    in->at += len;
    in->left -= len;
    (void)!session_input(end->session, frame, FRAME_HEAD_BYTES + len, now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct end client = {0}, server = {0};
    int64_t now = 1;

    bring_up(make(SESSION_CLIENT, &client), make(SESSION_SERVER, &server));
    for (int side = 0; side < 2; side++) {
        struct fuzz_input in = {data, len};
        struct end *end = side ? &client : &server;
        while (in.left) {
            now += 10000000;
            feed(end, &in, now);
            session_tick(end->session, now);
            drain(end->session, now);
        }
    }
    session_free(client.session);
    session_free(server.session);
    return 0;
}
