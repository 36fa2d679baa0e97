/* batch_write.c - gathers records into batches and batches into one frame. Sizes are known before a byte is written, so
 * that a record that does not fit leaves nothing behind. */
#include "base/text.h"
#include "proto/batch.h"
#include "proto/batch_tags.h"
#include "proto/limits.h"

enum {
    BATCH_OPEN_BYTES = 1 + WIRE_PADDED_BYTES,                     /* tag and length of a batch */
    BATCH_HEAD_MAX_BYTES = 9 + 6 + 11 + 6 + 11 + 11 + 11 + 2 + 6, /* its fields 1..9 in their longest form */
    CALL_ID_BYTES = 1 + 8
};

void batch_writer_init(struct batch_writer *w, uint8_t *data, size_t max)
{
    *w = (struct batch_writer){.len = FRAME_HEAD_BYTES, .max = max};
    w->data = data;
    if (w->max > WIRE_PADDED_MAX) /* no batch may outgrow its padded length */
        w->max = WIRE_PADDED_MAX;
}

/* a - b, for times; false where it does not fit. */
static bool subtract(int64_t a, int64_t b, int64_t *ret)
{
    if (b < 0 ? a > INT64_MAX + b : a < INT64_MIN + b)
        return false;
    *ret = a - b;
    return true;
}

/* The lengths and numbers of a record as it will stand. */
struct shape {
    uint64_t skip;
    uint64_t dt; /* zigzag */
    bool has_dt;
    size_t call; /* bytes of the call's content, 0 = none */
    size_t inner;
};

static size_t bytes_size(size_t len)
{
    return 1 + wire_varint_size(len) + len;
}

static size_t call_size(const struct record_call *call)
{
    return CALL_ID_BYTES + wire_field_size(call->reply_topic) + wire_field_size(call->wait_ms) +
           wire_field_size(call->rc) + (call->reason_len ? bytes_size(call->reason_len) : 0);
}

/* Would the reader take it? */
static bool call_is_valid(const struct record_call *call)
{
    return call->rc <= CALL_RC_MAX && call->reason_len <= CALL_REASON_MAX_BYTES &&
           (!call->reason_len ||
            (!memchr(call->reason, 0, call->reason_len) && text_is_utf8(call->reason, call->reason_len)));
}

static enum mr_rc shape_record(const struct batch_head *head, const struct record *record, uint64_t skip,
                               struct shape *ret)
{
    int64_t dt = 0;

    if (record->body_len > WIRE_PADDED_MAX)
        return MR_TOO_BIG;
    ret->skip = skip;
    ret->has_dt = record->source_us != MR_NO_TIME;
    if (ret->has_dt && !subtract(record->source_us, head->base_us, &dt))
        return MR_INVALID;
    ret->dt = wire_zigzag(dt);
    ret->call = record->call.id ? call_size(&record->call) : 0;
    ret->inner = 1 + wire_varint_size(record->topic) + wire_field_size(skip) + wire_field_size(record->flags);
    if (ret->has_dt)
        ret->inner += 1 + wire_varint_size(ret->dt);
    if (ret->call)
        ret->inner += bytes_size(ret->call);
    if (record->body_len)
        ret->inner += bytes_size(record->body_len);
    return MR_OK;
}

static uint8_t *put_call(uint8_t *out, const struct record_call *call, size_t size)
{
    *out++ = RECORD_CALL;
    out = wire_put_varint(out, size);
    *out++ = CALL_ID;
    out = wire_put_raw(out, &call->id, sizeof call->id);
    out = wire_put_field(out, CALL_REPLY_TOPIC, call->reply_topic);
    out = wire_put_field(out, CALL_WAIT, call->wait_ms);
    out = wire_put_field(out, CALL_RC, call->rc);
    if (call->reason_len) {
        *out++ = CALL_REASON;
        out = wire_put_varint(out, call->reason_len);
        out = wire_put_raw(out, call->reason, call->reason_len);
    }
    return out;
}

static uint8_t *put_record(uint8_t *out, const struct record *record, const struct shape *shape)
{
    *out++ = BATCH_RECORD;
    out = wire_put_varint(out, shape->inner);
    *out++ = RECORD_TOPIC;
    out = wire_put_varint(out, record->topic);
    out = wire_put_field(out, RECORD_SKIP, shape->skip);
    if (shape->has_dt) {
        *out++ = RECORD_DT;
        out = wire_put_varint(out, shape->dt);
    }
    out = wire_put_field(out, RECORD_FLAGS, record->flags);
    if (shape->call)
        out = put_call(out, &record->call, shape->call);
    if (record->body_len) {
        *out++ = RECORD_BODY;
        out = wire_put_varint(out, record->body_len);
        out = wire_put_raw(out, record->body, record->body_len);
    }
    return out;
}

