/* label.c - see label.h. */
#include "agent/telemetry/label.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

enum { HASH_LEN = 9 /* "~" and eight digits */ };

/* FNV-1a: names come from the machine's own administrator, so no key is needed, and it must be the same at each start. */
static uint32_t name_hash(const char *name, size_t len)
{
    uint32_t hash = UINT32_C(2166136261);
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * UINT32_C(16777619);
    return hash;
}

static bool may_stay(uint32_t c)
{
    if (c >= 0x80)
        return !text_is_control(c);
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-_:@", (int)c));
}

/* Writes at most LABEL_MAX - 1 bytes and says whether the name can be told from the label. */
static bool clean(const char *name, size_t len, char out[LABEL_MAX])
{
    bool exact = true;
    size_t n = 0;
    bool is_path = len > 0 && name[0] == '/';
    for (size_t i = is_path ? 1 : 0, step; i < len; i += step) {
        uint32_t c = 0;
        step = text_decode(name + i, len - i, &c);
        bool stays = step > 0 && (may_stay(c) || (c == '.' && !is_path));
        if (step == 0)
            step = 1;
        size_t width = stays ? step : 1;
        if (n + width >= LABEL_MAX) {
            exact = false;
            break;
        }
        if (stays)
            memcpy(out + n, name + i, width);
        else
            out[n] = (is_path && (c == '/' || c == '.')) ? '.' : '_';
        exact = exact && (stays || (is_path && c == '/'));
        n += width;
    }
    out[n] = '\0';
    return exact && n > 0 && !(is_path && label_same(out, "root"));
}

static void add_hash(char out[LABEL_MAX], const char *key, size_t len)
{
    uint32_t ignored;
    size_t keep = 0, have = strlen(out);
    /* Cut between characters. */
    while (keep < have) {
        size_t step = text_decode(out + keep, have - keep, &ignored);
        if (step == 0 || keep + step + HASH_LEN >= LABEL_MAX)
            break;
        keep += step;
    }
    snprintf(out + keep, LABEL_MAX - keep, "~%08" PRIx32, name_hash(key, len));
}

void label_make(const char *name, size_t len, char out[LABEL_MAX])
{
    if (len == 1 && name[0] == '/') {
        memcpy(out, "root", sizeof "root");
        return;
    }
    if (!clean(name, len, out))
        add_hash(out, name, len);
}

void label_make_distinct(const char *name, size_t len, const char *key, char out[LABEL_MAX])
{
    (void)clean(name, len, out);
    add_hash(out, key, strlen(key));
}

bool label_same(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}
