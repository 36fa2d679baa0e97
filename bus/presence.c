/* presence.c - one life per publisher id, and the tags it was born with in a map by (publisher, topic). */
#include "bus/presence.h"

#include <math.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

enum { LIVES_START = 64 };

/* A life, and the text its reason points to. */
struct lived {
    struct life life; /* publisher 0: never heard of */
    char *reason;
};

/* A tag and its texts, in one block: unit, NUL, description, NUL. */
struct born_tag {
    struct tag tag;
    char texts[];
};

struct presence {
    const struct names *names;
    struct lived *lives; /* by publisher id */
    uint32_t lives_cap;
    struct map64 tags; /* publisher << 32 | topic -> struct born_tag */
};

enum mr_rc presence_new(struct presence **ret, const struct names *names, uint32_t max_tags, uint64_t seed)
{
    struct presence *p = mem_calloc(1, sizeof *p);
    if (!p)
        return MR_NO_MEMORY;
    const struct hash_key key = {seed, 6};
    p->names = names;
    map64_init(&p->tags, max_tags, &key);
    *ret = p;
    return MR_OK;
}

void presence_free(struct presence *p)
{
    if (!p)
        return;
    uint32_t cursor = 0;
    for (struct born_tag *t; (t = map64_next(&p->tags, &cursor, NULL));)
        mem_free(t);
    map64_fini(&p->tags);
    for (uint32_t i = 0; i < p->lives_cap; i++)
        mem_free(p->lives[i].reason);
    mem_free(p->lives);
    mem_free(p);
}

static enum mr_rc life_of(struct presence *p, uint32_t publisher, struct lived **ret)
{
    if (publisher >= p->lives_cap) {
        uint32_t cap = p->lives_cap ? p->lives_cap : LIVES_START;
        while (cap <= publisher)
            cap *= 2;
        struct lived *lives = mem_resize(p->lives, cap * sizeof *lives);
        if (!lives)
            return MR_NO_MEMORY;
        memset(lives + p->lives_cap, 0, (cap - p->lives_cap) * sizeof *lives);
        p->lives = lives;
        p->lives_cap = cap;
    }
    *ret = &p->lives[publisher];
    return MR_OK;
}

static int compare_life(uint64_t birth, uint32_t link, const struct life *life)
{
    if (birth != life->birth)
        return birth > life->birth ? 1 : -1;
    return link == life->link ? 0 : link > life->link ? 1 : -1;
}

static bool is_part(const struct presence *p, uint32_t publisher)
{
    return names_get_publisher(p->names, publisher)->owner != publisher;
}

enum mr_rc presence_birth(struct presence *p, const struct session_birth *birth, enum presence_result *ret)
{
    struct lived *l;
    enum mr_rc rc = life_of(p, birth->publisher, &l);
    if (rc)
        return rc;
    int order = l->life.publisher ? compare_life(birth->birth, birth->link, &l->life) : 1;
    /* An identity's death is final for its link, if it is no supposition; an app may come and go within one. */
    bool is_final = !l->life.alive && !l->life.is_supposed && !is_part(p, birth->publisher);
    if (order < 0 || (order == 0 && is_final)) {
        *ret = PRESENCE_OLD;
        return MR_OK;
    }
    *ret = order == 0 && l->life.alive ? PRESENCE_SAME : PRESENCE_CHANGED;
    if (*ret == PRESENCE_CHANGED)
        l->life = (struct life){.publisher = birth->publisher,
                                .alive = true,
                                .birth = birth->birth,
                                .link = birth->link,
                                .since_us = birth->since_us,
                                .first_seq = birth->first_seq,
                                .reason = ""};
    return MR_OK;
}

static enum mr_rc end_life(struct presence *p, const struct session_death *death, int64_t at_us, bool is_supposed,
                           enum presence_result *ret)
{
    struct lived *l;
    enum mr_rc rc = life_of(p, death->publisher, &l);
    if (rc)
        return rc;
    int order = l->life.publisher ? compare_life(death->birth, death->link, &l->life) : 1;
    if (order < 0 || (order == 0 && !l->life.alive)) {
        l->life.is_supposed &= order < 0 || is_supposed; /* now it is certain */
        *ret = order < 0 ? PRESENCE_OLD : PRESENCE_SAME;
        return MR_OK;
    }
    mem_free(l->reason);
    l->reason = mem_strndup(death->reason, strlen(death->reason));
    l->life = (struct life){.publisher = death->publisher,
                            .is_supposed = is_supposed,
                            .birth = death->birth,
                            .link = death->link,
                            .since_us = at_us,
                            .status = death->status,
                            .reason = l->reason ? l->reason : ""}; /* dead without a reason beats alive */
    *ret = PRESENCE_CHANGED;
    return MR_OK;
}

