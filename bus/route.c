/* route.c - two tries (subscribers, responders), the entries behind them, and a cached list of ports per topic id. */
#include "bus/route.h"

#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "proto/trie.h"

enum {
    TRIE_BYTES_PER_FILTER = 1024,
    TRIE_BYTES_LEAST = 1024 * 1024,
    SCRATCH_START = 64,
    VERDICT_PORTS_MAX = 8 * 1024 * 1024 /* 32 MiB: many topics for many ports are looked up again instead */
};

/* One entry of a port's interest, so that it can be taken out again by its number. */
struct entry {
    struct list in_port;
    uint32_t interest;
    enum interest_kind kind;
    size_t len;
    char filter[];
};

struct port_entries {
    struct list list;
};

/* The ports of one topic id, right while epoch is that of the subscribers' trie. */
struct verdict {
    uint64_t epoch;
    uint32_t *port;
    size_t n, cap;
};

struct route {
    const struct names *names;
    struct trie *trie[2];     /* by enum interest_kind */
    struct map64 ports;       /* port -> struct port_entries */
    struct map64 entries;     /* port << 32 | interest -> struct entry */
    struct verdict *verdicts; /* by topic id */
    uint32_t verdicts_cap;
    size_t verdict_ports; /* room taken by all lists together */
    uint32_t *scratch;
    size_t scratch_cap;
    uint32_t turn; /* of the responders */
};

enum mr_rc route_new(struct route **ret, const struct names *names, uint32_t max_filters, uint64_t seed_number)
{
    struct route *r = mem_calloc(1, sizeof *r);
    if (!r)
        return MR_NO_MEMORY;
    const struct hash_key seed = {seed_number, 3};
    const struct trie_limits limits = {.max_entries = max_filters,
                                       .max_bytes = TRIE_BYTES_LEAST + (size_t)max_filters * TRIE_BYTES_PER_FILTER};
    r->names = names;
    map64_init(&r->ports, MAP_MAX_ENTRIES, &seed);
    map64_init(&r->entries, max_filters, &seed);
    enum mr_rc rc = trie_new(&limits, &seed, &r->trie[INTEREST_SUBSCRIBE]);
    if (!rc)
        rc = trie_new(&limits, &seed, &r->trie[INTEREST_SERVE]);
    if (rc) {
        route_free(r);
        return rc;
    }
    *ret = r;
    return MR_OK;
}

static void forget_verdicts(struct route *r)
{
    for (uint32_t i = 0; i < r->verdicts_cap; i++) {
        mem_free(r->verdicts[i].port);
        r->verdicts[i] = (struct verdict){0};
    }
    r->verdict_ports = 0;
}

void route_free(struct route *r)
{
    if (!r)
        return;
    uint32_t cursor = 0;
    for (struct entry *e; (e = map64_next(&r->entries, &cursor, NULL));)
        mem_free(e);
    cursor = 0;
    for (struct port_entries *p; (p = map64_next(&r->ports, &cursor, NULL));)
        mem_free(p);
    map64_fini(&r->entries);
    map64_fini(&r->ports);
    forget_verdicts(r);
    mem_free(r->verdicts);
    mem_free(r->scratch);
    trie_free(r->trie[INTEREST_SUBSCRIBE]);
    trie_free(r->trie[INTEREST_SERVE]);
    mem_free(r);
}

static uint64_t key_of(uint32_t port, uint32_t interest)
{
    return (uint64_t)port << 32 | interest;
}

static enum mr_rc entries_of(struct route *r, uint32_t port, struct port_entries **ret)
{
    struct port_entries *p = map64_get(&r->ports, port);
    if (!p) {
        p = mem_calloc(1, sizeof *p);
        if (!p)
            return MR_NO_MEMORY;
        list_init(&p->list);
        enum mr_rc rc = map64_put(&r->ports, port, p, NULL);
        if (rc) {
            mem_free(p);
            return rc;
        }
    }
    *ret = p;
    return MR_OK;
}

enum mr_rc route_add(struct route *r, uint32_t port, uint32_t interest, const char *filter, enum interest_kind kind)
{
    uint64_t key = key_of(port, interest);
    struct port_entries *p;
    if (map64_get(&r->entries, key))
        return MR_INVALID;
    enum mr_rc rc = entries_of(r, port, &p);
    if (rc)
        return rc;
    size_t len = strlen(filter);
    struct entry *e = mem_alloc(sizeof *e + len + 1);
    if (!e)
        return MR_NO_MEMORY;
    *e = (struct entry){.interest = interest, .kind = kind, .len = len};
    memcpy(e->filter, filter, len + 1);
    rc = map64_put(&r->entries, key, e, NULL);
    if (!rc)
        rc = trie_add(r->trie[kind], filter, len, port);
    if (rc) {
        if (map64_get(&r->entries, key) == e)
            map64_remove(&r->entries, key);
        mem_free(e);
        return rc;
    }
    list_push_back(&p->list, &e->in_port);
    return MR_OK;
}

