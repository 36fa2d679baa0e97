/* session_control.c - control messages on their way out: gathered into frames, in the order they were said. */
#include <string.h>

#include "proto/session_private.h"

/* How one message or entry is written: a frame of `kind` begins with its prefix, if it has one, then entries follow. */
typedef enum mr_rc write_fn(struct buf *out, const void *what);
struct message {
    enum frame_kind kind;
    enum lane lane;
    write_fn *write;
    const void *entry;
    write_fn *write_prefix;
    const void *prefix;
};

struct blob *session_frame(const struct session *s, enum frame_kind kind, enum lane lane, const struct buf *payload)
{
    struct blob *frame = blob_new(FRAME_HEAD_BYTES + payload->len);

    if (!frame)
        return NULL;
    frame_write_head(frame->data, &(struct frame_head){kind, lane, s->handshake.session});
    if (payload->len)
        memcpy(frame->data + FRAME_HEAD_BYTES, payload->data, payload->len);
    return frame;
}

enum mr_rc session_close_gather(struct session *s)
{
    struct gather *g = &s->gather;
    enum frame_kind kind = g->kind;

    if (!kind)
        return MR_OK;
    g->kind = FRAME_NONE;
    struct blob *frame = session_frame(s, kind, g->lane, &g->buf);
    buf_clear(&g->buf);
    if (!frame) {
        (void)session_fail(s, MR_NO_MEMORY, "no memory for a control frame");
        return MR_CLOSED;
    }
    return session_queue(s, g->lane, frame) == MR_CLOSED ? MR_CLOSED : MR_OK;
}

static enum mr_rc open_gather(struct session *s, const struct message *m)
{
    enum mr_rc rc = session_close_gather(s);

    if (rc == MR_OK && m->lane == LANE_LIVE && session_close_frame(s, LANE_LIVE) == MR_CLOSED)
        rc = MR_CLOSED;
    if (rc == MR_OK && m->write_prefix)
        rc = m->write_prefix(&s->gather.buf, m->prefix);
    if (rc != MR_OK)
        return rc;
    s->gather.kind = m->kind;
    s->gather.lane = m->lane;
    s->gather.is_fresh = true;
    return MR_OK;
}

static enum mr_rc write_entry(struct session *s, const struct message *m)
{
    enum mr_rc rc = m->write(&s->gather.buf, m->entry);

    if (rc == MR_TOO_BIG && !s->gather.is_fresh) {
        rc = open_gather(s, m);
        if (rc == MR_OK)
            rc = m->write(&s->gather.buf, m->entry);
    }
    if (rc == MR_OK)
        s->gather.is_fresh = false;
    return rc;
}

/* Appends to the open frame, or to a new one where the open one is of another kind or full. */
static enum mr_rc say(struct session *s, const struct message *m)
{
    if (!session_is_up(s))
        return MR_CLOSED;
    if (s->gather.kind != m->kind || s->gather.lane != m->lane) {
        enum mr_rc rc = open_gather(s, m);
        if (rc != MR_OK)
            return rc;
    }
    enum mr_rc rc = write_entry(s, m);
    if (rc != MR_OK && s->gather.is_fresh) {
        s->gather.kind = FRAME_NONE; /* nothing but a prefix: as if never opened */
        buf_clear(&s->gather.buf);
    }
    return rc;
}

/* For messages of which a frame holds one. */
static enum mr_rc say_alone(struct session *s, const struct message *m)
{
    if (!session_is_up(s))
        return MR_CLOSED;
    enum mr_rc rc = session_close_gather(s);
    if (rc == MR_OK)
        rc = say(s, m);
    return rc == MR_OK ? session_close_gather(s) : rc;
}

/* A write_fn around control_write_<name>(), which says the type. */
#define WRITER(name, type)                                                                                             \
    static enum mr_rc write_##name(struct buf *out, const void *what)                                                  \
    {                                                                                                                  \
        const type *typed = what;                                                                                      \
        return control_write_##name(out, typed);                                                                       \
    }

WRITER(topic, struct session_topic)
WRITER(publisher, struct session_publisher)
WRITER(open, struct session_open)
WRITER(opened, struct session_opened)
WRITER(birth, struct session_birth)
WRITER(birth_tag, struct session_tag)
WRITER(death, struct session_death)
WRITER(state, struct session_state)
WRITER(error, struct control_error)
WRITER(loss, struct session_loss)
WRITER(interest_head, struct control_interest_head)
WRITER(interest_ack, struct control_interest_ack)
WRITER(refusal, struct session_refusal)

static enum mr_rc write_snapshot_end(struct buf *out, const void *what)
{
    const uint32_t *interest = what;

    return control_write_snapshot_end(out, *interest);
}

static enum mr_rc write_interest_change(struct buf *out, const void *what)
{
    const struct session_interest *entry = what;

    return entry->filter ? control_write_interest_entry(out, entry) : control_write_interest_remove(out, entry->id);
}

enum mr_rc session_name_topic(struct session *s, uint32_t id, const char *text)
{
    const struct session_topic topic = {id, text};

    return say(s, &(struct message){FRAME_NAMES, LANE_CONTROL, write_topic, &topic, NULL, NULL});
}

enum mr_rc session_name_publisher(struct session *s, const struct session_publisher *publisher)
{
    return say(s, &(struct message){FRAME_NAMES, LANE_CONTROL, write_publisher, publisher, NULL, NULL});
}

enum mr_rc session_open_topic(struct session *s, const struct session_open *open)
{
    return say(s, &(struct message){FRAME_OPEN, LANE_CONTROL, write_open, open, NULL, NULL});
}

