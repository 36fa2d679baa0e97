/* reference_batch.h - holds what proto/batch reads against protobuf-c's own decoder, for unit tests and fuzzing.
 *
 * Our reader refuses more than protobuf-c does (order, repetition, limits); what it accepts must mean the same. */
#ifndef TESTS_SUPPORT_REFERENCE_BATCH_H
#define TESTS_SUPPORT_REFERENCE_BATCH_H
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "proto/batch.h"
#include "proto/batch.pb-c.h"
#include "proto/limits.h"

/* All the functions return NULL when both agree, or the name of the field where they do not. */

#define REFERENCE_SAME(what, ours, theirs)                                                                             \
    do {                                                                                                               \
        if ((ours) != (theirs))                                                                                        \
            return (what);                                                                                             \
    } while (0)

static inline bool reference_bytes_equal(const struct mr_value *v, const void *data, size_t len)
{
    return v->len == len && (len == 0 || memcmp(v->as.ptr, data, len) == 0);
}

/* An empty list leaves no trace in protobuf-c's struct: our value then is the empty array of either type. */
static inline const char *reference_array(const struct mr_value *v, const Millrace__V1__Array *array)
{
    if (!array || memcmp(&v->rate_hz, &array->rate_hz, sizeof v->rate_hz) != 0)
        return "rate_hz";
    if (v->type == MR_F32_ARRAY && !array->n_f64)
        return reference_bytes_equal(v, array->f32, array->n_f32 * sizeof(float)) ? NULL : "f32 list";
    if (v->type == MR_F64_ARRAY && !array->n_f32)
        return reference_bytes_equal(v, array->f64, array->n_f64 * sizeof(double)) ? NULL : "f64 list";
    return "array";
}

static inline const char *reference_value(const struct mr_value *v, const Millrace__V1__Body *body)
{
    switch (body->value_case) {
    case MILLRACE__V1__BODY__VALUE_RAW:
        return v->type == MR_BYTES && reference_bytes_equal(v, body->raw.data, body->raw.len) ? NULL : "raw";
    case MILLRACE__V1__BODY__VALUE_F64:
        return v->type == MR_F64 && memcmp(&v->as.f64, &body->f64, sizeof body->f64) == 0 ? NULL : "f64";
    case MILLRACE__V1__BODY__VALUE_F32:
        return v->type == MR_F32 && memcmp(&v->as.f32, &body->f32, sizeof body->f32) == 0 ? NULL : "f32";
    case MILLRACE__V1__BODY__VALUE_I64:
        return v->type == MR_I64 && v->as.i64 == body->i64 ? NULL : "i64";
    case MILLRACE__V1__BODY__VALUE_U64:
        return v->type == MR_U64 && v->as.u64 == body->u64 ? NULL : "u64";
    case MILLRACE__V1__BODY__VALUE_BOOLEAN:
        return v->type == MR_BOOL && v->as.b == (body->boolean != 0) ? NULL : "boolean";
    case MILLRACE__V1__BODY__VALUE_TEXT:
        return v->type == MR_STRING && reference_bytes_equal(v, body->text, strlen(body->text)) ? NULL : "text";
    case MILLRACE__V1__BODY__VALUE_ARRAY:
        return reference_array(v, body->array);
    default:
        return "value";
    }
}

static inline const char *reference_body(const struct body *ours, const Millrace__V1__Body *theirs)
{
    REFERENCE_SAME("status", ours->status, theirs->status);
    REFERENCE_SAME("value present", ours->has_value, theirs->value_case != MILLRACE__V1__BODY__VALUE__NOT_SET);
    return ours->has_value ? reference_value(&ours->value, theirs) : NULL;
}

static inline const char *reference_call(const struct record_call *ours, const Millrace__V1__Call *theirs)
{
    REFERENCE_SAME("call present", ours->id != 0, theirs != NULL);
    if (!theirs)
        return NULL;
    REFERENCE_SAME("call id", ours->id, theirs->id);
    REFERENCE_SAME("reply topic", ours->reply_topic, theirs->reply_topic);
    REFERENCE_SAME("wait", ours->wait_ms, theirs->wait_ms);
    REFERENCE_SAME("rc", ours->rc, theirs->rc);
    REFERENCE_SAME("reason length", ours->reason_len, strlen(theirs->reason));
    return ours->reason_len && memcmp(ours->reason, theirs->reason, ours->reason_len) != 0 ? "reason" : NULL;
}

