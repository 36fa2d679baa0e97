/* checker.c - verdict, index of what was accepted, and the checks of records and requests by themselves. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "checker_private.h"

enum { PROGRAMS = 64 };

const char *rule_name(enum rule rule)
{
    static const char *const names[RULE_COUNT_OF_RULES] = {
        [RULE_NONE] = "none",         [RULE_SEEN] = "seen",
        [RULE_PHANTOM] = "phantom",   [RULE_FILTER] = "filter",
        [RULE_ORDER] = "order",       [RULE_UNTOLD] = "untold loss",
        [RULE_COUNT] = "loss count",  [RULE_FALSE_LOSS] = "false loss",
        [RULE_SNAPSHOT] = "snapshot", [RULE_BACKWARDS] = "backwards",
        [RULE_ACCEPT] = "accept",     [RULE_CONVERGE] = "converge",
        [RULE_STALE] = "stale",       [RULE_REQUEST] = "request",
        [RULE_PRESENCE] = "presence"};
    return rule < RULE_COUNT_OF_RULES ? names[rule] : "?";
}

void checker_broken(struct checker *c, enum rule rule, const char *format, ...)
{
    if (checker_is_done(c))
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(c->verdict->text, sizeof c->verdict->text, format, args);
    va_end(args);
    c->verdict->rule = rule;
}

/* -- filters -- */
static size_t level_length(const char *at)
{
    return strcspn(at, "/");
}

bool checker_match(const char *filter, const char *topic)
{
    if (*topic == '$' && (*filter == '+' || *filter == '#'))
        return false;
    while (strcmp(filter, "#") != 0) {
        size_t f = level_length(filter), t = level_length(topic);
        bool is_any = f == 1 && *filter == '+';
        if (!is_any && (f != t || memcmp(filter, topic, f) != 0))
            return false;
        if (!topic[t]) /* "a/#" takes "a" too */
            return !filter[f] || strcmp(filter + f, "/#") == 0;
        if (!filter[f])
            return false;
        filter += f + 1;
        topic += t + 1;
    }
    return true;
}

/* -- the index -- */
static int by_version(const void *a, const void *b)
{
    const struct by_version *x = a, *y = b;
    return checker_compare(x->birth, x->seq, y->birth, y->seq);
}

static void make_index(struct checker *c, int machine)
{
    const struct machine_history *m = &c->h->machines[machine];
    struct by_version *v = sim_alloc(m->n + 1, sizeof *v);
    for (size_t i = 0; i < m->n; i++)
        v[i] = (struct by_version){m->accepted[i].birth, m->accepted[i].seq, i};
    qsort(v, m->n, sizeof *v, by_version);
    for (size_t i = 1; i < m->n; i++)
        if (by_version(&v[i - 1], &v[i]) == 0)
            checker_broken(c, RULE_ACCEPT, "m%d gave the number %llu twice", machine + 1, (unsigned long long)v[i].seq);
    c->versions[machine] = v;
}

const struct accepted *checker_find(const struct checker *c, int machine, uint64_t birth, uint64_t seq)
{
    if (machine < 0 || machine >= c->h->n_machines)
        return NULL;
    const struct machine_history *m = &c->h->machines[machine];
    const struct by_version key = {birth, seq, 0};
    const struct by_version *v = bsearch(&key, c->versions[machine], m->n, sizeof key, by_version);
    return v ? &m->accepted[v->at] : NULL;
}

/* -- published and accepted -- */
static int by_number(const void *a, const void *b)
{
    const struct published *x = a, *y = b;
    return x->number == y->number ? 0 : x->number > y->number ? 1 : -1;
}

/* The last of a program, or of one of its topics, that an agent took. */
struct last_taken {
    uint64_t number, birth;
    bool is_cleared;
};

struct order {
    struct last_taken of_program[PROGRAMS];
    struct last_taken *of_topic; /* by topic and program */
    int64_t birth_ns;            /* when the birth's first record was taken */
    uint64_t birth;
};

/* A program writes a tag's value anew for an agent that begins anew: once per birth, and never one that was overtaken or
 * removed. */
static bool is_in_order(struct order *o, const struct accepted *a, const struct published *p)
{
    unsigned program = (unsigned)a->program % PROGRAMS;
    struct last_taken *topic = &o->of_topic[a->topic * PROGRAMS + program];
    bool is_anew = a->flags == MR_KEEP && p->at_ns < o->birth_ns;
    struct last_taken *last = is_anew ? topic : &o->of_program[program];
    bool is_fine = a->number > last->number ||
                   (is_anew && a->number == last->number && a->birth != last->birth && !last->is_cleared);
    if (a->number > o->of_program[program].number)
        o->of_program[program].number = a->number;
    if (!(a->flags & MR_BACKFILL))
        *topic = (struct last_taken){.number = a->number, .birth = a->birth};
    return is_fine;
}

