/* hub_transfer.c - see hub_transfer.h. */
#include <string.h>

#include "bus/hub_private.h"
#include "proto/session_transfer.h"

/* A chunk kept back for those who have not taken it. */
struct kept_chunk {
    struct list in_passing;
    uint32_t offset, len, cost;
    uint32_t n_waiting; /* takers */
    uint8_t data[];
};

struct passing {
    struct list in_port;
    struct port *from; /* NULL: it is gone, and all of it is here */
    uint32_t id;       /* the sender's */
    uint32_t total, received, publisher;
    struct list takers, kept;
};

struct taker {
    struct list in_passing, in_port;
    struct list in_waiting; /* of its port */
    struct list in_stalled; /* of the hub, by since_ns */
    struct passing *passing;
    struct port *port;
    uint32_t id, taken;      /* ours on its session; bytes */
    struct kept_chunk *next; /* NULL: up to date */
    int64_t since_ns;        /* of the last chunk it took while it waits */
};

static const int64_t ns_per_ms = 1000000;

void hub_transfers_init(struct port_transfers *transfers)
{
    list_init(&transfers->coming);
    list_init(&transfers->taking);
    list_init(&transfers->waiting);
}

/* -- chunks kept back -- */
static struct kept_chunk *kept_after(const struct passing *t, const struct kept_chunk *chunk)
{
    const struct list *next = chunk->in_passing.next;
    return next == &t->kept ? NULL : container_of(next, struct kept_chunk, in_passing);
}

/* One taker less waits for it. The last one gives its sender the credit back. */
static void let_go(struct passing *t, struct kept_chunk *chunk)
{
    if (--chunk->n_waiting)
        return;
    if (t->from) {
        session_chunk_done(t->from->session, chunk->cost);
        hub_mark(t->from);
        hub_wake(t->from->hub);
    }
    list_remove(&chunk->in_passing);
    mem_free(chunk);
}

static struct kept_chunk *keep_back(struct passing *t, const struct chunk *chunk)
{
    struct kept_chunk *kept = mem_alloc(sizeof *kept + chunk->len);
    if (!kept)
        return NULL;
    *kept = (struct kept_chunk){.offset = chunk->offset, .len = chunk->len, .cost = chunk->cost};
    memcpy(kept->data, chunk->data, chunk->len);
    list_init(&kept->in_passing);
    list_push_back(&t->kept, &kept->in_passing);
    return kept;
}

/* -- takers -- */
static void free_taker(struct taker *k)
{
    while (k->next) {
        struct kept_chunk *chunk = k->next;
        k->next = kept_after(k->passing, chunk);
        let_go(k->passing, chunk);
    }
    list_remove(&k->in_passing);
    list_remove(&k->in_port);
    list_remove(&k->in_waiting);
    list_remove(&k->in_stalled);
    mem_free(k);
}

static void free_passing(struct passing *t)
{
    list_remove(&t->in_port);
    mem_free(t);
}

/* Nothing more of it is to be done: all have it, or nobody wants it any more. */
static void free_if_over(struct passing *t)
{
    if (list_is_empty(&t->takers))
        free_passing(t);
}

static void wait_from_now(struct taker *k)
{
    struct hub *h = k->port->hub;
    k->since_ns = hub_now_ns(h);
    list_remove(&k->in_stalled);
    list_push_back(&h->stalled, &k->in_stalled);
}

static enum mr_rc put(struct taker *k, uint32_t offset, const uint8_t *data, uint32_t len)
{
    if (k->port->is_over)
        return MR_CLOSED;
    const struct chunk chunk = {.transfer = k->id, .offset = offset, .data = data, .len = len};
    enum mr_rc rc = session_put_chunk(k->port->session, &chunk);
    if (rc)
        return rc;
    k->taken += len;
    hub_mark(k->port);
    return MR_OK;
}

/* The chunk at the head of its queue. False: there is no room. */
static bool take_next(struct taker *k)
{
    struct passing *t = k->passing;
    struct kept_chunk *chunk = k->next;
    if (put(k, chunk->offset, chunk->data, chunk->len))
        return false;
    k->next = kept_after(t, chunk);
    let_go(t, chunk);
    list_remove(&k->in_waiting);
    list_remove(&k->in_stalled);
    if (k->next) {
        list_push_back(&k->port->transfers.waiting, &k->in_waiting);
        wait_from_now(k);
    } else if (k->taken == t->total) {
        free_taker(k);
        free_if_over(t);
    }
    return true;
}

void hub_transfers_took(struct port *p)
{
    struct list *first;
    while ((first = list_first(&p->transfers.waiting)) && take_next(container_of(first, struct taker, in_waiting)))
        continue;
}

/* -- losses -- */
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

/* It does not get the rest: its peer takes that for the loss of this one value. */
static void give_up(struct taker *k, enum mr_cause cause)
{
    struct port *p = k->port;
    uint32_t id = k->id;
    free_taker(k);
    if (p->is_over)
        return;
    p->hub->dropped++;
    hub_must(p, session_end_transfer(p->session, id, cause));
    hub_mark(p);
}

static void end(struct passing *t, enum mr_cause cause)
{
    for (struct list *first; (first = list_first(&t->takers));)
        give_up(container_of(first, struct taker, in_passing), cause);
    free_passing(t);
}

