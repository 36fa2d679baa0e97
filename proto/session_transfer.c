/* session_transfer.c - see session_transfer.h. */
#include "proto/session_transfer.h"

#include "proto/session_private.h"

enum { FIRST_VERSION = 2 };

bool session_has_transfers(const struct session *s)
{
    return session_is_up(s) && s->handshake.version >= FIRST_VERSION;
}

/* -- out -- */
/* Behind all that was said before on the control lane: names are known when they are used. */
static enum mr_rc say(struct session *s, const struct transfer *t)
{
    struct blob *frame = blob_new(TRANSFER_FRAME_MAX_BYTES);
    size_t len;

    if (!frame)
        return MR_NO_MEMORY;
    enum mr_rc rc = transfer_write(frame->data, t, &len);
    if (rc == MR_OK)
        rc = session_close_gather(s);
    if (rc != MR_OK) {
        blob_unref(frame);
        return rc;
    }
    frame->len = len;
    frame_write_head(frame->data, &(struct frame_head){FRAME_TRANSFER, LANE_CONTROL, s->handshake.session});
    return session_queue(s, LANE_CONTROL, frame);
}

enum mr_rc session_begin_transfer(struct session *s, const struct transfer *t, uint32_t *ret_id)
{
    struct transfer said = *t;

    if (!session_has_transfers(s))
        return session_is_up(s) ? MR_INVALID : MR_CLOSED;
    if (s->last_transfer == UINT32_MAX)
        return MR_INVALID; /* as many as a session can number */
    said.id = s->last_transfer + 1;
    enum mr_rc rc = say(s, &said);
    if (rc == MR_OK)
        *ret_id = ++s->last_transfer;
    return rc;
}

enum mr_rc session_end_transfer(struct session *s, uint32_t id, enum mr_cause cause)
{
    if (!session_is_up(s))
        return MR_CLOSED;
    return say(s, &(struct transfer){.id = id, .cause = cause});
}

enum mr_rc session_put_chunk(struct session *s, const struct chunk *chunk)
{
    if (!session_is_up(s))
        return MR_CLOSED;
    if (s->lanes.queue[LANE_BULK].count >= SESSION_CHUNKS_AHEAD ||
        lanes_room(&s->lanes, LANE_BULK) < blob_size(CHUNK_FRAME_MAX_BYTES) + sizeof(struct blob *))
        return MR_WOULD_BLOCK;
    if (session_close_gather(s) != MR_OK)
        return MR_CLOSED;
    struct blob *frame = blob_new(CHUNK_FRAME_MAX_BYTES);
    if (!frame)
        return MR_NO_MEMORY;
    frame->len = chunk_write(frame->data, chunk);
    frame_write_head(frame->data, &(struct frame_head){FRAME_CHUNK, LANE_BULK, s->handshake.session});
    enum mr_rc rc = lanes_push(&s->lanes, LANE_BULK, frame);
    if (rc != MR_OK)
        blob_unref(frame);
    return rc == MR_TOO_BIG ? MR_WOULD_BLOCK : rc;
}

/* -- in -- */
enum mr_rc session_on_transfer(struct session *s, const uint8_t *payload, size_t len, struct err *err)
{
    struct transfer t;
    bool was_open = true;
    enum mr_rc rc = transfer_read(payload, len, &t);

    if (rc == MR_OK)
        rc = t.total ? transfers_begin(&s->transfers, &t) : transfers_end(&s->transfers, t.id, &was_open);
    if (rc != MR_OK)
        err_set(err, "a transfer is not valid, or is one too many");
    else if (was_open && s->events->on_transfer)
        s->events->on_transfer(s->user, &t);
    return rc;
}

enum mr_rc session_on_chunk(struct session *s, const uint8_t *payload, size_t len, struct err *err)
{
    struct chunk chunk;
    bool is_open = false;
    enum mr_rc rc = chunk_read(payload, len, &chunk);

    if (rc == MR_OK)
        rc = transfers_take(&s->transfers, &chunk, &is_open);
    if (rc != MR_OK) {
        err_set(err, "a chunk is not valid, or not the next of its transfer");
        return rc;
    }
    chunk.cost = (uint32_t)frame_cost(FRAME_CHUNK, len + FRAME_HEAD_BYTES);
    if (is_open && s->events->on_chunk)
        s->events->on_chunk(s->user, &chunk);
    else
        session_chunk_done(s, chunk.cost);
    return MR_OK;
}

void session_chunk_done(struct session *s, uint32_t cost)
{
    if (lanes_consumed(&s->lanes, LANE_BULK, cost, s->now_ns))
        s->express.credits |= 1U << LANE_BULK;
}
