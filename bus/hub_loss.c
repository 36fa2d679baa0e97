/* hub_loss.c - what may be lost is told in its place: behind what came before it, ahead of what comes after.
 *
 * Who computes what: an agent's broker the end of its session and the gap before its Hello; every other broker, of the same
 * Hello, the gap since what it has seen itself; whoever lost a broker a span, inside which anything may be missing. */
#include "bus/hub_private.h"

static void tell(struct port *p, const struct session_loss *loss)
{
    if (loss->publisher)
        hub_tell_publisher(p, loss->publisher);
    hub_must(p, session_loss(p->session, LANE_LIVE, loss));
    hub_mark(p);
}

void hub_tell_loss(struct hub *h, const struct port *from, const struct session_loss *loss)
{
    for (uint32_t i = 1; i <= h->max_ports; i++) {
        struct port *p = h->ports[i];
        if (p && p != from && !hub_is_trusted(p) && !p->is_over && p->is_welcome &&
            route_port_has_interest(h->route, i))
            tell(p, loss);
    }
}

void hub_tell_peers_loss(struct hub *h, const struct session_loss *loss)
{
    struct list *at, *after;
    LIST_EACH(at, after, &h->reading)
    {
        struct port *p = container_of(at, struct port, in_reading);
        if (!p->is_over)
            tell(p, loss);
    }
}

/* -- agents -- */
/* How many of the records up to `last` the peer lost; 0 where that cannot be said: an earlier life of this broker may have had some. */
static uint64_t count_gap(const struct seen *seen, uint64_t birth, uint32_t link, uint64_t last)
{
    if (seen->birth == birth)
        return last - seen->seq;
    return seen->birth || link == 1 ? last : 0;
}

static bool is_end_told(const struct owner *owner)
{
    const struct seen *seen = &owner->seen, *over = &owner->over;
    return over->birth != seen->birth ? over->birth > seen->birth : over->link >= seen->link;
}

static void note_end(struct hub *h, uint32_t publisher, uint64_t birth, uint32_t link)
{
    if (publisher < h->owners_cap)
        h->owners[publisher].over = (struct seen){.birth = birth, .link = link};
}

/* What is still under way of an earlier birth, by way of another broker, is dropped from here on: nobody else will say so. */
static void seal(struct hub *h, const struct port *from, uint32_t publisher, uint64_t birth)
{
    struct owner *owner = &h->owners[publisher];
    const struct session_loss tail = {.publisher = publisher,
                                      .link = owner->seen.link,
                                      .via = "",
                                      .birth = owner->seen.birth,
                                      .first = owner->seen.seq + 1,
                                      .cause = MR_LINK};
    if (owner->seen.birth == 0 || owner->seen.birth >= birth)
        return;
    bool is_told = is_end_told(owner);
    owner->seen = (struct seen){.birth = birth};
    if (!is_told)
        hub_tell_loss(h, from, &tail);
}

void hub_seal_birth(struct hub *h, const struct port *from, const struct session_birth *birth)
{
    const struct publisher *who = names_get_publisher(h->names, birth->publisher);
    if (who->owner == who->id && hub_home(h, who->id) != HOME_PEER + from->up->index)
        seal(h, from, who->id, birth->birth);
}

void hub_tell_gap(struct port *p, const struct session_hello *hello)
{
    struct hub *h = p->hub;
    struct owner *owner = hub_owner(h, p->owner);
    if (!owner) {
        hub_end_port(p, MR_NO_MEMORY, rc_text(MR_NO_MEMORY));
        return;
    }
    hub_tail_came(h, p, p->owner, hello->birth);
    if (owner->home >= HOME_PEER)
        seal(h, p, p->owner, hello->birth);
    const struct session_loss said = {.publisher = p->owner,
                                      .link = hello->link,
                                      .via = "",
                                      .birth = hello->birth,
                                      .first = 1,
                                      .last = hello->next_seq ? hello->next_seq - 1 : 0,
                                      .count = hello->next_seq ? hello->next_seq - 1 : 0,
                                      .cause = MR_LINK};
    uint64_t before = owner->seen.birth == said.birth ? owner->seen.seq : 0;
    struct session_loss gap = said;
    gap.first = before + 1;
    gap.count = count_gap(&owner->seen, said.birth, said.link, said.last);
    if (gap.last > before)
        hub_tell_loss(h, p, &gap);
    owner->seen = (struct seen){.birth = hello->birth, .link = hello->link, .seq = said.last};
    if (said.last > 0) /* peers hear of every Hello, and compute their own gap */
        hub_tell_peers_loss(h, &said);
}

