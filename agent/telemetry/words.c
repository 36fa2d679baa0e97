/* words.c - see words.h. */
#include "agent/telemetry/words.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

struct words words_of(const char *text, size_t len)
{
    return (struct words){.at = text, .end = text + len};
}

size_t words_len(struct words w)
{
    return (size_t)(w.end - w.at);
}

bool words_is(struct words w, const char *text)
{
    return words_len(w) == strlen(text) && words_begins(w, text);
}

bool words_begins(struct words w, const char *text)
{
    size_t len = strlen(text);
    return words_len(w) >= len && memcmp(w.at, text, len) == 0;
}

bool words_until(struct words *w, char mark, struct words *ret)
{
    if (w->at == w->end)
        return false;
    const char *found = memchr(w->at, mark, words_len(*w));
    if (!found)
        return false;
    *ret = (struct words){.at = w->at, .end = found};
    w->at = found + 1;
    return true;
}

bool words_line(struct words *text, struct words *ret)
{
    return words_until(text, '\n', ret);
}

bool words_next(struct words *line, struct words *ret)
{
    const char *at = line->at;
    while (at < line->end && is_blank(*at))
        at++;
    const char *start = at;
    while (at < line->end && !is_blank(*at))
        at++;
    line->at = at;
    if (at == start)
        return false;
    *ret = (struct words){.at = start, .end = at};
    return true;
}

bool words_skip(struct words *line, unsigned n)
{
    struct words dropped;
    while (n > 0 && words_next(line, &dropped))
        n--;
    return n == 0;
}

bool words_number(struct words w, uint64_t *ret)
{
    uint64_t value = 0;
    if (w.at == w.end)
        return false;
    for (; w.at < w.end; w.at++) {
        if (!is_digit(*w.at))
            return false;
        uint64_t digit = (uint64_t)(*w.at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

bool words_u64(struct words *line, uint64_t *ret)
{
    struct words word;
    return words_next(line, &word) && words_number(word, ret);
}

bool words_i64(struct words *line, int64_t *ret)
{
    struct words word;
    uint64_t size;
    if (!words_next(line, &word))
        return false;
    bool negative = words_begins(word, "-");
    if (negative)
        word.at++;
    if (!words_number(word, &size) || size > INT64_MAX)
        return false;
    *ret = negative ? -(int64_t)size : (int64_t)size;
    return true;
}

bool words_f64(struct words *line, double *ret)
{
    struct words word, before;
    uint64_t whole;
    if (!words_next(line, &word))
        return false;
    if (!words_until(&word, '.', &before)) {
        before = word;
        word.at = word.end;
    }
    if (!words_number(before, &whole))
        return false;
    double value = (double)whole, weight = 0.1;
    for (int n = 0; word.at < word.end; word.at++, n++, weight /= 10) {
        if (!is_digit(*word.at))
            return false;
        if (n < 9)
            value += weight * (*word.at - '0');
    }
    *ret = value;
    return true;
}

bool words_are_hex(struct words w)
{
    for (; w.at < w.end; w.at++)
        if (!is_digit(*w.at) && *w.at != '-' && !(*w.at >= 'a' && *w.at <= 'f') && !(*w.at >= 'A' && *w.at <= 'F'))
            return false;
    return true;
}
