/* hub_upstream.c - interest towards the brokers whose client we are (an agent's one, a broker's peers): equal filters of our own
 * ports are one, and what those brokers say of it reaches the entries that share it. */
#include <string.h>

#include "bus/hub_private.h"

/* -- one filter -- */
static void free_upstream(struct hub *h, struct upstream *u)
{
    map_remove(&h->upstreams, u->key, u->key_len);
    map64_remove(&h->upstream_by_id, u->id);
    for (uint32_t i = 0; i < h->n_ups; i++)
        list_remove(&u->at[i].in_unacked);
    mem_free(u->key);
    mem_free(u);
}

static enum mr_rc new_upstream(struct hub *h, const char *key, size_t key_len, struct upstream **ret)
{
    struct upstream *u = mem_calloc(1, sizeof *u + h->n_ups * sizeof u->at[0]);
    if (!u)
        return MR_NO_MEMORY;
    u->kind = key[0] == 's' ? INTEREST_SUBSCRIBE : INTEREST_SERVE;
    u->id = ++h->next_upstream;
    u->key_len = key_len;
    list_init(&u->entries);
    for (uint32_t i = 0; i < h->n_ups; i++) {
        u->at[i].upstream = u;
        list_init(&u->at[i].in_unacked);
    }
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

/* An agent waits for a broker, if need be until there is one; a broker for those of its peers that it reaches. */
static bool is_waited_for(const struct up *up)
{
    return up->hub->kind == HUB_AGENT || up->state != UP_GONE;
}

/* For a broker an entry is in force at a peer when its end came in band: what was sent before is behind us. An agent hears
 * of it from its broker by the acknowledgement, and its snapshots wait for theirs. */
static bool is_in_force(const struct hub *h, const struct upstream_at *at)
{
    bool needs_end = h->kind == HUB_BROKER && at->upstream->kind == INTEREST_SUBSCRIBE;
    return at->is_acked && (at->is_complete || !needs_end);
}

/* Counts anew whom it waits for; ports know how many of their entries wait at all. */
static void count_waiting(const struct hub *h, struct upstream *u)
{
    struct list *at, *after;
    uint32_t n = 0;
    for (uint32_t i = 0; i < h->n_ups; i++)
        n += is_waited_for(&h->ups[i]) && !is_in_force(h, &u->at[i]);
    bool waited = u->n_waiting, waits = n;
    u->n_waiting = n;
    if (waited == waits)
        return;
    LIST_EACH(at, after, &u->entries)
    {
        struct port *p = container_of(at, struct entry, in_upstream)->port;
        p->n_unacked = waits ? p->n_unacked + 1 : p->n_unacked - 1;
    }
}

/* MR_TOO_BIG: more than the broker takes of one session. Anything worse ends the session, and it begins anew. */
static enum mr_rc hand_on(struct up *up, struct upstream *u)
{
    const struct session_interest entry = {
        .id = u->id, .filter = u->key + 1, .kind = u->kind, .no_snapshot = up->hub->kind == HUB_BROKER, .group = ""};
    enum mr_rc rc = session_interest_add(up->port->session, &entry);
    if (rc == MR_TOO_BIG)
        return rc;
    hub_must(up->port, rc);
    struct upstream_at *at = &u->at[up->index];
    at->version = session_interest_version(up->port->session);
    list_push_back(&up->unacked, &at->in_unacked);
    hub_mark(up->port);
    return MR_OK;
}

/* To every broker that is there. */
static enum mr_rc hand_on_to_all(struct hub *h, struct upstream *u)
{
    enum mr_rc rc = MR_OK;
    for (uint32_t i = 0; !rc && i < h->n_ups; i++)
        rc = hub_is_up(&h->ups[i]) ? hand_on(&h->ups[i], u) : MR_OK;
    return rc;
}

static void take_back(struct up *up, const struct upstream *u)
{
    if (!hub_is_up(up))
        return;
    enum mr_rc rc = session_interest_remove(up->port->session, u->id);
    hub_must(up->port, rc == MR_NOT_FOUND ? MR_OK : rc);
    hub_mark(up->port);
}

static void take_back_from_all(struct hub *h, const struct upstream *u)
{
    for (uint32_t i = 0; i < h->n_ups; i++)
        take_back(&h->ups[i], u);
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
        rc = hand_on_to_all(h, u);
        if (rc) {
            take_back_from_all(h, u);
            free_upstream(h, u);
            return rc;
        }
        count_waiting(h, u);
    }
    e->upstream = u;
    list_push_back(&u->entries, &e->in_upstream);
    e->port->n_unacked += u->n_waiting > 0;
    return MR_OK;
}

