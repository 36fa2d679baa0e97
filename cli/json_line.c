/* json_line.c - see json_line.h. */
#include "cli/json_line.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "base/text_time.h"

struct json_line json_begin(FILE *out)
{
    fputc('{', out);
    return (struct json_line){.out = out, .is_first = true};
}

void json_end(struct json_line *line)
{
    fputs("}\n", line->out);
}

static void put_key(struct json_line *line, const char *key)
{
    fprintf(line->out, "%s\"%s\": ", line->is_first ? "" : ", ", key);
    line->is_first = false;
}

/* One byte of ASCII inside quotes. */
static void put_ascii(FILE *out, unsigned char c)
{
    if (c == '"' || c == '\\')
        fprintf(out, "\\%c", c);
    else if (c == '\n')
        fputs("\\n", out);
    else if (c < 0x20 || c == 0x7f)
        fprintf(out, "\\u%04x", c);
    else
        fputc(c, out);
}

/* Characters as they are; controls that would disturb a terminal escaped; a byte that is not UTF-8 as U+FFFD. */
static void put_string(FILE *out, const char *text, size_t len)
{
    fputc('"', out);
    for (size_t i = 0; i < len;) {
        uint32_t code = 0;
        size_t n = text_decode(text + i, len - i, &code);
        if (n == 1)
            put_ascii(out, (unsigned char)text[i]);
        else if (n == 0)
            fputs("\\ufffd", out);
        else if (text_is_control(code))
            fprintf(out, "\\u%04" PRIx32, code); /* all of them are below U+10000 */
        else
            fwrite(text + i, 1, n, out);
        i += n ? n : 1;
    }
    fputc('"', out);
}

void json_text(struct json_line *line, const char *key, const char *text)
{
    put_key(line, key);
    if (text)
        put_string(line->out, text, strlen(text));
    else
        fputs("null", line->out);
}

void json_u64(struct json_line *line, const char *key, uint64_t value)
{
    put_key(line, key);
    fprintf(line->out, "%" PRIu64, value);
}

void json_bool(struct json_line *line, const char *key, bool value)
{
    put_key(line, key);
    fputs(value ? "true" : "false", line->out);
}

void json_time(struct json_line *line, const char *key, int64_t us)
{
    char text[TEXT_TIME_SIZE];
    text_format_time(text, us);
    json_text(line, key, strcmp(text, "-") == 0 ? NULL : text);
}

/* A number as mr_value_text() writes it, which JSON reads back as the same; JSON has no nan and no inf. */
static void put_number(FILE *out, const struct mr_value *v, bool is_finite)
{
    char text[64];
    mr_value_text(v, text, sizeof text);
    fprintf(out, is_finite ? "%s" : "\"%s\"", text);
}

static void put_f64(FILE *out, double x)
{
    const struct mr_value v = mr_f64(x);
    put_number(out, &v, isfinite(x));
}

static void put_f32(FILE *out, float x)
{
    struct mr_value v = {.type = MR_F32};
    v.as.f32 = x;
    put_number(out, &v, isfinite(x));
}

static void put_array(FILE *out, const struct mr_value *v)
{
    const char *separator = "";
    size_t step = v->type == MR_F32_ARRAY ? sizeof(float) : sizeof(double);
    fputc('[', out);
    for (size_t at = 0; at + step <= v->len; at += step) {
        float f;
        double d;
        fputs(separator, out);
        separator = ", ";
        if (v->type == MR_F32_ARRAY) {
            memcpy(&f, (const char *)v->as.ptr + at, sizeof f);
            put_f32(out, f);
        } else {
            memcpy(&d, (const char *)v->as.ptr + at, sizeof d);
            put_f64(out, d);
        }
    }
    fputc(']', out);
}

static void put_bytes(FILE *out, const struct mr_value *v)
{
    const unsigned char *data = v->as.ptr;
    if (v->len == 0 || text_is_utf8(v->as.ptr, v->len)) {
        put_string(out, v->as.ptr, v->len);
        return;
    }
    fputs("\"0x", out);
    for (uint32_t i = 0; i < v->len; i++)
        fprintf(out, "%02x", data[i]);
    fputc('"', out);
}

void json_value(struct json_line *line, const char *key, const struct mr_value *value)
{
    put_key(line, key);
    switch (value->type) {
    case MR_NO_VALUE:
        fputs("null", line->out);
        break;
    case MR_F32:
        put_f32(line->out, value->as.f32);
        break;
    case MR_F64:
        put_f64(line->out, value->as.f64);
        break;
    case MR_STRING:
        put_string(line->out, value->as.ptr, value->len);
        break;
    case MR_F32_ARRAY:
    case MR_F64_ARRAY:
        put_array(line->out, value);
        break;
    case MR_I64:
    case MR_U64:
    case MR_BOOL:
        put_number(line->out, value, true);
        break;
    default:
        put_bytes(line->out, value);
        break;
    }
}
