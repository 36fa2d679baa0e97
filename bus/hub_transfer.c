/* hub_transfer.c - see hub_transfer.h. */
#include <string.h>

#include "bus/hub_transfer_private.h"

/* A chunk kept back for those who have not taken it. */
struct kept_chunk {
    struct list in_passing;
    uint32_t offset, len, cost;
    uint32_t n_waiting; /* takers */
    uint8_t data[];
};

static const int64_t ns_per_ms = 1000000;
static const int64_t ns_per_byte = 1000000000 / TRANSFER_LEAST_BYTES_S;
static const int64_t review_ns =
    100 * 1000000; /* a port is looked at no more often: it may have a thousand transfers */

void hub_transfers_init(struct port_transfers *transfers, const struct hash_key *seed)
{
    map64_init(&transfers->coming, MAP_MAX_ENTRIES, seed);
    list_init(&transfers->taking);
    list_init(&transfers->waiting);
}

/* -- patience -- */
/* The longer the more stand behind it: app, agent, peer, an agent's broker. */
int64_t transfer_patience_ns(const struct port *p)
{
    static const int64_t times[] = {
        [PORT_APP] = 1, [PORT_AGENT] = 2, [PORT_MESH_IN] = 3, [PORT_MESH_OUT] = 3, [PORT_UPLINK] = 4};
    return times[p->kind] * TRANSFER_STALL_MS * ns_per_ms;
}

void transfer_expect(struct port *p, int64_t at_ns)
{
    struct alarms *a = &p->hub->transfers;
    uint32_t place = a->place[p->number];
    if (!place || at_ns < a->heap[place - 1].at_ns)
        alarms_set(a, p->number, at_ns);
}

static void wait_from_now(struct taker *k)
{
    k->since_ns = hub_now_ns(k->port->hub);
    list_push_back(&k->port->transfers.waiting, &k->in_waiting);
    transfer_expect(k->port, k->since_ns + k->patience_ns);
}

static void pass_time(struct taker *k)
{
    int64_t now_ns = hub_now_ns(k->port->hub);
    k->patience_ns -= now_ns - k->since_ns;
    k->since_ns = now_ns;
}

