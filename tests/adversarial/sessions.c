/* sessions.c - with a known key, one rule of Millrace's protocol broken at a time (docs/protocol.md): the session must end in words. */
#include "member.h"
#include "proto/control.h"
#include "proto/limits.h"
#include <stdio.h>
#include <string.h>

enum { EMPTY_BYTES = AGENT_FRAME_MAX_BYTES - FRAME_HEAD_BYTES, ABOVE_ALL_TRANSFERS = TRANSFERS_PER_SESSION + 1 };

/* Opens a session, breaks a rule in it, and sees it ended; again and again. */
static void break_rule(struct attack *a, void (*deed)(struct attack *a, struct member *m))
{
    struct member m;
    while (member_open_soon(a, &m)) {
        deed(a, &m);
        if (attack_is_over(a) && !m.is_over) /* it may have been interrupted in its deed */
            member_close(a, &m);
        else
            member_expect_end(a, &m);
    }
}

/* -- frames that are none ------------------------------------------------------------------------------------------ */
static void send_garbage(struct attack *a, struct member *m)
{
    uint8_t bytes[512];
    attack_random_bytes(a, bytes, sizeof bytes);
    (void)!link_send(&m->link, 0, bytes, attack_random(a) % sizeof bytes, attack_after_ns(100));
}

static void frame_garbage(struct attack *a)
{
    break_rule(a, send_garbage);
}

/* A head as it must be, of each kind in turn, and behind it anything. */
static void send_payload_garbage(struct attack *a, struct member *m)
{
    uint8_t bytes[512];
    size_t len = 1 + attack_random(a) % sizeof bytes;
    enum frame_kind kind = (enum frame_kind)(FRAME_NAMES + attack_random(a) % (FRAME_KIND_END - FRAME_NAMES));
    attack_random_bytes(a, bytes, len);
    bytes[0] = 0xff; /* no field begins so */
    if (buf_append(member_frame(m), bytes, len) != MR_OK)
        return;
    enum lane lane = kind == FRAME_CHUNK                                   ? LANE_BULK
                     : kind == FRAME_BATCHES || kind == FRAME_SNAPSHOT_END ? LANE_LIVE
                                                                           : LANE_CONTROL;
    (void)!member_send(a, m, kind, lane);
}

static void payload_garbage(struct attack *a)
{
    break_rule(a, send_payload_garbage);
}

static void send_other_session(struct attack *a, struct member *m)
{
    m->session ^= attack_random(a) | 1;
    (void)!member_name_topic(a, m, 1, "demo/other/session");
}

static void other_session(struct attack *a)
{
    break_rule(a, send_other_session);
}

/* The longest frame there may be, of nothing but empty messages: the most that decoding can be made to allocate. */
static void send_empty_messages(struct attack *a, struct member *m)
{
    static const struct {
        enum frame_kind kind;
        uint8_t tag; /* of the repeated field */
    } forms[] = {{FRAME_NAMES, 0x0a},    {FRAME_NAMES, 0x12}, {FRAME_OPEN, 0x0a},
                 {FRAME_INTEREST, 0x22}, {FRAME_BIRTH, 0x2a}, {FRAME_LOSSES, 0x0a}};
    static uint8_t bytes[EMPTY_BYTES];
    size_t form = attack_random(a) % (sizeof forms / sizeof *forms);
    for (size_t i = 0; i < sizeof bytes; i += 2)
        bytes[i] = forms[form].tag;
    if (buf_append(member_frame(m), bytes, sizeof bytes) == MR_OK)
        (void)!member_send(a, m, forms[form].kind, LANE_CONTROL);
}

static void empty_messages(struct attack *a)
{
    break_rule(a, send_empty_messages);
}

/* -- rules of the session ------------------------------------------------------------------------------------------ */
static void send_hello_again(struct attack *a, struct member *m)
{
    const struct control_hello hello = {
        .version = 2,
        .oldest = 1,
        .hello = {.kind = PEER_KIND_AGENT, .name = a->name, .birth = m->birth + 1, .link = 1}};
    if (control_write_hello(member_frame(m), &hello) == MR_OK)
        (void)!member_send(a, m, FRAME_HELLO, LANE_CONTROL);
}

static void hello_again(struct attack *a)
{
    break_rule(a, send_hello_again);
}

/* The longest frames, as fast as the link takes them, whatever was granted. */
static void send_without_credit(struct attack *a, struct member *m)
{
    static const uint8_t unknown_field[1024] = {0xfa, 0x07, 0xfd, 0x07}; /* 127: 1021 zeros, skipped by every reader */
    bool is_sent = true;
    for (int i = 0; i < 10000 && is_sent; i++)
        is_sent = buf_append(member_frame(m), unknown_field, sizeof unknown_field) == MR_OK &&
                  member_send_anyway(a, m, FRAME_NAMES, LANE_CONTROL);
    m->is_over = false; /* what the broker said first is still to be read */
}

static void without_credit(struct attack *a)
{
    break_rule(a, send_without_credit);
}

