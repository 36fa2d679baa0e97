/* hub_upstream.c - an agent's interest towards its broker: equal filters of its apps are one, and what the broker says of it
 * reaches the entries that share it. */
#include <string.h>

#include "bus/hub_private.h"

/* -- one filter -- */
static void free_upstream(struct hub *h, struct upstream *u)
{
    map_remove(&h->upstreams, u->key, u->key_len);
    map64_remove(&h->upstream_by_id, u->id);
    list_remove(&u->in_unacked);
    mem_free(u->key);
    mem_free(u);
}

static enum mr_rc new_upstream(struct hub *h, const char *key, size_t key_len, struct upstream **ret)
{
    struct upstream *u = mem_calloc(1, sizeof *u);
    if (!u)
        return MR_NO_MEMORY;
    u->kind = key[0] == 's' ? INTEREST_SUBSCRIBE : INTEREST_SERVE;
    u->id = ++h->next_upstream;
    u->key_len = key_len;
    list_init(&u->entries);
    list_init(&u->in_unacked);
    u->key = mem_strndup(key, key_len);
    enum mr_rc rc = u->key ? map_put(&h->upstreams, u->key, key_len, u, NULL) : MR_NO_MEMORY;
    if (rc) {
        mem_free(u->key);
        mem_free(u);
        return rc;
    }
    rc = map64_put(&h->upstream_by_id, u->id, u, NULL);
    if (rc) {
        free_upstream(h, u);
        return rc;
    }
    *ret = u;
    return MR_OK;
}

/* MR_TOO_BIG: more than the broker takes of one session. Anything worse ends the uplink, and it begins anew. */
static enum mr_rc hand_on(struct hub *h, struct upstream *u)
{
    const struct session_interest entry = {.id = u->id, .filter = u->key + 1, .kind = u->kind, .group = ""};
    enum mr_rc rc = session_interest_add(h->uplink->session, &entry);
    if (rc == MR_TOO_BIG)
        return rc;
    hub_must(h->uplink, rc);
    u->version = session_interest_version(h->uplink->session);
    list_push_back(&h->unacked, &u->in_unacked);
    hub_mark(h->uplink);
    return MR_OK;
}

enum mr_rc hub_upstream_join(struct entry *e)
{
    struct hub *h = e->port->hub;
    char key[TOPIC_MAX_BYTES + 2];
    key[0] = e->kind == INTEREST_SUBSCRIBE ? 's' : 'r';
    memcpy(key + 1, e->filter, e->filter_len + 1);
    struct upstream *u = map_get(&h->upstreams, key, e->filter_len + 1);
    if (!u) {
        enum mr_rc rc = new_upstream(h, key, e->filter_len + 1, &u);
        if (rc)
            return rc;
        rc = hub_has_uplink(h) ? hand_on(h, u) : MR_OK;
        if (rc) {
            free_upstream(h, u);
            return rc;
        }
    }
    e->upstream = u;
    list_push_back(&u->entries, &e->in_upstream);
    e->port->n_unacked += !u->is_acked;
    return MR_OK;
}

void hub_upstream_leave(struct entry *e)
{
    struct upstream *u = e->upstream;
    struct hub *h = e->port->hub;
    list_remove(&e->in_upstream);
    e->upstream = NULL;
    e->port->n_unacked -= !u->is_acked;
    if (!list_is_empty(&u->entries) || u->is_refused)
        return;
    if (hub_has_uplink(h)) {
        enum mr_rc rc = session_interest_remove(h->uplink->session, u->id);
        hub_must(h->uplink, rc == MR_NOT_FOUND ? MR_OK : rc);
        hub_mark(h->uplink);
    }
    free_upstream(h, u);
}

void hub_upstreams_free(struct hub *h)
{
    uint32_t cursor = 0;
    for (struct upstream *u; (u = map_next(&h->upstreams, &cursor));)
        free_upstream(h, u);
}