void hub_upstream_leave(struct entry *e)
{
    struct upstream *u = e->upstream;
    struct hub *h = e->port->hub;
    list_remove(&e->in_upstream);
    e->upstream = NULL;
    e->port->n_unacked -= u->n_waiting > 0;
    if (!list_is_empty(&u->entries) || u->is_refused)
        return;
    take_back_from_all(h, u);
    free_upstream(h, u);
}

void hub_upstreams_free(struct hub *h)
{
    uint32_t cursor = 0;
    for (struct upstream *u; (u = map_next(&h->upstreams, &cursor));)
        free_upstream(h, u);
}

/* -- what a broker says of it -- */
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
    take_back_from_all(h, u);
    free_upstream(h, u);
}

/* All is as before when the last snapshot has ended: that comes in the place where its entry came into force, while an
 * acknowledgement overtakes the records that are still queued from before. */
static bool is_whole(const struct upstream_at *at)
{
    return at->is_acked && (at->is_complete || at->upstream->kind == INTEREST_SERVE);
}

void hub_close_span_if_whole(struct up *up)
{
    struct hub *h = up->hub;
    uint32_t cursor = 0;
    if (!up->is_span_open || !hub_is_up(up) || (h->kind == HUB_BROKER && !up->is_listed))
        return;
    for (const struct upstream *u; (u = map_next(&h->upstreams, &cursor));)
        if (!is_whole(&u->at[up->index]))
            return;
    hub_close_span(up);
}

void hub_on_interest_acked(void *user, uint64_t version, bool partial)
{
    const struct port *p = user;
    struct up *up = p->up;
    struct list *first;
    (void)partial; /* of brokers beyond ours: STATE tells apps whom they reach */
    while ((first = list_first(&up->unacked))) {
        struct upstream_at *at = container_of(first, struct upstream_at, in_unacked);
        if (at->version > version)
            break;
        list_remove(first);
        at->is_acked = true;
        count_waiting(p->hub, at->upstream);
        go_on(at->upstream);
    }
    hub_close_span_if_whole(up);
}

/* A peer that has no room for a filter takes it from nobody else: what its own agents write is missing, and that is told. */
static void go_on_without(struct port *peer, struct upstream *u, const char *reason)
{
    struct upstream_at *at = &u->at[peer->up->index];
    hub_notice(peer->hub, HUB_NOTICE_DENIED, "peer %s: '%s' is not heard from there: %s", peer->up->name, u->key + 1,
               reason);
    list_remove(&at->in_unacked);
    at->is_acked = true;
    at->is_complete = true;
    count_waiting(peer->hub, u);
    hub_open_span(peer->up, false);
    go_on(u);
}

void hub_on_interest_refused(void *user, const struct session_refusal *refusal)
{
    struct port *p = user;
    struct hub *h = p->hub;
    struct upstream *u = map64_get(&h->upstream_by_id, refusal->id);
    if (p->kind == PORT_MESH_OUT && refusal->id == KEPT_INTEREST)
        hub_end_port(p, refusal->rc, refusal->reason);
    else if (u && p->kind == PORT_MESH_OUT)
        go_on_without(p, u, refusal->reason);
    else if (u)
        refuse_all(h, u, refusal->rc, refusal->reason);
}

void hub_on_snapshot_end(void *user, uint32_t interest)
{
    const struct port *p = user;
    struct hub *h = p->hub;
    if (p->kind == PORT_MESH_OUT && interest == KEPT_INTEREST)
        hub_list_complete(p->up);
    struct upstream *u = map64_get(&h->upstream_by_id, interest);
    if (u) {
        u->at[p->up->index].is_complete = true;
        count_waiting(h, u);
        go_on(u);
    }
    hub_close_span_if_whole(p->up);
}

/* -- a broker comes and goes -- */
void hub_upstreams_begin(struct up *up)
{
    struct hub *h = up->hub;
    uint32_t cursor = 0;
    for (struct upstream *u; (u = map_next(&h->upstreams, &cursor));) {
        count_waiting(h, u);
        if (hand_on(up, u) != MR_OK)
            refuse_all(h, u, MR_TOO_BIG, "this machine has as many filters as its broker takes");
    }
    for (uint32_t i = 1; i <= h->max_ports; i++)
        if (h->ports[i])
            hub_ack_if_ready(h->ports[i]); /* those without an entry wait for nothing */
    hub_close_span_if_whole(up);
}

void hub_upstreams_end(struct up *up)
{
    struct hub *h = up->hub;
    uint32_t cursor = 0;
    for (struct upstream *u; (u = map_next(&h->upstreams, &cursor));) {
        struct upstream_at *at = &u->at[up->index];
        at->is_acked = false;
        at->is_complete = false;
        at->version = 0;
        list_remove(&at->in_unacked);
        count_waiting(h, u);
    }
    cursor = 0;
    for (struct upstream *u; (u = map_next(&h->upstreams, &cursor));)
        go_on(u);
}
