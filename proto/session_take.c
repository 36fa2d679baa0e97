/* session_take.c - which frame goes next: what costs no credit, then the lanes in their order, a BYE last. */
#include "proto/session_private.h"

static struct blob *small_frame(const struct session *s, enum frame_kind kind, enum mr_rc rc, struct buf *payload)
{
    struct blob *frame = rc == MR_OK ? session_frame(s, kind, LANE_CONTROL, payload) : NULL;

    buf_fini(payload);
    return frame;
}

static struct blob *credit_frame(struct session *s, struct buf *payload)
{
    int lane = 0;

    while (!(s->express.credits & (1U << lane)))
        lane++;
    struct control_credit credit = {(enum lane)lane, lanes_grant(&s->lanes, (enum lane)lane)};
    struct blob *frame = small_frame(s, FRAME_CREDIT, control_write_credit(payload, &credit), payload);
    if (frame)
        s->express.credits &= ~(1U << lane);
    return frame;
}

static struct blob *pong_frame(struct session *s, struct buf *payload)
{
    const struct control_ping *ping = &s->express.to_answer;
    struct control_pong pong = {ping->number, ping->sent_ns, ping->real_us, session_utc_us(s), s->clock};
    struct blob *frame = small_frame(s, FRAME_PONG, control_write_pong(payload, &pong), payload);

    s->express.pong = !frame;
    return frame;
}

/* Frames that cost nothing, in the order of their urgency. */
static struct blob *take_express(struct session *s)
{
    struct express *x = &s->express;
    struct blob *frame = x->greeting;
    struct buf payload;

    x->greeting = NULL;
    if (frame || !session_is_up(s))
        return frame;
    buf_init(&payload, SESSION_MIN_FRAME_BYTES);
    if (x->pong)
        return pong_frame(s, &payload);
    if (x->ping) {
        frame = small_frame(s, FRAME_PING, control_write_ping(&payload, &x->to_send), &payload);
        x->ping = !frame;
        return frame;
    }
    return x->credits ? credit_frame(s, &payload) : NULL;
}

/* Live records, or the word that some are lost, for which there is no credit any more: the peer must not take the end for a
 * clean one. */
static bool leaves_something_unsaid(const struct session *s)
{
    return s->lanes.queue[LANE_LIVE].count || !losses_is_told(&s->losses);
}

static struct blob *take_bye(struct session *s)
{
    struct buf payload;

    if (!s->express.bye)
        return NULL;
    enum mr_rc rc = s->end_rc == MR_OK && leaves_something_unsaid(s) ? MR_UNKNOWN : s->end_rc;
    struct control_bye bye = {rc, s->end_reason, s->end_retry_ms};
    s->express.bye = false;
    s->is_draining = false;
    session_drop_queues(s);
    buf_init(&payload, SESSION_MIN_FRAME_BYTES);
    return small_frame(s, FRAME_BYE, control_write_bye(&payload, &bye), &payload);
}

static struct blob *take_queued(struct session *s)
{
    enum lane lane;

    if (!session_is_up(s) && !s->is_draining)
        return NULL;
    if (!session_tell_losses(s))
        return NULL;
    struct blob *frame = lanes_take(&s->lanes, &lane);
    session_close_due(s);
    if (frame && lanes_wants_mark(&s->lanes))
        session_probe(s, &(struct probe_event){.kind = PROBE_PING});
    return frame;
}

struct blob *session_take(struct session *s, int64_t now_ns)
{
    s->now_ns = now_ns;
    struct blob *frame = take_express(s);
    if (!frame)
        frame = take_queued(s);
    if (!frame)
        frame = take_bye(s);
    if (!frame)
        return NULL;
    s->stats.frames_out++;
    s->stats.bytes_out += frame->len;
    session_probe(s, &(struct probe_event){.kind = PROBE_SENT});
    return frame;
}

bool session_has_output(const struct session *s)
{
    const struct express *x = &s->express;

    if (x->greeting || x->bye)
        return true;
    if (!session_is_up(s))
        return false;
    return x->ping || x->pong || x->credits || lanes_can_take(&s->lanes) ||
           (!losses_is_empty(&s->losses) && lanes_live_is_next(&s->lanes));
}
