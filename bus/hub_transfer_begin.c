/* hub_transfer_begin.c - a transfer begins: whose it is, whether it may be, and who takes it. */
#include "bus/hub_transfer_private.h"

/* -- shares of a taker's list -- */
static uint32_t count_in(const struct idmap *counts, uint32_t id)
{
    return (uint32_t)idmap_get(counts, id);
}

/* The peer counts those too whose last chunks are still on their way. */
static bool is_full(const struct port *p, const struct passing *t)
{
    const struct port_transfers *has = &p->transfers;
    uint32_t share = t->from->kind == PORT_APP ? TRANSFERS_PER_APP : TRANSFERS_PER_PEER;
    return has->n_taking >= (uint32_t)TRANSFERS_PER_SESSION - SESSION_CHUNKS_AHEAD ||
           count_in(&has->of_publisher, t->publisher) >= (uint32_t)TRANSFERS_PER_PUBLISHER - SESSION_CHUNKS_AHEAD ||
           count_in(&has->of_sender, t->sender) >= share;
}

static enum mr_rc count(struct port *p, const struct passing *t)
{
    struct port_transfers *has = &p->transfers;
    uint32_t n_publisher = count_in(&has->of_publisher, t->publisher);
    enum mr_rc rc = idmap_set(&has->of_publisher, t->publisher, n_publisher + 1);
    if (rc)
        return rc;
    rc = idmap_set(&has->of_sender, t->sender, count_in(&has->of_sender, t->sender) + 1);
    if (rc) { /* what was counted has its place: this takes no memory */
        (void)!idmap_set(&has->of_publisher, t->publisher, n_publisher);
        return rc;
    }
    has->n_taking++;
    return MR_OK;
}

void transfer_uncount(struct port *p, const struct passing *t)
{
    struct port_transfers *has = &p->transfers;
    (void)!idmap_set(&has->of_publisher, t->publisher, count_in(&has->of_publisher, t->publisher) - 1);
    (void)!idmap_set(&has->of_sender, t->sender, count_in(&has->of_sender, t->sender) - 1);
    has->n_taking--;
}

/* -- takers -- */
/* In the place where it would be, to one that never heard of it. */
static void tell_lost(struct port *p, const struct batch_head *head, uint64_t seq, enum mr_cause cause)
{
    const struct session_loss loss = {.publisher = head->publisher,
                                      .link = head->link,
                                      .via = "",
                                      .birth = head->birth,
                                      .first = seq,
                                      .last = seq,
                                      .count = 1,
                                      .cause = cause};
    p->hub->dropped++;
    hub_tell_publisher(p, head->publisher);
    hub_must(p, session_loss(p->session, LANE_LIVE, &loss));
    hub_mark(p);
}

static enum mr_rc add_taker(struct passing *t, struct port *p, const struct transfer *said)
{
    struct taker *k = mem_calloc(1, sizeof *k);
    enum mr_rc rc = k ? count(p, t) : MR_NO_MEMORY;
    if (rc) {
        mem_free(k);
        return rc;
    }
    *k = (struct taker){.passing = t, .port = p, .patience_ns = transfer_patience_ns(p)};
    list_init(&k->in_waiting);
    list_init(&k->in_passing);
    list_init(&k->in_port);
    hub_tell_topic(p, said->record.topic);
    hub_tell_publisher(p, said->head.publisher);
    rc = session_begin_transfer(p->session, said, &k->id);
    if (rc) {
        transfer_free_taker(k);
        return rc;
    }
    list_push_back(&t->takers, &k->in_passing);
    list_push_back(&p->transfers.taking, &k->in_port);
    hub_mark(p);
    return MR_OK;
}

static void offer(struct passing *t, struct port *p, const struct transfer *said)
{
    if (p->is_over || !p->is_welcome)
        return;
    if (!session_has_transfers(p->session) || is_full(p, t) || add_taker(t, p, said) != MR_OK)
        tell_lost(p, &said->head, said->record.seq, MR_SLOW_READER);
    else
        p->hub->records_out++;
}