/* -- what the broker says of it -- */
static void set_acked(struct upstream *u, bool is_acked)
{
    struct list *at, *after;
    if (u->is_acked == is_acked)
        return;
    u->is_acked = is_acked;
    LIST_EACH(at, after, &u->entries)
    {
        struct port *p = container_of(at, struct entry, in_upstream)->port;
        p->n_unacked = is_acked ? p->n_unacked - 1 : p->n_unacked + 1;
    }
}

/* Entries and acknowledgements that waited for this filter go on. */
static void go_on(struct upstream *u)
{
    struct list *at, *after;
    LIST_EACH(at, after, &u->entries)
    {
        struct entry *e = container_of(at, struct entry, in_upstream);
        hub_settle_if_ready(e);
        hub_ack_if_ready(e->port);
    }
}

/* All its entries are refused, and it is gone with them. */
static void refuse_all(struct hub *h, struct upstream *u, enum mr_rc rc, const char *reason)
{
    struct list *first;
    u->is_refused = true;
    while ((first = list_first(&u->entries))) {
        const struct entry *e = container_of(first, struct entry, in_upstream);
        struct port *p = e->port;
        hub_refuse_entry(p, e->id, rc, reason);
        hub_ack_if_ready(p);
    }
    free_upstream(h, u);
}

/* After a reconnect all is as before when the last snapshot has ended: that comes in the place where its entry came into force,
 * while an acknowledgement overtakes the records that are still queued from before. */
static void close_span_if_whole(struct hub *h)
{
    uint32_t cursor = 0;
    if (!h->is_span_open)
        return;
    for (const struct upstream *u; (u = map_next(&h->upstreams, &cursor));)
        if (!u->is_acked || (!u->is_complete && u->kind == INTEREST_SUBSCRIBE))
            return;
    hub_close_span(h);
}

void hub_on_interest_acked(void *user, uint64_t version, bool partial)
{
    struct hub *h = ((struct port *)user)->hub;
    struct list *first;
    (void)partial; /* of brokers beyond ours: STATE tells apps whom they reach */
    while ((first = list_first(&h->unacked))) {
        struct upstream *u = container_of(first, struct upstream, in_unacked);
        if (u->version > version)
            return;
        list_remove(first);
        set_acked(u, true);
        go_on(u);
    }
    close_span_if_whole(h);
}

void hub_on_interest_refused(void *user, const struct session_refusal *refusal)
{
    struct hub *h = ((struct port *)user)->hub;
    struct upstream *u = map64_get(&h->upstream_by_id, refusal->id);
    if (u)
        refuse_all(h, u, refusal->rc, refusal->reason);
}

void hub_on_snapshot_end(void *user, uint32_t interest)
{
    struct hub *h = ((struct port *)user)->hub;
    struct upstream *u = map64_get(&h->upstream_by_id, interest);
    if (!u)
        return;
    u->is_complete = true;
    go_on(u);
    close_span_if_whole(h);
}

/* -- a broker comes and goes -- */
void hub_upstreams_begin(struct hub *h)
{
    uint32_t cursor = 0;
    for (struct upstream *u; (u = map_next(&h->upstreams, &cursor));)
        if (hand_on(h, u) != MR_OK)
            refuse_all(h, u, MR_TOO_BIG, "this machine has as many filters as its broker takes");
    for (uint32_t i = 1; i <= h->max_ports; i++)
        if (h->ports[i])
            hub_ack_if_ready(h->ports[i]); /* those without an entry wait for nothing */
    close_span_if_whole(h);
}

void hub_upstreams_end(struct hub *h)
{
    uint32_t cursor = 0;
    for (struct upstream *u; (u = map_next(&h->upstreams, &cursor));) {
        set_acked(u, false);
        u->is_complete = false;
        u->version = 0;
        list_remove(&u->in_unacked);
    }
    cursor = 0;
    for (struct upstream *u; (u = map_next(&h->upstreams, &cursor));)
        go_on(u);
}
