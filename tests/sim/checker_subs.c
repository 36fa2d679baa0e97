/* checker_subs.c - walks what one subscription was given, and says where it breaks a promise. */
/* promise: live-order, live-loss, live-no-false, value-gap-free, value-forward */
#include <stdlib.h>

#include "checker_private.h"

/* What was told to be missing of one machine since its last record. */
struct told_lost {
    bool any, is_unknown;
    uint64_t count;
};

struct expected {
    int machine;
    uint32_t topic;
    uint64_t birth, seq;
};

struct walker {
    struct checker *c;
    const struct subscription *sub;
    bool *matches; /* by topic */
    size_t at;     /* item */
    struct {
        size_t given;        /* position after the last live record given */
        size_t given_before; /* the same when the program last lost its agent */
        size_t covered;      /* up to here everything was given or told */
        bool is_known;       /* covered means something: interest was in force */
        struct told_lost lost;
    } of[CHECKER_MACHINES];
    bool in_own_span, in_span; /* a loss of everybody's opened it: anything may be missing until the next */
    struct {
        bool any;                      /* one was told since the last calm, */
        int64_t at_ns;                 /* last then */
        const struct accepted *awaits; /* missing, and the loss that closes the span is still to come */
        int machine;                   /* of awaits */
    } spans; /* with several brokers: they overlap, and who reads does not see which one a loss closes */
    bool is_calm, is_in_force;
    int64_t in_force_ns;
    size_t losses; /* told so far */
    struct seen_values *seen;
    struct expected *expected;
    size_t n_expected, cap_expected;
    const struct accepted **removed; /* by another machine; shown to be so, perhaps ahead of the record itself */
    size_t n_removed, cap_removed;
};

/* A broker's peers have the interest of its agents by then, or a loss is told. */
static const int64_t subscribed_within_ns = 1500 * SIM_MS;

struct seen_value *checker_seen(struct seen_values *seen, uint32_t topic, int machine)
{
    for (size_t i = 0; i < seen->n; i++)
        if (seen->at[i].topic == topic && seen->at[i].machine == machine)
            return &seen->at[i];
    return NULL;
}

static void broken(struct walker *w, enum rule rule, const struct item *item, const char *what)
{
    const struct history *h = w->c->h;
    checker_broken(w->c, rule, "a%d's '%s' at %.6f s, m%d %llx/%llu %s: %s", w->sub->program + 1, w->sub->filter,
                   (double)item->at_ns / (double)SIM_S, item->machine + 1, (unsigned long long)item->birth,
                   (unsigned long long)item->seq, item->kind == ITEM_DATA ? h->topics[item->topic] : "", what);
}

static bool is_removed(const struct walker *w, const struct accepted *a)
{
    for (size_t i = 0; i < w->n_removed; i++)
        if (w->removed[i] == a)
            return true;
    return false;
}

/* What a machine took after it met a broker for the last time died with it: nobody can have heard of it. */
static bool is_known_to_anybody(const struct walker *w, int machine, const struct accepted *a)
{
    return machine == w->sub->machine || a->birth <= w->c->h->machines[machine].met_birth;
}

static bool is_due(const struct walker *w, int machine, const struct accepted *a)
{
    return is_known_to_anybody(w, machine, a) && w->matches[a->topic] && !a->is_anew &&
           (w->sub->with_backfill || !(a->flags & MR_BACKFILL)) && !is_removed(w, a);
}

/* Records the subscription should have had, of positions from..to-1, and the first and last of them. */
static uint64_t count_missing(const struct walker *w, int machine, size_t from, size_t to,
                              const struct accepted **ret_first, const struct accepted **ret_last)
{
    uint64_t n = 0;
    for (size_t i = to; i-- > from;) {
        const struct accepted *a = &w->c->h->machines[machine].accepted[i];
        if (!is_due(w, machine, a))
            continue;
        *ret_first = a;
        if (n++ == 0)
            *ret_last = a;
    }
    return n;
}

