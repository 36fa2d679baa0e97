/* hub_interest.c - entries of interest: into the route, merged towards the broker, answered with a snapshot of last values. */
#include <string.h>

#include "bus/hub_private.h"
#include "proto/topic.h"

/* Slots looked at per entry and turn, so that a large table delays nobody. */
enum { WALK_SLICE = 1024 };

/* -- the agent's merged interest -- */
static struct upstream *new_upstream(struct hub *h, const char *key, size_t key_len)
{
    struct upstream *u = mem_calloc(1, sizeof *u);
    if (!u)
        return NULL;
    u->key = mem_strndup(key, key_len);
    u->key_len = key_len;
    u->kind = key[0] == 's' ? INTEREST_SUBSCRIBE : INTEREST_SERVE;
    u->id = ++h->next_upstream;
    if (!u->key || map_put(&h->upstreams, u->key, key_len, u, NULL)) {
        mem_free(u->key);
        mem_free(u);
        return NULL;
    }
    if (map64_put(&h->upstream_by_id, u->id, u, NULL)) {
        map_remove(&h->upstreams, u->key, key_len);
        mem_free(u->key);
        mem_free(u);
        return NULL;
    }
    return u;
}

static void hand_on(struct hub *h, struct upstream *u)
{
    const struct session_interest entry = {.id = u->id, .filter = u->key + 1, .kind = u->kind, .group = ""};
    u->acked = u->is_complete = false;
    hub_must(h->uplink, session_interest_add(h->uplink->session, &entry));
    u->version = session_interest_version(h->uplink->session);
    hub_mark(h->uplink);
}

static struct upstream *ref_upstream(struct hub *h, enum interest_kind kind, const char *filter)
{
    char key[TOPIC_MAX_BYTES + 2];
    size_t len = strlen(filter);
    key[0] = kind == INTEREST_SUBSCRIBE ? 's' : 'r';
    memcpy(key + 1, filter, len + 1);
    struct upstream *u = map_get(&h->upstreams, key, len + 1);
    if (!u) {
        u = new_upstream(h, key, len + 1);
        if (u && hub_has_uplink(h))
            hand_on(h, u);
    }
    if (u)
        u->refs++;
    return u;
}

static void free_upstream(struct hub *h, struct upstream *u)
{
    map_remove(&h->upstreams, u->key, u->key_len);
    map64_remove(&h->upstream_by_id, u->id);
    mem_free(u->key);
    mem_free(u);
}

