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

/* Nothing is lost where a blank or the separator of a path is replaced: names rarely hold what replaces them. */
static bool is_loss(uint32_t c, char other)
{
    return other != '\0' && c != ' ' && !(c == '/' && other == '.');
}

/* Adds to a label of *n bytes; false when it has no room. */
static bool append(char out[LABEL_MAX], size_t *n, const char *from, size_t len)
{
    if (*n + len >= LABEL_MAX)
        return false;
    memcpy(out + *n, from, len);
    *n += len;
    return true;
}

/* Writes the label without a hash and says whether nothing was lost. */
static bool clean(const char *name, size_t len, char out[LABEL_MAX])
{
    bool is_path = len > 0 && name[0] == '/', exact = true;
    size_t n = 0, i = is_path ? 1 : 0;
    while (i < len) {
        uint32_t c = 0; /* a byte that is no character: NUL, which may not stay either */
        size_t step = text_decode(name + i, len - i, &c);
        char other = replacement(c, is_path, n == 0);
        if (!(other == '\0' ? append(out, &n, name + i, step) : append(out, &n, &other, 1)))
            break;
        i += step > 0 ? step : 1;
        exact = exact && !is_loss(c, other);
    }
    out[n] = '\0';
    return exact && i == len && n > 0 && !(is_path && label_same(out, "root"));
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