static void broken_by(struct walker *w, enum rule rule, const struct item *item, int machine, uint64_t missing,
                      const struct accepted *first)
{
    checker_broken(
        w->c, rule,
        "a%d's '%s' at %.6f s: before m%d %llx/%llu, %llu are missing, the first is %llx/%llu of '%s', taken "
        "by m%d at %.6f s, and %s was said",
        w->sub->program + 1, w->sub->filter, (double)item->at_ns / (double)SIM_S, item->machine + 1,
        (unsigned long long)item->birth, (unsigned long long)item->seq, (unsigned long long)missing,
        (unsigned long long)first->birth, (unsigned long long)first->seq, w->c->h->topics[first->topic], machine + 1,
        (double)first->at_ns / (double)SIM_S, rule == RULE_UNTOLD ? "nothing" : "less");
}

/* Between two losses of everybody's anything may be missing. `last` is: the second one is perhaps still to come. */
static bool is_in_span(struct walker *w, int machine, const struct accepted *last)
{
    if (w->in_own_span || w->c->h->n_brokers == 1)
        return w->in_own_span || w->in_span;
    if (w->spans.any && last->at_ns > w->spans.at_ns) {
        w->spans.awaits = last;
        w->spans.machine = machine;
    }
    return w->spans.any;
}

/* All of machine before position `to` must have been given or told. */
static void cover(struct walker *w, int machine, size_t to, const struct item *item)
{
    const struct accepted *first = NULL, *last = NULL;
    uint64_t missing =
        w->of[machine].is_known ? count_missing(w, machine, w->of[machine].covered, to, &first, &last) : 0;
    const struct told_lost *lost = &w->of[machine].lost;
    bool is_told = lost->any && (lost->is_unknown || lost->count >= missing);
    if (missing && !is_told && !is_in_span(w, machine, last))
        broken_by(w, lost->any ? RULE_COUNT : RULE_UNTOLD, item, machine, missing, first);
    if (to > w->of[machine].covered)
        w->of[machine].covered = to;
    w->of[machine].lost = (struct told_lost){.any = false};
}

/* -- data -- */
/* A CLEAR of one machine is, to the others' values, a tombstone of the version that it met. */
static bool is_cleared_by_another(const struct walker *w, const struct item *item, int64_t until_ns)
{
    for (int m = 0; m < w->c->h->n_machines; m++) {
        const struct machine_history *history = &w->c->h->machines[m];
        for (size_t i = 0; m != item->machine && i < history->n && history->accepted[i].at_ns <= until_ns; i++)
            if (history->accepted[i].topic == item->topic && history->accepted[i].flags & MR_CLEAR)
                return true;
    }
    return false;
}

static bool has_its_bytes(const struct walker *w, const struct item *item, const struct accepted *a)
{
    const uint32_t tombstone = MR_CLEAR | MR_FROM_SNAPSHOT;
    if ((item->flags & tombstone) == tombstone && !(a->flags & MR_CLEAR))
        return !item->hash && is_cleared_by_another(w, item, item->at_ns);
    return a->number == item->number && a->hash == item->hash;
}

static const struct accepted *identify(struct walker *w, const struct item *item)
{
    const struct accepted *a = checker_find(w->c, item->machine, item->birth, item->seq);
    if (!a || a->topic != item->topic) {
        broken(w, RULE_PHANTOM, item, "no agent took such a record");
        return NULL;
    }
    if (!has_its_bytes(w, item, a)) {
        broken(w, RULE_PHANTOM, item, "the bytes are not those that were published");
        return NULL;
    }
    if (!w->matches[item->topic] || (item->flags & MR_BACKFILL && !w->sub->with_backfill)) {
        broken(w, RULE_FILTER, item, "was not asked for");
        return NULL;
    }
    return a;
}

/* An agent that restarts forgets what it handed on, and another broker may have some of it still under way. */
static bool may_come_again(const struct walker *w, const struct item *item, size_t position)
{
    int m = item->machine;
    bool is_live = !(item->flags & MR_FROM_SNAPSHOT);
    return is_live && position < w->of[m].given && w->of[m].given == w->of[m].given_before && w->c->h->n_brokers > 1;
}

static void see_live(struct walker *w, const struct item *item, size_t position)
{
    int m = item->machine;
    if (position < w->of[m].given) {
        broken(w, RULE_ORDER, item, "came twice, or after a later one");
        return;
    }
    cover(w, m, position, item);
    w->of[m].given = position + 1;
    if (position + 1 > w->of[m].covered)
        w->of[m].covered = position + 1;
    /* Before it is in force it may be given what another subscription of the program asked for, or what brokers hand on anyway. */
    w->of[m].is_known |= w->is_in_force && w->c->h->machines[m].accepted[position].at_ns >= w->in_force_ns;
}