void hub_tell_tail(struct hub *h, const struct port *from, uint32_t publisher, uint32_t link, uint64_t birth)
{
    const struct owner *owner = hub_owner(h, publisher);
    const struct session_loss loss = {.publisher = publisher,
                                      .link = link,
                                      .via = "",
                                      .birth = birth,
                                      .first = owner ? owner->seen.seq + 1 : 0,
                                      .cause = MR_LINK};
    note_end(h, publisher, birth, link);
    hub_tell_loss(h, from, &loss);
    hub_tell_peers_loss(h, &loss);
}

void hub_tell_whole(const struct port *p)
{
    const struct owner *owner = hub_owner(p->hub, p->owner);
    const struct session_loss none = {.publisher = p->owner,
                                      .link = p->link,
                                      .via = "",
                                      .birth = p->birth,
                                      .first = owner ? owner->seen.seq + 1 : 1,
                                      .last = owner ? owner->seen.seq : 0,
                                      .count = p->is_away,
                                      .cause = MR_LINK};
    if (!p->is_away)
        note_end(p->hub, p->owner, p->birth, p->link);
    if (none.last > 0)
        hub_tell_peers_loss(p->hub, &none);
}

/* -- what others tell -- */
/* Clips what a peer tells of one of its agents to what was not seen here, of a link that is not over; false: nothing is left.
 * From here on the frames of earlier links are dropped. */
static bool take_peers_word(struct hub *h, struct session_loss *loss)
{
    struct seen *seen = &h->owners[names_get_publisher(h->names, loss->publisher)->owner].seen;
    bool is_older = loss->birth != seen->birth ? loss->birth < seen->birth : loss->link < seen->link;
    bool is_later = loss->birth != seen->birth || loss->link > seen->link;
    if (is_older || (!is_later && hub_home(h, loss->publisher) == HOME_HERE))
        return false;
    if (loss->cause == MR_LINK && (loss->last == 0 || (loss->first > loss->last && !loss->count)))
        note_end(h, names_get_publisher(h->names, loss->publisher)->owner, loss->birth, loss->link);
    if (loss->last == 0 ||
        loss->cause != MR_LINK) /* the end of a session, or what a queue dropped of one program: no Hello */
        return true;
    uint64_t before = seen->birth == loss->birth ? seen->seq : 0;
    if (loss->first <= before) {
        loss->first = before + 1;
        loss->count = loss->last > before ? loss->last - before : 0;
    }
    *seen = (struct seen){.birth = loss->birth, .link = loss->link, .seq = loss->last > before ? loss->last : before};
    return loss->last > before && loss->first <= loss->last; /* first above last: nothing was lost up to there */
}

void hub_on_loss(void *user, enum lane lane, const struct session_loss *loss)
{
    struct port *p = user;
    struct hub *h = p->hub;
    struct session_loss ours = *loss;
    (void)lane;
    if (p->kind == PORT_MESH_IN) {
        hub_break(p, "losses on a session that is there to read");
        return;
    }
    ours.publisher = loss->publisher ? hub_publisher_meant(p, loss->publisher) : 0;
    const struct publisher *who = names_get_publisher(h->names, ours.publisher);
    if (loss->publisher && (!who || who->owner == h->self))
        return;
    if (p->kind == PORT_MESH_OUT && ours.publisher && !take_peers_word(h, &ours))
        return;
    if (p->kind == PORT_AGENT) { /* it speaks of nobody but what is on it, here and now */
        ours.publisher = ours.publisher ? ours.publisher : p->owner;
        ours.via = "";
        ours.birth = p->birth;
        ours.link = p->link;
    }
    hub_tell_loss(h, p, &ours);
    if (p->kind == PORT_AGENT)
        hub_tell_peers_loss(h, &ours);
}

/* -- a broker that is gone -- */
/* Everything that reaches us by way of it may be missing: told to all who have been told that they hear it. */
static void tell_span(const struct up *up, bool only_subscribed)
{
    struct hub *h = up->hub;
    const struct session_loss loss = {.via = *up->name ? up->name : h->name, .cause = MR_LINK};
    for (uint32_t i = 1; i <= h->max_ports; i++) {
        struct port *p = h->ports[i];
        if (p && !hub_is_trusted(p) && !p->is_over && p->is_welcome && route_port_has_interest(h->route, i) &&
            (!only_subscribed || p->version_acked))
            tell(p, &loss);
    }
}

void hub_open_span(struct up *up, bool is_again)
{
    up->is_span_open = true;
    tell_span(up, is_again);
}

void hub_close_span(struct up *up)
{
    if (!up->is_span_open)
        return;
    up->is_span_open = false;
    tell_span(up, false);
}