enum mr_rc session_opened(struct session *s, const struct session_opened *opened)
{
    return say(s, &(struct message){FRAME_OPENED, LANE_CONTROL, write_opened, opened, NULL, NULL});
}

enum mr_rc session_state(struct session *s, const struct session_state *state)
{
    return say_alone(s, &(struct message){FRAME_STATE, LANE_CONTROL, write_state, state, NULL, NULL});
}

enum mr_rc session_death(struct session *s, const struct session_death *death)
{
    return say_alone(s, &(struct message){FRAME_DEATH, LANE_CONTROL, write_death, death, NULL, NULL});
}

enum mr_rc session_error(struct session *s, enum mr_rc rc, const char *reason, uint32_t topic, uint32_t retry_ms)
{
    const struct control_error error = {rc, reason, retry_ms, topic};

    return say_alone(s, &(struct message){FRAME_ERROR, LANE_CONTROL, write_error, &error, NULL, NULL});
}

/* As many frames as its tags need, each a whole birth. */
enum mr_rc session_birth(struct session *s, const struct session_birth *birth)
{
    struct session_birth bare = *birth;

    bare.tags = NULL;
    bare.n_tags = 0;
    if (birth->n_tags == 0)
        return say_alone(s, &(struct message){FRAME_BIRTH, LANE_CONTROL, write_birth, &bare, NULL, NULL});

    enum mr_rc rc = session_is_up(s) ? session_close_gather(s) : MR_CLOSED;
    for (size_t i = 0; i < birth->n_tags && rc == MR_OK; i++)
        rc = say(s, &(struct message){FRAME_BIRTH, LANE_CONTROL, write_birth_tag, &birth->tags[i], write_birth, &bare});
    return rc == MR_OK ? session_close_gather(s) : rc;
}

enum mr_rc session_loss(struct session *s, enum lane lane, const struct session_loss *loss)
{
    if (lane != LANE_LIVE && lane != LANE_CONTROL)
        return MR_INVALID;
    return say(s, &(struct message){FRAME_LOSSES, lane, write_loss, loss, NULL, NULL});
}

enum mr_rc session_snapshot_end(struct session *s, uint32_t interest)
{
    return say_alone(s, &(struct message){FRAME_SNAPSHOT_END, LANE_LIVE, write_snapshot_end, &interest, NULL, NULL});
}

/* -- interest -- */

/* What a reader would refuse must not get into the table: it would end the session later, without a culprit. */
static enum mr_rc check_entry(const struct session_interest *entry)
{
    struct buf scratch;

    if (!entry->filter)
        return MR_INVALID;
    buf_init(&scratch, SESSION_MIN_FRAME_BYTES);
    enum mr_rc rc = control_write_interest_entry(&scratch, entry);
    buf_fini(&scratch);
    return rc == MR_TOO_BIG ? MR_INVALID : rc;
}

enum mr_rc session_interest_add(struct session *s, const struct session_interest *entry)
{
    if (!session_is_up(s))
        return MR_CLOSED;
    if (s->role != SESSION_CLIENT)
        return MR_MISUSE;
    enum mr_rc rc = check_entry(entry);
    return rc == MR_OK ? interest_client_add(&s->wants, entry) : rc;
}

enum mr_rc session_interest_remove(struct session *s, uint32_t id)
{
    if (!session_is_up(s))
        return MR_CLOSED;
    return s->role == SESSION_CLIENT ? interest_client_remove(&s->wants, id) : MR_MISUSE;
}

uint64_t session_interest_version(const struct session *s)
{
    return s->wants.version;
}

static enum mr_rc say_part(struct session *s, const struct interest_part *part)
{
    const struct control_interest_head head = {part->version, part->snapshot, part->more};
    struct session_interest entry;
    struct message m = {FRAME_INTEREST, LANE_CONTROL, write_interest_change, &entry, write_interest_head, &head};
    enum mr_rc rc = open_gather(s, &m);

    while (rc == MR_OK && interest_client_next(&s->wants, &entry))
        rc = m.write(&s->gather.buf, &entry);
    return rc == MR_OK ? session_close_gather(s) : rc;
}

void session_pump_interest(struct session *s)
{
    struct interest_part part;

    while (session_is_up(s) && interest_client_part(&s->wants, &part) == MR_OK)
        if (say_part(s, &part) != MR_OK)
            (void)session_fail(s, MR_NO_MEMORY, "no memory to tell the interest");
}

enum mr_rc session_interest_refuse(struct session *s, const struct session_refusal *refusal)
{
    if (s->role != SESSION_SERVER)
        return MR_MISUSE;
    const struct control_interest_ack ack = {.version = s->wanted.acked, .partial = s->wanted.partial};
    struct message m = {FRAME_INTEREST_ACK, LANE_CONTROL, write_refusal, refusal, write_interest_ack, &ack};
    enum mr_rc rc = say(s, &m);

    if (rc == MR_OK)
        (void)interest_server_drop(&s->wanted, refusal->id);
    return rc;
}

enum mr_rc session_interest_ack(struct session *s, uint64_t version, bool partial)
{
    if (!session_is_up(s))
        return MR_CLOSED;
    if (s->role != SESSION_SERVER)
        return MR_MISUSE;
    enum mr_rc rc = interest_server_ack(&s->wanted, version, partial);
    const struct control_interest_ack ack = {.version = version, .partial = partial};

    if (rc == MR_OK)
        rc = say_alone(s, &(struct message){FRAME_INTEREST_ACK, LANE_CONTROL, write_interest_ack, &ack, NULL, NULL});
    return rc;
}
