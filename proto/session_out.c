/* session_out.c - records on their way out: gathered into a lane's open frame, queued, and what a full queue costs. */
#include "proto/session_private.h"
#include "proto/session_transfer.h"

/* Room for everything of a record but its body and reason, and for the heads around it. */
enum { RECORD_AROUND_BYTES = 256, RECORD_HEAD_BYTES = 48 };

static bool drops(enum lane lane)
{
    return lane == LANE_LIVE;
}

/* -- the queue -- */

static void note_lost(struct session *s, struct blob *frame)
{
    uint64_t records = 0;

    if (losses_note_frame(&s->losses, frame, &records) != MR_OK)
        (void)session_fail(s, MR_NO_MEMORY, "no memory to remember what was dropped");
    s->dropped_untold[LANE_LIVE] += records;
    s->stats.dropped_records += records;
    blob_unref(frame);
}

enum mr_rc session_queue(struct session *s, enum lane lane, struct blob *frame)
{
    enum mr_rc rc;

    while ((rc = lanes_push(&s->lanes, lane, frame)) == MR_WOULD_BLOCK && !session_is_over(s))
        note_lost(s, lanes_drop(&s->lanes));
    if (rc == MR_OK)
        return MR_OK;
    if (drops(lane)) {
        note_lost(s, frame);
        return rc == MR_TOO_BIG ? MR_OK : rc;
    }
    blob_unref(frame);
    (void)session_fail(
        s, rc, rc == MR_NO_MEMORY ? "no memory to queue a frame" : "the peer takes its control frames too slowly");
    return MR_CLOSED;
}

static enum mr_rc front(struct session *s, enum frame_kind kind, struct buf *payload)
{
    struct blob *frame = session_frame(s, kind, LANE_LIVE, payload);

    if (!frame)
        return MR_NO_MEMORY;
    enum mr_rc rc = lanes_push_front(&s->lanes, LANE_LIVE, frame);
    if (rc != MR_OK)
        blob_unref(frame);
    return rc;
}

/* The end of a snapshot whose frame was dropped; what was lost before it has been told. */
static enum mr_rc tell_end_of_snapshot(struct session *s, struct buf *payload)
{
    enum mr_rc rc = control_write_snapshot_end(payload, s->losses.ends[0]);

    if (rc == MR_OK)
        rc = front(s, FRAME_SNAPSHOT_END, payload);
    if (rc == MR_OK)
        losses_take_end(&s->losses);
    return rc;
}

/* One announcement at a time, and only when it is taken next: so nothing can come between, nor drop it again. */
bool session_tell_losses(struct session *s)
{
    struct buf payload;
    enum mr_rc rc;

    if (losses_is_empty(&s->losses) || !lanes_live_is_next(&s->lanes))
        return true;
    buf_init(&payload, BATCH_MAX_BYTES);
    if (losses_is_told(&s->losses)) {
        rc = tell_end_of_snapshot(s, &payload);
    } else {
        rc = losses_write(&s->losses, &payload);
        if (rc == MR_OK)
            rc = front(s, FRAME_LOSSES, &payload);
        if (rc != MR_OK)
            s->losses.is_overfull = true;
    }
    buf_fini(&payload);
    return rc == MR_OK;
}

/* -- the open frames -- */

/* The writer's frame, cut to its length: copied where much of the buffer would go unused, so that what is queued takes the
 * memory that is counted. Without memory for the copy the buffer itself goes. */
static struct blob *cut_frame(struct session *s, struct frame_writer *w, enum lane lane)
{
    struct blob *whole = w->blob;
    size_t len;

    batch_writer_close(&w->batches, &len);
    frame_write_head(whole->data, &(struct frame_head){FRAME_BATCHES, lane, s->handshake.session});
    if (len < s->max_frame_bytes - s->max_frame_bytes / 8) {
        struct blob *copy = blob_copy(whole->data, len);
        if (copy) {
            batch_writer_init(&w->batches, whole->data, s->max_frame_bytes);
            return copy;
        }
    }
    w->blob = NULL;
    whole->len = len;
    return whole;
}

enum mr_rc session_close_frame(struct session *s, enum lane lane)
{
    struct frame_writer *w = &s->writers[lane];

    if (!w->blob || batch_writer_is_empty(&w->batches))
        return MR_OK;
    if (!drops(lane) && lanes_room(&s->lanes, lane) < blob_size(w->batches.len) + sizeof(struct blob *))
        return MR_WOULD_BLOCK;
    if (session_close_gather(s) != MR_OK) /* names go before the records that use them */
        return MR_CLOSED;
    return session_queue(s, lane, cut_frame(s, w, lane));
}

static enum mr_rc open_frame(struct session *s, struct frame_writer *w)
{
    w->was_used = true;
    if (w->blob)
        return MR_OK;
    w->blob = blob_new(s->max_frame_bytes);
    if (!w->blob)
        return MR_NO_MEMORY;
    batch_writer_init(&w->batches, w->blob->data, s->max_frame_bytes);
    return MR_OK;
}