static void earn_patience(struct taker *k, uint32_t bytes)
{
    int64_t most_ns = transfer_patience_ns(k->port);
    k->patience_ns += bytes * ns_per_byte;
    if (k->patience_ns > most_ns)
        k->patience_ns = most_ns;
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
    struct port *from = t->from;
    if (--chunk->n_waiting)
        return;
    if (from) {
        session_chunk_done(from->session, chunk->cost);
        hub_mark(from);
        hub_wake(from->hub);
    }
    if (from && --from->transfers.n_kept == 0) { /* from now on it is its turn */
        from->transfers.free_ns = hub_now_ns(from->hub);
        transfer_expect(from, from->transfers.free_ns + transfer_patience_ns(from));
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
    t->from->transfers.n_kept++;
    return kept;
}

/* -- takers -- */
void transfer_free_taker(struct taker *k)
{
    while (k->next) {
        struct kept_chunk *chunk = k->next;
        k->next = kept_after(k->passing, chunk);
        let_go(k->passing, chunk);
    }
    list_remove(&k->in_passing);
    list_remove(&k->in_port);
    list_remove(&k->in_waiting);
    transfer_uncount(k->port, k->passing);
    mem_free(k);
}

void transfer_free(struct passing *t)
{
    if (t->from)
        map64_remove(&t->from->transfers.coming, t->id);
    mem_free(t);
}

/* Nothing more of it is to be done: all have it, or nobody wants it any more. */
static void free_if_over(struct passing *t)
{
    if (list_is_empty(&t->takers))
        transfer_free(t);
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
    earn_patience(k, len);
    hub_mark(k->port);
    return MR_OK;
}

/* The chunk at the head of its queue. False: there is no room. */
static bool take_next(struct taker *k)
{
    struct passing *t = k->passing;
    struct kept_chunk *chunk = k->next;
    pass_time(k);
    if (put(k, chunk->offset, chunk->data, chunk->len))
        return false;
    k->next = kept_after(t, chunk);
    let_go(t, chunk);
    list_remove(&k->in_waiting);
    if (k->next) {
        wait_from_now(k);
    } else if (k->taken == t->total) {
        transfer_free_taker(k);
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

/* -- ends -- */
/* It does not get the rest: its peer takes that for the loss of this one value. */
static void give_up(struct taker *k, enum mr_cause cause)
{
    struct port *p = k->port;
    uint32_t id = k->id;
    transfer_free_taker(k);
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
    transfer_free(t);
}

void hub_transfers_leave(struct port *p)
{
    struct port_transfers *transfers = &p->transfers;
    uint32_t cursor = 0;
    for (struct passing *t; (t = map64_next(&transfers->coming, &cursor, NULL));)
        if (t->received < t->total)
            end(t, MR_LINK);
        else
            t->from = NULL; /* accepted: it survives its sender */
    for (struct list *first; (first = list_first(&transfers->taking));) {
        struct taker *k = container_of(first, struct taker, in_port);
        struct passing *t = k->passing;
        transfer_free_taker(k);
        free_if_over(t);
    }
    alarms_set(&p->hub->transfers, p->number, INT64_MAX);
    map64_fini(&transfers->coming);
    idmap_fini(&transfers->of_publisher);
    idmap_fini(&transfers->of_sender);
}

/* -- time -- */
static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* What it began and has not gone on with, though nothing of it is kept back. Returns when to look again. */
static int64_t end_unfed(struct port *p, int64_t now_ns)
{
    int64_t next_ns = INT64_MAX;
    uint32_t cursor = 0;
    if (p->transfers.n_kept)
        return next_ns;
    for (struct passing *t; (t = map64_next(&p->transfers.coming, &cursor, NULL));) {
        int64_t from_ns = t->fed_ns > p->transfers.free_ns ? t->fed_ns : p->transfers.free_ns;
        int64_t due_ns = from_ns + transfer_patience_ns(p);
        if (due_ns <= now_ns)
            end(t, MR_EXPIRED);
        else
            next_ns = earlier(next_ns, due_ns);
    }
    return next_ns;
}

static int64_t give_up_slow(struct port *p, int64_t now_ns)
{
    int64_t next_ns = INT64_MAX;
    struct list *at, *after;
    LIST_EACH(at, after, &p->transfers.waiting)
    {
        struct taker *k = container_of(at, struct taker, in_waiting);
        struct passing *t = k->passing;
        int64_t due_ns = k->since_ns + k->patience_ns;
        if (due_ns > now_ns) {
            next_ns = earlier(next_ns, due_ns);
            continue;
        }
        give_up(k, MR_SLOW_READER);
        free_if_over(t);
    }
    return next_ns;
}

void hub_transfers_tick(struct hub *h, int64_t now_ns)
{
    for (uint32_t port; alarms_first(&h->transfers, &port) <= now_ns;) {
        struct port *p = h->ports[port];
        alarms_set(&h->transfers, port, INT64_MAX);
        int64_t slow_ns = give_up_slow(p, now_ns); /* may free what was kept back of its own */
        int64_t next_ns = earlier(slow_ns, end_unfed(p, now_ns));
        if (next_ns < INT64_MAX)
            transfer_expect(p, next_ns > now_ns + review_ns ? next_ns : now_ns + review_ns);
    }
}

int64_t hub_transfers_deadline(const struct hub *h)
{
    uint32_t port;
    return alarms_first(&h->transfers, &port);
}

/* -- what comes -- */
void hub_on_transfer(void *user, const struct transfer *said)
{
    struct port *p = user;
    if (said->total) {
        struct transfer ours = *said;
        transfer_begin(p, &ours);
        return;
    }
    struct passing *t = map64_get(&p->transfers.coming, said->id);
    if (t)
        end(t, said->cause);
}

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
    wait_from_now(k);
    return MR_OK;
}

void hub_on_chunk(void *user, const struct chunk *chunk)
{
    struct port *p = user;
    struct passing *t = map64_get(&p->transfers.coming, chunk->transfer);
    struct kept_chunk *kept = NULL;
    struct list *at, *after;
    if (!t) { /* nobody wants it, or it was refused */
        session_chunk_done(p->session, chunk->cost);
        return;
    }
    t->received += chunk->len;
    t->fed_ns = hub_now_ns(p->hub);
    LIST_EACH(at, after, &t->takers)
    {
        struct taker *k = container_of(at, struct taker, in_passing);
        if (hand_on(k, chunk, &kept) != MR_OK)
            give_up(k, MR_SLOW_READER);
        else if (k->taken == t->total)
            transfer_free_taker(k);
    }
    if (!kept)
        session_chunk_done(p->session, chunk->cost);
    free_if_over(t);
}