void hub_transfers_tick(struct hub *h, int64_t now_ns)
{
    while (hub_transfers_deadline(h) <= now_ns) {
        struct taker *k = container_of(list_first(&h->stalled), struct taker, in_stalled);
        struct passing *t = k->passing;
        give_up(k, MR_SLOW_READER);
        free_if_over(t);
    }
}

int64_t hub_transfers_deadline(const struct hub *h)
{
    const struct list *first = list_first(&h->stalled);
    return first ? container_of(first, const struct taker, in_stalled)->since_ns + TRANSFER_STALL_MS * ns_per_ms
                 : INT64_MAX;
}

void hub_transfers_leave(struct port *p)
{
    for (struct list *first; (first = list_first(&p->transfers.coming));) {
        struct passing *t = container_of(first, struct passing, in_port);
        list_remove(&t->in_port);
        if (t->received < t->total)
            end(t, MR_LINK);
        else
            t->from = NULL; /* accepted: it survives its sender */
    }
    for (struct list *first; (first = list_first(&p->transfers.taking));) {
        struct taker *k = container_of(first, struct taker, in_port);
        struct passing *t = k->passing;
        free_taker(k);
        free_if_over(t);
    }
}

/* -- one begins -- */
/* The peer counts those too whose last chunks are still on their way. */
static bool is_full(const struct port *p, uint32_t publisher)
{
    uint32_t n = 0, n_same = 0;
    for (struct list *at = p->transfers.taking.next; at != &p->transfers.taking; at = at->next) {
        n++;
        n_same += container_of(at, struct taker, in_port)->passing->publisher == publisher;
    }
    return n >= (uint32_t)TRANSFERS_PER_SESSION - SESSION_CHUNKS_AHEAD ||
           n_same >= (uint32_t)TRANSFERS_PER_PUBLISHER - SESSION_CHUNKS_AHEAD;
}

static enum mr_rc add_taker(struct passing *t, struct port *p, const struct transfer *said)
{
    struct taker *k = mem_calloc(1, sizeof *k);
    if (!k)
        return MR_NO_MEMORY;
    k->passing = t;
    k->port = p;
    list_init(&k->in_waiting);
    list_init(&k->in_stalled);
    list_init(&k->in_passing);
    list_init(&k->in_port);
    hub_tell_topic(p, said->record.topic);
    hub_tell_publisher(p, said->head.publisher);
    enum mr_rc rc = session_begin_transfer(p->session, said, &k->id);
    if (rc) {
        mem_free(k);
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
    if (!session_has_transfers(p->session) || is_full(p, said->head.publisher) || add_taker(t, p, said) != MR_OK)
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

static void begin(struct port *p, struct transfer *said)
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
    struct passing *t = mem_calloc(1, sizeof *t);
    if (!t || !accept(p, said)) {
        hub_must(p, t ? MR_OK : MR_NO_MEMORY);
        mem_free(t);
        return;
    }
    *t = (struct passing){.from = p, .id = id, .total = said->total, .publisher = said->head.publisher};
    list_init(&t->takers);
    list_init(&t->kept);
    list_init(&t->in_port);
    list_push_back(&p->transfers.coming, &t->in_port);
    offer_to_all(t, said);
    free_if_over(t);
}

static struct passing *find(const struct port *p, uint32_t id)
{
    for (struct list *at = p->transfers.coming.next; at != &p->transfers.coming; at = at->next) {
        struct passing *t = container_of(at, struct passing, in_port);
        if (t->id == id)
            return t;
    }
    return NULL;
}

void hub_on_transfer(void *user, const struct transfer *said)
{
    struct port *p = user;
    if (said->total) {
        struct transfer ours = *said;
        begin(p, &ours);
        return;
    }
    struct passing *t = find(p, said->id);
    if (t)
        end(t, said->cause);
}

/* -- and goes on -- */
/* To all that are up to date; the others, and those without room, have it kept back. MR_NO_MEMORY: it could not be. */
static enum mr_rc hand_on(struct taker *k, const struct chunk *chunk, struct kept_chunk **kept)
{
    if (!k->next && put(k, chunk->offset, chunk->data, chunk->len) == MR_OK)
        return MR_OK;
    if (!*kept)
        *kept = keep_back(k->passing, chunk);
    if (!*kept)
        return MR_NO_MEMORY;
    (*kept)->n_waiting++;
    if (k->next)
        return MR_OK;
    k->next = *kept;
    list_push_back(&k->port->transfers.waiting, &k->in_waiting);
    wait_from_now(k);
    return MR_OK;
}

void hub_on_chunk(void *user, const struct chunk *chunk)
{
    struct port *p = user;
    struct passing *t = find(p, chunk->transfer);
    struct kept_chunk *kept = NULL;
    struct list *at, *after;
    if (!t) { /* nobody wants it, or it was refused */
        session_chunk_done(p->session, chunk->cost);
        return;
    }
    t->received += chunk->len;
    LIST_EACH(at, after, &t->takers)
    {
        struct taker *k = container_of(at, struct taker, in_passing);
        if (hand_on(k, chunk, &kept) != MR_OK)
            give_up(k, MR_SLOW_READER);
        else if (k->taken == t->total)
            free_taker(k);
    }
    if (!kept)
        session_chunk_done(p->session, chunk->cost);
    free_if_over(t);
}