/* What was accepted of programs: in their order, as they wrote it. Marks in `taken` what came. */
static void check_machine(struct checker *c, int machine, const struct published *sorted, bool *taken)
{
    const struct machine_history *m = &c->h->machines[machine];
    struct order order = {.of_topic = sim_alloc(c->h->n_topics * PROGRAMS + 1, sizeof(struct last_taken))};
    for (size_t i = 0; i < m->n && !checker_is_done(c); i++) {
        const struct accepted *a = &m->accepted[i];
        const struct published key = {.number = a->number};
        if (a->birth != order.birth)
            order.birth_ns = a->at_ns;
        order.birth = a->birth;
        if (a->flags & MR_CLEAR) {
            order.of_topic[a->topic * PROGRAMS + (unsigned)a->program % PROGRAMS].is_cleared = true;
            continue;
        }
        const struct published *p = bsearch(&key, sorted, c->h->n_published, sizeof key, by_number);
        if (!p || p->hash != a->hash || p->topic != a->topic || p->flags != a->flags) {
            checker_broken(c, RULE_ACCEPT, "m%d took %llx of '%s' which was not published so", machine + 1,
                           (unsigned long long)a->number, c->h->topics[a->topic]);
            break;
        }
        if (!is_in_order(&order, a, p))
            checker_broken(c, RULE_ACCEPT, "m%d took %llx of '%s' after a later one of its program, or twice",
                           machine + 1, (unsigned long long)a->number, c->h->topics[a->topic]);
        taken[p - sorted] = true;
    }
    free(order.of_topic);
}

static void check_published(struct checker *c)
{
    size_t n = c->h->n_published;
    struct published *sorted = sim_alloc(n + 1, sizeof *sorted);
    bool *taken = sim_alloc(n + 1, sizeof *taken);
    if (n)
        memcpy(sorted, c->h->published, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_number);
    for (int i = 0; i < c->h->n_machines; i++)
        check_machine(c, i, sorted, taken);
    for (size_t i = 0; i < n; i++)
        if (sorted[i].must_arrive && !taken[i])
            checker_broken(c, RULE_ACCEPT, "%llx of '%s', written when all was well, never came to its agent",
                           (unsigned long long)sorted[i].number, c->h->topics[sorted[i].topic]);
    free(sorted);
    free(taken);
}

/* -- requests -- */
static const char *request_fault(const struct asked *a)
{
    if (a->handled > 1)
        return "handled more than once";
    if (a->outcomes > 1)
        return "more than one outcome";
    if (a->outcomes == 0)
        return a->is_forsaken ? NULL : "no outcome";
    if (a->rc == MR_OK && a->answers_id != a->id)
        return "the answer to another request";
    if (a->rc == MR_OK && a->handled == 0)
        return "an answer though nobody was asked";
    if (a->expect == EXPECT_ANSWER && a->rc != MR_OK)
        return "no answer though all was well";
    if (a->expect == EXPECT_NOBODY && a->rc != MR_NO_RESPONDER)
        return "not NO_RESPONDER though nobody serves it";
    return NULL;
}

static void check_requests(struct checker *c)
{
    for (size_t i = 0; i < c->h->n_asked; i++) {
        const struct asked *a = &c->h->asked[i];
        const char *fault = request_fault(a);
        if (fault)
            checker_broken(c, RULE_REQUEST, "request %llx of %.6f s (rc %d): %s", (unsigned long long)a->id,
                           (double)a->at_ns / (double)SIM_S, (int)a->rc, fault);
    }
}

void checker_run(const struct history *history, struct verdict *ret)
{
    struct checker c = {.h = history, .verdict = ret};
    *ret = (struct verdict){.rule = RULE_NONE};
    for (int i = 0; i < history->n_machines; i++)
        make_index(&c, i);
    check_published(&c);
    for (size_t i = 0; i < history->n_subs; i++) {
        struct seen_values seen = {.at = NULL};
        checker_check_sub(&c, history->subs[i], &seen);
        free(seen.at);
    }
    check_requests(&c);
    checker_check_rest(&c);
    if (*history->problem)
        checker_broken(&c, RULE_SEEN, "%s", history->problem);
    for (int i = 0; i < history->n_machines; i++)
        free(c.versions[i]);
}