/* A record that is longer than a frame should be gets one of its own. */
static enum mr_rc put_large(struct session *s, enum lane lane, const struct batch_head *head,
                            const struct record *record)
{
    size_t size = (size_t)record->body_len + record->call.reason_len + RECORD_AROUND_BYTES;
    struct frame_writer large;
    size_t len;

    if (record->body_len > AGENT_FRAME_MAX_BYTES || size > AGENT_FRAME_MAX_BYTES)
        return MR_TOO_BIG;
    if (!drops(lane) && lanes_room(&s->lanes, lane) < blob_size(size) + sizeof(struct blob *))
        return MR_WOULD_BLOCK;
    enum mr_rc rc = session_close_frame(s, lane);
    if (rc == MR_OK)
        rc = session_close_gather(s);
    if (rc != MR_OK)
        return rc;
    large.blob = blob_new(size);
    if (!large.blob)
        return MR_NO_MEMORY;
    batch_writer_init(&large.batches, large.blob->data, size);
    rc = batch_write(&large.batches, head, record);
    if (rc != MR_OK) {
        blob_unref(large.blob);
        return rc;
    }
    batch_writer_close(&large.batches, &len);
    large.blob->len = len;
    frame_write_head(large.blob->data, &(struct frame_head){FRAME_BATCHES, lane, s->handshake.session});
    return session_queue(s, lane, large.blob);
}

static enum mr_rc put(struct session *s, enum lane lane, const struct batch_head *head, const struct record *record)
{
    struct frame_writer *w = &s->writers[lane];
    enum mr_rc rc = open_frame(s, w);

    if (rc != MR_OK)
        return rc;
    rc = batch_write(&w->batches, head, record);
    if (rc == MR_WOULD_BLOCK) {
        rc = session_close_frame(s, lane);
        if (rc == MR_OK)
            rc = open_frame(s, w);
        if (rc == MR_OK)
            rc = batch_write(&w->batches, head, record);
    }
    return rc == MR_TOO_BIG ? put_large(s, lane, head, record) : rc;
}

enum mr_rc session_reserve(struct session *s, enum lane lane, size_t n, size_t body_bytes)
{
    struct frame_writer *w = &s->writers[lane];
    if (!session_is_up(s))
        return MR_CLOSED;
    if (n > BATCH_MAX_RECORDS || body_bytes > s->max_frame_bytes)
        return MR_TOO_BIG;
    size_t bytes = body_bytes + n * RECORD_HEAD_BYTES + RECORD_AROUND_BYTES;
    if (bytes > s->max_frame_bytes)
        return MR_TOO_BIG;
    if (w->blob && batch_writer_room(&w->batches) < bytes) {
        enum mr_rc rc = session_close_frame(s, lane);
        if (rc)
            return rc;
    }
    return open_frame(s, w);
}

/* A live record for which there was no memory is lost like any other. */
static void note_lost_record(struct session *s, const struct batch_head *head, const struct record *record)
{
    s->dropped_untold[LANE_LIVE]++;
    s->stats.dropped_records++;
    if (record->call.id || head->interest)
        return;
    losses_note(&s->losses, &(struct session_loss){.publisher = head->publisher,
                                                   .link = head->link,
                                                   .birth = head->birth,
                                                   .first = record->seq,
                                                   .last = record->seq,
                                                   .count = 1,
                                                   .cause = MR_SLOW_READER});
}

enum mr_rc session_put(struct session *s, enum lane lane, const struct batch_head *head, const struct record *record)
{
    if (!session_is_up(s))
        return MR_CLOSED;
    if (lane <= LANE_CONTROL || lane >= LANE_COUNT)
        return MR_INVALID;
    if (s->gather.kind && s->gather.lane == lane && session_close_gather(s) != MR_OK)
        return MR_CLOSED;

    enum mr_rc rc = put(s, lane, head, record);
    if (rc == MR_OK)
        s->stats.records_out++;
    else if (rc == MR_NO_MEMORY && drops(lane))
        note_lost_record(s, head, record);
    return rc;
}

void session_flush(struct session *s)
{
    if (!session_is_up(s))
        return;
    session_pump_interest(s);
    if (session_close_gather(s) != MR_OK)
        return;
    for (int lane = LANE_COMMAND; lane < LANE_COUNT; lane++)
        s->writers[lane].is_due = session_close_frame(s, (enum lane)lane) == MR_WOULD_BLOCK;
}

void session_close_due(struct session *s)
{
    for (int lane = LANE_COMMAND; lane < LANE_COUNT; lane++)
        if (s->writers[lane].is_due)
            s->writers[lane].is_due = session_close_frame(s, (enum lane)lane) == MR_WOULD_BLOCK;
}

void session_free_writers(struct session *s, bool only_idle)
{
    for (int lane = 0; lane < LANE_COUNT; lane++) {
        struct frame_writer *w = &s->writers[lane];
        bool is_idle = !w->was_used && (!w->blob || batch_writer_is_empty(&w->batches));
        if (is_idle || !only_idle) {
            blob_unref(w->blob);
            w->blob = NULL;
        }
        w->was_used = false;
    }
    if (!s->gather.kind || !only_idle)
        buf_fini(&s->gather.buf);
}

/* -- figures -- */

static size_t open_bytes(const struct frame_writer *w)
{
    return w->blob && !batch_writer_is_empty(&w->batches) ? w->batches.len : 0;
}

size_t session_queued_bytes(const struct session *s)
{
    size_t bytes = s->lanes.bytes + s->gather.buf.len;

    for (int lane = 0; lane < LANE_COUNT; lane++)
        bytes += open_bytes(&s->writers[lane]);
    return bytes;
}

/* Of a lane, not yet closed. */
static size_t gathered_bytes(const struct session *s, enum lane lane)
{
    return open_bytes(&s->writers[lane]) + (s->gather.kind && s->gather.lane == lane ? s->gather.buf.len : 0);
}

size_t session_queued_on(const struct session *s, enum lane lane)
{
    return s->lanes.queue[lane].bytes + gathered_bytes(s, lane);
}

size_t session_room(const struct session *s, enum lane lane)
{
    size_t room = lanes_room(&s->lanes, lane);
    size_t open = gathered_bytes(s, lane);

    return room > open ? room - open : 0;
}
