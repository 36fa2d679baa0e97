/* hub_life.c - who lives, what is stale because of it, and what the end of a session means for it. */
#include <stdio.h>
#include <string.h>

#include "bus/hub_private.h"

/* OPC UA UncertainNoCommunicationLastUsableValue: what the tags of a dead publisher deserve. */
static const uint32_t status_of_the_dead = 0x408F0000;

bool hub_is_fresh(const struct hub *h, const struct slot *slot)
{
    return presence_lives_in(h->presence, slot->publisher, slot->head.birth, slot->seq) && !hub_is_overdue(h, slot);
}

/* -- what peers are told -- */
static bool lacks_a_peer(const struct hub *h)
{
    for (uint32_t i = 0; i < h->n_ups; i++)
        if (!hub_is_up(&h->ups[i]))
            return true;
    return false;
}

struct session_state hub_state_of(const struct hub *h)
{
    if (h->kind == HUB_BROKER)
        return (struct session_state){.cluster_up = true, .degraded = lacks_a_peer(h), .broker = h->name};
    const struct port *uplink = hub_uplink(h);
    return (struct session_state){.cluster_up = uplink,
                                  .degraded = uplink && h->is_broker_degraded,
                                  .isolated_since_us = h->isolated_since_us,
                                  .broker = uplink ? uplink->address : ""};
}

void hub_state_changed(struct hub *h)
{
    const struct session_state state = hub_state_of(h);
    for (uint32_t i = 1; i <= h->max_ports; i++) {
        struct port *p = h->ports[i];
        if (!p || hub_is_trusted(p) || !p->is_welcome || p->is_over)
            continue;
        hub_must(p, session_state(p->session, &state));
        hub_mark(p);
    }
}

/* Apps learn of staleness slot by slot: the same version again, with STALE set or cleared. */
static void show_staleness(struct hub *h, uint32_t publisher)
{
    uint32_t owner = names_get_publisher(h->names, publisher)->owner;
    const struct slot *slot = NULL;
    while (h->kind == HUB_AGENT && (slot = lastval_next_of(h->lastval, owner, slot))) {
        if (slot->publisher != publisher && owner != publisher)
            continue;
        hub_show_slot(h, slot);
    }
}

/* Peers hear of all that are at home here, others of those whose records they have had. */
static void tell_life_to(struct port *p, uint32_t publisher, bool is_at_home)
{
    if (p->kind == PORT_MESH_OUT || (p->kind == PORT_MESH_IN && !is_at_home))
        return;
    if (p->kind == PORT_MESH_IN && !idmap_get(&p->told_publishers, publisher))
        hub_tell_publisher(p, publisher);
    else
        hub_tell_life(p, publisher);
}

void hub_life_changed(struct hub *h, uint32_t publisher, const struct port *from)
{
    bool is_at_home = hub_home(h, publisher) == HOME_HERE;
    for (uint32_t i = 1; i <= h->max_ports; i++) {
        struct port *p = h->ports[i];
        if (p && p != from && p->is_welcome && !p->is_over)
            tell_life_to(p, publisher, is_at_home);
    }
    if (hub_has_uplink(h) && names_get_publisher(h->names, publisher)->owner == h->self)
        hub_tell_publisher(hub_uplink(h), publisher);
    show_staleness(h, publisher);
}

/* -- births and deaths of publishers -- */
/* An agent that has its newest birth elsewhere left a connection here that nobody uses any more: what it lost of the same birth the
 * new Hello tells exactly. */
static void end_left_behind(struct hub *h, const struct session_birth *birth)
{
    for (struct port *p = NULL; (p = hub_port_of(h, birth->publisher, p));) {
        if (p->kind != PORT_AGENT || p->is_over)
            continue;
        p->is_replaced = true;
        hub_end_port(p, MR_FENCED, "this identity is with another broker now");
    }
}

