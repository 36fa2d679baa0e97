/* session_in.c - what a session does with a frame that came: one row of a table per kind. */
#include <string.h>

#include "proto/session_private.h"
#include "proto/topic.h"

/* Calls a slot that may be empty. */
#define TELL(s, slot, ...)                                                                                             \
    do {                                                                                                               \
        if ((s)->events->slot)                                                                                         \
            (s)->events->slot((s)->user, __VA_ARGS__);                                                                 \
    } while (0)

struct frame_in {
    struct frame_head head;
    const uint8_t *payload;
    size_t len;
};

/* -- handshake -- */

static enum mr_rc on_hello(struct session *s, const struct frame_in *f, struct err *err)
{
    struct control_hello hello;
    enum mr_rc rc = control_read_hello(&s->arena, f->payload, f->len, &hello, err);
    if (rc != MR_OK)
        return rc;

    enum handshake_state before = s->handshake.state;
    session_step(
        s, &(struct handshake_event){
               .kind = HANDSHAKE_HELLO, .session = f->head.session, .version = hello.version, .oldest = hello.oldest});
    if (before == HANDSHAKE_NEW && s->handshake.state == HANDSHAKE_ASKED)
        TELL(s, on_hello, &hello.hello);
    return MR_OK;
}

static void go_up(struct session *s, const struct control_welcome *welcome)
{
    for (int lane = 0; lane < LANE_COUNT; lane++)
        lanes_granted(&s->lanes, (enum lane)lane, welcome->window[lane]);
    lanes_open_windows(&s->lanes, s->now_ns);
    s->express.credits = (1U << LANE_COUNT) - 1;
    probe_set_intervals(&s->probe, welcome->ping_ms ? welcome->ping_ms : s->ping_ms,
                        welcome->dead_ms ? welcome->dead_ms : s->dead_ms);
    session_probe(s, &(struct probe_event){.kind = PROBE_START});
}

static enum mr_rc on_welcome(struct session *s, const struct frame_in *f, struct err *err)
{
    struct control_welcome welcome;
    enum mr_rc rc = control_read_welcome(&s->arena, f->payload, f->len, &welcome, err);
    if (rc != MR_OK)
        return rc;
    if (welcome.welcome.session != f->head.session) {
        err_set(err, "WELCOME names two sessions");
        return MR_INVALID;
    }
    bool was_due = s->handshake.state == HANDSHAKE_GREETING;
    session_step(s, &(struct handshake_event){.kind = HANDSHAKE_WELCOME,
                                              .session = f->head.session,
                                              .version = welcome.version,
                                              .floor = welcome.welcome.birth_floor});
    if (session_is_up(s))
        go_up(s, &welcome);
    if (session_is_up(s) || (was_due && s->end_rc == MR_FENCED))
        TELL(s, on_welcome, &welcome.welcome);
    return MR_OK;
}

static enum mr_rc on_bye(struct session *s, const struct frame_in *f, struct err *err)
{
    struct control_bye bye;
    enum mr_rc rc = control_read_bye(&s->arena, f->payload, f->len, &bye, err);

    if (rc == MR_OK)
        session_step(s, &(struct handshake_event){.kind = HANDSHAKE_BYE,
                                                  .session = f->head.session,
                                                  .rc = bye.rc,
                                                  .reason = bye.reason,
                                                  .retry_ms = bye.retry_ms});
    return rc;
}

/* -- probe and credit -- */

static enum mr_rc on_ping(struct session *s, const struct frame_in *f, struct err *err)
{
    struct control_ping ping;
    enum mr_rc rc = control_read_ping(&s->arena, f->payload, f->len, &ping, err);

    if (rc != MR_OK)
        return rc;
    s->express.to_answer = (struct control_ping){ping.number, ping.sent_ns, session_utc_us(s), ping.clock};
    session_probe(s, &(struct probe_event){.kind = PROBE_PINGED});
    return MR_OK;
}

static enum mr_rc on_pong(struct session *s, const struct frame_in *f, struct err *err)
{
    struct control_pong pong;
    enum mr_rc rc = control_read_pong(&s->arena, f->payload, f->len, &pong, err);

    if (rc != MR_OK)
        return rc;
    s->express.peer_clock = pong.clock;
    session_probe(s, &(struct probe_event){.kind = PROBE_PONGED,
                                           .number = pong.number,
                                           .sent_ns = pong.sent_ns,
                                           .received_us = pong.received_us,
                                           .real_us = pong.real_us});
    return MR_OK;
}

