/* topic.c - the grammar of topics and filters, see topic.h. Each function is one pass over the text, level by level. */
#include "proto/topic.h"

#include <string.h>

#include "base/text.h"

/* The level at hand of a text; level is NULL behind the last one. */
struct cursor {
    const char *level;
    size_t len;
    const char *end; /* of the whole text */
};

static void cursor_at(struct cursor *c, const char *level)
{
    size_t rest = (size_t)(c->end - level);
    const char *slash = rest > 0 ? memchr(level, '/', rest) : NULL;
    c->level = level;
    c->len = slash ? (size_t)(slash - level) : rest;
}

static struct cursor cursor_first(const char *text, size_t len)
{
    struct cursor c = {.end = text + len};
    cursor_at(&c, text);
    return c;
}

static void cursor_next(struct cursor *c)
{
    const char *behind = c->level + c->len;
    if (behind == c->end)
        c->level = NULL;
    else
        cursor_at(c, behind + 1);
}

static bool cursor_ended(const struct cursor *c)
{
    return c->level == NULL;
}

/* Is the whole level this one character? False behind the last level. */
static bool cursor_is(const struct cursor *c, char one)
{
    return c->level && c->len == 1 && c->level[0] == one;
}

static bool cursor_same(const struct cursor *a, const struct cursor *b)
{
    return a->len == b->len && memcmp(a->level, b->level, a->len) == 0;
}

/* Not text_is_control(): what a terminal must not see may grow, the grammar on the wire may not. */
static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

/* The rule for a '+' or '#' found in this level. */
static enum topic_rule check_wildcard(const struct cursor *c, char wildcard, unsigned allow)
{
    if (!(allow & TOPIC_FILTER))
        return TOPIC_WILDCARD;
    if (c->len > 1)
        return wildcard == '+' ? TOPIC_PLUS_INSIDE : TOPIC_HASH_INSIDE;
    if (wildcard == '#' && c->level + c->len != c->end)
        return TOPIC_HASH_NOT_LAST;
    return TOPIC_FINE;
}

static enum topic_rule check_character(const struct cursor *c, uint32_t code, unsigned allow)
{
    if (code == 0)
        return TOPIC_NUL;
    if (is_control(code))
        return TOPIC_CONTROL;
    if (code == '+' || code == '#')
        return check_wildcard(c, (char)code, allow);
    return TOPIC_FINE;
}

static enum topic_rule check_level(const struct cursor *c, unsigned allow)
{
    if (c->len == 0)
        return TOPIC_EMPTY_LEVEL;
    for (size_t i = 0; i < c->len;) {
        uint32_t code;
        size_t n = text_decode(c->level + i, c->len - i, &code);
        if (n == 0)
            return TOPIC_NOT_UTF8;
        enum topic_rule rule = check_character(c, code, allow);
        if (rule != TOPIC_FINE)
            return rule;
        i += n;
    }
    return TOPIC_FINE;
}

static enum topic_rule check_frame(const char *text, size_t len, unsigned allow)
{
    if (len == 0)
        return TOPIC_EMPTY;
    if (len > TOPIC_MAX_BYTES)
        return TOPIC_TOO_LONG;
    if (text[0] == '/')
        return TOPIC_LEADING_SLASH;
    if (text[len - 1] == '/')
        return TOPIC_TRAILING_SLASH;
    if (topic_is_relative(text, len) && !(allow & TOPIC_RELATIVE))
        return TOPIC_DOT_ROOT;
    return TOPIC_FINE;
}

enum topic_rule topic_check(const char *text, size_t len, unsigned allow)
{
    enum topic_rule rule = check_frame(text, len, allow);
    if (rule != TOPIC_FINE)
        return rule;
    unsigned levels = 0;
    for (struct cursor c = cursor_first(text, len); !cursor_ended(&c); cursor_next(&c)) {
        if (++levels > TOPIC_MAX_LEVELS)
            return TOPIC_TOO_DEEP;
        rule = check_level(&c, allow);
        if (rule != TOPIC_FINE)
            return rule;
    }
    return TOPIC_FINE;
}

