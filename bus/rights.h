/* rights.h - may this identity do that? One question for every path: live, last values, requests (DESIGN §10).
 *
 * A policy is a list of rules {allow|deny, operation, pattern}; denied unless allowed, deny beats allow; patterns may hold
 * %{path} %{id} %{name} as whole levels, expanded from the registry's facts about the identity only. The built-in policy
 * "open" is what a plant has before it gives out roles: every known key may do everything but on `$` roots; there it has its
 * own $agent/<id>/# and $inbox/<id>/#, and may read and ask under $agent and $sys. */
#ifndef BUS_RIGHTS_H
#define BUS_RIGHTS_H
#include "base/err.h"
#include "bus/names.h"

enum right { RIGHT_PUBLISH, RIGHT_SUBSCRIBE, RIGHT_REQUEST, RIGHT_SERVE, RIGHT_COUNT };

/* Facts from the registry. Borrowed for the call. */
struct rights_subject {
    const char *identity, *path;
    const char *app; /* NULL: the machine itself */
};

struct rights;
struct rights_rule {
    bool allow;
    enum right right;
    const char *pattern;
};
MUST enum mr_rc rights_new(struct rights **ret, const char *name, const struct rights_rule *rules, size_t n,
                           struct err *err);
MUST enum mr_rc rights_new_open(struct rights **ret, struct err *err);
void rights_free(struct rights *r);

/* MR_OK or MR_DENIED with a reason in words that names identity, operation, topic, the rule that would allow it and what to
 * run next. Publish and request take a topic; subscribe and serve take a filter, which an allow pattern must cover. */
MUST enum mr_rc rights_check(const struct rights *r, const struct rights_subject *who, enum right right,
                             const char *topic, struct err *err);
/* Deny patterns overlap the filter: every delivery must be asked for again. */
bool rights_must_recheck(const struct rights *r, const struct rights_subject *who, const char *filter);
const char *right_name(enum right right); /* "publish" */
#endif
