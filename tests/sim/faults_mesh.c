/* faults_mesh.c - what goes wrong between brokers, and when agents go from one to another. */
#include "faults_private.h"

/* Both connections of a pair. */
static void set_dark(struct world *w, int a, int b, bool from_a, bool from_b)
{
    enum dark to_a = from_b ? DARK_TO_DIALLER : DARK_NOT, to_b = from_a ? DARK_TO_DIALLED : DARK_NOT;
    w->mesh[a][b].dark = to_a | to_b;
    w->mesh[b][a].dark = (from_b ? DARK_TO_DIALLED : DARK_NOT) | (from_a ? DARK_TO_DIALLER : DARK_NOT);
}

static void any_pair(struct world *w, int *ret_a, int *ret_b)
{
    *ret_a = any_broker(w);
    *ret_b = (*ret_a + 1 + (int)sim_below(&w->sim, (uint64_t)w->n_brokers - 1)) % w->n_brokers;
}

/* -- a pair -- */
static void mend_pair(void *user)
{
    struct repair r = repair_take(user);
    r.world->mesh[r.index][r.other].is_cut = r.world->mesh[r.other][r.index].is_cut = false;
}

static void cut_pair(struct world *w)
{
    int a, b;
    any_pair(w, &a, &b);
    sim_trace(&w->sim, "fault: mr%d and mr%d are cut off", a + 1, b + 1);
    net_break(&w->net, &w->mesh[a][b]);
    net_break(&w->net, &w->mesh[b][a]);
    w->mesh[a][b].is_cut = w->mesh[b][a].is_cut = true;
    repair_later(w, a_while(w, 0, 7000), mend_pair, a, b);
}

/* One of the two connections only. */
static void break_half(struct world *w)
{
    int a, b;
    any_pair(w, &a, &b);
    sim_trace(&w->sim, "fault: the connection from mr%d to mr%d breaks", a + 1, b + 1);
    net_break(&w->net, &w->mesh[a][b]);
}

static void light_pair(void *user)
{
    struct repair r = repair_take(user);
    net_light(&r.world->net, &r.world->mesh[r.index][r.other]);
    net_light(&r.world->net, &r.world->mesh[r.other][r.index]);
}

static void darken_pair(struct world *w)
{
    int a, b;
    any_pair(w, &a, &b);
    bool both = sim_chance(&w->sim, 50);
    sim_trace(&w->sim, "fault: it is dark from mr%d to mr%d%s", a + 1, b + 1, both ? " and back" : "");
    set_dark(w, a, b, true, both);
    repair_later(w, a_while(w, 200, 9000), light_pair, a, b);
}

static void quicken_pair(void *user)
{
    struct repair r = repair_take(user);
    struct route_between *route = &r.world->mesh[r.index][r.other];
    route->delay_ns /= SLOW_FACTOR;
    route->capacity *= SLOW_FACTOR;
}

static void slow_pair(struct world *w)
{
    int a, b;
    any_pair(w, &a, &b);
    struct route_between *route = &w->mesh[a][b];
    if (route->capacity < SLOW_BELOW_BYTES)
        return; /* it is */
    sim_trace(&w->sim, "fault: mr%d is far from mr%d", a + 1, b + 1);
    route->delay_ns *= SLOW_FACTOR;
    route->capacity /= SLOW_FACTOR;
    repair_later(w, a_while(w, 500, 5000), quicken_pair, a, b);
}

/* -- partitions -- */
static void light_all(void *user)
{
    struct repair r = repair_take(user);
    struct world *w = r.world;
    for (int a = 0; a < w->n_brokers; a++) {
        for (int b = 0; b < w->n_brokers; b++)
            net_light(&w->net, &w->mesh[a][b]);
        for (int i = 0; i < w->plant.n_machines; i++)
            net_light(&w->net, &w->uplinks[i][a]);
    }
}

/* The brokers of a set and the others do not hear each other, or only the one side the other; the machines may be on one side
 * each, or reach all brokers. */
static void divide(struct world *w)
{
    unsigned set = 1 + (unsigned)sim_below(&w->sim, (1U << w->n_brokers) - 2);
    bool one_way = sim_chance(&w->sim, 30), has_sides = !one_way && sim_chance(&w->sim, 50);
    sim_trace(&w->sim, "fault: the plant is divided, %x from the others%s", set, one_way ? ", one way" : "");
    for (int a = 0; a < w->n_brokers; a++)
        for (int b = 0; b < w->n_brokers; b++)
            if (set >> a & 1 && !(set >> b & 1))
                set_dark(w, a, b, true, !one_way);
    for (int i = 0; has_sides && i < w->plant.n_machines; i++) {
        bool is_inside = sim_chance(&w->sim, 50);
        for (int b = 0; b < w->n_brokers; b++)
            if ((set >> b & 1) != is_inside)
                w->uplinks[i][b].dark = DARK_BOTH;
    }
    repair_later(w, a_while(w, 1000, 9000), light_all, 0, 0);
}

/* -- agents that go -- */
static void move_agent(struct world *w)
{
    struct station *agent = &w->agents[any_machine(w)];
    struct station *broker = station_broker(agent);
    unsigned how = (unsigned)sim_below(&w->sim, 3);
    if (!broker)
        return;
    sim_trace(&w->sim, "fault: %s leaves %s", agent->name, broker->name);
    if (how == 2)
        station_send_away(broker, agent);
    else
        station_move(agent, how == 0);
}

void faults_of_mesh(struct world *w)
{
    static void (*const faults[])(struct world *) = {cut_pair,  cut_pair, darken_pair, darken_pair, break_half,
                                                     slow_pair, divide,   divide,      move_agent,  move_agent};
    faults[sim_below(&w->sim, sizeof faults / sizeof *faults)](w);
}