static enum mr_rc on_credit(struct session *s, const struct frame_in *f, struct err *err)
{
    struct control_credit credit;
    enum mr_rc rc = control_read_credit(&s->arena, f->payload, f->len, &credit, err);

    if (rc == MR_OK)
        lanes_granted(&s->lanes, credit.lane, credit.granted);
    return rc;
}

/* -- what one side tells the other; a callback may end the session, so every walk asks before it goes on -- */

static enum mr_rc on_state(struct session *s, const struct frame_in *f, struct err *err)
{
    struct session_state state;
    enum mr_rc rc = control_read_state(&s->arena, f->payload, f->len, &state, err);

    if (rc == MR_OK)
        TELL(s, on_state, &state);
    return rc;
}

static enum mr_rc check_topics(const struct control_names *names, struct err *err)
{
    for (size_t i = 0; i < names->n_topics; i++) {
        const char *text = names->topics[i].text;
        enum topic_rule rule = topic_check(text, strlen(text), TOPIC_FULL);
        if (rule != TOPIC_FINE) {
            err_set(err, "topic '%s' %s", text, topic_rule_text(rule));
            return MR_INVALID;
        }
    }
    return MR_OK;
}

static enum mr_rc on_names(struct session *s, const struct frame_in *f, struct err *err)
{
    struct control_names names;
    enum mr_rc rc = control_read_names(&s->arena, f->payload, f->len, &names, err);

    if (rc == MR_OK)
        rc = check_topics(&names, err);
    if (rc != MR_OK)
        return rc;
    for (size_t i = 0; i < names.n_publishers && session_is_up(s); i++)
        TELL(s, on_publisher, &names.publishers[i]);
    for (size_t i = 0; i < names.n_topics && session_is_up(s); i++)
        TELL(s, on_topic, &names.topics[i]);
    return MR_OK;
}

static enum mr_rc on_open(struct session *s, const struct frame_in *f, struct err *err)
{
    struct control_open open;
    enum mr_rc rc = control_read_open(&s->arena, f->payload, f->len, &open, err);

    for (size_t i = 0; rc == MR_OK && i < open.n_topics && session_is_up(s); i++)
        TELL(s, on_open, &open.topics[i]);
    return rc;
}

static enum mr_rc on_opened(struct session *s, const struct frame_in *f, struct err *err)
{
    struct control_opened opened;
    enum mr_rc rc = control_read_opened(&s->arena, f->payload, f->len, &opened, err);

    for (size_t i = 0; rc == MR_OK && i < opened.n_topics && session_is_up(s); i++)
        TELL(s, on_opened, &opened.topics[i]);
    return rc;
}

static enum mr_rc on_birth(struct session *s, const struct frame_in *f, struct err *err)
{
    struct session_birth birth;
    enum mr_rc rc = control_read_birth(&s->arena, f->payload, f->len, &birth, err);

    if (rc == MR_OK)
        TELL(s, on_birth, &birth);
    return rc;
}

static enum mr_rc on_death(struct session *s, const struct frame_in *f, struct err *err)
{
    struct session_death death;
    enum mr_rc rc = control_read_death(&s->arena, f->payload, f->len, &death, err);

    if (rc == MR_OK)
        TELL(s, on_death, &death);
    return rc;
}

static enum mr_rc on_error(struct session *s, const struct frame_in *f, struct err *err)
{
    struct control_error error;
    enum mr_rc rc = control_read_error(&s->arena, f->payload, f->len, &error, err);

    if (rc == MR_OK)
        TELL(s, on_error, error.rc, error.reason, error.topic, error.retry_ms);
    return rc;
}

static enum mr_rc on_losses(struct session *s, const struct frame_in *f, struct err *err)
{
    struct control_losses losses;
    enum mr_rc rc = control_read_losses(&s->arena, f->payload, f->len, &losses, err);

    for (size_t i = 0; rc == MR_OK && i < losses.n_losses && session_is_up(s); i++)
        TELL(s, on_loss, f->head.lane, &losses.losses[i]);
    return rc;
}

static enum mr_rc on_snapshot_end(struct session *s, const struct frame_in *f, struct err *err)
{
    uint32_t interest;
    enum mr_rc rc = control_read_snapshot_end(&s->arena, f->payload, f->len, &interest, err);