/* Begins a burst of interest, and another one before that has its last part. */
static void send_torn_interest(struct attack *a, struct member *m)
{
    const struct session_interest entry = {.id = 1, .filter = "demo/torn/#"};
    for (uint64_t version = 1; version <= 2; version++) {
        const struct control_interest_head head = {.version = version, .snapshot = version == 1, .more = true};
        struct buf *out = member_frame(m);
        if (control_write_interest_head(out, &head) != MR_OK || control_write_interest_entry(out, &entry) != MR_OK ||
            !member_send(a, m, FRAME_INTEREST, LANE_CONTROL))
            return;
    }
}

static void torn_interest(struct attack *a)
{
    break_rule(a, send_torn_interest);
}

static void send_unannounced(struct attack *a, struct member *m)
{
    const struct mr_value value = {.type = MR_U64, .as = {.u64 = 1}};
    (void)!member_publish(a, m, 7, 7, 0, &value);
}

static void unannounced_ids(struct attack *a)
{
    break_rule(a, send_unannounced);
}

static void send_foreign_publisher(struct attack *a, struct member *m)
{
    const struct session_publisher publisher = {.id = 1, .identity = a->victim, .part = ""};
    if (control_write_publisher(member_frame(m), &publisher) == MR_OK)
        (void)!member_send(a, m, FRAME_NAMES, LANE_CONTROL);
}

static void foreign_publisher(struct attack *a)
{
    break_rule(a, send_foreign_publisher);
}

/* What only a broker says to a client. */
static void send_servers_word(struct attack *a, struct member *m)
{
    const struct session_state state = {.cluster_up = true, .broker = "mr1"};
    if (control_write_state(member_frame(m), &state) == MR_OK)
        (void)!member_send(a, m, FRAME_STATE, LANE_CONTROL);
}

static void servers_word(struct attack *a)
{
    break_rule(a, send_servers_word);
}

/* -- transfers ----------------------------------------------------------------------------------------------------- */
static bool begin_transfer(struct attack *a, struct member *m, uint32_t id, uint32_t publisher)
{
    uint8_t frame[TRANSFER_FRAME_MAX_BYTES], body[TRANSFER_BODY_MAX_BYTES];
    size_t len;
    const struct mr_value empty = {.type = MR_BYTES, .as = {.ptr = ""}};
    const struct transfer begun = {
        .id = id,
        .total = TRANSFER_MAX_BYTES,
        .head = {.birth = m->birth, .link = m->link_number, .publisher = publisher, .broker_us = MR_NO_TIME},
        .record = {.topic = 1,
                   .seq = m->next_seq++,
                   .source_us = MR_NO_TIME,
                   .body = body,
                   .body_len = (uint32_t)body_write(body, 0, &empty)},
        .value = {.has_value = true, .value = empty}};
    if (transfer_write(frame, &begun, &len) != MR_OK)
        return false;
    return buf_append(member_frame(m), frame + FRAME_HEAD_BYTES, len - FRAME_HEAD_BYTES) == MR_OK &&
           member_send(a, m, FRAME_TRANSFER, LANE_CONTROL);
}

/* Begins 16 MiB again and again, of as many publishers as it takes, and never sends a byte of them; then one too many. */
static void begin_too_many(struct attack *a, struct member *m)
{
    char part[32];
    if (!member_name_topic(a, m, 1, "demo/endless"))
        return;
    for (uint32_t i = 0; i < ABOVE_ALL_TRANSFERS; i++) {
        uint32_t publisher = 1 + i / TRANSFERS_PER_PUBLISHER;
        snprintf(part, sizeof part, "part-%u", (unsigned)publisher);
        if (i % TRANSFERS_PER_PUBLISHER == 0 && !member_name_publisher(a, m, publisher, part))
            return;
        if (!begin_transfer(a, m, i + 1, publisher))
            return;
    }
}

static void transfers_begun(struct attack *a)
{
    break_rule(a, begin_too_many);
}

static const struct attack_mode modes[] = {
    {"frame-garbage", "frames of random bytes", ATTACK_NAMED, frame_garbage},
    {"payload-garbage", "good heads, random payloads", ATTACK_NAMED, payload_garbage},
    {"other-session", "frames of another session", ATTACK_NAMED, other_session},
    {"empty-messages", "the longest frames, of empty messages only", ATTACK_NAMED, empty_messages},
    {"hello-again", "HELLO within a session", ATTACK_NAMED, hello_again},
    {"without-credit", "sends more than it was granted", ATTACK_NAMED, without_credit},
    {"torn-interest", "a burst of interest within another", ATTACK_NAMED, torn_interest},
    {"unannounced-ids", "records of ids it never announced", ATTACK_NAMED, unannounced_ids},
    {"foreign-publisher", "speaks for another machine", ATTACK_NAMED, foreign_publisher},
    {"servers-word", "says what only a broker says", ATTACK_NAMED, servers_word},
    {"transfers-begun", "begins more transfers than allowed, continues none", ATTACK_NAMED, transfers_begun},
};
const struct attack_modes attack_sessions = {"sessions", modes, sizeof modes / sizeof *modes};
