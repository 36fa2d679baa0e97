/* checker_rest.c - when nothing moves any more: do all agree on the last values, on who lives, on what is stale? */
/* promise: value-forward, value-stale, presence */
#include <stdlib.h>

#include "checker_private.h"

static const struct final_slot *slot_at(const struct history *h, int place, const struct final_slot *like)
{
    for (size_t i = 0; i < h->n_slots; i++) {
        const struct final_slot *s = &h->slots[i];
        if (s->place == place && s->owner == like->owner && s->topic == like->topic)
            return s;
    }
    return NULL;
}

static bool is_same(const struct final_slot *a, const struct final_slot *b)
{
    return b && a->birth == b->birth && a->seq == b->seq && a->hash == b->hash && a->is_cleared == b->is_cleared;
}

static bool is_current(const struct history *h, int machine, uint64_t birth)
{
    for (size_t i = 0; i < h->n_lives; i++)
        if (h->lives[i].machine == machine && h->lives[i].birth == birth)
            return true;
    return false;
}

/* Who wrote it has a session, and had it when it wrote. */
static bool writer_lives(const struct checker *c, const struct final_slot *s)
{
    const struct accepted *a = checker_find(c, s->owner, s->birth, s->seq);
    for (size_t i = 0; a && i < c->h->n_lives; i++) {
        const struct final_life *life = &c->h->lives[i];
        if (life->machine == s->owner && life->program == a->program && life->birth == s->birth &&
            life->session == a->session)
            return true;
    }
    return false;
}

static bool follows(const struct history *h, int machine, uint32_t topic)
{
    for (size_t i = 0; i < h->n_subs; i++)
        if (h->subs[i]->is_open && h->subs[i]->machine == machine &&
            checker_match(h->subs[i]->filter, h->topics[topic]))
            return true;
    return false;
}

static void broken(struct checker *c, const struct final_slot *s, const char *what, int where)
{
    checker_broken(c, RULE_CONVERGE, "at rest '%s' of m%d is %llx/%llu at m%d (0, -1, ...: brokers), %s m%d",
                   c->h->topics[s->topic], s->owner + 1, (unsigned long long)s->birth, (unsigned long long)s->seq,
                   s->place + 1, what, where + 1);
}

/* What the owner's agent holds, all brokers hold; what one of them holds, with its time of acceptance, all do. */
static void check_at_brokers(struct checker *c, const struct final_slot *s)
{
    bool is_brokers = s->place <= HISTORY_BROKER;
    for (int b = 0; b < c->h->n_brokers && (is_brokers || s->place == s->owner); b++) {
        const struct final_slot *other = slot_at(c->h, history_broker(b), s);
        if (!c->h->is_broker_up[b])
            continue;
        if (!is_same(s, other))
            broken(c, s, "and not so at", history_broker(b));
        else if (is_brokers && s->accept_us != other->accept_us)
            broken(c, s, "and was accepted at another time at", history_broker(b));
    }
    if (is_brokers && !s->is_cleared && s->is_fresh != writer_lives(c, s))
        checker_broken(c, RULE_STALE, "at rest mr%d takes '%s' of m%d, %llx/%llu, for %s", history_broker(s->place) + 1,
                       c->h->topics[s->topic], s->owner + 1, (unsigned long long)s->birth, (unsigned long long)s->seq,
                       s->is_fresh ? "fresh" : "stale");
}

/* What brokers hold, every agent that follows it holds. */
static void check_slot(struct checker *c, const struct final_slot *s)
{
    const struct history *h = c->h;
    check_at_brokers(c, s);
    for (int m = 0; s->place <= HISTORY_BROKER && m < h->n_machines; m++) {
        bool must_hold = m == s->owner ? is_current(h, m, s->birth) : follows(h, m, s->topic) && !s->is_cleared;
        const struct final_slot *other = slot_at(h, m, s);
        if (must_hold ? !is_same(s, other) : other && m != s->owner && !is_same(s, other))
            broken(c, s, "and not so at", m);
    }
}

