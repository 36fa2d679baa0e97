/* hub_life.c - sessions begin and end; who lives, what is stale because of it, and what may be lost. */
#include <stdio.h>
#include <string.h>

#include "bus/hub_private.h"

/* OPC UA UncertainNoCommunicationLastUsableValue: what the tags of a dead publisher deserve. */
static const uint32_t status_of_the_dead = 0x408F0000;

bool hub_is_fresh(const struct hub *h, const struct slot *slot)
{
    return presence_lives_in(h->presence, slot->publisher, slot->head.birth, slot->seq);
}

/* -- what peers are told -- */
struct session_state hub_state_of(const struct hub *h)
{
    return (struct session_state){.cluster_up = h->kind == HUB_BROKER || hub_has_uplink(h),
                                  .isolated_since_us = h->isolated_since_us,
                                  .broker = h->kind == HUB_BROKER ? h->name
                                            : hub_has_uplink(h)   ? h->uplink->address
                                                                  : ""};
}

void hub_state_changed(struct hub *h)
{
    const struct session_state state = hub_state_of(h);
    for (uint32_t i = 1; i <= h->max_ports; i++) {
        struct port *p = h->ports[i];
        if (!p || p->kind != PORT_APP || !p->is_welcome || p->is_over)
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
        struct route_ports to = route_subscribers(h->route, slot->topic);
        for (size_t i = 0; i < to.n; i++)
            if (h->ports[to.port[i]])
                hub_put_slot(h->ports[to.port[i]], slot, 0);
    }
}

void hub_life_changed(struct hub *h, uint32_t publisher, const struct port *from)
{
    for (uint32_t i = 1; i <= h->max_ports; i++) {
        struct port *p = h->ports[i];
        if (p && p != from && p->is_welcome && !p->is_over)
            hub_tell_life(p, publisher);
    }
    if (hub_has_uplink(h) && names_get_publisher(h->names, publisher)->owner == h->self)
        hub_tell_publisher(h->uplink, publisher);
    show_staleness(h, publisher);
}

/* In the place of what is missing: behind what came before it, ahead of what comes after. */
void hub_tell_loss(struct hub *h, const struct port *from, const struct session_loss *loss)
{
    for (uint32_t i = 1; i <= h->max_ports; i++) {
        struct port *p = h->ports[i];
        if (!p || p == from || p->is_over || !p->is_welcome || !route_port_has_interest(h->route, i))
            continue;
        if (loss->publisher)
            hub_tell_publisher(p, loss->publisher);
        hub_must(p, session_loss(p->session, LANE_LIVE, loss));
        hub_mark(p);
    }
}

/* A session that broke: how much was still on its way, who knows. */
void hub_tell_tail(const struct port *p)
{
    const struct owner *owner = hub_owner(p->hub, p->owner);
    const struct session_loss loss = {.publisher = p->owner,
                                      .link = p->link,
                                      .via = "",
                                      .birth = p->birth,
                                      .first = owner ? owner->seen.seq + 1 : 0,
                                      .cause = MR_LINK};
    hub_tell_loss(p->hub, p, &loss);
}

/* -- births and deaths of publishers -- */
enum mr_rc hub_be_born(struct hub *h, const struct port *from, const struct session_birth *birth)
{
    enum presence_result result = PRESENCE_OLD;
    enum mr_rc rc = presence_birth(h->presence, birth, &result);
    if (!rc && result == PRESENCE_CHANGED)
        hub_life_changed(h, birth->publisher, from);
    return rc;
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

static void die(struct hub *h, const struct port *from, const struct session_death *death)
{
    enum presence_result result = PRESENCE_OLD;
    if (presence_death(h->presence, death, hub_now_us(h), &result) == MR_OK && result == PRESENCE_CHANGED)
        hub_life_changed(h, death->publisher, from);
}

/* The life a peer may speak of: an app of its devices, an agent of what is on it, a broker of anybody but us. */
static uint32_t life_meant(const struct port *p, uint32_t id)
{
    uint32_t publisher = hub_publisher_meant(p, id);
    const struct publisher *who = names_get_publisher(p->hub->names, publisher);
    bool is_ours = who && who->owner == p->hub->self;
    return who && is_ours == (p->kind == PORT_APP) ? publisher : 0;
}

void hub_on_birth(void *user, const struct session_birth *birth)
{
    struct port *p = user;
    struct hub *h = p->hub;
    uint32_t publisher = life_meant(p, birth->publisher);
    if (!publisher)
        return;
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
    if (!ours.publisher || (p->kind == PORT_APP && ours.publisher == p->publisher))
        return;
    if (p->kind == PORT_APP) {
        ours.birth = h->birth;
        ours.link = 0;
    } else if (p->kind == PORT_AGENT) {
        ours.birth = p->birth;
        ours.link = p->link;
    }
    die(h, p, &ours);
}

void hub_on_loss(void *user, enum lane lane, const struct session_loss *loss)
{
    struct port *p = user;
    struct session_loss ours = *loss;
    (void)lane;
    ours.publisher = loss->publisher ? hub_publisher_meant(p, loss->publisher) : 0;
    const struct publisher *who = names_get_publisher(p->hub->names, ours.publisher);
    if (loss->publisher && (!who || who->owner == p->hub->self))
        return;
    hub_tell_loss(p->hub, p, &ours);
}

/* -- a broker that is gone -- */
/* Everything that reaches us from elsewhere may be missing from here on: said before anything else is delivered. */
static void tell_span(struct hub *h)
{
    const struct session_loss loss = {.via = h->name, .cause = MR_LINK};
    hub_tell_loss(h, NULL, &loss);
}

void hub_close_span(struct hub *h)
{
    if (!h->is_span_open)
        return;
    h->is_span_open = false;
    tell_span(h);
}

static void uplink_died(struct port *p)
{
    struct hub *h = p->hub;
    h->uplink = NULL;
    if (!p->is_welcome)
        return;
    h->isolated_since_us = hub_now_us(h);
    h->is_offering = false;
    h->is_span_open = true;
    tell_span(h);
    uint32_t cursor = 0;
    for (const struct life *life; (life = presence_walk(h->presence, &cursor));) {
        uint32_t publisher = life->publisher;
        if (names_get_publisher(h->names, publisher)->owner == h->self)
            continue;
        presence_forget(h->presence, publisher);
        hub_life_changed(h, publisher, p);
    }
    hub_upstreams_end(h);
    hub_state_changed(h);
}

/* -- ends of others -- */
static bool another_port_speaks_for(const struct port *p, uint32_t publisher)
{
    const struct hub *h = p->hub;
    for (uint32_t i = 1; i <= h->max_ports; i++)
        if (h->ports[i] && h->ports[i] != p && h->ports[i]->publisher == publisher)
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
    if (!p->ended_clean)
        hub_tell_tail(p);
    publisher_died(p, p->owner, p->birth, p->link);
}

void hub_port_died(struct port *p)
{
    if (p->kind == PORT_UPLINK) {
        uplink_died(p);
        return;
    }
    if (!p->is_welcome)
        return;
    hub_notice(p->hub, HUB_NOTICE_PORT_DOWN, "%s: %s%s%s %s", p->address, p->identity, *p->part ? "/" : "", p->part,
               p->ended_clean ? "closed" : "its connection broke");
    if (p->kind == PORT_APP)
        app_died(p);
    else
        agent_died(p);
}
