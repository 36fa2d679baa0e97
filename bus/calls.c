/* calls.c - open calls found by (id, reply topic), and listed per responder so that its end finds them all. */
#include "bus/calls.h"

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

/* What names a call among all: the requester chose id, and its inbox is nobody else's. */
struct call_key {
    uint64_t id;
    uint64_t reply_topic;
};

struct responder {
    struct list calls;
    uint32_t count;
};

struct open_call {
    struct call_key key;
    struct call call;
    struct list in_all, in_responder;
    struct responder *responder;
};

struct calls {
    struct map by_key;
    struct map64 responders; /* port -> struct responder, while it has open calls */
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
    map64_init(&c->responders, max_calls, &port_seed);
    list_init(&c->all);
    c->max_per_port = max_per_port;
    *ret = c;
    return MR_OK;
}

static void forget(struct calls *c, struct open_call *o)
{
    map_remove(&c->by_key, &o->key, sizeof o->key);
    list_remove(&o->in_all);
    list_remove(&o->in_responder);
    if (--o->responder->count == 0) {
        map64_remove(&c->responders, o->call.to);
        mem_free(o->responder);
    }
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
    map64_fini(&c->responders);
    mem_free(c);
}

static enum mr_rc responder_of(struct calls *c, uint32_t port, struct responder **ret)
{
    struct responder *r = map64_get(&c->responders, port);
    if (!r) {
        r = mem_calloc(1, sizeof *r);
        if (!r)
            return MR_NO_MEMORY;
        list_init(&r->calls);
        enum mr_rc rc = map64_put(&c->responders, port, r, NULL);
        if (rc) {
            mem_free(r);
            return rc == MR_TOO_BIG ? MR_WOULD_BLOCK : rc;
        }
    }
    *ret = r;
    return MR_OK;
}

/* A responder made for a call that then could not be added must not stay behind empty. */
static void drop_if_idle(struct calls *c, struct responder *r, uint32_t port)
{
    if (r->count)
        return;
    map64_remove(&c->responders, port);
    mem_free(r);
}

enum mr_rc calls_add(struct calls *c, const struct call *call)
{
    const struct call_key key = {call->id, call->reply_topic};
    if (map_get(&c->by_key, &key, sizeof key))
        return MR_INVALID;
    struct responder *r;
    enum mr_rc rc = responder_of(c, call->to, &r);
    if (rc)
        return rc;
    struct open_call *o = r->count < c->max_per_port ? mem_calloc(1, sizeof *o) : NULL;
    if (!o) {
        rc = r->count < c->max_per_port ? MR_NO_MEMORY : MR_WOULD_BLOCK;
        drop_if_idle(c, r, call->to);
        return rc;
    }
    o->key = key;
    o->call = *call;
    o->responder = r;
    rc = map_put(&c->by_key, &o->key, sizeof o->key, o, NULL);
    if (rc) {
        mem_free(o);
        drop_if_idle(c, r, call->to);
        return rc == MR_TOO_BIG ? MR_WOULD_BLOCK : rc;
    }
    list_push_back(&c->all, &o->in_all);
    list_push_back(&r->calls, &o->in_responder);
    r->count++;
    return MR_OK;
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
    struct responder *r = map64_get(&c->responders, to);
    if (!r)
        return MR_NOT_FOUND;
    struct open_call *o = container_of(list_first(&r->calls), struct open_call, in_responder);
    *ret = o->call;
    forget(c, o);
    return MR_OK;
}

void calls_drop_from(struct calls *c, uint32_t from)
{
    struct list *at, *after;
    LIST_EACH(at, after, &c->all)
    {
        struct open_call *o = container_of(at, struct open_call, in_all);
        if (o->call.from == from)
            forget(c, o);
    }
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
