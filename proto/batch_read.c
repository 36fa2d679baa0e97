/* batch_read.c - walks the batches of a frame and the records of a batch, in place. */
#include "base/text.h"
#include "proto/batch.h"
#include "proto/batch_tags.h"
#include "proto/limits.h"

void batches_read_init(struct batches_reader *r, const uint8_t *payload, size_t len)
{
    *r = (struct batches_reader){payload, payload + len};
}

/* base + a difference; false where that is no time. */
static bool add_time(int64_t base, int64_t difference, int64_t *ret)
{
    if (difference > 0 ? base > INT64_MAX - difference : base < INT64_MIN - difference)
        return false;
    *ret = base + difference;
    return *ret != MR_NO_TIME;
}

static bool opt_sint64(struct wire *w, uint8_t tag, int64_t *ret)
{
    return !wire_take_tag(w, tag) || wire_sint64(w, ret);
}

static bool read_times(struct wire *w, struct batch_head *ret)
{
    int64_t agent = 0, broker;

    if (!opt_sint64(w, BATCH_BASE, &ret->base_us) || !opt_sint64(w, BATCH_AGENT, &agent) ||
        !add_time(ret->base_us, agent, &ret->agent_us))
        return false;
    if (!wire_take_tag(w, BATCH_BROKER))
        return true;
    return wire_sint64(w, &broker) && add_time(ret->base_us, broker, &ret->broker_us);
}

/* The head, up to the first record, of which there must be one. */
static bool read_head(struct wire *w, struct batch_head *ret)
{
    uint32_t clock = CLOCK_UNKNOWN;

    if (wire_take_tag(w, BATCH_BIRTH) && !wire_raw(w, &ret->birth, sizeof ret->birth))
        return false;
    if (!wire_opt_u32(w, BATCH_LINK, &ret->link))
        return false;
    if (wire_take_tag(w, BATCH_FIRST_SEQ) && !wire_varint(w, &ret->first_seq))
        return false;
    if (!wire_opt_u32(w, BATCH_PUBLISHER, &ret->publisher) || !read_times(w, ret))
        return false;
    if (!wire_opt_u32(w, BATCH_CLOCK, &clock) || clock > CLOCK_UNSYNCED)
        return false;
    ret->clock = (uint8_t)clock;
    return wire_opt_u32(w, BATCH_INTEREST, &ret->interest) &&
           wire_skip_unknown(w, BATCH_LAST_HEAD_FIELD, BATCH_RECORD_FIELD) && wire_left(w) && *w->at == BATCH_RECORD;
}

enum mr_rc batches_next(struct batches_reader *r, struct batch_reader *ret)
{
    struct wire w = {r->at, r->end}, in;
    struct batch_head head = {.broker_us = MR_NO_TIME};

    if (!wire_left(&w))
        return MR_NOT_FOUND;
    if (!wire_take_tag(&w, BATCHES_BATCH)) {
        if (!wire_skip_unknown(&w, BATCHES_LAST_FIELD, WIRE_NUMBER_MAX + 1))
            return MR_INVALID;
        r->at = r->end;
        return MR_NOT_FOUND;
    }
    if (!wire_bytes(&w, &in) || !read_head(&in, &head))
        return MR_INVALID;
    r->at = w.at;
    *ret = (struct batch_reader){.head = head, .at = in.at, .end = in.end, .next_seq = head.first_seq};
    return MR_OK;
}

static bool read_reason(struct wire *w, struct record_call *ret)
{
    struct wire reason;

    if (!wire_take_tag(w, CALL_REASON))
        return true;
    if (!wire_bytes(w, &reason) || reason.end - reason.at > CALL_REASON_MAX_BYTES)
        return false;
    ret->reason = (const char *)reason.at;
    ret->reason_len = (uint32_t)(reason.end - reason.at);
    return !memchr(reason.at, 0, ret->reason_len) && text_is_utf8(ret->reason, ret->reason_len);
}

static bool read_call(struct wire *w, struct record_call *ret)
{
    struct wire in;

    if (!wire_bytes(w, &in) || !wire_take_tag(&in, CALL_ID) || !wire_raw(&in, &ret->id, sizeof ret->id) || !ret->id)
        return false;
    return wire_opt_u32(&in, CALL_REPLY_TOPIC, &ret->reply_topic) && wire_opt_u32(&in, CALL_WAIT, &ret->wait_ms) &&
           wire_opt_u32(&in, CALL_RC, &ret->rc) && ret->rc <= CALL_RC_MAX && read_reason(&in, ret) &&
           wire_skip_unknown(&in, CALL_LAST_FIELD, WIRE_NUMBER_MAX + 1);
}

/* Gives the record its live number; calls have none. */
static bool number_record(struct batch_reader *b, struct record *record, uint32_t skip)
{
    if (record->call.id)
        return skip == 0;
    if (skip >= UINT64_MAX - b->next_seq) /* the number after it must be one too */
        return false;
    record->seq = b->next_seq + skip;
    b->next_seq = record->seq + 1;
    return true;
}

static bool read_source(struct wire *w, int64_t base_us, int64_t *ret)
{
    int64_t dt;

    if (!wire_take_tag(w, RECORD_DT))
        return true;
    return wire_sint64(w, &dt) && add_time(base_us, dt, ret);
}

/* An absent body is an empty one. */
static bool read_body(struct wire *w, struct record *ret)
{
    struct wire body = {w->at, w->at};

    if (wire_take_tag(w, RECORD_BODY) && !wire_bytes(w, &body))
        return false;
    ret->body = body.at;
    ret->body_len = (uint32_t)(body.end - body.at);
    return true;
}

static bool read_record(struct batch_reader *b, struct wire w, struct record *ret)
{
    uint32_t skip = 0;

    if (!wire_take_tag(&w, RECORD_TOPIC) || !wire_u32(&w, &ret->topic) || !ret->topic)
        return false;
    if (!wire_opt_u32(&w, RECORD_SKIP, &skip) || !read_source(&w, b->head.base_us, &ret->source_us) ||
        !wire_opt_u32(&w, RECORD_FLAGS, &ret->flags))
        return false;
    if (wire_take_tag(&w, RECORD_CALL) && !read_call(&w, &ret->call))
        return false;
    if (!read_body(&w, ret))
        return false;
    if (wire_left(&w) && !wire_skip_unknown(&w, RECORD_LAST_FIELD, WIRE_NUMBER_MAX + 1))
        return false;
    return number_record(b, ret, skip);
}

enum mr_rc batch_next(struct batch_reader *b, struct record *ret)
{
    struct wire w = {b->at, b->end}, in;
    struct record record = {.source_us = MR_NO_TIME};

    if (!wire_left(&w))
        return MR_NOT_FOUND;
    if (!wire_take_tag(&w, BATCH_RECORD)) {
        if (!wire_skip_unknown(&w, BATCH_RECORD_FIELD, WIRE_NUMBER_MAX + 1))
            return MR_INVALID;
        b->at = b->end;
        return MR_NOT_FOUND;
    }
    if (b->records >= BATCH_MAX_RECORDS || !wire_bytes(&w, &in) || !read_record(b, in, &record))
        return MR_INVALID;
    b->at = w.at;
    b->records++;
    *ret = record;
    return MR_OK;
}
