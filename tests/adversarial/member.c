/* member.c - see member.h. */
#include "member.h"
#include "proto/arena.h"
#include "proto/control.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { OUT_MAX_BYTES = 2 * 1024 * 1024, WELCOME_MS = 2000, PING_MS = 500, END_MS = 1500, VERSION = 2 };

static const uint64_t endless = UINT64_C(1) << 50;

/* Later births are greater, also those of the next run. */
static uint64_t now_as_birth(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec << 32 | (uint64_t)t.tv_nsec;
}

/* -- frames out ---------------------------------------------------------------------------------------------------- */
struct buf *member_frame(struct member *m)
{
    static const uint8_t head[FRAME_HEAD_BYTES];
    buf_clear(&m->out);
    if (buf_append(&m->out, head, sizeof head) != MR_OK)
        m->is_over = true;
    return &m->out;
}

bool member_send_anyway(struct attack *a, struct member *m, enum frame_kind kind, enum lane lane)
{
    const struct frame_head head = {.kind = kind, .lane = lane, .session = kind == FRAME_HELLO ? 0 : m->session};
    if (m->is_over || m->out.len < FRAME_HEAD_BYTES)
        return false;
    frame_write_head(m->out.data, &head);
    m->sent[lane] += frame_cost(kind, m->out.len);
    m->ping_due_ns = attack_after_ns(PING_MS);
    m->is_over = !link_send(&m->link, 0, m->out.data, m->out.len, attack_deadline_ns(a, END_MS));
    return !m->is_over;
}

bool member_send(struct attack *a, struct member *m, enum frame_kind kind, enum lane lane)
{
    while (frame_cost(kind, m->out.len) > 0 && m->sent[lane] >= m->granted[lane]) {
        if (m->is_over || attack_is_over(a))
            return false;
        const struct buf waiting = m->out;
        buf_init(&m->out, OUT_MAX_BYTES); /* serving builds frames of its own */
        member_serve(a, m, 1);
        buf_fini(&m->out);
        m->out = waiting;
    }
    return member_send_anyway(a, m, kind, lane);
}

bool member_grant(struct attack *a, struct member *m, enum lane lane, uint64_t bytes)
{
    const struct control_credit credit = {.lane = lane, .granted = bytes};
    return control_write_credit(member_frame(m), &credit) == MR_OK &&
           member_send_anyway(a, m, FRAME_CREDIT, LANE_CONTROL);
}

static void say_ping(struct attack *a, struct member *m)
{
    const struct control_ping ping = {.number = 1 + m->frames_in, .sent_ns = (uint64_t)wire_now_ns()};
    if (control_write_ping(member_frame(m), &ping) == MR_OK)
        (void)!member_send_anyway(a, m, FRAME_PING, LANE_CONTROL);
}

static void say_pong(struct attack *a, struct member *m, const struct control_ping *ping)
{
    const struct control_pong pong = {.number = ping->number, .sent_ns = ping->sent_ns};
    if (control_write_pong(member_frame(m), &pong) == MR_OK)
        (void)!member_send_anyway(a, m, FRAME_PONG, LANE_CONTROL);
}

/* -- frames in ----------------------------------------------------------------------------------------------------- */
static void on_welcome(struct member *m, const struct control_welcome *welcome)
{
    m->is_over = welcome->welcome.birth_floor != 0;
    m->session = welcome->welcome.session;
    for (int lane = 0; lane < LANE_COUNT; lane++)
        m->granted[lane] = welcome->window[lane];
}

static void on_bye(struct attack *a, struct member *m, struct arena *arena, const uint8_t *payload, size_t len)
{
    struct control_bye bye;
    m->is_over = true;
    if (control_read_bye(arena, payload, len, &bye, NULL) == MR_OK)
        snprintf(a->last_words, sizeof a->last_words, "%s", bye.reason);
}

static void on_frame(struct attack *a, struct member *m, struct arena *arena, const uint8_t *frame, size_t frame_len)
{
    struct frame_head head;
    const uint8_t *payload;
    size_t len;
    union {
        struct control_welcome welcome;
        struct control_credit credit;
        struct control_ping ping;
        struct control_interest_ack ack;
    } said;
    if (frame_read(frame, frame_len, &head, &payload, &len) != MR_OK)
        return;
    m->frames_in += frame_cost(head.kind, frame_len) > 0;
    if (head.kind == FRAME_WELCOME && control_read_welcome(arena, payload, len, &said.welcome, NULL) == MR_OK)
        on_welcome(m, &said.welcome);
    else if (head.kind == FRAME_CREDIT && control_read_credit(arena, payload, len, &said.credit, NULL) == MR_OK)
        m->granted[said.credit.lane] = said.credit.granted;
    else if (head.kind == FRAME_PING && control_read_ping(arena, payload, len, &said.ping, NULL) == MR_OK)
        say_pong(a, m, &said.ping);
    else if (head.kind == FRAME_INTEREST_ACK &&
             control_read_interest_ack(arena, payload, len, &said.ack, NULL) == MR_OK)
        m->acked = said.ack.version;
    else if (head.kind == FRAME_BYE)
        on_bye(a, m, arena, payload, len);
}

/* One message, if there is one by then. */
static bool take(struct attack *a, struct member *m, struct arena *arena, int64_t until_ns)
{
    uint8_t flags;
    const uint8_t *frame;
    size_t len;
    if (!link_receive(&m->link, &flags, &frame, &len, until_ns)) {
        m->is_over = m->is_over || m->link.wire.is_cut;
        return false;
    }
    if (!(flags & CURVE_COMMAND))
        on_frame(a, m, arena, frame, len);
    return true;
}

