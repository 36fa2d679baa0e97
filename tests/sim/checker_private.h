/* checker_private.h - what the two halves of the checker share: the index of accepted records, and the verdict.
 *
 *   checker.c       verdict, index, records accepted, requests
 *   checker_subs.c  what each subscription was given, item by item
 *   checker_rest.c  how all stand at the end */
#ifndef SIM_CHECKER_PRIVATE_H
#define SIM_CHECKER_PRIVATE_H
#include "checker.h"

enum { CHECKER_MACHINES = 8 };

/* Accepted records of one machine by (birth, seq). */
struct by_version {
    uint64_t birth, seq;
    size_t at; /* in machines[].accepted */
};

struct checker {
    const struct history *h;
    struct by_version *versions[CHECKER_MACHINES];
    struct verdict *verdict;
};

/* Keeps the first. */
void checker_broken(struct checker *c, enum rule rule, const char *format, ...) FORMAT_CHECKED(3, 4);
static inline bool checker_is_done(const struct checker *c)
{
    return c->verdict->rule != RULE_NONE;
}
/* NULL: no agent took such a record. */
const struct accepted *checker_find(const struct checker *c, int machine, uint64_t birth, uint64_t seq);
static inline int checker_compare(uint64_t birth, uint64_t seq, uint64_t birth2, uint64_t seq2)
{
    if (birth != birth2)
        return birth > birth2 ? 1 : -1;
    return seq == seq2 ? 0 : seq > seq2 ? 1 : -1;
}

/* How far a subscription has seen a slot. */
struct seen_value {
    uint32_t topic;
    int machine;
    uint64_t birth, seq, hash;
    size_t losses; /* told before it was seen */
    bool is_stale, is_cleared;
};
struct seen_values {
    struct seen_value *at;
    size_t n, cap;
};
struct seen_value *checker_seen(struct seen_values *seen, uint32_t topic, int machine); /* NULL: not yet */

/* *ret_seen: what it has seen last of each slot; the caller frees .at. */
void checker_check_sub(struct checker *c, const struct subscription *sub, struct seen_values *ret_seen);
void checker_check_rest(struct checker *c);
#endif
