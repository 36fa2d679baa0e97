/* value.c - checking, comparing and showing values, see value.h. Reading them from text: value_parse.c. */
#include "proto/value.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/limits.h"

/* Sparkplug B 3.0, 6.4.16 "Data Types"; the place is the number. */
static const char *const TYPE_NAMES[] = {
    "Unknown",       "Int8",
    "Int16",         "Int32",
    "Int64",         "UInt8",
    "UInt16",        "UInt32",
    "UInt64",        "Float",
    "Double",        "Boolean",
    "String",        "DateTime",
    "Text",          "UUID",
    "DataSet",       "Bytes",
    "File",          "Template",
    "PropertySet",   "PropertySetList",
    "Int8Array",     "Int16Array",
    "Int32Array",    "Int64Array",
    "UInt8Array",    "UInt16Array",
    "UInt32Array",   "UInt64Array",
    "FloatArray",    "DoubleArray",
    "BooleanArray",  "StringArray",
    "DateTimeArray",
};

enum { TYPE_COUNT = sizeof TYPE_NAMES / sizeof TYPE_NAMES[0] };

/* The short names of the types a struct mr_value carries. */
static const struct {
    const char *name;
    uint32_t type;
} SHORT_NAMES[] = {
    {"i64", MR_I64},   {"u64", MR_U64},       {"f32", MR_F32},     {"f64", MR_F64},
    {"bool", MR_BOOL}, {"string", MR_STRING}, {"bytes", MR_BYTES},
};

bool value_type_carried(uint32_t type)
{
    switch (type) {
    case VALUE_NONE:
    case MR_I64:
    case MR_U64:
    case MR_F32:
    case MR_F64:
    case MR_BOOL:
        return true;
    default:
        return value_has_bytes(type);
    }
}

bool value_has_bytes(uint32_t type)
{
    return type == MR_STRING || type == MR_BYTES || type == MR_F32_ARRAY || type == MR_F64_ARRAY;
}

const char *value_type_name(uint32_t type)
{
    return type < TYPE_COUNT ? TYPE_NAMES[type] : NULL;
}

enum mr_rc value_type_by_name(const char *name, uint32_t *ret)
{
    for (size_t i = 0; i < sizeof SHORT_NAMES / sizeof SHORT_NAMES[0]; i++) {
        if (strcasecmp(SHORT_NAMES[i].name, name) == 0) {
            *ret = SHORT_NAMES[i].type;
            return MR_OK;
        }
    }
    for (uint32_t type = 0; type < TYPE_COUNT; type++) {
        if (strcasecmp(TYPE_NAMES[type], name) == 0) {
            *ret = type;
            return MR_OK;
        }
    }
    return MR_NOT_FOUND;
}

/* Bytes per element of an array type, 0 for all others. */
static uint32_t element_bytes(uint32_t type)
{
    if (type == MR_F32_ARRAY)
        return sizeof(float);
    return type == MR_F64_ARRAY ? sizeof(double) : 0;
}

static enum mr_rc refuse(struct err *err, enum mr_rc rc, const char *why)
{
    err_set(err, "%s", why);
    return rc;
}

static enum mr_rc check_bytes(const struct mr_value *v, uint32_t max, struct err *err)
{
    if (v->len > max) {
        err_set(err, "a value of %u bytes is longer than the limit of %u", (unsigned)v->len, (unsigned)max);
        return MR_TOO_BIG;
    }
    if (v->len > 0 && !v->as.ptr)
        return refuse(err, MR_INVALID, "the value has a length but no data");
    uint32_t element = element_bytes(v->type);
    if (element > 0 && v->len % element != 0)
        return refuse(err, MR_INVALID, "the length of the array is no whole number of elements");
    if (v->type == MR_STRING && v->len > 0) {
        if (memchr(v->as.ptr, '\0', v->len))
            return refuse(err, MR_INVALID, "the string contains a NUL character");
        if (!text_is_utf8(v->as.ptr, v->len))
            return refuse(err, MR_INVALID, "the string is not valid UTF-8");
    }
    return MR_OK;
}

static enum mr_rc check(const struct mr_value *v, uint32_t max, struct err *err)
{
    if (!value_type_carried(v->type)) {
        err_set(err, "values of type %u cannot be carried", (unsigned)v->type);
        return MR_INVALID;
    }
    if (!isfinite(v->rate_hz) || v->rate_hz < 0)
        return refuse(err, MR_INVALID, "the rate is not a finite positive number");
    if (v->rate_hz > 0 && element_bytes(v->type) == 0)
        return refuse(err, MR_INVALID, "only an array has a rate");
    return value_has_bytes(v->type) ? check_bytes(v, max, err) : MR_OK;
}

enum mr_rc value_check(const struct mr_value *v, struct err *err)
{
    return check(v, VALUE_MAX_BYTES, err);
}

enum mr_rc value_check_large(const struct mr_value *v, struct err *err)
{
    return check(v, TRANSFER_MAX_BYTES, err);
}

/* By the bits, so that 0 and -0 differ; all NaNs are one. */
static bool same_f64(double a, double b)
{
    uint64_t bits_a, bits_b;
    memcpy(&bits_a, &a, sizeof bits_a);
    memcpy(&bits_b, &b, sizeof bits_b);
    return bits_a == bits_b || (isnan(a) && isnan(b));
}

bool value_equal(const struct mr_value *a, const struct mr_value *b)
{
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case VALUE_NONE:
        return true;
    case MR_I64:
        return a->as.i64 == b->as.i64;
    case MR_U64:
        return a->as.u64 == b->as.u64;
    case MR_F32:
        return same_f64((double)a->as.f32, (double)b->as.f32);
    case MR_F64:
        return same_f64(a->as.f64, b->as.f64);
    case MR_BOOL:
        return a->as.b == b->as.b;
    default:
        return a->len == b->len && same_f64(a->rate_hz, b->rate_hz) &&
               (a->len == 0 || memcmp(a->as.ptr, b->as.ptr, a->len) == 0);
    }
}