static void serve_until(struct attack *a, struct member *m, int64_t until_ns)
{
    struct arena arena;
    arena_init(&arena, arena_frame_budget(OUT_MAX_BYTES));
    bool is_something = true;
    while (!m->is_over && (is_something || wire_now_ns() < until_ns)) {
        int64_t wait_ns = until_ns < m->ping_due_ns ? until_ns : m->ping_due_ns;
        is_something = take(a, m, &arena, wait_ns) && wire_now_ns() < until_ns;
        if (!m->is_over && m->session && wire_now_ns() >= m->ping_due_ns)
            say_ping(a, m);
    }
    arena_fini(&arena);
}

void member_serve(struct attack *a, struct member *m, unsigned ms)
{
    serve_until(a, m, attack_deadline_ns(a, ms));
}

/* -- life ---------------------------------------------------------------------------------------------------------- */
static bool say_hello(struct attack *a, struct member *m)
{
    const struct control_hello hello = {.version = VERSION,
                                        .oldest = 1,
                                        .hello = {.kind = PEER_KIND_AGENT,
                                                  .name = a->name,
                                                  .nonce = m->birth,
                                                  .birth = m->birth,
                                                  .link = m->link_number,
                                                  .next_seq = 1}};
    if (control_write_hello(member_frame(m), &hello) != MR_OK || !member_send_anyway(a, m, FRAME_HELLO, LANE_CONTROL))
        return false;
    int64_t until_ns = attack_after_ns(WELCOME_MS);
    while (!m->is_over && !m->session && wire_now_ns() < until_ns)
        serve_until(a, m, attack_after_ns(1));
    return m->session && !m->is_over;
}

bool member_open_saying(struct attack *a, struct member *m, const struct link_metadata *metadata)
{
    *m = (struct member){.birth = now_as_birth(), .link_number = 1, .next_seq = 1, .ping_due_ns = INT64_MAX};
    buf_init(&m->out, OUT_MAX_BYTES);
    if (attack_open(a, &m->link, LINK_READY, metadata) && say_hello(a, m))
        return true;
    member_close(a, m);
    return false;
}

bool member_open_stingy(struct attack *a, struct member *m)
{
    return member_open_saying(a, m, NULL);
}

bool member_open(struct attack *a, struct member *m)
{
    if (!member_open_stingy(a, m))
        return false;
    for (int lane = 0; lane < LANE_COUNT; lane++)
        if (!member_grant(a, m, (enum lane)lane, endless)) {
            member_close(a, m);
            return false;
        }
    return true;
}

void member_close(struct attack *a, struct member *m)
{
    buf_fini(&m->out);
    attack_close(a, &m->link);
}

void member_expect_end(struct attack *a, struct member *m)
{
    serve_until(a, m, attack_after_ns(END_MS));
    a->tally.cut += m->is_over;
    a->tally.survived += !m->is_over;
    member_close(a, m);
}

/* -- what an agent says -------------------------------------------------------------------------------------------- */
bool member_name_topic(struct attack *a, struct member *m, uint32_t id, const char *text)
{
    const struct session_topic topic = {.id = id, .text = text};
    return control_write_topic(member_frame(m), &topic) == MR_OK && member_send(a, m, FRAME_NAMES, LANE_CONTROL);
}

bool member_name_publisher(struct attack *a, struct member *m, uint32_t id, const char *part)
{
    const struct session_publisher publisher = {.id = id, .identity = a->name, .part = part};
    return control_write_publisher(member_frame(m), &publisher) == MR_OK &&
           member_send(a, m, FRAME_NAMES, LANE_CONTROL);
}

bool member_publish(struct attack *a, struct member *m, uint32_t publisher, uint32_t topic, uint32_t flags,
                    const struct mr_value *value)
{
    uint8_t body[VALUE_MAX_BYTES + 64];
    struct batch_writer writer;
    size_t len;
    const struct batch_head head = {
        .birth = m->birth, .link = m->link_number, .publisher = publisher, .broker_us = MR_NO_TIME};
    const struct record record = {.topic = topic,
                                  .flags = flags,
                                  .seq = m->next_seq++,
                                  .source_us = MR_NO_TIME,
                                  .body = body,
                                  .body_len = (uint32_t)body_write(body, 0, value)};
    struct buf *out = member_frame(m);
    if (buf_reserve(out, AGENT_FRAME_MAX_BYTES) != MR_OK)
        return false;
    batch_writer_init(&writer, out->data, AGENT_FRAME_MAX_BYTES);
    if (batch_write(&writer, &head, &record) != MR_OK)
        return false;
    batch_writer_close(&writer, &len);
    buf_advance(out, len - FRAME_HEAD_BYTES);
    return member_send(a, m, FRAME_BATCHES, LANE_LIVE);
}

bool member_subscribe(struct attack *a, struct member *m, uint32_t id, uint64_t version, const char *filter)
{
    const struct control_interest_head head = {.version = version, .snapshot = version == 1};
    const struct session_interest entry = {.id = id, .filter = filter};
    struct buf *out = member_frame(m);
    return control_write_interest_head(out, &head) == MR_OK && control_write_interest_entry(out, &entry) == MR_OK &&
           member_send(a, m, FRAME_INTEREST, LANE_CONTROL);
}

bool member_open_soon(struct attack *a, struct member *m)
{
    while (!attack_is_over(a)) {
        if (member_open(a, m))
            return true;
        attack_pause(a, 20);
    }
    return false;
}