/* What a peer's agents write goes to our agents only; nothing goes back but to an app, which may follow what it writes itself. */
static bool may_go(const struct port *from, const struct port *to)
{
    if (from->kind == PORT_MESH_OUT)
        return to->kind == PORT_AGENT;
    return to != from || to->kind == PORT_APP;
}

static void offer_to_all(struct passing *t, const struct transfer *said)
{
    struct hub *h = t->from->hub;
    struct route_ports to = route_subscribers(h->route, said->record.topic);
    for (size_t i = 0; i < to.n; i++) {
        struct port *p = h->ports[to.port[i]];
        if (p && may_go(t->from, p) && hub_may_receive(p, said->record.topic))
            offer(t, p, said);
    }
    if (t->from->kind == PORT_APP && hub_uplink(h))
        offer(t, hub_uplink(h), said);
}

/* -- whose it is -- */
/* Numbers of transfers rise by themselves: their word overtakes live records that were numbered before. */
static bool is_new(struct hub *h, uint32_t owner, const struct transfer *said)
{
    struct owner *o = &h->owners[owner];
    const struct seen now = {.birth = said->head.birth, .link = said->head.link, .seq = said->record.seq};
    if (!hub_is_above(&o->transfers, &said->head, now.seq))
        return false;
    bool goes_on = o->transfers.birth == now.birth && o->transfers.link == now.link && o->transfers.seq + 1 == now.seq;
    o->transfers_first = goes_on ? o->transfers_first : now.seq;
    o->transfers = now;
    hub_follow_transfers(o);
    return true;
}

/* Whose it is, and may it: as of a record. `said` becomes ours. */
static bool accept(struct port *p, struct transfer *said)
{
    struct hub *h = p->hub;
    if (!hub_is_trusted(p)) {
        uint64_t may = hub_may(p, said->record.topic);
        if (!(may & MAY_PUBLISH)) {
            hub_refuse_record(p, said->record.topic, may);
            return false;
        }
        hub_flag_future(h, &said->record);
    }
    if (p->kind == PORT_APP) {
        said->record.flags &= MR_BACKFILL | MR_FORCED | MR_FUTURE;
        said->record.seq = ++h->seq;
        return true;
    }
    uint32_t owner = names_get_publisher(h->names, said->head.publisher)->owner;
    bool is_of_this_link = said->head.birth == p->birth && said->head.link == p->link;
    return (p->kind != PORT_AGENT || is_of_this_link) && owner != h->self && is_new(h, owner, said);
}

static struct passing *new_passing(struct port *p, const struct transfer *said, uint32_t id)
{
    struct passing *t = mem_calloc(1, sizeof *t);
    uint32_t publisher = said->head.publisher;
    uint32_t owner = names_get_publisher(p->hub->names, publisher)->owner;
    if (!t)
        return NULL;
    *t = (struct passing){.from = p,
                          .id = id,
                          .total = said->total,
                          .publisher = publisher,
                          .sender = p->kind == PORT_APP ? p->publisher : owner,
                          .fed_ns = hub_now_ns(p->hub)};
    list_init(&t->takers);
    list_init(&t->kept);
    if (map64_put(&p->transfers.coming, id, t, NULL) == MR_OK)
        return t;
    mem_free(t);
    return NULL;
}

void transfer_begin(struct port *p, struct transfer *said)
{
    uint32_t id = said->id;
    if (p->kind == PORT_MESH_IN) {
        hub_break(p, "a transfer on a session that is there to read");
        return;
    }
    uint32_t topic = hub_topic_meant(p, said->record.topic);
    if (!topic) {
        hub_break(p, "a transfer to a topic id that was not announced: %u", said->record.topic);
        return;
    }
    if (topic == NAME_REFUSED) {
        p->hub->refused++;
        return;
    }
    if (!hub_take_head(p, &said->head))
        return;
    said->record.topic = topic;
    p->hub->records_in++;
    struct passing *t = new_passing(p, said, id);
    if (!t) {
        hub_must(p, MR_NO_MEMORY);
        return;
    }
    if (accept(p, said))
        offer_to_all(t, said);
    if (list_is_empty(&t->takers))
        transfer_free(t);
    else
        transfer_expect(p, t->fed_ns + transfer_patience_ns(p));
}
