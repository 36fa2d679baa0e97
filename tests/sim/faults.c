/* faults.c - what goes wrong, one thing after the other, and that it comes right again. */
#include <stdlib.h>

#include "faults_private.h"
#include "peek.h"

void repair_later(struct world *w, int64_t after_ns, sim_fn *fn, int index, int other)
{
    struct repair *r = sim_alloc(1, sizeof *r);
    *r = (struct repair){w, index, other};
    w->n_repairs++;
    sim_at(&w->sim, w->sim.now_ns + after_ns, fn, r);
}

static void later(struct world *w, int64_t after_ns, sim_fn *fn, int index)
{
    repair_later(w, after_ns, fn, index, 0);
}

struct repair repair_take(void *user)
{
    struct repair r = *(struct repair *)user;
    free(user);
    r.world->n_repairs--;
    world_trouble(r.world, "repaired");
    return r;
}

int any_machine(struct world *w)
{
    return (int)sim_below(&w->sim, (uint64_t)w->plant.n_machines);
}

static int any_program(struct world *w)
{
    return (int)sim_below(&w->sim, (uint64_t)w->plant.n_programs);
}

int any_broker(struct world *w)
{
    return (int)sim_below(&w->sim, (uint64_t)w->n_brokers);
}

int64_t a_while(struct world *w, int64_t least_ms, int64_t most_ms)
{
    return sim_between(&w->sim, least_ms, most_ms) * SIM_MS;
}

/* -- links -- */
static void mend_link(void *user)
{
    struct repair r = repair_take(user);
    r.world->uplinks[r.index][r.other].is_cut = false;
}

static void cut_link(struct world *w)
{
    int i = any_machine(w), b = any_broker(w);
    sim_trace(&w->sim, "fault: m%d and mr%d are cut off", i + 1, b + 1);
    net_break(&w->net, &w->uplinks[i][b]);
    w->uplinks[i][b].is_cut = true;
    repair_later(w, a_while(w, 0, 6000), mend_link, i, b);
}

static void light_link(void *user)
{
    struct repair r = repair_take(user);
    net_light(&r.world->net, &r.world->uplinks[r.index][r.other]);
}

static void darken_link(struct world *w)
{
    int i = any_machine(w), b = any_broker(w);
    sim_trace(&w->sim, "fault: it is dark between m%d and mr%d", i + 1, b + 1);
    w->uplinks[i][b].dark = DARK_BOTH;
    repair_later(w, a_while(w, 200, 6000), light_link, i, b);
}

static void quicken_link(void *user)
{
    struct repair r = repair_take(user);
    r.world->uplinks[r.index][r.other].delay_ns /= SLOW_FACTOR;
    r.world->uplinks[r.index][r.other].capacity *= SLOW_FACTOR;
}

static void slow_link(struct world *w)
{
    int i = any_machine(w), b = any_broker(w);
    struct route_between *route = &w->uplinks[i][b];
    if (route->capacity < SLOW_BELOW_BYTES)
        return; /* it is */
    sim_trace(&w->sim, "fault: m%d and mr%d are far from each other", i + 1, b + 1);
    route->delay_ns *= SLOW_FACTOR;
    route->capacity /= SLOW_FACTOR;
    repair_later(w, a_while(w, 500, 5000), quicken_link, i, b);
}

/* -- processes that stand still -- */
static void thawed(void *user)
{
    repair_take(user);
}

static void freeze(struct world *w, struct process *p, const char *name)
{
    int64_t how_long = sim_chance(&w->sim, 20) ? a_while(w, 50, 10000) : a_while(w, 50, 6000);
    sim_trace(&w->sim, "fault: %s is frozen", name);
    process_freeze(p, w->sim.now_ns + how_long);
    later(w, how_long, thawed, 0);
}

static void freeze_any(struct world *w)
{
    struct program *p = &w->programs[any_program(w)];
    struct station *s = sim_chance(&w->sim, 30) ? &w->brokers[any_broker(w)] : &w->agents[any_machine(w)];
    if (sim_chance(&w->sim, 60)) {
        if (p->client)
            freeze(w, &p->process, p->name);
    } else if (s->hub) {
        freeze(w, &s->process, s->name);
    }
}

/* -- processes that end -- */
static void restart_program(void *user)
{
    struct repair r = repair_take(user);
    struct program *p = &r.world->programs[r.index];
    if (!p->client)
        program_start(p);
}

