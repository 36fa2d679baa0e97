/* body.c - a record's body: status and value, between bytes and struct mr_value. */
#include <float.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "proto/batch.h"
#include "proto/batch_tags.h"
#include "proto/limits.h"

/* -- reading -- */

static enum mr_rc take_bytes(struct wire *w, uint32_t type, struct mr_value *ret)
{
    struct wire bytes;

    if (!wire_bytes(w, &bytes))
        return MR_INVALID;

    size_t len = (size_t)(bytes.end - bytes.at);
    if (len > VALUE_MAX_BYTES)
        return MR_TOO_BIG;
    *ret = (struct mr_value){.type = type, .len = (uint32_t)len, .as.ptr = bytes.at};
    return MR_OK;
}

static enum mr_rc take_text(struct wire *w, struct mr_value *ret)
{
    enum mr_rc rc = take_bytes(w, MR_STRING, ret);

    if (rc)
        return rc;
    return text_is_utf8(ret->as.ptr, ret->len) && !memchr(ret->as.ptr, 0, ret->len) ? MR_OK : MR_INVALID;
}

static bool rate_is_valid(double rate_hz)
{
    return rate_hz >= 0 && rate_hz <= DBL_MAX;
}

/* Samples are a whole number of elements; the type of an empty array is told by which list it is. */
static enum mr_rc take_samples(struct wire *w, uint32_t type, size_t element, struct mr_value *ret)
{
    enum mr_rc rc = take_bytes(w, type, ret);

    return rc || ret->len % element == 0 ? rc : MR_INVALID;
}

static enum mr_rc take_array(struct wire *w, struct mr_value *ret)
{
    struct wire in;
    double rate_hz = 0;
    enum mr_rc rc = MR_INVALID;

    if (!wire_bytes(w, &in) || (wire_take_tag(&in, ARRAY_RATE) && !wire_raw(&in, &rate_hz, sizeof rate_hz)))
        return MR_INVALID;
    if (wire_take_tag(&in, ARRAY_F32))
        rc = take_samples(&in, MR_F32_ARRAY, sizeof(float), ret);
    else if (wire_take_tag(&in, ARRAY_F64))
        rc = take_samples(&in, MR_F64_ARRAY, sizeof(double), ret);
    if (rc)
        return rc;
    ret->rate_hz = rate_hz;
    return rate_is_valid(rate_hz) && wire_skip_unknown(&in, ARRAY_LAST_FIELD, WIRE_NUMBER_MAX + 1) ? MR_OK : MR_INVALID;
}

static enum mr_rc take_bool(struct wire *w, struct mr_value *ret)
{
    uint64_t value;

    if (!wire_varint(w, &value) || value > 1)
        return MR_INVALID;
    *ret = (struct mr_value){.type = MR_BOOL, .as.b = value == 1};
    return MR_OK;
}

static enum mr_rc take_number(struct wire *w, uint8_t tag, struct mr_value *ret)
{
    struct mr_value v = {.type = MR_F64};
    bool fine;

    if (tag == BODY_F64) {
        fine = wire_raw(w, &v.as.f64, sizeof v.as.f64);
    } else if (tag == BODY_F32) {
        v.type = MR_F32;
        fine = wire_raw(w, &v.as.f32, sizeof v.as.f32);
    } else if (tag == BODY_I64) {
        v.type = MR_I64;
        fine = wire_sint64(w, &v.as.i64);
    } else {
        v.type = MR_U64;
        fine = wire_varint(w, &v.as.u64);
    }
    if (!fine)
        return MR_INVALID;
    *ret = v;
    return MR_OK;
}

/* The value, if the next field is one. */
static enum mr_rc take_value(struct wire *w, struct body *ret)
{
    uint8_t tag = *w->at++;

    ret->has_value = true;
    switch (tag) {
    case BODY_RAW:
        return take_bytes(w, MR_BYTES, &ret->value);
    case BODY_F64:
    case BODY_F32:
    case BODY_I64:
    case BODY_U64:
        return take_number(w, tag, &ret->value);
    case BODY_BOOL:
        return take_bool(w, &ret->value);
    case BODY_TEXT:
        return take_text(w, &ret->value);
    case BODY_ARRAY:
        return take_array(w, &ret->value);
    default: /* a newer version's, or not valid: the caller finds out */
        ret->has_value = false;
        w->at--;
        return MR_OK;
    }
}

/* Everything but the alignment of arrays. */
static enum mr_rc take_body(const uint8_t *data, size_t len, struct body *ret)
{
    struct wire w = {data, data + len};
    enum mr_rc rc = MR_OK;

    if (!wire_opt_u32(&w, BODY_STATUS, &ret->status))
        return MR_INVALID;
    if (wire_left(&w))
        rc = take_value(&w, ret);
    if (!rc && !wire_skip_unknown(&w, BODY_LAST_FIELD, WIRE_NUMBER_MAX + 1))
        rc = MR_INVALID;
    return rc;
}

