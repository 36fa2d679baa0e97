/* hub_walk.c - walks over the last values, in slices between live records: snapshots for entries of interest, the same again
 * after a queue overflowed, an agent's own values for its broker, and forgetting what nobody follows any more. */
#include <string.h>

#include "bus/hub_private.h"
#include "proto/topic.h"

/* Slots looked at per turn, and for one port before the next has its turn: a large table delays nobody. */
enum { TURN_SLOTS = 4096, SLICE_SLOTS = 1024 };

bool hub_has_room(const struct port *p)
{
    size_t half = p->hub->max_queued_bytes / 2;
    return session_room(p->session, LANE_LIVE) > half && session_room(p->session, LANE_CONTROL) > half;
}

/* A port walks while it has entries that ask for it and room in its queue; it comes back when it has room again. */
void hub_walk_on(struct port *p)
{
    if (list_is_empty(&p->walks) || list_is_linked(&p->in_walking) || p->is_over || !hub_has_room(p))
        return;
    list_push_back(&p->hub->walking, &p->in_walking);
    hub_wake(p->hub);
}

void hub_begin_walk(struct entry *e, bool is_resync)
{
    e->state = ENTRY_WALKING;
    e->is_resync = is_resync;
    e->is_of_dead = false;
    e->cursor = 0;
    if (!list_is_linked(&e->in_walk))
        list_push_back(&e->port->walks, &e->in_walk);
    hub_walk_on(e->port);
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
    if (hub_may_receive(p, slot->topic))
        hub_put(p, LANE_LIVE, &head, &record);
}

void hub_show_slot(struct hub *h, const struct slot *slot)
{
    struct route_ports to = route_subscribers(h->route, slot->topic);
    for (size_t i = 0; i < to.n; i++) {
        struct port *p = h->ports[to.port[i]];
        if (p && p->kind != PORT_MESH_IN) /* nothing is relayed to peers */
            hub_put_slot(p, slot, 0);
    }
}

static void put_if_wanted(const struct entry *e, const struct slot *slot)
{
    struct port *p = e->port;
    const char *topic = names_topic_text(p->hub->names, slot->topic);
    bool is_own = p->kind == PORT_AGENT && slot->owner == p->owner;
    if (e->kind != INTEREST_KEPT && hub_is_unshown(p->hub, slot->topic, slot->owner))
        return;
    const struct life *life = e->is_of_dead ? presence_get(p->hub->presence, slot->owner) : NULL;
    if (life && life->alive)
        return;
    bool is_wanted = e->kind == INTEREST_KEPT || filter_match(e->filter, e->filter_len, topic, strlen(topic));
    if (!is_own && is_wanted)
        hub_put_slot(p, slot, e->is_resync ? 0 : e->id);
}

/* One topic is looked up, not searched for. */
static void walk_exact(const struct entry *e)
{
    const struct hub *h = e->port->hub;
    const struct slot *slots[SLOTS_PER_TOPIC];
    uint32_t topic = names_find_topic(h->names, e->filter);
    size_t n = topic ? lastval_get(h->lastval, topic, slots, SLOTS_PER_TOPIC) : 0;
    for (size_t i = 0; i < n; i++)
        put_if_wanted(e, slots[i]);
}

/* Some slots, counted down in *budget; true when the entry has seen them all. */
static bool walk_slice(struct entry *e, int *budget)
{
    if (e->kind == INTEREST_KEPT && !e->are_lives_told)
        e->are_lives_told = hub_list_lives(e->port, &e->life_cursor, budget);
    if (e->kind == INTEREST_KEPT && !e->are_lives_told)
        return false;
    if (!filter_has_wildcard(e->filter, e->filter_len)) {
        walk_exact(e);
        --*budget;
        return true;
    }
    for (; *budget > 0 && hub_has_room(e->port); --*budget) {
        const struct slot *slot = lastval_walk(e->port->hub->lastval, &e->cursor);
        if (!slot)
            return true;
        put_if_wanted(e, slot);
    }
    return false;
}

static void end_walk(struct entry *e)
{
    struct port *p = e->port;
    e->state = ENTRY_SETTLED;
    list_remove(&e->in_walk);
    if (!e->is_resync)
        hub_must(p, session_snapshot_end(p->session, e->id));
    e->is_resync = false;
    hub_mark(p);
}

/* Returns the slots it looked at, at least 1. */
static int walk_port(struct port *p)
{
    int budget = SLICE_SLOTS;
    struct list *first;
    while (budget > 0 && !p->is_over && hub_has_room(p) && (first = list_first(&p->walks))) {
        struct entry *e = container_of(first, struct entry, in_walk);
        if (!walk_slice(e, &budget))
            break;
        end_walk(e);
        budget--;
    }
    return SLICE_SLOTS - budget + 1;
}

static void walk_ports(struct hub *h)
{
    struct list *at;
    for (int budget = TURN_SLOTS; budget > 0 && (at = list_take_first(&h->walking));) {
        struct port *p = container_of(at, struct port, in_walking);
        budget -= walk_port(p);
        hub_walk_on(p);
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
        if (e->kind != INTEREST_SERVE && e->state == ENTRY_SETTLED && e->wants_snapshot)
            hub_begin_walk(e, true);
        else if (e->state == ENTRY_WALKING) {
            e->cursor = 0;
            e->is_of_dead = false;
        }
    }
}

void hub_offer_the_dead(struct hub *h)
{
    struct list *at, *after, *entry, *next;
    LIST_EACH(at, after, &h->reading)
    {
        struct port *p = container_of(at, struct port, in_reading);
        LIST_EACH(entry, next, &p->entries)
        {
            struct entry *e = container_of(entry, struct entry, in_port);
            if (e->kind != INTEREST_KEPT || e->state != ENTRY_SETTLED)
                continue; /* its walk is not over: it comes to them */
            hub_begin_walk(e, true);
            e->is_of_dead = true;
        }
    }
}

/* -- an agent's own table -- */
void hub_purge_soon(struct hub *h)
{
    h->is_purging = h->kind == HUB_AGENT;
    h->purge_cursor = 0;
}

static void purge_unfollowed(struct hub *h)
{
    for (int i = 0; i < TURN_SLOTS; i++) {
        const struct slot *slot = lastval_walk(h->lastval, &h->purge_cursor);
        if (!slot) {
            h->is_purging = false;
            return;
        }
        if (slot->owner != h->self && route_subscribers(h->route, slot->topic).n == 0)
            lastval_purge_topic(h->lastval, slot->topic, h->self);
    }
    hub_wake(h);
}

/* Our own last values, to a broker that may have missed them: by their versions it takes only what is news to it. */
static void offer_slots(struct hub *h)
{
    struct port *uplink = hub_uplink(h);
    for (int i = 0; i < SLICE_SLOTS && hub_has_room(uplink); i++) {
        const struct slot *slot = lastval_walk(h->lastval, &h->offer_cursor);
        if (!slot) {
            h->is_offering = false;
            return;
        }
        if (slot->owner == h->self)
            hub_put_slot(uplink, slot, 0);
    }
    if (hub_has_room(uplink))
        hub_wake(h);
}

void hub_walk_turn(struct hub *h)
{
    if (h->is_purging)
        purge_unfollowed(h);
    if (h->is_offering && hub_has_uplink(h))
        offer_slots(h);
    walk_ports(h);
}