enum mr_rc presence_death(struct presence *p, const struct session_death *death, int64_t at_us,
                          enum presence_result *ret)
{
    return end_life(p, death, at_us, false, ret);
}

enum mr_rc presence_suppose_dead(struct presence *p, const struct session_death *death, int64_t at_us,
                                 enum presence_result *ret)
{
    return end_life(p, death, at_us, true, ret);
}

void presence_forget(struct presence *p, uint32_t publisher)
{
    if (publisher < p->lives_cap)
        p->lives[publisher].life = (struct life){.reason = ""};
}

const struct life *presence_get(const struct presence *p, uint32_t publisher)
{
    if (publisher >= p->lives_cap || p->lives[publisher].life.publisher == 0)
        return NULL;
    return &p->lives[publisher].life;
}

bool presence_lives(const struct presence *p, uint32_t publisher)
{
    const struct publisher *who = names_get_publisher(p->names, publisher);
    const struct life *life = presence_get(p, publisher);
    const struct life *owner = who ? presence_get(p, who->owner) : NULL;
    return life && life->alive && owner && owner->alive && life->birth == owner->birth && life->link == owner->link;
}

bool presence_lives_in(const struct presence *p, uint32_t publisher, uint64_t birth, uint64_t seq)
{
    const struct life *life = presence_get(p, publisher);
    return life && life->birth == birth && presence_lives(p, publisher) &&
           (!is_part(p, publisher) || seq >= life->first_seq);
}

const struct life *presence_walk(const struct presence *p, uint32_t *cursor)
{
    while (*cursor < p->lives_cap) {
        const struct life *life = presence_get(p, (*cursor)++);
        if (life)
            return life;
    }
    return NULL;
}

static uint64_t tag_key(uint32_t publisher, uint32_t topic)
{
    return (uint64_t)publisher << 32 | topic;
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_def(const struct session_tag *a, const struct session_tag *b)
{
    return a->type == b->type && a->stale_ms == b->stale_ms && same_number(a->low, b->low) &&
           same_number(a->high, b->high) && same_number(a->deadband, b->deadband) && strcmp(a->unit, b->unit) == 0 &&
           strcmp(a->description, b->description) == 0;
}

static struct born_tag *copy_tag(uint32_t publisher, const struct session_tag *def, uint32_t version)
{
    size_t unit_size = strlen(def->unit) + 1, description_size = strlen(def->description) + 1;
    struct born_tag *t = mem_alloc(sizeof *t + unit_size + description_size);
    if (!t)
        return NULL;
    memcpy(t->texts, def->unit, unit_size);
    memcpy(t->texts + unit_size, def->description, description_size);
    t->tag = (struct tag){.def = *def, .publisher = publisher, .version = version};
    t->tag.def.unit = t->texts;
    t->tag.def.description = t->texts + unit_size;
    return t;
}

enum mr_rc presence_tag(struct presence *p, uint32_t publisher, const struct session_tag *def, const struct tag **ret)
{
    uint64_t key = tag_key(publisher, def->topic);
    struct born_tag *known = map64_get(&p->tags, key);
    if (known && same_def(&known->tag.def, def)) {
        *ret = &known->tag;
        return MR_OK;
    }
    struct born_tag *t = copy_tag(publisher, def, known ? known->tag.version + 1 : 1);
    if (!t)
        return MR_NO_MEMORY;
    enum mr_rc rc = map64_put(&p->tags, key, t, NULL);
    if (rc) {
        mem_free(t);
        return rc;
    }
    mem_free(known);
    *ret = &t->tag;
    return MR_OK;
}

const struct tag *presence_get_tag(const struct presence *p, uint32_t publisher, uint32_t topic)
{
    const struct born_tag *t = map64_get(&p->tags, tag_key(publisher, topic));
    return t ? &t->tag : NULL;
}

const struct tag *presence_walk_tags(const struct presence *p, uint32_t *cursor)
{
    const struct born_tag *t = map64_next(&p->tags, cursor, NULL);
    return t ? &t->tag : NULL;
}
