/* hub_interest.c - entries of a port's interest: checked, put into the route, acknowledged, taken out again. */
#include <string.h>

#include "bus/hub_private.h"
#include "proto/topic.h"

static const int64_t ack_wait_ns = (int64_t)SUBSCRIBED_WAIT_MS * 1000000;

/* -- one entry -- */
static bool is_ready(const struct entry *e)
{
    const struct upstream *u = e->upstream;
    const struct hub *h = e->port->hub;
    if (!u)
        return true;
    if (h->kind == HUB_BROKER) /* it has every last value, but its end stands behind what peers sent before they knew */
        return u->n_waiting == 0;
    return !hub_has_uplink(h) || (u->at[0].is_acked && (u->at[0].is_complete || e->kind == INTEREST_SERVE));
}

static void settle(struct entry *e)
{
    if (e->wants_snapshot)
        hub_begin_walk(e, false);
    else
        e->state = ENTRY_SETTLED;
}

void hub_settle_if_ready(struct entry *e)
{
    struct port *p = e->port;
    if (e->state != ENTRY_WAITING || !is_ready(e))
        return;
    settle(e);
    if (p->kind == PORT_MESH_IN && e->kind == INTEREST_SUBSCRIBE) { /* in the place where it came into force */
        hub_must(p, session_snapshot_end(p->session, e->id));
        hub_mark(p);
    }
}

/* -- acknowledgements -- */
/* To a port whose interest some peers have not: what they send until they have is missing. */
static void tell_partial(struct port *p)
{
    const struct session_loss loss = {.via = p->hub->name, .cause = MR_LINK};
    hub_must(p, session_loss(p->session, LANE_LIVE, &loss));
}

void hub_ack_if_ready(struct port *p)
{
    const struct hub *h = p->hub;
    bool is_isolated = h->kind == HUB_AGENT && !hub_has_uplink(h);
    bool is_late = p->n_unacked && p->ack_by_ns <= h->now_ns;
    bool is_partial = is_isolated || is_late;
    bool is_due = p->version_pending || (p->is_partial && !is_partial);
    if (!is_due || p->is_over || (!is_partial && p->n_unacked))
        return;
    if (p->version_pending)
        p->version_acked = p->version_pending;
    p->version_pending = 0;
    list_remove(&p->in_acking);
    p->ack_by_ns = INT64_MAX;
    if (h->kind == HUB_BROKER && p->is_partial != is_partial)
        tell_partial(p); /* opens a span, then closes it */
    p->is_partial = is_partial;
    hub_must(p, session_interest_ack(p->session, p->version_acked, is_partial));
    hub_mark(p);
}

/* Without the peers that did not answer in time. */
static void settle_all(struct port *p)
{
    struct list *at, *after;
    LIST_EACH(at, after, &p->entries)
    {
        struct entry *e = container_of(at, struct entry, in_port);
        if (e->state == ENTRY_WAITING)
            settle(e);
    }
}

void hub_acks_tick(struct hub *h)
{
    while (hub_acks_deadline(h) <= h->now_ns) {
        struct port *p = container_of(list_take_first(&h->acking), struct port, in_acking);
        settle_all(p);
        hub_ack_if_ready(p);
    }
}

int64_t hub_acks_deadline(const struct hub *h)
{
    const struct list *first = list_first(&h->acking);
    return first ? container_of(first, const struct port, in_acking)->ack_by_ns : INT64_MAX;
}

/* -- entries come and go -- */
static void free_entry(struct entry *e)
{
    struct port *p = e->port;
    list_remove(&e->in_port);
    list_remove(&e->in_walk);
    map64_remove(&p->entry_by_id, e->id);
    p->n_entries--;
    if (e->upstream)
        hub_upstream_leave(e);
    if (e->kind == INTEREST_KEPT)
        list_remove(&p->in_reading);
    hub_purge_soon(p->hub);
    mem_free(e);
}

static void remove_entry(struct port *p, uint32_t id)
{
    struct entry *e = map64_get(&p->entry_by_id, id);
    if (!e)
        return;
    route_remove(p->hub->route, p->number, id);
    free_entry(e);
}

void hub_refuse_entry(struct port *p, uint32_t id, enum mr_rc rc, const char *reason)
{
    const struct session_refusal refusal = {.id = id, .rc = rc, .reason = reason};
    remove_entry(p, id);
    hub_must(p, session_interest_refuse(p->session, &refusal));
    hub_mark(p);
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
    if (map64_put(&p->entry_by_id, interest->id, e, NULL) != MR_OK) {
        mem_free(e);
        return NULL;
    }
    e->port = p;
    e->id = interest->id;
    e->kind = interest->kind;
    e->wants_snapshot = interest->kind != INTEREST_SERVE && !interest->no_snapshot;
    e->filter_len = len;
    memcpy(e->filter, filter, len + 1);
    list_init(&e->in_walk);
    list_init(&e->in_upstream);
    list_push_back(&p->entries, &e->in_port);
    p->n_entries++;
    return e;
}