const char *topic_rule_text(enum topic_rule rule)
{
    switch (rule) {
#define TOPIC_RULE_TEXT(code, text)                                                                                    \
    case code:                                                                                                         \
        return text;
        TOPIC_RULES(TOPIC_RULE_TEXT)
#undef TOPIC_RULE_TEXT
    }
    return "is not valid";
}

unsigned topic_levels(const char *text, size_t len)
{
    unsigned levels = 1;
    for (size_t i = 0; i < len; i++)
        levels += text[i] == '/';
    return levels;
}

bool topic_is_system(const char *text, size_t len)
{
    return len > 0 && text[0] == '$';
}

bool topic_is_relative(const char *text, size_t len)
{
    return len > 0 && text[0] == '.' && (len == 1 || text[1] == '/');
}

bool filter_has_wildcard(const char *filter, size_t len)
{
    return len > 0 && (memchr(filter, '+', len) != NULL || memchr(filter, '#', len) != NULL);
}

enum mr_rc topic_expand(const char *text, size_t len, const char *path, size_t path_len, char out[TOPIC_MAX_BYTES + 1],
                        size_t *ret_len)
{
    size_t head = 0;
    if (topic_is_relative(text, len)) {
        if (path_len == 0)
            return MR_INVALID;
        head = path_len;
        text++;
        len--;
    }
    if (head > TOPIC_MAX_BYTES || len > TOPIC_MAX_BYTES - head)
        return MR_TOO_BIG;
    if (head > 0)
        memcpy(out, path, head);
    if (len > 0)
        memcpy(out + head, text, len);
    out[head + len] = '\0';
    *ret_len = head + len;
    return MR_OK;
}

static bool cursor_is_wildcard(const struct cursor *c)
{
    return cursor_is(c, '+') || cursor_is(c, '#');
}

/* Walks both to the first difference. In `narrow` a '+' is a level like any other that only '+' or '#' can cover. */
static bool covers(struct cursor wide, struct cursor narrow)
{
    for (;;) {
        if (cursor_is(&wide, '#'))
            return true;
        if (cursor_ended(&wide) || cursor_ended(&narrow))
            return cursor_ended(&wide) && cursor_ended(&narrow);
        if (cursor_is(&narrow, '#'))
            return false;
        if (!cursor_is(&wide, '+') && !cursor_same(&wide, &narrow))
            return false;
        cursor_next(&wide);
        cursor_next(&narrow);
    }
}

/* A topic is a filter that matches itself only, so matching it is covering it. */
bool filter_match(const char *filter, size_t filter_len, const char *topic, size_t topic_len)
{
    return filter_covers(filter, filter_len, topic, topic_len);
}

bool filter_covers(const char *wide, size_t wide_len, const char *narrow, size_t narrow_len)
{
    struct cursor w = cursor_first(wide, wide_len);
    struct cursor n = cursor_first(narrow, narrow_len);
    if (topic_is_system(narrow, narrow_len) && cursor_is_wildcard(&w))
        return false;
    if (cursor_is(&n, '#') && cursor_is(&w, '+')) { /* every topic has a first level: '#' and '+/#' mean the same */
        cursor_next(&w);
        return cursor_is(&w, '#');
    }
    return covers(w, n);
}

static bool overlaps(struct cursor a, struct cursor b)
{
    for (;;) {
        if (cursor_is(&a, '#') || cursor_is(&b, '#'))
            return true;
        if (cursor_ended(&a) || cursor_ended(&b))
            return cursor_ended(&a) && cursor_ended(&b);
        if (!cursor_is(&a, '+') && !cursor_is(&b, '+') && !cursor_same(&a, &b))
            return false;
        cursor_next(&a);
        cursor_next(&b);
    }
}

bool filter_overlaps(const char *a, size_t a_len, const char *b, size_t b_len)
{
    struct cursor ca = cursor_first(a, a_len);
    struct cursor cb = cursor_first(b, b_len);
    if (topic_is_system(a, a_len) && cursor_is_wildcard(&cb))
        return false;
    if (topic_is_system(b, b_len) && cursor_is_wildcard(&ca))
        return false;
    return overlaps(ca, cb);
}