static bool has_dropped(const struct subscription *sub)
{
    for (size_t i = 0; i < sub->n; i++)
        if (sub->items[i].kind == ITEM_LOSS && sub->items[i].cause == MR_SLOW_READER)
            return sub->is_read_slowly;
    return false;
}

/* A subscription has seen what its agent holds, and knows whether that is stale. */
static void check_view(struct checker *c, const struct subscription *sub, struct seen_values *seen)
{
    const struct history *h = c->h;
    for (size_t i = 0; i < h->n_slots; i++) {
        const struct final_slot *s = &h->slots[i];
        if (s->place != sub->machine || !checker_match(sub->filter, h->topics[s->topic]))
            continue;
        const struct seen_value *v = checker_seen(seen, s->topic, s->owner);
        if (!v && s->is_cleared)
            continue;
        if (!v || checker_compare(v->birth, v->seq, s->birth, s->seq) != 0 || v->hash != s->hash) {
            checker_broken(c, RULE_CONVERGE, "at rest a%d's '%s' has %llx/%llu of '%s' of m%d, its agent %llx/%llu",
                           sub->program + 1, sub->filter, (unsigned long long)(v ? v->birth : 0),
                           (unsigned long long)(v ? v->seq : 0), h->topics[s->topic], s->owner + 1,
                           (unsigned long long)s->birth, (unsigned long long)s->seq);
            return;
        }
        if (!s->is_cleared && v->is_stale == writer_lives(c, s))
            checker_broken(c, RULE_STALE, "at rest a%d's '%s' takes '%s' of m%d, %llx/%llu, for %s", sub->program + 1,
                           sub->filter, h->topics[s->topic], s->owner + 1, (unsigned long long)s->birth,
                           (unsigned long long)s->seq, v->is_stale ? "stale" : "fresh");
    }
}

static bool shows_alive(const struct history *h, int broker, const struct final_life *life)
{
    for (size_t i = 0; i < h->n_presence; i++) {
        const struct final_presence *p = &h->presence[i];
        if (p->place == history_broker(broker) && p->machine == life->machine && p->program == life->program &&
            p->birth == life->birth && p->is_alive)
            return true;
    }
    return false;
}

static void check_life(struct checker *c, const struct final_life *life)
{
    for (int b = 0; b < c->h->n_brokers; b++)
        if (c->h->is_broker_up[b] && !shows_alive(c->h, b, life))
            checker_broken(c, RULE_PRESENCE, "at rest mr%d does not show m%d/a%d alive in %llx", b + 1,
                           life->machine + 1, life->program + 1, (unsigned long long)life->birth);
}

static bool has_life(const struct history *h, int machine, int program)
{
    for (size_t i = 0; i < h->n_lives; i++)
        if (h->lives[i].machine == machine && h->lives[i].program == program)
            return true;
    return false;
}

/* The death of a machine, or another birth of it, is the death of all on it: they may still be listed. */
static void check_death(struct checker *c, const struct final_presence *p)
{
    bool may_be_listed = p->program != HISTORY_ANY && !is_current(c->h, p->machine, p->birth);
    if (p->is_alive && !may_be_listed && !has_life(c->h, p->machine, p->program))
        checker_broken(c, RULE_PRESENCE, "at rest mr%d shows m%d/a%d alive", history_broker(p->place) + 1,
                       p->machine + 1, p->program + 1);
}

void checker_check_rest(struct checker *c)
{
    const struct history *h = c->h;
    for (size_t i = 0; i < h->n_slots; i++)
        check_slot(c, &h->slots[i]);
    for (size_t i = 0; i < h->n_subs && h->n_slots; i++) {
        struct seen_values seen = {.at = NULL};
        struct checker quiet = *c;
        if (!h->subs[i]->is_open || has_dropped(h->subs[i]))
            continue;
        checker_check_sub(&quiet, h->subs[i], &seen);
        check_view(c, h->subs[i], &seen);
        free(seen.at);
    }
    for (size_t i = 0; i < h->n_lives; i++)
        check_life(c, &h->lives[i]);
    for (size_t i = 0; i < h->n_presence; i++)
        check_death(c, &h->presence[i]);
}