static void end_program(struct world *w)
{
    int i = any_program(w);
    sim_trace(&w->sim, "fault: a%d ends", i + 1);
    program_end(&w->programs[i], sim_chance(&w->sim, 50));
    later(w, a_while(w, 0, 4000), restart_program, i);
}

static void end_station(struct world *w, struct station *s)
{
    sim_trace(&w->sim, "fault: %s ends", s->name);
    if (sim_chance(&w->sim, 40))
        station_stop(s);
    else
        station_crash(s);
}

static void restart_agent(void *user)
{
    struct repair r = repair_take(user);
    if (!r.world->agents[r.index].hub)
        station_start(&r.world->agents[r.index]);
}

static void end_agent(struct world *w)
{
    int i = any_machine(w);
    end_station(w, &w->agents[i]);
    later(w, a_while(w, 10, 5000), restart_agent, i);
}

/* A broker that runs knows in which birth that machine has lived. */
static bool is_known(const struct world *w, int machine)
{
    for (int b = 0; b < w->n_brokers; b++)
        if (w->brokers[b].hub && peek_knows(w->brokers[b].hub, machine, w->agents[machine].birth))
            return true;
    return false;
}

/* Another computer takes its place, with the same key and an empty disk. A broker knows above which birth it has to be: were
 * the brokers' memory lost too before they meet, nobody would. */
static void replace_machine(struct world *w)
{
    int i = any_machine(w);
    int64_t down_ns = a_while(w, 10, 5000);
    if (!w->agents[i].hub || !is_known(w, i))
        return;
    sim_trace(&w->sim, "fault: m%d is replaced", i + 1);
    station_crash(&w->agents[i]);
    station_forget(&w->agents[i]);
    later(w, down_ns, restart_agent, i);
    for (int j = 0; j < w->plant.n_programs; j++) {
        if (plant_machine_of(&w->plant, j) != i)
            continue;
        program_end(&w->programs[j], false);
        later(w, down_ns + a_while(w, 0, 500), restart_program, j);
    }
}

static void restart_broker(void *user)
{
    struct repair r = repair_take(user);
    if (!r.world->brokers[r.index].hub)
        station_start(&r.world->brokers[r.index]);
}

static void end_broker(struct world *w)
{
    int b = any_broker(w);
    for (int i = 0; i < w->plant.n_machines; i++)
        if (!w->agents[i].hub || station_is_below(&w->agents[i]))
            return;
    end_station(w, &w->brokers[b]);
    if (w->n_brokers > 1 && sim_chance(&w->sim, 20))
        station_forget(&w->brokers[b]);
    later(w, a_while(w, 10, 5000), restart_broker, b);
}

/* -- clocks -- */
static void jump_clock(struct world *w)
{
    int i = (int)sim_below(&w->sim, WORLD_AGENTS + WORLD_BROKERS);
    int64_t by_us = sim_between(&w->sim, -100 * 1000000, 100 * 1000000);
    sim_trace(&w->sim, "fault: clock %d jumps by %lld us", i, (long long)by_us);
    w->machines[i].real_base_us += by_us;
}

/* -- one after the other -- */
static void break_something(struct world *w)
{
    static void (*const faults[])(struct world *) = {
        cut_link,   cut_link,    cut_link,    darken_link, darken_link, slow_link,  freeze_any, freeze_any,
        freeze_any, end_program, end_program, end_agent,   end_agent,   end_broker, jump_clock, replace_machine};
    if (w->n_brokers > 1 && sim_chance(&w->sim, 50))
        faults_of_mesh(w);
    else
        faults[sim_below(&w->sim, sizeof faults / sizeof *faults)](w);
    w->n_faults++;
    world_trouble(w, "fault");
}

static void next_fault(void *user)
{
    struct world *w = user;
    if (w->sim.now_ns + SIM_S >= w->end_of_faults_ns)
        return;
    break_something(w);
    /* Mostly close together, so that one meets the other half healed. */
    int64_t pause = sim_chance(&w->sim, 10) ? a_while(w, 9000, 12000) : a_while(w, 10, 2500);
    sim_at(&w->sim, w->sim.now_ns + pause, next_fault, w);
}

void faults_begin(struct world *w)
{
    sim_at(&w->sim, w->sim.now_ns + a_while(w, 0, 3000), next_fault, w);
}

void faults_heal(struct world *w)
{
    /* Repairs under way run to their end; then everything is up. */
    while (w->n_repairs)
        sim_run(&w->sim, w->sim.now_ns + 10 * SIM_MS);
    world_trouble(w, "all is healed");
}