    if (rc == MR_OK)
        TELL(s, on_snapshot_end, interest);
    return rc;
}

/* -- interest -- */

static void forget_entry(struct session *s, uint32_t id)
{
    if (interest_server_drop(&s->wanted, id) == INTEREST_TAKE)
        TELL(s, on_interest, &(struct session_interest){.id = id});
}

static enum mr_rc take_entry(struct session *s, const struct session_interest *entry, struct err *err)
{
    enum interest_verdict verdict;
    enum mr_rc rc = interest_server_add(&s->wanted, entry->id, &verdict);

    if (rc != MR_OK) {
        err_set(err, "no memory for another entry of interest");
        return rc;
    }
    if (verdict == INTEREST_REFUSE)
        return session_interest_refuse(
            s, &(struct session_refusal){entry->id, MR_TOO_BIG, "more entries than a session may have"});
    if (verdict == INTEREST_REPLACE)
        TELL(s, on_interest, &(struct session_interest){.id = entry->id});
    if (session_is_up(s))
        TELL(s, on_interest, entry);
    return MR_OK;
}

/* A snapshot begins by forgetting all; removals go before additions, so that an id may be used again. */
static enum mr_rc apply(struct session *s, const struct control_interest *said, bool forget, struct err *err)
{
    enum mr_rc rc = MR_OK;

    while (forget && session_is_up(s) && interest_server_first(&s->wanted))
        forget_entry(s, interest_server_first(&s->wanted));
    for (size_t i = 0; i < said->n_remove && session_is_up(s); i++)
        forget_entry(s, said->remove[i]);
    for (size_t i = 0; rc == MR_OK && i < said->n_add && session_is_up(s); i++)
        rc = take_entry(s, &said->add[i], err);
    return rc;
}

static enum mr_rc on_interest(struct session *s, const struct frame_in *f, struct err *err)
{
    struct control_interest said;
    bool forget;
    enum mr_rc rc = control_read_interest(&s->arena, f->payload, f->len, &said, err);
    if (rc != MR_OK)
        return rc;

    struct interest_part part = {said.head.version, said.head.snapshot, said.head.more};
    rc = interest_server_part(&s->wanted, &part, &forget);
    if (rc != MR_OK) {
        err_set(err, "INTEREST version %llu is out of order", (unsigned long long)part.version);
        return rc;
    }
    rc = apply(s, &said, forget, err);
    if (rc == MR_OK && session_is_up(s) && interest_server_end(&s->wanted, &part))
        TELL(s, on_interest_version, part.version);
    return rc;
}

static enum mr_rc on_interest_ack(struct session *s, const struct frame_in *f, struct err *err)
{
    struct control_interest_ack ack;
    bool is_news;
    enum mr_rc rc = control_read_interest_ack(&s->arena, f->payload, f->len, &ack, err);
    if (rc != MR_OK)
        return rc;

    rc = interest_client_acked(&s->wants, ack.version, ack.partial, &is_news);
    if (rc != MR_OK) {
        err_set(err, "INTEREST_ACK of version %llu, which was not sent", (unsigned long long)ack.version);
        return rc;
    }
    for (size_t i = 0; i < ack.n_refused && session_is_up(s); i++)
        if (interest_client_refused(&s->wants, ack.refused[i].id))
            TELL(s, on_interest_refused, &ack.refused[i]);
    if (is_news && session_is_up(s))
        TELL(s, on_interest_acked, ack.version, ack.partial);
    session_pump_interest(s);
    return MR_OK;
}

/* -- records -- */

/* The owner walks as far as it likes; what it left is checked here. */
static enum mr_rc tell_batch(struct session *s, enum lane lane, struct batch_reader *batch)
{
    struct record record;
    enum mr_rc rc;

    TELL(s, on_batch, lane, batch);
    do
        rc = batch_next(batch, &record);
    while (rc == MR_OK);
    s->stats.records_in += batch->records;
    return rc == MR_NOT_FOUND ? MR_OK : rc;
}

static enum mr_rc on_batches(struct session *s, const struct frame_in *f, struct err *err)
{
    struct batches_reader batches;
    struct batch_reader batch;
    enum mr_rc rc;

