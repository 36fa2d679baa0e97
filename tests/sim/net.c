/* net.c - chunks under way, per direction in order. */
#include "net.h"

#include <stdlib.h>
#include <string.h>

struct chunk {
    struct chunk *next;
    int64_t arrives_ns;
    size_t len, at; /* at: received so far */
    uint8_t data[];
};

struct end {
    struct connection_between *connection;
    struct end *peer;
    struct chunk *first, **last; /* on the way here, or here and not yet received */
    size_t bytes;
    int64_t newest_ns;          /* when the last of them arrives */
    int64_t over_ns;            /* the end of the connection is seen; INT64_MAX: not */
    bool is_closed, is_blocked; /* by its owner; it waits for room */
    bool is_lost;               /* what is sent here vanishes */
    sim_fn *wake;
    void *user;
};

struct connection_between {
    struct net *net;
    struct route_between *route;
    struct end ends[2];
};

void net_init(struct net *net, struct sim *sim)
{
    *net = (struct net){.sim = sim};
}

/* Forgets the chunks that arrive after at_ns. */
static void drop_after(struct end *end, int64_t at_ns)
{
    struct chunk **at = &end->first;
    while (*at && (*at)->arrives_ns <= at_ns)
        at = &(*at)->next;
    end->last = at;
    for (struct chunk *c = *at, *next; c; c = next) {
        next = c->next;
        end->bytes -= c->len - c->at;
        free(c);
    }
    *at = NULL;
}

void net_fini(struct net *net)
{
    for (size_t i = 0; i < net->n; i++) {
        drop_after(&net->all[i]->ends[0], INT64_MIN);
        drop_after(&net->all[i]->ends[1], INT64_MIN);
        free(net->all[i]);
    }
    free(net->all);
}

static void wake(void *user)
{
    struct end *end = user;
    if (end->wake && !end->is_closed)
        end->wake(end->user);
}

static void wake_at(struct end *end, int64_t at_ns)
{
    sim_at(end->connection->net->sim, at_ns, wake, end);
}

void net_connect(struct net *net, struct route_between *route, struct end **ret_here, struct end **ret_there)
{
    struct connection_between *c = sim_alloc(1, sizeof *c);
    net->all = sim_grow(net->all, net->n, &net->cap, sizeof(struct connection_between *));
    net->all[net->n++] = c;
    c->net = net;
    c->route = route;
    for (int i = 0; i < 2; i++) {
        c->ends[i] = (struct end){.connection = c, .peer = &c->ends[1 - i], .over_ns = INT64_MAX};
        c->ends[i].last = &c->ends[i].first;
    }
    *ret_here = &c->ends[0];
    *ret_there = &c->ends[1];
}

void end_own(struct end *end, sim_fn *fn, void *user)
{
    end->wake = fn;
    end->user = user;
}

/* -- sending -- */
static size_t room(const struct end *to)
{
    size_t capacity = to->connection->route->capacity;
    return to->bytes < capacity ? capacity - to->bytes : 0;
}

static void put_chunk(struct end *to, const void *data, size_t len)
{
    const struct route_between *route = to->connection->route;
    struct sim *sim = to->connection->net->sim;
    struct chunk *c = sim_alloc(1, sizeof *c + len);
    int64_t at = sim->now_ns + route->delay_ns + sim_between(sim, 0, route->jitter_ns);
    c->arrives_ns = at > to->newest_ns ? at : to->newest_ns;
    c->len = len;
    memcpy(c->data, data, len);
    to->newest_ns = c->arrives_ns;
    to->bytes += len;
    *to->last = c;
    to->last = &c->next;
    wake_at(to, c->arrives_ns);
}

bool end_has_room(struct end *end)
{
    const struct end *to = end->peer;
    end->is_blocked = !to->is_lost && !to->is_closed && room(to) == 0;
    return !end->is_blocked;
}

