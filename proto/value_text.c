/* value_text.c - values as text for people, see value.h. */
#include <inttypes.h>
#include <langinfo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "proto/value.h"

enum {
    NUMBER_BYTES = 48,  /* any number as text */
    ESCAPED_BYTES = 16, /* any one character escaped */
    F32_DIGITS_MIN = 6, /* digits that are sure to survive text → number → text, and those that are always enough */
    F32_DIGITS_MAX = 9,
    F64_DIGITS_MIN = 15,
    F64_DIGITS_MAX = 17,
};

/* Where the text goes: counts all of it, writes what fits, and nothing more once a piece did not. */
struct sink {
    char *buf;
    size_t size;
    size_t written;
    size_t whole;
};

static void sink_add(struct sink *s, const char *piece, size_t len)
{
    if (s->written == s->whole && len < s->size - s->written) {
        memcpy(s->buf + s->written, piece, len);
        s->written += len;
    }
    s->whole += len;
}

static void sink_add_text(struct sink *s, const char *text)
{
    sink_add(s, text, strlen(text));
}

/* printf writes the decimal point of the program's locale. */
static void set_point(char *number)
{
    const char *point = nl_langinfo(RADIXCHAR);
    size_t len = strlen(point);
    char *at = len > 0 && strcmp(point, ".") != 0 ? strstr(number, point) : NULL;
    if (at) {
        *at = '.';
        memmove(at + 1, at + len, strlen(at + len) + 1);
    }
}

static bool reads_back_f64(const char *text, double x)
{
    return !(strtod(text, NULL) < x) && !(strtod(text, NULL) > x);
}

static bool reads_back_f32(const char *text, double x)
{
    return !((double)strtof(text, NULL) < x) && !((double)strtof(text, NULL) > x);
}

/* The fewest digits that read back as x; NaN reads back at once. */
static void add_float(struct sink *s, double x, bool is_f32)
{
    char text[NUMBER_BYTES];
    int max = is_f32 ? F32_DIGITS_MAX : F64_DIGITS_MAX;
    for (int digits = is_f32 ? F32_DIGITS_MIN : F64_DIGITS_MIN; digits <= max; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (is_f32 ? reads_back_f32(text, x) : reads_back_f64(text, x))
            break;
    }
    set_point(text);
    sink_add_text(s, isnan(x) ? "nan" : text); /* printf may write "-nan" */
}

static void add_string(struct sink *s, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint32_t code;
        size_t n = text_decode(text + i, len - i, &code);
        if (n == 0)
            n = 1;
        char escaped[ESCAPED_BYTES];
        sink_add(s, escaped, text_escape(escaped, sizeof escaped, text + i, n));
        i += n;
    }
}

static void add_bytes(struct sink *s, const struct mr_value *v)
{
    const char *data = v->as.ptr;
    if (text_is_plain(data, v->len)) {
        add_string(s, data, v->len);
        return;
    }
    char text[2 * VALUE_TEXT_HEX_BYTES + 1];
    uint32_t shown = v->len < VALUE_TEXT_HEX_BYTES ? v->len : VALUE_TEXT_HEX_BYTES;
    text_hex(text, data, shown);
    sink_add_text(s, "0x");
    sink_add_text(s, text);
    snprintf(text, sizeof text, "%s (%" PRIu32 " byte%s)", shown < v->len ? "…" : "", v->len, v->len == 1 ? "" : "s");
    sink_add_text(s, text);
}

static double element(const struct mr_value *v, uint32_t i)
{
    const char *data = v->as.ptr;
    if (v->type == MR_F32_ARRAY) {
        float x;
        memcpy(&x, data + i * sizeof x, sizeof x);
        return (double)x;
    }
    double x;
    memcpy(&x, data + i * sizeof x, sizeof x);
    return x;
}

static void add_array(struct sink *s, const struct mr_value *v)
{
    bool is_f32 = v->type == MR_F32_ARRAY;
    uint32_t n = v->len / (is_f32 ? (uint32_t)sizeof(float) : (uint32_t)sizeof(double));
    sink_add_text(s, "[");
    for (uint32_t i = 0; i < n && i < VALUE_TEXT_ELEMENTS; i++) {
        if (i > 0)
            sink_add_text(s, ", ");
        add_float(s, element(v, i), is_f32);
    }
    if (n > VALUE_TEXT_ELEMENTS) {
        char more[NUMBER_BYTES];
        snprintf(more, sizeof more, ", … %" PRIu32 " more", n - VALUE_TEXT_ELEMENTS);
        sink_add_text(s, more);
    }
    if (v->rate_hz > 0) {
        sink_add_text(s, " at ");
        add_float(s, v->rate_hz, false);
        sink_add_text(s, " Hz");
    }
    sink_add_text(s, "]");
}

static void add_integer(struct sink *s, const struct mr_value *v)
{
    char text[NUMBER_BYTES];
    if (v->type == MR_I64)
        snprintf(text, sizeof text, "%" PRId64, v->as.i64);
    else
        snprintf(text, sizeof text, "%" PRIu64, v->as.u64);
    sink_add_text(s, text);
}

static void add_value(struct sink *s, const struct mr_value *v)
{
    switch (v->type) {
    case MR_I64:
    case MR_U64:
        add_integer(s, v);
        break;
    case MR_F32:
        add_float(s, (double)v->as.f32, true);
        break;
    case MR_F64:
        add_float(s, v->as.f64, false);
        break;
    case MR_BOOL:
        sink_add_text(s, v->as.b ? "true" : "false");
        break;
    case MR_STRING:
        add_string(s, v->as.ptr, v->len);
        break;
    case MR_BYTES:
        add_bytes(s, v);
        break;
    case MR_F32_ARRAY:
    case MR_F64_ARRAY:
        add_array(s, v);
        break;
    default: /* no value, or a type that cannot be carried */
        sink_add_text(s, "-");
    }
}

int value_text(const struct mr_value *v, char *buf, size_t size)
{
    struct sink s = {.buf = buf, .size = size};
    add_value(&s, v);
    if (size > 0)
        buf[s.written] = '\0';
    return (int)s.whole;
}