    batches_read_init(&batches, f->payload, f->len);
    while ((rc = batches_next(&batches, &batch)) == MR_OK && session_is_up(s)) {
        rc = tell_batch(s, f->head.lane, &batch);
        if (rc != MR_OK)
            break;
    }
    if (rc == MR_NOT_FOUND || !session_is_up(s))
        return MR_OK;
    err_set(err, "a batch is not valid");
    return rc;
}

static enum mr_rc on_transfer(struct session *s, const struct frame_in *f, struct err *err)
{
    return session_on_transfer(s, f->payload, f->len, err);
}

static enum mr_rc on_chunk(struct session *s, const struct frame_in *f, struct err *err)
{
    return session_on_chunk(s, f->payload, f->len, err);
}

/* -- the table -- */

enum { BY_CLIENT = 1, BY_SERVER = 2, BY_BOTH = 3 };

static const struct kind {
    enum mr_rc (*read)(struct session *s, const struct frame_in *f, struct err *err);
    unsigned by;    /* who may send it */
    bool handshake; /* it is an event of the handshake itself */
} kinds[FRAME_KIND_END] = {
    [FRAME_HELLO] = {on_hello, BY_CLIENT, true},
    [FRAME_WELCOME] = {on_welcome, BY_SERVER, true},
    [FRAME_BYE] = {on_bye, BY_BOTH, true},
    [FRAME_STATE] = {on_state, BY_SERVER, false},
    [FRAME_PING] = {on_ping, BY_BOTH, false},
    [FRAME_PONG] = {on_pong, BY_BOTH, false},
    [FRAME_CREDIT] = {on_credit, BY_BOTH, false},
    [FRAME_NAMES] = {on_names, BY_BOTH, false},
    [FRAME_OPEN] = {on_open, BY_CLIENT, false},
    [FRAME_OPENED] = {on_opened, BY_SERVER, false},
    [FRAME_INTEREST] = {on_interest, BY_CLIENT, false},
    [FRAME_INTEREST_ACK] = {on_interest_ack, BY_SERVER, false},
    [FRAME_BATCHES] = {on_batches, BY_BOTH, false},
    [FRAME_LOSSES] = {on_losses, BY_BOTH, false},
    [FRAME_SNAPSHOT_END] = {on_snapshot_end, BY_SERVER, false},
    [FRAME_BIRTH] = {on_birth, BY_BOTH, false},
    [FRAME_DEATH] = {on_death, BY_BOTH, false},
    [FRAME_ERROR] = {on_error, BY_BOTH, false},
    [FRAME_TRANSFER] = {on_transfer, BY_BOTH, false},
    [FRAME_CHUNK] = {on_chunk, BY_BOTH, false}, /* its credit is given back when its receiver says so */
};

static enum mr_rc read_kind(struct session *s, const struct kind *kind, const struct frame_in *f, struct err *err)
{
    unsigned sender = s->role == SESSION_SERVER ? BY_CLIENT : BY_SERVER;

    if (!kind->read || !(kind->by & sender)) {
        err_set(err, "%s is not spoken here", frame_kind_name(f->head.kind));
        return MR_INVALID;
    }
    return kind->read(s, f, err);
}

void session_read(struct session *s, const struct frame_head *head, const uint8_t *payload, size_t len)
{
    const struct kind *kind = &kinds[head->kind];
    struct frame_in frame = {*head, payload, len};
    struct err err = {{0}};

    if (!kind->handshake)
        session_step(s, &(struct handshake_event){.kind = HANDSHAKE_FRAME, .session = head->session});
    if (session_is_over(s))
        return;

    size_t cost = frame_cost(head->kind, len + FRAME_HEAD_BYTES);
    if (cost && lanes_received(&s->lanes, head->lane, cost) != MR_OK) {
        (void)session_fail(s, MR_INVALID, "a frame came for which there was no credit");
        return;
    }
    enum mr_rc rc = read_kind(s, kind, &frame, &err);
    if (rc != MR_OK)
        (void)session_fail(s, rc, err.text);
    else if (cost && head->kind != FRAME_CHUNK && lanes_consumed(&s->lanes, head->lane, cost, s->now_ns))
        s->express.credits |= 1U << head->lane;
}

void session_limit_live(struct session *s, uint32_t max_bytes)
{
    lanes_limit(&s->lanes, LANE_LIVE, max_bytes);
}

void session_hold_live(struct session *s, bool is_held)
{
    if (lanes_hold(&s->lanes, LANE_LIVE, is_held, s->now_ns))
        s->express.credits |= 1U << LANE_LIVE;
}