enum mr_rc body_check(const uint8_t *data, size_t len)
{
    struct body body = {0};

    return take_body(data, len, &body);
}

/* Can the elements not be read through a pointer where they stand? */
static bool is_misaligned(const struct mr_value *v)
{
    if (v->type == MR_F64_ARRAY)
        return v->len && (uintptr_t)v->as.ptr % __alignof__(double);
    return v->type == MR_F32_ARRAY && v->len && (uintptr_t)v->as.ptr % __alignof__(float);
}

enum mr_rc body_read(const uint8_t *data, size_t len, struct body *ret, struct buf *scratch)
{
    struct body body = {0};
    enum mr_rc rc = take_body(data, len, &body);

    if (rc)
        return rc;
    if (is_misaligned(&body.value)) {
        buf_clear(scratch);
        rc = buf_append(scratch, body.value.as.ptr, body.value.len);
        if (rc)
            return rc;
        body.value.as.ptr = scratch->data;
    }
    *ret = body;
    return MR_OK;
}

/* -- writing -- */

/* Bytes of an array's content. */
static size_t array_size(const struct mr_value *v)
{
    return (v->rate_hz != 0 ? 1 + sizeof v->rate_hz : 0) + 1 + wire_varint_size(v->len) + v->len;
}

static size_t value_size(const struct mr_value *v)
{
    switch (v->type) {
    case MR_F64:
        return 1 + sizeof v->as.f64;
    case MR_F32:
        return 1 + sizeof v->as.f32;
    case MR_I64:
        return 1 + wire_varint_size(wire_zigzag(v->as.i64));
    case MR_U64:
        return 1 + wire_varint_size(v->as.u64);
    case MR_BOOL:
        return 2;
    case MR_STRING:
    case MR_BYTES:
        return v->len <= VALUE_MAX_BYTES ? 1 + wire_varint_size(v->len) + v->len : 0;
    case MR_F32_ARRAY:
    case MR_F64_ARRAY:
        return v->len <= VALUE_MAX_BYTES ? 1 + wire_varint_size(array_size(v)) + array_size(v) : 0;
    default:
        return 0;
    }
}

size_t body_size(uint32_t status, const struct mr_value *v)
{
    size_t size = v && v->type ? value_size(v) : 0;

    if (!size && v && v->type)
        return 0;
    return wire_field_size(status) + size;
}

static uint8_t *put_bytes(uint8_t *out, uint8_t tag, const struct mr_value *v)
{
    *out++ = tag;
    out = wire_put_varint(out, v->len);
    return v->len ? wire_put_raw(out, v->as.ptr, v->len) : out;
}

static uint8_t *put_array(uint8_t *out, const struct mr_value *v)
{
    *out++ = BODY_ARRAY;
    out = wire_put_varint(out, array_size(v));
    if (v->rate_hz != 0) {
        *out++ = ARRAY_RATE;
        out = wire_put_raw(out, &v->rate_hz, sizeof v->rate_hz);
    }
    return put_bytes(out, v->type == MR_F32_ARRAY ? ARRAY_F32 : ARRAY_F64, v);
}

static uint8_t *put_fixed(uint8_t *out, uint8_t tag, const void *value, size_t len)
{
    *out++ = tag;
    return wire_put_raw(out, value, len);
}

/* A oneof's member is written even where it is 0. */
static uint8_t *put_varint(uint8_t *out, uint8_t tag, uint64_t value)
{
    *out++ = tag;
    return wire_put_varint(out, value);
}

static uint8_t *put_value(uint8_t *out, const struct mr_value *v)
{
    switch (v->type) {
    case MR_F64:
        return put_fixed(out, BODY_F64, &v->as.f64, sizeof v->as.f64);
    case MR_F32:
        return put_fixed(out, BODY_F32, &v->as.f32, sizeof v->as.f32);
    case MR_I64:
        return put_varint(out, BODY_I64, wire_zigzag(v->as.i64));
    case MR_U64:
        return put_varint(out, BODY_U64, v->as.u64);
    case MR_BOOL:
        return put_varint(out, BODY_BOOL, v->as.b ? 1 : 0);
    case MR_STRING:
        return put_bytes(out, BODY_TEXT, v);
    case MR_BYTES:
        return put_bytes(out, BODY_RAW, v);
    default:
        return put_array(out, v);
    }
}

size_t body_write(uint8_t *out, uint32_t status, const struct mr_value *v)
{
    uint8_t *at = out;

    if (!body_size(status, v))
        return 0;
    at = wire_put_field(at, BODY_STATUS, status);
    if (v && v->type)
        at = put_value(at, v);
    return (size_t)(at - out);
}
