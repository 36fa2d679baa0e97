/* tagset.h - all tags of the collector: name, definition, last value, quality, and what has not been told yet. */
#ifndef AGENT_TELEMETRY_TAGSET_H
#define AGENT_TELEMETRY_TAGSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/telemetry/telemetry.h"
#include "base/err.h"
#include "base/rc.h"

enum {
    TAG_NAME_MAX = 129, /* bytes, NUL included */
    TAG_WORD_MAX = 64,  /* of a string value, NUL included */
};

/* What is the same for every tag of a kind; static. */
struct tag_def {
    const char *name; /* last level of the topic, "busy"; "" = what it is about is all of the topic */
    const char *unit;
    const char *description;
    double low, high; /* NaN = no such end */
};

/* Absent: never read, so not shown. Live: read at the last collection. Lost: no longer read; its old value stays. */
enum tag_state { TAG_ABSENT, TAG_LIVE, TAG_LOST };

struct tag {
    const struct tag_def *def;
    struct mr_value value; /* a string points into word */
    int64_t read_ns;
    uint32_t stale_ms;
    uint32_t status;
    enum tag_state state;
    bool first;  /* the receiver does not know this name yet */
    bool untold; /* value or status is newer than what the receiver has */
    char name[TAG_NAME_MAX];
    char word[TAG_WORD_MAX];
};

struct tagset {
    struct tag *tags; /* n of them */
    size_t n;
};

void tagset_fini(struct tagset *set);

/* Adds n absent tags without a name; *ret_first is the index of the first. MR_NO_MEMORY: nothing changed. */
MUST enum mr_rc tagset_reserve(struct tagset *set, size_t n, uint32_t stale_ms, size_t *ret_first, struct err *err);

/* Gives the tag a name, "where/def->name", and makes it absent again. where is copied, at most two levels of ours and a
 * label; def is borrowed for ever. */
void tagset_define(struct tagset *set, size_t index, const char *where, const struct tag_def *def);

/* A value was read: it is Good. A number that is no number is lost with BadSensorFailure. */
void tagset_put(struct tagset *set, size_t index, double value, int64_t now_ns);
void tagset_put_flag(struct tagset *set, size_t index, bool value, int64_t now_ns);
void tagset_put_word(struct tagset *set, size_t index, const char *word, size_t len, int64_t now_ns); /* copied, cut */

/* No value could be read, for the reason `status`. An absent tag stays absent; another keeps value and instant. */
void tagset_lose(struct tagset *set, size_t index, uint32_t status);
void tagset_lose_all(struct tagset *set, size_t first, size_t n, uint32_t status);

/* Calls emit for each of n tags from `first` on that has something untold. */
void tagset_tell(struct tagset *set, size_t first, size_t n, telemetry_emit_fn *emit, void *user);

/* Calls emit for each tag that is not absent, as new. */
void tagset_tell_all(struct tagset *set, telemetry_emit_fn *emit, void *user);

#endif
