/* calls.c - open calls found by (id, reply topic), and listed per requester and responder so that an end finds them all. */
#include "bus/calls.h"

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

/* What an answer names. */
struct call_key {
    uint64_t id;
    uint64_t reply_topic;
};

/* A port that asks or answers, while it has open calls. */
struct peer {
    struct list asked, handed;
    uint32_t n_asked, n_handed;
    uint32_t port;
};

struct open_call {
    struct call_key key;
    struct call call;
    struct list in_all, in_asked, in_handed;
    struct peer *from, *to;
};

struct calls {
    struct map by_key;
    struct map64 peers; /* port -> struct peer */
    struct list all;
    uint32_t max_per_port;
};

enum mr_rc calls_new(struct calls **ret, uint32_t max_calls, uint32_t max_per_port, uint64_t seed)
{
    struct calls *c = mem_calloc(1, sizeof *c);
    if (!c)
        return MR_NO_MEMORY;
    const struct hash_key key_seed = {seed, 4}, port_seed = {seed, 5};
    map_init(&c->by_key, max_calls, &key_seed);
    map64_init(&c->peers, MAP_MAX_ENTRIES, &port_seed);
    list_init(&c->all);
    c->max_per_port = max_per_port;
    *ret = c;
    return MR_OK;
}

static void drop_if_idle(struct calls *c, struct peer *p)
{
    if (p->n_asked || p->n_handed)
        return;
    map64_remove(&c->peers, p->port);
    mem_free(p);
}

static void forget(struct calls *c, struct open_call *o)
{
    map_remove(&c->by_key, &o->key, sizeof o->key);
    list_remove(&o->in_all);
    list_remove(&o->in_asked);
    list_remove(&o->in_handed);
    o->from->n_asked--;
    o->to->n_handed--;
    drop_if_idle(c, o->from);
    if (o->to != o->from)
        drop_if_idle(c, o->to);
    mem_free(o);
}

void calls_free(struct calls *c)
{
    if (!c)
        return;
    struct list *at, *after;
    LIST_EACH(at, after, &c->all)
    forget(c, container_of(at, struct open_call, in_all));
    map_fini(&c->by_key);
    map64_fini(&c->peers);
    mem_free(c);
}

static enum mr_rc peer_at(struct calls *c, uint32_t port, struct peer **ret)
{
    struct peer *p = map64_get(&c->peers, port);
    if (!p) {
        p = mem_calloc(1, sizeof *p);
        if (!p)
            return MR_NO_MEMORY;
        p->port = port;
        list_init(&p->asked);
        list_init(&p->handed);
        enum mr_rc rc = map64_put(&c->peers, port, p, NULL);
        if (rc) {
            mem_free(p);
            return rc;
        }
    }
    *ret = p;
    return MR_OK;
}

static enum mr_rc add(struct calls *c, const struct call *call, struct peer *from, struct peer *to)
{
    if (from->n_asked >= c->max_per_port || to->n_handed >= c->max_per_port)
        return MR_WOULD_BLOCK;
    struct open_call *o = mem_alloc(sizeof *o);
    if (!o)
        return MR_NO_MEMORY;
    *o = (struct open_call){.key = {call->id, call->reply_topic}, .call = *call, .from = from, .to = to};
    enum mr_rc rc = map_put(&c->by_key, &o->key, sizeof o->key, o, NULL);
    if (rc) {
        mem_free(o);
        return rc == MR_TOO_BIG ? MR_WOULD_BLOCK : rc;
    }
    list_push_back(&c->all, &o->in_all);
    list_push_back(&from->asked, &o->in_asked);
    list_push_back(&to->handed, &o->in_handed);
    from->n_asked++;
    to->n_handed++;
    return MR_OK;
}

enum mr_rc calls_add(struct calls *c, const struct call *call)
{
    const struct call_key key = {call->id, call->reply_topic};
    struct peer *from, *to;
    if (map_get(&c->by_key, &key, sizeof key))
        return MR_INVALID;
    enum mr_rc rc = peer_at(c, call->from, &from);
    if (rc)
        return rc;
    rc = peer_at(c, call->to, &to);
    if (!rc)
        rc = add(c, call, from, to);
    if (!rc)
        return MR_OK;
    to = map64_get(&c->peers, call->to);
    if (to && to != from)
        drop_if_idle(c, to);
    drop_if_idle(c, from);
    return rc;
}

enum mr_rc calls_take(struct calls *c, uint32_t to, uint64_t id, uint32_t reply_topic, struct call *ret)
{
    const struct call_key key = {id, reply_topic};
    struct open_call *o = map_get(&c->by_key, &key, sizeof key);
    if (!o || o->call.to != to)
        return MR_NOT_FOUND;
    *ret = o->call;
    forget(c, o);
    return MR_OK;
}

enum mr_rc calls_take_any_to(struct calls *c, uint32_t to, struct call *ret)
{
    const struct peer *p = map64_get(&c->peers, to);
    struct list *first = p ? list_first(&p->handed) : NULL;
    if (!first)
        return MR_NOT_FOUND;
    struct open_call *o = container_of(first, struct open_call, in_handed);
    *ret = o->call;
    forget(c, o);
    return MR_OK;
}

void calls_drop_from(struct calls *c, uint32_t from)
{
    const struct peer *p = map64_get(&c->peers, from);
    for (uint32_t n = p ? p->n_asked : 0; n > 0; n--) /* with the last of them p may go */
        forget(c, container_of(list_first(&p->asked), struct open_call, in_asked));
}

void calls_expire(struct calls *c, int64_t now_ns)
{
    struct list *at, *after;
    LIST_EACH(at, after, &c->all)
    {
        struct open_call *o = container_of(at, struct open_call, in_all);
        if (o->call.until_ns <= now_ns)
            forget(c, o);
    }
}

size_t calls_count(const struct calls *c)
{
    return map_count(&c->by_key);
}