/* The caller has seen that the body passes body_check(). */
static inline const char *reference_record(const struct record *ours, int64_t base_us,
                                           const Millrace__V1__Record *theirs, struct buf *scratch)
{
    struct body body;

    REFERENCE_SAME("topic", ours->topic, theirs->topic);
    REFERENCE_SAME("flags", ours->flags, theirs->flags);
    REFERENCE_SAME("source time present", ours->source_us != MR_NO_TIME,
                   theirs->time_case == MILLRACE__V1__RECORD__TIME_DT_US);
    if (ours->source_us != MR_NO_TIME)
        REFERENCE_SAME("source time", ours->source_us, base_us + theirs->dt_us);
    if (!theirs->body)
        REFERENCE_SAME("body", ours->body_len, 0);
    else if (body_read(ours->body, ours->body_len, &body, scratch))
        return "body not read";
    else if (reference_body(&body, theirs->body))
        return reference_body(&body, theirs->body);
    return reference_call(&ours->call, theirs->call);
}

static inline const char *reference_head(const struct batch_head *ours, const Millrace__V1__Batch *theirs)
{
    bool accepted = theirs->accepted_case == MILLRACE__V1__BATCH__ACCEPTED_BROKER_DUS;

    REFERENCE_SAME("birth", ours->birth, theirs->birth);
    REFERENCE_SAME("link", ours->link, theirs->link);
    REFERENCE_SAME("first seq", ours->first_seq, theirs->first_seq);
    REFERENCE_SAME("publisher", ours->publisher, theirs->publisher);
    REFERENCE_SAME("base", ours->base_us, theirs->base_us);
    REFERENCE_SAME("agent", ours->agent_us, theirs->base_us + theirs->agent_dus);
    REFERENCE_SAME("accepted", ours->broker_us != MR_NO_TIME, accepted);
    if (accepted)
        REFERENCE_SAME("broker", ours->broker_us, theirs->base_us + theirs->broker_dus);
    REFERENCE_SAME("clock", ours->clock, theirs->clock);
    REFERENCE_SAME("interest", ours->interest, theirs->interest);
    return NULL;
}

/* The batch is one that batch_next() accepts to its end. */
static inline const char *reference_batch(struct batch_reader batch, const Millrace__V1__Batch *theirs,
                                          struct buf *scratch)
{
    const char *differs = reference_head(&batch.head, theirs);
    uint64_t seq = theirs->first_seq;
    struct record record;

    for (size_t i = 0; !differs && i < theirs->n_record; i++) {
        if (batch_next(&batch, &record))
            return "records: ours has fewer";
        if (!record.call.id) {
            REFERENCE_SAME("seq", record.seq, seq + theirs->record[i]->skip);
            seq = record.seq + 1;
        }
        differs = reference_record(&record, batch.head.base_us, theirs->record[i], scratch);
    }
    return differs || batch_next(&batch, &record) == MR_NOT_FOUND ? differs : "records: ours has more";
}

/* Does our reader accept the payload whole, bodies included? */
static inline bool reference_accepts(const uint8_t *payload, size_t len)
{
    struct batches_reader reader;
    struct batch_reader batch;
    struct record record;
    enum mr_rc rc;

    batches_read_init(&reader, payload, len);
    while ((rc = batches_next(&reader, &batch)) == MR_OK) {
        while ((rc = batch_next(&batch, &record)) == MR_OK) {
            if (body_check(record.body, record.body_len))
                return false;
        }
        if (rc != MR_NOT_FOUND)
            return false;
    }
    return rc == MR_NOT_FOUND;
}

/* The payload is one that reference_accepts(). */
static inline const char *reference_compare(const uint8_t *payload, size_t len)
{
    Millrace__V1__Batches *theirs = millrace__v1__batches__unpack(NULL, len, payload);
    const char *differs = theirs ? NULL : "refused by protobuf-c";
    struct batches_reader reader;
    struct batch_reader batch;
    struct buf scratch;

    buf_init(&scratch, VALUE_MAX_BYTES);
    batches_read_init(&reader, payload, len);
    for (size_t i = 0; !differs && i < theirs->n_batch; i++)
        differs = batches_next(&reader, &batch) ? "batches: ours has fewer"
                                                : reference_batch(batch, theirs->batch[i], &scratch);
    if (!differs && batches_next(&reader, &batch) != MR_NOT_FOUND)
        differs = "batches: ours has more";
    if (theirs)
        millrace__v1__batches__free_unpacked(theirs, NULL);
    buf_fini(&scratch);
    return differs;
}

#endif