static void see_value(struct walker *w, const struct item *item)
{
    struct seen_value *v = checker_seen(w->seen, item->topic, item->machine);
    bool is_stale = item->flags & MR_STALE, is_cleared = item->flags & MR_CLEAR;
    if (!v) {
        w->seen->at = sim_grow(w->seen->at, w->seen->n, &w->seen->cap, sizeof *w->seen->at);
        v = &w->seen->at[w->seen->n++];
        *v = (struct seen_value){.topic = item->topic, .machine = item->machine};
    }
    int order = checker_compare(item->birth, item->seq, v->birth, v->seq);
    /* What may be lost may have been that it turned stale, or fresh. */
    bool is_change = item->flags & MR_FROM_SNAPSHOT &&
                     (is_stale != v->is_stale || w->losses != v->losses || (is_cleared && !v->is_cleared));
    if (order < 0 || (order == 0 && v->is_cleared && !is_cleared))
        broken(w, RULE_BACKWARDS, item, "a later value was given before");
    else if (order == 0 && !is_change)
        broken(w, RULE_BACKWARDS, item, "this value was given before");
    *v = (struct seen_value){item->topic, item->machine, item->birth, item->seq,
                             item->hash,  w->losses,     is_stale,    is_cleared};
}

static void note_removed(struct walker *w, const struct accepted *a)
{
    w->removed = sim_grow(w->removed, w->n_removed, &w->cap_removed, sizeof *w->removed);
    w->removed[w->n_removed++] = a;
}

static void see_data(struct walker *w, const struct item *item)
{
    const struct accepted *a = identify(w, item);
    if (!a)
        return;
    if (item->flags & MR_CLEAR && !(a->flags & MR_CLEAR))
        note_removed(w, a);
    size_t position = (size_t)(a - w->c->h->machines[item->machine].accepted);
    if (may_come_again(w, item, position))
        return;
    if (!(item->flags & MR_FROM_SNAPSHOT))
        see_live(w, item, position);
    if (item->flags & (MR_KEEP | MR_CLEAR | MR_FROM_SNAPSHOT) && !(item->flags & MR_BACKFILL))
        see_value(w, item);
}

/* -- losses -- */
static void lose(struct walker *w, int machine, uint64_t count)
{
    struct told_lost *lost = &w->of[machine].lost;
    lost->any = true;
    lost->is_unknown |= count == 0;
    lost->count += count;
}

static void see_loss(struct walker *w, const struct item *item)
{
    w->losses++;
    if (w->is_calm)
        broken(w, RULE_FALSE_LOSS, item, "a loss was told while nothing broke and nothing was dropped");
    for (int m = 0; m < w->c->h->n_machines; m++)
        if (item->machine == HISTORY_ANY || item->machine == m)
            lose(w, m, item->count);
    if (item->kind == ITEM_LOSS && item->machine == HISTORY_ANY && item->cause == MR_LINK) {
        w->in_span = !w->in_span;
        w->spans.any = true;
        w->spans.at_ns = item->at_ns;
        w->spans.awaits = NULL;
    }
    for (int m = 0; item->kind == ITEM_SPAN_OPENS && m < w->c->h->n_machines; m++)
        w->of[m].given_before = w->of[m].given;
    if (item->kind == ITEM_SPAN_OPENS)
        w->in_span = false; /* the larger one covers it */
    if (item->kind != ITEM_LOSS)
        w->in_own_span = item->kind == ITEM_SPAN_OPENS;
}

/* -- snapshots and calm -- */
static void expect(struct walker *w, const struct item *item)
{
    w->expected = sim_grow(w->expected, w->n_expected, &w->cap_expected, sizeof *w->expected);
    w->expected[w->n_expected++] = (struct expected){item->machine, item->topic, item->birth, item->seq};
}