enum mr_rc hub_be_born(struct hub *h, struct port *from, const struct session_birth *birth)
{
    bool is_peers = from && from->kind == PORT_MESH_OUT;
    enum presence_result result = PRESENCE_OLD;
    const struct life *known = presence_get(h->presence, birth->publisher);
    if (is_peers && known && known->birth > birth->birth) { /* the peer must know, and have it born again */
        hub_tell_publisher(from, birth->publisher);
        hub_tell_life(from, birth->publisher);
        return MR_OK;
    }
    if (!hub_owner(h, birth->publisher))
        return MR_NO_MEMORY;
    if (is_peers) {
        hub_seal_birth(h, from, birth);
        hub_tail_came(h, from, birth->publisher, birth->birth);
    }
    enum mr_rc rc = presence_birth(h->presence, birth, &result);
    bool was_here = hub_home(h, birth->publisher) == HOME_HERE;
    bool is_told_twice = result == PRESENCE_SAME && is_peers && hub_home(h, birth->publisher) == HOME_HERE;
    if (rc || result == PRESENCE_OLD || is_told_twice)
        return rc;
    hub_set_home(h, birth->publisher, from);
    if (result == PRESENCE_SAME)
        return MR_OK;
    if (is_peers && was_here)
        end_left_behind(h, birth);
    hub_life_changed(h, birth->publisher, from);
    return MR_OK;
}

void hub_parts_born(struct hub *h)
{
    uint32_t cursor = 0;
    for (const struct life *life; (life = presence_walk(h->presence, &cursor));) {
        if (!life->alive || life->publisher == h->self ||
            names_get_publisher(h->names, life->publisher)->owner != h->self)
            continue;
        const struct session_birth birth = {
            .publisher = life->publisher, .birth = h->birth, .since_us = life->since_us, .first_seq = h->seq + 1};
        hub_must(NULL, hub_be_born(h, NULL, &birth)); /* known publishers take no memory */
    }
}

/* What an agent hears from its broker is the broker's view, which may change again. */
static void die(struct hub *h, const struct port *from, const struct session_death *death)
{
    enum presence_result result = PRESENCE_OLD;
    bool is_view = from && from->kind == PORT_UPLINK;
    enum mr_rc rc = hub_owner(h, death->publisher) ? MR_OK : MR_NO_MEMORY;
    if (!rc)
        rc = is_view ? presence_suppose_dead(h->presence, death, hub_now_us(h), &result)
                     : presence_death(h->presence, death, hub_now_us(h), &result);
    if (rc || result == PRESENCE_OLD)
        return;
    hub_set_home(h, death->publisher, from);
    if (result == PRESENCE_CHANGED)
        hub_life_changed(h, death->publisher, from);
}

void hub_suppose_dead(struct hub *h, uint32_t publisher, const char *reason)
{
    enum presence_result result = PRESENCE_OLD;
    const struct life *life = presence_get(h->presence, publisher);
    const struct session_death death = {.publisher = publisher,
                                        .link = life->link,
                                        .status = status_of_the_dead,
                                        .birth = life->birth,
                                        .reason = reason};
    if (presence_suppose_dead(h->presence, &death, hub_now_us(h), &result) == MR_OK && result == PRESENCE_CHANGED)
        hub_life_changed(h, publisher, NULL);
}

/* The life a peer may speak of: an app of its devices, an agent of what is on it, a broker of anybody but us. */
static uint32_t life_meant(const struct port *p, uint32_t id)
{
    uint32_t publisher = hub_publisher_meant(p, id);
    const struct publisher *who = names_get_publisher(p->hub->names, publisher);
    bool is_ours = who && who->owner == p->hub->self;
    return who && (is_ours == (p->kind == PORT_APP) || p->kind == PORT_MESH_IN) ? publisher : 0;
}

void hub_on_birth(void *user, const struct session_birth *birth)
{
    struct port *p = user;
    struct hub *h = p->hub;
    uint32_t publisher = life_meant(p, birth->publisher);
    if (!publisher || birth->birth > BIRTH_MAX)
        return;
    if (p->kind == PORT_MESH_IN) {
        hub_be_corrected(p, publisher, birth->birth);
        return;
    }
    for (size_t i = 0; i < birth->n_tags && !p->is_over; i++)
        hub_take_born_tag(p, publisher, &birth->tags[i]);
    if (birth->n_tags) /* a definition, perhaps of one long dead: its life is told by itself */
        return;
    struct session_birth ours = *birth;
    ours.publisher = publisher;
    if (p->kind == PORT_APP) {
        ours.birth = h->birth;
        ours.link = 0;
        ours.since_us = hub_now_us(h);
        ours.first_seq = h->seq + 1;
    } else if (p->kind == PORT_AGENT) {
        ours.birth = p->birth;
        ours.link = p->link;
    }
    hub_must(p, hub_be_born(h, p, &ours));
}

