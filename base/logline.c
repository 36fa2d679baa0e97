/* logline.c - renders log lines pair by pair, so that no value can forge another pair. */
#include "base/logline.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/text_time.h"

#define MAX_VALUE 512
#define TAIL 16 /* kept free for the mark of a cut line and the closing brace */

struct line {
    char *out;
    size_t len, size;
    enum log_format as;
    bool is_full; /* something did not fit */
};

struct value {
    char text[MAX_VALUE];
    size_t len;
    bool is_cut;
    bool is_number; /* one integer and nothing else: JSON shows it bare */
};

/* One conversion of a format. */
struct conversion {
    char kind;
    char length; /* 'H' for hh, 'L' for ll, else the modifier itself, 0 for none */
    int width;   /* zero-padded, integers only */
    int max;     /* precision of %s, INT32_MAX if none */
};

/* A va_list may be an array: wrapped, it can be handed down by address on every machine. */
struct args {
    va_list list;
};

static void put(struct line *line, const char *text, size_t len)
{
    if (len > line->size - line->len) {
        line->is_full = true;
        return;
    }
    memcpy(line->out + line->len, text, len);
    line->len += len;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* One control character, quote or backslash, as the line's form writes it. */
static void put_special(struct line *line, uint32_t code_point)
{
    static const char *const short_forms[] = {
        ['\t'] = "\\t", ['\n'] = "\\n", ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\"};
    char text[16];
    if (code_point < sizeof short_forms / sizeof short_forms[0] && short_forms[code_point])
        put_text(line, short_forms[code_point]);
    else if (snprintf(text, sizeof text, line->as == LOG_JSON ? "\\u%04x" : "\\u{%X}", (unsigned)code_point) > 0)
        put_text(line, text);
}

/* A byte that is not UTF-8; JSON has no way to show it. */
static void put_bad_byte(struct line *line, uint8_t byte)
{
    char text[16];
    (void)snprintf(text, sizeof text, "\\x%02X", (unsigned)byte);
    put_text(line, line->as == LOG_JSON ? "\\ufffd" : text);
}

static void put_quoted(struct line *line, const char *text, size_t len)
{
    put_text(line, "\"");
    for (size_t at = 0; at < len;) {
        uint32_t code_point;
        size_t n = text_decode(text + at, len - at, &code_point);
        if (n == 0)
            put_bad_byte(line, (uint8_t)text[at]);
        else if (code_point == '"' || code_point == '\\' || text_is_control(code_point))
            put_special(line, code_point);
        else
            put(line, text + at, n);
        at += n ? n : 1;
    }
    put_text(line, "\"");
}

/* True for text that reads the same without quotes. */
static bool is_plain(const char *text, size_t len)
{
    for (size_t at = 0; at < len;) {
        uint32_t code_point;
        size_t n = text_decode(text + at, len - at, &code_point);
        if (n == 0 || text_is_control(code_point) || (code_point < 0x80 && strchr(" \"=\\", (int)code_point)))
            return false;
        at += n;
    }
    return len > 0;
}

static void value_add(struct value *value, const char *text, size_t len)
{
    size_t room = sizeof value->text - value->len;
    if (len > room) {
        len = room;
        value->is_cut = true;
    }
    memcpy(value->text + value->len, text, len);
    value->len += len;
}

static intmax_t take_signed(struct args *args, char length)
{
    switch (length) {
    case 'l':
        return va_arg(args->list, long);
    case 'L':
        return va_arg(args->list, long long);
    case 'j':
        return va_arg(args->list, intmax_t);
    case 'z':
        return (intmax_t)va_arg(args->list, size_t);
    case 't':
        return va_arg(args->list, ptrdiff_t);
    case 'H':
        return (signed char)va_arg(args->list, int);
    case 'h':
        return (short)va_arg(args->list, int);
    default:
        return va_arg(args->list, int);
    }
}

static uintmax_t take_unsigned(struct args *args, char length)
{
    switch (length) {
    case 'l':
        return va_arg(args->list, unsigned long);
    case 'L':
        return va_arg(args->list, unsigned long long);
    case 'j':
        return va_arg(args->list, uintmax_t);
    case 'z':
        return va_arg(args->list, size_t);
    case 't':
        return (uintmax_t)va_arg(args->list, ptrdiff_t);
    case 'H':
        return (unsigned char)va_arg(args->list, unsigned);
    case 'h':
        return (unsigned short)va_arg(args->list, unsigned);
    default:
        return va_arg(args->list, unsigned);
    }
}

/* Reads an unsigned decimal, or * from the arguments. */
static int read_count(const char **at, struct args *args)
{
    if (**at == '*') {
        (*at)++;
        return va_arg(args->list, int);
    }
    int count = 0;
    for (; **at >= '0' && **at <= '9' && count < 10000; (*at)++)
        count = count * 10 + (**at - '0');
    return count;
}

/* Reads what follows a '%'; *at then is behind it. */
static struct conversion read_conversion(const char **at, struct args *args)
{
    struct conversion conversion = {.max = INT32_MAX};
    conversion.width = read_count(at, args);
    if (**at == '.') {
        (*at)++;
        int max = read_count(at, args);
        conversion.max = max < 0 ? INT32_MAX : max;
    }
    if (**at && strchr("hlzjt", **at)) {
        conversion.length = *(*at)++;
        if (**at == conversion.length)
            conversion.length = *(*at)++ == 'h' ? 'H' : 'L';
    }
    conversion.kind = **at;
    if (**at)
        (*at)++;
    return conversion;
}

/* At most max bytes, and never one behind the NUL. */
static void add_string(struct value *value, const char *text, int max)
{
    if (text)
        value_add(value, text, strnlen(text, (size_t)max));
    else
        value_add(value, "-", 1);
}

/* False for a conversion that is not supported: what follows cannot be read either. */
static bool add_conversion(struct value *value, struct conversion conversion, struct args *args)
{
    char text[64] = "";
    int width = conversion.width > 40 ? 40 : conversion.width;
    switch (conversion.kind) {
    case 'd':
    case 'i':
        (void)snprintf(text, sizeof text, "%0*jd", width, take_signed(args, conversion.length));
        break;
    case 'u':
        (void)snprintf(text, sizeof text, "%0*ju", width, take_unsigned(args, conversion.length));
        break;
    case 'x':
        (void)snprintf(text, sizeof text, "%0*jx", width, take_unsigned(args, conversion.length));
        break;
    case 'c':
        text[0] = (char)va_arg(args->list, int);
        break;
    case '%':
        text[0] = '%';
        break;
    case 's':
        add_string(value, va_arg(args->list, const char *), conversion.max);
        return true;
    default:
        return false;
    }
    value_add(value, text, strlen(text));
    return true;
}

/* Renders the value that begins at *at, to the next space of the format. */
static bool read_value(const char **at, struct args *args, struct value *value)
{
    value->len = 0;
    value->is_cut = false;
    value->is_number = false;
    bool is_first = true;
    while (**at && **at != ' ') {
        if (**at == '%') {
            (*at)++;
            struct conversion conversion = read_conversion(at, args);
            if (!add_conversion(value, conversion, args))
                return false;
            value->is_number = is_first && conversion.width == 0 && strchr("diu", conversion.kind);
        } else {
            value_add(value, (*at)++, 1);
            value->is_number = false;
        }
        is_first = false;
    }
    return true;
}

static void put_pair(struct line *line, const char *key, size_t key_len, const struct value *value)
{
    if (line->as == LOG_JSON) {
        put_text(line, ",");
        put_quoted(line, key, key_len);
        put_text(line, ":");
    } else {
        put_text(line, " ");
        put(line, key, key_len);
        put_text(line, "=");
    }
    if (line->as == LOG_JSON ? value->is_number : is_plain(value->text, value->len))
        put(line, value->text, value->len);
    else
        put_quoted(line, value->text, value->len);
}

/* All pairs, or as many as fit; false when something is missing. */
static bool put_pairs(struct line *line, const char *format, struct args *args)
{
    bool is_whole = true;
    struct value value;
    for (const char *at = format; *at;) {
        size_t key_len = strcspn(at, "= ");
        const char *key = at;
        at += key_len;
        if (*at == '=') {
            at++;
            if (!read_value(&at, args, &value))
                return false;
            size_t before = line->len;
            put_pair(line, key, key_len, &value);
            is_whole = is_whole && !value.is_cut;
            if (line->is_full) {
                line->len = before;
                return false;
            }
        }
        at += strspn(at, " ");
    }
    return is_whole;
}

static void put_head(struct line *line, const struct logline_head *head)
{
    static const char *const levels[] = {"DEBUG", "INFO", "WARN", "ERROR"};
    char time[TEXT_TIME_SIZE];
    text_format_time(time, head->real_us);
    bool is_json = line->as == LOG_JSON;
    put_text(line, is_json ? "{\"time\":\"" : "");
    put_text(line, time);
    put_text(line, is_json ? "\",\"level\":\"" : " ");
    put_text(line, levels[head->level]);
    put_text(line, is_json ? "\",\"id\":\"" : " ");
    put_text(line, head->id);
    put_text(line, is_json ? "\"" : "");
}

size_t logline_render(char out[LOGLINE_SIZE], enum log_format as, const struct logline_head *head, const char *format,
                      va_list args)
{
    struct line line = {.out = out, .size = LOGLINE_SIZE - TAIL, .as = as};
    struct args copy;
    va_copy(copy.list, args);
    put_head(&line, head);
    bool is_whole = put_pairs(&line, format, &copy);
    va_end(copy.list);
    line.size = LOGLINE_SIZE - 1;
    if (!is_whole)
        put_text(&line, as == LOG_JSON ? ",\"cut\":1" : " cut=1");
    if (as == LOG_JSON)
        put_text(&line, "}");
    out[line.len] = '\0';
    return line.len;
}