enum mr_rc hub_expand(const struct port *p, const char *text, char ret[TOPIC_MAX_BYTES + 1], size_t *ret_len,
                      struct err *err)
{
    enum mr_rc rc = topic_expand(text, strlen(text), p->path, strlen(p->path), ret, ret_len);
    if (rc == MR_INVALID) {
        err_set(err, "'%s' cannot be expanded: the path of '%s' is not known before the first contact with a broker",
                text, p->identity);
        return MR_ISOLATED;
    }
    if (rc)
        err_set(err, "'%s' is longer than %d bytes under the path of '%s'", text, TOPIC_MAX_BYTES, p->identity);
    return rc;
}

/* The filter in full, allowed, and within the limits; or why not. */
static enum mr_rc check_interest(const struct port *p, const struct session_interest *interest,
                                 char filter[TOPIC_MAX_BYTES + 1], size_t *ret_len, struct err *err)
{
    const struct hub *h = p->hub;
    const struct rights_subject who = hub_subject(p);
    enum right right = interest->kind == INTEREST_SERVE ? RIGHT_SERVE : RIGHT_SUBSCRIBE;
    if (interest->kind == INTEREST_KEPT && p->kind != PORT_MESH_IN) {
        err_set(err, "'%s' may not ask for everything kept: that is for brokers", p->address);
        return MR_DENIED;
    }
    if (interest->kind == INTEREST_KEPT && list_is_linked(&p->in_reading)) {
        err_set(err, "'%s' asks for everything kept twice", p->address);
        return MR_INVALID;
    }
    if (p->kind != PORT_MESH_IN && p->n_entries >= h->max_filters_per_port) {
        err_set(err, "'%s' has %u filters already, which is the limit", p->address, h->max_filters_per_port);
        return MR_TOO_BIG;
    }
    enum mr_rc rc = hub_expand(p, interest->filter, filter, ret_len, err);
    if (rc)
        return rc;
    enum topic_rule rule = topic_check(filter, *ret_len, TOPIC_FILTER);
    if (rule != TOPIC_FINE) {
        err_set(err, "'%s' %s", filter, topic_rule_text(rule));
        return MR_INVALID;
    }
    return p->kind == PORT_MESH_IN ? MR_OK : rights_check(h->rights, &who, right, filter, err);
}

/* A peer reads everything kept from now on: first who lives here, then all last values, then live. */
static enum mr_rc add_reader(struct port *p, const struct session_interest *interest, const char *filter, size_t len)
{
    struct entry *e = new_entry(p, interest, filter, len);
    if (!e)
        return MR_NO_MEMORY;
    list_push_back(&p->hub->reading, &p->in_reading);
    hub_begin_walk(e, false);
    return MR_OK;
}

static enum mr_rc add_entry(struct port *p, const struct session_interest *interest, const char *filter, size_t len,
                            struct err *err)
{
    struct hub *h = p->hub;
    const struct rights_subject who = hub_subject(p);
    if (interest->kind == INTEREST_KEPT)
        return add_reader(p, interest, filter, len);
    enum mr_rc rc = route_add(h->route, p->number, interest->id, filter, interest->kind);
    if (rc) {
        err_set(err, "'%s': %s", filter,
                rc == MR_TOO_BIG ? "there are as many filters of all peers as there may be" : rc_text(rc));
        return rc;
    }
    struct entry *e = new_entry(p, interest, filter, len);
    rc = e ? MR_OK : MR_NO_MEMORY;
    if (!rc && p->kind != PORT_MESH_IN && h->n_ups > 0)
        rc = hub_upstream_join(e);
    if (rc) {
        err_set(err, "'%s': %s", filter,
                rc == MR_TOO_BIG ? "this machine has as many filters as its broker takes" : rc_text(rc));
        route_remove(h->route, p->number, interest->id);
        if (e)
            free_entry(e);
        return rc;
    }
    p->is_rechecked |= p->kind != PORT_MESH_IN && rights_must_recheck(h->rights, &who, filter);
    hub_settle_if_ready(e);
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
        rc = add_entry(p, interest, filter, len, &err);
    if (!rc)
        return;
    hub_refuse_entry(p, interest->id, rc, err.text);
    hub_notice(p->hub, HUB_NOTICE_DENIED, "%s: %s", p->address, err.text);
}

void hub_on_interest_version(void *user, uint64_t version)
{
    struct port *p = user;
    p->version_pending = version;
    if (p->kind == PORT_AGENT && p->ack_by_ns == INT64_MAX) { /* a broker waits for its peers, but not for long */
        p->ack_by_ns = p->hub->now_ns + ack_wait_ns;
        list_remove(&p->in_acking);
        list_push_back(&p->hub->acking, &p->in_acking);
    }
    hub_ack_if_ready(p);
}