static void drop_entry(struct route *r, uint32_t port, struct entry *e)
{
    /* The pair was added with the entry, so it is there; should it not be, there is nothing left to undo. */
    enum mr_rc rc = trie_remove(r->trie[e->kind], e->filter, e->len, port);
    (void)rc;
    map64_remove(&r->entries, key_of(port, e->interest));
    list_remove(&e->in_port);
    mem_free(e);
}

void route_remove(struct route *r, uint32_t port, uint32_t interest)
{
    struct entry *e = map64_get(&r->entries, key_of(port, interest));
    if (e)
        drop_entry(r, port, e);
}

void route_remove_port(struct route *r, uint32_t port)
{
    struct port_entries *p = map64_remove(&r->ports, port);
    for (struct list *at; p && (at = list_first(&p->list));)
        drop_entry(r, port, container_of(at, struct entry, in_port));
    mem_free(p);
}

/* Ports with a matching entry, in r->scratch; on a lack of memory fewer than there are, said by false. */
static bool collect(struct route *r, const struct trie *trie, const char *topic, size_t *ret_n)
{
    size_t len = strlen(topic);
    *ret_n = 0;
    for (size_t cap = r->scratch_cap ? r->scratch_cap : SCRATCH_START;; cap *= 2) {
        if (cap > r->scratch_cap) {
            uint32_t *scratch = mem_resize(r->scratch, cap * sizeof *scratch);
            if (!scratch)
                return false;
            r->scratch = scratch;
            r->scratch_cap = cap;
        }
        if (trie_collect(trie, topic, len, r->scratch, r->scratch_cap, ret_n) == MR_OK)
            return true;
    }
}

static struct verdict *verdict_of(struct route *r, uint32_t topic)
{
    if (topic >= r->verdicts_cap) {
        uint32_t cap = r->verdicts_cap ? r->verdicts_cap : SCRATCH_START;
        while (cap <= topic)
            cap *= 2;
        struct verdict *verdicts = mem_resize(r->verdicts, cap * sizeof *verdicts);
        if (!verdicts)
            return NULL;
        memset(verdicts + r->verdicts_cap, 0, (cap - r->verdicts_cap) * sizeof *verdicts);
        r->verdicts = verdicts;
        r->verdicts_cap = cap;
    }
    return &r->verdicts[topic];
}

static bool keep_ports(struct route *r, struct verdict *v, const uint32_t *port, size_t n)
{
    if (n > v->cap) {
        if (r->verdict_ports + n - v->cap > VERDICT_PORTS_MAX)
            forget_verdicts(r);
        uint32_t *more = mem_resize(v->port, n * sizeof *more);
        if (!more)
            return false;
        v->port = more;
        r->verdict_ports += n - v->cap;
        v->cap = n;
    }
    if (n)
        memcpy(v->port, port, n * sizeof *port);
    v->n = n;
    return true;
}

struct route_ports route_subscribers(struct route *r, uint32_t topic)
{
    uint64_t epoch = trie_epoch(r->trie[INTEREST_SUBSCRIBE]);
    if (topic < r->verdicts_cap && r->verdicts[topic].epoch == epoch)
        return (struct route_ports){r->verdicts[topic].port, r->verdicts[topic].n};
    const char *text = names_topic_text(r->names, topic);
    struct verdict *v = text ? verdict_of(r, topic) : NULL;
    size_t n = 0;
    if (!text || !collect(r, r->trie[INTEREST_SUBSCRIBE], text, &n))
        return (struct route_ports){NULL, 0};
    if (!v || !keep_ports(r, v, r->scratch, n))
        return (struct route_ports){r->scratch, n};
    v->epoch = epoch;
    return (struct route_ports){v->port, v->n};
}

uint32_t route_responder(struct route *r, uint32_t topic, uint32_t not_port, bool (*prefer)(void *user, uint32_t port),
                         void *user)
{
    const char *text = names_topic_text(r->names, topic);
    size_t n = 0;
    if (!text || !collect(r, r->trie[INTEREST_SERVE], text, &n) || n == 0)
        return 0;
    uint32_t turn = r->turn++, other = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t port = r->scratch[(turn + i) % n];
        if (port == not_port)
            continue;
        if (!prefer || prefer(user, port))
            return port;
        if (!other)
            other = port;
    }
    return other;
}

bool route_port_has_interest(const struct route *r, uint32_t port)
{
    const struct port_entries *p = map64_get(&r->ports, port);
    return p && !list_is_empty(&p->list);
}

uint64_t route_epoch(const struct route *r)
{
    return trie_epoch(r->trie[INTEREST_SUBSCRIBE]) + trie_epoch(r->trie[INTEREST_SERVE]);
}

uint32_t route_filter_count(const struct route *r)
{
    return map64_count(&r->entries);
}