/* Encodes a head; *ret_len bytes of `out`. MR_INVALID: times too far apart, or a clock state that is none. */
static enum mr_rc put_head(uint8_t out[BATCH_HEAD_MAX_BYTES], const struct batch_head *head, uint64_t first_seq,
                           size_t *ret_len)
{
    int64_t agent, broker = 0;
    uint8_t *at = out;

    if (head->clock > CLOCK_UNSYNCED || !subtract(head->agent_us, head->base_us, &agent) ||
        (head->broker_us != MR_NO_TIME && !subtract(head->broker_us, head->base_us, &broker)))
        return MR_INVALID;
    if (head->birth) {
        *at++ = BATCH_BIRTH;
        at = wire_put_raw(at, &head->birth, sizeof head->birth);
    }
    at = wire_put_field(at, BATCH_LINK, head->link);
    at = wire_put_field(at, BATCH_FIRST_SEQ, first_seq);
    at = wire_put_field(at, BATCH_PUBLISHER, head->publisher);
    at = wire_put_field(at, BATCH_BASE, wire_zigzag(head->base_us));
    at = wire_put_field(at, BATCH_AGENT, wire_zigzag(agent));
    if (head->broker_us != MR_NO_TIME) {
        *at++ = BATCH_BROKER;
        at = wire_put_varint(at, wire_zigzag(broker));
    }
    at = wire_put_field(at, BATCH_CLOCK, head->clock);
    at = wire_put_field(at, BATCH_INTEREST, head->interest);
    *ret_len = (size_t)(at - out);
    return MR_OK;
}

static bool head_equal(const struct batch_head *a, const struct batch_head *b)
{
    return a->birth == b->birth && a->base_us == b->base_us && a->agent_us == b->agent_us &&
           a->broker_us == b->broker_us && a->link == b->link && a->publisher == b->publisher &&
           a->interest == b->interest && a->clock == b->clock;
}

/* Can the record stand in the open batch? */
static bool goes_on(const struct batch_writer *w, const struct batch_head *head, const struct record *record)
{
    if (!w->open_at || w->records >= BATCH_MAX_RECORDS || !head_equal(&w->head, head))
        return false;
    return record->call.id || (record->seq >= w->next_seq && record->seq - w->next_seq <= UINT32_MAX);
}

static void close_batch(struct batch_writer *w)
{
    if (w->open_at)
        wire_put_padded(w->data + w->open_at, w->len - w->open_at - WIRE_PADDED_BYTES);
    w->open_at = 0;
}

static void add_record(struct batch_writer *w, const struct record *record, const struct shape *shape)
{
    w->len = (size_t)(put_record(w->data + w->len, record, shape) - w->data);
    w->records++;
    if (!record->call.id)
        w->next_seq = record->seq + 1;
}

/* Writes the record into a batch of its own, or says why not: also what a record without room in the open batch gets. */
static enum mr_rc begin_batch(struct batch_writer *w, const struct batch_head *head, const struct record *record,
                              bool may_write)
{
    uint8_t bytes[BATCH_HEAD_MAX_BYTES];
    uint64_t first_seq = record->call.id ? 0 : record->seq;
    struct shape shape;
    size_t head_len, need;
    enum mr_rc rc = shape_record(head, record, 0, &shape);

    if (!rc)
        rc = put_head(bytes, head, first_seq, &head_len);
    if (rc)
        return rc;
    need = BATCH_OPEN_BYTES + head_len + bytes_size(shape.inner);
    if (need > w->max || w->max - need < FRAME_HEAD_BYTES)
        return MR_TOO_BIG;
    if (!may_write || w->max - need < w->len)
        return MR_WOULD_BLOCK;

    close_batch(w);
    w->data[w->len] = BATCHES_BATCH;
    w->open_at = w->len + 1;
    w->len += BATCH_OPEN_BYTES;
    w->len = (size_t)(wire_put_raw(w->data + w->len, bytes, head_len) - w->data);
    w->head = *head;
    w->records = 0;
    w->next_seq = first_seq;
    add_record(w, record, &shape);
    return MR_OK;
}

enum mr_rc batch_write(struct batch_writer *w, const struct batch_head *head, const struct record *record)
{
    struct shape shape;

    if (!record->topic || (record->call.id ? !call_is_valid(&record->call) : record->seq == UINT64_MAX))
        return MR_INVALID;
    if (!goes_on(w, head, record))
        return begin_batch(w, head, record, true);

    enum mr_rc rc = shape_record(head, record, record->call.id ? 0 : record->seq - w->next_seq, &shape);
    if (rc)
        return rc;
    if (bytes_size(shape.inner) > w->max - w->len)
        return begin_batch(w, head, record, false);
    add_record(w, record, &shape);
    return MR_OK;
}

void batch_writer_close(struct batch_writer *w, size_t *ret_len)
{
    close_batch(w);
    *ret_len = w->len;
}

size_t batch_writer_room(const struct batch_writer *w)
{
    return w->max - w->len;
}

bool batch_writer_is_empty(const struct batch_writer *w)
{
    return w->len <= FRAME_HEAD_BYTES;
}
