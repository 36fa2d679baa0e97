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

/* What stands in the label for a character that may not stay; '\0' for one that may. */
static char replacement(uint32_t c, bool is_path, bool is_first)
{
    if (may_stay(c))
        return '\0';
    if (is_first) /* no level "." */
        return '_';
    if (is_path)
        return c == '/' || c == '.' ? '.' : '_';
    return c == '.' ? '\0' : '_';
}

/* Writes at most LABEL_MAX - 1 bytes and says whether the name can be told from the label. */
static bool clean(const char *name, size_t len, char out[LABEL_MAX])
{
    bool is_path = len > 0 && name[0] == '/';
    bool exact = true;
    size_t n = 0;
    for (size_t i = is_path ? 1 : 0, step; i < len; i += step) {
        uint32_t c = 0; /* a byte that is no character: NUL, which may not stay either */
        step = text_decode(name + i, len - i, &c);
        char other = replacement(c, is_path, n == 0);
        step = step > 0 ? step : 1;
        if (n + step >= LABEL_MAX) {
            exact = false;
            break;
        }
        if (other == '\0') {
            memcpy(out + n, name + i, step);
            n += step;
        } else {
            out[n++] = other;
            exact = exact && (c == ' ' || (c == '/' && other == '.'));
        }
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