size_t end_send(struct end *end, const void *data, size_t len, bool is_message)
{
    struct end *to = end->peer;
    if (to->is_lost || to->is_closed)
        return len;
    if (!end_has_room(end))
        return 0;
    size_t n = room(to);
    if (is_message || n > len)
        n = len;
    put_chunk(to, data, n);
    return n;
}

/* -- receiving -- */
static bool is_dark(const struct end *end)
{
    const struct connection_between *c = end->connection;
    return c->route->dark & (end == &c->ends[0] ? DARK_TO_DIALLER : DARK_TO_DIALLED);
}

static struct chunk *here(const struct end *end)
{
    const struct connection_between *c = end->connection;
    bool is_here = end->first && end->first->arrives_ns <= c->net->sim->now_ns && !is_dark(end);
    return is_here ? end->first : NULL;
}

size_t end_pending(const struct end *end)
{
    const struct chunk *c = here(end);
    return c ? c->len - c->at : 0;
}

size_t end_receive(struct end *end, void *ret, size_t size)
{
    struct chunk *c = here(end);
    if (!c)
        return 0;
    size_t n = c->len - c->at < size ? c->len - c->at : size;
    memcpy(ret, c->data + c->at, n);
    c->at += n;
    end->bytes -= n;
    if (c->at == c->len) {
        end->first = c->next;
        if (!end->first)
            end->last = &end->first;
        free(c);
    }
    if (end->peer->is_blocked && room(end)) {
        end->peer->is_blocked = false;
        wake_at(end->peer, 0);
    }
    return n;
}

bool end_is_over(const struct end *end)
{
    return !end->first && end->over_ns <= end->connection->net->sim->now_ns && !is_dark(end);
}

/* -- ends -- */
static void end_at(struct end *end, int64_t at_ns)
{
    if (at_ns >= end->over_ns)
        return;
    end->over_ns = at_ns;
    wake_at(end, at_ns);
}

void end_close(struct end *end)
{
    end_leave(end, 0);
}

void end_leave(struct end *end, int64_t wait_ns)
{
    struct connection_between *c = end->connection;
    struct sim *sim = c->net->sim;
    struct end *peer = end->peer;
    if (end->is_closed)
        return;
    end->is_closed = true;
    drop_after(end, INT64_MIN);
    if (peer->is_lost || peer->is_closed)
        return;
    if (c->route->hides_closes && sim_chance(sim, 50)) {
        if (sim_chance(sim, 50))
            drop_after(peer, sim->now_ns + wait_ns + sim_between(sim, 0, c->route->delay_ns + c->route->jitter_ns));
        return;
    }
    int64_t at = sim->now_ns + c->route->delay_ns;
    end_at(peer, at > peer->newest_ns ? at : peer->newest_ns);
}

static void lose(struct end *end)
{
    struct sim *sim = end->connection->net->sim;
    drop_after(end, is_dark(end) ? INT64_MIN : sim->now_ns);
    end->is_lost = true;
    unsigned notice = (unsigned)sim_below(sim, 3);
    if (notice < 2)
        end_at(end, sim->now_ns + (notice ? sim_between(sim, 0, 2 * SIM_S) : 0));
}

void net_break(struct net *net, const struct route_between *route)
{
    for (size_t i = 0; i < net->n; i++) {
        struct connection_between *c = net->all[i];
        if (c->route != route || c->ends[0].is_lost)
            continue;
        lose(&c->ends[0]);
        lose(&c->ends[1]);
    }
}

void net_light(struct net *net, struct route_between *route)
{
    route->dark = DARK_NOT;
    for (size_t i = 0; i < net->n; i++) {
        if (net->all[i]->route != route)
            continue;
        wake_at(&net->all[i]->ends[0], 0);
        wake_at(&net->all[i]->ends[1], 0);
    }
}

static bool is_ghost(const struct end *end)
{
    return !end->is_closed && (end->is_lost || end->peer->is_closed);
}

bool net_is_whole(const struct net *net)
{
    for (size_t i = 0; i < net->n; i++)
        if (is_ghost(&net->all[i]->ends[0]) || is_ghost(&net->all[i]->ends[1]))
            return false;
    return true;
}
