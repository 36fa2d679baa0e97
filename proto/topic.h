/* topic.h - the grammar of topics and filters, matching, and the two questions rights ask about filters.
 *
 * A topic is 1..TOPIC_MAX_BYTES bytes of UTF-8, 1..TOPIC_MAX_LEVELS levels split by '/'. No level is empty; there is no
 * NUL and no control character (C0, DEL, C1); '+' and '#' belong to filters: '+' is one whole level, '#' is the last
 * whole level and stands for any number of levels, none included ("a/#" matches "a"). Roots starting with '$' belong to
 * the bus and are never matched by a wildcard first level. A first level "." means "under my own path": what a program
 * writes, never what goes over the wire (topic_expand). "+" and "#" inside a longer level are refused in topics and
 * filters alike, so every topic is also a filter that matches exactly itself.
 *
 * Text is (pointer, length), not NUL-terminated. No function allocates, recurses, or reads behind the length given. */
#ifndef PROTO_TOPIC_H
#define PROTO_TOPIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "proto/limits.h"

/* The rules a text can break: code, words that complete "'<text>' …". */
#define TOPIC_RULES(X)                                                                                                 \
    X(TOPIC_FINE, "is fine")                                                                                           \
    X(TOPIC_EMPTY, "is empty")                                                                                         \
    X(TOPIC_TOO_LONG, "is longer than 512 bytes")                                                                      \
    X(TOPIC_TOO_DEEP, "has more than 32 levels")                                                                       \
    X(TOPIC_LEADING_SLASH, "begins with '/'")                                                                          \
    X(TOPIC_TRAILING_SLASH, "ends with '/'")                                                                           \
    X(TOPIC_EMPTY_LEVEL, "has an empty level")                                                                         \
    X(TOPIC_NUL, "contains a NUL character")                                                                           \
    X(TOPIC_CONTROL, "contains a control character")                                                                   \
    X(TOPIC_NOT_UTF8, "is not valid UTF-8")                                                                            \
    X(TOPIC_WILDCARD, "contains a wildcard, which only a filter may")                                                  \
    X(TOPIC_PLUS_INSIDE, "has a '+' that is not a whole level")                                                        \
    X(TOPIC_HASH_INSIDE, "has a '#' that is not a whole level")                                                        \
    X(TOPIC_HASH_NOT_LAST, "has a '#' before the last level")                                                          \
    X(TOPIC_DOT_ROOT, "begins with the level '.', which is only for names relative to one's own path")

enum topic_rule {
#define TOPIC_RULE_CODE(code, text) code,
    TOPIC_RULES(TOPIC_RULE_CODE)
#undef TOPIC_RULE_CODE
};

/* What topic_check lets pass beyond a full topic; combine with |. */
enum topic_allow {
    TOPIC_FULL = 0,     /* a topic as it goes over the wire */
    TOPIC_FILTER = 1,   /* wildcards too */
    TOPIC_RELATIVE = 2, /* "./…" too; the rest obeys the same rules */
};

/* The rule that text breaks first, reading from the left, or TOPIC_FINE. Lengths are looked at before content. */
enum topic_rule topic_check(const char *text, size_t len, unsigned allow);

/* Static words for a rule; never NULL, "is not valid" for a number that is no rule. */
const char *topic_rule_text(enum topic_rule rule);

/* Number of levels of a valid topic or filter: 1..TOPIC_MAX_LEVELS. */
unsigned topic_levels(const char *text, size_t len);

/* True when the first level starts with '$'. */
bool topic_is_system(const char *text, size_t len);

/* True for a first level ".": the text must go through topic_expand before it is used. */
bool topic_is_relative(const char *text, size_t len);

/* True when the filter contains a wildcard, false when it can match one topic only. */
bool filter_has_wildcard(const char *filter, size_t len);

/* Writes text with a first level "." replaced by path; any other text is copied as it is. out is NUL-terminated,
 * *ret_len its length without the zero. The result is not checked: run topic_check on it.
 * MR_INVALID: relative and no path (path_len 0). MR_TOO_BIG: the result is longer than TOPIC_MAX_BYTES. */
MUST enum mr_rc topic_expand(const char *text, size_t len, const char *path, size_t path_len,
                             char out[TOPIC_MAX_BYTES + 1], size_t *ret_len);

/* The three below expect valid topics and filters; anything else gives some answer, never a read out of bounds. */

/* Does the filter match the topic? */
bool filter_match(const char *filter, size_t filter_len, const char *topic, size_t topic_len);

/* Does `wide` match every topic that `narrow` matches? Exact. */
bool filter_covers(const char *wide, size_t wide_len, const char *narrow, size_t narrow_len);

/* Is there a topic that both match? Exact, except that the shortest common topic may be longer than TOPIC_MAX_BYTES:
 * then the answer is still true, which is the safe side for a deny rule. */
bool filter_overlaps(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
