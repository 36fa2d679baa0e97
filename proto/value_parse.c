/* value_parse.c - values from a person's text, see value.h. */
#include <errno.h>
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "proto/limits.h"
#include "proto/value.h"

enum { NUMBER_BYTES = 512 }; /* a number longer than this as text is refused */

/* What a text is, as a number: as JSON would have it, or looser where a person has named the type. */
struct shape {
    bool is_number;
    bool is_integer; /* no fraction, no exponent */
    bool is_json;    /* no '+', no leading zeros */
};

static size_t digits_at(const char *text, size_t len, size_t i)
{
    size_t n = 0;
    while (i + n < len && text[i + n] >= '0' && text[i + n] <= '9')
        n++;
    return n;
}

/* Length of "e+12" at i, 0 where there is no exponent. */
static size_t exponent_at(const char *text, size_t len, size_t i)
{
    if (i >= len || (text[i] != 'e' && text[i] != 'E'))
        return 0;
    size_t sign = i + 1 < len && (text[i + 1] == '+' || text[i + 1] == '-');
    size_t digits = digits_at(text, len, i + 1 + sign);
    return digits > 0 ? 1 + sign + digits : 0;
}

static struct shape shape_of(const char *text, size_t len)
{
    size_t i = len > 0 && (text[0] == '-' || text[0] == '+');
    size_t whole = digits_at(text, len, i);
    if (whole == 0)
        return (struct shape){0};
    struct shape shape = {.is_integer = true, .is_json = text[0] != '+' && (whole == 1 || text[i] != '0')};
    i += whole;
    if (i < len && text[i] == '.') {
        size_t fraction = digits_at(text, len, i + 1);
        shape.is_integer = false;
        i += fraction > 0 ? 1 + fraction : 0;
    }
    size_t exponent = exponent_at(text, len, i);
    if (exponent > 0)
        shape.is_integer = false;
    shape.is_number = i + exponent == len;
    return shape;
}

static enum mr_rc refuse(struct err *err, const char *text, size_t len, const char *why)
{
    err_set(err, "'%.*s' %s", (int)(len < 64 ? len : 64), text, why);
    return MR_INVALID;
}

/* Digits with an optional sign, to sign and magnitude. False: more than 64 bits. */
static bool read_magnitude(const char *text, size_t len, bool *ret_negative, uint64_t *ret)
{
    size_t i = text[0] == '-' || text[0] == '+';
    uint64_t x = 0;
    for (; i < len; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (x > (UINT64_MAX - digit) / 10)
            return false;
        x = x * 10 + digit;
    }
    *ret_negative = text[0] == '-' && x > 0;
    *ret = x;
    return true;
}

static bool read_i64(const char *text, size_t len, int64_t *ret)
{
    bool negative;
    uint64_t x;
    if (!read_magnitude(text, len, &negative, &x) || x > (uint64_t)INT64_MAX + negative)
        return false;
    *ret = negative ? (int64_t)(0 - x) : (int64_t)x;
    return true;
}

static bool read_u64(const char *text, size_t len, uint64_t *ret)
{
    bool negative;
    uint64_t x;
    if (!read_magnitude(text, len, &negative, &x) || negative)
        return false;
    *ret = x;
    return true;
}

/* A copy that strtod understands in any locale. False: too long. */
static bool copy_number(char out[NUMBER_BYTES], const char *text, size_t len)
{
    const char *point = nl_langinfo(RADIXCHAR);
    size_t point_len = strlen(point);
    if (len + point_len >= NUMBER_BYTES)
        return false;
    const char *dot = memchr(text, '.', len);
    size_t head = dot ? (size_t)(dot - text) : len;
    size_t n = head;
    memcpy(out, text, head);
    if (dot) {
        memcpy(out + n, point, point_len);
        n += point_len;
        memcpy(out + n, dot + 1, len - head - 1);
        n += len - head - 1;
    }
    out[n] = '\0';
    return true;
}

/* False: too long, or it rounds to infinity. */
static bool read_f64(const char *text, size_t len, double *ret)
{
    char copy[NUMBER_BYTES];
    if (!copy_number(copy, text, len))
        return false;
    double x = strtod(copy, NULL);
    if (!isfinite(x))
        return false;
    *ret = x;
    return true;
}

/* Not by way of a double, which would round twice. */
static bool read_f32(const char *text, size_t len, float *ret)
{
    char copy[NUMBER_BYTES];
    if (!copy_number(copy, text, len))
        return false;
    float x = strtof(copy, NULL);
    if (!isfinite(x))
        return false;
    *ret = x;
    return true;
}

