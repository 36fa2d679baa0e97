/* chunk.c - see chunk.h. */
#include "proto/chunk.h"

#include <string.h>

#include "proto/batch_tags.h"
#include "proto/value.h"

static const uint32_t flags_never = MR_KEEP | MR_CLEAR | MR_FROM_SNAPSHOT | MR_STALE;

enum { CAUSE_MAX = 255 };

/* -- what may be said -- */
static bool is_whole(uint32_t type, uint32_t total)
{
    if (type == MR_F64_ARRAY)
        return total % sizeof(double) == 0;
    return type != MR_F32_ARRAY || total % sizeof(float) == 0;
}

static bool begin_is_valid(const struct transfer *t)
{
    const struct mr_value *v = &t->value.value;

    return t->total > VALUE_MAX_BYTES && t->total <= TRANSFER_MAX_BYTES && !t->record.call.id && !t->head.interest &&
           !(t->record.flags & flags_never) && t->value.has_value && value_has_bytes(v->type) && v->len == 0 &&
           is_whole(v->type, t->total);
}

static bool read_value(struct transfer *t)
{
    return t->record.body_len <= TRANSFER_BODY_MAX_BYTES &&
           body_read(t->record.body, t->record.body_len, &t->value, NULL) == MR_OK; /* empty: no scratch is needed */
}

/* -- reading -- */
/* One batch of one record. */
static bool read_record(struct wire batch, struct transfer *ret)
{
    struct batches_reader frame;
    struct batch_reader reader;
    struct record second;

    batches_read_init(&frame, batch.at, (size_t)(batch.end - batch.at));
    if (batches_next(&frame, &reader) || batch_next(&reader, &ret->record) ||
        batch_next(&reader, &second) != MR_NOT_FOUND)
        return false;
    ret->head = reader.head;
    return read_value(ret);
}

/* The batch's field as it stands, tag and length included. */
static bool take_batch(struct wire *w, struct wire *ret)
{
    struct wire content;

    *ret = (struct wire){w->at, w->at};
    if (wire_take_tag(w, TRANSFER_BATCH) && !wire_bytes(w, &content))
        return false;
    ret->end = w->at;
    return true;
}

enum mr_rc transfer_read(const uint8_t *payload, size_t len, struct transfer *ret)
{
    struct wire w = {payload, payload + len}, batch;
    struct transfer t = {.id = 0};
    uint32_t cause = 0;

    if (!take_batch(&w, &batch) || !wire_opt_u32(&w, TRANSFER_ID, &t.id) ||
        !wire_opt_u32(&w, TRANSFER_TOTAL, &t.total) || !wire_opt_u32(&w, TRANSFER_CAUSE, &cause) ||
        !wire_skip_unknown(&w, TRANSFER_LAST_FIELD, WIRE_NUMBER_MAX + 1))
        return MR_INVALID;
    bool is_begin = wire_left(&batch);
    if (!t.id || cause > CAUSE_MAX || is_begin == (cause != 0))
        return MR_INVALID;
    t.cause = (enum mr_cause)cause;
    if (is_begin ? !read_record(batch, &t) || !begin_is_valid(&t) : t.total != 0)
        return MR_INVALID;
    *ret = t;
    return MR_OK;
}

/* What can be known of a chunk by itself. */
static bool chunk_is_valid(const struct chunk *c)
{
    return c->transfer && c->len && c->len <= TRANSFER_CHUNK_BYTES && c->offset % TRANSFER_CHUNK_BYTES == 0 &&
           c->offset < TRANSFER_MAX_BYTES && c->len <= TRANSFER_MAX_BYTES - c->offset;
}

enum mr_rc chunk_read(const uint8_t *payload, size_t len, struct chunk *ret)
{
    struct wire w = {payload, payload + len}, data;
    struct chunk c = {.transfer = 0};

    if (!wire_opt_u32(&w, CHUNK_TRANSFER, &c.transfer) || !wire_opt_u32(&w, CHUNK_OFFSET, &c.offset) ||
        !wire_take_tag(&w, CHUNK_DATA) || !wire_bytes(&w, &data) ||
        !wire_skip_unknown(&w, CHUNK_LAST_FIELD, WIRE_NUMBER_MAX + 1) || data.end - data.at > TRANSFER_CHUNK_BYTES)
        return MR_INVALID;
    c.data = data.at;
    c.len = (uint32_t)(data.end - data.at);
    if (!chunk_is_valid(&c))
        return MR_INVALID;
    *ret = c;
    return MR_OK;
}

/* -- writing -- */
static enum mr_rc write_end(uint8_t *frame, const struct transfer *t, size_t *ret_len)
{
    uint8_t *at = frame + FRAME_HEAD_BYTES;

    if (!t->id || (unsigned)t->cause > CAUSE_MAX || !t->cause)
        return MR_INVALID;
    at = wire_put_field(at, TRANSFER_ID, t->id);
    at = wire_put_field(at, TRANSFER_CAUSE, (uint64_t)t->cause);
    *ret_len = (size_t)(at - frame);
    return MR_OK;
}

enum mr_rc transfer_write(uint8_t frame[TRANSFER_FRAME_MAX_BYTES], const struct transfer *t, size_t *ret_len)
{
    enum { NUMBERS_BYTES = 2 * (1 + WIRE_LENGTH_MAX_BYTES) };
    struct batch_writer writer;
    struct transfer said = *t;
    size_t len;

    if (!t->total)
        return write_end(frame, t, ret_len);
    if (!t->id || !read_value(&said) || !begin_is_valid(&said))
        return MR_INVALID;
    batch_writer_init(&writer, frame, TRANSFER_FRAME_MAX_BYTES - NUMBERS_BYTES);
    enum mr_rc rc = batch_write(&writer, &t->head, &t->record);
    if (rc)
        return MR_INVALID;
    batch_writer_close(&writer, &len);
    uint8_t *at = wire_put_field(frame + len, TRANSFER_ID, t->id);
    at = wire_put_field(at, TRANSFER_TOTAL, t->total);
    *ret_len = (size_t)(at - frame);
    return MR_OK;
}

size_t chunk_write(uint8_t frame[CHUNK_FRAME_MAX_BYTES], const struct chunk *chunk)
{
    uint8_t *at = frame + FRAME_HEAD_BYTES;

    at = wire_put_field(at, CHUNK_TRANSFER, chunk->transfer);
    at = wire_put_field(at, CHUNK_OFFSET, chunk->offset);
    *at++ = CHUNK_DATA;
    at = wire_put_varint(at, chunk->len);
    return (size_t)(wire_put_raw(at, chunk->data, chunk->len) - frame);
}