static size_t position_at(const struct walker *w, int machine, int64_t at_ns)
{
    const struct machine_history *m = &w->c->h->machines[machine];
    size_t n = m->n;
    while (n > 0 && m->accepted[n - 1].at_ns > at_ns)
        n--;
    return n;
}

static void begin_to_know(struct walker *w, int machine, int64_t at_ns)
{
    size_t position = position_at(w, machine, at_ns);
    if (position > w->of[machine].covered)
        w->of[machine].covered = position;
    w->of[machine].is_known = true;
}

/* Removed after that version: a snapshot then has nothing to show. */
static bool was_cleared(const struct walker *w, const struct expected *e, int64_t until_ns)
{
    const struct item like = {.machine = e->machine, .topic = e->topic};
    if (is_cleared_by_another(w, &like, until_ns))
        return true;
    const struct machine_history *m = &w->c->h->machines[e->machine];
    for (size_t i = m->n; i-- > 0;) {
        const struct accepted *a = &m->accepted[i];
        if (a->topic == e->topic && a->flags & MR_CLEAR && a->at_ns <= until_ns &&
            checker_compare(a->birth, a->seq, e->birth, e->seq) > 0)
            return true;
    }
    return false;
}

static void see_snapshot_end(struct walker *w, const struct item *item)
{
    for (size_t i = 0; i < w->n_expected; i++) {
        const struct expected *e = &w->expected[i];
        const struct seen_value *v = checker_seen(w->seen, e->topic, e->machine);
        if ((v && checker_compare(v->birth, v->seq, e->birth, e->seq) >= 0) || was_cleared(w, e, item->at_ns))
            continue;
        checker_broken(w->c, RULE_SNAPSHOT, "a%d's '%s': the snapshot that ends at %.6f s lacks '%s' of m%d, %llx/%llu",
                       w->sub->program + 1, w->sub->filter, (double)item->at_ns / (double)SIM_S,
                       w->c->h->topics[e->topic], e->machine + 1, (unsigned long long)e->birth,
                       (unsigned long long)e->seq);
    }
    w->n_expected = 0;
    if (w->is_in_force)
        return;
    w->is_in_force = true;
    w->in_force_ns = item->at_ns + (w->c->h->n_brokers > 1 ? subscribed_within_ns : 0);
    if (!w->of[w->sub->machine].is_known)
        begin_to_know(w, w->sub->machine, item->at_ns);
}

static void see_calm(struct walker *w, const struct item *item)
{
    if (w->spans.awaits)
        broken_by(w, RULE_UNTOLD, item, w->spans.machine, 1, w->spans.awaits);
    w->in_span = w->in_own_span = w->spans.any = false;
    w->is_calm = true;
    if (!w->is_in_force || w->in_force_ns > item->upto_ns)
        return;
    for (int m = 0; m < w->c->h->n_machines; m++) {
        if (w->of[m].is_known)
            cover(w, m, position_at(w, m, item->upto_ns), item);
        else
            begin_to_know(w, m, item->upto_ns);
    }
}

static void see(struct walker *w, const struct item *item)
{
    switch (item->kind) {
    case ITEM_DATA:
        see_data(w, item);
        break;
    case ITEM_LOSS:
    case ITEM_SPAN_OPENS:
    case ITEM_SPAN_CLOSES:
        see_loss(w, item);
        break;
    case ITEM_SNAPSHOT_END:
        see_snapshot_end(w, item);
        break;
    case ITEM_EXPECTED:
        expect(w, item);
        break;
    case ITEM_FAULT:
        w->is_calm = false;
        w->n_expected = 0;
        break;
    case ITEM_CALM:
        see_calm(w, item);
        break;
    case ITEM_CLOSED:
        break;
    }
}

void checker_check_sub(struct checker *c, const struct subscription *sub, struct seen_values *ret_seen)
{
    struct walker w = {.c = c, .sub = sub, .seen = ret_seen};
    w.matches = sim_alloc(c->h->n_topics + 1, sizeof *w.matches);
    for (size_t i = 0; i < c->h->n_topics; i++)
        w.matches[i] = checker_match(sub->filter, c->h->topics[i]);
    for (w.at = 0; w.at < sub->n && !checker_is_done(c); w.at++)
        see(&w, &sub->items[w.at]);
    free(w.matches);
    free(w.expected);
    free(w.removed);
}