static bool is_word(const char *text, size_t len, const char *word)
{
    return len == strlen(word) && memcmp(text, word, len) == 0;
}

/* False for anything but nan, inf and -inf. */
static bool read_special(const char *text, size_t len, double *ret)
{
    if (is_word(text, len, "nan"))
        *ret = (double)NAN;
    else if (is_word(text, len, "inf"))
        *ret = HUGE_VAL;
    else if (is_word(text, len, "-inf"))
        *ret = -HUGE_VAL;
    else
        return false;
    return true;
}

static enum mr_rc parse_integer(const char *text, size_t len, uint32_t type, struct mr_value *ret, struct err *err)
{
    if (!shape_of(text, len).is_number || !shape_of(text, len).is_integer)
        return refuse(err, text, len, "is not a whole number");
    struct mr_value v = {.type = type};
    if (!(type == MR_I64 ? read_i64(text, len, &v.as.i64) : read_u64(text, len, &v.as.u64)))
        return refuse(err, text, len, type == MR_I64 ? "does not fit an i64" : "does not fit a u64");
    *ret = v;
    return MR_OK;
}

static enum mr_rc parse_float(const char *text, size_t len, uint32_t type, struct mr_value *ret, struct err *err)
{
    struct mr_value v = {.type = type};
    double special;
    if (read_special(text, len, &special)) {
        if (type == MR_F32)
            v.as.f32 = (float)special;
        else
            v.as.f64 = special;
    } else if (!shape_of(text, len).is_number) {
        return refuse(err, text, len, "is not a number");
    } else if (!(type == MR_F32 ? read_f32(text, len, &v.as.f32) : read_f64(text, len, &v.as.f64))) {
        return refuse(err, text, len, type == MR_F32 ? "does not fit an f32" : "does not fit an f64");
    }
    *ret = v;
    return MR_OK;
}

static bool read_bool(const char *text, size_t len, bool *ret)
{
    bool yes = is_word(text, len, "true");
    if (!yes && !is_word(text, len, "false"))
        return false;
    *ret = yes;
    return true;
}

static enum mr_rc parse_bool(const char *text, size_t len, struct mr_value *ret, struct err *err)
{
    struct mr_value v = {.type = MR_BOOL};
    if (!read_bool(text, len, &v.as.b))
        return refuse(err, text, len, "is neither true nor false");
    *ret = v;
    return MR_OK;
}

static enum mr_rc parse_bytes(const char *text, size_t len, uint32_t type, struct mr_value *ret, struct err *err)
{
    if (len > VALUE_MAX_BYTES) {
        err_set(err, "a value of %zu bytes is longer than the limit of %d", len, VALUE_MAX_BYTES);
        return MR_TOO_BIG;
    }
    struct mr_value v = {.type = type, .len = (uint32_t)len, .as.ptr = text};
    enum mr_rc rc = value_check(&v, err);
    if (rc == MR_OK)
        *ret = v;
    return rc;
}

static enum mr_rc parse_auto(const char *text, size_t len, struct mr_value *ret, struct err *err)
{
    struct mr_value v = {.type = MR_BOOL};
    struct shape shape = shape_of(text, len);
    bool is_value = read_bool(text, len, &v.as.b);
    if (shape.is_number && shape.is_json) {
        if (shape.is_integer && read_i64(text, len, &v.as.i64))
            v.type = MR_I64;
        else if (shape.is_integer && read_u64(text, len, &v.as.u64))
            v.type = MR_U64;
        else if (read_f64(text, len, &v.as.f64))
            v.type = MR_F64;
        is_value = v.type != MR_BOOL;
    }
    if (!is_value)
        return parse_bytes(text, len, MR_STRING, ret, err);
    *ret = v;
    return MR_OK;
}

enum mr_rc value_parse(const char *text, size_t len, uint32_t type, struct mr_value *ret, struct err *err)
{
    switch (type) {
    case VALUE_AUTO:
        return parse_auto(text, len, ret, err);
    case MR_I64:
    case MR_U64:
        return parse_integer(text, len, type, ret, err);
    case MR_F32:
    case MR_F64:
        return parse_float(text, len, type, ret, err);
    case MR_BOOL:
        return parse_bool(text, len, ret, err);
    case MR_STRING:
    case MR_BYTES:
        return parse_bytes(text, len, type, ret, err);
    default:
        err_set(err, "a value of type %s cannot be written as text",
                value_type_name(type) ? value_type_name(type) : "?");
        return MR_INVALID;
    }
}
