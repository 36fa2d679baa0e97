/* text.c - UTF-8, escaping, hex and nearest words. */
#include "base/text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define MAX_WORD 64

/* Length of the character that begins with this byte, 0 if none can; *ret_bits: the bits of it the byte carries. */
static size_t lead_length(uint8_t byte, uint32_t *ret_bits)
{
    static const struct {
        uint8_t mask, lead;
    } shapes[] = {{0x80, 0x00}, {0xe0, 0xc0}, {0xf0, 0xe0}, {0xf8, 0xf0}};
    for (size_t i = 0; i < 4; i++) {
        if ((byte & shapes[i].mask) == shapes[i].lead) {
            *ret_bits = byte & (uint8_t)~shapes[i].mask;
            return i + 1;
        }
    }
    return 0;
}

size_t text_decode(const char *text, size_t len, uint32_t *ret)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000}; /* below: an overlong form */
    uint32_t code_point = 0;
    size_t n = lead_length((uint8_t)text[0], &code_point);
    if (n == 0 || n > len)
        return 0;
    for (size_t i = 1; i < n; i++) {
        uint8_t byte = (uint8_t)text[i];
        if ((byte & 0xc0) != 0x80)
            return 0;
        code_point = code_point << 6 | (byte & 0x3f);
    }
    if (code_point < smallest[n] || code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff))
        return 0;
    *ret = code_point;
    return n;
}

bool text_is_utf8(const char *text, size_t len)
{
    uint32_t code_point;
    size_t n;
    for (size_t at = 0; at < len; at += n) {
        n = text_decode(text + at, len - at, &code_point);
        if (n == 0)
            return false;
    }
    return true;
}

bool text_is_control(uint32_t code_point)
{
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},  {0x200e, 0x200f},
                  {0x2028, 0x202e}, {0x2066, 0x2069}, {0xfeff, 0xfeff}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (code_point >= ranges[i].first && code_point <= ranges[i].last)
            return true;
    return false;
}

bool text_is_plain(const char *text, size_t len)
{
    uint32_t code_point;
    size_t n;
    for (size_t at = 0; at < len; at += n) {
        n = text_decode(text + at, len - at, &code_point);
        if (n == 0 || text_is_control(code_point))
            return false;
    }
    return true;
}

/* How one control character is shown; returns the length. */
static size_t show_control(char out[16], uint32_t code_point)
{
    static const char *const short_forms[] = {['\t'] = "\\t", ['\n'] = "\\n", ['\r'] = "\\r"};
    if (code_point < sizeof short_forms / sizeof short_forms[0] && short_forms[code_point])
        return (size_t)snprintf(out, 16, "%s", short_forms[code_point]);
    return (size_t)snprintf(out, 16, "\\u{%X}", (unsigned)code_point);
}

/* The next character of text as it is shown: *ret_len bytes of it in out; returns the bytes of text it stands for. */
static size_t show_next(char out[16], size_t *ret_len, const char *text, size_t len)
{
    uint32_t code_point;
    size_t n = text_decode(text, len, &code_point);
    if (n == 0) {
        *ret_len = (size_t)snprintf(out, 16, "\\x%02X", (unsigned)(uint8_t)text[0]);
        return 1;
    }
    if (text_is_control(code_point)) {
        *ret_len = show_control(out, code_point);
    } else {
        memcpy(out, text, n);
        *ret_len = n;
    }
    return n;
}

size_t text_escape(char *out, size_t size, const char *text, size_t len)
{
    size_t used = 0;
    for (size_t at = 0; at < len;) {
        char shown[16];
        size_t n;
        at += show_next(shown, &n, text + at, len - at);
        if (n >= size - used)
            break;
        memcpy(out + used, shown, n);
        used += n;
    }
    out[used] = '\0';
    return used;
}

void text_hex(char *out, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++) {
        *out++ = "0123456789abcdef"[bytes[i] >> 4];
        *out++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *out = '\0';
}

/* 0..15, or -1. */
static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum mr_rc text_unhex(const char *text, size_t text_len, void *ret, size_t len)
{
    if (text_len / 2 != len || text_len % 2)
        return MR_INVALID;
    for (size_t i = 0; i < text_len; i++)
        if (digit_of(text[i]) < 0)
            return MR_INVALID;
    uint8_t *out = ret;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(digit_of(text[2 * i]) * 16 + digit_of(text[2 * i + 1]));
    return MR_OK;
}

static unsigned min_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned text_distance(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    if (a_len > MAX_WORD || b_len > MAX_WORD)
        return UINT_MAX;
    /* Row i holds the distance of a's first i bytes to each beginning of b; a swap looks back two rows. */
    unsigned rows[3][MAX_WORD + 1];
    for (unsigned j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        const unsigned *before = rows[(i + 1) % 3];
        const unsigned *above = rows[(i - 1) % 3];
        unsigned *row = rows[i % 3];
        row[0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned best = min_of(above[j], row[j - 1]) + 1;
            best = min_of(best, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = min_of(best, before[j - 2] + 1);
            row[j] = best;
        }
    }
    return rows[a_len % 3][b_len];
}

/* The largest distance at which b is still worth a guess for a. */
static unsigned near_enough(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    size_t longer = a_len > b_len ? a_len : b_len;
    return longer < 6 ? 1 : (unsigned)(longer / 3);
}

const char *text_nearest(const char *word, const char *const *candidates, size_t n)
{
    const char *nearest = NULL;
    unsigned least = UINT_MAX;
    for (size_t i = 0; i < n; i++) {
        unsigned distance = text_distance(word, candidates[i]);
        if (distance < least && distance <= near_enough(word, candidates[i])) {
            nearest = candidates[i];
            least = distance;
        }
    }
    return nearest;
}