static void unref_upstream(struct hub *h, struct upstream *u)
{
    if (--u->refs)
        return;
    if (hub_has_uplink(h)) {
        hub_must(h->uplink, session_interest_remove(h->uplink->session, u->id));
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

/* -- one entry -- */
static bool is_ready(const struct entry *e)
{
    const struct upstream *u = e->upstream;
    if (!u || !hub_has_uplink(e->port->hub))
        return true;
    return u->acked && (u->is_complete || e->kind == INTEREST_SERVE);
}

static void begin_walk(struct entry *e, bool is_resync)
{
    e->state = ENTRY_WALKING;
    e->is_resync = is_resync;
    e->cursor = 0;
    if (!list_is_linked(&e->in_walk))
        list_push_back(&e->port->hub->walking, &e->in_walk);
}

static void settle_if_ready(struct entry *e)
{
    if (e->state != ENTRY_WAITING || !is_ready(e))
        return;
    if (e->wants_snapshot)
        begin_walk(e, false);
    else
        e->state = ENTRY_SETTLED;
}

/* Acknowledges the port's interest once the broker has all of it in force, or there is no broker to wait for. */
static void ack_if_ready(struct port *p)
{
    struct hub *h = p->hub;
    struct list *at, *after;
    if (!p->version_pending || p->is_over)
        return;
    LIST_EACH(at, after, &p->entries)
    {
        const struct entry *e = container_of(at, struct entry, in_port);
        if (e->upstream && hub_has_uplink(h) && !e->upstream->acked)
            return;
    }
    bool is_partial = h->kind == HUB_AGENT && !hub_has_uplink(h);
    hub_must(p, session_interest_ack(p->session, p->version_pending, is_partial));
    p->version_pending = 0;
    hub_mark(p);
}

/* What changed concerns one upstream (NULL: all): entries and acks that waited for it go on. */
static void upstream_changed(struct hub *h, const struct upstream *u)
{
    for (uint32_t i = 1; i <= h->max_ports; i++) {
        struct port *p = h->ports[i];
        if (!p)
            continue;
        struct list *at, *after;
        LIST_EACH(at, after, &p->entries)
        {
            struct entry *e = container_of(at, struct entry, in_port);
            if (!u || e->upstream == u)
                settle_if_ready(e);
        }
        ack_if_ready(p);
    }
}

static void free_entry(struct entry *e)
{
    struct port *p = e->port;
    list_remove(&e->in_port);
    list_remove(&e->in_walk);
    p->n_entries--;
    if (e->upstream)
        unref_upstream(p->hub, e->upstream);
    p->hub->is_purge_due = true;
    mem_free(e);
}

static struct entry *find_entry(const struct port *p, uint32_t id)
{
    struct list *at, *after;
    LIST_EACH(at, after, &p->entries)
    {
        struct entry *e = container_of(at, struct entry, in_port);
        if (e->id == id)
            return e;
    }
    return NULL;
}

static void remove_entry(struct port *p, uint32_t id)
{
    struct entry *e = find_entry(p, id);
    if (!e)
        return;
    route_remove(p->hub->route, p->number, id);
    free_entry(e);
}

void hub_drop_entries(struct port *p)
{
    struct list *at, *after;
    LIST_EACH(at, after, &p->entries)
    free_entry(container_of(at, struct entry, in_port));
}

static struct entry *new_entry(struct port *p, const struct session_interest *interest, const char *filter, size_t len)
{
    struct entry *e = mem_calloc(1, sizeof *e + len + 1);
    if (!e)
        return NULL;
    e->port = p;
    e->id = interest->id;
    e->kind = interest->kind;
    e->wants_snapshot = interest->kind == INTEREST_SUBSCRIBE && !interest->no_snapshot;
    e->filter_len = len;
    memcpy(e->filter, filter, len + 1);
    list_init(&e->in_walk);
    list_push_back(&p->entries, &e->in_port);
    p->n_entries++;
    return e;
}

/* The filter in full, allowed, and within the limits; or why not. */
static enum mr_rc check_interest(const struct port *p, const struct session_interest *interest,
                                 char filter[TOPIC_MAX_BYTES + 1], size_t *ret_len, struct err *err)
{
    const struct hub *h = p->hub;
    const struct rights_subject who = {.identity = p->identity, .path = p->path, .app = *p->part ? p->part : NULL};
    enum right right = interest->kind == INTEREST_SUBSCRIBE ? RIGHT_SUBSCRIBE : RIGHT_SERVE;
    if (p->n_entries >= h->max_filters_per_port) {
        err_set(err, "'%s' has %u filters already, which is the limit", p->address, h->max_filters_per_port);
        return MR_TOO_BIG;
    }
    enum mr_rc rc = topic_expand(interest->filter, strlen(interest->filter), p->path, strlen(p->path), filter, ret_len);
    if (rc) {
        err_set(err, "'%s' cannot be expanded: the path of '%s' is not known before the first contact with a broker",
                interest->filter, p->identity);
        return rc;
    }
    enum topic_rule rule = topic_check(filter, *ret_len, TOPIC_FILTER);
    if (rule != TOPIC_FINE) {
        err_set(err, "'%s' %s", filter, topic_rule_text(rule));
        return MR_INVALID;
    }
    return rights_check(h->rights, &who, right, filter, err);
}

static enum mr_rc add_entry(struct port *p, const struct session_interest *interest, const char *filter, size_t len)
{
    struct hub *h = p->hub;
    enum mr_rc rc = route_add(h->route, p->number, interest->id, filter, interest->kind);
    if (rc)
        return rc;
    struct entry *e = new_entry(p, interest, filter, len);
    if (e && h->kind == HUB_AGENT)
        e->upstream = ref_upstream(h, interest->kind, filter);
    if (!e || (h->kind == HUB_AGENT && !e->upstream)) {
        route_remove(h->route, p->number, interest->id);
        if (e)
            free_entry(e);
        return MR_NO_MEMORY;
    }
    settle_if_ready(e);
    return MR_OK;
}

void hub_on_interest(void *user, const struct session_interest *interest)
{
    struct port *p = user;
    remove_entry(p, interest->id); /* an entry said again replaces the old one */
    if (!interest->filter)
        return;
    char filter[TOPIC_MAX_BYTES + 1];
    size_t len;
    struct err err = {{0}};
    enum mr_rc rc = check_interest(p, interest, filter, &len, &err);
    if (!rc)
        rc = add_entry(p, interest, filter, len);
    if (!rc)
        return;
    const struct session_refusal refusal = {.id = interest->id, .rc = rc, .reason = *err.text ? err.text : rc_text(rc)};
    hub_must(p, session_interest_refuse(p->session, &refusal));
    hub_notice(p->hub, HUB_NOTICE_DENIED, "%s: %s", p->address, refusal.reason);
}

void hub_on_interest_version(void *user, uint64_t version)
{
    struct port *p = user;
    p->version_pending = version;
    ack_if_ready(p);
}

/* -- what the broker says of ours -- */
void hub_on_interest_acked(void *user, uint64_t version, bool partial)
{
    struct port *p = user;
    struct hub *h = p->hub;
    (void)partial;
    uint32_t cursor = 0;
    bool is_all = true;
    for (struct upstream *u; (u = map_next(&h->upstreams, &cursor));) {
        u->acked = u->acked || (u->version && u->version <= version);
        is_all = is_all && u->acked;
    }
    upstream_changed(h, NULL);
    if (is_all)
        hub_close_span(h);
}

void hub_on_interest_refused(void *user, const struct session_refusal *refusal)
{
    struct port *uplink = user;
    struct hub *h = uplink->hub;
    const struct upstream *u = map64_get(&h->upstream_by_id, refusal->id);
    for (uint32_t i = 1; u && i <= h->max_ports; i++) {
        struct list *at, *after;
        struct port *p = h->ports[i];
        if (!p)
            continue;
        LIST_EACH(at, after, &p->entries)
        {
            struct entry *e = container_of(at, struct entry, in_port);
            if (e->upstream != u)
                continue;
            const struct session_refusal told = {.id = e->id, .rc = refusal->rc, .reason = refusal->reason};
            hub_must(p, session_interest_refuse(p->session, &told));
            hub_mark(p);
        }
    }
}

void hub_on_snapshot_end(void *user, uint32_t interest)
{
    struct port *p = user;
    struct upstream *u = map64_get(&p->hub->upstream_by_id, interest);
    if (!u)
        return;
    u->is_complete = true;
    upstream_changed(p->hub, u);
}

void hub_upstreams_begin(struct hub *h)
{
    uint32_t cursor = 0;
    for (struct upstream *u; (u = map_next(&h->upstreams, &cursor));)
        hand_on(h, u);
    if (map_count(&h->upstreams) == 0)
        hub_close_span(h);
}

void hub_upstreams_end(struct hub *h)
{
    uint32_t cursor = 0;
    for (struct upstream *u; (u = map_next(&h->upstreams, &cursor));) {
        u->acked = u->is_complete = false;
        u->version = 0;
    }
    upstream_changed(h, NULL);
}

/* -- snapshots -- */
void hub_put_slot(struct port *p, const struct slot *slot, uint32_t interest)
{
    struct batch_head head = slot->head;
    head.publisher = slot->publisher;
    head.interest = interest;
    uint32_t flags = slot->flags | MR_FROM_SNAPSHOT;
    if (p->kind == PORT_APP && !hub_is_fresh(p->hub, slot))
        flags |= MR_STALE;
    const struct record record = {.topic = slot->topic,
                                  .flags = flags,
                                  .seq = slot->seq,
                                  .source_us = slot->source_us,
                                  .body = slot->body,
                                  .body_len = slot->body_len};
    hub_put(p, LANE_LIVE, &head, &record);
}

static bool has_room(const struct port *p)
{
    return session_room(p->session, LANE_LIVE) > p->hub->max_queued_bytes / 2;
}

static void put_if_wanted(struct entry *e, const struct slot *slot)
{
    struct port *p = e->port;
    const char *topic = names_topic_text(p->hub->names, slot->topic);
    bool is_own = p->kind == PORT_AGENT && slot->owner == p->owner;
    if (!is_own && filter_match(e->filter, e->filter_len, topic, strlen(topic)))
        hub_put_slot(p, slot, e->is_resync ? 0 : e->id);
}

/* One topic is looked up, not searched for. */
static bool walk_exact(struct entry *e)
{
    const struct hub *h = e->port->hub;
    const struct slot *slots[SLOTS_PER_TOPIC];
    uint32_t topic = names_find_topic(h->names, e->filter);
    size_t n = topic ? lastval_get(h->lastval, topic, slots, SLOTS_PER_TOPIC) : 0;
    for (size_t i = 0; i < n; i++)
        put_if_wanted(e, slots[i]);
    return true;
}

/* A slice of the table; true at its end. */
static bool walk_slice(struct entry *e)
{
    if (!filter_has_wildcard(e->filter, e->filter_len))
        return walk_exact(e);
    for (int i = 0; i < WALK_SLICE && has_room(e->port); i++) {
        const struct slot *slot = lastval_walk(e->port->hub->lastval, &e->cursor);
        if (!slot)
            return true;
        put_if_wanted(e, slot);
    }
    return false;
}

static void walk(struct entry *e)
{
    struct port *p = e->port;
    if (p->is_over || !has_room(p) || !walk_slice(e))
        return;
    e->state = ENTRY_SETTLED;
    list_remove(&e->in_walk);
    if (!e->is_resync)
        hub_must(p, session_snapshot_end(p->session, e->id));
    e->is_resync = false;
    hub_mark(p);
}

static void purge_unfollowed(struct hub *h)
{
    uint64_t cursor = 0;
    h->is_purge_due = false;
    if (h->kind != HUB_AGENT)
        return;
    for (const struct slot *slot; (slot = lastval_walk(h->lastval, &cursor));)
        if (slot->owner != h->self && route_subscribers(h->route, slot->topic).n == 0)
            lastval_purge_topic(h->lastval, slot->topic, h->self);
}

/* Our own last values, to a broker that may have missed them: by their versions it takes only what is news to it. */
static void offer_slots(struct hub *h)
{
    for (int i = 0; i < WALK_SLICE && has_room(h->uplink); i++) {
        const struct slot *slot = lastval_walk(h->lastval, &h->offer_cursor);
        if (!slot) {
            h->is_offering = false;
            return;
        }
        if (slot->owner == h->self)
            hub_put_slot(h->uplink, slot, 0);
    }
    if (has_room(h->uplink))
        h->next_tick_ns = hub_now_ns(h);
}

void hub_interest_turn(struct hub *h)
{
    struct list *at, *after;
    if (h->is_purge_due)
        purge_unfollowed(h);
    if (h->is_offering && hub_has_uplink(h))
        offer_slots(h);
    LIST_EACH(at, after, &h->walking)
    walk(container_of(at, struct entry, in_walk));
    LIST_EACH(at, after, &h->walking)
    {
        const struct entry *e = container_of(at, struct entry, in_walk);
        if (!e->port->is_over && has_room(e->port))
            h->next_tick_ns = hub_now_ns(h); /* there is more to do at once */
    }
}

void hub_resync(struct port *p)
{
    struct list *at, *after;
    if (p->kind == PORT_UPLINK) {
        p->hub->is_offering = true;
        p->hub->offer_cursor = 0;
    }
    LIST_EACH(at, after, &p->entries)
    {
        struct entry *e = container_of(at, struct entry, in_port);
        if (e->kind == INTEREST_SUBSCRIBE && e->state == ENTRY_SETTLED && e->wants_snapshot)
            begin_walk(e, true);
        else if (e->state == ENTRY_WALKING)
            e->cursor = 0;
    }
}