void hub_on_death(void *user, const struct session_death *death)
{
    struct port *p = user;
    struct hub *h = p->hub;
    struct session_death ours = *death;
    ours.publisher = life_meant(p, death->publisher);
    if (!ours.publisher || death->birth > BIRTH_MAX || (p->kind == PORT_APP && ours.publisher == p->publisher))
        return;
    if (p->kind == PORT_MESH_IN) {
        hub_be_corrected(p, ours.publisher, death->birth);
        return;
    }
    if (p->kind == PORT_APP) {
        ours.birth = h->birth;
        ours.link = 0;
    } else if (p->kind == PORT_AGENT) {
        ours.birth = p->birth;
        ours.link = p->link;
    }
    if (p->kind == PORT_MESH_OUT) /* of a later birth than the one it lives here in */
        hub_be_corrected(p, ours.publisher, ours.birth);
    die(h, p, &ours);
}

/* -- ends of sessions -- */
static void uplink_died(struct port *p)
{
    struct hub *h = p->hub;
    p->up->port = NULL;
    if (!p->is_welcome)
        return;
    h->isolated_since_us = hub_now_us(h);
    h->is_offering = false;
    hub_open_span(p->up, false);
    uint32_t cursor = 0;
    for (const struct life *life; (life = presence_walk(h->presence, &cursor));) {
        uint32_t publisher = life->publisher;
        if (names_get_publisher(h->names, publisher)->owner == h->self)
            continue;
        presence_forget(h->presence, publisher);
        hub_life_changed(h, publisher, p);
    }
    hub_upstreams_end(p->up);
    hub_state_changed(h);
}

static bool another_port_speaks_for(const struct port *p, uint32_t publisher)
{
    const struct hub *h = p->hub;
    for (const struct port *other = NULL; (other = hub_port_of(h, p->owner, other));)
        if (other != p && other->publisher == publisher)
            return true;
    return false;
}

static void publisher_died(struct port *p, uint32_t publisher, uint64_t birth, uint32_t link)
{
    const struct session_death death = {.publisher = publisher,
                                        .link = link,
                                        .status = status_of_the_dead,
                                        .birth = birth,
                                        .reason = p->ended_clean ? "closed" : "its connection broke"};
    die(p->hub, p, &death);
}

static void app_died(struct port *p)
{
    struct hub *h = p->hub;
    if (!another_port_speaks_for(p, p->publisher))
        publisher_died(p, p->publisher, h->birth, 0);
    for (uint32_t page = 0; page < p->publisher_of.n; page++)
        for (uint32_t i = 0; p->publisher_of.page[page] && i < IDMAP_PAGE; i++)
            if (p->publisher_of.page[page][i] && p->publisher_of.page[page][i] != NAME_REFUSED)
                publisher_died(p, (uint32_t)p->publisher_of.page[page][i], h->birth, 0);
}

static void agent_died(struct port *p)
{
    if (p->is_replaced)
        return;
    if (p->ended_clean)
        hub_tell_whole(p);
    else
        hub_tell_tail(p->hub, p, p->owner, p->link, p->birth);
    if (p->is_away)
        hub_await_tail(p);
    publisher_died(p, p->owner, p->birth, p->link);
}

void hub_port_died(struct port *p)
{
    if (p->kind == PORT_UPLINK)
        uplink_died(p);
    else if (p->kind == PORT_MESH_OUT)
        hub_peer_died(p);
    if (hub_is_trusted(p) || !p->is_welcome)
        return;
    hub_notice(p->hub, HUB_NOTICE_PORT_DOWN, "%s: %s%s%s %s", p->address, p->identity, *p->part ? "/" : "", p->part,
               p->ended_clean ? "closed" : "its connection broke");
    if (p->kind == PORT_APP)
        app_died(p);
    else
        agent_died(p);
}
