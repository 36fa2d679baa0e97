/* checker.h - is this history one the promises allow? Knows nothing of the product but its public vocabulary. */
#ifndef SIM_CHECKER_H
#define SIM_CHECKER_H
#include "history.h"

/* One per promise; RULE_NONE: all is well. */
enum rule {
    RULE_NONE,
    RULE_SEEN,       /* the run itself saw something wrong: history.problem */
    RULE_PHANTOM,    /* given what nobody published, or other bytes, or under another topic */
    RULE_FILTER,     /* given what the filter does not match */
    RULE_ORDER,      /* out of order, or twice */
    RULE_UNTOLD,     /* something is missing and no loss stands in its place */
    RULE_COUNT,      /* a loss stands there, and counts fewer than are missing */
    RULE_FALSE_LOSS, /* a loss was told while nothing broke and nothing was dropped */
    RULE_SNAPSHOT,   /* the snapshot ended without a value that was there */
    RULE_BACKWARDS,  /* a last value went back, or came twice */
    RULE_ACCEPT,   /* what an agent took is not what was published, or was written when all was well and never taken */
    RULE_CONVERGE, /* stations or subscribers hold different last values at rest */
    RULE_STALE,    /* stale though its publisher lives, or not though it does not */
    RULE_REQUEST,  /* not exactly one outcome, a wrong answer, or handled twice */
    RULE_PRESENCE, /* who is alive is not shown alive at rest */
    RULE_COUNT_OF_RULES
};

struct verdict {
    enum rule rule;
    char text[320]; /* where and what, "" when all is well */
};

void checker_run(const struct history *history, struct verdict *ret);
const char *rule_name(enum rule rule);
/* The checker's own matcher: MQTT's rules for + and #, wildcards never matching a first level that begins with $. */
bool checker_match(const char *filter, const char *topic);
#endif
